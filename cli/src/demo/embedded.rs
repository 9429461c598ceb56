//! `backstop embedded`: a simulated city through all four stages in one process, without a server. It shows what a
//! real run shows, and what a real run cannot: that the same feeds give the same bytes.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use runtime::memory::Order;
use schemas::records::WarningKind;
use serde::Serialize;

use super::report::{self, Summary};
use crate::audit::{open_cases, pictures};
use crate::memory_pipeline::{MemoryPipeline, PipelineSettings};
use crate::simulate::{self, CityArgs, Settings, VerifierArgs};

/// Which city to run.
#[derive(Debug, Args)]
pub(crate) struct EmbeddedArgs {
    /// The city.
    #[command(flatten)]
    city: CityArgs,
    /// The verifiers.
    #[command(flatten)]
    verifier: VerifierArgs,
    /// The folder that holds the feeds' schemas.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
    /// The folder that holds `kafka/topics.yaml` and the policies.
    #[arg(long, default_value = "deploy")]
    deploy: PathBuf,
    /// Where the warnings go, one line of JSON each.
    #[arg(long, default_value = "warnings.jsonl")]
    warnings: PathBuf,
    /// Reads the partitions in an order drawn from this seed, record by record: one of many interleavings of a day.
    #[arg(long)]
    order_seed: Option<u64>,
    /// Drops records when every stage has read them: for large cities and long runs. `topics_digest` is then that of what
    /// is left.
    #[arg(long)]
    drop_read: bool,
    /// Shows no warnings while they arrive.
    #[arg(long)]
    quiet: bool,
}

/// The last line of the command.
#[derive(Debug, Serialize)]
struct Line {
    mode: &'static str,
    households: u32,
    months: u32,
    seed: u64,
    seconds: f64,
    events: i64,
    normalised: i64,
    rejected: i64,
    subject_records: i64,
    applied: i64,
    duplicates: i64,
    parked: i64,
    waiting: i64,
    refused: i64,
    warnings: usize,
    /// A checksum over every byte of every topic: equal for equal runs.
    topics_digest: String,
    /// A checksum over the final states, less numbering and evidence.
    states_digest: String,
    /// A checksum over the open cases.
    cases_digest: String,
    #[serde(flatten)]
    summary: Summary,
}

/// Runs the city and tells how it went; the last line is JSON.
pub(crate) fn run(args: &EmbeddedArgs) -> Result<()> {
    let began = Instant::now();
    let mut settings = PipelineSettings::read(&args.schemas, &args.deploy)?;
    settings.order = args.order_seed.map_or_else(Order::default, Order::Shuffled);
    settings.dropping_read = args.drop_read;
    let mut pipeline = MemoryPipeline::new(&settings)?;
    let city_settings = Settings { visits: args.verifier.visits(), ..args.city.settings()? };
    let bar = simulate::progress(&city_settings);
    let mut city = simulate::City::new(city_settings);
    let file = std::fs::File::create(&args.warnings).with_context(|| format!("create {}", args.warnings.display()))?;
    let mut file = BufWriter::new(file);
    let (mut summary, mut warnings, mut shown) = (Summary::default(), Vec::new(), BTreeMap::new());
    let mut last_closed = city.settings().first_day();
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            let department = simulate::DEPARTMENTS[usize::from(record.feed)];
            *summary.events_by_department.entry(department.to_owned()).or_default() += 1;
            pipeline.publish(department, record.key, record.value)?;
        }
        pipeline.close_day(day.day)?;
        pipeline.run()?;
        last_closed = day.day;
        let said = pipeline.new_warnings(&mut shown)?;
        city.hear(&said);
        for warning in said {
            serde_json::to_writer(&mut file, &warning)?;
            file.write_all(b"\n")?;
            if !args.quiet && warning.kind == WarningKind::Raised && warning.level.is_request() {
                bar.suspend(|| say(&report::line(&warning)));
            }
            warnings.push(warning);
        }
        bar.inc(1);
        bar.set_message(day.day.to_string());
    }
    file.flush()?;
    bar.finish_and_clear();
    pipeline.memory().for_each("ingest.dead-letters", |record| summary.dead_letter(record));
    summary.judge(&warnings, &city.truth(), last_closed);
    say(&summary.text());
    say(&format!("The warnings are in {}", args.warnings.display()));
    let line = last_line(args, &pipeline, summary, warnings.len(), began.elapsed().as_secs_f64())?;
    say(&serde_json::to_string(&line)?);
    Ok(())
}

fn last_line(
    args: &EmbeddedArgs,
    pipeline: &MemoryPipeline,
    summary: Summary,
    warnings: usize,
    seconds: f64,
) -> Result<Line> {
    let normalise = pipeline.totals("ingest.progress")?;
    let resolve = pipeline.totals("subjects.ledger")?;
    let of = |totals: &BTreeMap<String, i64>, name: &str| totals.get(name).copied().unwrap_or_default();
    let states = pictures(pipeline.states()?);
    Ok(Line {
        mode: "embedded",
        households: args.city.households,
        months: args.city.months,
        seed: args.city.seed,
        seconds,
        events: summary.events_by_department.values().sum(),
        normalised: of(&normalise, "normalised"),
        rejected: of(&normalise, "rejected"),
        subject_records: of(&resolve, "subject_records"),
        applied: of(&resolve, "applied"),
        duplicates: of(&resolve, "duplicates"),
        parked: of(&resolve, "parked"),
        waiting: of(&resolve, "waiting"),
        refused: of(&resolve, "refused"),
        warnings,
        topics_digest: pipeline.topics_digest(),
        states_digest: digest(format!("{states:?}").as_bytes()),
        cases_digest: digest(format!("{:?}", open_cases(&pipeline.cases()?)).as_bytes()),
        summary,
    })
}

/// A checksum as text.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
