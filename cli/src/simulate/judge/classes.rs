//! Where a judgement's misses and false requests lie: misses by what happened and why nobody asked in time, false
//! requests by rule. It does not know how good or bad that is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::account::EFFECT_DAYS;
use super::super::truth::Shock;
use super::{Heard, WITHIN_DAYS};

/// A class of misses, with its share among all misses.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Missed {
    /// How many shocks that were meant to be seen and were not caught.
    pub(crate) count: usize,
    /// Their share among all of those.
    pub(crate) share: f64,
}

/// The requests of a rule, with their share among all false ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct OfRule {
    /// How many requests.
    pub(crate) requests: usize,
    /// How many of them were about a household that was neither below the line nor without a safeguard.
    pub(crate) false_requests: usize,
    /// The share of those among the false requests of all rules.
    pub(crate) share: f64,
}

/// Why a shock was not caught; the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// A request came in time, of a cause that does not fit.
    WrongCause,
    /// A request of a cause that fits came after the 30 days, within 6 months.
    TooLate,
    /// A request of a cause that fits was there already when it happened, and nothing was said anew.
    StoodAlready,
    /// Only a signal came in time.
    SignalOnly,
    /// Nothing came.
    NoRequest,
}

impl Why {
    fn word(self) -> &'static str {
        match self {
            Self::WrongCause => "wrong_cause",
            Self::TooLate => "too_late",
            Self::StoodAlready => "stood_already",
            Self::SignalOnly => "signal_only",
            Self::NoRequest => "no_request",
        }
    }
}

/// The shocks that were not caught, by kind and reason, such as `job_loss/signal_only`.
pub(super) fn missed(heard: &Heard<'_>, meant: &[&Shock]) -> BTreeMap<String, Missed> {
    let mut classes: BTreeMap<String, Missed> = BTreeMap::new();
    let missed = meant.iter().filter(|shock| heard.lead_days(shock, |_| true).is_none());
    for shock in missed {
        classes.entry(format!("{}/{}", shock.kind, why(heard, shock).word())).or_default().count += 1;
    }
    let all: usize = classes.values().map(|class| class.count).sum();
    for class in classes.values_mut() {
        class.share = class.count as f64 / all as f64;
    }
    classes
}

fn why(heard: &Heard<'_>, shock: &Shock) -> Why {
    let (from, to) = (shock.day, shock.onset.plus(WITHIN_DAYS));
    let fits = |one: &super::Notice| shock.causes.contains(&one.cause);
    let later = (to.plus(1), shock.onset.plus(EFFECT_DAYS));
    if heard.first(shock, (from, to), super::Notice::is_request).is_some() {
        Why::WrongCause
    } else if heard.first(shock, later, |one| one.is_request() && fits(one)).is_some() {
        Why::TooLate
    } else if heard.stands(shock.household, from, fits) {
        Why::StoodAlready
    } else if heard.first(shock, (from, to), super::Notice::is_new).is_some() {
        Why::SignalOnly
    } else {
        Why::NoRequest
    }
}

/// The requests of each rule.
pub(super) fn rules(heard: &Heard<'_>) -> BTreeMap<String, OfRule> {
    let mut rules: BTreeMap<String, OfRule> = BTreeMap::new();
    for request in heard.requests() {
        let rule = rules.entry(request.rule.clone()).or_default();
        rule.requests += 1;
        rule.false_requests += usize::from(!heard.is_true(request, true));
    }
    let all: usize = rules.values().map(|rule| rule.false_requests).sum();
    for rule in rules.values_mut().filter(|rule| rule.false_requests > 0) {
        rule.share = rule.false_requests as f64 / all as f64;
    }
    rules
}
