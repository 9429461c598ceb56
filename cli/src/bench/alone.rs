//! Runs one stage by itself on the loop of production, from its first record to its last. It does not know what the stage
//! does.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use runtime::config::{KafkaSettings, WorkerSettings};
use runtime::hooked::Hooked;
use runtime::kafka::{Connection, Stop, WorkerSpec, run_worker};
use runtime::stage::{self, PartitionId, RestoreUntil};
use runtime::telemetry::Metrics;

use super::counted::{Count, Counted, Found};
use super::fill::feed_topics;
use super::measured::Measured;
use super::paced;
use super::parts::Stage;
use super::usage::memory_bytes_max;
use crate::files;

/// The key of the pseudonyms: a bench keeps nothing.
pub(super) const KEY: &[u8] = b"backstop: a bench run of one city";
/// What the topics begin with that a measured stage writes beside those which others are measured with.
pub(super) const NAME: &str = "bench";
/// The same where the stage has two workers; its consumer group too, since it reads what one worker has read before.
pub(super) const NAME_OF_TWO: &str = "bench-two";
/// How long a stage may commit nothing before the bench gives up.
const SILENCE_LIMIT: Duration = Duration::from_mins(2);

/// Runs the stage with one worker until it has committed `expected` records.
pub(super) fn run(brokers: &str, schemas: &Path, which: Stage, expected: u64) -> Result<Measured> {
    let run = Run { brokers, expected, workers: 1, name: NAME };
    match which {
        Stage::Normalise => {
            let files = files::feeds(schemas)?;
            run.measure(|| {
                let catalogue = ingest::catalogue(&files).map_err(|fault| fault.to_string())?;
                ingest::normalise(catalogue, KEY, feed_topics()).map_err(|fault| fault.to_string())
            })
        }
        Stage::Resolve => run.measure(|| ingest::resolve().map_err(|fault| fault.to_string())),
        Stage::Fuse => run.measure(|| Ok(fuse::stage())),
        Stage::Alert => run.measure(|| Ok(alert::stage())),
    }
}

/// Runs fuse with two workers, which begin together.
pub(super) fn fuse_by_two(brokers: &str, expected: u64) -> Result<Measured> {
    Run { brokers, expected, workers: 2, name: NAME_OF_TWO }.measure(|| Ok(fuse::stage()))
}

struct Run<'a> {
    brokers: &'a str,
    expected: u64,
    workers: usize,
    name: &'static str,
}

impl Run<'_> {
    fn measure<S: stage::Stage>(&self, make: impl Fn() -> Result<S, String> + Sync) -> Result<Measured> {
        let kafka = KafkaSettings { brokers: self.brokers.to_owned(), ..KafkaSettings::default() };
        let (stop, count) = (Arc::new(Stop::default()), Arc::new(Count::new(self.workers)));
        let connection = Connection::new(&kafka)?;
        let metrics = Arc::new(Metrics::new()?);
        let mut spec = WorkerSpec::new(WorkerSettings::default(), connection, metrics, Arc::clone(&stop))?;
        let of_commits = Arc::clone(&count);
        spec.on_commit = Some(Arc::new(move |commit| of_commits.note(commit)));
        let silence = give_up_on_silence(&stop, &count);
        let counted = |worker: usize| {
            make().map(|inner| {
                let changelogs = changelogs(&inner);
                let hooks = Counted::new(worker, self.expected, changelogs, Arc::clone(&stop), Arc::clone(&count));
                let hooked = Hooked::new(inner, hooks, |topic| paced::beside(self.name, topic));
                if self.workers == 1 { hooked } else { hooked.called(self.name) }
            })
        };
        let ran: Result<()> = thread::scope(|scope| {
            let work = |worker: usize| {
                let ended = run_worker(&spec.clone().numbered(worker as u32), &|| counted(worker));
                // One that has failed must not leave the others waiting for it.
                stop.request();
                ended
            };
            let threads: Vec<_> = (1..self.workers).map(|worker| scope.spawn(move || work(worker))).collect();
            let first = work(0);
            for thread in threads {
                thread.join().map_err(|_| anyhow!("a worker panicked"))??;
            }
            Ok(first?)
        });
        stop.request();
        let was_silent = silence.join().unwrap_or(true);
        ran?;
        self.told(count.take(), count.committed(), was_silent)
    }

    fn told(&self, mut found: Found, committed: u64, was_silent: bool) -> Result<Measured> {
        let expected = self.expected;
        match (found.used, &found.fault) {
            (_, Some(fault)) => bail!("{fault}"),
            (Some(used), None) => {
                let measured = found.measured.with_commits(&mut found.commits);
                let measured = Measured { wait_seconds_max: found.wait, held: found.held(), ..measured };
                Ok(measured.with(used, memory_bytes_max()?))
            }
            (None, None) if was_silent => {
                bail!("nothing was committed for {} s; {committed} of {expected} records were", SILENCE_LIMIT.as_secs())
            }
            (None, None) => bail!("the worker ended after {committed} of {expected} records"),
        }
    }
}

/// Of each output, whether the stage is restored from it to its end.
fn changelogs(stage: &impl stage::Stage) -> Vec<bool> {
    let topology = stage.topology();
    let first = |topic: &String| PartitionId { topic: topic.clone(), partition: 0 };
    let sources = topology.inputs.first().map(first).map(|id| stage.restore_sources(&id)).unwrap_or_default();
    let is_one = |topic: &String| {
        sources.iter().any(|source| source.topic == *topic && matches!(source.until, RestoreUntil::End))
    };
    topology.outputs.iter().map(is_one).collect()
}

/// Asks for a stop when nothing is committed for too long. Says whether it did.
fn give_up_on_silence(stop: &Arc<Stop>, count: &Arc<Count>) -> thread::JoinHandle<bool> {
    let (stop, count) = (Arc::clone(stop), Arc::clone(count));
    thread::spawn(move || {
        let mut before = None;
        while !stop.wait(SILENCE_LIMIT) {
            if before == Some(count.committed()) {
                stop.request();
                return true;
            }
            before = Some(count.committed());
        }
        false
    })
}
