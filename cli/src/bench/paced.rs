//! Makes the inputs of resolve, fuse and alert in the order of a real city: the stages before them run in this process, day
//! after day, and what they say is copied to the brokers. Read by themselves as fast as they can, feeds would run ahead of
//! each other, and most records would wait for their person. It measures nothing.

use std::sync::Arc;

use runtime::stage::{
    Figures, Need, Outbox, PartitionCounts, PartitionId, Record, RestoreSource, Stage, StageError, Step, Topology,
};

use super::clients::Output;
use super::parts;
use crate::setup::Shape;

/// The name under which topics are read in this process.
const NAME: &str = "bench";

/// The topics that are made here. A stage that is measured writes beside them.
pub(super) fn topics() -> impl Iterator<Item = &'static str> {
    parts::Stage::ALL.into_iter().map(parts::Stage::input).filter(|topic| *topic != parts::FEEDS)
}

/// Where a stage that is measured writes what it says into such a topic; none for any other topic. `name` is that of the
/// measurement.
pub(super) fn beside(name: &str, topic: &str) -> Option<String> {
    topics().any(|paced| paced == topic).then(|| format!("{name}.{topic}"))
}

/// The end of the pipeline in this process: copies to the brokers what is wanted there.
pub(super) struct Copier {
    topology: Topology,
    output: Arc<Output>,
}

impl Copier {
    /// Reads every topic that the stages write, so that none of them is kept: a city has more than memory holds.
    pub(super) fn new(shapes: &[Shape], output: Arc<Output>) -> Self {
        let written = |name: &&String| !name.starts_with("feeds.") && *name != "policies";
        let inputs = shapes.iter().map(|shape| &shape.name).filter(written).cloned().collect();
        let topology = Topology { stage: NAME, inputs, starts_at_earliest: true, reference: None, outputs: Vec::new() };
        Self { topology, output }
    }
}

impl Stage for Copier {
    type Partition = ();

    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn open(&self, _: &PartitionId, _: &dyn PartitionCounts) {}

    fn restore_sources(&self, _: &PartitionId) -> Vec<RestoreSource> {
        Vec::new()
    }

    fn restore(&self, (): &mut (), _: &Record<'_>) -> Result<(), StageError> {
        Ok(())
    }

    fn need(&self, (): &(), _: Option<&Record<'_>>) -> Option<Need> {
        None
    }

    fn learn(&mut self, _: &Record<'_>) -> Result<(), StageError> {
        Ok(())
    }

    fn apply(&mut self, (): &mut (), record: &Record<'_>, _: &mut Outbox) -> Result<Step, StageError> {
        if topics().any(|topic| topic == record.topic) {
            let key = record.key.unwrap_or_default();
            let sent = self.output.send(record.topic, Some(record.partition), key, record.value);
            sent.map_err(|fault| StageError::about(NAME, record, format!("{fault:#}")))?;
        }
        Ok(Step::Done)
    }

    fn flush(&mut self, (): &mut (), _: &mut Outbox) -> Result<(), StageError> {
        Ok(())
    }

    fn committed(&mut self, (): &mut ()) {}

    fn rolled_back(&mut self, (): &mut ()) {}

    fn figures(&self, (): &(), _: &mut Figures) {}
}
