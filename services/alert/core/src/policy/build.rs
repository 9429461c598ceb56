//! From a policy file to a policy: joins it with what it inherits and finds every fault of its meaning. It does not
//! look at the shape again: what does not fit the schema is passed over here, since it was said there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemas::{Category, Cause, Day, Fen, Text};
use serde_json::{Map, Value};

use super::conditions::number;
use super::document::Document;
use super::faults::{Faults, Found};
use super::holidays::WorkingDays;
use super::posts::Posts;
use super::{Amounts, CategorySet, GoLive, Note, Policy, Rule, course, rules};
use crate::calendar::Window;
use crate::wording::{Figures, Wording};

/// Most policies above one another.
const INHERITANCE_MAX: usize = 8;

/// What stands beside the policies and is the same for all of them.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The sentences.
    pub wording: Arc<Wording>,
    /// The working days.
    pub working_days: Arc<WorkingDays>,
    /// The posts.
    pub posts: Arc<Posts>,
}

/// Joins `document` with what it inherits and checks the whole. Every fault is told at once.
///
/// `parent` finds a policy by its name; `beside` has the sentences that the rules name.
pub fn build(
    document: &Document,
    parent: &dyn Fn(&str) -> Option<Document>,
    beside: &Beside,
) -> Result<Policy, Faults> {
    let mut found = Found::default();
    let value = join(document, parent, &mut found);
    let policy = read(document, &value, beside, &mut found);
    let faults = found.into_faults();
    if faults.is_empty() { Ok(policy) } else { Err(Faults(faults)) }
}

/// Checks a policy file as a whole: every fault of its shape and of its meaning at once, in the order of their places.
pub fn check(text: &str, parent: &dyn Fn(&str) -> Option<Document>, beside: &Beside) -> Result<Policy, Faults> {
    let (document, mut faults) = Document::read_as_far_as_it_goes(text)?;
    let policy = document.map(|document| build(&document, parent, beside));
    match policy {
        Some(Ok(policy)) if faults.is_empty() => return Ok(policy),
        Some(Err(more)) => faults.extend(more.0),
        _ => {}
    }
    Err(Faults::in_order(faults))
}

/// All that a policy and those that it inherits say, as one value: what two policies are compared by. Rules that are
/// `off` are still in it. It is not checked for its meaning; [`build`] does that.
pub fn joined(document: &Document, parent: &dyn Fn(&str) -> Option<Document>) -> Result<Value, Faults> {
    let mut found = Found::default();
    let value = join(document, parent, &mut found);
    let faults = found.into_faults();
    if faults.is_empty() { Ok(value) } else { Err(Faults(faults)) }
}

/// All that the document and those that it inherits say.
fn join(document: &Document, parent: &dyn Fn(&str) -> Option<Document>, found: &mut Found) -> Value {
    let mut chain = vec![document.clone()];
    while let Some(name) = chain.last().and_then(|last| last.inherits.clone()) {
        if chain.iter().any(|one| one.name == name) {
            found.at("inherits", |found| found.add(format!("`{name}` inherits itself, through others or at once")));
            break;
        }
        if chain.len() > INHERITANCE_MAX {
            found.at("inherits", |found| found.add(format!("more than {INHERITANCE_MAX} policies above one another")));
            break;
        }
        let Some(next) = parent(&name) else {
            found.at("inherits", |found| found.add(format!("there is no policy `{name}`; publish it first")));
            break;
        };
        chain.push(next);
    }
    let mut value = Value::Object(Map::new());
    for one in chain.iter().rev() {
        value = one.over(&value);
    }
    value
}

fn read(document: &Document, value: &Value, beside: &Beside, found: &mut Found) -> Policy {
    let wording = &beside.wording;
    let integer = |key: &str| value.get(key).and_then(Value::as_i64);
    let measures = value.get("measures");
    let account = |name: &str, found: &mut Found| {
        found.at("measures", |found| {
            found.at(name, |found| {
                if let Some(account) = measures.and_then(|measures| measures.get(name)) {
                    amounts(account, found)
                } else {
                    found.add("it is missing");
                    empty_amounts()
                }
            })
        })
    };
    let net_income = account("net_income", found);
    let rigid_net = account("rigid_net", found);
    let departments = departments(value);
    let said = |key: &str, found: &mut Found| {
        found.at("wording", |found| found.at(key, |found| message(value.get("wording"), key, wording, found)))
    };
    let no_longer_met = said("no_longer_met", found);
    let withdrawn = said("withdrawn", found);
    // A policy that was published before there were such words is still read.
    let has_own = value.get("wording").is_some_and(|wording| wording.get("member_gone").is_some());
    let member_gone = said(if has_own { "member_gone" } else { "withdrawn" }, found);
    let no_part = said("no_part", found);
    let course = found.at("case", |found| course::read(value.get("case"), wording, found));
    let rules = rules::read(value.get("rules"), &departments, wording, found);
    Policy {
        name: document.name.clone(),
        version: document.version,
        label: format!("{}@{}", document.name, document.version),
        settle_days: integer("settle_days").unwrap_or_default() as i32,
        survey_months: integer("survey_months").unwrap_or_default() as i32,
        observed_months: integer("observed_months").unwrap_or_default() as i32,
        income_feeds: texts(value.get("income_feeds")),
        lines: found.at("lines", |found| lines(value.get("lines"), found)),
        net_income,
        rigid_net,
        gap_causes: gap_causes(value),
        departments,
        notes: found.at("notes", |found| notes(value.get("notes"), wording, found)),
        course,
        go_live: go_live(value.get("go_live"), found),
        no_longer_met,
        withdrawn,
        member_gone,
        no_part,
        counting_days: counting_days(&rules),
        rules,
        wording: Arc::clone(wording),
        working_days: Arc::clone(&beside.working_days),
        posts: Arc::clone(&beside.posts),
    }
}

/// The places of the rules that count days.
fn counting_days(rules: &[Rule]) -> Vec<usize> {
    let counts = |rule: &Rule| rule.forms.iter().any(|form| form.test.counts_days());
    (0..rules.len()).filter(|at| counts(&rules[*at])).collect()
}

fn go_live(value: Option<&Value>, found: &mut Found) -> Option<GoLive> {
    let value = value?;
    let text = value.get("day").and_then(Value::as_str).unwrap_or_default();
    let day = Day::parse(text);
    if day.is_none() {
        found.at("go_live", |found| {
            found.at("day", |found| found.add(format!("`{text}` is no day; write it as 2025-03-31")));
        });
    }
    let cases = value.get("cases_per_village_and_day").and_then(Value::as_u64).unwrap_or_default();
    day.map(|day| GoLive { day, cases_per_village_and_day: cases as usize })
}

fn departments(value: &Value) -> BTreeMap<String, BTreeSet<Category>> {
    let fields = value.get("departments").and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, seen)| (name.clone(), categories(Some(seen)).collect())).collect()
}

fn notes(value: Option<&Value>, wording: &Wording, found: &mut Found) -> Vec<Note> {
    let text = |note: &Value, key: &str| note.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = value.and_then(Value::as_array).into_iter().flatten().enumerate();
    list.map(|(at, note)| Note {
        rule: text(note, "rule"),
        code: text(note, "code"),
        values: texts(note.get("values")),
        number: note.get("number").and_then(number),
        message: found.at(format!("{at}/message"), |found| message(Some(note), "message", wording, found)),
    })
    .collect()
}

fn gap_causes(value: &Value) -> BTreeMap<Category, Cause> {
    let fields = value.get("gap_causes").and_then(Value::as_object);
    let pair = |(name, cause): (&String, &Value)| Some((Category::parse(name)?, Cause::parse(cause.as_str()?)?));
    fields.into_iter().flatten().filter_map(pair).collect()
}

fn lines(value: Option<&Value>, found: &mut Found) -> BTreeMap<i32, Fen> {
    let mut lines = BTreeMap::new();
    for (year, line) in value.and_then(Value::as_object).into_iter().flatten() {
        let Ok(number) = year.parse() else { continue };
        match amount(line) {
            Some(Fen(0)) => found.at(year, |found| found.add("a line of 0 yuan would never be passed")),
            Some(line) => {
                lines.insert(number, line);
            }
            None => found.at(year, |found| found.add("no amount of yuan with at most two decimals")),
        }
    }
    lines
}

/// The categories of a list.
pub(super) fn categories(value: Option<&Value>) -> impl Iterator<Item = Category> {
    texts(value).into_iter().filter_map(|name| Category::parse(&name))
}

/// The causes of a list.
pub(super) fn causes(value: Option<&Value>) -> BTreeSet<Cause> {
    texts(value).iter().filter_map(|code| Cause::parse(code)).collect()
}

/// The texts of a list.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// The ids of rules, or the codes of events, of a list.
pub(super) fn ids(value: Option<&Value>) -> Vec<Text> {
    texts(value).into_iter().map(Text::from).collect()
}

/// The amounts that a sum, account or condition names; what is missing is a fault.
pub(super) fn amounts(value: &Value, found: &mut Found) -> Amounts {
    let amounts = Amounts {
        categories: categories(value.get("categories")).collect(),
        less: categories(value.get("less")).collect(),
        causes: causes(value.get("causes")),
        window: window(value, found).unwrap_or(Window::Rolling12),
    };
    if value.get("categories").is_none() {
        found.add("`categories` is missing: which amounts are summed");
    }
    for both in amounts.categories.common(amounts.less) {
        found.add(format!("`{}` is added and taken off", both.name()));
    }
    amounts
}

fn empty_amounts() -> Amounts {
    Amounts {
        categories: CategorySet::NONE,
        less: CategorySet::NONE,
        causes: BTreeSet::new(),
        window: Window::Rolling12,
    }
}

/// The window of a sum, form or condition.
pub(super) fn window(value: &Value, found: &mut Found) -> Option<Window> {
    if let Some(name) = value.get("window") {
        name.as_str().and_then(Window::parse)
    } else {
        found.add("`window` is missing");
        None
    }
}

/// A message that stands at `key`, when the wording has it in every language.
pub(super) fn message(value: Option<&Value>, key: &str, wording: &Wording, found: &mut Found) -> String {
    if let Some(id) = value.and_then(|value| value.get(key)) {
        let id = id.as_str().unwrap_or_default();
        for fault in wording.faults(id, &Figures::example()) {
            found.add(fault);
        }
        id.to_owned()
    } else {
        found.add("it is missing: the message that is said");
        String::new()
    }
}

/// Yuan with at most two decimals as fen. Numbers are read by their digits: no amount is ever a floating number.
pub(super) fn amount(value: &Value) -> Option<Fen> {
    let text = number_text(value)?;
    decimal(&text, 2).map(Fen)
}

/// A factor with at most three decimals, in thousandths.
pub(super) fn thousandths(value: &Value) -> Option<i64> {
    decimal(&number_text(value)?, 3).filter(|thousandths| *thousandths > 0)
}

fn number_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads digits with at most so many decimals as a whole number of the smallest unit; zeros at the end do not count.
fn decimal(text: &str, decimals: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) || part.len() > decimals {
        return None;
    }
    let part: i64 = format!("{part:0<decimals$}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(10_i64.pow(decimals as u32))?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_by_their_digits() {
        for (text, fen) in [
            ("5000", Some(500_000)),
            ("4999.99", Some(499_999)),
            ("5000.10", Some(500_010)),
            ("5000.0", Some(500_000)),
            ("0.5", Some(50)),
            ("\"15000.01\"", Some(1_500_001)),
            ("1.234", None),
            ("-5", None),
            ("\"\"", None),
        ] {
            let value: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(amount(&value), fen.map(Fen), "{text}");
        }
        assert_eq!(thousandths(&serde_json::json!(1.5)), Some(1_500));
        assert_eq!(thousandths(&serde_json::json!(0)), None);
    }
}
