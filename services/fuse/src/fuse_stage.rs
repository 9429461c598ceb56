//! Fuse on the loop: `households.entries` in, `households.states` out, which is its changelog too. It decides
//! nothing about a household: that is `fuse_core`.

use fuse_core::Dropped;
use runtime::stage::{
    Figures, Need, Outbox, Outgoing, PartitionCounts, PartitionId, Placement, Record, RestoreSource, RestoreUntil,
    Stage, StageError, Step, Topology,
};
use runtime::table::Table;
use schemas::codec::{self, CodecError};
use schemas::records::{DayClosed, HouseholdEntry, HouseholdParts, HouseholdState, PROGRESS_KEY, Progress};
use schemas::{HouseholdCode, Month};

/// The stage's name.
pub const STAGE: &str = "fuse";
/// The only output.
const HOUSEHOLDS_STATES: usize = 0;
/// The names of the totals that are figures.
const TOTALS: [&str; 2] = ["household_entries", "dropped"];

/// The topics of fuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuseTopics {
    /// What it reads.
    pub households_entries: String,
    /// What it says, and its changelog.
    pub households_states: String,
}

impl Default for FuseTopics {
    fn default() -> Self {
        Self { households_entries: "households.entries".to_owned(), households_states: "households.states".to_owned() }
    }
}

/// The stage.
#[derive(Debug)]
pub struct FuseStage {
    topics: FuseTopics,
    topology: Topology,
}

/// The state of one partition: the encoded state of each household, calendar, totals.
#[derive(Debug)]
pub struct FusePartition {
    number: i32,
    households: Table<u64>,
    progress: Progress,
    /// The progress of the last commit, once something has been applied since.
    saved: Option<Progress>,
    /// What was applied since the progress was brought up to date.
    applied: Counted,
    /// The oldest month within the horizon; follows from the last closed day.
    oldest: Option<Month>,
}

/// What is counted of household entries. It is an own thing beside the progress, where totals go by name, since every record
/// counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    household_entries: i64,
    dropped: Dropped,
}

impl FusePartition {
    fn new(number: i32) -> Self {
        Self {
            number,
            households: Table::default(),
            progress: Progress::default(),
            saved: None,
            applied: Counted::default(),
            oldest: None,
        }
    }

    /// Brings the progress up to date, before it is written or looked at.
    fn settle_progress(&mut self) {
        if self.applied == Counted::default() {
            return;
        }
        self.begin();
        let Counted { household_entries, dropped } = std::mem::take(&mut self.applied);
        self.progress.count("household_entries", "", household_entries);
        let Dropped { incidents, statuses, members, surveys } = dropped;
        let dropped = [("incidents", incidents), ("statuses", statuses), ("members", members), ("surveys", surveys)];
        for (label, count) in dropped.into_iter().filter(|(_, count)| *count > 0) {
            self.progress.count("dropped", label, count);
        }
    }

    /// Remembers the progress as it was committed, before the first change.
    fn begin(&mut self) {
        if self.saved.is_none() {
            self.saved = Some(self.progress.clone());
        }
    }

    fn set_progress(&mut self, progress: Progress) {
        self.oldest = fuse_core::oldest_month(progress.closed_day);
        self.progress = progress;
    }
}

impl FuseStage {
    /// The stage of one worker.
    pub fn new(topics: FuseTopics) -> Self {
        let topology = Topology {
            stage: STAGE,
            inputs: vec![topics.households_entries.clone()],
            starts_at_earliest: true,
            reference: None,
            outputs: vec![topics.households_states.clone()],
        };
        Self { topics, topology }
    }

    fn take_marker(&mut self, partition: &mut FusePartition, bytes: &[u8], outbox: &mut Outbox) -> Result<(), String> {
        let marker: DayClosed = codec::decode(bytes).map_err(|error| error.to_string())?;
        partition.begin();
        let Some(mut closed) = partition.progress.take_marker(&marker) else { return Ok(()) };
        partition.oldest = fuse_core::oldest_month(Some(closed.day));
        closed.from = format!("{}/{}", self.topics.households_entries, partition.number);
        closed.of = 1;
        let key = closed.key();
        let record = Outgoing {
            output: HOUSEHOLDS_STATES,
            placement: Placement::Partition(partition.number),
            key: Some(key.as_bytes()),
            value: None,
        };
        outbox.publish_with(record, &[], |out| codec::encode(&closed, out)).map_err(|error| error.to_string())
    }
}

/// Applies an entry to the state of its household, which is published and kept.
fn take(partition: &mut FusePartition, bytes: &[u8], outbox: &mut Outbox) -> Result<(), String> {
    let entry: HouseholdEntry<'_> = codec::decode(bytes).map_err(|error| error.to_string())?;
    let fail = |error: CodecError| format!("the state of household {}: {error}", entry.household);
    let key = entry.household.number();
    let state = partition.households.get(&key).map(codec::decode::<HouseholdParts<'_>>).transpose();
    let applied = fuse_core::apply(state.map_err(fail)?, &entry, partition.oldest).map_err(fail)?;
    let digits = entry.household.digits();
    let record = Outgoing {
        output: HOUSEHOLDS_STATES,
        placement: Placement::Partition(partition.number),
        key: Some(&digits),
        value: None,
    };
    outbox.publish_with(record, &[], |out| codec::encode(&applied.state, out)).map_err(fail)?;
    partition.applied.household_entries += 1;
    partition.applied.dropped.add(applied.dropped);
    partition.households.put(key, outbox.last_value().unwrap_or_default());
    Ok(())
}

impl Stage for FuseStage {
    type Partition = FusePartition;

    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn open(&self, id: &PartitionId, _: &dyn PartitionCounts) -> FusePartition {
        FusePartition::new(id.partition)
    }

    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource> {
        let topic = self.topics.households_states.clone();
        vec![RestoreSource { topic, partition: id.partition, until: RestoreUntil::End }]
    }

    fn restore(&self, partition: &mut FusePartition, record: &Record<'_>) -> Result<(), StageError> {
        let fail = |what: String| StageError::about(STAGE, record, what);
        let (Some(key), Some(value)) = (record.key, record.value) else { return Ok(()) };
        if codec::is::<DayClosed>(value) {
            return Ok(());
        }
        if key == PROGRESS_KEY.as_bytes() {
            partition.set_progress(codec::decode(value).map_err(|error| fail(error.to_string()))?);
            return Ok(());
        }
        let household = std::str::from_utf8(key).ok().and_then(|key| HouseholdCode::parse(key).ok());
        let Some(household) = household.filter(|_| codec::is::<HouseholdState>(value)) else {
            return Err(fail("this is no state of a household: is another stage or build writing here?".to_owned()));
        };
        partition.households.restore(household.number(), Some(value));
        Ok(())
    }

    fn need(&self, _: &FusePartition, _: Option<&Record<'_>>) -> Option<Need> {
        None
    }

    fn learn(&mut self, _: &Record<'_>) -> Result<(), StageError> {
        Ok(())
    }

    fn apply(
        &mut self,
        partition: &mut FusePartition,
        record: &Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Step, StageError> {
        let bytes = record.value.unwrap_or_default();
        let done = if codec::is::<DayClosed>(bytes) {
            self.take_marker(partition, bytes, outbox)
        } else {
            take(partition, bytes, outbox)
        };
        done.map(|()| Step::Done).map_err(|what| StageError::about(STAGE, record, what))
    }

    fn flush(&mut self, partition: &mut FusePartition, outbox: &mut Outbox) -> Result<(), StageError> {
        partition.settle_progress();
        if partition.saved.as_ref().is_none_or(|saved| *saved == partition.progress) {
            return Ok(());
        }
        let record = Outgoing {
            output: HOUSEHOLDS_STATES,
            placement: Placement::Partition(partition.number),
            key: Some(PROGRESS_KEY.as_bytes()),
            value: None,
        };
        outbox.publish_with(record, &[], |out| codec::encode(&partition.progress, out)).map_err(|error| StageError {
            stage: STAGE,
            topic: self.topics.households_states.clone(),
            partition: partition.number,
            offset: -1,
            what: error.to_string(),
        })
    }

    fn committed(&mut self, partition: &mut FusePartition) {
        partition.households.commit();
        partition.saved = None;
    }

    fn rolled_back(&mut self, partition: &mut FusePartition) {
        partition.households.rollback();
        partition.applied = Counted::default();
        if let Some(saved) = partition.saved.take() {
            partition.set_progress(saved);
        }
    }

    fn figures(&self, partition: &FusePartition, figures: &mut Figures) {
        for name in TOTALS {
            figures.add(name, "", 0);
            for total in partition.progress.totals.iter().filter(|total| total.name == name) {
                figures.add(name, total.label.as_str(), total.count);
            }
        }
        figures.add("households", "", partition.households.len() as i64);
        figures.add("state_bytes", "", partition.households.value_bytes() as i64);
        figures.add("closed_day", "", partition.progress.closed_day.map_or(0, |day| i64::from(day.0)));
    }
}

#[cfg(test)]
mod tests;
