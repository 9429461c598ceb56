//! Applies the mapping of a feed to one event: from decoded values to encoded subject records. It does not know how
//! the event was framed.

use std::fmt::Write;

use schemas::codec::encode;
use schemas::codec::plan::{Slot, Values};
use schemas::feed::{About, EntryRule, Feed, Form, Pick, Place, Unit, Words};
use schemas::records::{Entry, Origin, SubjectEntry};
use schemas::{Day, Fen, Hash64, HouseholdCode, Kind, Month, Op, PersonToken, Reason};

use super::known::KnownPersons;
use super::pseudonym::{Pseudonyms, normalised_document};
use super::{Rejection, SubjectKey, Subjects, check};

/// Bytes of an open text that becomes a code or a value at most.
const TEXT_BYTES_MAX: usize = 64;
/// Digits in a row from which on an open text may hold a citizen number.
const DIGITS_MIN: usize = 17;

/// Memory that is used again from event to event.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What was rendered as text, and where each of [`schemas::feed::Mapping::rendered`] lies in it.
    rendered: String,
    spans: Vec<Option<(usize, usize)>>,
    entries: Vec<Entry<'static>>,
    content: Vec<u8>,
    document: String,
    known: KnownPersons,
}

/// What an event says of itself, checked.
struct Head<'a> {
    feed: &'a Feed,
    values: &'a Values<'a>,
    event: Hash64,
    op: Op,
    corrects: Option<Hash64>,
    content: Hash64,
    person: Option<PersonToken>,
    household: Option<HouseholdCode>,
    occurred_day: Day,
    reported_at_ms: i64,
    document: Option<Hash64>,
    origin: Origin<'a>,
}

/// Whom a subject record is about, and in which household it is said.
#[derive(Clone, Copy)]
struct Subject {
    person: Option<PersonToken>,
    household: Option<HouseholdCode>,
}

/// Applies the mapping; gives the household that the event names.
pub(super) fn event(
    feed: &Feed,
    values: &Values<'_>,
    origin: Origin<'_>,
    pseudonyms: &Pseudonyms,
    work: &mut Work,
    subjects: &mut Subjects,
) -> Result<Option<HouseholdCode>, Rejection> {
    check::fields(feed, values)?;
    let head = head_of(feed, values, origin, pseudonyms, work)?;
    render(feed, values, work);
    let mut entries = recycled(std::mem::take(&mut work.entries));
    let said = Said { rendered: &work.rendered, spans: &work.spans };
    let mut token = |name: &str, text: &str| check::person(name, text, &mut work.known, pseudonyms);
    let mut ordinal = 0;
    let mut result = Ok(());
    for rule in &feed.mapping.subjects {
        result =
            subject_records(&head, rule.about, &rule.entries, &said, &mut token, &mut entries, |subject, entries| {
                let result = write(&head, subject, ordinal, entries, subjects);
                ordinal += 1;
                result
            });
        if result.is_err() {
            break;
        }
    }
    work.entries = recycled(entries);
    result.map(|()| head.household)
}

/// An empty vector of another lifetime in the same memory: the standard library collects a vector's own iterator in
/// place. Were it not to, the only cost would be an allocation.
fn recycled<'to>(mut used: Vec<Entry<'_>>) -> Vec<Entry<'to>> {
    used.clear();
    used.into_iter().map_while(|_| None).collect()
}

fn given<'a>(values: &Values<'a>, slot: usize) -> Option<&'a str> {
    values.text(slot).filter(|text| !text.is_empty())
}

fn head_of<'a>(
    feed: &'a Feed,
    values: &'a Values<'a>,
    origin: Origin<'a>,
    pseudonyms: &Pseudonyms,
    work: &mut Work,
) -> Result<Head<'a>, Rejection> {
    let at = &feed.envelope;
    let source = values.text(at.source).unwrap_or_default();
    if source != feed.department {
        return Err(Rejection::new(Reason::SourceMismatch, format!("source is not {}", feed.department)));
    }
    if values.text(at.event_type) != Some(&feed.event_type) {
        return Err(Rejection::new(Reason::InvalidValue, format!("event_type is not {}", feed.event_type)));
    }
    let event_id = values.text(at.event_id).unwrap_or_default();
    let (op, corrects) = operation(event_id, values.text(at.op), given(values, at.corrects_event_id))?;
    let occurred_day = Day::of_instant_ms(values.long(at.occurred_at).unwrap_or_default());
    let reported_at_ms = values.long(at.reported_at).unwrap_or_default();
    // Departments stamp whole days with noon or midnight, so days are compared, not instants.
    if occurred_day > Day::of_instant_ms(reported_at_ms) {
        return Err(Rejection::new(Reason::OccurredAfterReport, "occurred_at lies on a day after reported_at"));
    }
    let token = |text| check::person("person_id", text, &mut work.known, pseudonyms);
    let person = given(values, at.person_id).map(token).transpose()?;
    let household =
        given(values, at.household_code).map(|text| check::household_code("household_code", text)).transpose()?;
    if person.is_none() && household.is_none() {
        return Err(Rejection::new(Reason::NoSubject, "neither person_id nor household_code is given"));
    }
    let document = given(values, at.document_number).map(|number| {
        normalised_document(number, &mut work.document);
        pseudonyms.document(&work.document)
    });
    content_of(feed, values, &mut work.content);
    Ok(Head {
        feed,
        values,
        event: pseudonyms.event(source, event_id),
        op,
        corrects: corrects.map(|original| pseudonyms.event(source, original)),
        content: pseudonyms.content(&work.content),
        person,
        household,
        occurred_day,
        reported_at_ms,
        document,
        origin,
    })
}

/// The operation, which must fit the original that the event names, or does not.
fn operation<'a>(
    event_id: &str,
    op: Option<&str>,
    original: Option<&'a str>,
) -> Result<(Op, Option<&'a str>), Rejection> {
    let fault = |detail: &str| Err(Rejection::new(Reason::InvalidOperation, detail));
    match (op, original) {
        (Some("upsert"), None) => Ok((Op::Upsert, None)),
        (Some("upsert"), Some(_)) => fault("op is upsert, and corrects_event_id is given"),
        (Some("correct" | "retract"), None) => fault("op needs corrects_event_id, which is not given"),
        (Some("correct" | "retract"), Some(original)) if original == event_id => {
            fault("corrects_event_id is the event itself")
        }
        (Some("correct"), Some(original)) => Ok((Op::Correct, Some(original))),
        (Some("retract"), Some(original)) => Ok((Op::Retract, Some(original))),
        _ => fault("op is none of upsert, correct, retract"),
    }
}

/// Writes all that the event says, but when it was reported, so that a re-sent file gives the same: each field that
/// is given by its name, in the order of our copy, whatever the writer's was. A field that our copy gains later
/// changes the hash of no event that does not give it.
fn content_of(feed: &Feed, values: &Values<'_>, out: &mut Vec<u8>) {
    out.clear();
    for (slot, field) in feed.fields.iter().enumerate() {
        let value = values.get(slot);
        if slot == feed.envelope.reported_at || value == Slot::Null {
            continue;
        }
        out.extend_from_slice(field.name.as_bytes());
        out.push(0);
        write_slot(value, out);
        if let Slot::List(list) = value {
            for item in values.rows(list).flatten() {
                write_slot(*item, out);
            }
        }
    }
}

/// Kind, length, bytes: no two different values are written alike.
fn write_slot(value: Slot<'_>, out: &mut Vec<u8>) {
    let mut put = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        Slot::Null => put(0, &[]),
        Slot::Bool(value) => put(1, &[u8::from(value)]),
        Slot::Long(value) => put(2, &value.to_le_bytes()),
        Slot::Double(value) => put(3, &value.to_bits().to_le_bytes()),
        Slot::Text(text) => put(4, text.as_bytes()),
        Slot::Bytes(bytes) => put(5, bytes),
        Slot::List(list) => put(6, &(list.len() as u64).to_le_bytes()),
    }
}

/// Renders the slots that go into entries as texts: numbers, truth values, lists joined by `|`.
fn render(feed: &Feed, values: &Values<'_>, work: &mut Work) {
    work.rendered.clear();
    work.spans.clear();
    for slot in &feed.mapping.rendered {
        let start = work.rendered.len();
        // Writing to a string does not fail.
        let said = match values.get(*slot) {
            Slot::Bool(value) => write!(work.rendered, "{value}").is_ok(),
            Slot::Long(value) => write!(work.rendered, "{value}").is_ok(),
            Slot::List(list) => {
                for (at, row) in values.rows(list).enumerate() {
                    if let [Slot::Text(text)] = row {
                        let separator = if at == 0 { "" } else { "|" };
                        work.rendered.push_str(separator);
                        work.rendered.push_str(text);
                    }
                }
                true
            }
            _ => false,
        };
        work.spans.push(said.then_some((start, work.rendered.len())));
    }
}

/// The rendered texts.
#[derive(Clone, Copy)]
struct Said<'a> {
    rendered: &'a str,
    spans: &'a [Option<(usize, usize)>],
}

impl<'a> Said<'a> {
    fn get(&self, at: usize) -> Option<&'a str> {
        let (start, end) = (*self.spans.get(at)?)?;
        self.rendered.get(start..end)
    }
}

/// Makes the subject records of one rule and hands each to `take`.
fn subject_records<'a>(
    head: &Head<'a>,
    about: About,
    rules: &'a [EntryRule],
    said: &Said<'a>,
    token: &mut impl FnMut(&str, &str) -> Result<PersonToken, Rejection>,
    entries: &mut Vec<Entry<'a>>,
    mut take: impl FnMut(Subject, &mut Vec<Entry<'a>>) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let household = head.household;
    let mut make = |subject: Subject, row: &[Slot<'a>]| {
        entries.clear();
        for rule in rules {
            if let Some(entry) = entry(head, rule, row, said)? {
                entries.push(entry);
            }
        }
        // Another household that an event says nothing about need not hear of it, unless it heard of the original.
        if entries.is_empty() && head.op == Op::Upsert && matches!(about, About::Named(_)) {
            return Ok(());
        }
        take(subject, entries)
    };
    match about {
        About::Event => make(Subject { person: head.person, household }, &[]),
        About::Household => {
            make(Subject { person: if household.is_some() { None } else { head.person }, household }, &[])
        }
        About::Named(slot) => {
            let Some(code) = given(head.values, slot) else { return Ok(()) };
            let code = check::household_code(&head.feed.fields[slot].name, code)?;
            make(Subject { person: None, household: Some(code) }, &[])
        }
        About::Each { list, person } => {
            let Slot::List(rows) = head.values.get(list) else { return Ok(()) };
            for row in head.values.rows(rows) {
                let Some(Slot::Text(number)) = row.get(person) else {
                    let name = &head.feed.fields[list].name;
                    return Err(Rejection::new(Reason::MissingField, format!("a person of {name} is missing")));
                };
                let person = token(&head.feed.fields[list].name, number)?;
                make(Subject { person: Some(person), household }, row)?;
            }
            Ok(())
        }
    }
}

/// Makes one entry; none where its conditions do not hold.
fn entry<'a>(
    head: &Head<'a>,
    rule: &'a EntryRule,
    row: &[Slot<'a>],
    said: &Said<'a>,
) -> Result<Option<Entry<'a>>, Rejection> {
    let values = head.values;
    let holds = rule.given.iter().all(|slot| values.get(*slot) != Slot::Null)
        && rule.when.iter().all(|(slot, texts)| match values.get(*slot) {
            Slot::Bool(value) => texts.iter().any(|text| text == if value { "true" } else { "false" }),
            Slot::Text(value) => texts.iter().any(|text| text == value),
            _ => false,
        });
    if !holds {
        return Ok(None);
    }
    let amount = rule.amount.iter().find_map(|slot| values.long(*slot));
    if amount.is_none() && !rule.amount.is_empty() && needs_amount(rule.kind) {
        let name = &head.feed.fields[rule.amount[0]].name;
        return Err(Rejection::new(Reason::MissingField, format!("{name} is missing")));
    }
    let day = rule.day.iter().find_map(|slot| day_in(head, *slot)).unwrap_or(head.occurred_day);
    let month = rule.month.and_then(|slot| values.long(slot)).and_then(|number| Month::from_yyyymm(number as i32));
    let months = rule.months.and_then(|slot| values.long(slot)).unwrap_or(1);
    Ok(Some(Entry {
        kind: rule.kind,
        category: pick(&rule.category, values, row, said)?,
        cause: pick(&rule.cause, values, row, said)?,
        amount_fen: Fen(amount.unwrap_or_default()),
        day,
        month: month.unwrap_or_else(|| day.month()),
        months: months as i32,
        code: words(&rule.code, values, row, said)?,
        value: words(&rule.value, values, row, said)?,
    }))
}

const fn needs_amount(kind: Kind) -> bool {
    !matches!(kind, Kind::Status | Kind::Incident | Kind::Action | Kind::Membership)
}

fn day_in(head: &Head<'_>, slot: usize) -> Option<Day> {
    let number = head.values.long(slot)?;
    match head.feed.fields.get(slot)?.form {
        Form::Number(Unit::Day) => Some(Day(number as i32)),
        Form::Number(Unit::Instant) => Some(Day::of_instant_ms(number)),
        _ => None,
    }
}

fn text_at<'a>(place: Place, values: &Values<'a>, row: &[Slot<'a>], said: &Said<'a>) -> Option<&'a str> {
    match place {
        Place::Event(slot) => values.text(slot),
        Place::Row(at) => match row.get(at) {
            Some(Slot::Text(text)) => Some(text),
            _ => None,
        },
        Place::Rendered(at) => said.get(at),
    }
}

fn pick<'a, T: Copy>(pick: &Pick<T>, values: &Values<'a>, row: &[Slot<'a>], said: &Said<'a>) -> Result<T, Rejection> {
    match pick {
        Pick::Fixed(word) => Ok(*word),
        Pick::Field { place, table, default } => {
            let text = text_at(*place, values, row, said);
            let found = text.and_then(|text| table.iter().find(|(known, _)| known == text));
            found
                .map(|(_, word)| *word)
                .or(*default)
                .ok_or_else(|| Rejection::new(Reason::InvalidValue, "a category or cause is none of its list"))
        }
    }
}

fn words<'a>(words: &'a Words, values: &Values<'a>, row: &[Slot<'a>], said: &Said<'a>) -> Result<&'a str, Rejection> {
    let (place, open, table, default) = match words {
        Words::Fixed(text) => return Ok(text),
        Words::Field { place, open, table, default } => (*place, *open, table, default.as_deref()),
    };
    let text = text_at(place, values, row, said);
    let found = match text {
        Some(text) if !table.is_empty() => {
            table.iter().find(|(known, _)| known == text).map(|(_, word)| word.as_str()).or(default)
        }
        Some(text) => Some(text),
        None => default,
    };
    let Some(found) = found else {
        return Err(Rejection::new(Reason::InvalidValue, "a code or value is missing, or none of its list"));
    };
    if open {
        harmless(found)?;
    }
    Ok(found)
}

/// Open text leaves ingest only where it is short and cannot hold a citizen number (design, invariant 7).
fn harmless(text: &str) -> Result<(), Rejection> {
    if text.len() > TEXT_BYTES_MAX {
        let detail = format!("a code or value has {} bytes, at most {TEXT_BYTES_MAX} are taken", text.len());
        return Err(Rejection::new(Reason::InvalidValue, detail));
    }
    let mut digits = 0;
    for byte in text.bytes() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        if digits >= DIGITS_MIN {
            return Err(Rejection::new(Reason::InvalidValue, "a code or value may hold a citizen number"));
        }
    }
    Ok(())
}

/// Encodes one subject record.
fn write<'a>(
    head: &Head<'a>,
    subject: Subject,
    ordinal: i32,
    entries: &mut Vec<Entry<'a>>,
    subjects: &mut Subjects,
) -> Result<(), Rejection> {
    let key = match (subject.person, subject.household) {
        (Some(person), _) => SubjectKey::Person(person.hex()),
        (None, Some(household)) => SubjectKey::Household(household.digits()),
        (None, None) => return Err(Rejection::new(Reason::NoSubject, "an entry has no subject")),
    };
    let record = SubjectEntry {
        event: head.event,
        ordinal,
        source: &head.feed.department,
        event_type: &head.feed.event_type,
        op: head.op,
        corrects: head.corrects,
        content: head.content,
        person: subject.person,
        household: subject.household,
        occurred_day: head.occurred_day,
        reported_at_ms: head.reported_at_ms,
        document: head.document,
        entries: std::mem::take(entries),
        origin: head.origin,
    };
    let result = subjects.add(key, |out| encode(&record, out));
    *entries = record.entries;
    // The record is made of checked values of the types that its schema has.
    result.map_err(|cause| Rejection::new(Reason::InvalidValue, cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycled_memory_is_the_same_memory() {
        let used: Vec<Entry<'_>> = Vec::with_capacity(5);
        let place = used.as_ptr() as usize;
        let again = recycled(used);
        assert_eq!((again.capacity(), again.as_ptr() as usize), (5, place));
    }
}
