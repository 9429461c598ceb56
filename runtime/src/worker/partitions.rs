//! Partitions come and go: what the log gives is opened, and its restore begun; what it takes back is let go of. It knows
//! no log, and not how a restore goes on.

use super::observer::Happened;
use super::slots::{Phase, Slot};
use super::snapshots::{Prepared, Recorder};
use super::{Worker, WorkerError};
use crate::log::{Log, Start};
use crate::stage::{PartitionId, RestoreSource, Stage};

impl<S: Stage, L: Log> Worker<S, L> {
    /// Takes on what the log has given: each partition is restored before it flows.
    pub(super) fn assigned(&mut self, ids: &[PartitionId]) -> Result<(), WorkerError> {
        // Stages count on knowing the order in which their partitions are opened.
        let mut ids = ids.to_vec();
        ids.sort();
        let starts = self.log.accept(&ids)?;
        self.open_partitions(starts);
        Ok(())
    }

    /// Restores every partition that runs, from what is committed, as if it were newly assigned: of its state it is not known
    /// any more what of it is.
    pub(super) fn restore_again(&mut self) -> Result<(), WorkerError> {
        let running = self.slots.iter().filter(|slot| slot.phase == Phase::Running);
        let ids: Vec<PartitionId> = running.map(|slot| slot.id.clone()).collect();
        for id in &ids {
            self.forget(id);
        }
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.settle();
        }
        let starts = self.log.accept_again(&ids)?;
        self.open_partitions(starts);
        Ok(())
    }

    /// Opens partitions that the log has given, and begins to restore them.
    fn open_partitions(&mut self, starts: Vec<Start>) {
        for start in starts {
            let state = self.stage.open(&start.id, &self.log);
            let offset = start.committed.unwrap_or(start.earliest);
            let id = start.id.clone();
            let sources = self.stage.restore_sources(&start.id);
            let recorder = self.begin_restore(start, sources);
            self.slots.insert(Slot {
                id,
                state,
                phase: Phase::Restoring,
                committed: offset,
                next: offset,
                touched: false,
                recorder,
            });
        }
        self.tell_restoring();
    }

    /// Forgets a partition.
    fn forget(&mut self, id: &PartitionId) {
        let gone = self.slots.remove(id).and_then(|slot| slot.recorder);
        if let (Some(snapshots), Some(recorder)) = (&mut self.snapshots, gone) {
            snapshots.close(&recorder);
        }
    }

    /// Lets go of what the log takes back; what is open is committed, unless somebody else may own it already.
    pub(super) fn revoked(&mut self, ids: &[PartitionId], lost: bool) -> Result<(), WorkerError> {
        if !lost {
            self.finish()?;
        }
        for id in ids {
            self.restores.remove(id)?;
            self.forget(id);
        }
        if lost {
            // Undoing takes in only what is still owned.
            self.settle(true)?;
            if self.open.steps > 0 {
                self.abort("partitions were lost to another worker")?;
            }
        }
        self.log.release(ids)?;
        self.figures_stale = true;
        self.tell_restoring();
        Ok(())
    }

    /// Begins the restore of a partition; what keeps its snapshot from now on, where one is kept.
    fn begin_restore(&mut self, start: Start, sources: Vec<RestoreSource>) -> Option<Recorder> {
        let Some(snapshots) = &mut self.snapshots else {
            self.restores.add(start, sources.into_iter().map(|source| (source, 0)).collect(), None);
            return None;
        };
        let prepared = snapshots.prepare(&mut self.log, self.stage.topology(), &start, &sources);
        let Prepared { recorder, from, load, ignored } = prepared;
        if let Some(why) = ignored {
            self.observer.happened(&Happened::Ignored(&start.id, &why));
        }
        self.restores.add(start, sources.into_iter().zip(from).collect(), load);
        Some(recorder)
    }
}
