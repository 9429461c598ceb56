//! The annotation `backstop` of a feed's record, as it stands in the file. It checks nothing but its shape.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::Kind;

/// The whole annotation. Checks and entries are read one by one, so that each tells its own fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Annotation {
    pub(super) department: String,
    pub(super) event_type: String,
    #[serde(default)]
    pub(super) checks: Vec<Value>,
    pub(super) entries: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    pub(super) at_most: [String; 2],
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) category: Option<Word>,
    pub(super) cause: Option<Word>,
    pub(super) amount: Option<Names>,
    pub(super) day: Option<Names>,
    pub(super) month: Option<String>,
    pub(super) months: Option<String>,
    pub(super) code: Option<Word>,
    pub(super) value: Option<Word>,
    pub(super) about: Option<About>,
    #[serde(default)]
    pub(super) when: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) given: Vec<String>,
}

/// One name, or several of which the first that is given counts.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "the name of a field, or a list of names")]
pub(super) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// A fixed word, or one by a field.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a text, or an object with field and, if need be, map and default")]
pub(super) enum Word {
    Fixed(String),
    Field(ByField),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByField {
    pub(super) field: String,
    #[serde(default)]
    pub(super) map: BTreeMap<String, String>,
    pub(super) default: Option<String>,
}

/// Whom an entry is about.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "\"event\", \"household\", an object with household, or one with each and, for records, person"
)]
pub(super) enum About {
    Whole(Whole),
    Named(Named),
    Each(Each),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whole {
    Event,
    Household,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) household: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Each {
    pub(super) each: String,
    pub(super) person: Option<String>,
}
