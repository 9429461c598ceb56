//! What the ledger of one household tells that of another about a merger (topic `subjects.entries`, schema `Redirect`):
//! the one way back in the picture. It does not know where rows go.

use serde::{Deserialize, Serialize};

use crate::records::Origin;
use crate::{Hash64, HouseholdCode};

/// A word from the ledger of one household to that of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect<'a> {
    /// The household that is told; the record's key.
    pub to: HouseholdCode,
    /// The household that tells.
    pub from: HouseholdCode,
    /// What it says.
    pub kind: RedirectKind,
    /// For a path: the households through which rows go from the one that tells, the last of which has them; empty where
    /// it keeps them.
    pub path: Vec<HouseholdCode>,
    /// The event that caused it.
    pub event: Hash64,
    /// Its department.
    #[serde(borrow)]
    pub source: &'a str,
    /// Its type.
    #[serde(borrow)]
    pub event_type: &'a str,
    /// When the department reported it, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
    /// Where the feed record lies.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// What a redirect says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectKind {
    /// It was merged into the one that is told, and asks where rows go from there, now and whenever that changes.
    Merged,
    /// It is merged into it no longer.
    Unmerged,
    /// Where rows go from the one that tells.
    Path,
}
