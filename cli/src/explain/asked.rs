//! Who asks for an explanation, and the record of it, which is written before the answer. It does not know the answer.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use schemas::HouseholdCode;
use schemas::codec;
use schemas::records::ExplainRequest;

use crate::brokers::{Brokers, Handed, Publisher};
use crate::clickhouse::{self, Server};
use crate::topic;

/// The topic of the requests.
const TOPIC: &str = "explain.log";
/// Characters of a name at most.
const NAME_CHARS_MAX: usize = 200;

/// The request of the person who runs the command.
pub(super) fn request(household: HouseholdCode, asked_by: Option<&str>, answered_from: &str) -> Result<ExplainRequest> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock stands before 1970")?;
    let account = account();
    let asked_by = asked_by.unwrap_or(&account).trim();
    ensure!(!asked_by.is_empty(), "--asked-by must name somebody");
    ensure!(asked_by.chars().count() <= NAME_CHARS_MAX, "--asked-by has more than {NAME_CHARS_MAX} characters");
    Ok(ExplainRequest {
        asked_at_ms: since.as_millis() as i64,
        asked_by: asked_by.to_owned(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        household,
        answered_from: answered_from.to_owned(),
        account,
    })
}

/// The account that runs the command, by the number that the system gives, never by what the environment says.
fn account() -> String {
    let uid = rustix::process::getuid().as_raw();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(uid, &accounts).unwrap_or_else(|| format!("uid {uid}"))
}

/// The name of an account in the text of a passwd file: name, password, number, and more, separated by colons.
fn name_of(uid: u32, accounts: &str) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Writes the request into the topic.
pub(super) fn tell_topic(brokers: &Brokers, request: &ExplainRequest) -> Result<()> {
    // A broker that makes topics by itself would hide that the one for this was never set up.
    topic::partitions(&topic::consumer_of(brokers)?, TOPIC)?;
    let mut value = Vec::new();
    codec::encode(request, &mut value)?;
    let publisher = Publisher::open(brokers)?;
    let handed = publisher.send(TOPIC, &request.household.digits(), &value)?;
    ensure!(handed == Handed::Over, "the record of the request is too large");
    publisher.settle()
}

/// Writes the request into the table.
pub(super) fn tell_clickhouse(server: &Server, request: &ExplainRequest) -> Result<()> {
    let mut line = Vec::new();
    alert::archive::explain_row(request, &mut line).map_err(anyhow::Error::msg)?;
    let row = String::from_utf8(line).context("a row is text")?;
    let settings = "SETTINGS async_insert = 0, date_time_input_format = 'best_effort'";
    let insert = format!("INSERT INTO backstop.explain_log {settings} FORMAT JSONEachRow {row}");
    clickhouse::ask(server, &insert, |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_named_by_its_number() {
        let accounts = "root:x:0:0::/root:/bin/sh\nli:x:1000:1000::/home/li:/bin/sh\nbroken\n";
        assert_eq!(name_of(1000, accounts).as_deref(), Some("li"));
        assert_eq!(name_of(0, accounts).as_deref(), Some("root"));
        assert_eq!(name_of(7, accounts), None);
    }

    #[test]
    fn a_request_names_who_asks_and_refuses_to_name_nobody() {
        let household = HouseholdCode::parse("4310231012050007").expect("a code");
        let named = request(household, Some(" auditor "), "topics").expect("a request");
        assert_eq!((named.asked_by.as_str(), named.answered_from.as_str()), ("auditor", "topics"));
        let unnamed = request(household, None, "clickhouse").expect("a request");
        assert_eq!(unnamed.asked_by, unnamed.account);
        assert!(request(household, Some("  "), "topics").is_err());
        assert!(request(household, Some(&"x".repeat(201)), "topics").is_err());
    }
}
