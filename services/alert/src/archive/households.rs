//! The tables `household_states` and `cases`: upserts by number from compacted topics. It does not know the tables
//! that are filled by intents.

use std::time::Duration;

use runtime::archive::RowMapper;
use runtime::stage::Record;
use schemas::codec;
use schemas::records::{Act, Case, Finding, HouseholdState};
use schemas::{Cause, Class, Day, Fen, Month, Office};
use serde::Serialize;

use super::{WAIT, letter, line, named, place};

/// The mapper of `household_states`.
#[derive(Clone, Copy, Debug)]
pub struct HouseholdStates;

/// The mapper of `cases`.
#[derive(Clone, Copy, Debug)]
pub struct Cases;

/// A row of `household_states`, in the names of the table.
#[derive(Debug, Serialize)]
struct StateRow<'a> {
    household: String,
    number: i64,
    registered_day: Option<String>,
    classes: Vec<&'static str>,
    members: usize,
    provisional_members: i32,
    surveyed_day: Option<String>,
    surveyed_members: Option<i32>,
    unreported_income_fen: Option<i64>,
    sums: Vec<SumRow<'a>>,
}

/// The sums of a category and cause by month. In one row: a name for each month would be most of what is inserted.
#[derive(Debug, Serialize)]
struct SumRow<'a> {
    category: &'static str,
    cause: &'static str,
    first_month: i32,
    amounts_fen: &'a [Fen],
}

/// A row of `cases`, in the names of the table.
#[derive(Debug, Serialize)]
struct CaseRow<'a> {
    household: String,
    number: i64,
    case_number: i32,
    step: String,
    opened_day: Option<String>,
    level: &'static str,
    causes: Vec<&'static str>,
    rules: Vec<&'a str>,
    findings: Vec<FindingRow<'a>>,
    state_number: i64,
    evaluated_day: String,
    step_day: Option<String>,
    due_day: Option<String>,
    office: &'static str,
    escalations: i32,
    round: i32,
    visit_day: Option<String>,
    closed_day: Option<String>,
    acts: Vec<ActRow<'a>>,
}

/// Something that an office did.
#[derive(Debug, Serialize)]
struct ActRow<'a> {
    entry: String,
    case_number: i32,
    round: i32,
    code: &'a str,
    value: &'a str,
    cause: &'static str,
    day: String,
}

impl<'a> ActRow<'a> {
    fn of(act: &'a Act) -> Self {
        Self {
            entry: act.entry.to_string(),
            case_number: act.case_number,
            round: act.round,
            code: &act.code,
            value: &act.value,
            cause: act.cause.code(),
            day: act.day.to_string(),
        }
    }
}

/// A finding that holds.
#[derive(Debug, Serialize)]
struct FindingRow<'a> {
    rule: &'a str,
    warning_id: &'a str,
    opening_entry: String,
    since_day: String,
    level: &'static str,
    cause: &'static str,
    month: Option<i32>,
    value_fen: i64,
    threshold_fen: i64,
    evidence: Vec<String>,
}

impl<'a> FindingRow<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            rule: &finding.rule,
            warning_id: &finding.warning_id,
            opening_entry: finding.opening_entry.to_string(),
            since_day: finding.since_day.to_string(),
            level: finding.level.letter(),
            cause: finding.cause.code(),
            month: finding.month.map(Month::yyyymm),
            value_fen: finding.value_fen.0,
            threshold_fen: finding.threshold_fen.0,
            evidence: finding.evidence.iter().map(ToString::to_string).collect(),
        }
    }
}

impl RowMapper for HouseholdStates {
    fn table(&self) -> &'static str {
        "household_states"
    }

    fn topics(&self) -> Vec<String> {
        vec!["households.states".to_owned()]
    }

    fn wait(&self) -> Duration {
        WAIT
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let Some(value) = record.value.filter(|value| codec::is::<HouseholdState>(value)) else { return Ok(()) };
        let state: HouseholdState = codec::decode(value).map_err(|error| format!("{}: {error}", place(record)))?;
        let survey = state.survey.as_ref();
        let sums = state.sums.iter().map(|sum| SumRow {
            category: sum.category.name(),
            cause: sum.cause.code(),
            first_month: sum.months.first_month().map_or(0, Month::yyyymm),
            amounts_fen: sum.months.amounts(),
        });
        let row = StateRow {
            household: state.household.to_string(),
            number: state.number,
            registered_day: state.registered_day.map(|day| day.to_string()),
            classes: state.classes.iter().map(|class| Class::name(*class)).collect(),
            members: state.members.len(),
            provisional_members: state.provisional_members,
            surveyed_day: survey.map(|survey| survey.day.to_string()),
            surveyed_members: survey.map(|survey| survey.members + survey.members_since),
            unreported_income_fen: survey.map(|survey| survey.unreported_income_fen.0),
            sums: sums.collect(),
        };
        line(&row, lines)
    }
}

impl RowMapper for Cases {
    fn table(&self) -> &'static str {
        "cases"
    }

    fn topics(&self) -> Vec<String> {
        vec!["households.cases".to_owned()]
    }

    fn wait(&self) -> Duration {
        WAIT
    }

    fn rows(&self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<(), String> {
        let Some(value) = record.value.filter(|value| codec::is::<Case>(value)) else { return Ok(()) };
        let case: Case = codec::decode(value).map_err(|error| format!("{}: {error}", place(record)))?;
        let text = |day: Day| day.to_string();
        let row = CaseRow {
            household: case.household.to_string(),
            number: case.number,
            case_number: case.case_number,
            step: named(&case.step),
            opened_day: case.opened_day.map(text),
            level: letter(case.level),
            causes: case.causes.iter().map(|cause| Cause::code(*cause)).collect(),
            rules: case.findings.iter().map(|finding| finding.rule.as_str()).collect(),
            findings: case.findings.iter().map(FindingRow::of).collect(),
            state_number: case.state_number,
            evaluated_day: case.evaluated_day.to_string(),
            step_day: case.step_day.map(text),
            due_day: case.due_day.map(text),
            office: case.office.map_or("", Office::name),
            escalations: case.escalations,
            round: case.round(),
            visit_day: case.visit.as_ref().map(|visit| visit.day.to_string()),
            closed_day: case.closed_day.map(text),
            acts: case.acts.iter().map(ActRow::of).collect(),
        };
        line(&row, lines)
    }
}
