//! The one open file of a household (topic `households.cases`, schema `Case`). It does not know the rules that
//! open and close it.

use serde::{Deserialize, Serialize};

use crate::records::WarningLevel;
use crate::{Cause, Day, EntryId, Fen, HouseholdCode, Month, Office, Text};

/// A household's case after its `number`th change. The record of a household without an open case is kept too: its
/// findings at level L (signals) stand here, and so does what the next case must know of the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// 1 for the first record of the household, then without a gap.
    pub number: i64,
    /// The household.
    pub household: HouseholdCode,
    /// Which case of the household this is, from 1; 0 before the first.
    pub case_number: i32,
    /// Where the case stands.
    pub step: Step,
    /// The day on which the case was opened.
    pub opened_day: Option<Day>,
    /// The highest level among the findings that hold; none when none holds.
    pub level: Option<WarningLevel>,
    /// The causes of the findings that hold, sorted.
    pub causes: Vec<Cause>,
    /// The findings that hold, sorted by rule, month and opening entry.
    pub findings: Vec<Finding>,
    /// The number of the last state of the household that was evaluated.
    pub state_number: i64,
    /// The first day that was not closed at the last evaluation.
    pub evaluated_day: Day,
    /// The day from which the limit of the step counts.
    pub step_day: Option<Day>,
    /// By the end of which day the step is due; none where nothing is due.
    pub due_day: Option<Day>,
    /// The level of government that holds the step; none where no step is due.
    pub office: Option<Office>,
    /// How often the step has moved up since it began, because it was overdue.
    pub escalations: i32,
    /// What was known when a visit was last asked for; none before the first.
    pub visit: Option<Visit>,
    /// The day on which the case was last dismissed or cleared; none while it is open.
    pub closed_day: Option<Day>,
    /// What offices did about the household, sorted by day and entry; at most 32, the newest kept.
    pub acts: Vec<Act>,
}

/// A visit that was asked for, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Which visit of the household it is, from 1.
    pub round: i32,
    /// The day on which it was asked for.
    pub day: Day,
    /// The highest level that it is about.
    pub level: WarningLevel,
    /// The causes that it is about, sorted.
    pub causes: Vec<Cause>,
    /// The figures that it is about, sorted by rule: the largest of a rule that has several.
    pub sizes: Vec<Size>,
}

/// The figure of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// The rule, such as `R01`.
    pub rule: Text,
    /// Its figure.
    pub value_fen: Fen,
}

/// Something that an office did: a verification, a measure, a visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The entry that says so.
    pub entry: EntryId,
    /// The case that was open when it became known, 0 where none was.
    pub case_number: i32,
    /// The visit that was last asked for when it became known, 0 before the first.
    pub round: i32,
    /// What was done, such as `verification_result`.
    pub code: Text,
    /// What it says, such as `confirmed`; may be empty.
    pub value: Text,
    /// The cause that it names.
    pub cause: Cause,
    /// The day on which it was done.
    pub day: Day,
}

/// A rule that holds for the household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, such as `R01`.
    pub rule: Text,
    /// The warning that says so, the same from raised to closed (32 hex characters).
    pub warning_id: String,
    /// The entry that opened it.
    pub opening_entry: EntryId,
    /// Since which day.
    pub since_day: Day,
    /// Its level.
    pub level: WarningLevel,
    /// Its cause.
    pub cause: Cause,
    /// The month that it is about, where the rule looks at each month by itself: it holds while that month meets the
    /// rule and lies within the rule's reach.
    pub month: Option<Month>,
    /// The figure that was compared.
    pub value_fen: Fen,
    /// What it was compared with.
    pub threshold_fen: Fen,
    /// The entries on which it rests: when one of them is taken back and the finding ends, it is withdrawn.
    pub evidence: Vec<EntryId>,
}

/// The step of a case (domain section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// No case is open.
    None,
    /// Asked for a verification.
    Raised,
    /// Somebody is on the way.
    Verifying,
    /// The verification confirmed it.
    Confirmed,
    /// The verification dismissed it.
    Dismissed,
    /// A measure was recorded.
    Assisted,
    /// Done.
    Cleared,
}

impl Case {
    /// The visit that was last asked for, 0 before the first.
    pub fn round(&self) -> i32 {
        self.visit.as_ref().map_or(0, |visit| visit.round)
    }
}

impl Step {
    /// Whether a case at this step is open.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::None | Self::Dismissed | Self::Cleared)
    }
}
