//! Keeps one worker of one stage going: builds it, runs it, throws it away and builds it anew when its clients
//! cannot be trusted any more, ends it on request. It knows no stage.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::clients::{Connection, WATCHDOG_LIMIT};
use super::log::KafkaLog;
use super::watchdog::Watchdog;
use crate::config::WorkerSettings;
use crate::stage::Stage;
use crate::telemetry::{Metrics, Waiting, WorkerObserver};
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
        Ok(Self { index: 0, settings, connection, metrics, watchdog, stop })
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
    let faulty = |what| WorkerFault { worker: format!("{}", spec.index), what };
    let mut first = Some(make().map_err(faulty)?);
    let Some(name) = first.as_ref().map(|stage| stage.topology().stage) else { return Ok(()) };
    let id = spec.worker_id(name);
    keep_going(spec, name, &id, |waiting| {
        let stage = first.take().map_or_else(make, Ok).map_err(WorkerError::Halt)?;
        attempt(spec, stage, &id, waiting)
    })
}

/// Attempts again and again, with a wait that grows, until an attempt ends well or nothing but its end will do.
pub(crate) fn keep_going(
    spec: &WorkerSpec,
    name: &str,
    id: &str,
    mut attempt: impl FnMut(&Waiting) -> Result<(), WorkerError>,
) -> Result<(), WorkerFault> {
    let waiting = spec.metrics.waiting(name, id);
    let mut backoff = BACKOFF_MIN;
    loop {
        let started = Instant::now();
        match attempt(&waiting) {
            Ok(()) => return Ok(()),
            Err(WorkerError::Rebuild(what)) => {
                waiting.set("broker", true);
                spec.metrics.rebuilt(name, id);
                tracing::warn!(worker = id, "built anew in {} ms: {what}", backoff.as_millis());
            }
            Err(error) => return Err(WorkerFault { worker: id.to_owned(), what: error.to_string() }),
        }
        if spec.stop.wait(backoff) {
            return Ok(());
        }
        backoff = if started.elapsed() >= GOOD_RUN { BACKOFF_MIN } else { (backoff * 2).min(BACKOFF_MAX) };
    }
}

fn attempt<S: Stage>(spec: &WorkerSpec, stage: S, id: &str, waiting: &Waiting) -> Result<(), WorkerError> {
    let topology = stage.topology().clone();
    let observer = WorkerObserver::new(Arc::clone(&spec.metrics), topology.stage, id);
    let log = KafkaLog::open(spec, &topology)?;
    let watch = log.watch();
    waiting.set("broker", false);
    tracing::info!(worker = id, "joined group {}", topology.stage);
    let settings = Settings { bounds: spec.settings.bounds(), ..Settings::default() };
    let mut worker = Worker::new(stage, log, settings, Box::new(observer));
    let run = run(spec, &mut worker, topology.stage, id, waiting);
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
    while !spec.stop.is_requested() {
        worker.turn(POLL)?;
        if lag_told.elapsed() >= LAG_EVERY {
            lag_told = Instant::now();
            waiting.set("broker", worker.log().group().is_broker_away());
            for (partition, committed) in worker.positions() {
                if let Some(lag) = worker.log().group().lag(&partition, committed) {
                    spec.metrics.lag(stage, id, &partition, lag);
                }
            }
        }
    }
    worker.close()
}
