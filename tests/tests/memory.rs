//! What is proved in one process: the scenarios, that equal feeds give equal bytes, and that the order within a day does
//! not matter to states and open cases.

use std::path::Path;

use anyhow::Result;
use proof::{last_line, output, program, root, scenarios, succeed};
use serde_json::Value;

/// A small city with all its defects, long enough for incomes to be known.
fn city(order_seed: Option<u64>) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let mut command = program("backstop")?;
    command.args(["embedded", "--quiet", "--households", "120", "--months", "14", "--seed", "5", "--warnings"]);
    command.arg(folder.path().join("warnings.jsonl"));
    if let Some(seed) = order_seed {
        command.args(["--order-seed", &seed.to_string()]);
    }
    last_line(&succeed(&mut command)?)
}

#[test]
fn every_story_ends_the_same_however_it_is_told() -> Result<()> {
    let files = scenarios()?;
    let said = succeed(program("backstop")?.args(["scenario", "--all-variants"]).args(&files))?;
    for file in &files {
        let name = file.strip_prefix(root())?.display().to_string();
        let is_told = |how: &str, variant: &str| {
            said.lines().any(|line| line.starts_with(how) && line.contains(&format!("{name}  {variant}: ")))
        };
        assert!(is_told("ok ", "as told"), "{name} is told in:\n{said}");
        for variant in ["twice", "out of order", "late", "corrected"] {
            // A file may say of a variant that it is not told, and why.
            assert!(is_told("ok ", variant) || is_told("- ", variant), "{name} is told {variant} in:\n{said}");
        }
    }
    let with_two_departments =
        said.lines().filter(|line| line.starts_with("ok ") && line.contains("  two departments: "));
    assert!(with_two_departments.count() >= 8, "{said}");
    Ok(())
}

/// R20 is no row but the notes of the policy.
#[test]
fn each_rule_of_the_default_policy_has_a_story_of_its_own() -> Result<()> {
    let policy = std::fs::read_to_string(root().join("deploy/policies/default.yaml"))?;
    let rules: Vec<&str> = policy.lines().filter_map(|line| line.strip_prefix("  - id: ")).chain(["R20"]).collect();
    assert!(rules.len() >= 22, "{rules:?}");
    let files = scenarios()?;
    for rule in rules {
        let begin = format!("tests/scenarios/rules/{}_", rule.to_lowercase());
        let has_story = files.iter().any(|file| file.strip_prefix(root()).is_ok_and(|file| starts_with(file, &begin)));
        assert!(has_story, "there is no file {begin}*.yaml");
    }
    Ok(())
}

fn starts_with(file: &Path, begin: &str) -> bool {
    file.to_str().is_some_and(|file| file.starts_with(begin))
}

#[test]
fn a_scenario_that_does_not_hold_says_what_was_expected_and_found() -> Result<()> {
    for (file, right, wrong, expected, found) in [
        (
            "family_05_explosion.yaml",
            "{ household: a, rule: R10, level: H,",
            "{ household: a, rule: R10, level: M,",
            "R10 raised M",
            "R10 raised H",
        ),
        (
            "rules/r20_assets.yaml",
            "notes: [A shop is registered.]",
            "notes: []",
            "R01 raised M 6000.00 yuan from 2024-03-10 by 2024-03-10  ",
            "`A shop is registered.`",
        ),
    ] {
        let folder = tempfile::tempdir()?;
        let scenarios = root().join("tests/scenarios");
        let text = std::fs::read_to_string(scenarios.join(file))?;
        let policies = format!("policies: [{}/", scenarios.join("policies").display());
        let changed = text.replace("policies: [../policies/", &policies).replace(right, wrong);
        assert!(text.contains(right), "{file} has the line that is changed here");
        let path = folder.path().join("wrong.yaml");
        std::fs::write(&path, changed)?;
        let output = output(program("backstop")?.arg("scenario").arg(&path))?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(expected) && said.contains(found), "{said}");
    }
    Ok(())
}

#[test]
fn the_same_feeds_give_the_same_bytes() -> Result<()> {
    let (one, other) = (city(None)?, city(None)?);
    assert_eq!(one["topics_digest"], other["topics_digest"]);
    assert!(one["warnings"].as_u64() > Some(0), "{one}");
    assert_eq!(one["events"].as_i64(), sum(&one, &["normalised", "rejected"]));
    let settled = ["applied", "duplicates", "parked", "waiting", "refused"];
    assert_eq!(one["subject_records"].as_i64(), sum(&one, &settled));
    Ok(())
}

#[test]
fn ten_interleavings_of_each_day_end_in_the_same_states_and_open_cases() -> Result<()> {
    let straight = city(None)?;
    let mut topics = std::collections::BTreeSet::new();
    for seed in 1..=10 {
        let shuffled = city(Some(seed))?;
        for digest in ["states_digest", "cases_digest"] {
            assert_eq!(shuffled[digest], straight[digest], "{digest} with the order of seed {seed}");
        }
        topics.insert(shuffled["topics_digest"].to_string());
    }
    assert!(topics.len() > 1, "the orders differ at all");
    Ok(())
}

fn sum(line: &Value, names: &[&str]) -> Option<i64> {
    names.iter().map(|name| line[name].as_i64()).sum()
}
