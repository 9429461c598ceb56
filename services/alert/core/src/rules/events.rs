//! Findings of events: what happened and which facts hold, by cause. It does not know figures.

use std::collections::BTreeMap;

use schemas::records::{HouseholdState, Incident, Status};
use schemas::{Category, Cause, Kind};

use super::{Behind, EVIDENCE_MAX, Seen, Verdict, all, event_figure, holds, is_one_of, rank};
use crate::calendar::Span;
use crate::measures::Household;
use crate::policy::{CauseRule, Rule, Test};

/// Findings of events: what happened or holds, by cause.
pub(super) fn see_events(rule: &Rule, household: &Household<'_>) -> Vec<Seen> {
    let mut by_cause: BTreeMap<Cause, (Verdict, Vec<Behind>)> = BTreeMap::new();
    for form in &rule.forms {
        let when = form.when.as_ref().map_or(Some(true), |when| holds(when, household));
        for (cause, value, behind) in events(&form.test, household) {
            let cause = if let CauseRule::Fixed(fixed) = rule.cause { fixed } else { cause };
            let mut verdict = Verdict::NotMet;
            for row in form.levels.iter().filter(|row| is_one_of(value, &row.values)) {
                let row_when = row.when.as_ref().map_or(Some(true), |when| holds(when, household));
                let found = match all([when, row_when].into_iter()) {
                    Some(true) => Verdict::Holds(row.level),
                    Some(false) => Verdict::NotMet,
                    None => Verdict::Unknown,
                };
                if rank(found) > rank(verdict) {
                    verdict = found;
                }
            }
            if verdict == Verdict::NotMet {
                continue;
            }
            let entry = by_cause.entry(cause).or_insert((verdict, Vec::new()));
            if rank(verdict) > rank(entry.0) {
                entry.0 = verdict;
            }
            entry.1.push(behind);
        }
    }
    let month = household.calendar.day.month();
    by_cause
        .into_iter()
        .map(|(cause, (verdict, mut evidence))| {
            evidence.sort_unstable_by_key(|behind| (std::cmp::Reverse(behind.day), behind.entry));
            evidence.truncate(EVIDENCE_MAX);
            Seen { verdict, cause, month: None, figure: event_figure(month, evidence) }
        })
        .collect()
}

/// Everything that a form of events looks at: cause, value, entry.
fn events<'a>(test: &Test, household: &Household<'a>) -> Vec<(Cause, &'a str, Behind)> {
    let behind = |entry, day| Behind { entry, category: Category::None, day, opens: true };
    match test {
        Test::Status { code } => statuses(household.state, code)
            .map(|status| (status.cause, status.value.as_str(), behind(status.entry, status.day)))
            .collect(),
        Test::Incident { codes, window } => incidents(household.state, codes, household.span(*window))
            .map(|one| (one.cause, one.value.as_str(), behind(one.entry, one.day)))
            .collect(),
        Test::Sum(_) | Test::Measure(_) => Vec::new(),
    }
}

pub(super) fn statuses<'a>(state: &'a HouseholdState, code: &str) -> impl Iterator<Item = &'a Status> {
    state.statuses.iter().filter(move |status| status.code == code)
}

pub(super) fn incidents<'a>(
    state: &'a HouseholdState,
    codes: &[String],
    span: Span,
) -> impl Iterator<Item = &'a Incident> {
    let is_it = move |one: &&Incident| {
        one.kind == Kind::Incident && is_one_of(&one.code, codes) && span.contains(one.day.month())
    };
    state.incidents.iter().filter(is_it)
}
