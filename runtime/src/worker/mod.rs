//! THE loop: poll, apply, publish, commit; assign, restore, revoke; abort and undo. It is the same on Kafka and on
//! the memory log, and knows neither, nor any stage.
//!
//! One worker owns one [`Log`] port, one [`Stage`] and the states of its partitions, on one thread. What a
//! transaction holds is decided by [`Bounds`] alone; what a stage says must not depend on it.

mod observer;
mod partitions;
mod restore;
mod slots;
mod snapshots;
mod transactions;
mod trust;

use std::time::{Duration, Instant};

pub use observer::{Commit, Happened, Kept, Observer, Restored, Restoring, Unobserved};

use crate::held::HeldRecord;
use crate::log::{Log, LogError, Polled, Read, Reader, Until};
use crate::snapshot::SnapshotSettings;
use crate::stage::{Figures, Need, Outbox, PartitionId, Record, Stage, StageError, Step};
use restore::Restores;
use slots::{Phase, Slot, Slots};
use snapshots::Snapshots;
use transactions::{InFlight, Open};

/// How long one record may be worked on (a sweep over every household) before the log is polled again: far below
/// Kafka's `max.poll.interval.ms` of 300 s.
const SWEEP_WITHOUT_POLL: Duration = Duration::from_secs(10);
/// How long the loop waits for records of the reference topic which an input record says are there.
const REFERENCE_WAIT: Duration = Duration::from_mins(1);
/// While a commit is on its way and nothing comes, the loop looks so often what became of it.
const OUTCOME_WAIT: Duration = Duration::from_millis(5);
/// The clock is read once in this many records.
const RECORDS_PER_CLOCK: usize = 32;
/// When a transaction closes: at whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Records applied.
    pub records: usize,
    /// Bytes of applied records and of what is published.
    pub bytes: usize,
    /// Time since its first record; none on the memory log, where no clock decides anything.
    pub time: Option<Duration>,
    /// Bytes of the outbox at which it is handed to the log before that, so that the log sends while the stage goes on.
    pub outbox_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { records: 20_000, bytes: 16 << 20, time: Some(Duration::from_millis(100)), outbox_bytes: 256 * 1024 }
    }
}

/// How a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When a transaction closes.
    pub bounds: Bounds,
    /// How often the figures of the partitions are told; none: never.
    pub figures_every: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { bounds: Bounds::default(), figures_every: Some(Duration::from_secs(1)) }
    }
}

/// Why a worker stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The worker is to be thrown away and built anew; nothing committed is lost by it.
    #[error("{0}")]
    Rebuild(String),
    /// The broker refuses the client: a setting is wrong, or a password has changed.
    #[error("{0}")]
    Refused(String),
    /// Going on would lose something: the process must end.
    #[error("{0}")]
    Halt(String),
    /// The stage cannot go on: the process must end.
    #[error(transparent)]
    Stage(#[from] StageError),
}

impl From<LogError> for WorkerError {
    fn from(error: LogError) -> Self {
        match error {
            // Outside a transaction there is nothing to abort, so an abortable error is as unknown as any other.
            LogError::Abortable(what) | LogError::Broken(what) => Self::Rebuild(what),
            LogError::Refused(what) => Self::Refused(what),
            LogError::Halt(what) => Self::Halt(what),
        }
    }
}

/// What one turn of the loop did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Something was done.
    Worked,
    /// Nothing came.
    Idle,
}

/// What became of a record within a poll.
enum Visit {
    Done,
    /// It is of a partition that is not ready; it comes again when the partition is resumed.
    Stray,
    /// It needs more than one step, or something of the reference topic first.
    Held(HeldRecord, Option<Need>),
    Failed(StageError),
}

/// A worker: one port, one stage, the states of the owned partitions.
pub struct Worker<S: Stage, L: Log> {
    stage: S,
    log: L,
    settings: Settings,
    slots: Slots<S::Partition>,
    outbox: Outbox,
    open: Open,
    /// The transaction before the open one, while it is being committed.
    in_flight: Option<InFlight>,
    restores: Restores<L::Reader>,
    /// None where no snapshots are kept.
    snapshots: Option<Snapshots>,
    reference: Option<L::Reader>,
    /// The next offset of the reference topic.
    learned: i64,
    aborts: u64,
    aborts_in_a_row: u32,
    figures_told: Option<Instant>,
    /// Whether something was committed since.
    figures_stale: bool,
    /// Whether the last poll brought a record.
    flows: bool,
    observer: Box<dyn Observer>,
}

impl<S: Stage, L: Log> Worker<S, L> {
    /// A worker that owns nothing yet.
    pub fn new(stage: S, log: L, settings: Settings, observer: Box<dyn Observer>) -> Self {
        Self {
            stage,
            log,
            settings,
            slots: Slots::default(),
            outbox: Outbox::default(),
            open: Open::default(),
            in_flight: None,
            restores: Restores::default(),
            snapshots: None,
            reference: None,
            learned: 0,
            aborts: 0,
            aborts_in_a_row: 0,
            figures_told: None,
            figures_stale: false,
            flows: false,
            observer,
        }
    }

    /// The same with snapshots of its partitions, read and written in a folder that no other worker uses at the same time.
    /// Where the folder cannot be used it goes on without.
    #[must_use]
    pub fn with_snapshots(mut self, settings: SnapshotSettings) -> Self {
        let folder = settings.folder.display().to_string();
        let cluster = self.log.cluster().map_err(|error| error.to_string());
        match cluster.and_then(|cluster| Snapshots::new(settings, cluster).map_err(|fault| fault.to_string())) {
            Ok(snapshots) => self.snapshots = Some(snapshots),
            Err(why) => tracing::warn!("no snapshots are kept in {folder}: {why}"),
        }
        self
    }

    /// One turn: goes on with restores, polls once and handles what came, closes the transaction if it is due.
    /// Waits at most `wait`.
    pub fn turn(&mut self, wait: Duration) -> Result<Turn, WorkerError> {
        let restored = self.advance_restores(wait)?;
        let wait = if self.restores.is_idle() { self.poll_wait(wait) } else { Duration::ZERO };
        let Self { stage, log, slots, outbox, open, in_flight, learned, .. } = self;
        let polled = log.poll(wait, |record| {
            transactions::seal(stage, slots, in_flight);
            visit(stage, slots, outbox, open, *learned, record)
        })?;
        let mut turn = Turn::Worked;
        let of_record = matches!(polled, Polled::Record(_));
        self.flows = of_record;
        match polled {
            Polled::Record(Visit::Done | Visit::Stray) => self.hand_over()?,
            Polled::Record(Visit::Held(held, need)) => self.go_on(&held, need)?,
            Polled::Record(Visit::Failed(error)) => return Err(error.into()),
            Polled::Assigned(ids) => self.assigned(&ids)?,
            Polled::Revoked { ids, lost } => self.revoked(&ids, lost)?,
            Polled::Idle => {
                // The last figures of a burst are told when it is over.
                self.tell_figures();
                self.mark_at_rest(false)?;
                turn = if restored { Turn::Worked } else { Turn::Idle };
            }
        }
        // The clock is not read for every record; it is read whenever a poll brought something else, or nothing.
        let looks_up = !of_record || self.open.steps.is_multiple_of(RECORDS_PER_CLOCK);
        if looks_up {
            self.settle(false)?;
        }
        if self.is_due(looks_up) {
            self.hand_in()?;
        }
        Ok(turn)
    }

    /// Commits what is open and marks all snapshots: the end of an orderly run, after which a restart has little to
    /// read.
    pub fn finish(&mut self) -> Result<(), WorkerError> {
        self.close()?;
        self.mark_at_rest(true)
    }

    /// Whether something is applied that is not committed yet.
    pub(crate) fn is_open(&self) -> bool {
        self.open.steps > 0 || self.in_flight.is_some()
    }

    /// The figures of all owned partitions that are ready.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for slot in self.slots.iter().filter(|slot| slot.phase == Phase::Running) {
            self.stage.figures(&slot.state, &mut figures);
        }
        figures
    }

    /// The owned partitions that are ready, each with the offset that is committed for it.
    pub fn positions(&self) -> Vec<(PartitionId, i64)> {
        let running = self.slots.iter().filter(|slot| slot.phase == Phase::Running);
        running.map(|slot| (slot.id.clone(), slot.committed)).collect()
    }

    /// The port, for what only one log knows.
    pub fn log(&self) -> &L {
        &self.log
    }

    fn poll_wait(&self, wait: Duration) -> Duration {
        let wait = if self.in_flight.is_some() { wait.min(OUTCOME_WAIT) } else { wait };
        match (self.open.since, self.settings.bounds.time) {
            (Some(since), Some(time)) => wait.min(time.saturating_sub(since.elapsed())),
            _ => wait,
        }
    }

    fn is_due(&self, read_clock: bool) -> bool {
        let (open, bounds) = (&self.open, &self.settings.bounds);
        if open.steps == 0 {
            return false;
        }
        let bytes = open.commit.record_bytes + open.commit.published_bytes + self.outbox.bytes() as u64;
        let is_late = || open.since.zip(bounds.time).is_some_and(|(since, time)| since.elapsed() >= time);
        open.steps >= bounds.records || bytes >= bounds.bytes as u64 || (read_clock && is_late())
    }

    /// Works on a record that one `apply` did not finish, or that waits for the reference topic.
    fn go_on(&mut self, held: &HeldRecord, need: Option<Need>) -> Result<(), WorkerError> {
        let started = Instant::now();
        if let Some(need) = need {
            self.learn(need)?;
        }
        let id = PartitionId { topic: held.topic().to_owned(), partition: held.partition() };
        let aborts = self.aborts;
        let mut fresh = need.is_some();
        loop {
            let Self { stage, slots, outbox, open, in_flight, .. } = self;
            transactions::seal(stage, slots, in_flight);
            let Some(slot) = slots.get(&id) else { return Ok(()) };
            let step = held.with(|record| step(stage, slot, outbox, open, record, fresh))?;
            fresh = false;
            self.hand_over()?;
            self.settle(false)?;
            if step == Step::More && self.is_due(true) {
                self.hand_in()?;
            }
            // After an abort the rewind brings the record again.
            if step == Step::Done || self.aborts != aborts {
                return Ok(());
            }
            if self.open.steps == 0 && started.elapsed() >= SWEEP_WITHOUT_POLL {
                return Ok(self.log.rewind(&[(id, held.offset())])?);
            }
        }
    }

    /// Reads the reference topic up to what is needed.
    fn learn(&mut self, need: Need) -> Result<(), WorkerError> {
        if need.below_offset <= self.learned {
            return Ok(());
        }
        let Some(topic) = self.stage.topology().reference.clone() else {
            let stage = self.stage.topology().stage;
            return Err(WorkerError::Halt(format!("{stage} asks for a reference topic, but its topology names none")));
        };
        if self.reference.is_none() {
            self.reference = Some(self.log.reader()?);
        }
        let Self { stage, reference: Some(reader), learned, .. } = &mut *self else { return Ok(()) };
        let started = Instant::now();
        reader.start(&topic, 0, *learned, Until::Offset(need.below_offset))?;
        loop {
            match reader.poll(Duration::from_millis(100), |record| stage.learn(record).map(|()| record.offset + 1))? {
                Read::Record(next) => *learned = next?,
                Read::Finished { .. } => break,
                Read::Nothing if started.elapsed() < REFERENCE_WAIT => {}
                Read::Nothing => {
                    let offset = need.below_offset;
                    return Err(WorkerError::Rebuild(format!(
                        "{topic} did not show its records below offset {offset}"
                    )));
                }
            }
        }
        *learned = need.below_offset.max(*learned);
        Ok(())
    }

    fn tell_restoring(&mut self) {
        let restoring = Restoring {
            owned: self.slots.len(),
            waiting: self.slots.iter().filter(|slot| slot.phase == Phase::Restoring).count(),
            records: self.restores.records(),
        };
        self.observer.happened(&Happened::Restoring(restoring));
    }

    fn tell_figures(&mut self) {
        let Some(every) = self.settings.figures_every else { return };
        if self.figures_stale && self.figures_told.is_none_or(|told| told.elapsed() >= every) {
            self.figures_stale = false;
            self.figures_told = Some(Instant::now());
            let figures = self.figures();
            self.observer.happened(&Happened::Figures(&figures));
        }
    }
}

/// One call of `apply`, with the books of slot and transaction kept. `fresh`: the record's first one.
fn step<S: Stage>(
    stage: &mut S,
    slot: &mut Slot<S::Partition>,
    outbox: &mut Outbox,
    open: &mut Open,
    record: &Record<'_>,
    fresh: bool,
) -> Result<Step, StageError> {
    if open.since.is_none() {
        open.since = Some(Instant::now());
    }
    open.steps += 1;
    if fresh {
        open.commit.records += 1;
        open.commit.record_bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
        open.commit.newest_timestamp_ms = open.commit.newest_timestamp_ms.max(record.timestamp_ms);
    }
    slot.touched = true;
    let before = outbox.len();
    let step = stage.apply(&mut slot.state, record, outbox)?;
    if let Some(recorder) = &mut slot.recorder {
        recorder.take_published(outbox, before);
        if step == Step::Done {
            recorder.take_input(record);
        }
    }
    slot.next = if step == Step::Done { record.offset + 1 } else { record.offset };
    Ok(step)
}

fn visit<S: Stage>(
    stage: &mut S,
    slots: &mut Slots<S::Partition>,
    outbox: &mut Outbox,
    open: &mut Open,
    learned: i64,
    record: &Record<'_>,
) -> Visit {
    let Some(slot) = slots.find(record.topic, record.partition) else { return Visit::Stray };
    if slot.phase != Phase::Running {
        return Visit::Stray;
    }
    if let Some(need) = stage.need(&slot.state, Some(record)).filter(|need| need.below_offset > learned) {
        return Visit::Held(HeldRecord::of(record), Some(need));
    }
    match step(stage, slot, outbox, open, record, true) {
        Ok(Step::Done) => Visit::Done,
        Ok(Step::More) => Visit::Held(HeldRecord::of(record), None),
        Err(error) => Visit::Failed(error),
    }
}
