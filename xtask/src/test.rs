//! `cargo xtask test`: everything that must hold before a change is taken, in one command. A server that is missing
//! fails, it is never skipped. Does not know what is tested.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::servers::{Life, Options, Server, Stack, Targets};
use crate::shell::{self, cargo, run, run_quietly, say};
use crate::soak::{self, SoakArguments};
use crate::{cache, deploy_check, packages, tidy};

/// The version of `cargo deny` that is installed when there is none.
const DENY_VERSION: &str = "0.20.2";

/// The tests that need real servers, and how many run at a time: the loop and the archive alone, which have topics of
/// their own and wait most of the time for what a broker does after some seconds; then the services together, which
/// have the machine's two processors for themselves.
const REAL_TESTS: [(&[&str], &str); 2] = [
    (&["test", "--package", "runtime", "--features", "real-servers", "--test", "real_servers"], "3"),
    (&["test", "--package", "proof"], "1"),
];

/// What `cargo xtask test` takes.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Run these steps alone, in their usual order.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Step>,
}

/// The steps, in the order in which they run: the quick ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// What must be on the machine.
    Packages,
    /// `cargo fmt --check`.
    Format,
    /// The rules of this house.
    Tidy,
    /// Compose by its schema, Prometheus' rules by promtool.
    Deploy,
    /// Licences, banned crates, sources.
    Deny,
    /// Clippy without a warning.
    Clippy,
    /// Unit and property tests, and the tests of the local servers.
    Unit,
    /// The end-to-end tests and the binaries that they run.
    Build,
    /// End to end on a real Kafka and ClickHouse.
    EndToEnd,
    /// A short soak: services, servers and networks die under a steady load.
    Soak,
}

impl Step {
    fn run(self) -> Result<()> {
        match self {
            Self::Packages => {
                packages::install(&[packages::BUILD, packages::KAFKA, packages::CLICKHOUSE, packages::PYTHON])
            }
            Self::Format => run(cargo()?.args(["fmt", "--all", "--check"])),
            Self::Tidy => tidy::run(),
            Self::Deploy => deploy_check::all(),
            Self::Deny => deny(),
            Self::Clippy => {
                let everything = ["clippy", "--workspace", "--all-targets", "--features", "runtime/real-servers"];
                run(cargo()?.args(everything).args(["--", "-D", "warnings"]))
            }
            Self::Unit => run(cargo()?.args(["test", "--workspace", "--exclude", "proof"])),
            Self::Build => build_for_tests(),
            Self::EndToEnd => end_to_end(),
            Self::Soak => soak::soak(&SoakArguments::short()),
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Runs the steps, stops at the first that fails, and says how long each took.
///
/// # Errors
/// When a step fails: with its name and the command that failed.
pub fn test(arguments: &TestArguments) -> Result<()> {
    let wanted = |step: &Step| arguments.only.is_empty() || arguments.only.contains(step);
    let mut times = Vec::new();
    for step in Step::value_variants().iter().copied().filter(wanted) {
        let name = step.name();
        say(format!("\n== {name}"));
        let begun = Instant::now();
        let outcome = step.run();
        times.push(format!("{name} {:.0} s", begun.elapsed().as_secs_f64()));
        if outcome.is_err() {
            say(format!("\n== {name} failed; {}", times.join(", ")));
            return outcome.with_context(|| format!("step {name}; run it alone with: cargo xtask test --only {name}"));
        }
    }
    say(format!("\n== all steps passed: {}", times.join(", ")));
    Ok(())
}

/// `cargo deny`, installed into the cache when the machine has none: a minute and a quarter on two cores, once.
fn deny() -> Result<()> {
    let program = match shell::which("cargo-deny") {
        Some(program) => program,
        None => cache::once(&format!("cargo-deny-{DENY_VERSION}"), |folder| {
            say(format!("building cargo-deny {DENY_VERSION}"));
            let mut install = cargo()?;
            install.args(["install", "--quiet", "--locked", "--debug", "--no-default-features", "--root"]).arg(folder);
            run_quietly(install.args(["--version", DENY_VERSION, "cargo-deny"])).map(drop)
        })?
        .join("bin/cargo-deny"),
    };
    let mut check = Command::new(program);
    run(check.current_dir(shell::root()?).args(["--log-level", "error", "check", "bans", "licenses", "sources"]))
}

/// Compiles all that the end-to-end tests need before a server is started for them.
fn build_for_tests() -> Result<()> {
    build("fast")?;
    REAL_TESTS
        .iter()
        .try_for_each(|(arguments, _)| run(cargo()?.args(*arguments).args(["--profile", "fast", "--no-run"])))
}

/// Builds the services and the command: with the profile `fast` for the tests on real servers and the demo, with `release`
/// for the benches.
///
/// # Errors
/// When they do not compile.
pub fn build(profile: &str) -> Result<()> {
    let packages = ["ingest", "fuse", "alert", "backstop"].map(|package| ["--package", package]);
    run(cargo()?.args(["build", "--profile", profile]).args(packages.as_flattened()))
}

fn end_to_end() -> Result<()> {
    let binaries = shell::target()?.join("fast");
    let folder = shell::target()?.join(format!("stacks/test-{}", std::process::id()));
    let servers = vec![Server::Kafka, Server::Clickhouse];
    let options =
        Options { servers, targets: Targets::new(), secured: true, proxied: None, life: Life::WithThisProgram };
    let stack = Stack::start(&folder, options)?;
    let xtask = shell::own_file()?;
    let outcome = REAL_TESTS.iter().try_for_each(|(arguments, threads)| {
        let mut tests = cargo()?;
        tests.args(*arguments).args(["--profile", "fast", "--", "--test-threads", threads]);
        tests.env("BACKSTOP_KAFKA", stack.kafka()?).env("BACKSTOP_CLICKHOUSE", stack.clickhouse()?);
        tests.env("BACKSTOP_BIN_DIR", &binaries).env("BACKSTOP_XTASK", &xtask).env("BACKSTOP_STACK_DIR", &folder);
        run(&mut tests)
    });
    stack.end()?;
    match outcome {
        Ok(()) => fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display())),
        Err(fault) => bail!("{fault:#}\nthe servers' logs and data are in {}", folder.display()),
    }
}
