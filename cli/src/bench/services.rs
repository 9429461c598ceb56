//! The three services as processes of their own, and what each uses. It does not know what flows through them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::alone::KEY;
use super::measured::rounded;
use super::usage;

/// The services, in the order of the picture.
pub(super) const NAMES: [&str; 3] = ["ingest", "fuse", "alert"];
/// How long a service may take until every partition is restored.
const READY_LIMIT: Duration = Duration::from_mins(10);
/// How often a service is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Where services run, and with what.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// The folder of the programs.
    pub(super) programs: PathBuf,
    /// Where keys and logs go.
    pub(super) folder: PathBuf,
    /// Kafka.
    pub(super) brokers: String,
    /// The feeds' schemas.
    pub(super) schemas: PathBuf,
    /// Policies and sentences that were published.
    pub(super) policies: i64,
    /// ClickHouse's address; none where nothing is archived.
    pub(super) clickhouse: Option<String>,
    /// Further settings, as variables of the environment.
    pub(super) settings: Vec<(String, String)>,
}

/// Time and memory of a process, up to a moment or between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Taken {
    /// On the processors, in seconds.
    pub(super) cpu_seconds: f64,
    /// The most memory that it ever held.
    pub(super) memory_bytes_max: u64,
}

impl Taken {
    /// What a process that runs has taken since its start.
    pub(super) fn by(process: u32) -> Result<Self> {
        let cpu_seconds = usage::time_of(process)?.as_secs_f64();
        Ok(Self { cpu_seconds, memory_bytes_max: usage::memory_bytes_max_of(process)? })
    }

    /// The time since `before`; the memory stays the most ever.
    pub(super) fn since(self, before: Self) -> Self {
        Self { cpu_seconds: rounded(self.cpu_seconds - before.cpu_seconds), ..self }
    }
}

/// What a service says of itself: each metric with its labels, and its value.
pub(super) type Metrics = Vec<(String, f64)>;

/// One service.
pub(super) struct Service {
    name: &'static str,
    command: Command,
    log: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Service {
    fn new(name: &'static str, ground: &Ground) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe().context("find this program's own file")?);
        command.args(["bench", "--brokers", &ground.brokers, "--guard"]).arg(ground.programs.join(name));
        command.env("BACKSTOP_KAFKA__BROKERS", &ground.brokers);
        command.env("BACKSTOP_METRICS__ADDRESS", format!("127.0.0.1:{port}"));
        if name == "ingest" {
            let key = ground.folder.join("pseudonym.key");
            fs::write(&key, KEY).with_context(|| format!("write {}", key.display()))?;
            command.env("BACKSTOP_INGEST__KEY_FILE", &key).env("BACKSTOP_INGEST__SCHEMAS", &ground.schemas);
        }
        if let (Some(url), "alert") = (&ground.clickhouse, name) {
            command.env("BACKSTOP_CLICKHOUSE__URL", url);
        }
        command.envs(ground.settings.iter().map(|(key, value)| (key, value)));
        Ok(Self { name, command, log: ground.folder.join(format!("{name}.log")), port, child: None })
    }

    /// Its name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Starts it, again after a kill.
    pub(super) fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("open {}", self.log.display()))?;
        self.command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = self.command.spawn();
        self.child = Some(child.with_context(|| format!("start {}: is it built beside `backstop`?", self.name))?);
        Ok(())
    }

    /// Waits until every partition is restored.
    pub(super) fn wait_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        let url = format!("http://127.0.0.1:{}/health/ready", self.port);
        while ureq::get(&url).call().is_err() {
            self.check()?;
            if begun.elapsed() > READY_LIMIT {
                bail!(
                    "{} was not ready within {} s; its log is {}",
                    self.name,
                    READY_LIMIT.as_secs(),
                    self.log.display()
                );
            }
            pause(ASK_EVERY);
        }
        Ok(())
    }

    /// An error when it has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else { bail!("{} was not started", self.name) };
        match child.try_wait()? {
            Some(status) => bail!("{} ended with {status}; its log is {}", self.name, self.log.display()),
            None => Ok(()),
        }
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().with_context(|| format!("kill {}", self.name))?;
        child.wait().with_context(|| format!("wait for the end of {}", self.name)).map(drop)
    }

    /// What it has taken since its start.
    pub(super) fn taken(&self) -> Result<Taken> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.name))?;
        Taken::by(child.id())
    }

    /// What it says of itself.
    pub(super) fn metrics(&self) -> Result<Metrics> {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        let mut answer = ureq::get(&url).call().with_context(|| format!("ask {} at {url}", self.name))?;
        Ok(read_metrics(&answer.body_mut().read_to_string()?))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Nobody is left who could be told.
        let _ = self.kill();
    }
}

/// All three.
pub(super) struct Services {
    /// In the order of the picture.
    pub(super) all: Vec<Service>,
}

impl Services {
    /// Starts them and waits until they are ready.
    pub(super) fn start(ground: &Ground) -> Result<Self> {
        let mut all = NAMES.iter().map(|name| Service::new(name, ground)).collect::<Result<Vec<_>>>()?;
        for service in &mut all {
            service.start()?;
        }
        for service in &mut all {
            service.wait_ready()?;
        }
        Ok(Self { all })
    }

    /// An error when one has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        self.all.iter_mut().try_for_each(Service::check)
    }

    /// What each has taken since its start.
    pub(super) fn taken(&self) -> Result<BTreeMap<String, Taken>> {
        self.all.iter().map(|service| Ok((service.name.to_owned(), service.taken()?))).collect()
    }

    /// What all say of themselves.
    pub(super) fn metrics(&self) -> Result<Metrics> {
        let each = self.all.iter().map(Service::metrics).collect::<Result<Vec<_>>>()?;
        Ok(each.into_iter().flatten().collect())
    }
}

/// Becomes a service, which the kernel kills when this program's parent ends: why it could not.
pub(super) fn become_guarded(program: &Path) -> anyhow::Error {
    let told = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let fault = told.map_or_else(std::io::Error::from, |()| Command::new(program).exec());
    anyhow::Error::from(fault).context(format!("start {}", program.display()))
}

/// The lines of Prometheus' text format, without those that describe.
fn read_metrics(text: &str) -> Metrics {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?))))
        .collect()
}

/// Below the range from which Linux takes ports for outgoing connections, of which there are many here: one of them must
/// not sit on a service's port before the service does. Above are the ports of the servers.
const PORTS: std::ops::Range<u16> = 10_000..15_000;

/// A port of this machine that nobody listens on, another one each time.
fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(PORTS.start);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        ensure!(PORTS.contains(&port), "no port from {} to {} is free on 127.0.0.1", PORTS.start, PORTS.end);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
}

/// The folder of this program, where the services are built too.
pub(super) fn own_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("find this program's own file")?;
    program.parent().map(Path::to_path_buf).context("this program's own file has no folder")
}

/// Lets others run for a moment, where a condition has to be asked for again and again, or a pace has to be kept.
#[expect(clippy::disallowed_methods, reason = "the pace of a load, and the interval at which somebody is asked")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_keeps_its_labels() {
        let text = "# HELP a b\nbackstop_restored_records{stage=\"fuse\",worker=\"fuse-0-0\"} 12\nup 1.5\nodd\n";
        let expected = [("backstop_restored_records{stage=\"fuse\",worker=\"fuse-0-0\"}", 12.0), ("up", 1.5)];
        assert_eq!(read_metrics(text), expected.map(|(name, value)| (name.to_owned(), value)));
    }
}
