//! The sections that every service has. Each setting has a default; what must be given has an empty one and is
//! checked. It knows no service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Faults;
use crate::worker::Bounds;

/// A section of the settings. Derive `Deserialize` with `#[serde(default, deny_unknown_fields)]`.
pub trait Section: DeserializeOwned + Default {
    /// Its name in the file, and in upper case in the environment.
    const NAME: &'static str;

    /// Notes every fault of the values, each under `section.key`.
    fn check(&self, faults: &mut Faults);
}

/// For a service without settings of its own.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoSection {}

impl Section for NoSection {
    const NAME: &'static str = "";

    fn check(&self, _: &mut Faults) {}
}

/// What every service has.
#[derive(Clone, Debug, Default)]
pub struct RuntimeSettings {
    /// `[kafka]`
    pub kafka: KafkaSettings,
    /// `[worker]`
    pub worker: WorkerSettings,
    /// `[metrics]`
    pub metrics: MetricsSettings,
    /// `[log]`
    pub log: LogSettings,
    /// `[clickhouse]`
    pub clickhouse: ClickHouseSettings,
}

/// How brokers are talked to.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// In the clear.
    #[default]
    Plaintext,
    /// Over TLS.
    Ssl,
    /// With a user, in the clear.
    SaslPlaintext,
    /// With a user, over TLS.
    SaslSsl,
}

/// How a user proves himself.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Password in the clear; only over TLS.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Salted challenge, SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Salted challenge, SHA-512.
    #[default]
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// `[kafka]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSettings {
    /// `host:port`, several with commas. Must be given.
    pub brokers: String,
    /// Default `plaintext`.
    pub protocol: Protocol,
    /// Default `SCRAM-SHA-512`; used with the `sasl_` protocols.
    pub sasl_mechanism: SaslMechanism,
    /// The user, with the `sasl_` protocols.
    pub username: String,
    /// A file whose first line is the password.
    pub password_file: PathBuf,
    /// Certificates (PEM) that sign the brokers'; empty: those of the system.
    pub ca_file: PathBuf,
}

impl KafkaSettings {
    /// Whether a user is named to the broker.
    pub fn has_user(&self) -> bool {
        matches!(self.protocol, Protocol::SaslPlaintext | Protocol::SaslSsl)
    }
}

impl Section for KafkaSettings {
    const NAME: &'static str = "kafka";

    fn check(&self, faults: &mut Faults) {
        let is_address = |broker: &str| {
            broker.trim().rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        faults.unless(
            self.brokers.split(',').all(is_address),
            "kafka.brokers",
            "must be given as host:port, several with commas",
        );
        if self.has_user() {
            faults.unless(!self.username.is_empty(), "kafka.username", "must be given with a sasl_ protocol");
            check_file(faults, "kafka.password_file", &self.password_file, true);
        }
        check_file(faults, "kafka.ca_file", &self.ca_file, false);
    }
}

/// `[worker]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerSettings {
    /// The ordinal of this instance among those of the same service; two running with the same one fence each other.
    pub instance_ordinal: u32,
    /// Threads per stage, each with its own clients and partitions.
    pub workers: u32,
    /// A transaction closes at so many records ...
    pub transaction_records: usize,
    /// ... or bytes ...
    pub transaction_bytes: usize,
    /// ... or milliseconds.
    pub transaction_ms: u64,
    /// How long a shutdown may take before the process ends hard, in milliseconds.
    pub drain_limit_ms: u64,
    /// Records above this many bytes are not looked into by a stage; also the largest record it may publish.
    pub record_bytes_max: usize,
    /// A folder for snapshots of the state, so that a restart reads only the tail of its changelogs; empty: none are kept.
    /// Each worker has a folder of its own in it. It needs about three times the bytes of the state.
    pub snapshots: PathBuf,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            instance_ordinal: 0,
            workers: 1,
            transaction_records: 100_000,
            transaction_bytes: 32 << 20,
            transaction_ms: 100,
            drain_limit_ms: 20_000,
            record_bytes_max: 1_000_000,
            snapshots: PathBuf::new(),
        }
    }
}

impl WorkerSettings {
    /// When a transaction closes.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            records: self.transaction_records,
            bytes: self.transaction_bytes,
            time: Some(Duration::from_millis(self.transaction_ms)),
            ..Bounds::default()
        }
    }
}

impl WorkerSettings {
    /// The folder for the snapshots of a worker, where they are kept.
    pub fn snapshots_of(&self, worker: &str) -> Option<PathBuf> {
        (!self.snapshots.as_os_str().is_empty()).then(|| self.snapshots.join(worker))
    }
}

impl Section for WorkerSettings {
    const NAME: &'static str = "worker";

    fn check(&self, faults: &mut Faults) {
        let within = |faults: &mut Faults, setting: &str, value: u64, low: u64, high: u64| {
            let what = format!("{value} is not between {low} and {high}");
            faults.unless((low..=high).contains(&value), setting, what);
        };
        within(faults, "worker.workers", u64::from(self.workers), 1, 256);
        within(faults, "worker.transaction_records", self.transaction_records as u64, 1, 400_000);
        within(faults, "worker.transaction_bytes", self.transaction_bytes as u64, 1, 128 << 20);
        // The transaction's own timeout is 15 s.
        within(faults, "worker.transaction_ms", self.transaction_ms, 1, 5_000);
        within(faults, "worker.drain_limit_ms", self.drain_limit_ms, 100, 600_000);
        within(faults, "worker.record_bytes_max", self.record_bytes_max as u64, 1_000, 64 << 20);
        if !self.snapshots.as_os_str().is_empty()
            && let Err(error) = std::fs::create_dir_all(&self.snapshots)
        {
            faults.add("worker.snapshots", format!("cannot make {}: {error}", self.snapshots.display()));
        }
    }
}

/// `[metrics]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSettings {
    /// Where `/metrics`, `/health/live` and `/health/ready` listen.
    pub address: String,
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self { address: "127.0.0.1:9464".to_owned() }
    }
}

impl Section for MetricsSettings {
    const NAME: &'static str = "metrics";

    fn check(&self, faults: &mut Faults) {
        let is_address = self.address.parse::<SocketAddr>().is_ok();
        faults.unless(is_address, "metrics.address", format!("{} is no address such as 0.0.0.0:9464", self.address));
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// Default `text`.
    pub format: LogFormat,
    /// A level, or directives such as `info,runtime=debug`. Default `info`.
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Section for LogSettings {
    const NAME: &'static str = "log";

    fn check(&self, faults: &mut Faults) {
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.level) {
            faults.add("log.level", format!("{} cannot be read: {error}", self.level));
        }
    }
}

/// `[clickhouse]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClickHouseSettings {
    /// Its HTTP address, such as `http://127.0.0.1:8123`; empty where the service archives nothing.
    pub url: String,
    /// The user. Default `default`.
    pub user: String,
    /// A file whose first line is the password; empty for none.
    pub password_file: PathBuf,
    /// The database. Default `backstop`.
    pub database: String,
}

impl Default for ClickHouseSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            user: "default".to_owned(),
            password_file: PathBuf::new(),
            database: "backstop".to_owned(),
        }
    }
}

impl Section for ClickHouseSettings {
    const NAME: &'static str = "clickhouse";

    fn check(&self, faults: &mut Faults) {
        // The client is built without TLS; a proxy beside the service adds it.
        let is_url = self.url.is_empty() || self.url.starts_with("http://");
        faults.unless(is_url, "clickhouse.url", format!("{} must begin with http://", self.url));
        check_file(faults, "clickhouse.password_file", &self.password_file, false);
    }
}

fn check_file(faults: &mut Faults, setting: &str, file: &std::path::Path, must_be_given: bool) {
    if file.as_os_str().is_empty() {
        faults.unless(!must_be_given, setting, "must be given");
    } else if let Err(error) = std::fs::File::open(file) {
        faults.add(setting, format!("cannot open {}: {error}", file.display()));
    }
}

/// The first line of a secret's file; empty for an empty path.
pub fn read_secret(setting: &str, file: &std::path::Path) -> Result<String, Faults> {
    if file.as_os_str().is_empty() {
        return Ok(String::new());
    }
    std::fs::read_to_string(file).map(|text| text.lines().next().unwrap_or_default().to_owned()).map_err(|error| {
        let mut faults = Faults::default();
        faults.add(setting, format!("cannot read {}: {error}", file.display()));
        faults
    })
}
