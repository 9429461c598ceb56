//! What resolve is told and what it says: limits, calendar, effects. It knows nothing of topics.

use schemas::records::{HouseholdEntry, Origin, SubjectEntry};
use schemas::{Day, Hash64, Month, Reason};

use crate::ledger::oldest_month;

/// What resolve keeps of one subject at most. What meets a limit is refused with its own reason, and so counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records that wait for one subject.
    pub parked_per_subject_max: usize,
    /// Bytes of the records that wait for one subject. It also bounds the one record that their release causes in a
    /// household, which is at most a few times as large.
    pub parked_bytes_per_subject_max: usize,
    /// Days for which a record waits.
    pub parked_days_max: i32,
    /// Items in the ledger of one subject.
    pub items_per_subject_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parked_per_subject_max: 64,
            parked_bytes_per_subject_max: 65_536,
            parked_days_max: 90,
            items_per_subject_max: 4_096,
        }
    }
}

/// A limit that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} is {value}; it must lie between 1 and {max}")]
pub struct LimitFault {
    /// Which limit.
    pub limit: &'static str,
    /// Its value.
    pub value: i64,
    /// The largest value there may be.
    pub max: i64,
}

impl Limits {
    /// Every limit that cannot be kept: below 1, or above what a ledger can hold (65,535 parked records) or what a
    /// record of the release may have (128 KiB parked).
    pub fn faults(&self) -> impl Iterator<Item = LimitFault> + use<> {
        let limits = [
            ("parked_per_subject_max", self.parked_per_subject_max as i64, 65_535),
            ("parked_bytes_per_subject_max", self.parked_bytes_per_subject_max as i64, 131_072),
            ("parked_days_max", i64::from(self.parked_days_max), 36_500),
            ("items_per_subject_max", self.items_per_subject_max as i64, 1_000_000),
        ];
        let faults = limits.into_iter().filter(|(_, value, max)| !(1..=*max).contains(value));
        faults.map(|(limit, value, max)| LimitFault { limit, value, max })
    }
}

/// What day it is: data, from the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// The last closed day; none before the first close.
    pub closed_day: Option<Day>,
}

impl Calendar {
    /// The current day: the one after the last closed one. Unknown before the first close.
    pub fn today(self) -> Option<Day> {
        self.closed_day.map(|day| day.plus(1))
    }

    /// The oldest month within the horizon; none before the first close, when everything is.
    pub fn oldest_month(self) -> Option<Month> {
        self.today().map(oldest_month)
    }
}

/// A subject record as it came, with what is said of it wherever it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input<'a> {
    /// Its encoded bytes.
    pub bytes: &'a [u8],
    /// The department.
    pub source: &'a str,
    /// The event.
    pub event: Hash64,
    /// The event's subject record.
    pub ordinal: i32,
    /// Where the feed record lies.
    pub origin: Origin<'a>,
}

impl<'a> Input<'a> {
    /// The record with these bytes.
    pub fn of(entry: &SubjectEntry<'a>, bytes: &'a [u8]) -> Self {
        Self { bytes, source: entry.source, event: entry.event, ordinal: entry.ordinal, origin: entry.origin }
    }
}

/// What resolve says. Every record ends in exactly one of `Applied`, `Duplicate` and `Refused`, at once or after a
/// time between `Parked` and `Released` or `Expired`; `Expired` is an end too, refused as `parked_expired`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// It is in the ledger, and counts.
    Applied(Input<'a>),
    /// It came before, with the same content.
    Duplicate(Input<'a>),
    /// It becomes a dead letter.
    Refused(Reason, Input<'a>),
    /// It waits for its subject, since this day.
    Parked(Input<'a>, Day),
    /// It waits no longer; how it ends follows.
    Released(Input<'a>, Day),
    /// It waited too long and becomes a dead letter.
    Expired(Input<'a>, Day),
    /// All that the input changes in its household.
    Publish(HouseholdEntry<'a>),
}

/// What became of the ledger; its new bytes are in [`super::Resolver::ledger`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it changed.
    pub is_changed: bool,
    /// By how many items it grew (or, negative, shrank).
    pub items: i64,
}

/// A record in a ledger that does not read as one.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A part of the ledger.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    /// A parked record.
    #[error("a parked record of the ledger: {0}")]
    Parked(#[from] schemas::codec::CodecError),
}
