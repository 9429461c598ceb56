//! The measurements for which all services run: prepares the servers, draws the city, and says which measurement comes after
//! which. It measures nothing itself.

use anyhow::{Context, Result};

use super::fill;
use super::latency;
use super::load::{self, Days, Load};
use super::parts::Group;
use super::pipeline;
use super::report::Report;
use super::restore::{self, Restored};
use super::services::{self, Ground, Services};
use super::{BenchArgs, say};
use crate::setup;

/// At least this share of a run's events is published before anything is measured: with the first day come all registrations of
/// a city, and the brokers are cold.
const WARM_UP: f64 = 0.1;
/// The share of the full rate at which latency is measured.
const LATENCY_LOAD: f64 = 0.5;
/// For it, so many events as this share of the run's.
const LATENCY_EVENTS: f64 = 0.25;

/// The pipeline at full speed, and at half of it where that is asked for.
pub(super) fn full_speed_and_half(args: &BenchArgs, report: &mut Report) -> Result<()> {
    let ground = ground(args)?;
    let servers = servers(args)?;
    let name = if ground.clickhouse.is_some() { "with_archive" } else { "without_archive" };
    let asks_latency = args.asks_for(Group::Latency);
    let share = |share: f64| (args.records as f64 * share) as u64;
    say(&format!("drawing {} events of {} households", args.records, args.households));
    let mut city = load::city(args.wanted());
    let mut first = Days::draw(&mut city, share(WARM_UP));
    let mut days = Days::draw(&mut city, args.records);
    let mut later = Days::draw(&mut city, if asks_latency { share(LATENCY_EVENTS) } else { 0 });
    let mut services = Services::start(&ground)?;
    let mut load = Load::open(&ground)?;
    load.at_full_speed(&mut first, &mut services)?;
    say(&format!("the whole pipeline {}", name.replace('_', " ")));
    let found = pipeline::run(&ground, args.households, &mut days, &servers, &mut services, &mut load)?;
    let rate = found.events_per_second_archived() * LATENCY_LOAD;
    report.pipelines.insert(name.to_owned(), found);
    if asks_latency {
        say(&format!("{rate:.0} events a second"));
        let found = latency::run(&ground.brokers, &mut later, rate, &mut services, &mut load)?;
        report.latencies.insert(name.to_owned(), found);
    }
    Ok(())
}

/// Services that are killed.
pub(super) fn restores(args: &BenchArgs) -> Result<Vec<Restored>> {
    let ground = ground(args)?;
    say(&format!("drawing {} events of {} households", args.records, args.households));
    let mut days = Days::draw(&mut load::city(args.wanted()), args.records);
    restore::run(&ground, &mut days, args.restore_households, args.restore_ledger_records)
}

/// Prepares the servers for services.
fn ground(args: &BenchArgs) -> Result<Ground> {
    let policies = fill::prepare(&args.brokers, &args.deploy)?;
    if let Some(url) = &args.clickhouse {
        setup::create_tables(url, &args.deploy)?;
    }
    let programs = match &args.services {
        Some(folder) => folder.clone(),
        None => services::own_folder()?,
    };
    // A service may look at it from another folder.
    let folder = args.folder.canonicalize().with_context(|| format!("find {}", args.folder.display()))?;
    let folder = folder.to_string_lossy().into_owned();
    Ok(Ground {
        programs,
        folder: args.folder.clone(),
        brokers: args.brokers.clone(),
        schemas: args.schemas.clone(),
        policies,
        clickhouse: args.clickhouse.clone(),
        settings: args
            .service_setting
            .iter()
            .map(|(key, value)| (key.clone(), value.replace("{folder}", &folder)))
            .collect(),
    })
}

fn servers(args: &BenchArgs) -> Result<Vec<(String, u32)>> {
    let number = |(name, process): &(String, String)| {
        let process = process.parse().with_context(|| format!("--server {name}={process}: no number of a process"))?;
        Ok((name.clone(), process))
    };
    args.server.iter().map(number).collect()
}
