//! Resolve on the loop: `subjects.entries` in, `households.entries` out, the ledgers in `subjects.ledger`. It decides
//! nothing about a record: that is `ingest_core::resolve`.

mod outputs;
mod partition;
mod scorecard;

use ingest_core::ledger::{self, Part, Subject};
use ingest_core::resolve::{Calendar, LimitFault, Limits, Precedence, Resolver};
use runtime::stage::{
    Figures, Need, Outbox, PartitionCounts, PartitionId, Record, RestoreSource, RestoreUntil, Stage, StageError, Step,
    Topology,
};
use schemas::Day;
use schemas::codec::{self, CodecError};
use schemas::records::{DayClosed, PROGRESS_KEY, Progress, Redirect, SubjectEntry};

use outputs::{Books, Sayer, publish_changes, publish_marker};
pub use partition::ResolvePartition;

/// The stage's name.
pub const STAGE: &str = "resolve";

/// The topics of resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveTopics {
    /// What it reads, and where the ledgers of households tell each other of mergers.
    pub subjects_entries: String,
    /// Its changelog.
    pub subjects_ledger: String,
    /// What it tells fuse.
    pub households_entries: String,
    /// What it says of records that wait.
    pub parked: String,
    /// What it refuses.
    pub dead_letters: String,
    /// How well each department reports: a second changelog.
    pub scorecards: String,
}

impl Default for ResolveTopics {
    fn default() -> Self {
        Self {
            subjects_entries: "subjects.entries".to_owned(),
            subjects_ledger: "subjects.ledger".to_owned(),
            households_entries: "households.entries".to_owned(),
            parked: "ingest.parked".to_owned(),
            dead_letters: "ingest.dead-letters".to_owned(),
            scorecards: "ingest.scorecards".to_owned(),
        }
    }
}

/// What resolve is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveSettings {
    /// Its topics.
    pub topics: ResolveTopics,
    /// What it keeps of one subject at most.
    pub limits: Limits,
    /// In which order departments are believed about the same document.
    pub document_precedence: Precedence,
    /// How many subjects a sweep looks at before the loop may close the transaction.
    pub sweep_subjects_per_step: usize,
}

impl Default for ResolveSettings {
    fn default() -> Self {
        Self {
            topics: ResolveTopics::default(),
            limits: Limits::default(),
            document_precedence: Precedence::default(),
            sweep_subjects_per_step: 2_000,
        }
    }
}

/// The stage.
#[derive(Debug)]
pub struct ResolveStage {
    settings: ResolveSettings,
    topology: Topology,
    resolver: Resolver,
}

impl ResolveStage {
    /// The stage of one worker; an error names the limit that cannot be kept.
    pub fn new(settings: ResolveSettings) -> Result<Self, LimitFault> {
        let topics = &settings.topics;
        let topology = Topology {
            stage: STAGE,
            inputs: vec![topics.subjects_entries.clone()],
            starts_at_earliest: true,
            reference: None,
            outputs: outputs::topics(topics),
        };
        let resolver = Resolver::new(settings.limits, settings.document_precedence.clone())?;
        Ok(Self { settings, topology, resolver })
    }

    fn take(&mut self, partition: &mut ResolvePartition, bytes: &[u8], outbox: &mut Outbox) -> Result<(), String> {
        let entry: SubjectEntry<'_> = codec::decode(bytes).map_err(|error| error.to_string())?;
        // A record about nobody has an empty ledger, which `resolve` refuses to fill.
        let subject = Subject::of(&entry);
        let calendar = partition.calendar_of(&entry.origin);
        partition.begin();
        partition.progress.count_often(&mut partition.places, "subject_records", entry.source, 1);
        let old = subject.and_then(|subject| partition.ledgers.get(&subject));
        let was_due = self.resolver.due_day(old);
        let books = Books::of(&mut partition.progress, &mut partition.places, &mut partition.scorecards);
        let mut sayer = Sayer::new(subject, books, outbox);
        let outcome = self
            .resolver
            .resolve(old, &entry, bytes, calendar, &mut |effect| sayer.say(effect))
            .map_err(|error| error.to_string())?;
        sayer.end().map_err(|error| error.to_string())?;
        if let Some(subject) = subject {
            partition.keep(&self.resolver, subject, was_due, outcome);
        }
        Ok(())
    }

    /// Takes what the ledger of another household says of a merger. It stands outside the balances.
    fn take_redirect(
        &mut self,
        partition: &mut ResolvePartition,
        bytes: &[u8],
        outbox: &mut Outbox,
    ) -> Result<(), String> {
        let redirect: Redirect<'_> = codec::decode(bytes).map_err(|error| error.to_string())?;
        let subject = Subject::Household(redirect.to);
        let calendar = Calendar::of(partition.progress.closed_day);
        partition.begin();
        let old = partition.ledgers.get(&subject);
        let was_due = self.resolver.due_day(old);
        let books = Books::of(&mut partition.progress, &mut partition.places, &mut partition.scorecards);
        let mut sayer = Sayer::new(Some(subject), books, outbox);
        let outcome = self
            .resolver
            .redirect(old, &redirect, calendar, &mut |effect| sayer.say(effect))
            .map_err(|error| error.to_string())?;
        sayer.end().map_err(|error| error.to_string())?;
        partition.keep(&self.resolver, subject, was_due, outcome);
        Ok(())
    }

    /// Takes a marker, or goes on with the sweep that one began.
    fn take_marker(
        &mut self,
        partition: &mut ResolvePartition,
        bytes: &[u8],
        outbox: &mut Outbox,
    ) -> Result<Step, String> {
        if partition.progress.sweep_after.is_none() {
            let marker: DayClosed = codec::decode(bytes).map_err(|error| error.to_string())?;
            partition.begin();
            let Some(mut closed) = partition.take_marker(&marker) else { return Ok(Step::Done) };
            closed.from = format!("{}/{}", self.settings.topics.subjects_entries, partition.number);
            closed.of = partition.subject_partitions;
            publish_marker(&closed, partition.household_partitions, outbox).map_err(|error| error.to_string())?;
            partition.progress.sweep_after = Some(String::new());
        }
        self.sweep(partition, outbox)
    }

    /// Looks at the subjects whose parked records wait too long, and, when a month has ended, at those whose ledgers have
    /// months that have left the horizon.
    fn sweep(&mut self, partition: &mut ResolvePartition, outbox: &mut Outbox) -> Result<Step, String> {
        partition.begin();
        let Some(closed_day) = partition.progress.closed_day else { return Ok(Step::Done) };
        let mut left = self.settings.sweep_subjects_per_step.max(1);
        while let Some(subject) = partition.next_due(closed_day) {
            if left == 0 {
                return Ok(Step::More);
            }
            left -= 1;
            self.close_day(partition, subject, closed_day, outbox)?;
        }
        let today = closed_day.plus(1);
        if today == today.month().first_day() {
            let oldest = ledger::oldest_month(today);
            partition.scorecards.trim(oldest);
            while let Some(subject) = partition.next_in_sweep(oldest) {
                self.close_day(partition, subject, closed_day, outbox)?;
                partition.swept();
                left = left.saturating_sub(1);
                if left == 0 {
                    partition.pause_sweep(subject);
                    return Ok(Step::More);
                }
            }
        }
        partition.end_sweep();
        Ok(Step::Done)
    }

    fn close_day(
        &mut self,
        partition: &mut ResolvePartition,
        subject: Subject,
        closed_day: Day,
        outbox: &mut Outbox,
    ) -> Result<(), String> {
        let calendar = Calendar::of(Some(closed_day));
        let old = partition.ledgers.get(&subject);
        let was_due = self.resolver.due_day(old);
        let books = Books::of(&mut partition.progress, &mut partition.places, &mut partition.scorecards);
        let mut sayer = Sayer::new(Some(subject), books, outbox);
        let outcome = self
            .resolver
            .close_day(old, subject, calendar, &mut |effect| sayer.say(effect))
            .map_err(|error| error.to_string())?;
        sayer.end().map_err(|error| error.to_string())?;
        partition.keep(&self.resolver, subject, was_due, outcome);
        Ok(())
    }
}

impl Stage for ResolveStage {
    type Partition = ResolvePartition;

    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn open(&self, id: &PartitionId, counts: &dyn PartitionCounts) -> ResolvePartition {
        let topics = &self.settings.topics;
        ResolvePartition::new(
            id.partition,
            counts.partitions(&topics.subjects_entries),
            counts.partitions(&topics.households_entries),
        )
    }

    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource> {
        let topics = [&self.settings.topics.subjects_ledger, &self.settings.topics.scorecards];
        let source =
            |topic: &String| RestoreSource { topic: topic.clone(), partition: id.partition, until: RestoreUntil::End };
        topics.map(source).to_vec()
    }

    fn restore(&self, partition: &mut ResolvePartition, record: &Record<'_>) -> Result<(), StageError> {
        let fail = |what: String| StageError::about(STAGE, record, what);
        let key = std::str::from_utf8(record.key.unwrap_or_default()).unwrap_or_default();
        if record.topic == self.settings.topics.scorecards {
            return partition.scorecards.restore(key, record.value).map_err(|error| fail(error.to_string()));
        }
        if key == PROGRESS_KEY {
            let read = record.value.map(codec::decode::<Progress>).transpose();
            partition.progress = read.map_err(|error: CodecError| fail(error.to_string()))?.unwrap_or_default();
            return Ok(());
        }
        let Some((subject, part)) = Part::parse_key(key) else {
            return Err(fail("the key names no part of a ledger: is another stage writing to this topic?".to_owned()));
        };
        partition.restore(&self.resolver, subject, part, record.value).map_err(|error| fail(error.to_string()))
    }

    fn restored(&self, partition: &mut ResolvePartition) {
        partition.restored(&self.resolver);
    }

    fn need(&self, _: &ResolvePartition, _: Option<&Record<'_>>) -> Option<Need> {
        None
    }

    fn learn(&mut self, _: &Record<'_>) -> Result<(), StageError> {
        Ok(())
    }

    fn apply(
        &mut self,
        partition: &mut ResolvePartition,
        record: &Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Step, StageError> {
        let bytes = record.value.unwrap_or_default();
        let done = if codec::is::<SubjectEntry<'_>>(bytes) {
            self.take(partition, bytes, outbox).map(|()| Step::Done)
        } else if codec::is::<DayClosed>(bytes) {
            self.take_marker(partition, bytes, outbox)
        } else if codec::is::<Redirect<'_>>(bytes) {
            self.take_redirect(partition, bytes, outbox).map(|()| Step::Done)
        } else {
            self.take(partition, bytes, outbox).map(|()| Step::Done)
        };
        done.map_err(|what| StageError::about(STAGE, record, what))
    }

    fn flush(&mut self, partition: &mut ResolvePartition, outbox: &mut Outbox) -> Result<(), StageError> {
        publish_changes(partition, outbox).map_err(|error| StageError {
            stage: STAGE,
            topic: self.settings.topics.subjects_ledger.clone(),
            partition: partition.number,
            offset: -1,
            what: error.to_string(),
        })
    }

    fn committed(&mut self, partition: &mut ResolvePartition) {
        partition.committed();
    }

    fn rolled_back(&mut self, partition: &mut ResolvePartition) {
        partition.rolled_back(&self.resolver);
    }

    fn figures(&self, partition: &ResolvePartition, figures: &mut Figures) {
        partition.figures(figures);
    }
}

#[cfg(test)]
mod tests;
