//! `bench`: servers of its own for each set of measurements, `backstop bench` on them, and nothing left behind. Does not
//! know how anything is measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::servers::{Life, Options, Server, Stack, Targets};
use crate::shell::{self, say};
use crate::{packages, test};

/// What `cargo xtask bench` takes.
#[derive(Clone, Debug, Args)]
pub struct BenchArguments {
    /// What to measure; everything where it is not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Group>,
    /// Feed records to publish and take through every stage.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Households of the simulated city. With so many records for each of them it has two years.
    #[arg(long, default_value_t = 12_000)]
    households: u32,
    /// Households at the month's end that is measured.
    #[arg(long, default_value_t = 100_000)]
    sweep_households: u64,
    /// Households when services are killed.
    #[arg(long, default_value_t = 600_000)]
    restore_households: u64,
    /// Records of persons' ledgers when services are killed, at most. A city has 117 million.
    #[arg(long, default_value_t = 8_000_000)]
    restore_ledger_records: u64,
    /// The simulation's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A setting of the services that run together, NAME=VALUE as in their environment; repeatable. `{folder}` in it stands for
    /// the bench's folder.
    #[arg(long)]
    service_setting: Vec<String>,
}

impl Default for BenchArguments {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            records: 1_000_000,
            households: 12_000,
            sweep_households: 100_000,
            restore_households: 600_000,
            restore_ledger_records: 8_000_000,
            seed: 1,
            service_setting: Vec::new(),
        }
    }
}

/// Something that can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Group {
    /// What the client does without any stage, and what a bare loop does with fuse's input.
    Floor,
    /// Each stage alone.
    Stages,
    /// Each stage alone, in cities of several sizes.
    Sizes,
    /// All services together, with and without the archive.
    Pipeline,
    /// Services that are killed.
    Restore,
    /// From an event to its warning.
    Latency,
    /// The end of a month.
    MonthEnd,
}

/// How many times the smallest city the one of the arguments is, and the largest.
const MIDDLE: u32 = 4;
const LARGEST: u32 = 16;
/// In a city of so many times the households a day has enough events to keep all services busy.
const PIPELINE: u32 = 4;

/// What services come back from after a kill, and the setting of the services by which they do.
const RESTORES: [(&str, Option<&str>); 2] =
    [("changelogs", None), ("snapshots", Some("BACKSTOP_WORKER__SNAPSHOTS={folder}/servers/snapshots"))];

/// One run of `backstop bench`, on servers of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Round {
    /// Its groups, as `backstop bench --only` takes them.
    only: Vec<&'static str>,
    /// Households and records, each in so many quarters of what was asked for.
    quarters: (u32, u32),
    /// By how many times the smallest city this one is.
    size: u32,
    has_archive: bool,
    /// One of [`RESTORES`].
    restores: (&'static str, Option<&'static str>),
}

impl Round {
    fn of_city(only: Vec<&'static str>, size: u32) -> Self {
        Self { only, quarters: (size, size), size, has_archive: false, restores: RESTORES[0] }
    }

    fn of_services(only: Vec<&'static str>, households: u32, has_archive: bool) -> Self {
        Self { has_archive, quarters: (households * MIDDLE, MIDDLE), ..Self::of_city(only, MIDDLE) }
    }
}

/// The rounds that measure the groups; all of them where none is named.
fn rounds(only: &[Group]) -> Vec<Round> {
    let asks_for = |group: Group| only.is_empty() || only.contains(&group);
    let mut rounds = Vec::new();
    let mut of_city = Vec::new();
    if asks_for(Group::Floor) {
        of_city.push("floor");
    }
    // The end of a month is measured with alert as its stage leaves it; the floor's ratios are to the stages.
    if [Group::Floor, Group::Stages, Group::Sizes, Group::MonthEnd].into_iter().any(asks_for) {
        of_city.push("stages");
    }
    if asks_for(Group::MonthEnd) {
        of_city.push("month-end");
    }
    if !of_city.is_empty() {
        rounds.push(Round::of_city(of_city, MIDDLE));
    }
    if asks_for(Group::Sizes) {
        rounds.extend([1, LARGEST].map(|size| Round::of_city(vec!["stages"], size)));
    }
    if asks_for(Group::Pipeline) || asks_for(Group::Latency) {
        // Latency is measured at a share of the full rate, which has to be known.
        let mut together = vec!["pipeline"];
        together.extend(asks_for(Group::Latency).then_some("latency"));
        rounds.extend([false, true].map(|has_archive| Round::of_services(together.clone(), PIPELINE, has_archive)));
    }
    if asks_for(Group::Restore) {
        let restore = |restores| Round { restores, ..Round::of_services(vec!["restore"], 1, false) };
        rounds.extend(RESTORES.map(restore));
    }
    rounds
}

/// Builds the programs, runs each round on servers in a new folder, prints the tables and, as the last line, the JSON.
///
/// # Errors
/// When a program cannot be built, a server cannot be started, or a measurement fails.
pub fn run(arguments: &BenchArguments) -> Result<()> {
    packages::install(&[packages::BUILD])?;
    // Built before anything is started: a build would take the processors from what is measured. What is measured is what a
    // city runs.
    test::build("release")?;
    let target = shell::target()?;
    fs::create_dir_all(&target).with_context(|| format!("create {}", target.display()))?;
    // Under the checkout, not under /tmp: that may be memory, and a bench writes gigabytes.
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&target).context("create the bench's folder")?;
    let rounds = rounds(&arguments.only);
    for (index, round) in rounds.iter().enumerate() {
        let is_last = index + 1 == rounds.len();
        say(format!("\n== {} of {}: {}", index + 1, rounds.len(), round.only.join(", ")));
        if let Err(fault) = on_servers(arguments, round, folder.path(), is_last) {
            bail!("{fault:#}\nlogs, data and figures are in {}", folder.keep().display());
        }
    }
    Ok(())
}

/// One round, on servers whose data are removed afterwards.
fn on_servers(arguments: &BenchArguments, round: &Round, folder: &Path, is_last: bool) -> Result<()> {
    let servers = if round.has_archive { vec![Server::Kafka, Server::Clickhouse] } else { vec![Server::Kafka] };
    let options =
        Options { servers, targets: Targets::new(), secured: false, proxied: None, life: Life::WithThisProgram };
    let data = folder.join("servers");
    let stack = Stack::start(&data, options)?;
    let measured = measure(&stack, arguments, round, folder, is_last);
    stack.end()?;
    measured?;
    fs::remove_dir_all(&data).with_context(|| format!("remove {}", data.display()))
}

fn measure(stack: &Stack, arguments: &BenchArguments, round: &Round, folder: &Path, is_last: bool) -> Result<()> {
    let (of_households, of_records) = round.quarters;
    let households = (arguments.households / MIDDLE).saturating_mul(of_households);
    let records = (arguments.records / u64::from(MIDDLE)).saturating_mul(u64::from(of_records));
    let mut bench = Command::new(shell::target()?.join("release/backstop"));
    bench
        .current_dir(shell::root()?)
        .args(["bench", "--json", "--brokers", &stack.kafka()?])
        .arg("--folder")
        .arg(folder);
    bench.args(["--only", &round.only.join(","), "--size", &round.size.to_string()]);
    bench.args(["--records", &records.to_string(), "--households", &households.to_string()]);
    bench.args(["--seed", &arguments.seed.to_string()]);
    bench.args(["--sweep-households", &arguments.sweep_households.to_string()]);
    bench.args(["--restore-households", &arguments.restore_households.to_string()]);
    bench.args(["--restore-ledger-records", &arguments.restore_ledger_records.to_string()]);
    bench.args(["--server", &format!("kafka={}", stack.process_of(Server::Kafka)?)]);
    if round.has_archive {
        bench.args(["--clickhouse", &stack.clickhouse()?]);
        bench.args(["--server", &format!("clickhouse={}", stack.process_of(Server::Clickhouse)?)]);
    }
    let (name, setting) = round.restores;
    bench.args(["--restores-from", name]);
    for setting in arguments.service_setting.iter().map(String::as_str).chain(setting) {
        bench.args(["--service-setting", setting]);
    }
    if !is_last {
        bench.arg("--quiet");
    }
    shell::run(&mut bench)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_its_rounds_and_what_they_rest_on() {
        let rows: [(&[Group], &str); 6] = [
            (&[], "floor,stages,month-end@4 stages@1 stages@16 pipeline,latency pipeline,latency+ restore restore"),
            (&[Group::Floor], "floor,stages@4"),
            (&[Group::MonthEnd], "stages,month-end@4"),
            (&[Group::Sizes], "stages@4 stages@1 stages@16"),
            (&[Group::Latency], "pipeline,latency pipeline,latency+"),
            (&[Group::Pipeline, Group::Restore], "pipeline pipeline+ restore restore"),
        ];
        for (only, expected) in rows {
            let told = |round: &Round| {
                let is_of_city = round.only.contains(&"stages");
                let size = if is_of_city { format!("@{}", round.size) } else { String::new() };
                format!("{}{size}{}", round.only.join(","), if round.has_archive { "+" } else { "" })
            };
            assert_eq!(rounds(only).iter().map(told).collect::<Vec<_>>().join(" "), expected, "{only:?}");
        }
    }
}
