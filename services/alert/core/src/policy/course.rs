//! What a policy says about the course of a case (domain section 5): limits, offices, visits, clearing. It does not know
//! any case.

use schemas::{Office, Text};
use serde_json::Value;

use super::Condition;
use super::build::{ids, message};
use super::conditions::condition;
use super::faults::Found;
use crate::wording::{Figures, Wording, action_message};

/// The course of a case.
#[derive(Clone, Debug)]
pub struct Course {
    /// How offices say what they did.
    pub acts: ActCodes,
    /// From the request to the verification at the door.
    pub verify: Limit,
    /// From the verification to the county's decision.
    pub decide: Limit,
    /// From the decision to the first measure.
    pub help: Limit,
    /// From one visit to the next while the case is open.
    pub follow_up: Limit,
    /// What goes otherwise where help comes first.
    pub emergency: Emergency,
    /// When a new visit may be asked for.
    pub visits: Visits,
    /// When a case is cleared.
    pub clear: Clear,
    /// The rule under which an overdue step is told.
    pub overdue_rule: String,
    /// What is said of an overdue step.
    pub overdue: String,
    /// What is said when the case is dismissed.
    pub dismissed: String,
    /// What is said when the case is cleared.
    pub cleared: String,
}

/// The codes by which offices say what they did.
#[derive(Clone, Debug, Default)]
pub struct ActCodes {
    /// A verification, with its verdict.
    pub verification: String,
    /// Measures of assistance.
    pub measures: Vec<Text>,
    /// A visit while the case is open.
    pub follow_up: String,
}

/// How long a step may take, whose it is, and what is asked.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Days.
    pub days: i32,
    /// Whether only working days count.
    pub is_of_working_days: bool,
    /// The level of government that holds the step first.
    pub office: Office,
    /// What it is asked to do: the message `action-<this>`.
    pub action: String,
}

/// Findings after which help comes first and the verification may follow.
#[derive(Clone, Debug)]
pub struct Emergency {
    /// The rules whose findings of level H are such.
    pub rules: Vec<Text>,
    /// From the request to the first measure.
    pub help: Limit,
    /// From the measure to the verification.
    pub verify: Limit,
}

/// When a new visit may be asked for in a case that is open or was dismissed.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// Not within so many days after the last one, but for a finding of level H.
    pub again_after_days: i32,
    /// A figure has grown when it is worse by so many percent.
    pub growth_percent: i64,
    /// For how many months a dismissal is remembered.
    pub dismissed_months: i32,
}

/// When a case is cleared without anybody saying so.
#[derive(Clone, Debug, Default)]
pub struct Clear {
    /// Income has been above the line for so many settled months.
    pub months: i32,
    /// What else must be so.
    pub when: Option<Condition>,
}

/// Reads the section `case`.
pub(super) fn read(value: Option<&Value>, wording: &Wording, found: &mut Found) -> Course {
    let empty = Value::Object(serde_json::Map::default());
    if value.is_none() {
        found.add("it is missing: the course of a case");
    }
    let value = value.unwrap_or(&empty);
    let limit = |of: Option<&Value>, key: &str, found: &mut Found| {
        found.at(key, |found| limit(of.and_then(|of| of.get(key)), wording, found))
    };
    let emergency = value.get("emergency");
    let number = |section: &str, key: &str| {
        value.get(section).and_then(|section| section.get(key)).and_then(Value::as_i64).unwrap_or_default()
    };
    let text = |of: Option<&Value>, key: &str| {
        of.and_then(|of| of.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let limits = value.get("limits");
    let said = |key: &str, found: &mut Found| {
        found.at("wording", |found| found.at(key, |found| message(value.get("wording"), key, wording, found)))
    };
    Course {
        acts: ActCodes {
            verification: text(value.get("acts"), "verification"),
            measures: ids(value.get("acts").and_then(|acts| acts.get("measures"))),
            follow_up: text(value.get("acts"), "follow_up"),
        },
        verify: found.at("limits", |found| limit(limits, "verify", found)),
        decide: found.at("limits", |found| limit(limits, "decide", found)),
        help: found.at("limits", |found| limit(limits, "help", found)),
        follow_up: found.at("limits", |found| limit(limits, "follow_up", found)),
        emergency: Emergency {
            rules: ids(emergency.and_then(|emergency| emergency.get("rules"))),
            help: found.at("emergency", |found| limit(emergency, "help", found)),
            verify: found.at("emergency", |found| limit(emergency, "verify", found)),
        },
        visits: Visits {
            again_after_days: number("visits", "again_after_days") as i32,
            growth_percent: number("visits", "growth_percent"),
            dismissed_months: number("visits", "dismissed_months") as i32,
        },
        clear: Clear {
            months: number("clear", "months") as i32,
            when: found.at("clear", |found| {
                let when = value.get("clear").and_then(|clear| clear.get("when"));
                when.and_then(|when| found.at("when", |found| condition(when, found)))
            }),
        },
        overdue_rule: text(Some(value), "overdue_rule"),
        overdue: said("overdue", found),
        dismissed: said("dismissed", found),
        cleared: said("cleared", found),
    }
}

fn limit(value: Option<&Value>, wording: &Wording, found: &mut Found) -> Limit {
    if value.is_none() {
        found.add("it is missing: how long the step may take, and whose it is");
    }
    let text =
        |key: &str| value.and_then(|value| value.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned();
    let action = text("action");
    for fault in wording.faults(&action_message(&action), &Figures::example()) {
        found.at("action", |found| found.add(fault));
    }
    // What is no office was told with the shape of the file.
    let office = Office::parse(&text("office")).unwrap_or(Office::Village);
    let days = value.and_then(|value| value.get("days")).and_then(Value::as_i64).unwrap_or_default() as i32;
    Limit { days, is_of_working_days: text("counted") == "working", office, action }
}
