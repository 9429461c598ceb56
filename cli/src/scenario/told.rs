//! What a scenario tells, event by event: its registrations, classes, surveys and the departments' events, with all
//! that the file leaves out filled in. It does not know how an event is encoded.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use schemas::Day;
use serde_json::{Map, Value, json};

use super::encode::Writers;
use super::format::{Event, Household, Operation, Scenario};
use super::names::{Named, Names};

/// Milliseconds after midnight at which a scenario's events occur.
const OCCURS_MS: i64 = 12 * 3_600_000;
/// Milliseconds after midnight at which a scenario's first event is reported; each further one a second later.
const REPORTED_MS: i64 = 13 * 3_600_000;

/// One event, told once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// The department.
    pub department: String,
    /// The event type.
    pub event: String,
    /// The event id.
    pub id: String,
    /// What it does to an earlier event.
    pub op: Operation,
    /// That event.
    pub corrects: Option<String>,
    /// Whom it is about.
    pub about: Named,
    /// When it occurred.
    pub occurred: Day,
    /// When it is reported.
    pub reported: Day,
    /// Its place among what is reported on that day.
    pub place: i64,
    /// When it is published.
    pub published: Day,
    /// The paper behind it.
    pub document: Option<String>,
    /// The fields beyond the envelope, as the schema has them.
    pub fields: Map<String, Value>,
}

impl Told {
    /// All fields.
    pub(crate) fn whole(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, value) in [
            ("event_id", json!(self.id)),
            ("source", json!(self.department)),
            ("event_type", json!(self.event)),
            ("occurred_at", json!(self.occurred.start_ms() + OCCURS_MS)),
            ("reported_at", json!(self.reported.start_ms() + REPORTED_MS + self.place * 1_000)),
            ("op", json!(self.op.name())),
        ] {
            fields.insert(name.to_owned(), value);
        }
        let (whose, code) = match &self.about {
            Named::Household(code) => ("household_code", code.to_string()),
            Named::Person(number) => ("person_id", number.as_str().to_owned()),
        };
        fields.insert(whose.to_owned(), json!(code));
        for (name, value) in [("corrects_event_id", &self.corrects), ("document_number", &self.document)] {
            if let Some(value) = value {
                fields.insert(name.to_owned(), json!(value));
            }
        }
        fields.extend(self.fields.clone());
        fields
    }
}

/// Everything that a scenario tells, in the order of the file: registrations first, then the events.
///
/// Event ids get `prefix`, so that scenarios that run together do not share them.
pub(crate) fn tell(scenario: &Scenario, names: &Names, writers: &Writers, prefix: &str) -> Result<Vec<Told>> {
    let mut narrator = Teller { names, writers, prefix, told: Vec::new() };
    for household in &scenario.households {
        narrator.register(household).with_context(|| format!("household `{}`", household.name))?;
    }
    let place_of = |index: usize, event: &Event| {
        let what = event.id.as_ref().or(event.event.as_ref()).or(event.corrects.as_ref());
        format!("event {} ({})", index + 1, what.map_or("", String::as_str))
    };
    // An operation may stand above its original, and above the operation that it takes back.
    let mut untold: Vec<(usize, &Event)> = scenario.events.iter().enumerate().collect();
    while !untold.is_empty() {
        let before = untold.len();
        let mut later = Vec::new();
        for (index, event) in untold {
            if !narrator.happen(index, event).with_context(|| place_of(index, event))? {
                later.push((index, event));
            }
        }
        if let Some((index, event)) = later.first().filter(|_| later.len() == before) {
            let original = event.corrects.as_deref().unwrap_or_default();
            bail!("{}: no event has the id `{original}`, or it names itself", place_of(*index, event));
        }
        untold = later;
    }
    let mut in_order = narrator.told;
    in_order.sort_by_key(|(index, _)| *index);
    // What lies before the calendar is published on its first day.
    let first = scenario.start.0;
    let clamped = |one: Told| Told { published: one.published.max(first), ..one };
    Ok(in_order.into_iter().map(|(_, one)| clamped(one)).collect())
}

/// What only an event of its own says.
fn check_operation(event: &Event) -> Result<()> {
    if event.reported.is_none() {
        bail!("`reported` is not given: the day on which an event is corrected or retracted");
    }
    if event.monthly.is_some() {
        bail!("a correction or retraction comes once, not `monthly`");
    }
    if event.department.is_some() || event.event.is_some() || event.about.is_some() {
        bail!("a correction or retraction has `department`, `event` and `about` from its original");
    }
    Ok(())
}

struct Teller<'a> {
    names: &'a Names,
    writers: &'a Writers,
    prefix: &'a str,
    /// With the event's place in the file; registrations stand before all events.
    told: Vec<(Option<usize>, Told)>,
}

impl Teller<'_> {
    fn register(&mut self, household: &Household) -> Result<()> {
        let day = household.registered.0;
        let reported = household.reported.map_or(day, |reported| reported.0);
        let own = (1..=household.members).map(|member| format!("{}.{member}", household.name));
        let mut members = Vec::new();
        for (index, name) in own.chain(household.with.iter().cloned()).enumerate() {
            let number = self.names.person(&name)?;
            members.push(json!({"person_id": number.as_str(), "relation": if index == 0 { "head" } else { "other" }}));
        }
        let registration = json!({"registered_date": day.0, "members": members});
        self.say(household, ("public-security", "household_registered"), "registered", (day, reported), registration)?;
        if !household.classes.is_empty() {
            let classes = json!({"classes": household.classes});
            self.say(household, ("rural-revitalisation", "class_listed"), "classes", (day, reported), classes)?;
        }
        for (index, survey) in household.surveys.iter().enumerate() {
            let (day, id) = (survey.day.0, format!("survey-{index}"));
            let found = json!({
                "unreported_income_fen": survey.unreported_income_yuan.0.0,
                "members": survey.members.unwrap_or(household.members + household.with.len() as u16),
            });
            self.say(household, ("rural-revitalisation", "household_surveyed"), &id, (day, day), found)?;
        }
        Ok(())
    }

    fn say(
        &mut self,
        household: &Household,
        (department, event): (&str, &str),
        what: &str,
        (occurred, reported): (Day, Day),
        fields: Value,
    ) -> Result<()> {
        let Value::Object(fields) = fields else { bail!("the fields of {event} are none") };
        let told = Told {
            department: department.to_owned(),
            event: event.to_owned(),
            id: format!("{}{}-{what}", self.prefix, household.name),
            op: Operation::Upsert,
            corrects: None,
            about: Named::Household(self.names.household(&household.name)?),
            occurred,
            reported,
            place: 0,
            published: reported,
            document: None,
            fields,
        };
        self.told.push((None, told));
        Ok(())
    }

    /// Tells an event of the file; false where its original is not told yet.
    fn happen(&mut self, index: usize, event: &Event) -> Result<bool> {
        let id = format!("{}{}", self.prefix, event.id.clone().unwrap_or_else(|| format!("event-{index}")));
        let base = match (event.op, &event.corrects) {
            (Operation::Upsert, None) => self.upsert(event)?,
            (Operation::Upsert, Some(_)) => bail!("`corrects` needs `op: correct` or `op: retract`"),
            (_, None) => bail!("`op` needs `corrects`: the id of an event in this file"),
            (_, Some(original)) => {
                let original = format!("{}{original}", self.prefix);
                let Some((_, found)) = self.told.iter().find(|(_, told)| told.id == original) else {
                    return Ok(false);
                };
                Told { corrects: Some(original), ..found.clone() }
            }
        };
        if event.op != Operation::Upsert {
            check_operation(event)?;
        }
        let day = event.day.map_or(base.occurred, |day| day.0);
        let reported = event.reported.map_or(day, |reported| reported.0);
        let published = event.published.map_or(reported, |published| published.0);
        let (year, month, day_of_month) = day.civil();
        for repeat in 0..i32::from(event.monthly.unwrap_or(1)) {
            let month_of = day.month().plus(repeat);
            let occurred = Day::of(month_of.year(), month_of.number(), day_of_month).with_context(|| {
                format!("day {day_of_month} does not exist in the month {repeat} after {year}-{month:02}")
            })?;
            let told = Told {
                id: if repeat == 0 { id.clone() } else { format!("{id}-{repeat}") },
                op: event.op,
                occurred,
                reported: occurred.plus(reported.0 - day.0),
                place: index as i64 + 1,
                published: occurred.plus(published.0 - day.0),
                document: event.document.clone().or_else(|| base.document.clone()),
                fields: self.fields(event, &base, occurred)?,
                ..base.clone()
            };
            if self.told.iter().any(|(_, other)| other.id == told.id) {
                bail!("two events have the id `{}`", told.id);
            }
            for _ in 0..event.deliveries.unwrap_or(1) {
                self.told.push((Some(index), told.clone()));
            }
        }
        Ok(true)
    }

    /// An event of its own, as far as the file must give it.
    fn upsert(&self, event: &Event) -> Result<Told> {
        let day = event.day.context("`day` is not given")?.0;
        Ok(Told {
            department: event.department.clone().context("`department` is not given")?,
            event: event.event.clone().context("`event` is not given")?,
            id: String::new(),
            op: Operation::Upsert,
            corrects: None,
            about: self.names.find(event.about.as_deref().context("`about` is not given")?)?,
            occurred: day,
            reported: day,
            place: 0,
            published: day,
            document: None,
            fields: Map::new(),
        })
    }

    /// The fields: the original's, where there is one, then what the file gives, then what follows from the day.
    fn fields(&self, event: &Event, base: &Told, occurred: Day) -> Result<Map<String, Value>> {
        let writer = self.writers.of(&base.department, &base.event)?;
        let mut fields = base.fields.clone();
        let given: &BTreeMap<String, Value> = &event.fields;
        fields.extend(writer.fields(given, self.names)?);
        let is_moved = event.op == Operation::Upsert || event.day.is_some();
        if writer.has("month") && is_moved && !given.contains_key("month") {
            fields.insert("month".to_owned(), json!(occurred.month().yyyymm()));
        }
        for name in writer.days().filter(|name| is_moved && !given.contains_key(*name)) {
            // The envelope's instants are no days; every other day that must be given is that of the event.
            fields.insert(name.to_owned(), json!(occurred.0));
        }
        Ok(fields)
    }
}
