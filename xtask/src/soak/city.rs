//! What a soak runs on: the servers behind proxies, the instances of the services, the load. Does not know what
//! happens to them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Settings;
use super::plan::Link;
use super::proxy::Proxy;
use crate::servers::{Life, Options, Server, Stack, Targets, free_ports};
use crate::services::{self, SERVICES, Service, Surroundings};
use crate::shell::{self, run, say};
use crate::up;

/// The exit code of a service that its own watchdog ended; whoever runs services starts it again.
const WATCHDOG_EXIT: &str = "exit status: 70";
/// Days that the load may take at most: as many as lie between its first one and any day on which this runs.
const DAYS_MAX: u64 = 900;
const MONTHS: &str = "34";
const FIRST_DAY: &str = "2024-01-01";

/// Servers, services, load.
pub(super) struct City {
    pub(super) stack: Stack,
    pub(super) services: Vec<Service>,
    pub(super) load: Load,
    pub(super) watchdog_exits: u32,
    proxies: [Proxy; 2],
    folder: PathBuf,
    key_file: PathBuf,
    addresses: [String; 2],
}

/// `backstop soak`.
pub(super) struct Load {
    child: Child,
    answer: PathBuf,
    until: PathBuf,
    pub(super) progress: PathBuf,
}

impl City {
    /// Starts everything and waits until each service is ready.
    pub(super) fn start(folder: &Path, settings: &Settings) -> Result<Self> {
        let ports = free_ports(2)?;
        let servers = vec![Server::Kafka, Server::Clickhouse];
        let options = Options {
            servers,
            targets: Targets::new(),
            secured: false,
            proxied: Some(ports[0]),
            life: Life::WithThisProgram,
        };
        say("starting Kafka and ClickHouse, each behind a proxy");
        let stack = Stack::start(folder, options)?;
        let (kafka, clickhouse) = (stack.kafka()?, stack.clickhouse()?);
        up::set_up(&kafka, &clickhouse)?;
        run(backstop()?.args(["policy", "apply", "--brokers", &kafka, "deploy/policies"]))?;
        let proxies =
            [Proxy::start(ports[0], port_of(&stack.behind_proxy()?)?)?, Proxy::start(ports[1], port_of(&clickhouse)?)?];
        let addresses = [format!("127.0.0.1:{}", ports[0]), format!("http://127.0.0.1:{}", ports[1])];
        let key_file = services::write_key(folder)?;
        let mut services = Vec::new();
        let around = Surroundings { folder, kafka: &addresses[0], clickhouse: &addresses[1], key_file: &key_file };
        say(format!("starting {} instances of ingest, fuse and alert", settings.instances));
        for name in SERVICES {
            for ordinal in 0..settings.instances {
                let mut service = Service::new(name, ordinal, free_ports(1)?[0], &around)?;
                service.start()?;
                services.push(service);
            }
        }
        services.iter_mut().try_for_each(Service::wait_ready)?;
        let load = Load::start(folder, &key_file, &kafka, &clickhouse, &services, settings)?;
        let folder = folder.to_owned();
        Ok(Self { stack, services, load, watchdog_exits: 0, proxies, folder, key_file, addresses })
    }

    /// The network of a link.
    pub(super) fn proxy(&self, link: Link) -> &Proxy {
        match link {
            Link::Kafka => &self.proxies[0],
            Link::Clickhouse => &self.proxies[1],
        }
    }

    /// Starts one more instance of a service.
    pub(super) fn add(&mut self, name: &'static str) -> Result<u32> {
        let ordinal = self.services.iter().filter(|service| service.name == name).map(|service| service.ordinal + 1);
        let ordinal = ordinal.max().unwrap_or(0);
        let [kafka, clickhouse] = &self.addresses;
        let around = Surroundings { folder: &self.folder, kafka, clickhouse, key_file: &self.key_file };
        let mut service = Service::new(name, ordinal, free_ports(1)?[0], &around)?;
        service.start()?;
        self.services.push(service);
        Ok(ordinal)
    }

    /// An instance.
    pub(super) fn service(&mut self, name: &str, ordinal: u32) -> Result<&mut Service> {
        let is_it = |service: &&mut Service| service.name == name && service.ordinal == ordinal;
        self.services.iter_mut().find(is_it).with_context(|| format!("there is no instance {ordinal} of {name}"))
    }

    /// Fails when a service has ended by itself for any other reason than that a call to Kafka hung.
    pub(super) fn check(&mut self) -> Result<()> {
        for service in &mut self.services {
            let Some(how) = service.ended() else { continue };
            if !how.ends_with(WATCHDOG_EXIT) {
                bail!("{} {} {how}; its log {}", service.name, service.ordinal, service.tail());
            }
            say(format!("{} {} was ended by its watchdog and is started again", service.name, service.ordinal));
            self.watchdog_exits += 1;
            service.start()?;
        }
        Ok(())
    }

    /// Ends the services and the servers.
    pub(super) fn end(mut self) -> Result<()> {
        let _ = self.load.child.kill();
        let _ = self.load.child.wait();
        for service in self.services.iter_mut().rev() {
            service.end();
        }
        self.stack.end()
    }
}

impl Load {
    fn start(
        folder: &Path,
        key_file: &Path,
        kafka: &str,
        clickhouse: &str,
        services: &[Service],
        settings: &Settings,
    ) -> Result<Self> {
        let [answer, until, progress] = ["soak.out", "until", "progress"].map(|name| folder.join(name));
        let day_ms = (settings.whole.as_millis() as u64 / DAYS_MAX).max(250);
        let mut command = backstop()?;
        command.args(["soak", "--brokers", kafka, "--clickhouse", clickhouse, "--limit-s", "60", "--each-stage"]);
        command.args(["--households", &settings.households.to_string(), "--seed", &settings.seed.to_string()]);
        command.args(["--months", MONTHS, "--start", FIRST_DAY, "--day-ms", &day_ms.to_string()]);
        command.arg("--key-file").arg(key_file).arg("--progress-file").arg(&progress).arg("--until-file").arg(&until);
        for service in services {
            command.arg("--search").arg(&service.log);
        }
        let output = File::create(&answer).with_context(|| format!("create {}", answer.display()))?;
        command.stdin(Stdio::null()).stdout(output);
        let child = command.spawn().with_context(|| format!("start `{}`", shell::line(&command)))?;
        Ok(Self { child, answer, until, progress })
    }

    /// Tells it to end with the next day.
    pub(super) fn stop(&self) -> Result<()> {
        fs::write(&self.until, "").with_context(|| format!("write {}", self.until.display()))
    }

    /// Whether it still runs.
    pub(super) fn is_running(&mut self) -> Result<bool> {
        match self.child.try_wait().context("wait for the load")? {
            None => Ok(true),
            Some(status) if status.success() => Ok(false),
            Some(status) => bail!("the load ended with {status}"),
        }
    }

    /// What it found.
    pub(super) fn findings(&self) -> Result<Value> {
        let text = fs::read_to_string(&self.answer).with_context(|| format!("read {}", self.answer.display()))?;
        let line = text.lines().last().context("the load said nothing")?;
        serde_json::from_str(line).with_context(|| format!("the load's last line is no JSON: {line}"))
    }
}

fn backstop() -> Result<Command> {
    let mut command = Command::new(shell::target()?.join("fast/backstop"));
    command.current_dir(shell::root()?);
    Ok(command)
}

fn port_of(address: &str) -> Result<u16> {
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    port.with_context(|| format!("{address} has no port"))
}
