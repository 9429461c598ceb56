//! `cargo xtask soak`: several instances of each service under a steady load, while they are killed, stopped and
//! joined by others, servers are killed and networks cut, as a seed says; at the end everything is drained and audited.
//! Does not know how a run is judged: that is `backstop soak`.

mod city;
mod plan;
mod proxy;
mod recovery;
mod run;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::shell::{self, say};
use crate::{packages, test};
use run::Tally;

const HOUSEHOLDS: u32 = 4_000;
const INSTANCES: u32 = 2;

/// What must be 0 at the end, by the name that the audit has for it.
const MUST_BE_ZERO: [&str; 9] = [
    "lost",
    "duplicated",
    "states_different",
    "changelogs_different",
    "cases_different",
    "warnings_different",
    "rows_different",
    "rows_duplicated",
    "citizen_numbers_found",
];

/// What `cargo xtask soak` takes.
#[derive(Debug, Clone, Args)]
pub struct SoakArguments {
    /// How many times a service is killed with SIGKILL; the other faults come in proportion, one of each at least.
    #[arg(long, default_value_t = SHORT.0)]
    pub kills: u32,
    /// For how many minutes things happen.
    #[arg(long, default_value_t = SHORT.1)]
    pub minutes: f64,
    /// What happens when, and which city; drawn where it is not given, and said in any case.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How many households the city has.
    #[arg(long, default_value_t = HOUSEHOLDS)]
    pub households: u32,
    /// How many instances of each service there are.
    #[arg(long, default_value_t = INSTANCES)]
    pub instances: u32,
    /// Keep logs and data of a good run too.
    #[arg(long)]
    pub keep: bool,
}

/// How many kills and minutes the short soak of `cargo xtask test` has, and its seed.
const SHORT: (u32, f64, u64) = (10, 1.2, 1);

impl SoakArguments {
    /// So many kills within so many minutes, under a seed that is drawn.
    pub fn of(kills: u32, minutes: f64) -> Self {
        Self { kills, minutes, seed: None, households: HOUSEHOLDS, instances: INSTANCES, keep: false }
    }

    /// The short one: ten kills and one of each other fault.
    pub fn short() -> Self {
        let (kills, minutes, seed) = SHORT;
        Self { seed: Some(seed), ..Self::of(kills, minutes) }
    }
}

/// The same, checked.
#[derive(Debug, Clone, Copy)]
struct Settings {
    kills: u32,
    whole: Duration,
    seed: u64,
    households: u32,
    instances: u32,
}

/// The last line.
#[derive(Debug, Serialize)]
struct Line {
    seed: u64,
    minutes: f64,
    #[serde(flatten)]
    tally: Tally,
    days: u64,
    events: u64,
    warnings: u64,
    records_compared: u64,
    rows_compared: u64,
    #[serde(flatten)]
    found: BTreeMap<&'static str, i64>,
    recovery_seconds_max: f64,
    recovery_seconds_max_by_fault: BTreeMap<&'static str, f64>,
    seconds: f64,
}

/// Runs the soak.
///
/// # Errors
/// When a server or service cannot be started, a service ends by itself, the run does not recover from a fault, or the
/// audit finds anything that is not as it must be. Logs and data stay then.
pub fn soak(arguments: &SoakArguments) -> Result<()> {
    ensure!((0.1..=600.0).contains(&arguments.minutes), "--minutes must lie between 0.1 and 600");
    ensure!((1..=8).contains(&arguments.instances), "--instances must lie between 1 and 8");
    packages::install(&[packages::BUILD, packages::KAFKA, packages::CLICKHOUSE])?;
    let settings = Settings {
        kills: arguments.kills,
        whole: Duration::from_secs_f64(arguments.minutes * 60.0),
        seed: arguments.seed.unwrap_or_else(fresh_seed),
        households: arguments.households,
        instances: arguments.instances,
    };
    say(format!("soak: --kills {} --minutes {} --seed {}", settings.kills, arguments.minutes, settings.seed));
    test::build("fast")?;
    let folder = shell::target()?.join(format!("stacks/soak-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let outcome = run::run(&folder, &settings);
    match outcome.and_then(|line| judged(&line)) {
        Ok(()) if arguments.keep => {
            say(format!("logs and data are in {}", folder.display()));
            Ok(())
        }
        Ok(()) => fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display())),
        Err(fault) => {
            bail!("{fault:#}\nthe seed was {}; logs and data are in {}", settings.seed, folder.display())
        }
    }
}

/// Another seed each time; it is said, so that the run can be had again.
fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64 % 1_000_000)
}

/// Says the line; an error where something in it is not as it must be.
fn judged(line: &Line) -> Result<()> {
    tell(&serde_json::to_string(line)?);
    let compared = [line.events, line.warnings, line.records_compared, line.rows_compared];
    ensure!(!compared.contains(&0), "there was nothing to compare, which proves nothing");
    let wrong = line.found.iter().filter(|(_, count)| **count != 0);
    let wrong: Vec<String> = wrong.map(|(name, count)| format!("{name} {count}")).collect();
    ensure!(wrong.is_empty(), "the run is not as it must be: {}", wrong.join(", "));
    Ok(())
}

/// What the audit found of what must be 0.
fn found(findings: &Value) -> Result<BTreeMap<&'static str, i64>> {
    let number = |name: &'static str| {
        let number = findings[name].as_i64();
        number.map(|number| (name, number)).with_context(|| format!("the audit says nothing of {name}"))
    };
    MUST_BE_ZERO.into_iter().map(number).collect()
}

#[expect(clippy::print_stdout, reason = "the result of the command, for programs too")]
fn tell(text: &str) {
    println!("{text}");
}
