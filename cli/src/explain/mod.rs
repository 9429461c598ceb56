//! `backstop explain`: why the picture of a household is as it is, for a verifier at the door and an auditor. Who asks
//! is written down before anything is read. It changes nothing else.

mod answer;
mod asked;
mod gather;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod trace;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use schemas::HouseholdCode;

use crate::brokers::{Brokers, setting};
use crate::clickhouse::Server;
use crate::columns::tell;
use crate::topic;

/// Which household, and where to read.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("place").required(true).args(["brokers", "clickhouse"])))]
pub(crate) struct ExplainArgs {
    /// The household's code of 16 digits.
    #[arg(value_parser = household)]
    household: HouseholdCode,
    /// Read the topics: Kafka's brokers, HOST:PORT separated by commas.
    #[arg(long)]
    brokers: Option<String>,
    /// A setting of the Kafka client, KEY=VALUE, repeatable: how to log in to production's brokers.
    #[arg(long, value_parser = setting, requires = "brokers")]
    kafka_setting: Vec<(String, String)>,
    /// Read the archive: ClickHouse's HTTP address, as http://HOST:PORT.
    #[arg(long)]
    clickhouse: Option<String>,
    /// The ClickHouse user, who may read the archive and add to `explain_log`.
    #[arg(long, default_value = "default", requires = "clickhouse")]
    clickhouse_user: String,
    /// A file that holds this user's password; without it the password is empty.
    #[arg(long, requires = "clickhouse")]
    clickhouse_password_file: Option<PathBuf>,
    /// Who asks; without it the account that runs the command. Both are written down.
    #[arg(long)]
    asked_by: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

fn household(text: &str) -> Result<HouseholdCode, String> {
    HouseholdCode::parse(text).map_err(|fault| fault.to_string())
}

fn server(args: &ExplainArgs, url: &str) -> Result<Server> {
    let password = match &args.clickhouse_password_file {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?,
        None => String::new(),
    };
    Ok(Server { url: url.to_owned(), user: args.clickhouse_user.clone(), password: password.trim_end().to_owned() })
}

/// Writes down who asks, then answers.
pub(crate) fn run(args: &ExplainArgs) -> Result<()> {
    const UNLOGGED: &str = "who asks cannot be written down, so there is no answer";
    let asked_by = args.asked_by.as_deref();
    let found = match (&args.brokers, &args.clickhouse) {
        (Some(brokers), _) => {
            let brokers = Brokers { brokers: brokers.clone(), kafka_setting: args.kafka_setting.clone() };
            let request = asked::request(args.household, asked_by, "topics")?;
            asked::tell_topic(&brokers, &request).context(UNLOGGED)?;
            gather::from_topics(&topic::consumer_of(&brokers)?, args.household)?
        }
        (None, Some(url)) => {
            let request = asked::request(args.household, asked_by, "clickhouse")?;
            let server = server(args, url)?;
            asked::tell_clickhouse(&server, &request).context(UNLOGGED)?;
            gather::from_clickhouse(&server, args.household)?
        }
        (None, None) => bail!("give --brokers or --clickhouse"),
    };
    let Some(answer) = answer::of(&args.household.to_string(), &found) else {
        bail!("nothing was ever said of household {}: is the code right?", args.household)
    };
    tell(&if args.json { serde_json::to_string_pretty(&answer)? } else { text::of(&answer) })
}

/// The explanation as text from the topics and from ClickHouse, for the audit, which compares them. Nobody sees it, so
/// nobody is written down.
pub(crate) fn both(brokers: &str, clickhouse: &str, household: HouseholdCode) -> Result<[String; 2]> {
    let consumer = topic::consumer(brokers)?;
    let of = |found| answer::of(&household.to_string(), &found).map(|answer| text::of(&answer)).unwrap_or_default();
    let server = Server::plain(clickhouse);
    Ok([of(gather::from_topics(&consumer, household)?), of(gather::from_clickhouse(&server, household)?)])
}
