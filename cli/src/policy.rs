//! `backstop policy check` and `policy apply`: reads policy and wording files, tells every fault at once, and publishes
//! what is sound to the topic `policies`. What a policy means is `alert_core`'s business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alert_core::policy::{Book, Document, WORDING_KEY_PREFIX, unsaid};
use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand};
use schemas::Day;
use schemas::feed::Catalogue;

use crate::brokers::{Brokers, Handed, Publisher};
use crate::{close_day, files, topic};

/// The topic of the policies.
const TOPIC: &str = "policies";

/// What to do with policies.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Checks files, and tells every fault of all of them.
    Check(CheckArgs),
    /// Checks files together with what is published already, and publishes those that are new or differ. A policy that
    /// would change a day which is closed is refused.
    Apply(ApplyArgs),
}

/// Which files to check.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckArgs {
    /// Policy files (.yaml), wording files (.ftl), or folders that hold policies and a folder `wording`. The sentences of
    /// a folder `wording` beside a policy file are taken with it.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The folder that holds the feeds' schemas: what the departments say, so that a rule which listens for anything
    /// else is found.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
}

/// Which files to publish, and where.
#[derive(Clone, Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The brokers.
    #[command(flatten)]
    brokers: Brokers,
    /// Policy files (.yaml), wording files (.ftl), or folders that hold policies and a folder `wording`. The sentences of
    /// a folder `wording` beside a policy file are taken with it.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The folder that holds the feeds' schemas: what the departments say, so that a rule which listens for anything
    /// else is found.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
}

/// Runs the command.
pub(crate) fn run(command: &PolicyCommand) -> Result<()> {
    match command {
        PolicyCommand::Check(args) => {
            let records = read(&args.paths)?;
            check(&[], &records, &catalogue(&args.schemas)?)?;
            say(&format!("{} files are sound", records.len()));
        }
        PolicyCommand::Apply(args) => apply(args)?,
    }
    Ok(())
}

fn apply(args: &ApplyArgs) -> Result<()> {
    let records = read(&args.paths)?;
    let mut there: Vec<(String, String)> = Vec::new();
    topic::for_each(&args.brokers.brokers, TOPIC, |record| {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        there.push((text(record.key), text(record.value)));
        Ok(())
    })?;
    check(&there, &records, &catalogue(&args.schemas)?)?;
    let current: BTreeMap<&str, &str> = there.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let is_new = |(key, text): &&(String, String)| current.get(key.as_str()) != Some(&text.as_str());
    let new: Vec<_> = records.iter().filter(is_new).collect();
    // Before the first policy nothing was decided, so there is no past to change.
    if !new.is_empty() && !there.is_empty() {
        refuse_the_past(&new, close_day::last_closed_day(&args.brokers)?)?;
    }
    let publisher = Publisher::open(&args.brokers)?;
    let mut count = 0;
    for (key, text) in new {
        let handed = publisher.send(TOPIC, key.as_bytes(), text.as_bytes())?;
        ensure!(handed == Handed::Over, "{key} is too long for a record");
        count += 1;
    }
    publisher.settle()?;
    say(&format!("{count} of {} files published to {TOPIC}, the others are published already", records.len()));
    Ok(())
}

/// A policy that would hold for a day which is closed changes what was decided: it is refused. Sentences have no day.
fn refuse_the_past(records: &[&(String, String)], last_closed: Option<Day>) -> Result<()> {
    let Some(last_closed) = last_closed else { return Ok(()) };
    let mut refused = Vec::new();
    for (key, text) in records.iter().filter(|(key, _)| !key.starts_with(WORDING_KEY_PREFIX)) {
        let from = Document::read(text)?.effective_from;
        if from <= last_closed {
            let first = last_closed.plus(1);
            refused.push(format!("{key}: /effective_from: {from} would change the past; write {first} or later"));
        }
    }
    if !refused.is_empty() {
        bail!("the last closed day is {last_closed}, nothing was published:\n{}", refused.join("\n"));
    }
    Ok(())
}

/// What the departments say.
fn catalogue(folder: &Path) -> Result<Catalogue> {
    Ok(Catalogue::load(&files::feeds(folder)?)?)
}

/// Files as records of the topic: key and text.
fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>> {
    let mut found: Vec<(String, String)> = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files::policies(path)?);
        } else {
            let folder = path.parent().unwrap_or(Path::new(""));
            if folder.join("wording").is_dir() {
                found.extend(files::wording(folder)?);
            }
            found.push(files::policy(path)?);
        }
    }
    let mut records: Vec<(String, String)> = Vec::new();
    for (key, text) in found {
        match records.iter().find(|(other, _)| *other == key) {
            Some((_, same)) => ensure!(*same == text, "two files with different texts are called {key}"),
            None => records.push((key, text)),
        }
    }
    // Wording first: policies name its sentences.
    records.sort_by_key(|(key, _)| !key.starts_with(WORDING_KEY_PREFIX));
    Ok(records)
}

/// Every fault of the records, each file by its key, beside those that were published before.
fn check(published: &[(String, String)], records: &[(String, String)], catalogue: &Catalogue) -> Result<()> {
    let mut book = Book::default();
    let mut offset = 0;
    for (key, text) in published {
        // What was published and cannot be read is as if it had not been; `apply` did not publish it.
        let _ = book.learn(offset, key, text);
        offset += 1;
    }
    let mut faults = Vec::new();
    for (key, text) in records {
        if let Err(found) = book.learn(offset, key, text) {
            faults.extend(found.0.iter().map(|fault| format!("{key}: {fault}")));
        }
        offset += 1;
    }
    let end_of_time = Day::of(9999, 12, 31).unwrap_or_default();
    let set = book.at(offset, end_of_time);
    let is_given = |name: &str| records.iter().any(|(key, _)| key == name);
    for (name, found) in set.refused.iter().filter(|(name, _)| is_given(name)) {
        faults.extend(found.0.iter().map(|fault| format!("{name}: {fault}")));
    }
    let sound = set.policies().filter(|policy| is_given(&policy.name) && !set.refused.contains_key(&policy.name));
    for policy in sound {
        faults.extend(unsaid(policy, catalogue).iter().map(|fault| format!("{}: {fault}", policy.name)));
    }
    if !faults.is_empty() {
        bail!("{} faults, nothing was published:\n{}", faults.len(), faults.join("\n"));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_would_change_a_closed_day_is_refused() {
        let day = |text| Day::parse(text).expect("a day");
        for (key, from, last, accepted) in [
            ("city", "2025-03-10", Some("2025-03-09"), true),
            ("city", "2025-03-09", Some("2025-03-09"), false),
            ("city", "2000-01-01", Some("2025-03-09"), false),
            ("city", "2000-01-01", None, true),
            ("wording/en", "2000-01-01", Some("2025-03-09"), true),
        ] {
            let text = format!("name: city\nversion: 2\ninherits: default\ncounties: all\neffective_from: {from}\n");
            let found = refuse_the_past(&[&(key.to_owned(), text)], last.map(day));
            assert_eq!(found.is_ok(), accepted, "{key} from {from} after {last:?}: {found:?}");
            if let Err(fault) = found {
                let said = fault.to_string();
                assert!(said.contains("city: /effective_from") && said.contains("write 2025-03-10 or later"), "{said}");
            }
        }
    }
}
