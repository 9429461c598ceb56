//! Conditions: what must be so beside what a rule looks at. It does not know rules.

use super::events::{incidents, statuses};
use super::{all, is_one_of};
use crate::measures::Household;
use crate::policy::Condition;

/// Whether a condition holds; `None` where that is not known.
pub fn holds(condition: &Condition, household: &Household<'_>) -> Option<bool> {
    let state = household.state;
    match condition {
        Condition::All(conditions) => all(conditions.iter().map(|one| holds(one, household))),
        Condition::Any(conditions) => {
            all(conditions.iter().map(|one| holds(one, household).map(|held| !held))).map(|none| !none)
        }
        Condition::Not(one) => holds(one, household).map(|held| !held),
        Condition::Class(terms) => Some(terms.iter().any(|term| term.holds(&state.classes))),
        Condition::IncomeKnown(known) => Some(household.income_known == *known),
        Condition::Measure(of, compare) => household.compares(household.measure(of)?, *compare),
        Condition::Sum(amounts, compare) => household.compares(household.sum(amounts), *compare),
        Condition::Incident { codes, window } => {
            Some(incidents(state, codes, household.span(*window)).next().is_some())
        }
        Condition::Status { code, values } => {
            Some(statuses(state, code).any(|status| is_one_of(&status.value, values)))
        }
    }
}
