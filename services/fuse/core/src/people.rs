//! Who a household is and what holds for it: members, statuses, classes, registration, survey. It does not know what
//! a status means, but for the one that names the classes.

use schemas::codec::CodecError;
use schemas::records::{Fact, HouseholdParts, Incident, Member, Status, Survey, UnreadAmounts};
use schemas::{Class, Day, EntryId, Kind};

use crate::{MEMBERS_MAX, STATUSES_MAX};

/// The membership change of a household that comes to be known.
const REGISTERED: &str = "registered";
/// The membership change of a person who comes.
const JOIN: &str = "join";
/// A person has gone; the value is the day on which he came. It is kept among the incidents, so that a survey that is
/// reported late can tell who left after it. That he is no member any more is said by taking back the `join`.
pub(crate) const LEAVE: &str = "leave";
/// The value of a `join` of a person who belonged to no household before.
const FIRST: &str = "first";
/// The incident that brings a child; the value is how many.
pub(crate) const BIRTH: &str = "birth";
/// Within so many days from a birth a person who belonged nowhere before is taken for the child.
const NEWBORN_DAYS: i32 = 366;
/// Children of one birth at most; a larger number is a mistake.
const CHILDREN_MAX: usize = 9;
/// Stands in for the day of a member whose `join` is taken back and said anew by the same input.
const DAY_TO_COME: Day = Day(i32::MAX);
/// The status whose value is the whole set of classes, joined by `|`.
pub(crate) const CLASS: &str = "class";

/// What decides between two that say the same thing: the later one wins.
type Order = (Day, i64, EntryId);

fn order(fact: &Fact<'_>) -> Order {
    (fact.day, fact.reported_at_ms, fact.entry)
}

/// Says or takes back a status; how many were not kept.
pub(crate) fn apply_status<'a>(state: &mut HouseholdParts<'a>, fact: &Fact<'a>) -> Result<i64, CodecError> {
    let held = state.statuses.look()?;
    let found = held.binary_search_by(|held| (held.code, held.person).cmp(&(fact.code, fact.person)));
    match found {
        Ok(at) if fact.sign < 0 => {
            if held[at].entry == fact.entry {
                state.statuses.change()?.remove(at);
            }
        }
        Ok(at) => {
            let held = &held[at];
            if order(fact) > (held.day, held.reported_at_ms, held.entry) {
                state.statuses.change()?[at] = status(fact);
            }
        }
        Err(_) if fact.sign < 0 => {}
        Err(_) if held.len() >= STATUSES_MAX => return Ok(1),
        Err(at) => state.statuses.change()?.insert(at, status(fact)),
    }
    Ok(0)
}

fn status<'a>(fact: &Fact<'a>) -> Status<&'a str> {
    Status {
        code: fact.code,
        person: fact.person,
        value: fact.value,
        day: fact.day,
        reported_at_ms: fact.reported_at_ms,
        cause: fact.cause,
        entry: fact.entry,
    }
}

/// Registers the household, or lets a person come or go; how many members were not kept. `is_said_anew` says that the
/// same input says a `join` of the person too: then what is known of the member stays.
pub(crate) fn apply_membership(
    state: &mut HouseholdParts<'_>,
    fact: &Fact<'_>,
    is_said_anew: bool,
) -> Result<i64, CodecError> {
    let is_said = fact.sign > 0;
    if fact.code == REGISTERED {
        state.registered_day = match state.registered_day {
            Some(known) if is_said => Some(known.min(fact.day)),
            None if is_said => Some(fact.day),
            _ => None,
        };
        return Ok(0);
    }
    let Some(person) = fact.person.filter(|_| fact.code == JOIN) else { return Ok(0) };
    let members = state.members.change()?;
    let found = members.binary_search_by_key(&person, |member| member.person);
    let is_first = fact.value == FIRST;
    match (is_said, found) {
        (true, Ok(at)) if fact.day < members[at].since_day => {
            let member = &mut members[at];
            (member.since_day, member.is_first) = (fact.day, is_first);
        }
        (true, Ok(_)) | (false, Err(_)) => {}
        (true, Err(_)) if members.len() >= MEMBERS_MAX => return Ok(1),
        (true, Err(at)) => {
            let wages = UnreadAmounts::default();
            members.insert(at, Member { person, since_day: fact.day, is_first, wages });
        }
        (false, Ok(at)) if is_said_anew => members[at].since_day = DAY_TO_COME,
        (false, Ok(at)) => {
            members.remove(at);
        }
    }
    Ok(0)
}

/// Takes a survey or takes it back; how many could not be read.
pub(crate) fn apply_survey(state: &mut HouseholdParts<'_>, fact: &Fact<'_>) -> i64 {
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

/// Brings up to date what follows from the rest: the classes, children who are not registered yet, and who came and left
/// after the survey.
pub(crate) fn derive(state: &mut HouseholdParts<'_>) -> Result<(), CodecError> {
    let said = state.statuses.look()?.iter().find(|held| held.code == CLASS && held.person.is_none());
    state.classes.clear();
    // A name that is none of the domain's cannot come through the feed's schema.
    state.classes.extend(said.into_iter().flat_map(|held| held.value.split('|')).filter_map(Class::parse));
    state.classes.sort_unstable();
    state.classes.dedup();
    let (members, incidents) = (state.members.look()?, state.incidents.look()?);
    let has_births = incidents.iter().any(|one| one.code == BIRTH);
    let (born, came) = if has_births { children(members, incidents) } else { (Vec::new(), came(members)) };
    state.provisional_members = born.len() as i32;
    if let Some(survey) = &mut state.survey {
        let after = |days: &[Day]| days.iter().filter(|day| **day > survey.day).count() as i32;
        let left = incidents.iter().filter(|one| one.kind == Kind::Membership && one.code == LEAVE);
        let left = left.filter(|one| one.day > survey.day);
        // Who came after the survey and left again was never counted by it.
        let counted = left.filter(|one| Day::parse(one.value).is_none_or(|came| came <= survey.day)).count();
        survey.members_since = after(&came) + after(&born) - counted as i32;
    }
    Ok(())
}

/// The days on which the members came.
fn came(members: &[Member<UnreadAmounts<'_>>]) -> Vec<Day> {
    members.iter().map(|member| member.since_day).collect()
}

/// The days of births whose children are not registered yet, and the days on which the members came: those who are taken
/// for such a child on the day of the birth, when a surveyor could count them.
fn children(members: &[Member<UnreadAmounts<'_>>], incidents: &[Incident<&str>]) -> (Vec<Day>, Vec<Day>) {
    let mut newcomers: Vec<Day> =
        members.iter().filter(|member| member.is_first).map(|member| member.since_day).collect();
    newcomers.sort_unstable();
    let mut came: Vec<Day> = members.iter().filter(|member| !member.is_first).map(|member| member.since_day).collect();
    let mut born = Vec::new();
    for birth in incidents.iter().filter(|one| one.kind == Kind::Incident && one.code == BIRTH) {
        for _ in 0..birth.value.parse().unwrap_or(1_usize).min(CHILDREN_MAX) {
            let is_child = |day: &Day| (birth.day..=birth.day.plus(NEWBORN_DAYS)).contains(day);
            match newcomers.iter().position(is_child) {
                Some(at) => {
                    newcomers.remove(at);
                    came.push(birth.day);
                }
                None => born.push(birth.day),
            }
        }
    }
    came.extend(newcomers);
    (born, came)
}
