//! Conditions: what must be so beside what a rule looks at. It does not know rules.

use schemas::{Class, PersonToken};

use super::events::incidents;
use super::{Verdict, all, is_one_of, see};
use crate::measures::Household;
use crate::policy::Condition;

/// Whether a condition holds for no household of these classes. Where that is not sure by the classes alone it is `false`.
pub(super) fn excludes(condition: &Condition, classes: &[Class]) -> bool {
    match condition {
        Condition::Class(terms) => !terms.iter().any(|term| term.holds(classes)),
        Condition::All(conditions) => conditions.iter().any(|one| excludes(one, classes)),
        Condition::Any(conditions) => conditions.iter().all(|one| excludes(one, classes)),
        _ => false,
    }
}

/// Whether a condition holds; `None` where that is not known. `about` is the member whom an event is about.
pub fn holds(condition: &Condition, household: &Household<'_>, about: Option<PersonToken>) -> Option<bool> {
    let state = household.state;
    match condition {
        Condition::All(conditions) => all(conditions.iter().map(|one| holds(one, household, about))),
        Condition::Any(conditions) => {
            all(conditions.iter().map(|one| holds(one, household, about).map(|held| !held))).map(|none| !none)
        }
        Condition::Not(one) => holds(one, household, about).map(|held| !held),
        Condition::Class(terms) => Some(terms.iter().any(|term| term.holds(&state.classes))),
        Condition::IncomeKnown(known) => Some(household.income_known == *known),
        Condition::Measure(of, compare) => household.compares(household.measure(of)?, compare),
        Condition::MeasureWithoutWage(of, compare) => {
            household.compares(household.measure_without(of, about)?, compare)
        }
        Condition::Sum(amounts, compare) => {
            let reading = household.taken(amounts).to_compare(household.span(amounts.window), [compare]);
            household.compares(reading, compare)
        }
        Condition::Incident { codes, causes, window } => {
            Some(incidents(household, (codes, causes), *window).next().is_some())
        }
        Condition::Finding(rules) => {
            let rules = rules.iter().filter_map(|id| household.policy.rule(id));
            let verdicts = rules.flat_map(|rule| see(rule, household, &[])).map(|seen| match seen.verdict {
                Verdict::Holds(_) => Some(false),
                Verdict::NotMet => Some(true),
                Verdict::Unknown => None,
            });
            all(verdicts).map(|none| !none)
        }
        Condition::MainEarner => Some(about.is_some() && household.main_earner() == about),
        Condition::Status { code, values } => {
            Some(household.statuses(code).any(|status| is_one_of(&status.value, values)))
        }
        Condition::EveryMember { code, values } => {
            let has = |person| {
                household.statuses(code).any(|one| one.person == Some(person) && is_one_of(&one.value, values))
            };
            Some(!state.members.is_empty() && state.members.iter().all(|member| has(member.person)))
        }
    }
}
