//! A stage that is replayed on the input that a log already holds: what it says into that very input goes to a topic
//! beside it, or it would be read a second time. It knows no stage.

use crate::stage::{
    Figures, Need, Outbox, PartitionCounts, PartitionId, Record, RestoreSource, Stage, StageError, Step, Topology,
};

/// Where a replayed stage says what it would say in its own input. The topic must have been created.
pub const ASIDE: &str = "replayed";

/// A stage whose words into its own input go to [`ASIDE`].
pub struct Aside<S> {
    stage: S,
    topology: Topology,
}

impl<S: Stage> Aside<S> {
    /// The stage, to be replayed.
    pub fn new(stage: S) -> Self {
        let mut topology = stage.topology().clone();
        for topic in &mut topology.outputs {
            if topology.inputs.contains(topic) {
                ASIDE.clone_into(topic);
            }
        }
        Self { stage, topology }
    }
}

impl<S: Stage> Stage for Aside<S> {
    type Partition = S::Partition;

    fn topology(&self) -> &Topology {
        &self.topology
    }
    fn open(&self, id: &PartitionId, counts: &dyn PartitionCounts) -> S::Partition {
        self.stage.open(id, counts)
    }
    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource> {
        self.stage.restore_sources(id)
    }
    fn restore(&self, partition: &mut S::Partition, record: &Record<'_>) -> Result<(), StageError> {
        self.stage.restore(partition, record)
    }
    fn restored(&self, partition: &mut S::Partition) {
        self.stage.restored(partition);
    }
    fn need(&self, partition: &S::Partition, record: Option<&Record<'_>>) -> Option<Need> {
        self.stage.need(partition, record)
    }
    fn learn(&mut self, record: &Record<'_>) -> Result<(), StageError> {
        self.stage.learn(record)
    }
    fn apply(
        &mut self,
        partition: &mut S::Partition,
        record: &Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Step, StageError> {
        self.stage.apply(partition, record, outbox)
    }
    fn flush(&mut self, partition: &mut S::Partition, outbox: &mut Outbox) -> Result<(), StageError> {
        self.stage.flush(partition, outbox)
    }
    fn committed(&mut self, partition: &mut S::Partition) {
        self.stage.committed(partition);
    }
    fn rolled_back(&mut self, partition: &mut S::Partition) {
        self.stage.rolled_back(partition);
    }
    fn figures(&self, partition: &S::Partition, figures: &mut Figures) {
        self.stage.figures(partition, figures);
    }
}
