//! The real servers on this machine: Kafka, ClickHouse and Prometheus, started, watched until they answer, killed and
//! restarted one by one, and ended. Each binds to 127.0.0.1 and keeps all its files in one folder.
//! Does not know topics, tables or services.

mod clickhouse;
mod kafka;
mod ports;
mod process;
mod prometheus;
mod secured;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

pub use ports::free as free_ports;
pub(crate) use process::pause;
pub use process::{Identity, Life, Process, guard};
pub use prometheus::{Targets, fetch as fetch_prometheus};
pub use secured::Secured;

/// The versions of Kafka and of ClickHouse's library that run here.
pub const VERSIONS: [&str; 2] = [kafka::VERSION, clickhouse::VERSION];

/// How long a server may take until it answers. A cold machine reads 560 MB of ClickHouse first.
const READY_LIMIT: Duration = Duration::from_secs(90);
/// The file in a stack's folder that says where its servers are.
const FILE: &str = "stack.json";

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// Apache Kafka.
    Kafka,
    /// ClickHouse.
    Clickhouse,
    /// Prometheus.
    Prometheus,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Clickhouse => "clickhouse",
            Self::Prometheus => "prometheus",
        }
    }

    fn ready(self, ports: &[u16]) -> Result<(), String> {
        match self {
            Self::Kafka => kafka::ready(ports),
            Self::Clickhouse => clickhouse::ready(ports),
            Self::Prometheus => prometheus::ready(ports),
        }
    }
}

/// Which servers to start, and for how long.
#[derive(Debug)]
pub struct Options {
    /// The servers, started in this order.
    pub servers: Vec<Server>,
    /// What Prometheus scrapes; not used without it.
    pub targets: Targets,
    /// Whether Kafka also listens with TLS and a login, beside its open listener.
    pub secured: bool,
    /// The port of a proxy in front of a further listener of Kafka: where Kafka sends the clients of that listener.
    pub proxied: Option<u16>,
    /// Whether the servers end with this program.
    pub life: Life,
}

impl Options {
    /// How many ports a server needs.
    fn ports_of(&self, server: Server) -> usize {
        match server {
            Server::Kafka => 2 + usize::from(self.secured) + usize::from(self.proxied.is_some()),
            Server::Clickhouse => 2,
            Server::Prometheus => 1,
        }
    }
}

/// Where a server is: what the file `stack.json` holds of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    server: Server,
    ports: Vec<u16>,
    /// Absent while the server is down.
    process: Option<Identity>,
}

/// What a stack's file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// `host:port` of Kafka, if it is part of the stack.
    kafka: Option<String>,
    /// Kafka's secured listener, if it has one.
    #[serde(default)]
    secured: Option<Secured>,
    /// ClickHouse's HTTP address as a URL.
    clickhouse: Option<String>,
    /// Prometheus' address as a URL.
    prometheus: Option<String>,
    targets: Targets,
    places: Vec<Place>,
}

/// Servers that run together, with all their files in one folder.
#[derive(Debug)]
pub struct Stack {
    folder: PathBuf,
    options: Options,
    places: Vec<Place>,
    processes: Vec<(Server, Process)>,
}

impl Stack {
    /// Fetches what is missing, starts the servers in `folder` and waits until each answers.
    /// Data that an earlier stack left in the folder is used again, on the same ports as long as nobody else took them.
    ///
    /// # Errors
    /// When a server cannot be fetched or started, or is not ready in time (with the end of its log); when the
    /// servers of an earlier stack in this folder still run. What was started is ended then.
    pub fn start(folder: &Path, options: Options) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("create the stack's folder {}", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("find {}", folder.display()))?;
        let before = read(&folder)?.map(|record| record.places).unwrap_or_default();
        if before.iter().any(|place| place.process.is_some_and(Identity::is_alive)) {
            bail!("servers run in {} already: end them with `cargo xtask down`", folder.display());
        }
        for server in &options.servers {
            match server {
                Server::Kafka => kafka::fetch().map(drop)?,
                Server::Clickhouse => clickhouse::fetch().map(drop)?,
                Server::Prometheus => prometheus::fetch().map(drop)?,
            }
        }
        let mut ports = free_ports(options.servers.iter().map(|server| options.ports_of(*server)).sum())?;
        let new = options.servers.iter().map(|server| {
            let count = options.ports_of(*server);
            let new = ports.split_off(ports.len() - count);
            let old = before.iter().find(|place| place.server == *server).map(|place| place.ports.clone());
            let old = old.filter(|ports| ports.len() == count && ports::are_free(ports));
            Place { server: *server, ports: old.unwrap_or(new), process: None }
        });
        let places = new.collect();
        let mut stack = Self { folder, options, places, processes: Vec::new() };
        for server in stack.options.servers.clone() {
            if let Err(fault) = stack.launch(server).and_then(|()| stack.save()) {
                stack.end_all();
                return Err(fault);
            }
        }
        for server in stack.options.servers.clone() {
            if let Err(fault) = stack.wait_ready(server) {
                stack.end_all();
                return Err(fault);
            }
        }
        Ok(stack)
    }

    /// Takes up the stack that an earlier run of this program left running in `folder`.
    ///
    /// # Errors
    /// When no stack was ever started there.
    pub fn adopt(folder: &Path) -> Result<Self> {
        let Some(record) = read(folder)? else {
            bail!("no stack is known in {}: start one with `cargo xtask up`", folder.display())
        };
        let folder = folder.canonicalize().with_context(|| format!("find {}", folder.display()))?;
        let alive = record.places.iter().filter_map(|place| Some((place.server, place.process?)));
        let alive = alive.filter(|(_, identity)| identity.is_alive());
        let processes =
            alive.map(|(server, identity)| (server, Process::adopt(server.name(), identity, &log(&folder, server))));
        let processes = processes.collect();
        let servers = record.places.iter().map(|place| place.server).collect();
        let secured = record.secured.is_some();
        let options = Options { servers, targets: record.targets, secured, proxied: None, life: Life::Detached };
        Ok(Self { folder, options, places: record.places, processes })
    }

    /// `127.0.0.1:port` of Kafka.
    ///
    /// # Errors
    /// When Kafka is not part of the stack.
    pub fn kafka(&self) -> Result<String> {
        Ok(format!("127.0.0.1:{}", self.port(Server::Kafka)?))
    }

    /// How to reach Kafka's secured listener.
    ///
    /// # Errors
    /// When Kafka is not part of the stack or has no such listener.
    pub fn secured(&self) -> Result<Secured> {
        let port = self.options.secured.then_some(self.place(Server::Kafka)?.ports.get(2).copied()).flatten();
        let port = port.context("Kafka has no secured listener here")?;
        Ok(secured::access(&self.folder.join(Server::Kafka.name()), port))
    }

    /// `127.0.0.1:port` of Kafka's listener behind the proxy.
    ///
    /// # Errors
    /// When Kafka is not part of the stack or has no such listener.
    pub fn behind_proxy(&self) -> Result<String> {
        let ports = &self.place(Server::Kafka)?.ports;
        let port = self.options.proxied.and(ports.last()).context("Kafka has no listener for a proxy here")?;
        Ok(format!("127.0.0.1:{port}"))
    }

    /// The URL of ClickHouse's HTTP interface, without a slash at its end.
    ///
    /// # Errors
    /// When ClickHouse is not part of the stack.
    pub fn clickhouse(&self) -> Result<String> {
        Ok(format!("http://127.0.0.1:{}", self.port(Server::Clickhouse)?))
    }

    /// The URL of Prometheus, without a slash at its end.
    ///
    /// # Errors
    /// When Prometheus is not part of the stack.
    pub fn prometheus(&self) -> Result<String> {
        Ok(format!("http://127.0.0.1:{}", self.port(Server::Prometheus)?))
    }

    /// The process of a server that runs.
    ///
    /// # Errors
    /// When the server is not part of the stack, or is down.
    pub fn process_of(&self, server: Server) -> Result<i32> {
        let process = self.processes.iter().find(|(other, _)| *other == server);
        process.map(|(_, process)| process.identity().pid).with_context(|| format!("{} does not run", server.name()))
    }

    fn port(&self, server: Server) -> Result<u16> {
        self.place(server).and_then(|place| place.ports.first().copied().context("a server without a port"))
    }

    fn place(&self, server: Server) -> Result<&Place> {
        let place = self.places.iter().find(|place| place.server == server);
        place.with_context(|| format!("{} is not part of the stack in {}", server.name(), self.folder.display()))
    }

    /// Ends one server in order: SIGTERM, then SIGKILL after a limit. Does nothing when it is down.
    ///
    /// # Errors
    /// When the server is not part of the stack or its file cannot be written.
    pub fn stop(&mut self, server: Server) -> Result<()> {
        self.take(server, Process::end)
    }

    /// Kills one server with SIGKILL, as a crash would. Does nothing when it is down.
    ///
    /// # Errors
    /// When the server is not part of the stack or its file cannot be written.
    pub fn kill(&mut self, server: Server) -> Result<()> {
        self.take(server, Process::kill)
    }

    fn take(&mut self, server: Server, end: impl Fn(&mut Process)) -> Result<()> {
        self.place(server)?;
        let (taken, kept) = std::mem::take(&mut self.processes).into_iter().partition(|(other, _)| *other == server);
        self.processes = kept;
        let mut taken: Vec<(Server, Process)> = taken;
        for (_, process) in &mut taken {
            end(process);
        }
        self.save()
    }

    /// Starts a server that was stopped, killed or crashed, on the same ports with the same data, and waits until it
    /// answers. A server that runs is stopped first.
    ///
    /// # Errors
    /// When the server is not part of the stack, or is not ready in time.
    pub fn restart(&mut self, server: Server) -> Result<()> {
        self.begin_again(server)?;
        self.wait_ready(server)
    }

    /// Like [`Stack::restart`], without waiting until it answers.
    ///
    /// # Errors
    /// When the server is not part of the stack, or cannot be started.
    pub fn begin_again(&mut self, server: Server) -> Result<()> {
        self.stop(server)?;
        self.launch(server)?;
        self.save()
    }

    /// Whether a server answers.
    ///
    /// # Errors
    /// When the server is not part of the stack.
    pub fn is_ready(&self, server: Server) -> Result<bool> {
        Ok(server.ready(&self.place(server)?.ports).is_ok())
    }

    /// Waits until one of the servers ends by itself; the caller's own end comes by a signal.
    ///
    /// # Errors
    /// When a server has ended: with the end of its log.
    pub fn watch(&mut self) -> Result<()> {
        loop {
            for (_, process) in &mut self.processes {
                if let Some(how) = process.ended() {
                    bail!("{} {how}; its log {}", process.name(), process.log_tail());
                }
            }
            pause();
        }
    }

    /// Ends all servers, the last started first. Their data stay in the folder.
    ///
    /// # Errors
    /// When the stack's file cannot be written.
    pub fn end(mut self) -> Result<()> {
        self.end_all();
        self.save()
    }

    fn end_all(&mut self) {
        while let Some((_, mut process)) = self.processes.pop() {
            process.end();
        }
    }

    fn launch(&mut self, server: Server) -> Result<()> {
        let ports = self.place(server)?.ports.clone();
        let folder = self.folder.join(server.name());
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let command = match server {
            Server::Kafka => kafka::command(&folder, &ports, self.options.proxied),
            Server::Clickhouse => clickhouse::command(&folder, &ports),
            Server::Prometheus => prometheus::command(&folder, &ports, &self.options.targets),
        }?;
        let log = log(&self.folder, server);
        self.processes.push((server, Process::start(server.name(), &command, &log, self.options.life)?));
        Ok(())
    }

    fn wait_ready(&mut self, server: Server) -> Result<()> {
        let ports = self.place(server)?.ports.clone();
        let process = self.processes.iter_mut().find(|(other, _)| *other == server);
        let (_, process) = process.with_context(|| format!("{} is down", server.name()))?;
        process.wait_until(READY_LIMIT, || server.ready(&ports))
    }

    /// Writes the stack's file, whole or not at all.
    fn save(&mut self) -> Result<()> {
        for place in &mut self.places {
            let running = self.processes.iter().find(|(server, _)| *server == place.server);
            place.process = running.map(|(_, process)| process.identity());
        }
        let record = Record {
            kafka: self.kafka().ok(),
            secured: self.secured().ok(),
            clickhouse: self.clickhouse().ok(),
            prometheus: self.prometheus().ok(),
            targets: self.options.targets.clone(),
            places: self.places.clone(),
        };
        let torn = self.folder.join("stack.json.part");
        fs::write(&torn, serde_json::to_vec_pretty(&record)?).with_context(|| format!("write {}", torn.display()))?;
        fs::rename(&torn, self.folder.join(FILE)).with_context(|| format!("rename {}", torn.display()))
    }
}

fn log(folder: &Path, server: Server) -> PathBuf {
    folder.join(format!("{}.log", server.name()))
}

fn read(folder: &Path) -> Result<Option<Record>> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).map(Some).with_context(|| format!("{} is no stack's file: remove it", path.display()))
}

/// One GET with a limit of two seconds, for [`Process::wait_until`]; anything but success is said.
///
/// # Errors
/// When there is no answer, or one that is no success.
pub fn http_ok(url: &str) -> Result<(), String> {
    let request = ureq::get(url).config().timeout_global(Some(Duration::from_secs(2))).build();
    request.call().map(drop).map_err(|fault| format!("no answer from {url}: {fault}"))
}
