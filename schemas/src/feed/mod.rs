//! The catalogue of feeds: every event type of every department, from the files of `schemas/feeds`. It is made of
//! paths and texts; who read them, and from where, it does not know. Nor does it know how a mapping is applied.
//!
//! Each file is an Avro schema with annotations (`schemas/feeds/README.md` has the language). A writer's own version
//! of a schema needs none: it is found by its record's full name, and reads through our annotated copy.

mod compile;
mod fault;
mod field;
mod load;
mod mapping;
mod raw;
#[cfg(test)]
mod tests;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

pub use fault::{Fault, Faults};
pub use field::{AMOUNT_FEN_MAX, Field, Form, Format, LIST_ITEMS_MAX, Unit};
pub use mapping::{About, AtMost, EntryRule, Mapping, Pick, Place, SubjectRule, Words};

use crate::codec::plan::Plan;

/// The name of the index file in the folder of the feeds.
pub const INDEX_FILE: &str = "index.json";

/// Every feed, and every writer's schema that reads through one.
#[derive(Debug)]
pub struct Catalogue {
    /// In the order of their files: by department, then event type.
    feeds: Vec<Feed>,
    writers: Vec<Writer>,
    by_id: HashMap<u32, usize, FixedState>,
    by_fingerprint: HashMap<[u8; 8], usize, FixedState>,
}

/// One event type of one department.
#[derive(Debug)]
pub struct Feed {
    /// The record's full name, such as `backstop.feeds.health_insurance.medical_settlement`.
    pub record: String,
    /// The department, as in its topic's name.
    pub department: String,
    /// The event type.
    pub event_type: String,
    /// The text of our copy of its schema.
    pub schema: String,
    /// The id that Confluent's framing has for our copy, where the index gives one.
    pub id: Option<u32>,
    /// The fingerprint of our copy, as in a single-object encoding.
    pub fingerprint: [u8; 8],
    /// Its fields, by slot.
    pub fields: Vec<Field>,
    /// The slots of the fields that every event has.
    pub envelope: Envelope,
    /// What it means.
    pub mapping: Mapping,
}

/// The slots of the fields that every event has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// `event_id`.
    pub event_id: usize,
    /// `source`.
    pub source: usize,
    /// `event_type`.
    pub event_type: usize,
    /// `person_id`.
    pub person_id: usize,
    /// `household_code`.
    pub household_code: usize,
    /// `occurred_at`.
    pub occurred_at: usize,
    /// `reported_at`.
    pub reported_at: usize,
    /// `op`.
    pub op: usize,
    /// `corrects_event_id`.
    pub corrects_event_id: usize,
    /// `document_number`.
    pub document_number: usize,
}

#[derive(Debug)]
struct Writer {
    feed: usize,
    plan: Plan,
}

impl Catalogue {
    /// Makes the catalogue of files, each a path within the folder of the feeds (with `/`) and its text:
    /// `<department>/<event_type>.avsc`, further versions of writers as `<department>/versions/<any>.avsc`, and
    /// `index.json`. Other files are passed over. Gives every fault of all files at once.
    pub fn load<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Result<Self, Faults> {
        load::load(files.iter().map(|(path, text)| (path.as_ref(), text.as_ref())).collect())
    }

    /// The feed and the plan for a schema id of Confluent's framing.
    pub fn by_id(&self, id: u32) -> Option<(&Feed, &Plan)> {
        self.writer(*self.by_id.get(&id)?)
    }

    /// The feed and the plan for the fingerprint of a single-object encoding.
    pub fn by_fingerprint(&self, fingerprint: [u8; 8]) -> Option<(&Feed, &Plan)> {
        self.writer(*self.by_fingerprint.get(&fingerprint)?)
    }

    fn writer(&self, at: usize) -> Option<(&Feed, &Plan)> {
        let writer = self.writers.get(at)?;
        Some((self.feeds.get(writer.feed)?, &writer.plan))
    }

    /// Every feed, by department, then event type.
    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    /// The feed of a department's event type.
    pub fn feed(&self, department: &str, event_type: &str) -> Option<&Feed> {
        self.feeds.iter().find(|feed| feed.department == department && feed.event_type == event_type)
    }

    /// Every department, sorted.
    pub fn departments(&self) -> Vec<&str> {
        let mut departments: Vec<&str> = self.feeds.iter().map(|feed| feed.department.as_str()).collect();
        departments.sort_unstable();
        departments.dedup();
        departments
    }
}
