//! What a judgement needs of a warning. It does not know the truth.

use schemas::records::{Warning, WarningKind};
use schemas::{Cause, Day, HouseholdCode};

/// What a warning says, as far as it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The household.
    pub(crate) household: HouseholdCode,
    /// The day for which it was decided.
    pub(crate) day: Day,
    /// What happened to the warning.
    pub(crate) kind: WarningKind,
    /// The warning that it is about, from raised to closed.
    pub(crate) warning_id: String,
    /// The rule.
    pub(crate) rule: String,
    /// The cause that it gives.
    pub(crate) cause: Cause,
    /// Whether its level is that of a request: M or H.
    pub(crate) is_urgent: bool,
    /// Whether it asks for a visit at the door.
    pub(crate) asks_visit: bool,
    /// The case that it belongs to.
    pub(crate) case_number: i32,
}

impl Notice {
    /// What is judged of a warning; none of what is said about a whole village, whose households have their own.
    pub(crate) fn of(warning: &Warning) -> Option<Self> {
        warning.attached.is_empty().then(|| Self {
            household: warning.household,
            day: warning.day,
            kind: warning.kind,
            warning_id: warning.warning_id.clone(),
            rule: warning.rule.clone(),
            cause: warning.cause,
            is_urgent: warning.level.is_request(),
            asks_visit: warning.asks_visit,
            case_number: warning.case_number,
        })
    }

    /// Whether it says something new: a finding that begins or changes.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.kind, WarningKind::Raised | WarningKind::Updated)
    }

    /// A request: raised or updated, of level M or H (domain section 2).
    pub(crate) fn is_request(&self) -> bool {
        self.is_new() && self.is_urgent
    }
}
