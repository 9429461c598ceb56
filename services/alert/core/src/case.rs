//! One case per household: what a rule says now against what was said before gives findings that begin, change and end,
//! a case that opens and closes, and the warnings that say so. It knows no rule by name and reads no clock.

mod say;

use std::collections::BTreeMap;

use schemas::records::{Case, Finding, HouseholdState, Step, Warning, WarningKind, WarningLevel};
use schemas::{Cause, Day, EntryId, HouseholdCode, Month};

use crate::calendar::{Now, Window};
use crate::identity::{month_entry, warning_id};
use crate::measures::Household;
use crate::policy::{Policy, Rule};
use crate::rules::{Figure, Seen, Verdict, event_figure, next_due, see};

/// Why a household is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A new state of it came.
    News,
    /// The calendar went on, or another policy holds: its state is the one that was there before.
    Calendar,
}

/// What an evaluation came to.
#[derive(Debug)]
pub struct Outcome {
    /// The household's case, where it changed.
    pub case: Option<Case>,
    /// What is said: what ends, then the rest, each in the order of the rules.
    pub said: Vec<Said>,
    /// Whether the household's income is known.
    pub income_known: bool,
    /// The next day on which it is to be looked at without any news: a rule counts days until then.
    pub next_due: Option<Day>,
    /// The rules that stand still for the household, and why.
    pub standing_still: Vec<(String, Why)>,
}

/// Why a rule stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A feed that it needs is silent in the county.
    SilentFeed,
    /// What decides it is not known of the household, such as its income.
    NotKnown,
}

/// A warning, whole and in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// All of it.
    pub warning: Warning,
    /// What each department is told.
    pub parts: Vec<Part>,
}

/// What one department is told: its own categories and the action that it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The department.
    pub department: String,
    /// Its part of the warning.
    pub warning: Warning,
}

/// What happened to a finding.
struct Change<'a> {
    kind: WarningKind,
    finding: Finding,
    figure: Figure,
    /// The rule; none where the policy has it no longer.
    rule: Option<&'a Rule>,
}

/// By what findings are told apart: the rule, for rules of events the cause, and where each month is looked at by
/// itself the month.
type Key = (String, Option<Cause>, Option<Month>);

/// Decides what holds for a household and what is said about it.
///
/// The same state, case, policy and calendar give the same outcome; a second evaluation right after gives nothing more.
/// A state that is older than one that was evaluated already changes nothing.
pub fn evaluate<'a>(
    state: &'a HouseholdState,
    case: Option<&Case>,
    policy: &'a Policy,
    now: impl Into<Now<'a>>,
    occasion: Occasion,
) -> Outcome {
    let household = Household::new(state, policy, now);
    let calendar = household.calendar;
    let income_known = household.income_known;
    if case.is_some_and(|case| case.state_number > state.number) {
        let (next_due, standing_still) = (next_due(&household, calendar.day.plus(1)), Vec::new());
        return Outcome { case: None, said: Vec::new(), income_known, next_due, standing_still };
    }
    let (sights, standing_still) = look(&household, case);
    let (findings, changes) = compare(&household, &sights, case, occasion);
    let next = next_case(state.household, case, findings);
    let number = case_number(case, &next);
    let say = |change: &Change<'_>| say::say(&household, change, number);
    let said = changes.iter().map(say).collect();
    let has_changed = match case {
        Some(case) => !is_same(case, &next),
        None => !next.findings.is_empty(),
    };
    let case = has_changed.then(|| Case {
        number: case.map_or(0, |case| case.number) + 1,
        opened_day: if next.opened { Some(calendar.day) } else { case.and_then(|case| case.opened_day) },
        state_number: state.number,
        evaluated_day: calendar.day,
        household: state.household,
        case_number: next.case_number,
        step: next.step,
        level: next.findings.iter().map(|finding| finding.level).max(),
        causes: causes(&next.findings),
        findings: next.findings,
    });
    let next_due = next_due(&household, calendar.day.plus(1));
    Outcome { case, said, income_known, next_due, standing_still }
}

/// What the rules say about a household.
struct Sights<'a> {
    /// What they see.
    seen: BTreeMap<Key, (&'a Rule, Seen)>,
    /// Those that see nothing because a feed is silent: what they found stays as it is.
    blind: Vec<&'a str>,
}

/// Looks at a household through every rule, and tells which of them stand still.
fn look<'a>(household: &Household<'a>, case: Option<&Case>) -> (Sights<'a>, Vec<(String, Why)>) {
    let policy = household.policy;
    let (mut seen, mut blind, mut standing_still) = (BTreeMap::new(), Vec::new(), Vec::new());
    let is_empty = household.members <= 0;
    for rule in &policy.rules {
        let found = case.is_some_and(|case| case.findings.iter().any(|finding| finding.rule == rule.id));
        if !is_empty && household.is_any_silent(&rule.needs) {
            blind.push(rule.id.as_str());
            standing_still.push((rule.id.clone(), Why::SilentFeed));
            continue;
        }
        let mut sights = see(rule, household, found);
        if is_empty {
            // Where nobody lives any longer nothing holds: all have left, died, or gone to the household that it was merged
            // into. What it comes to is said of what ends.
            for one in &mut sights {
                one.verdict = Verdict::NotMet;
            }
        }
        if sights.iter().any(|one| one.verdict == Verdict::Unknown) {
            standing_still.push((rule.id.clone(), Why::NotKnown));
        }
        for one in sights {
            seen.insert(key(policy, &rule.id, one.cause, one.month), (rule, one));
        }
    }
    (Sights { seen, blind }, standing_still)
}

/// Puts what is seen now beside what was found before.
fn compare<'a>(
    household: &Household<'a>,
    Sights { seen, blind }: &Sights<'a>,
    case: Option<&Case>,
    occasion: Occasion,
) -> (Vec<Finding>, Vec<Change<'a>>) {
    let policy = household.policy;
    let mut before: BTreeMap<Key, &Finding> = BTreeMap::new();
    for finding in case.map_or(&[][..], |case| &case.findings) {
        before.insert(key(policy, &finding.rule, finding.cause, finding.month), finding);
    }
    let mut keys: Vec<&Key> = seen.keys().chain(before.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let (mut findings, mut changes) = (Vec::new(), Vec::new());
    for key in keys {
        match (before.get(key), seen.get(key)) {
            (None, Some((rule, seen @ Seen { verdict: Verdict::Holds(level), figure, .. }))) => {
                let finding = begin(household, rule, *level, seen);
                changes.push(change(WarningKind::Raised, &finding, figure, Some(rule)));
                findings.push(finding);
            }
            (Some(old), Some((rule, Seen { verdict: Verdict::Holds(level), perhaps, cause, figure, .. }))) => {
                // A level of which it is not known whether it still has it stands still.
                let level = if *perhaps >= Some(old.level) { old.level.max(*level) } else { *level };
                let finding = go_on(old, (level, *cause), figure);
                if (old.level, old.cause) != (finding.level, finding.cause) {
                    changes.push(change(WarningKind::Updated, &finding, figure, Some(rule)));
                }
                findings.push(finding);
            }
            (Some(old), Some((_, Seen { verdict: Verdict::Unknown, .. }))) => findings.push((*old).clone()),
            (Some(old), None) if blind.contains(&old.rule.as_str()) => findings.push((*old).clone()),
            (Some(old), found) => {
                let kind = ending(household.state, old, occasion);
                let figure = found.map_or_else(|| ended_figure(household, old), |(_, seen)| seen.figure.clone());
                changes.push(change(kind, old, &figure, policy.rule(&old.rule)));
            }
            (None, _) => {}
        }
    }
    // What ends is said first: an entry that was corrected under its own id may end one finding and begin another, of
    // another month or cause, which then has the same warning id.
    changes.sort_by_key(|change| say::is_live(change.kind));
    findings
        .sort_by(|a, b| (a.rule.as_str(), a.month, a.opening_entry).cmp(&(b.rule.as_str(), b.month, b.opening_entry)));
    (findings, changes)
}

fn key(policy: &Policy, rule: &str, cause: Cause, month: Option<Month>) -> Key {
    let is_of_events = policy.rule(rule).is_some_and(|rule| rule.forms.iter().any(|form| form.test.is_event()));
    (rule.to_owned(), is_of_events.then_some(cause), month)
}

fn change<'a>(kind: WarningKind, finding: &Finding, figure: &Figure, rule: Option<&'a Rule>) -> Change<'a> {
    Change { kind, finding: finding.clone(), figure: figure.clone(), rule }
}

/// The figure of what has ended without one: an event, a month of which nothing is left or that lies too far back, a
/// household without members, or a rule that the policy has no longer.
fn ended_figure(household: &Household<'_>, old: &Finding) -> Figure {
    let last_month = old.month.unwrap_or_else(|| household.calendar.day.month());
    let nothing = event_figure(last_month, Vec::new());
    let (value, threshold) = (old.value_fen, old.threshold_fen);
    let (window, months) = old.month.map_or_else(Default::default, |_| (Window::Month.name(), 1));
    Figure { window, months, value, threshold, ..nothing }
}

fn begin(household: &Household<'_>, rule: &Rule, level: WarningLevel, seen: &Seen) -> Finding {
    let (figure, cause, month) = (&seen.figure, seen.cause, seen.month);
    let code = household.state.household;
    let opening = figure.newest().map(|behind| behind.entry);
    let opening_entry = opening.unwrap_or_else(|| month_entry(code, &rule.id, figure.last_month));
    Finding {
        rule: rule.id.clone(),
        warning_id: warning_id(code, &rule.id, opening_entry),
        opening_entry,
        since_day: household.calendar.day,
        level,
        cause,
        month,
        value_fen: figure.value,
        threshold_fen: figure.threshold,
        evidence: evidence(figure),
    }
}

fn go_on(old: &Finding, (level, cause): (WarningLevel, Cause), figure: &Figure) -> Finding {
    Finding {
        level,
        cause,
        value_fen: figure.value,
        threshold_fen: figure.threshold,
        evidence: evidence(figure),
        ..old.clone()
    }
}

fn evidence(figure: &Figure) -> Vec<EntryId> {
    figure.evidence.iter().map(|behind| behind.entry).collect()
}

/// Withdrawn where the news took back what the finding rested on; otherwise it is met no longer. An evaluation without
/// news takes nothing back: what the state's last input reversed was looked at when it came. The sum of a month of which
/// no entry is known one by one can only have fallen by what was taken back.
fn ending(state: &HouseholdState, old: &Finding, occasion: Occasion) -> WarningKind {
    let rested_on = |entry: &EntryId| *entry == old.opening_entry || old.evidence.contains(entry);
    let is_of_unknown_entries = old.month.is_some() && old.evidence.is_empty() && !state.reversed.is_empty();
    if occasion == Occasion::News && (is_of_unknown_entries || state.reversed.iter().any(rested_on)) {
        WarningKind::Withdrawn
    } else {
        WarningKind::NoLongerMet
    }
}

/// The case after an evaluation, as far as findings decide it.
struct Next {
    findings: Vec<Finding>,
    step: Step,
    case_number: i32,
    opened: bool,
}

/// A request opens the one case of the household. A case in `raised` without a request closes by itself; what a
/// verification found is never undone by figures.
fn next_case(household: HouseholdCode, case: Option<&Case>, findings: Vec<Finding>) -> Next {
    debug_assert!(case.is_none_or(|case| case.household == household), "a case belongs to its household");
    let (step, case_number) = case.map_or((Step::None, 0), |case| (case.step, case.case_number));
    let has_request = findings.iter().any(|finding| finding.level.is_request());
    match (step, has_request) {
        (Step::None, true) => Next { findings, step: Step::Raised, case_number: case_number + 1, opened: true },
        (Step::Raised, false) => Next { findings, step: Step::None, case_number, opened: false },
        (step, _) => Next { findings, step, case_number, opened: false },
    }
}

/// The case that warnings of this evaluation belong to: the open one, or the one that it closes; 0 without a case.
fn case_number(case: Option<&Case>, next: &Next) -> i32 {
    let was_open = case.is_some_and(|case| case.step != Step::None);
    if was_open || next.step != Step::None { next.case_number } else { 0 }
}

fn is_same(case: &Case, next: &Next) -> bool {
    case.findings == next.findings && (case.step, case.case_number) == (next.step, next.case_number)
}

fn causes(findings: &[Finding]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = findings.iter().map(|finding| finding.cause).collect();
    causes.sort_unstable();
    causes.dedup();
    causes
}

/// The day on which the newest entry behind a figure occurred; without one, the last day of its window, as far as it
/// has come.
fn occurred_day(figure: &Figure, day: Day) -> Day {
    figure.newest().map_or_else(|| figure.last_month.last_day().min(day), |behind| behind.day)
}
