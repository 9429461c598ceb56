//! Runs one stage by itself on the loop of production, with one worker, from its first record to its last. It does
//! not know what the stage does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use runtime::config::{KafkaSettings, WorkerSettings};
use runtime::kafka::{Connection, Stop, WorkerSpec, run_worker};
use runtime::stage;
use runtime::telemetry::Metrics;

use super::counted::{Count, Counted, Found};
use super::figures::{Measured, median};
use super::fill::feed_topics;
use super::parts::Stage;
use super::usage::memory_bytes_max;
use crate::files;

/// The key of the pseudonyms: a bench keeps nothing.
pub(super) const KEY: &[u8] = b"backstop: a bench run of one city";
/// How long a stage may commit nothing before the bench gives up.
const SILENCE_LIMIT: Duration = Duration::from_mins(2);

/// Runs the stage until it has committed `expected` records.
pub(super) fn run(brokers: &str, schemas: &Path, which: Stage, expected: u64) -> Result<Measured> {
    match which {
        Stage::Normalise => {
            let files = files::feeds(schemas)?;
            measure(brokers, expected, || {
                let catalogue = ingest::catalogue(&files).map_err(|fault| fault.to_string())?;
                ingest::normalise(catalogue, KEY, feed_topics()).map_err(|fault| fault.to_string())
            })
        }
        Stage::Resolve => measure(brokers, expected, || ingest::resolve().map_err(|fault| fault.to_string())),
        Stage::Fuse => measure(brokers, expected, || Ok(fuse::stage())),
        Stage::Alert => measure(brokers, expected, || Ok(alert::stage())),
    }
}

fn measure<S: stage::Stage>(brokers: &str, expected: u64, make: impl Fn() -> Result<S, String>) -> Result<Measured> {
    let kafka = KafkaSettings { brokers: brokers.to_owned(), ..KafkaSettings::default() };
    let (stop, count) = (Arc::new(Stop::default()), Arc::new(Count::default()));
    let spec = WorkerSpec::new(
        WorkerSettings::default(),
        Connection::new(&kafka)?,
        Arc::new(Metrics::new()?),
        Arc::clone(&stop),
    )?;
    let silence = give_up_on_silence(&stop, &count);
    let counted = || make().map(|inner| Counted::new(inner, expected, Arc::clone(&stop), Arc::clone(&count)));
    let ran = run_worker(&spec, &counted);
    stop.request();
    let was_silent = silence.join().unwrap_or(true);
    ran?;
    let mut found = count.take();
    match (found.used, found.fault) {
        (Some(used), _) => {
            let commit_seconds_median = median(&mut found.commits);
            let Found { held, wait, .. } = found;
            let measured = Measured { commit_seconds_median, wait_seconds_max: wait, held, ..found.measured };
            Ok(measured.with(used, memory_bytes_max()?))
        }
        (None, Some(fault)) => bail!("{fault}"),
        (None, None) if was_silent => bail!(
            "nothing was committed for {} s; {} of {expected} records were",
            SILENCE_LIMIT.as_secs(),
            count.committed()
        ),
        (None, None) => bail!("the worker ended after {} of {expected} records", count.committed()),
    }
}

/// Asks for a stop when nothing is committed for too long. Says whether it did.
fn give_up_on_silence(stop: &Arc<Stop>, count: &Arc<Count>) -> std::thread::JoinHandle<bool> {
    let (stop, count) = (Arc::clone(stop), Arc::clone(count));
    std::thread::spawn(move || {
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
