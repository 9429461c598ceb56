//! What a form of a rule looks at, by its kind, from values to types. It does not know levels.

use serde_json::Value;

use super::build::{amounts, causes, ids, texts, window};
use super::conditions::{code, instead, measure};
use super::faults::Found;
use super::{History, MeasureOf, Test};

/// What a form of that kind looks at.
pub(super) fn test(kind: &str, value: &Value, found: &mut Found) -> Option<Test> {
    Some(match kind {
        "sum" | "uncovered" => Test::Sum(amounts(value, found)),
        "measure" => {
            let measure = measure(value.get("measure"), found)?;
            Test::Measure(MeasureOf { measure, instead: instead(value) })
        }
        "status" => Test::Status { code: code(value, found)? },
        "incident" => {
            if value.get("codes").is_none() {
                found.add("`codes` is missing: what happened");
            }
            let (codes, causes) = (texts(value.get("codes")), causes(value.get("causes")));
            Test::Incident { codes, causes, window: window(value, found)? }
        }
        "member_change" => Test::MemberChange { window: window(value, found)? },
        "missing_status" => {
            let days = value.get("days").and_then(Value::as_i64);
            if days.is_none() || value.get("values").is_none() {
                found.add("`values` and `days` say what is missed, and for how long");
            }
            Test::MissingStatus { code: code(value, found)?, values: texts(value.get("values")), days: days? as i32 }
        }
        "village" => {
            let what = "`percent`, `days` and `households_min` say how many households of a village are one matter";
            let [percent, days, households_min] = numbers(value, ["percent", "days", "households_min"], what, found)?;
            let (days, households_min, below) = (days as i32, households_min as usize, ids(value.get("below")));
            Test::Village { percent, days, households_min, below }
        }
        "history" => {
            let history = value.get("history").and_then(Value::as_str).and_then(History::parse);
            let days = value.get("days").and_then(Value::as_i64);
            if history.is_none() {
                found.add("`history` is missing: which course of a case");
            }
            if days.is_none() && history.is_some_and(|history| history != History::ClearedBelowLine) {
                found.add("`days` is missing: the limit");
            }
            Test::History { history: history?, days: days.unwrap_or_default() as i32 }
        }
        "missing_wage" => {
            let what = "`missing_months`, `before_months` and `paid_months` say who had a wage and has none now";
            let [missing, before, paid] =
                numbers(value, ["missing_months", "before_months", "paid_months"], what, found)?;
            let (missing_months, before_months) = (missing as i32, before as i32);
            Test::MissingWage { missing_months, before_months, paid_months: paid as usize }
        }
        _ => return None,
    })
}

/// Numbers of a form, where all are given.
fn numbers<const N: usize>(value: &Value, fields: [&str; N], what: &str, found: &mut Found) -> Option<[i64; N]> {
    let number = |key: &str| value.get(key).and_then(Value::as_i64);
    if fields.iter().any(|field| value.get(field).is_none()) {
        found.add(what);
    }
    let mut read = [0; N];
    for (place, field) in read.iter_mut().zip(fields) {
        *place = number(field)?;
    }
    Some(read)
}

/// Which fields go with which kind; a field that would be ignored is a fault.
pub(super) fn check_fields(kind: &str, value: &Value, found: &mut Found) {
    let used: &[&str] = match kind {
        "sum" => &["categories", "causes", "window", "reach", "comparator"],
        "uncovered" => &["categories", "less", "causes", "window", "reach", "comparator"],
        "measure" => &["measure", "instead", "comparator"],
        "status" => &["code"],
        "incident" => &["codes", "causes", "window"],
        "member_change" => &["window"],
        "missing_status" => &["code", "values", "days"],
        "history" => &["history", "days"],
        "village" => &["percent", "days", "households_min", "below"],
        "missing_wage" => &["missing_months", "before_months", "paid_months"],
        _ => return,
    };
    let figures = ["categories", "less", "causes", "window", "reach", "measure", "instead", "comparator"];
    let events = ["code", "codes", "values", "days", "history", "missing_months", "before_months", "paid_months"];
    let village = ["percent", "households_min", "below"];
    let all = figures.into_iter().chain(events).chain(village);
    for field in all.filter(|field| value.get(field).is_some() && !used.contains(field)) {
        found.at(field, |found| found.add(format!("a rule of kind `{kind}` has no such field")));
    }
    if kind == "uncovered" && value.get("less").is_none() {
        found.add("`less` is missing: what is set against the loss");
    }
}
