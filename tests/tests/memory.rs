//! What is proved in one process: the scenarios, that equal feeds give equal bytes, and that the order within a day does
//! not matter to states and open cases.

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
        for variant in ["as told", "twice", "out of order", "late", "corrected"] {
            let holds =
                said.lines().any(|line| line.starts_with("ok ") && line.contains(&format!("{name}  {variant}: ")));
            assert!(holds, "{name} is told {variant} in:\n{said}");
        }
    }
    let with_two_departments =
        said.lines().filter(|line| line.starts_with("ok ") && line.contains("  two departments: "));
    assert!(with_two_departments.count() >= 8, "{said}");
    Ok(())
}

#[test]
fn a_scenario_that_does_not_hold_says_what_was_expected_and_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let text = std::fs::read_to_string(root().join("tests/scenarios/family_05_explosion.yaml"))?;
    let wrong = text.replace("{ household: a, rule: R10, level: H,", "{ household: a, rule: R10, level: M,");
    assert_ne!(text, wrong, "the scenario has the line that is changed here");
    let path = folder.path().join("wrong.yaml");
    std::fs::write(&path, wrong)?;
    let output = output(program("backstop")?.arg("scenario").arg(&path))?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("R10 raised M") && said.contains("R10 raised H"), "{said}");
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
