//! `up`, `down` and `server`: the servers of a developer, left running between commands.
//! Does not know how a server is started, nor what topics and tables there are.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::servers::{Life, Options, Server, Stack, Targets};
use crate::shell::{self, say};

/// What `cargo xtask up` takes.
#[derive(Debug, Args)]
pub struct UpArguments {
    /// The folder that holds the servers' data, logs and `stack.json` [default: target/stack].
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The servers to start.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["kafka", "clickhouse", "prometheus"])]
    servers: Vec<Server>,
    /// What Prometheus scrapes: JOB=HOST:PORT, repeatable.
    #[arg(long, value_parser = target)]
    target: Vec<(String, String)>,
    /// Let Kafka also listen with TLS and a login, as production does; stack.json says how to reach it.
    #[arg(long)]
    secured: bool,
    /// Leave Kafka and ClickHouse empty: no topics, no tables.
    #[arg(long)]
    empty: bool,
    /// Stay, and end the servers with Ctrl-C, instead of leaving them running.
    #[arg(long)]
    foreground: bool,
}

/// What `cargo xtask down` takes.
#[derive(Debug, Args)]
pub struct DownArguments {
    /// The folder given to `up` [default: target/stack].
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What `cargo xtask server` takes.
#[derive(Debug, Args)]
pub struct ServerArguments {
    /// What to do with it.
    #[arg(value_enum)]
    action: Action,
    /// Which server.
    #[arg(value_enum)]
    server: Server,
    /// The folder given to `up` [default: target/stack].
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Action {
    /// SIGTERM, and SIGKILL after a limit.
    Stop,
    /// SIGKILL, as a crash would.
    Kill,
    /// Start it again on the same ports with the same data.
    Restart,
}

fn target(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(job, address)| (job.to_owned(), address.to_owned()));
    pair.ok_or_else(|| format!("`{text}` is not JOB=HOST:PORT"))
}

fn folder(given: Option<&Path>) -> Result<PathBuf> {
    match given {
        Some(folder) => Ok(folder.to_owned()),
        None => Ok(shell::target()?.join("stack")),
    }
}

/// Starts the servers, creates topics and tables unless told otherwise, and leaves the servers running.
///
/// # Errors
/// When a server cannot be started, or topics and tables cannot be created; the servers are ended then.
pub fn up(arguments: &UpArguments) -> Result<()> {
    let folder = folder(arguments.dir.as_deref())?;
    let mut targets = Targets::new();
    for (job, address) in &arguments.target {
        targets.entry(job.clone()).or_default().push(address.clone());
    }
    let life = if arguments.foreground { Life::WithThisProgram } else { Life::Detached };
    let options =
        Options { servers: arguments.servers.clone(), targets, secured: arguments.secured, proxied: None, life };
    let mut stack = Stack::start(&folder, options)?;
    if !arguments.empty
        && let (Ok(kafka), Ok(clickhouse)) = (stack.kafka(), stack.clickhouse())
    {
        let applied = set_up(&kafka, &clickhouse);
        if applied.is_err() {
            stack.end()?;
            return applied;
        }
    }
    for (name, address) in [
        ("Kafka", stack.kafka()),
        ("with login", stack.secured().map(|secured| secured.brokers)),
        ("ClickHouse", stack.clickhouse()),
        ("Prometheus", stack.prometheus()),
    ] {
        if let Ok(address) = address {
            say(format!("{name:<11} {address}"));
        }
    }
    let how = if arguments.foreground { "Ctrl-C" } else { "cargo xtask down" };
    say(format!("Logs, data and stack.json are in {}. End the servers with: {how}", folder.display()));
    if arguments.foreground { stack.watch() } else { Ok(()) }
}

/// Creates topics and tables with the `backstop` binary, as production does.
///
/// # Errors
/// When the binary cannot be built or reports a fault.
pub fn set_up(kafka: &str, clickhouse: &str) -> Result<()> {
    crate::packages::install(&[crate::packages::BUILD])?;
    let mut setup = shell::cargo()?;
    setup.args(["run", "--quiet", "--profile", "fast", "--package", "backstop", "--"]);
    setup.args(["setup", "--profile", "local", "--brokers", kafka, "--clickhouse", clickhouse]);
    shell::run(&mut setup)
}

/// Ends the servers of `up`.
///
/// # Errors
/// When no stack is known in the folder.
pub fn down(arguments: &DownArguments) -> Result<()> {
    Stack::adopt(&folder(arguments.dir.as_deref())?)?.end()
}

/// Stops, kills or restarts one server.
///
/// # Errors
/// When it is not part of the stack, or is not ready in time after its restart.
pub fn server(arguments: &ServerArguments) -> Result<()> {
    let mut stack = Stack::adopt(&folder(arguments.dir.as_deref())?)?;
    match arguments.action {
        Action::Stop => stack.stop(arguments.server),
        Action::Kill => stack.kill(arguments.server),
        Action::Restart => stack.restart(arguments.server),
    }
}
