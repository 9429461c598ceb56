//! What resolve publishes, where, under which key. It does not know why.

use ingest_core::ledger::{Subject, Wait, changes};
use ingest_core::resolve::{Effect, Input};
use runtime::stage::{Header, Outbox, Outgoing, Placement};
use schemas::codec::{self, CodecError};
use schemas::records::{DayClosed, PROGRESS_KEY, Parked, ParkedChange, ParkedWhy, Places, Progress, Redirect};
use schemas::{Day, Reason};

use super::partition::ResolvePartition;
use super::scorecard::{Mark, Scorecards};
use super::{ResolveTopics, STAGE};

const HOUSEHOLDS_ENTRIES: usize = 0;
const SUBJECTS_LEDGER: usize = 1;
const PARKED: usize = 2;
const DEAD_LETTERS: usize = 3;
const SUBJECTS_ENTRIES: usize = 4;
const SCORECARDS: usize = 5;
/// Topics of households go by village: the first 12 digits of the code.
const BY_VILLAGE: Placement = Placement::ByKeyPrefix(12);

/// The outputs, in the order of the numbers above.
pub(super) fn topics(topics: &ResolveTopics) -> Vec<String> {
    vec![
        topics.households_entries.clone(),
        topics.subjects_ledger.clone(),
        topics.parked.clone(),
        topics.dead_letters.clone(),
        topics.subjects_entries.clone(),
        topics.scorecards.clone(),
    ]
}

/// Where effects are counted.
pub(super) struct Books<'s> {
    progress: &'s mut Progress,
    places: &'s mut Places,
    scorecards: &'s mut Scorecards,
}

impl<'s> Books<'s> {
    pub(super) fn of(progress: &'s mut Progress, places: &'s mut Places, scorecards: &'s mut Scorecards) -> Self {
        Self { progress, places, scorecards }
    }

    fn count(&mut self, name: &str, label: &str, more: i64) {
        self.progress.count_often(self.places, name, label, more);
    }
}

/// Publishes and counts the effects of one record, or of one subject's close of a day.
pub(super) struct Sayer<'s> {
    subject: Option<Subject>,
    books: Books<'s>,
    outbox: &'s mut Outbox,
    result: Result<(), CodecError>,
}

impl<'s> Sayer<'s> {
    pub(super) fn new(subject: Option<Subject>, books: Books<'s>, outbox: &'s mut Outbox) -> Self {
        Self { subject, books, outbox, result: Ok(()) }
    }

    /// What went wrong, if anything did.
    pub(super) fn end(self) -> Result<(), CodecError> {
        self.result
    }

    pub(super) fn say(&mut self, effect: Effect<'_>) {
        self.note(&effect);
        let said = match effect {
            Effect::Applied(input) => {
                self.books.count("applied", input.source, 1);
                Ok(())
            }
            Effect::Duplicate(input) => {
                self.books.count("duplicates", input.source, 1);
                Ok(())
            }
            Effect::Refused(reason, input) => {
                self.refuse(reason, &input);
                Ok(())
            }
            Effect::Parked(wait, input, since_day) => {
                self.books.count(waits(wait), input.source, 1);
                self.tell_parked(wait, &input, since_day, ParkedChange::Parked)
            }
            Effect::Released(wait, input, since_day) => {
                self.books.count(waits(wait), input.source, -1);
                self.tell_parked(wait, &input, since_day, ParkedChange::Released)
            }
            Effect::Expired(wait, reason, input, since_day) => {
                self.books.count(waits(wait), input.source, -1);
                self.refuse(reason, &input);
                self.tell_parked(wait, &input, since_day, ParkedChange::Expired)
            }
            Effect::Noted(note, input) => {
                self.books.count(note.name(), input.source, 1);
                Ok(())
            }
            Effect::Redirect(redirect) => self.redirect(&redirect),
            Effect::Publish(entry) => {
                let key = entry.household.digits();
                let record =
                    Outgoing { output: HOUSEHOLDS_ENTRIES, placement: BY_VILLAGE, key: Some(&key), value: None };
                self.outbox.publish_with(record, &[], |out| codec::encode(&entry, out))
            }
        };
        if self.result.is_ok() {
            self.result = said;
        }
    }

    /// Tells the ledger of another household of a merger.
    fn redirect(&mut self, redirect: &Redirect<'_>) -> Result<(), CodecError> {
        let key = redirect.to.digits();
        let record = Outgoing { output: SUBJECTS_ENTRIES, placement: Placement::ByKey, key: Some(&key), value: None };
        self.outbox.publish_with(record, &[], |out| codec::encode(redirect, out))
    }

    /// Writes an effect on the scorecard of its department.
    fn note(&mut self, effect: &Effect<'_>) {
        let (input, mark) = match effect {
            Effect::Applied(input) => (input, None),
            Effect::Duplicate(input) => (input, Some(Mark::Duplicate)),
            Effect::Parked(Wait::UnknownSubject, input, _) => (input, Some(Mark::Parked)),
            Effect::Refused(_, input) | Effect::Expired(_, _, input, _) => (input, Some(Mark::Refused)),
            Effect::Noted(note, input) => (input, Some(Mark::Noted(*note))),
            Effect::Parked(..) | Effect::Released(..) | Effect::Redirect(_) | Effect::Publish(_) => return,
        };
        let reported_day = Day::of_instant_ms(input.reported_at_ms);
        let has_room = match mark {
            None => self.books.scorecards.delay(input.source, input.occurred_day, reported_day),
            Some(mark) => self.books.scorecards.note(input.source, reported_day, mark),
        };
        if !has_room {
            self.books.count("scorecard_passed_over", input.source, 1);
        }
    }

    fn tell_parked(
        &mut self,
        wait: Wait,
        input: &Input<'_>,
        since_day: Day,
        change: ParkedChange,
    ) -> Result<(), CodecError> {
        let Some(subject) = self.subject.map(Subject::key) else { return Ok(()) };
        let parked = Parked {
            subject: subject.as_str(),
            source: input.source,
            event: input.event,
            ordinal: input.ordinal,
            change,
            why: why(wait),
            since_day,
            origin: input.origin,
        };
        let key = Some(subject.as_str().as_bytes());
        let record = Outgoing { output: PARKED, placement: Placement::ByKey, key, value: None };
        self.outbox.publish_with(record, &[], |out| codec::encode(&parked, out))
    }

    fn refuse(&mut self, reason: Reason, input: &Input<'_>) {
        self.books.count("refused", &format!("{}/{}", input.source, reason.code()), 1);
        let (partition, offset) = (input.origin.partition.to_string(), input.origin.offset.to_string());
        let message = format!("{STAGE} refused event {} of {}: {}", input.event, input.source, reason.code());
        let headers = [
            ("__connect.errors.topic", input.origin.topic),
            ("__connect.errors.partition", &partition),
            ("__connect.errors.offset", &offset),
            ("__connect.errors.stage", STAGE),
            ("__connect.errors.exception.message", &message),
            ("backstop.reason", reason.code()),
        ]
        .map(|(name, value)| Header { name, value: value.as_bytes() });
        let subject = self.subject.map(Subject::key);
        let key = subject.as_ref().map(|subject| subject.as_str().as_bytes());
        let record = Outgoing { output: DEAD_LETTERS, placement: Placement::ByKey, key, value: Some(input.bytes) };
        self.outbox.publish(record, &headers);
    }
}

/// The total that counts records with such a wait.
const fn waits(wait: Wait) -> &'static str {
    match wait {
        Wait::UnknownSubject => "parked",
        Wait::Original | Wait::FutureDay(_) => "waiting",
    }
}

const fn why(wait: Wait) -> ParkedWhy {
    match wait {
        Wait::UnknownSubject => ParkedWhy::UnknownSubject,
        Wait::Original => ParkedWhy::Original,
        Wait::FutureDay(_) => ParkedWhy::FutureDay,
    }
}

/// Tells every partition of `households.entries` that a day has closed.
pub(super) fn publish_marker(
    closed: &DayClosed,
    household_partitions: i32,
    outbox: &mut Outbox,
) -> Result<(), CodecError> {
    let (key, mut value) = (closed.key(), Vec::new());
    codec::encode(closed, &mut value)?;
    for partition in 0..household_partitions {
        let record = Outgoing {
            output: HOUSEHOLDS_ENTRIES,
            placement: Placement::Partition(partition),
            key: Some(key.as_bytes()),
            value: Some(&value),
        };
        outbox.publish(record, &[]);
    }
    Ok(())
}

/// Publishes the parts of ledgers that changed since the last commit, and the progress.
pub(super) fn publish_changes(partition: &ResolvePartition, outbox: &mut Outbox) -> Result<(), CodecError> {
    let placement = Placement::Partition(partition.number);
    let mut key = Vec::new();
    for (subject, old, new) in partition.ledgers.changes() {
        key.clear();
        key.extend_from_slice(subject.key().as_str().as_bytes());
        let of_subject = key.len();
        for (part, value) in changes(old, new) {
            key.truncate(of_subject);
            part.write_key_end(&mut key);
            outbox.publish(Outgoing { output: SUBJECTS_LEDGER, placement, key: Some(&key), value }, &[]);
        }
    }
    partition.scorecards.flush(SCORECARDS, partition.number, outbox)?;
    if let Some(progress) = partition.changed_progress() {
        let key = Some(PROGRESS_KEY.as_bytes());
        let record = Outgoing { output: SUBJECTS_LEDGER, placement, key, value: None };
        outbox.publish_with(record, &[], |out| codec::encode(progress, out))?;
    }
    Ok(())
}
