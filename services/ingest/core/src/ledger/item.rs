//! One event of one subject, packed: what tells a duplicate, what a correction reverses and what a move must say
//! again. It does not know of which month it is.
//!
//! An item is a head and one row per entry; an item with one payment and no document has 39 bytes. A retraction has no
//! rows: what it takes back is said by the event that it names. Neither has a correction that leaves its subject out.
//!
//! | Bytes | Field of the head |
//! |---|---|
//! | 2 | length of the item |
//! | 8 | event hash |
//! | 8 | content hash |
//! | 6 | reported at, milliseconds since 1970 |
//! | 1 | source: its place in a dictionary, or 255 |
//! | 2 | ordinal |
//! | 1 | flags: 1 has a document, 2 a correction, 4 a retraction, 8 has a household |
//! | 1 | number of rows; for an event that is no operation, which has at least one, less 1 |
//! | 8 | document hash, where there is one |
//! | 8 | the event that is corrected or retracted, where there is one |
//! | 8 | the household, where a person's membership is said |
//! | 1 + n | source as text, where it is not in the dictionary |
//!
//! | Bytes | Field of a row |
//! |---|---|
//! | 5 | amount in fen |
//! | 3 | day, since 0000-03-01 |
//! | 1 | category, and flags: 128 counts for other months than that of its day, 64 has a code or value |
//! | 1 | kind (upper half) and cause (lower half) |
//! | 2, 1 | first month, since year 0, and months; where the flag says so |
//! | 1, 1 | lengths of code and value, which follow as text; where the flag says so |

use schemas::records::{Entry, SubjectEntry};
use schemas::{Category, Cause, Day, Fen, Hash64, HouseholdCode, Kind, Month, Op, Reason};

use super::bytes::{Reader, put_narrow};

/// Source names that take one byte instead of their text. It only saves space, and grows at its end: any other
/// department is stored as text.
const SOURCES: [&str; 14] = [
    "health-insurance",
    "health",
    "civil-affairs",
    "human-resources",
    "education",
    "emergency-management",
    "housing",
    "water",
    "agriculture",
    "public-security",
    "disabled-federation",
    "finance",
    "natural-resources",
    "rural-revitalisation",
];
/// Says that the source follows as text.
const SOURCE_AS_TEXT: u8 = 255;
/// Kinds by their number in an item; it grows at its end.
const KINDS: [Kind; 10] = [
    Kind::Income,
    Kind::Cost,
    Kind::Expense,
    Kind::Compensation,
    Kind::Note,
    Kind::Status,
    Kind::Incident,
    Kind::Action,
    Kind::Survey,
    Kind::Membership,
];
const HAS_DOCUMENT: u8 = 1;
const CORRECTS: u8 = 2;
const RETRACTS: u8 = 4;
const HAS_HOUSEHOLD: u8 = 8;
/// Flags in the byte of a row's category, of which there are fewer than 64.
const OTHER_MONTHS: u8 = 128;
const HAS_TEXTS: u8 = 64;
const CATEGORY_BITS: u8 = 63;
const _: () = assert!(Category::ALL.len() <= CATEGORY_BITS as usize + 1, "a category fits beside its flags");
/// Where in an item the instant of its report begins.
pub(super) const BEFORE_REPORTED: usize = 2 + 8 + 8;
/// Bytes before the flags.
const BEFORE_FLAGS: usize = BEFORE_REPORTED + 6 + 1 + 2;
/// The day from which days are counted, so that they fit 3 bytes: 0000-03-01, as days since 1970-01-01.
const FIRST_DAY: i64 = -719_468;

/// One event of one subject, read from its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Keyed hash of source and event id.
    pub event: Hash64,
    /// Keyed hash of all that the event says.
    pub content: Hash64,
    /// When it was reported, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
    /// The department.
    pub source: &'a str,
    /// Place among the subject records of the same event.
    pub ordinal: i32,
    /// What it does to another event.
    pub op: Op,
    /// The event that it corrects or retracts.
    pub corrects: Option<Hash64>,
    /// Keyed hash of its document number.
    pub document: Option<Hash64>,
    /// The household, where it says a person's membership.
    pub household: Option<HouseholdCode>,
    rows: Reader<'a>,
    row_count: usize,
}

impl<'a> Item<'a> {
    /// Its entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let mut rows = self.rows;
        (0..self.row_count).map_while(move |_| read_row(&mut rows))
    }

    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut head = Reader(bytes);
        head.u16()?;
        let (event, content) = (Hash64(head.i64()?), Hash64(head.i64()?));
        let reported_at_ms = head.narrow::<6>()?;
        let source = head.u8()?;
        let ordinal = i32::from(head.u16()?);
        let flags = head.u8()?;
        let rows = usize::from(head.u8()?);
        let mut hash = |flag| if flags & flag == 0 { Some(None) } else { head.i64().map(|hash| Some(Hash64(hash))) };
        let document = hash(HAS_DOCUMENT)?;
        let corrects = hash(CORRECTS | RETRACTS)?;
        let household = match hash(HAS_HOUSEHOLD)? {
            Some(Hash64(number)) => Some(HouseholdCode::from_number(number as u64).ok()?),
            None => None,
        };
        let source = if source == SOURCE_AS_TEXT {
            let length = head.u8()?;
            head.text(length)?
        } else {
            SOURCES.get(usize::from(source)).copied()?
        };
        let op = match flags & (CORRECTS | RETRACTS) {
            0 => Op::Upsert,
            CORRECTS => Op::Correct,
            RETRACTS => Op::Retract,
            _ => return None,
        };
        let row_count = if op == Op::Upsert { rows + 1 } else { rows };
        Some(Self {
            event,
            content,
            reported_at_ms,
            source,
            ordinal,
            op,
            corrects,
            document,
            household,
            rows: head,
            row_count,
        })
    }
}

fn read_row<'a>(rows: &mut Reader<'a>) -> Option<Entry<'a>> {
    let amount_fen = Fen(rows.narrow::<5>()?);
    let day = Day((rows.narrow::<3>()? + FIRST_DAY) as i32);
    let category_and_flags = rows.u8()?;
    let category = *Category::ALL.get(usize::from(category_and_flags & CATEGORY_BITS))?;
    let kind_and_cause = rows.u8()?;
    let kind = *KINDS.get(usize::from(kind_and_cause >> 4))?;
    let cause = *Cause::ALL.get(usize::from(kind_and_cause & 15))?;
    let (month, months) = if category_and_flags & OTHER_MONTHS == 0 {
        (day.month(), 1)
    } else {
        (Month(i32::from(rows.u16()?)), i32::from(rows.u8()?))
    };
    let (code, value) = if category_and_flags & HAS_TEXTS == 0 {
        ("", "")
    } else {
        let (code, value) = (rows.u8()?, rows.u8()?);
        (rows.text(code)?, rows.text(value)?)
    };
    Some(Entry { kind, category, cause, amount_fen, day, month, months, code, value })
}

/// Appends an item. What does not fit is refused with its reason, and nothing is appended: amounts above 10.9
/// billion yuan, texts above 255 bytes, months beyond year 5000, items above 65,535 bytes.
pub(super) fn write(entry: &SubjectEntry<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    let start = out.len();
    let result = write_parts(entry, out).and_then(|()| {
        let length = u16::try_from(out.len() - start).map_err(|_| Reason::LedgerLimit)?;
        out[start..start + 2].copy_from_slice(&length.to_le_bytes());
        Ok(())
    });
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn write_parts(entry: &SubjectEntry<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&entry.event.0.to_le_bytes());
    out.extend_from_slice(&entry.content.0.to_le_bytes());
    put_narrow::<6>(entry.reported_at_ms, out).ok_or(Reason::InvalidValue)?;
    let source = SOURCES.iter().position(|source| *source == entry.source);
    out.push(source.map_or(SOURCE_AS_TEXT, |place| place as u8));
    put_narrow::<2>(entry.ordinal.into(), out).ok_or(Reason::LedgerLimit)?;
    let says_membership = entry.entries.iter().any(|one| one.kind == Kind::Membership);
    let household = entry.household.filter(|_| entry.person.is_some() && says_membership);
    out.push(flags_of(entry, household.is_some()));
    let rows: &[Entry<'_>] = if entry.op == Op::Retract { &[] } else { &entry.entries };
    let first = usize::from(entry.op == Op::Upsert);
    let count = rows.len().checked_sub(first).ok_or(Reason::MissingField)?;
    out.push(u8::try_from(count).map_err(|_| Reason::LedgerLimit)?);
    let corrects = entry.corrects.filter(|_| entry.op != Op::Upsert);
    for hash in [entry.document, corrects, household.map(|code| Hash64(code.number() as i64))].into_iter().flatten() {
        out.extend_from_slice(&hash.0.to_le_bytes());
    }
    if source.is_none() {
        out.push(text_length(entry.source)?);
        out.extend_from_slice(entry.source.as_bytes());
    }
    rows.iter().try_for_each(|row| write_row(row, out))
}

fn flags_of(entry: &SubjectEntry<'_>, has_household: bool) -> u8 {
    let operation = match entry.op {
        Op::Upsert => 0,
        Op::Correct => CORRECTS,
        Op::Retract => RETRACTS,
    };
    let document = if entry.document.is_some() { HAS_DOCUMENT } else { 0 };
    operation | document | if has_household { HAS_HOUSEHOLD } else { 0 }
}

fn write_row(row: &Entry<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    put_narrow::<5>(row.amount_fen.0, out).ok_or(Reason::AbsurdAmount)?;
    put_narrow::<3>(i64::from(row.day.0) - FIRST_DAY, out).ok_or(Reason::InvalidValue)?;
    let has_other_months = (row.month, row.months) != (row.day.month(), 1);
    let has_texts = !(row.code.is_empty() && row.value.is_empty());
    let flags = if has_other_months { OTHER_MONTHS } else { 0 } | if has_texts { HAS_TEXTS } else { 0 };
    // The numbers of these enums are the places in the lists that they are read by; a test holds both together.
    out.push(row.category as u8 | flags);
    out.push(((row.kind as u8) << 4) | row.cause as u8);
    if has_other_months {
        put_narrow::<2>(row.month.0.into(), out).ok_or(Reason::InvalidValue)?;
        put_narrow::<1>(row.months.into(), out).ok_or(Reason::InvalidValue)?;
    }
    if has_texts {
        out.push(text_length(row.code)?);
        out.push(text_length(row.value)?);
        out.extend_from_slice(row.code.as_bytes());
        out.extend_from_slice(row.value.as_bytes());
    }
    Ok(())
}

fn text_length(text: &str) -> Result<u8, Reason> {
    u8::try_from(text.len()).map_err(|_| Reason::InvalidValue)
}

/// The items of one chunk, each with its bytes; ends at the first byte that is no item.
#[derive(Clone, Debug)]
pub(super) struct Items<'a>(pub(super) &'a [u8]);

impl<'a> Items<'a> {
    /// The bytes of the next item.
    #[inline]
    pub(super) fn next_bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_le_bytes(*self.0.first_chunk()?));
        let (item, left) = self.0.split_at_checked(length.max(2))?;
        self.0 = left;
        Some(item)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = (&'a [u8], Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.next_bytes()?;
        Some((bytes, Item::read(bytes)?))
    }
}

/// Event, ordinal and content of an item's bytes: what it is ordered by within its chunk, and told apart by.
#[inline]
pub(super) fn order(bytes: &[u8]) -> Option<(i64, u16, i64)> {
    let mut head = Reader(bytes);
    head.take(2)?;
    let (event, content) = (head.i64()?, head.i64()?);
    head.take(6 + 1)?;
    Some((event, head.u16()?, content))
}

/// The event of an item's bytes.
#[inline]
pub(super) fn event(bytes: &[u8]) -> Option<Hash64> {
    Reader(bytes.get(2..)?).i64().map(Hash64)
}

/// The document of an item's bytes.
#[inline]
pub(super) fn document(bytes: &[u8]) -> Option<Hash64> {
    let mut head = Reader(bytes.get(BEFORE_FLAGS..)?);
    let flags = head.u8()?;
    head.u8()?;
    if flags & HAS_DOCUMENT == 0 { None } else { head.i64().map(Hash64) }
}

/// Whether the bytes are items, each with all its rows and nothing else.
pub(super) fn are_items(bytes: &[u8]) -> bool {
    let mut items = Items(bytes);
    while let Some(bytes) = items.next_bytes() {
        let Some(item) = Item::read(bytes) else { return false };
        let mut rows = item.rows;
        let is_whole = (0..item.row_count).all(|_| read_row(&mut rows).is_some()) && rows.0.is_empty();
        if !is_whole {
            return false;
        }
    }
    items.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::records::Origin;
    use schemas::{Op, PersonToken};

    fn subject_entry<'a>(source: &'a str, entries: Vec<Entry<'a>>) -> SubjectEntry<'a> {
        SubjectEntry {
            event: Hash64(-77),
            ordinal: 3,
            source,
            event_type: "wage_reported",
            op: Op::Upsert,
            corrects: None,
            content: Hash64(12),
            person: Some(PersonToken([1; 16])),
            household: None,
            occurred_day: Day(20_000),
            reported_at_ms: 1_728_000_000_123,
            document: None,
            entries,
            origin: Origin { topic: "feeds.finance", partition: 0, offset: 9 },
        }
    }

    fn wage() -> Entry<'static> {
        Entry {
            kind: Kind::Income,
            category: Category::Wage,
            cause: Cause::Other,
            amount_fen: Fen(300_000),
            day: Day(20_000),
            month: Month::from_yyyymm(202_409).expect("a month"),
            months: 1,
            code: "",
            value: "",
        }
    }

    #[test]
    fn an_item_reads_back_as_it_was_written() {
        let status = Entry { kind: Kind::Status, code: "house_safety", value: "丁", day: Day(-30_000), ..wage() };
        let documented =
            SubjectEntry { document: Some(Hash64(5)), ..subject_entry("market-regulation", vec![wage(), status]) };
        let join = Entry { kind: Kind::Membership, code: "join", ..wage() };
        let joined = SubjectEntry {
            household: HouseholdCode::parse("4310231012050007").ok(),
            ..subject_entry("public-security", vec![join])
        };
        let corrected =
            SubjectEntry { op: Op::Correct, corrects: Some(Hash64(8)), ..subject_entry("finance", vec![wage()]) };
        let retracted = SubjectEntry { op: Op::Retract, corrects: Some(Hash64(9)), ..documented.clone() };
        // What corrects an event may say that nothing of it was so for this subject.
        let emptied = SubjectEntry { entries: vec![], ..corrected.clone() };
        let mut chunk = Vec::new();
        for written in [subject_entry("finance", vec![wage()]), documented, joined, corrected, retracted, emptied] {
            chunk.clear();
            write(&written, &mut chunk).expect("fits");
            assert!(are_items(&chunk));
            let (bytes, item) = Items(&chunk).next().expect("an item");
            assert_eq!(order(bytes), Some((-77, 3, 12)));
            assert_eq!((event(bytes), document(bytes)), (Some(written.event), written.document));
            assert_eq!((item.event, item.content, item.ordinal), (written.event, written.content, 3));
            assert_eq!((item.source, item.document), (written.source, written.document));
            assert_eq!((item.op, item.corrects, item.household), (written.op, written.corrects, written.household));
            assert_eq!(item.reported_at_ms, written.reported_at_ms);
            let rows = if written.op == Op::Retract { vec![] } else { written.entries };
            assert_eq!(item.entries().collect::<Vec<_>>(), rows);
        }
    }

    #[test]
    fn a_payment_takes_39_bytes() {
        let mut chunk = Vec::new();
        write(&subject_entry("finance", vec![Entry { month: wage().day.month(), ..wage() }]), &mut chunk)
            .expect("fits");
        assert_eq!(chunk.len(), 39);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_leaves_nothing() {
        let long = "x".repeat(256);
        let rows = [
            (vec![Entry { amount_fen: Fen(1 << 40), ..wage() }], Reason::AbsurdAmount),
            (vec![Entry { amount_fen: Fen(-1), ..wage() }], Reason::AbsurdAmount),
            (vec![Entry { months: 256, ..wage() }], Reason::InvalidValue),
            (vec![Entry { value: &long, ..wage() }], Reason::InvalidValue),
            (vec![Entry { day: Day(i32::MIN), ..wage() }], Reason::InvalidValue),
            (vec![], Reason::MissingField),
            (vec![wage(); 257], Reason::LedgerLimit),
            (vec![Entry { code: &long[..255], value: &long[..255], ..wage() }; 200], Reason::LedgerLimit),
        ];
        for (entries, reason) in rows {
            let mut chunk = vec![7];
            assert_eq!(write(&subject_entry("finance", entries), &mut chunk), Err(reason));
            assert_eq!(chunk, [7]);
        }
    }

    #[test]
    fn numbers_of_words_are_their_places_in_the_lists() {
        for (place, category) in Category::ALL.into_iter().enumerate() {
            assert_eq!(category as usize, place);
        }
        for (place, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, place);
        }
        for (place, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }

    #[test]
    fn other_bytes_are_no_items() {
        let mut chunk = Vec::new();
        write(&subject_entry("finance", vec![wage()]), &mut chunk).expect("fits");
        for at in [0, 24, 27, 37, 38] {
            let mut broken = chunk.clone();
            broken[at] = 0xee;
            assert!(!are_items(&broken), "byte {at}");
        }
        assert!(!are_items(&chunk[..41]) && !are_items(&[0, 0]) && are_items(&[]));
    }
}
