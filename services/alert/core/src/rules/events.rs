//! Findings of events: what happened, which facts hold and which are missing, by cause. It does not know figures.

use std::collections::BTreeSet;

use schemas::records::{Act, HouseholdState, Incident, Member, Status, WarningLevel};
use schemas::{Category, Cause, Day, EntryId, Fen, Kind, PersonToken};

use super::{Behind, EVIDENCE_MAX, Seen, Verdict, all, event_figure, holds, is_one_of, rank};
use crate::calendar::{Span, Window};
use crate::case::is_odd;
use crate::measures::Household;
use crate::policy::{CauseRule, Comparator, LevelRow, MEMBER_CHANGES, Note, Rule, Test};

/// The membership incident that fuse keeps of a member who went.
const LEAVE: &str = "leave";

/// One thing that a form of events looks at.
struct Event<'a> {
    cause: Cause,
    value: &'a str,
    amount: Fen,
    /// The member whom it is about.
    person: Option<PersonToken>,
    /// What said so; none where something is missing of which nothing was ever said.
    behind: Option<Behind>,
    /// Whether it is known at all.
    known: bool,
}

/// Findings of events: what happened or holds, by cause.
pub(super) fn see_events(rule: &Rule, household: &Household<'_>) -> Vec<Seen<'static>> {
    // In the order of the causes; mostly there is none.
    let mut by_cause: Vec<(Cause, Verdict, Option<WarningLevel>, Vec<Behind>)> = Vec::new();
    for form in &rule.forms {
        for_each_event(&form.test, household, &mut |event| {
            let cause = if let CauseRule::Fixed(fixed) = rule.cause { fixed } else { event.cause };
            let when = form.when.as_ref().map_or(Some(true), |when| holds(when, household, event.person));
            let (mut verdict, mut perhaps) = (Verdict::NotMet, None);
            for row in form.levels.iter().filter(|row| is_of(row, &event)) {
                let row_when = row.when.as_ref().map_or(Some(true), |when| holds(when, household, event.person));
                let found = match all([when, row_when, event.known.then_some(true)].into_iter()) {
                    Some(true) => Verdict::Holds(row.level),
                    Some(false) => Verdict::NotMet,
                    None => Verdict::Unknown,
                };
                if found == Verdict::Unknown {
                    perhaps = perhaps.max(Some(row.level));
                }
                if rank(found) > rank(verdict) {
                    verdict = found;
                }
            }
            if verdict == Verdict::NotMet {
                return;
            }
            let at = by_cause.binary_search_by_key(&cause, |(cause, ..)| *cause).unwrap_or_else(|at| {
                by_cause.insert(at, (cause, verdict, None, Vec::new()));
                at
            });
            let (_, most, most_perhaps, evidence) = &mut by_cause[at];
            if rank(verdict) > rank(*most) {
                *most = verdict;
            }
            *most_perhaps = perhaps.max(*most_perhaps);
            evidence.extend(event.behind);
        });
    }
    if by_cause.is_empty() {
        return Vec::new();
    }
    let month = household.month();
    by_cause
        .into_iter()
        .map(|(cause, verdict, perhaps, mut evidence)| {
            evidence.sort_unstable_by_key(|behind| (std::cmp::Reverse(behind.day), behind.entry));
            evidence.truncate(EVIDENCE_MAX);
            Seen { verdict, perhaps, cause, month: None, figure: event_figure(month, evidence) }
        })
        .collect()
}

/// Whether a note is to be made: a status holds with one of its values.
pub fn is_noted(note: &Note, household: &Household<'_>) -> bool {
    let is_it = |status: &Status| is_one_of(&status.value, &note.values) && is_number(&status.value, note.number);
    household.statuses(&note.code).any(is_it)
}

/// Whether a value is a number that compares so; any value where nothing is compared.
fn is_number(value: &str, compare: Option<(Comparator, i64)>) -> bool {
    compare.is_none_or(|(comparator, threshold)| {
        value.parse().is_ok_and(|number: i64| comparator.holds(number, threshold))
    })
}

/// Whether a level is for an event with this value and amount.
fn is_of(row: &LevelRow, event: &Event<'_>) -> bool {
    is_one_of(event.value, &row.values)
        && is_number(event.value, row.number)
        && row.amount.is_none_or(|(comparator, threshold)| comparator.holds(event.amount, threshold))
}

/// Tells everything that a form of events looks at.
fn for_each_event<'a>(test: &Test, household: &Household<'a>, tell: &mut dyn FnMut(Event<'a>)) {
    let state = household.state;
    match test {
        Test::Status { code } => household.statuses(code).map(Event::of_status).for_each(tell),
        Test::Incident { codes, causes, window } => {
            incidents(household, (codes, causes), *window).map(Event::of_incident).for_each(tell);
        }
        Test::MemberChange { window } => member_changes(state, household.span(*window)).for_each(tell),
        Test::MissingStatus { code, values, days } => missing(household, (code, values), *days).for_each(tell),
        Test::MissingWage { missing_months, before_months, paid_months } => {
            let now = household.span(Window::SettledMonths(*missing_months));
            let last = now.first.plus(-1);
            let before = Span { first: last.plus(1 - before_months), last, ..now };
            let is_lost = |member: &&Member| {
                let paid = |span: Span| span.months().filter(|month| member.wages.of(*month) != Fen::ZERO);
                paid(now).next().is_none() && paid(before).count() >= *paid_months
            };
            // Who never had a wage has lost none.
            let earners = state.members.iter().filter(|member| *paid_months == 0 || !member.wages.is_empty());
            earners.filter(is_lost).map(|member| Event::of_lack(member.person, None, true)).for_each(tell);
        }
        Test::History { history, days } => {
            let odd = household.case.and_then(|case| is_odd((*history, *days), case, household));
            odd.into_iter().map(|(known, act)| Event::of_course(known, act)).for_each(tell);
        }
        // A village is looked at as a whole.
        Test::Village { .. } | Test::Sum(_) | Test::Measure(_) => {}
    }
}

impl<'a> Event<'a> {
    fn of_status(status: &'a Status) -> Self {
        let behind = Some(behind(status.entry, status.day));
        let (cause, value, person) = (status.cause, status.value.as_str(), status.person);
        Self { cause, value, amount: Fen::ZERO, person, behind, known: true }
    }

    fn of_incident(one: &'a Incident) -> Self {
        let behind = Some(behind(one.entry, one.day));
        let (cause, value, person) = (one.cause, one.value.as_str(), one.person);
        Self { cause, value, amount: one.amount_fen, person, behind, known: true }
    }
}

impl Event<'_> {
    /// A course of the case, and what an office did last.
    fn of_course(known: bool, act: Option<&Act>) -> Self {
        let behind = act.map(|act| behind(act.entry, act.day));
        Self { cause: Cause::Other, value: "", amount: Fen::ZERO, person: None, behind, known }
    }

    /// Something that a member lacks. The rule gives it its cause.
    fn of_lack(person: PersonToken, behind: Option<Behind>, known: bool) -> Self {
        Self { cause: Cause::Other, value: "", amount: Fen::ZERO, person: Some(person), behind, known }
    }
}

fn behind(entry: EntryId, day: Day) -> Behind {
    Behind { entry, category: Category::None, day, opens: true }
}

/// Who came and who left, whatever the reason. Whoever was there when the household was registered did not come to it.
fn member_changes(state: &HouseholdState, span: Span) -> impl Iterator<Item = Event<'_>> {
    let [came_value, left_value] = MEMBER_CHANGES;
    let has_come = move |member: &&Member| {
        state.registered_day.is_some_and(|day| member.since_day > day) && span.contains(member.since_day.month())
    };
    let has_left =
        move |one: &&Incident| one.kind == Kind::Membership && one.code == LEAVE && span.contains(one.day.month());
    let came = state.members.iter().filter(has_come);
    let came = came.map(move |member| Event { value: came_value, ..Event::of_lack(member.person, None, true) });
    let left = state.incidents.iter().filter(has_left);
    let left = left.map(move |one| Event { cause: Cause::LackOfLabour, value: left_value, ..Event::of_incident(one) });
    came.chain(left)
}

/// The members who have been without a status for so many days.
fn missing<'a>(
    household: &Household<'a>,
    (code, values): (&str, &[String]),
    days: i32,
) -> impl Iterator<Item = Event<'a>> {
    let today = household.calendar.day;
    let is_long = move |lack: &Lack<'_>| lack.since.plus(days) <= today;
    let of = |lack: Lack<'_>| {
        let behind = lack.status.map(|status| behind(status.entry, status.day));
        Event::of_lack(lack.person, behind, lack.known)
    };
    lacking(household, (code, values)).filter(is_long).map(of)
}

/// A member who lacks a status.
struct Lack<'a> {
    person: PersonToken,
    /// What is said instead; none where nothing is said of the member.
    status: Option<&'a Status>,
    since: Day,
    /// Whether the status is said of anybody in the household: if not, the department may not report it.
    known: bool,
}

/// Who lacks a status: since another value of it was said, or since it was said of others of the household, or since
/// they came.
fn lacking<'a>(household: &Household<'a>, (code, values): (&str, &[String])) -> impl Iterator<Item = Lack<'a>> {
    let said = household.statuses(code).as_slice();
    let first_said = said.iter().map(|status| status.day).min();
    let first_closed_day = household.calendar.first_closed_day;
    // Members and statuses stand in the order of the persons: the next one is mostly the next one there.
    let mut next = 0;
    household.state.members.iter().filter_map(move |member| {
        let is_of_member = |status: &&Status| status.person == Some(member.person);
        let status = said.get(next).filter(is_of_member).or_else(|| said.iter().find(is_of_member));
        next += usize::from(status.is_some());
        if status.is_some_and(|status| is_one_of(&status.value, values)) {
            return None;
        }
        let since = status.map(|status| status.day).or(first_said);
        let since = since.max(Some(member.since_day)).unwrap_or_default().max(first_closed_day);
        Some(Lack { person: member.person, status, since, known: first_said.is_some() })
    })
}

/// The first day, `from` on, on which a rule that counts days can come to hold without any news.
pub fn next_due(household: &Household<'_>, from: Day) -> Option<Day> {
    let forms = household.policy.rules_that_count_days().flat_map(|rule| &rule.forms);
    let due = forms.filter_map(|form| match &form.test {
        Test::MissingStatus { code, values, days } => {
            let known = lacking(household, (code, values)).filter(|lack| lack.known);
            known.map(|lack| lack.since.plus(*days)).filter(|due| *due >= from).min()
        }
        _ => None,
    });
    due.min()
}

/// What happened: one of these codes with one of these causes, within a window.
pub(super) fn incidents<'a>(
    household: &Household<'a>,
    (codes, causes): (&[String], &BTreeSet<Cause>),
    window: Window,
) -> impl Iterator<Item = &'a Incident> {
    let span = household.span(window);
    let is_it = move |one: &&Incident| {
        one.kind == Kind::Incident
            && is_one_of(&one.code, codes)
            && (causes.is_empty() || causes.contains(&one.cause))
            && span.contains(one.day.month())
    };
    household.incidents_with(codes).iter().filter(is_it)
}
