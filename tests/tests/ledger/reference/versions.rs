//! Which records stand once versions, corrections, retractions and papers that came twice are taken into account. It
//! does not know persons and households.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use schemas::{Category, Kind, Op};

use super::Terms;
use crate::history::{Said, content_hash, event_hash};

/// The records that stand.
pub(super) fn live(kept: &[Said]) -> Vec<Said> {
    let versions = holding(kept);
    let mut live = Vec::new();
    for (event, records) in &versions {
        if records[0].op == Op::Upsert
            && let Place::Records(records) = place(*event, &versions)
        {
            live.extend(records);
        }
    }
    live
}

/// Of each event the version that was reported last; of two alike the one with the greater content hash.
fn holding(kept: &[Said]) -> BTreeMap<u16, Vec<Said>> {
    let mut holding = BTreeMap::new();
    let events: BTreeSet<u16> = kept.iter().map(|said| said.event).collect();
    for event in events {
        let of_it = || kept.iter().filter(|said| said.event == event);
        let best = of_it().max_by_key(|said| (said.reported_at_ms, content_hash(event, said.version)));
        let version = best.expect("the event has a record").version;
        holding.insert(event, of_it().filter(|said| said.version == version).cloned().collect());
    }
    holding
}

/// What is to be put in the place of an event.
enum Place {
    /// Nothing: it was taken back.
    Nothing,
    /// These records.
    Records(Vec<Said>),
    /// It is a retraction and in force: the event that it names is taken back.
    Retraction,
}

fn place(event: u16, versions: &BTreeMap<u16, Vec<Said>>) -> Place {
    let mut ops: Vec<&Vec<Said>> =
        versions.values().filter(|records| records[0].op != Op::Upsert && records[0].corrects == Some(event)).collect();
    ops.sort_by_key(|records| {
        let latest = records.iter().map(|said| said.reported_at_ms).max();
        Reverse((latest, content_hash(records[0].event, records[0].version), event_hash(records[0].event)))
    });
    for op in ops {
        match place(op[0].event, versions) {
            Place::Nothing => {}
            Place::Records(records) => return Place::Records(records),
            Place::Retraction => return Place::Nothing,
        }
    }
    let own = versions[&event].clone();
    if own[0].op == Op::Retract { Place::Retraction } else { Place::Records(own) }
}

/// A paper within a group of categories; none is that of the bills of an illness.
type Paper = (u16, Option<Category>);
/// A department's place among those that may send the same paper.
type Rank = (usize, &'static str);

/// Takes out the amounts of papers that several departments sent: those of the first department stay.
pub(super) fn drop_documents_said_twice(live: &mut [Said], terms: &Terms) {
    let mut sources: BTreeMap<Paper, BTreeSet<Rank>> = BTreeMap::new();
    for said in live.iter() {
        let Some(document) = said.document else { continue };
        for line in said.lines.iter().filter(|line| is_amount(line.kind)) {
            sources.entry((document, group(line.category))).or_default().insert(rank(said.source, terms));
        }
    }
    for said in live.iter_mut() {
        let Some(document) = said.document else { continue };
        let own = rank(said.source, terms);
        for line in &mut said.lines {
            let is_first = |all: &BTreeSet<_>| all.first() == Some(&own);
            if is_amount(line.kind) && !sources.get(&(document, group(line.category))).is_none_or(is_first) {
                // The line keeps its place, by which entries are told apart, and says nothing.
                line.kind = Kind::Note;
                line.category = Category::None;
                line.amount_fen = 0;
            }
        }
    }
}

fn is_amount(kind: Kind) -> bool {
    matches!(kind, Kind::Income | Kind::Cost | Kind::Expense | Kind::Compensation | Kind::Note)
}

/// The bills of an illness are one group.
fn group(category: Category) -> Option<Category> {
    let is_bill = matches!(
        category,
        Category::MedicalInpatient
            | Category::MedicalOutpatient
            | Category::MedicalChronic
            | Category::OutpatientOutOfPocket
    );
    (!is_bill).then_some(category)
}

/// The place of a department among those that may send the same paper; the ones that are not listed come last, by name.
fn rank(source: &'static str, terms: &Terms) -> Rank {
    (terms.precedence.iter().position(|listed| *listed == source).unwrap_or(terms.precedence.len()), source)
}
