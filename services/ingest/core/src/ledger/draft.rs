//! A ledger being changed. It keeps its memory from subject to subject, and does not know why it is changed.

use std::collections::{BTreeMap, BTreeSet};

use schemas::records::{Entry, SubjectEntry};
use schemas::{Hash64, Kind, Month, Op, Reason};

use super::about::About;
use super::bytes::put_narrow;
use super::item::{self, Item, Items};
use super::{
    CHUNK_HEAD_BYTES, Chunks, Ledger, LedgerError, Part, chunk_number, holds_on, says_membership, split_about,
};

/// A ledger being changed.
#[derive(Debug)]
pub struct Draft {
    blob: Vec<u8>,
    scratch: Vec<u8>,
}

impl Default for Draft {
    fn default() -> Self {
        Self { blob: vec![0; 4], scratch: Vec::new() }
    }
}

impl Draft {
    /// Begins with a ledger.
    pub fn load(&mut self, ledger: Option<&[u8]>) {
        self.blob.clear();
        match ledger.filter(|bytes| split_about(bytes).is_some()) {
            Some(bytes) => self.blob.extend_from_slice(bytes),
            None => self.blob.extend_from_slice(&[0; 4]),
        }
    }

    /// Its bytes; none where nothing is in it.
    pub fn bytes(&self) -> Option<&[u8]> {
        (self.blob.len() > 4).then_some(self.blob.as_slice())
    }

    /// It, read in place.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger::of(self.bytes())
    }

    /// Takes one part as the changelog has it.
    pub fn restore(&mut self, part: Part, value: Option<&[u8]>) -> Result<(), LedgerError> {
        let value = value.unwrap_or_default();
        let (name, is_valid) = match part {
            Part::About => ("about", About::read(value).is_some()),
            Part::Standing | Part::Month(_) => ("items", item::are_items(value)),
        };
        if !is_valid {
            return Err(LedgerError { part: name, bytes: value.len() });
        }
        self.replace(part, value);
        Ok(())
    }

    /// Adds the item of a record and says how many older items it made needless (0 but for old statuses); refused
    /// with its reason where it does not fit. `is_related` says that another version of the event is there, the
    /// event that it corrects or retracts, or one with the same paper.
    pub fn insert(
        &mut self,
        entry: &SubjectEntry<'_>,
        oldest: Option<Month>,
        is_related: bool,
    ) -> Result<usize, Reason> {
        let part = part_of(entry, oldest)?;
        let mut item = std::mem::take(&mut self.scratch);
        item.clear();
        let written = item::write(entry, &mut item);
        if written.is_ok() {
            self.insert_item(part, &item);
        }
        self.scratch = item;
        written?;
        if is_related {
            self.bring_together(entry.event);
        }
        Ok(if part == Part::Standing { self.prune_standing() } else { 0 })
    }

    /// Notes that a record was reported again, later.
    pub fn set_reported(&mut self, event: Hash64, ordinal: i32, content: Hash64, reported_at_ms: i64) {
        let Ok(ordinal) = u16::try_from(ordinal) else { return };
        let wanted = Some((event.0, ordinal, content.0));
        let mut at = self.chunks_start();
        while let Some((_, items)) = Chunks(&self.blob[at..]).next() {
            let (mut place, end) = (at + CHUNK_HEAD_BYTES, at + CHUNK_HEAD_BYTES + items.len());
            let mut items = Items(items);
            while let Some(bytes) = items.next_bytes() {
                if item::order(bytes) == wanted {
                    let mut narrow = Vec::with_capacity(6);
                    if put_narrow::<6>(reported_at_ms, &mut narrow).is_some() {
                        let from = place + item::BEFORE_REPORTED;
                        self.blob[from..from + narrow.len()].copy_from_slice(&narrow);
                    }
                    return;
                }
                place += bytes.len();
            }
            at = end;
        }
    }

    /// Sets what is known of the subject.
    pub fn set_about(&mut self, about: &About<'_>) {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        about.write(&mut bytes);
        self.replace(Part::About, &bytes);
        self.scratch = bytes;
    }

    /// Drops the months before `oldest` and says how many items went. Of these, what holds still moves to the
    /// standing part with all that corrects or retracts it; of what nothing else refers to, the standing part then keeps
    /// the newest status of each code.
    pub fn trim(&mut self, oldest: Month) -> usize {
        let mut dropped = 0;
        while let Some((part, items)) = self.first_month().filter(|(part, _)| *part < Part::Month(oldest)) {
            let items = items.to_vec();
            self.replace(part, &[]);
            let holding = holding_events(&items);
            for (bytes, item) in Items(&items) {
                if holding.contains(&item.event) {
                    self.insert_item(Part::Standing, bytes);
                } else {
                    dropped += 1;
                }
            }
            dropped += self.prune_standing();
        }
        dropped
    }

    fn first_month(&self) -> Option<(Part, &[u8])> {
        Chunks(&self.blob[self.chunks_start()..]).find(|(part, _)| *part != Part::Standing)
    }

    /// Moves the versions of an event, and what corrects or retracts it, into the last month of any of them.
    fn bring_together(&mut self, event: Hash64) {
        let events = related(self.ledger().items().map(|(_, item)| item), BTreeSet::from([event]));
        let is_one = |item: &Item<'_>| events.contains(&item.event);
        let parts: BTreeSet<Part> =
            self.ledger().items().filter(|(_, item)| is_one(item)).map(|(part, _)| part).collect();
        let Some(last) = parts.last().copied() else { return };
        for part in parts.into_iter().filter(|part| *part != last) {
            let Some((_, items)) = Chunks(&self.blob[self.chunks_start()..]).find(|(found, _)| *found == part) else {
                continue;
            };
            let items = items.to_vec();
            let (mut kept, mut moved) = (Vec::new(), Vec::new());
            for (bytes, item) in Items(&items) {
                if is_one(&item) {
                    moved.push(bytes);
                } else {
                    kept.extend_from_slice(bytes);
                }
            }
            self.replace(part, &kept);
            for bytes in moved {
                self.insert_item(last, bytes);
            }
        }
    }

    /// Keeps of the standing items those that hold, and those that another refers to: one with a membership, or with a
    /// status than which none of its code there is newer. Says how many went.
    fn prune_standing(&mut self) -> usize {
        let Some((Part::Standing, items)) = Chunks(&self.blob[self.chunks_start()..]).next() else { return 0 };
        let items = items.to_vec();
        let all: Vec<Item<'_>> = Items(&items).map(|(_, item)| item).collect();
        let mut kept = Vec::with_capacity(items.len());
        let mut dropped = 0;
        for (bytes, item) in Items(&items) {
            if is_referred_to(&item, &all) || holds_still(&item, &all) {
                kept.extend_from_slice(bytes);
            } else {
                dropped += 1;
            }
        }
        if dropped > 0 {
            self.replace(Part::Standing, &kept);
        }
        dropped
    }

    /// Puts an item into its place in a chunk, which is made where there is none.
    fn insert_item(&mut self, part: Part, bytes: &[u8]) {
        let (at, length) = self.place(part);
        let Some(length) = length else {
            self.replace(part, bytes);
            return;
        };
        let first = at + CHUNK_HEAD_BYTES;
        let order = item::order(bytes);
        let mut items = Items(&self.blob[first..first + length]);
        let mut place = first;
        while let Some(other) = items.next_bytes() {
            if item::order(other) > order {
                break;
            }
            place += other.len();
        }
        self.splice(place, 0, bytes);
        let length = (length + bytes.len()) as u32;
        self.blob[at + 2..at + CHUNK_HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
    }

    /// Sets a part to these bytes; none takes it out.
    pub(super) fn replace(&mut self, part: Part, bytes: &[u8]) {
        let Some(number) = chunk_number(part) else {
            let old = self.chunks_start() - 4;
            self.splice(4, old, bytes);
            self.blob[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
            return;
        };
        let (at, length) = self.place(part);
        let old = length.map_or(0, |length| CHUNK_HEAD_BYTES + length);
        self.splice(at, old, bytes);
        if !bytes.is_empty() {
            let mut head = [0; CHUNK_HEAD_BYTES];
            head[..2].copy_from_slice(&number.to_le_bytes());
            head[2..].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
            self.splice(at, 0, &head);
        }
    }

    /// Where a chunk begins, or would, and how many bytes of items it has, if it is there.
    fn place(&self, part: Part) -> (usize, Option<usize>) {
        let start = self.chunks_start();
        let mut chunks = Chunks(&self.blob[start..]);
        loop {
            let at = self.blob.len() - chunks.0.len();
            match chunks.next() {
                Some((other, items)) if other == part => return (at, Some(items.len())),
                Some((other, _)) if other < part => {}
                _ => return (at, None),
            }
        }
    }

    fn chunks_start(&self) -> usize {
        // A draft begins with at least the four bytes of the length.
        self.blob.first_chunk::<4>().map_or(4, |length| 4 + u32::from_le_bytes(*length) as usize)
    }

    /// Puts `bytes` in place of `old` bytes at `at`.
    fn splice(&mut self, at: usize, old: usize, bytes: &[u8]) {
        let end = self.blob.len();
        if bytes.len() >= old {
            self.blob.resize(end + bytes.len() - old, 0);
            self.blob.copy_within(at + old..end, at + bytes.len());
        } else {
            self.blob.copy_within(at + old..end, at + bytes.len());
            self.blob.truncate(end + bytes.len() - old);
        }
        self.blob[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// The events that belong together with these: what they correct or retract, what corrects or retracts them, and those
/// of the same paper, one of which may stand for the other.
fn related<'a>(items: impl Iterator<Item = Item<'a>>, mut events: BTreeSet<Hash64>) -> BTreeSet<Hash64> {
    let mut links: Vec<(Hash64, Hash64)> = Vec::new();
    let mut papers: BTreeMap<Hash64, Hash64> = BTreeMap::new();
    for item in items {
        links.extend(item.corrects.map(|original| (item.event, original)));
        links.extend(item.document.map(|paper| (item.event, *papers.entry(paper).or_insert(item.event))));
    }
    loop {
        let before = events.len();
        for (operation, original) in &links {
            if events.contains(operation) || events.contains(original) {
                events.extend([*operation, *original]);
            }
        }
        if events.len() == before {
            return events;
        }
    }
}

/// The events of a month that hold still when it has left the horizon, with all that belongs to them.
fn holding_events(items: &[u8]) -> BTreeSet<Hash64> {
    let holds = |item: &Item<'_>| item.entries().any(|one| holds_on(&one));
    let held = Items(items).map(|(_, item)| item).filter(holds).map(|item| item.event).collect();
    related(Items(items).map(|(_, item)| item), held)
}

/// Whether an item is a version of an event of which there are others, or one that is corrected or retracted, or does
/// that to another.
fn is_referred_to(item: &Item<'_>, all: &[Item<'_>]) -> bool {
    let versions = all.iter().filter(|other| other.event == item.event).count();
    item.op != Op::Upsert || versions > 1 || all.iter().any(|other| other.corrects == Some(item.event))
}

fn holds_still(item: &Item<'_>, all: &[Item<'_>]) -> bool {
    let newest_first =
        |item: &Item<'_>, entry: &Entry<'_>| (entry.day, item.reported_at_ms, item.event.0, item.ordinal);
    item.entries().any(|entry| match entry.kind {
        _ if says_membership(&entry) => true,
        Kind::Status => !all.iter().any(|other| {
            other.entries().any(|rival| {
                rival.kind == Kind::Status
                    && rival.code == entry.code
                    && newest_first(other, &rival) > newest_first(item, &entry)
            })
        }),
        _ => false,
    })
}

/// To which part an event belongs; see the module's words on months.
fn part_of(entry: &SubjectEntry<'_>, oldest: Option<Month>) -> Result<Part, Reason> {
    let last = entry.entries.iter().map(|one| one.month.plus(one.months.saturating_sub(1))).max();
    let month = last.unwrap_or_default().max(entry.occurred_day.month());
    if oldest.is_some_and(|oldest| month < oldest) {
        return Ok(Part::Standing);
    }
    let part = Part::Month(month);
    chunk_number(part).map(|_| part).ok_or(Reason::InvalidValue)
}
