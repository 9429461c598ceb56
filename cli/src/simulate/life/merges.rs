//! Households that end: elders who move into another household with all that they have, and those that took somebody
//! in and move on themselves, so that codes follow each other in chains. Everything is the other household's from
//! then on, but the house and the water that they leave. It does not know how single members move.

use schemas::Month;

use crate::simulate::account::{Effect, Safeguard};
use crate::simulate::population::{Farm, Household, Member};
use crate::simulate::scene::Scene;

use super::moves::{another, day_of_move, hand_over, taken_along, tell_change};
use super::people::MEMBERS;

/// The day of the month on which households merge: after everything else that moves in it.
const MERGE_DAY: i32 = 28;

/// Merges of a month between the households of a chunk.
pub(super) fn month(scene: &mut Scene<'_>, households: &mut [Household]) {
    for at in 0..households.len() {
        if !wants(scene, &households[at]) {
            continue;
        }
        if let Some(to) = another(scene, households, at)
            && let Ok([from, to]) = households.get_disjoint_mut([at, to])
            && from.members.len() + to.members.len() <= 12
        {
            merge(scene, from, to);
        }
    }
}

fn wants(scene: &mut Scene<'_>, household: &Household) -> bool {
    let first = scene.month.first_day();
    let earlier = |month: Month| month < scene.month;
    let day = scene.day(MERGE_DAY);
    let there = |member: &Member| household.lives_since(member.number).is_some_and(|since| since < day);
    if household.members.is_empty() || !household.members.iter().all(there) {
        return false;
    }
    if household.took_in.is_some_and(earlier) {
        return scene.dice.chance(scene.changes.merge_again_ppm);
    }
    let elders = household.members.len() <= 2 && household.members.iter().all(|member| member.age(first) >= 60);
    elders && scene.dice.chance(scene.changes.merge_ppm)
}

fn merge(scene: &mut Scene<'_>, from: &mut Household, to: &mut Household) {
    let day = scene.day(MERGE_DAY);
    let days = day_of_move(scene, day);
    for household in [&mut *from, &mut *to] {
        household.book(day, scene.line_fen);
    }
    let events = [&mut *from, &mut *to].map(|household| Scene::befall(household, "merge", MEMBERS, day));
    // As of that day: who has left it later in the month goes along, and leaves there.
    let (members, income) = (from.account.members() as i32, from.account.expected_fen());
    to.account.absorb(&mut from.account, day, scene.line_fen);
    // Aids that the office pays to the household by its class end with it.
    let aids = 12 * (from.dibao_fen + from.tekun_fen);
    for (household, members, income_fen, event) in
        [(&mut *from, -members, -income, events[0]), (&mut *to, members, income - aids, events[1])]
    {
        Scene::later(household, day, Effect::People { members, income_fen }, Some(event));
    }
    let left = |effect: &Effect| matches!(effect, Effect::Lose(one) | Effect::Restore(one) if matches!(one, Safeguard::House | Safeguard::Water));
    let going = std::mem::take(&mut from.future).into_iter();
    let (own, going): (Vec<_>, Vec<_>) = going.partition(|change| change.event == Some(events[0]));
    from.future = own;
    let mut known = Vec::new();
    hand_over(from, to, going.into_iter().filter(|change| !left(&change.effect)).collect(), &mut known);
    give(from, to);
    to.next_event = to.next_event.max(from.next_event);
    let persons: Vec<_> = from.members.iter().map(|member| member.number).collect();
    while !from.members.is_empty() {
        let mut member = from.take_out(0, day);
        member.chronic_event = member.chronic_event.and_then(|event| taken_along(from, to, event, &mut known));
        to.take_in(member, day);
    }
    from.merged_into = Some((day, to.code));
    to.took_in = Some(scene.month);
    let told = tell_change(scene, to, "merge", &persons, Some(from), days);
    Scene::carry(from, Some(events[0]), told);
    Scene::carry(to, Some(events[1]), told);
}

/// What the household lived on, beside what its members earn.
fn give(from: &mut Household, to: &mut Household) {
    to.odd_fen += std::mem::take(&mut from.odd_fen);
    to.dividend_fen += std::mem::take(&mut from.dividend_fen);
    to.subsidy_fen += std::mem::take(&mut from.subsidy_fen);
    to.post_fen += std::mem::take(&mut from.post_fen);
    (from.dibao_fen, from.tekun_fen) = (0, 0);
    to.covered |= from.covered;
    to.away.append(&mut from.away);
    to.farm = match (to.farm.take(), from.farm.take()) {
        (Some(one), Some(other)) => Some(Farm {
            gross_fen: one.gross_fen + other.gross_fen,
            cost_fen: one.cost_fen + other.cost_fen,
            seen: one.seen || other.seen,
            lost: match (one.lost, other.lost) {
                (Some((day, fen)), Some((later, more))) => Some((day.max(later), fen + more)),
                (one, other) => one.or(other),
            },
            ..one
        }),
        (one, other) => one.or(other),
    };
}
