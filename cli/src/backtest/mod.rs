//! `backstop backtest`: two policies over the same history, on the memory log, and a report of what would be different:
//! what if the line were 8,700? It decides nothing: alert does, twice.

mod charts;
mod compared;
mod findings;
mod history;
mod known;
mod report;
mod sections;
mod sides;
mod tally;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use schemas::Day;
use schemas::feed::Catalogue;

use crate::audit;
use crate::memory_pipeline::PipelineSettings;
use crate::policy;
use crate::simulate::{City, CityArgs};
use charts::number;
use compared::Compared;
use report::Report;
use sides::{Side, SideArgs, sides};

/// Lines of difference between the policies that the report says.
const DIFFERENCES_MAX: usize = 60;

/// Which policies over which history.
#[derive(Clone, Debug, Args)]
pub(crate) struct BacktestArgs {
    /// The policies.
    #[command(flatten)]
    sides: SideArgs,
    /// Kafka's brokers, HOST:PORT separated by commas: the history is that of their topics, and A's policies are those
    /// that are published there. Without it the history is a simulated city.
    #[arg(long)]
    brokers: Option<String>,
    /// The ground truth of the topics, as `backstop publish --truth` wrote it. That of a simulated city is known.
    #[arg(long, requires = "brokers")]
    truth: Option<PathBuf>,
    /// The city, where no brokers are given.
    #[command(flatten)]
    city: CityArgs,
    /// The first day whose warnings count; the end of the city's history by default, or the first closed day.
    #[arg(long, value_parser = day)]
    from: Option<Day>,
    /// Days within which what was found at the door belongs to a visit.
    #[arg(long, default_value_t = 30)]
    verdict_days: i32,
    /// The folder that holds the feeds' schemas.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
    /// The folder that holds `kafka/topics.yaml` and the policies.
    #[arg(long, default_value = "deploy")]
    deploy: PathBuf,
    /// Where the report goes: `<out>.md` and `<out>.html`.
    #[arg(long, default_value = "backtest")]
    out: PathBuf,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("`{text}` is not a day such as 2025-03-31"))
}

/// Plays, compares, and writes the report; the first sentences are shown.
pub(crate) fn run(args: &BacktestArgs) -> Result<()> {
    let settings = PipelineSettings::read(&args.schemas, &args.deploy)?;
    let base = match &args.brokers {
        Some(brokers) => audit::policies(brokers)?,
        None => settings.policies.clone(),
    };
    let (a, b) = sides(&args.sides, base, &Catalogue::load(&settings.feeds)?)?;
    let (played, history) = match &args.brokers {
        Some(brokers) => {
            let played = history::topics(&settings, brokers, args.truth.as_deref(), (&a, &b))?;
            (played, "the topics of a run".to_owned())
        }
        None => (history::city(&settings, City::new(args.city.settings()?), (&a, &b))?, city_name(&args.city)),
    };
    let compared = Compared::new(played, args.from);
    let report = told(&compared, &a, &b, history, args.verdict_days)?;
    for sentence in &report.lead {
        say(sentence);
    }
    for (extension, text) in [("md", report.markdown()?), ("html", report.html()?)] {
        let path = with_extension(&args.out, extension);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        say(&format!("The report is in {}", path.display()));
    }
    Ok(())
}

/// The path with one more ending, whatever dots it has.
fn with_extension(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn city_name(city: &CityArgs) -> String {
    let households = number(city.households as usize);
    format!("a simulated city of {households} households over {} months, seed {}", city.months, city.seed)
}

fn told(compared: &Compared, a: &Side, b: &Side, history: String, verdict_days: i32) -> Result<Report> {
    let labels = [format!("A ({})", a.label), format!("B ({})", b.label)];
    let (first, last) = compared.days;
    let mut differences = policy::diff::between(&a.records, &b.records)?;
    if differences.len() > DIFFERENCES_MAX {
        let more = differences.len() - DIFFERENCES_MAX;
        differences.truncate(DIFFERENCES_MAX);
        differences.push(format!("... and {more} more; `backstop policy diff` says them all"));
    }
    Ok(Report {
        title: format!("What if: {} instead of {}", b.label, a.label),
        sides: [a.label.clone(), b.label.clone()],
        lead: compared.lead(),
        cards: compared.cards(),
        facts: vec![
            ("History".to_owned(), history),
            ("Households".to_owned(), number(compared.known.count())),
            ("Villages".to_owned(), number(compared.known.villages.len())),
            ("Closed days".to_owned(), format!("{first} to {last}")),
            ("Counted from".to_owned(), compared.from.to_string()),
        ],
        differences,
        sections: sections::sections(compared, [&labels[0], &labels[1]], verdict_days),
        notes: notes(compared),
    })
}

fn notes(compared: &Compared) -> Vec<String> {
    let mut notes = vec![
        format!(
            "Both sides see the same households from the first day on; each policy holds from its effective_from on, and a \
             warning counts when it was raised from {} to {}.",
            compared.from, compared.days.1
        ),
        "A warning of A and one of B are the same when they are of the same household, rule and month and stand on the same \
         evidence or at the same time. One that merely comes earlier is not counted as added and gone."
            .to_owned(),
        "A visit is a warning record that asks somebody to go to the household. Signals (level L) ask nobody.".to_owned(),
        "What is about fewer than five households is not shown: it is hidden, and with it what would let it be worked out."
            .to_owned(),
        "What was done for a household is that of the history: a backtest does not know what would have been done after \
         another warning."
            .to_owned(),
    ];
    if compared.judged.is_some() {
        notes.push(
            "Recall: shocks that are caught by a request with a matching cause until 30 days after their onset, among those \
             that are meant to be seen. Precision: requests about households that are truly below the line or without a \
             safeguard. Lead time: from the request to the onset; negative where it came later."
                .to_owned(),
        );
    }
    notes
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
