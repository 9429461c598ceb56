//! The same paper from two departments counts once: which department's amounts stand for it. It knows no ledger.

use schemas::records::{Entry, SubjectEntry};
use schemas::{Category, Hash64, Kind};

use crate::ledger::{Item, Ledger};

/// In which order departments are believed about the same document. One that is not in the list comes after those that
/// are; those are in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precedence {
    /// The departments, the most trusted first.
    pub sources: Vec<String>,
}

impl Default for Precedence {
    /// Who pays a bill knows it best: the insurance before the offices that help, those before reports.
    fn default() -> Self {
        let sources = ["health-insurance", "civil-affairs", "human-resources", "finance", "emergency-management"];
        Self { sources: sources.map(str::to_owned).to_vec() }
    }
}

impl Precedence {
    /// The smaller, the more trusted.
    fn rank<'s>(&self, source: &'s str) -> (usize, &'s str) {
        (self.sources.iter().position(|one| one == source).unwrap_or(self.sources.len()), source)
    }
}

/// Categories that the same paper can be booked under: the medical ones are one group, every other is its own.
pub(super) fn group(category: Category) -> Category {
    match category {
        Category::MedicalOutpatient | Category::MedicalChronic | Category::OutpatientOutOfPocket => {
            Category::MedicalInpatient
        }
        other => other,
    }
}

/// Whether the entry is an amount, for which documents are compared; a fact is never left out.
pub(super) fn is_amount(entry: &Entry<'_>) -> bool {
    matches!(entry.kind, Kind::Income | Kind::Cost | Kind::Expense | Kind::Compensation | Kind::Note)
}

/// For each document and group of categories the department that counts.
#[derive(Debug, Default)]
pub(super) struct Counting<'a>(Vec<(Hash64, Category, (usize, &'a str))>);

impl<'a> Counting<'a> {
    /// Of the items that stand.
    pub(super) fn of(standing: &[Item<'a>], precedence: &Precedence) -> Self {
        let mut all = Vec::new();
        for item in standing {
            let Some(document) = item.document else { continue };
            for entry in item.entries().filter(is_amount) {
                all.push((document, group(entry.category), precedence.rank(item.source)));
            }
        }
        all.sort_unstable();
        all.dedup_by_key(|(document, group, _)| (*document, *group));
        Self(all)
    }

    /// Whether an entry of an item counts.
    pub(super) fn counts(&self, item: &Item<'_>, entry: &Entry<'_>) -> bool {
        let Some(document) = item.document.filter(|_| is_amount(entry)) else { return true };
        let wanted = (document, group(entry.category));
        let found = self.0.binary_search_by_key(&wanted, |(document, group, _)| (*document, *group));
        found.is_ok_and(|at| self.0[at].2.1 == item.source)
    }
}

/// Whether another department has sent the record's paper, for the same group of categories.
pub(super) fn is_elsewhere(ledger: &Ledger<'_>, entry: &SubjectEntry<'_>) -> bool {
    let groups: Vec<Category> =
        entry.entries.iter().filter(|one| is_amount(one)).map(|one| group(one.category)).collect();
    let others = ledger.items().filter(|(_, item)| item.document == entry.document && item.source != entry.source);
    others.map(|(_, item)| item).any(|item| {
        let mut amounts = item.entries().filter(is_amount);
        amounts.any(|one| groups.contains(&group(one.category)))
    })
}
