//! The simulator: a city whose households earn, fall ill, lose work and are struck by disasters; the feeds of its
//! departments with their defects; and the ground truth by which warnings are judged. It reads no policy and knows
//! no stage. `City::next_day` streams it; `files` keeps it; `judge` judges.

mod account;
mod changes;
mod city;
mod defects;
mod dice;
mod events;
mod files;
mod income;
pub(crate) mod judge;
mod life;
mod places;
mod population;
mod scene;
mod sink;
mod slips;
#[cfg(test)]
mod tests;
mod truth;
mod verifier;

use std::io::{BufWriter, IsTerminal};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use schemas::Day;

pub(crate) use changes::ChangeRates;
pub(crate) use city::{City, DayOfFeeds, Settings, Visits};
pub(crate) use defects::Rates;
pub(crate) use events::DEPARTMENTS;
pub(crate) use files::{FeedFiles, FeedReader};
pub(crate) use places::{FIRST_VILLAGE, TOWNSHIP_VILLAGES};
pub(crate) use sink::FeedRecord;
pub(crate) use truth::Truth;

/// The file of the ground truth.
pub(crate) const TRUTH_FILE: &str = "truth.jsonl";
/// Households that fit into the codes of 11 counties.
const HOUSEHOLDS_MAX: u32 = 2_000_000;
/// Months of a run at most.
const MONTHS_MAX: u32 = 120;

/// Which city to make.
#[derive(Clone, Debug, Args)]
pub(crate) struct CityArgs {
    /// How many households.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) households: u32,
    /// How many months.
    #[arg(long, default_value_t = 14)]
    pub(crate) months: u32,
    /// The seed: the same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The first day, the first of a month.
    #[arg(long, default_value = "2025-01-01", value_parser = first_of_month)]
    pub(crate) start: Day,
    /// Months at the beginning that are history: shocks are judged from then on.
    #[arg(long, default_value_t = 12)]
    pub(crate) history_months: u32,
    /// Families stay as they are, and no department puts right what it said: every rate of changes is 0.
    #[arg(long)]
    pub(crate) no_changes: bool,
    /// Threads; all processors by default.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Feeds as they should be: every rate of defects is 0.
    #[arg(long)]
    pub(crate) no_defects: bool,
    /// The rates of defects.
    #[command(flatten)]
    pub(crate) rates: Rates,
    /// The rates of changes.
    #[command(flatten)]
    pub(crate) changes: ChangeRates,
}

/// Whether the city answers to warnings: for commands that wait for those of a day before the next one.
#[derive(Clone, Debug, Args)]
pub(crate) struct VerifierArgs {
    /// Nobody answers to warnings: verifiers come after the reports of neighbours only.
    #[arg(long)]
    no_verifier: bool,
}

impl VerifierArgs {
    /// When verifiers come to the door.
    pub(crate) fn visits(&self) -> Visits {
        if self.no_verifier { Visits::AfterReports } else { Visits::AfterWarnings }
    }
}

/// The command `simulate`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The city.
    #[command(flatten)]
    pub(crate) city: CityArgs,
    /// The folder for the feeds (`<department>.feed`) and the ground truth (`truth.jsonl`). Without it nothing is
    /// kept: the run only shows how fast it is.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

fn first_of_month(text: &str) -> Result<Day, String> {
    let day = Day::parse(text).filter(|day| *day == day.month().first_day());
    day.ok_or_else(|| format!("`{text}` is not the first day of a month, such as 2025-01-01"))
}

impl CityArgs {
    /// The settings, where they make a city.
    pub(crate) fn settings(&self) -> Result<Settings> {
        ensure!(
            (1..=HOUSEHOLDS_MAX).contains(&self.households),
            "--households {} is not between 1 and {HOUSEHOLDS_MAX}",
            self.households
        );
        ensure!((1..=MONTHS_MAX).contains(&self.months), "--months {} is not between 1 and {MONTHS_MAX}", self.months);
        let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Settings {
            households: self.households,
            months: self.months,
            seed: self.seed,
            start: self.start,
            changes: if self.no_changes { ChangeRates::none() } else { self.changes.clone() },
            rates: if self.no_defects { Rates::none() } else { self.rates.clone() },
            line_fen: truth::LINE_FEN,
            history_months: self.history_months,
            visits: Visits::AfterReports,
            threads: self.threads.unwrap_or_else(processors).max(1),
        })
    }
}

/// Makes a city and, where a folder is given, writes its feeds and its truth.
pub(crate) fn run(args: &SimulateArgs) -> Result<()> {
    let settings = args.city.settings()?;
    let began = Instant::now();
    let bar = progress(&settings);
    let mut city = City::new(settings);
    let mut files = args.out.as_deref().map(FeedFiles::create).transpose()?;
    let (mut events, mut bytes) = (0, 0);
    while let Some(day) = city.next_day() {
        events += day.len();
        bytes += day.bytes();
        if let Some(files) = &mut files {
            files.write(&day)?;
        }
        bar.inc(1);
        bar.set_message(day.day.to_string());
    }
    if let (Some(files), Some(out)) = (files, &args.out) {
        files.finish()?;
        write_truth(&city.truth(), &out.join(TRUTH_FILE))?;
    }
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    say(&format!(
        "{events} events, {bytes} bytes in {seconds:.2} s: {:.0} events/s on {} threads",
        events as f64 / seconds,
        city.settings().threads
    ));
    Ok(())
}

/// Writes the ground truth.
pub(crate) fn write_truth(truth: &Truth, path: &std::path::Path) -> Result<()> {
    let file = std::fs::File::create(path).with_context(|| format!("create {}", path.display()))?;
    let mut out = BufWriter::new(file);
    truth.write(&mut out).with_context(|| format!("write {}", path.display()))?;
    std::io::Write::flush(&mut out).with_context(|| format!("write {}", path.display()))
}

/// A bar of days, where somebody looks.
pub(crate) fn progress(settings: &Settings) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let days = settings.end().0 - settings.first_day().0;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} days {msg} {eta}");
    ProgressBar::new(days.max(0) as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
