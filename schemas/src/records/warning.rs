//! A warning, with its reasons (topic `warnings` and one topic per receiver, schema `Warning`).

use serde::{Deserialize, Serialize};

use crate::{Category, Cause, Day, EntryId, Fen, HouseholdCode, Month};

/// One record about one finding of one household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Hash of household, rule and opening entry: the same from raised to closed (32 hex characters).
    pub warning_id: String,
    /// Hash of `warning_id`, kind and state number: unique per record, equal in a replay (32 hex characters).
    pub record_id: String,
    /// What happened to the warning.
    pub kind: WarningKind,
    /// The household.
    pub household: HouseholdCode,
    /// Which case of the household it belongs to, from 1; 0 for a signal outside a case.
    pub case_number: i32,
    /// The rule, such as `R01`.
    pub rule: String,
    /// The policy and its version, such as `chenzhou@3`.
    pub policy: String,
    /// The cause.
    pub cause: Cause,
    /// The level.
    pub level: WarningLevel,
    /// The window over which the figure was taken, by its name in the policy; empty for events.
    pub window: String,
    /// The month that it is about, where the rule looks at each month by itself; that can be long before `day`, the day
    /// on which it became known.
    pub month: Option<Month>,
    /// The figure, in fen; 0 for events.
    pub value_fen: Fen,
    /// What it was compared with, in fen; 0 for events.
    pub threshold_fen: Fen,
    /// How far the figure is on the wrong side of the threshold, in fen.
    pub margin_fen: Fen,
    /// The day for which it was decided and on which it became known: the first one not closed yet.
    pub day: Day,
    /// The day on which the newest entry behind it occurred.
    pub occurred_day: Day,
    /// The household's state number on which it rests.
    pub state_number: i64,
    /// What the figure consists of, sorted by category and cause.
    pub contributions: Vec<Contribution>,
    /// The entries behind it, largest first; at most 8.
    pub evidence: Vec<EntryId>,
    /// Who is asked to verify, such as `village`; empty for a signal.
    pub verifier: String,
    /// The departments that are asked to act.
    pub departments: Vec<String>,
    /// The action asked for, by its name in the policy.
    pub action: String,
    /// The sentence for the reader, in Chinese.
    pub sentence_zh: String,
    /// The sentence for the reader, in English.
    pub sentence_en: String,
    /// What the verifier of a request is told beside it. It reaches the verifier only, and never suppresses a warning.
    pub notes: Vec<Note>,
    /// Whether a new visit at the door is asked for. A request that joins a visit which was asked for already, or that may
    /// not ask again yet, asks for none.
    pub asks_visit: bool,
    /// Which visit of the household this belongs to, from 1; 0 for what belongs to none.
    pub round: i32,
    /// By the end of which day the step that this asks for is due; none where nothing is asked for.
    pub due_day: Option<Day>,
    /// The post that holds it, by its name in the posts of the city; empty where nobody is asked.
    pub post: String,
    /// The warning of the village that this one is attached to; empty for one that is sent by itself.
    pub attached_to: String,
    /// In a warning of a village: the households whose warnings are attached to it, sorted.
    pub attached: Vec<HouseholdCode>,
}

/// Something that a verifier looks at beside what a warning says, such as a second home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The rule, such as `R20`.
    pub rule: String,
    /// The sentence for the verifier, in Chinese.
    pub sentence_zh: String,
    /// The sentence for the verifier, in English.
    pub sentence_en: String,
}

/// One part of a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The category.
    pub category: Category,
    /// The cause.
    pub cause: Cause,
    /// Its part in fen; compensation is negative.
    pub amount_fen: Fen,
}

/// What happened to a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// The condition holds, and did not before.
    Raised,
    /// It holds still, at another level or with another cause.
    Updated,
    /// It holds no longer.
    NoLongerMet,
    /// Its facts were corrected, retracted or attributed elsewhere.
    Withdrawn,
    /// A step of its case is overdue.
    Escalated,
    /// Its case was closed.
    Closed,
}

/// How urgent a finding is (domain section 2: signal, request). The order is by urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningLevel {
    /// L: a signal; asks nobody to visit and opens no case.
    Signal,
    /// M: a request for a verification.
    Medium,
    /// H: an urgent request.
    High,
}

impl WarningLevel {
    /// Whether the level asks for a verification.
    pub const fn is_request(self) -> bool {
        !matches!(self, Self::Signal)
    }

    /// The letter of the domain's rule table.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Signal => "L",
            Self::Medium => "M",
            Self::High => "H",
        }
    }
}
