//! In which household a person was when, and so where what concerns him stands. It does not know from which events
//! that follows: that is `resolve::timeline`'s work.

use schemas::{Day, HouseholdCode, Month};

/// A stretch of days during which a person belongs to a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The household.
    pub household: HouseholdCode,
    /// From this day on.
    pub from_day: Day,
    /// How it ended.
    pub end: End,
}

/// How a stretch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It lasts.
    Open,
    /// On this day the person belonged to another household.
    Moved(Day),
    /// On this day the person left for nowhere.
    Left(Day),
    /// On this day the person died.
    Died(Day),
}

impl End {
    /// The first day after the stretch; none while it lasts.
    pub const fn day(self) -> Option<Day> {
        match self {
            Self::Open => None,
            Self::Moved(day) | Self::Left(day) | Self::Died(day) => Some(day),
        }
    }
}

/// The household to which the person belongs now: that of income and of what holds for the person.
pub(super) fn now(memberships: &[Membership]) -> Option<HouseholdCode> {
    memberships.last().filter(|last| last.end == End::Open).map(|last| last.household)
}

/// The household with which spending and compensation of a month stay (design section 5): that of the month's last day;
/// before the first stretch the first one, after a death the last one. None after leaving for nowhere.
pub(super) fn at_end_of(month: Month, memberships: &[Membership]) -> Option<HouseholdCode> {
    let (first, last) = memberships.first().zip(memberships.last())?;
    let day = month.last_day();
    if day < first.from_day {
        return Some(first.household);
    }
    let holds = |one: &&Membership| one.from_day <= day && one.end.day().is_none_or(|end| day < end);
    let holding = memberships.iter().find(holds).map(|one| one.household);
    holding.or_else(|| match last.end {
        End::Died(end) if end <= day => Some(last.household),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    fn stretch(serial: u16, from: &str, end: End) -> Membership {
        let household = HouseholdCode::parse(&format!("431023101205{serial:04}")).expect("a code");
        Membership { household, from_day: day(from), end }
    }

    /// Serials of the households of each month, with 0 for none.
    fn months(memberships: &[Membership], of: &[i32]) -> Vec<u64> {
        let month = |yyyymm: &i32| Month::from_yyyymm(*yyyymm).expect("a month");
        let serial = |code: HouseholdCode| code.number() % 10_000;
        of.iter().map(|yyyymm| at_end_of(month(yyyymm), memberships).map_or(0, serial)).collect()
    }

    #[test]
    fn spending_stays_with_the_household_of_its_months_last_day() {
        let moved = [
            stretch(1, "2024-03-10", End::Moved(day("2024-06-30"))),
            stretch(2, "2024-06-30", End::Moved(day("2024-08-01"))),
            stretch(3, "2024-08-01", End::Open),
        ];
        let of = [202_401, 202_403, 202_405, 202_406, 202_407, 202_408, 202_512];
        assert_eq!(months(&moved, &of), [1, 1, 1, 2, 2, 3, 3]);
        assert_eq!(now(&moved), Some(moved[2].household));
    }

    #[test]
    fn after_a_death_the_last_household_and_after_leaving_none() {
        for (end, expected) in [
            (End::Died(day("2024-06-15")), [1, 1, 1, 1]),
            (End::Left(day("2024-06-15")), [1, 1, 0, 0]),
            (End::Open, [1, 1, 1, 1]),
        ] {
            let one = [stretch(1, "2024-03-10", end)];
            assert_eq!(months(&one, &[202_402, 202_405, 202_406, 202_407]), expected, "{end:?}");
            assert_eq!(now(&one).is_some(), end == End::Open, "{end:?}");
        }
        let away = [stretch(1, "2024-01-01", End::Left(day("2024-03-01"))), stretch(2, "2024-06-01", End::Open)];
        assert_eq!(months(&away, &[202_402, 202_403, 202_405, 202_406]), [1, 0, 0, 2]);
        assert_eq!(months(&[], &[202_402]), [0]);
    }
}
