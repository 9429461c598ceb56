//! Which days are working days: weekends, and the public holidays of each year as the State Council arranges them. It
//! knows no clock and no deadline.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemas::Day;
use serde_json::Value;

use super::faults::{Faults, Found};
use super::shape;

const SCHEMA_TEXT: &str = include_str!("../../../../../deploy/policies/holidays.schema.json");

/// The working days of all years.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkingDays {
    years: BTreeMap<i32, Holidays>,
}

/// How a year differs from its weekends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holidays {
    /// The year.
    pub year: i32,
    /// Days that are off or worked whatever day of the week they are, and whether they are worked.
    days: BTreeMap<Day, bool>,
}

impl WorkingDays {
    /// Whether the day is worked. A year without a file has its weekends only.
    pub fn is_working(&self, day: Day) -> bool {
        let said = self.years.get(&day.civil().0).and_then(|holidays| holidays.days.get(&day));
        said.copied().unwrap_or_else(|| !is_weekend(day))
    }

    /// The day on which the count-th working day after `day` falls; `day` itself does not count. 0 is `day`.
    #[must_use]
    pub fn after(&self, day: Day, count: i32) -> Day {
        let mut last = day;
        let mut counted = 0;
        while counted < count {
            last = last.plus(1);
            counted += i32::from(self.is_working(last));
        }
        last
    }

    /// Whether there is a file for the year.
    pub fn has_year(&self, year: i32) -> bool {
        self.years.contains_key(&year)
    }

    /// With the year as it is arranged there, in the place of what was said of it before.
    pub(super) fn with(&self, holidays: Holidays) -> Self {
        let mut years = self.years.clone();
        years.insert(holidays.year, holidays);
        Self { years }
    }

    /// The days up to `last`, that day included, which a year says otherwise than it was said before; none where
    /// nothing was said of the year.
    pub fn changed_until(&self, holidays: &Holidays, last: Day) -> Vec<Day> {
        let Some(before) = self.years.get(&holidays.year) else { return Vec::new() };
        let days = before.days.keys().chain(holidays.days.keys()).copied().filter(|day| *day <= last);
        let after = self.with(holidays.clone());
        let mut changed: Vec<Day> = days.filter(|day| self.is_working(*day) != after.is_working(*day)).collect();
        changed.sort();
        changed.dedup();
        changed
    }
}

impl Holidays {
    /// Reads a file; `name` is the year, as the key of its record has it. Every fault is told at once, in the order of
    /// their places.
    pub fn read(name: &str, text: &str) -> Result<Self, Faults> {
        static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| shape::validator(SCHEMA_TEXT));
        let value = shape::parse(text)?;
        let mut faults = shape::faults(&VALIDATOR, &value);
        let mut found = Found::default();
        let year = value.get("year").and_then(Value::as_i64).and_then(|year| i32::try_from(year).ok());
        if let Some(year) = year.filter(|year| year.to_string() != name) {
            let what = format!("the file is called `{name}`, the year is {year}; they must be the same");
            found.at("year", |found| found.add(what));
        }
        let mut days = BTreeMap::new();
        for (list, worked) in [("days_off", false), ("days_worked", true)] {
            found.at(list, |found| read_days(value.get(list), worked, year, &mut days, found));
        }
        faults.extend(found.into_faults());
        match year {
            Some(year) if faults.is_empty() => Ok(Self { year, days }),
            _ => Err(Faults::in_order(faults)),
        }
    }
}

fn read_days(list: Option<&Value>, worked: bool, year: Option<i32>, days: &mut BTreeMap<Day, bool>, found: &mut Found) {
    for (at, text) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
        // What is no text was said by the schema.
        let Some(text) = text.as_str() else { continue };
        found.at(at.to_string(), |found| match Day::parse(text) {
            None => found.add(format!("`{text}` is no day; write it as 2025-10-01")),
            Some(day) => {
                if let Some(year) = year.filter(|year| day.civil().0 != *year) {
                    found.add(format!("{day} does not lie in {year}"));
                }
                if worked && !is_weekend(day) {
                    found.add(format!("{day} is no Saturday or Sunday: it is worked anyway"));
                }
                match days.insert(day, worked) {
                    Some(before) if before == worked => found.add(format!("{day} stands in the list twice")),
                    Some(_) => found.add(format!("{day} stands among the days off and the days worked")),
                    None => {}
                }
            }
        });
    }
}

fn is_weekend(day: Day) -> bool {
    // 1970-01-01, day 0, was a Thursday; with 3 days more a week begins on its Monday.
    (day.0 + 3).rem_euclid(7) >= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 4] = [
        ("2023", include_str!("../../../../../deploy/policies/holidays/2023.yaml")),
        ("2024", include_str!("../../../../../deploy/policies/holidays/2024.yaml")),
        ("2025", include_str!("../../../../../deploy/policies/holidays/2025.yaml")),
        ("2026", include_str!("../../../../../deploy/policies/holidays/2026.yaml")),
    ];

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    fn working_days() -> WorkingDays {
        let years = FILES.map(|(year, text)| Holidays::read(year, text).expect(year));
        years.into_iter().fold(WorkingDays::default(), |all, year| all.with(year))
    }

    #[test]
    fn a_day_is_worked_as_the_state_council_arranged_it() {
        let working_days = working_days();
        for (text, worked) in [
            ("2024-12-31", true),  // a Tuesday
            ("2025-01-01", false), // New Year
            ("2025-01-18", false), // a Saturday
            ("2025-01-26", true),  // a Sunday that is worked
            ("2025-01-27", true),
            ("2025-01-28", false),
            ("2025-02-04", false),
            ("2025-02-05", true),
            ("2025-02-08", true), // a Saturday that is worked
            ("2025-02-09", false),
            ("2024-02-09", true), // the eve of the Spring Festival, on which time off was only encouraged
            ("2026-01-04", true),
            ("2023-06-23", false),
            ("2027-10-01", true), // a Friday of a year without a file
            ("2027-10-02", false),
        ] {
            assert_eq!(working_days.is_working(day(text)), worked, "{text}");
        }
        // The working days of each year, as calendars for wages give them.
        for (year, count) in [(2023, 249), (2024, 251), (2025, 248), (2026, 248)] {
            let days = Day::of(year, 1, 1).expect("a day").0..=Day::of(year, 12, 31).expect("a day").0;
            assert_eq!(days.filter(|day| working_days.is_working(Day(*day))).count(), count, "{year}");
            assert!(working_days.has_year(year));
        }
        assert!(!working_days.has_year(2027));
    }

    #[test]
    fn working_days_are_counted_from_the_day_after() {
        let working_days = working_days();
        for (from, count, expected) in [
            ("2025-03-03", 5, "2025-03-10"), // a Monday
            ("2025-03-07", 1, "2025-03-10"), // a Friday
            ("2025-03-08", 1, "2025-03-10"), // a Saturday
            ("2025-01-24", 5, "2025-02-07"), // 26 and 27 January, then 5 to 7 February
            ("2025-09-26", 3, "2025-09-30"), // with the Sunday that is worked
            ("2025-09-30", 1, "2025-10-09"),
            ("2026-12-30", 3, "2027-01-04"), // into a year without a file
            ("2025-03-03", 0, "2025-03-03"),
            ("2025-10-01", 0, "2025-10-01"),
        ] {
            assert_eq!(working_days.after(day(from), count), day(expected), "{count} after {from}");
        }
        let weekends = WorkingDays::default();
        assert_eq!(weekends.after(day("2025-01-24"), 5), day("2025-01-31"));
    }

    #[test]
    fn every_fault_of_a_year_is_told_at_once_with_its_place() {
        let text = "year: 2025\ndays_off: [2025-10-01, 2024-10-02, 2025-10-01, 2025-02-30, 7]\n\
                    days_worked: [2025-10-11, 2025-10-13, 2025-10-01]\nwhose: ours\n";
        let faults = Holidays::read("2026", text).expect_err("faulty").to_string();
        let expected = [
            "/: \"source\" is a required property",
            "/: Additional properties are not allowed ('whose' was unexpected)",
            "/days_off/1: 2024-10-02 does not lie in 2025",
            "/days_off/2: 2025-10-01 stands in the list twice",
            "/days_off/3: `2025-02-30` is no day; write it as 2025-10-01",
            "/days_off/4: 7 is not of type \"string\"",
            "/days_worked/1: 2025-10-13 is no Saturday or Sunday: it is worked anyway",
            "/days_worked/2: 2025-10-01 is no Saturday or Sunday: it is worked anyway",
            "/days_worked/2: 2025-10-01 stands among the days off and the days worked",
            "/year: the file is called `2026`, the year is 2025; they must be the same",
        ];
        assert_eq!(faults.lines().collect::<Vec<_>>(), expected);
        assert!(Holidays::read("2025", "- 2025-10-01").is_err() && Holidays::read("2025", "year: [").is_err());
    }

    #[test]
    fn a_year_that_is_said_again_tells_which_days_it_changes() {
        let working_days = working_days();
        let text = FILES[2].1.replace("  - 2025-01-26 # Sunday\n", "").replace("- 2025-10-08", "- 2025-10-09");
        let changed = Holidays::read("2025", &text).expect("sound");
        for (last, expected) in [
            ("2025-01-25", &[][..]),
            ("2025-01-26", &["2025-01-26"][..]),
            ("2025-12-31", &["2025-01-26", "2025-10-08", "2025-10-09"][..]),
        ] {
            let days: Vec<String> =
                working_days.changed_until(&changed, day(last)).iter().map(Day::to_string).collect();
            assert_eq!(days, expected, "until {last}");
        }
        assert!(
            WorkingDays::default().changed_until(&changed, day("2025-12-31")).is_empty(),
            "nothing was said before"
        );
        assert!(working_days.with(changed).is_working(day("2025-10-08")));
    }
}
