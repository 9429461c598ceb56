//! The stage of alert on the memory log: the calendar, the sweep, policies by their day, what each receiver is told, and
//! that neither an abort nor a restart changes a byte.

mod city;
mod villages;

use std::collections::BTreeSet;

use runtime::memory::{Faults, Pipeline, StageOptions};
use runtime::snapshot::SnapshotSettings;
use runtime::worker::Bounds;
use schemas::codec;
use schemas::records::{HouseholdState, Member, MonthlyAmounts, Status, Step, Warning, WarningKind};
use schemas::{Cause, EntryId, Fen, PersonToken};

use city::{City, day, household, next, with_bill, with_report};

#[test]
fn nothing_is_evaluated_before_the_first_day_is_closed() {
    let city = City::new();
    city.state(&with_bill(household(1), "2025-01-10", 6_000));
    city.run().expect("runs");
    assert_eq!(city.shown(), [""; 0]);
    city.close("2025-01-09");
    city.run().expect("runs");
    assert_eq!(city.shown(), ["R01 Raised M 2025-01-10"]);
    assert_eq!(city.cases()[0].step, Step::Raised);
}

#[test]
fn a_warning_comes_with_the_news_and_each_receiver_gets_its_part() {
    let city = City::new();
    city.close("2025-01-09");
    city.state(&with_report(with_bill(household(1), "2025-01-10", 6_000), "2025-01-10"));
    city.run().expect("runs");
    assert_eq!(city.shown(), ["R01 Raised M 2025-01-10", "R23 Raised M 2025-01-10"]);
    let insurance = city.warnings("warnings.health-insurance");
    assert_eq!((insurance.len(), insurance[0].value_fen), (1, Fen::from_yuan(6_000)));
    let civil = city.warnings("warnings.civil-affairs");
    assert_eq!((civil.len(), civil[0].value_fen, civil[0].contributions.len()), (1, Fen::ZERO, 0));
    assert_eq!(city.warnings("warnings.township").len(), 1);
    assert_eq!(city.warnings("warnings.education").len(), 0);
    let places: BTreeSet<_> = ["warnings", "households.cases"]
        .into_iter()
        .flat_map(|topic| city.memory.records(topic))
        .filter(|record| record.key() == Some(&household(1).household.digits()))
        .map(|record| record.partition())
        .collect();
    assert_eq!(places.len(), 1, "warnings and cases lie in the partition of the state");
}

#[test]
fn a_repeated_state_changes_nothing_and_a_gap_is_an_error() {
    let city = City::new();
    city.close("2025-01-09");
    let first = with_bill(household(1), "2025-01-10", 6_000);
    city.state(&first);
    city.state(&first);
    city.state(&next(first.clone()));
    city.run().expect("runs");
    assert_eq!(city.shown().len(), 1);
    city.state(&next(next(next(first))));
    let error = city.run().expect_err("a gap").to_string();
    assert!(error.contains("state 4 follows state 2"), "{error}");
}

#[test]
fn nothing_is_said_that_rests_on_evidence_which_cannot_be_read() {
    let city = City::new();
    city.close("2025-01-09");
    let state = with_bill(household(1), "2025-01-10", 6_000);
    let mut bytes = Vec::new();
    codec::encode(&state, &mut bytes).expect("it encodes");
    // The department of the bill is no text any more.
    let source = state.source.as_bytes();
    let at = bytes.windows(source.len()).position(|window| window == source).expect("it names the department");
    bytes[at] = 0xff;
    city.state_bytes(&state, &bytes);
    let error = city.run().expect_err("the evidence").to_string();
    assert!(error.contains(&state.household.to_string()) && error.contains("a list of the record"), "{error}");
    assert!(city.warnings("warnings").is_empty());
}

#[test]
fn the_end_of_a_month_is_looked_at_for_everybody() {
    let city = City::new();
    city.close("2025-01-09");
    for serial in 1..=1_500 {
        city.state(&with_bill(household(serial), "2024-02-10", 6_000));
    }
    let of_households = |one: &&Warning| one.rule == "R01";
    let count = |city: &City, kind| {
        let warnings = city.warnings("warnings");
        warnings.iter().filter(of_households).filter(|one| one.kind == kind).count()
    };
    for on in ["2025-01-10", "2025-01-30"] {
        city.close(on);
        city.run().expect("runs");
        assert_eq!((count(&city, WarningKind::Raised), count(&city, WarningKind::NoLongerMet)), (1_500, 0), "{on}");
    }
    let overdue = |city: &City| {
        let totals = city.progress_of(&household(1)).totals.into_iter().filter(|total| total.name == "overdue_cases");
        totals.map(|total| (total.label, total.count)).collect::<Vec<_>>()
    };
    // Three were asked for before it was one matter of the village. From there they have moved up twice: the second limit
    // of five working days has passed with the 24th.
    assert_eq!(overdue(&city), [("131102/county".to_owned(), 3)]);
    // With the last day of January the bill of February a year ago leaves the window.
    city.close("2025-01-31");
    city.run().expect("runs");
    assert_eq!(count(&city, WarningKind::NoLongerMet), 1_500);
    let warnings = city.warnings("warnings");
    let ended = warnings.iter().filter(|one| one.kind == WarningKind::NoLongerMet);
    assert!(ended.into_iter().all(|one| one.day == day("2025-02-01")));
    assert!(city.cases().iter().all(|case| case.step == Step::None));
    assert_eq!(overdue(&city).iter().map(|(_, count)| count).sum::<i64>(), 0, "what is closed is not overdue");
    assert_eq!(city.progress_of(&household(1)).sweep_after, None);
}

#[test]
fn a_rule_whose_feed_has_fallen_silent_stands_still_and_says_so() {
    let city = City::new();
    let known = city.memory.end("policies", 0);
    city.close_heard("2025-01-09", known, &["human-resources", "health-insurance"]);
    for serial in 1..=3 {
        city.state(&with_bill(household(serial), "2025-01-09", 6_000));
    }
    city.run().expect("runs");
    let still = |city: &City| {
        let progress = city.progress_of(&household(1));
        let totals = progress.totals.into_iter().filter(|total| total.name == "standing_still");
        totals.map(|total| (total.label, total.count)).collect::<Vec<_>>()
    };
    // Both were heard after December had ended, which is settled with the end of 15 January.
    city.close("2025-01-15");
    city.run().expect("runs");
    assert!(still(&city).iter().all(|(label, _)| !label.contains("silent")), "{:?}", still(&city));
    // Neither was heard after January.
    city.close_heard("2025-01-31", known, &["human-resources"]);
    city.close_heard("2025-02-15", known, &["health-insurance"]);
    city.run().expect("runs");
    let silent: Vec<_> = still(&city).into_iter().filter(|(label, _)| label.contains("silent")).collect();
    let label = |rule: &str| (format!("{rule}/131102/silent_feed"), 3);
    assert_eq!(silent, [label("R15"), label("R16")]);
}

#[test]
fn a_policy_holds_from_the_close_that_names_it() {
    let city = City::new();
    city.close("2025-01-09");
    let known = city.memory.end("policies", 0);
    city.policy(
        "hengshui",
        "name: hengshui\nversion: 2\ncounties: [\"1311\"]\neffective_from: 2025-01-01\ninherits: default\nrules:\n  - id: R01\n    \
         levels: [{ level: M, threshold: 7000 }]\n  - { id: R22, off: true }\n",
    );
    city.policy("hengshui", "this: is no policy");
    city.state(&with_bill(household(1), "2025-01-10", 6_000));
    city.close_with("2025-01-10", known);
    city.run().expect("runs");
    assert_eq!(city.shown(), ["R01 Raised M 2025-01-10"]);
    city.close("2025-01-11");
    city.run().expect("runs");
    assert_eq!(city.shown(), ["R01 Raised M 2025-01-10", "R01 NoLongerMet M 2025-01-12"], "the new one asks for more");
    assert_eq!(city.warnings("warnings")[1].policy, "hengshui@2");
}

#[test]
fn a_department_that_joins_is_a_setting_and_a_policy_and_one_without_a_topic_is_counted() {
    let city = City::new();
    city.policy(
        "hengshui",
        "name: hengshui\nversion: 2\ncounties: [\"1311\"]\neffective_from: 2025-01-01\ninherits: default\ndepartments:\n  \
         market-regulation: []\nrules:\n  - { id: R23, goes_to: { market-regulation: arrange-verification } }\n",
    );
    city.close("2025-01-09");
    city.state(&with_report(household(1), "2025-01-10"));
    city.run_for(&["market-regulation"]).expect("runs");
    assert_eq!(city.warnings("warnings.market-regulation").len(), 1);
    assert_eq!(city.warnings("warnings").len(), 1);
    assert_eq!(city.progress_of(&household(1)).total("without_topic"), 1, "the township has no topic here");
}

/// Two of whom one is said not to be insured, on a day of January.
fn uninsured(serial: u64, january: u8) -> HouseholdState {
    let mut state = household(serial);
    let person = |number| PersonToken([number; 16]);
    state.members = [1, 2]
        .map(|number| Member {
            person: person(number),
            since_day: day("2020-01-01"),
            is_first: true,
            wages: MonthlyAmounts::default(),
        })
        .to_vec();
    state.statuses = [(1, "true"), (2, "false")]
        .map(|(number, value)| Status {
            code: "insured".into(),
            person: Some(person(number)),
            value: value.into(),
            day: day(&format!("2025-01-{january:02}")),
            reported_at_ms: 0,
            cause: Cause::Other,
            entry: EntryId(i64::from(number)),
        })
        .to_vec();
    state
}

/// Nine households, three of which are due on each of three days, and every day closed.
fn days_of_waiting() -> City {
    let city = City::new();
    city.close("2025-01-19");
    for serial in 1..=9_u8 {
        city.state(&uninsured(u64::from(serial) * 37, 20 + serial % 3));
    }
    let first = day("2025-01-20");
    for at in 0..=36 {
        city.close(&first.plus(at).to_string());
    }
    city
}

#[test]
fn a_rule_that_counts_days_is_looked_at_on_the_day() {
    let city = days_of_waiting();
    city.run().expect("runs");
    let mut shown = city.shown();
    shown.sort();
    let on = |day: &str| vec![format!("R12 Raised L {day}"); 3];
    assert_eq!(shown, [on("2025-02-19"), on("2025-02-20"), on("2025-02-21")].concat());
    let expected = published(&city);
    for records in [1, 2, 7] {
        let bounds = Bounds { records, ..Bounds::default() };
        let city = days_of_waiting();
        city.run_with(StageOptions { bounds, faults: Faults::aborts([0, 8, 11, 17]), ..StageOptions::default() })
            .expect("runs");
        assert!(published(&city) == expected, "transactions of {records} records, some aborted");
        let city = days_of_waiting();
        for turns in [9, 22, 5, 6, 3] {
            let mut pipeline = Pipeline::new(&city.memory);
            pipeline.add(alert::stage(), StageOptions { bounds, ..StageOptions::default() });
            pipeline.turn("alert", turns).expect("runs");
            pipeline.kill("alert");
        }
        city.run().expect("runs");
        assert!(published(&city) == expected, "killed five times, transactions of {records} records");
    }
}

#[test]
fn who_is_due_on_a_day_that_the_calendar_passes_over_is_looked_at_after_a_restart() {
    let city = City::new();
    city.close("2025-01-19");
    for serial in 1..=9_u8 {
        city.state(&uninsured(u64::from(serial) * 37, 20 + serial % 3));
    }
    for on in ["2025-01-31", "2025-02-17"] {
        city.close(on);
    }
    city.run().expect("runs");
    // The job was away for two days, and closes them with the third.
    city.close("2025-02-20");
    city.run().expect("runs");
    assert_eq!(city.shown(), vec!["R12 Raised L 2025-02-21"; 9]);
}

/// Topic, partition, key and value.
type Published = (String, i32, Option<Vec<u8>>, Option<Vec<u8>>);

/// Everything that was published.
fn published(city: &City) -> Vec<Published> {
    let mut all = Vec::new();
    for topic in city.memory.topics() {
        if topic.starts_with("warnings") {
            all.extend(city.memory.records(&topic).into_iter().map(|record| {
                let (key, value) = (record.key().map(<[u8]>::to_vec), record.value().map(<[u8]>::to_vec));
                (topic.clone(), record.partition(), key, value)
            }));
        }
    }
    let latest = city.memory.latest("households.cases");
    all.extend(latest.into_iter().map(|(key, value)| ("households.cases".to_owned(), 0, Some(key), Some(value))));
    all
}

/// The input of a story with several days, months and households.
fn story() -> City {
    let city = City::new();
    city.close("2024-12-30");
    for serial in 1..=40 {
        city.state(&with_bill(household(serial * 37), "2024-03-10", 6_000 + serial as i64));
    }
    for on in ["2024-12-31", "2025-01-01", "2025-01-15"] {
        city.close(on);
    }
    for serial in 1..=40 {
        let state = with_bill(household(serial * 37), "2024-03-10", 6_000 + serial as i64);
        city.state(&with_report(next(state), "2025-01-16"));
    }
    for on in ["2025-01-31", "2025-02-15", "2025-02-28"] {
        city.close(on);
    }
    city
}

#[test]
fn where_transactions_close_and_abort_and_where_a_worker_is_killed_changes_no_byte() {
    let plain = story();
    plain.run().expect("runs");
    let expected = published(&plain);
    assert!(expected.len() > 120, "{}", expected.len());
    for records in [1, 2, 7] {
        let bounds = Bounds { records, ..Bounds::default() };
        let city = story();
        let faults = Faults::aborts([0, 1, 5, 6]);
        city.run_with(StageOptions { bounds, faults, ..StageOptions::default() }).expect("runs");
        assert!(published(&city) == expected, "transactions of {records} records, some aborted");

        for has_snapshots in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let snapshots = has_snapshots.then(|| SnapshotSettings::in_turn(folder.path().to_owned()));
            let city = story();
            for turns in [3, 11, 29] {
                let mut pipeline = Pipeline::new(&city.memory);
                let options = StageOptions { bounds, snapshots: snapshots.clone(), ..StageOptions::default() };
                pipeline.add(alert::stage(), options);
                pipeline.turn("alert", turns).expect("runs");
                pipeline.kill("alert");
            }
            city.run_with(StageOptions { snapshots, ..StageOptions::default() }).expect("runs");
            assert!(published(&city) == expected, "killed three times, transactions of {records} records");
        }
    }
}
