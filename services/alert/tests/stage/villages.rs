//! What a village's households are together: one matter of the village, and the list of a city that goes live.

use schemas::records::{HouseholdState, Step, Warning, WarningKind};
use schemas::{Cause, HouseholdCode};
use schemas::{EntryId, Kind};

use super::city::{City, day, household, next, with_bill, with_report};

/// Nobody verifies in these stories.
fn said(city: &City) -> Vec<Warning> {
    let warnings = city.warnings("warnings").into_iter();
    warnings.filter(|one| one.kind != WarningKind::Escalated).collect()
}

fn village() -> HouseholdCode {
    HouseholdCode::parse("1311021012050000").expect("a code")
}

/// Rule, kind and the serial of the household.
fn lines(warnings: &[Warning]) -> Vec<String> {
    let line = |one: &Warning| format!("{} {:?} {}", one.rule, one.kind, one.household.number() % 10_000);
    warnings.iter().map(line).collect()
}

/// A reported disaster, which nothing else is said about.
fn struck(serial: u64, on: &str) -> HouseholdState {
    with_report(household(serial), on)
}

/// A village of so many households of which nothing is found.
fn village_of(households: u64) -> City {
    let city = City::new();
    city.close("2025-01-09");
    for serial in 1..=households {
        city.state(&household(serial));
    }
    city
}

#[test]
fn a_fifth_of_a_village_with_the_same_cause_in_a_week_is_one_matter_of_the_village() {
    let city = village_of(20);
    for serial in 1..=3 {
        city.state(&next(struck(serial, "2025-01-10")));
    }
    city.run().expect("runs");
    assert_eq!(lines(&said(&city)), ["R23 Raised 1", "R23 Raised 2", "R23 Raised 3"], "15 percent");
    city.state(&next(struck(4, "2025-01-10")));
    city.state(&next(struck(5, "2025-01-10")));
    city.run().expect("runs");
    let warnings = said(&city);
    assert_eq!(lines(&warnings[3..]), ["R23 Raised 4", "R24 Raised 0", "R23 Raised 5"]);
    let matter = &warnings[4];
    assert_eq!((matter.household, matter.cause, matter.verifier.as_str()), (village(), Cause::Disaster, "county"));
    let attached: Vec<u64> = matter.attached.iter().map(|code| code.number() % 10_000).collect();
    assert_eq!(attached, [1, 2, 3, 4]);
    let fifth = &warnings[5];
    assert_eq!((fifth.attached_to.as_str(), fifth.asks_visit), (matter.warning_id.as_str(), false));
    assert!(warnings[3].asks_visit, "the fourth was asked for before it was one matter");
    assert_eq!(city.warnings("warnings.county").len(), 1);
    assert_eq!(city.warnings("warnings.township").len(), 4, "the fifth is not sent by itself");
}

#[test]
fn what_is_urgent_and_what_has_another_cause_goes_by_itself() {
    let city = village_of(10);
    for serial in 1..=3 {
        city.state(&next(struck(serial, "2025-01-10")));
    }
    city.state(&next(with_bill(household(4), "2025-01-10", 6_000)));
    city.run().expect("runs");
    let warnings = said(&city);
    assert_eq!(lines(&warnings), ["R23 Raised 1", "R23 Raised 2", "R23 Raised 3", "R24 Raised 0", "R01 Raised 4"]);
    assert!(warnings[4].asks_visit && warnings[4].attached_to.is_empty());
}

#[test]
fn what_is_spread_over_weeks_is_no_matter_of_the_village() {
    let city = village_of(10);
    for (serial, on) in [(1, "2025-01-10"), (2, "2025-01-14"), (3, "2025-01-17")] {
        while let Some(closed) = city.closed_before(on) {
            city.close(&closed);
        }
        city.state(&next(struck(serial, on)));
        city.run().expect("runs");
    }
    assert_eq!(
        lines(&said(&city)),
        ["R23 Raised 1", "R23 Raised 2", "R23 Raised 3"],
        "7 days lie between the first and the third"
    );
}

#[test]
fn a_matter_of_the_village_ends_when_fewer_are_left_and_the_others_are_then_asked_for_one_by_one() {
    let city = village_of(10);
    for serial in 1..=4 {
        city.state(&next(struck(serial, "2025-01-10")));
    }
    city.run().expect("runs");
    let before = said(&city).len();
    for serial in 1..=3 {
        let taken_back = struck(serial, "2025-01-10").incidents[0].entry;
        let mut state = next(next(household(serial)));
        state.reversed.push(taken_back);
        city.state(&state);
    }
    city.run().expect("runs");
    let warnings = said(&city);
    let ended = ["R23 Withdrawn 1", "R23 Withdrawn 2", "R24 Withdrawn 0", "R23 Withdrawn 3"];
    assert_eq!(lines(&warnings[before..]), ended);
    city.state(&next(next(struck(4, "2025-01-10"))));
    city.run().expect("runs");
    let last = said(&city).pop().expect("a visit");
    assert_eq!((lines(std::slice::from_ref(&last)), last.asks_visit), (vec!["R23 Updated 4".to_owned()], true));
}

/// A member of whom this was said left or died, by the state's input.
fn gone(mut state: HouseholdState, begun: EntryId) -> HouseholdState {
    let mut left = struck(1, "2025-01-10").incidents.remove(0);
    (left.kind, left.code) = (Kind::Membership, "leave".into());
    left.entry = begun.end_of_stretch();
    state.reversed.push(begun);
    state.incidents.push(left);
    state
}

#[test]
fn a_matter_of_the_village_that_ends_with_members_who_have_gone_is_met_no_longer() {
    let city = village_of(10);
    for serial in 1..=3 {
        city.state(&next(struck(serial, "2025-01-10")));
    }
    city.run().expect("runs");
    let before = said(&city).len();
    for serial in 1..=2 {
        let mut state = next(next(household(serial)));
        state.reversed.push(struck(serial, "2025-01-10").incidents[0].entry);
        city.state(&gone(state, EntryId(9_000)));
    }
    city.run().expect("runs");
    let ended = lines(&said(&city)[before..]);
    assert_eq!(ended[..3], ["R23 Withdrawn 1", "R24 NoLongerMet 0", "R23 Withdrawn 2"], "{ended:?}");
}

/// The city is live from 2025-01-15 on; a village takes two cases a day.
const LIVE: &str = "name: live\nversion: 1\ninherits: hengshui\ncounties: [\"131102\"]\neffective_from: 2000-01-01\n\
                    go_live: { day: 2025-01-15, cases_per_village_and_day: 2 }\nrules: [{ id: R24, off: true }]\n";

#[test]
fn a_city_that_goes_live_begins_with_the_most_urgent_and_a_few_cases_a_day() {
    let city = City::new();
    city.policy("live", LIVE);
    city.close("2025-01-09");
    for (serial, yuan) in [(1, 6_000), (2, 7_000), (3, 25_000), (4, 8_000), (5, 30_000)] {
        city.state(&with_bill(household(serial), "2025-01-05", yuan));
    }
    for on in ["2025-01-10", "2025-01-11", "2025-01-12", "2025-01-13"] {
        city.close(on);
    }
    city.run().expect("runs");
    assert_eq!(lines(&said(&city)), [""; 0], "nothing is said before");
    assert!(city.cases().iter().all(|case| case.step == Step::None && !case.findings.is_empty()), "all is evaluated");
    let mut shown = 0;
    for (on, expected) in [
        ("2025-01-14", vec!["R01 Raised 3", "R01 Raised 5"]),
        ("2025-01-15", vec!["R01 Raised 1", "R01 Raised 2"]),
        ("2025-01-16", vec!["R01 Raised 4"]),
        ("2025-01-17", vec![]),
    ] {
        city.close(on);
        city.run().expect("runs");
        let warnings = said(&city);
        assert_eq!(lines(&warnings[shown..]), expected, "after {on} was closed");
        assert!(warnings[shown..].iter().all(|one| one.asks_visit && one.day == day(on).plus(1)));
        shown = warnings.len();
    }
}

#[test]
fn news_of_a_live_city_do_not_wait_behind_what_was_found_before() {
    let city = City::new();
    city.policy("live", LIVE);
    city.close("2025-01-09");
    for serial in 1..=4 {
        city.state(&with_bill(household(serial), "2025-01-05", 6_000));
    }
    for on in ["2025-01-10", "2025-01-11", "2025-01-12", "2025-01-13", "2025-01-14"] {
        city.close(on);
    }
    city.run().expect("runs");
    assert_eq!(lines(&said(&city)), ["R01 Raised 1", "R01 Raised 2"]);
    city.state(&next(with_report(with_bill(household(4), "2025-01-05", 6_000), "2025-01-15")));
    city.state(&with_bill(household(6), "2025-01-15", 6_000));
    city.run().expect("runs");
    assert_eq!(lines(&said(&city))[2..], ["R01 Raised 4", "R23 Raised 4", "R01 Raised 6"]);
}
