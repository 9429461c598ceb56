//! Normalise on the loop: feeds in, `subjects.entries` out, dead letters, the calendar and the totals of each feed
//! partition in `ingest.progress`. It decides nothing about a record: that is `ingest_core::normalise`.

mod outputs;
mod partition;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ingest_core::normalise::{FeedRecord, Normaliser, Outcome, Pseudonyms, RECORD_BYTES_MAX, Rejection};
use runtime::stage::{
    Figures, Need, Outbox, PartitionCounts, PartitionId, Record, RestoreSource, RestoreUntil, Stage, StageError, Step,
    Topology,
};
use schemas::Reason;
use schemas::codec::{self, CodecError};
use schemas::feed::Catalogue;
use schemas::records::{DayClosed, Progress};

use partition::Marker;
pub use partition::NormalisePartition;

/// The stage's name.
pub const STAGE: &str = "normalise";

/// The topics of normalise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormaliseTopics {
    /// What it reads: one topic per department.
    pub feeds: Vec<String>,
    /// What it tells resolve.
    pub subjects_entries: String,
    /// Its changelog.
    pub progress: String,
    /// What it rejects.
    pub dead_letters: String,
}

impl NormaliseTopics {
    /// These feeds, and the usual names beyond them.
    pub fn of_feeds(feeds: Vec<String>) -> Self {
        Self {
            feeds,
            subjects_entries: "subjects.entries".to_owned(),
            progress: "ingest.progress".to_owned(),
            dead_letters: "ingest.dead-letters".to_owned(),
        }
    }
}

/// What normalise is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormaliseSettings {
    /// Its topics.
    pub topics: NormaliseTopics,
    /// Bytes of the value of a feed record at most.
    pub record_bytes_max: usize,
}

impl NormaliseSettings {
    /// These feeds, and the defaults beyond them.
    pub fn of_feeds(feeds: Vec<String>) -> Self {
        Self { topics: NormaliseTopics::of_feeds(feeds), record_bytes_max: RECORD_BYTES_MAX }
    }
}

/// The stage.
#[derive(Debug)]
pub struct NormaliseStage {
    topics: NormaliseTopics,
    topology: Topology,
    normaliser: Normaliser,
}

impl NormaliseStage {
    /// The stage of one worker.
    pub fn new(settings: NormaliseSettings, catalogue: Arc<Catalogue>, pseudonyms: Pseudonyms) -> Self {
        let NormaliseSettings { topics, record_bytes_max } = settings;
        let topology = Topology {
            stage: STAGE,
            inputs: topics.feeds.clone(),
            starts_at_earliest: true,
            reference: None,
            outputs: outputs::topics(&topics),
        };
        Self { topics, topology, normaliser: Normaliser::new(catalogue, pseudonyms, record_bytes_max) }
    }

    /// Takes a marker: the one of the next day closes it.
    fn take_marker(
        partition: &mut NormalisePartition,
        marker: &DayClosed,
        record: &Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<(), CodecError> {
        match partition.take_marker(marker) {
            Marker::Closes(closed) => outputs::publish_marker(&closed, partition.subject_partitions, outbox),
            Marker::Repeats => Ok(()),
            Marker::Faulty(detail) => {
                partition.count_faulty_marker();
                outputs::publish_dead_letter(record, &Rejection { reason: Reason::InvalidCalendar, detail }, outbox);
                Ok(())
            }
        }
    }
}

impl Stage for NormaliseStage {
    type Partition = NormalisePartition;

    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn open(&self, id: &PartitionId, counts: &dyn PartitionCounts) -> NormalisePartition {
        NormalisePartition::new(id, counts.partitions(&self.topics.subjects_entries))
    }

    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource> {
        let topic = self.topics.progress.clone();
        vec![RestoreSource { topic, partition: id.partition, until: RestoreUntil::End }]
    }

    fn restore(&self, partition: &mut NormalisePartition, record: &Record<'_>) -> Result<(), StageError> {
        // Each feed has its own key in the partition of the same number.
        if record.key != Some(partition.topic().as_bytes()) {
            return Ok(());
        }
        let read = record.value.map(codec::decode::<Progress>).transpose();
        let progress = read.map_err(|error| StageError::about(STAGE, record, error.to_string()))?;
        partition.restore(progress.unwrap_or_default());
        Ok(())
    }

    fn need(&self, _: &NormalisePartition, _: Option<&Record<'_>>) -> Option<Need> {
        None
    }

    fn learn(&mut self, _: &Record<'_>) -> Result<(), StageError> {
        Ok(())
    }

    fn apply(
        &mut self,
        partition: &mut NormalisePartition,
        record: &Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Step, StageError> {
        partition.begin();
        let Record { topic, partition: number, offset, value, .. } = *record;
        let feed_record = FeedRecord { topic, partition: number, offset, value, bytes: record.bytes() };
        match self.normaliser.normalise(&feed_record) {
            Outcome::Event(event) => {
                partition.count_event(event.county);
                outputs::publish_subjects(event.subjects, outbox);
            }
            Outcome::DayClosed(marker) => Self::take_marker(partition, &marker, record, outbox)
                .map_err(|error| StageError::about(STAGE, record, error.to_string()))?,
            Outcome::Rejected(rejection) => {
                partition.count_rejection(rejection.reason);
                outputs::publish_dead_letter(record, &rejection, outbox);
            }
        }
        Ok(Step::Done)
    }

    fn flush(&mut self, partition: &mut NormalisePartition, outbox: &mut Outbox) -> Result<(), StageError> {
        outputs::publish_progress(partition, outbox).map_err(|error| StageError {
            stage: STAGE,
            topic: self.topics.progress.clone(),
            partition: partition.number(),
            offset: -1,
            what: error.to_string(),
        })
    }

    fn committed(&mut self, partition: &mut NormalisePartition) {
        partition.committed();
    }

    fn rolled_back(&mut self, partition: &mut NormalisePartition) {
        partition.rolled_back();
    }

    fn figures(&self, partition: &NormalisePartition, figures: &mut Figures) {
        partition.figures(figures);
    }
}
