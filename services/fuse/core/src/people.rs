//! Who a household is and what holds for it: members, statuses, classes, registration, survey. It does not know what
//! a status means, but for the one that names the classes.

use schemas::records::{Fact, HouseholdState, Member, Status, Survey};
use schemas::{Class, Day, EntryId, Kind};

use crate::{MEMBERS_MAX, STATUSES_MAX};

/// The membership change of a household that comes to be known.
const REGISTERED: &str = "registered";
/// The membership change of a person who comes.
const JOIN: &str = "join";
/// The membership change of a person who goes. It is kept among the incidents, so that a survey that is reported
/// late can tell who left after it.
pub(crate) const LEAVE: &str = "leave";
/// The status whose value is the whole set of classes, joined by `|`.
const CLASS: &str = "class";

/// What decides between two that say the same thing: the later one wins.
type Order = (Day, i64, EntryId);

fn order(fact: &Fact<'_>) -> Order {
    (fact.day, fact.reported_at_ms, fact.entry)
}

/// Says or takes back a status; how many were not kept.
pub(crate) fn apply_status(state: &mut HouseholdState, fact: &Fact<'_>) -> i64 {
    let found =
        state.statuses.binary_search_by(|held| (held.code.as_str(), held.person).cmp(&(fact.code, fact.person)));
    match found {
        Ok(at) if fact.sign < 0 => {
            if state.statuses[at].entry == fact.entry {
                state.statuses.remove(at);
            }
        }
        Ok(at) => {
            let held = &mut state.statuses[at];
            if order(fact) > (held.day, held.reported_at_ms, held.entry) {
                fact.value.clone_into(&mut held.value);
                held.day = fact.day;
                held.reported_at_ms = fact.reported_at_ms;
                held.cause = fact.cause;
                held.entry = fact.entry;
            }
        }
        Err(_) if fact.sign < 0 => {}
        Err(_) if state.statuses.len() >= STATUSES_MAX => return 1,
        Err(at) => state.statuses.insert(
            at,
            Status {
                code: fact.code.to_owned(),
                person: fact.person,
                value: fact.value.to_owned(),
                day: fact.day,
                reported_at_ms: fact.reported_at_ms,
                cause: fact.cause,
                entry: fact.entry,
            },
        ),
    }
    0
}

/// Registers the household, or lets a person join or leave; how many members were not kept.
pub(crate) fn apply_membership(state: &mut HouseholdState, fact: &Fact<'_>) -> i64 {
    let is_said = fact.sign > 0;
    if fact.code == REGISTERED {
        state.registered_day = match state.registered_day {
            Some(known) if is_said => Some(known.min(fact.day)),
            None if is_said => Some(fact.day),
            _ => None,
        };
        return 0;
    }
    let Some(person) = fact.person else { return 0 };
    let found = state.members.binary_search_by_key(&person, |member| member.person);
    match (fact.code, is_said, found) {
        (JOIN, true, Ok(at)) => {
            let member = &mut state.members[at];
            member.since_day = member.since_day.min(fact.day);
        }
        (JOIN, true, Err(_)) if state.members.len() >= MEMBERS_MAX => return 1,
        (JOIN, true, Err(at)) => {
            state.members.insert(at, Member { person, since_day: fact.day, wage_month: None });
        }
        (JOIN, false, Ok(at)) | (LEAVE, true, Ok(at)) => {
            state.members.remove(at);
        }
        _ => {}
    }
    0
}

/// Takes a survey or takes it back; how many could not be read.
pub(crate) fn apply_survey(state: &mut HouseholdState, fact: &Fact<'_>) -> i64 {
    if fact.sign < 0 {
        state.survey.take_if(|survey| survey.entry == fact.entry);
        return 0;
    }
    let Some(members) = fact.value.parse().ok().filter(|members| *members > 0) else { return 1 };
    let is_newer = |held: &Survey| order(fact) > (held.day, held.reported_at_ms, held.entry);
    if state.survey.as_ref().is_none_or(is_newer) {
        state.survey = Some(Survey {
            day: fact.day,
            reported_at_ms: fact.reported_at_ms,
            unreported_income_fen: fact.amount_fen,
            members,
            members_since: 0,
            entry: fact.entry,
        });
    }
    0
}

/// Brings up to date what follows from the rest: the classes, and who came and left after the survey.
pub(crate) fn derive(state: &mut HouseholdState) {
    let said = state.statuses.iter().find(|held| held.code == CLASS && held.person.is_none());
    state.classes.clear();
    // A name that is none of the domain's cannot come through the feed's schema.
    state.classes.extend(said.into_iter().flat_map(|held| held.value.split('|')).filter_map(Class::parse));
    state.classes.sort_unstable();
    state.classes.dedup();
    if let Some(survey) = &mut state.survey {
        let came = state.members.iter().filter(|member| member.since_day > survey.day).count();
        let has_left = |kind, code: &str| kind == Kind::Membership && code == LEAVE;
        let left = state.incidents.iter().filter(|one| one.day > survey.day && has_left(one.kind, &one.code)).count();
        survey.members_since = came as i32 - left as i32;
    }
}
