//! The explanation of a household: what is found, put in order. It does not know from where it was read, nor how it is
//! shown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::{CaseRow, FindingRow, Found, MonthRow, PartRow, StateRow, SumRow, WarningRow};
use super::trace::{self, Line};

/// Kinds of amounts; all others are facts.
const AMOUNTS: [&str; 5] = ["income", "cost", "expense", "compensation", "note"];

/// All that is said of a household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    pub(super) household: String,
    /// The number of its last state; 0 where it has none.
    pub(super) state_number: i64,
    pub(super) registered_day: Option<String>,
    /// Empty is general.
    pub(super) classes: Vec<String>,
    pub(super) members: usize,
    /// Children that were born and are not registered yet.
    pub(super) provisional_members: i32,
    pub(super) survey: Option<Survey>,
    /// What the state has, by month, category and cause.
    pub(super) months: Vec<MonthRow>,
    pub(super) stays: Vec<Stay>,
    pub(super) numbers: Vec<Number>,
    pub(super) facts: Vec<Line>,
    pub(super) case: Option<Case>,
}

/// What no feed reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Survey {
    pub(super) day: String,
    pub(super) members: i32,
    pub(super) unreported_income_fen: i64,
}

/// A person's time in the household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Stay {
    pub(super) person: String,
    pub(super) from_day: String,
    /// The day on which it ended; none while it lasts.
    pub(super) to_day: Option<String>,
    /// The entry that said it last.
    pub(super) entry: String,
    pub(super) source: String,
    pub(super) origin: String,
    pub(super) reported_day: String,
}

/// One category with all entries that count in it or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Number {
    pub(super) kind: String,
    pub(super) category: String,
    pub(super) cause: String,
    /// The sum of those that count.
    pub(super) live_fen: i64,
    pub(super) entries: Vec<Line>,
}

/// The case, with what holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Case {
    pub(super) number: i32,
    pub(super) step: String,
    pub(super) opened_day: Option<String>,
    pub(super) level: String,
    pub(super) causes: Vec<String>,
    pub(super) evaluated_day: String,
    pub(super) findings: Vec<Finding>,
}

/// Why one warning stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) rule: String,
    pub(super) level: String,
    pub(super) cause: String,
    pub(super) since_day: String,
    /// The month that it is about, as yyyymm, where the rule looks at each month by itself.
    pub(super) month: Option<i32>,
    pub(super) value_fen: i64,
    pub(super) threshold_fen: i64,
    /// The window over which the figure was taken; empty for events.
    pub(super) window: String,
    /// The policy by which it was decided last, as name@version.
    pub(super) policy: String,
    pub(super) departments: Vec<String>,
    pub(super) action: String,
    pub(super) contributions: Vec<PartRow>,
    /// The day for which the sentences were said; the figure may have changed since.
    pub(super) said_day: String,
    pub(super) sentence_zh: String,
    pub(super) sentence_en: String,
    /// The entries on which it rests.
    pub(super) evidence: Vec<String>,
}

/// Puts what was found in order; none where the household is not known at all.
pub(super) fn of(household: &str, found: &Found) -> Option<Answer> {
    if found.entries.is_empty() && found.state.is_none() && found.case.is_none() {
        return None;
    }
    let lines = trace::lines(found);
    let stays = stays(&lines);
    let (amounts, mut facts): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| AMOUNTS.contains(&line.kind.as_str()));
    facts.sort_by(|one, other| (&one.day, &one.code, &one.person).cmp(&(&other.day, &other.code, &other.person)));
    let state = found.state.clone().unwrap_or_default();
    Some(Answer {
        household: household.to_owned(),
        state_number: state.number,
        survey: survey(&state),
        registered_day: state.registered_day,
        classes: state.classes,
        members: state.members,
        provisional_members: state.provisional_members,
        months: state.sums.iter().flat_map(SumRow::months).collect(),
        stays,
        numbers: numbers(amounts),
        facts,
        case: found.case.as_ref().map(|case| case_of(case, &found.warnings)),
    })
}

fn survey(state: &StateRow) -> Option<Survey> {
    Some(Survey {
        day: state.surveyed_day.clone()?,
        members: state.surveyed_members?,
        unreported_income_fen: state.unreported_income_fen?,
    })
}

fn stays(lines: &[Line]) -> Vec<Stay> {
    let mut stays = Vec::new();
    for line in lines.iter().filter(|line| line.is_live && line.kind == "membership" && !line.person.is_empty()) {
        let (from_day, to_day) = match line.code.as_str() {
            "join" => (line.day.clone(), None),
            // Said at the end of a stay, with the day on which it began as its value.
            "leave" => (line.value.clone(), Some(line.day.clone())),
            _ => continue,
        };
        stays.push(Stay {
            person: line.person.clone(),
            from_day,
            to_day,
            entry: line.entry.clone(),
            source: line.source.clone(),
            origin: line.origin.clone(),
            reported_day: line.reported_day.clone(),
        });
    }
    stays.sort_by(|one, other| (&one.from_day, &one.person).cmp(&(&other.from_day, &other.person)));
    stays
}

fn numbers(lines: Vec<Line>) -> Vec<Number> {
    let mut numbers: BTreeMap<(usize, String, String), Vec<Line>> = BTreeMap::new();
    for line in lines {
        let place = AMOUNTS.iter().position(|kind| *kind == line.kind).unwrap_or_default();
        numbers.entry((place, line.category.clone(), line.cause.clone())).or_default().push(line);
    }
    let number = |((place, category, cause), mut entries): ((usize, String, String), Vec<Line>)| {
        entries.sort_by(|one, other| (&one.day, &one.entry).cmp(&(&other.day, &other.entry)));
        let live = entries.iter().filter(|line| line.is_live);
        Number {
            kind: AMOUNTS[place].to_owned(),
            category,
            cause,
            live_fen: live.map(|line| line.amount_fen).sum(),
            entries,
        }
    };
    numbers.into_iter().map(number).collect()
}

fn case_of(case: &CaseRow, warnings: &[WarningRow]) -> Case {
    Case {
        number: case.case_number,
        step: case.step.clone(),
        opened_day: case.opened_day.clone(),
        level: case.level.clone(),
        causes: case.causes.clone(),
        evaluated_day: case.evaluated_day.clone(),
        findings: case.findings.iter().map(|finding| finding_of(finding, warnings)).collect(),
    }
}

/// A finding with what its last warning record says of it.
fn finding_of(finding: &FindingRow, warnings: &[WarningRow]) -> Finding {
    let mine = warnings.iter().filter(|warning| warning.warning_id == finding.warning_id);
    let said = mine.max_by_key(|warning| warning.offset).cloned().unwrap_or_default();
    Finding {
        rule: finding.rule.clone(),
        level: finding.level.clone(),
        cause: finding.cause.clone(),
        since_day: finding.since_day.clone(),
        month: finding.month,
        value_fen: finding.value_fen,
        threshold_fen: finding.threshold_fen,
        window: said.window,
        policy: said.policy,
        departments: said.departments,
        action: said.action,
        contributions: said.contributions,
        said_day: said.day,
        sentence_zh: said.sentence_zh,
        sentence_en: said.sentence_en,
        evidence: finding.evidence.clone(),
    }
}
