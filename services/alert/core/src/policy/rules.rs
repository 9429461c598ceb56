//! The rules of a policy file, from values to types, with every fault of their meaning. It does not decide whether a
//! rule holds.

use std::collections::{BTreeMap, BTreeSet};

use schemas::records::WarningLevel;
use schemas::{Category, Cause, Fen};
use serde_json::Value;

use super::build::{message, texts};
use super::conditions::{amount_of, compare, condition, number};
use super::contradictions;
use super::faults::Found;
use super::kinds;
use super::{CauseRule, Condition, Form, LevelRow, Rule, Test, Threshold, Whole};
use crate::calendar::Window;
use crate::traces::{CodeMarks, Traces};
use crate::wording::{Figures, Wording, action_message};

type Departments = BTreeMap<String, BTreeSet<Category>>;

/// Reads all rules, sorted by id; rules that are `off` are left out.
pub(super) fn read(
    value: Option<&Value>,
    departments: &Departments,
    wording: &Wording,
    found: &mut Found,
) -> Vec<Rule> {
    let mut rules = BTreeMap::new();
    for (at, value) in value.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let Some(id) = value.get("id").and_then(Value::as_str) else { continue };
        if value.get("off").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        found.at("rules", |found| {
            found.at(format!("{at} ({id})"), |found| {
                let rule = rule(id, value, departments, wording, found);
                if rules.insert(id.to_owned(), rule).is_some() {
                    found.add("there are two rules with this id");
                }
            });
        });
    }
    let rules: Vec<Rule> = rules.into_values().collect();
    for rule in &rules {
        found.at("rules", |found| found.at(rule.id.clone(), |found| check_findings(rule, &rules, found)));
    }
    rules
}

/// A rule may ask whether another one holds, when that one asks for none.
fn check_findings(rule: &Rule, rules: &[Rule], found: &mut Found) {
    for id in asked_for(rule) {
        match rules.iter().find(|other| other.id == id) {
            None => found.add(format!("`finding` names the rule `{id}`, which this policy does not have")),
            Some(other) if !asked_for(other).is_empty() => {
                found.add(format!("`finding` names the rule `{id}`, which asks for other findings itself"));
            }
            Some(_) => {}
        }
    }
}

/// The rules that a rule's conditions ask for.
fn asked_for(rule: &Rule) -> Vec<String> {
    fn walk(condition: &Condition, ids: &mut Vec<String>) {
        match condition {
            Condition::All(conditions) | Condition::Any(conditions) => {
                for one in conditions {
                    walk(one, ids);
                }
            }
            Condition::Not(one) => walk(one, ids),
            Condition::Finding(named) => ids.extend_from_slice(named),
            _ => {}
        }
    }
    let mut ids = Vec::new();
    for form in &rule.forms {
        let conditions = form.when.iter().chain(form.levels.iter().filter_map(|row| row.when.as_ref()));
        for condition in conditions {
            walk(condition, &mut ids);
        }
    }
    ids
}

fn rule(id: &str, value: &Value, departments: &Departments, wording: &Wording, found: &mut Found) -> Rule {
    let forms: Vec<Form> = match value.get("forms").and_then(Value::as_array) {
        Some(forms) => {
            if value.get("kind").is_some() || value.get("levels").is_some() {
                found.add("a rule has `forms`, or is a form itself with `kind` and `levels`; not both");
            }
            let one = |(at, form), found: &mut Found| found.at(format!("forms/{at}"), |found| self::form(form, found));
            forms.iter().enumerate().filter_map(|form| one(form, found)).collect()
        }
        None => form(value, found).into_iter().collect(),
    };
    let events = forms.iter().filter(|form| form.test.is_event()).count();
    if events != 0 && events != forms.len() {
        found.add("the forms of a rule are all of events (status, incident) or all of figures");
    }
    let cause = cause(value, events != 0, found);
    let text = |key: &str, found: &mut Found| {
        if let Some(text) = value.get(key) {
            text.as_str().unwrap_or_default().to_owned()
        } else {
            found.add(format!("`{key}` is missing"));
            String::new()
        }
    };
    let verifier = text("verifier", found);
    let action = text("action", found);
    found.at("action", |found| check_action(&action, wording, found));
    let said = |key: &str, found: &mut Found| {
        found.at("wording", |found| found.at(key, |found| message(value.get("wording"), key, wording, found)))
    };
    Rule {
        id: id.into(),
        looks_for: looks_for(&forms),
        forms,
        needs: texts(value.get("needs")),
        cause,
        verifier,
        action,
        goes_to: found.at("goes_to", |found| goes_to(value, departments, wording, found)),
        village_message: said("village", found),
        department_message: said("department", found),
    }
}

/// What a household must have something of for one of these forms to see anything.
fn looks_for(forms: &[Form]) -> Option<Traces> {
    let all = forms.iter().map(form_looks_for);
    all.reduce(|one, other| Some(one?.with(other?))).flatten()
}

fn form_looks_for(form: &Form) -> Option<Traces> {
    let none = Traces::default();
    match &form.test {
        Test::Status { code } => Some(Traces { statuses: [code.as_str()].into_iter().collect(), ..none }),
        Test::Incident { codes, .. } if codes.is_empty() => Some(Traces { incidents: CodeMarks::ALL, ..none }),
        Test::Incident { codes, .. } => Some(Traces { incidents: codes.iter().map(String::as_str).collect(), ..none }),
        Test::Sum(amounts) if form.levels.iter().all(is_never_met_by_nothing) => {
            Some(Traces { categories: amounts.of(), ..none })
        }
        _ => None,
    }
}

/// Whether a sum of nothing, in this year and in the one before, is not on the side that a level asks for.
fn is_never_met_by_nothing(row: &LevelRow) -> bool {
    row.compare.as_ref().is_none_or(|compare| match &compare.threshold {
        Threshold::Amount(amount) => !compare.comparator.holds(Fen::ZERO, *amount),
        Threshold::Share { of: Whole::YearBefore, .. } => true,
        Threshold::Line { .. } | Threshold::Share { .. } => false,
    })
}

fn check_action(action: &str, wording: &Wording, found: &mut Found) {
    if !action.is_empty() {
        for fault in wording.faults(&action_message(action), &Figures::example()) {
            found.add(fault);
        }
    }
}

fn goes_to(value: &Value, departments: &Departments, wording: &Wording, found: &mut Found) -> BTreeMap<String, String> {
    let mut goes_to = BTreeMap::new();
    for (department, action) in value.get("goes_to").and_then(Value::as_object).into_iter().flatten() {
        let action = action.as_str().unwrap_or_default();
        found.at(department, |found| {
            if !departments.contains_key(department) {
                found.add("this department does not stand in the policy's `departments`");
            }
            check_action(action, wording, found);
        });
        goes_to.insert(department.clone(), action.to_owned());
    }
    goes_to
}

fn cause(value: &Value, is_event: bool, found: &mut Found) -> CauseRule {
    let text = if let Some(text) = value.get("cause") {
        text.as_str().unwrap_or_default()
    } else {
        found.add("`cause` is missing: a code, `largest_expense`, `largest_gap` or `as_reported`");
        ""
    };
    let cause = match text {
        "largest_expense" => CauseRule::LargestExpense,
        "largest_gap" => CauseRule::LargestGap,
        "as_reported" => CauseRule::AsReported,
        code => CauseRule::Fixed(Cause::parse(code).unwrap_or(Cause::Other)),
    };
    if cause == CauseRule::AsReported && !is_event {
        found.at("cause", |found| found.add("`as_reported` is for status and incident: a figure reports no cause"));
    }
    cause
}

fn form(value: &Value, found: &mut Found) -> Option<Form> {
    let Some(kind) = value.get("kind") else {
        found.add(
            "`kind` is missing: sum, uncovered, measure, status, incident, member_change, missing_status, missing_wage, history \
             or village",
        );
        return None;
    };
    let kind = kind.as_str()?;
    kinds::check_fields(kind, value, found);
    let test = kinds::test(kind, value, found)?;
    let when = value.get("when").and_then(|when| found.at("when", |found| condition(when, found)));
    let reach = reach(value, &test, found);
    let levels = found.at("levels", |found| levels(value, &test, found));
    let is_whole = value.get("levels").and_then(Value::as_array).is_some_and(|rows| rows.len() == levels.len());
    let form = Form { when, test, reach, levels };
    // Where a row could not be read, the others are not counted as they stand.
    if is_whole {
        contradictions::check(&form, found);
    }
    Some(form)
}

/// A sum of one month says which months are looked at, each by itself.
fn reach(value: &Value, test: &Test, found: &mut Found) -> Option<Window> {
    let is_of_months = matches!(test, Test::Sum(amounts) if amounts.window == Window::Month);
    let reach = value.get("reach").and_then(Value::as_str).and_then(Window::parse);
    match (is_of_months, value.get("reach")) {
        (true, None) => found.add("`reach` is missing: which months are looked at, each by itself"),
        (false, Some(_)) => found.at("reach", |found| found.add("only a sum with the window `month` has a reach")),
        _ => {}
    }
    reach.filter(|_| is_of_months)
}

fn levels(value: &Value, test: &Test, found: &mut Found) -> Vec<LevelRow> {
    let Some(rows) = value.get("levels") else {
        found.add("it is missing: what gives which level");
        return Vec::new();
    };
    let mut levels = Vec::new();
    for (at, row) in rows.as_array().into_iter().flatten().enumerate() {
        found.at(at.to_string(), |found| {
            levels.extend(level_row(row, value.get("comparator"), test, found));
        });
    }
    check_order(&levels, found);
    levels
}

fn level_row(row: &Value, comparator: Option<&Value>, test: &Test, found: &mut Found) -> Option<LevelRow> {
    let is_event = test.is_event();
    let level = match row.get("level").and_then(Value::as_str)? {
        "L" => WarningLevel::Signal,
        "M" => WarningLevel::Medium,
        "H" => WarningLevel::High,
        _ => return None,
    };
    if matches!(test, Test::History { .. }) && level.is_request() {
        found.add("the course of a case is for the office to look into: its level is L");
    }
    let when = row.get("when").and_then(|when| found.at("when", |found| condition(when, found)));
    let (threshold, comparator) = (row.get("threshold"), row.get("comparator").or(comparator));
    if is_event {
        if threshold.is_some() || comparator.is_some() {
            found.add("an event has no threshold and no comparator; name its `values`");
        }
    } else {
        if ["values", "number", "amount"].iter().any(|field| row.get(field).is_some()) {
            found.add("a figure has no `values`, `number` or `amount`; give a `threshold`");
        }
        if threshold.is_none() {
            found.add("`threshold` is missing");
        }
        if comparator.is_none() {
            found.add("`comparator` is missing, here or in the form: >, >=, < or <=");
        }
    }
    let compare = threshold.filter(|_| !is_event).zip(comparator).and_then(|both| compare(both.1, both.0, found));
    let newest_month = row.get("months").and_then(Value::as_str) == Some("newest");
    if newest_month && !matches!(test, Test::Sum(amounts) if amounts.window == Window::Month) {
        found.at("months", |found| found.add("only a sum with the window `month` has months"));
    }
    Some(LevelRow {
        level,
        when,
        newest_month,
        compare,
        values: texts(row.get("values")),
        number: row.get("number").and_then(number),
        amount: row.get("amount").and_then(|of| found.at("amount", |found| amount_of(of, found))),
    })
}

/// Levels stand in order, and a higher level always asks for more than a lower one.
fn check_order(levels: &[LevelRow], found: &mut Found) {
    for (at, pair) in levels.windows(2).enumerate() {
        if pair[1].level < pair[0].level {
            found.at((at + 1).to_string(), |found| found.add("levels stand in the order L, M, H"));
        }
    }
    for (at, high) in levels.iter().enumerate() {
        let is_narrowed = high.when.is_some() || high.newest_month;
        let lower = levels[..at].iter().filter(|low| low.level < high.level && low.when.is_none());
        for (low, compare) in lower.filter_map(|low| low.compare.as_ref().zip(high.compare.as_ref())) {
            let (low_comparator, is_upward) = (low.comparator, compare.comparator.is_upward());
            if low_comparator.is_upward() != is_upward {
                continue;
            }
            let (low, high) = match (&low.threshold, &compare.threshold) {
                (Threshold::Amount(low), Threshold::Amount(high)) => (low.0, high.0),
                (
                    Threshold::Line { thousandths: low, years_before: low_years },
                    Threshold::Line { thousandths: high, years_before },
                ) if low_years == years_before => (*low, *high),
                (Threshold::Share { thousandths: low, of: low_of }, Threshold::Share { thousandths: high, of })
                    if low_of == of =>
                {
                    (*low, *high)
                }
                _ => continue,
            };
            let is_less = if is_upward { high < low } else { high > low };
            let is_same = high == low && low_comparator == compare.comparator && !is_narrowed;
            if is_less || is_same {
                found.at(format!("{at}/threshold"), |found| {
                    found.add("a higher level asks for no more than a lower one: the lower one can never hold alone");
                });
            }
        }
    }
}
