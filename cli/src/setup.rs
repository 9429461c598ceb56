//! `backstop setup`: creates the topics and tables that `deploy/` describes, and reports what differs from them.
//! The same step for a laptop and for production. Does not know what the topics and tables hold.

mod tables;
mod topics;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

/// Which servers to prepare, and from which files.
#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    /// Kafka's brokers, HOST:PORT separated by commas.
    #[arg(long, env = "BACKSTOP_KAFKA")]
    brokers: String,
    /// ClickHouse's HTTP address, as http://HOST:PORT.
    #[arg(long, env = "BACKSTOP_CLICKHOUSE")]
    clickhouse: String,
    /// Which partitions and copies topics get: a profile of deploy/kafka/topics.yaml.
    #[arg(long, default_value = "local")]
    profile: String,
    /// The folder that holds `kafka/topics.yaml` and `clickhouse/*.sql`.
    #[arg(long, default_value = "deploy")]
    deploy: PathBuf,
    /// A setting of the Kafka client, KEY=VALUE, repeatable: how to log in to production's brokers.
    #[arg(long, value_parser = setting)]
    kafka_setting: Vec<(String, String)>,
    /// The ClickHouse user who may create tables.
    #[arg(long, default_value = "default")]
    clickhouse_user: String,
    /// A file that holds this user's password; without it the password is empty.
    #[arg(long)]
    clickhouse_password_file: Option<PathBuf>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    pair.ok_or_else(|| format!("`{text}` is not KEY=VALUE"))
}

/// A topic as a log in one process needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Its name.
    pub(crate) name: String,
    /// Its partitions.
    pub(crate) partitions: i32,
    /// Whether only the latest record of each key matters.
    pub(crate) compacted: bool,
}

/// The topics of a profile, as `deploy/kafka/topics.yaml` describes them.
pub(crate) fn shapes(path: &std::path::Path, profile: &str) -> Result<Vec<Shape>> {
    Ok(topics::read(path, profile)?.iter().map(topics::Topic::shape).collect())
}

/// Creates the topics of a profile that are missing on brokers that ask for no login, and compares all. Each of `beside`,
/// an existing name and another one, becomes a topic like the existing one.
pub(crate) fn create_topics(
    brokers: &str,
    deploy: &std::path::Path,
    profile: &str,
    beside: &[(String, String)],
) -> Result<()> {
    let mut wanted = topics::read(&deploy.join("kafka/topics.yaml"), profile)?;
    for (existing, name) in beside {
        let like = wanted.iter().find(|topic| topic.shape().name == *existing);
        let like = like.with_context(|| format!("deploy/kafka/topics.yaml has no topic {existing}"))?;
        wanted.push(like.named(name));
    }
    topics::apply(brokers, &[], &wanted).map(drop)
}

/// Creates the tables that are missing on a ClickHouse that asks for no password.
pub(crate) fn create_tables(url: &str, deploy: &std::path::Path) -> Result<()> {
    let server = tables::Server { url: url.to_owned(), user: "default".to_owned(), password: String::new() };
    tables::apply(&server, &tables::read(&deploy.join("clickhouse"))?)
}

/// Creates what is missing. Running it again changes nothing.
///
/// # Errors
/// When a file of `deploy/` is wrong, a server cannot be reached, or something exists that differs from its
/// description: then every difference is named.
pub(crate) fn run(args: SetupArgs) -> Result<()> {
    let wanted = topics::read(&args.deploy.join("kafka/topics.yaml"), &args.profile)?;
    let statements = tables::read(&args.deploy.join("clickhouse"))?;
    let password = match &args.clickhouse_password_file {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?,
        None => String::new(),
    };
    let created = topics::apply(&args.brokers, &args.kafka_setting, &wanted)?;
    say(&format!("topics: {created} created, {} were there and are as described", wanted.len() - created));
    let server =
        tables::Server { url: args.clickhouse, user: args.clickhouse_user, password: password.trim_end().to_owned() };
    tables::apply(&server, &statements)?;
    say(&format!("tables: {} statements applied", statements.len()));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
