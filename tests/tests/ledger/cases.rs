//! What two ways to the same state must agree on about cases. A rule of which it is not known whether it holds keeps what
//! it found before, so that its findings may depend on what came before; all others must not. It does not know the rules.

use std::collections::{BTreeMap, BTreeSet};

use schemas::Cause;
use schemas::records::Step;

use crate::history::{House, house_name};

/// The cases by household.
pub(crate) type Cases = BTreeMap<House, Sight>;

/// The case of a household.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Step, causes and level, where a case is open.
    pub(crate) open: Option<(Step, Vec<Cause>, Option<&'static str>)>,
    /// What holds: rules with their causes.
    pub(crate) findings: BTreeSet<(String, Cause)>,
    /// Rules of which it is not known whether they hold.
    pub(crate) undecided: BTreeSet<String>,
    /// Whether an office has acted on it: then the step tells on which side of the act news came, which an order of
    /// arrival decides.
    pub(crate) is_acted_on: bool,
}

/// What differs; empty where nothing does.
pub(crate) fn differences(expected: &Cases, found: &Cases) -> String {
    let nothing = Sight::default();
    let houses: BTreeSet<House> = expected.keys().chain(found.keys()).copied().collect();
    let mut out = Vec::new();
    for house in houses {
        let (one, other) = (expected.get(&house).unwrap_or(&nothing), found.get(&house).unwrap_or(&nothing));
        let undecided: BTreeSet<&String> = one.undecided.union(&other.undecided).collect();
        let decided = |sight: &Sight| -> Vec<(String, Cause)> {
            sight.findings.iter().filter(|(rule, _)| !undecided.contains(rule)).cloned().collect()
        };
        let is_whole = undecided.is_empty() && !one.is_acted_on && !other.is_acted_on;
        let is_same = if is_whole { one == other } else { decided(one) == decided(other) };
        if !is_same {
            let name = house_name(house);
            out.push(format!("household {name}, case:\n    expected {one:?}\n    found    {other:?}"));
        }
    }
    out.join("\n  ")
}
