//! `cargo xtask nightly`: what takes too long for every change. Long soaks under other seeds each night, many random
//! histories and simulations, the bench. Does not know what is tested.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;

use crate::bench::{self, BenchArguments};
use crate::shell::{cargo, run, say};
use crate::soak::{self, SoakArguments};

/// The tests of which more is run: name, filter, how many, the variable that says so.
const PROOFS: [(&str, &str, &str, &str); 2] =
    [("ledger", "random", "BACKSTOP_HISTORIES", "100000"), ("simulation", "", "BACKSTOP_SIMULATIONS", "10000")];

/// What `cargo xtask nightly` takes.
#[derive(Debug, Args)]
pub struct NightlyArguments {
    /// How many long soaks, each under a seed of its own.
    #[arg(long, default_value_t = 3)]
    soaks: u32,
    /// Kills of each.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Minutes of each.
    #[arg(long, default_value_t = 15.0)]
    minutes: f64,
    /// The seed of the first soak; the others follow. By the day where it is not given, and said in any case.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs all of it, stops at the first failure, and says how long each part took.
///
/// # Errors
/// When a part fails: with its name.
pub fn nightly(arguments: &NightlyArguments) -> Result<()> {
    let mut times = Vec::new();
    let mut part = |name: String, work: &dyn Fn() -> Result<()>| {
        say(format!("\n== {name}"));
        let begun = Instant::now();
        work().with_context(|| format!("{name} failed"))?;
        times.push(format!("{name} {:.0} s", begun.elapsed().as_secs_f64()));
        anyhow::Ok(())
    };
    for (test, filter, variable, count) in PROOFS {
        part(format!("{test}, {count}"), &|| {
            let mut proof = cargo()?;
            proof.args(["test", "--package", "proof", "--profile", "fast", "--test", test, filter]);
            run(proof.env(variable, count))
        })?;
    }
    let first = arguments.seed.unwrap_or_else(seed_of_today);
    for seed in (first..).take(arguments.soaks as usize) {
        let soak = SoakArguments { seed: Some(seed), ..SoakArguments::of(arguments.kills, arguments.minutes) };
        part(format!("soak {seed}"), &|| soak::soak(&soak))?;
    }
    part("bench".to_owned(), &|| bench::run(&BenchArguments::default()))?;
    say(format!("\n== all parts passed: {}", times.join(", ")));
    Ok(())
}

/// Other seeds each night: ten for each day since 1970.
fn seed_of_today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() / 86_400 * 10)
}
