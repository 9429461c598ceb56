//! All that a bench has found, over several runs of the command on brokers of their own: kept in a file between them, and
//! what follows from it. It does not know how anything was measured, nor how it is shown.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::latency::Latency;
use super::measured::{Measured, projected, quotient};
use super::parts::Stage;
use super::pipeline::Pipeline;
use super::restore::Restored;

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    /// By how many times the smallest city each is.
    pub(super) cities: BTreeMap<u32, OfCity>,
    /// The services together: `with_archive` and `without_archive`.
    pub(super) pipelines: BTreeMap<String, Pipeline>,
    /// The same at half of their rate.
    pub(super) latencies: BTreeMap<String, Latency>,
    /// Services that were killed, by the name of the way in which they come back.
    pub(super) restores: BTreeMap<String, Vec<Restored>>,
}

/// What was measured of one city, each stage by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OfCity {
    /// Feed records published, without the calendar's.
    pub(super) events: u64,
    /// Days closed.
    pub(super) days: u64,
    /// Households simulated.
    pub(super) households: u32,
    /// The simulation's seed.
    pub(super) seed: u64,
    /// The client reading the feeds.
    pub(super) consume: Option<Measured>,
    /// The client writing bytes of the feeds.
    pub(super) produce: Option<Measured>,
    /// By stage: the client reading its input and writing the same bytes, in transactions.
    pub(super) floors: BTreeMap<String, Measured>,
    /// By their number: bare loops on fuse's input.
    pub(super) bare_loops: BTreeMap<u32, Measured>,
    /// By name: each stage alone.
    pub(super) stages: BTreeMap<String, Measured>,
    /// Fuse with two workers.
    pub(super) fuse_by_two: Option<Measured>,
    /// The end of a month.
    pub(super) sweep: Option<Sweep>,
}

/// The end of a month, at which alert looks at every household.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sweep {
    /// Households looked at.
    pub(super) households: u64,
    /// What it took: its records are the markers that end the month.
    pub(super) measured: Measured,
}

/// A city as it will be (design section 8), by what its states are made of.
pub(super) const CITY_HOUSEHOLDS: f64 = 1.4e6;
/// Rows of its ledgers.
pub(super) const CITY_ROWS: f64 = 117e6;

impl Report {
    /// What the file holds; nothing where there is none.
    pub(super) fn read(file: &Path) -> Result<Self> {
        if !file.is_file() {
            return Ok(Self::default());
        }
        let text = fs::read(file).with_context(|| format!("read {}", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} holds no figures of a bench: remove it", file.display()))
    }

    /// Writes all of it.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        fs::write(file, serde_json::to_vec_pretty(self)?).with_context(|| format!("write {}", file.display()))
    }

    /// The city of which most was measured.
    pub(super) fn main_city(&self) -> Option<&OfCity> {
        self.cities.values().max_by_key(|city| (city.floors.len(), city.stages.len()))
    }

    /// The smallest and the largest city in which a stage was measured, where there are two.
    fn two_cities(&self, stage: Stage) -> Option<(&Measured, &Measured)> {
        let mut of_cities = self.cities.values().filter_map(|city| city.stages.get(stage.name()));
        let (smallest, largest) = (of_cities.next()?, of_cities.next_back()?);
        Some((smallest, largest))
    }

    /// By stage: what a record that is not the calendar's costs in the largest city, over what it costs in the smallest.
    pub(super) fn cost_of_size(&self) -> BTreeMap<String, f64> {
        let cost = |stage: Stage| {
            let (small, large) = self.two_cities(stage)?;
            Some((stage.name().to_owned(), quotient(large.cpu_us_per_news(), small.cpu_us_per_news())))
        };
        Stage::ALL.into_iter().filter_map(cost).collect()
    }

    /// What a further record that is not the calendar's costs a stage in the city of a size: beyond those of the next smaller
    /// city. None for the smallest.
    pub(super) fn cost_of_further(&self, stage: &str, size: u32) -> Option<f64> {
        let of_stage = |(_, city): (_, &OfCity)| city.stages.get(stage).copied();
        let smaller = self.cities.range(..size).rev().find_map(of_stage)?;
        Some(self.cities.get(&size)?.stages.get(stage)?.cpu_us_per_further_news(&smaller))
    }

    /// By stage: what a further record costs in the largest city, over what it costs in the one before; none for fewer than
    /// three cities.
    pub(super) fn cost_of_further_size(&self) -> BTreeMap<String, f64> {
        let cost = |stage: Stage| {
            let mut costs = self.cities.keys().rev().filter_map(|size| self.cost_of_further(stage.name(), *size));
            let (largest, before) = (costs.next()?, costs.next()?);
            Some((stage.name().to_owned(), quotient(largest, before)))
        };
        Stage::ALL.into_iter().filter_map(cost).collect()
    }

    /// By way of coming back and by stage: the most memory that its service would hold for a whole city in one process, in
    /// bytes. That of ingest stands under resolve: normalise holds nothing that grows.
    pub(super) fn city_memory_bytes(&self) -> BTreeMap<String, BTreeMap<String, f64>> {
        self.of_whole_city(|found| found.memory_bytes_max as f64)
    }

    /// By way of coming back and by stage: the seconds after a kill until every partition works again, for a whole city in
    /// one process.
    pub(super) fn city_restore_seconds(&self) -> BTreeMap<String, BTreeMap<String, f64>> {
        self.of_whole_city(|found| found.seconds_all)
    }

    fn of_whole_city(&self, figure: fn(&Restored) -> f64) -> BTreeMap<String, BTreeMap<String, f64>> {
        self.restores.iter().map(|(name, found)| (name.clone(), Self::along_the_line(found, figure))).collect()
    }

    /// A figure of each stage whose state grows with the city, along the line through two sizes.
    fn along_the_line(restores: &[Restored], figure: fn(&Restored) -> f64) -> BTreeMap<String, f64> {
        let of_stage = |stage: Stage| {
            let mut found = restores.iter().filter(|one| one.stage == stage.name());
            let (small, large) = (found.next()?, found.next_back()?);
            let (size, wanted): (fn(&Restored) -> u64, f64) = match stage {
                Stage::Normalise => return None,
                Stage::Resolve => (|one| one.rows, CITY_ROWS),
                Stage::Fuse | Stage::Alert => (|one| one.households, CITY_HOUSEHOLDS),
            };
            let at = |one: &Restored| (size(one) as f64, figure(one));
            Some((stage.name().to_owned(), projected(at(small), at(large), wanted)))
        };
        Stage::ALL.into_iter().filter_map(of_stage).collect()
    }
}

impl OfCity {
    /// By stage: its records a second over the floor's; 1 would be a stage that costs nothing.
    pub(super) fn ratio_to_floor(&self) -> BTreeMap<String, f64> {
        let ratio = |(name, floor): (&String, &Measured)| {
            let stage = self.stages.get(name)?;
            Some((name.clone(), quotient(stage.records_per_second(), floor.records_per_second())))
        };
        self.floors.iter().filter_map(ratio).collect()
    }

    /// By the number of workers: what a record costs fuse over what it costs the bare loops.
    pub(super) fn fuse_cpu_to_bare_loop(&self) -> BTreeMap<u32, f64> {
        let ratio = |(workers, bare): (&u32, &Measured)| {
            let fuse = if *workers == 1 { self.stages.get(Stage::Fuse.name()) } else { self.fuse_by_two.as_ref() };
            Some((*workers, quotient(fuse?.cpu_us_per_record(), bare.cpu_us_per_record())))
        };
        self.bare_loops.iter().filter_map(ratio).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::measured::Held;
    use super::*;

    fn measured(records: u64, seconds: f64, cpu_seconds: f64) -> Measured {
        Measured { records, seconds, cpu_seconds, record_bytes: records * 200, ..Measured::default() }
    }

    fn held(keys: u64, rows: u64, memory_bytes_max: u64, cpu_seconds: f64) -> Measured {
        let held = Held { rows, keys, bytes: keys * 1000 };
        Measured { memory_bytes_max, held, ..measured(1_000_000, 4.0, cpu_seconds) }
    }

    /// Two cities and one of everything else.
    pub(in super::super) fn report() -> Report {
        let small = OfCity {
            events: 900_000,
            days: 30,
            households: 20_000,
            seed: 7,
            consume: Some(measured(1_000_000, 0.8, 1.0)),
            produce: Some(measured(1_000_000, 2.0, 2.5)),
            floors: BTreeMap::from([("fuse".to_owned(), measured(1_000_000, 2.0, 3.0))]),
            bare_loops: BTreeMap::from([(1, measured(1_000_000, 2.0, 2.0)), (2, measured(1_000_000, 1.2, 2.2))]),
            stages: BTreeMap::from([(
                "fuse".to_owned(),
                Measured {
                    transactions: 4,
                    commit_seconds_median: 0.012,
                    published: 1_100_000,
                    changelog_bytes: 300_000_000,
                    ..held(1_000, 0, 150_000_000, 5.0)
                },
            )]),
            fuse_by_two: Some(measured(1_000_000, 2.5, 4.4)),
            sweep: Some(Sweep {
                households: 100_000,
                measured: Measured { loop_cpu_seconds: 0.5, wait_seconds_max: 0.15, ..measured(8, 0.7, 0.75) },
            }),
        };
        let large = OfCity {
            stages: BTreeMap::from([(
                "fuse".to_owned(),
                Measured { records: 2_100_000, calendar_records: 100_000, ..held(16_000, 0, 165_000_000, 12.0) },
            )]),
            ..OfCity::default()
        };
        let restored = |households: u64, seconds_all: f64| Restored {
            stage: "fuse".to_owned(),
            households,
            records: households * 2,
            seconds_first: seconds_all / 2.0,
            memory_bytes_max: 149_000_000 + households * 1000,
            seconds_all,
            ..Restored::default()
        };
        let taken = super::super::services::Taken { cpu_seconds: 10.0, memory_bytes_max: 200_000_000 };
        let pipeline = Pipeline {
            events: 1_000_000,
            seconds: 40.0,
            archived_seconds: Some(50.0),
            taken: ["ingest", "fuse", "alert", "kafka"].map(|name| (name.to_owned(), taken)).into(),
            ..Pipeline::default()
        };
        Report {
            cities: BTreeMap::from([(1, small), (16, large)]),
            pipelines: BTreeMap::from([("with_archive".to_owned(), pipeline)]),
            latencies: BTreeMap::from([("with_archive".to_owned(), Latency { ms_p99: 480.0, ..Latency::default() })]),
            restores: [("changelogs".to_owned(), vec![restored(100_000, 2.0), restored(400_000, 5.0)])].into(),
        }
    }

    #[test]
    fn a_stage_is_compared_with_its_floor_and_with_itself_in_a_larger_city() {
        let report = report();
        let city = report.main_city().expect("there is one");
        assert!((city.ratio_to_floor()["fuse"] - 0.5).abs() < 1e-9);
        let to_bare = city.fuse_cpu_to_bare_loop();
        assert!((to_bare[&1] - 2.5).abs() < 1e-9 && (to_bare[&2] - 2.0).abs() < 1e-9, "{to_bare:?}");
        assert!((report.cost_of_size()["fuse"] - 1.2).abs() < 1e-9);
        // A million records more for 7 seconds more.
        assert!((report.cost_of_further("fuse", 16).expect("there is a smaller one") - 7.0).abs() < 1e-9);
        assert_eq!(report.cost_of_further("fuse", 1), None);
        assert!(report.cost_of_further_size().is_empty(), "there are two cities");
        let mut three = report;
        let largest =
            OfCity { stages: [("fuse".to_owned(), measured(4_000_000, 9.0, 40.0))].into(), ..OfCity::default() };
        three.cities.insert(64, largest);
        // Two million records more for 28 seconds more: 14 us each, and 7 before.
        assert!((three.cost_of_further_size()["fuse"] - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_whole_city_follows_from_two_sizes() {
        let report = report();
        // 149 MB and 1,000 bytes a household; 1 second and 10 us a household.
        assert!((report.city_memory_bytes()["changelogs"]["fuse"] - 1_549e6).abs() < 1.0);
        assert!((report.city_restore_seconds()["changelogs"]["fuse"] - 15.0).abs() < 1e-6);
    }

    #[test]
    fn the_file_keeps_all_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("figures.json");
        assert_eq!(Report::read(&file).expect("none yet"), Report::default());
        report().write(&file).expect("written");
        assert_eq!(Report::read(&file).expect("read"), report());
    }
}
