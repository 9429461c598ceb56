//! The table `warnings`: every record of the topic `warnings`. It does not know the other tables.

use runtime::archive::RowMapper;
use runtime::stage::Record;
use schemas::Month;
use schemas::codec;
use schemas::records::{Contribution, Warning};
use serde::Serialize;

use super::{line, named, place};

/// The mapper of the table.
#[derive(Clone, Copy, Debug)]
pub struct Warnings;

/// A row, in the names of the table.
#[derive(Debug, Serialize)]
struct Row<'a> {
    warning_id: &'a str,
    record_id: &'a str,
    kind: String,
    household: String,
    case_number: i32,
    rule: &'a str,
    policy: &'a str,
    cause: &'a str,
    level: &'a str,
    window: &'a str,
    month: i32,
    value_fen: i64,
    threshold_fen: i64,
    margin_fen: i64,
    day: String,
    occurred_day: String,
    state_number: i64,
    contributions: Vec<Part>,
    evidence: Vec<String>,
    verifier: &'a str,
    departments: &'a [String],
    action: &'a str,
    sentence_zh: &'a str,
    sentence_en: &'a str,
    asks_visit: bool,
    round: i32,
    due_day: Option<String>,
    post: &'a str,
    attached_to: &'a str,
    attached: Vec<String>,
}

/// One part of a figure.
#[derive(Debug, Serialize)]
struct Part {
    category: &'static str,
    cause: &'static str,
    amount_fen: i64,
}

/// The row of a warning as a line of JSON: also what an audit compares the table with.
pub fn row(warning: &Warning, lines: &mut Vec<u8>) -> Result<(), String> {
    let contributions = warning.contributions.iter();
    let row = Row {
        warning_id: &warning.warning_id,
        record_id: &warning.record_id,
        kind: named(&warning.kind),
        household: warning.household.to_string(),
        case_number: warning.case_number,
        rule: &warning.rule,
        policy: &warning.policy,
        cause: warning.cause.code(),
        level: warning.level.letter(),
        window: &warning.window,
        month: warning.month.map_or(0, Month::yyyymm),
        value_fen: warning.value_fen.0,
        threshold_fen: warning.threshold_fen.0,
        margin_fen: warning.margin_fen.0,
        day: warning.day.to_string(),
        occurred_day: warning.occurred_day.to_string(),
        state_number: warning.state_number,
        contributions: contributions.map(part).collect(),
        evidence: warning.evidence.iter().map(ToString::to_string).collect(),
        verifier: &warning.verifier,
        departments: &warning.departments,
        action: &warning.action,
        sentence_zh: &warning.sentence_zh,
        sentence_en: &warning.sentence_en,
        asks_visit: warning.asks_visit,
        round: warning.round,
        due_day: warning.due_day.map(|day| day.to_string()),
        post: &warning.post,
        attached_to: &warning.attached_to,
        attached: warning.attached.iter().map(ToString::to_string).collect(),
    };
    line(&row, lines)
}

fn part(one: &Contribution) -> Part {
    Part { category: one.category.name(), cause: one.cause.code(), amount_fen: one.amount_fen.0 }
}

impl RowMapper for Warnings {
    fn table(&self) -> &'static str {
        "warnings"
    }

    fn topics(&self) -> Vec<String> {
        vec!["warnings".to_owned()]
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let Some(value) = record.value else { return Ok(()) };
        let warning: Warning = codec::decode(value).map_err(|error| format!("{}: {error}", place(record)))?;
        row(&warning, lines)
    }
}
