//! The course of a case (domain section 5): the steps that offices' acts and findings bring about, what is due when and at
//! whose door, and when a visit is asked for. It knows no rule by name and says nothing.

use schemas::records::{Act, Case, Finding, Step, Visit, WarningLevel};
use schemas::{Cause, Day, Office};

use super::Occasion;
use super::acts::{Decision, Done, remember, set_apart};
use super::visits::{Picture, again, is_asked, join};
use crate::measures::Household;
use crate::policy::{Comparator, Compare, Course, Limit, Measure, MeasureOf, Threshold, WHOLE};

/// The file of a household, as far as findings do not say it.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) step: Step,
    pub(super) case_number: i32,
    pub(super) opened_day: Option<Day>,
    pub(super) step_day: Option<Day>,
    pub(super) due_day: Option<Day>,
    pub(super) office: Option<Office>,
    pub(super) escalations: i32,
    pub(super) visit: Option<Visit>,
    pub(super) closed_day: Option<Day>,
    pub(super) acts: Vec<Act>,
}

/// What happened to the file beside what its fields say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// A new visit is asked for.
    pub(super) asks_visit: bool,
    /// The step has moved up, because it was overdue.
    pub(super) is_escalated: bool,
    /// The case was dismissed or cleared.
    pub(super) is_closed: bool,
}

impl File {
    /// The file as a case has it.
    pub(super) fn of(case: Option<&Case>) -> Self {
        let Some(case) = case else {
            return Self {
                step: Step::None,
                case_number: 0,
                opened_day: None,
                step_day: None,
                due_day: None,
                office: None,
                escalations: 0,
                visit: None,
                closed_day: None,
                acts: Vec::new(),
            };
        };
        Self {
            step: case.step,
            case_number: case.case_number,
            opened_day: case.opened_day,
            step_day: case.step_day,
            due_day: case.due_day,
            office: case.office,
            escalations: case.escalations,
            visit: case.visit.clone(),
            closed_day: case.closed_day,
            acts: case.acts.clone(),
        }
    }

    fn round(&self) -> i32 {
        self.visit.as_ref().map_or(0, |visit| visit.round)
    }

    fn done<'a>(&'a self, course: &'a Course) -> Done<'a> {
        Done::new(&self.acts, &course.acts, (self.case_number, self.round()))
    }

    /// Whether the visit that this case waits for was asked for.
    fn is_asked(&self) -> bool {
        is_asked_since(self.visit.as_ref(), self.opened_day)
    }
}

/// Whether a visit was asked for since a case was opened.
fn is_asked_since(visit: Option<&Visit>, opened_day: Option<Day>) -> bool {
    visit.zip(opened_day).is_some_and(|(visit, opened)| visit.day >= opened)
}

/// The file of a household after what is found now and what offices did. `attached`: the causes that are one matter of its
/// village, for which nobody is sent to each door.
pub(super) fn advance(
    household: &Household<'_>,
    case: Option<&Case>,
    findings: &[Finding],
    attached: &[(Cause, String)],
    occasion: Occasion,
) -> (File, Turn) {
    let (course, day) = (&household.policy.course, household.calendar.day);
    let mut file = File::of(case);
    let before = (file.step, file.case_number);
    let was_declared = matches!(file.done(course).decided(), Some((Decision::Cleared, _)));
    if let Some(case) = case {
        remember(&mut file.acts, case, household.state, &course.acts, occasion);
    }
    let picture = Picture::of(findings);
    file.step = step(&file, course, findings, was_declared);
    if file.step == Step::Assisted && is_stable(household, &file) {
        file.step = Step::Cleared;
    }
    if matches!(file.step, Step::Dismissed | Step::Cleared)
        && file.step != before.0
        && let (Some(visit), Some(picture)) = (&mut file.visit, &picture)
    {
        // Whoever decided knew all that holds.
        join(visit, picture);
    }
    leave(&mut file, picture.as_ref(), course, day);
    let own: Vec<&Finding> = findings.iter().filter(|finding| attached_to(finding, attached).is_none()).collect();
    let asks_visit = ask(&mut file, household, &own, picture);
    let is_closed = matches!(file.step, Step::Dismissed | Step::Cleared) && before != (file.step, file.case_number);
    if is_closed {
        file.closed_day = Some(day);
    } else if file.step.is_open() {
        file.closed_day = None;
    }
    let is_escalated = limit(&mut file, case, course, household, findings);
    (file, Turn { asks_visit, is_escalated, is_closed })
}

/// The step to which acts have brought an open case.
fn step(file: &File, course: &Course, findings: &[Finding], was_declared: bool) -> Step {
    let done = file.done(course);
    let decided = done.decided().map(|(decision, _)| decision);
    match (file.step, decided) {
        (Step::None, _) => Step::None,
        (_, Some(Decision::Cleared)) => Step::Cleared,
        // What was cleared without anybody saying so, nobody takes back.
        (Step::Cleared, _) if !was_declared => Step::Cleared,
        (_, Some(Decision::Dismissed)) => Step::Dismissed,
        (_, Some(Decision::Confirmed)) if done.helped().is_some() => Step::Assisted,
        (_, Some(Decision::Confirmed)) => Step::Confirmed,
        (_, None) if done.helped().is_some() && is_emergency(file, course, findings) => Step::Assisted,
        // Help that came first stays help when the emergency is past.
        (Step::Assisted, None) if done.helped().is_some() => Step::Assisted,
        (_, None) if done.verified().is_some() => Step::Verifying,
        // The case came back to where it was, since the new shock is past.
        (Step::Confirmed | Step::Assisted, None) if done.confirmed().is_some() => confirmed(&done),
        (_, None) => Step::Raised,
    }
}

/// The step of a case that was confirmed.
fn confirmed(done: &Done<'_>) -> Step {
    if done.is_helped() { Step::Assisted } else { Step::Confirmed }
}

/// Whether the visit that was last asked for is about an emergency, not about what came after one.
fn is_emergency(file: &File, course: &Course, findings: &[Finding]) -> bool {
    let Some(visit) = &file.visit else { return false };
    let is_one =
        |finding: &Finding| finding.level == WarningLevel::High && course.emergency.rules.contains(&finding.rule);
    findings.iter().filter(|finding| finding.since_day >= visit.day).any(is_one)
}

/// Whether a case is cleared without anybody saying so: a measure was recorded, income was above the line at the end of
/// each of the last settled months, and what else the policy asks holds.
fn is_stable(household: &Household<'_>, file: &File) -> bool {
    let (course, settled) = (&household.policy.course, household.settled());
    if course.clear.months == 0 || !household.income_known || !file.done(course).is_helped() {
        return false;
    }
    let line = Threshold::Line { thousandths: WHOLE, years_before: 0 };
    let above = Compare { comparator: Comparator::AtLeast, threshold: line };
    let net_pc = MeasureOf { measure: Measure::NetPc, instead: None };
    let is_above = |months: i32| {
        let then = household.settled_at(settled.plus(-months));
        then.measure(&net_pc).is_some_and(|reading| then.compares(reading, &above) == Some(true))
    };
    // So many months have passed between the first of these ends of months and the last, and since the last shock: the one
    // that a visit was last asked for, or that opened the case, where a matter of the village stood for the visit.
    let shock = file.visit.as_ref().map(|visit| visit.day).max(file.opened_day);
    let is_since_then = shock.is_some_and(|day| settled.since(day.month()) >= course.clear.months);
    is_since_then
        && (0..=course.clear.months).all(is_above)
        && course.clear.when.as_ref().is_none_or(|when| crate::rules::holds(when, household, None) == Some(true))
}

/// A case that nobody has verified closes by itself with its last request; one that was confirmed before goes back to
/// where it was. A dismissal is forgotten in time.
fn leave(file: &mut File, picture: Option<&Picture>, course: &Course, day: Day) {
    if picture.is_some() {
        return;
    }
    let is_forgotten = |closed: Day| day.month().since(closed.month()) >= course.visits.dismissed_months;
    let done = file.done(course);
    file.step = match file.step {
        Step::Raised if done.confirmed().is_some() => confirmed(&done),
        Step::Raised => Step::None,
        Step::Dismissed if file.closed_day.is_some_and(is_forgotten) => Step::None,
        step => step,
    };
}

/// The warning of the village to which a request is attached; what is urgent goes by itself.
pub(super) fn attached_to<'a>(finding: &Finding, attached: &'a [(Cause, String)]) -> Option<&'a str> {
    let one = attached.iter().find(|(cause, _)| *cause == finding.cause && finding.level == WarningLevel::Medium);
    one.map(|(_, warning_id)| warning_id.as_str())
}

/// Opens a case and asks for a visit, where that is to be done. `own`: the findings that are not attached to a warning of
/// the village.
fn ask(file: &mut File, household: &Household<'_>, own: &[&Finding], picture: Option<Picture>) -> bool {
    let (course, day) = (&household.policy.course, household.calendar.day);
    let Some(picture) = picture else { return false };
    let urgent = own.iter().map(|finding| finding.level).filter(|level| level.is_request()).max();
    let policy = &course.visits;
    let is_made = file.done(course).is_visited();
    let is_open = file.step.is_open();
    let asks = match &file.visit {
        _ if urgent.is_none() => false,
        None => true,
        Some(_) if file.step == Step::Raised && file.is_asked() => false,
        // In a case that begins or has begun without a visit, whatever it rests on asks; but not too soon.
        Some(visit) if matches!(file.step, Step::None | Step::Raised) => {
            let is_high = urgent == Some(WarningLevel::High);
            !is_made || day >= again(visit, policy) || is_high
        }
        Some(visit) => is_asked(own.iter().copied(), visit, policy, (is_made, file.step == Step::Cleared), day),
    };
    if file.step == Step::None || asks && !is_open {
        file.case_number += 1;
        file.opened_day = Some(day);
        set_apart(&mut file.acts, household.state, &course.acts, day);
    }
    if file.step == Step::None || asks {
        file.step = Step::Raised;
    }
    if asks {
        file.visit = Some(picture.visit(file.round() + 1, day));
    } else if file.step == Step::Raised
        && file.is_asked()
        && let Some(visit) = &mut file.visit
    {
        join(visit, &picture);
    }
    asks
}

/// Sets by when the step is due and who holds it; tells whether it has moved up.
fn limit(
    file: &mut File,
    case: Option<&Case>,
    course: &Course,
    household: &Household<'_>,
    findings: &[Finding],
) -> bool {
    let due = due(file, course, findings);
    file.step_day = due.map(|(from, _)| from);
    let begun = (file.step, file.case_number, file.round(), file.step_day);
    let is_same = case.is_some_and(|case| begun == (case.step, case.case_number, case.round(), case.step_day));
    let before = if is_same { file.escalations } else { 0 };
    (file.escalations, file.due_day, file.office) = (before, None, None);
    let Some((from, limit)) = due else { return false };
    loop {
        let office = above(limit.office, file.escalations);
        let due_day = after(household, from, limit, file.escalations + 1);
        (file.due_day, file.office) = (Some(due_day), Some(office));
        if due_day >= household.calendar.day || office.above().is_none() {
            return file.escalations > before;
        }
        file.escalations += 1;
    }
}

/// The office so many levels above, as far as there is one.
fn above(office: Office, levels: i32) -> Office {
    (0..levels).fold(office, |office, _| office.above().unwrap_or(office))
}

/// The day on which a limit has passed so many times.
fn after(household: &Household<'_>, from: Day, limit: &Limit, times: i32) -> Day {
    let days = limit.days * times;
    if limit.is_of_working_days { household.policy.working_days.after(from, days) } else { from.plus(days) }
}

/// From which day the limit of the step counts, and which one it is; none where nothing is due.
fn due<'a>(file: &File, course: &'a Course, findings: &[Finding]) -> Option<(Day, &'a Limit)> {
    let done = file.done(course);
    let decided = done.decided().map(|(_, day)| day);
    match file.step {
        Step::Raised if file.is_asked() => {
            let is_emergency = is_emergency(file, course, findings);
            let limit = if is_emergency { &course.emergency.help } else { &course.verify };
            file.visit.as_ref().map(|visit| (visit.day, limit))
        }
        Step::Verifying => done.verified().map(|day| (day, &course.decide)),
        Step::Confirmed => decided.or(done.confirmed()).map(|day| (day, &course.help)),
        Step::Assisted if done.confirmed().is_none() => done.helped().map(|day| (day, &course.emergency.verify)),
        Step::Assisted => done.seen_to().map(|day| (day, &course.follow_up)),
        Step::None | Step::Raised | Step::Dismissed | Step::Cleared => None,
    }
}

/// What the step asks for, by its name in the policy.
pub(super) fn action<'a>(file: &File, course: &'a Course, findings: &[Finding]) -> &'a str {
    due(file, course, findings).map_or("", |(_, limit)| limit.action.as_str())
}

/// The first day, `from` on, on which a case is to be looked at without any news: its step is overdue, or a visit that
/// was held back may be asked for. A case for which nobody was asked yet is looked at every day.
pub fn next_due(case: &Case, course: &Course, from: Day) -> Option<Day> {
    let has_request = case.findings.iter().any(|finding| finding.level.is_request());
    let is_highest = case.office.is_none_or(|office| office.above().is_none());
    let overdue = case.due_day.filter(|_| !is_highest).map(|due| due.plus(1).max(from));
    let held = case.visit.as_ref().filter(|_| has_request).map(|visit| again(visit, &course.visits));
    // What is attached to a matter of the village is asked for when that ends, of which the household hears nothing.
    let is_asked = is_asked_since(case.visit.as_ref(), case.opened_day);
    let attached = (case.step == Step::Raised && has_request && !is_asked).then_some(from);
    [overdue, held.filter(|day| *day >= from), attached].into_iter().flatten().min()
}
