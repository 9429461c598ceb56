//! A soak from its start to its audit: makes what is planned happen, ends what has lasted, and sees that the run goes
//! on. Does not know how a run is judged.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use super::city::City;
use super::plan::{self, Fault, Link, Planned};
use super::proxy::Network;
use super::recovery::Recovery;
use super::{Line, Settings, found};
use crate::servers::{Server, pause};
use crate::shell::say;

/// How long the run may take to recover from the last faults.
const RECOVERY_LIMIT: Duration = Duration::from_mins(4);
/// How long the drain and the audit may take, beside twice the time of the run.
const AUDIT_LIMIT: Duration = Duration::from_mins(10);

/// What happened.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Tally {
    kills: u32,
    zombies: u32,
    rebalances: u32,
    broker_restarts: u32,
    clickhouse_restarts: u32,
    network_cuts: u32,
    network_slow: u32,
    watchdog_exits: u32,
}

/// How something that lasts ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    GoOn(&'static str, u32),
    Leave(&'static str, u32),
    Start(Server),
    Mend(Link, Network),
}

struct Soak {
    city: City,
    recovery: Recovery,
    tally: Tally,
    endings: Vec<(Instant, Ending)>,
    begun: Instant,
}

/// Runs it.
pub(super) fn run(folder: &Path, settings: &Settings) -> Result<Line> {
    let started = Instant::now();
    let city = City::start(folder, settings)?;
    let recovery = Recovery::new(city.load.progress.clone(), city.stack.clickhouse()?);
    let mut soak = Soak { city, recovery, tally: Tally::default(), endings: Vec::new(), begun: Instant::now() };
    let outcome = soak.all(settings, started);
    let ended = soak.city.end();
    let line = outcome?;
    ended.map(|()| line)
}

impl Soak {
    fn all(&mut self, settings: &Settings, started: Instant) -> Result<Line> {
        while self.recovery.days() == 0 {
            self.turn()?;
        }
        say(format!("{:.0} s: the first day is through, now things happen", started.elapsed().as_secs_f64()));
        self.begun = Instant::now();
        for Planned { at, fault } in plan::draw(settings.kills, settings.whole, settings.instances, settings.seed) {
            while self.begun.elapsed() < at {
                self.turn()?;
            }
            self.happen(fault)?;
        }
        while self.begun.elapsed() < settings.whole || !self.endings.is_empty() {
            self.turn()?;
        }
        self.recover()?;
        say(format!("{:.0} s: all has happened, now the audit", started.elapsed().as_secs_f64()));
        self.city.load.stop()?;
        let (asked, limit) = (Instant::now(), AUDIT_LIMIT + settings.whole * 2);
        while self.city.load.is_running()? {
            if asked.elapsed() > limit {
                bail!("the audit is not done after {} s", limit.as_secs());
            }
            self.city.check()?;
            pause();
        }
        self.tally.watchdog_exits = self.city.watchdog_exits;
        let findings = self.city.load.findings()?;
        let count = |name: &str| findings[name].as_u64().unwrap_or_default();
        let by_fault = self.recovery.seconds_max().clone();
        Ok(Line {
            seed: settings.seed,
            minutes: settings.whole.as_secs_f64() / 60.0,
            tally: self.tally,
            days: count("days"),
            events: count("events"),
            warnings: count("warnings_topic"),
            records_compared: count("records_compared"),
            rows_compared: count("rows_compared"),
            found: found(&findings)?,
            recovery_seconds_max: by_fault.values().copied().fold(0.0, f64::max),
            recovery_seconds_max_by_fault: by_fault,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// Ends what has lasted, looks whether all still run, and waits a little.
    fn turn(&mut self) -> Result<()> {
        let now = Instant::now();
        for (_, ending) in self.endings.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.end(ending)?;
        }
        self.city.check()?;
        if !self.city.load.is_running()? {
            bail!("the load ended before its time");
        }
        self.recovery.look();
        pause();
        Ok(())
    }

    /// Waits until the run has recovered from every fault.
    fn recover(&mut self) -> Result<()> {
        let asked = Instant::now();
        while !self.recovery.open().is_empty() {
            if asked.elapsed() > RECOVERY_LIMIT {
                bail!("the run has not recovered: {}", self.recovery.open().join(", "));
            }
            self.turn()?;
        }
        Ok(())
    }

    fn say(&self, what: &str) {
        say(format!("{:6.1} s: {what}", self.begun.elapsed().as_secs_f64()));
    }

    fn last(&mut self, lasts: Duration, ending: Ending) {
        self.endings.push((Instant::now() + lasts, ending));
    }

    fn happen(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill { service, instance } => {
                self.say(&format!("kill {service} {instance}"));
                self.recovery.of_pipeline("kill");
                let service = self.city.service(service, instance)?;
                service.kill();
                service.start()?;
                self.tally.kills += 1;
            }
            Fault::Zombie { service, instance, lasts } => {
                self.say(&format!("stop {service} {instance} for {:.0} s", lasts.as_secs_f64()));
                self.recovery.of_pipeline("zombie");
                self.city.service(service, instance)?.hold();
                self.last(lasts, Ending::GoOn(service, instance));
                self.tally.zombies += 1;
            }
            Fault::Rebalance { service, lasts } => {
                self.recovery.of_pipeline("instance added");
                let instance = self.city.add(service)?;
                self.say(&format!("add {service} {instance} for {:.0} s", lasts.as_secs_f64()));
                self.last(lasts, Ending::Leave(service, instance));
                self.tally.rebalances += 1;
            }
            Fault::BrokerRestart { lasts } => {
                self.say(&format!("kill Kafka for {:.0} s", lasts.as_secs_f64()));
                self.recovery.of_pipeline("broker restart");
                self.city.stack.kill(Server::Kafka)?;
                self.last(lasts, Ending::Start(Server::Kafka));
                self.tally.broker_restarts += 1;
            }
            Fault::ClickhouseRestart { lasts } => {
                self.say(&format!("kill ClickHouse for {:.0} s", lasts.as_secs_f64()));
                self.recovery.of_archive("clickhouse restart");
                self.city.stack.kill(Server::Clickhouse)?;
                self.last(lasts, Ending::Start(Server::Clickhouse));
                self.tally.clickhouse_restarts += 1;
            }
            Fault::Network { link, network, lasts } => {
                self.say(&format!("the network to {link:?} is {network:?} for {:.0} s", lasts.as_secs_f64()));
                match link {
                    Link::Kafka => self.recovery.of_pipeline("broker network"),
                    Link::Clickhouse => self.recovery.of_archive("clickhouse network"),
                }
                self.city.proxy(link).set(network);
                self.last(lasts, Ending::Mend(link, network));
                let is_slow = matches!(network, Network::Slow(_));
                *(if is_slow { &mut self.tally.network_slow } else { &mut self.tally.network_cuts }) += 1;
            }
        }
        Ok(())
    }

    fn end(&mut self, ending: Ending) -> Result<()> {
        match ending {
            Ending::GoOn(service, instance) => {
                self.say(&format!("{service} {instance} goes on"));
                self.city.service(service, instance)?.go_on();
            }
            Ending::Leave(service, instance) => {
                self.say(&format!("{service} {instance} leaves"));
                self.recovery.of_pipeline("instance removed");
                self.city.service(service, instance)?.end();
            }
            Ending::Start(server) => {
                self.say(&format!("start {server:?}"));
                self.city.stack.begin_again(server)?;
            }
            Ending::Mend(link, network) => {
                // What was done to it since lasts as long as it lasts.
                if self.city.proxy(link).end(network) {
                    self.say(&format!("the network to {link:?} is whole"));
                }
            }
        }
        Ok(())
    }
}
