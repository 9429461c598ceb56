//! What stands where: for the records of one ledger, which row or fact is in which household. It is a function of the
//! ledger alone, so that what is published can be the difference of two views, and the end the same in whatever order
//! records came. It does not know why a view is taken.

use schemas::records::Entry;
use schemas::{EntryId, Fen, Hash64, HouseholdCode, Kind};

use super::documents::{Counting, Precedence, is_amount};
use super::timeline::{JOIN, LEAVE, REGISTERED, Stretch, Timeline};
use super::versions;
use crate::ledger::{About, End, Item, Ledger, Subject, says_membership};

/// The value of a `join` that a household sees when it is the person's first.
pub(super) const FIRST: &str = "first";

/// A row or fact that stands in a household.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stand<'a> {
    /// The household.
    pub household: HouseholdCode,
    /// The entry that it stands for.
    pub id: EntryId,
    /// The department that said it.
    pub source: &'a str,
    /// When, in milliseconds since 1970-01-01T00:00:00Z; 0 for an amount, which does not say it.
    pub reported_at_ms: i64,
    /// The paper behind an amount.
    pub document: Option<Hash64>,
    /// What it says.
    pub entry: Entry<'a>,
}

/// A ledger with what its records come to.
pub(super) struct Picture<'a> {
    standing: Vec<Item<'a>>,
    /// Membership and registration.
    pub timeline: Timeline<'a>,
}

impl<'a> Picture<'a> {
    /// Of the records of a ledger.
    pub(super) fn of(ledger: Ledger<'a>) -> Self {
        let items: Vec<Item<'a>> = ledger.items().map(|(_, item)| item).collect();
        let standing = versions::standing(&items);
        let timeline = Timeline::of(&standing);
        Self { standing, timeline }
    }

    /// What stands where, sorted by household and entry. `about` says where the subject's rows go.
    pub(super) fn view(&self, subject: Subject, about: &About<'_>, precedence: &Precedence) -> Vec<Stand<'_>> {
        let counting = Counting::of(&self.standing, precedence);
        let mut view = Vec::with_capacity(self.standing.len() + 1);
        for item in &self.standing {
            for (index, entry) in item.entries().enumerate() {
                if !counting.counts(item, &entry) {
                    continue;
                }
                if let Some(household) = household(subject, about, &entry) {
                    let id = EntryId::of(item.event, item.ordinal, index as i32);
                    let said = (item.source, item.reported_at_ms, item.document);
                    view.push(Stand::of(household, id, said, entry));
                }
            }
        }
        match subject {
            Subject::Person(_) => {
                let stretches = self.timeline.stretches.iter().enumerate();
                view.extend(stretches.map(|(at, stretch)| membership(at, stretch)));
            }
            Subject::Household(code) => {
                view.extend(self.timeline.registration.map(|one| Stand {
                    household: code,
                    id: one.entry,
                    source: one.source,
                    reported_at_ms: one.reported_at_ms,
                    document: None,
                    entry: Entry { code: REGISTERED, ..said(one.day) },
                }));
            }
        }
        view.sort_unstable_by_key(|one| (one.household, one.id));
        view
    }
}

/// The household in which an entry stands; none where there is none, and for a membership, which is said as what it
/// comes to.
pub(super) fn household(subject: Subject, about: &About<'_>, entry: &Entry<'_>) -> Option<HouseholdCode> {
    match (subject, entry.kind) {
        (_, Kind::Membership) => None,
        (Subject::Person(_), Kind::Income | Kind::Cost | Kind::Status) => about.household_now(),
        (Subject::Person(_), _) => about.household_of(entry.day),
        (Subject::Household(_), _) if about.registered_day.is_none() => None,
        // What holds for a household that is no more does not hold for the one that took it in.
        (Subject::Household(code), Kind::Status | Kind::Survey) => Some(code),
        (Subject::Household(code), _) => Some(about.path.last().copied().unwrap_or(code)),
    }
}

impl<'a> Stand<'a> {
    /// An entry in a household, said by a department at an instant, with the paper behind its record.
    pub(super) fn of(
        household: HouseholdCode,
        id: EntryId,
        (source, reported_at_ms, document): (&'a str, i64, Option<Hash64>),
        entry: Entry<'a>,
    ) -> Self {
        let is_amount = is_amount(&entry);
        let reported_at_ms = if is_amount { 0 } else { reported_at_ms };
        Self { household, id, source, reported_at_ms, document: document.filter(|_| is_amount), entry }
    }
}

/// What a household sees of a stretch: who belongs to it, and who did.
fn membership<'s>(at: usize, stretch: &'s Stretch<'_>) -> Stand<'s> {
    let begun = &stretch.membership;
    let (id, entry) = match begun.end {
        End::Open => {
            let value = if at == 0 { FIRST } else { "" };
            (stretch.entry, Entry { code: JOIN, value, ..said(begun.from_day) })
        }
        End::Moved(day) | End::Left(day) | End::Died(day) => {
            (stretch.entry.end_of_stretch(), Entry { code: LEAVE, value: &stretch.from_text, ..said(day) })
        }
    };
    let (source, reported_at_ms) = (stretch.source, stretch.reported_at_ms);
    Stand { household: begun.household, id, source, reported_at_ms, document: None, entry }
}

/// A membership fact of a day, still without its code.
fn said<'a>(day: schemas::Day) -> Entry<'a> {
    Entry {
        kind: Kind::Membership,
        category: schemas::Category::None,
        cause: schemas::Cause::Other,
        amount_fen: Fen::ZERO,
        day,
        month: day.month(),
        months: 1,
        code: "",
        value: "",
    }
}

/// Whether an entry that came has no household where it should have one.
pub(super) fn is_homeless(subject: Subject, about: &About<'_>, entry: &Entry<'_>) -> bool {
    !says_membership(entry) && household(subject, about, entry).is_none()
}
