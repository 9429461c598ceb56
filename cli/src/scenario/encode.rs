//! Turns a scenario's households and events into feed records: Avro bytes by the schemas of `schemas/feeds`. It does
//! not know how they are published.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use schemas::id::CitizenNumber;
use schemas::{Day, HouseholdCode};
use serde_json::{Map, json};

use super::format::{Event, Household, Scenario, Yuan};

/// Milliseconds after midnight at which a scenario's events occur.
const NOON_MS: i64 = 12 * 3_600_000;
/// Members are born on this day of successive years, so that each has a number of its own.
const FIRST_BIRTH_YEAR: i32 = 1950;

/// One feed record, ready to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedRecord {
    /// The day on which it is published.
    pub day: Day,
    /// The department.
    pub department: String,
    /// The key: the event id.
    pub key: String,
    /// The value: Avro, single-object encoding.
    pub value: Vec<u8>,
}

/// The writer's side of every feed schema.
pub(crate) struct Writers {
    by_event: BTreeMap<(String, String), Writer>,
}

struct Writer {
    schema: Schema,
    header: Vec<u8>,
    fields: Vec<String>,
}

impl Writers {
    /// Compiles the schemas, given as path (`<department>/<event type>.avsc`) and text.
    pub(crate) fn new(files: &[(String, String)]) -> Result<Self> {
        let mut by_event = BTreeMap::new();
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".avsc")) {
            let mut parts = path.trim_end_matches(".avsc").rsplit('/');
            let (Some(event), Some(department)) = (parts.next(), parts.next()) else { continue };
            let compiled: serde_avro_fast::Schema = text.parse().with_context(|| format!("schema {path}"))?;
            let mut header = schemas::codec::internal::SINGLE_OBJECT_MARKER.to_vec();
            header.extend_from_slice(compiled.rabin_fingerprint());
            let schema = Schema::parse_str(text).with_context(|| format!("schema {path}"))?;
            let Schema::Record(record) = &schema else { bail!("schema {path} is no record") };
            let fields = record.fields.iter().map(|field| field.name.clone()).collect();
            by_event.insert((department.to_owned(), event.to_owned()), Writer { schema, header, fields });
        }
        Ok(Self { by_event })
    }

    fn encode(&self, department: &str, event: &str, fields: &Map<String, serde_json::Value>) -> Result<Vec<u8>> {
        let writer = self.writer(department, event)?;
        if let Some(unknown) = fields.keys().find(|name| !writer.fields.contains(name)) {
            bail!("{department}/{event} has no field `{unknown}`; it has {}", writer.fields.join(", "));
        }
        let value = Value::try_from(serde_json::Value::Object(fields.clone()))
            .map_err(|error| anyhow!("{department}/{event}: {error}"))?
            .resolve(&writer.schema)
            .with_context(|| format!("{department}/{event}: the fields do not fit the schema"))?;
        let datum = GenericDatumWriter::builder(&writer.schema).build()?.write_value_to_vec(value)?;
        Ok([writer.header.as_slice(), &datum].concat())
    }

    fn writer(&self, department: &str, event: &str) -> Result<&Writer> {
        self.by_event
            .get(&(department.to_owned(), event.to_owned()))
            .with_context(|| format!("there is no schema for the event `{event}` of department `{department}`"))
    }
}

/// The names of a scenario: which code a household has, which number a member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    households: BTreeMap<String, HouseholdCode>,
    persons: BTreeMap<String, CitizenNumber>,
}

impl Names {
    /// Gives the households of a scenario their codes. `place` tells scenarios apart that run together: their
    /// households lie in different villages.
    pub(crate) fn new(scenario: &Scenario, place: u16) -> Result<Self> {
        let mut names = Self::default();
        let county = schemas::County::parse(&scenario.county)
            .with_context(|| format!("county `{}` has not 6 digits", scenario.county))?;
        for (index, household) in scenario.households.iter().enumerate() {
            let code = format!("{county}100{:03}{:04}", place % 1000, index + 1);
            let code = HouseholdCode::parse(&code).with_context(|| format!("household code {code}"))?;
            if names.households.insert(household.name.clone(), code).is_some() {
                bail!("two households are called `{}`", household.name);
            }
            for member in 1..=household.members {
                let birth = Day::of(FIRST_BIRTH_YEAR + i32::from(member % 60), 1, 1 + (index % 28) as u8);
                let number = birth
                    .and_then(|birth| CitizenNumber::compose(county.0 as u32, birth, place % 1000))
                    .with_context(|| format!("citizen number of {}.{member}", household.name))?;
                names.persons.insert(format!("{}.{member}", household.name), number);
            }
        }
        Ok(names)
    }

    /// The code of a household.
    pub(crate) fn household(&self, name: &str) -> Result<HouseholdCode> {
        let known = || self.households.keys().cloned().collect::<Vec<_>>().join(", ");
        let code = self.households.get(name).copied();
        code.with_context(|| format!("there is no household `{name}`; there are: {}", known()))
    }

    /// The name of a household.
    pub(crate) fn name_of(&self, code: HouseholdCode) -> Option<&str> {
        self.households.iter().find(|(_, one)| **one == code).map(|(name, _)| name.as_str())
    }
}

/// Every feed record of a scenario, in the order of the days on which they are published.
pub(crate) fn records(scenario: &Scenario, names: &Names, writers: &Writers, place: u16) -> Result<Vec<FeedRecord>> {
    let mut records = Vec::new();
    for household in &scenario.households {
        register(household, names, writers, place, &mut records)
            .with_context(|| format!("household `{}`", household.name))?;
    }
    for (index, event) in scenario.events.iter().enumerate() {
        let id = event.id.clone().unwrap_or_else(|| format!("scenario-{place}-{index}"));
        happen(event, &id, names, writers, &mut records)
            .with_context(|| format!("event {} ({} of {})", index + 1, event.event, event.day.0))?;
    }
    records.sort_by_key(|record| record.day);
    // What lies before the calendar is published on its first day.
    for record in &mut records {
        record.day = record.day.max(scenario.start.0);
    }
    Ok(records)
}

fn register(
    household: &Household,
    names: &Names,
    writers: &Writers,
    place: u16,
    records: &mut Vec<FeedRecord>,
) -> Result<()> {
    let day = household.registered.0;
    let members: Vec<_> = (1..=household.members)
        .filter_map(|member| names.persons.get(&format!("{}.{member}", household.name)))
        .enumerate()
        .map(|(at, number)| json!({"person_id": number.as_str(), "relation": if at == 0 { "head" } else { "other" }}))
        .collect();
    let id = |what: &str| format!("scenario-{place}-{}-{what}", household.name);
    let mut write = |department: &str, event: &str, id: String, day: Day, fields: serde_json::Value| -> Result<()> {
        let mut envelope = envelope(department, event, &id, day, day);
        envelope.insert("household_code".to_owned(), json!(names.household(&household.name)?.to_string()));
        let serde_json::Value::Object(fields) = fields else { bail!("fields of {event}") };
        envelope.extend(fields);
        let value = writers.encode(department, event, &envelope)?;
        records.push(FeedRecord { day, department: department.to_owned(), key: id, value });
        Ok(())
    };
    let registration = json!({"registered_date": day.0, "members": members});
    write("public-security", "household_registered", id("registered"), day, registration)?;
    if !household.classes.is_empty() {
        let classes = json!({"classes": household.classes});
        write("rural-revitalisation", "class_listed", id("classes"), day, classes)?;
    }
    for (index, survey) in household.surveys.iter().enumerate() {
        let found = json!({
            "unreported_income_fen": survey.unreported_income_yuan.0.0,
            "members": survey.members.unwrap_or(household.members),
        });
        write("rural-revitalisation", "household_surveyed", id(&format!("survey-{index}")), survey.day.0, found)?;
    }
    Ok(())
}

fn happen(event: &Event, id: &str, names: &Names, writers: &Writers, records: &mut Vec<FeedRecord>) -> Result<()> {
    let takes_month = writers.writer(&event.department, &event.event)?.fields.iter().any(|name| name == "month");
    let delay = event.reported.map_or(0, |reported| reported.0.0 - event.day.0.0);
    let (year, month, day) = event.day.0.civil();
    for repeat in 0..i32::from(event.monthly.unwrap_or(1)) {
        let occurred_month = event.day.0.month().plus(repeat);
        let occurred = Day::of(occurred_month.year(), occurred_month.number(), day)
            .with_context(|| format!("day {day} does not exist in the month {repeat} after {year}-{month:02}"))?;
        let id = if repeat == 0 { id.to_owned() } else { format!("{id}-{repeat}") };
        let mut fields = envelope(&event.department, &event.event, &id, occurred, occurred.plus(delay));
        if let Some(number) = names.persons.get(&event.about) {
            fields.insert("person_id".to_owned(), json!(number.as_str()));
        } else {
            fields.insert("household_code".to_owned(), json!(names.household(&event.about)?.to_string()));
        }
        if let Some(document) = &event.document {
            fields.insert("document_number".to_owned(), json!(document));
        }
        if takes_month {
            fields.insert("month".to_owned(), json!(occurred_month.yyyymm()));
        }
        for (name, value) in &event.fields {
            let (name, value) = field(name, value)?;
            fields.insert(name, value);
        }
        let value = writers.encode(&event.department, &event.event, &fields)?;
        for _ in 0..event.deliveries.unwrap_or(1) {
            records.push(FeedRecord {
                day: occurred.plus(delay),
                department: event.department.clone(),
                key: id.clone(),
                value: value.clone(),
            });
        }
    }
    Ok(())
}

/// A field as its schema has it: `amount_yuan: 500.00` becomes `amount_fen: 50000`.
fn field(name: &str, value: &serde_json::Value) -> Result<(String, serde_json::Value)> {
    let Some(stem) = name.strip_suffix("_yuan") else { return Ok((name.to_owned(), value.clone())) };
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let amount = Yuan::parse(&text).with_context(|| format!("field {name}: `{text}` is no amount in yuan"))?;
    Ok((format!("{stem}_fen"), json!(amount.0.0)))
}

fn envelope(department: &str, event: &str, id: &str, occurred: Day, reported: Day) -> Map<String, serde_json::Value> {
    let mut fields = Map::new();
    for (name, value) in [
        ("event_id", json!(id)),
        ("source", json!(department)),
        ("event_type", json!(event)),
        ("occurred_at", json!(occurred.start_ms() + NOON_MS)),
        ("reported_at", json!(reported.start_ms() + NOON_MS + 3_600_000)),
        ("op", json!("upsert")),
    ] {
        fields.insert(name.to_owned(), value);
    }
    fields
}
