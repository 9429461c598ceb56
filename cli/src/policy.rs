//! `backstop policy check` and `policy apply`: reads policy and wording files, tells every fault at once, and publishes
//! what is sound to the topic `policies`. What a policy means is `alert_core`'s business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alert_core::policy::Book;
use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand};
use schemas::Day;

use crate::brokers::{Brokers, Handed, Publisher};
use crate::{files, topic};

/// The topic of the policies.
const TOPIC: &str = "policies";

/// What to do with policies.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Checks files, and tells every fault of all of them.
    Check(CheckArgs),
    /// Checks files together with what is published already, and publishes those that are new or differ.
    Apply(ApplyArgs),
}

/// Which files to check.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckArgs {
    /// Policy files (.yaml), wording files (.ftl), or folders that hold policies and a folder `wording`. The sentences of
    /// a folder `wording` beside a policy file are taken with it.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
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
}

/// Runs the command.
pub(crate) fn run(command: &PolicyCommand) -> Result<()> {
    match command {
        PolicyCommand::Check(args) => {
            let records = read(&args.paths)?;
            check(&[], &records)?;
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
    check(&there, &records)?;
    let current: BTreeMap<&str, &str> = there.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let publisher = Publisher::open(&args.brokers)?;
    let mut count = 0;
    for (key, text) in &records {
        if current.get(key.as_str()) == Some(&text.as_str()) {
            continue;
        }
        let handed = publisher.send(TOPIC, key.as_bytes(), text.as_bytes())?;
        ensure!(handed == Handed::Over, "{key} is too long for a record");
        count += 1;
    }
    publisher.settle()?;
    say(&format!("{count} of {} files published to {TOPIC}, the others are published already", records.len()));
    Ok(())
}

/// Files as records of the topic: key and text.
fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>> {
    let mut records = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            records.extend(files::policies(path)?);
        } else {
            let folder = path.parent().unwrap_or(Path::new(""));
            if folder.join("wording").is_dir() {
                records.extend(files::wording(folder)?);
            }
            records.extend([files::policy(path)?]);
        }
    }
    let mut records: Vec<_> = records.into_iter().collect();
    // Wording first: policies name its sentences.
    records.sort_by_key(|(key, _)| !key.starts_with(alert_core::policy::WORDING_KEY_PREFIX));
    Ok(records)
}

/// Every fault of the records, each file by its key, beside those that were published before.
fn check(published: &[(String, String)], records: &[(String, String)]) -> Result<()> {
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
    for (name, found) in book.at(offset, end_of_time).refused {
        if records.iter().any(|(key, _)| *key == name) {
            faults.extend(found.0.iter().map(|fault| format!("{name}: {fault}")));
        }
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
