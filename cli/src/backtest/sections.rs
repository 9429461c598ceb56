//! The parts of the report: each a table of a comparison, and its chart. It does not know how the numbers came about
//! nor how they look.

use std::collections::{BTreeMap, BTreeSet};

use schemas::id::Village;

use super::charts::{self, Change, number};
use super::compared::{Compared, HIDDEN, Judged, change, days, more_days, percent, points};
use super::findings::{About, Side};
use super::report::{Section, Table};
use super::tally::{Cell, Groups, Row, Shown, shown, tally};
use crate::simulate::judge::{self, Notice};

/// Bins of the histogram of villages at most.
const BINS_MAX: usize = 12;
/// Villages that are named.
const VILLAGES_NAMED: usize = 10;
/// What a household without a class is called.
const GENERAL: &str = "general";

/// All parts.
pub(super) fn sections(compared: &Compared, sides: [&str; 2], verdict_days: i32) -> Vec<Section> {
    let by = |names: &dyn Fn(&About) -> Vec<String>| tally(&compared.a, &compared.b, &compared.pairs, names);
    let mut sections = vec![
        group_section(
            "Warnings by rule",
            "How many warnings each rule raised, and which of them only one side has.",
            "Rule",
            &by(&|about| vec![about.rule.clone()]),
            sides,
            Some(compared),
        ),
        by_month(compared, sides, &by(&|about| vec![about.day.month().to_string()])),
        group_section(
            "Warnings by county",
            "The counties of the households, by their codes (GB/T 2260).",
            "County",
            &by(&|about| vec![about.household.county().to_string()]),
            sides,
            Some(compared),
        ),
        group_section(
            "Warnings by class",
            "The classes that the household had on the day. One with several classes is counted in each, so there is no sum.",
            "Class",
            &by(&|about| classes(about)),
            sides,
            None,
        ),
        villages(compared, sides),
    ];
    sections.extend(compared.judged.as_ref().map(|judged| truth(judged, sides)));
    if compared.known.has_verdicts() {
        sections.push(verdicts(compared, verdict_days));
    }
    sections
}

fn classes(about: &About) -> Vec<String> {
    if about.classes.is_empty() {
        return vec![GENERAL.to_owned()];
    }
    about.classes.iter().map(|class| class.name().to_owned()).collect()
}

fn group_section(
    title: &str,
    text: &str,
    name: &str,
    groups: &Groups,
    sides: [&str; 2],
    whole: Option<&Compared>,
) -> Section {
    let shown = shown(groups);
    let rows: Vec<Change> = groups
        .iter()
        .map(|(name, row)| Change {
            name: name.clone(),
            totals: shown[name].warnings.then_some((row.a.count, row.b.count)),
            parts: shown[name].changes.then_some((row.gone.count, row.added.count)),
        })
        .collect();
    let description = format!("{title}: two bars for each, A above B. The numbers are in the table.");
    Section {
        title: title.to_owned(),
        text: text.to_owned(),
        chart: Some(charts::changes(title, description, sides, &rows)),
        tables: vec![Table {
            caption: format!(
                "{title}: what A and B raise, what B adds and what is gone in it, what comes earlier and later in it"
            ),
            columns: columns(&[name, "A", "B", "Change", "Added", "Gone", "Earlier", "Later", "Visits A", "Visits B"]),
            rows: groups.iter().map(|(name, row)| table_row(name, row, shown[name])).collect(),
            total: whole.map(|compared| {
                let groups = tally(&compared.a, &compared.b, &compared.pairs, |_| vec!["All".to_owned()]);
                let row = groups.get("All").cloned().unwrap_or_default();
                let everything = self::shown(&groups).get("All").copied().unwrap_or_default();
                table_row("All", &row, everything)
            }),
        }],
    }
}

fn table_row(name: &str, row: &Row, shown: Shown) -> Vec<String> {
    let if_shown = |is_shown: bool, text: String| if is_shown { text } else { HIDDEN.to_owned() };
    let cell = |is_shown: bool, cell: &Cell| if_shown(is_shown && !cell.is_small(), number(cell.count));
    // A zero says nothing about anybody, unless it stands beside what is hidden.
    let warnings =
        |one: &Cell| if_shown(shown.warnings || (one.count == 0 && row.a.count + row.b.count > 0), number(one.count));
    vec![
        name.to_owned(),
        warnings(&row.a),
        warnings(&row.b),
        if_shown(shown.warnings, change(row.a.count, row.b.count)),
        if_shown(shown.changes, number(row.added.count)),
        if_shown(shown.changes, number(row.gone.count)),
        cell(true, &row.earlier),
        cell(true, &row.later),
        if_shown(shown.visits, number(row.visits_a.count)),
        if_shown(shown.visits, number(row.visits_b.count)),
    ]
}

fn by_month(compared: &Compared, sides: [&str; 2], groups: &Groups) -> Section {
    let months: Vec<String> = compared.months().map(|month| month.to_string()).collect();
    let shown = shown(groups);
    let of = |month: &String| (groups.get(month).cloned().unwrap_or_default(), shown.get(month).copied());
    let count = |cell: fn(&Row) -> &Cell| -> Vec<Option<usize>> {
        let shown = |month| {
            let (row, shown) = of(month);
            shown.is_none_or(|shown| shown.warnings).then(|| cell(&row).count)
        };
        months.iter().map(shown).collect()
    };
    let (a, b) = (count(|row| &row.a), count(|row| &row.b));
    let title = "Warnings over time";
    let description =
        "Warnings raised in each month: one line for A, one for B. The numbers are in the table.".to_owned();
    let text = |value: Option<usize>| value.map_or_else(|| HIDDEN.to_owned(), number);
    let rows = months.iter().zip(a.iter().zip(&b)).map(|(month, (a, b))| {
        let (row, shown) = of(month);
        let visits =
            |cell: &Cell| if shown.is_none_or(|shown| shown.visits) { number(cell.count) } else { HIDDEN.to_owned() };
        let difference = a.zip(*b).map_or_else(|| HIDDEN.to_owned(), |(a, b)| change(a, b));
        vec![month.clone(), text(*a), text(*b), difference, visits(&row.visits_a), visits(&row.visits_b)]
    });
    Section {
        title: title.to_owned(),
        text: "A warning belongs to the month in which it became known; what is known late is not counted back."
            .to_owned(),
        tables: vec![Table {
            caption: "Warnings and visits by month".to_owned(),
            columns: columns(&["Month", "A", "B", "Change", "Visits A", "Visits B"]),
            rows: rows.collect(),
            total: None,
        }],
        chart: Some(charts::lines(title, description, sides, &months, [&a, &b])),
    }
}

fn villages(compared: &Compared, sides: [&str; 2]) -> Section {
    let count = |side: &Side| {
        let mut villages: BTreeMap<Village, Cell> =
            compared.known.villages.keys().map(|village| (*village, Cell::default())).collect();
        for visit in &side.visits {
            villages.entry(visit.household.village()).or_default().add(visit.household);
        }
        villages
    };
    let (a, b) = (count(&compared.a), count(&compared.b));
    let largest = a.values().chain(b.values()).map(|cell| cell.count).max().unwrap_or(0);
    let width = bin_width(largest);
    let bins: Vec<(String, [Option<f64>; 2])> = (0..=largest / width)
        .map(|bin| {
            let (from, to) = (bin * width, (bin + 1) * width - 1);
            let within = |villages: &BTreeMap<Village, Cell>| {
                Some(villages.values().filter(|cell| (from..=to).contains(&cell.count)).count() as f64)
            };
            (if from == to { from.to_string() } else { format!("{from}-{to}") }, [within(&a), within(&b)])
        })
        .collect();
    let title = "Visits per village";
    let description = "How many villages have how many visits: two bars at each number of visits, A and B.".to_owned();
    let shown = |value: &Option<f64>| number(value.unwrap_or_default() as usize);
    let histogram = bins.iter().map(|(name, [a, b])| vec![name.clone(), shown(a), shown(b)]);
    Section {
        title: title.to_owned(),
        text: format!(
            "The visits that each of {} villages is asked for in the whole time: what a village cadre has to bear.",
            number(compared.known.villages.len())
        ),
        tables: vec![
            Table {
                caption: "Villages by the number of their visits".to_owned(),
                columns: columns(&["Visits", "Villages, A", "Villages, B"]),
                rows: histogram.collect(),
                total: None,
            },
            most_visited(compared, &a, &b),
        ],
        chart: Some(charts::columns(title, description, sides, "", &bins)),
    }
}

fn most_visited(compared: &Compared, a: &BTreeMap<Village, Cell>, b: &BTreeMap<Village, Cell>) -> Table {
    let mut villages: Vec<_> =
        b.iter().map(|(village, b)| (*village, a.get(village).cloned().unwrap_or_default(), b)).collect();
    villages.sort_by_key(|(village, a, b)| (std::cmp::Reverse(b.count.max(a.count)), *village));
    villages.retain(|(_, a, b)| !a.is_small() && !b.is_small() && a.count + b.count > 0);
    let rows = villages.iter().take(VILLAGES_NAMED).map(|(village, a, b)| {
        let households = compared.known.villages.get(village).copied().unwrap_or_default();
        vec![
            village.to_string(),
            number(households),
            number(a.count),
            number(b.count),
            change(a.count, b.count),
            number(a.households()),
            number(b.households()),
        ]
    });
    Table {
        caption: format!("The {VILLAGES_NAMED} villages with most visits"),
        columns: columns(&["Village", "Households", "Visits A", "Visits B", "Change", "Visited A", "Visited B"]),
        rows: rows.collect(),
        total: None,
    }
}

/// A round width, so that there are few bins.
fn bin_width(largest: usize) -> usize {
    let widths = (0..).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_usize.pow(power)));
    let mut fitting = widths.filter(|width| largest / width < BINS_MAX);
    fitting.next().unwrap_or(1)
}

fn truth(judged: &Judged, sides: [&str; 2]) -> Section {
    let Judged { truth, a, b, .. } = judged;
    let shares = [
        ("Recall", a.recall, b.recall),
        ("Recall, all shocks", a.recall_all, b.recall_all),
        ("Precision", a.precision, b.precision),
        ("Precision, income alone", a.precision_without_safeguards, b.precision_without_safeguards),
    ];
    let mut rows: Vec<Vec<String>> =
        shares.iter().map(|(name, a, b)| vec![(*name).to_owned(), percent(*a), percent(*b), points(*a, *b)]).collect();
    for (name, a, b) in [
        ("Lead time, median", a.lead_days_median, b.lead_days_median),
        ("Lead time, worst tenth", a.lead_days_p10, b.lead_days_p10),
    ] {
        rows.push(vec![name.to_owned(), days(a), days(b), more_days(a, b)]);
    }
    rows.push(vec!["Requests".to_owned(), number(a.requests), number(b.requests), change(a.requests, b.requests)]);
    let cases = |report: &judge::Report| format!("{:.1}", report.cases_per_1000);
    let difference = format!("{:+.1}", b.cases_per_1000 - a.cases_per_1000);
    rows.push(vec!["Cases in 1,000 households".to_owned(), cases(a), cases(b), difference]);
    let title = "Against the truth";
    let places: Vec<(String, [Option<f64>; 2])> = shares
        .iter()
        .map(|(name, a, b)| ((*name).to_owned(), [a, b].map(|share| share.map(|share| share * 100.0))))
        .collect();
    let description = "Recall and precision in percent: two bars for each, A and B.".to_owned();
    Section {
        title: title.to_owned(),
        text: format!(
            "The truth of the simulated city: which households were below {} yuan a head or without a safeguard, whatever \
             the line of a policy. From {} on there were {} shocks, {} of them meant to be seen.",
            number((truth.city.line_fen / 100).unsigned_abs() as usize),
            truth.city.judged_from,
            number(a.shocks),
            number(a.shocks_meant)
        ),
        chart: Some(charts::columns(title, description, sides, "%", &places)),
        tables: vec![
            Table {
                caption: "Recall, precision and lead time".to_owned(),
                columns: columns(&["", "A", "B", "Change"]),
                rows,
                total: None,
            },
            truth_by_rule(judged),
        ],
    }
}

/// Each rule as if it were alone.
fn truth_by_rule(judged: &Judged) -> Table {
    let rules: BTreeSet<&str> = judged
        .notices_a
        .iter()
        .chain(&judged.notices_b)
        .filter(|notice| notice.is_request())
        .map(|notice| notice.rule.as_str())
        .collect();
    let last = judged.truth.city.last_day;
    let rows = rules.into_iter().map(|rule| {
        let alone = |notices: &[Notice]| {
            let notices: Vec<Notice> = notices.iter().filter(|notice| notice.rule == rule).cloned().collect();
            let report = judge::judge(&judged.truth, &notices, last);
            [number(report.requests), percent(report.recall), percent(report.precision)]
        };
        let (a, b) = (alone(&judged.notices_a), alone(&judged.notices_b));
        [rule.to_owned()].into_iter().chain(a).chain(b).collect()
    });
    Table {
        caption:
            "Each rule as if it were alone: its requests, the shocks that it sees, how many of its requests are right"
                .to_owned(),
        columns: columns(&["Rule", "Requests A", "Recall A", "Precision A", "Requests B", "Recall B", "Precision B"]),
        rows: rows.collect(),
        total: None,
    }
}

/// Visits after which somebody was at the door, and of those the ones that were confirmed.
#[derive(Clone, Default)]
struct Verified {
    all: Cell,
    confirmed: Cell,
}

fn verdicts(compared: &Compared, within_days: i32) -> Section {
    let by_rule = |side: &Side| {
        let mut rules: BTreeMap<String, Verified> = BTreeMap::new();
        for visit in &side.visits {
            let Some(verdict) = compared.known.verdict(visit.household, visit.day, within_days) else { continue };
            for name in [visit.rule.as_str(), ""] {
                let verified = rules.entry(name.to_owned()).or_default();
                verified.all.add(visit.household);
                if verdict.is_confirmed {
                    verified.confirmed.add(visit.household);
                }
            }
        }
        rules
    };
    let (a, b) = (by_rule(&compared.a), by_rule(&compared.b));
    let texts = |side: &BTreeMap<String, Verified>, rule: &str| -> [String; 2] {
        let verified = side.get(rule).cloned().unwrap_or_default();
        if verified.all.is_small() {
            return [HIDDEN, HIDDEN].map(str::to_owned);
        }
        let share = (verified.all.count > 0).then(|| verified.confirmed.count as f64 / verified.all.count as f64);
        [number(verified.all.count), percent(share)]
    };
    let row = |rule: &str, name: &str| -> Vec<String> {
        [name.to_owned()].into_iter().chain(texts(&a, rule)).chain(texts(&b, rule)).collect()
    };
    let rules: BTreeSet<&String> = a.keys().chain(b.keys()).filter(|rule| !rule.is_empty()).collect();
    Section {
        title: "What verifiers found".to_owned(),
        text: format!(
            "Visits after which somebody was at the door within {within_days} days, and how many of these clues were \
             confirmed. In a history nobody went to a household for a warning that only the other policy raises, so this says \
             less of what is added."
        ),
        chart: None,
        tables: vec![Table {
            caption: "Verdicts by rule".to_owned(),
            columns: columns(&["Rule", "Verified A", "Confirmed A", "Verified B", "Confirmed B"]),
            rows: rules.into_iter().map(|rule| row(rule, rule)).collect(),
            total: Some(row("", "All")),
        }],
    }
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
