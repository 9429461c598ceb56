//! A rough run against a calm one of the same feeds: what must be the same whatever came between. It knows which
//! differences the order of records from different partitions makes.

use std::collections::{BTreeMap, BTreeSet};

use runtime::memory::Memory;
use schemas::codec;
use schemas::records::{HouseholdState, PROGRESS_KEY};
use schemas::{Hash64, Month, Text};

use crate::audit;
use crate::course::{self, Coming};
use crate::replay::{Latest, all, latest};
use crate::world::Shape;

/// Whether households are merged: then ledgers tell each other of it, and what comes between their words is said one
/// way or another.
fn has_mergers(coming: &[Coming]) -> bool {
    coming.iter().any(|one| matches!(one, Coming::Say(said) if said.lines.iter().any(|line| line.code == "merged")))
}

/// A changelog without what was counted: how often records came is not the same.
fn without_progress(memory: &Memory, topic: &str) -> Latest {
    let mut latest = latest(memory, topic);
    latest.retain(|(_, key), _| key != PROGRESS_KEY.as_bytes());
    latest
}

/// The states by household, less what the order of records from different partitions decides: which came last, and
/// whether months before the horizon went with it.
fn states(memory: &Memory, oldest: Option<Month>) -> BTreeMap<String, HouseholdState> {
    let mut states = BTreeMap::new();
    for value in latest(memory, "households.states").values().filter(|value| codec::is::<HouseholdState>(value)) {
        let mut state: HouseholdState = codec::decode(value).expect("a state");
        (state.source, state.event, state.oldest_month) = (Text::default(), Hash64(0), None);
        state.reversed.clear();
        if let Some(oldest) = oldest {
            let wages = state.members.iter_mut().map(|member| &mut member.wages);
            for months in state.sums.iter_mut().map(|sum| &mut sum.months).chain(wages) {
                months.drop_before(oldest);
            }
            state.sums.retain(|sum| !sum.months.is_empty());
            state.evidence.retain(|one| one.day >= oldest.first_day());
            state.incidents.retain(|one| one.day >= oldest.first_day());
        }
        states.insert(state.household.to_string(), state);
    }
    states
}

/// Whether nothing is known of a household.
fn is_blank(state: &HouseholdState) -> bool {
    let HouseholdState { registered_day, classes, members, provisional_members, statuses, survey, .. } = state;
    let HouseholdState { sums, evidence, incidents, .. } = state;
    let is_nobody = registered_day.is_none() && members.is_empty() && *provisional_members == 0;
    let is_nothing = classes.is_empty() && statuses.is_empty() && survey.is_none() && sums.is_empty();
    is_nobody && is_nothing && evidence.is_empty() && incidents.is_empty()
}

/// What differs in the ledgers and in what they say to households.
fn of_ledgers(calm: &Memory, rough: &Memory) -> Vec<String> {
    let mut faults = Vec::new();
    if without_progress(calm, "subjects.ledger") != without_progress(rough, "subjects.ledger") {
        faults.push("the ledgers are not those of a calm run".to_owned());
    }
    if all(calm, "households.entries") != all(rough, "households.entries") {
        faults.push("the household entries are not those of a calm run".to_owned());
    }
    faults
}

/// What differs; empty where nothing does.
pub(crate) fn differences(calm: &Memory, rough: &Memory, coming: &[Coming], shape: Shape) -> Vec<String> {
    let mut faults = Vec::new();
    if has_mergers(coming) {
        return faults;
    }
    // Real feeds have several partitions each, between which nothing but the seed decides an order.
    if !shape.is_fed {
        faults.extend(of_ledgers(calm, rough));
    }
    // What is patient enough for its original is a matter of the order, where something waits for longer than it may.
    if shape.is_fed && audit::dead_letters(calm, "resolve") > 0 {
        return faults;
    }
    let oldest = fuse_core::oldest_month(course::last_day(coming));
    let (mut expected, mut found) = (states(calm, oldest), states(rough, oldest));
    if shape.is_fed {
        // How many steps led to a picture depends on the order, and which of many expenses were the largest meanwhile; the
        // picture does not. One in which nothing stands any more may never have been drawn.
        for states in [&mut expected, &mut found] {
            for state in states.values_mut() {
                state.number = 0;
                state.evidence.clear();
            }
            states.retain(|_, state| !is_blank(state));
        }
    }
    let houses: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for house in houses.into_iter().filter(|house| expected.get(*house) != found.get(*house)) {
        let (expected, found) = (expected.get(house), found.get(house));
        faults.push(format!("household {house}\n    calm  {expected:?}\n    rough {found:?}"));
    }
    // With one partition of subjects nothing decides an order but the feeds.
    if shape.subject_partitions == 1 && !shape.is_fed {
        for topic in ["households.states", "households.cases"] {
            if without_progress(calm, topic) != without_progress(rough, topic) {
                faults.push(format!("{topic} is not that of a calm run"));
            }
        }
        for topic in ["warnings", "warnings.civil-affairs", "warnings.health-insurance"] {
            if all(calm, topic) != all(rough, topic) {
                faults.push(format!("{topic} is not that of a calm run"));
            }
        }
    }
    faults
}
