//! Calendar days and months of Asia/Shanghai, as data. It reads no clock and no time zone database: China has had
//! one zone of UTC+8 without summer time since 1991.

use serde::{Deserialize, Serialize};

/// Milliseconds by which Asia/Shanghai is ahead of UTC.
const SHANGHAI_AHEAD_MS: i64 = 8 * 3_600_000;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// The Julian day of 1970-01-01.
const EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// A calendar day: days since 1970-01-01 (Avro logical type `date`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// The day of year, month (1 to 12) and day (1 to 31), where such a day exists.
    pub fn of(year: i32, month: u8, day: u8) -> Option<Self> {
        let month = time::Month::try_from(month).ok()?;
        let date = time::Date::from_calendar_date(year, month, day).ok()?;
        Some(Self(date.to_julian_day() - EPOCH_JULIAN_DAY))
    }

    /// The day in Asia/Shanghai on which the instant lies (milliseconds since 1970-01-01T00:00:00Z).
    pub const fn of_instant_ms(instant_ms: i64) -> Self {
        Self((instant_ms.saturating_add(SHANGHAI_AHEAD_MS)).div_euclid(DAY_MS) as i32)
    }

    /// The instant at which the day begins in Asia/Shanghai, in milliseconds since 1970-01-01T00:00:00Z.
    pub const fn start_ms(self) -> i64 {
        self.0 as i64 * DAY_MS - SHANGHAI_AHEAD_MS
    }

    /// Year, month (1 to 12) and day (1 to 31). Days beyond the range of the calendar (year 9999) are clamped.
    pub fn civil(self) -> (i32, u8, u8) {
        let julian = self.0.saturating_add(EPOCH_JULIAN_DAY);
        let date =
            time::Date::from_julian_day(julian).unwrap_or(if self.0 < 0 { time::Date::MIN } else { time::Date::MAX });
        let (year, month, day) = date.to_calendar_date();
        (year, u8::from(month), day)
    }

    /// The month in which the day lies.
    pub fn month(self) -> Month {
        let (year, month, _) = self.civil();
        Month(year * 12 + i32::from(month) - 1)
    }

    /// The day so many days later (earlier when negative).
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Reads `2025-03-31`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let year = parts.next()?.parse().ok()?;
        let month = parts.next()?.parse().ok()?;
        let day = parts.next()?.parse().ok()?;
        Self::of(year, month, day)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A calendar month, counted from year 0 (`year * 12 + month - 1`). On the wire it is written as `yyyymm`, which a
/// person can read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub i32);

impl Month {
    /// The month of a year, 1 to 12.
    #[inline]
    pub const fn of(year: i32, month: u8) -> Option<Self> {
        if month < 1 || month > 12 { None } else { Some(Self(year * 12 + month as i32 - 1)) }
    }

    /// As `yyyymm`, such as 202503.
    #[inline]
    pub const fn yyyymm(self) -> i32 {
        self.0.div_euclid(12) * 100 + self.0.rem_euclid(12) + 1
    }

    /// Reads `yyyymm`; `None` where the last two digits are no month.
    #[inline]
    pub const fn from_yyyymm(number: i32) -> Option<Self> {
        Self::of(number.div_euclid(100), number.rem_euclid(100) as u8)
    }

    /// The year.
    pub const fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    /// The number within the year, 1 to 12.
    pub const fn number(self) -> u8 {
        self.0.rem_euclid(12) as u8 + 1
    }

    /// The month so many months later (earlier when negative).
    #[must_use]
    pub const fn plus(self, months: i32) -> Self {
        Self(self.0.saturating_add(months))
    }

    /// How many months lie between the other month and this one; 0 for the same.
    pub const fn since(self, other: Self) -> i32 {
        self.0.saturating_sub(other.0)
    }

    /// Its first day.
    pub fn first_day(self) -> Day {
        Day::of(self.year(), self.number(), 1).unwrap_or_default()
    }

    /// Its last day.
    pub fn last_day(self) -> Day {
        self.plus(1).first_day().plus(-1)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.number())
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.yyyymm())
    }
}

impl<'de> Deserialize<'de> for Month {
    #[inline]
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i32::deserialize(deserializer)?;
        Self::from_yyyymm(number).ok_or_else(|| no_month(number))
    }
}

#[cold]
fn no_month<E: serde::de::Error>(number: i32) -> E {
    E::custom(format!("{number} is no month (yyyymm)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_shanghai() {
        let day = Day::parse("2025-03-01").expect("a day");
        assert_eq!(Day::of_instant_ms(day.start_ms()), day);
        assert_eq!(Day::of_instant_ms(day.start_ms() - 1), day.plus(-1));
        assert_eq!(day.to_string(), "2025-03-01");
        assert_eq!(day.month().to_string(), "2025-03");
    }

    #[test]
    fn a_month_ends_before_the_next_begins() {
        for (month, last) in [(202_402, "2024-02-29"), (202_502, "2025-02-28"), (202_512, "2025-12-31")] {
            let month = Month::from_yyyymm(month).expect("a month");
            assert_eq!(month.last_day().to_string(), last);
            assert_eq!(Month::from_yyyymm(month.yyyymm()), Some(month));
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in ["2025-02-29", "2025-13-01", "2025-1", "x", "2025-00-10"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }
}
