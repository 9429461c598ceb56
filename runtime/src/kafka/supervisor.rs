//! Keeps one worker of one stage going: builds it, runs it, throws it away and builds it anew when its clients
//! cannot be trusted any more, ends it on request. It knows no stage.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::clients::{Connection, WATCHDOG_LIMIT};
use super::log::KafkaLog;
use super::watchdog::Watchdog;
use crate::config::WorkerSettings;
use crate::snapshot::SnapshotSettings;
use crate::stage::Stage;
use crate::telemetry::{Metrics, OnCommit, Waiting, WorkerObserver};
use crate::worker::{Settings, Worker, WorkerError};

const POLL: Duration = Duration::from_millis(100);
const LAG_EVERY: Duration = Duration::from_secs(5);
/// The wait before a worker is built anew; it doubles up to the maximum and begins again after a good run.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A run of this length was a good one.
const GOOD_RUN: Duration = Duration::from_mins(1);

/// A request to stop, shared by all that must hear it.
#[derive(Debug, Default)]
pub struct Stop {
    requested: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Asks everybody to stop.
    pub fn request(&self) {
        *self.requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Whether that was asked.
    pub fn is_requested(&self) -> bool {
        *self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until it is asked. Whether it was.
    pub fn wait(&self, limit: Duration) -> bool {
        let requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(requested, limit, |requested| !*requested);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Why a worker ended for good: the process must end.
#[derive(Debug, thiserror::Error)]
#[error("worker {worker}: {what}")]
pub struct WorkerFault {
    /// `<stage>-<ordinal>-<worker>`.
    pub worker: String,
    /// What is wrong, and what to do.
    pub what: String,
    /// Whether the settings are to blame: until they are mended another start will end the same way.
    pub in_settings: bool,
}

/// What one worker is run with.
#[derive(Clone)]
pub struct WorkerSpec {
    /// Which of the stage's workers in this process, from 0.
    pub index: u32,
    /// `[worker]`
    pub settings: WorkerSettings,
    /// How the brokers are talked to.
    pub connection: Connection,
    /// Where it tells what it does.
    pub metrics: Arc<Metrics>,
    /// Who ends the process if a call hangs.
    pub(crate) watchdog: Watchdog,
    /// When it ends.
    pub stop: Arc<Stop>,
    /// Who is told of each commit beside the metrics.
    pub on_commit: Option<OnCommit>,
}

impl WorkerSpec {
    /// What the first worker of a process is run with; a watchdog is started.
    pub fn new(
        settings: WorkerSettings,
        connection: Connection,
        metrics: Arc<Metrics>,
        stop: Arc<Stop>,
    ) -> std::io::Result<Self> {
        let watchdog = Watchdog::spawn(WATCHDOG_LIMIT)?;
        Ok(Self { index: 0, settings, connection, metrics, watchdog, stop, on_commit: None })
    }

    /// The same for another worker of the process.
    #[must_use]
    pub fn numbered(self, index: u32) -> Self {
        Self { index, ..self }
    }

    /// `<stage>-<ordinal>-<worker>`: its membership and its transactions.
    pub fn worker_id(&self, stage: &str) -> String {
        format!("{stage}-{}-{}", self.settings.instance_ordinal, self.index)
    }
}

/// Runs one worker until it is asked to stop; then what is open is committed. `make` makes the stage: once for each
/// time that the worker is built.
pub fn run_worker<S: Stage>(spec: &WorkerSpec, make: &dyn Fn() -> Result<S, String>) -> Result<(), WorkerFault> {
    let faulty = |what| WorkerFault { worker: format!("{}", spec.index), what, in_settings: false };
    let mut first = Some(make().map_err(faulty)?);
    let Some(name) = first.as_ref().map(|stage| stage.topology().stage) else { return Ok(()) };
    let id = spec.worker_id(name);
    keep_going(spec, name, &id, |link| {
        let stage = first.take().map_or_else(make, Ok).map_err(WorkerError::Halt)?;
        attempt(spec, stage, &id, link)
    })
}

/// What the attempts of one worker know of their connection.
pub(crate) struct Link {
    /// What the worker waits for.
    pub(crate) waiting: Waiting,
    has_connected: Cell<bool>,
}

impl Link {
    /// The broker has answered and taken this client.
    pub(crate) fn connected(&self) {
        self.has_connected.set(true);
        self.waiting.set("broker", false);
    }
}

/// Attempts again and again, with a wait that grows, until an attempt ends well or nothing but its end will do.
pub(crate) fn keep_going(
    spec: &WorkerSpec,
    name: &str,
    id: &str,
    mut attempt: impl FnMut(&Link) -> Result<(), WorkerError>,
) -> Result<(), WorkerFault> {
    let link = Link { waiting: spec.metrics.waiting(name, id), has_connected: Cell::new(false) };
    let mut backoff = BACKOFF_MIN;
    loop {
        let started = Instant::now();
        match attempt(&link) {
            Ok(()) => return Ok(()),
            // Waiting would not mend it, and a person who has just set something wrong wants to hear of it.
            Err(WorkerError::Refused(what)) if !link.has_connected.get() => {
                return Err(WorkerFault { worker: id.to_owned(), what, in_settings: true });
            }
            Err(WorkerError::Rebuild(what) | WorkerError::Refused(what)) => {
                link.waiting.set("broker", true);
                spec.metrics.rebuilt(name, id);
                tracing::warn!(worker = id, "built anew in {} ms: {what}", backoff.as_millis());
            }
            Err(error) => {
                return Err(WorkerFault { worker: id.to_owned(), what: error.to_string(), in_settings: false });
            }
        }
        if spec.stop.wait(backoff) {
            return Ok(());
        }
        backoff = if started.elapsed() >= GOOD_RUN { BACKOFF_MIN } else { (backoff * 2).min(BACKOFF_MAX) };
    }
}

fn attempt<S: Stage>(spec: &WorkerSpec, stage: S, id: &str, link: &Link) -> Result<(), WorkerError> {
    let topology = stage.topology().clone();
    let observer = WorkerObserver::new(Arc::clone(&spec.metrics), topology.stage, id, spec.on_commit.clone());
    let log = KafkaLog::open(spec, &topology)?;
    let watch = log.watch();
    link.connected();
    tracing::info!(worker = id, "joined group {}", topology.stage);
    let settings = Settings { bounds: spec.settings.bounds(), ..Settings::default() };
    let mut worker = Worker::new(stage, log, settings, Box::new(observer));
    if let Some(folder) = spec.settings.snapshots_of(id) {
        worker = worker.with_snapshots(SnapshotSettings::in_folder(folder));
    }
    let run = run(spec, &mut worker, topology.stage, id, &link.waiting);
    // A drop of the clients can hang as well as a call.
    let armed = watch.arm();
    drop(worker);
    drop(armed);
    run
}

fn run<S: Stage>(
    spec: &WorkerSpec,
    worker: &mut Worker<S, KafkaLog>,
    stage: &str,
    id: &str,
    waiting: &Waiting,
) -> Result<(), WorkerError> {
    let mut lag_told = Instant::now();
    let mut undecided = worker.log().undecided();
    while !spec.stop.is_requested() {
        worker.turn(POLL)?;
        if lag_told.elapsed() >= LAG_EVERY {
            lag_told = Instant::now();
            waiting.set("broker", worker.log().group().is_broker_away());
            let (positions, group) = (worker.positions(), worker.log().group());
            for (partition, committed) in &positions {
                if let Some(lag) = group.lag(partition, *committed) {
                    spec.metrics.lag(stage, id, partition, lag);
                }
                match group.stable_and_end(partition) {
                    Some((stable, end)) => undecided.seen(partition, stable, end),
                    None => undecided.settled(partition),
                }
            }
            undecided.keep(&positions.iter().map(|row| &row.0).collect::<Vec<_>>());
        }
    }
    worker.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KafkaSettings;

    /// Runs attempts that end as told, the last one well; which fault ended them, and how many there were.
    fn attempts(outcomes: Vec<(bool, Result<(), WorkerError>)>) -> (Option<WorkerFault>, usize) {
        let connection = Connection::new(&KafkaSettings::default()).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let spec = WorkerSpec::new(WorkerSettings::default(), connection, metrics, Arc::default()).unwrap();
        let (mut outcomes, mut count) = (outcomes.into_iter(), 0);
        let ended = keep_going(&spec, "fuse", "fuse-0-0", |link| {
            count += 1;
            let (connects, outcome) = outcomes.next().unwrap_or((true, Ok(())));
            if connects {
                link.connected();
            }
            outcome
        });
        (ended.err(), count)
    }

    #[test]
    fn a_refusal_ends_a_worker_that_was_never_connected_and_is_waited_for_by_any_other() {
        let refused = || Err(WorkerError::Refused("a wrong password".to_owned()));
        let away = || Err(WorkerError::Rebuild("no broker answers".to_owned()));
        let (fault, count) = attempts(vec![(false, away()), (false, refused())]);
        let fault = fault.expect("the password was never right");
        assert_eq!((fault.what.as_str(), fault.in_settings, count), ("a wrong password", true, 2));
        let (fault, count) = attempts(vec![(true, away()), (false, refused()), (false, refused())]);
        assert_eq!((fault.map(|fault| fault.what), count), (None, 4), "the password was changed under it");
    }
}
