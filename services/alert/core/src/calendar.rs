//! Which months a figure is taken over, and which of them are settled, on a given day. It knows neither households nor
//! rules, and reads no clock: the day comes from the log.

use schemas::records::Coverage;
use schemas::{Cause, Day, Month};

use crate::evidence::LateEvidence;

/// How far the calendar of a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The first day that was ever closed: months that began before it were not observed.
    pub first_closed_day: Day,
    /// The current day: the one after the last closed one.
    pub day: Day,
}

impl Calendar {
    /// The last month that is settled: it ended `settle_days` or more before the end of the last closed day.
    pub fn last_settled(&self, settle_days: i32) -> Month {
        self.day.plus(-settle_days).month().plus(-1)
    }
}

/// What is known of the day on which a household is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// How far the calendar has come.
    pub calendar: Calendar,
    /// The last day on which anything came, by source and county, sorted.
    pub coverage: &'a [Coverage],
    /// The causes that are one matter of the household's village, and the warning that says so.
    pub attached: &'a [(Cause, String)],
    /// Whether a case that was found before the city went live may be opened.
    pub may_release: bool,
    /// The evidence of the state, where that was left out of it.
    pub evidence: Option<&'a LateEvidence<'a>>,
}

/// A day of which nothing is known about the feeds: none of them counts as silent.
impl From<Calendar> for Now<'_> {
    fn from(calendar: Calendar) -> Self {
        Self { calendar, coverage: &[], attached: &[], may_release: false, evidence: None }
    }
}

/// Over which months a figure is taken (domain section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The 12 full months that end with the last settled one.
    Full12,
    /// The current month to date and the 11 before it.
    Rolling12,
    /// The calendar year to date.
    CalendarYear,
    /// The school year to date, from September.
    SchoolYear,
    /// The collection year to date, from October.
    CollectionYear,
    /// The current month to date.
    Month,
    /// The current month to date and those before it, so many in all.
    LastMonths(i32),
    /// The same, as if a year went on like that.
    LastMonthsAnnualised(i32),
    /// The last so many settled months.
    SettledMonths(i32),
    /// The same, as if a year went on like that.
    SettledMonthsAnnualised(i32),
    /// The calendar quarter to date.
    CalendarQuarter,
}

/// The first month of a school year.
const SCHOOL_YEAR_MONTH: u8 = 9;
/// The first month of a collection year of the health insurance.
const COLLECTION_YEAR_MONTH: u8 = 10;
/// Months in a year.
pub(crate) const YEAR_MONTHS: i32 = 12;
/// Months in a quarter.
const QUARTER_MONTHS: u8 = 3;

/// The months of a window on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first month.
    pub first: Month,
    /// Its last month.
    pub last: Month,
    /// By how much a sum over it is to be multiplied...
    pub times: i64,
    /// ...and divided.
    pub over: i64,
}

impl Window {
    /// Reads a window's name in a policy, such as `rolling_12` or `last_3_annualised`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "full_12" => return Some(Self::Full12),
            "rolling_12" => return Some(Self::Rolling12),
            "calendar_year" => return Some(Self::CalendarYear),
            "school_year" => return Some(Self::SchoolYear),
            "collection_year" => return Some(Self::CollectionYear),
            "month" => return Some(Self::Month),
            "calendar_quarter" => return Some(Self::CalendarQuarter),
            _ => {}
        }
        let (months, kind) = name.strip_prefix("last_")?.split_once('_')?;
        let months: i32 = months.parse().ok().filter(|months| (1..=24).contains(months))?;
        match kind {
            "months" => Some(Self::LastMonths(months)),
            "annualised" => Some(Self::LastMonthsAnnualised(months)),
            "settled" => Some(Self::SettledMonths(months)),
            "settled_annualised" => Some(Self::SettledMonthsAnnualised(months)),
            _ => None,
        }
    }

    /// Its name in a policy.
    pub fn name(self) -> String {
        match self {
            Self::Full12 => "full_12".to_owned(),
            Self::Rolling12 => "rolling_12".to_owned(),
            Self::CalendarYear => "calendar_year".to_owned(),
            Self::SchoolYear => "school_year".to_owned(),
            Self::CollectionYear => "collection_year".to_owned(),
            Self::Month => "month".to_owned(),
            Self::LastMonths(months) => format!("last_{months}_months"),
            Self::LastMonthsAnnualised(months) => format!("last_{months}_annualised"),
            Self::SettledMonths(months) => format!("last_{months}_settled"),
            Self::SettledMonthsAnnualised(months) => format!("last_{months}_settled_annualised"),
            Self::CalendarQuarter => "calendar_quarter".to_owned(),
        }
    }

    /// Its months on the calendar's day.
    pub fn span(self, calendar: &Calendar, settle_days: i32) -> Span {
        self.span_of(calendar.day.month(), calendar.last_settled(settle_days))
    }

    /// Its months where the current month and the last settled one are known.
    pub fn span_of(self, current: Month, settled: Month) -> Span {
        let (last, months) = match self {
            Self::Full12 => (settled, YEAR_MONTHS),
            Self::Rolling12 => (current, YEAR_MONTHS),
            Self::CalendarYear => (current, months_since(current, 1)),
            Self::SchoolYear => (current, months_since(current, SCHOOL_YEAR_MONTH)),
            Self::CollectionYear => (current, months_since(current, COLLECTION_YEAR_MONTH)),
            Self::Month => (current, 1),
            Self::LastMonths(months) | Self::LastMonthsAnnualised(months) => (current, months),
            Self::SettledMonths(months) | Self::SettledMonthsAnnualised(months) => (settled, months),
            Self::CalendarQuarter => (current, i32::from((current.number() - 1) % QUARTER_MONTHS) + 1),
        };
        let (times, over) = match self {
            Self::LastMonthsAnnualised(months) | Self::SettledMonthsAnnualised(months) => {
                (i64::from(YEAR_MONTHS), i64::from(months))
            }
            _ => (1, 1),
        };
        Span { first: last.plus(1 - months), last, times, over }
    }
}

/// How many months there are from the last month of that number up to `current`, both counted.
fn months_since(current: Month, number: u8) -> i32 {
    (i32::from(current.number()) - i32::from(number)).rem_euclid(YEAR_MONTHS) + 1
}

impl Span {
    /// One month.
    pub const fn of_month(month: Month) -> Self {
        Self { first: month, last: month, times: 1, over: 1 }
    }

    /// The same months of the year before.
    #[must_use]
    pub const fn year_before(self) -> Self {
        Self { first: self.first.plus(-YEAR_MONTHS), last: self.last.plus(-YEAR_MONTHS), ..self }
    }

    /// Its months, in order.
    pub fn months(self) -> impl Iterator<Item = Month> {
        (self.first.0..=self.last.0).map(Month)
    }

    /// Whether the month lies in it.
    pub fn contains(&self, month: Month) -> bool {
        self.first <= month && month <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(day: &str) -> Calendar {
        Calendar { first_closed_day: Day(0), day: Day::parse(day).expect("a day") }
    }

    #[test]
    fn a_month_is_settled_when_its_fifteenth_day_after_is_closed() {
        for (day, settled) in
            [("2025-01-15", "2024-11"), ("2025-01-16", "2024-12"), ("2025-02-15", "2024-12"), ("2025-03-16", "2025-02")]
        {
            assert_eq!(on(day).last_settled(15).to_string(), settled, "on {day}");
        }
    }

    #[test]
    fn a_window_has_its_months() {
        for (name, day, first, last) in [
            ("full_12", "2025-01-16", "2024-01", "2024-12"),
            ("full_12", "2025-01-15", "2023-12", "2024-11"),
            ("rolling_12", "2025-02-10", "2024-03", "2025-02"),
            ("calendar_year", "2025-02-10", "2025-01", "2025-02"),
            ("school_year", "2025-08-31", "2024-09", "2025-08"),
            ("school_year", "2025-09-01", "2025-09", "2025-09"),
            ("collection_year", "2025-09-30", "2024-10", "2025-09"),
            ("month", "2025-02-28", "2025-02", "2025-02"),
            ("last_3_months", "2025-02-28", "2024-12", "2025-02"),
            ("last_3_annualised", "2025-02-28", "2024-12", "2025-02"),
            ("last_6_settled", "2025-02-28", "2024-08", "2025-01"),
            ("last_3_settled_annualised", "2025-01-15", "2024-09", "2024-11"),
            ("calendar_quarter", "2025-03-31", "2025-01", "2025-03"),
            ("calendar_quarter", "2025-04-01", "2025-04", "2025-04"),
        ] {
            let window = Window::parse(name).expect(name);
            let span = window.span(&on(day), 15);
            assert_eq!((span.first.to_string(), span.last.to_string()), (first.into(), last.into()), "{name} on {day}");
            assert_eq!(window.name(), name);
        }
        for name in ["last_0_months", "last_25_months", "last_x_months", "rolling", "last_3_weeks", ""] {
            assert_eq!(Window::parse(name), None, "{name}");
        }
    }
}
