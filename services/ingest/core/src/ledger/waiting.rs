//! Records that a ledger keeps whole because they cannot count yet: their person or household is not known, their
//! original has not come, or their day lies ahead. It does not know when a wait ends.

use schemas::Day;

use super::bytes::Reader;

/// Stands for no day.
const NO_DAY: i32 = i32::MIN;

/// Why a record waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Its person or household is not known.
    UnknownSubject,
    /// It corrects or retracts an event that has not come.
    Original,
    /// It says a membership that begins or ends on this day, which lies ahead.
    FutureDay(Day),
}

/// Since when a record waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// It was parked before the first close, when no day was current.
    BeforeFirstClose,
    /// This was the first day that was not closed.
    Day(Day),
}

/// A record that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParkedRecord<'a> {
    /// Why.
    pub wait: Wait,
    /// Since when.
    pub since: Since,
    /// The subject record, encoded.
    pub bytes: &'a [u8],
}

impl<'a> ParkedRecord<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let since = match reader.i32()? {
            NO_DAY => Since::BeforeFirstClose,
            day => Since::Day(Day(day)),
        };
        let wait = match reader.u8()? {
            0 => Wait::UnknownSubject,
            1 => Wait::Original,
            2 => Wait::FutureDay(Day(reader.i32()?)),
            _ => return None,
        };
        let length = reader.u32()?;
        Some(Self { wait, since, bytes: reader.take(length as usize)? })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let since = match self.since {
            Since::BeforeFirstClose => NO_DAY,
            Since::Day(day) => day.0,
        };
        out.extend_from_slice(&since.to_le_bytes());
        match self.wait {
            Wait::UnknownSubject => out.push(0),
            Wait::Original => out.push(1),
            Wait::FutureDay(day) => {
                out.push(2);
                out.extend_from_slice(&day.0.to_le_bytes());
            }
        }
        out.extend_from_slice(&(self.bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(self.bytes);
    }
}
