//! What simpler ways of warning would reach (domain section 8.8): warn nobody, warn everybody, warn by lot, rule R01
//! alone. It does not know how the real one does.

use schemas::Day;
use serde::Serialize;

use super::super::truth::{Shock, Truth};
use super::{Heard, WITHIN_DAYS, ratio};

/// The rule that is judged alone.
const ALONE: &str = "R01";

/// How well a way of warning does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Score {
    /// Caught shocks among those that are meant to be seen; none where there is no such shock.
    pub(crate) recall: Option<f64>,
    /// Caught shocks among all.
    pub(crate) recall_all: Option<f64>,
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

impl Baselines {
    /// Judges them.
    pub(super) fn judge(truth: &Truth, heard: &Heard<'_>, shocks: &[&Shock], meant: &[&Shock]) -> Self {
        let base = base_rate(truth, heard.window);
        let part = |shocks: &[&Shock], share: usize| ratio(shocks.len() * share, shocks.len());
        let by_lot = |shocks: &[&Shock]| random_recall(truth, shocks, heard.requests().count(), heard.window);
        let alone = |shocks: &[&Shock]| {
            let caught = shocks.iter().filter(|shock| heard.lead_days(shock, |one| one.rule == ALONE).is_some());
            ratio(caught.count(), shocks.len())
        };
        let of_rule = || heard.requests().filter(|one| one.rule == ALONE);
        let right = of_rule().filter(|one| heard.is_true(one, true)).count();
        Self {
            nobody: Score { recall: part(meant, 0), recall_all: part(shocks, 0), precision: None },
            everybody: Score { recall: part(meant, 1), recall_all: part(shocks, 1), precision: base },
            random: Score { recall: by_lot(meant), recall_all: by_lot(shocks), precision: base },
            r01_alone: Score {
                recall: alone(meant),
                recall_all: alone(shocks),
                precision: ratio(right, of_rule().count()),
            },
        }
    }
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
