//! What normalise publishes, where, under which key. It does not know why.

use ingest_core::normalise::{Rejection, Subjects, value_sha256};
use runtime::stage::{Header, Outbox, Outgoing, Placement, Record};
use schemas::Reason;
use schemas::codec::{self, CodecError};
use schemas::records::DayClosed;

use super::partition::NormalisePartition;
use super::{NormaliseTopics, STAGE};

const SUBJECTS_ENTRIES: usize = 0;
const PROGRESS: usize = 1;
const DEAD_LETTERS: usize = 2;

/// The outputs, in the order of the numbers above.
pub(super) fn topics(topics: &NormaliseTopics) -> Vec<String> {
    vec![topics.subjects_entries.clone(), topics.progress.clone(), topics.dead_letters.clone()]
}

/// Publishes the subject records of an event.
pub(super) fn publish_subjects(subjects: &Subjects, outbox: &mut Outbox) {
    for (key, value) in subjects.iter() {
        let record = Outgoing {
            output: SUBJECTS_ENTRIES,
            placement: Placement::ByKey,
            key: Some(key.as_bytes()),
            value: Some(value),
        };
        outbox.publish(record, &[]);
    }
}

/// Tells every partition of `subjects.entries` that a day has closed.
pub(super) fn publish_marker(
    closed: &DayClosed,
    subject_partitions: i32,
    outbox: &mut Outbox,
) -> Result<(), CodecError> {
    let (key, mut value) = (closed.key(), Vec::new());
    codec::encode(closed, &mut value)?;
    for partition in 0..subject_partitions {
        let record = Outgoing {
            output: SUBJECTS_ENTRIES,
            placement: Placement::Partition(partition),
            key: Some(key.as_bytes()),
            value: Some(&value),
        };
        outbox.publish(record, &[]);
    }
    Ok(())
}

/// Publishes a dead letter: key, value and headers as they came, and the reason and origin beside them, under the
/// names that Kafka Connect has. Of a record that is too large its origin and the hash and length of its value are kept:
/// a dead letter that were as large could not be published either, and would stop everything behind it.
pub(super) fn publish_dead_letter(record: &Record<'_>, rejection: &Rejection, outbox: &mut Outbox) {
    let (partition, offset) = (record.partition.to_string(), record.offset.to_string());
    let too_large = (rejection.reason == Reason::RecordTooLarge).then(|| {
        let value = record.value.unwrap_or_default();
        (value_sha256(value), value.len().to_string())
    });
    let said = [
        ("__connect.errors.topic", record.topic),
        ("__connect.errors.partition", &partition),
        ("__connect.errors.offset", &offset),
        ("__connect.errors.stage", STAGE),
        ("__connect.errors.exception.message", &rejection.detail),
        ("backstop.reason", rejection.reason.code()),
    ];
    let instead = too_large.iter().flat_map(|(hash, length)| {
        [("backstop.value.sha256", hash.as_str()), ("backstop.value.bytes", length.as_str())]
    });
    let said = said.into_iter().chain(instead).map(|(name, value)| Header { name, value: value.as_bytes() });
    let (key, value, came) = match &too_large {
        Some(_) => (None, Some(&[][..]), &[][..]),
        None => (record.key, record.value, record.headers),
    };
    let headers: Vec<Header<'_>> = came.iter().copied().chain(said).collect();
    let dead = Outgoing { output: DEAD_LETTERS, placement: Placement::ByKey, key, value };
    outbox.publish(dead, &headers);
}

/// Publishes the progress of the partition, where it changed since the last commit.
pub(super) fn publish_progress(partition: &NormalisePartition, outbox: &mut Outbox) -> Result<(), CodecError> {
    let Some(progress) = partition.changed_progress() else { return Ok(()) };
    let record = Outgoing {
        output: PROGRESS,
        placement: Placement::Partition(partition.number()),
        key: Some(partition.topic().as_bytes()),
        value: None,
    };
    outbox.publish_with(record, &[], |out| codec::encode(progress, out))
}
