//! `bench`: a Kafka of its own, `backstop bench` on it, and nothing left behind. Does not know what is measured.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::servers::{Life, Options, Server, Stack, Targets};
use crate::{packages, shell};

/// What `cargo xtask bench` takes.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Feed records to publish and take through every stage.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Households of the simulated city.
    #[arg(long, default_value_t = 20_000)]
    households: u32,
    /// Households at the month's end that is measured.
    #[arg(long, default_value_t = 100_000)]
    sweep_households: u64,
    /// The simulation's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Default for BenchArguments {
    fn default() -> Self {
        Self { records: 1_000_000, households: 20_000, sweep_households: 100_000, seed: 1 }
    }
}

/// Builds `backstop`, starts a Kafka in a new folder, measures, prints the table and, as the last line, the JSON, and
/// ends the Kafka.
///
/// # Errors
/// When the binary cannot be built, Kafka cannot be started, or a measurement fails.
pub fn run(arguments: &BenchArguments) -> Result<()> {
    packages::install(&[packages::BUILD])?;
    // Built before anything is started: a build would take the processors from what is measured.
    shell::run(cargo("build")?.args(["--package", "backstop"]))?;
    let target = shell::root()?.join("target");
    fs::create_dir_all(&target).with_context(|| format!("create {}", target.display()))?;
    // Under the checkout, not under /tmp: that may be memory, and a bench writes hundreds of megabytes.
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&target).context("create the bench's folder")?;
    let servers = vec![Server::Kafka];
    let options =
        Options { servers, targets: Targets::new(), secured: false, proxied: None, life: Life::WithThisProgram };
    let stack = Stack::start(folder.path(), options)?;
    let measured = measure(&stack, arguments);
    stack.end()?;
    measured
}

fn measure(stack: &Stack, arguments: &BenchArguments) -> Result<()> {
    let mut bench = cargo("run")?;
    bench.args(["--package", "backstop", "--", "bench", "--json", "--brokers", &stack.kafka()?]);
    bench.args(["--records", &arguments.records.to_string(), "--households", &arguments.households.to_string()]);
    bench.args(["--sweep-households", &arguments.sweep_households.to_string()]);
    shell::run(bench.args(["--seed", &arguments.seed.to_string()]))
}

fn cargo(what: &str) -> Result<Command> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(shell::root()?).args([what, "--quiet", "--profile", "fast"]);
    Ok(cargo)
}
