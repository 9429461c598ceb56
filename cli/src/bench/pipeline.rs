//! The three services together, fed as fast as they can take it: events a second from the feeds to the warnings, and what
//! each process uses for it. It does not know what the services do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::commits::{self, Commits};
use super::ends;
use super::load::{Days, Load};
use super::services::{Ground, Services, Taken};

/// How long the archive may take for the rest.
const ARCHIVE_LIMIT: Duration = Duration::from_mins(10);
/// This process, among the others: whoever publishes.
const PUBLISHER: &str = "publisher";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pipeline {
    /// Households of the city.
    pub(super) households: u32,
    /// Events published.
    pub(super) events: u64,
    /// Days closed.
    pub(super) days: u64,
    /// From the first event published until alert has closed the last day: then every warning can be read.
    pub(super) seconds: f64,
    /// Until all of it stands in ClickHouse, too; none without an archive.
    pub(super) archived_seconds: Option<f64>,
    /// Warning records, control records among them.
    pub(super) warnings: u64,
    /// By process: services, servers, and whoever publishes. The archive belongs to alert.
    pub(super) taken: BTreeMap<String, Taken>,
    /// By stage.
    pub(super) commits: BTreeMap<String, Commits>,
}

impl Pipeline {
    /// By the clock, from feed to warning.
    pub(super) fn events_per_second(&self) -> f64 {
        super::measured::quotient(self.events as f64, self.seconds)
    }

    /// Until they are archived; the same without an archive.
    pub(super) fn events_per_second_archived(&self) -> f64 {
        super::measured::quotient(self.events as f64, self.archived_seconds.unwrap_or(self.seconds))
    }

    /// Microseconds on the processors for an event, of the three services together.
    pub(super) fn services_cpu_us_per_event(&self) -> f64 {
        let services = super::services::NAMES.iter().filter_map(|name| self.taken.get(*name));
        super::measured::quotient(services.map(|taken| taken.cpu_seconds).sum::<f64>() * 1e6, self.events as f64)
    }
}

/// Publishes the days at full speed. `servers` are processes that are looked at, too: name and number.
pub(super) fn run(
    ground: &Ground,
    households: u32,
    days: &mut Days,
    servers: &[(String, u32)],
    services: &mut Services,
    load: &mut Load,
) -> Result<Pipeline> {
    let (events, count) = (days.events(), days.len() as u64);
    let before = taken(services, servers)?;
    let told_before = services.metrics()?;
    let begun = Instant::now();
    let seconds = load.at_full_speed(days, services)?.as_secs_f64();
    let archived_seconds = match &ground.clickhouse {
        Some(_) => {
            for plan in alert::archive::plans() {
                let topics: Vec<String> = plan.mappers.iter().flat_map(|mapper| mapper.topics()).collect();
                ends::caught_up(&ground.brokers, plan.group, &topics, ARCHIVE_LIMIT)?;
            }
            Some(begun.elapsed().as_secs_f64())
        }
        None => None,
    };
    let after = taken(services, servers)?;
    let since = |(name, after): (String, Taken)| {
        let before = before.get(&name).copied().unwrap_or_default();
        (name, after.since(before))
    };
    Ok(Pipeline {
        households,
        events,
        days: count,
        seconds,
        archived_seconds,
        warnings: ends::records(&ground.brokers, &["warnings".to_owned()])?,
        taken: after.into_iter().map(since).collect(),
        commits: commits::between(&told_before, &services.metrics()?),
    })
}

fn taken(services: &Services, servers: &[(String, u32)]) -> Result<BTreeMap<String, Taken>> {
    let mut taken = services.taken()?;
    taken.insert(PUBLISHER.to_owned(), Taken::by(std::process::id())?);
    for (name, process) in servers {
        taken.insert(name.clone(), Taken::by(*process)?);
    }
    Ok(taken)
}
