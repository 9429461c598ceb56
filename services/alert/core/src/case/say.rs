//! Writes a warning: the whole of it, and what each department is told. A department sees the categories that the
//! policy gives it and the action that it is asked for, nothing else.

use std::collections::BTreeSet;

use schemas::records::{Case, Contribution, Note, Step, Warning, WarningKind, WarningLevel};
use schemas::{Category, Cause, Day, Fen, Office};

use super::findings::Change;
use super::{Part, Said};
use crate::calendar::Window;
use crate::identity::{record_id, step_entry, warning_id};
use crate::measures::{Household, categories};
use crate::policy::{Policy, Rule};
use crate::rules::{Figure, event_figure, is_noted};
use crate::wording::{Figures, Language, Wording};

pub(super) fn say(household: &Household<'_>, change: &Change<'_>, next: &Case, case_number: i32) -> Said {
    let figure_parts = change.figure.parts(household);
    let warning = whole(household, (change, &figure_parts), next, case_number);
    // What is attached to the village's warning is not sent one by one.
    let rule = change.rule.filter(|_| change.attached_to.is_empty());
    let parts = rule
        .map(|rule| parts(household.policy, (rule, next.step), (change, &figure_parts), &warning))
        .unwrap_or_default();
    Said { warning, parts, is_member_gone: change.is_member_gone }
}

/// Whether the warning says that something holds, not that it has ended.
pub(super) const fn is_live(kind: WarningKind) -> bool {
    matches!(kind, WarningKind::Raised | WarningKind::Updated | WarningKind::Escalated)
}

fn whole(
    household: &Household<'_>,
    (change, parts): (&Change<'_>, &[Contribution]),
    next: &Case,
    case_number: i32,
) -> Warning {
    let Change { kind, finding, figure, rule, asks_visit, is_member_gone, attached_to } = change;
    let (state, policy, day) = (household.state, household.policy, household.calendar.day);
    let is_request = is_live(*kind) && finding.level.is_request();
    let text =
        |text: fn(&Rule) -> &str| rule.filter(|_| is_request).map_or_else(String::new, |rule| text(rule).to_owned());
    let action = text(|rule| &rule.action);
    let message = rule.map_or("", |rule| rule.village_message.as_str());
    let ended = said_of_end(policy, (*kind, next.step), *is_member_gone);
    let (sentence_zh, sentence_en) = sentences(policy, ended.unwrap_or(message), &figures(figure, &action));
    Warning {
        warning_id: finding.warning_id.clone(),
        record_id: record_id(&finding.warning_id, *kind, state.number, day),
        kind: *kind,
        household: state.household,
        case_number,
        rule: finding.rule.to_string(),
        policy: policy.label.clone(),
        cause: finding.cause,
        level: finding.level,
        window: figure.window.map(Window::name).unwrap_or_default(),
        month: finding.month,
        value_fen: figure.value,
        threshold_fen: figure.threshold,
        margin_fen: figure.margin,
        day,
        occurred_day: occurred_day(figure, day),
        state_number: state.number,
        contributions: parts.to_vec(),
        evidence: figure.evidence.iter().map(|behind| behind.entry).collect(),
        verifier: text(|rule| &rule.verifier),
        departments: rule.map(|rule| rule.goes_to.keys().cloned().collect()).unwrap_or_default(),
        notes: if is_request { notes(household, &figures(figure, &action)) } else { Vec::new() },
        action,
        sentence_zh,
        sentence_en,
        asks_visit: *asks_visit,
        round: if finding.level.is_request() { next.round() } else { 0 },
        due_day: next.due_day.filter(|_| *asks_visit),
        post: if is_request { post(household, next.office) } else { String::new() },
        attached_to: attached_to.clone(),
        attached: Vec::new(),
    }
}

/// Who holds what an office is asked for.
fn post(household: &Household<'_>, office: Option<Office>) -> String {
    let (posts, code) = (&household.policy.posts, household.state.household);
    office.and_then(|office| posts.of(code, office, household.calendar.day)).unwrap_or_default()
}

/// That a step is overdue, to the office that holds it from then on.
pub(super) fn escalation(household: &Household<'_>, case: &Case, action: &str) -> Said {
    let (state, policy, day) = (household.state, household.policy, household.calendar.day);
    let (course, round) = (&policy.course, case.round());
    let opening = step_entry(state.household, round, step_name(case.step));
    let (kind, id) = (WarningKind::Escalated, warning_id(state.household, &course.overdue_rule, opening));
    let nothing = event_figure(day.month(), Vec::new());
    let (sentence_zh, sentence_en) = sentences(policy, &course.overdue, &figures(&nothing, action));
    let office = case.office.map_or("", Office::name);
    let department = policy.departments.contains_key(office).then(|| office.to_owned());
    let warning = Warning {
        record_id: record_id(&id, kind, state.number, day),
        warning_id: id,
        kind,
        household: state.household,
        case_number: case.case_number,
        rule: course.overdue_rule.clone(),
        policy: policy.label.clone(),
        cause: case.causes.first().copied().unwrap_or(Cause::Other),
        level: case.level.unwrap_or(WarningLevel::Medium),
        window: String::new(),
        month: None,
        value_fen: Fen::ZERO,
        threshold_fen: Fen::ZERO,
        margin_fen: Fen::ZERO,
        day,
        occurred_day: case.step_day.unwrap_or(day),
        state_number: state.number,
        contributions: Vec::new(),
        evidence: Vec::new(),
        verifier: office.to_owned(),
        departments: department.iter().cloned().collect(),
        action: action.to_owned(),
        sentence_zh,
        sentence_en,
        notes: Vec::new(),
        asks_visit: false,
        round,
        due_day: case.due_day,
        post: post(household, case.office),
        attached_to: String::new(),
        attached: Vec::new(),
    };
    let part = department.map(|department| Part { department, warning: warning.clone() });
    Said { warning, parts: part.into_iter().collect(), is_member_gone: false }
}

const fn step_name(step: Step) -> &'static str {
    match step {
        Step::None => "none",
        Step::Raised => "raised",
        Step::Verifying => "verifying",
        Step::Confirmed => "confirmed",
        Step::Dismissed => "dismissed",
        Step::Assisted => "assisted",
        Step::Cleared => "cleared",
    }
}

/// The day on which the newest entry behind a figure occurred; without one, the last day of its window, as far as it
/// has come.
fn occurred_day(figure: &Figure<'_>, day: Day) -> Day {
    figure.newest().map_or_else(|| figure.last_month.last_day().min(day), |behind| behind.day)
}

/// What the verifier of a request is told beside it.
fn notes(household: &Household<'_>, figures: &Figures) -> Vec<Note> {
    let policy = household.policy;
    let say = |note: &crate::policy::Note| Note {
        rule: note.rule.clone(),
        sentence_zh: policy.wording.sentence(Language::Chinese, &note.message, figures),
        sentence_en: policy.wording.sentence(Language::English, &note.message, figures),
    };
    policy.notes.iter().filter(|note| is_noted(note, household)).map(say).collect()
}

fn figures(figure: &Figure<'_>, action: &str) -> Figures {
    Figures {
        value: figure.value,
        threshold: figure.threshold,
        margin: figure.margin,
        months: figure.months,
        month: figure.last_month,
        action: action.to_owned(),
    }
}

/// The message of what ends; none of what holds, which the rule says.
fn said_of_end(policy: &Policy, (kind, step): (WarningKind, Step), is_member_gone: bool) -> Option<&str> {
    match kind {
        WarningKind::Raised | WarningKind::Updated | WarningKind::Escalated => None,
        WarningKind::NoLongerMet => Some(&policy.no_longer_met),
        WarningKind::Closed if step == Step::Dismissed => Some(&policy.course.dismissed),
        WarningKind::Closed => Some(&policy.course.cleared),
        WarningKind::Withdrawn if is_member_gone => Some(&policy.member_gone),
        WarningKind::Withdrawn => Some(&policy.withdrawn),
    }
}

fn sentences(policy: &Policy, message: &str, figures: &Figures) -> (String, String) {
    let wording: &Wording = &policy.wording;
    let say = |language| wording.sentence(language, message, figures);
    (say(Language::Chinese), say(Language::English))
}

fn parts(
    policy: &Policy,
    (rule, step): (&Rule, Step),
    change: (&Change<'_>, &[Contribution]),
    whole: &Warning,
) -> Vec<Part> {
    let nothing = BTreeSet::new();
    let part = |(department, action): (&String, &String)| {
        let seen = policy.departments.get(department).unwrap_or(&nothing);
        Part {
            department: department.clone(),
            warning: limited(policy, (rule, step), change, whole, (department, action, seen)),
        }
    };
    rule.goes_to.iter().map(part).collect()
}

/// What a department is told. Where the figure has categories that it may not see, the figure is its own part alone,
/// and there is no threshold: that one is of the whole.
fn limited(
    policy: &Policy,
    (rule, step): (&Rule, Step),
    (change, of_whole): (&Change<'_>, &[Contribution]),
    whole: &Warning,
    (department, action, seen): (&str, &str, &BTreeSet<Category>),
) -> Warning {
    let figure = &change.figure;
    let is_whole = categories(of_whole).is_subset(seen);
    let parts: Vec<Contribution> = of_whole.iter().filter(|part| seen.contains(&part.category)).cloned().collect();
    let evidence: Vec<_> =
        figure.evidence.iter().filter(|behind| is_whole || seen.contains(&behind.category)).copied().collect();
    let own = if is_whole {
        Figure { evidence, ..figure.clone() }
    } else {
        let value = parts.iter().fold(Fen::ZERO, |sum, part| sum.plus(part.amount_fen));
        Figure { value, threshold: Fen::ZERO, margin: Fen::ZERO, evidence, ..figure.clone() }
    };
    let asked = if is_live(change.kind) { action } else { "" };
    let has_part = !parts.is_empty() || of_whole.is_empty();
    let message = if has_part { &rule.department_message } else { &policy.no_part };
    let ended = said_of_end(policy, (change.kind, step), change.is_member_gone);
    let (sentence_zh, sentence_en) = sentences(policy, ended.unwrap_or(message), &figures(&own, asked));
    Warning {
        value_fen: own.value,
        threshold_fen: own.threshold,
        margin_fen: own.margin,
        evidence: own.evidence.iter().map(|behind| behind.entry).collect(),
        contributions: parts,
        verifier: String::new(),
        notes: Vec::new(),
        post: String::new(),
        departments: vec![department.to_owned()],
        action: asked.to_owned(),
        sentence_zh,
        sentence_en,
        ..whole.clone()
    }
}
