//! Which records of a ledger stand: of the versions of an event the last reported one, unless it was corrected or taken
//! back. It does not know what they say.
//!
//! An operation may name an event, a correction or a retraction. Of the operations that name one event the last reported
//! one is looked at first; one that was itself taken back is passed over. A correction of a correction so takes its place,
//! the retraction of a correction brings the original back, and the retraction of a retraction brings the event back.
//! The end does not depend on the order in which they came.

use schemas::{Hash64, Op};

use crate::ledger::Item;

/// The version of an event that holds.
#[derive(Clone, Copy, Debug)]
struct Version {
    event: Hash64,
    reported_at_ms: i64,
    content: Hash64,
    op: Op,
    corrects: Option<Hash64>,
}

/// What stands in an event's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing: it was taken back.
    Gone,
    /// What this event says.
    Says(Hash64),
    /// It is a retraction, and in force.
    TakesBack,
}

/// The items that stand, in the order in which they came in `items`.
pub(super) fn standing<'a>(items: &[Item<'a>]) -> Vec<Item<'a>> {
    let versions = holding_versions(items);
    let is_plain = versions.len() == items.len() && versions.iter().all(|version| version.op == Op::Upsert);
    if is_plain {
        return items.to_vec();
    }
    let operations = operations(&versions);
    let mut standing: Vec<(Hash64, Hash64)> = Vec::new();
    for root in versions.iter().filter(|version| version.op == Op::Upsert) {
        if let Effect::Says(event) = effect(root.event, &versions, &operations)
            && let Some(version) = version_of(event, &versions)
        {
            standing.push((event, version.content));
        }
    }
    standing.sort_unstable();
    items.iter().filter(|item| standing.binary_search(&(item.event, item.content)).is_ok()).copied().collect()
}

/// Of each event the version that holds: the last reported, of equal ones that with the greater content; by event.
fn holding_versions(items: &[Item<'_>]) -> Vec<Version> {
    let mut versions: Vec<Version> = items
        .iter()
        .map(|item| Version {
            event: item.event,
            reported_at_ms: item.reported_at_ms,
            content: item.content,
            op: item.op,
            corrects: item.corrects,
        })
        .collect();
    versions.sort_unstable_by_key(|version| (version.event, version.reported_at_ms, version.content));
    // Of equal neighbours `dedup` keeps the first, so the last reported comes first.
    versions.reverse();
    versions.dedup_by_key(|version| version.event);
    versions.reverse();
    versions
}

/// The operations by the event that they name, of those of one event the last reported first.
fn operations(versions: &[Version]) -> Vec<(Hash64, Version)> {
    let named =
        |version: &Version| version.corrects.filter(|_| version.op != Op::Upsert).map(|named| (named, *version));
    let mut operations: Vec<(Hash64, Version)> = versions.iter().filter_map(named).collect();
    operations
        .sort_unstable_by_key(|(named, one)| (*named, std::cmp::Reverse((one.reported_at_ms, one.content, one.event))));
    operations
}

fn version_of(event: Hash64, versions: &[Version]) -> Option<Version> {
    versions.binary_search_by_key(&event, |version| version.event).ok().map(|at| versions[at])
}

/// What stands in the place of an event. Each operation names one event, so from an event that names none every
/// operation is reached once at most, and circles never.
fn effect(event: Hash64, versions: &[Version], operations: &[(Hash64, Version)]) -> Effect {
    let first = operations.partition_point(|(named, _)| *named < event);
    let naming = operations[first..].iter().take_while(|(named, _)| *named == event);
    for (_, operation) in naming {
        match effect(operation.event, versions, operations) {
            Effect::Gone => {}
            Effect::TakesBack => return Effect::Gone,
            says @ Effect::Says(_) => return says,
        }
    }
    match version_of(event, versions) {
        Some(version) if version.op == Op::Retract => Effect::TakesBack,
        Some(_) => Effect::Says(event),
        None => Effect::Gone,
    }
}
