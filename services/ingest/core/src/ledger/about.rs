//! What a ledger knows of its subject beside its items: registration, membership over time, mergers, records that wait.
//! All but the last follow from the items and from what other ledgers said; they are kept so that a payment need not
//! read every item. It does not know how they follow.
//!
//! | Bytes | Field |
//! |---|---|
//! | 1 | version, 2 |
//! | 4 | day of the household's registration, or [`NO_DAY`] |
//! | 2 | number of memberships, then 17 bytes for each: household 8, from day 4, end 1 and its day 4 |
//! | 1 | number of merged codes, then 16 bytes for each: old household 8, new household 8 |
//! | 1 | number of households on the way that the household's own rows take, then 8 bytes for each |
//! | 2 | number of households whose rows come here, then 8 bytes for each |
//! | 2 | number of records that wait, then each |

use schemas::{Day, HouseholdCode};
use smallvec::SmallVec;

use super::bytes::Reader;
use super::membership::{End, Membership, at_end_of, now};
use super::waiting::ParkedRecord;

const VERSION: u8 = 2;
/// Bytes of one membership.
const MEMBERSHIP_BYTES: usize = 17;
/// Stands for no day.
const NO_DAY: i32 = i32::MIN;

/// An old household code and the one that took its place.
pub type Merger = (HouseholdCode, HouseholdCode);

/// What a ledger knows of its subject beside its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// The day from which the household is registered; none for persons and unknown households.
    pub registered_day: Option<Day>,
    /// The person's memberships, in the order of their days; most persons have one.
    pub memberships: SmallVec<[Membership; 1]>,
    /// The mergers by which the person moved, sorted by the old code.
    pub mergers: SmallVec<[Merger; 1]>,
    /// The households through which the household's own rows go, the last of which has them; empty where it has not
    /// been merged. The first is the one into which it was merged.
    pub path: SmallVec<[HouseholdCode; 1]>,
    /// The households that were merged into this one and ask where their rows go, sorted.
    pub sources: SmallVec<[HouseholdCode; 1]>,
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
        let count = reader.u8()?;
        let mergers = (0..count)
            .map(|_| Some((read_household(&mut reader)?, read_household(&mut reader)?)))
            .collect::<Option<_>>()?;
        let count = reader.u8()?;
        let path = (0..count).map(|_| read_household(&mut reader)).collect::<Option<_>>()?;
        let count = reader.u16()?;
        let sources = (0..count).map(|_| read_household(&mut reader)).collect::<Option<_>>()?;
        let count = reader.u16()?;
        let parked = (0..count).map(|_| ParkedRecord::read(&mut reader)).collect::<Option<_>>()?;
        reader.0.is_empty().then_some(Self { registered_day, memberships, mergers, path, sources, parked })
    }

    /// Appends its bytes; none where it is empty. What is beyond a length of the format was refused before.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if *self == Self::default() {
            return;
        }
        out.push(VERSION);
        out.extend_from_slice(&self.registered_day.map_or(NO_DAY, |day| day.0).to_le_bytes());
        out.extend_from_slice(&(self.memberships.len() as u16).to_le_bytes());
        for one in &self.memberships {
            write_membership(one, out);
        }
        out.push(self.mergers.len() as u8);
        for code in self.mergers.iter().flat_map(|(old, new)| [old, new]) {
            out.extend_from_slice(&code.number().to_le_bytes());
        }
        out.push(self.path.len() as u8);
        for code in &self.path {
            out.extend_from_slice(&code.number().to_le_bytes());
        }
        out.extend_from_slice(&(self.sources.len() as u16).to_le_bytes());
        for code in &self.sources {
            out.extend_from_slice(&code.number().to_le_bytes());
        }
        out.extend_from_slice(&(self.parked.len() as u16).to_le_bytes());
        for one in &self.parked {
            one.write(out);
        }
    }

    /// Whether the subject is known: a registered household, or a person who belongs or belonged to one.
    pub fn is_known(&self) -> bool {
        self.registered_day.is_some() || !self.memberships.is_empty()
    }

    /// The household of the person's income, and of what holds for the person.
    pub fn household_now(&self) -> Option<HouseholdCode> {
        now(&self.memberships)
    }

    /// The household of the person's spending on a day.
    pub fn household_of(&self, day: Day) -> Option<HouseholdCode> {
        at_end_of(day.month(), &self.memberships).map(|code| self.merged(code))
    }

    /// The code that took the place of a merged one, as far as the person moved with it.
    fn merged(&self, mut code: HouseholdCode) -> HouseholdCode {
        // Each step takes another merger, so a circle ends too.
        for _ in 0..self.mergers.len() {
            match self.mergers.binary_search_by_key(&code, |(old, _)| *old) {
                Ok(at) => code = self.mergers[at].1,
                Err(_) => break,
            }
        }
        code
    }
}

/// The records that wait, without reading the rest.
pub(super) fn parked(bytes: &[u8]) -> impl Iterator<Item = ParkedRecord<'_>> {
    let mut reader = Reader(bytes);
    let count = skip_to_parked(&mut reader).unwrap_or_default();
    (0..count).map_while(move |_| ParkedRecord::read(&mut reader))
}

fn skip_to_parked(reader: &mut Reader<'_>) -> Option<u16> {
    reader.take(1 + 4)?;
    let memberships = reader.u16()?;
    reader.take(usize::from(memberships) * MEMBERSHIP_BYTES)?;
    let mergers = reader.u8()?;
    reader.take(usize::from(mergers) * 16)?;
    let path = reader.u8()?;
    reader.take(usize::from(path) * 8)?;
    let sources = reader.u16()?;
    reader.take(usize::from(sources) * 8)?;
    reader.u16()
}

fn write_membership(one: &Membership, out: &mut Vec<u8>) {
    out.extend_from_slice(&one.household.number().to_le_bytes());
    out.extend_from_slice(&one.from_day.0.to_le_bytes());
    let (kind, day) = match one.end {
        End::Open => (0, Day(0)),
        End::Moved(day) => (1, day),
        End::Left(day) => (2, day),
        End::Died(day) => (3, day),
    };
    out.push(kind);
    out.extend_from_slice(&day.0.to_le_bytes());
}

fn read_membership(reader: &mut Reader<'_>) -> Option<Membership> {
    let household = read_household(reader)?;
    let from_day = Day(reader.i32()?);
    let (kind, day) = (reader.u8()?, Day(reader.i32()?));
    let end = match kind {
        0 => End::Open,
        1 => End::Moved(day),
        2 => End::Left(day),
        3 => End::Died(day),
        _ => return None,
    };
    Some(Membership { household, from_day, end })
}

fn read_household(reader: &mut Reader<'_>) -> Option<HouseholdCode> {
    HouseholdCode::from_number(reader.i64()? as u64).ok()
}

fn day(number: i32) -> Option<Day> {
    (number != NO_DAY).then_some(Day(number))
}

#[cfg(test)]
mod tests {
    use super::super::waiting::{Since, Wait};
    use super::*;

    fn code(serial: u16) -> HouseholdCode {
        HouseholdCode::parse(&format!("431023101205{serial:04}")).expect("a code")
    }

    fn whole() -> About<'static> {
        let joined = Membership { household: code(7), from_day: Day(-9_000), end: End::Moved(Day(15_000)) };
        let parked = |wait, since, bytes| ParkedRecord { wait, since, bytes };
        About {
            registered_day: Some(Day(1)),
            memberships: smallvec::smallvec![joined, Membership { end: End::Open, ..joined }],
            mergers: smallvec::smallvec![(code(1), code(2)), (code(2), code(3))],
            path: smallvec::smallvec![code(4)],
            sources: smallvec::smallvec![code(5), code(6)],
            parked: vec![
                parked(Wait::UnknownSubject, Since::BeforeFirstClose, b"first"),
                parked(Wait::Original, Since::Day(Day(20_000)), b""),
                parked(Wait::FutureDay(Day(30_000)), Since::Day(Day(20_000)), b"x"),
            ],
        }
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let about = whole();
        let mut bytes = Vec::new();
        about.write(&mut bytes);
        assert_eq!(About::read(&bytes).as_ref(), Some(&about));
        assert_eq!(parked(&bytes).collect::<Vec<_>>(), about.parked);
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

    #[test]
    fn a_merged_code_leads_to_the_last_of_its_chain() {
        let mut about = whole();
        for (from, to) in [(1, 3), (2, 3), (3, 3), (9, 9)] {
            assert_eq!(about.merged(code(from)), code(to), "{from}");
        }
        about.mergers = smallvec::smallvec![(code(1), code(2)), (code(2), code(1))];
        assert_eq!(about.merged(code(1)), code(1), "a circle ends");
    }
}
