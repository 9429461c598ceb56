//! `cargo xtask demo`: the servers, the three services as processes of their own, and a simulated city through them.
//! It does not know what the city publishes nor how a run is judged: that is `backstop demo`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::servers::{self, Life, Options, Server, Stack, Targets, free_ports};
use crate::services::{self, SERVICES, Service, Surroundings};
use crate::shell::{self, cargo, run, say};
use crate::{packages, test, up};

/// What `cargo xtask demo` takes.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct DemoArguments {
    /// How many households the city has.
    #[arg(long, default_value_t = 20_000)]
    households: u32,
    /// How many months; the first 12 are history.
    #[arg(long, default_value_t = 14)]
    months: u32,
    /// The seed of the city.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after the summary.
    #[arg(long)]
    once: bool,
    /// Run the stages in one process, without servers.
    #[arg(long)]
    embedded: bool,
    /// Kill so many services with SIGKILL, one after the other, in the middle of the run, and start each again.
    #[arg(long, default_value_t = 0)]
    kills: u32,
    /// Let families stay as they are, and departments put nothing right.
    #[arg(long)]
    no_changes: bool,
    /// Let nobody answer to warnings.
    #[arg(long)]
    no_verifier: bool,
    /// Show no warnings while they arrive.
    #[arg(long)]
    quiet: bool,
    /// Run the query of every panel of the dashboards after the run.
    #[arg(long)]
    dashboards: bool,
}

/// Runs the demo.
///
/// # Errors
/// When a server or service cannot be started, or the run is not as it must be.
pub fn demo(arguments: &DemoArguments) -> Result<()> {
    packages::install(&[packages::BUILD])?;
    if arguments.embedded {
        return embedded(arguments);
    }
    if let Err(missing) = packages::install(&[packages::KAFKA, packages::CLICKHOUSE]) {
        say(format!(
            "No servers can be had here, so everything runs in one process instead (--embedded):\n{missing:#}"
        ));
        return embedded(arguments);
    }
    say("building the services");
    test::build("fast")?;
    on_servers(arguments)
}

fn embedded(arguments: &DemoArguments) -> Result<()> {
    say("building backstop");
    run(cargo()?.args(["build", "--profile", "fast", "--package", "backstop"]))?;
    let mut command = backstop()?;
    command.arg("embedded");
    city(&mut command, arguments);
    let folder = shell::target()?.join("demo");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    command.arg("--warnings").arg(folder.join("warnings.jsonl"));
    run(&mut command)
}

fn city(command: &mut Command, arguments: &DemoArguments) {
    command.args(["--households", &arguments.households.to_string(), "--months", &arguments.months.to_string()]);
    command.args(["--seed", &arguments.seed.to_string()]);
    if arguments.no_changes {
        command.arg("--no-changes");
    }
    if arguments.no_verifier {
        command.arg("--no-verifier");
    }
    if arguments.quiet {
        command.arg("--quiet");
    }
}

fn backstop() -> Result<Command> {
    let mut command = Command::new(shell::target()?.join("fast/backstop"));
    command.current_dir(shell::root()?);
    Ok(command)
}

fn on_servers(arguments: &DemoArguments) -> Result<()> {
    let folder = shell::target()?.join(format!("stacks/demo-{}", std::process::id()));
    let ports = free_ports(SERVICES.len())?;
    let mut targets = Targets::new();
    for (service, port) in SERVICES.iter().zip(&ports) {
        targets.insert((*service).to_owned(), vec![format!("127.0.0.1:{port}")]);
    }
    say("starting Kafka, ClickHouse and Prometheus");
    let servers = vec![Server::Kafka, Server::Clickhouse, Server::Prometheus];
    let mut stack = Stack::start(
        &folder,
        Options { servers, targets, secured: false, proxied: None, life: Life::WithThisProgram },
    )?;
    let outcome = on_stack(arguments, &folder, &mut stack, &ports);
    stack.end()?;
    match outcome {
        Ok(()) => fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display())),
        Err(fault) => bail!("{fault:#}\nlogs and data are in {}", folder.display()),
    }
}

fn on_stack(arguments: &DemoArguments, folder: &Path, stack: &mut Stack, ports: &[u16]) -> Result<()> {
    let (kafka, clickhouse) = (stack.kafka()?, stack.clickhouse()?);
    up::set_up(&kafka, &clickhouse)?;
    run(backstop()?.args(["policy", "apply", "--brokers", &kafka, "deploy/policies"]))?;
    let key_file = services::write_key(folder)?;
    let around = Surroundings { folder, kafka: &kafka, clickhouse: &clickhouse, key_file: &key_file };
    say("starting ingest, fuse and alert");
    let mut services = Vec::new();
    for (service, port) in SERVICES.iter().zip(ports) {
        let mut service = Service::new(service, 0, *port, &around)?;
        service.start()?;
        services.push(service);
    }
    for service in &mut services {
        service.wait_ready()?;
    }
    let progress = folder.join("progress");
    let mut command = backstop()?;
    command.args(["demo", "--brokers", &kafka, "--clickhouse", &clickhouse]);
    city(&mut command, arguments);
    command.arg("--key-file").arg(&key_file).arg("--progress-file").arg(&progress);
    for service in &services {
        command.arg("--search").arg(&service.log);
        command.args(["--metrics", &format!("http://127.0.0.1:{}/metrics", service.port)]);
    }
    for part in ["Prometheus", "ClickHouse"] {
        let address = if part == "Prometheus" { stack.prometheus()? } else { clickhouse.clone() };
        command.args(["--look-at", &format!("{part}={address}")]);
    }
    if arguments.dashboards {
        command.args(["--dashboards", &stack.prometheus()?]);
    }
    let mut child = command.spawn().with_context(|| format!("start `{}`", shell::line(&command)))?;
    let outcome = watch(&mut child, &mut services, &progress, arguments.kills);
    if outcome.is_ok() && !arguments.once {
        say("\nThe services go on; end them with Ctrl-C.");
        stack.watch()?;
    }
    for service in services.iter_mut().rev() {
        service.end();
    }
    outcome
}

/// Waits for the run to end; kills services in its middle where that is asked for, and fails when one ends by itself.
fn watch(child: &mut Child, services: &mut [Service], progress: &Path, kills: u32) -> Result<()> {
    let mut killed = 0;
    loop {
        if let Some(status) = child.try_wait().context("wait for the run")? {
            if !status.success() {
                bail!("the run ended with {status}");
            }
            if killed < kills {
                bail!("the run was over after {killed} of {kills} kills: give it more households or months");
            }
            return Ok(());
        }
        // The kills are spread evenly over the middle of the run: 1 of 1 at a half, 1 of 3 at a quarter.
        let reached = share_done(progress);
        if killed < kills && reached * f64::from(kills + 1) >= f64::from(killed + 1) {
            let index = killed as usize % services.len();
            let service = &mut services[index];
            say(format!("killing {} with SIGKILL and starting it again", service.name));
            service.kill();
            service.start()?;
            killed += 1;
        }
        for service in services.iter_mut() {
            if let Some(how) = service.ended() {
                let _ = child.kill();
                let _ = child.wait();
                bail!("{} {how}; its log {}", service.name, service.tail());
            }
        }
        servers::pause();
    }
}

/// Which share of the run is done, as the run itself writes it: `done/all`.
fn share_done(progress: &Path) -> f64 {
    let text = fs::read_to_string(progress).unwrap_or_default();
    let parsed = text.trim().split_once('/').and_then(|(done, all)| Some((done.parse().ok()?, all.parse().ok()?)));
    let (done, all): (f64, f64) = parsed.unwrap_or((0.0, 1.0));
    if all > 0.0 { done / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_done_is_read_from_the_progress_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("progress");
        for (text, expected) in [("", 0.0), ("25/100\n", 0.25), ("100/100", 1.0), ("x/2", 0.0), ("1/0", 0.0)] {
            fs::write(&file, text).expect("written");
            assert!((share_done(&file) - expected).abs() < 1e-9, "{text}");
        }
        assert!(share_done(&folder.path().join("absent")).abs() < 1e-9);
    }
}
