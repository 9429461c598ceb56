//! The bench: what a developer and a newcomer run. One subcommand each; the work is in the modules.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{bench, chdb, demo, nightly, servers, soak, test, tidy, up};

/// Backstop's bench: demo, tests, local servers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show warnings arriving: the servers, the services and a simulated city.
    Demo(demo::DemoArguments),
    /// Run several instances of each service while they are killed, stopped and cut off; then audit.
    Soak(soak::SoakArguments),
    /// Measure the client's floor, each stage alone, all services together, and what they do after a kill.
    Bench(bench::BenchArguments),
    /// Start Kafka, ClickHouse and Prometheus on this machine, create topics and tables, and leave them running.
    Up(up::UpArguments),
    /// End the servers that `up` left running. Their data stay.
    Down(up::DownArguments),
    /// Stop, kill or restart one server of a running stack.
    Server(up::ServerArguments),
    /// Run everything that must hold: formatting, rules, lints, licences, unit tests, tests on real servers.
    Test(test::TestArguments),
    /// Run what takes too long for every change: long soaks, many random histories and simulations, the bench.
    Nightly(nightly::NightlyArguments),
    /// Check the rules of this house that neither Cargo nor clippy knows.
    Tidy,
    /// Become another program that ends with the process that started this one.
    #[command(hide = true)]
    Guard {
        parent: u32,
        #[arg(last = true)]
        words: Vec<String>,
    },
    /// Become a ClickHouse server.
    #[command(hide = true)]
    ClickhouseServer {
        #[arg(long)]
        library: PathBuf,
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Soak(arguments) => soak::soak(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Up(arguments) => up::up(&arguments),
        Command::Down(arguments) => up::down(&arguments),
        Command::Server(arguments) => up::server(&arguments),
        Command::Test(arguments) => test::test(&arguments),
        Command::Nightly(arguments) => nightly::nightly(&arguments),
        Command::Tidy => tidy::run(),
        Command::Guard { parent, words } => servers::guard(parent, &words),
        Command::ClickhouseServer { library, arguments } => chdb::run(&library, &arguments),
    }
}
