//! Where two joined policies, or two files of what stands beside them, say something else: one line a difference, each with its place.
//! It does not know what the fields mean, beyond these: rules are found by their id, a rule that is `off` is not there,
//! and notes for the reader of a file decide nothing.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Resource};
use fluent_syntax::{parser, serializer};
use serde_json::{Map, Value};

/// Fields of a policy that say which one it is, not what it decides. The counties are the caller's business.
const WHICH_ONE: &[&str] = &["name", "version", "counties", "inherits"];
/// Fields of a rule that only the reader of the file sees.
const FOR_THE_READER: &[&str] = &["note"];
/// Longest text that is shown of a value, in characters.
const SHOWN_CHARACTERS_MAX: usize = 160;

/// What differs at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    /// The place, such as `/rules/3 (R08)/levels/0/threshold`; a rule's number counts in the first policy that has it.
    pub(super) place: String,
    /// What is said there: `5000 -> 6000`, `only in A: ...`.
    pub(super) what: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Where two joined policies differ, in the order of their places in the first one.
pub(super) fn of_policies(a: &Value, b: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let (a, b) = (without(a, WHICH_ONE), without(b, WHICH_ONE));
    fields(
        &a,
        &b,
        "",
        &mut |key, a, b, place, found| match key {
            "rules" => rules(a, b, place, found),
            _ => values(a, b, place, found),
        },
        &mut found,
    );
    found
}

/// Where two Fluent files differ, message by message. What cannot be read of them is passed over.
pub(super) fn of_sentences(language: &str, a: &str, b: &str) -> Vec<Difference> {
    let (a, b) = (messages(a), messages(b));
    let ids: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut found = Vec::new();
    for id in ids {
        let text = |messages: &BTreeMap<String, String>| messages.get(id).map(|text| Value::String(text.clone()));
        values(text(&a).as_ref(), text(&b).as_ref(), &format!("/wording/{language}/{id}"), &mut found);
    }
    found
}

/// Where two files of another kind differ.
pub(super) fn of_values(key: &str, a: &Value, b: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    values(Some(a), Some(b), &format!("/{key}"), &mut found);
    found
}

/// The messages of a Fluent file as they would be written anew, so that its spaces and comments make no difference.
fn messages(text: &str) -> BTreeMap<String, String> {
    let resource = parser::parse(text).unwrap_or_else(|(resource, _)| resource);
    let mut messages = BTreeMap::new();
    for entry in resource.body {
        let id = match &entry {
            Entry::Message(message) => message.id.name.to_owned(),
            Entry::Term(term) => format!("-{}", term.id.name),
            _ => continue,
        };
        let entry = match entry {
            Entry::Message(mut message) => {
                message.comment = None;
                Entry::Message(message)
            }
            other => other,
        };
        let text = serializer::serialize(&Resource { body: vec![entry] });
        let said = text.split_once('=').map_or(text.as_str(), |(_, said)| said);
        messages.insert(id, said.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    messages
}

type Walk<'a> = dyn FnMut(&str, Option<&Value>, Option<&Value>, &str, &mut Vec<Difference>) + 'a;

/// Walks through the fields of two objects, those of the first one in its order, then what only the second one has.
fn fields(a: &Value, b: &Value, place: &str, walk: &mut Walk<'_>, found: &mut Vec<Difference>) {
    let none = Map::new();
    let (a, b) = (a.as_object().unwrap_or(&none), b.as_object().unwrap_or(&none));
    let further = b.keys().filter(|key| !a.contains_key(*key));
    for key in a.keys().chain(further) {
        walk(key, a.get(key), b.get(key), &format!("{place}/{key}"), found);
    }
}

fn rules(a: Option<&Value>, b: Option<&Value>, place: &str, found: &mut Vec<Difference>) {
    let (a, b) = (rules_by_id(a), rules_by_id(b));
    let further = b.iter().filter(|(_, id, _)| !a.iter().any(|(_, other, _)| other == id));
    for (at, id, _) in a.iter().chain(further) {
        let rule = |rules: &[(usize, String, Value)]| {
            rules.iter().find(|(_, other, _)| other == id).map(|(_, _, rule)| rule.clone())
        };
        let place = format!("{place}/{at} ({id})");
        match (rule(&a), rule(&b)) {
            (Some(a), Some(b)) => values(Some(&a), Some(&b), &place, found),
            (Some(_), None) => found.push(Difference { place, what: "the rule is only in A".to_owned() }),
            (None, _) => found.push(Difference { place, what: "the rule is only in B".to_owned() }),
        }
    }
}

/// The rules that hold: their numbers in the list, ids and what they say.
fn rules_by_id(list: Option<&Value>) -> Vec<(usize, String, Value)> {
    let list = list.and_then(Value::as_array).into_iter().flatten().enumerate();
    list.filter(|(_, rule)| rule.get("off").and_then(Value::as_bool) != Some(true))
        .map(|(at, rule)| {
            let id = rule.get("id").and_then(Value::as_str).unwrap_or_default();
            (at, id.to_owned(), without(&without(rule, FOR_THE_READER), &["off"]))
        })
        .collect()
}

fn values(a: Option<&Value>, b: Option<&Value>, place: &str, found: &mut Vec<Difference>) {
    match (a, b) {
        (Some(a @ Value::Object(_)), Some(b @ Value::Object(_))) => {
            fields(a, b, place, &mut |_, a, b, place, found| values(a, b, place, found), found);
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.iter().chain(b).all(Value::is_object) => {
            for at in 0..a.len().max(b.len()) {
                values(a.get(at), b.get(at), &format!("{place}/{at}"), found);
            }
        }
        (Some(a), Some(b)) if are_equal(a, b) => {}
        (Some(a), Some(b)) => add(place, format!("{} -> {}", shown(a), shown(b)), found),
        (Some(a), None) => add(place, format!("only in A: {}", shown(a)), found),
        (None, Some(b)) => add(place, format!("only in B: {}", shown(b)), found),
        (None, None) => {}
    }
}

fn add(place: &str, what: String, found: &mut Vec<Difference>) {
    found.push(Difference { place: place.to_owned(), what });
}

/// Numbers are equal by what they are worth, lists of words whatever their order.
fn are_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            let sorted = |list: &[Value]| {
                let mut list: Vec<String> = list.iter().map(Value::to_string).collect();
                list.sort();
                list
            };
            sorted(a) == sorted(b)
        }
        _ => a == b,
    }
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() <= SHOWN_CHARACTERS_MAX {
        return text;
    }
    let begin: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    format!("{begin}...")
}

fn without(value: &Value, keys: &[&str]) -> Value {
    match value {
        Value::Object(all) => {
            Value::Object(all.clone().into_iter().filter(|(key, _)| !keys.contains(&key.as_str())).collect())
        }
        other => other.clone(),
    }
}
