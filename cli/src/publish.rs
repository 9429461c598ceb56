//! `backstop publish`: departments publish their feeds, day by day, and the calendar ends each day. Simulated on the
//! way, or read from the files of `backstop simulate`. A killed run is run again: closed days are left out, the day that
//! was cut short is published again, and the event ids tell what came twice. It does not know what the events hold.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::ProgressBar;
use schemas::Day;

use crate::brokers::{Brokers, Handed, Publisher};
use crate::close_day::Calendar;
use crate::simulate::{self, City, CityArgs, DEPARTMENTS, FeedReader, FeedRecord, write_truth};

/// What to publish, and to whom.
#[derive(Clone, Debug, Args)]
pub(crate) struct PublishArgs {
    /// The brokers.
    #[command(flatten)]
    brokers: Brokers,
    /// The folder with the feeds that `backstop simulate --out` wrote; without it the city is simulated on the way.
    #[arg(long)]
    from: Option<PathBuf>,
    /// The city to simulate.
    #[command(flatten)]
    city: CityArgs,
    /// Where the ground truth of a city simulated on the way goes.
    #[arg(long, conflicts_with = "from")]
    truth: Option<PathBuf>,
    /// The last day to publish.
    #[arg(long, value_parser = day)]
    until: Option<Day>,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("`{text}` is not a day such as 2025-03-31"))
}

/// What a run published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Published {
    /// Days published and closed.
    pub(crate) days: u64,
    /// Records published, the ends of the days not counted.
    pub(crate) records: u64,
    /// Records that the client refused as too long for the brokers.
    pub(crate) too_large: u64,
    /// Days left out since they were closed already.
    pub(crate) closed_before: u64,
}

/// The departments and the calendar on real brokers.
pub(crate) struct Feeds {
    publisher: Publisher,
    calendar: Calendar,
    topics: Vec<String>,
    published: Published,
}

impl Feeds {
    /// Connects, and finds the last closed day.
    pub(crate) fn open(brokers: &Brokers) -> Result<Self> {
        Ok(Self {
            publisher: Publisher::open(brokers)?,
            calendar: Calendar::open(brokers)?,
            topics: DEPARTMENTS.iter().map(|department| format!("feeds.{department}")).collect(),
            published: Published::default(),
        })
    }

    /// Publishes a day and closes it, unless it is closed already. The day is closed after the brokers have all of it.
    pub(crate) fn day<'a>(&mut self, day: Day, records: impl Iterator<Item = FeedRecord<'a>>) -> Result<()> {
        if self.calendar.last_closed().is_some_and(|last| day <= last) {
            self.published.closed_before += 1;
            return Ok(());
        }
        for record in records {
            let Some(topic) = self.topics.get(usize::from(record.feed)) else { continue };
            match self.publisher.send(topic, record.key, record.value)? {
                Handed::Over => self.published.records += 1,
                Handed::TooLarge => self.published.too_large += 1,
            }
        }
        self.publisher.settle().with_context(|| format!("publish {day}"))?;
        self.calendar.close(day)?;
        self.published.days += 1;
        Ok(())
    }

    /// What was published so far.
    pub(crate) fn published(&self) -> Published {
        self.published
    }
}

/// Publishes a city.
pub(crate) fn run(args: &PublishArgs) -> Result<()> {
    let began = Instant::now();
    let mut feeds = Feeds::open(&args.brokers)?;
    let settings = args.city.settings()?;
    let bar = simulate::progress(&settings);
    if let Some(folder) = &args.from {
        let mut reader = FeedReader::open(folder)?;
        while let Some((day, batch)) = reader.next_day()? {
            if args.until.is_some_and(|until| day > until) {
                break;
            }
            feeds.day(day, batch.iter())?;
            step(&bar, day);
        }
    } else {
        let mut city = City::new(settings);
        while let Some(day) = city.next_day() {
            if args.until.is_some_and(|until| day.day > until) {
                break;
            }
            feeds.day(day.day, day.iter())?;
            step(&bar, day.day);
        }
        if let Some(path) = &args.truth {
            write_truth(&city.truth(), path)?;
        }
    }
    bar.finish_and_clear();
    let Published { days, records, too_large, closed_before } = feeds.published();
    let seconds = began.elapsed().as_secs_f64();
    say(&format!(
        "{records} records on {days} days in {seconds:.1} s; {closed_before} days were closed before, {too_large} records \
         are too long for the brokers"
    ));
    Ok(())
}

fn step(bar: &ProgressBar, day: Day) {
    bar.inc(1);
    bar.set_message(day.to_string());
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
