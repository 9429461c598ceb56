//! The ledger of one subject: every event within the horizon and what is known of its subject, packed into one byte
//! string. It does not decide anything: that is `resolve`'s work.
//!
//! The bytes are the length of the part *about* (4), that part, then chunks in the order of their months: month (2,
//! 0 for the standing part), length (4), items in the order of event and ordinal. Each part is one record of the
//! changelog `subjects.ledger`, so that a new event rewrites the few hundred bytes of its month and not the subject.
//! The order within the bytes does not depend on the order in which events came.
//!
//! An item belongs to the last month for which one of its amounts counts, or in which it occurred if that is later.
//! The versions of an event, its corrections and its retractions lie together, in the last month of any of them, so
//! that none can come back to life because another has left. All are dropped when nothing of them is within the
//! horizon any more. A status holds until the next one of its code, and a membership until the next change: when their
//! month leaves the horizon they move to the standing part.

mod about;
mod bytes;
mod draft;
mod item;
mod membership;
mod subject;
mod waiting;

use schemas::records::Entry;
use schemas::{Day, Hash64, Kind, Month};

pub use about::{About, Merger};
pub use draft::Draft;
pub use item::Item;
pub use membership::{End, Membership};
pub use subject::{Part, Subject, SubjectKey};
pub use waiting::{ParkedRecord, Since, Wait};

/// How many months before the current one are within the horizon (design section 5).
pub const HORIZON_MONTHS: i32 = 25;

/// The oldest month within the horizon on a day.
pub fn oldest_month(today: Day) -> Month {
    today.month().plus(-HORIZON_MONTHS)
}

/// The incident by which a person's membership ends for good.
pub const DEATH: &str = "death";

/// Whether an entry says where a person belongs, or that a household is known: it matters for as long as the subject
/// does, however old it is.
pub fn says_membership(entry: &Entry<'_>) -> bool {
    entry.kind == Kind::Membership || (entry.kind == Kind::Incident && entry.code == DEATH)
}

/// Whether an entry holds until another one says otherwise, however old it is.
pub fn holds_on(entry: &Entry<'_>) -> bool {
    entry.kind == Kind::Status || says_membership(entry)
}

/// A part of a ledger that does not read as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} of {bytes} bytes is no part of a ledger of this build: was it written by a later one?")]
pub struct LedgerError {
    /// Which part.
    pub part: &'static str,
    /// Its length.
    pub bytes: usize,
}

/// A ledger, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    about: &'a [u8],
    chunks: &'a [u8],
}

impl<'a> Ledger<'a> {
    /// The ledger in these bytes; none is the empty ledger of somebody of whom nothing came yet.
    pub fn of(bytes: Option<&'a [u8]>) -> Self {
        let (about, chunks) = bytes.and_then(split_about).unwrap_or_default();
        Self { about, chunks }
    }

    /// What is known of the subject.
    pub fn about(&self) -> Result<About<'a>, LedgerError> {
        About::read(self.about).ok_or(LedgerError { part: "about", bytes: self.about.len() })
    }

    /// Its parts that are not empty, in order.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &'a [u8])> + use<'a> {
        let about = Some((Part::About, self.about)).filter(|(_, bytes)| !bytes.is_empty());
        about.into_iter().chain(Chunks(self.chunks))
    }

    /// Its items, by month, event and ordinal.
    pub fn items(&self) -> impl Iterator<Item = (Part, Item<'a>)> + use<'a> {
        Chunks(self.chunks).flat_map(|(part, items)| item::Items(items).map(move |(_, item)| (part, item)))
    }

    /// The item of one record: of this event, in this version, with this ordinal.
    pub fn find(&self, event: Hash64, ordinal: i32, content: Hash64) -> Option<Item<'a>> {
        let wanted = (event.0, u16::try_from(ordinal).ok()?, content.0);
        Chunks(self.chunks).find_map(|(_, items)| {
            let mut rest = item::Items(items);
            loop {
                let bytes = rest.next_bytes()?;
                let order = item::order(bytes)?;
                if order >= wanted {
                    return if order == wanted { Item::read(bytes) } else { None };
                }
            }
        })
    }

    /// Whether the ledger has an event, in any version.
    pub fn has(&self, event: Hash64) -> bool {
        self.bytes().any(|bytes| item::event(bytes) == Some(event))
    }

    /// Looks through the heads of all items for what concerns a new record.
    pub fn scan(&self, event: Hash64, document: Option<Hash64>) -> Scan {
        let mut scan = Scan::default();
        for bytes in self.bytes() {
            scan.items += 1;
            scan.has_event |= item::event(bytes) == Some(event);
            scan.has_document |= document.is_some() && item::document(bytes) == document;
        }
        scan
    }

    fn bytes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        Chunks(self.chunks).flat_map(|(_, items)| {
            let mut items = item::Items(items);
            std::iter::from_fn(move || items.next_bytes())
        })
    }

    /// How many items there are.
    pub fn item_count(&self) -> usize {
        self.bytes().count()
    }

    /// Whether a month of it lies before `oldest`.
    pub fn needs_trim(&self, oldest: Month) -> bool {
        let first = Chunks(self.chunks).find(|(part, _)| *part != Part::Standing);
        first.is_some_and(|(part, _)| part < Part::Month(oldest))
    }

    /// The records that wait.
    pub fn parked(&self) -> impl Iterator<Item = ParkedRecord<'a>> + use<'a> {
        about::parked(self.about)
    }
}

/// What a ledger has that concerns a new record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// How many items there are.
    pub items: usize,
    /// Whether one is of the record's event.
    pub has_event: bool,
    /// Whether one has the record's document.
    pub has_document: bool,
}

/// What must be written to the changelog when one ledger takes the place of another: the changed parts, in order,
/// each with its bytes, or without any where the part is gone.
pub fn changes<'a>(
    old: Option<&'a [u8]>,
    new: Option<&'a [u8]>,
) -> impl Iterator<Item = (Part, Option<&'a [u8]>)> + use<'a> {
    let mut old = Ledger::of(old).parts().peekable();
    let mut new = Ledger::of(new).parts().peekable();
    std::iter::from_fn(move || {
        loop {
            let after = new.peek().map(|(part, _)| *part);
            if let Some((gone, _)) = old.next_if(|(part, _)| after.is_none_or(|after| *part < after)) {
                return Some((gone, None));
            }
            let (part, bytes) = new.next()?;
            let before = old.next_if(|(before, _)| *before == part);
            if before.is_none_or(|(_, before)| before != bytes) {
                return Some((part, Some(bytes)));
            }
        }
    })
}

fn split_about(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// The number of a part in its chunk's head; `None` for the part about, which is no chunk.
fn chunk_number(part: Part) -> Option<u16> {
    match part {
        Part::About => None,
        Part::Standing => Some(0),
        Part::Month(month) => u16::try_from(month.0).ok().filter(|number| *number > 0),
    }
}

/// The chunks, in order.
#[derive(Clone, Debug)]
struct Chunks<'a>(&'a [u8]);

/// Bytes of a chunk's head.
const CHUNK_HEAD_BYTES: usize = 6;

impl<'a> Iterator for Chunks<'a> {
    type Item = (Part, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = bytes::Reader(self.0);
        let part = match reader.u16()? {
            0 => Part::Standing,
            month => Part::Month(Month(i32::from(month))),
        };
        let length = reader.u32()?;
        let items = reader.take(length as usize)?;
        self.0 = reader.0;
        Some((part, items))
    }
}

#[cfg(test)]
mod tests;
