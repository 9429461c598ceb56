//! Whether a rule of a policy holds for a household, with the figures that decide it. It does not know what was said
//! before: that is the case's business.

mod conditions;
mod events;
mod figures;

pub use conditions::holds;
use events::see_events;
pub use events::{is_noted, next_due};
use figures::see_figures;
use schemas::records::{Finding, WarningLevel};
use schemas::{Category, Cause, Day, EntryId, Fen, Month};

use crate::calendar::{Span, Window};
use crate::measures::Household;
use crate::policy::{Rule, Test};

/// Most entries that a finding names.
pub const EVIDENCE_MAX: usize = 8;

/// What a rule says about a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, at this level.
    Holds(WarningLevel),
    /// It does not hold.
    NotMet,
    /// What decides it is not known: nothing begins and nothing ends.
    Unknown,
}

/// One finding of a rule, or the absence of one.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The verdict.
    pub verdict: Verdict,
    /// The highest level of which it is not known whether it has it.
    pub perhaps: Option<WarningLevel>,
    /// Its cause.
    pub cause: Cause,
    /// The month that it is about, where a rule looks at each month by itself.
    pub month: Option<Month>,
    /// The figures.
    pub figure: Figure<'a>,
}

/// The figures of a finding.
#[derive(Clone, Debug)]
pub struct Figure<'a> {
    /// The window; none for events.
    pub window: Option<Window>,
    /// How many months it has; 0 for events.
    pub months: i32,
    /// Its last month.
    pub last_month: Month,
    /// The figure.
    pub value: Fen,
    /// What it was compared with.
    pub threshold: Fen,
    /// How far it is on the side that is asked for.
    pub margin: Fen,
    /// What was looked at, and over which months: what it consists of. None for events.
    pub of: Option<(&'a Test, Span)>,
    /// The entries behind it.
    pub evidence: Vec<Behind>,
}

/// An entry behind a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The entry.
    pub entry: EntryId,
    /// Its category; `none` for events and surveys.
    pub category: Category,
    /// The day on which it occurred.
    pub day: Day,
    /// Whether it can open a finding. A survey cannot: the same one stands behind every finding of its year.
    pub opens: bool,
}

impl Figure<'_> {
    /// The newest entry that can open a finding.
    pub fn newest(&self) -> Option<&Behind> {
        self.evidence.iter().filter(|behind| behind.opens).max_by_key(|behind| (behind.day, behind.entry))
    }
}

/// What a rule says about a household: one finding for a figure, one per month where each month is looked at by itself;
/// for events one per cause, and none where nothing happened. Sorted by month and cause. What is not met is told only where
/// it was `found` before: then its figures say why that ends.
pub fn see<'a>(rule: &'a Rule, household: &Household<'_>, found: &[Finding]) -> Vec<Seen<'a>> {
    if rule.is_of_events() {
        return see_events(rule, household);
    }
    let mut forms = rule.forms.iter();
    let Some(first) = forms.next() else { return Vec::new() };
    let mut best = see_figures(rule, first, household, found);
    for seen in forms.flat_map(|form| see_figures(rule, form, household, found)) {
        match best.binary_search_by_key(&seen.month, |best| best.month) {
            Ok(at) => take_higher(&mut best[at], seen),
            Err(at) => best.insert(at, seen),
        }
    }
    best
}

/// Of what two forms of a rule see of the same month the higher counts.
fn take_higher<'a>(best: &mut Seen<'a>, seen: Seen<'a>) {
    let perhaps = best.perhaps.max(seen.perhaps);
    if rank(seen.verdict) > rank(best.verdict) {
        match seen.verdict {
            // What is not known keeps the figures of the form that comes first.
            Verdict::Unknown => best.verdict = Verdict::Unknown,
            _ => *best = seen,
        }
    }
    best.perhaps = perhaps;
}

/// The higher, the more of the forms of a rule counts.
fn rank(verdict: Verdict) -> (u8, Option<WarningLevel>) {
    match verdict {
        Verdict::NotMet => (0, None),
        Verdict::Unknown => (1, None),
        Verdict::Holds(level) => (2, Some(level)),
    }
}

/// An event has no figure.
pub fn event_figure(last_month: Month, evidence: Vec<Behind>) -> Figure<'static> {
    let (value, threshold, margin) = (Fen::ZERO, Fen::ZERO, Fen::ZERO);
    Figure { window: None, months: 0, last_month, value, threshold, margin, of: None, evidence }
}

/// All of them: false where one is, not known where one is not known and none is false.
fn all(values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for value in values {
        match value {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}

/// An empty list names everything.
fn is_one_of(value: &str, list: &[String]) -> bool {
    list.is_empty() || list.iter().any(|one| one == value)
}
