//! Births and deaths, the yearly enrolment and survey. It does not know who moves between households.

use schemas::Cause;
use schemas::id::CitizenNumber;

use crate::simulate::account::Effect;
use crate::simulate::events::{Birth, Death, InsuranceEnrolment, MemberChanged};
use crate::simulate::population::{Household, Relation, person};
use crate::simulate::scene::{Scene, Told};

use super::begin::survey;
use super::moves::leave;

/// Births a month to couples at the head of a household of whom one is 22 to 38, in millionths: what makes 6.39 births
/// a year in 1,000 persons (National Bureau of Statistics, 2023).
const BIRTH_PPM: u32 = 10_500;
const DEATH: &[Cause] = &[Cause::Accident, Cause::LackOfLabour, Cause::Other];
/// Causes under which a warning about a change of members is right.
pub(super) const MEMBERS: &[Cause] = &[Cause::Other, Cause::LackOfLabour];

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
        && scene.dice.chance(BIRTH_PPM)
    {
        birth(scene, household, mother);
    }
    if scene.changes.death_ppm > 0 {
        deaths(scene, household);
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

fn birth(scene: &mut Scene<'_>, household: &mut Household, mother: CitizenNumber) {
    let day = scene.some_day();
    let wanted = 1 + usize::from(scene.dice.chance(scene.changes.twins_ppm));
    let born = day.month().year() - 1;
    let numbers: Vec<_> = (0..wanted).filter_map(|_| household.new_number(born)).collect();
    if numbers.is_empty() {
        return;
    }
    for number in &numbers {
        let child = person(*number, Relation::Child, 0, &mut scene.dice);
        household.take_in(child, day);
    }
    let children = numbers.len() as i32;
    let event = Scene::befall(household, "birth", MEMBERS, day);
    Scene::later(household, day, Effect::Members(children), Some(event));
    let told = Told::person(mother, day, scene.dice.days(10, 40));
    scene.tell_of(household, Some(event), told, &Birth { children });
    let late = scene.dice.chance(scene.changes.late_join_ppm);
    let joined = day.plus(if late { scene.dice.days(90, 350) } else { scene.dice.days(5, 30) });
    let persons: Vec<&str> = numbers.iter().map(CitizenNumber::as_str).collect();
    let body = MemberChanged { change: "join", effective_date: day.0, from_household_code: None, persons: &persons };
    let told = Told::household(joined, scene.dice.days(0, 4));
    scene.tell_of(household, Some(event), told, &body);
}

/// Deaths by age.
fn deaths(scene: &mut Scene<'_>, household: &mut Household) {
    let day = scene.some_day();
    for at in (0..household.members.len()).rev() {
        let death_ppm = match household.members[at].age(day) {
            ..45 => 60,
            45..65 => 500,
            _ => 4_000,
        };
        if scene.dice.chance((u64::from(scene.changes.death_ppm) * death_ppm / 1_000_000) as u32) {
            let (event, member) = leave(household, at, "death", DEATH, day);
            let manner = if scene.dice.chance(80_000) { "accident" } else { "natural" };
            let told = Told::person(member.number, day, scene.dice.days(5, 40));
            scene.tell_of(household, Some(event), told, &Death { manner });
        }
    }
}
