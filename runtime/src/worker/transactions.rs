//! The transactions of a worker: the open one, and the one before it while the log commits that. It knows no log and no
//! stage.
//!
//! The loop does not wait for a commit: it hands the transaction in and goes on with the next one, which rests on it. So one is
//! on its way at most, and the next is handed in only when it has succeeded. One that fails before anything was applied on top
//! of it is undone like any other; after that all partitions are restored from what is committed, since their states can be
//! undone one transaction deep. The worker stays a member of its group meanwhile: a rebalance is the most likely reason that a
//! commit is refused, and the group would be left in the middle of it.

use std::time::Instant;

use super::observer::{Commit, Happened};
use super::slots::Slots;
use super::{Worker, WorkerError};
use crate::log::{Log, LogError};
use crate::stage::{Stage, StageError};

/// After so many aborts without a commit the worker is built anew.
const ABORTS_IN_A_ROW_MAX: u32 = 10;

/// So many bytes wait in the outbox for the transaction before to be in the log; then the loop waits for it.
const OUTBOX_BYTES_MAX: usize = 8 << 20;

/// The open transaction.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Whether the log has been told to begin.
    begun: bool,
    /// Calls of `apply`; more than records where a record takes several.
    pub(super) steps: usize,
    pub(super) since: Option<Instant>,
    pub(super) commit: Commit,
}

/// A transaction that is being committed.
#[derive(Debug)]
pub(super) struct InFlight {
    /// What it was while it was open.
    open: Open,
    /// Whether something was, or is about to be, applied on top of it: it cannot be undone any more.
    is_sealed: bool,
}

/// Why a transaction did not commit.
enum CloseError {
    Log(LogError),
    Stage(StageError),
}

/// Makes way for what is applied on top of a transaction that is being committed: the states forget what was before it.
pub(super) fn seal<S: Stage>(stage: &mut S, slots: &mut Slots<S::Partition>, in_flight: &mut Option<InFlight>) {
    let Some(in_flight) = in_flight.as_mut().filter(|in_flight| !in_flight.is_sealed) else { return };
    in_flight.is_sealed = true;
    for slot in slots.touched() {
        stage.committed(&mut slot.state);
        slot.committed = slot.next;
        slot.touched = false;
        if let Some(recorder) = &mut slot.recorder {
            recorder.seal(slot.committed);
        }
    }
}

impl<S: Stage, L: Log> Worker<S, L> {
    /// Commits what is open, and waits until it is committed: what a driver calls when nothing more comes, and the end of a
    /// drain.
    pub fn close(&mut self) -> Result<(), WorkerError> {
        self.hand_in()?;
        self.settle(true)
    }

    /// Hands the open transaction to the log to be committed, once the one before it is.
    pub(super) fn hand_in(&mut self) -> Result<(), WorkerError> {
        if self.open.steps == 0 {
            return Ok(());
        }
        self.settle(true)?;
        if self.open.steps == 0 {
            return Ok(());
        }
        self.read_marks(false);
        match self.write_and_hand_in() {
            Ok(()) => {}
            Err(CloseError::Log(LogError::Abortable(what))) => return self.abort(&what),
            Err(CloseError::Log(error)) => return Err(error.into()),
            Err(CloseError::Stage(error)) => return Err(error.into()),
        }
        self.in_flight = Some(InFlight { open: std::mem::take(&mut self.open), is_sealed: false });
        // A log that commits at once says so at once.
        self.settle(false)
    }

    fn write_and_hand_in(&mut self) -> Result<(), CloseError> {
        for slot in self.slots.touched() {
            let before = self.outbox.len();
            self.stage.flush(&mut slot.state, &mut self.outbox).map_err(CloseError::Stage)?;
            if let Some(recorder) = &mut slot.recorder {
                recorder.take_published(&self.outbox, before);
            }
        }
        self.publish().map_err(CloseError::Log)?;
        let positions: Vec<_> = self.slots.touched().map(|slot| (slot.id.clone(), slot.next)).collect();
        self.log.hand_in(&positions).map_err(CloseError::Log)
    }

    /// Learns what became of the transaction that was handed in; with `wait` it waits for that.
    pub(super) fn settle(&mut self, wait: bool) -> Result<(), WorkerError> {
        if self.in_flight.is_none() {
            return Ok(());
        }
        let took = match self.log.outcome(wait) {
            Ok(None) => return Ok(()),
            Ok(Some(took)) => took,
            Err(error) => return self.commit_failed(error),
        };
        seal(&mut self.stage, &mut self.slots, &mut self.in_flight);
        let Some(InFlight { open: Open { mut commit, since, .. }, .. }) = self.in_flight.take() else { return Ok(()) };
        if let Some(snapshots) = &mut self.snapshots {
            self.slots.iter_mut().filter_map(|slot| slot.recorder.as_mut()).for_each(|one| snapshots.append(one));
        }
        self.aborts_in_a_row = 0;
        commit.commit_seconds = took.as_secs_f64();
        commit.wait_seconds = since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        self.observer.happened(&Happened::Committed(&commit));
        self.figures_stale = true;
        self.tell_figures();
        self.confirm_marks();
        Ok(())
    }

    /// What follows from a commit that failed.
    fn commit_failed(&mut self, error: LogError) -> Result<(), WorkerError> {
        let Some(in_flight) = self.in_flight.take() else { return Err(error.into()) };
        match error {
            LogError::Abortable(what) if !in_flight.is_sealed => {
                // Nothing was applied since, so that it is the open one again.
                self.open = in_flight.open;
                self.abort(&what)
            }
            LogError::Abortable(what) => {
                self.discard(&what, true)?;
                self.observer.happened(&Happened::Aborted(&what));
                self.restore_again()
            }
            error => Err(error.into()),
        }
    }

    /// Hands the outbox to the log when it holds enough.
    pub(super) fn hand_over(&mut self) -> Result<(), WorkerError> {
        let bytes = self.outbox.bytes();
        if bytes < self.settings.bounds.outbox_bytes {
            return Ok(());
        }
        if bytes < OUTBOX_BYTES_MAX && !self.log.takes_at_once() {
            return Ok(());
        }
        match self.publish() {
            Ok(()) => Ok(()),
            Err(LogError::Abortable(what)) => self.abort(&what),
            Err(error) => Err(error.into()),
        }
    }

    fn publish(&mut self) -> Result<(), LogError> {
        if !self.open.begun {
            self.log.begin()?;
            self.open.begun = true;
        }
        self.log.publish(&self.outbox)?;
        self.open.commit.published += self.outbox.len() as u64;
        self.open.commit.published_bytes += self.outbox.bytes() as u64;
        self.outbox.clear();
        Ok(())
    }

    /// Undoes the open transaction: the log aborts, the states roll back, the input is read again from the commit.
    pub(super) fn abort(&mut self, why: &str) -> Result<(), WorkerError> {
        // What the states roll back to must be committed; where it is not, everything is undone already.
        self.settle(true)?;
        if self.open.steps == 0 {
            return Ok(());
        }
        self.discard(why, self.open.begun)?;
        let mut positions = Vec::new();
        for slot in self.slots.touched() {
            self.stage.rolled_back(&mut slot.state);
            if let Some(recorder) = &mut slot.recorder {
                recorder.rolled_back();
            }
            slot.touched = false;
            slot.next = slot.committed;
            positions.push((slot.id.clone(), slot.committed));
        }
        self.log.rewind(&positions)?;
        self.observer.happened(&Happened::Aborted(why));
        Ok(())
    }

    /// Gives up what was said and is not committed; `is_begun`: the log has something of it.
    fn discard(&mut self, why: &str, is_begun: bool) -> Result<(), WorkerError> {
        self.aborts += 1;
        self.aborts_in_a_row += 1;
        if self.aborts_in_a_row > ABORTS_IN_A_ROW_MAX {
            return Err(WorkerError::Rebuild(format!("{} aborts in a row, the last: {why}", self.aborts_in_a_row)));
        }
        if is_begun {
            self.log.abort()?;
        }
        self.outbox.clear();
        self.open = Open::default();
        Ok(())
    }
}
