//! Whether a rule of a policy holds for a household, with the figures that decide it. It does not know what was said
//! before: that is the case's business.

use std::collections::BTreeMap;

use schemas::records::{Contribution, HouseholdState, Incident, Status, WarningLevel};
use schemas::{Category, Cause, Day, EntryId, Fen, Kind, Month};

use crate::calendar::{Span, Window};
use crate::measures::{Household, Reading};
use crate::policy::{CauseRule, Comparator, Compare, Condition, Form, LevelRow, Measure, MeasureOf, Rule, Test};

/// Most entries that a finding names.
pub const EVIDENCE_MAX: usize = 8;

/// What a rule says about a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, at this level.
    Holds(WarningLevel),
    /// It does not hold.
    NotMet,
    /// What decides it is not known: nothing begins and nothing ends.
    Unknown,
}

/// One finding of a rule, or the absence of one.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The verdict.
    pub verdict: Verdict,
    /// Its cause.
    pub cause: Cause,
    /// The figures.
    pub figure: Figure,
}

/// The figures of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The window's name; empty for events.
    pub window: String,
    /// How many months it has; 0 for events.
    pub months: i32,
    /// Its last month.
    pub last_month: Month,
    /// The figure.
    pub value: Fen,
    /// What it was compared with.
    pub threshold: Fen,
    /// How far it is on the side that is asked for.
    pub margin: Fen,
    /// What it consists of.
    pub parts: Vec<Contribution>,
    /// The entries behind it.
    pub evidence: Vec<Behind>,
}

/// An entry behind a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The entry.
    pub entry: EntryId,
    /// Its category; `none` for events and surveys.
    pub category: Category,
    /// The day on which it occurred.
    pub day: Day,
    /// Whether it can open a finding. A survey cannot: the same one stands behind every finding of its year.
    pub opens: bool,
}

impl Figure {
    /// The newest entry that can open a finding.
    pub fn newest(&self) -> Option<&Behind> {
        self.evidence.iter().filter(|behind| behind.opens).max_by_key(|behind| (behind.day, behind.entry))
    }
}

/// What a rule says about a household: one finding for a figure; for events one per cause, and none where nothing
/// happened. Sorted by cause.
pub fn see(rule: &Rule, household: &Household<'_>) -> Vec<Seen> {
    if rule.forms.iter().any(|form| form.test.is_event()) {
        return see_events(rule, household);
    }
    let mut best: Option<Seen> = None;
    for form in &rule.forms {
        let Some(seen) = see_figure(rule, form, household) else { continue };
        best = Some(match best {
            None => seen,
            Some(best) if rank(seen.verdict) > rank(best.verdict) => match seen.verdict {
                // What is not known keeps the figures of the form that comes first.
                Verdict::Unknown => Seen { verdict: Verdict::Unknown, ..best },
                _ => seen,
            },
            Some(best) => best,
        });
    }
    best.into_iter().collect()
}

/// The higher, the more of the forms of a rule counts.
fn rank(verdict: Verdict) -> (u8, Option<WarningLevel>) {
    match verdict {
        Verdict::NotMet => (0, None),
        Verdict::Unknown => (1, None),
        Verdict::Holds(level) => (2, Some(level)),
    }
}

/// `None` where there is nobody to share a measure among.
fn see_figure(rule: &Rule, form: &Form, household: &Household<'_>) -> Option<Seen> {
    let reading = match &form.test {
        Test::Sum(amounts) => household.sum(amounts),
        Test::Measure(of) => household.measure(of)?,
        Test::Status { .. } | Test::Incident { .. } => return None,
    };
    let when = form.when.as_ref().map_or(Some(true), |when| holds(when, household));
    let mut verdict = Verdict::NotMet;
    let mut deciding: Option<&LevelRow> = None;
    let mut fallback: Option<&LevelRow> = None;
    for row in &form.levels {
        let row_when = row.when.as_ref().map_or(Some(true), |when| holds(when, household));
        if fallback.is_none() && row_when != Some(false) {
            fallback = Some(row);
        }
        let compares = row.compare.map_or(Some(false), |compare| household.compares(reading, compare));
        let found = match all([when, row_when, compares].into_iter()) {
            Some(true) => Verdict::Holds(row.level),
            Some(false) => Verdict::NotMet,
            None => Verdict::Unknown,
        };
        if rank(found) > rank(verdict) {
            verdict = found;
            deciding = Some(row);
        }
    }
    let compare = deciding.or(fallback).or(form.levels.first()).and_then(|row| row.compare);
    let instead = match &form.test {
        Test::Measure(of) => of.instead.as_ref(),
        _ => None,
    };
    let cause = match &rule.cause {
        CauseRule::Fixed(cause) => *cause,
        CauseRule::LargestExpense => household.largest_expense(instead),
        CauseRule::LargestGap => household.largest_gap(),
        CauseRule::AsReported => Cause::Other,
    };
    Some(Seen { verdict, cause, figure: figure(&form.test, reading, compare, household) })
}

fn figure(test: &Test, reading: Reading, compare: Option<Compare>, household: &Household<'_>) -> Figure {
    let threshold =
        compare.map_or(Fen::ZERO, |compare| household.policy.threshold(compare.threshold, reading.line_year));
    let comparator = compare.map_or(Comparator::Above, |compare| compare.comparator);
    let (window, parts, evidence) = match test {
        Test::Sum(amounts) => (amounts.window, household.parts(amounts, None), spent(household, test)),
        Test::Measure(of) => (measure_window(of, household), measure_parts(of, household), spent(household, test)),
        Test::Status { .. } | Test::Incident { .. } => (Window::Month, Vec::new(), Vec::new()),
    };
    let span = household.span(window);
    Figure {
        window: window.name(),
        months: span.last.since(span.first) + 1,
        last_month: span.last,
        value: reading.value,
        threshold,
        margin: comparator.margin(reading.value, threshold),
        parts,
        evidence,
    }
}

/// The window that a reader is told: of a measure with spending the one of its spending.
fn measure_window(of: &MeasureOf, household: &Household<'_>) -> Window {
    match (of.measure, &of.instead) {
        (Measure::NetPc, _) => household.policy.net_income.window,
        (_, Some(instead)) => instead.window,
        (_, None) => household.policy.rigid_net.window,
    }
}

/// What a measure consists of, with the sign with which it goes into the figure.
fn measure_parts(of: &MeasureOf, household: &Household<'_>) -> Vec<Contribution> {
    let rigid = || household.parts(&household.policy.rigid_net, of.instead.as_ref());
    let mut parts = match of.measure {
        Measure::NetPc => household.income_parts(),
        Measure::RigidNet => rigid(),
        Measure::RefPc => {
            let negated = rigid().into_iter();
            let negated = negated.map(|part| Contribution { amount_fen: Fen::ZERO.minus(part.amount_fen), ..part });
            household.income_parts().into_iter().chain(negated).collect()
        }
    };
    parts.sort_unstable_by_key(|part| (part.category, part.cause));
    parts
}

/// The entries behind a figure.
fn spent(household: &Household<'_>, test: &Test) -> Vec<Behind> {
    let (amounts, with_survey) = match test {
        Test::Sum(amounts) => (Some(amounts), false),
        Test::Measure(MeasureOf { measure: Measure::NetPc, .. }) => (None, true),
        Test::Measure(of) => (Some(&household.policy.rigid_net), of.measure == Measure::RefPc),
        Test::Status { .. } | Test::Incident { .. } => (None, false),
    };
    let rows = amounts.map(|amounts| household.evidence(amounts)).unwrap_or_default();
    let mut behind: Vec<Behind> = rows
        .into_iter()
        .map(|row| Behind { entry: row.entry, category: row.category, day: row.day, opens: true })
        .take(EVIDENCE_MAX)
        .collect();
    if let Some((entry, survey)) = household.survey_entry().zip(household.state.survey.as_ref()).filter(|_| with_survey)
    {
        behind.truncate(EVIDENCE_MAX - 1);
        behind.push(Behind { entry, category: Category::None, day: survey.day, opens: false });
    }
    behind
}

/// Findings of events: what happened or holds, by cause.
fn see_events(rule: &Rule, household: &Household<'_>) -> Vec<Seen> {
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
            Seen { verdict, cause, figure: event_figure(month, evidence) }
        })
        .collect()
}

/// An event has no figure.
pub fn event_figure(last_month: Month, evidence: Vec<Behind>) -> Figure {
    let (value, threshold, margin) = (Fen::ZERO, Fen::ZERO, Fen::ZERO);
    Figure { window: String::new(), months: 0, last_month, value, threshold, margin, parts: Vec::new(), evidence }
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

fn statuses<'a>(state: &'a HouseholdState, code: &str) -> impl Iterator<Item = &'a Status> {
    state.statuses.iter().filter(move |status| status.code == code)
}

fn incidents<'a>(state: &'a HouseholdState, codes: &[String], span: Span) -> impl Iterator<Item = &'a Incident> {
    let is_it = move |one: &&Incident| {
        one.kind == Kind::Incident && is_one_of(&one.code, codes) && span.contains(one.day.month())
    };
    state.incidents.iter().filter(is_it)
}

/// An empty list names everything.
fn is_one_of(value: &str, list: &[String]) -> bool {
    list.is_empty() || list.iter().any(|one| one == value)
}

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

/// All of them: false where one is, not known where one is not known and none is false.
fn all(values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for value in values {
        match value {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}
