//! `backstop soak`: a simulated city at a steady pace through services to which things happen meanwhile, until it is
//! told to stop, and then the audit of the whole run. It knows nothing of what happens to the services: that is
//! `cargo xtask soak`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use schemas::Day;
use serde::Serialize;

use crate::audit::{self, AuditArgs, Findings};
use crate::brokers::Brokers;
use crate::calendar_watch::CalendarWatch;
use crate::demo::live::write_progress;
use crate::publish::Feeds;
use crate::simulate::{City, CityArgs, FeedRecord};

/// How long the pipeline may take for a day, with all that happens to it.
const DAY_LIMIT: Duration = Duration::from_mins(5);
/// After so long the calendar looks whether the day is closed, and says it again if it is not.
const AGAIN_AFTER: Duration = Duration::from_mins(1);
/// How long the brokers may be away for a publisher.
const AWAY_LIMIT: Duration = Duration::from_mins(3);
/// How often the file that ends the run is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Which city, at which pace, and where the services run.
#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// The city; it must have more days than the run takes.
    #[command(flatten)]
    city: CityArgs,
    /// Where the run happens, and what the audit needs.
    #[command(flatten)]
    audit: AuditArgs,
    /// The least time from one day to the next, in milliseconds.
    #[arg(long, default_value_t = 250)]
    day_ms: u64,
    /// Says how many days have come through the whole pipeline, in this file.
    #[arg(long)]
    progress_file: PathBuf,
    /// The run ends with the day after this file has appeared.
    #[arg(long)]
    until_file: PathBuf,
}

/// The last line of the command.
#[derive(Debug, Serialize)]
struct Line {
    days: u64,
    seconds: f64,
    #[serde(flatten)]
    findings: Findings,
}

/// Publishes the city, audits the run; the last line is JSON. What the audit finds is for the caller to judge.
pub(crate) fn run(args: &SoakArgs) -> Result<()> {
    let began = Instant::now();
    let days = publish(args)?;
    let findings = audit::audit(&args.audit)?;
    for fault in findings.faults() {
        tell(&format!("the audit found: {fault}"));
    }
    say(&serde_json::to_string(&Line { days, seconds: began.elapsed().as_secs_f64(), findings })?);
    Ok(())
}

/// Publishes day after day until the file appears; how many days came through.
fn publish(args: &SoakArgs) -> Result<u64> {
    let mut city = City::new(args.city.settings()?);
    let mut departments = Departments::open(&args.audit.brokers)?;
    let mut calendar = CalendarWatch::new(&args.audit.brokers)?;
    let mut days = 0;
    while let Some(day) = city.next_day() {
        let begun = Instant::now();
        departments.day(day.day, || day.iter())?;
        // Each day is decided before the next begins: so a memory run of the same feeds must come to the same states.
        while let Err(fault) = calendar.wait_until(day.day, AGAIN_AFTER) {
            if begun.elapsed() > DAY_LIMIT {
                return Err(fault);
            }
            // A Kafka of one node that is killed between the decision of a transaction and its markers may skip them
            // when it comes back ("couldn't find leader endpoint"): then nothing that was said after is ever seen.
            // The next transaction of the same calendar ends that one too. Where the day is closed, it is left out.
            tell(&format!("{fault:#}"));
            departments.begin_anew(Instant::now())?;
            departments.day(day.day, || day.iter())?;
        }
        days += 1;
        write_progress(&args.progress_file, &days.to_string())?;
        loop {
            if args.until_file.exists() {
                return Ok(days);
            }
            let Some(left) = Duration::from_millis(args.day_ms).checked_sub(begun.elapsed()) else { break };
            pause(left.min(LOOK_EVERY));
        }
    }
    bail!("the city has no days left: give it more months or a slower pace")
}

/// Those who publish, and begin anew when the brokers went away under them.
struct Departments {
    brokers: Brokers,
    feeds: Feeds,
}

impl Departments {
    fn open(brokers: &str) -> Result<Self> {
        let brokers = Brokers::plain(brokers);
        Ok(Self { feeds: Feeds::open(&brokers)?, brokers })
    }

    /// Publishes and closes a day. Where it is not known whether all of it arrived, it is published once more, as
    /// `backstop publish` does when it is run again: the event ids tell what came twice.
    fn day<'a, R: Iterator<Item = FeedRecord<'a>>>(&mut self, day: Day, records: impl Fn() -> R) -> Result<()> {
        let began = Instant::now();
        loop {
            let Err(fault) = self.feeds.day(day, records()) else { return Ok(()) };
            tell(&format!("{day} is published again: {fault:#}"));
            self.begin_anew(began)?;
        }
    }

    /// Connects anew, and looks which day is closed.
    fn begin_anew(&mut self, since: Instant) -> Result<()> {
        loop {
            match Feeds::open(&self.brokers) {
                Ok(feeds) => {
                    self.feeds = feeds;
                    return Ok(());
                }
                Err(fault) if since.elapsed() > AWAY_LIMIT => return Err(fault),
                Err(_) => pause(LOOK_EVERY),
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the pace of the load, and the interval at which a file is looked for")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[expect(clippy::print_stdout, reason = "the command's answer to the program that runs it")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "what happens meanwhile, for the person who looks")]
fn tell(text: &str) {
    eprintln!("{text}");
}
