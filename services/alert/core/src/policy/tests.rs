//! Policy files: those of this project, faulty ones, inheritance, and which one holds when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemas::{Category, Cause, Class, County, Day, Fen, HouseholdCode, Office};
use serde_json::Value;

use super::document::SCHEMA_TEXT;
use super::{Beside, Book, Document, Faults, Learned, build};
use crate::wording::Wording;

const DEFAULT: &str = include_str!("../../../../../deploy/policies/default.yaml");
const HENGSHUI: &str = include_str!("../../../../../deploy/policies/hengshui.yaml");
const QINGLONG: &str = include_str!("../../../../../deploy/policies/qinglong.yaml");
const WEIXIAN: &str = include_str!("../../../../../deploy/policies/weixian.yaml");
const CHENZHOU: &str = include_str!("../../../../../deploy/policies/chenzhou.yaml");
const DEMO: &str = include_str!("../../../../../deploy/policies/demo.yaml");
const ZH: &str = include_str!("../../../../../deploy/policies/wording/zh.ftl");
const EN: &str = include_str!("../../../../../deploy/policies/wording/en.ftl");

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn book() -> Book {
    let mut book = Book::default();
    let records =
        [("wording/zh", ZH), ("wording/en", EN), ("default", DEFAULT), ("hengshui", HENGSHUI), ("demo", DEMO)];
    let others = [("qinglong", QINGLONG), ("weixian", WEIXIAN), ("chenzhou", CHENZHOU)];
    for (offset, (key, text)) in records.into_iter().chain(others).enumerate() {
        book.learn(offset as i64, key, text).expect(key);
    }
    book
}

fn beside() -> Beside {
    Beside { wording: Arc::new(Wording::new(ZH, EN)), working_days: Arc::default(), posts: Arc::default() }
}

fn check(text: &str) -> Result<super::Policy, Faults> {
    let parent = |name: &str| (name == "default").then(|| Document::read(DEFAULT).expect("the default"));
    super::check(text, &parent, &beside())
}

#[test]
fn the_policies_of_this_project_are_sound() {
    let set = book().at(i64::MAX, day("2025-01-01"));
    assert_eq!(set.refused.len(), 0, "{:?}", set.refused);
    for (county, label, line) in [
        (County(131_102), "hengshui@1", 6_000),
        (County(431_023), "demo@1", 8_700),
        (County(130_321), "qinglong@1", 8_700),
        (County(130_533), "weixian@1", 8_700),
        (County(431_099), "chenzhou@1", 8_700),
        (County(110_101), "default@1", 8_700),
    ] {
        let policy = set.of(county).expect("every county has one");
        assert_eq!((policy.label.as_str(), policy.line(2025)), (label, Fen::from_yuan(line)), "{county}");
        let of_its_own: &[&str] = match policy.name.as_str() {
            "chenzhou" => &["R04-3"],
            "demo" => &["R30", "R31", "R32", "R33", "R34", "R35", "R36"],
            _ => &[],
        };
        let rules = policy.rules.iter().map(|rule| rule.id.as_str());
        let rules: Vec<_> = rules.filter(|id| !of_its_own.contains(id)).collect();
        assert_eq!(policy.rules.len() - rules.len(), of_its_own.len(), "{county}");
        assert_eq!(
            [rules.join(" ")],
            ["R01 R02 R03 R04 R05 R06 R07 R08 R09 R10 R11 R12 R13 R14 R15 R16 R17 R18 R19 R22 R23 R24 R25 R26 R27"]
        );
    }
    let default = set.of(County(110_101)).expect("the default");
    for (year, line) in [(2019, 6_000), (2021, 6_000), (2023, 6_000), (2024, 8_700), (2030, 8_700)] {
        assert_eq!(default.line(year), Fen::from_yuan(line), "{year}");
    }
}

/// What a policy may name is what there is; and the default measures are those of domain section 2.
#[test]
fn the_schema_knows_every_word_and_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).expect("JSON");
    let words = |name: &str| -> BTreeSet<String> {
        let list = schema["$defs"][name]["enum"].as_array().expect(name);
        list.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
    };
    let owned = |names: Vec<&str>| -> BTreeSet<String> { names.into_iter().map(str::to_owned).collect() };
    let categories = Category::ALL.iter().filter(|one| **one != Category::None).map(|one| one.name()).collect();
    assert_eq!(words("category"), owned(categories));
    assert_eq!(words("cause"), owned(Cause::ALL.iter().map(|cause| cause.code()).collect()));
    let classes = Class::ALL.iter().map(|class| class.name()).chain(["listed", "general"]).collect();
    assert_eq!(words("class"), owned(classes));
    let set = book().at(i64::MAX, day("2025-01-01"));
    let policy = set.of(County(110_101)).expect("the default");
    for category in Category::ALL {
        assert_eq!(policy.net_income.categories.contains(category), category.is_income(), "{category:?}");
        assert_eq!(policy.rigid_net.categories.contains(category), category.is_rigid(), "{category:?}");
        assert_eq!(policy.rigid_net.less.contains(category), category.is_compensation(), "{category:?}");
    }
}

#[test]
fn every_fault_of_a_policy_is_told_at_once_with_its_place() {
    let text = DEFAULT
        .replace("settle_days: 15", "settle_days: soon")
        .replacen("threshold: 20000", "threshold: 4000", 1)
        .replace("codes: [grid_report, self_application]", "codes: [grid_report]\n    colour: red")
        .replace("goes_to: { township: arrange-verification }", "goes_to: { villages: arrange-verification }")
        .replace("village: low-income", "village: low-incomes")
        .replace("categories: [outpatient_out_of_pocket]", "categories: [dentist]");
    let faults = check(&text).expect_err("it is faulty").0;
    let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for (place, word) in [
        ("/settle_days", "soon"),
        ("/rules/0 (R01)/levels/1/threshold", "a higher level asks for no more"),
        ("/rules/3 (R04)/categories/0", "dentist"),
        ("/rules/12 (R13)/wording/village", "no message `low-incomes`"),
        ("/rules/20 (R23)", "colour"),
        ("/rules/20 (R23)/goes_to/villages", "`departments`"),
    ] {
        assert!(
            faults.iter().any(|fault| fault.place == place && fault.what.contains(word)),
            "no `{word}` at {place} in:\n{}",
            shown.join("\n")
        );
    }
}

#[test]
fn each_fault_has_its_sentence() {
    let head = "name: x\nversion: 1\ncounties: [\"11\"]\neffective_from: 2024-01-01\ninherits: default\n";
    for (text, expected) in [
        ("name: [", "no YAML"),
        ("name: x\nversion: 1\ncounties: all\neffective_from: 2024-13-01\ninherits: default\n", "is no day"),
        ("name: x\nversion: 1\ncounties: all\neffective_from: 2024-01-01\n", "\"rules\" is a required property"),
        (&format!("{head}lines: {{ 2024: 0 }}\n"), "a line of 0 yuan"),
        (&format!("{head}lines: {{ 2024: 1.234 }}\n"), "at most two decimals"),
        (&format!("{head}rules: [{{ id: R99 }}]\n"), "`kind` is missing"),
        (&format!("{head}rules: [{{ id: R99, kind: sum }}]\n"), "`categories` is missing"),
        (&format!("{head}rules: [{{ id: R99, kind: measure }}]\n"), "`measure` is missing"),
        (&format!("{head}rules: [{{ id: R01, code: insured }}]\n"), "a rule of kind `sum` has no such field"),
        (&format!("{head}rules: [{{ id: R01, cause: as_reported }}]\n"), "a figure reports no cause"),
        (
            &format!(
                "{head}rules: [{{ id: R01, levels: [{{ level: H, threshold: 9 }}, {{ level: M, threshold: 8 }}] }}]\n"
            ),
            "L, M, H",
        ),
        (&format!("{head}rules: [{{ id: R01, levels: [{{ level: M }}] }}]\n"), "`threshold` is missing"),
        (&format!("{head}rules: [{{ id: R10, cause: \"02\", kind: status }}]\n"), "not both"),
        (
            &format!("{head}rules: [{{ id: R23, levels: [{{ level: M, threshold: 5 }}] }}]\n"),
            "an event has no threshold",
        ),
        (&format!("{head}rules: [{{ id: R01, window: last_99_months }}]\n"), "last_99_months"),
        (&format!("{head}rules: [{{ id: R01, window: month }}]\n"), "`reach` is missing"),
        (
            &format!("{head}rules: [{{ id: R01, reach: rolling_12 }}]\n"),
            "only a sum with the window `month` has a reach",
        ),
        (&format!("{head}rules: [{{ id: R13, reach: rolling_12 }}]\n"), "has no such field"),
        (
            &format!("{head}rules: [{{ id: R01, levels: [{{ level: M, threshold: 5, months: newest }}] }}]\n"),
            "only a sum with the window `month` has months",
        ),
        (
            &format!("{head}rules: [{{ id: R01, window: rolling_12 }}, {{ id: R01, window: month }}, {{ id: 1 }}]\n"),
            "not of type",
        ),
        (
            &format!("{head}rules: [{{ id: R01, when: {{ all: [{{ income: known }}, {{ income: unknown }}] }} }}]\n"),
            "its parts contradict one another",
        ),
        (&head.replace("default", "nothing"), "there is no policy `nothing`"),
    ] {
        let faults = check(text).expect_err(text).to_string();
        assert!(faults.contains(expected), "expected `{expected}`, found:\n{faults}\nin\n{text}");
    }
}

#[test]
fn a_policy_says_only_what_differs_from_the_one_below() {
    let text = "
name: x
version: 3
counties: [\"1102\"]
effective_from: 2024-01-01
inherits: default
lines: { 2024: 9000.50 }
rules:
  - { id: R01, comparator: \">=\" }
  - { id: R02, when: { income: known } }
  - { id: R03, off: true }
";
    let policy = check(text).expect("sound");
    assert_eq!(
        (policy.label.as_str(), policy.line(2024), policy.line(2021)),
        ("x@3", Fen(900_050), Fen::from_yuan(6_000))
    );
    assert!(policy.rule("R03").is_none());
    let when = policy.rule("R02").and_then(|rule| rule.forms[0].when.as_ref());
    assert!(matches!(when, Some(super::Condition::IncomeKnown(true))), "a condition takes the place of the one below");
    let rule = policy.rule("R01").expect("inherited");
    let compare = rule.forms[0].levels[0].compare.as_ref().expect("a figure");
    assert_eq!((compare.comparator, rule.forms[0].levels.len()), (super::Comparator::AtLeast, 2));
}

#[test]
fn the_policy_of_a_day_is_the_newest_below_its_offset_that_is_in_force() {
    let mut book = book();
    let next = |version: i64, from: &str, line: i64| {
        format!(
            "name: hengshui\nversion: {version}\ncounties: [\"1311\"]\neffective_from: {from}\ninherits: default\n\
             lines: {{ 2024: {line} }}\n"
        )
    };
    let learned = book.learn(5, "hengshui", &next(2, "2025-03-01", 7_000));
    assert_eq!(learned, Ok(Learned::Policy { label: "hengshui@2".to_owned() }));
    assert!(book.learn(6, "hengshui", "name: hengshui\nrules: 7").is_err(), "as if it had not been published");
    let label = |offset: i64, on: &str| {
        let set = book.at(offset, day(on));
        set.of(County(131_102)).map(|policy| policy.label.clone())
    };
    let mut eras = BTreeMap::new();
    for (offset, on, expected) in [
        (0, "2025-03-01", None),
        (3, "2025-03-01", Some("default@1")),
        (5, "2025-03-01", Some("hengshui@1")),
        (6, "2025-02-28", Some("hengshui@1")),
        (6, "2025-03-01", Some("hengshui@2")),
        (99, "2025-03-01", Some("hengshui@2")),
    ] {
        assert_eq!(label(offset, on).as_deref(), expected, "below {offset} on {on}");
        let of_era = eras.entry(book.era(offset, day(on))).or_insert(expected);
        assert_eq!(*of_era, expected, "one era has one policy of a county, below {offset} on {on}");
    }
}

#[test]
fn a_policy_that_cannot_be_used_gives_way_to_the_one_before_it() {
    let mut book = book();
    let text = "name: demo\nversion: 2\ncounties: [\"431\"]\neffective_from: 2024-01-01\ninherits: nothing\n";
    assert!(book.learn(9, "demo", text).is_ok(), "by itself it is well formed");
    assert!(book.learn(10, "other", text).is_err(), "the key is the name");
    assert!(book.learn(11, "wording/fr", "a = b").is_err() && book.learn(12, "wording/en", "= b").is_err());
    let set = book.at(i64::MAX, day("2025-01-01"));
    assert_eq!(set.of(County(431_023)).map(|policy| policy.label.as_str()), Some("demo@1"));
    assert!(set.refused["demo"].to_string().contains("there is no policy `nothing`"));
}

#[test]
fn a_policy_that_inherits_itself_is_refused() {
    let document = |name: &str, above: &str| {
        let text = format!("name: {name}\nversion: 1\ncounties: all\neffective_from: 2024-01-01\ninherits: {above}\n");
        Document::read(&text).expect("well formed")
    };
    let parent = |name: &str| Some(document(name, "a"));
    let faults = build(&document("a", "b"), &parent, &beside()).expect_err("a circle").to_string();
    assert!(faults.contains("inherits itself"), "{faults}");
}

#[test]
fn holidays_and_posts_are_those_below_the_offset_and_count_as_other_policies() {
    let mut book = book();
    let year = "year: 2025\nsource: notice 1\ndays_off: [2025-10-01, 2025-10-02]\ndays_worked: []\n";
    let posts = "- { area: \"4310\", level: village, post: \"first\", from: 2025-01-01 }\n";
    for (offset, key, text) in [
        (10, "holidays/2025", year.to_owned()),
        (11, "posts/city", posts.to_owned()),
        (12, "holidays/2025", year.replace(", 2025-10-02", "")),
        (13, "posts/city", posts.replace("first", "second")),
    ] {
        assert!(book.learn(offset, key, &text).is_ok(), "{key}");
    }
    for (key, text, fault) in [
        ("holidays/next", year, "/year: the file is called `next`, the year is 2025"),
        ("holidays/2025", "year: 2025", "`source`"),
        ("posts/other", posts, "/0: `city` has a row with the same area, level and day"),
        ("posts/city", "[]", "/: "),
    ] {
        let faults = book.learn(14, key, text).expect_err("as if it had not been published").to_string();
        assert!(faults.replace('"', "`").contains(fault), "{faults}");
    }
    let household = HouseholdCode::parse("4310231012050007").expect("a code");
    let mut seen = BTreeSet::new();
    for (offset, works, post) in [
        (10, true, None),
        (11, false, None),
        (12, false, Some("first")),
        (13, true, Some("first")),
        (14, true, Some("second")),
    ] {
        let set = book.at(offset, day("2025-10-02"));
        let policy = set.of(County(431_023)).expect("every county has one");
        let found = policy.posts.of(household, Office::Village, day("2025-10-02"));
        assert_eq!(
            (policy.working_days.is_working(day("2025-10-02")), found.as_deref()),
            (works, post),
            "below {offset}"
        );
        assert_eq!((set.working_days(), set.posts()), (&*policy.working_days, &*policy.posts));
        assert!(seen.insert(set.offsets()), "below {offset} they are others");
    }
    assert_eq!(book.at(15, day("2025-10-02")).offsets(), book.at(14, day("2025-10-03")).offsets());
}
