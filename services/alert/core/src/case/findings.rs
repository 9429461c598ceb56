//! What rules say about a household now against what they said before: findings that begin, change and end. It knows no
//! rule by name and no step of a case.

use schemas::records::{Case, Finding, HouseholdState, Incident, WarningKind, WarningLevel};
use schemas::{Cause, EntryId, Kind, Month};

use super::{Occasion, Why, say};
use crate::calendar::Window;
use crate::identity::{month_entry, warning_id};
use crate::measures::Household;
use crate::policy::{Policy, Rule, Test};
use crate::rules::{Figure, Seen, Verdict, event_figure, see};

/// What happened to a finding.
pub(super) struct Change<'a> {
    pub(super) kind: WarningKind,
    pub(super) finding: Finding,
    pub(super) figure: Figure<'a>,
    /// The rule; none where the policy has it no longer.
    pub(super) rule: Option<&'a Rule>,
    /// Whether a new visit is asked for with it.
    pub(super) asks_visit: bool,
    /// Whether it ended because a member has left or died.
    pub(super) is_member_gone: bool,
    /// The warning of the village that it is attached to; empty for none.
    pub(super) attached_to: String,
}

/// Which rules are looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Those that look at the household: they move the case.
    OfHousehold,
    /// Those that look at the course of the case.
    OfCourse,
}

impl<'a> Sights<'a> {
    fn of(&self, key: Key<'_>) -> Option<&Seen<'a>> {
        let found = self.seen.binary_search_by(|(other, _, _)| other.cmp(&key)).ok();
        found.map(|at| &self.seen[at].2)
    }
}

impl Kept {
    fn is_of(self, rule: Option<&Rule>) -> bool {
        let test = rule.and_then(|rule| rule.forms.first()).map(|form| &form.test);
        match test {
            Some(Test::Village { .. }) => false,
            Some(Test::History { .. }) => self == Self::OfCourse,
            _ => self == Self::OfHousehold,
        }
    }
}

/// By what findings are told apart: the rule, for rules of events the cause, and where each month is looked at by
/// itself the month.
type Key<'a> = (&'a str, Option<Cause>, Option<Month>);

/// What the rules say about a household.
pub(super) struct Sights<'a> {
    /// What they see, in the order of the keys.
    seen: Vec<(Key<'a>, &'a Rule, Seen<'a>)>,
    /// Those that see nothing because a feed is silent: what they found stays as it is.
    blind: Vec<&'a str>,
}

/// Looks at a household through every rule, and tells which of them stand still.
pub(super) fn look<'a>(
    household: &Household<'_>,
    policy: &'a Policy,
    case: Option<&Case>,
    kept: Kept,
) -> (Sights<'a>, Vec<(&'a str, Why)>) {
    let (mut seen, mut blind, mut standing_still) = (Vec::new(), Vec::new(), Vec::new());
    let is_empty = household.members <= 0;
    let mut before = case.map_or(&[][..], |case| &case.findings);
    for rule in policy.rules.iter().filter(|rule| kept.is_of(Some(rule))) {
        let found;
        (found, before) = found_by(rule, before);
        if !is_empty && household.is_any_silent(&rule.needs) {
            blind.push(rule.id.as_str());
            standing_still.push((rule.id.as_str(), Why::SilentFeed));
            continue;
        }
        if found.is_empty() && !household.may_show(rule) {
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
            standing_still.push((rule.id.as_str(), Why::NotKnown));
        }
        // The rules stand in the order of their ids, and what one of them sees in that of months and causes.
        for one in sights {
            seen.push((key(Some(rule), &rule.id, one.cause, one.month), rule, one));
        }
    }
    (Sights { seen, blind }, standing_still)
}

/// What a rule found before, and what the rules after it did. Both stand in the order of the rules' ids.
fn found_by<'f>(rule: &Rule, before: &'f [Finding]) -> (&'f [Finding], &'f [Finding]) {
    let others = before.iter().take_while(|finding| finding.rule < rule.id).count();
    let before = &before[others..];
    before.split_at(before.iter().take_while(|finding| finding.rule == rule.id).count())
}

/// Puts what is seen now beside what was found before.
pub(super) fn compare<'a>(
    (household, policy): (&Household<'_>, &'a Policy),
    Sights { seen, blind }: &Sights<'a>,
    case: Option<&Case>,
    (kept, occasion): (Kept, Occasion),
) -> (Vec<Finding>, Vec<Change<'a>>) {
    let mut before: Vec<(Key<'_>, &Finding)> = Vec::new();
    for finding in case.map_or(&[][..], |case| &case.findings) {
        let rule = policy.rule(&finding.rule);
        if kept.is_of(rule) {
            before.push((key(rule, &finding.rule, finding.cause, finding.month), finding));
        }
    }
    before.sort_by_key(|(key, _)| *key);
    let (mut seen, mut before) = (seen.iter().peekable(), before.into_iter().peekable());
    let (mut findings, mut changes) = (Vec::new(), Vec::new());
    loop {
        let keys = before.peek().map(|(key, _)| *key).into_iter().chain(seen.peek().map(|(key, _, _)| *key));
        let Some(key) = keys.min() else { break };
        let old = before.next_if(|(other, _)| *other == key).map(|(_, finding)| finding);
        let now = seen.next_if(|(other, _, _)| *other == key).map(|(_, rule, seen)| (*rule, seen));
        match (old, now) {
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
            (Some(old), Some((_, Seen { verdict: Verdict::Unknown, .. }))) => findings.push(old.clone()),
            (Some(old), None) if blind.contains(&old.rule.as_str()) => findings.push(old.clone()),
            (Some(old), found) => {
                let kind = ending(household.state, old, occasion);
                let figure = found.map_or_else(|| ended_figure(household, old), |(_, seen)| seen.figure.clone());
                let ended = change(kind, old, &figure, policy.rule(&old.rule));
                let is_member_gone = kind == WarningKind::Withdrawn && is_member_gone(household.state);
                changes.push(Change { is_member_gone, ..ended });
            }
            (None, _) => {}
        }
    }
    (findings, changes)
}

/// Puts what ends before the rest, each in the order of the rules: an entry that was corrected under its own id may end one
/// finding and begin another, of another month or cause, which then has the same warning id.
pub(super) fn sort(changes: &mut [Change<'_>]) {
    changes.sort_by_key(|change| say::is_live(change.kind));
}

/// Puts the findings of its course into a case.
pub(super) fn merge(case: &mut Case, odd: Vec<Finding>) {
    case.findings.extend(odd);
    let order = |finding: &Finding| (finding.month, finding.opening_entry);
    case.findings.sort_by(|a, b| a.rule.cmp(&b.rule).then_with(|| order(a).cmp(&order(b))));
    case.level = case.findings.iter().map(|finding| finding.level).max();
    case.causes = super::causes(&case.findings);
}

/// What is said of a finding that goes on.
pub(super) fn goes_on<'a>(
    (household, policy): (&Household<'_>, &'a Policy),
    sights: &Sights<'a>,
    finding: &Finding,
    kind: WarningKind,
) -> Change<'a> {
    let rule = policy.rule(&finding.rule);
    let seen = sights.of(key(rule, &finding.rule, finding.cause, finding.month));
    let figure = seen.map_or_else(|| ended_figure(household, finding), |seen| seen.figure.clone());
    change(kind, finding, &figure, rule)
}

/// `rule`: none where the policy has it no longer.
fn key<'a>(rule: Option<&Rule>, id: &'a str, cause: Cause, month: Option<Month>) -> Key<'a> {
    (id, rule.is_some_and(Rule::is_of_events).then_some(cause), month)
}

fn change<'a>(kind: WarningKind, finding: &Finding, figure: &Figure<'a>, rule: Option<&'a Rule>) -> Change<'a> {
    Change {
        kind,
        finding: finding.clone(),
        figure: figure.clone(),
        rule,
        asks_visit: false,
        is_member_gone: false,
        attached_to: String::new(),
    }
}

/// The figure of what has ended without one: an event, a month of which nothing is left or that lies too far back, a
/// household without members, or a rule that the policy has no longer.
fn ended_figure(household: &Household<'_>, old: &Finding) -> Figure<'static> {
    let last_month = old.month.unwrap_or_else(|| household.month());
    let nothing = event_figure(last_month, Vec::new());
    let (value, threshold) = (old.value_fen, old.threshold_fen);
    let (window, months) = old.month.map_or((None, 0), |_| (Some(Window::Month), 1));
    Figure { window, months, value, threshold, ..nothing }
}

fn begin(household: &Household<'_>, rule: &Rule, level: WarningLevel, seen: &Seen<'_>) -> Finding {
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

fn go_on(old: &Finding, (level, cause): (WarningLevel, Cause), figure: &Figure<'_>) -> Finding {
    Finding {
        rule: old.rule.clone(),
        warning_id: old.warning_id.clone(),
        opening_entry: old.opening_entry,
        since_day: old.since_day,
        level,
        cause,
        month: old.month,
        value_fen: figure.value,
        threshold_fen: figure.threshold,
        evidence: evidence(figure),
    }
}

fn evidence(figure: &Figure<'_>) -> Vec<EntryId> {
    figure.evidence.iter().map(|behind| behind.entry).collect()
}

/// Withdrawn where the news took back what the finding rested on; otherwise it is met no longer. An evaluation without
/// news takes nothing back: what the state's last input reversed was looked at when it came. What rests on entries that are
/// not known one by one, such as wages, has ended by what was taken back where anything was.
fn ending(state: &HouseholdState, old: &Finding, occasion: Occasion) -> WarningKind {
    let rested_on = |entry: &EntryId| *entry == old.opening_entry || old.evidence.contains(entry);
    let is_of_unknown_entries = old.evidence.is_empty() && !state.reversed.is_empty();
    if occasion == Occasion::News && (is_of_unknown_entries || state.reversed.iter().any(rested_on)) {
        WarningKind::Withdrawn
    } else {
        WarningKind::NoLongerMet
    }
}

/// Whether somebody left by the state's last input: his coming was taken back, and his going said instead.
fn is_member_gone(state: &HouseholdState) -> bool {
    let has_left = |begun: &EntryId| {
        let is_end = |one: &Incident| one.kind == Kind::Membership && one.entry == begun.end_of_stretch();
        state.incidents.iter().any(is_end)
    };
    state.reversed.iter().any(has_left)
}
