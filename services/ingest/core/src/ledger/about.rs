//! What a ledger knows of its subject beside its items: registration, membership over time, parked records. It does
//! not know how they come to be.
//!
//! | Bytes | Field |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | day of the household's registration, or [`NO_DAY`] |
//! | 2 | number of memberships, then 30 bytes for each: household 8, from day 4, to day 4, event 8, reported at 6 |
//! | 2 | number of parked records, then for each: parked day 4 (or [`NO_DAY`]), length 4, its bytes |

use schemas::{Day, Hash64, HouseholdCode};
use smallvec::SmallVec;

use super::bytes::{Reader, put_narrow};

const VERSION: u8 = 1;
/// Bytes of one membership.
const MEMBERSHIP_BYTES: usize = 30;
/// Stands for no day.
const NO_DAY: i32 = i32::MIN;

/// A time during which a person belongs to a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The household.
    pub household: HouseholdCode,
    /// From this day on.
    pub from_day: Day,
    /// Up to the day before this one; none while it holds.
    pub to_day: Option<Day>,
    /// The event that said it.
    pub event: Hash64,
    /// When that event was reported, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
}

/// Since when a record waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// It was parked before the first close, when no day was current.
    BeforeFirstClose,
    /// This was the first day that was not closed.
    Day(Day),
}

/// A record that waits for its subject to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParkedRecord<'a> {
    /// Since when.
    pub since: Since,
    /// The subject record, encoded.
    pub bytes: &'a [u8],
}

/// What a ledger knows of its subject beside its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// The day from which the household is registered; none for persons and unknown households.
    pub registered_day: Option<Day>,
    /// The person's memberships, in the order of their days; most persons have one.
    pub memberships: SmallVec<[Membership; 1]>,
    /// Records that wait, in the order in which they came.
    pub parked: Vec<ParkedRecord<'a>>,
}

impl<'a> About<'a> {
    /// Reads it; no bytes are an empty one. `None` where the bytes are nothing of the kind.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let mut reader = Reader(bytes);
        if reader.u8()? != VERSION {
            return None;
        }
        let registered_day = day(reader.i32()?);
        let count = reader.u16()?;
        let memberships = (0..count).map(|_| read_membership(&mut reader)).collect::<Option<_>>()?;
        let count = reader.u16()?;
        let parked = (0..count).map(|_| read_parked(&mut reader)).collect::<Option<_>>()?;
        reader.0.is_empty().then_some(Self { registered_day, memberships, parked })
    }

    /// Appends its bytes; none where it is empty.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if *self == Self::default() {
            return;
        }
        out.push(VERSION);
        out.extend_from_slice(&number(self.registered_day).to_le_bytes());
        out.extend_from_slice(&(self.memberships.len() as u16).to_le_bytes());
        for one in &self.memberships {
            out.extend_from_slice(&one.household.number().to_le_bytes());
            out.extend_from_slice(&one.from_day.0.to_le_bytes());
            out.extend_from_slice(&number(one.to_day).to_le_bytes());
            out.extend_from_slice(&one.event.0.to_le_bytes());
            // An item with this instant was written before, so it fits.
            put_narrow::<6>(one.reported_at_ms.clamp(0, (1 << 48) - 1), out);
        }
        out.extend_from_slice(&(self.parked.len() as u16).to_le_bytes());
        for one in &self.parked {
            let since = match one.since {
                Since::BeforeFirstClose => NO_DAY,
                Since::Day(day) => day.0,
            };
            out.extend_from_slice(&since.to_le_bytes());
            out.extend_from_slice(&(one.bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(one.bytes);
        }
    }

    /// Whether the subject is known: a registered household, or a person who belongs to one.
    pub fn is_known(&self) -> bool {
        self.registered_day.is_some() || self.household().is_some()
    }

    /// The household to which the person belongs.
    pub fn household(&self) -> Option<HouseholdCode> {
        self.memberships.last().filter(|last| last.to_day.is_none()).map(|last| last.household)
    }
}

/// Since when the oldest parked record waits, without reading the rest: `None` without one.
pub(super) fn waiting_since(bytes: &[u8]) -> Option<Since> {
    let mut reader = Reader(bytes);
    reader.take(1 + 4)?;
    let memberships = reader.u16()?;
    reader.take(usize::from(memberships) * MEMBERSHIP_BYTES)?;
    let count = reader.u16()?;
    (0..count).map_while(|_| read_parked(&mut reader)).map(|parked| parked.since).min()
}

fn read_membership(reader: &mut Reader<'_>) -> Option<Membership> {
    Some(Membership {
        household: HouseholdCode::from_number(reader.i64()? as u64).ok()?,
        from_day: Day(reader.i32()?),
        to_day: day(reader.i32()?),
        event: Hash64(reader.i64()?),
        reported_at_ms: reader.narrow::<6>()?,
    })
}

fn read_parked<'a>(reader: &mut Reader<'a>) -> Option<ParkedRecord<'a>> {
    let since = day(reader.i32()?).map_or(Since::BeforeFirstClose, Since::Day);
    let length = reader.u32()?;
    Some(ParkedRecord { since, bytes: reader.take(length as usize)? })
}

fn day(number: i32) -> Option<Day> {
    (number != NO_DAY).then_some(Day(number))
}

fn number(day: Option<Day>) -> i32 {
    day.map_or(NO_DAY, |day| day.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_as_it_was_written() {
        let household = HouseholdCode::parse("4310231012050007").expect("a code");
        let joined = Membership {
            household,
            from_day: Day(-9_000),
            to_day: Some(Day(15_000)),
            event: Hash64(-4),
            reported_at_ms: 1_700_000_000_000,
        };
        let about = About {
            registered_day: Some(Day(1)),
            memberships: smallvec::smallvec![joined, Membership { to_day: None, ..joined }],
            parked: vec![
                ParkedRecord { since: Since::BeforeFirstClose, bytes: b"first" },
                ParkedRecord { since: Since::Day(Day(20_000)), bytes: b"" },
            ],
        };
        let mut bytes = Vec::new();
        about.write(&mut bytes);
        assert_eq!(About::read(&bytes), Some(about));
        assert_eq!(
            waiting_since(&bytes),
            Some(Since::BeforeFirstClose),
            "the one parked before the first close is the oldest"
        );
        assert_eq!(About::read(&bytes[..bytes.len() - 1]), None);
        bytes.push(0);
        assert_eq!(About::read(&bytes), None);
    }

    #[test]
    fn nothing_known_takes_no_bytes() {
        let mut bytes = Vec::new();
        About::default().write(&mut bytes);
        assert!(bytes.is_empty());
        assert_eq!(About::read(&bytes), Some(About::default()));
    }
}
