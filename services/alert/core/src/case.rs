//! One case per household: what a rule says now against what was said before gives findings that begin, change and end;
//! they and what offices do move the case from step to step; and warnings say so. It knows no rule by name and reads no
//! clock.

mod acts;
mod course;
mod findings;
mod history;
mod say;
mod visits;

use schemas::records::{Case, Finding, HouseholdState, Step, Warning, WarningKind};
use schemas::{Cause, Day, HouseholdCode};

pub use course::next_due;
use course::{File, Turn, action, advance, attached_to};
use findings::{Change, Kept, Sights, compare, look};
pub(crate) use history::is_odd;

use crate::calendar::Now;
use crate::measures::Household;
use crate::policy::Policy;
use crate::rules;

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
pub struct Outcome<'a> {
    /// The household's case, where it changed.
    pub case: Option<Case>,
    /// What is said: what ends, then the rest, each in the order of the rules; then what is overdue.
    pub said: Vec<Said>,
    /// Whether the household's income is known.
    pub income_known: bool,
    /// The next day on which it is to be looked at without any news: a rule or a step of its case counts days until then.
    pub next_due: Option<Day>,
    /// The rules that stand still for the household, and why.
    pub standing_still: Vec<(&'a str, Why)>,
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
    /// Whether it was withdrawn because a member has left or died, and not because anything was put right.
    pub is_member_gone: bool,
}

/// What one department is told: its own categories and the action that it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The department.
    pub department: String,
    /// Its part of the warning.
    pub warning: Warning,
}

/// Decides what holds for a household and what is said about it.
///
/// The same state, case, policy and calendar give the same outcome; a second evaluation right after gives nothing more.
/// A state that is older than one that was evaluated already changes nothing.
pub fn evaluate<'a, 'n>(
    state: &HouseholdState,
    case: Option<&Case>,
    policy: &'a Policy,
    now: impl Into<Now<'n>>,
    occasion: Occasion,
) -> Outcome<'a> {
    let now = now.into();
    let household = Household::new(state, policy, now);
    let income_known = household.income_known;
    if case.is_some_and(|case| case.state_number > state.number) {
        let (next_due, standing_still) = (due(&household, case), Vec::new());
        return Outcome { case: None, said: Vec::new(), income_known, next_due, standing_still };
    }
    let (sights, standing_still) = look(&household, policy, case, Kept::OfHousehold);
    let (found, mut changes) = compare((&household, policy), &sights, case, (Kept::OfHousehold, occasion));
    if case.is_none() && found.is_empty() {
        // So it is with most households, and the end of a month looks at all of them.
        let next_due = due(&household, None);
        return Outcome { case: None, said: Vec::new(), income_known, next_due, standing_still };
    }
    if is_quiet(&household, case, &changes, now.may_release, occasion) {
        let next = case_of(&household, case, File::of(case), found);
        return outcome(&household, case, (next, Vec::new()), standing_still);
    }
    if case.is_some_and(is_held) {
        changes = found
            .iter()
            .filter(|finding| finding.level.is_request())
            .map(|finding| findings::goes_on((&household, policy), &sights, finding, WarningKind::Raised))
            .collect();
    }
    let (file, turn) = advance(&household, case, &found, now.attached, occasion);
    say_so_of_visit((&household, policy), &sights, &found, turn, &mut changes);
    for change in changes.iter_mut().filter(|change| say::is_live(change.kind) && !change.asks_visit) {
        change.attached_to = attached_to(&change.finding, now.attached).unwrap_or_default().to_owned();
    }
    let mut next = case_of(&household, case, file, found);
    let household_with_case = household.with_case(&next);
    let (of_course, _) = look(&household_with_case, policy, case, Kept::OfCourse);
    let (odd, more) = compare((&household_with_case, policy), &of_course, case, (Kept::OfCourse, occasion));
    changes.extend(more);
    findings::merge(&mut next, odd);
    findings::sort(&mut changes);
    let number = spoken_number(case, &next);
    let mut said: Vec<Said> = changes.iter().map(|change| say::say(&household, change, &next, number)).collect();
    if turn.is_escalated {
        let action = action(&File::of(Some(&next)), &policy.course, &next.findings);
        said.push(say::escalation(&household, &next, action));
    }
    outcome(&household, case, (next, said), standing_still)
}

fn outcome<'a>(
    household: &Household<'_>,
    case: Option<&Case>,
    (next, said): (Case, Vec<Said>),
    standing_still: Vec<(&'a str, Why)>,
) -> Outcome<'a> {
    let has_changed = match case {
        Some(case) => !is_same(case, &next),
        None => !next.findings.is_empty(),
    };
    let next_due = due(household, if has_changed { Some(&next) } else { case });
    let income_known = household.income_known;
    Outcome { case: has_changed.then_some(next), said, income_known, next_due, standing_still }
}

/// Whether requests were found before the city went live and no case was opened for them: otherwise a request opens one at
/// once.
pub(crate) fn is_held(case: &Case) -> bool {
    case.case_number == 0 && case.findings.iter().any(|finding| finding.level.is_request())
}

/// Whether nothing is said of a household: its city is not live yet, or what was found before waits for its turn. News that
/// brings a request of their own do not wait.
fn is_quiet(
    household: &Household<'_>,
    case: Option<&Case>,
    changes: &[Change<'_>],
    may_release: bool,
    occasion: Occasion,
) -> bool {
    let Some(go_live) = household.policy.go_live else { return false };
    if household.calendar.day < go_live.day {
        return true;
    }
    let is_new = |change: &Change<'_>| change.kind == WarningKind::Raised && change.finding.level.is_request();
    let has_news = occasion == Occasion::News && changes.iter().any(is_new);
    case.is_some_and(is_held) && !may_release && !has_news
}

/// The next day on which a household is to be looked at without any news, from the day after the current one on.
fn due(household: &Household<'_>, case: Option<&Case>) -> Option<Day> {
    next_due_of(household, case, household.calendar.day.plus(1))
}

/// The first day, `from` on, on which a household is to be looked at without any news.
pub fn next_due_of(household: &Household<'_>, case: Option<&Case>, from: Day) -> Option<Day> {
    let course = &household.policy.course;
    let of_rules = rules::next_due(household, from);
    let of_case = case.and_then(|case| next_due(case, course, from));
    let of_history = case.and_then(|case| history::next_due(case, household.policy, from));
    // Before the city goes live nothing waits; from then on whoever waits is looked at every day.
    let held = case.filter(|case| is_held(case)).and(household.policy.go_live).map(|go_live| go_live.day.max(from));
    [of_rules, of_case, of_history, held].into_iter().flatten().min()
}

/// A visit that is asked for is said with the most urgent request that changed, else with the most urgent that goes on. What is
/// dismissed or cleared is said of every request that goes on.
fn say_so_of_visit<'a>(
    household: (&Household<'_>, &'a Policy),
    sights: &Sights<'a>,
    found: &[Finding],
    turn: Turn,
    changes: &mut Vec<Change<'a>>,
) {
    let requests = || found.iter().filter(|finding| finding.level.is_request());
    if turn.asks_visit {
        let is_request = |change: &&mut Change<'_>| say::is_live(change.kind) && change.finding.level.is_request();
        let urgency = |finding: &Finding| (finding.level, std::cmp::Reverse(finding.rule.clone()));
        let urgent = changes.iter_mut().filter(is_request).max_by_key(|change| urgency(&change.finding));
        if let Some(change) = urgent {
            change.asks_visit = true;
        } else if let Some(finding) = requests().max_by_key(|finding| urgency(finding)) {
            let mut change = findings::goes_on(household, sights, finding, WarningKind::Updated);
            change.asks_visit = true;
            changes.push(change);
        }
    }
    if turn.is_closed {
        // One that begins with the same news does not go on: it is raised, and nothing of it was said that could be closed.
        let begins = |finding: &&Finding| {
            let is_raised = |change: &Change<'_>| change.kind == WarningKind::Raised;
            changes.iter().any(|change| is_raised(change) && change.finding.warning_id == finding.warning_id)
        };
        let going_on: Vec<&Finding> = requests().filter(|finding| !begins(finding)).collect();
        let close = |finding| findings::goes_on(household, sights, finding, WarningKind::Closed);
        changes.extend(going_on.into_iter().map(close));
    }
}

/// The case record that follows.
fn case_of(household: &Household<'_>, case: Option<&Case>, file: File, findings: Vec<Finding>) -> Case {
    let code: HouseholdCode = household.state.household;
    debug_assert!(case.is_none_or(|case| case.household == code), "a case belongs to its household");
    Case {
        number: case.map_or(0, |case| case.number) + 1,
        household: code,
        case_number: file.case_number,
        step: file.step,
        opened_day: file.opened_day,
        level: findings.iter().map(|finding| finding.level).max(),
        causes: causes(&findings),
        findings,
        state_number: household.state.number,
        evaluated_day: household.calendar.day,
        step_day: file.step_day,
        due_day: file.due_day,
        office: file.office,
        escalations: file.escalations,
        visit: file.visit,
        closed_day: file.closed_day,
        acts: file.acts,
    }
}

/// The case that warnings of this evaluation belong to: the open one, or the one that it closes; 0 without a case.
fn spoken_number(case: Option<&Case>, next: &Case) -> i32 {
    let was_open = case.is_some_and(|case| case.step != Step::None);
    if was_open || next.step != Step::None { next.case_number } else { 0 }
}

/// Whether nothing changed but when it was looked at.
fn is_same(case: &Case, next: &Case) -> bool {
    let file =
        |case: &Case| (case.step, case.case_number, case.opened_day, case.step_day, case.due_day, case.closed_day);
    file(case) == file(next)
        && case.findings == next.findings
        && (case.escalations, case.office) == (next.escalations, next.office)
        && (&case.visit, &case.acts) == (&next.visit, &next.acts)
}

fn causes(findings: &[Finding]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = findings.iter().map(|finding| finding.cause).collect();
    causes.sort_unstable();
    causes.dedup();
    causes
}
