//! What resolve is told and what it says: limits, calendar, effects. It knows nothing of topics.

use schemas::records::{HouseholdEntry, Origin, Redirect, SubjectEntry};
use schemas::{Day, Hash64, Month, Reason};

use crate::ledger::{Wait, oldest_month};

/// What resolve keeps of one subject at most. What meets a limit is refused with its own reason, and so counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records that wait for one subject, whatever for.
    pub parked_per_subject_max: usize,
    /// Bytes of the records that wait for one subject. It also bounds the one record that their release causes in a
    /// household, which is at most a few times as large.
    pub parked_bytes_per_subject_max: usize,
    /// Days for which a record waits for its person or household to be known.
    pub parked_days_max: i32,
    /// Days for which a correction or retraction waits for its original.
    pub wait_days_max: i32,
    /// Items in the ledger of one subject.
    pub items_per_subject_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parked_per_subject_max: 64,
            parked_bytes_per_subject_max: 65_536,
            parked_days_max: 90,
            wait_days_max: 30,
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
            ("wait_days_max", i64::from(self.wait_days_max), 36_500),
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
    /// The last day that the partition of the record's feed has closed, where that is later: it is read ahead of others.
    pub ahead_day: Option<Day>,
}

impl Calendar {
    /// No partition of a feed is ahead of the others.
    pub fn of(closed_day: Option<Day>) -> Self {
        Self { closed_day, ahead_day: None }
    }

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
    /// The day on which it occurred.
    pub occurred_day: Day,
    /// When it was reported, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
    /// Where the feed record lies.
    pub origin: Origin<'a>,
}

impl<'a> Input<'a> {
    /// The record with these bytes.
    pub fn of(entry: &SubjectEntry<'a>, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            source: entry.source,
            event: entry.event,
            ordinal: entry.ordinal,
            occurred_day: entry.occurred_day,
            reported_at_ms: entry.reported_at_ms,
            origin: entry.origin,
        }
    }
}

/// The input on whose account households are told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause<'a> {
    /// The event.
    pub event: Hash64,
    /// Its department.
    pub source: &'a str,
    /// Its type.
    pub event_type: &'a str,
    /// When it was reported, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
    /// Where the feed record lies.
    pub origin: Origin<'a>,
}

impl<'a> Cause<'a> {
    /// A subject record.
    pub fn of(entry: &SubjectEntry<'a>) -> Self {
        let SubjectEntry { event, source, event_type, reported_at_ms, origin, .. } = entry;
        Self { event: *event, source, event_type, reported_at_ms: *reported_at_ms, origin: *origin }
    }
}

/// What an untidy or changing world brought, for the department's scorecard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A correction.
    Correction,
    /// A retraction.
    Retraction,
    /// The same event id with other content.
    ContentChanged,
    /// A person comes to a household while another one still has him.
    Conflict,
    /// A paper that another department sent too.
    DocumentTwice,
    /// An amount or incident of a person who belonged nowhere: it waits in the ledger for a membership.
    Unattributed,
}

impl Note {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Correction,
        Self::Retraction,
        Self::ContentChanged,
        Self::Conflict,
        Self::DocumentTwice,
        Self::Unattributed,
    ];

    /// The name of its total.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Correction => "corrections",
            Self::Retraction => "retractions",
            Self::ContentChanged => "content_changed",
            Self::Conflict => "conflicts",
            Self::DocumentTwice => "documents_twice",
            Self::Unattributed => "unattributed",
        }
    }
}

/// What resolve says. Every record ends in exactly one of `Applied`, `Duplicate` and `Refused`, at once or after a
/// time between `Parked` and `Released` or `Expired`; `Expired` is an end too, refused with its reason. A record that is
/// released may be parked again for another wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// It is in the ledger, and counts.
    Applied(Input<'a>),
    /// It came before, with the same content.
    Duplicate(Input<'a>),
    /// It becomes a dead letter.
    Refused(Reason, Input<'a>),
    /// It waits, since this day.
    Parked(Wait, Input<'a>, Day),
    /// It waits no longer; how it ends follows.
    Released(Wait, Input<'a>, Day),
    /// It waited too long, since this day, and becomes a dead letter.
    Expired(Wait, Reason, Input<'a>, Day),
    /// What is worth counting of a record, beside how it ended.
    Noted(Note, Input<'a>),
    /// All that the input changes in one household.
    Publish(HouseholdEntry<'a>),
    /// What another household's ledger must know.
    Redirect(Redirect<'a>),
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
