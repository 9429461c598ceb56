//! `backstop bench`: what the Kafka client itself can do on these brokers, each stage alone beside it, all services
//! together, and what they do after a kill. It does not know how a stage works, nor who started the brokers.

mod alone;
mod bare;
mod clients;
mod commits;
mod counted;
mod ends;
mod fill;
mod floor;
mod latency;
mod ledgers;
mod line;
mod load;
mod measured;
mod month_end;
mod paced;
mod parts;
mod pipeline;
mod report;
mod restore;
mod services;
mod table;
mod together;
mod transactions;
mod usage;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use fill::{Filled, Wanted, feed_topics};
use measured::Measured;
use month_end::City;
use parts::{FEEDS, Group, Part, Stage};
use report::{OfCity, Report, Sweep};

/// What to measure, and on which brokers.
#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    /// Brokers that have no topics of Backstop, HOST:PORT separated by commas. The bench creates them and leaves them
    /// full, so it is for brokers of its own.
    #[arg(long, env = "BACKSTOP_KAFKA")]
    brokers: String,
    /// What to measure: `floor`, `stages` and `month-end` together, or `pipeline` and `latency` together, or `restore`.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["floor", "stages", "month-end"])]
    only: Vec<Group>,
    /// Feed records: the simulated day in which so many are reached is the last one.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Households of the simulated city.
    #[arg(long, default_value_t = 12_000)]
    households: u32,
    /// The simulation's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times the smallest city this one is, where several are compared.
    #[arg(long, default_value_t = 1)]
    size: u32,
    /// Households at the month's end that is measured: those of the city, and copies of them.
    #[arg(long, default_value_t = 100_000)]
    sweep_households: u64,
    /// Households when services are killed: those of the city, and copies of them.
    #[arg(long, default_value_t = 600_000)]
    restore_households: u64,
    /// Records of persons' ledgers when services are killed, at most: all of a city would take more disk and time than most
    /// benches have.
    #[arg(long, default_value_t = 8_000_000)]
    restore_ledger_records: u64,
    /// What their restores are called in the figures: what the services come back from, as they are set.
    #[arg(long, default_value = "changelogs")]
    restores_from: String,
    /// ClickHouse's HTTP address with no tables of Backstop, as http://HOST:PORT: what the services say is archived there.
    #[arg(long)]
    clickhouse: Option<String>,
    /// A server that runs on this machine, NAME=PROCESS: what it takes stands beside what the services take.
    #[arg(long, value_parser = crate::brokers::setting)]
    server: Vec<(String, String)>,
    /// A setting of the services, such as `BACKSTOP_WORKER__WORKERS=2`; `{folder}` in it stands for `--folder`.
    #[arg(long, value_parser = crate::brokers::setting)]
    service_setting: Vec<(String, String)>,
    /// The folder of the programs `ingest`, `fuse` and `alert`; that of this program where it is not given.
    #[arg(long)]
    services: Option<PathBuf>,
    /// Where logs of services go, and figures from one run to the next: those of earlier runs are shown, too.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Keeps the figures and shows nothing.
    #[arg(long)]
    quiet: bool,
    /// Prints the figures as one line of JSON, too, after the tables.
    #[arg(long)]
    json: bool,
    /// The folder with the feeds' schemas.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
    /// The folder that holds `kafka/topics.yaml`, `clickhouse` and `policies`.
    #[arg(long, default_value = "deploy")]
    deploy: PathBuf,
    /// Makes one measurement in this process and prints it: how the bench calls itself.
    #[arg(long, hide = true)]
    part: Option<Part>,
    /// Becomes this program, which ends with the process that started it: how the bench starts services.
    #[arg(long, hide = true)]
    guard: Option<PathBuf>,
    /// How many records the part has to commit.
    #[arg(long, hide = true, default_value_t = 0)]
    expected: u64,
}

impl BenchArgs {
    fn wanted(&self) -> Wanted {
        Wanted { events: self.records, households: self.households, seed: self.seed }
    }

    fn asks_for(&self, group: Group) -> bool {
        self.only.contains(&group)
    }
}

/// Runs the bench, or one part of it.
///
/// # Errors
/// When the brokers are in use already, do not answer, or a stage cannot be run.
pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    if let Some(program) = &args.guard {
        return Err(services::become_guarded(program));
    }
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
    std::fs::create_dir_all(&args.folder).with_context(|| format!("create {}", args.folder.display()))?;
    let file = args.folder.join("figures.json");
    let mut report = Report::read(&file)?;
    let sets = [
        [Group::Floor, Group::Stages, Group::MonthEnd].as_slice(),
        [Group::Pipeline, Group::Latency].as_slice(),
        [Group::Restore].as_slice(),
    ];
    let set = sets.iter().position(|set| args.only.iter().all(|group| set.contains(group)));
    match set {
        Some(0) => report.cities.extend([(args.size, of_city(args)?)]),
        Some(1) => together::full_speed_and_half(args, &mut report)?,
        Some(_) => report.restores.extend([(args.restores_from.clone(), together::restores(args)?)]),
        None => bail!("these groups need brokers of their own each: run the command once for each of them"),
    }
    report.write(&file)?;
    if !args.quiet {
        print(&table::table(&report));
    }
    if args.json && !args.quiet {
        print(&line::line(&report)?);
    }
    Ok(())
}

/// The client, the bare loops and the stages, each by itself, on the records of one city.
fn of_city(args: &BenchArgs) -> Result<OfCity> {
    ensure!(
        !args.asks_for(Group::MonthEnd) || args.asks_for(Group::Stages),
        "the end of a month is measured after the stages: ask for both"
    );
    say(&format!("publishing {} events of {} households", args.records, args.households));
    let filled = fill::fill(&args.brokers, &args.schemas, &args.deploy, args.wanted())?;
    let Filled { events, days, .. } = filled;
    let mut city = OfCity { events, days, households: args.households, seed: args.seed, ..OfCity::default() };
    if args.asks_for(Group::Floor) {
        // Brokers that were just started compile their own code for a minute, beside whoever is measured first.
        in_a_child(args, Part::ConsumeProduce(Stage::Normalise), 0)?;
        let consume = in_a_child(args, Part::Consume, 0)?;
        city.produce = Some(in_a_child(args, Part::Produce, consume.records)?);
        city.consume = Some(consume);
        for stage in Stage::ALL {
            city.floors.insert(stage.name().to_owned(), in_a_child(args, Part::ConsumeProduce(stage), 0)?);
        }
        for workers in [1, 2] {
            city.bare_loops.insert(workers, in_a_child(args, Part::BareLoops(workers), 0)?);
        }
    }
    if args.asks_for(Group::Stages) {
        for stage in Stage::ALL {
            let expected = ends::records(&args.brokers, &input(stage))?;
            city.stages.insert(stage.name().to_owned(), in_a_child(args, Part::Stage(stage), expected)?);
        }
        // Beside the bare loops only: the cities of other sizes are compared stage by stage.
        if args.asks_for(Group::Floor) {
            let expected = ends::records(&args.brokers, &input(Stage::Fuse))?;
            city.fuse_by_two = Some(in_a_child(args, Part::FuseByTwo, expected)?);
        }
    }
    if args.asks_for(Group::MonthEnd) {
        city.sweep = Some(sweep(args, filled)?);
    }
    Ok(city)
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
        Part::FuseByTwo => alone::fuse_by_two(&args.brokers, args.expected),
        Part::BareLoops(workers) => bare::run(&args.brokers, workers),
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
