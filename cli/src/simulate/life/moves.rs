//! Who moves: members who marry into other households, found their own, leave for nowhere and come back; and those
//! who are registered in two households by mistake. Moves stay within a chunk of households, so that chunks can be
//! made on any number of threads. What a person earns, and the bills from the month of the move on, go along. It
//! does not know deaths and births, nor households that end (`merges`).

use schemas::id::CitizenNumber;
use schemas::{Cause, Day};

use crate::simulate::account::{Change, Effect, Exogenous};
use crate::simulate::events::{HouseholdRegistered, Listed, MemberChanged};
use crate::simulate::places::BRANCHES_MAX;
use crate::simulate::population::{Household, Member, Relation, person};
use crate::simulate::scene::{Scene, Told};

use super::people::MEMBERS;
use super::work::LOST_SHARE_PPM;

/// Members of a household that others may join.
const MEMBERS_MAX: usize = 10;
/// Households that are asked before somebody finds none to move to.
const ASKED_MAX: usize = 4;

/// Moves of a month between the households of a chunk.
pub(super) fn month(scene: &mut Scene<'_>, households: &mut Vec<Household>) {
    for at in 0..households.len() {
        if households[at].members.is_empty() {
            continue;
        }
        marriages(scene, households, at);
        depart(scene, &mut households[at]);
        come_back(scene, &mut households[at]);
        arrive(scene, &mut households[at]);
        register_twice(scene, households, at);
        if let Some(founded) = split(scene, &mut households[at]) {
            households.push(founded);
        }
    }
}

/// Another household of the chunk, with somebody in it and room for more.
pub(super) fn another(scene: &mut Scene<'_>, households: &[Household], at: usize) -> Option<usize> {
    (0..ASKED_MAX).find_map(|_| {
        let found = scene.dice.below(households.len() as u64) as usize;
        let members = households[found].members.len();
        (found != at && (1..MEMBERS_MAX).contains(&members)).then_some(found)
    })
}

/// Whether a member came before this month: nobody moves twice in one.
fn is_settled(scene: &Scene<'_>, household: &Household, at: usize) -> bool {
    let since = household.members.get(at).and_then(|member| household.lives_since(member.number));
    since.is_some_and(|day| day.month() < scene.month)
}

/// A day of the month for a move, and the one on which it is told to have occurred: some are announced before it.
pub(super) fn day_of_move(scene: &mut Scene<'_>, day: Day) -> (Day, Day) {
    let announced = scene.dice.chance(scene.changes.announced_ppm);
    (
        day,
        if announced {
            scene.month.first_day().plus(scene.dice.days(0, day.0 - scene.month.first_day().0))
        } else {
            day
        },
    )
}

/// Tells a change of membership about the household; gives the day of its publication.
pub(super) fn tell_change(
    scene: &mut Scene<'_>,
    household: &mut Household,
    change: &'static str,
    persons: &[CitizenNumber],
    from: Option<&Household>,
    (day, occurred): (Day, Day),
) -> Option<Day> {
    let numbers: Vec<&str> = persons.iter().map(CitizenNumber::as_str).collect();
    let code = from.map(|from| from.code.digits());
    let from_household_code = code.as_ref().and_then(|code| std::str::from_utf8(code).ok());
    let body = MemberChanged { change, effective_date: day.0, from_household_code, persons: &numbers };
    let told = Told::household(occurred, scene.dice.days(0, 20));
    scene.tell(household, told, &body)
}

fn marriages(scene: &mut Scene<'_>, households: &mut [Household], at: usize) {
    let first = scene.month.first_day();
    for place in (0..households[at].members.len()).rev() {
        let member = &households[at].members[place];
        let free = member.relation == Relation::Child && (20..32).contains(&member.age(first));
        if !free || !scene.dice.chance(scene.changes.marriage_ppm) || !is_settled(scene, &households[at], place) {
            continue;
        }
        if let Some(to) = another(scene, households, at)
            && let Ok([from, to]) = households.get_disjoint_mut([at, to])
        {
            marry(scene, from, to, place);
        }
    }
}

/// A marriage is told by the new household, which may name the old one; else by both, or by the new one alone.
fn marry(scene: &mut Scene<'_>, from: &mut Household, to: &mut Household, at: usize) {
    let day = scene.some_day();
    let days = day_of_move(scene, day);
    let events = [&mut *from, &mut *to].map(|household| Scene::befall(household, "marriage", MEMBERS, day));
    let number = from.members[at].number;
    move_over(from, to, at, day, events);
    let joined = if scene.dice.chance(scene.changes.unsaid_ppm) {
        tell_change(scene, to, "join", &[number], None, days)
    } else if scene.dice.chance(500_000) {
        tell_change(scene, to, "join", &[number], Some(from), days)
    } else {
        let left = tell_change(scene, from, "leave", &[number], None, days);
        Scene::carry(from, Some(events[0]), left);
        tell_change(scene, to, "join", &[number], None, days)
    };
    Scene::carry(from, Some(events[0]), joined);
    Scene::carry(to, Some(events[1]), joined);
}

/// Moves a member, with what the member earns and the bills from that month on.
fn move_over(from: &mut Household, to: &mut Household, at: usize, day: Day, [left, joined]: [usize; 2]) {
    let mut member = from.take_out(at, day);
    let brought = member.brings_fen(LOST_SHARE_PPM);
    for (household, sign, event) in [(&mut *from, -1, left), (&mut *to, 1, joined)] {
        let people = Effect::People { members: sign, income_fen: i64::from(sign) * brought };
        Scene::later(household, day, people, Some(event));
    }
    let month = day.month();
    let goes = |change: &Change| change.person == Some(member.number) && change.day.month() >= month;
    let (going, staying) = std::mem::take(&mut from.future).into_iter().partition(goes);
    from.future = staying;
    let mut known = Vec::new();
    hand_over(from, to, going, &mut known);
    member.chronic_event = member.chronic_event.and_then(|event| taken_along(from, to, event, &mut known));
    // A person's event ids have the household's count in them: it must go on, not begin again.
    to.next_event = to.next_event.max(from.next_event);
    to.take_in(member, day);
}

/// Hands changes of the account over, with the exogenous events behind them.
pub(super) fn hand_over(
    from: &Household,
    to: &mut Household,
    changes: Vec<Change>,
    known: &mut Vec<(usize, Option<usize>)>,
) {
    for change in changes {
        let event = change.event.and_then(|event| taken_along(from, to, event, known));
        to.future.push(Change { event, ..change });
    }
}

/// The place of an event in the household to which its bills go on: none where it was a shock of the old one already.
pub(super) fn taken_along(
    from: &Household,
    to: &mut Household,
    event: usize,
    known: &mut Vec<(usize, Option<usize>)>,
) -> Option<usize> {
    if let Some((_, place)) = known.iter().find(|(known, _)| *known == event) {
        return *place;
    }
    let place = from.events.get(event).filter(|one| one.onset.is_none()).map(|one| {
        let mut copy = Exogenous::new(one.kind, one.causes, one.day);
        copy.carried = one.carried;
        to.events.push(copy);
        to.events.len() - 1
    });
    known.push((event, place));
    place
}

/// An adult leaves for nowhere.
fn depart(scene: &mut Scene<'_>, household: &mut Household) {
    let first = scene.month.first_day();
    for at in (1..household.members.len()).rev() {
        let adult = (18..60).contains(&household.members[at].age(first));
        if !adult || !scene.dice.chance(scene.changes.departure_ppm) || !is_settled(scene, household, at) {
            continue;
        }
        let day = scene.some_day();
        let days = day_of_move(scene, day);
        let (event, member) = leave(household, at, "departure", MEMBERS, day);
        let left = tell_change(scene, household, "leave", &[member.number], None, days);
        Scene::carry(household, Some(event), left);
        household.away.push(member);
    }
}

/// Takes a member out with what the member brought in.
pub(super) fn leave(
    household: &mut Household,
    at: usize,
    kind: &'static str,
    causes: &'static [Cause],
    day: Day,
) -> (usize, Member) {
    let member = household.take_out(at, day);
    let event = Scene::befall(household, kind, causes, day);
    let people = Effect::People { members: -1, income_fen: -member.brings_fen(LOST_SHARE_PPM) };
    Scene::later(household, day, people, Some(event));
    (event, member)
}

fn come_back(scene: &mut Scene<'_>, household: &mut Household) {
    for at in (0..household.away.len()).rev() {
        let number = household.away[at].number;
        let left = household.stays.iter().rev().find(|stay| stay.person == number).and_then(|stay| stay.until);
        // Whoever left in this month is away in it.
        let gone = left.is_some_and(|day| day.month() < scene.month);
        if gone && scene.dice.chance(scene.changes.return_ppm) {
            let member = household.away.remove(at);
            join(scene, household, member, "return");
        }
    }
}

/// Somebody whom no feed knew joins.
fn arrive(scene: &mut Scene<'_>, household: &mut Household) {
    if !scene.dice.chance(scene.changes.arrival_ppm) {
        return;
    }
    let age = scene.dice.days(20, 30);
    if let Some(number) = household.new_number(scene.month.year() - age - 1) {
        let member = person(number, Relation::Child, age, &mut scene.dice);
        join(scene, household, member, "marriage");
    }
}

fn join(scene: &mut Scene<'_>, household: &mut Household, member: Member, kind: &'static str) {
    let day = scene.some_day();
    let days = day_of_move(scene, day);
    let event = Scene::befall(household, kind, MEMBERS, day);
    let people = Effect::People { members: 1, income_fen: member.brings_fen(LOST_SHARE_PPM) };
    Scene::later(household, day, people, Some(event));
    let number = member.number;
    household.take_in(member, day);
    let joined = tell_change(scene, household, "join", &[number], None, days);
    Scene::carry(household, Some(event), joined);
}

/// A grown child founds a household of its own, with its share of what nobody sees.
fn split(scene: &mut Scene<'_>, household: &mut Household) -> Option<Household> {
    let first = scene.month.first_day();
    let grown = |member: &Member| member.relation == Relation::Child && (22..50).contains(&member.age(first));
    let large = household.members.len() >= 3 && household.branch == 0 && household.branches < BRANCHES_MAX;
    if !large || !scene.dice.chance(scene.changes.split_ppm) {
        return None;
    }
    let at = household.members.iter().position(grown).filter(|at| is_settled(scene, household, *at))?;
    let day = scene.some_day();
    let days = day_of_move(scene, day);
    household.branches += 1;
    let mut founded = Household::empty(household.index, household.branches, day);
    // The numbers that are left are shared, so that both can give theirs away without asking the other.
    let middle = household.slots.start + household.slots.len() as u32 / 2;
    founded.slots = middle..household.slots.end;
    household.slots.end = middle;
    founded.survey_month = household.survey_month.map(|_| scene.month.plus(2).number());
    founded.month_ends = vec![0; household.month_ends.len()];
    let events = [&mut *household, &mut founded].map(|one| Scene::befall(one, "split", MEMBERS, day));
    let share = household.odd_fen / household.members.len() as i64;
    for (one, sign, event) in [(&mut *household, -1, events[0]), (&mut founded, 1, events[1])] {
        one.odd_fen += sign * share;
        Scene::later(one, day, Effect::Income(sign * share), Some(event));
    }
    household.members[at].relation = Relation::Head;
    let number = household.members[at].number;
    move_over(household, &mut founded, at, day, events);
    let told = tell_change(scene, &mut founded, "split", &[number], Some(household), days);
    Scene::carry(household, Some(events[0]), told);
    Scene::carry(&mut founded, Some(events[1]), told);
    let members = [Listed { person_id: number.as_str(), relation: Relation::Head.word() }];
    let registered = HouseholdRegistered { registered_date: day.0, members: &members };
    let after = 20 + scene.dice.days(0, 10);
    scene.tell(&mut founded, Told::household(day, after), &registered);
    Some(founded)
}

/// A member is registered in another household too, by mistake.
fn register_twice(scene: &mut Scene<'_>, households: &mut [Household], at: usize) {
    if !scene.dice.chance(scene.changes.two_households_ppm) {
        return;
    }
    let place = scene.dice.below(households[at].members.len() as u64) as usize;
    let Some(number) = households[at].members.get(place).map(|member| member.number) else { return };
    let Some(other) = another(scene, households, at) else { return };
    let day = scene.some_day();
    let body =
        MemberChanged { change: "join", effective_date: day.0, from_household_code: None, persons: &[number.as_str()] };
    let told = Told::household(day, scene.dice.days(0, 10));
    scene.tell_by_mistake(&mut households[other], told, &body);
}
