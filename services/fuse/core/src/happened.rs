//! What happened to a household and what offices did: incidents, actions, departures of members. It does not know
//! what follows from them.

use schemas::Month;
use schemas::records::{Fact, HouseholdState, Incident};

use crate::INCIDENTS_MAX;

/// Drops what happened before `oldest`.
pub(crate) fn trim(state: &mut HouseholdState, oldest: Month) {
    let first_day = oldest.first_day();
    let before = state.incidents.partition_point(|incident| incident.day < first_day);
    state.incidents.drain(..before);
}

/// Notes one, or takes it back.
pub(crate) fn apply(state: &mut HouseholdState, fact: &Fact<'_>, oldest: Option<Month>) {
    if fact.sign < 0 {
        state.incidents.retain(|incident| incident.entry != fact.entry);
        return;
    }
    if fact.sign == 0 || oldest.is_some_and(|oldest| fact.day < oldest.first_day()) {
        return;
    }
    let wanted = (fact.day, fact.entry);
    let Err(at) = state.incidents.binary_search_by_key(&wanted, |incident| (incident.day, incident.entry)) else {
        return;
    };
    state.incidents.insert(
        at,
        Incident {
            entry: fact.entry,
            kind: fact.kind,
            code: fact.code.into(),
            value: fact.value.into(),
            cause: fact.cause,
            amount_fen: fact.amount_fen,
            day: fact.day,
            person: fact.person,
            source: fact.source.into(),
        },
    );
}

/// Keeps the newest and says how many went.
pub(crate) fn bound(state: &mut HouseholdState) -> i64 {
    let over = state.incidents.len().saturating_sub(INCIDENTS_MAX);
    state.incidents.drain(..over);
    over as i64
}
