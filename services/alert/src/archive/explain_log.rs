//! The table `explain_log`: who asked for the explanation of a household. It does not know what was answered.

use runtime::archive::RowMapper;
use runtime::stage::Record;
use schemas::codec;
use schemas::records::ExplainRequest;
use serde::Serialize;

use super::entries::seconds;
use super::{line, place};

/// The mapper of the table.
#[derive(Clone, Copy, Debug)]
pub struct ExplainLog;

/// A row, in the names of the table.
#[derive(Debug, Serialize)]
struct Row<'a> {
    asked_at: String,
    asked_by: &'a str,
    account: &'a str,
    host: &'a str,
    household: String,
    answered_from: &'a str,
}

impl RowMapper for ExplainLog {
    fn table(&self) -> &'static str {
        "explain_log"
    }

    fn topics(&self) -> Vec<String> {
        vec!["explain.log".to_owned()]
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let Some(value) = record.value else { return Ok(()) };
        let request: ExplainRequest = codec::decode(value).map_err(|error| format!("{}: {error}", place(record)))?;
        explain_row(&request, lines)
    }
}

/// Appends the row of a request as a line of JSON: what the command writes where it answers from `ClickHouse`.
pub fn explain_row(request: &ExplainRequest, lines: &mut Vec<u8>) -> Result<(), String> {
    let row = Row {
        asked_at: seconds(request.asked_at_ms),
        asked_by: &request.asked_by,
        account: &request.account,
        host: &request.host,
        household: request.household.to_string(),
        answered_from: &request.answered_from,
    };
    line(&row, lines)
}
