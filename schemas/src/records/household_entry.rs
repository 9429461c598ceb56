//! What resolve tells fuse: all that one input causes in one household (topic `households.entries`, schema
//! `HouseholdEntry`).

use serde::{Deserialize, Serialize};

use crate::records::Origin;
use crate::{Category, Cause, Day, EntryId, Fen, Hash64, HouseholdCode, Kind, Month, PersonToken};

/// All that one input of resolve changes in one household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseholdEntry<'a> {
    /// The household.
    pub household: HouseholdCode,
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
    /// Signed amounts.
    #[serde(borrow)]
    pub rows: Vec<Row<'a>>,
    /// Statuses, incidents, actions, surveys and membership.
    #[serde(borrow)]
    pub facts: Vec<Fact<'a>>,
    /// Where the feed record lies.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// A signed amount in one household. What is reversed is said with sign -1 and all else equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row<'a> {
    /// +1 added, -1 reversed.
    pub sign: i32,
    /// The entry that it stands for.
    pub entry: EntryId,
    /// The department that said it (a moved row keeps its own).
    #[serde(borrow)]
    pub source: &'a str,
    /// What it is to a household.
    pub kind: Kind,
    /// The accounting category.
    pub category: Category,
    /// The cause that it belongs to.
    pub cause: Cause,
    /// The amount in fen, not negative; the sign stands apart.
    pub amount_fen: Fen,
    /// The day for which it counts.
    pub day: Day,
    /// The first month for which it counts.
    pub month: Month,
    /// Over how many months it is spread evenly, from `month` on; at least 1.
    pub months: i32,
    /// The person whose income it is, where one is named.
    pub person: Option<PersonToken>,
    /// The paper behind it.
    pub document: Option<Hash64>,
}

/// Something that is no amount: a status, incident, action, survey or membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<'a> {
    /// +1 said, -1 taken back.
    pub sign: i32,
    /// The entry that it stands for.
    pub entry: EntryId,
    /// The department that said it.
    #[serde(borrow)]
    pub source: &'a str,
    /// Status, incident, action, survey or membership.
    pub kind: Kind,
    /// Which status, incident, action or change.
    #[serde(borrow)]
    pub code: &'a str,
    /// What it says; may be empty.
    #[serde(borrow)]
    pub value: &'a str,
    /// The amount that goes with it (a survey's unreported income, an estimate), else 0.
    pub amount_fen: Fen,
    /// The cause.
    pub cause: Cause,
    /// The day from which it holds or on which it happened.
    pub day: Day,
    /// When it was reported, in milliseconds since 1970-01-01T00:00:00Z: of two statuses of one day the later wins.
    pub reported_at_ms: i64,
    /// The person whom it is about, where one is named.
    pub person: Option<PersonToken>,
}
