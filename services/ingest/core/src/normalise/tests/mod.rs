//! What normalise says of records, good and bad.

mod bad;
mod good;
mod privacy;

use std::sync::Arc;

use schemas::feed::{Catalogue, Feed};
use schemas::records::SubjectEntry;
use serde_json::{Value, json};

use super::*;

/// The example of GB 11643.
const PERSON: &str = "11010519491231002X";
const HOUSEHOLD: &str = "4310231012050007";
const KEY: [u8; 32] = [7; 32];
/// 2025-03-10 in Shanghai, noon.
const OCCURRED_MS: i64 = 1_741_579_200_000;
const DAY_MS: i64 = 86_400_000;

/// The files of `schemas/feeds`, by path within it.
fn files() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../schemas/feeds");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).expect("inside").to_string_lossy().into_owned();
                files.push((name, std::fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    files
}

fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::load(&files()).unwrap_or_else(|faults| panic!("{faults}")))
}

fn normaliser(catalogue: &Arc<Catalogue>) -> Normaliser {
    Normaliser::new(Arc::clone(catalogue), Pseudonyms::new(&KEY).expect("32 bytes"), 10_000)
}

/// An event with its envelope; `fields` come on top of it or change it.
fn event(department: &str, event_type: &str, fields: &Value) -> Value {
    let mut event = json!({
        "event_id": "E-1", "source": department, "event_type": event_type,
        "person_id": PERSON, "household_code": HOUSEHOLD,
        "occurred_at": OCCURRED_MS, "reported_at": OCCURRED_MS + DAY_MS,
        "op": "upsert", "corrects_event_id": null, "document_number": null
    });
    for (name, value) in fields.as_object().expect("an object") {
        event[name] = value.clone();
    }
    event
}

fn settlement(fields: &Value) -> Value {
    let mut all = json!({
        "total_fen": 18_000_000, "reimbursed_fen": 9_000_000, "out_of_pocket_fen": 9_000_000,
        "compliant_out_of_pocket_fen": 8_000_000, "visit_type": "inpatient", "out_of_county": false, "cause": null
    });
    for (name, value) in fields.as_object().expect("an object") {
        all[name] = value.clone();
    }
    event("health-insurance", "medical_settlement", &all)
}

fn datum(feed: &Feed, event: &Value) -> Vec<u8> {
    let schema: serde_avro_fast::Schema = feed.schema.parse().expect("a schema");
    let mut config = serde_avro_fast::ser::SerializerConfig::new(&schema);
    serde_avro_fast::to_datum_vec(event, &mut config).expect("the event fits its schema")
}

fn confluent(feed: &Feed, event: &Value) -> Vec<u8> {
    [&[0], feed.id.expect("an id").to_be_bytes().as_slice(), &datum(feed, event)].concat()
}

fn single_object(feed: &Feed, event: &Value) -> Vec<u8> {
    [&[0xC3, 0x01], feed.fingerprint.as_slice(), &datum(feed, event)].concat()
}

fn record<'a>(topic: &'a str, value: &'a [u8]) -> FeedRecord<'a> {
    FeedRecord { topic, partition: 1, offset: 42, value: Some(value), bytes: value.len() }
}

/// The keys and subject records of an event that must be taken.
fn taken<R>(catalogue: &Arc<Catalogue>, event: &Value, take: impl FnOnce(Vec<(String, SubjectEntry<'_>)>) -> R) -> R {
    let (department, event_type) = (text(event, "source"), text(event, "event_type"));
    let feed = catalogue.feed(department, event_type).expect("a feed");
    let value = single_object(feed, event);
    let topic = format!("feeds.{department}");
    let mut normaliser = normaliser(catalogue);
    match normaliser.normalise(&record(&topic, &value)) {
        Outcome::Event(event) => take(
            event
                .subjects
                .iter()
                .map(|(key, value)| {
                    let key = String::from_utf8(key.as_bytes().to_vec()).expect("text");
                    (key, codec::decode(value).expect("a subject record"))
                })
                .collect(),
        ),
        other => panic!("{event} must be taken, was {other:?}"),
    }
}

/// Why a value is rejected.
fn rejected(catalogue: &Arc<Catalogue>, topic: &str, value: Option<&[u8]>) -> Option<Rejection> {
    let bytes = value.map_or(0, <[u8]>::len);
    match normaliser(catalogue).normalise(&FeedRecord { topic, partition: 1, offset: 42, value, bytes }) {
        Outcome::Rejected(rejection) => Some(rejection),
        _ => None,
    }
}

fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().expect("a text")
}
