//! Compares what a scenario expects with what was found, and shows both side by side. It does not know where the
//! warnings came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;
use schemas::records::{Case, HouseholdState, Warning, WarningKind};
use schemas::{Day, HouseholdCode};

use super::format::{Expectation, Scenario, Text};
use super::names::Names;
use super::variants::Variant;

/// What came of the stories: the warning records, and how states and cases stood on the days that are looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Every warning record, in the order of its topic.
    pub warnings: Vec<Warning>,
    /// States and cases at the end of a day.
    pub seen: BTreeMap<Day, Seen>,
}

/// The latest states and cases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// By household.
    pub states: BTreeMap<HouseholdCode, HouseholdState>,
    /// By household.
    pub cases: BTreeMap<HouseholdCode, Case>,
}

/// What must come where the story is told in one of its ways.
pub(crate) struct Expected {
    /// The warnings.
    pub warnings: Vec<Expectation>,
    /// Whether the file says of this way what it brings on its own.
    pub is_different: bool,
    /// Whether news comes as late as the file says, so that the days before the end are the same too.
    pub is_in_time: bool,
}

impl Expected {
    /// The variant's own expectations, or the story's, as much later as the news may be.
    pub(crate) fn of(scenario: &Scenario, variant: Variant) -> Self {
        let is_in_time = variant.later_days() == 0;
        if let Some(own) = scenario.variants.get(&variant).and_then(|differently| differently.expect.clone()) {
            return Self { warnings: own, is_different: true, is_in_time };
        }
        let later = |one: &Expectation| {
            let by = one.by.0.plus(variant.later_days()).min(scenario.end.0);
            Expectation { by: Text(by), ..one.clone() }
        };
        Self { warnings: scenario.expect.iter().map(later).collect(), is_different: false, is_in_time }
    }
}

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The household's name.
    pub household: String,
    /// What was expected; empty for something that should not be there.
    pub expected: String,
    /// What was found instead.
    pub found: String,
}

/// Every difference between the warnings of a scenario and those that were found; none means that it holds.
pub(crate) fn differences(
    scenario: &Scenario,
    expectations: &Expected,
    names: &Names,
    found: &Found,
) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    // Nobody verifies in most stories: overdue steps are looked at where a story speaks of them.
    let is_of_steps = expectations.warnings.iter().any(|one| one.kind.is(WarningKind::Escalated));
    let relevant: Vec<&Warning> = found
        .warnings
        .iter()
        .filter(|warning| names.name_of(warning.household).is_some())
        .filter(|warning| !scenario.ignore_rules.contains(&warning.rule))
        .filter(|warning| is_of_steps || warning.kind != WarningKind::Escalated)
        // Stories that run together run to the end of the longest.
        .filter(|warning| warning.day <= scenario.end.0)
        .collect();
    let mut taken = vec![false; relevant.len()];
    for expected in &expectations.warnings {
        let household = names.household(&expected.household)?;
        let place =
            (0..relevant.len()).find(|place| !taken[*place] && fits(expected, (household, names), relevant[*place]));
        match place {
            Some(place) => taken[place] = true,
            None => differences.push(Difference {
                household: expected.household.clone(),
                expected: describe_expected(expected),
                found: nearest((expected, household), &relevant, &taken, names),
            }),
        }
    }
    // What a variant brings on its own, it lists to the last record.
    for silence in scenario.silent.iter().filter(|_| !expectations.is_different) {
        let household = names.household(&silence.household)?;
        for warning in relevant.iter().filter(|one| one.household == household && one.rule == silence.rule) {
            differences.push(Difference {
                household: silence.household.clone(),
                expected: format!("{} is silent", silence.rule),
                found: describe(warning, names),
            });
        }
    }
    for (warning, _) in relevant.iter().zip(&taken).filter(|(_, taken)| !**taken) {
        differences.push(Difference {
            household: names.name_of(warning.household).unwrap_or_default().to_owned(),
            expected: String::new(),
            found: describe(warning, names),
        });
    }
    differences.dedup();
    Ok(differences)
}

fn fits(expected: &Expectation, (household, names): (HouseholdCode, &Names), warning: &Warning) -> bool {
    warning.household == household
        && warning.rule == expected.rule
        && expected.kind.is(warning.kind)
        && warning.level.letter() == expected.level
        && expected.value_yuan.is_none_or(|value| value.0 == warning.value_fen)
        && expected.cause.as_deref().is_none_or(|cause| cause == warning.cause.code())
        && warning.day <= expected.by.0
        && expected.not_before.is_none_or(|day| day.0 <= warning.day)
        && expected.occurred.is_none_or(|day| day.0 == warning.occurred_day)
        && expected.visit.is_none_or(|visit| visit == warning.asks_visit)
        && expected.due.is_none_or(|day| Some(day.0) == warning.due_day)
        && expected.verifier.as_ref().is_none_or(|verifier| *verifier == warning.verifier)
        && expected.post.as_ref().is_none_or(|post| *post == warning.post)
        && expected.attached.is_none_or(|attached| attached != warning.attached_to.is_empty())
        && expected.households.as_ref().is_none_or(|households| *households == named_in(warning, names))
        && expected.notes.as_ref().is_none_or(|notes| notes.iter().eq(notes_of(warning)))
        && expected.sentence.as_ref().is_none_or(|sentence| *sentence == warning.sentence_en)
}

/// The households that the warning of a village names.
fn named_in(warning: &Warning, names: &Names) -> BTreeSet<String> {
    warning.attached.iter().map(|code| names.name_of(*code).unwrap_or_default().to_owned()).collect()
}

/// What the verifier is told beside a warning.
fn notes_of(warning: &Warning) -> impl Iterator<Item = &String> {
    warning.notes.iter().map(|note| &note.sentence_en)
}

fn nearest(
    (expected, household): (&Expectation, HouseholdCode),
    found: &[&Warning],
    taken: &[bool],
    names: &Names,
) -> String {
    let free = || found.iter().zip(taken).filter(|(one, taken)| one.household == household && !**taken);
    let same_rule = free().find(|(one, _)| one.rule == expected.rule);
    same_rule.map_or_else(|| "nothing of this rule".to_owned(), |(one, _)| describe(one, names))
}

fn describe_expected(expected: &Expectation) -> String {
    let mut text = format!("{} {} {}", expected.rule, named(&expected.kind), expected.level);
    if let Some(value) = expected.value_yuan {
        let _ = write!(text, " {} yuan", value.0);
    }
    if let Some(cause) = &expected.cause {
        let _ = write!(text, " cause {cause}");
    }
    if let Some(day) = expected.not_before {
        let _ = write!(text, " from {}", day.0);
    }
    let _ = write!(text, " by {}", expected.by.0);
    if let Some(day) = expected.occurred {
        let _ = write!(text, " occurred on {}", day.0);
    }
    if let Some(day) = expected.due {
        let _ = write!(text, " due on {}", day.0);
    }
    for word in [&expected.verifier, &expected.post].into_iter().flatten() {
        let _ = write!(text, " {word}");
    }
    match expected.visit {
        Some(true) => text.push_str(" with a visit"),
        Some(false) => text.push_str(" without a visit"),
        None => {}
    }
    match expected.attached {
        Some(true) => text.push_str(" attached"),
        Some(false) => text.push_str(" not attached"),
        None => {}
    }
    for household in expected.households.iter().flatten() {
        let _ = write!(text, " {household}");
    }
    for said in expected.notes.iter().flatten().chain(&expected.sentence) {
        let _ = write!(text, " `{said}`");
    }
    text
}

fn describe(warning: &Warning, names: &Names) -> String {
    let (rule, kind, level) = (&warning.rule, named(&warning.kind), warning.level.letter());
    let (value, cause, day) = (warning.value_fen, warning.cause.code(), warning.day);
    let occurred = warning.occurred_day;
    let mut text = format!("{rule} {kind} {level} {value} yuan cause {cause} on {day} occurred on {occurred}");
    if let Some(due) = warning.due_day {
        let _ = write!(text, " due on {due}");
    }
    for word in [&warning.verifier, &warning.post].into_iter().filter(|word| !word.is_empty()) {
        let _ = write!(text, " {word}");
    }
    text.push_str(if warning.asks_visit { " with a visit" } else { "" });
    text.push_str(if warning.attached_to.is_empty() { "" } else { " attached" });
    for household in named_in(warning, names) {
        let _ = write!(text, " {household}");
    }
    for said in notes_of(warning).chain([&warning.sentence_en]) {
        let _ = write!(text, " `{said}`");
    }
    text
}

/// The name of a unit variant, as its schema has it.
pub(crate) fn named<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The differences as a table, expected and found side by side.
pub(crate) fn table(differences: &[Difference]) -> String {
    let width = differences.iter().map(|one| one.expected.chars().count()).max().unwrap_or(0).max(8);
    let name = differences.iter().map(|one| one.household.chars().count()).max().unwrap_or(0).max(9);
    let mut text = format!("  {:name$}  {:width$}  {}\n", "household", "expected", "found");
    for one in differences {
        let expected = if one.expected.is_empty() { "-" } else { &one.expected };
        let _ = writeln!(text, "  {:name$}  {expected:width$}  {}", one.household, one.found);
    }
    text
}
