//! What a history says of its households beside warnings: their classes, villages, and what verifiers found at the door.
//! It knows no policy.

use std::collections::BTreeMap;

use schemas::id::Village;
use schemas::records::HouseholdState;
use schemas::{Class, Day, EntryId, HouseholdCode, Kind};

/// The action that says what a verifier found.
const VERIFICATION: &str = "verification_result";
/// What it says when the clue was right.
const CONFIRMED: &str = "confirmed";

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    households: BTreeMap<HouseholdCode, Household>,
    /// How many households each village has.
    pub(super) villages: BTreeMap<Village, usize>,
}

#[derive(Debug, Default)]
struct Household {
    /// From which state number on which classes.
    classes: Vec<(i64, Vec<Class>)>,
    verdicts: BTreeMap<EntryId, Verdict>,
}

/// What a verifier found at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Verdict {
    /// When.
    pub(super) day: Day,
    /// Whether the clue was right.
    pub(super) is_confirmed: bool,
}

impl Known {
    /// Takes the next state of a household.
    pub(super) fn learn(&mut self, state: &HouseholdState) {
        let villages = &mut self.villages;
        let household = self.households.entry(state.household).or_insert_with(|| {
            *villages.entry(state.household.village()).or_default() += 1;
            Household::default()
        });
        if household.classes.last().is_none_or(|(_, classes)| *classes != state.classes) {
            household.classes.push((state.number, state.classes.clone()));
        }
        for entry in &state.reversed {
            household.verdicts.remove(entry);
        }
        let actions = state.incidents.iter().filter(|one| one.kind == Kind::Action && one.code == VERIFICATION);
        for action in actions {
            let verdict = Verdict { day: action.day, is_confirmed: action.value == CONFIRMED };
            household.verdicts.insert(action.entry, verdict);
        }
    }

    /// How many households there are.
    pub(super) fn count(&self) -> usize {
        self.households.len()
    }

    /// The classes of a household as they were in a state.
    pub(super) fn classes(&self, household: HouseholdCode, state_number: i64) -> &[Class] {
        let all = self.households.get(&household).map_or(&[][..], |household| &household.classes);
        let at = all.iter().rev().find(|(number, _)| *number <= state_number);
        at.map_or(&[][..], |(_, classes)| classes)
    }

    /// What was found first at the door from a day on, at most so many days later.
    pub(super) fn verdict(&self, household: HouseholdCode, from: Day, within_days: i32) -> Option<Verdict> {
        let all = self.households.get(&household)?.verdicts.values();
        all.filter(|verdict| verdict.day >= from && verdict.day <= from.plus(within_days)).min().copied()
    }

    /// Whether anything was ever found at a door.
    pub(super) fn has_verdicts(&self) -> bool {
        self.households.values().any(|household| !household.verdicts.is_empty())
    }
}
