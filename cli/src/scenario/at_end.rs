//! Compares the cases and states that a scenario expects on a day with those that were found. It does not know how they
//! came about; all ways of telling a story must end in the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use alert_core::calendar::Calendar;
use alert_core::measures::{Household, Reading};
use alert_core::policy::{Book, Measure, MeasureOf};
use anyhow::{Context, Result, bail};
use schemas::records::{Case, HouseholdState, Step, WarningLevel};
use schemas::{Category, Day, Fen, Month, Office};

use super::check::{Difference, Expected, Found, Seen, named};
use super::format::{ExpectedCase, ExpectedState, Scenario, Yuan};
use super::names::Names;

/// Every difference between the cases and states of a scenario and those that were found.
pub(crate) fn differences(
    scenario: &Scenario,
    expectations: &Expected,
    names: &Names,
    found: &Found,
    book: &Book,
    first_closed_day: Day,
) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    let seen = |day: Day| found.seen.get(&day).with_context(|| format!("nothing was looked at on {day}"));
    for expected in scenario.cases.iter().filter(|one| expectations.is_in_time || one.day.is_none()) {
        let household = names.household(&expected.household)?;
        let case = seen(expected.day.map_or(scenario.end.0, |day| day.0))?.cases.get(&household);
        let number = expected.case_number.filter(|_| !expectations.is_different);
        let wanted = ExpectedCase { case_number: number, ..expected.clone() };
        let (wanted, found) = (wanted_case(&wanted), found_case(case, &wanted, &scenario.ignore_rules));
        if wanted != found {
            differences.push(Difference { household: expected.household.clone(), expected: wanted, found });
        }
    }
    for expected in scenario.states.iter().filter(|one| expectations.is_in_time || one.day.is_none()) {
        let day = expected.day.map_or(scenario.end.0, |day| day.0);
        let look = Look { seen: seen(day)?, book, calendar: Calendar { first_closed_day, day: day.plus(1) } };
        for (expected_text, found_text) in look.differences(expected, names)? {
            let household = households(expected).collect::<Vec<_>>().join(" + ");
            differences.push(Difference {
                household,
                expected: format!("{expected_text} on {day}"),
                found: found_text,
            });
        }
    }
    Ok(differences)
}

/// A case in words, as far as the scenario says something of it.
fn wanted_case(wanted: &ExpectedCase) -> String {
    let mut text = format!("case {}", wanted.step);
    if let Some(day) = wanted.day {
        let _ = write!(text, " on {}", day.0);
    }
    if let Some(office) = &wanted.office {
        let _ = write!(text, ", held by {office}");
    }
    if let Some(due) = wanted.due {
        let _ = write!(text, ", due on {}", due.0);
    }
    if let Some(level) = &wanted.level {
        let _ = write!(text, " {level}");
    }
    if let Some(number) = wanted.case_number {
        let _ = write!(text, ", number {number}");
    }
    for (rule, value) in wanted.holds.iter().flatten() {
        let _ = write!(text, ", {rule} {} yuan", value.0);
    }
    text
}

fn found_case(case: Option<&Case>, wanted: &ExpectedCase, ignored: &[String]) -> String {
    let mut text = format!("case {}", named(&case.map_or(Step::None, |case| case.step)));
    if let Some(day) = wanted.day {
        let _ = write!(text, " on {}", day.0);
    }
    if wanted.office.is_some() {
        let office = case.and_then(|case| case.office).map_or("nobody", Office::name);
        let _ = write!(text, ", held by {office}");
    }
    if wanted.due.is_some() {
        let due = case.and_then(|case| case.due_day).map_or_else(|| "never".to_owned(), |day| day.to_string());
        let _ = write!(text, ", due on {due}");
    }
    let relevant = case.into_iter().flat_map(|case| &case.findings);
    let relevant: Vec<_> = relevant.filter(|finding| !ignored.iter().any(|rule| finding.rule == *rule)).collect();
    if wanted.level.is_some() {
        let level =
            relevant.iter().map(|finding| finding.level).max().map_or("without a finding", WarningLevel::letter);
        let _ = write!(text, " {level}");
    }
    if wanted.case_number.is_some() {
        let _ = write!(text, ", number {}", case.map_or(0, |case| case.case_number));
    }
    if wanted.holds.is_some() {
        for finding in relevant {
            let _ = write!(text, ", {} {} yuan", finding.rule, finding.value_fen);
        }
    }
    text
}

fn households(expected: &ExpectedState) -> impl Iterator<Item = &str> {
    expected.household.iter().chain(&expected.households).map(String::as_str)
}

/// What is known on a day.
struct Look<'a> {
    seen: &'a Seen,
    book: &'a Book,
    calendar: Calendar,
}

impl Look<'_> {
    /// What is expected and what was found instead.
    fn differences(&self, expected: &ExpectedState, names: &Names) -> Result<Vec<(String, String)>> {
        let mut states: Vec<&HouseholdState> = Vec::new();
        for name in households(expected) {
            states.extend(self.seen.states.get(&names.household(name)?));
        }
        let mut pairs = Vec::new();
        if let Some(wanted) = expected.registered {
            let found: usize = states.iter().map(|state| state.members.len()).sum();
            pairs.push((format!("{wanted} registered"), format!("{found} registered")));
        }
        if let Some(wanted) = expected.members {
            let mut found = 0;
            for state in &states {
                found += self.read(state, |household| household.members)?;
            }
            pairs.push((format!("{wanted} members"), format!("{found} members")));
        }
        if let Some(Yuan(wanted)) = expected.net_pc_yuan {
            let [state] = states.as_slice() else { bail!("`net_pc_yuan` is that of one known household") };
            let net_pc = MeasureOf { measure: Measure::NetPc, instead: None };
            let found = self.read(state, |household| household.measure(&net_pc))?;
            pairs.push((format!("net_pc {wanted} yuan"), found.map_or_else(|| "net_pc of nobody".to_owned(), said)));
        }
        for (category, Yuan(wanted)) in &expected.sums {
            let found = sum(&states, *category, None);
            let category = named(category);
            pairs.push((format!("{category} {wanted} yuan"), format!("{category} {found} yuan")));
        }
        let months: &BTreeMap<_, _> = &expected.months;
        for (month, category, Yuan(wanted)) in
            months.iter().flat_map(|(month, sums)| sums.iter().map(|(category, yuan)| (month.0, category, yuan)))
        {
            let found = sum(&states, *category, Some(month));
            let what = format!("{} of {}", named(category), month.yyyymm());
            pairs.push((format!("{what} {wanted} yuan"), format!("{what} {found} yuan")));
        }
        pairs.retain(|(wanted, found)| wanted != found);
        Ok(pairs)
    }

    fn read<T>(&self, state: &HouseholdState, read: impl Fn(&Household<'_>) -> T) -> Result<T> {
        let set = self.book.at(i64::MAX, self.calendar.day.plus(-1));
        let county = state.household.county();
        let policy = set.of(county).with_context(|| format!("no policy holds in the county {county}"))?;
        Ok(read(&Household::new(state, policy, self.calendar)))
    }
}

fn said(reading: Reading) -> String {
    let lower_bound = if reading.known { "" } else { " at least: it is not known" };
    format!("net_pc {} yuan{lower_bound}", reading.value)
}

fn sum(states: &[&HouseholdState], category: Category, month: Option<Month>) -> Fen {
    let sums = states.iter().flat_map(|state| &state.sums).filter(|sum| sum.category == category);
    let months = sums.flat_map(|sum| sum.months.iter()).filter(|one| month.is_none_or(|month| one.month == month));
    months.fold(Fen::ZERO, |total, one| total.plus(one.amount_fen))
}
