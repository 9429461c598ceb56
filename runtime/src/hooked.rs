//! A stage around a stage: passes everything on, under other names of topics, and tells its hooks what happens. It knows
//! no stage, and neither does it know what the hooks are for.

use crate::stage::{
    Figures, Need, Outbox, PartitionCounts, PartitionId, Record, RestoreSource, Stage, StageError, Step, Topology,
};

/// What is told of a stage while it runs. Whatever is not written does nothing.
pub trait Hooks: Send {
    /// A record is about to be applied. `false` leaves it to a later call: the loop comes again with the same record, and
    /// handles what else has happened meanwhile.
    fn applying(&mut self, _: &Record<'_>) -> Result<bool, StageError> {
        Ok(true)
    }

    /// A record was applied; `outbox` holds what it said from the place `from` on.
    fn applied(&mut self, _: &Record<'_>, _: Step, _outbox: &Outbox, _from: usize) {}

    /// A partition has written its changelog; `outbox` holds that from the place `from` on.
    fn flushed(&mut self, _outbox: &Outbox, _from: usize) {}

    /// A partition's changes are not undone any more: they are committed, or about to be.
    fn committed(&mut self) {}

    /// A partition's changes are undone.
    fn rolled_back(&mut self) {}

    /// A partition has told its figures: all of the telling so far.
    fn figures(&self, _: &Figures) {}
}

/// For a stage that is only renamed.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {}

/// A stage with hooks.
pub struct Hooked<S, H = NoHooks> {
    stage: S,
    topology: Topology,
    hooks: H,
}

impl<S: Stage, H: Hooks> Hooked<S, H> {
    /// Puts `hooks` around `stage`. What it would write to a topic that `renamed` has a name for goes there, and is
    /// restored from there.
    pub fn new(stage: S, hooks: H, renamed: impl Fn(&str) -> Option<String>) -> Self {
        let mut topology = stage.topology().clone();
        for topic in &mut topology.outputs {
            if let Some(name) = renamed(topic) {
                *topic = name;
            }
        }
        Self { stage, topology, hooks }
    }

    /// The same in a consumer group, and with transactions, of another name.
    #[must_use]
    pub fn called(mut self, name: &'static str) -> Self {
        self.topology.stage = name;
        self
    }
}

impl<S: Stage, H: Hooks> Stage for Hooked<S, H> {
    type Partition = S::Partition;

    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn open(&self, id: &PartitionId, counts: &dyn PartitionCounts) -> S::Partition {
        self.stage.open(id, counts)
    }

    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource> {
        let mut sources = self.stage.restore_sources(id);
        for source in &mut sources {
            let outputs = self.stage.topology().outputs.iter().zip(&self.topology.outputs);
            if let Some((_, renamed)) = outputs.into_iter().find(|(own, _)| **own == source.topic) {
                source.topic.clone_from(renamed);
            }
        }
        sources
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
        if !self.hooks.applying(record)? {
            return Ok(Step::More);
        }
        let from = outbox.len();
        let step = self.stage.apply(partition, record, outbox)?;
        self.hooks.applied(record, step, outbox, from);
        Ok(step)
    }

    fn flush(&mut self, partition: &mut S::Partition, outbox: &mut Outbox) -> Result<(), StageError> {
        let from = outbox.len();
        self.stage.flush(partition, outbox)?;
        self.hooks.flushed(outbox, from);
        Ok(())
    }

    fn committed(&mut self, partition: &mut S::Partition) {
        self.stage.committed(partition);
        self.hooks.committed();
    }

    fn rolled_back(&mut self, partition: &mut S::Partition) {
        self.stage.rolled_back(partition);
        self.hooks.rolled_back();
    }

    fn figures(&self, partition: &S::Partition, figures: &mut Figures) {
        self.stage.figures(partition, figures);
        self.hooks.figures(figures);
    }
}
