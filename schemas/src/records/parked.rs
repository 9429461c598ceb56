//! What resolve says of records that wait for their subject (topic `ingest.parked`, schema `Parked`).

use serde::{Deserialize, Serialize};

use crate::records::Origin;
use crate::{Day, Hash64};

/// A record that began or ended waiting for its person or household to be known.
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
    /// Its subject is known now and it was applied.
    Released,
    /// It waited too long and became a dead letter.
    Expired,
}
