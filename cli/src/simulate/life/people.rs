//! Births, the yearly enrolment and survey; behind the switch `--changes` deaths and members who leave or marry in.
//! It does not know what the household lives on beyond the jobs and pensions that leave with a member.

use schemas::Cause;

use crate::simulate::account::Effect;
use crate::simulate::events::{Birth, Death, InsuranceEnrolment, MemberChanged};
use crate::simulate::places;
use crate::simulate::population::{Household, Labour, Relation, lost_wage_fen, person};
use crate::simulate::scene::{Scene, Told};

use super::begin::survey;
use super::work::LOST_SHARE_PPM;

/// Births a month among couples of whom one is 22 to 38, in millionths.
const BIRTH_PPM: u32 = 3_500;
const DEATH: &[Cause] = &[Cause::Accident, Cause::LackOfLabour, Cause::Other];
const MEMBERS: &[Cause] = &[Cause::Other, Cause::LackOfLabour];

/// Members, enrolment and survey of a month.
pub(super) fn month(scene: &mut Scene<'_>, household: &mut Household) {
    if scene.month.number() == 1 {
        enrol(scene, household);
    }
    if household.survey_month == Some(scene.month.number()) && scene.dice.chance(950_000) {
        survey(scene, household, 0);
    }
    let couple = household
        .members
        .iter()
        .find(|member| member.relation == Relation::Spouse && (22..39).contains(&member.age(scene.month.first_day())));
    if let Some(mother) = couple.map(|member| member.number)
        && household.slots < places::MEMBERS_MAX
        && scene.dice.chance(BIRTH_PPM)
    {
        birth(scene, household, mother);
    }
    if scene.changes {
        changes(scene, household);
    }
}

fn enrol(scene: &mut Scene<'_>, household: &mut Household) {
    for at in 0..household.members.len() {
        // Most stay as they are; 1% change their mind.
        let changed = scene.dice.chance(10_000);
        household.members[at].insured ^= changed;
        let member = &household.members[at];
        let told = Told::person(member.number, scene.some_day(), scene.dice.days(1, 30));
        let body = InsuranceEnrolment {
            insured: member.insured,
            year: Some(scene.month.year()),
            insurance_type: Some("resident"),
        };
        scene.tell(household, told, &body);
    }
}

fn birth(scene: &mut Scene<'_>, household: &mut Household, mother: schemas::id::CitizenNumber) {
    let day = scene.some_day();
    let number = places::citizen_number(household.index, household.slots, day.month().year() - 1);
    household.slots += 1;
    let child = person(number, Relation::Child, 0, &mut scene.dice);
    household.members.push(child);
    let event = Scene::befall(household, "birth", MEMBERS, day);
    Scene::later(household, day, Effect::Members(1), Some(event));
    let told = Told::person(mother, day, scene.dice.days(10, 40));
    scene.tell_of(household, Some(event), told, &Birth { children: 1 });
    let joined = day.plus(scene.dice.days(5, 30));
    join(scene, household, event, number, joined);
}

fn join(
    scene: &mut Scene<'_>,
    household: &mut Household,
    event: usize,
    number: schemas::id::CitizenNumber,
    day: schemas::Day,
) {
    let told = Told::household(day, scene.dice.days(0, 4));
    let body =
        MemberChanged { change: "join", effective_date: day.0, from_household_code: None, persons: &[number.as_str()] };
    scene.tell_of(household, Some(event), told, &body);
}

/// Deaths by age, and members who marry out or in.
fn changes(scene: &mut Scene<'_>, household: &mut Household) {
    let day = scene.some_day();
    for at in (0..household.members.len()).rev() {
        let age = household.members[at].age(day);
        let death_ppm = match age {
            ..45 => 60,
            45..65 => 500,
            _ => 4_000,
        };
        if scene.dice.chance(death_ppm) {
            let number = household.members[at].number;
            let event = leave(household, at, "death", DEATH, day);
            let manner = if scene.dice.chance(80_000) { "accident" } else { "natural" };
            let told = Told::person(number, day, scene.dice.days(5, 40));
            scene.tell_of(household, Some(event), told, &Death { manner });
        } else if household.members[at].relation == Relation::Child
            && (20..32).contains(&age)
            && scene.dice.chance(2_500)
        {
            let number = household.members[at].number;
            let event = leave(household, at, "marriage", MEMBERS, day);
            let told = Told::household(day, scene.dice.days(0, 20));
            let persons = [number.as_str()];
            let body =
                MemberChanged { change: "leave", effective_date: day.0, from_household_code: None, persons: &persons };
            scene.tell_of(household, Some(event), told, &body);
        }
    }
    if household.slots < places::MEMBERS_MAX && !household.members.is_empty() && scene.dice.chance(800) {
        let number = places::citizen_number(household.index, household.slots, day.month().year() - 25);
        household.slots += 1;
        let bride = person(number, Relation::Child, 24, &mut scene.dice);
        household.members.push(bride);
        let event = Scene::befall(household, "marriage", MEMBERS, day);
        Scene::later(household, day, Effect::Members(1), Some(event));
        join(scene, household, event, number, day);
    }
}

/// Takes a member out with what the member brought in.
fn leave(
    household: &mut Household,
    at: usize,
    kind: &'static str,
    causes: &'static [Cause],
    day: schemas::Day,
) -> usize {
    let mut member = household.members.remove(at);
    member.labour = Labour::None;
    let event = Scene::befall(household, kind, causes, day);
    let wage = member.job.map_or(0, |job| {
        let year = job.wage_fen * 12;
        if job.lost.is_some() { year - lost_wage_fen(year, LOST_SHARE_PPM) } else { year }
    });
    let brought = wage + member.pension_fen * 12;
    Scene::later(household, day, Effect::Members(-1), Some(event));
    Scene::later(household, day, Effect::Income(-brought), Some(event));
    event
}
