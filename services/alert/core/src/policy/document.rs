//! A policy file as it is written: YAML that fits the JSON schema, not yet joined with what it inherits. It does not
//! know what the words in it mean.

use std::sync::LazyLock;

use schemas::Day;
use serde_json::{Map, Value};

use super::faults::{Fault, Faults};
use super::shape;

/// The JSON schema of a policy file, as editors use it too.
pub(super) const SCHEMA_TEXT: &str = include_str!("../../../../../deploy/policies/policy.schema.json");

/// A policy file that is well formed.
#[derive(Clone, Debug)]
pub struct Document {
    /// The policy's name.
    pub name: String,
    /// Its version.
    pub version: i64,
    /// The policy that it builds upon.
    pub inherits: Option<String>,
    /// The counties that it is for.
    pub counties: Counties,
    /// The first day for which it holds.
    pub effective_from: Day,
    /// All that it says.
    pub(super) value: Value,
}

/// The counties that a policy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counties {
    /// Those that have no policy of their own.
    All,
    /// Those whose code begins with one of these digits.
    Prefixes(Vec<String>),
}

impl Counties {
    /// How closely it fits a county with these digits: the length of the prefix, 0 for all counties; `None` where it does not.
    pub(super) fn fits(&self, county: [u8; 6]) -> Option<usize> {
        let is_of = |prefix: &&String| county.starts_with(prefix.as_bytes());
        match self {
            Self::All => Some(0),
            Self::Prefixes(prefixes) => prefixes.iter().filter(is_of).map(String::len).max(),
        }
    }
}

impl Document {
    /// Reads a policy file. Every fault of its shape is told at once; [`super::build()`] finds those of its meaning.
    pub fn read(text: &str) -> Result<Self, Faults> {
        match Self::read_as_far_as_it_goes(text)? {
            (Some(document), faults) if faults.is_empty() => Ok(document),
            (_, faults) => Err(Faults(faults)),
        }
    }

    /// Reads a file whose shape may be faulty, as far as it goes, so that faults of its meaning can be told with those
    /// of its shape.
    pub(super) fn read_as_far_as_it_goes(text: &str) -> Result<(Option<Self>, Vec<Fault>), Faults> {
        let value = shape::parse(text)?;
        let mut faults = shape_faults(&value);
        let head = Self::head(&value).map_err(|more| faults.extend(more)).ok();
        Ok((head, faults))
    }

    fn head(value: &Value) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("name");
        let version = value.get("version").and_then(Value::as_i64);
        let day = text("effective_from");
        let effective_from = day.as_deref().and_then(Day::parse);
        if let (Some(day), None) = (&day, effective_from) {
            let what = format!("`{day}` is no day; write it as 2025-03-31");
            faults.push(Fault { place: "/effective_from".to_owned(), what });
        }
        let counties = match value.get("counties") {
            Some(Value::Array(prefixes)) => {
                Counties::Prefixes(prefixes.iter().filter_map(|prefix| prefix.as_str().map(str::to_owned)).collect())
            }
            _ => Counties::All,
        };
        match (name, version, effective_from) {
            (Some(name), Some(version), Some(effective_from)) if faults.is_empty() => {
                let inherits = text("inherits");
                Ok(Self { name, version, inherits, counties, effective_from, value: value.clone() })
            }
            // What is missing was said by the schema.
            _ => Err(faults),
        }
    }

    /// What this document says, laid over what `below` says.
    pub(super) fn over(&self, below: &Value) -> Value {
        let mut joined = overlay(below, &self.value);
        if let Some(fields) = joined.as_object_mut() {
            fields.remove("inherits");
        }
        joined
    }
}

fn shape_faults(value: &Value) -> Vec<Fault> {
    static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| shape::validator(SCHEMA_TEXT));
    let faults = shape::faults(&VALIDATOR, value).into_iter();
    faults.map(|fault| Fault { place: named_place(value, &fault.place), ..fault }).collect()
}

/// The pointer, with a rule's id beside its number.
fn named_place(value: &Value, pointer: &str) -> String {
    let mut steps = pointer.splitn(4, '/');
    let (Some(""), Some("rules"), Some(number)) = (steps.next(), steps.next(), steps.next()) else {
        return pointer.to_owned();
    };
    let rule = number.parse().ok().and_then(|at: usize| value.get("rules")?.get(at));
    let Some(id) = rule.and_then(|rule| rule.get("id")).and_then(Value::as_str) else { return pointer.to_owned() };
    let rest = steps.next().map_or_else(String::new, |rest| format!("/{rest}"));
    format!("/rules/{number} ({id}){rest}")
}

/// Objects other than conditions are joined field by field, rules by their id; anything else of `above` takes the place of what is below.
fn overlay(below: &Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            let mut joined: Map<String, Value> = below.clone();
            for (key, value) in above {
                let value = match below.get(key) {
                    Some(old) if key == "rules" => overlay_rules(old, value),
                    // A condition is one word: joined with another one it would be two, and only one of them heard.
                    Some(_) if key == "when" => value.clone(),
                    Some(old) => overlay(old, value),
                    None => value.clone(),
                };
                joined.insert(key.clone(), value);
            }
            Value::Object(joined)
        }
        _ => above.clone(),
    }
}

fn overlay_rules(below: &Value, above: &Value) -> Value {
    let (Value::Array(below), Value::Array(above)) = (below, above) else { return above.clone() };
    let mut joined = below.clone();
    for rule in above {
        let id = rule.get("id");
        match joined.iter_mut().find(|old| old.get("id") == id) {
            Some(old) => *old = overlay(old, rule),
            None => joined.push(rule.clone()),
        }
    }
    Value::Array(joined)
}
