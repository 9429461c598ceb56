//! What strikes a village: hail, flood and drought; and houses found to be unsafe. A disaster is drawn by village
//! and month, so that neighbours are struck together. Rates are proposals: no village figure is published.

use schemas::{Cause, Day};

use crate::simulate::account::{Effect, Safeguard};
use crate::simulate::dice::{Dice, Purpose};
use crate::simulate::events::{
    DisasterLoss, DisasterRelief, GeohazardNotice, HouseSafetyGraded, InsuranceClaimPaid, ProductionLoss,
    RenovationSubsidy, TemporaryRelief, WaterSafetyChanged,
};
use crate::simulate::places;
use crate::simulate::population::{CROPS, Household};
use crate::simulate::scene::{Scene, Told};

use super::report_by_people;

const CROP: &[Cause] = &[Cause::Disaster, Cause::IndustryFailure];
const DISASTER: &[Cause] = &[Cause::Disaster, Cause::Other];
const OTHER: &[Cause] = &[Cause::Other];
/// Villages struck in a month of the season (April to September), in millionths.
const STRUCK_PPM: u32 = 5_000;
/// Villages whose water becomes unsafe in a month, in millionths.
const WATER_PPM: u32 = 400;
/// Houses found unsafe without a disaster in a month, in millionths.
const UNSAFE_HOUSE_PPM: u32 = 110;

/// What befalls the village and the house in a month.
pub(super) fn month(scene: &mut Scene<'_>, household: &mut Household) {
    let village = u64::from(places::village(household.index));
    let mut dice = Dice::new(scene.seed, Purpose::Village, village, scene.month.0);
    let day = scene.month.first_day().plus(dice.days(0, 27));
    let season = (4..=9).contains(&scene.month.number());
    if season && dice.chance(STRUCK_PPM) {
        let flood = dice.chance(400_000);
        struck(scene, household, day, flood);
    }
    if dice.chance(WATER_PPM) {
        dry(scene, household, day, dice.days(20, 90));
    }
    if scene.dice.chance(UNSAFE_HOUSE_PPM) {
        let day = scene.some_day();
        let event = Scene::befall(household, "unsafe_house", OTHER, day);
        unsafe_house(scene, household, event, day, None);
    }
}

fn struck(scene: &mut Scene<'_>, household: &mut Household, day: Day, flood: bool) {
    let hazard_code = if flood { "020201" } else { "020401" };
    if flood && scene.dice.chance(100_000) {
        let told = Told::household(day, 0);
        scene.tell(household, told, &GeohazardNotice { level: "orange" });
    }
    if scene.dice.chance(600_000) {
        crop_loss(scene, household, day, hazard_code);
    }
    if flood && scene.dice.chance(60_000) {
        house_loss(scene, household, day, hazard_code);
    }
}

fn crop_loss(scene: &mut Scene<'_>, household: &mut Household, day: Day, hazard_code: &'static str) {
    let Some(mut farm) = household.farm.filter(|farm| farm.lost.is_none()) else { return };
    let percent = scene.dice.between(25, 100);
    let loss_fen = farm.gross_fen / 100 * percent;
    farm.lost = Some((day, loss_fen));
    household.farm = Some(farm);
    let event = Scene::befall(household, "crop_loss", CROP, day);
    Scene::later(household, day, Effect::Income(-loss_fen), Some(event));
    let assessed = scene.dice.around(loss_fen, 15);
    let crop = CROPS[farm.crop].code;
    if scene.dice.chance(750_000) {
        let told = Told::household(day, scene.dice.days(3, 35));
        let body = ProductionLoss { crop, loss_fen: assessed, percent: percent as i32 };
        scene.tell_of(household, Some(event), told, &body);
    }
    if scene.dice.chance(650_000) {
        let told = Told::household(day, scene.dice.days(1, 12));
        let body =
            DisasterLoss { loss_fen: assessed, hazard_code, asset: "crop", destroyed: percent > 80, cause: None };
        scene.tell_of(household, Some(event), told, &body);
    }
    help(scene, household, event, day, loss_fen / 4);
    report_by_people(scene, household, event, 60_000, (day, assessed));
}

fn house_loss(scene: &mut Scene<'_>, household: &mut Household, day: Day, hazard_code: &'static str) {
    let event = Scene::befall(household, "house_damaged", DISASTER, day);
    let destroyed = scene.dice.chance(150_000);
    let loss_fen = scene.dice.skewed(if destroyed { 6_000_000 } else { 900_000 }, 0.6);
    Scene::later(household, day, Effect::Spend(loss_fen), Some(event));
    let told = Told::household(day, scene.dice.days(1, 8));
    let body = DisasterLoss { loss_fen, hazard_code, asset: "house", destroyed, cause: None };
    scene.tell_of(household, Some(event), told, &body);
    if destroyed || scene.dice.chance(300_000) {
        unsafe_house(scene, household, event, day, Some(Cause::Disaster));
    }
    help(scene, household, event, day, loss_fen / 3);
    report_by_people(scene, household, event, 300_000, (day, loss_fen));
}

/// Relief for some, a claim for the insured.
fn help(scene: &mut Scene<'_>, household: &mut Household, event: usize, day: Day, amount_fen: i64) {
    if amount_fen <= 0 {
        return;
    }
    let paid = day.plus(scene.dice.days(15, 60));
    if scene.dice.chance(250_000) {
        Scene::later(household, paid, Effect::Compensate(amount_fen), Some(event));
        let told = Told::household(paid, scene.dice.days(1, 10)).with_paper();
        scene.tell(household, told, &DisasterRelief { amount_fen, cause: None });
        if scene.dice.chance(scene.changes.document_twice_ppm) {
            let told = Told::household(paid, scene.dice.days(1, 25)).with_last_paper();
            scene.tell(household, told, &TemporaryRelief { amount_fen, cause: Cause::Disaster });
        }
    } else if household.covered {
        Scene::later(household, paid, Effect::Compensate(amount_fen), Some(event));
        let told = Told::household(paid, scene.dice.days(1, 10)).with_paper();
        scene.tell(household, told, &InsuranceClaimPaid { amount_fen, cause: Cause::Disaster });
    }
}

/// The house is graded C or D, and made safe some months later.
fn unsafe_house(scene: &mut Scene<'_>, household: &mut Household, event: usize, day: Day, cause: Option<Cause>) {
    Scene::later(household, day, Effect::Lose(Safeguard::House), Some(event));
    let grade = if scene.dice.chance(700_000) { "C" } else { "D" };
    let told = Told::household(day, scene.dice.days(2, 40));
    scene.tell_of(household, Some(event), told, &HouseSafetyGraded { grade, cause });
    let mended = day.plus(scene.dice.days(90, 240));
    Scene::later(household, mended, Effect::Restore(Safeguard::House), None);
    let told = Told::household(mended, scene.dice.days(2, 20));
    scene.tell(household, told, &HouseSafetyGraded { grade: "A", cause: None });
    if scene.dice.chance(600_000) {
        let amount_fen = scene.dice.between(15, 35) * 100_000;
        scene.tell(household, told, &RenovationSubsidy { amount_fen });
    }
}

fn dry(scene: &mut Scene<'_>, household: &mut Household, day: Day, days: i32) {
    let event = Scene::befall(household, "unsafe_water", OTHER, day);
    Scene::later(household, day, Effect::Lose(Safeguard::Water), Some(event));
    let told = Told::household(day, scene.dice.days(1, 20));
    scene.tell_of(household, Some(event), told, &WaterSafetyChanged { safe: false, reason: Some("drought") });
    let again = day.plus(days);
    Scene::later(household, again, Effect::Restore(Safeguard::Water), None);
    let told = Told::household(again, scene.dice.days(1, 10));
    scene.tell(household, told, &WaterSafetyChanged { safe: true, reason: None });
}
