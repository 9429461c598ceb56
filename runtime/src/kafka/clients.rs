//! The settings of every Kafka client (`kafka.md` of the frame gives a reason for each). It knows no loop.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::limits::Limits;
use crate::config::{Faults, KafkaSettings, Protocol, SaslMechanism, read_secret};
use crate::log::LogError;

/// How long a call to the broker outside a transaction may take.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// When the watchdog ends the process: a commit flushes, adds its offsets and commits, each within
/// [`Limits::transaction_call`].
pub(super) const WATCHDOG_LIMIT: Duration = Duration::from_mins(1);
/// What a record may be larger than `record_bytes_max` by, on the wire.
const RECORD_OVERHEAD_BYTES: usize = 4096;

/// The names of one worker towards the brokers.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The consumer group: the stage's name.
    pub(crate) group: String,
    /// `<stage>-<ordinal>-<worker>`: stable, and different between stages, so that they do not fence each other.
    pub(crate) id: String,
}

/// Who talks to the brokers, and how.
#[derive(Clone, Debug)]
pub struct Connection {
    base: BTreeMap<&'static str, String>,
    limits: Limits,
}

impl Connection {
    /// Reads the password file. The faults name the settings.
    pub fn new(settings: &KafkaSettings) -> Result<Self, Faults> {
        let mut base = BTreeMap::new();
        base.insert("bootstrap.servers", settings.brokers.clone());
        base.insert("socket.keepalive.enable", "true".to_owned());
        base.insert("reconnect.backoff.max.ms", "2000".to_owned());
        let protocol = match settings.protocol {
            Protocol::Plaintext => "plaintext",
            Protocol::Ssl => "ssl",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslSsl => "sasl_ssl",
        };
        base.insert("security.protocol", protocol.to_owned());
        if !settings.ca_file.as_os_str().is_empty() {
            base.insert("ssl.ca.location", settings.ca_file.display().to_string());
        }
        if settings.has_user() {
            let mechanism = match settings.sasl_mechanism {
                SaslMechanism::Plain => "PLAIN",
                SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
                SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            base.insert("sasl.mechanism", mechanism.to_owned());
            base.insert("sasl.username", settings.username.clone());
            let password = read_secret("kafka.password_file", &settings.password_file)?;
            let mut faults = Faults::default();
            faults.unless(!password.is_empty(), "kafka.password_file", "its first line, the password, is empty");
            faults.into_result()?;
            base.insert("sasl.password", password);
        }
        Ok(Self { base, limits: Limits::default() })
    }

    /// The same with other limits.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The addresses that the settings name.
    pub(super) fn brokers(&self) -> &str {
        self.base.get("bootstrap.servers").map_or("", String::as_str)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A client configuration with nothing but the connection.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in &self.base {
            config.set(*key, value);
        }
        config
    }

    /// The consumer of a group; `queue_bytes` of records wait in it at most.
    pub(super) fn group_consumer(&self, identity: &Identity, queue_bytes: usize) -> ClientConfig {
        let mut config = self.fetching();
        config
            .set("group.id", &identity.group)
            .set("client.id", &identity.id)
            .set("group.instance.id", &identity.id)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "15000")
            .set("max.poll.interval.ms", "300000")
            .set("auto.offset.reset", "error")
            .set("queued.min.messages", "200000")
            .set("queued.max.messages.kbytes", (queue_bytes >> 10).to_string())
            .set("statistics.interval.ms", "5000");
        config
    }

    /// A consumer that assigns its partitions itself and reads them to their end. Its group is never joined, but
    /// librdkafka delivers nothing to a consumer without one.
    pub(super) fn reader(&self, identity: &Identity) -> ClientConfig {
        let mut config = self.fetching();
        config
            .set("group.id", format!("{}.reader", identity.group))
            .set("client.id", format!("{}-reader", identity.id))
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("queued.max.messages.kbytes", "65536");
        config
    }

    /// A client that asks for high watermarks: `isolation.level` decides what a watermark query answers.
    pub(super) fn watermarks(&self, identity: &Identity) -> ClientConfig {
        let mut config = self.config();
        config.set("client.id", format!("{}-watermarks", identity.id)).set("isolation.level", "read_uncommitted");
        config
    }

    /// A producer of a worker; `name` is that of its transactions.
    pub(super) fn transactional_producer(
        &self,
        identity: &Identity,
        name: &str,
        record_bytes_max: usize,
    ) -> ClientConfig {
        let mut config = self.config();
        config
            .set("client.id", &identity.id)
            .set("transactional.id", name)
            .set("transaction.timeout.ms", self.limits.transaction.as_millis().to_string())
            .set("message.timeout.ms", self.limits.delivery.as_millis().to_string())
            .set("linger.ms", "20")
            .set("batch.num.messages", "10000")
            .set("batch.size", "1000000")
            .set("compression.type", "lz4")
            .set("message.max.bytes", (record_bytes_max + RECORD_OVERHEAD_BYTES).to_string())
            .set("queue.buffering.max.messages", self.limits.queue_records.to_string())
            .set("queue.buffering.max.kbytes", "262144")
            .set("delivery.report.only.error", "true")
            .set("partitioner", "murmur2_random");
        config
    }

    fn fetching(&self) -> ClientConfig {
        let mut config = self.config();
        config
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.min.bytes", "65536")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.message.max.bytes", "4194304")
            .set("fetch.queue.backoff.ms", "20")
            .set("check.crcs", "true");
        config
    }
}

/// A client that only asks: its log lines go to tracing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}

/// A line of librdkafka's own log. It repeats itself while a broker is away, so that it is for those who look.
pub(super) fn log_line(level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
}

/// What an error means to the person who runs this, with the setting to look at.
pub(super) fn explain(code: RDKafkaErrorCode) -> String {
    let advice = match code {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
            "the broker refuses the user: see kafka.username, kafka.password_file and kafka.sasl_mechanism"
        }
        RDKafkaErrorCode::SSL => "no TLS with the broker: see kafka.protocol and kafka.ca_file",
        RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::GroupAuthorizationFailed
        | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            "the user of kafka.username may not do this: see the broker's access rules"
        }
        RDKafkaErrorCode::AllBrokersDown
        | RDKafkaErrorCode::BrokerTransportFailure
        | RDKafkaErrorCode::Resolve
        | RDKafkaErrorCode::OperationTimedOut => "no broker answers: see kafka.brokers and kafka.protocol",
        RDKafkaErrorCode::FencedInstanceId => "another process runs with the same worker.instance_ordinal",
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => {
            "the topic does not exist: create it first"
        }
        RDKafkaErrorCode::MessageSizeTooLarge => {
            "a record is larger than worker.record_bytes_max: raise that, and max.message.bytes of the topic with it"
        }
        _ => return code.to_string(),
    };
    format!("{advice} ({code})")
}

/// The same of any error of the client.
pub(super) fn explained(error: &KafkaError) -> String {
    match (error, error.rdkafka_error_code()) {
        (KafkaError::Transaction(inner), Some(code)) => format!("{inner}: {}", explain(code)),
        (_, Some(code)) => explain(code),
        (_, None) => error.to_string(),
    }
}

/// A client could not be made.
pub(super) fn settings_refused(error: &KafkaError) -> LogError {
    LogError::Halt(format!("the Kafka client refuses its settings: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_setting_to_look_at() {
        let rows = [
            (RDKafkaErrorCode::Authentication, "kafka.password_file"),
            (RDKafkaErrorCode::SaslAuthenticationFailed, "kafka.username"),
            (RDKafkaErrorCode::AllBrokersDown, "kafka.brokers"),
            (RDKafkaErrorCode::SSL, "kafka.ca_file"),
            (RDKafkaErrorCode::FencedInstanceId, "worker.instance_ordinal"),
            (RDKafkaErrorCode::MessageSizeTooLarge, "worker.record_bytes_max"),
        ];
        for (code, setting) in rows {
            let line = explain(code);
            assert!(line.contains(setting) && !line.contains('\n'), "{line}");
        }
    }
}
