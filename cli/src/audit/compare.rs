//! Compares what two runs say: warnings by id and content, states and open cases as invariant 1 promises them. It does
//! not know where either comes from.

use std::collections::{BTreeMap, BTreeSet};

use schemas::HouseholdCode;
use schemas::records::{Case, HouseholdState, Step};
use schemas::{Cause, Hash64};

/// Warning records by their id, each in the bytes of its topic.
pub(crate) type Warnings = BTreeMap<String, Vec<u8>>;

/// How many keys differ between two maps: in one only, or with another value.
pub(crate) fn different<K: Ord, V: PartialEq>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> usize {
    let missing_or_other = one.iter().filter(|(key, value)| other.get(key) != Some(value)).count();
    missing_or_other + other.keys().filter(|key| !one.contains_key(key)).count()
}

/// The keys that differ.
pub(super) fn keys_that_differ<K: Ord + Copy, V: PartialEq>(
    one: &BTreeMap<K, V>,
    other: &BTreeMap<K, V>,
) -> BTreeSet<K> {
    let keys = one.keys().chain(other.keys()).copied();
    keys.filter(|key| one.get(key) != other.get(key)).collect()
}

/// A state less its numbering and evidence: what two interleavings of the feeds must agree on.
pub(crate) fn picture(mut state: HouseholdState) -> HouseholdState {
    state.number = 0;
    // By when it was touched.
    state.oldest_month = None;
    state.event = Hash64(0);
    state.source = schemas::Text::default();
    state.reversed.clear();
    state.evidence.clear();
    state
}

/// What two interleavings must agree on about a case: step, causes, level. None where no case is open.
pub(crate) type OpenCase = (Step, Vec<Cause>, Option<&'static str>);

/// The open case of a household, if it has one.
pub(crate) fn open_case(case: &Case) -> Option<OpenCase> {
    let is_open = !matches!(case.step, Step::None | Step::Cleared);
    is_open.then(|| (case.step, case.causes.clone(), case.level.map(schemas::records::WarningLevel::letter)))
}

/// An open case for the operator, as `Verifying H for [Medical]`, or `none`.
pub(super) fn in_words(case: Option<&OpenCase>) -> String {
    let Some((step, causes, level)) = case else { return "none".to_owned() };
    format!("{step:?} {} for {causes:?}", level.unwrap_or("without a level"))
}

/// The pictures of many households.
pub(crate) fn pictures(states: Vec<HouseholdState>) -> BTreeMap<HouseholdCode, HouseholdState> {
    states.into_iter().map(|state| (state.household, picture(state))).collect()
}

/// The open cases of many households.
pub(crate) fn open_cases(cases: &[Case]) -> BTreeMap<HouseholdCode, OpenCase> {
    cases.iter().filter_map(|case| Some((case.household, open_case(case)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_key_missing_on_either_side_or_another_value() {
        let one = BTreeMap::from([(1, "a"), (2, "b"), (3, "c")]);
        for (other, expected) in [
            (BTreeMap::from([(1, "a"), (2, "b"), (3, "c")]), 0),
            (BTreeMap::from([(1, "a"), (2, "x"), (3, "c")]), 1),
            (BTreeMap::from([(1, "a"), (2, "b")]), 1),
            (BTreeMap::from([(1, "a"), (2, "b"), (3, "c"), (4, "d")]), 1),
            (BTreeMap::new(), 3),
        ] {
            assert_eq!(different(&one, &other), expected, "{other:?}");
        }
    }
}
