//! The first load: what the departments hold about a household when the run begins. It does not know what happens
//! afterwards.

use schemas::Class;

use crate::simulate::events::{
    ClassChanged, ClassListed, DisabilityCertified, HouseSafetyGraded, HouseholdRegistered, HouseholdSurveyed,
    InsuranceEnrolment, Listed, PropertyRegistered, PublicEmployment, VehicleRegistered, WaterSafetyChanged,
};
use crate::simulate::income::unreported_fen;
use crate::simulate::population::Household;
use crate::simulate::scene::{Scene, Told};

/// Last year's survey began so many days before the run.
const SURVEYED_BEFORE_DAYS: i32 = 60;

/// Tells the feeds what they know at the beginning.
pub(crate) fn begin(scene: &mut Scene<'_>, household: &mut Household) {
    register(scene, household);
    let load = scene.start.plus(-1);
    if !household.classes.is_empty() {
        tell_classes(scene, household);
    }
    for at in 0..household.members.len() {
        let member = household.members[at].clone();
        let day = load.plus(-scene.dice.days(20, 90));
        let enrolment = InsuranceEnrolment {
            insured: member.insured,
            year: Some(day.month().year()),
            insurance_type: Some("resident"),
        };
        scene.tell(household, Told::person(member.number, day, 0), &enrolment);
        if member.disability > 0 {
            let category = scene.dice.pick(&["sight", "hearing", "limbs", "intellect", "mind", "multiple"]);
            let certified = DisabilityCertified { category, grade: i32::from(member.disability) };
            let day = load.plus(-scene.dice.days(30, 400));
            scene.tell(household, Told::person(member.number, day, 0), &certified);
        }
    }
    tell_assets(scene, household);
    if scene.dice.chance(scene.rates.unsurveyed_ppm) {
        household.survey_month = None;
    } else {
        survey(scene, household, -SURVEYED_BEFORE_DAYS);
    }
}

fn register(scene: &mut Scene<'_>, household: &mut Household) {
    let mut occurred = scene.start.plus(-scene.dice.days(30, 500));
    if scene.dice.chance(scene.rates.late_registration_ppm) {
        occurred = scene.start.plus(scene.dice.days(20, 180));
    }
    household.registered = occurred;
    let numbers: Vec<_> = household.members.iter().map(|member| (member.number, member.relation)).collect();
    let members: Vec<Listed<'_>> = numbers
        .iter()
        .map(|(number, relation)| Listed { person_id: number.as_str(), relation: relation.word() })
        .collect();
    let after = scene.dice.days(1, 8);
    let body = HouseholdRegistered { registered_date: occurred.0, members: &members };
    scene.tell(household, Told::household(occurred, after), &body);
}

/// The whole set of classes, from the office that keeps the list, and from civil affairs where it grants aid.
pub(super) fn tell_classes(scene: &mut Scene<'_>, household: &mut Household) {
    let classes: Vec<&'static str> = household.classes.iter().map(|class| class.name()).collect();
    let load = scene.start.plus(-1);
    let listed = load.plus(-scene.dice.days(20, 400));
    scene.tell(household, Told::household(listed, 0), &ClassListed { classes: &classes });
    if household.is(Class::Dibao) || household.is(Class::Tekun) {
        let changed = listed.plus(scene.dice.days(1, 10));
        scene.tell(household, Told::household(changed, 0), &ClassChanged { classes: &classes });
    }
}

fn tell_assets(scene: &mut Scene<'_>, household: &mut Household) {
    let load = scene.start.plus(-1);
    let head = household.members[0].number;
    if scene.dice.chance(250_000) {
        let grade = if scene.dice.chance(700_000) { "A" } else { "B" };
        let day = load.plus(-scene.dice.days(20, 400));
        scene.tell(household, Told::household(day, 0), &HouseSafetyGraded { grade, cause: None });
    }
    if scene.dice.chance(120_000) {
        let day = load.plus(-scene.dice.days(20, 400));
        scene.tell(household, Told::household(day, 0), &WaterSafetyChanged { safe: true, reason: None });
    }
    if scene.dice.chance(220_000) {
        let price_fen = Some(scene.dice.skewed(8_500_000, 0.5));
        let day = load.plus(-scene.dice.days(20, 400));
        scene.tell(household, Told::person(head, day, 0), &VehicleRegistered { registered: true, price_fen });
    }
    if scene.dice.chance(60_000) {
        let r#use = scene.dice.pick(&["first_home", "first_home", "second_home", "shop"]);
        let day = load.plus(-scene.dice.days(20, 400));
        scene.tell(household, Told::person(head, day, 0), &PropertyRegistered { r#use });
    }
    if scene.dice.chance(15_000) {
        let day = load.plus(-scene.dice.days(20, 400));
        scene.tell(household, Told::person(head, day, 0), &PublicEmployment { employed: true });
    }
}

/// The yearly survey, so many days from the first day of the month (negative: before it). It is within a tenth of
/// the truth.
pub(super) fn survey(scene: &mut Scene<'_>, household: &mut Household, days: i32) {
    let day = scene.month.first_day().plus(days + scene.dice.days(0, 25));
    let unreported = unreported_fen(household).max(0);
    let debts = scene.dice.chance(200_000).then(|| scene.dice.skewed(2_500_000, 0.8));
    let body = HouseholdSurveyed {
        unreported_income_fen: scene.dice.around(unreported, 10),
        debts_fen: debts,
        members: household.members.len() as i32,
        relocated: None,
    };
    let after = scene.dice.days(3, 20);
    if let Some(published) = scene.tell(household, Told::household(day, after), &body) {
        household.surveys.push((day, published));
    }
}
