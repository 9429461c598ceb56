//! The decisions of fuse: how the rolling picture of a household follows from the entries of its departments. It
//! knows no rule and no threshold, no topic, no clock.
//!
//! The picture does not depend on the order in which independent inputs come: sums add up, of two statuses of one
//! code the later wins (day, then report, then entry), of two joins the earlier day, lists are sorted and bounded by
//! what is in them. Where only the newest is kept and it is taken back, resolve says again the one that holds then. What does depend on the order is the number of the state, what made it, what it reversed, and,
//! where a limit is met, what was dropped. Inputs that reverse an entry depend on those that said it.
//!
//! Months before the horizon are dropped when a household is touched, and not before: the horizon follows from the
//! last closed day of the partition, so that a replay does the same. A reader ignores older months by its windows.

mod amounts;
mod happened;
mod people;

use schemas::records::{Fact, HouseholdEntry, HouseholdState};
use schemas::{Day, Kind, Month, Text};

/// How many months before the current one are within the horizon (design section 5).
pub const HORIZON_MONTHS: i32 = 25;
/// Evidence rows kept per cause.
pub const EVIDENCE_PER_CAUSE_MAX: usize = 8;
/// Incidents, actions and departures kept; the newest stay.
pub const INCIDENTS_MAX: usize = 64;
/// Statuses kept, over all codes and members.
pub const STATUSES_MAX: usize = 512;
/// Members kept.
pub const MEMBERS_MAX: usize = 200;

/// The oldest month within the horizon, where a day has been closed; before that, everything is within it.
pub fn oldest_month(closed_day: Option<Day>) -> Option<Month> {
    closed_day.map(|day| day.plus(1).month().plus(-HORIZON_MONTHS))
}

/// What one input could not keep, since a limit was met or a value does not read. It is counted, so that it is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Incidents, actions and departures above [`INCIDENTS_MAX`].
    pub incidents: i64,
    /// Statuses above [`STATUSES_MAX`].
    pub statuses: i64,
    /// Members above [`MEMBERS_MAX`].
    pub members: i64,
    /// Surveys whose number of members is no positive number.
    pub surveys: i64,
}

/// The state after an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The household as it stands now.
    pub state: HouseholdState,
    /// What could not be kept.
    pub dropped: Dropped,
}

/// Applies all that one input changes in one household.
///
/// Reversals are applied before additions, and facts before amounts, whatever their order in the record: a
/// correction is one record, and a person's wage needs the member.
pub fn apply(state: Option<HouseholdState>, entry: &HouseholdEntry<'_>, oldest: Option<Month>) -> Applied {
    let mut state = state.unwrap_or_else(|| empty(entry));
    let mut dropped = Dropped::default();
    if let Some(oldest) = oldest {
        amounts::trim(&mut state, oldest);
        happened::trim(&mut state, oldest);
    }
    for sign in [-1, 1] {
        for fact in entry.facts.iter().filter(|fact| fact.sign.signum() == sign) {
            apply_fact(&mut state, fact, entry, oldest, &mut dropped);
        }
        for row in entry.rows.iter().filter(|row| row.sign.signum() == sign) {
            amounts::apply(&mut state, row, oldest);
        }
    }
    dropped.incidents += happened::bound(&mut state);
    people::derive(&mut state);
    state.number += 1;
    state.source = entry.source.into();
    state.event = entry.event;
    let facts = entry.facts.iter().filter(|fact| fact.sign < 0).map(|fact| fact.entry);
    let rows = entry.rows.iter().filter(|row| row.sign < 0).map(|row| row.entry);
    state.reversed.clear();
    state.reversed.extend(facts.chain(rows));
    state.reversed.sort_unstable();
    state.reversed.dedup();
    Applied { state, dropped }
}

fn apply_fact(
    state: &mut HouseholdState,
    fact: &Fact<'_>,
    of: &HouseholdEntry<'_>,
    oldest: Option<Month>,
    dropped: &mut Dropped,
) {
    match fact.kind {
        Kind::Status => dropped.statuses += people::apply_status(state, fact),
        Kind::Survey => dropped.surveys += people::apply_survey(state, fact),
        Kind::Membership => {
            let says_anew = |other: &Fact<'_>| {
                other.sign > 0 && other.kind == fact.kind && (other.code, other.person) == (fact.code, fact.person)
            };
            dropped.members += people::apply_membership(state, fact, of.facts.iter().any(says_anew));
            if fact.code == people::LEAVE {
                happened::apply(state, fact, oldest);
            }
        }
        Kind::Incident | Kind::Action => happened::apply(state, fact, oldest),
        // Amounts are rows; as facts they say nothing.
        Kind::Income | Kind::Cost | Kind::Expense | Kind::Compensation | Kind::Note => {}
    }
}

fn empty(entry: &HouseholdEntry<'_>) -> HouseholdState {
    HouseholdState {
        number: 0,
        household: entry.household,
        registered_day: None,
        classes: Vec::new(),
        members: Vec::new(),
        provisional_members: 0,
        statuses: Vec::new(),
        survey: None,
        sums: Vec::new(),
        evidence: Vec::new(),
        incidents: Vec::new(),
        reversed: Vec::new(),
        source: Text::default(),
        event: entry.event,
    }
}

#[cfg(test)]
mod tests;
