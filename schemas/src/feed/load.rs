//! Makes the catalogue of the files' texts: schemas first, then further versions, then the ids. It reads no file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_avro_fast::schema::{RegularType, SchemaKey, SchemaMut};
use serde_json::Value;

use super::compile::mapping_of;
use super::fault::{Fault, FaultList, Faults};
use super::field::{Field, Form, Format, Unit, fields_of, texts};
use super::{Catalogue, Envelope, Feed, INDEX_FILE, Writer, raw};
use crate::codec::plan::{Plan, Wanted};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    ids: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexId {
    id: u32,
    record: String,
    /// The file of a further version; our copy where there is none.
    file: Option<String>,
}

/// What the files have given so far.
#[derive(Default)]
struct Loading<'a> {
    files: BTreeMap<&'a str, &'a str>,
    feeds: Vec<Feed>,
    writers: Vec<Writer>,
    /// The writer of each file.
    by_file: BTreeMap<&'a str, usize>,
    /// The feed of each record name, aliases too.
    by_name: BTreeMap<String, usize>,
    faults: Vec<Fault>,
}

pub(super) fn load(files: Vec<(&str, &str)>) -> Result<Catalogue, Faults> {
    let mut loading = Loading { files: files.into_iter().collect(), ..Loading::default() };
    let schemas: Vec<(&str, &str)> =
        loading.files.iter().map(|(path, text)| (*path, *text)).filter(|(path, _)| is_schema(path)).collect();
    let (versions, copies): (Vec<_>, Vec<_>) = schemas.into_iter().partition(|(path, _)| is_version(path));
    for (path, text) in copies {
        loading.copy(path, text);
    }
    for (path, text) in versions {
        loading.version(path, text);
    }
    loading.finish()
}

fn is_schema(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|ending| ending == "avsc")
}

fn is_version(path: &str) -> bool {
    path.split('/').nth(1) == Some("versions")
}

impl<'a> Loading<'a> {
    fn fault(&mut self, file: &str, place: &str, what: impl Into<String>) {
        FaultList::of(file, &mut self.faults).add(place, what);
    }

    /// Takes one of our annotated copies.
    fn copy(&mut self, path: &'a str, text: &'a str) {
        let before = self.faults.len();
        let Some((described, schema)) = self.parse(path, text) else { return };
        let mut faults = FaultList::of(path, &mut self.faults);
        let RegularType::Record(record) = &schema.root().type_ else {
            faults.add("schema", "must be a record");
            return;
        };
        if described["doc"].as_str().unwrap_or_default().is_empty() {
            faults.add("schema", "needs a doc");
        }
        let fields = fields_of(&described, &schema, SchemaKey::root(), "fields", &mut faults);
        let envelope = envelope_of(&fields, &mut faults);
        let annotation = match raw::Annotation::deserialize(&described["backstop"]) {
            Ok(annotation) => annotation,
            Err(cause) => {
                faults.add("backstop", format!("is no mapping: {cause}"));
                return;
            }
        };
        let (folder, file) = path.split_once('/').unwrap_or(("", path));
        if annotation.department != folder {
            faults.add("backstop/department", format!("must be {folder}, the folder that the file lies in"));
        }
        if Some(annotation.event_type.as_str()) != file.strip_suffix(".avsc") {
            faults.add("backstop/event_type", format!("must be the file's name, {file}, without its ending"));
        }
        let mapping = mapping_of(&annotation, &fields, &mut faults);
        if self.faults.len() > before {
            return;
        }
        let name = record.name.fully_qualified_name().to_owned();
        let Some(plan) = self.plan(path, text, &fields) else { return };
        let feed = Feed {
            record: name.clone(),
            department: annotation.department,
            event_type: annotation.event_type,
            schema: text.to_owned(),
            id: None,
            fingerprint: plan.fingerprint(),
            envelope,
            fields,
            mapping,
        };
        let aliases = texts(&described["aliases"]).into_iter().map(|alias| match record.name.namespace() {
            Some(namespace) if !alias.contains('.') => format!("{namespace}.{alias}"),
            _ => alias,
        });
        for name in std::iter::once(name).chain(aliases) {
            if self.by_name.insert(name.clone(), self.feeds.len()).is_some() {
                self.fault(path, "schema", format!("has the name {name}, which another file has"));
            }
        }
        self.by_file.insert(path, self.writers.len());
        self.writers.push(Writer { feed: self.feeds.len(), plan });
        self.feeds.push(feed);
    }

    /// Takes a writer's own version of a schema.
    fn version(&mut self, path: &'a str, text: &'a str) {
        let Some((_, schema)) = self.parse(path, text) else { return };
        let name = schema.root().type_.name().map(|name| name.fully_qualified_name().to_owned()).unwrap_or_default();
        let Some(feed) = self.by_name.get(&name).copied() else {
            self.fault(path, "schema", format!("is a version of {name}, of which there is no annotated copy"));
            return;
        };
        let fields = std::mem::take(&mut self.feeds[feed].fields);
        let plan = self.plan(path, text, &fields);
        self.feeds[feed].fields = fields;
        if let Some(plan) = plan {
            self.by_file.insert(path, self.writers.len());
            self.writers.push(Writer { feed, plan });
        }
    }

    fn parse(&mut self, path: &str, text: &str) -> Option<(Value, SchemaMut)> {
        let described: Result<Value, _> = serde_json::from_str(text);
        let schema: Result<SchemaMut, _> = text.parse();
        match (described, schema) {
            (Ok(described), Ok(schema)) => return Some((described, schema)),
            (Err(cause), _) => self.fault(path, "schema", format!("is no JSON: {cause}")),
            (_, Err(cause)) => self.fault(path, "schema", format!("is no Avro schema: {cause}")),
        }
        None
    }

    fn plan(&mut self, path: &str, text: &str, fields: &[Field]) -> Option<Plan> {
        let wanted: Vec<Wanted> = fields.iter().map(Field::wanted).collect();
        match Plan::compile(text, &wanted) {
            Ok(plan) => Some(plan),
            Err(faults) => {
                for fault in faults {
                    self.fault(path, &fault.place, fault.what);
                }
                None
            }
        }
    }

    fn finish(mut self) -> Result<Catalogue, Faults> {
        let mut catalogue = Catalogue {
            feeds: Vec::new(),
            writers: Vec::new(),
            by_id: hashbrown::HashMap::default(),
            by_fingerprint: hashbrown::HashMap::default(),
        };
        let writers: Vec<(usize, [u8; 8], usize)> =
            self.writers.iter().enumerate().map(|(at, writer)| (at, writer.plan.fingerprint(), writer.feed)).collect();
        for (at, fingerprint, feed) in writers {
            // Two files of one schema are one; equal fingerprints of two feeds would be a collision.
            let known = *catalogue.by_fingerprint.entry(fingerprint).or_insert(at);
            if self.writers[known].feed != feed {
                let record = self.feeds[feed].record.clone();
                self.fault(INDEX_FILE, &record, "has the fingerprint of another record");
            }
        }
        match self.files.get(INDEX_FILE).map(|text| serde_json::from_str::<Index>(text)) {
            None => self.fault(INDEX_FILE, "ids", "is missing"),
            Some(Err(cause)) => self.fault(INDEX_FILE, "ids", format!("is no index: {cause}")),
            Some(Ok(index)) => {
                for (at, one) in index.ids.iter().enumerate() {
                    self.id(&format!("ids/{at}"), one, &mut catalogue);
                }
            }
        }
        if !self.faults.is_empty() {
            self.faults.sort();
            return Err(Faults(self.faults));
        }
        // The feeds are in the order of their files, which is that of departments and event types.
        catalogue.feeds = self.feeds;
        catalogue.writers = self.writers;
        Ok(catalogue)
    }

    fn id(&mut self, place: &str, one: &Value, catalogue: &mut Catalogue) {
        let one = match IndexId::deserialize(one) {
            Ok(one) => one,
            Err(cause) => return self.fault(INDEX_FILE, place, format!("is no id: {cause}")),
        };
        let Some(feed) = self.by_name.get(&one.record).copied() else {
            return self.fault(
                INDEX_FILE,
                place,
                format!("names the record {}, of which there is no file", one.record),
            );
        };
        let writer = match &one.file {
            Some(file) => self.by_file.get(file.as_str()).copied(),
            None => self.writers.iter().position(|writer| writer.feed == feed),
        };
        let Some(writer) = writer.filter(|writer| self.writers[*writer].feed == feed) else {
            return self.fault(INDEX_FILE, place, "names a file that holds no version of its record");
        };
        if catalogue.by_id.insert(one.id, writer).is_some() {
            self.fault(INDEX_FILE, place, format!("gives the id {} a second time", one.id));
        }
        if one.file.is_none() {
            self.feeds[feed].id = Some(one.id);
        }
    }
}

/// Finds the fields that every event has, each of its form.
fn envelope_of(fields: &[Field], faults: &mut FaultList<'_>) -> Envelope {
    let mut find = |name: &str, form: fn(&Form) -> bool, nullable: bool, format: Option<Format>| {
        let found = fields.iter().position(|field| field.name == name);
        let fits = found.is_some_and(|at| {
            let field = &fields[at];
            form(&field.form) && field.nullable == nullable && field.format == format
        });
        if !fits {
            let nullable = if nullable { "null or " } else { "" };
            faults.add("fields", format!("needs {name} as every event has it ({nullable}its type, format {format:?})"));
        }
        found.unwrap_or_default()
    };
    let text = |form: &Form| matches!(form, Form::Text(symbols) if symbols.is_empty());
    let instant = |form: &Form| matches!(form, Form::Number(Unit::Instant));
    let op = |form: &Form| matches!(form, Form::Text(symbols) if symbols == &["upsert", "correct", "retract"]);
    Envelope {
        event_id: find("event_id", text, false, None),
        source: find("source", text, false, None),
        event_type: find("event_type", text, false, None),
        person_id: find("person_id", text, true, Some(Format::CitizenNumber)),
        household_code: find("household_code", text, true, Some(Format::HouseholdCode)),
        occurred_at: find("occurred_at", instant, false, None),
        reported_at: find("reported_at", instant, false, None),
        op: find("op", op, false, None),
        corrects_event_id: find("corrects_event_id", text, true, None),
        document_number: find("document_number", text, true, Some(Format::DocumentNumber)),
    }
}
