//! Judges warnings against the ground truth (domain section 8): recall, precision, lead time, the visits that they ask
//! for, where they fail, and what simpler ways would reach. Pure: it knows neither how the warnings came about nor
//! where they are kept.

mod classes;
mod heard;
mod notice;
mod simpler;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemas::Day;
use serde::Serialize;

pub(crate) use classes::{Missed, OfRule};
use heard::Heard;
pub(crate) use notice::Notice;
pub(crate) use simpler::Baselines;

use super::truth::{Shock, Truth};

/// Days from the onset within which a shock must be carried and caught.
pub(crate) const WITHIN_DAYS: i32 = 30;
/// Days of a year.
const YEAR_DAYS: f64 = 365.25;

/// The judgement.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Shocks judged: their onset lies between the end of the history and 30 days before the last closed day.
    pub(crate) shocks: usize,
    /// Those that are meant to be seen.
    pub(crate) shocks_meant: usize,
    /// Requests judged: warnings of level M or H that were raised or updated between the end of the history and the last
    /// closed day.
    pub(crate) requests: usize,
    /// Caught shocks among those meant to be seen.
    pub(crate) recall: Option<f64>,
    /// Caught shocks among all.
    pub(crate) recall_all: Option<f64>,
    /// Requests about households below the line or without a safeguard, among all.
    pub(crate) precision: Option<f64>,
    /// Requests about households below the line, among all.
    pub(crate) precision_without_safeguards: Option<f64>,
    /// Visits asked for on the days that are judged.
    pub(crate) visits: usize,
    /// Those visits, per household that had a case on the days that are judged, and year of these days.
    pub(crate) visits_per_case_year: Option<f64>,
    /// Requests in 1,000 households and year.
    pub(crate) requests_per_1000: f64,
    /// Onset less day of the request, in days, at the median of the caught ones; negative when it came later.
    pub(crate) lead_days_median: Option<i32>,
    /// The same for the worst tenth.
    pub(crate) lead_days_p10: Option<i32>,
    /// Shocks that are not meant to be seen, among all.
    pub(crate) blind_share: Option<f64>,
    /// Cases with a request, in 1,000 households.
    pub(crate) cases_per_1000: f64,
    /// Simpler ways.
    pub(crate) baselines: Baselines,
    /// Shocks meant to be seen that were not caught, by kind and reason, such as `job_loss/signal_only`.
    pub(crate) missed_by_class: BTreeMap<String, Missed>,
    /// Requests by rule, and how many of them were false.
    pub(crate) requests_by_rule: BTreeMap<String, OfRule>,
}

/// Judges what was said in a run against its truth, up to the last closed day.
pub(crate) fn judge(truth: &Truth, notices: &[Notice], last_closed: Day) -> Report {
    let heard = Heard::new(truth, notices, last_closed);
    let (from, to) = heard.window;
    let shocks: Vec<&Shock> =
        truth.shocks.iter().filter(|shock| shock.onset >= from && shock.onset.plus(WITHIN_DAYS) <= to).collect();
    let meant: Vec<&Shock> = shocks.iter().copied().filter(|shock| is_meant(shock)).collect();
    let leads_of = |shocks: &[&Shock]| -> Vec<i32> {
        shocks.iter().filter_map(|shock| heard.lead_days(shock, |_| true)).collect()
    };
    let mut leads = leads_of(&meant);
    leads.sort_unstable();
    let requests = heard.requests().count();
    let right = |safeguards: bool| heard.requests().filter(|request| heard.is_true(request, safeguards)).count();
    let cases: BTreeSet<_> = heard.requests().map(|request| (request.household, request.case_number)).collect();
    let years = f64::from((to.0 - from.0 + 1).max(0)) / YEAR_DAYS;
    let visits = heard.judged().filter(|notice| notice.asks_visit).count();
    let thousands = f64::from(truth.city.households.max(1)) / 1_000.0;
    Report {
        shocks: shocks.len(),
        shocks_meant: meant.len(),
        requests,
        recall: ratio(leads.len(), meant.len()),
        recall_all: ratio(leads_of(&shocks).len(), shocks.len()),
        precision: ratio(right(true), requests),
        precision_without_safeguards: ratio(right(false), requests),
        visits,
        visits_per_case_year: per_case_year(&heard, visits, years),
        requests_per_1000: if years > 0.0 { requests as f64 / thousands / years } else { 0.0 },
        lead_days_median: at_share(&leads, 50),
        lead_days_p10: at_share(&leads, 10),
        blind_share: ratio(shocks.len() - meant.len(), shocks.len()),
        cases_per_1000: cases.len() as f64 / thousands,
        baselines: Baselines::judge(truth, &heard, &shocks, &meant),
        missed_by_class: classes::missed(&heard, &meant),
        requests_by_rule: classes::rules(&heard),
    }
}

/// Visits per household with a case and year. A household has a case where something is said of one on the days that are
/// judged, and all of these days count for it: a case that opens on the last of them and asks once must not look as if
/// it asked every day.
fn per_case_year(heard: &Heard<'_>, visits: usize, years: f64) -> Option<f64> {
    let with_case: BTreeSet<_> = heard.judged().filter(|one| one.case_number > 0).map(|one| one.household).collect();
    let case_years = with_case.len() as f64 * years;
    (case_years > 0.0).then(|| visits as f64 / case_years)
}

/// Whether a shock is meant to be seen (domain section 8.5).
pub(crate) fn is_meant(shock: &Shock) -> bool {
    let in_time = |day: Option<Day>| day.is_some_and(|day| day <= shock.onset.plus(WITHIN_DAYS));
    in_time(shock.carried) && in_time(shock.known)
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The value at a share (in percent) of sorted values.
fn at_share(sorted: &[i32], percent: usize) -> Option<i32> {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied()
}
