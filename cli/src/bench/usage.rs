//! What this process or another one has used: time on the processors and memory, as Linux tells it under `/proc`. It does
//! not know what the process does.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Processor times under `/proc` are in ticks of 10 ms: `USER_HZ` is 100 on every architecture that is built for.
const TICK: Duration = Duration::from_millis(10);
/// The places of user and system time among the words that follow the program's name in a `stat` file.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

/// Time used up to a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    at: Instant,
    process: Duration,
    thread: Duration,
}

/// Time used between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// By the clock.
    pub(super) elapsed: Duration,
    /// On the processors, by all threads of this process; in steps of 10 ms.
    pub(super) process: Duration,
    /// On the processors, by the thread that asks; in steps of 10 ms.
    pub(super) thread: Duration,
}

impl Usage {
    /// What this process and the calling thread have used until now.
    pub(super) fn now() -> Result<Self> {
        let process = processor_time(&read("/proc/self/stat")?).context("in /proc/self/stat")?;
        let thread = processor_time(&read("/proc/thread-self/stat")?).context("in /proc/thread-self/stat")?;
        Ok(Self { at: Instant::now(), process, thread })
    }

    /// When it was taken.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// What was used since `before`, which the same thread took.
    pub(super) fn since(&self, before: &Self) -> Used {
        Used {
            elapsed: self.at.duration_since(before.at),
            process: self.process.saturating_sub(before.process),
            thread: self.thread.saturating_sub(before.thread),
        }
    }
}

/// The most memory that this process has ever held, in bytes.
pub(super) fn memory_bytes_max() -> Result<u64> {
    peak_bytes(&read("/proc/self/status")?).context("/proc/self/status has no line VmHWM in kB")
}

/// Time on the processors, by all threads of a process that runs, since its start; in steps of 10 ms.
pub(super) fn time_of(process: u32) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    processor_time(&read(&path)?).with_context(|| format!("in {path}"))
}

/// The most memory that a process that runs has ever held, in bytes.
pub(super) fn memory_bytes_max_of(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    peak_bytes(&read(&path)?).with_context(|| format!("{path} has no line VmHWM in kB"))
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(Path::new(path)).with_context(|| format!("read {path}: the bench measures on Linux only"))
}

/// User and system time of a `stat` file. The program's name stands in brackets and may hold anything, brackets and
/// blanks too, so that the words are counted from the last bracket.
fn processor_time(stat: &str) -> Result<Duration> {
    let (_, words) = stat.rsplit_once(')').context("no program name in brackets")?;
    let words: Vec<&str> = words.split_ascii_whitespace().collect();
    let ticks = |place: usize, what: &str| -> Result<u32> {
        let word = words.get(place).with_context(|| format!("no {what} time"))?;
        word.parse().with_context(|| format!("the {what} time `{word}` is no number of ticks"))
    };
    let (user, system) = (ticks(USER_TIME, "user")?, ticks(SYSTEM_TIME, "system")?);
    Ok(TICK * user + TICK * system)
}

fn peak_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_user_and_system_time_whatever_the_programs_name() {
        let rest = "R 1 2 3 0 -1 4194304 1 2 3 4 150 25 0 0 20 0 9 0 777";
        for name in ["backstop", "a b", "x) R 1 (y", ""] {
            let found = processor_time(&format!("4711 ({name}) {rest}")).expect("a valid line");
            assert_eq!(found, Duration::from_millis(1750), "{name}");
        }
    }

    #[test]
    fn a_line_that_is_cut_short_or_holds_no_number_is_said() {
        let rows = [
            ("4711 backstop R 1", "brackets"),
            ("4711 (backstop) R 1 2", "no user time"),
            ("4711 (backstop) R 1 2 3 0 -1 4194304 1 2 3 4 150", "no system time"),
            ("4711 (backstop) R 1 2 3 0 -1 4194304 1 2 3 4 x 25", "`x` is no number"),
        ];
        for (line, expected) in rows {
            let fault = format!("{:#}", processor_time(line).expect_err(expected));
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn the_peak_of_memory_is_read_in_bytes() {
        let rows = [
            ("Name:\tbackstop\nVmPeak:\t 900 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 1 kB\n", Some(1234 * 1024)),
            ("VmHWM:\t1 MB\n", None),
            ("Name:\tbackstop\n", None),
        ];
        for (status, expected) in rows {
            assert_eq!(peak_bytes(status), expected, "{status}");
        }
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let before = Usage::now().expect("/proc is there");
        let used = Usage::now().expect("/proc is there").since(&before);
        assert!(used.process >= used.thread.saturating_sub(TICK));
        assert!(memory_bytes_max().expect("/proc is there") > 100_000);
        let own = std::process::id();
        assert!(time_of(own).expect("/proc is there") >= used.process);
        assert!(memory_bytes_max_of(own).expect("/proc is there") > 100_000);
    }
}
