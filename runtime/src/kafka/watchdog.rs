//! Ends the process when a call to Kafka does not come back within every limit it was given: librdkafka has calls
//! that can hang for ever, and exactly once makes a hard end safe. It knows no client.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::supervisor::Stop;

/// The exit code of a process that the watchdog ended.
pub const EXIT_CODE: i32 = 70;
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A worker's name, and when its armed call began.
type Watched = (String, Weak<AtomicU64>);

/// Watches over all workers of a process.
#[derive(Clone, Debug)]
pub(crate) struct Watchdog {
    started: Instant,
    limit: Duration,
    watches: Arc<Mutex<Vec<Watched>>>,
}

/// One worker's place with the watchdog.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    started: Instant,
    /// Milliseconds after the start when the armed call began, plus one; 0 while none is armed.
    since: Arc<AtomicU64>,
}

/// A call in progress; dropping it says that it came back.
#[derive(Debug)]
pub(crate) struct Armed {
    since: Arc<AtomicU64>,
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.since.store(0, Ordering::SeqCst);
    }
}

impl Watch {
    pub(crate) fn arm(&self) -> Armed {
        self.since.store(self.started.elapsed().as_millis() as u64 + 1, Ordering::SeqCst);
        Armed { since: Arc::clone(&self.since) }
    }
}

impl Watchdog {
    /// A watchdog on its own thread.
    pub(crate) fn spawn(limit: Duration) -> std::io::Result<Self> {
        let watchdog = Self { started: Instant::now(), limit, watches: Arc::default() };
        let (thread, never) = (watchdog.clone(), Stop::default());
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            loop {
                never.wait(CHECK_EVERY);
                if let Some(name) = thread.overdue() {
                    tracing::error!(worker = name, "a call to Kafka did not come back: the process ends");
                    std::process::exit(EXIT_CODE);
                }
            }
        })?;
        Ok(watchdog)
    }

    pub(crate) fn watch(&self, name: &str) -> Watch {
        let since = Arc::new(AtomicU64::new(0));
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.retain(|(_, since)| since.strong_count() > 0);
        watches.push((name.to_owned(), Arc::downgrade(&since)));
        Watch { started: self.started, since }
    }

    /// The name of a worker whose call is overdue.
    fn overdue(&self) -> Option<String> {
        let now = self.started.elapsed();
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let is_overdue = |since: u64| since > 0 && now > Duration::from_millis(since - 1) + self.limit;
        let late =
            |since: &Weak<AtomicU64>| since.upgrade().is_some_and(|since| is_overdue(since.load(Ordering::SeqCst)));
        watches.iter().find(|(_, since)| late(since)).map(|(name, _)| name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_did_not_come_back_is_overdue() {
        let watchdog = Watchdog { started: Instant::now(), limit: Duration::ZERO, watches: Arc::default() };
        let watch = watchdog.watch("fuse-0-0");
        assert_eq!(watchdog.overdue(), None);
        let armed = watch.arm();
        while watchdog.started.elapsed() < Duration::from_millis(2) {}
        assert_eq!(watchdog.overdue(), Some("fuse-0-0".to_owned()));
        drop(armed);
        assert_eq!(watchdog.overdue(), None);
    }
}
