//! Judges warnings against the ground truth (domain section 8): recall, precision, lead time, and what simpler ways
//! would reach. Pure: it knows neither how the warnings came about nor where they are kept.

use std::collections::{BTreeMap, BTreeSet};

use schemas::records::{Warning, WarningKind};
use schemas::{Cause, Day, HouseholdCode};
use serde::Serialize;

use super::truth::{HouseholdTruth, Shock, Truth};

/// Days from the onset within which a shock must be carried and caught.
pub(crate) const WITHIN_DAYS: i32 = 30;

/// A request: a warning that asks for a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The household.
    pub(crate) household: HouseholdCode,
    /// The day for which it was decided.
    pub(crate) day: Day,
    /// The rule.
    pub(crate) rule: String,
    /// The cause that it gives.
    pub(crate) cause: Cause,
    /// The case that it belongs to.
    pub(crate) case_number: i32,
}

impl Request {
    /// The request in a warning; none for signals (level L) and for what is not raised or updated.
    pub(crate) fn of(warning: &Warning) -> Option<Self> {
        let asks = matches!(warning.kind, WarningKind::Raised | WarningKind::Updated);
        (asks && warning.level.is_request()).then(|| Self {
            household: warning.household,
            day: warning.day,
            rule: warning.rule.clone(),
            cause: warning.cause,
            case_number: warning.case_number,
        })
    }
}

/// How well a way of warning does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Score {
    /// Caught shocks among those that are meant to be seen; none where there is no such shock.
    pub(crate) recall: Option<f64>,
    /// True requests among all; none where there is no request.
    pub(crate) precision: Option<f64>,
}

/// What simpler ways would reach.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Baselines {
    /// Warn nobody.
    pub(crate) nobody: Score,
    /// Warn everybody every day.
    pub(crate) everybody: Score,
    /// As many requests, given to households and days by lot, with whatever cause is right: expected values.
    pub(crate) random: Score,
    /// Rule R01 alone.
    pub(crate) r01_alone: Score,
}

/// The judgement.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Shocks judged: their onset lies between the end of the history and 30 days before the last closed day.
    pub(crate) shocks: usize,
    /// Those that are meant to be seen.
    pub(crate) shocks_meant: usize,
    /// Requests judged: those from the end of the history to the last closed day.
    pub(crate) requests: usize,
    /// Caught shocks among those meant to be seen.
    pub(crate) recall: Option<f64>,
    /// Caught shocks among all.
    pub(crate) recall_all: Option<f64>,
    /// Requests about households below the line or without a safeguard, among all.
    pub(crate) precision: Option<f64>,
    /// Requests about households below the line, among all.
    pub(crate) precision_without_safeguards: Option<f64>,
    /// Onset less day of the request, in days, at the median of the caught ones; negative when it came later.
    pub(crate) lead_time_median_days: Option<i32>,
    /// The same for the worst tenth.
    pub(crate) lead_time_p10_days: Option<i32>,
    /// Shocks that are not meant to be seen, among all.
    pub(crate) blind_share: Option<f64>,
    /// Simpler ways.
    pub(crate) baselines: Baselines,
    /// Cases with a request, in 1,000 households.
    pub(crate) cases_per_1000: f64,
}

/// Judges the requests of a run against its truth, up to the last closed day.
pub(crate) fn judge(truth: &Truth, requests: &[Request], last_closed: Day) -> Report {
    let window = (truth.city.judged_from, last_closed);
    let asked = ByHousehold::new(truth, requests);
    let shocks: Vec<&Shock> = truth
        .shocks
        .iter()
        .filter(|shock| shock.onset >= window.0 && shock.onset.plus(WITHIN_DAYS) <= window.1)
        .collect();
    let meant: Vec<&Shock> = shocks.iter().copied().filter(|shock| is_meant(shock)).collect();
    let mut leads: Vec<i32> = meant.iter().filter_map(|shock| asked.lead_days(shock, |_| true)).collect();
    leads.sort_unstable();
    let judged: Vec<&Request> =
        requests.iter().filter(|request| (window.0..=window.1).contains(&request.day)).collect();
    let households: BTreeMap<HouseholdCode, &HouseholdTruth> =
        truth.households.iter().map(|household| (household.household, household)).collect();
    let precision = |requests: &[&Request], safeguards: bool| {
        let right = requests.iter().filter(|request| is_true(&households, request, safeguards)).count();
        ratio(right, requests.len())
    };
    let r01: Vec<&Request> = judged.iter().copied().filter(|request| request.rule == "R01").collect();
    let caught = |shocks: &[&Shock], rule: &dyn Fn(&Request) -> bool| {
        let found = shocks.iter().filter(|shock| asked.lead_days(shock, rule).is_some()).count();
        ratio(found, shocks.len())
    };
    let base = base_rate(truth, window);
    let cases: BTreeSet<_> = judged.iter().map(|request| (request.household, request.case_number)).collect();
    Report {
        shocks: shocks.len(),
        shocks_meant: meant.len(),
        requests: judged.len(),
        recall: caught(&meant, &|_| true),
        recall_all: caught(&shocks, &|_| true),
        precision: precision(&judged, true),
        precision_without_safeguards: precision(&judged, false),
        lead_time_median_days: at_share(&leads, 50),
        lead_time_p10_days: at_share(&leads, 10),
        blind_share: ratio(shocks.len() - meant.len(), shocks.len()),
        baselines: Baselines {
            nobody: Score { recall: ratio(0, meant.len()), precision: None },
            everybody: Score { recall: ratio(meant.len(), meant.len()), precision: base },
            random: Score { recall: random_recall(truth, &meant, judged.len(), window), precision: base },
            r01_alone: Score {
                recall: caught(&meant, &|request| request.rule == "R01"),
                precision: precision(&r01, true),
            },
        },
        cases_per_1000: cases.len() as f64 * 1_000.0 / f64::from(truth.city.households.max(1)),
    }
}

/// Whether a shock is meant to be seen (domain section 8.5).
pub(crate) fn is_meant(shock: &Shock) -> bool {
    let in_time = |day: Option<Day>| day.is_some_and(|day| day <= shock.onset.plus(WITHIN_DAYS));
    in_time(shock.carried) && in_time(shock.known)
}

/// The requests of each household, in the order of their days, and what became of households that ended.
struct ByHousehold<'a> {
    requests: BTreeMap<HouseholdCode, Vec<&'a Request>>,
    became: BTreeMap<HouseholdCode, (Day, HouseholdCode)>,
}

impl<'a> ByHousehold<'a> {
    fn new(truth: &Truth, requests: &'a [Request]) -> Self {
        let mut by: BTreeMap<HouseholdCode, Vec<&Request>> = BTreeMap::new();
        for request in requests {
            by.entry(request.household).or_default().push(request);
        }
        for requests in by.values_mut() {
            requests.sort_by_key(|request| request.day);
        }
        let ended = truth.households.iter().filter_map(|one| Some((one.household, one.merged_into?)));
        Self { requests: by, became: ended.collect() }
    }

    /// Days from the first request that catches the shock to its onset; none where it is not caught.
    fn lead_days(&self, shock: &Shock, counts: impl Fn(&Request) -> bool) -> Option<i32> {
        let in_time = shock.day..=shock.onset.plus(WITHIN_DAYS);
        let catches = |request: &&&Request| {
            in_time.contains(&request.day) && shock.causes.contains(&request.cause) && counts(request)
        };
        let found = |household| self.requests.get(household).and_then(|requests| requests.iter().find(catches));
        if let Some(request) = found(&shock.household) {
            return Some(shock.onset.0 - request.day.0);
        }
        // What befell a household that has moved into another is seen there from that day on.
        let mut household = shock.household;
        for _ in 0..self.became.len() {
            let (day, next) = self.became.get(&household)?;
            let mut there = self.requests.get(next).into_iter().flatten();
            if let Some(request) = there.find(|one| catches(one) && one.day >= *day) {
                return Some(shock.onset.0 - request.day.0);
            }
            household = *next;
        }
        None
    }
}

/// Whether the household of a request was below the line, or without a safeguard, on its day or the day before:
/// a request of a day rests on what was published until the day before.
fn is_true(households: &BTreeMap<HouseholdCode, &HouseholdTruth>, request: &Request, safeguards: bool) -> bool {
    let Some(household) = households.get(&request.household) else { return false };
    let holds =
        |spans: &[(Day, Day)]| spans.iter().any(|(from, to)| *from <= request.day && request.day.plus(-1) <= *to);
    holds(&household.below) || safeguards && holds(&household.without_safeguard)
}

/// The share of household days in the window on which a request would have been true.
fn base_rate(truth: &Truth, (from, to): (Day, Day)) -> Option<f64> {
    let days = (to.0 - from.0 + 1).max(0) as usize;
    let mut right = 0;
    for household in &truth.households {
        let spans = household.below.iter().chain(&household.without_safeguard);
        let mut clipped: Vec<(i32, i32)> =
            spans.map(|(first, last)| (first.0.max(from.0), last.0.min(to.0))).filter(|(a, b)| a <= b).collect();
        clipped.sort_unstable();
        let mut counted_to = i32::MIN;
        for (first, last) in clipped {
            let first = first.max(counted_to.saturating_add(1));
            if first <= last {
                right += (last - first + 1) as usize;
                counted_to = last;
            }
        }
    }
    ratio(right, days * truth.households.len())
}

/// The expected recall of as many requests given out by lot.
fn random_recall(truth: &Truth, meant: &[&Shock], requests: usize, (from, to): (Day, Day)) -> Option<f64> {
    let places = f64::from(to.0 - from.0 + 1) * truth.households.len() as f64;
    if meant.is_empty() || places <= 0.0 {
        return None;
    }
    let sum: f64 = meant
        .iter()
        .map(|shock| {
            let days = shock.onset.plus(WITHIN_DAYS).min(to).0 - shock.day.max(from).0 + 1;
            1.0 - (1.0 - f64::from(days.max(0)) / places).powf(requests as f64)
        })
        .sum();
    Some(sum / meant.len() as f64)
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The value at a share (in percent) of sorted values.
fn at_share(sorted: &[i32], percent: usize) -> Option<i32> {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::super::truth::CityTruth;
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

    fn request(number: u64, when: i32, rule: &str, cause: Cause) -> Request {
        Request { household: code(number), day: day(when), rule: rule.to_owned(), cause, case_number: 1 }
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
            request(4, 50, "R13", Cause::Other),
        ];
        let report = judge(&truth(), &requests, day(99));
        assert_eq!(report.recall, Some(1.0));
        assert_eq!(report.recall_all, Some(2.0 / 3.0));
        assert_eq!(report.blind_share, Some(1.0 / 3.0));
        // True: household 1 on day 21, household 2, and household 4 the day after its house was mended.
        assert_eq!(report.precision, Some(3.0 / 5.0));
        assert_eq!(report.precision_without_safeguards, Some(2.0 / 5.0));
        assert_eq!(report.lead_time_median_days, Some(-5));
        assert_eq!(report.lead_time_p10_days, Some(-5));
        assert!((report.cases_per_1000 - 750.0).abs() < 1e-9);
        let base = (80.0 + 70.0 + 60.0 + 20.0) / 400.0;
        assert_eq!(report.baselines.everybody, Score { recall: Some(1.0), precision: Some(base) });
        assert_eq!(report.baselines.nobody, Score { recall: Some(0.0), precision: None });
        assert_eq!(report.baselines.r01_alone, Score { recall: Some(1.0), precision: Some(1.0) });
        let random = report.baselines.random.recall.expect("a recall");
        assert!((0.3..0.45).contains(&random), "{random}");
    }

    #[test]
    fn shocks_too_near_the_end_are_left_out() {
        let report = judge(&truth(), &[], day(59));
        assert_eq!((report.shocks, report.shocks_meant), (1, 1));
    }
}
