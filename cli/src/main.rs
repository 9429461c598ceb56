//! `backstop`: the handle. It reads the command and hands it to its module; it decides nothing itself.

mod audit;
mod backtest;
mod bench;
mod brokers;
mod calendar_watch;
mod clickhouse;
mod close_day;
mod columns;
mod dashboards;
mod demo;
mod explain;
mod files;
mod judge_files;
mod memory_pipeline;
mod parked;
mod policy;
mod privacy;
mod publish;
mod scenario;
mod setup;
mod simulate;
mod soak;
mod topic;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Early warning before a household falls back into poverty: the tools around the services.
#[derive(Debug, Parser)]
#[command(name = "backstop", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates the topics and tables that `deploy/` describes.
    Setup(setup::SetupArgs),
    /// Checks policies, compares and publishes them.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Makes a city: the feeds of its departments, and the ground truth.
    Simulate(Box<simulate::SimulateArgs>),
    /// Publishes the feeds of a city day by day, and closes each day.
    Publish(Box<publish::PublishArgs>),
    /// Closes a day in every feed.
    CloseDay(close_day::CloseDayArgs),
    /// Runs scenarios and compares what is warned of with what is expected.
    Scenario(scenario::ScenarioArgs),
    /// Explains a household: months, members, entries and their origin, why warnings stand.
    Explain(explain::ExplainArgs),
    /// Shows which records wait, by department and age.
    Parked(parked::ParkedArgs),
    /// Compares what a run on real servers left behind with what it must be.
    Audit(audit::AuditArgs),
    /// Publishes a city to running services and tells how it went.
    Demo(Box<demo::live::DemoArgs>),
    /// Publishes a city to running services at a steady pace until told to stop, and audits the run.
    Soak(Box<soak::SoakArgs>),
    /// Runs a city through all stages in this one process.
    Embedded(Box<demo::embedded::EmbeddedArgs>),
    /// Runs two policies over the same history, and reports what is different.
    Backtest(Box<backtest::BacktestArgs>),
    /// Judges warnings against the ground truth of a simulated city.
    Judge(judge_files::JudgeArgs),
    /// Runs the queries of the dashboards.
    Dashboards(dashboards::DashboardsArgs),
    /// Measures the client's floor and each stage.
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Setup(args) => setup::run(args),
        Command::Policy(command) => {
            return policy::run(&command).unwrap_or_else(|fault| {
                complain(&fault);
                command.failure()
            });
        }
        Command::Simulate(args) => simulate::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::CloseDay(args) => close_day::run(&args),
        Command::Scenario(args) => scenario::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Parked(args) => parked::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Demo(args) => demo::live::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Embedded(args) => demo::embedded::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Judge(args) => judge_files::run(&args),
        Command::Dashboards(args) => dashboards::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => complain(&fault),
    }
}

#[expect(clippy::print_stderr, reason = "the last word to the person who ran the command")]
fn complain(fault: &anyhow::Error) -> ExitCode {
    eprintln!("backstop: {fault:#}");
    ExitCode::FAILURE
}
