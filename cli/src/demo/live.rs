//! `backstop demo`: a simulated city through the services that run on real servers, with the warnings shown while they
//! arrive, and an audit at the end. It starts neither servers nor services.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use schemas::Day;
use schemas::records::{Warning, WarningKind};
use serde::Serialize;

use super::report::{self, Summary};
use crate::audit::{self, AuditArgs, Findings};
use crate::brokers::Brokers;
use crate::calendar_watch::CalendarWatch;
use crate::dashboards;
use crate::publish::Feeds;
use crate::simulate::{self, City, CityArgs, DEPARTMENTS, Settings, VerifierArgs};
use crate::topic::{self, Steps};

/// How long the pipeline may take for what was published before a wait.
const DAY_LIMIT: Duration = Duration::from_mins(5);

/// Which city, and where the services run.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The city.
    #[command(flatten)]
    city: CityArgs,
    /// The verifiers.
    #[command(flatten)]
    verifier: VerifierArgs,
    /// Where the run happens, and what the audit needs.
    #[command(flatten)]
    audit: AuditArgs,
    /// Says how far the run is, as `done/all` days, in this file.
    #[arg(long)]
    progress_file: Option<PathBuf>,
    /// NAME=ADDRESS that the summary names; repeatable.
    #[arg(long)]
    look_at: Vec<String>,
    /// Shows no warnings while they arrive.
    #[arg(long)]
    quiet: bool,
    /// Runs the queries of the dashboards after the run; the address of Prometheus.
    #[arg(long)]
    dashboards: Option<String>,
}

/// The last line of the command.
#[derive(Debug, Serialize)]
struct Line {
    mode: &'static str,
    households: u32,
    months: u32,
    seed: u64,
    seconds: f64,
    #[serde(flatten)]
    findings: Findings,
    #[serde(flatten)]
    summary: Summary,
}

/// Publishes the city, shows what comes of it, audits the run; the last line is JSON.
pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    let began = Instant::now();
    let mut city = City::new(Settings { visits: args.verifier.visits(), ..args.city.settings()? });
    let mut show = Show::new(args, simulate::progress(city.settings()))?;
    let mut feeds = Feeds::open(&Brokers::plain(&args.audit.brokers))?;
    let mut calendar = CalendarWatch::new(&args.audit.brokers)?;
    let (first, end) = (city.settings().first_day(), city.settings().end());
    let mut summary = Summary::default();
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            let department = DEPARTMENTS[usize::from(record.feed)];
            *summary.events_by_department.entry(department.to_owned()).or_default() += 1;
        }
        feeds.day(day.day, day.iter())?;
        // Each day is decided before the next begins, as in a real city. Were the feeds let run ahead, a decision could
        // see what was published after its day, and a parked record expire before news that came in time.
        calendar.wait_until(day.day, DAY_LIMIT)?;
        let said = show.warnings.len();
        show.step(args, day.day, first, end)?;
        city.hear(&show.warnings[said..]);
    }
    let last_closed = end.plus(-1);
    show.bar.finish_and_clear();
    say("The city is published; now the audit.");
    topic::for_each(&args.audit.brokers, "ingest.dead-letters", |record| {
        summary.dead_letter(record);
        Ok(())
    })?;
    summary.judge(&show.warnings, &city.truth(), last_closed);
    let findings = audit::audit(&args.audit)?;
    say(&summary.text());
    say(&audit_text(&findings));
    look_at(args);
    if let Some(prometheus) = &args.dashboards {
        dashboards::check(&args.audit.clickhouse, prometheus)?;
    }
    let faults = findings.faults();
    let seconds = began.elapsed().as_secs_f64();
    let (households, months, seed) = (args.city.households, args.city.months, args.city.seed);
    let line = Line { mode: "servers", households, months, seed, seconds, findings, summary };
    say(&serde_json::to_string(&line)?);
    if !faults.is_empty() {
        bail!("the run is not as it must be:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// What is shown while the run goes on.
struct Show {
    topic: Steps,
    bar: ProgressBar,
    warnings: Vec<Warning>,
    ids: BTreeSet<String>,
}

impl Show {
    fn new(args: &DemoArgs, bar: ProgressBar) -> Result<Self> {
        let topic = Steps::new(&args.audit.brokers, "warnings")?;
        Ok(Self { topic, bar, warnings: Vec::new(), ids: BTreeSet::new() })
    }

    /// Shows the warnings that came, all of them, and how far the run is.
    fn step(&mut self, args: &DemoArgs, day: Day, first: Day, end: Day) -> Result<()> {
        let Self { topic, bar, warnings, ids } = self;
        topic.show_to_end(&mut |record| {
            let warning = report::warning(record)?;
            if !args.quiet && warning.kind == WarningKind::Raised && warning.level.is_request() {
                bar.suspend(|| say(&report::line(&warning)));
            }
            if ids.insert(warning.record_id.clone()) {
                warnings.push(warning);
            }
            Ok(())
        })?;
        bar.inc(1);
        bar.set_message(day.to_string());
        match &args.progress_file {
            Some(path) => write_progress(path, &format!("{}/{}", day.0 - first.0 + 1, end.0 - first.0)),
            None => Ok(()),
        }
    }
}

/// Says in a file how far a run is: written whole or not at all, since somebody reads it at any time.
pub(crate) fn write_progress(path: &Path, progress: &str) -> Result<()> {
    let torn = path.with_extension("part");
    std::fs::write(&torn, format!("{progress}\n")).with_context(|| format!("write {}", torn.display()))?;
    std::fs::rename(&torn, path).with_context(|| format!("rename {}", torn.display()))
}

fn audit_text(findings: &Findings) -> String {
    format!(
        "\nAudit\n  events {} = normalised {} + rejected {}\n  subject records {} = applied {} + duplicates {} + parked {} \
         + waiting {} + refused {}\n  warnings: {} in the topic, {} in ClickHouse, {} replayed, {} different\n  states \
         different from the memory run: {}, open cases: {} (and {} where news came on the other side of an act or of a matter of the village)\n  citizen numbers after ingest: {} (searched: {})",
        findings.events,
        findings.normalised,
        findings.rejected,
        findings.subject_records,
        findings.applied,
        findings.duplicates,
        findings.parked,
        findings.waiting,
        findings.refused,
        findings.warnings_topic,
        findings.warnings_clickhouse,
        findings.warnings_replayed,
        findings.warnings_different,
        findings.states_different,
        findings.cases_different,
        findings.cases_on_other_side,
        findings.citizen_numbers_found,
        findings.citizen_numbers_searched,
    )
}

fn look_at(args: &DemoArgs) {
    say("\nWhere to look");
    let query = "SELECT day, rule, level, household, sentence_en FROM backstop.warnings ORDER BY day DESC LIMIT 50";
    say(&format!("  ClickHouse {}/play with: {query}", args.audit.clickhouse));
    for place in &args.look_at {
        if let Some((name, address)) = place.split_once('=') {
            say(&format!("  {name} {address}"));
        }
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
