//! Commits transactions on a thread of its own, so that the loop goes on meanwhile. It knows no loop and no partition.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::clients::explained;
use super::context::Deliveries;
use super::watchdog::Watch;
use crate::log::LogError;

/// How long a flush waits before it looks again: shorter steps make the client spin on its clock.
const FLUSH_STEP: Duration = Duration::from_millis(5);

/// A transactional producer.
pub(super) type Transactional = BaseProducer<Deliveries>;

/// A transaction to commit.
pub(super) struct Job {
    pub(super) producer: Arc<Transactional>,
    pub(super) offsets: TopicPartitionList,
    pub(super) group: ConsumerGroupMetadata,
    /// How long each of its calls may take.
    pub(super) limit: Duration,
}

/// What the thread tells.
enum Told {
    /// Everything that the transaction holds is in the log: what is sent from now on lies behind it.
    Flushed,
    /// It is committed, after so long, or not.
    Ended(Result<Duration, LogError>),
}

/// How far the transaction is that was handed in last.
enum Progress {
    /// Its outcome was taken.
    Taken,
    Flushing,
    Committing,
    Ended(Result<Duration, LogError>),
}

/// The thread, as a worker's loop sees it. Dropping it leaves a commit to itself: its producer is fenced by the next one of the
/// same name.
pub(super) struct Committer {
    jobs: Sender<Job>,
    told: Receiver<Told>,
    progress: Progress,
}

impl Committer {
    /// Starts the thread. `watch` ends the process if a call hangs.
    pub(super) fn spawn(name: &str, watch: Watch) -> Result<Self, LogError> {
        let ((jobs, of_loop), (tell, told)) = (channel::<Job>(), channel());
        std::thread::Builder::new()
            .name(format!("{name}-commit"))
            .spawn(move || {
                for job in of_loop {
                    let armed = watch.arm();
                    let ended = commit(&job, &tell);
                    drop(armed);
                    if tell.send(Told::Ended(ended)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| LogError::Broken(format!("no thread can be started: {error}")))?;
        Ok(Self { jobs, told, progress: Progress::Taken })
    }

    /// Begins to commit a transaction.
    pub(super) fn start(&mut self, job: Job) -> Result<(), LogError> {
        if !matches!(self.progress, Progress::Taken) {
            return Err(LogError::Halt("a transaction is on its way already".to_owned()));
        }
        self.jobs.send(job).map_err(|_| gone())?;
        self.progress = Progress::Flushing;
        Ok(())
    }

    /// Whether everything of the transaction on its way is in the log, or nothing more comes of it.
    pub(super) fn has_flushed(&mut self) -> bool {
        if matches!(self.progress, Progress::Flushing)
            && let Ok(told) = self.told.try_recv()
        {
            self.hear(told);
        }
        !matches!(self.progress, Progress::Flushing)
    }

    /// Waits until everything of the transaction on its way is in the log.
    pub(super) fn flushed(&mut self) -> Result<(), LogError> {
        while matches!(self.progress, Progress::Flushing) {
            let told = self.told.recv().map_err(|_| gone())?;
            self.hear(told);
        }
        match &self.progress {
            Progress::Ended(Err(LogError::Abortable(what))) => Err(LogError::Abortable(what.clone())),
            Progress::Ended(Err(error)) => Err(LogError::Broken(format!("the transaction before: {error}"))),
            _ => Ok(()),
        }
    }

    /// How long the commit took; none while it is on its way. With `wait` it is waited for.
    pub(super) fn outcome(&mut self, wait: bool) -> Result<Option<Duration>, LogError> {
        while matches!(self.progress, Progress::Flushing | Progress::Committing) {
            let told =
                if wait { self.told.recv().map_err(|_| TryRecvError::Disconnected) } else { self.told.try_recv() };
            match told {
                Ok(told) => self.hear(told),
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(gone()),
            }
        }
        match std::mem::replace(&mut self.progress, Progress::Taken) {
            Progress::Ended(ended) => ended.map(Some),
            _ => Err(LogError::Halt("no transaction is on its way".to_owned())),
        }
    }

    fn hear(&mut self, told: Told) {
        self.progress = match told {
            Told::Flushed => Progress::Committing,
            Told::Ended(ended) => Progress::Ended(ended),
        };
    }
}

fn gone() -> LogError {
    LogError::Broken("the thread that commits is gone".to_owned())
}

fn commit(job: &Job, tell: &Sender<Told>) -> Result<Duration, LogError> {
    let Job { producer, offsets, group, limit } = job;
    let started = Instant::now();
    flush(producer, *limit)?;
    // Where nobody listens any more, the outcome is of no interest either: the worker is gone.
    tell.send(Told::Flushed).map_err(|_| gone())?;
    let offered = producer.send_offsets_to_transaction(offsets, group, *limit);
    offered.map_err(|error| failed(producer, "offsets", &error))?;
    producer.commit_transaction(*limit).map_err(|error| failed(producer, "commit", &error))?;
    Ok(started.elapsed())
}

/// Waits until everything is delivered. The client's own flush looks again only every 100 ms where, as here,
/// deliveries that succeed are not reported, which would make that the least that a commit takes.
fn flush(producer: &Transactional, limit: Duration) -> Result<(), LogError> {
    let started = Instant::now();
    loop {
        match producer.flush(FLUSH_STEP) {
            Ok(()) => return Ok(()),
            Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) if started.elapsed() < limit => {}
            Err(error) => return Err(failed(producer, "flush", &error)),
        }
    }
}

/// What a failed transaction call means.
pub(super) fn failed(producer: &Transactional, call: &str, error: &KafkaError) -> LogError {
    match (error, producer.context().too_large()) {
        // After an abort the same record would come again, and for ever.
        (_, Some(too_large)) => LogError::Halt(too_large.explained()),
        (KafkaError::Transaction(inner), None) if inner.txn_requires_abort() => {
            LogError::Abortable(format!("{call}: {inner}"))
        }
        _ => LogError::Broken(format!("{call}: {}", explained(error))),
    }
}
