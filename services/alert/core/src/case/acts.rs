//! What offices did about a household: verifications, measures, visits, as the case remembers them. It does not know
//! what follows from them.

use schemas::records::{Act, Case, HouseholdState, Incident, Step};
use schemas::{Day, Kind};

use super::Occasion;
use crate::policy::ActCodes;

/// Acts that a case remembers.
const ACTS_MAX: usize = 32;

/// The verdicts that decide.
const CONFIRMED: &str = "confirmed";
const DISMISSED: &str = "dismissed";
const CLEARED: &str = "cleared";
/// What the verdict of the verifiers at the door begins with, where the county decides after them.
const PROPOSED: &str = "proposed_";

/// What was decided about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Confirmed,
    Dismissed,
    Cleared,
}

/// Adds to the acts that a case remembers those that a state tells anew. What was taken back is forgotten.
pub(super) fn remember(acts: &mut Vec<Act>, case: &Case, state: &HouseholdState, codes: &ActCodes, occasion: Occasion) {
    if occasion == Occasion::News && !state.reversed.is_empty() {
        acts.retain(|act| !state.reversed.contains(&act.entry));
    }
    let Some(opened) = case.opened_day.filter(|_| case.step != Step::None) else { return };
    for told in told(state, codes).filter(|told| told.day >= opened) {
        if !acts.iter().any(|act| act.entry == told.entry) {
            // What was done before the visit was asked for belongs to the one before, though it is heard of later.
            let round = case.visit.as_ref().map_or(0, |visit| visit.round - i32::from(told.day < visit.day));
            acts.push(act(told, case.case_number, round));
        }
    }
    bound(acts);
}

/// Marks what is known on the day on which a case opens, so that it does not count for it.
pub(super) fn set_apart(acts: &mut Vec<Act>, state: &HouseholdState, codes: &ActCodes, opened: Day) {
    for told in told(state, codes).filter(|told| told.day >= opened) {
        if !acts.iter().any(|act| act.entry == told.entry) {
            acts.push(act(told, 0, 0));
        }
    }
    bound(acts);
}

fn told<'a>(state: &'a HouseholdState, codes: &ActCodes) -> impl Iterator<Item = &'a Incident> {
    let is_act = |one: &&Incident| one.kind == Kind::Action && is_of(&one.code, codes);
    state.incidents.iter().filter(is_act)
}

fn is_of(code: &str, codes: &ActCodes) -> bool {
    code == codes.verification || code == codes.follow_up || codes.measures.iter().any(|measure| measure == code)
}

fn act(told: &Incident, case_number: i32, round: i32) -> Act {
    let (entry, code, value, cause, day) = (told.entry, told.code.clone(), told.value.clone(), told.cause, told.day);
    Act { entry, case_number, round, code, value, cause, day }
}

fn bound(acts: &mut Vec<Act>) {
    acts.sort_unstable_by_key(|act| (act.day, act.entry));
    acts.drain(..acts.len().saturating_sub(ACTS_MAX));
}

/// What was done since a visit was asked for.
pub(super) struct Done<'a> {
    acts: &'a [Act],
    codes: &'a ActCodes,
    case_number: i32,
    round: i32,
}

impl<'a> Done<'a> {
    pub(super) fn new(acts: &'a [Act], codes: &'a ActCodes, (case_number, round): (i32, i32)) -> Self {
        Self { acts, codes, case_number, round }
    }

    fn of_round(&self) -> impl DoubleEndedIterator<Item = &'a Act> + use<'a> {
        let (case_number, round) = (self.case_number, self.round);
        self.acts.iter().filter(move |act| (act.case_number, act.round) == (case_number, round))
    }

    fn verifications(&self) -> impl DoubleEndedIterator<Item = &'a Act> + use<'a> {
        let verification = &self.codes.verification;
        self.of_round().filter(move |act| act.code == *verification)
    }

    /// The last decision, and its day.
    pub(super) fn decided(&self) -> Option<(Decision, Day)> {
        let decision = |act: &Act| match act.value.as_str() {
            CONFIRMED => Some((Decision::Confirmed, act.day)),
            DISMISSED => Some((Decision::Dismissed, act.day)),
            CLEARED => Some((Decision::Cleared, act.day)),
            _ => None,
        };
        self.verifications().rev().find_map(decision)
    }

    fn of_case(&self) -> impl Iterator<Item = &'a Act> {
        let case_number = self.case_number;
        self.acts.iter().filter(move |act| act.case_number == case_number)
    }

    /// The day of the first confirmation in this case.
    pub(super) fn confirmed(&self) -> Option<Day> {
        let mut acts = self.of_case();
        acts.find(|act| act.code == self.codes.verification && act.value == CONFIRMED).map(|act| act.day)
    }

    /// The day of the first verification at the door; a decision without one stands for both.
    pub(super) fn verified(&self) -> Option<Day> {
        let mut proposed = self.verifications().filter(|act| act.value.starts_with(PROPOSED));
        proposed.next().map(|act| act.day)
    }

    /// The last verification of any kind.
    pub(super) fn last_verification(&self) -> Option<&'a Act> {
        self.verifications().next_back()
    }

    /// Whether the visit was made.
    pub(super) fn is_visited(&self) -> bool {
        self.of_round().any(|act| act.code == self.codes.verification || act.code == self.codes.follow_up)
    }

    /// The day of the first measure.
    pub(super) fn helped(&self) -> Option<Day> {
        let mut measures = self.of_round().filter(|act| self.codes.measures.contains(&act.code));
        measures.next().map(|act| act.day)
    }

    /// Whether a measure was recorded in this case at all.
    pub(super) fn is_helped(&self) -> bool {
        self.of_case().any(|act| self.codes.measures.contains(&act.code))
    }

    /// The day on which the family was last seen to in this case: decided about, helped or visited.
    pub(super) fn seen_to(&self) -> Option<Day> {
        self.of_case().map(|act| act.day).max()
    }
}
