//! What a measurement found, the rates and ratios that follow from it, and how they are shown. It does not know how
//! anything was measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::parts::Stage;
use super::usage::Used;

/// What one part has done, and what it used for it. Travels from a child process as one line of JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Records read; written where nothing is read.
    pub(super) records: u64,
    /// Their key and value bytes.
    pub(super) record_bytes: u64,
    /// Records written beside those read.
    pub(super) published: u64,
    /// Their bytes.
    pub(super) published_bytes: u64,
    /// From the first record to the last commit, by the clock.
    pub(super) seconds: f64,
    /// On the processors in that time: all threads of the process, the client library's among them.
    pub(super) cpu_seconds: f64,
    /// Of these, the one thread that runs the loop.
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
    fn bytes_per_key(self) -> f64 {
        quotient(self.bytes as f64, self.keys as f64)
    }

    fn bytes_per_row(self) -> f64 {
        quotient(self.bytes as f64, self.rows as f64)
    }

    /// In words; none for a part that holds nothing.
    fn told(self, name: &str) -> Option<String> {
        let Self { rows, keys, bytes } = self;
        let per_key = self.bytes_per_key();
        let whole = format!("{name} holds {bytes} bytes: {keys} keys of {per_key:.0} bytes");
        match (keys, rows) {
            (0, _) => None,
            (_, 0) => Some(whole),
            _ => Some(format!(
                "{whole}; {rows} rows, {:.1} bytes for each, records that wait among them",
                self.bytes_per_row()
            )),
        }
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

    fn records_per_second(&self) -> f64 {
        quotient(self.records as f64, self.seconds)
    }

    fn cpu_us_per_record(&self) -> f64 {
        quotient(self.cpu_seconds * 1e6, self.records as f64)
    }

    fn loop_cpu_us_per_record(&self) -> f64 {
        quotient(self.loop_cpu_seconds * 1e6, self.records as f64)
    }
}

/// 0 where nothing was counted or no time was measured, so that no figure is infinite.
fn quotient(above: f64, below: f64) -> f64 {
    if below > 0.0 { above / below } else { 0.0 }
}

/// The middle one of some values, the lower of two; 0 where there is none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// A stage with the floor that holds for its own input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    /// Which.
    pub(super) stage: Stage,
    /// The client reading the stage's input and writing the same bytes, in transactions.
    pub(super) floor: Measured,
    /// The stage.
    pub(super) alone: Measured,
}

impl Beside {
    /// The stage's records a second over the floor's: 1 would be a stage that costs nothing.
    fn ratio_to_floor(&self) -> f64 {
        quotient(self.alone.records_per_second(), self.floor.records_per_second())
    }
}

/// All figures of a run.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// Feed records published, without the calendar's.
    pub(super) events: u64,
    /// Days closed.
    pub(super) days: u64,
    /// Households simulated.
    pub(super) households: u32,
    /// The simulation's seed.
    pub(super) seed: u64,
    /// The client reading the feeds.
    pub(super) consume: Measured,
    /// The client writing bytes of the feeds.
    pub(super) produce: Measured,
    /// The stages.
    pub(super) stages: Vec<Beside>,
    /// The end of a month.
    pub(super) sweep: Sweep,
}

/// Households of a city (design section 8).
const CITY_HOUSEHOLDS: f64 = 1.4e6;

/// The end of a month, at which alert looks at every household.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    /// Households looked at.
    pub(super) households: u64,
    /// What it took: its records are the markers that end the month.
    pub(super) measured: Measured,
}

/// The same as people and programs compare it.
#[derive(Debug, Serialize)]
struct SweepLine {
    households: u64,
    cpu_us_per_household: f64,
    loop_cpu_us_per_household: f64,
    city_loop_cpu_seconds: f64,
    wait_ms_max: f64,
    memory_bytes_max: u64,
}

impl From<&Sweep> for SweepLine {
    fn from(sweep: &Sweep) -> Self {
        let Sweep { households, measured } = sweep;
        let per_household = |seconds: f64| quotient(seconds, *households as f64);
        Self {
            households: *households,
            cpu_us_per_household: rounded(per_household(measured.cpu_seconds) * 1e6),
            loop_cpu_us_per_household: rounded(per_household(measured.loop_cpu_seconds) * 1e6),
            city_loop_cpu_seconds: rounded(per_household(measured.loop_cpu_seconds) * CITY_HOUSEHOLDS),
            wait_ms_max: rounded(measured.wait_seconds_max * 1e3),
            memory_bytes_max: measured.memory_bytes_max,
        }
    }
}

impl SweepLine {
    /// In words.
    fn told(&self) -> String {
        format!(
            "the end of a month: {} households, {:.2} us of CPU for each, {:.2} of them in the loop, which is {:.1} s for a \
             city of 1.4 million; what is said waits {:.0} ms at most",
            self.households,
            self.cpu_us_per_household,
            self.loop_cpu_us_per_household,
            self.city_loop_cpu_seconds,
            self.wait_ms_max
        )
    }
}

/// A figure as people and programs compare it: rates, not totals.
#[derive(Debug, Serialize)]
struct Row {
    records: u64,
    record_bytes_mean: u64,
    published_per_record: f64,
    records_per_second: u64,
    cpu_us_per_record: f64,
    loop_cpu_us_per_record: f64,
    memory_bytes_max: u64,
    transactions: u64,
    commit_ms_median: f64,
    wait_ms_max: f64,
    state_rows: u64,
    state_keys: u64,
    state_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Line {
    bench: &'static str,
    events: u64,
    days: u64,
    households: u32,
    seed: u64,
    floor: BTreeMap<String, Row>,
    stages: BTreeMap<String, Row>,
    ratio_to_floor: BTreeMap<String, f64>,
    sweep: SweepLine,
}

/// To two places: what stands beyond them differs from run to run.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl From<&Measured> for Row {
    fn from(measured: &Measured) -> Self {
        Self {
            records: measured.records,
            record_bytes_mean: measured.record_bytes.checked_div(measured.records).unwrap_or_default(),
            published_per_record: rounded(quotient(measured.published as f64, measured.records as f64)),
            records_per_second: measured.records_per_second().round() as u64,
            cpu_us_per_record: rounded(measured.cpu_us_per_record()),
            loop_cpu_us_per_record: rounded(measured.loop_cpu_us_per_record()),
            memory_bytes_max: measured.memory_bytes_max,
            transactions: measured.transactions,
            commit_ms_median: rounded(measured.commit_seconds_median * 1e3),
            wait_ms_max: rounded(measured.wait_seconds_max * 1e3),
            state_rows: measured.held.rows,
            state_keys: measured.held.keys,
            state_bytes: measured.held.bytes,
        }
    }
}

impl Report {
    /// Every row of the table: name, figures and, for a stage, its ratio to the floor.
    fn rows(&self) -> Vec<(String, Measured, Option<f64>)> {
        let mut rows = vec![
            ("client: consume feeds".to_owned(), self.consume, None),
            ("client: produce feeds".to_owned(), self.produce, None),
        ];
        for beside in &self.stages {
            rows.push((format!("client: consume-produce {}", beside.stage.input()), beside.floor, None));
            rows.push((beside.stage.name().to_owned(), beside.alone, Some(beside.ratio_to_floor())));
        }
        rows
    }

    /// The table, for people.
    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "{} events of {} households over {} days, seed {}\n\n{:<42} {:>10} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7}\n",
            self.events,
            self.households,
            self.days,
            self.seed,
            "",
            "records",
            "records/s",
            "CPU us",
            "loop us",
            "MiB max",
            "commit",
            "ratio"
        );
        for (name, measured, ratio) in self.rows() {
            let row = Row::from(&measured);
            let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
            let commit = match row.transactions {
                0 => String::new(),
                _ => format!("{:.0} ms", row.commit_ms_median),
            };
            // Writing into a string cannot fail.
            let _ = writeln!(
                table,
                "{name:<42} {:>10} {:>9} {:>9.2} {:>8.2} {:>8} {commit:>8} {ratio:>7}",
                row.records,
                row.records_per_second,
                row.cpu_us_per_record,
                row.loop_cpu_us_per_record,
                row.memory_bytes_max >> 20
            );
        }
        for told in self.stages.iter().filter_map(|one| one.alone.held.told(one.stage.name())) {
            let _ = writeln!(table, "{told}");
        }
        let _ = writeln!(table, "{}", SweepLine::from(&self.sweep).told());
        table
    }

    /// The same on one line, for programs.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        let mut floor = BTreeMap::from([
            ("consume".to_owned(), Row::from(&self.consume)),
            ("produce".to_owned(), Row::from(&self.produce)),
        ]);
        let (mut stages, mut ratio_to_floor) = (BTreeMap::new(), BTreeMap::new());
        for beside in &self.stages {
            let name = beside.stage.name().to_owned();
            floor.insert(
                format!("consume_produce_{}", beside.stage.input().replace('.', "_")),
                Row::from(&beside.floor),
            );
            stages.insert(name.clone(), Row::from(&beside.alone));
            ratio_to_floor.insert(name, rounded(beside.ratio_to_floor()));
        }
        serde_json::to_string(&Line {
            bench: "stages_alone",
            events: self.events,
            days: self.days,
            households: self.households,
            seed: self.seed,
            floor,
            stages,
            ratio_to_floor,
            sweep: SweepLine::from(&self.sweep),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(records: u64, seconds: f64, cpu_seconds: f64) -> Measured {
        Measured { records, seconds, cpu_seconds, record_bytes: records * 200, ..Measured::default() }
    }

    fn report() -> Report {
        Report {
            events: 900_000,
            days: 30,
            households: 20_000,
            seed: 7,
            consume: measured(1_000_000, 0.8, 1.0),
            produce: measured(1_000_000, 2.0, 2.5),
            stages: vec![Beside {
                stage: Stage::Fuse,
                floor: measured(1_000_000, 2.0, 3.0),
                alone: Measured {
                    transactions: 4,
                    commit_seconds_median: 0.012,
                    published: 1_100_000,
                    ..measured(1_000_000, 4.0, 5.0)
                },
            }],
            sweep: Sweep {
                households: 100_000,
                measured: Measured { loop_cpu_seconds: 0.5, wait_seconds_max: 0.15, ..measured(8, 0.7, 0.75) },
            },
        }
    }

    #[test]
    fn a_stage_is_compared_with_the_floor_in_records_a_second() {
        let beside = report().stages[0];
        assert!((beside.ratio_to_floor() - 0.5).abs() < 1e-9);
        assert!((beside.alone.cpu_us_per_record() - 5.0).abs() < 1e-9);
        assert!((beside.floor.records_per_second() - 500_000.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_measured_gives_no_infinite_figure() {
        let nothing = Beside { stage: Stage::Alert, floor: Measured::default(), alone: Measured::default() };
        assert_eq!(nothing.ratio_to_floor().to_bits(), 0.0_f64.to_bits());
        assert_eq!(Row::from(&nothing.alone).records_per_second, 0);
        assert_eq!(median(&mut []).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        let rows: [(&mut [f64], f64); 3] =
            [(&mut [3.0], 3.0), (&mut [9.0, 1.0, 5.0], 5.0), (&mut [4.0, 1.0, 3.0, 2.0], 2.0)];
        for (values, expected) in rows {
            assert_eq!(median(values).to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn the_line_holds_a_ratio_for_each_stage_and_stays_one_line() {
        let line = report().json().expect("it encodes");
        assert!(!line.contains('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(line["ratio_to_floor"]["fuse"], 0.5);
        assert_eq!(line["stages"]["fuse"]["records_per_second"], 250_000);
        assert_eq!(line["stages"]["fuse"]["published_per_record"], 1.1);
        assert_eq!(line["stages"]["fuse"]["commit_ms_median"], 12.0);
        assert_eq!(line["floor"]["consume_produce_households_entries"]["cpu_us_per_record"], 3.0);
        assert_eq!(line["floor"]["produce"]["record_bytes_mean"], 200);
        assert_eq!(line["sweep"]["cpu_us_per_household"], 7.5);
        assert_eq!(line["sweep"]["city_loop_cpu_seconds"], 7.0);
        assert_eq!(line["sweep"]["wait_ms_max"], 150.0);
    }

    #[test]
    fn the_table_shows_the_floor_above_its_stage() {
        let table = report().table();
        let place = |what: &str| table.find(what).unwrap_or_else(|| panic!("no `{what}` in\n{table}"));
        assert!(place("client: produce feeds") < place("client: consume-produce households.entries"));
        assert!(place("client: consume-produce households.entries") < place("\nfuse "));
        assert!(place("12 ms") < place("0.50"));
    }
}
