//! What `backstop policy check` says of policy files: those of this project are sound, and each broken one is refused
//! with the place of its fault. The meaning of the rules is tested where they are read.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use proof::{output, program, root, succeed};

/// Each file of `tests/policies/broken`, and what must be said of it: nothing more, nothing less.
const BROKEN: [(&str, &str); 13] = [
    ("below_nothing", "/rules/5 (R06)/levels/0/threshold: no sum is below 0 yuan: it can never hold"),
    ("condition_against_itself", "/rules/2 (R03)/when: no household can meet this: its parts contradict one another"),
    (
        "high_has_every_value",
        "/rules/10 (R11)/levels/0: a higher level has every value of this one: it can never hold alone",
    ),
    (
        "level_against_rule",
        "/rules/0 (R01)/levels/1/when: no household can meet this: it contradicts itself or the condition of its rule",
    ),
    (
        "medium_above_high",
        "/rules/0 (R01)/levels/1/threshold: a higher level asks for no more than a lower one: the lower one can never hold \
         alone",
    ),
    (
        "medium_like_high",
        "/rules/1 (R02)/levels/1/threshold: a higher level asks for no more than a lower one: the lower one can never hold \
         alone",
    ),
    (
        "percent_above_hundred",
        "/rules/R18/levels/0/number/threshold: the feed's number is at most 100: it can never hold",
    ),
    (
        "unknown_category",
        "/rules/0 (R06)/categories/1: \"dentist\" is not one of \"wage\", \"public_post_wage\" or 27 other candidates",
    ),
    ("unknown_department", "/rules/R15/needs/0: there is no feed of a department `tax`"),
    ("unknown_field", "/: Additional properties are not allowed ('threshold' was unexpected)"),
    ("unsaid_grade", "/rules/R10/forms/1/levels/0/values/1: no feed says `E` of house_safety"),
    ("unsaid_incident", "/rules/R07/codes/1: no feed says `school_closed`: it can never hold"),
    (
        "wages_more_often_than_months",
        "/rules/15 (R16)/forms/0/paid_months: of 6 months (`before_months`) never 7 had a wage",
    ),
];

#[test]
fn every_broken_policy_is_refused_with_the_place_of_its_fault() -> Result<()> {
    let folder = root().join("tests/policies/broken");
    for (name, fault) in BROKEN {
        let mut check = program("backstop")?;
        let file = folder.join(name).with_extension("yaml");
        let output = output(check.args(["policy", "check"]).arg(root().join("deploy/policies")).arg(file))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{name} was accepted");
        let faults: Vec<&str> = said.lines().skip(1).collect();
        assert_eq!(faults, [format!("{name}: {fault}")]);
    }
    Ok(())
}

#[test]
fn every_broken_policy_stands_in_the_table() -> Result<()> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("tests/policies/broken"))? {
        let path = entry?.path();
        files.insert(path.file_stem().context("a file has a name")?.to_string_lossy().into_owned());
    }
    assert_eq!(files, BROKEN.iter().map(|(name, _)| (*name).to_owned()).collect());
    Ok(())
}

#[test]
fn the_sentences_beside_a_policy_file_are_found() -> Result<()> {
    let files = ["deploy/policies/default.yaml", "deploy/policies/chenzhou.yaml"];
    succeed(program("backstop")?.args(["policy", "check"]).args(files)).map(drop)
}
