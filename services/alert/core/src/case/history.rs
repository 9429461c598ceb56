//! Courses of a case that an office looks into: cleared below the line, cleared soon, no measure. It does not know how a
//! case comes to its steps.

use schemas::Day;
use schemas::records::{Act, Case, Step};

use super::acts::Done;
use crate::measures::Household;
use crate::policy::{Comparator, Compare, History, Measure, MeasureOf, Policy, Test, Threshold, WHOLE};

/// Whether the course of a case is such, and the act behind it; none where it is not. Whether it is known comes
/// first.
pub(crate) fn is_odd<'a>(
    (history, days): (History, i32),
    case: &'a Case,
    household: &Household<'a>,
) -> Option<(bool, Option<&'a Act>)> {
    let course = &household.policy.course;
    let done = Done::new(&case.acts, &course.acts, (case.case_number, case.round()));
    let behind = || done.last_verification();
    match history {
        History::ClearedBelowLine if case.step == Step::Cleared => {
            let line = Threshold::Line { thousandths: WHOLE, years_before: 0 };
            let below = Compare { comparator: Comparator::Below, threshold: line };
            let reading = household.measure(&MeasureOf { measure: Measure::NetPc, instead: None })?;
            match household.compares(reading, &below) {
                Some(true) => Some((true, behind())),
                Some(false) => None,
                None => Some((false, behind())),
            }
        }
        History::ClearedSoon if case.step == Step::Cleared => {
            let is_soon = |confirmed: Day| case.closed_day.is_some_and(|closed| closed <= confirmed.plus(days));
            done.confirmed().filter(|confirmed| is_soon(*confirmed)).map(|_| (true, behind()))
        }
        History::NoMeasure if case.step == Step::Confirmed => {
            let is_late = case.step_day.is_some_and(|day| day.plus(days) <= household.calendar.day);
            is_late.then(|| (true, behind()))
        }
        _ => None,
    }
}

/// The first day, `from` on, on which a rule of the course can come to hold without any news.
pub(super) fn next_due(case: &Case, policy: &Policy, from: Day) -> Option<Day> {
    let confirmed = case.step_day.filter(|_| case.step == Step::Confirmed)?;
    let tests = policy.rules_that_count_days().flat_map(|rule| &rule.forms).map(|form| &form.test);
    let limits = tests.filter_map(|test| match test {
        Test::History { history: History::NoMeasure, days } => Some(confirmed.plus(*days)),
        _ => None,
    });
    limits.filter(|day| *day >= from).min()
}
