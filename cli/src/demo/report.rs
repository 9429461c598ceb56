//! What a demo tells at its end: what came in, what was refused, what was warned of, and how that compares with the
//! simulated truth. It does not know whether the run was on real servers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use runtime::stage::Record;
use schemas::Day;
use schemas::codec;
use schemas::records::{Warning, WarningKind};
use serde::Serialize;

use crate::simulate::Truth;
use crate::simulate::judge::{self, Notice, Report};

/// The header that carries a dead letter's reason.
const REASON_HEADER: &str = "backstop.reason";
/// Classes of misses and rules with false requests that the text shows; the last line has all.
const CLASSES_SHOWN: usize = 8;

/// What a run amounted to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    /// Feed records by department.
    pub(crate) events_by_department: BTreeMap<String, i64>,
    /// Dead letters by reason.
    pub(crate) dead_letters_by_reason: BTreeMap<String, i64>,
    /// Warnings raised, by rule and level, such as `R01 H`.
    pub(crate) warnings_by_rule: BTreeMap<String, i64>,
    /// The judgement against the truth.
    #[serde(flatten)]
    pub(crate) report: Report,
}

impl Summary {
    /// Counts a dead letter.
    pub(crate) fn dead_letter(&mut self, record: &Record<'_>) {
        let reason = record.headers.iter().find(|header| header.name == REASON_HEADER);
        let reason = reason.map_or("unknown".into(), |header| String::from_utf8_lossy(header.value));
        *self.dead_letters_by_reason.entry(reason.into_owned()).or_default() += 1;
    }

    /// Judges the warnings of a run.
    pub(crate) fn judge(&mut self, warnings: &[Warning], truth: &Truth, last_closed: Day) {
        for warning in warnings.iter().filter(|warning| warning.kind == WarningKind::Raised) {
            let name = format!("{} {}", warning.rule, warning.level.letter());
            *self.warnings_by_rule.entry(name).or_default() += 1;
        }
        let notices: Vec<Notice> = warnings.iter().filter_map(Notice::of).collect();
        self.report = judge::judge(truth, &notices, last_closed);
    }

    /// The summary for a person.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        section(&mut text, "Events by department", &self.events_by_department);
        section(&mut text, "Dead letters by reason", &self.dead_letters_by_reason);
        section(&mut text, "Warnings raised by rule and level", &self.warnings_by_rule);
        judged(&mut text, &self.report);
        text
    }
}

fn judged(text: &mut String, report: &Report) {
    let days = |value: Option<i32>| value.map_or_else(|| "-".to_owned(), |value| format!("{value} days"));
    let _ = writeln!(text, "\nAgainst the simulated truth, after the history");
    for (what, value) in [
        ("shocks meant to be seen", format!("{} of {}", report.shocks_meant, report.shocks)),
        ("recall (of those)", share(report.recall)),
        ("recall (of all)", share(report.recall_all)),
        ("precision", share(report.precision)),
        ("precision without safeguards", share(report.precision_without_safeguards)),
        ("lead time, median", days(report.lead_days_median)),
        ("lead time, worst tenth", days(report.lead_days_p10)),
        ("requests per 1,000 and year", format!("{:.1}", report.requests_per_1000)),
        ("cases per 1,000 households", format!("{:.1}", report.cases_per_1000)),
        ("visits per case and year", report.visits_per_case_year.map_or("-".into(), |visits| format!("{visits:.2}"))),
    ] {
        let _ = writeln!(text, "  {what:32} {value:>14}");
    }
    let simpler = &report.baselines;
    let _ = writeln!(text, "\nSimpler ways{:24} {:>14} {:>14}", "", "recall", "precision");
    for (what, score) in [
        ("warn nobody", &simpler.nobody),
        ("warn everybody", &simpler.everybody),
        ("as many by lot", &simpler.random),
        ("R01 alone", &simpler.r01_alone),
    ] {
        let _ = writeln!(text, "  {what:32} {:>14} {:>14}", share(score.recall), share(score.precision));
    }
    missed(text, report);
}

/// Where it fails: the largest classes of misses, and the rules with the most false requests.
fn missed(text: &mut String, report: &Report) {
    let mut classes: Vec<_> = report.missed_by_class.iter().collect();
    classes.sort_by_key(|(name, class)| (std::cmp::Reverse(class.count), *name));
    let _ = writeln!(text, "\nMissed, by what happened and why{:4} {:>14} {:>14}", "", "shocks", "share");
    for (name, class) in classes.iter().take(CLASSES_SHOWN) {
        let _ = writeln!(text, "  {name:32} {:>14} {:>14}", class.count, share(Some(class.share)));
    }
    let mut rules: Vec<_> = report.requests_by_rule.iter().filter(|(_, rule)| rule.false_requests > 0).collect();
    rules.sort_by_key(|(name, rule)| (std::cmp::Reverse(rule.false_requests), *name));
    let _ = writeln!(text, "\nFalse requests by rule{:14} {:>14} {:>14}", "", "of requests", "share");
    for (name, rule) in rules.iter().take(CLASSES_SHOWN) {
        let of = format!("{} of {}", rule.false_requests, rule.requests);
        let _ = writeln!(text, "  {name:32} {of:>14} {:>14}", share(Some(rule.share)));
    }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

fn section(text: &mut String, title: &str, rows: &BTreeMap<String, i64>) {
    let _ = writeln!(text, "\n{title}");
    for (name, count) in rows {
        let _ = writeln!(text, "  {name:32} {count:>14}");
    }
}

/// A warning as a line for a person: when, how urgent, whose, and the sentence.
pub(crate) fn line(warning: &Warning) -> String {
    let level = warning.level.letter();
    format!("{} {} {level} {}  {}", warning.day, warning.rule, warning.household, warning.sentence_en)
}

/// Reads a warning record.
pub(crate) fn warning(record: &Record<'_>) -> Result<Warning> {
    Ok(codec::decode(record.value.unwrap_or_default())?)
}
