//! `backstop policy check`, `policy apply` and `policy diff`: reads policy files and what stands beside them (sentences,
//! holidays, posts), tells every fault at once, and publishes what is sound to the topic `policies`. What a policy means
//! is `alert_core`'s business.

pub(crate) mod diff;
mod differences;
mod past;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alert_core::policy::{Book, PolicySet, WORDING_KEY_PREFIX, unsaid};
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
    /// Says what two policies decide or say differently, as they stand after inheritance. Ends with 0 where there is no
    /// difference, 1 where there is one, 2 where something cannot be read.
    Diff(diff::DiffArgs),
}

/// Which files to check.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckArgs {
    /// Policy files (.yaml), or folders that hold policies and folders `wording`, `holidays` and `posts`. What stands in
    /// such folders beside a policy file is taken with it.
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
    /// Policy files (.yaml), or folders that hold policies and folders `wording`, `holidays` and `posts`. What stands in
    /// such folders beside a policy file is taken with it.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The folder that holds the feeds' schemas: what the departments say, so that a rule which listens for anything
    /// else is found.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
}

/// Runs the command.
pub(crate) fn run(command: &PolicyCommand) -> Result<ExitCode> {
    match command {
        PolicyCommand::Check(args) => {
            let records = read(&args.paths)?;
            let set = check(&[], &records, &catalogue(&args.schemas)?)?;
            say(&format!("{} files are sound", records.len()));
            hint(&set)?;
        }
        PolicyCommand::Apply(args) => apply(args)?,
        PolicyCommand::Diff(args) => return diff::run(args),
    }
    Ok(ExitCode::SUCCESS)
}

impl PolicyCommand {
    /// What the command ends with when it fails. A difference is no failure, so `diff` has another number for one.
    pub(crate) fn failure(&self) -> ExitCode {
        if matches!(self, Self::Diff(_)) { ExitCode::from(2) } else { ExitCode::FAILURE }
    }
}

fn apply(args: &ApplyArgs) -> Result<()> {
    let records = read(&args.paths)?;
    let mut there: Vec<(String, String)> = Vec::new();
    topic::for_each(&args.brokers.brokers, TOPIC, |record| {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        there.push((text(record.key), text(record.value)));
        Ok(())
    })?;
    let set = check(&there, &records, &catalogue(&args.schemas)?)?;
    let current: BTreeMap<&str, &str> = there.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let is_new = |(key, text): &&(String, String)| current.get(key.as_str()) != Some(&text.as_str());
    let new: Vec<_> = records.iter().filter(is_new).collect();
    // Before the first policy nothing was decided, so there is no past to change.
    if !new.is_empty() && !there.is_empty() {
        past::refuse(&new, &published(&there), close_day::last_closed_day(&args.brokers)?)?;
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
    hint(&set)
}

/// What the departments say.
fn catalogue(folder: &Path) -> Result<Catalogue> {
    Ok(Catalogue::load(&files::feeds(folder)?)?)
}

/// Files as records of the topic: key and text.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>> {
    let mut found: Vec<(String, String)> = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files::policies(path)?);
        } else {
            let folder = path.parent().unwrap_or(Path::new(""));
            found.extend(files::beside(folder)?);
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

/// A book of what was published, and the offset after it.
fn book(published: &[(String, String)]) -> (Book, i64) {
    let mut book = Book::default();
    for (offset, (key, text)) in (0..).zip(published) {
        // What was published and cannot be read is as if it had not been; `apply` did not publish it.
        let _ = book.learn(offset, key, text);
    }
    (book, published.len() as i64)
}

/// All that was published, of whatever day.
fn published(published: &[(String, String)]) -> PolicySet {
    let (book, end) = book(published);
    book.at(end, end_of_time())
}

fn end_of_time() -> Day {
    Day::of(9999, 12, 31).unwrap_or_default()
}

/// Every fault of the records by themselves, each file by its key.
pub(crate) fn faults(records: &[(String, String)], catalogue: &Catalogue) -> Vec<String> {
    weighed(&[], records, catalogue).1
}

/// All policies, those that were published before among them; an error with every fault where the records have one.
fn check(published: &[(String, String)], records: &[(String, String)], catalogue: &Catalogue) -> Result<PolicySet> {
    let (set, faults) = weighed(published, records, catalogue);
    if !faults.is_empty() {
        bail!("{} faults, nothing was published:\n{}", faults.len(), faults.join("\n"));
    }
    Ok(set)
}

/// The records beside those that were published before: all of them together, and every fault of theirs.
fn weighed(
    published: &[(String, String)],
    records: &[(String, String)],
    catalogue: &Catalogue,
) -> (PolicySet, Vec<String>) {
    let (mut book, mut offset) = book(published);
    let mut faults = Vec::new();
    for (key, text) in records {
        if let Err(found) = book.learn(offset, key, text) {
            faults.extend(found.0.iter().map(|fault| format!("{key}: {fault}")));
        }
        offset += 1;
    }
    let set = book.at(offset, end_of_time());
    let is_given = |name: &str| records.iter().any(|(key, _)| key == name);
    for (name, found) in set.refused.iter().filter(|(name, _)| is_given(name)) {
        faults.extend(found.0.iter().map(|fault| format!("{name}: {fault}")));
    }
    let sound = set.policies().filter(|policy| is_given(&policy.name) && !set.refused.contains_key(&policy.name));
    for policy in sound {
        faults.extend(unsaid(policy, catalogue).iter().map(|fault| format!("{}: {fault}", policy.name)));
    }
    (set, faults)
}

/// Says what is no fault, but may have been forgotten.
fn hint(set: &PolicySet) -> Result<()> {
    for year in years_without_holidays(set, close_day::today()?) {
        say(&format!("hint: there is no holidays/{year}: every Monday to Friday of {year} counts as a working day"));
    }
    Ok(())
}

/// Of this year and the next, those whose holidays nobody gave, where there are policies that count working days.
fn years_without_holidays(set: &PolicySet, today: Day) -> Vec<i32> {
    let year = today.civil().0;
    let is_missing = |year: &i32| set.policies().next().is_some() && !set.working_days().has_year(*year);
    [year, year + 1].into_iter().filter(is_missing).collect()
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_ahead_without_holidays_are_told_where_there_are_policies() {
        let deployed = files::policies(Path::new("../deploy/policies")).expect("the policies of this project");
        let only = |kind: &str| deployed.iter().filter(|(key, _)| key.starts_with(kind)).cloned().collect::<Vec<_>>();
        for (records, today, expected) in [
            (&deployed, "2025-12-31", &[][..]),
            (&deployed, "2026-01-01", &[2027][..]),
            (&deployed, "2030-06-01", &[2030, 2031][..]),
            (&only("holidays/"), "2030-06-01", &[][..]),
        ] {
            let years = years_without_holidays(&published(records), Day::parse(today).expect("a day"));
            assert_eq!(years, expected, "{} records on {today}", records.len());
        }
    }
}
