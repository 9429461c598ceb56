//! The judgement on a small run whose figures are counted by hand.

use schemas::records::WarningKind;
use schemas::{Cause, HouseholdCode};

use super::super::truth::{CityTruth, HouseholdTruth};
use super::simpler::Score;
use super::*;

fn day(number: i32) -> Day {
    Day(20_000 + number)
}

fn code(number: u64) -> HouseholdCode {
    HouseholdCode::from_number(4_310_020_000_000_000 + number).expect("16 digits")
}

fn household(number: u64, below: &[(i32, i32)], without: &[(i32, i32)]) -> HouseholdTruth {
    let spans = |spans: &[(i32, i32)]| spans.iter().map(|(from, to)| (day(*from), day(*to))).collect();
    HouseholdTruth {
        household: code(number),
        below: spans(below),
        without_safeguard: spans(without),
        known: vec![(day(0), day(100))],
        true_pc_fen: Vec::new(),
        members: Vec::new(),
        merged_into: None,
    }
}

fn shock(number: u64, event: i32, onset: i32, carried: Option<i32>, known: Option<i32>) -> Shock {
    Shock {
        household: code(number),
        kind: "admission".to_owned(),
        causes: vec![Cause::Illness],
        day: day(event),
        onset: day(onset),
        safeguard: false,
        carried: carried.map(day),
        known: known.map(day),
    }
}

/// A request that asks for a visit.
fn request(number: u64, when: i32, rule: &str, cause: Cause) -> Notice {
    Notice {
        household: code(number),
        day: day(when),
        kind: WarningKind::Raised,
        warning_id: format!("{number} {rule}"),
        rule: rule.to_owned(),
        cause,
        is_urgent: true,
        asks_visit: true,
        case_number: 1,
    }
}

/// A signal outside a case.
fn signal(number: u64, when: i32, rule: &str, cause: Cause) -> Notice {
    Notice { is_urgent: false, asks_visit: false, case_number: 0, ..request(number, when, rule, cause) }
}

fn ended(number: u64, when: i32, rule: &str, cause: Cause) -> Notice {
    Notice { kind: WarningKind::NoLongerMet, asks_visit: false, ..request(number, when, rule, cause) }
}

/// Four households: one whose illness is seen early, one late, one never carried, one in good times.
fn truth() -> Truth {
    Truth {
        city: CityTruth {
            seed: 1,
            households: 4,
            first_day: day(-400),
            judged_from: day(0),
            last_day: day(99),
            line_fen: 870_000,
        },
        households: vec![
            household(1, &[(20, 99)], &[]),
            household(2, &[(30, 99)], &[]),
            household(3, &[(40, 99)], &[]),
            household(4, &[], &[(10, 29)]),
        ],
        shocks: vec![
            shock(1, 10, 20, Some(12), Some(20)),
            shock(2, 30, 30, Some(33), Some(30)),
            shock(3, 40, 40, None, Some(40)),
            shock(3, 80, 80, Some(81), Some(80)),
            shock(4, -20, -10, Some(-9), None),
        ],
    }
}

#[test]
fn what_befell_a_household_that_moved_into_another_is_asked_for_there() {
    let mut truth = truth();
    truth.households[0].merged_into = Some((day(15), code(5)));
    truth.households.push(household(5, &[], &[]));
    truth.households[4].merged_into = Some((day(25), code(6)));
    for (what, request, recall) in [
        ("the old code", request(1, 12, "R04", Cause::Illness), 0.5),
        ("the new code", request(5, 16, "R04", Cause::Illness), 0.5),
        ("the new code, before it moved", request(5, 14, "R04", Cause::Illness), 0.0),
        ("the code after that", request(6, 25, "R04", Cause::Illness), 0.5),
        ("another household", request(4, 25, "R04", Cause::Illness), 0.0),
    ] {
        assert_eq!(judge(&truth, &[request], day(99)).recall, Some(recall), "{what}");
    }
}

#[test]
fn a_shock_is_caught_by_a_request_of_its_cause_until_thirty_days_after_its_onset() {
    for (what, requests, recall) in [
        ("nobody asks", vec![], 0.0),
        ("before the onset", vec![request(1, 12, "R04", Cause::Illness)], 0.5),
        ("before the event", vec![request(1, 9, "R04", Cause::Illness)], 0.0),
        ("on the last day", vec![request(2, 60, "R01", Cause::Illness)], 0.5),
        ("a day too late", vec![request(2, 61, "R01", Cause::Illness)], 0.0),
        ("of another cause", vec![request(2, 31, "R08", Cause::Disaster)], 0.0),
        ("about a neighbour", vec![request(4, 31, "R01", Cause::Illness)], 0.0),
    ] {
        let report = judge(&truth(), &requests, day(99));
        assert_eq!((report.shocks, report.shocks_meant), (3, 2), "{what}");
        assert_eq!(report.recall, Some(recall), "{what}");
    }
}

#[test]
fn the_figures_of_a_small_run_are_those_counted_by_hand() {
    let requests = [
        request(1, 12, "R04", Cause::Illness),
        request(1, 21, "R01", Cause::Illness),
        request(2, 35, "R01", Cause::Illness),
        request(4, 30, "R10", Cause::Other),
        Notice { asks_visit: false, ..request(4, 50, "R13", Cause::Other) },
        signal(3, 50, "R05", Cause::Illness),
        // Not judged: during the history, and what ends.
        request(1, -3, "R13", Cause::Other),
        ended(4, 60, "R10", Cause::Other),
    ];
    let report = judge(&truth(), &requests, day(99));
    assert_eq!((report.requests, report.visits), (5, 4));
    let years = 100.0 / 365.25;
    assert_eq!(report.visits_per_case_year, Some(4.0 / (3.0 * years)));
    assert!((report.requests_per_1000 - 5.0 / 0.004 / years).abs() < 1e-6);
    assert_eq!(report.recall, Some(1.0));
    assert_eq!(report.recall_all, Some(2.0 / 3.0));
    assert_eq!(report.blind_share, Some(1.0 / 3.0));
    // True: household 1 on day 21, household 2, and household 4 the day after its house was mended.
    assert_eq!(report.precision, Some(3.0 / 5.0));
    assert_eq!(report.precision_without_safeguards, Some(2.0 / 5.0));
    assert_eq!(report.lead_days_median, Some(-5));
    assert_eq!(report.lead_days_p10, Some(-5));
    assert!((report.cases_per_1000 - 750.0).abs() < 1e-9);
    let base = (80.0 + 70.0 + 60.0 + 20.0) / 400.0;
    assert_eq!(report.baselines.everybody, Score { recall: Some(1.0), recall_all: Some(1.0), precision: Some(base) });
    assert_eq!(report.baselines.nobody, Score { recall: Some(0.0), recall_all: Some(0.0), precision: None });
    assert_eq!(
        report.baselines.r01_alone,
        Score { recall: Some(1.0), recall_all: Some(2.0 / 3.0), precision: Some(1.0) }
    );
    let random = report.baselines.random.recall.expect("a recall");
    assert!((0.3..0.45).contains(&random), "{random}");
}

#[test]
fn shocks_too_near_the_end_are_left_out() {
    let report = judge(&truth(), &[], day(59));
    assert_eq!((report.shocks, report.shocks_meant), (1, 1));
}

#[test]
fn a_miss_says_why_nobody_asked_in_time() {
    let illness = Cause::Illness;
    for (what, notices, class) in [
        ("nothing", vec![], "no_request"),
        (
            "a request that stood and ended",
            vec![request(2, 5, "R01", illness), ended(2, 9, "R01", illness)],
            "no_request",
        ),
        ("a request that stood", vec![request(2, 5, "R01", illness)], "stood_already"),
        ("one of another cause that stood", vec![request(2, 5, "R13", Cause::Other)], "no_request"),
        ("a signal", vec![signal(2, 31, "R05", illness)], "signal_only"),
        ("another cause", vec![signal(2, 31, "R05", illness), request(2, 35, "R13", Cause::Other)], "wrong_cause"),
        ("a day too late", vec![signal(2, 31, "R05", illness), request(2, 61, "R01", illness)], "too_late"),
    ] {
        let caught = request(1, 21, "R01", illness);
        let report = judge(&truth(), &[vec![caught], notices].concat(), day(99));
        let missed: Vec<_> = report.missed_by_class.into_iter().collect();
        assert_eq!(missed, [(format!("admission/{class}"), Missed { count: 1, share: 1.0 })], "{what}");
    }
}

#[test]
fn false_requests_are_counted_by_rule() {
    let notices = [
        request(1, 21, "R01", Cause::Illness),
        request(2, 10, "R01", Cause::Illness),
        request(4, 50, "R13", Cause::Other),
        request(4, 60, "R13", Cause::Other),
        signal(4, 60, "R05", Cause::Illness),
    ];
    let rules = judge(&truth(), &notices, day(99)).requests_by_rule;
    let of = |requests, false_requests| OfRule { requests, false_requests, share: false_requests as f64 / 3.0 };
    assert_eq!(rules, BTreeMap::from([("R01".to_owned(), of(2, 1)), ("R13".to_owned(), of(2, 2))]));
}
