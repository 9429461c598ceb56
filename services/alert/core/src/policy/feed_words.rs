//! Whether the feeds ever say what a policy listens for: codes, values, numbers, departments. A service does not ask
//! this, since a policy may be published before its feed joins; who checks a file wants to know.

use std::collections::{BTreeMap, BTreeSet};

use schemas::Kind;
use schemas::feed::{Catalogue, EntryRule, Feed, Form, Place, Words};

use super::faults::{Fault, Found};
use super::{LevelRow, Policy, Test};

/// What feeds say with one code.
#[derive(Debug, Default)]
struct Said {
    /// Its values; none where one of the feeds may say anything.
    values: Option<BTreeSet<String>>,
    /// The least and the largest number, where every feed has a limit.
    least: Option<i64>,
    largest: Option<i64>,
}

/// What all feeds say, by code.
type ByCode = BTreeMap<String, Said>;

/// What a policy listens for and no feed says, each with its place: a rule by its id.
pub fn unsaid(policy: &Policy, catalogue: &Catalogue) -> Vec<Fault> {
    let mut found = Found::default();
    let (statuses, incidents) = (codes(catalogue, Kind::Status), codes(catalogue, Kind::Incident));
    let departments = catalogue.departments();
    let heard = |list: &[String], key: &str, found: &mut Found| {
        for (at, feed) in list.iter().enumerate().filter(|(_, feed)| !departments.contains(&feed.as_str())) {
            let what = format!("there is no feed of a department `{feed}`");
            found.at(format!("{key}/{at}"), |found| found.add(what));
        }
    };
    heard(&policy.income_feeds, "income_feeds", &mut found);
    for rule in &policy.rules {
        found.at(format!("rules/{}", rule.id), |found| {
            heard(&rule.needs, "needs", found);
            for (at, form) in rule.forms.iter().enumerate() {
                let place = (rule.forms.len() > 1).then(|| format!("forms/{at}"));
                let walk = |found: &mut Found| match &form.test {
                    Test::Status { code } => check(&form.levels, std::slice::from_ref(code), "code", &statuses, found),
                    Test::Incident { codes, .. } => check(&form.levels, codes, "codes", &incidents, found),
                    Test::MissingStatus { code, values, .. } => {
                        check(&[], std::slice::from_ref(code), "code", &statuses, found);
                        check_values(values, std::slice::from_ref(code), &statuses, found);
                    }
                    _ => {}
                };
                match place {
                    Some(place) => found.at(place, walk),
                    None => walk(found),
                }
            }
        });
    }
    found.into_faults()
}

/// The codes of a form, and the values and numbers of its levels.
fn check(levels: &[LevelRow], codes: &[String], key: &str, said: &ByCode, found: &mut Found) {
    for (at, code) in codes.iter().enumerate().filter(|(_, code)| !said.contains_key(*code)) {
        let place = if key == "codes" { format!("{key}/{at}") } else { key.to_owned() };
        found.at(place, |found| found.add(format!("no feed says `{code}`: it can never hold")));
    }
    for (at, row) in levels.iter().enumerate() {
        found.at(format!("levels/{at}"), |found| {
            check_values(&row.values, codes, said, found);
            check_number(row, codes, said, found);
        });
    }
}

fn check_values(values: &[String], codes: &[String], said: &ByCode, found: &mut Found) {
    let known: Vec<&Said> = codes.iter().filter_map(|code| said.get(code)).collect();
    let is_said = |value: &String| known.iter().any(|one| one.values.as_ref().is_none_or(|all| all.contains(value)));
    for (at, value) in values.iter().enumerate().filter(|(_, value)| !known.is_empty() && !is_said(value)) {
        let what = format!("no feed says `{value}` of {}", codes.join(", "));
        found.at(format!("values/{at}"), |found| found.add(what));
    }
}

fn check_number(row: &LevelRow, codes: &[String], said: &ByCode, found: &mut Found) {
    let Some((comparator, threshold)) = row.number else { return };
    let known: Vec<&Said> = codes.iter().filter_map(|code| said.get(code)).collect();
    // The limit of a code that no feed limits is not known.
    let limits: Option<Vec<i64>> =
        known.iter().map(|one| if comparator.is_upward() { one.largest } else { one.least }).collect();
    let limit = limits.and_then(|all| {
        let all = all.into_iter();
        if comparator.is_upward() { all.max() } else { all.min() }
    });
    if let Some(limit) = limit.filter(|limit| !comparator.holds(*limit, threshold)) {
        let most = if comparator.is_upward() { "at most" } else { "at least" };
        let what = format!("the feed's number is {most} {limit}: it can never hold");
        found.at("number/threshold", |found| found.add(what));
    }
}

/// What feeds say in entries of a kind.
fn codes(catalogue: &Catalogue, kind: Kind) -> ByCode {
    let mut by_code = ByCode::new();
    for feed in catalogue.feeds() {
        let entries = feed.mapping.subjects.iter().flat_map(|subject| &subject.entries);
        for entry in entries.filter(|entry| entry.kind == kind) {
            // A code that is an open text may be anything; no feed of this kind is one.
            for code in texts(&entry.code, feed).into_iter().flatten() {
                let new = said(entry, feed);
                match by_code.remove(&code) {
                    Some(old) => by_code.insert(code, both(old, new)),
                    None => by_code.insert(code, new),
                };
            }
        }
    }
    by_code
}

fn both(one: Said, other: Said) -> Said {
    let either = |pair: (Option<i64>, Option<i64>), choose: fn(i64, i64) -> i64| Some(choose(pair.0?, pair.1?));
    Said {
        values: one.values.zip(other.values).map(|(one, other)| one.into_iter().chain(other).collect()),
        least: either((one.least, other.least), i64::min),
        largest: either((one.largest, other.largest), i64::max),
    }
}

fn said(entry: &EntryRule, feed: &Feed) -> Said {
    let field = match &entry.value {
        Words::Field { place, table, .. } if table.is_empty() => slot(*place, feed),
        _ => None,
    };
    let field = field.and_then(|slot| feed.fields.get(slot)).filter(|field| matches!(field.form, Form::Number(_)));
    Said {
        values: texts(&entry.value, feed),
        least: field.and_then(|field| field.min),
        largest: field.and_then(|field| field.max),
    }
}

/// The texts that there can be; none where it can be any.
fn texts(words: &Words, feed: &Feed) -> Option<BTreeSet<String>> {
    match words {
        Words::Fixed(text) => Some(BTreeSet::from([text.clone()])),
        Words::Field { table, default, .. } if !table.is_empty() => {
            Some(table.iter().map(|(_, text)| text.clone()).chain(default.clone()).collect())
        }
        Words::Field { place, default, .. } => {
            let texts = match &feed.fields.get(slot(*place, feed)?)?.form {
                Form::Bool => vec!["false".to_owned(), "true".to_owned()],
                Form::Text(symbols) if !symbols.is_empty() => symbols.clone(),
                _ => return None,
            };
            Some(texts.into_iter().chain(default.clone()).collect())
        }
    }
}

/// The slot of the event's field that a text comes from.
fn slot(place: Place, feed: &Feed) -> Option<usize> {
    match place {
        Place::Event(slot) => Some(slot),
        Place::Rendered(at) => feed.mapping.rendered.get(at).copied(),
        Place::Row(_) => None,
    }
}
