//! An explanation as text that a person reads from top to bottom. It does not know where it came from.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{Fen, Month};

use super::answer::{Answer, Case, Finding, Number, Stay};
use super::rows::{MonthRow, PartRow};
use super::trace::{How, Line, Turn};
use crate::columns::{Align, table};

/// Characters of a token or hash that are shown: enough to tell those of one household apart.
const SHORT_CHARS: usize = 8;

/// The whole text.
pub(super) fn of(answer: &Answer) -> String {
    let mut parts = vec![head(answer)];
    if let Some(case) = &answer.case {
        parts.push(case_text(case, answer));
    }
    parts.push(section("Members over time", &members(&answer.stays)));
    parts.push(section("Months (yuan)", &months(answer)));
    parts.push(format!("What the numbers rest on\n\n{}", numbers(&answer.numbers)));
    parts.push(section("What else is known", &facts(&answer.facts)));
    parts.join("\n\n")
}

fn section(title: &str, body: &str) -> String {
    let body = if body.is_empty() { "nothing" } else { body };
    format!("{title}\n\n{}", indented(body))
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") });
    lines.collect::<Vec<_>>().join("\n")
}

fn head(answer: &Answer) -> String {
    let class = if answer.classes.is_empty() { "general".to_owned() } else { answer.classes.join(", ") };
    let registered =
        answer.registered_day.as_deref().map_or("not registered".to_owned(), |day| format!("registered {day}"));
    let survey = answer.survey.as_ref().map_or_else(
        || "never surveyed, so its income is known in part".to_owned(),
        |survey| {
            format!(
                "surveyed {}: {} share the economy, {} yuan a year that no feed reports",
                survey.day,
                survey.members,
                yuan(survey.unreported_income_fen)
            )
        },
    );
    let born = match answer.provisional_members {
        0 => String::new(),
        born => format!(" and {born} born but not registered yet"),
    };
    format!(
        "Household {}, state {}\n  {registered}, class {class}, {} registered members{born}\n  {survey}",
        answer.household, answer.state_number, answer.members
    )
}

fn case_text(case: &Case, answer: &Answer) -> String {
    let head = if case.step == "none" {
        format!("No case is open (evaluated {})", case.evaluated_day)
    } else {
        let opened = case.opened_day.as_deref().unwrap_or("an unknown day");
        let level = if case.level.is_empty() { String::new() } else { format!(", level {}", case.level) };
        let causes =
            if case.causes.is_empty() { String::new() } else { format!(", causes {}", case.causes.join(", ")) };
        format!(
            "Case {}: {}, opened {opened}{level}{causes} (evaluated {})",
            case.number, case.step, case.evaluated_day
        )
    };
    let lines: BTreeMap<&str, &Line> = lines(answer).map(|line| (line.entry.as_str(), line)).collect();
    let findings = case.findings.iter().map(|finding| indented(&finding_text(finding, &lines)));
    [head].into_iter().chain(findings).collect::<Vec<_>>().join("\n\n")
}

fn lines(answer: &Answer) -> impl Iterator<Item = &Line> {
    // Of several lines of an entry the one that counts comes last, since that is the order in which it was said.
    answer.numbers.iter().flat_map(|number| &number.entries).chain(&answer.facts)
}

fn finding_text(finding: &Finding, lines: &BTreeMap<&str, &Line>) -> String {
    let Finding { rule, level, cause, since_day, policy, window, .. } = finding;
    let by = if policy.is_empty() { String::new() } else { format!(", by {policy}") };
    let about = finding.month.map_or_else(String::new, |month| format!(", about {}", month_text(month)));
    let mut text = vec![format!("{rule} level {level}, cause {cause}, since {since_day}{about}{by}")];
    if !window.is_empty() {
        let (value, threshold) = (yuan(finding.value_fen), yuan(finding.threshold_fen));
        text.push(format!("  {value} yuan over {window}, against {threshold}"));
    }
    if !finding.said_day.is_empty() {
        text.push(format!("  said {}: {}", finding.said_day, finding.sentence_en));
        text.push(indented(&finding.sentence_zh));
    }
    let part = |part: &PartRow| vec![yuan(part.amount_fen), column_name(&part.category, &part.cause)];
    let parts: Vec<_> = finding.contributions.iter().map(part).collect();
    if !parts.is_empty() {
        text.push("  made up of".to_owned());
    }
    text.push(indented(&indented(&table(&[], &parts, &[Align::Right]))));
    if !finding.departments.is_empty() {
        let action = if finding.action.is_empty() { String::new() } else { format!("; action {}", finding.action) };
        text.push(format!("  goes to {}{action}", finding.departments.join(", ")));
    }
    let of_entry = |entry: &String| evidence(entry, lines.get(entry.as_str()).copied());
    let rows: Vec<_> = finding.evidence.iter().map(of_entry).collect();
    if !rows.is_empty() {
        text.push("  rests on".to_owned());
        text.push(indented(&indented(&table(&[], &rows, &[Align::Left, Align::Right]))));
    }
    text.retain(|line| !line.is_empty());
    text.join("\n")
}

fn evidence(entry: &str, line: Option<&Line>) -> Vec<String> {
    let Some(line) = line else {
        return vec![String::new(), String::new(), "entry not found".to_owned(), entry.to_owned()];
    };
    let what = if line.code.is_empty() { line.category.clone() } else { fact(line) };
    let amount = if line.amount_fen == 0 { String::new() } else { yuan(line.amount_fen) };
    let state = if line.is_live { String::new() } else { "counts no longer".to_owned() };
    vec![line.day.clone(), amount, what, line.source.clone(), line.origin.clone(), entry.to_owned(), state]
}

fn members(stays: &[Stay]) -> String {
    let row = |stay: &Stay| {
        let to_day = stay.to_day.clone().unwrap_or_else(|| "today".to_owned());
        let (source, origin) = (stay.source.clone(), stay.origin.clone());
        vec![stay.person.clone(), stay.from_day.clone(), to_day, source, origin, stay.reported_day.clone()]
    };
    let rows: Vec<_> = stays.iter().map(row).collect();
    table(&["person", "from", "to", "department", "origin", "reported"], &rows, &[])
}

/// A table with a row for each month and a column for each category and cause.
fn months(answer: &Answer) -> String {
    let column = |one: &MonthRow| column_name(&one.category, &one.cause);
    let columns: BTreeSet<String> = answer.months.iter().map(column).collect();
    let months: BTreeSet<i32> = answer.months.iter().map(|one| one.month).collect();
    let mut sums: BTreeMap<(i32, String), i64> = BTreeMap::new();
    for one in &answer.months {
        *sums.entry((one.month, column(one))).or_default() += one.amount_fen;
    }
    let rows: Vec<Vec<String>> = months
        .iter()
        .rev()
        .map(|month| {
            let sum = |column: &String| sums.get(&(*month, column.clone())).map(|sum| yuan(*sum)).unwrap_or_default();
            [month_text(*month)].into_iter().chain(columns.iter().map(sum)).collect()
        })
        .collect();
    let heads: Vec<String> = columns.iter().map(|column| column.replace(['_', ' '], "\n")).collect();
    let names: Vec<&str> = ["month"].into_iter().chain(heads.iter().map(String::as_str)).collect();
    let align: Vec<Align> = [Align::Left].into_iter().chain(columns.iter().map(|_| Align::Right)).collect();
    table(&names, &rows, &align)
}

/// An amount with both digits of its fen, so that a column of them stands in line.
fn yuan(fen: i64) -> String {
    let text = alert_core::wording::yuan(Fen(fen));
    if text.contains('.') { text } else { format!("{text}.00") }
}

/// A category, with its cause where that is one of the rules' and not the rest.
fn column_name(category: &str, cause: &str) -> String {
    let category = if category == "none" { "survey" } else { category };
    if cause == "99" { category.to_owned() } else { format!("{category} {cause}") }
}

fn month_text(month: i32) -> String {
    Month::from_yyyymm(month).map_or_else(String::new, |month| month.to_string())
}

fn numbers(numbers: &[Number]) -> String {
    let text = |number: &Number| {
        let head = format!(
            "{} ({}): {} yuan in {} entries",
            column_name(&number.category, &number.cause),
            number.kind,
            yuan(number.live_fen),
            number.entries.iter().filter(|line| line.is_live).count()
        );
        let names = ["day", "yuan", "counts for", "department", "origin", "document", "reported", "person", "entry"];
        let rows: Vec<_> = number.entries.iter().map(amount_row).collect();
        let notes = number.entries.iter().map(notes);
        indented(&format!(
            "{head}\n{}",
            indented(&with_notes(&table(&names, &rows, &[Align::Left, Align::Right]), notes))
        ))
    };
    numbers.iter().map(text).collect::<Vec<_>>().join("\n\n")
}

fn amount_row(line: &Line) -> Vec<String> {
    let month = month_text(line.month);
    let counts_for = if line.months > 1 { format!("{month} +{}", line.months - 1) } else { month };
    vec![
        line.day.clone(),
        yuan(line.amount_fen),
        counts_for,
        line.source.clone(),
        line.origin.clone(),
        short(&line.document),
        line.reported_day.clone(),
        short(&line.person),
        line.entry.clone(),
    ]
}

fn facts(lines: &[Line]) -> String {
    let row = |line: &Line| {
        let (source, origin) = (line.source.clone(), line.origin.clone());
        let (reported, person) = (line.reported_day.clone(), short(&line.person));
        vec![line.day.clone(), fact(line), line.kind.clone(), source, origin, reported, person, line.entry.clone()]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    let names = ["day", "fact", "kind", "department", "origin", "reported", "person", "entry"];
    with_notes(&table(&names, &rows, &[]), lines.iter().map(notes))
}

fn fact(line: &Line) -> String {
    if line.value.is_empty() { line.code.clone() } else { format!("{} = {}", line.code, line.value) }
}

/// A table whose rows may each be followed by lines of notes.
fn with_notes(table: &str, notes: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines = table.lines();
    let mut text: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
    for (line, notes) in lines.zip(notes) {
        text.push(line.to_owned());
        text.extend(notes.into_iter().map(|note| format!("    {note}")));
    }
    text.join("\n")
}

/// What is to be said of a line besides what it says.
fn notes(line: &Line) -> Vec<String> {
    let came = line.came.as_ref().map(|turn| format!("+ {}", came_text(turn)));
    let ended = line.ended.as_ref().map(|turn| format!("- {}", ended_text(turn)));
    came.into_iter().chain(ended).collect()
}

fn came_text(turn: &Turn) -> String {
    let what = match &turn.how {
        How::Moved { household } => format!("moved here from {household}"),
        How::SameDocument { by } => format!("counts in place of the same document in {}", by.join(", ")),
        How::Waited => "waited, and counts".to_owned(),
        How::Again => "counts again".to_owned(),
        How::Corrected { .. } | How::SaidAnew { .. } | How::Retracted | How::Left | How::Changed => "counts".to_owned(),
    };
    format!("{what} since {}", event(turn))
}

fn ended_text(turn: &Turn) -> String {
    let what = match &turn.how {
        How::Moved { household } => format!("moved to {household}"),
        How::Corrected { by } if by.is_empty() => "corrected away".to_owned(),
        How::Corrected { by } => format!("corrected to {}", by.join(", ")),
        How::SaidAnew { amount_fen: 0 } => "said anew".to_owned(),
        How::SaidAnew { amount_fen } => format!("said anew as {}", yuan(*amount_fen)),
        How::Retracted => "taken back".to_owned(),
        How::SameDocument { by } => format!("the same document counts in {}", by.join(", ")),
        How::Left => "left with its person".to_owned(),
        How::Waited | How::Again | How::Changed => "counts no longer".to_owned(),
    };
    format!("{what} by {}", event(turn))
}

fn event(turn: &Turn) -> String {
    let reported =
        if turn.reported_day.is_empty() { String::new() } else { format!(", reported {}", turn.reported_day) };
    format!("{} of {}, {}{reported}", turn.event_type, turn.source, turn.origin)
}

/// The first characters of a token or hash.
fn short(text: &str) -> String {
    text.chars().take(SHORT_CHARS).collect()
}
