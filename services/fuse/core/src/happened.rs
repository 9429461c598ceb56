//! What happened to a household and what offices did: incidents, actions, departures of members. It does not know
//! what follows from them.

use schemas::codec::CodecError;
use schemas::records::{Fact, HouseholdParts, Incident};
use schemas::{Day, Month};

use crate::people::{BIRTH, LEAVE};
use crate::{INCIDENTS_MAX, note_month};

/// Whether who a household is follows from it too.
fn is_of_people(incident: &Incident<&str>) -> bool {
    incident.code == BIRTH || incident.code == LEAVE
}

/// Drops what happened before `oldest`; whether any of it was of people.
pub(crate) fn trim(state: &mut HouseholdParts<'_>, oldest: Month) -> Result<bool, CodecError> {
    let first_day = oldest.first_day();
    let before = state.incidents.look()?.partition_point(|incident| incident.day < first_day);
    drop_first(state, before)
}

/// The earliest month in which something happened.
pub(crate) fn first_month(state: &mut HouseholdParts<'_>) -> Result<Option<Month>, CodecError> {
    Ok(state.incidents.look()?.first().map(|incident| incident.day).map(Day::month))
}

/// Notes one, or takes it back; whether it is of people.
pub(crate) fn apply<'a>(
    state: &mut HouseholdParts<'a>,
    fact: &Fact<'a>,
    oldest: Option<Month>,
) -> Result<bool, CodecError> {
    if fact.sign < 0 {
        let mut gone = state.incidents.look()?.iter().filter(|incident| incident.entry == fact.entry).peekable();
        if gone.peek().is_none() {
            return Ok(false);
        }
        let is_of_people = gone.any(is_of_people);
        state.incidents.change()?.retain(|incident| incident.entry != fact.entry);
        return Ok(is_of_people);
    }
    if fact.sign == 0 || oldest.is_some_and(|oldest| fact.day < oldest.first_day()) {
        return Ok(false);
    }
    let wanted = (fact.day, fact.entry);
    let held = state.incidents.look()?;
    let Err(at) = held.binary_search_by_key(&wanted, |incident| (incident.day, incident.entry)) else {
        return Ok(false);
    };
    let incident = Incident {
        entry: fact.entry,
        kind: fact.kind,
        code: fact.code,
        value: fact.value,
        cause: fact.cause,
        amount_fen: fact.amount_fen,
        day: fact.day,
        person: fact.person,
        source: fact.source,
    };
    note_month(state, fact.day.month(), oldest);
    let is_of_people = is_of_people(&incident);
    state.incidents.change()?.insert(at, incident);
    Ok(is_of_people)
}

/// Keeps the newest; how many went, and whether any of them was of people.
pub(crate) fn bound(state: &mut HouseholdParts<'_>) -> Result<(i64, bool), CodecError> {
    let over = state.incidents.look()?.len().saturating_sub(INCIDENTS_MAX);
    Ok((over as i64, drop_first(state, over)?))
}

fn drop_first(state: &mut HouseholdParts<'_>, count: usize) -> Result<bool, CodecError> {
    if count == 0 {
        return Ok(false);
    }
    Ok(state.incidents.change()?.drain(..count).filter(is_of_people).count() > 0)
}
