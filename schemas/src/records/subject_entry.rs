//! What normalise tells resolve: one event's entries about one subject (topic `subjects.entries`, schema
//! `SubjectEntry`).

use serde::{Deserialize, Serialize};

use crate::{Category, Cause, Day, Fen, Hash64, HouseholdCode, Kind, Month, Op, PersonToken};

/// One event as far as it is about one subject. The subject is the person where one is named, else the household.
/// An event about several subjects (a registration with its members) gives several, told apart by `ordinal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectEntry<'a> {
    /// Keyed hash of source and event id.
    pub event: Hash64,
    /// Place among the subject records of the same event, from 0.
    pub ordinal: i32,
    /// The department, as in its topic's name.
    #[serde(borrow)]
    pub source: &'a str,
    /// The event type, as in its schema's name.
    #[serde(borrow)]
    pub event_type: &'a str,
    /// What the event does to an earlier one.
    pub op: Op,
    /// The event that is corrected or retracted.
    pub corrects: Option<Hash64>,
    /// Keyed hash of all that the event says: tells a duplicate from a change.
    pub content: Hash64,
    /// The person, where the event names one.
    pub person: Option<PersonToken>,
    /// The household, where the event names one.
    pub household: Option<HouseholdCode>,
    /// The day on which it occurred.
    pub occurred_day: Day,
    /// When the department reported it, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
    /// Keyed hash of the normalised document number.
    pub document: Option<Hash64>,
    /// What it says, in the order of its schema's mapping; at most 256.
    #[serde(borrow)]
    pub entries: Vec<Entry<'a>>,
    /// Where the feed record lies.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// One canonical entry of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// What it is to a household.
    pub kind: Kind,
    /// The accounting category; `none` where there is no amount.
    pub category: Category,
    /// The cause that the amount or incident belongs to.
    pub cause: Cause,
    /// The amount in fen; 0 where there is none.
    pub amount_fen: Fen,
    /// The day for which it counts.
    pub day: Day,
    /// The first month for which it counts.
    pub month: Month,
    /// Over how many months, from `month` on, the amount is spread evenly; at least 1.
    pub months: i32,
    /// The code of a status, incident, action or membership change; empty for money.
    #[serde(borrow)]
    pub code: &'a str,
    /// What the status or incident says (a grade, a level, a number); may be empty.
    #[serde(borrow)]
    pub value: &'a str,
}

/// Where a feed record lies: what redrive and explain go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin<'a> {
    /// The feed topic.
    #[serde(borrow)]
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}
