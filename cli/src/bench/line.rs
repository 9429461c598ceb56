//! The figures for programs: one line of JSON. It does not know how anything was measured.

use std::collections::BTreeMap;

use serde::Serialize;

use super::commits::Commits;
use super::latency::Latency;
use super::measured::{Measured, quotient, rounded};
use super::parts::Stage;
use super::pipeline::Pipeline;
use super::report::{CITY_HOUSEHOLDS, OfCity, Report, Sweep};
use super::restore::Restored;
use super::services::Taken;

/// A measurement as programs compare it: rates, not totals.
#[derive(Debug, Serialize)]
struct Row {
    records: u64,
    calendar_records: u64,
    record_bytes_mean: u64,
    published_per_record: f64,
    changelog_bytes_per_record: f64,
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
    state_bytes_per_key: f64,
}

impl From<&Measured> for Row {
    fn from(measured: &Measured) -> Self {
        let records = measured.records as f64;
        Self {
            records: measured.records,
            calendar_records: measured.calendar_records,
            record_bytes_mean: measured.record_bytes.checked_div(measured.records).unwrap_or_default(),
            published_per_record: rounded(quotient(measured.published as f64, records)),
            changelog_bytes_per_record: rounded(quotient(measured.changelog_bytes as f64, records)),
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
            state_bytes_per_key: rounded(measured.held.bytes_per_key()),
        }
    }
}

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

#[derive(Debug, Serialize)]
struct SizeLine {
    events: u64,
    days: u64,
    households: u32,
    stages: BTreeMap<String, Row>,
    /// By stage: a record that is not the calendar's, and one by which this city has more than the next smaller.
    cpu_us_per_event: BTreeMap<String, f64>,
    cpu_us_per_further_event: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize)]
struct PipelineLine {
    households: u32,
    events: u64,
    days: u64,
    events_per_second: u64,
    events_per_second_archived: u64,
    services_cpu_us_per_event: f64,
    warnings: u64,
    processes: BTreeMap<String, Taken>,
    commits: BTreeMap<String, Commits>,
}

impl From<&Pipeline> for PipelineLine {
    fn from(found: &Pipeline) -> Self {
        Self {
            households: found.households,
            events: found.events,
            days: found.days,
            events_per_second: found.events_per_second().round() as u64,
            events_per_second_archived: found.events_per_second_archived().round() as u64,
            services_cpu_us_per_event: rounded(found.services_cpu_us_per_event()),
            warnings: found.warnings,
            processes: found.taken.clone(),
            commits: found.commits.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
struct RestoreLine {
    #[serde(flatten)]
    found: Restored,
    records_per_second: u64,
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
    fuse_cpu_to_bare_loop: BTreeMap<u32, f64>,
    sweep: Option<SweepLine>,
    sizes: BTreeMap<u32, SizeLine>,
    /// Of the largest city to the smallest; named after the sizes that `cargo xtask bench` measures.
    cost_16x_to_1x: BTreeMap<String, f64>,
    /// The same of the events by which a city has more than the next smaller one.
    further_cost_16x_to_4x: BTreeMap<String, f64>,
    pipeline: BTreeMap<String, PipelineLine>,
    latency: BTreeMap<String, Latency>,
    restore: BTreeMap<String, Vec<RestoreLine>>,
    city_memory_bytes: BTreeMap<String, BTreeMap<String, f64>>,
    city_restore_seconds: BTreeMap<String, BTreeMap<String, f64>>,
}

/// All that was found, on one line.
pub(super) fn line(report: &Report) -> serde_json::Result<String> {
    let nothing = OfCity::default();
    let city = report.main_city().unwrap_or(&nothing);
    let round =
        |ratios: BTreeMap<String, f64>| ratios.into_iter().map(|(name, ratio)| (name, rounded(ratio))).collect();
    let restore = |found: &Restored| RestoreLine {
        records_per_second: found.records_per_second().round() as u64,
        found: found.clone(),
    };
    let size = |(size, city): (&u32, &OfCity)| {
        let OfCity { events, days, households, .. } = *city;
        let further = |name: &String| Some((name.clone(), rounded(report.cost_of_further(name, *size)?)));
        let each = |(name, measured): (&String, &Measured)| (name.clone(), rounded(measured.cpu_us_per_news()));
        let line = SizeLine {
            events,
            days,
            households,
            stages: rows(&city.stages),
            cpu_us_per_event: city.stages.iter().map(each).collect(),
            cpu_us_per_further_event: city.stages.keys().filter_map(further).collect(),
        };
        (*size, line)
    };
    let mut stages = rows(&city.stages);
    stages.extend(city.fuse_by_two.iter().map(|two| ("fuse_two_workers".to_owned(), Row::from(two))));
    let to_bare = city.fuse_cpu_to_bare_loop();
    serde_json::to_string(&Line {
        bench: "backstop",
        events: city.events,
        days: city.days,
        households: city.households,
        seed: city.seed,
        floor: floor(city),
        stages,
        ratio_to_floor: round(city.ratio_to_floor()),
        fuse_cpu_to_bare_loop: to_bare.into_iter().map(|(workers, ratio)| (workers, rounded(ratio))).collect(),
        sweep: city.sweep.as_ref().map(SweepLine::from),
        sizes: report.cities.iter().map(size).collect(),
        cost_16x_to_1x: round(report.cost_of_size()),
        further_cost_16x_to_4x: round(report.cost_of_further_size()),
        pipeline: report.pipelines.iter().map(|(name, found)| (name.clone(), found.into())).collect(),
        latency: report.latencies.clone(),
        restore: report
            .restores
            .iter()
            .map(|(name, found)| (name.clone(), found.iter().map(restore).collect()))
            .collect(),
        city_memory_bytes: report.city_memory_bytes().into_iter().map(|(name, of)| (name, round(of))).collect(),
        city_restore_seconds: report.city_restore_seconds().into_iter().map(|(name, of)| (name, round(of))).collect(),
    })
}

fn rows(measured: &BTreeMap<String, Measured>) -> BTreeMap<String, Row> {
    measured.iter().map(|(name, measured)| (name.clone(), Row::from(measured))).collect()
}

/// Client and bare loops.
fn floor(city: &OfCity) -> BTreeMap<String, Row> {
    let mut floor = BTreeMap::new();
    for (name, measured) in [("consume", &city.consume), ("produce", &city.produce)] {
        floor.extend(measured.iter().map(|measured| (name.to_owned(), Row::from(measured))));
    }
    for stage in Stage::ALL {
        if let Some(measured) = city.floors.get(stage.name()) {
            floor.insert(format!("consume_produce_{}", stage.input().replace('.', "_")), Row::from(measured));
        }
    }
    floor.extend(city.bare_loops.iter().map(|(workers, bare)| (format!("bare_loop_{workers}"), Row::from(bare))));
    floor
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn the_line_holds_every_group_and_stays_one_line() {
        let line = line(&report()).expect("it encodes");
        assert!(!line.contains('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        let rows = [
            ("/ratio_to_floor/fuse", 0.5),
            ("/stages/fuse/records_per_second", 250_000.0),
            ("/stages/fuse/published_per_record", 1.1),
            ("/stages/fuse/changelog_bytes_per_record", 300.0),
            ("/stages/fuse/commit_ms_median", 12.0),
            ("/stages/fuse/state_bytes_per_key", 1000.0),
            ("/stages/fuse_two_workers/cpu_us_per_record", 4.4),
            ("/floor/consume_produce_households_entries/cpu_us_per_record", 3.0),
            ("/floor/produce/record_bytes_mean", 200.0),
            ("/floor/bare_loop_2/cpu_us_per_record", 2.2),
            ("/fuse_cpu_to_bare_loop/1", 2.5),
            ("/sweep/cpu_us_per_household", 7.5),
            ("/sweep/city_loop_cpu_seconds", 7.0),
            ("/sweep/wait_ms_max", 150.0),
            ("/sizes/16/stages/fuse/calendar_records", 100_000.0),
            ("/sizes/16/cpu_us_per_event/fuse", 6.0),
            ("/sizes/16/cpu_us_per_further_event/fuse", 7.0),
            ("/cost_16x_to_1x/fuse", 1.2),
            ("/pipeline/with_archive/events_per_second", 25_000.0),
            ("/pipeline/with_archive/events_per_second_archived", 20_000.0),
            ("/pipeline/with_archive/services_cpu_us_per_event", 30.0),
            ("/latency/with_archive/ms_p99", 480.0),
            ("/restore/changelogs/1/records_per_second", 160_000.0),
            ("/city_restore_seconds/changelogs/fuse", 15.0),
        ];
        for (place, expected) in rows {
            let found = line.pointer(place).and_then(serde_json::Value::as_f64);
            assert!(found.is_some_and(|found| (found - expected).abs() < 1e-6), "{place}: {found:?} is not {expected}");
        }
    }
}
