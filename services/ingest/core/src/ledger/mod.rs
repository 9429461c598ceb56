//! The ledger of one subject: every event within the horizon and what is known of its subject, packed into one byte
//! string. It does not decide anything: that is `resolve`'s work.
//!
//! The bytes are the length of the part *about* (4), that part, then chunks in the order of their months: month (2,
//! 0 for the standing part), length (4), items in the order of event and ordinal. Each part is one record of the
//! changelog `subjects.ledger`, so that a new event rewrites the few hundred bytes of its month and not the subject.
//! The order within the bytes does not depend on the order in which events came.
//!
//! An item belongs to the last month for which one of its amounts counts, or in which it occurred if that is later:
//! it is dropped when nothing of it is within the horizon any more. A status holds until the next one of its code,
//! and a membership until the next change: when their month leaves the horizon they move to the standing part.

mod about;
mod bytes;
mod draft;
mod item;
mod subject;

use schemas::{Day, Hash64, Month};

pub use about::{About, Membership, ParkedRecord, Since};
pub use draft::Draft;
pub use item::Item;
pub use subject::{Part, Subject, SubjectKey};

/// How many months before the current one are within the horizon (design section 5).
pub const HORIZON_MONTHS: i32 = 25;

/// The oldest month within the horizon on a day.
pub fn oldest_month(today: Day) -> Month {
    today.month().plus(-HORIZON_MONTHS)
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

    /// The item of an event.
    pub fn find(&self, event: Hash64, ordinal: i32) -> Option<Item<'a>> {
        let wanted = (event.0, u16::try_from(ordinal).ok()?);
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

    /// How many items there are.
    pub fn item_count(&self) -> usize {
        let count = |(_, items)| {
            let mut items = item::Items(items);
            std::iter::from_fn(|| items.next_bytes()).count()
        };
        Chunks(self.chunks).map(count).sum()
    }

    /// Whether there are at least so many items. The items are only counted where their bytes allow so many.
    pub fn has_items(&self, count: usize) -> bool {
        self.chunks.len() / item::BYTES_MIN >= count && self.item_count() >= count
    }

    /// Whether a month of it lies before `oldest`.
    pub fn needs_trim(&self, oldest: Month) -> bool {
        let first = Chunks(self.chunks).find(|(part, _)| *part != Part::Standing);
        first.is_some_and(|(part, _)| part < Part::Month(oldest))
    }

    /// Since when its oldest parked record waits; none without one.
    pub fn waiting_since(&self) -> Option<Since> {
        about::waiting_since(self.about)
    }
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

/// The ledger with one part as the changelog has it; none where nothing is left of it.
pub fn restored(ledger: Option<&[u8]>, part: Part, value: Option<&[u8]>) -> Result<Option<Vec<u8>>, LedgerError> {
    let value = value.unwrap_or_default();
    let (name, is_valid) = match part {
        Part::About => ("about", About::read(value).is_some()),
        Part::Standing | Part::Month(_) => ("items", item::are_items(value)),
    };
    if !is_valid {
        return Err(LedgerError { part: name, bytes: value.len() });
    }
    let mut draft = Draft::default();
    draft.load(ledger);
    draft.replace(part, value);
    Ok(draft.bytes().map(<[u8]>::to_vec))
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
