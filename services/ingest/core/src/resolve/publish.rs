//! From two views to what households are told: what no longer stands is reversed, what stands now is added, all that
//! one input changes in one household in one record. It does not know how the views came to be.

use schemas::records::{Entry, Fact, HouseholdEntry, Row};
use schemas::{Day, EntryId, HouseholdCode, Kind, PersonToken};

use super::documents::is_amount;
use super::effects::{Cause, Effect};
use super::view::Stand;
use crate::ledger::Subject;

/// Tells each household that differs between two views, each sorted by household and entry, what changed in it.
pub(super) fn difference(
    before: &[Stand<'_>],
    after: &[Stand<'_>],
    subject: Subject,
    cause: &Cause<'_>,
    say: &mut impl FnMut(Effect<'_>),
) {
    let (mut before, mut after) = (before, after);
    loop {
        let household = match (before.first(), after.first()) {
            (Some(old), Some(new)) => old.household.min(new.household),
            (Some(one), None) | (None, Some(one)) => one.household,
            (None, None) => return,
        };
        let (old, new) = (split(&mut before, household), split(&mut after, household));
        let reversed: Vec<&Stand<'_>> = old.iter().filter(|one| !is_in(new, one)).collect();
        let added: Vec<&Stand<'_>> = new.iter().filter(|one| !is_in(old, one)).collect();
        let again = said_again(&reversed, new, old);
        if reversed.is_empty() && added.is_empty() {
            continue;
        }
        let mut record = empty(household, cause);
        let again = again.as_slice();
        let signed = reversed.iter().chain(again).map(|one| (-1, *one));
        for (sign, stand) in signed.chain(again.iter().chain(&added).map(|one| (1, *one))) {
            add(&mut record, sign, stand, subject);
        }
        say(Effect::Publish(record));
    }
}

/// Tells each household what is new in it, sorted by household.
pub(super) fn added(stands: &[Stand<'_>], subject: Subject, cause: &Cause<'_>, say: &mut impl FnMut(Effect<'_>)) {
    for of_one in stands.chunk_by(|one, other| one.household == other.household) {
        let mut record = empty(of_one[0].household, cause);
        for stand in of_one {
            add(&mut record, 1, stand, subject);
        }
        say(Effect::Publish(record));
    }
}

/// Takes the part of one household off a view.
fn split<'v, 'a>(view: &mut &'v [Stand<'a>], household: HouseholdCode) -> &'v [Stand<'a>] {
    let end = view.partition_point(|one| one.household <= household);
    let (part, rest) = view.split_at(end);
    *view = rest;
    part
}

fn is_in(view: &[Stand<'_>], wanted: &Stand<'_>) -> bool {
    let first = view.partition_point(|one| one.id < wanted.id);
    view[first..].iter().take_while(|one| one.id == wanted.id).any(|one| one == wanted)
}

/// What a household that keeps only the newest must hear again when that one is reversed: the one that holds now.
fn said_again<'v, 'a>(reversed: &[&Stand<'a>], new: &'v [Stand<'a>], old: &[Stand<'a>]) -> Vec<&'v Stand<'a>> {
    let mut again: Vec<&Stand<'_>> = Vec::new();
    for gone in reversed {
        let Some(slot) = slot(&gone.entry) else { continue };
        let rivals = new.iter().filter(|one| self::slot(&one.entry) == Some(slot));
        let Some(holding) = rivals.max_by_key(|one| newest(one)) else { continue };
        let was_hidden = newest(gone) > newest(holding) && is_in(old, holding);
        if was_hidden && !again.contains(&holding) {
            again.push(holding);
        }
    }
    again
}

/// What the newest fact alone counts for: a status by its code, the survey.
fn slot<'a>(entry: &Entry<'a>) -> Option<(Kind, &'a str)> {
    match entry.kind {
        Kind::Status => Some((entry.kind, entry.code)),
        Kind::Survey => Some((entry.kind, "")),
        _ => None,
    }
}

fn newest(one: &Stand<'_>) -> (Day, i64, EntryId) {
    (one.entry.day, one.reported_at_ms, one.id)
}

fn empty<'a>(household: HouseholdCode, cause: &Cause<'a>) -> HouseholdEntry<'a> {
    HouseholdEntry {
        household,
        event: cause.event,
        source: cause.source,
        event_type: cause.event_type,
        reported_at_ms: cause.reported_at_ms,
        rows: Vec::new(),
        facts: Vec::new(),
        origin: cause.origin,
    }
}

fn add<'a>(record: &mut HouseholdEntry<'a>, sign: i32, stand: &Stand<'a>, subject: Subject) {
    let entry = &stand.entry;
    let person: Option<PersonToken> = match subject {
        Subject::Person(token) => Some(token),
        Subject::Household(_) => None,
    };
    if is_amount(entry) {
        record.rows.push(Row {
            sign,
            entry: stand.id,
            source: stand.source,
            kind: entry.kind,
            category: entry.category,
            cause: entry.cause,
            amount_fen: entry.amount_fen,
            day: entry.day,
            month: entry.month,
            months: entry.months,
            person,
            document: stand.document,
        });
    } else {
        record.facts.push(Fact {
            sign,
            entry: stand.id,
            source: stand.source,
            kind: entry.kind,
            code: entry.code,
            value: entry.value,
            amount_fen: entry.amount_fen,
            cause: entry.cause,
            day: entry.day,
            reported_at_ms: stand.reported_at_ms,
            person,
        });
    }
}
