//! Counts of warnings and visits in groups, and which of them are shown: tables for many eyes hide what is about fewer
//! than five households (domain section 5), and what would let it be worked out. Pure.

use std::collections::{BTreeMap, BTreeSet};

use schemas::HouseholdCode;

use super::findings::{About, Pair, Side};

/// Households from which on a count is shown.
pub(super) const HOUSEHOLDS_SHOWN_MIN: usize = 5;

/// A count, and about whom it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// How many.
    pub(super) count: usize,
    households: BTreeSet<HouseholdCode>,
}

impl Cell {
    /// Counts one.
    pub(super) fn add(&mut self, household: HouseholdCode) {
        self.count += 1;
        self.households.insert(household);
    }

    /// Whether it is about so few households that it may not be shown; nobody at all may.
    pub(super) fn is_small(&self) -> bool {
        (1..HOUSEHOLDS_SHOWN_MIN).contains(&self.households.len())
    }

    /// About how many households it is.
    pub(super) fn households(&self) -> usize {
        self.households.len()
    }
}

/// The counts of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Warnings raised by A.
    pub(super) a: Cell,
    /// Warnings raised by B.
    pub(super) b: Cell,
    /// Those that only B has.
    pub(super) added: Cell,
    /// Those that only A has.
    pub(super) gone: Cell,
    /// Those of both that come earlier in B.
    pub(super) earlier: Cell,
    /// Those of both that come later in B.
    pub(super) later: Cell,
    /// Visits that A asks for.
    pub(super) visits_a: Cell,
    /// Visits that B asks for.
    pub(super) visits_b: Cell,
}

/// What of a row is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shown {
    /// The warnings of A and B, and how many more they are.
    pub(super) warnings: bool,
    /// Which were added and are gone.
    pub(super) changes: bool,
    /// The visits of A and B.
    pub(super) visits: bool,
}

/// Groups by their names.
pub(super) type Groups = BTreeMap<String, Row>;

/// Counts by the groups that `names` gives for each; what belongs to several is counted in each.
pub(super) fn tally(a: &Side, b: &Side, pairs: &[Pair], names: impl Fn(&About) -> Vec<String>) -> Groups {
    let mut groups = Groups::new();
    let mut count = |about: &About, of: fn(&mut Row) -> &mut Cell| {
        for name in names(about) {
            of(groups.entry(name).or_default()).add(about.household);
        }
    };
    for finding in &a.findings {
        count(&finding.about, |row| &mut row.a);
    }
    for finding in &b.findings {
        count(&finding.about, |row| &mut row.b);
    }
    for pair in pairs {
        match *pair {
            Pair::Gone(at) => count(&a.findings[at].about, |row| &mut row.gone),
            Pair::Added(at) => count(&b.findings[at].about, |row| &mut row.added),
            Pair::Kept(in_a, in_b) => {
                let (in_a, in_b) = (&a.findings[in_a].about, &b.findings[in_b].about);
                if in_b.day < in_a.day {
                    count(in_b, |row| &mut row.earlier);
                } else if in_b.day > in_a.day {
                    count(in_b, |row| &mut row.later);
                }
            }
        }
    }
    for visit in &a.visits {
        count(visit, |row| &mut row.visits_a);
    }
    for visit in &b.visits {
        count(visit, |row| &mut row.visits_b);
    }
    groups
}

/// What of a row is shown or hidden together, and about how many households it is.
type Part = (fn(&mut Shown) -> &mut bool, fn(&Row) -> usize);

/// What is shown of each group. Where one number of a row can be worked out from the others, it hides them; where one
/// row alone is hidden, the total would tell it, so the next smallest is hidden with it.
pub(super) fn shown(groups: &Groups) -> BTreeMap<String, Shown> {
    let mut shown: BTreeMap<String, Shown> = groups
        .iter()
        .map(|(name, row)| {
            let warnings = !row.a.is_small() && !row.b.is_small();
            let changes = warnings && ![&row.added, &row.gone].into_iter().any(Cell::is_small);
            let visits = !row.visits_a.is_small() && !row.visits_b.is_small();
            (name.clone(), Shown { warnings, changes, visits })
        })
        .collect();
    let parts: [Part; 3] = [
        (|shown| &mut shown.warnings, |row| row.a.households().max(row.b.households())),
        (|shown| &mut shown.changes, |row| row.added.households().max(row.gone.households())),
        (|shown| &mut shown.visits, |row| row.visits_a.households().max(row.visits_b.households())),
    ];
    for (flag, size) in parts {
        let is_hidden = |shown: &Shown| !*flag(&mut { *shown });
        if shown.values().filter(|one| is_hidden(one)).count() == 1 {
            let next = groups.iter().filter(|(name, row)| !is_hidden(&shown[*name]) && size(row) > 0);
            if let Some(name) = next.min_by_key(|(_, row)| size(row)).map(|(name, _)| name.clone())
                && let Some(one) = shown.get_mut(&name)
            {
                *flag(one) = false;
                one.changes &= one.warnings;
            }
        }
    }
    shown
}
