//! The format of a scenario file (documented in tests/README.md): households, dated events of the feeds, a calendar,
//! what is expected and what must stay silent. It does not know how a scenario is run.

use std::collections::{BTreeMap, BTreeSet};

use schemas::records::WarningKind;
use schemas::{Category, Day, Month};
use serde::{Deserialize, Serialize};

use super::variants::Variant;

/// One scenario file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// A sentence that says what it shows.
    pub name: String,
    /// Where the story comes from.
    pub source: String,
    /// The county of its households, 6 digits: decides which policy holds.
    pub county: String,
    /// Further policy files, relative to this file, for counties of its own.
    #[serde(default)]
    pub policies: Vec<String>,
    /// The first day that is closed.
    pub start: Text<Day>,
    /// The last day that is closed.
    pub end: Text<Day>,
    /// The households.
    pub households: Vec<Household>,
    /// Persons whom no registration names, such as a child who is born: members of nothing until an event says so.
    #[serde(default)]
    pub persons: Vec<String>,
    /// What the departments publish, besides registrations and surveys.
    #[serde(default)]
    pub events: Vec<Event>,
    /// The warnings that must come; any other warning record about these households is a failure, unless its rule
    /// stands in `ignore_rules`.
    pub expect: Vec<Expectation>,
    /// Rules of which nothing is checked here.
    #[serde(default)]
    pub ignore_rules: Vec<String>,
    /// Rules that must not say anything about a household: checked by name, so that a failure says so.
    #[serde(default)]
    pub silent: Vec<Silence>,
    /// The open cases at the end.
    #[serde(default)]
    pub cases: Vec<ExpectedCase>,
    /// What is known of households on a day.
    #[serde(default)]
    pub states: Vec<ExpectedState>,
    /// What comes differently where the same story is told another way; everything at the end stays the same.
    #[serde(default)]
    pub variants: BTreeMap<Variant, Differently>,
}

/// What one variant brings in place of the story's own `expect`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Differently {
    /// Why it differs, or why it is not told.
    pub why: String,
    /// The warnings that must come, all of them; none of them may be missing and no other may come.
    #[serde(default)]
    pub expect: Option<Vec<Expectation>>,
    /// The variant says nothing about this story and is not told.
    #[serde(default)]
    pub skip: bool,
}

/// A household of a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Household {
    /// Its name within the file.
    pub name: String,
    /// Its county where that is not the story's: which policy holds for it.
    #[serde(default)]
    pub county: Option<String>,
    /// How many members it is registered with; they are called `<household>.1`, `<household>.2`, ...
    pub members: u16,
    /// Persons from elsewhere whom the registration names too, such as members who leave another household for it.
    #[serde(default)]
    pub with: Vec<String>,
    /// The day of its registration.
    pub registered: Text<Day>,
    /// The day on which the registration is reported and published; the same where it is not given.
    #[serde(default)]
    pub reported: Option<Text<Day>>,
    /// Its classes from the day of registration on.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Its surveys.
    #[serde(default)]
    pub surveys: Vec<Survey>,
}

/// A survey of a household.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Survey {
    /// The day of the survey.
    pub day: Text<Day>,
    /// Annual income that no feed reports, in yuan.
    pub unreported_income_yuan: Yuan,
    /// Members who share the economy; the registered ones where it is not given.
    #[serde(default)]
    pub members: Option<u16>,
}

/// An event of a feed, once or every month; or a correction or retraction of one, which has everything from its
/// original that it does not give itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the words of the file: an event names its event type")]
pub(crate) struct Event {
    /// What it does to an earlier event; nothing where it is not given.
    #[serde(default)]
    pub op: Operation,
    /// The id of the event that is corrected or retracted.
    #[serde(default)]
    pub corrects: Option<String>,
    /// The department.
    #[serde(default)]
    pub department: Option<String>,
    /// The event type.
    #[serde(default)]
    pub event: Option<String>,
    /// The day on which it occurred.
    #[serde(default)]
    pub day: Option<Text<Day>>,
    /// The day on which it is reported; the day on which it occurred where it is not given.
    #[serde(default)]
    pub reported: Option<Text<Day>>,
    /// The day on which it is published; the day on which it is reported where it is not given.
    #[serde(default)]
    pub published: Option<Text<Day>>,
    /// Over how many months it comes again, on the same day of each; 1 where it is not given. With the id `wage` they
    /// are `wage`, `wage-1`, `wage-2`, ...
    #[serde(default)]
    pub monthly: Option<u16>,
    /// Whom it is about: a household's name, a member's such as `a.1`, or one of `persons`.
    #[serde(default)]
    pub about: Option<String>,
    /// The paper behind it.
    #[serde(default)]
    pub document: Option<String>,
    /// Its event id; made up where it is not given.
    #[serde(default)]
    pub id: Option<String>,
    /// How many times it is delivered; 1 where it is not given.
    #[serde(default)]
    pub deliveries: Option<u16>,
    /// The fields of its schema. A field of fen may be given in yuan: `amount_yuan: 500.00` is `amount_fen: 50000`; days
    /// are written as such, households and persons by their names.
    #[serde(default)]
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// What an event does to an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    /// Nothing: it is an event of its own.
    #[default]
    Upsert,
    /// It takes its place.
    Correct,
    /// It takes it back.
    Retract,
}

impl Operation {
    /// As the envelope has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Correct => "correct",
            Self::Retract => "retract",
        }
    }
}

/// A warning record that must come.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    /// The household's name; `village` for a warning of the story's whole village.
    pub household: String,
    /// The rule.
    pub rule: String,
    /// What happens to the warning; `raised` where it is not given.
    #[serde(default)]
    pub kind: Kind,
    /// The level: L, M or H.
    pub level: String,
    /// The figure in yuan, to the fen.
    #[serde(default)]
    pub value_yuan: Option<Yuan>,
    /// The code of the cause.
    #[serde(default)]
    pub cause: Option<String>,
    /// The day by which it must have been decided.
    pub by: Text<Day>,
    /// The day before which it must not come.
    #[serde(default)]
    pub not_before: Option<Text<Day>>,
    /// The day on which the newest entry behind it occurred.
    #[serde(default)]
    pub occurred: Option<Text<Day>>,
    /// Whether it asks for a new visit.
    #[serde(default)]
    pub visit: Option<bool>,
    /// The day by which what it asks for is due.
    #[serde(default)]
    pub due: Option<Text<Day>>,
    /// The level of government that is asked.
    #[serde(default)]
    pub verifier: Option<String>,
    /// The post that holds it.
    #[serde(default)]
    pub post: Option<String>,
    /// Whether it is attached to a warning of its village.
    #[serde(default)]
    pub attached: Option<bool>,
    /// The households that a warning of the village names: these and no other.
    #[serde(default)]
    pub households: Option<BTreeSet<String>>,
    /// What the verifier is told beside it, in English: these sentences and no other.
    #[serde(default)]
    pub notes: Option<Vec<String>>,
    /// What it says, in English.
    #[serde(default)]
    pub sentence: Option<String>,
}

/// A rule that must stay silent about a household.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Silence {
    /// The household's name.
    pub household: String,
    /// The rule.
    pub rule: String,
}

/// A case that must stand at the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedCase {
    /// The household's name.
    pub household: String,
    /// The day at whose end it stands so; the last one where it is not given.
    #[serde(default)]
    pub day: Option<Text<Day>>,
    /// Its step; `none` for no open case.
    pub step: String,
    /// The level of government that holds the step.
    #[serde(default)]
    pub office: Option<String>,
    /// The day by which the step is due.
    #[serde(default)]
    pub due: Option<Text<Day>>,
    /// The level: L, M or H; none where nothing holds.
    #[serde(default)]
    pub level: Option<String>,
    /// Which case of the household it is, where that matters: 1 says that one case took everything. A variant with an
    /// `expect` of its own may have opened and closed others.
    #[serde(default)]
    pub case_number: Option<i32>,
    /// The rules that hold, each with its figure in yuan (0 for events); all of them, where it is given.
    #[serde(default)]
    pub holds: Option<BTreeMap<String, Yuan>>,
}

/// What happens to a warning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Its condition holds, and did not before.
    #[default]
    Raised,
    /// It holds still, at another level or with another cause.
    Updated,
    /// It holds no longer.
    NoLongerMet,
    /// Its facts were corrected, retracted or attributed elsewhere.
    Withdrawn,
    /// One of the last two: where several things end at once, the order in which they come decides which.
    Ended,
    /// A step of its case is overdue. In a story that lists none of these, those that come are passed over.
    Escalated,
    /// Its case was dismissed or cleared.
    Closed,
}

impl Kind {
    /// Whether a warning record is of this kind.
    pub(crate) const fn is(self, found: WarningKind) -> bool {
        match self {
            Self::Raised => matches!(found, WarningKind::Raised),
            Self::Updated => matches!(found, WarningKind::Updated),
            Self::NoLongerMet => matches!(found, WarningKind::NoLongerMet),
            Self::Withdrawn => matches!(found, WarningKind::Withdrawn),
            Self::Ended => matches!(found, WarningKind::NoLongerMet | WarningKind::Withdrawn),
            Self::Escalated => matches!(found, WarningKind::Escalated),
            Self::Closed => matches!(found, WarningKind::Closed),
        }
    }
}

/// What is known of a household, or of several together, at the end of a day.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedState {
    /// The day; the last one where it is not given. What is known before the end is the same only where nothing comes
    /// late: as the story is told, and with everything delivered twice.
    #[serde(default)]
    pub day: Option<Text<Day>>,
    /// The household's name.
    #[serde(default)]
    pub household: Option<String>,
    /// Several households, whose sums are added up.
    #[serde(default)]
    pub households: Vec<String>,
    /// How many persons are registered in them.
    #[serde(default)]
    pub registered: Option<usize>,
    /// How many share the economy: what figures a head are divided by.
    #[serde(default)]
    pub members: Option<i64>,
    /// Net income per head, which must be known.
    #[serde(default)]
    pub net_pc_yuan: Option<Yuan>,
    /// The sum of a category over all months within the horizon.
    #[serde(default)]
    pub sums: BTreeMap<Category, Yuan>,
    /// The sums of single months, by month (`2025-03`) and category.
    #[serde(default)]
    pub months: BTreeMap<Text<Month>, BTreeMap<Category, Yuan>>,
}

/// A value that is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub T);

impl<'de> Deserialize<'de> for Text<Day> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::parse(&text)
            .map(Text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no day; write it as 2025-03-31")))
    }
}

impl<'de> Deserialize<'de> for Text<Month> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::parse(&format!("{text}-01"))
            .map(|day| Text(day.month()))
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no month; write it as 2025-03")))
    }
}

/// An amount in yuan with at most two decimals, exact to the fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Yuan(pub schemas::Fen);

impl Yuan {
    /// Reads `5000`, `4999.99` or `-28506.00`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let fen = match part.len() {
            1 => part.parse::<i64>().ok()? * 10,
            2 => part.parse::<i64>().ok()?,
            _ => return None,
        };
        let whole: i64 = whole.parse().ok()?;
        Some(Self(schemas::Fen(sign * whole.checked_mul(100)?.checked_add(fen)?)))
    }
}

impl<'de> Deserialize<'de> for Yuan {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = match &value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no amount in yuan with at most two decimals")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::Fen;

    #[test]
    fn yuan_are_read_to_the_fen() {
        for (text, fen) in [
            ("5000", Some(500_000)),
            ("4999.99", Some(499_999)),
            ("-28506.00", Some(-2_850_600)),
            ("0.5", Some(50)),
            ("1.234", None),
            ("x", None),
        ] {
            assert_eq!(Yuan::parse(text), fen.map(|fen| Yuan(Fen(fen))), "{text}");
        }
    }

    #[test]
    fn an_unknown_word_in_a_scenario_is_refused() {
        let text = "name: x\nsource: y\ncounty: '431023'\nstart: 2024-01-01\nend: 2024-01-02\nhouseholds: []\nexpect: []\nexpects: []\n";
        let error = serde_saphyr::from_str::<Scenario>(text).expect_err("refused").to_string();
        assert!(error.contains("expects"), "{error}");
    }
}
