//! What resolve says of records that wait (topic `ingest.parked`, schema `Parked`).

use serde::{Deserialize, Serialize};

use crate::records::Origin;
use crate::{Day, Hash64};

/// A record that began or ended waiting: for its person or household, for its original, or for its day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked<'a> {
    /// The subject key: a token of 32 hex characters or a household code.
    #[serde(borrow)]
    pub subject: &'a str,
    /// The department.
    #[serde(borrow)]
    pub source: &'a str,
    /// The event.
    pub event: Hash64,
    /// The event's subject record.
    pub ordinal: i32,
    /// What happened.
    pub change: ParkedChange,
    /// What it waits or waited for.
    pub why: ParkedWhy,
    /// The first day that was not closed yet when it was parked.
    pub since_day: Day,
    /// Where the feed record lies.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// Whether a record began or ended waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedChange {
    /// It waits.
    Parked,
    /// What it waited for has come.
    Released,
    /// It waited too long and became a dead letter.
    Expired,
}

/// What a record waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedWhy {
    /// Its person or household is not known.
    UnknownSubject,
    /// The event that it corrects or retracts has not come.
    Original,
    /// The day from which its membership holds lies ahead.
    FutureDay,
}
