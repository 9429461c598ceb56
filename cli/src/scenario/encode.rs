//! Turns what a scenario tells into feed records: Avro bytes by the schemas of `schemas/feeds`. It does not know how
//! they are published, nor what happened before or after.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use schemas::Day;
use serde_json::{Map, json};

use super::format::Yuan;
use super::names::Names;
use super::told::Told;

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

/// The writer's side of one feed schema.
pub(crate) struct Writer {
    schema: Schema,
    header: Vec<u8>,
    fields: Vec<Field>,
}

/// A field, as far as a scenario writes it in its own way.
pub(crate) struct Field {
    name: String,
    form: Form,
    is_optional: bool,
}

/// How a scenario writes a field.
enum Form {
    /// As the schema has it.
    Plain,
    /// By a household's name.
    Household,
    /// By a person's name, or a list of them.
    Person,
    /// As a day.
    Day,
    /// As a list of records.
    Records(Vec<Field>),
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
            let plain: serde_json::Value = serde_json::from_str(text).with_context(|| format!("schema {path}"))?;
            let fields = fields_of(&plain);
            by_event.insert((department.to_owned(), event.to_owned()), Writer { schema, header, fields });
        }
        Ok(Self { by_event })
    }

    /// The writer of an event type.
    pub(crate) fn of(&self, department: &str, event: &str) -> Result<&Writer> {
        self.by_event
            .get(&(department.to_owned(), event.to_owned()))
            .with_context(|| format!("there is no schema for the event `{event}` of department `{department}`"))
    }

    /// The record of what is told.
    pub(crate) fn record(&self, told: &Told) -> Result<FeedRecord> {
        let value = self.of(&told.department, &told.event)?.encode(&told.whole());
        let value = value.with_context(|| format!("{}/{} `{}`", told.department, told.event, told.id))?;
        Ok(FeedRecord { day: told.published, department: told.department.clone(), key: told.id.clone(), value })
    }
}

impl Writer {
    fn encode(&self, fields: &Map<String, serde_json::Value>) -> Result<Vec<u8>> {
        if let Some(unknown) = fields.keys().find(|name| !self.has(name)) {
            let known: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
            bail!("there is no field `{unknown}`; there are {}", known.join(", "));
        }
        let value = Value::try_from(serde_json::Value::Object(fields.clone()))
            .map_err(|error| anyhow!("{error}"))?
            .resolve(&self.schema)
            .context("the fields do not fit the schema")?;
        let datum = GenericDatumWriter::builder(&self.schema).build()?.write_value_to_vec(value)?;
        Ok([self.header.as_slice(), &datum].concat())
    }

    /// Whether the schema has a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// The fields that hold a day and must be given.
    pub(crate) fn days(&self) -> impl Iterator<Item = &str> {
        let days = self.fields.iter().filter(|field| matches!(field.form, Form::Day) && !field.is_optional);
        days.map(|field| field.name.as_str())
    }

    /// The fields of an event, as the schema has them.
    pub(crate) fn fields(
        &self,
        given: &BTreeMap<String, serde_json::Value>,
        names: &Names,
    ) -> Result<Map<String, serde_json::Value>> {
        let mut fields = Map::new();
        for (name, value) in given {
            let (name, value) = in_fen(name, value)?;
            let form = self.fields.iter().find(|field| field.name == name).map(|field| &field.form);
            let value = written(form.unwrap_or(&Form::Plain), &value, names);
            fields.insert(name.clone(), value.with_context(|| format!("field {name}"))?);
        }
        Ok(fields)
    }
}

/// A field as its schema has it: `amount_yuan: 500.00` becomes `amount_fen: 50000`.
fn in_fen(name: &str, value: &serde_json::Value) -> Result<(String, serde_json::Value)> {
    let Some(stem) = name.strip_suffix("_yuan") else { return Ok((name.to_owned(), value.clone())) };
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let amount = Yuan::parse(&text).with_context(|| format!("field {name}: `{text}` is no amount in yuan"))?;
    Ok((format!("{stem}_fen"), json!(amount.0.0)))
}

fn written(form: &Form, value: &serde_json::Value, names: &Names) -> Result<serde_json::Value> {
    if let Some(list) = value.as_array() {
        let items = list.iter().map(|item| written(form, item, names));
        return Ok(serde_json::Value::Array(items.collect::<Result<_>>()?));
    }
    Ok(match (form, value) {
        (Form::Household, serde_json::Value::String(name)) => json!(names.household(name)?.to_string()),
        (Form::Person, serde_json::Value::String(name)) => json!(names.person(name)?.as_str()),
        (Form::Day, serde_json::Value::String(text)) => {
            json!(Day::parse(text).with_context(|| format!("`{text}` is no day"))?.0)
        }
        (Form::Records(fields), serde_json::Value::Object(record)) => {
            let mut resolved = Map::new();
            for (name, value) in record {
                let form = fields.iter().find(|field| field.name == *name).map_or(&Form::Plain, |field| &field.form);
                resolved.insert(name.clone(), written(form, value, names)?);
            }
            serde_json::Value::Object(resolved)
        }
        (_, value) => value.clone(),
    })
}

fn fields_of(record: &serde_json::Value) -> Vec<Field> {
    let fields = record["fields"].as_array().map_or(&[][..], Vec::as_slice);
    let field = |field: &serde_json::Value| Field {
        name: field["name"].as_str().unwrap_or_default().to_owned(),
        form: form_of(field),
        is_optional: field.get("default").is_some(),
    };
    fields.iter().map(field).collect()
}

fn form_of(field: &serde_json::Value) -> Form {
    match field["format"].as_str() {
        Some("household_code") => return Form::Household,
        Some("citizen_number") => return Form::Person,
        _ => {}
    }
    let of = &field["type"];
    // A field that may be null is a union; what else it is stands in it.
    let kinds = of.as_array().map_or_else(|| vec![of], |kinds| kinds.iter().collect());
    for kind in kinds {
        if kind["logicalType"] == "date" {
            return Form::Day;
        }
        if kind["type"] == "array" && kind["items"].is_object() {
            return Form::Records(fields_of(&kind["items"]));
        }
    }
    Form::Plain
}
