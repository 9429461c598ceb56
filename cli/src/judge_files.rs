//! `backstop judge`: judges warnings kept as JSON lines against the ground truth of `backstop simulate`. The judgement
//! itself is `simulate::judge`'s business.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use schemas::Day;
use schemas::records::Warning;

use crate::simulate::Truth;
use crate::simulate::judge::{Notice, judge};

/// Which warnings to judge.
#[derive(Clone, Debug, Args)]
pub(crate) struct JudgeArgs {
    /// The ground truth, as `backstop simulate` or `backstop publish --truth` wrote it.
    #[arg(long)]
    truth: PathBuf,
    /// The warnings, one JSON object a line, as `backstop embedded` writes them.
    #[arg(long)]
    warnings: PathBuf,
    /// The last closed day; that of the truth by default.
    #[arg(long, value_parser = day)]
    last_closed: Option<Day>,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("`{text}` is not a day such as 2025-03-31"))
}

/// Prints the judgement as JSON.
pub(crate) fn run(args: &JudgeArgs) -> Result<()> {
    let truth = Truth::read(open(&args.truth)?).with_context(|| format!("read {}", args.truth.display()))?;
    let mut notices = Vec::new();
    for (at, line) in open(&args.warnings)?.lines().enumerate() {
        let place = || format!("{}, line {}", args.warnings.display(), at + 1);
        let warning: Warning = serde_json::from_str(&line.with_context(place)?).with_context(place)?;
        notices.extend(Notice::of(&warning));
    }
    let report = judge(&truth, &notices, args.last_closed.unwrap_or(truth.city.last_day));
    say(&serde_json::to_string_pretty(&report)?);
    Ok(())
}

fn open(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path).with_context(|| format!("open {}", path.display()))?))
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
