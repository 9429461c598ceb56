//! Services that are killed and started again at once: how long until their first new record is committed, however it is that
//! they come back. It does not know where they keep what they hold.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use schemas::Day;
use serde::{Deserialize, Serialize};

use super::commits::label;
use super::ends;
use super::ledgers::Ledgers;
use super::load::{Days, Load};
use super::measured::{Held, quotient, rounded};
use super::month_end::City;
use super::parts::Stage;
use super::services::{Ground, Metrics, Service, Services, pause};

/// How long a restore may take.
const LIMIT: Duration = Duration::from_mins(15);
/// Partitions of the keyed topics, in the profile that a bench uses.
const PARTITIONS: u64 = 8;
/// How long a service may take to tell its figures, and how often it is asked.
const FIGURES_LIMIT: Duration = Duration::from_mins(1);
const ASK_EVERY: Duration = Duration::from_millis(20);
/// Services are killed in a city of this part first, so that there are two sizes.
const SMALLER: u64 = 4;

/// One stage after the kill of its service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Restored {
    /// The stage.
    pub(super) stage: String,
    /// Households of the city, copies among them.
    pub(super) households: u64,
    /// Households or subjects that the stage held.
    pub(super) keys: u64,
    /// Bytes of their states.
    pub(super) bytes: u64,
    /// Rows of ledgers that it held, by those bytes: copies have as many as what they are copies of.
    pub(super) rows: u64,
    /// Records of changelogs that the new process read.
    pub(super) records: u64,
    /// From the kill to the first committed record of the new process.
    pub(super) seconds_first: f64,
    /// Until there was one in every partition.
    pub(super) seconds_all: f64,
    /// The most memory that the new process held until then.
    pub(super) memory_bytes_max: u64,
}

impl Restored {
    /// Changelog records by the clock, over the whole time.
    pub(super) fn records_per_second(&self) -> f64 {
        quotient(self.records as f64, self.seconds_all)
    }
}

/// Publishes the days, lets the city grow in two steps to `households` and at most `ledger_records` of persons' ledgers, and
/// kills each service at both.
pub(super) fn run(ground: &Ground, days: &mut Days, households: u64, ledger_records: u64) -> Result<Vec<Restored>> {
    let mut services = Services::start(ground)?;
    let mut load = Load::open(ground)?;
    // Two days for each kill.
    let (kills, sizes) = (super::services::NAMES.len(), 2);
    let mut later = days.split_off_days(2 * kills * sizes);
    load.at_full_speed(days, &mut services)?;
    let mut city = City::read(&ground.brokers)?;
    let mut ledgers = Ledgers::read(&ground.brokers)?;
    let simulated = city.households();
    let own = services.all.iter().find(|service| service.name() == "ingest").context("ingest does not run")?;
    let own = held(own, Stage::Resolve, load.last_day())?;
    let mut found = Vec::new();
    for part in [SMALLER, 1] {
        let (households, ledger_records_max) = (households / part, ledger_records / part);
        super::say(&format!("a city of {households} households for restores"));
        // What is written behind their backs is known to them after a restart; a snapshot that they mark meanwhile would count it
        // as known. Alert takes it as news.
        let mut aside: Vec<_> =
            services.all.iter_mut().filter(|service| service.name() != Stage::Alert.name()).collect();
        for service in &mut aside {
            service.kill()?;
        }
        city.grow(&ground.brokers, households)?;
        ledgers.grow(&ground.brokers, households.div_ceil(simulated.max(1)), ledger_records_max)?;
        for service in aside {
            service.start()?;
            service.wait_ready()?;
        }
        ends::caught_up(&ground.brokers, Stage::Alert.name(), &[Stage::Alert.input().to_owned()], LIMIT)?;
        for service in &mut services.all {
            super::say(&format!("killing {}", service.name()));
            let killed = kill(&ground.brokers, service, &mut load, &mut later)?;
            found.extend(killed.into_iter().map(|restored| {
                let rows = if own.rows == 0 || restored.stage != Stage::Resolve.name() {
                    0
                } else {
                    (restored.bytes as f64 / own.bytes_per_row()) as u64
                };
                Restored { households: city.households(), rows, ..restored }
            }));
        }
    }
    Ok(found)
}

/// The stages of a service, each with the topic to which it writes in every partition at the end of a day.
fn stages(service: &str) -> Vec<(Stage, &'static str)> {
    match service {
        "ingest" => vec![(Stage::Normalise, "subjects.entries"), (Stage::Resolve, "households.entries")],
        "fuse" => vec![(Stage::Fuse, "households.states")],
        _ => vec![(Stage::Alert, "households.cases")],
    }
}

/// Kills a service under load and starts it again.
fn kill(brokers: &str, service: &mut Service, load: &mut Load, days: &mut Days) -> Result<Vec<Restored>> {
    let day = |days: &mut Days| days.next().context("the city has too few days for all the kills");
    load.publish(&day(days)?, None)?;
    let stages = stages(service.name());
    let topics: Vec<String> = stages.iter().map(|(_, topic)| (*topic).to_owned()).collect();
    service.kill()?;
    let killed = Instant::now();
    // What the dead process has committed lies below these ends; the rest of what it wrote is never shown.
    let ends = ends::ends(brokers, &topics)?;
    service.start()?;
    load.publish(&day(days)?, None)?;
    let mut waiting: BTreeSet<(String, i32)> = ends.iter().map(|(topic, place, _)| (topic.clone(), *place)).collect();
    let mut found: Vec<Restored> =
        stages.iter().map(|(stage, _)| Restored { stage: stage.name().to_owned(), ..Restored::default() }).collect();
    let reader = ends::reader(brokers, &ends)?;
    ends::watch(&reader, LIMIT, |topic, partition| {
        let seconds = rounded(killed.elapsed().as_secs_f64());
        if waiting.remove(&(topic.to_owned(), partition))
            && let Some(place) = topics.iter().position(|name| name == topic)
        {
            let one = &mut found[place];
            one.seconds_all = seconds;
            if one.seconds_first == 0.0 {
                one.seconds_first = seconds;
            }
        }
        waiting.is_empty()
    })?;
    service.wait_ready()?;
    load.let_through(0)?;
    let (told, taken) = (service.metrics()?, service.taken()?);
    for one in &mut found {
        one.memory_bytes_max = taken.memory_bytes_max;
        one.records = sum(&told, "backstop_restored_records", Some(&one.stage));
    }
    for (one, (stage, _)) in found.iter_mut().zip(stages).filter(|(_, (stage, _))| *stage != Stage::Normalise) {
        let Held { keys, bytes, .. } = held(service, stage, load.last_day())?;
        (one.keys, one.bytes) = (keys, bytes);
    }
    Ok(found)
}

/// What a stage holds when it has told its figures of a day: services tell them a little later than they have it.
fn held(service: &Service, stage: Stage, day: Option<Day>) -> Result<Held> {
    let day = day.context("no day was published yet")?;
    let begun = Instant::now();
    loop {
        let told = service.metrics()?;
        let figure = |name: &str| sum(&told, &format!("backstop_{}_{name}", stage.name()), None);
        // Summed over its partitions, all of which have closed the day.
        if figure("closed_day") == i64::from(day.0).unsigned_abs() * PARTITIONS {
            let keys = figure("households").max(figure("ledger_subjects"));
            let bytes = figure("state_bytes").max(figure("ledger_bytes"));
            return Ok(Held { rows: figure("ledger_items"), keys, bytes });
        }
        ensure!(begun.elapsed() < FIGURES_LIMIT, "{} does not tell that {day} is closed", stage.name());
        pause(ASK_EVERY);
    }
}

/// The values of a metric, over its labels; of one stage where one is named.
fn sum(metrics: &Metrics, name: &str, stage: Option<&str>) -> u64 {
    let is_it = |line: &str| {
        let labels = line.strip_prefix(name).filter(|labels| labels.is_empty() || labels.starts_with('{'));
        labels.is_some_and(|labels| stage.is_none_or(|stage| label(labels, "stage") == Some(stage)))
    };
    metrics.iter().filter(|(line, _)| is_it(line)).map(|(_, value)| *value as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_the_workers_of_one_stage() {
        let told: Metrics = [
            ("backstop_restored_records{stage=\"normalise\",worker=\"normalise-0-0\"}", 3.0),
            ("backstop_restored_records{stage=\"resolve\",worker=\"resolve-0-0\"}", 40.0),
            ("backstop_restored_records{stage=\"resolve\",worker=\"resolve-0-1\"}", 5.0),
            ("backstop_fuse_households{kind=\"\"}", 7.0),
            ("backstop_fuse_households_more{kind=\"\"}", 9.0),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        assert_eq!(sum(&told, "backstop_restored_records", Some("resolve")), 45);
        assert_eq!(sum(&told, "backstop_fuse_households", None), 7);
    }
}
