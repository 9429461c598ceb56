//! Wages, lost and found jobs. Rates: 6% of the jobs are lost in a year; of those without one 15% find work in a
//! month (proposals; no rural figure is published). A third register as unemployed.

use schemas::Cause;

use crate::simulate::account::Effect;
use crate::simulate::events::{UnemploymentRegistered, WageReported};
use crate::simulate::population::{Household, lost_wage_fen};
use crate::simulate::scene::{Scene, Told};

use super::report_by_people;

/// Jobs lost in a month, in millionths.
const LOST_PPM: u32 = 5_000;
/// Jobs found in a month by those who lost one, in millionths.
const FOUND_PPM: u32 = 150_000;
/// What of a year's wage is lost with a job, in millionths: the months without work among the next 12 when 15% find
/// work in each, 4.861 of 12.
pub(crate) const LOST_SHARE_PPM: i64 = 405_000;
/// Those who register as unemployed, in millionths.
const REGISTERED_PPM: u32 = 330_000;
/// Causes under which a warning about a lost job is right.
const CAUSES: &[Cause] = &[Cause::UnstableWork, Cause::IndustryFailure];

/// Wages and jobs of a month.
pub(super) fn month(scene: &mut Scene<'_>, household: &mut Household) {
    for at in 0..household.members.len() {
        let Some(job) = household.members[at].job else { continue };
        if let Some(since) = job.lost {
            if since.month() < scene.month && scene.dice.chance(FOUND_PPM) {
                find(scene, household, at);
            }
        } else if scene.dice.chance(LOST_PPM) {
            lose(scene, household, at);
        } else if job.seen {
            wage(scene, household, at);
        }
    }
}

fn wage(scene: &mut Scene<'_>, household: &mut Household, at: usize) {
    let member = &household.members[at];
    let Some(job) = member.job else { return };
    let told = Told::person(member.number, scene.month.last_day(), scene.dice.days(5, 13));
    let body = WageReported {
        amount_fen: scene.dice.around(job.wage_fen, 8),
        month: scene.month.yyyymm(),
        months: None,
        place: Some("440300"),
    };
    scene.tell(household, told, &body);
}

fn lose(scene: &mut Scene<'_>, household: &mut Household, at: usize) {
    let day = scene.some_day();
    let number = household.members[at].number;
    let Some(job) = &mut household.members[at].job else { return };
    job.lost = Some(day);
    let lost = lost_wage_fen(job.wage_fen * 12, LOST_SHARE_PPM);
    let event = Scene::befall(household, "job_loss", CAUSES, day);
    Scene::later(household, day, Effect::Income(-lost), Some(event));
    if scene.dice.chance(REGISTERED_PPM) {
        let told = Told::person(number, day.plus(scene.dice.days(3, 20)), scene.dice.days(1, 6));
        scene.tell_of(household, Some(event), told, &UnemploymentRegistered { reason: Some("dismissed") });
    }
    report_by_people(scene, household, event, 60_000, (day, lost));
}

fn find(scene: &mut Scene<'_>, household: &mut Household, at: usize) {
    let day = scene.day(1);
    let Some(job) = &mut household.members[at].job else { return };
    job.lost = None;
    let regained = lost_wage_fen(job.wage_fen * 12, LOST_SHARE_PPM);
    Scene::later(household, day, Effect::Income(regained), None);
}
