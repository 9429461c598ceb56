//! The decisions of fuse: how the rolling picture of a household follows from the entries of its departments. It
//! knows no rule and no threshold, no topic, no clock.
//!
//! The picture does not depend on the order in which independent inputs come: sums add up, of two statuses of one
//! code the later wins (day, then report, then entry), of two joins the earlier day, lists are sorted and bounded by
//! what is in them. Where only the newest is kept and it is taken back, resolve says again the one that holds then. What does
//! depend on the order is the number of the state, what made it, what it reversed, from which month on it looks for what
//! leaves the horizon, and, where a limit is met, what was dropped. Inputs that reverse an entry depend on those that said it.
//!
//! Months before the horizon are dropped when a household is touched, and not before: the horizon follows from the
//! last closed day of the partition, so that a replay does the same. A reader ignores older months by its windows.
//!
//! Most inputs are one payment. So the lists of a state are read when an input touches them, what follows from them is
//! derived anew when they changed, and all else goes on as it lies.

mod amounts;
mod happened;
mod people;

use schemas::codec::{CodecError, Unread};
use schemas::records::{Fact, HouseholdEntry, HouseholdParts};
use schemas::{Day, Kind, Month};

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

impl Dropped {
    /// Adds what another input could not keep.
    pub fn add(&mut self, other: Self) {
        let Self { incidents, statuses, members, surveys } = other;
        self.incidents += incidents;
        self.statuses += statuses;
        self.members += members;
        self.surveys += surveys;
    }
}

/// The state after an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<'a> {
    /// The household as it stands now.
    pub state: HouseholdParts<'a>,
    /// What could not be kept.
    pub dropped: Dropped,
}

/// Applies all that one input changes in one household.
///
/// Reversals are applied before additions, and facts before amounts, whatever their order in the record: a
/// correction is one record, and a person's wage needs the member.
///
/// # Errors
/// [`CodecError::List`] where a list of the state that is needed does not read.
pub fn apply<'a>(
    state: Option<HouseholdParts<'a>>,
    entry: &HouseholdEntry<'a>,
    oldest: Option<Month>,
) -> Result<Applied<'a>, CodecError> {
    let mut state = state.unwrap_or_else(|| empty(entry));
    let mut dropped = Dropped::default();
    // Whether who the household is may have changed.
    let mut is_of_people = false;
    if let Some(oldest) = oldest.filter(|oldest| state.oldest_month.is_some_and(|held| held < *oldest)) {
        is_of_people |= trim(&mut state, oldest)?;
    }
    for sign in [-1, 1] {
        for fact in entry.facts.iter().filter(|fact| fact.sign.signum() == sign) {
            is_of_people |= apply_fact(&mut state, fact, entry, oldest, &mut dropped)?;
        }
        for row in entry.rows.iter().filter(|row| row.sign.signum() == sign) {
            amounts::apply(&mut state, row, oldest)?;
        }
    }
    if !entry.facts.is_empty() {
        let (over, was_of_people) = happened::bound(&mut state)?;
        dropped.incidents += over;
        is_of_people |= was_of_people;
    }
    if is_of_people {
        people::derive(&mut state)?;
    }
    state.number += 1;
    state.source = entry.source;
    state.event = entry.event;
    let facts = entry.facts.iter().filter(|fact| fact.sign < 0).map(|fact| fact.entry);
    let rows = entry.rows.iter().filter(|row| row.sign < 0).map(|row| row.entry);
    state.reversed.clear();
    state.reversed.extend(facts.chain(rows));
    state.reversed.sort_unstable();
    state.reversed.dedup();
    Ok(Applied { state, dropped })
}

/// Drops the months before `oldest`; whether with them something went that says who the household is.
fn trim(state: &mut HouseholdParts<'_>, oldest: Month) -> Result<bool, CodecError> {
    amounts::trim(state, oldest)?;
    let is_of_people = happened::trim(state, oldest)?;
    state.oldest_month = [amounts::first_month(state)?, happened::first_month(state)?].into_iter().flatten().min();
    Ok(is_of_people)
}

/// Notes that something of a month is added; what lies before `oldest` is not.
fn note_month(state: &mut HouseholdParts<'_>, month: Month, oldest: Option<Month>) {
    let month = oldest.map_or(month, |oldest| month.max(oldest));
    state.oldest_month = Some(state.oldest_month.map_or(month, |held| held.min(month)));
}

/// Applies a fact; whether with it changed what says who the household is.
fn apply_fact<'a>(
    state: &mut HouseholdParts<'a>,
    fact: &Fact<'a>,
    of: &HouseholdEntry<'_>,
    oldest: Option<Month>,
    dropped: &mut Dropped,
) -> Result<bool, CodecError> {
    match fact.kind {
        Kind::Status => {
            dropped.statuses += people::apply_status(state, fact)?;
            Ok(fact.code == people::CLASS)
        }
        Kind::Survey => {
            dropped.surveys += people::apply_survey(state, fact);
            Ok(true)
        }
        Kind::Membership => {
            let says_anew = |other: &Fact<'_>| {
                other.sign > 0 && other.kind == fact.kind && (other.code, other.person) == (fact.code, fact.person)
            };
            dropped.members += people::apply_membership(state, fact, of.facts.iter().any(says_anew))?;
            if fact.code == people::LEAVE {
                happened::apply(state, fact, oldest)?;
            }
            Ok(true)
        }
        Kind::Incident | Kind::Action => happened::apply(state, fact, oldest),
        // Amounts are rows; as facts they say nothing.
        Kind::Income | Kind::Cost | Kind::Expense | Kind::Compensation | Kind::Note => Ok(false),
    }
}

fn empty<'a>(entry: &HouseholdEntry<'a>) -> HouseholdParts<'a> {
    HouseholdParts {
        number: 0,
        household: entry.household,
        registered_day: None,
        oldest_month: None,
        classes: Vec::new(),
        members: Unread::default(),
        provisional_members: 0,
        statuses: Unread::default(),
        survey: None,
        sums: Unread::default(),
        evidence: Unread::default(),
        incidents: Unread::default(),
        reversed: Vec::new(),
        source: entry.source,
        event: entry.event,
    }
}

#[cfg(test)]
mod tests;
