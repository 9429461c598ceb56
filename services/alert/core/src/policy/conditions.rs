//! The conditions and comparisons of a policy file, from values to types, with every fault of their meaning. It does not
//! know rules.

use schemas::Fen;
use serde_json::Value;

use super::build::{amount, amounts, categories, causes, texts, thousandths, window};
use super::faults::Found;
use super::{ClassTerm, Comparator, Compare, Condition, Instead, Measure, MeasureOf, Threshold, WHOLE, Whole};
use crate::calendar::Window;

pub(super) fn code(value: &Value, found: &mut Found) -> Option<String> {
    let code = value.get("code").and_then(Value::as_str);
    if value.get("code").is_none() {
        found.add("`code` is missing: which status");
    }
    code.map(str::to_owned)
}

pub(super) fn measure(value: Option<&Value>, found: &mut Found) -> Option<Measure> {
    match value.map(|value| value.as_str().unwrap_or_default()) {
        Some("net_pc") => Some(Measure::NetPc),
        Some("ref_pc") => Some(Measure::RefPc),
        Some("rigid_net") => Some(Measure::RigidNet),
        Some(_) => None,
        None => {
            found.add("`measure` is missing: net_pc, ref_pc or rigid_net");
            None
        }
    }
}

pub(super) fn instead(value: &Value) -> Option<Instead> {
    let instead = value.get("instead")?;
    let window = instead.get("window").and_then(Value::as_str).and_then(Window::parse)?;
    Some(Instead { categories: categories(instead.get("categories")).collect(), window })
}

pub(super) fn compare(comparator: &Value, threshold: &Value, found: &mut Found) -> Option<Compare> {
    let comparator = Comparator::parse(comparator.as_str()?)?;
    let threshold = match threshold {
        Value::String(text) if text == "line" => Some(Threshold::Line { thousandths: WHOLE, years_before: 0 }),
        Value::Object(fields) if fields.contains_key("share") => {
            let whole = found.at("threshold", |found| whole(fields.get("of"), found));
            let share = fields.get("share").and_then(thousandths);
            share.zip(whole).map(|(thousandths, of)| Threshold::Share { thousandths, of })
        }
        Value::Object(fields) => {
            let factor = fields.get("line").and_then(thousandths);
            let years_before = fields.get("years_before").and_then(Value::as_i64).unwrap_or_default() as i32;
            factor.map(|thousandths| Threshold::Line { thousandths, years_before })
        }
        other => amount(other).map(Threshold::Amount),
    };
    if threshold.is_none() {
        let what = "no amount of yuan with at most two decimals, no `line`, and no `{ line: factor }` or \
                    `{ share: factor, of: ... }` with at most three";
        found.at("threshold", |found| found.add(what));
    }
    threshold.map(|threshold| Compare { comparator, threshold })
}

/// What a share is taken of.
fn whole(value: Option<&Value>, found: &mut Found) -> Option<Whole> {
    match value? {
        Value::String(text) if text == "net_income" => Some(Whole::NetIncome),
        Value::String(text) if text == "year_before" => Some(Whole::YearBefore),
        Value::Object(_) => Some(Whole::Sum(amounts(value?, found))),
        _ => None,
    }
}

/// A whole number and how it is compared, for values that are numbers.
pub(super) fn number(value: &Value) -> Option<(Comparator, i64)> {
    let comparator = Comparator::parse(value.get("comparator")?.as_str()?)?;
    Some((comparator, value.get("threshold")?.as_i64()?))
}

/// An amount and how it is compared.
pub(super) fn amount_of(value: &Value, found: &mut Found) -> Option<(Comparator, Fen)> {
    let comparator = Comparator::parse(value.get("comparator")?.as_str()?)?;
    let amount = amount(value.get("threshold")?);
    if amount.is_none() {
        found.add("no amount of yuan with at most two decimals");
    }
    Some((comparator, amount?))
}

pub(super) fn condition(value: &Value, found: &mut Found) -> Option<Condition> {
    let (name, what) = value.as_object()?.iter().next()?;
    found.at(name, |found| match name.as_str() {
        "all" => Some(Condition::All(conditions(what, found))),
        "any" => Some(Condition::Any(conditions(what, found))),
        "not" => condition(what, found).map(|one| Condition::Not(Box::new(one))),
        "class" => Some(Condition::Class(texts(Some(what)).iter().filter_map(|name| ClassTerm::parse(name)).collect())),
        "income" => Some(Condition::IncomeKnown(what.as_str() == Some("known"))),
        "measure" => {
            let of = MeasureOf { measure: measure(what.get("of"), found)?, instead: instead(what) };
            let compare = compare(what.get("comparator")?, what.get("threshold")?, found)?;
            let is_without = what.get("without").is_some();
            Some(if is_without { Condition::MeasureWithoutWage(of, compare) } else { Condition::Measure(of, compare) })
        }
        "sum" => {
            let amounts = amounts(what, found);
            Some(Condition::Sum(amounts, compare(what.get("comparator")?, what.get("threshold")?, found)?))
        }
        "incident" => Some(Condition::Incident {
            codes: texts(what.get("codes")),
            causes: causes(what.get("causes")),
            window: window(what, found)?,
        }),
        "member" => Some(Condition::MainEarner),
        "finding" => Some(Condition::Finding(texts(Some(what)))),
        "status" => Some(Condition::Status { code: code(what, found)?, values: texts(what.get("values")) }),
        "every_member" => Some(Condition::EveryMember { code: code(what, found)?, values: texts(what.get("values")) }),
        _ => None,
    })
}

fn conditions(value: &Value, found: &mut Found) -> Vec<Condition> {
    let list = value.as_array().into_iter().flatten().enumerate();
    list.filter_map(|(at, one)| found.at(at.to_string(), |found| condition(one, found))).collect()
}
