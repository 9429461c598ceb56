//! The one open file of a household (topic `households.cases`, schema `Case`). It does not know the rules that
//! open and close it.

use serde::{Deserialize, Serialize};

use crate::records::WarningLevel;
use crate::{Cause, Day, EntryId, Fen, HouseholdCode, Month};

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
}

/// A rule that holds for the household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, such as `R01`.
    pub rule: String,
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
