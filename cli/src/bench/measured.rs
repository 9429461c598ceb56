//! What one measurement found, and the rates that follow from it. It does not know how anything was measured, nor how it
//! is shown.

use serde::{Deserialize, Serialize};

use super::usage::Used;

/// What one part has done, and what it used for it. Travels from a child process as one line of JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Records read; written where nothing is read.
    pub(super) records: u64,
    /// Their key and value bytes.
    pub(super) record_bytes: u64,
    /// Those of them that end a day; counted for stages only.
    pub(super) calendar_records: u64,
    /// Records written beside those read.
    pub(super) published: u64,
    /// Their bytes, headers included.
    pub(super) published_bytes: u64,
    /// Of these, the bytes of changelogs.
    pub(super) changelog_bytes: u64,
    /// From the first record to the last commit, by the clock.
    pub(super) seconds: f64,
    /// On the processors in that time: all threads of the process, the client library's among them.
    pub(super) cpu_seconds: f64,
    /// Of these, the threads that run the loop.
    pub(super) loop_cpu_seconds: f64,
    /// The most memory that the process held from its start to its end.
    pub(super) memory_bytes_max: u64,
    /// Transactions committed.
    pub(super) transactions: u64,
    /// The median time of their commits.
    pub(super) commit_seconds_median: f64,
    /// The longest time from the first record of a transaction to the end of its commit: so long what is said waits at
    /// most until it can be read. 0 where nothing was measured.
    pub(super) wait_seconds_max: f64,
    /// The state that the stage held at its end.
    pub(super) held: Held,
}

/// The state that a stage holds, over all partitions, without what the table around it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// Rows of ledgers; 0 for a stage without any.
    pub(super) rows: u64,
    /// Subjects or households.
    pub(super) keys: u64,
    /// Bytes.
    pub(super) bytes: u64,
}

impl Held {
    /// Together with what another worker holds.
    pub(super) fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, keys: self.keys + other.keys, bytes: self.bytes + other.bytes }
    }

    /// The larger of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self { rows: self.rows.max(other.rows), keys: self.keys.max(other.keys), bytes: self.bytes.max(other.bytes) }
    }

    /// Bytes of a subject or household; 0 for a stage that holds none.
    pub(super) fn bytes_per_key(self) -> f64 {
        quotient(self.bytes as f64, self.keys as f64)
    }

    /// Bytes of a ledger's row; 0 for a stage without any.
    pub(super) fn bytes_per_row(self) -> f64 {
        quotient(self.bytes as f64, self.rows as f64)
    }
}

impl Measured {
    /// With the time that was used.
    pub(super) fn with(self, used: Used, memory_bytes_max: u64) -> Self {
        Self {
            seconds: used.elapsed.as_secs_f64(),
            cpu_seconds: used.process.as_secs_f64(),
            loop_cpu_seconds: used.thread.as_secs_f64(),
            memory_bytes_max,
            ..self
        }
    }

    /// With the times of its commits, in seconds.
    pub(super) fn with_commits(self, commits: &mut [f64]) -> Self {
        Self { transactions: commits.len() as u64, commit_seconds_median: median(commits), ..self }
    }

    /// Adds what was counted since; no times.
    pub(super) fn add(&mut self, more: &Self) {
        self.records += more.records;
        self.record_bytes += more.record_bytes;
        self.calendar_records += more.calendar_records;
        self.published += more.published;
        self.published_bytes += more.published_bytes;
        self.changelog_bytes += more.changelog_bytes;
    }

    /// By the clock.
    pub(super) fn records_per_second(&self) -> f64 {
        quotient(self.records as f64, self.seconds)
    }

    /// Microseconds on the processors for a record, of all threads of the process.
    pub(super) fn cpu_us_per_record(&self) -> f64 {
        quotient(self.cpu_seconds * 1e6, self.records as f64)
    }

    /// Of these, the threads that run the loop.
    pub(super) fn loop_cpu_us_per_record(&self) -> f64 {
        quotient(self.loop_cpu_seconds * 1e6, self.records as f64)
    }

    /// Records that are not the calendar's.
    pub(super) fn news(&self) -> u64 {
        self.records - self.calendar_records
    }

    /// Microseconds on the processors for one of them, with what the ends of the days cost.
    pub(super) fn cpu_us_per_news(&self) -> f64 {
        quotient(self.cpu_seconds * 1e6, self.news() as f64)
    }

    /// Microseconds on the processors for each record by which this one had more news than `smaller`: what the ends of as many
    /// days cost falls out.
    pub(super) fn cpu_us_per_further_news(&self, smaller: &Self) -> f64 {
        let further = self.news() as f64 - smaller.news() as f64;
        quotient((self.cpu_seconds - smaller.cpu_seconds) * 1e6, further)
    }
}

/// 0 where nothing was counted or no time was measured, so that no figure is infinite.
pub(super) fn quotient(above: f64, below: f64) -> f64 {
    if below > 0.0 { above / below } else { 0.0 }
}

/// The middle one of some values, the lower of two; 0 where there is none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// To two places: what stands beyond them differs from run to run.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The value that so large a share of all does not exceed; 0 where there is none. Sorts the values.
pub(super) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// What a figure that grows evenly would be at `wanted`, from two sizes at which it was measured: (size, figure) each. At
/// least what it was at the larger one, since below that the two differ by chance.
pub(super) fn projected(small: (f64, f64), large: (f64, f64), wanted: f64) -> f64 {
    let slope = quotient(large.1 - small.1, large.0 - small.0);
    (large.1 + slope * (wanted - large.0)).max(large.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_a_quantile_are_among_the_values() {
        let rows: [(&mut [f64], f64, f64); 4] = [
            (&mut [3.0], 3.0, 3.0),
            (&mut [9.0, 1.0, 5.0], 5.0, 9.0),
            (&mut [4.0, 1.0, 3.0, 2.0], 2.0, 4.0),
            (&mut [], 0.0, 0.0),
        ];
        for (values, middle, most) in rows {
            assert_eq!(median(values).to_bits(), middle.to_bits());
            assert_eq!(quantile(values, 0.99).to_bits(), most.to_bits());
        }
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut hundred, 0.99).to_bits(), 99.0_f64.to_bits());
        assert_eq!(quantile(&mut hundred, 0.5).to_bits(), 50.0_f64.to_bits());
    }

    #[test]
    fn nothing_measured_gives_no_infinite_figure() {
        let nothing = Measured::default();
        let figures = [nothing.records_per_second(), nothing.cpu_us_per_record(), nothing.held.bytes_per_key()];
        assert_eq!(figures.map(f64::to_bits), [0.0_f64.to_bits(); 3]);
    }

    #[test]
    fn what_grows_evenly_is_projected_along_its_line() {
        // 100 at rest and 2 for each.
        assert!((projected((10.0, 120.0), (40.0, 180.0), 1000.0) - 2100.0).abs() < 1e-6);
        assert!((projected((10.0, 120.0), (40.0, 110.0), 1000.0) - 110.0).abs() < 1e-6);
        // Sizes that do not differ say nothing about growth.
        assert!((projected((10.0, 120.0), (10.0, 120.0), 1000.0) - 120.0).abs() < 1e-6);
    }
}
