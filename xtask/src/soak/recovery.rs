//! How long after a fault the run goes on: until a day that was published after it has come through the whole
//! pipeline, every partition of every stage; or, of ClickHouse, until new rows are there. Does not know the faults.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::shell::say;

/// How often ClickHouse is asked.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// A recovery that takes longer is said.
const SECONDS_SAID: f64 = 30.0;
const QUERY: &str = "/?query=SELECT%20count()%20FROM%20backstop.entries";

/// What must be reached.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// So many days through the pipeline.
    Days(u64),
    /// So many rows in ClickHouse.
    Rows(u64),
}

/// A fault that the run has not recovered from yet.
#[derive(Debug)]
struct Watch {
    fault: &'static str,
    since: Instant,
    goal: Goal,
}

/// All of them, and how long those before took.
#[derive(Debug)]
pub(super) struct Recovery {
    progress: PathBuf,
    clickhouse: String,
    asked: Option<Instant>,
    rows: u64,
    watches: Vec<Watch>,
    seconds_max: BTreeMap<&'static str, f64>,
}

impl Recovery {
    /// `progress` is the file in which the load says its days, `clickhouse` the address.
    pub(super) fn new(progress: PathBuf, clickhouse: String) -> Self {
        let (watches, seconds_max) = (Vec::new(), BTreeMap::new());
        Self { progress, clickhouse, asked: None, rows: 0, watches, seconds_max }
    }

    /// How many days have come through.
    pub(super) fn days(&self) -> u64 {
        fs::read_to_string(&self.progress).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    /// A fault that holds up the pipeline is about to happen. The day on its way may have been through some stages
    /// already, so it does not count.
    pub(super) fn of_pipeline(&mut self, fault: &'static str) {
        let goal = Goal::Days(self.days() + 2);
        self.watches.push(Watch { fault, since: Instant::now(), goal });
    }

    /// A fault that holds up the archive is about to happen.
    pub(super) fn of_archive(&mut self, fault: &'static str) {
        self.rows = self.count().unwrap_or(self.rows);
        let goal = Goal::Rows(self.rows + 1);
        self.watches.push(Watch { fault, since: Instant::now(), goal });
    }

    fn count(&self) -> Option<u64> {
        let request = ureq::get(format!("{}{QUERY}", self.clickhouse));
        let request = request.config().timeout_global(Some(Duration::from_secs(2))).build();
        request.call().ok()?.body_mut().read_to_string().ok()?.trim().parse().ok()
    }

    /// Looks which faults are over.
    pub(super) fn look(&mut self) {
        if self.watches.is_empty() {
            return;
        }
        let days = self.days();
        let is_of_rows = |watch: &Watch| matches!(watch.goal, Goal::Rows(_));
        if self.watches.iter().any(is_of_rows) && self.asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY) {
            self.rows = self.count().unwrap_or(self.rows);
            self.asked = Some(Instant::now());
        }
        let Self { watches, rows, seconds_max, .. } = self;
        watches.retain(|watch| {
            let is_over = match watch.goal {
                Goal::Days(goal) => days >= goal,
                Goal::Rows(goal) => *rows >= goal,
            };
            if is_over {
                let seconds = watch.since.elapsed().as_secs_f64();
                let longest = seconds_max.entry(watch.fault).or_default();
                *longest = longest.max(seconds);
                if seconds > SECONDS_SAID {
                    say(format!("          {seconds:.0} s until the run went on after: {}", watch.fault));
                }
            }
            !is_over
        });
    }

    /// The faults that the run has not recovered from, with their age.
    pub(super) fn open(&self) -> Vec<String> {
        self.watches
            .iter()
            .map(|watch| format!("{} {:.0} s ago", watch.fault, watch.since.elapsed().as_secs_f64()))
            .collect()
    }

    /// The longest recovery by kind of fault, in seconds.
    pub(super) fn seconds_max(&self) -> &BTreeMap<&'static str, f64> {
        &self.seconds_max
    }
}
