//! The partitions that a worker owns, found fast by topic and number. It knows no log.

use super::snapshots::Recorder;
use crate::stage::PartitionId;

/// Whether a partition is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its state is being read; its input is paused.
    Restoring,
    /// Its input flows.
    Running,
}

/// One owned partition with its state.
#[derive(Debug)]
pub(crate) struct Slot<P> {
    pub(crate) id: PartitionId,
    pub(crate) state: P,
    pub(crate) phase: Phase,
    /// Where a rewind goes: the offset of the last commit, or the start.
    pub(crate) committed: i64,
    /// The offset that the open transaction will commit.
    pub(crate) next: i64,
    /// Whether the open transaction applied anything to it.
    pub(crate) touched: bool,
    /// What keeps its snapshot; none where none is kept.
    pub(crate) recorder: Option<Recorder>,
}

/// All owned partitions, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Slots<P> {
    rows: Vec<Slot<P>>,
    /// The row found last: records come in runs of one partition.
    last: usize,
}

impl<P> Default for Slots<P> {
    fn default() -> Self {
        Self { rows: Vec::new(), last: 0 }
    }
}

impl<P> Slots<P> {
    pub(crate) fn find(&mut self, topic: &str, partition: i32) -> Option<&mut Slot<P>> {
        let is_it = |slot: &Slot<P>| slot.id.partition == partition && slot.id.topic == topic;
        if !self.rows.get(self.last).is_some_and(is_it) {
            self.last = self
                .rows
                .binary_search_by(|slot| (slot.id.topic.as_str(), slot.id.partition).cmp(&(topic, partition)))
                .ok()?;
        }
        self.rows.get_mut(self.last)
    }

    pub(crate) fn get(&mut self, id: &PartitionId) -> Option<&mut Slot<P>> {
        self.find(&id.topic, id.partition)
    }

    /// Adds a partition, in the place of an older one of the same id.
    pub(crate) fn insert(&mut self, slot: Slot<P>) {
        match self.rows.binary_search_by(|row| row.id.cmp(&slot.id)) {
            Ok(index) => self.rows[index] = slot,
            Err(index) => self.rows.insert(index, slot),
        }
    }

    pub(crate) fn remove(&mut self, id: &PartitionId) -> Option<Slot<P>> {
        self.last = 0;
        let index = self.rows.iter().position(|slot| slot.id == *id)?;
        Some(self.rows.remove(index))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot<P>> {
        self.rows.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot<P>> {
        self.rows.iter_mut()
    }

    pub(crate) fn touched(&mut self) -> impl Iterator<Item = &mut Slot<P>> {
        self.rows.iter_mut().filter(|slot| slot.touched)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}
