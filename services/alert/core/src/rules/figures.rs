//! Findings of figures: what a sum or measure comes to, over which months, and what stands behind it. It does not know
//! events.

use schemas::records::{Contribution, Finding};
use schemas::{Category, Cause, Class, Fen, Month};

use super::conditions::excludes;
use super::{Behind, EVIDENCE_MAX, Figure, Seen, Verdict, all, event_figure, holds, rank};
use crate::calendar::{Span, Window};
use crate::measures::{Household, Reading, largest_cause};
use crate::policy::{
    Amounts, CauseRule, Comparator, Compare, Condition, Form, LevelRow, Measure, MeasureOf, Rule, Test, Threshold,
};

/// The figures of a form: one, or one for each month of its reach; none where there is nobody to share a measure among.
pub(super) fn see_figures<'a>(
    rule: &'a Rule,
    form: &'a Form,
    household: &Household<'_>,
    found: &[Finding],
) -> Vec<Seen<'a>> {
    // Most forms are for other households, and nobody asks for the figures of what was not found before.
    if found.is_empty() && is_for_others(form, &household.state.classes) {
        return Vec::new();
    }
    let sight = Sight { rule, form, household, found };
    match (&form.test, form.reach) {
        (Test::Sum(amounts), Some(reach)) => see_months(sight, (amounts, reach)),
        (Test::Sum(amounts), None) => {
            let span = household.span(amounts.window);
            let reading = household.taken(amounts).to_compare(span, compares(form));
            see_figure(sight, (reading, span, None)).into_iter().collect()
        }
        (Test::Measure(of), _) => {
            let span = household.span(measure_window(of, household));
            let seen = |reading| see_figure(sight, (reading, span, None));
            household.measure(of).and_then(seen).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a form is met by no household of these classes, whatever its figures are.
fn is_for_others(form: &Form, classes: &[Class]) -> bool {
    let excludes = |when: &Option<Condition>| when.as_ref().is_some_and(|when| excludes(when, classes));
    excludes(&form.when) || form.levels.iter().all(|row| excludes(&row.when))
}

/// A rule that looks at a household in one of its forms.
#[derive(Clone, Copy)]
struct Sight<'a, 'h> {
    rule: &'a Rule,
    form: &'a Form,
    household: &'h Household<'h>,
    /// What the rule found before.
    found: &'h [Finding],
}

impl Sight<'_, '_> {
    /// Whether the rule found something before, of a month where it looks at each month by itself.
    fn was_found(&self, month: Option<Month>) -> bool {
        self.found.iter().any(|finding| finding.month == month)
    }
}

/// Each month of a reach by itself.
fn see_months<'a>(sight: Sight<'a, '_>, (amounts, reach): (&Amounts, Window)) -> Vec<Seen<'a>> {
    let Sight { form, household, found, .. } = sight;
    let (taken, reach) = (household.taken(amounts), household.span(reach));
    if found.is_empty() && is_below(form, taken.most_of_a_month(reach)) {
        return Vec::new();
    }
    let is_upward = |row: &LevelRow| row.compare.as_ref().is_none_or(|compare| compare.comparator.is_upward());
    // Most months have nothing, which decides only where a small sum is asked for.
    let with_nothing = !form.levels.iter().all(is_upward);
    let read = |month: Month| (taken.to_compare(Span::of_month(month), compares(form)), month);
    let is_near = |(reading, month): &(Reading, Month)| {
        let is_met = |compare: &Compare| household.compares(*reading, compare) != Some(false);
        compares(form).any(is_met) || sight.was_found(Some(*month))
    };
    let months = reach.months().filter(|month| with_nothing || taken.is_in(*month));
    let readings: Vec<(Reading, Month)> = months.map(read).filter(is_near).collect();
    if readings.is_empty() {
        return Vec::new();
    }
    let newest = |row: &LevelRow| {
        let compare = row.compare.as_ref().filter(|_| row.newest_month)?;
        let is_met = |(reading, _): &&(Reading, Month)| household.compares(*reading, compare) == Some(true);
        readings.iter().rev().find(is_met).map(|(_, month)| *month)
    };
    let newest: Vec<Option<Month>> = form.levels.iter().map(newest).collect();
    let see = |(reading, month): &(Reading, Month)| {
        let which = Which { month: *month, newest: &newest };
        see_figure(sight, (*reading, Span::of_month(*month), Some(which)))
    };
    readings.iter().filter_map(see).collect()
}

/// Whether a figure of at most so much meets no level of a form.
fn is_below(form: &Form, most: Fen) -> bool {
    let is_beyond = |compare: &Compare| {
        let is_more = matches!(compare.threshold, Threshold::Amount(amount) if amount > most);
        is_more && compare.comparator.is_upward()
    };
    form.levels.iter().all(|row| row.compare.as_ref().is_some_and(is_beyond))
}

/// One of several months.
#[derive(Clone, Copy)]
struct Which<'a> {
    month: Month,
    /// For each level the newest month that has it, where only the newest one does.
    newest: &'a [Option<Month>],
}

/// How the levels of a form compare.
fn compares(form: &Form) -> impl Iterator<Item = &Compare> {
    form.levels.iter().filter_map(|row| row.compare.as_ref())
}

/// Whether a level is for this month.
fn is_for(row: &LevelRow, at: usize, which: Option<Which<'_>>) -> bool {
    !row.newest_month || which.is_none_or(|which| which.newest.get(at) == Some(&Some(which.month)))
}

/// What a form says about one figure; none where it is not met and nothing was found before.
fn see_figure<'a>(
    sight: Sight<'a, '_>,
    (reading, span, which): (Reading, Span, Option<Which<'_>>),
) -> Option<Seen<'a>> {
    let Sight { rule, form, household, .. } = sight;
    let month = which.map(|which| which.month);
    let found = sight.was_found(month);
    let compares = |at: usize, row: &LevelRow| match &row.compare {
        Some(compare) if is_for(row, at, which) => household.compares(reading, compare),
        _ => Some(false),
    };
    // Comparing costs little beside the conditions, and most figures are far from their threshold.
    if !found && form.levels.iter().enumerate().all(|(at, row)| compares(at, row) == Some(false)) {
        return None;
    }
    let when = form.when.as_ref().map_or(Some(true), |when| holds(when, household, None));
    let (mut verdict, mut perhaps) = (Verdict::NotMet, None);
    let mut deciding: Option<&LevelRow> = None;
    let mut fallback: Option<&LevelRow> = None;
    for (at, row) in form.levels.iter().enumerate() {
        let row_when = row.when.as_ref().map_or(Some(true), |when| holds(when, household, None));
        if fallback.is_none() && row_when != Some(false) {
            fallback = Some(row);
        }
        let level = match all([when, row_when, compares(at, row)].into_iter()) {
            Some(true) => Verdict::Holds(row.level),
            Some(false) => Verdict::NotMet,
            None => Verdict::Unknown,
        };
        if level == Verdict::Unknown {
            perhaps = perhaps.max(Some(row.level));
        }
        if rank(level) > rank(verdict) {
            verdict = level;
            deciding = Some(row);
        }
    }
    match verdict {
        Verdict::NotMet if !found => return None,
        // Nothing is said of it, so nobody asks for its figures.
        Verdict::Unknown if !found => {
            let figure = event_figure(span.last, Vec::new());
            return Some(Seen { verdict, perhaps, cause: Cause::Other, month, figure });
        }
        _ => {}
    }
    let compare = deciding.or(fallback).or(form.levels.first()).and_then(|row| row.compare.as_ref());
    let figure = figure(&form.test, reading, compare, (household, span));
    let cause = match &rule.cause {
        CauseRule::Fixed(cause) => *cause,
        CauseRule::LargestExpense => match &form.test {
            Test::Measure(of) => household.largest_expense(of.instead.as_ref()),
            _ => largest_cause(&figure.parts(household)),
        },
        CauseRule::LargestGap => household.largest_gap(),
        CauseRule::AsReported => Cause::Other,
    };
    Some(Seen { verdict, perhaps, cause, month, figure })
}

fn figure<'a>(
    test: &'a Test,
    reading: Reading,
    compare: Option<&Compare>,
    (household, span): (&Household<'_>, Span),
) -> Figure<'a> {
    let threshold =
        compare.and_then(|compare| household.limit(reading, &compare.threshold)).map_or(Fen::ZERO, |limit| limit.value);
    let comparator = compare.map_or(Comparator::Above, |compare| compare.comparator);
    let window = match test {
        Test::Sum(amounts) => amounts.window,
        Test::Measure(of) => measure_window(of, household),
        _ => Window::Month,
    };
    Figure {
        window: Some(window),
        months: span.last.since(span.first) + 1,
        last_month: span.last,
        value: reading.value,
        threshold,
        margin: comparator.margin(reading.value, threshold),
        of: Some((test, span)),
        evidence: spent(household, test, span),
    }
}

impl Figure<'_> {
    /// What it consists of. That is asked for where something is said, not where a finding goes on.
    pub fn parts(&self, household: &Household<'_>) -> Vec<Contribution> {
        match self.of {
            Some((Test::Sum(amounts), span)) => household.parts_over(amounts, span, None),
            Some((Test::Measure(of), _)) => measure_parts(of, household),
            _ => Vec::new(),
        }
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
        Measure::NetPc => household.income_parts(of.instead.as_ref()),
        Measure::RigidNet => rigid(),
        Measure::RefPc => {
            let negated = rigid().into_iter();
            let negated = negated.map(|part| Contribution { amount_fen: Fen::ZERO.minus(part.amount_fen), ..part });
            household.income_parts(of.instead.as_ref()).into_iter().chain(negated).collect()
        }
    };
    parts.sort_unstable_by_key(|part| (part.category, part.cause));
    parts
}

/// The entries behind a figure.
fn spent(household: &Household<'_>, test: &Test, span: Span) -> Vec<Behind> {
    let (amounts, with_survey) = match test {
        Test::Sum(amounts) => (Some(amounts), false),
        Test::Measure(MeasureOf { measure: Measure::NetPc, .. }) => (None, true),
        Test::Measure(of) => (Some(&household.policy.rigid_net), of.measure == Measure::RefPc),
        _ => (None, false),
    };
    let rows = amounts.map(|amounts| household.evidence(amounts, span)).unwrap_or_default();
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
