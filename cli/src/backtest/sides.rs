//! The two sides of a backtest: which policies each has, and how it is called. It does not know the history.

use std::path::PathBuf;

use alert_core::policy::WORDING_KEY_PREFIX;
use anyhow::{Context, Result, ensure};
use clap::Args;
use schemas::feed::Catalogue;
use serde_json::Value;

use super::charts;
use crate::policy;

/// Which policies each side has.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SideArgs {
    /// A's policies: a folder, or files that are laid over what would hold without them (what is published, or the
    /// folder `policies` of `--deploy`); repeatable.
    #[arg(long, value_name = "PATH")]
    pub(super) a: Vec<PathBuf>,
    /// B's policies: a folder, or files that are laid over A's; repeatable.
    #[arg(long, value_name = "PATH")]
    pub(super) b: Vec<PathBuf>,
    /// A's line in yuan, in every year and county.
    #[arg(long, value_name = "YUAN", value_parser = yuan)]
    pub(super) line_a: Option<String>,
    /// B's line in yuan, in every year and county.
    #[arg(long, value_name = "YUAN", value_parser = yuan)]
    pub(super) line_b: Option<String>,
}

/// One side.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// How it is called, such as `line 8,700`.
    pub(super) label: String,
    /// Its records of the topic `policies`: key and text.
    pub(super) records: Vec<(String, String)>,
}

fn yuan(text: &str) -> Result<String, String> {
    let (whole, cents) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_amount = !whole.is_empty() && whole.len() <= 9 && cents.len() <= 2 && are_digits(whole) && are_digits(cents);
    if is_amount && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no amount of yuan such as 8700 or 8700.50"))
    }
}

/// Both sides, sound. `base` are the policies that hold where nothing is said.
pub(super) fn sides(args: &SideArgs, base: Vec<(String, String)>, catalogue: &Catalogue) -> Result<(Side, Side)> {
    let policies_a = over(base, &args.a)?;
    let policies_b = over(policies_a.clone(), &args.b)?;
    let side = |name, records, paths: &[PathBuf], line: Option<&String>| -> Result<Side> {
        let records = match line {
            Some(line) => with_line(records, line)?,
            None => records,
        };
        let faults = policy::faults(&records, catalogue);
        ensure!(faults.is_empty(), "{} faults in the policies of {name}:\n{}", faults.len(), faults.join("\n"));
        Ok(Side { label: label(paths, line), records })
    };
    let a = side("A", policies_a, &args.a, args.line_a.as_ref())?;
    let b = side("B", policies_b, if args.b.is_empty() { &args.a } else { &args.b }, args.line_b.as_ref())?;
    Ok((a, b))
}

/// Files laid over what is below them; a folder takes its place.
fn over(below: Vec<(String, String)>, paths: &[PathBuf]) -> Result<Vec<(String, String)>> {
    if paths.is_empty() {
        return Ok(below);
    }
    let above = policy::read(paths)?;
    if paths.iter().any(|path| path.is_dir()) {
        return Ok(above);
    }
    let mut records: Vec<_> =
        below.into_iter().filter(|(key, _)| !above.iter().any(|(other, _)| other == key)).collect();
    records.extend(above);
    // Wording first: policies name its sentences.
    records.sort_by_key(|(key, _)| !key.starts_with(WORDING_KEY_PREFIX));
    Ok(records)
}

/// Every line of every policy set to one amount.
fn with_line(records: Vec<(String, String)>, line: &str) -> Result<Vec<(String, String)>> {
    let line: Value = serde_json::from_str(line).with_context(|| format!("the line {line}"))?;
    let changed = |(key, text): (String, String)| {
        // What stands beside policies (sentences, holidays, posts) has a folder in its key.
        if key.contains('/') {
            return Ok((key, text));
        }
        let mut policy: Value = serde_saphyr::from_str(&text).with_context(|| format!("the policy {key}"))?;
        for value in policy.get_mut("lines").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut())
        {
            *value = line.clone();
        }
        // JSON is YAML too.
        Ok((key, policy.to_string()))
    };
    records.into_iter().map(changed).collect()
}

fn label(paths: &[PathBuf], line: Option<&String>) -> String {
    let names = paths.iter().map(|path| {
        path.file_stem().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
    });
    let line = line.map(|line| format!("line {}", grouped(line)));
    let said: Vec<String> = names.chain(line).collect();
    if said.is_empty() { "the policies as they are".to_owned() } else { said.join(", ") }
}

/// The digits of an amount in groups of three.
fn grouped(amount: &str) -> String {
    let (whole, cents) = amount.split_once('.').map_or((amount, None), |(whole, cents)| (whole, Some(cents)));
    let whole = charts::grouped(whole);
    cents.map_or_else(|| whole.clone(), |cents| format!("{whole}.{cents}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_set_in_every_year_of_every_policy_that_has_one() {
        let records = [
            ("wording/en".to_owned(), "lines = 2025: 1\n".to_owned()),
            ("city".to_owned(), "name: city\nlines: { 2024: 8700, 2025: 9000.5 }\n".to_owned()),
            ("county".to_owned(), "name: county\ninherits: city\n".to_owned()),
        ];
        let changed = with_line(records.to_vec(), "6000.50").expect("policies");
        assert_eq!(changed[0], records[0]);
        let city: Value = serde_saphyr::from_str(&changed[1].1).expect("a policy");
        assert_eq!(city["lines"].to_string(), r#"{"2024":6000.5,"2025":6000.5}"#);
        assert_eq!(changed[2].1, r#"{"inherits":"city","name":"county"}"#);
    }

    #[test]
    fn a_line_is_an_amount_of_yuan_and_not_nothing() {
        for (text, is_line) in [
            ("8700", true),
            ("8700.50", true),
            ("0.5", true),
            ("0", false),
            ("0.00", false),
            ("-1", false),
            ("8,700", false),
            ("8700.505", false),
            ("", false),
            (".5", false),
        ] {
            assert_eq!(yuan(text).is_ok(), is_line, "{text}");
        }
        assert_eq!(grouped("12345678.50"), "12,345,678.50");
        assert_eq!(grouped("600"), "600");
    }
}
