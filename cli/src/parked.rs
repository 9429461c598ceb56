//! `backstop parked`: which records wait now, by department and age, or for one person or household. What it knows
//! stands in the topic `ingest.parked`. It releases nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use clap::Args;
use ingest_core::ledger::Subject;
use runtime::partitioner::place;
use runtime::stage::{Placement, Record};
use schemas::Day;
use schemas::codec;
use schemas::records::{Parked, ParkedChange, ParkedWhy, Progress};
use serde::Serialize;

use crate::brokers::Brokers;
use crate::columns::{Align, table, tell};
use crate::topic;

/// The topic in which resolve says it.
const TOPIC: &str = "ingest.parked";
/// The topic in which normalise says which day is closed.
const PROGRESS_TOPIC: &str = "ingest.progress";
/// Days for which a record has waited at least, by the column in which it is counted.
const AGES: [(i32, &str); 4] = [(0, "under 7 days"), (7, "7 to 29"), (30, "30 to 59"), (60, "60 and more")];

/// Where to read, and whether of one subject only.
#[derive(Debug, Args)]
pub(crate) struct ParkedArgs {
    #[command(flatten)]
    brokers: Brokers,
    /// Show the records of this person (token of 32 characters) or household (code of 16 digits) one by one.
    #[arg(long, value_parser = subject)]
    subject: Option<String>,
    /// Answer in JSON: every record that waits.
    #[arg(long)]
    json: bool,
}

fn subject(text: &str) -> Result<String, String> {
    let fault = "a person's token has 32 hex characters (0-9, a-f), a household code 16 digits";
    Subject::parse(text).map(|_| text.to_owned()).ok_or_else(|| fault.to_owned())
}

/// A record that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Waiting {
    subject: String,
    source: String,
    /// What it waits for.
    why: &'static str,
    since_day: String,
    /// Days from then to today.
    days: i32,
    event: String,
    ordinal: i32,
    origin: String,
}

/// What was said last of each record, by subject, ordinal and where the feed record lies: an event may come again with
/// other content, and both wait.
#[derive(Debug, Default)]
struct Fold(BTreeMap<(String, i32, String), Waiting>);

impl Fold {
    fn take(&mut self, record: &Record<'_>) -> Result<()> {
        let at = || format!("{}/{} at offset {}", record.topic, record.partition, record.offset);
        let parked: Parked<'_> = codec::decode(record.value.unwrap_or_default()).with_context(at)?;
        let one = waiting(&parked);
        let key = (one.subject.clone(), one.ordinal, one.origin.clone());
        match parked.change {
            ParkedChange::Parked => {
                self.0.insert(key, one);
            }
            ParkedChange::Released | ParkedChange::Expired => {
                self.0.remove(&key);
            }
        }
        Ok(())
    }

    /// Those who wait, the longest first, with their age on `today`.
    fn end(self, today: Option<Day>) -> Vec<Waiting> {
        let since = |one: &Waiting| Day::parse(&one.since_day).unwrap_or_default();
        // Before the first close no day is current; the newest that anything waits since stands in.
        let today = today.or_else(|| self.0.values().map(since).max()).unwrap_or_default();
        let mut all: Vec<Waiting> = self.0.into_values().collect();
        for one in &mut all {
            one.days = today.0.saturating_sub(since(one).0).max(0);
        }
        all.sort_by(|one, other| (&one.since_day, &one.subject).cmp(&(&other.since_day, &other.subject)));
        all
    }
}

fn waiting(parked: &Parked<'_>) -> Waiting {
    Waiting {
        subject: parked.subject.to_owned(),
        source: parked.source.to_owned(),
        why: why(parked.why),
        since_day: parked.since_day.to_string(),
        days: 0,
        event: parked.event.to_string(),
        ordinal: parked.ordinal,
        origin: format!("{}/{}@{}", parked.origin.topic, parked.origin.partition, parked.origin.offset),
    }
}

/// Reads the topic and shows what waits.
pub(crate) fn run(args: &ParkedArgs) -> Result<()> {
    let consumer = topic::consumer_of(&args.brokers)?;
    let count = topic::partitions(&consumer, TOPIC)?;
    let partitions: BTreeSet<i32> = match &args.subject {
        Some(subject) => BTreeSet::from([place(Placement::ByKey, Some(subject.as_bytes()), count)]),
        None => (0..count).collect(),
    };
    let mut fold = Fold::default();
    topic::for_each_in(&consumer, TOPIC, &partitions, &mut |record| {
        let is_wanted = args.subject.as_ref().is_none_or(|subject| record.key == Some(subject.as_bytes()));
        if is_wanted { fold.take(record) } else { Ok(()) }
    })?;
    let closed_day = closed_day(&consumer)?;
    let waiting = fold.end(closed_day.map(|day| day.plus(1)));
    if args.json {
        return tell(&serde_json::to_string_pretty(&waiting)?);
    }
    let of = args.subject.as_ref().map_or_else(String::new, |subject| format!(" for {subject}"));
    let as_of = closed_day.map_or("before the first close of a day".to_owned(), |day| format!("on {}", day.plus(1)));
    let body = if args.subject.is_some() { list(&waiting) } else { summary(&waiting) };
    tell(&match waiting.len() {
        0 => format!("Nothing waits{of} {as_of}"),
        1 => format!("1 record waits{of} {as_of}\n\n{body}"),
        count => format!("{count} records wait{of} {as_of}\n\n{body}"),
    })
}

/// The last day that every feed partition has closed; none before that.
fn closed_day(consumer: &rdkafka::consumer::BaseConsumer) -> Result<Option<Day>> {
    let partitions = (0..topic::partitions(consumer, PROGRESS_TOPIC)?).collect();
    let mut closed = BTreeMap::new();
    topic::for_each_in(consumer, PROGRESS_TOPIC, &partitions, &mut |record| {
        let Some(value) = record.value else { return Ok(()) };
        let progress: Progress = codec::decode(value).context(PROGRESS_TOPIC)?;
        closed.insert((record.partition, record.key.unwrap_or_default().to_vec()), progress.closed_day);
        Ok(())
    })?;
    Ok(closed.into_values().min().flatten())
}

/// By department and reason: how many, since when, how long.
fn summary(waiting: &[Waiting]) -> String {
    let mut groups: BTreeMap<(&str, &str), Vec<&Waiting>> = BTreeMap::new();
    for one in waiting {
        groups.entry((&one.source, one.why)).or_default().push(one);
    }
    let mut rows: Vec<_> = groups.iter().map(|((source, why), group)| row(source, why, group)).collect();
    if rows.len() > 1 {
        rows.push(row("all", "", &waiting.iter().collect::<Vec<_>>()));
    }
    let ages = AGES.map(|(_, name)| name);
    let names: Vec<&str> = ["department", "waits for", "records", "oldest"].into_iter().chain(ages).collect();
    let mut align = vec![Align::Left, Align::Left, Align::Right, Align::Left];
    align.extend(ages.map(|_| Align::Right));
    table(&names, &rows, &align)
}

fn row(source: &str, why: &str, group: &[&Waiting]) -> Vec<String> {
    let oldest = group.iter().map(|one| one.since_day.clone()).min().unwrap_or_default();
    let bounds = AGES.iter().map(|(min, _)| *min).chain([i32::MAX]).collect::<Vec<_>>();
    let ages = bounds.windows(2).map(|bounds| {
        let count = group.iter().filter(|one| (bounds[0]..bounds[1]).contains(&one.days)).count();
        if count == 0 { String::new() } else { count.to_string() }
    });
    [source.to_owned(), why.to_owned(), group.len().to_string(), oldest].into_iter().chain(ages).collect()
}

/// What a record waits for, in plain words.
const fn why(why: ParkedWhy) -> &'static str {
    match why {
        ParkedWhy::UnknownSubject => "its person or household",
        ParkedWhy::Original => "the event it corrects",
        ParkedWhy::FutureDay => "its day",
    }
}

fn list(waiting: &[Waiting]) -> String {
    let row = |one: &Waiting| {
        let (since, days, origin) = (one.since_day.clone(), one.days.to_string(), one.origin.clone());
        vec![since, days, one.why.to_owned(), one.source.clone(), origin, one.event.clone(), one.ordinal.to_string()]
    };
    let rows: Vec<_> = waiting.iter().map(row).collect();
    table(
        &["since", "days", "waits for", "department", "origin", "event", "ordinal"],
        &rows,
        &[Align::Left, Align::Right],
    )
}

#[cfg(test)]
mod tests {
    use schemas::Hash64;
    use schemas::records::Origin;

    use super::*;

    const TODAY: Day = Day(20_160);

    fn said(event: i64, source: &str, days: i32, change: ParkedChange) -> Vec<u8> {
        let parked = Parked {
            subject: "05050505050505050505050505050505",
            source,
            event: Hash64(event),
            ordinal: 0,
            change,
            why: if source == "water" { ParkedWhy::Original } else { ParkedWhy::UnknownSubject },
            since_day: TODAY.plus(-days),
            origin: Origin { topic: "feeds.health", partition: 1, offset: event },
        };
        let mut bytes = Vec::new();
        codec::encode(&parked, &mut bytes).expect("encodes");
        bytes
    }

    fn folded(values: &[Vec<u8>], today: Option<Day>) -> Vec<Waiting> {
        let mut fold = Fold::default();
        for (offset, value) in values.iter().enumerate() {
            let record = Record {
                topic: TOPIC,
                partition: 0,
                offset: offset as i64,
                timestamp_ms: 0,
                key: None,
                value: Some(value),
                headers: &[],
            };
            fold.take(&record).expect("a parked record");
        }
        fold.end(today)
    }

    #[test]
    fn what_was_released_or_has_expired_waits_no_longer() {
        use ParkedChange::{Expired, Parked, Released};
        let said = [
            said(1, "health", 8, Parked),
            said(2, "health", 3, Parked),
            said(3, "water", 61, Parked),
            said(2, "health", 3, Released),
            said(4, "water", 90, Parked),
            said(4, "water", 90, Expired),
        ];
        let waiting = folded(&said, Some(TODAY));
        let events: Vec<_> = waiting.iter().map(|one| (one.event.as_str(), one.days)).collect();
        assert_eq!(events, [("0000000000000003", 61), ("0000000000000001", 8)]);
        let expected = "\
department  waits for                records  oldest      7 to 29  60 and more
health      its person or household        1  2025-03-05        1
water       the event it corrects          1  2025-01-11                     1
all                                        2  2025-01-11        1            1";
        assert_eq!(summary(&waiting), expected);
        assert!(list(&waiting).contains("feeds.health/1@3"), "{}", list(&waiting));
    }

    #[test]
    fn before_the_first_close_an_age_is_that_against_the_newest() {
        let said = [said(1, "health", 8, ParkedChange::Parked), said(2, "health", 3, ParkedChange::Parked)];
        assert_eq!(folded(&said, None).iter().map(|one| one.days).collect::<Vec<_>>(), [5, 0]);
        assert!(folded(&[], None).is_empty());
    }

    #[test]
    fn a_subject_is_a_token_or_a_household_code() {
        for (text, is_one) in [
            ("05050505050505050505050505050505", true),
            ("4310231012050007", true),
            ("11010519491231002X", false),
            ("", false),
        ] {
            assert_eq!(subject(text).is_ok(), is_one, "{text}");
        }
    }
}
