//! `backstop bench`: what the Kafka client itself can do on these brokers, and each stage alone beside it, in one run
//! on the same bytes. It does not know how a stage works, nor who started the brokers.

mod alone;
mod clients;
mod counted;
mod figures;
mod fill;
mod floor;
mod month_end;
mod paced;
mod parts;
mod usage;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use figures::{Beside, Measured, Report, Sweep};
use fill::{Filled, Wanted, feed_topics};
use month_end::City;
use parts::{FEEDS, Part, Stage};

/// What to measure, and on which brokers.
#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    /// Brokers that have no topics of Backstop, HOST:PORT separated by commas. The bench creates them and leaves them
    /// full, so it is for brokers of its own.
    #[arg(long, env = "BACKSTOP_KAFKA")]
    brokers: String,
    /// Feed records: the simulated day in which so many are reached is the last one.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Households of the simulated city.
    #[arg(long, default_value_t = 20_000)]
    households: u32,
    /// The simulation's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Households at the month's end that is measured: those of the city, and copies of them.
    #[arg(long, default_value_t = 100_000)]
    sweep_households: u64,
    /// Prints the figures as one line of JSON, too, after the table.
    #[arg(long)]
    json: bool,
    /// The folder with the feeds' schemas.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
    /// The folder that holds `kafka/topics.yaml` and `policies`.
    #[arg(long, default_value = "deploy")]
    deploy: PathBuf,
    /// Makes one measurement in this process and prints it: how the bench calls itself.
    #[arg(long, hide = true)]
    part: Option<Part>,
    /// How many records the part has to commit.
    #[arg(long, hide = true, default_value_t = 0)]
    expected: u64,
}

/// Runs the bench, or one part of it.
///
/// # Errors
/// When the brokers are in use already, do not answer, or a stage cannot be run.
pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    match args.part {
        Some(part) => {
            let measured = measure(args, part).with_context(|| format!("measure {part}"))?;
            print(&serde_json::to_string(&measured)?);
            Ok(())
        }
        None => run_all(args),
    }
}

fn run_all(args: &BenchArgs) -> Result<()> {
    say(&format!("publishing {} events of {} households", args.records, args.households));
    let wanted = Wanted { events: args.records, households: args.households, seed: args.seed };
    let filled = fill::fill(&args.brokers, &args.schemas, &args.deploy, wanted)?;
    let consume = in_a_child(args, Part::Consume, 0)?;
    let produce = in_a_child(args, Part::Produce, consume.records)?;
    let mut stages = Vec::new();
    for stage in Stage::ALL {
        // The floor counts the stage's input.
        let floor = in_a_child(args, Part::ConsumeProduce(stage), 0)?;
        let alone = in_a_child(args, Part::Stage(stage), floor.records)?;
        stages.push(Beside { stage, floor, alone });
    }
    let sweep = sweep(args, filled)?;
    let report = Report {
        events: filled.events,
        days: filled.days,
        households: args.households,
        seed: args.seed,
        consume,
        produce,
        stages,
        sweep,
    };
    print(&report.table());
    if args.json {
        print(&report.json()?);
    }
    Ok(())
}

/// The end of a month, with alert as it stands after the city's last day.
fn sweep(args: &BenchArgs, filled: Filled) -> Result<Sweep> {
    let mut city = City::read(&args.brokers)?;
    let alert = Part::Stage(Stage::Alert);
    let added = city.grow(&args.brokers, args.sweep_households)?;
    if added > 0 {
        // Their first look is not what is measured.
        in_a_child(args, alert, added)?;
    }
    let markers = city.end_month(&args.brokers, filled)?;
    say("the end of a month");
    Ok(Sweep { households: city.households(), measured: in_a_child(args, alert, markers)? })
}

fn measure(args: &BenchArgs, part: Part) -> Result<Measured> {
    match part {
        Part::Consume => floor::consume(&args.brokers, &feed_topics()),
        Part::Produce => floor::produce(&args.brokers, &feed_topics(), args.expected),
        Part::ConsumeProduce(stage) => floor::consume_produce(&args.brokers, &input(stage)),
        Part::Stage(stage) => alone::run(&args.brokers, &args.schemas, stage, args.expected),
    }
}

fn input(stage: Stage) -> Vec<String> {
    if stage.input() == FEEDS { feed_topics() } else { vec![stage.input().to_owned()] }
}

/// Measures in a process of its own, so that neither memory nor threads of another part count.
fn in_a_child(args: &BenchArgs, part: Part, expected: u64) -> Result<Measured> {
    say(&format!("measuring {part}"));
    let program = std::env::current_exe().context("find this program's own file")?;
    let mut child = Command::new(program);
    child.args(["bench", "--brokers", &args.brokers, "--part", &part.to_string()]);
    child.args(["--expected", &expected.to_string()]).arg("--schemas").arg(&args.schemas);
    child.arg("--deploy").arg(&args.deploy).stderr(Stdio::inherit());
    let output = child.output().with_context(|| format!("start the process that measures {part}"))?;
    if !output.status.success() {
        bail!("the process that measures {part} ended with {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next_back().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("the process that measures {part} said `{line}`"))
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "progress, beside the answer")]
fn say(text: &str) {
    eprintln!("{text}");
}
