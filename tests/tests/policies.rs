//! What `backstop policy check` says of policy files, holidays and posts: those of this project are sound, and each
//! broken one is refused with the place of its fault. The meaning of the rules is tested where they are read.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use proof::{output, program, root, succeed};

/// Each file of `tests/policies/broken` and of its folder `beside`, and what must be said of it: nothing more, nothing
/// less.
const BROKEN: [(&str, &str); 25] = [
    ("below_nothing", "/rules/5 (R06)/levels/0/threshold: no sum is below 0 yuan: it can never hold"),
    ("condition_against_itself", "/rules/2 (R03)/when: no household can meet this: its parts contradict one another"),
    (
        "high_has_every_value",
        "/rules/10 (R11)/levels/0: a higher level has every value of this one: it can never hold alone",
    ),
    ("holidays/2031", "/days_worked/0: 2031-10-13 is no Saturday or Sunday: it is worked anyway"),
    ("holidays/2032", "/days_off/1: 2031-12-31 does not lie in 2032"),
    ("holidays/2033", "/days_worked/1: 2033-10-01 stands among the days off and the days worked"),
    ("holidays/2034", "/: Additional properties are not allowed ('days_half' was unexpected)"),
    ("holidays/2035", "/days_off/0: `2035-02-29` is no day; write it as 2025-10-01"),
    ("holidays/2036", "/year: the file is called `2036`, the year is 2035; they must be the same"),
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
    ("posts/like_another_file", "/0: `default` has a row with the same area, level and day: only one post can hold"),
    ("posts/like_another_row", "/1: row 0 has the same area, level and day: only one post can hold"),
    ("posts/number_of_a_person", "/0/post: a number of 11 digits is no area's; a post is never a person's number"),
    ("posts/unknown_level", "/0/level: \"hamlet\" is not one of \"village\", \"township\" or 2 other candidates"),
    ("posts/unknown_word", "/0/post: there is no `{hamlet}`; there are {village}, {township}, {county} and {city}"),
    (
        "unknown_category",
        "/rules/0 (R06)/categories/1: \"dentist\" is not one of \"wage\", \"public_post_wage\" or 27 other candidates",
    ),
    ("unknown_department", "/rules/R15/needs/0: there is no feed of a department `tax`"),
    ("unknown_field", "/: Additional properties are not allowed ('threshold' was unexpected)"),
    ("unsaid_grade", "/rules/R10/forms/1/levels/0/values/1: no feed says `E` of house_safety"),
    ("unsaid_incident", "/rules/R07/codes/1: no feed says `school_closed`: it can never hold"),
    ("unsaid_member_change", "/rules/25 (R90)/levels/0/values/0: no change of members is `married`, only came or left"),
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
        let folder = if name.contains('/') { folder.join("beside") } else { folder.clone() };
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
    let broken = root().join("tests/policies/broken");
    let mut files = BTreeSet::new();
    for (folder, prefix) in [("", ""), ("beside/holidays", "holidays/"), ("beside/posts", "posts/")] {
        for entry in std::fs::read_dir(broken.join(folder))? {
            let path = entry?.path();
            if path.is_file() {
                let name = path.file_stem().context("a file has a name")?.to_string_lossy().into_owned();
                files.insert(format!("{prefix}{name}"));
            }
        }
    }
    assert_eq!(files, BROKEN.iter().map(|(name, _)| (*name).to_owned()).collect());
    Ok(())
}

#[test]
fn what_stands_beside_a_policy_file_is_found() -> Result<()> {
    let files = ["deploy/policies/default.yaml", "deploy/policies/chenzhou.yaml"];
    let output = succeed(program("backstop")?.args(["policy", "check"]).args(files))?;
    let beside = ["wording", "holidays", "posts"].map(|name| root().join("deploy/policies").join(name));
    let mut count = files.len();
    for folder in &beside {
        count += std::fs::read_dir(folder)?.count();
    }
    assert!(output.contains(&format!("{count} files are sound")), "{output}");
    for folder in &beside[1..] {
        succeed(program("backstop")?.args(["policy", "check"]).arg(folder))?;
    }
    Ok(())
}

#[test]
fn policies_that_differ_end_with_one_equal_ones_with_none_and_unreadable_ones_with_two() -> Result<()> {
    for (a, b, code, said) in [
        ("deploy/policies", "deploy/policies", 0, "no difference\n"),
        ("deploy/policies/demo.yaml", "deploy/policies/hengshui.yaml", 1, "/lines/2025: 8700 -> 6000\n"),
        ("deploy/policies", "deploy/nowhere", 2, ""),
    ] {
        let output = output(program("backstop")?.args(["policy", "diff"]).args([a, b].map(|path| root().join(path))))?;
        assert_eq!(output.status.code(), Some(code), "{a} and {b}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(said), "{a} and {b}");
    }
    Ok(())
}
