//! Apache Kafka, one node in KRaft mode, from the artefacts that the project publishes for Maven.
//! Does not know which topics it will hold.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::secured;
use crate::packages;
use crate::shell::{run_quietly, say};

/// The version of Kafka, and of the logger that its class path needs. `deploy/compose` uses the same Kafka.
pub(super) const VERSION: &str = "4.3.1";
const LOGGER_VERSION: &str = "2.25.3";
/// Names the cluster: 16 bytes in base64, the same for every run, since a data folder belongs to one run.
const CLUSTER_ID: &str = "QmFja3N0b3BMb2NhbFJ1bg";
/// The Metadata request, version 4, for all topics: what every client asks first. Big-endian: length, key, version,
/// correlation, no client id, no list of topics, no topic creation.
const METADATA_REQUEST: [u8; 19] = [0, 0, 0, 15, 0, 3, 0, 4, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 0];

/// The folder with Kafka's jars, fetched on first use.
pub(super) fn fetch() -> Result<PathBuf> {
    packages::install(&[packages::KAFKA])?;
    crate::cache::once(&format!("kafka-{VERSION}"), |folder| {
        say(format!("fetching Apache Kafka {VERSION} (54 MB)"));
        fs::write(folder.join("pom.xml"), pom()).context("write pom.xml")?;
        let mut copy = Command::new("mvn");
        copy.current_dir(folder).args(["-q", "-B", "dependency:copy-dependencies"]);
        run_quietly(copy.args(["-DincludeScope=runtime", "-DoutputDirectory=libs"]))?;
        let jar = folder.join(format!("libs/kafka_2.13-{VERSION}.jar"));
        ensure!(jar.is_file(), "Maven succeeded, yet {} is missing", jar.display());
        Ok(())
    })
}

fn pom() -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>kafka-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{LOGGER_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"
    )
}

/// The command that runs Kafka on `ports` (clients, controller, and where they are wanted the secured listener and the
/// one behind the proxy on port `proxied`) with its data in `folder`; formats it on first use.
pub(super) fn command(folder: &Path, ports: &[u16], proxied: Option<u16>) -> Result<Command> {
    let libraries = fetch()?.join("libs/*");
    let (ports, proxied) = match (proxied, ports.split_last()) {
        (Some(proxy), Some((listener, others))) => (others, Some((*listener, proxy))),
        _ => (ports, None),
    };
    let [port, controller_port, secured_port @ ..] = ports else { anyhow::bail!("Kafka needs two ports at least") };
    let settings = folder.join("server.properties");
    let data = folder.join("data");
    let logger = folder.join("log4j2.properties");
    fs::create_dir_all(&data).with_context(|| format!("create {}", data.display()))?;
    let mut text = properties(&data, *port, *controller_port, secured_port.first().copied(), proxied);
    if !secured_port.is_empty() {
        secured::prepare(folder)?;
        text.push_str(&secured::properties(folder));
    }
    fs::write(&settings, text).context("write server.properties")?;
    fs::write(&logger, LOGGER).context("write log4j2.properties")?;
    let java = || {
        let mut java = Command::new("java");
        java.arg("-cp").arg(&libraries).arg(format!("-Dlog4j2.configurationFile={}", logger.display()));
        java
    };
    if !data.join("meta.properties").is_file() {
        let mut format = java();
        format.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]).arg(&settings);
        // Without the secured listener as well: a later start on the same data may have it.
        format.arg("--add-scram").arg(secured::user());
        run_quietly(&mut format)?;
    }
    let mut server = java();
    server.args(["-Xms256m", "-Xmx1g", "kafka.Kafka"]).arg(&settings);
    Ok(server)
}

fn properties(
    data: &Path,
    port: u16,
    controller_port: u16,
    secured_port: Option<u16>,
    proxied: Option<(u16, u16)>,
) -> String {
    let data = data.display();
    let secured = secured_port.map_or_else(String::new, |port| format!(",SECURED://127.0.0.1:{port}"));
    let named = |port: u16| format!(",PROXIED://127.0.0.1:{port}");
    let (behind, proxy) = proxied.map_or_else(Default::default, |(listener, proxy)| (named(listener), named(proxy)));
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{secured}{behind}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{secured}{proxy}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL,PROXIED:PLAINTEXT
log.dirs={data}
# One node keeps one copy of everything.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Few local clients: fewer files, quicker start.
offsets.topic.num.partitions=8
transaction.state.log.num.partitions=8
# A first member does not wait for others, and nothing is created by a typing error.
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"
    )
}

const LOGGER: &str = "status = warn
appenders = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
";

/// Asks the broker for its metadata; it is ready when it names itself.
pub(super) fn ready(ports: &[u16]) -> Result<(), String> {
    let port = ports.first().copied().unwrap_or_default();
    let brokers = brokers(port).map_err(|fault| format!("no metadata from 127.0.0.1:{port}: {fault}"))?;
    if brokers > 0 { Ok(()) } else { Err("its metadata has no broker yet".to_owned()) }
}

/// How many brokers the metadata names. The answer: length, correlation, throttle time, number of brokers, ...
fn brokers(port: u16) -> std::io::Result<u32> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(&METADATA_REQUEST)?;
    let mut answer = [0; 16];
    stream.read_exact(&mut answer)?;
    let [.., a, b, c, d] = answer;
    Ok(u32::from_be_bytes([a, b, c, d]))
}
