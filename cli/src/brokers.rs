//! Which brokers a command talks to, and the producer with which departments publish. It does not know what is
//! published.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

/// How long a broker may take for one request.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Which brokers, and how to log in to them.
#[derive(Clone, Debug, Args)]
pub(crate) struct Brokers {
    /// Kafka's brokers, HOST:PORT separated by commas.
    #[arg(long, env = "BACKSTOP_KAFKA")]
    pub(crate) brokers: String,
    /// A setting of the Kafka client, KEY=VALUE, repeatable: how to log in to production's brokers.
    #[arg(long, value_parser = setting)]
    pub(crate) kafka_setting: Vec<(String, String)>,
}

/// Reads KEY=VALUE.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    pair.ok_or_else(|| format!("`{text}` is not KEY=VALUE"))
}

impl Brokers {
    /// Brokers that ask for no login.
    pub(crate) fn plain(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned(), kafka_setting: Vec::new() }
    }

    /// The settings of a client; further ones can be added.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        for (key, value) in &self.kafka_setting {
            config.set(key, value);
        }
        config
    }
}

/// Waits until the brokers have everything that was handed over, or the limit is met. The client's own flush, which
/// a commit begins with, looks only every 100 ms; after this it has nothing left to wait for.
pub(crate) fn drain<C: ProducerContext>(producer: &BaseProducer<C>, limit: Duration) {
    let begun = Instant::now();
    while producer.in_flight_count() > 0 && begun.elapsed() < limit {
        producer.poll(Duration::from_millis(1));
    }
}

/// Counts what the brokers did not take.
#[derive(Clone, Default)]
struct Deliveries {
    failed: Arc<AtomicU64>,
    first: Arc<Mutex<Option<KafkaError>>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed.fetch_add(1, Ordering::Relaxed);
            if let Ok(mut first) = self.first.lock() {
                first.get_or_insert_with(|| error.clone());
            }
        }
    }
}

/// Publishes records one after another and knows when the brokers have all of them.
pub(crate) struct Publisher {
    producer: BaseProducer<Deliveries>,
    deliveries: Deliveries,
}

/// What became of a record that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handed {
    /// It is on its way.
    Over,
    /// It is longer than the client's `message.max.bytes`: the brokers would refuse it.
    TooLarge,
}

impl Publisher {
    /// A publisher whose records arrive in order and once, as long as it lives.
    pub(crate) fn open(brokers: &Brokers) -> Result<Self> {
        let deliveries = Deliveries::default();
        let producer = brokers
            .config()
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("batch.num.messages", "10000")
            .set("queue.buffering.max.messages", "500000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("delivery.report.only.error", "true")
            // As the Java client; librdkafka's own default is another.
            .set("partitioner", "murmur2_random")
            .create_with_context(deliveries.clone())
            .context("the Kafka client refuses its settings: check --kafka-setting")?;
        Ok(Self { producer, deliveries })
    }

    /// Hands a record over, waiting while the queue to the brokers is full.
    pub(crate) fn send(&self, topic: &str, key: &[u8], value: &[u8]) -> Result<Handed> {
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(Handed::Over),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.producer.poll(Duration::from_millis(50));
                    self.check()?;
                    record = back;
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                    return Ok(Handed::TooLarge);
                }
                Err((error, _)) => return Err(error).with_context(|| format!("publish to {topic}")),
            }
        }
    }

    /// Waits until the brokers have everything that was handed over.
    pub(crate) fn settle(&self) -> Result<()> {
        drain(&self.producer, REQUEST_LIMIT * 4);
        self.producer.flush(REQUEST_LIMIT).context("the brokers do not take what is published: are they up?")?;
        self.check()
    }

    fn check(&self) -> Result<()> {
        let failed = self.deliveries.failed.load(Ordering::Relaxed);
        if failed == 0 {
            return Ok(());
        }
        let first = self.deliveries.first.lock().ok().and_then(|first| first.clone());
        let first = first.map_or_else(String::new, |error| error.to_string());
        bail!("the brokers did not take {failed} records; the first because: {first}. Publish the day again")
    }
}
