//! Makes rows and facts of a household from the entries of an event. It does not know how the household was found.

use schemas::records::{Fact, HouseholdEntry, Row, SubjectEntry};
use schemas::{EntryId, HouseholdCode, Kind};

/// The record, still empty, of all that this input changes in the household.
pub(super) fn empty<'a>(household: HouseholdCode, cause: &SubjectEntry<'a>) -> HouseholdEntry<'a> {
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

/// Adds what an event says; of its membership changes, only those that `says` lets through.
pub(super) fn add<'a>(
    record: &mut HouseholdEntry<'a>,
    event: &SubjectEntry<'a>,
    says: impl Fn(&schemas::records::Entry<'a>) -> bool,
) {
    for (index, entry) in event.entries.iter().enumerate() {
        let id = EntryId::of(event.event, event.ordinal, index as i32);
        match entry.kind {
            Kind::Income | Kind::Cost | Kind::Expense | Kind::Compensation | Kind::Note => record.rows.push(Row {
                sign: 1,
                entry: id,
                source: event.source,
                kind: entry.kind,
                category: entry.category,
                cause: entry.cause,
                amount_fen: entry.amount_fen,
                day: entry.day,
                month: entry.month,
                months: entry.months,
                person: event.person,
                document: event.document,
            }),
            Kind::Membership if !says(entry) => {}
            Kind::Status | Kind::Incident | Kind::Action | Kind::Survey | Kind::Membership => record.facts.push(Fact {
                sign: 1,
                entry: id,
                source: event.source,
                kind: entry.kind,
                code: entry.code,
                value: entry.value,
                amount_fen: entry.amount_fen,
                cause: entry.cause,
                day: entry.day,
                reported_at_ms: event.reported_at_ms,
                person: event.person,
            }),
        }
    }
}
