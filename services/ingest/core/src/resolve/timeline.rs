//! What a ledger's membership entries come to: where a person belonged when, since when a household is registered, and
//! what was merged into what. It does not know what follows for amounts.

use schemas::records::Entry;
use schemas::{Day, EntryId, HouseholdCode, Kind};
use smallvec::SmallVec;

use crate::ledger::{DEATH, End, Item, Membership, Merger, says_membership};

/// A household comes to be known.
pub(super) const REGISTERED: &str = "registered";
/// A household was merged into the one that its value names.
const MERGED: &str = "merged";
/// A person comes to a household...
pub(super) const JOIN: &str = "join";
/// ...or with others from a household that was split...
const SPLIT: &str = "split";
/// ...or with everybody from a household that is no more, which the value names.
const MERGE: &str = "merge";
/// A person goes.
pub(super) const LEAVE: &str = "leave";
/// Whether a person comes to a household by it, which must be named.
pub(super) fn begins_stretch(entry: &Entry<'_>) -> bool {
    entry.kind == Kind::Membership && matches!(entry.code, JOIN | SPLIT | MERGE)
}

/// Mergers of one person that are kept; more are nobody's life.
const MERGERS_MAX: usize = 255;

/// A stretch of membership and what began it.
#[derive(Clone, Debug)]
pub(super) struct Stretch<'a> {
    /// The stretch.
    pub membership: Membership,
    /// The entry that began it.
    pub entry: EntryId,
    /// The department that said so.
    pub source: &'a str,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
    /// The first day as text, for who reads of the end.
    pub from_text: String,
}

/// The registration of a household.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registration<'a> {
    /// From this day on.
    pub day: Day,
    /// The entry that says so.
    pub entry: EntryId,
    /// The department.
    pub source: &'a str,
    /// When it was reported.
    pub reported_at_ms: i64,
}

/// What the membership entries of a ledger come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline<'a> {
    /// The person's stretches, in the order of their days.
    pub stretches: Vec<Stretch<'a>>,
    /// Old codes and those that took their place, sorted by the old ones.
    pub mergers: SmallVec<[Merger; 1]>,
    /// The earliest registration of the household.
    pub registration: Option<Registration<'a>>,
    /// Into which household it was merged.
    pub merged_into: Option<HouseholdCode>,
    is_dead: bool,
}

/// A membership entry with what orders it.
#[derive(Clone, Copy)]
struct Said<'a> {
    item: Item<'a>,
    entry: Entry<'a>,
    id: EntryId,
}

impl<'a> Timeline<'a> {
    /// Of the items that stand. Of two entries of one day the one that was reported later comes later.
    pub(super) fn of(standing: &[Item<'a>]) -> Self {
        let mut said = Vec::new();
        for item in standing {
            for (index, entry) in item.entries().enumerate().filter(|(_, entry)| says_membership(entry)) {
                let id = EntryId::of(item.event, item.ordinal, index as i32);
                said.push(Said { item: *item, entry, id });
            }
        }
        said.sort_unstable_by_key(|one| {
            (one.entry.day, one.item.reported_at_ms, one.item.event, one.item.ordinal, one.id)
        });
        let mut timeline = Self::default();
        for one in said {
            timeline.take(one);
        }
        timeline.drop_empty();
        timeline
    }

    fn take(&mut self, said: Said<'a>) {
        let Said { item, entry, id } = said;
        match entry.code {
            REGISTERED => {
                let registration = Registration {
                    day: entry.day,
                    entry: id,
                    source: item.source,
                    reported_at_ms: item.reported_at_ms,
                };
                self.registration.get_or_insert(registration);
            }
            MERGED => self.merged_into = HouseholdCode::parse(entry.value).ok().or(self.merged_into),
            LEAVE => self.end(End::Left(entry.day), item.household),
            JOIN | SPLIT | MERGE => {
                let Some(household) = item.household else { return };
                if entry.code == MERGE {
                    self.note_merger(entry.value, household);
                }
                self.begin(household, said);
            }
            _ if entry.kind == Kind::Incident && entry.code == DEATH => {
                self.end(End::Died(entry.day), None);
                self.is_dead = true;
            }
            _ => {}
        }
    }

    /// Ends the open stretch, if it is that of the household, where one is named.
    fn end(&mut self, end: End, of: Option<HouseholdCode>) {
        let open = self.stretches.last_mut().filter(|last| last.membership.end == End::Open);
        if let Some(last) = open.filter(|last| of.is_none_or(|of| of == last.membership.household)) {
            last.membership.end = end;
        }
    }

    fn begin(&mut self, household: HouseholdCode, Said { item, entry, id }: Said<'a>) {
        let open = self.stretches.last().map(|last| last.membership).filter(|last| last.end == End::Open);
        if self.is_dead || open.is_some_and(|open| open.household == household) {
            return;
        }
        self.end(End::Moved(entry.day), None);
        self.stretches.push(Stretch {
            membership: Membership { household, from_day: entry.day, end: End::Open },
            entry: id,
            source: item.source,
            reported_at_ms: item.reported_at_ms,
            from_text: entry.day.to_string(),
        });
    }

    fn note_merger(&mut self, old: &str, new: HouseholdCode) {
        let Some(old) = HouseholdCode::parse(old).ok().filter(|old| *old != new) else { return };
        match self.mergers.binary_search_by_key(&old, |(old, _)| *old) {
            Ok(at) => self.mergers[at].1 = new,
            Err(at) if self.mergers.len() < MERGERS_MAX => self.mergers.insert(at, (old, new)),
            Err(_) => {}
        }
    }

    /// Drops stretches without a day. Who died on the day of a move belonged to the household before to the last.
    fn drop_empty(&mut self) {
        let is_empty = |one: &Stretch<'_>| one.membership.end.day() == Some(one.membership.from_day);
        let death = self.stretches.last().map(|last| last.membership.end);
        self.stretches.retain(|one| !is_empty(one));
        if let (Some(End::Died(day)), Some(last)) = (death, self.stretches.last_mut())
            && last.membership.end.day() == Some(day)
        {
            last.membership.end = End::Died(day);
        }
    }

    /// The stretches alone.
    pub(super) fn memberships(&self) -> SmallVec<[Membership; 1]> {
        self.stretches.iter().map(|one| one.membership).collect()
    }
}
