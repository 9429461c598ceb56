//! The services as processes of their own, one instance or several of each, for the demo and the soak. Does not know
//! what flows through them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::servers::{self, Life, Process};
use crate::shell;

/// How long a service may take until it is ready.
const READY_LIMIT: Duration = Duration::from_mins(2);
/// The services, in the order of the picture.
pub(crate) const SERVICES: [&str; 3] = ["ingest", "fuse", "alert"];

/// What services need to run.
pub(crate) struct Surroundings<'a> {
    /// Where their logs go.
    pub(crate) folder: &'a Path,
    /// `host:port` of Kafka.
    pub(crate) kafka: &'a str,
    /// ClickHouse's HTTP address as a URL.
    pub(crate) clickhouse: &'a str,
    /// The key of the pseudonyms.
    pub(crate) key_file: &'a Path,
}

/// Writes a fresh key for the pseudonyms of a run into its folder: 64 letters of 4 random bits each.
pub(crate) fn write_key(folder: &Path) -> Result<PathBuf> {
    let mut bytes = [0_u8; 64];
    let mut random = fs::File::open("/dev/urandom").context("open /dev/urandom for the key of the pseudonyms")?;
    std::io::Read::read_exact(&mut random, &mut bytes).context("read /dev/urandom")?;
    let key: String = bytes.iter().map(|byte| char::from(b'a' + byte % 16)).collect();
    let file = folder.join("pseudonym.key");
    fs::write(&file, key).with_context(|| format!("write {}", file.display()))?;
    Ok(file)
}

/// One instance of a service.
pub(crate) struct Service {
    /// Which service.
    pub(crate) name: &'static str,
    /// Which of its instances, from 0.
    pub(crate) ordinal: u32,
    /// The port of its metrics.
    pub(crate) port: u16,
    /// Its log.
    pub(crate) log: PathBuf,
    command: Command,
    process: Option<Process>,
}

impl Service {
    /// An instance that is not started yet.
    pub(crate) fn new(name: &'static str, ordinal: u32, port: u16, around: &Surroundings<'_>) -> Result<Self> {
        let mut command = Command::new(shell::target()?.join("fast").join(name));
        command.current_dir(shell::root()?);
        command.env("BACKSTOP_KAFKA__BROKERS", around.kafka);
        command.env("BACKSTOP_METRICS__ADDRESS", format!("127.0.0.1:{port}"));
        command.env("BACKSTOP_WORKER__INSTANCE_ORDINAL", ordinal.to_string());
        // The city waits for each day at the end of the pipeline, so a day should not cost four long transactions.
        command.env("BACKSTOP_WORKER__TRANSACTION_MS", "25");
        if name == "ingest" {
            command.env("BACKSTOP_INGEST__KEY_FILE", around.key_file).env("BACKSTOP_INGEST__SCHEMAS", "schemas/feeds");
        }
        if name == "alert" {
            command.env("BACKSTOP_CLICKHOUSE__URL", around.clickhouse);
        }
        let log =
            around.folder.join(if ordinal == 0 { format!("{name}.log") } else { format!("{name}-{ordinal}.log") });
        Ok(Self { name, ordinal, port, log, command, process: None })
    }

    /// Starts it, again after a kill.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.process = Some(Process::start(self.name, &self.command, &self.log, Life::WithThisProgram)?);
        Ok(())
    }

    /// Waits until every partition that it owns is restored.
    pub(crate) fn wait_ready(&mut self) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/health/ready", self.port);
        let Some(process) = &mut self.process else { bail!("{} was not started", self.name) };
        process.wait_until(READY_LIMIT, || servers::http_ok(&url))
    }

    /// How it ended by itself, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.process.as_mut().and_then(Process::ended)
    }

    /// The end of its log.
    pub(crate) fn tail(&self) -> String {
        self.process.as_ref().map(Process::log_tail).unwrap_or_default()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGSTOP: it stands still, and does not know it.
    pub(crate) fn hold(&self) {
        if let Some(process) = &self.process {
            process.hold();
        }
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        if let Some(process) = &self.process {
            process.go_on();
        }
    }

    /// SIGTERM, and SIGKILL after a limit.
    pub(crate) fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.end();
        }
    }
}
