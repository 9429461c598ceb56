//! What happens to a household: its routine and the events that come from outside. Each part draws from the scene's
//! stream, queues changes of the latent account and tells the feeds. No part knows a policy.

mod begin;
mod disaster;
mod farm;
mod health;
mod merges;
mod money;
mod moves;
mod people;
mod school;
pub(super) mod work;

use schemas::{Cause, Day};

use super::city::Visits;
use super::dice::{Dice, Purpose};
use super::events::{GridReport, SelfApplication, VerificationResult};
use super::income::unreported_fen;
use super::population::Household;
use super::scene::{Scene, Told};

pub(crate) use begin::begin;

/// Lets a month pass: everything that begins in it. Changes of the account that lie later wait in the household.
pub(crate) fn month(scene: &mut Scene<'_>, household: &mut Household) {
    if household.members.is_empty() {
        return;
    }
    work::month(scene, household);
    money::month(scene, household);
    farm::month(scene, household);
    school::month(scene, household);
    health::month(scene, household);
    disaster::month(scene, household);
    people::month(scene, household);
    // Neighbours also report what is nothing: 3 households in 1,000 a year.
    if scene.dice.chance(250) {
        let day = scene.some_day();
        let after = scene.dice.days(0, 2);
        scene.tell(household, Told::household(day, after), &GridReport { cause: Cause::Other, estimate_fen: None });
    }
}

/// Lets the households of a chunk change members in a month, after each of them has lived it.
pub(crate) fn moves(scene: &mut Scene<'_>, households: &mut Vec<Household>) {
    moves::month(scene, households);
    merges::month(scene, households);
}

/// The grid member, or the household itself, tells what happened, with a probability; then somebody comes to the door.
fn report_by_people(
    scene: &mut Scene<'_>,
    household: &mut Household,
    event: usize,
    ppm: u32,
    (day, estimate_fen): (Day, i64),
) {
    let Some(cause) = household.events[event].causes.first().copied() else { return };
    if scene.dice.chance(ppm) {
        let seen = day.plus(scene.dice.days(2, 25));
        let estimate = scene.dice.around(estimate_fen, 40).max(0);
        let report = GridReport { cause, estimate_fen: Some(estimate) };
        let after = scene.dice.days(0, 2);
        scene.tell_of(household, Some(event), Told::household(seen, after), &report);
        verify(scene, household, event, seen.plus(after), estimate_fen);
    } else if scene.dice.chance(ppm / 5) {
        let seen = day.plus(scene.dice.days(5, 50));
        let application = SelfApplication { cause, estimate_fen: None };
        scene.tell_of(household, Some(event), Told::household(seen, 1), &application);
        verify(scene, household, event, seen.plus(1), estimate_fen);
    }
}

/// Somebody comes to the door after a report, where nobody waits for warnings (`Visits::AfterReports`).
/// Verifiers see what the household has left after what was reported, within a tenth; three of a hundred verdicts are
/// wrong (domain section 8.7). It draws from a stream of its own, so that the rest of the city is the same without it.
fn verify(scene: &mut Scene<'_>, household: &mut Household, event: usize, reported: Day, estimate_fen: i64) {
    let members = household.members.len() as i64;
    if members == 0 || scene.visits != Visits::AfterReports {
        return;
    }
    let place = u64::from(household.index) | u64::from(household.branch) << 32 | (event as u64) << 40;
    let own = Dice::new(scene.seed, Purpose::Door, place, scene.month.0);
    let rest = std::mem::replace(&mut scene.dice, own);
    let day = reported.plus(scene.dice.days(2, 8));
    let left = household.account.true_pc_fen() - estimate_fen / members;
    let poor = scene.dice.around(left, 10) < scene.line_fen;
    let verdict = if poor ^ scene.dice.chance(30_000) { "confirmed" } else { "dismissed" };
    let unreported = scene.dice.around(unreported_fen(household).max(0), 10);
    let body = VerificationResult {
        verdict,
        cause: household.events[event].causes.first().copied(),
        members: Some(members as i32),
        unreported_income_fen: Some(unreported),
    };
    let after = scene.dice.days(0, 3);
    scene.tell(household, Told::household(day, after), &body);
    scene.dice = rest;
}
