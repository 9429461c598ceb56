//! Regular money that is not a wage: pensions, standing aids, subsidies, dividends; and the office's own visits and
//! loans. It does not know what is earned at work or on the farm.

use crate::simulate::events::{
    AssistanceMeasure, DibaoPayment, DisabilitySubsidy, DividendPaid, FollowUpVisit, LandCompensation,
    MicroloanDisbursed, PensionPaid, ProjectSubsidy, PublicPostWage, SubsidyPaid, TekunPayment,
};
use crate::simulate::population::Household;
use crate::simulate::scene::{Scene, Told};

/// Payments of a month.
pub(super) fn month(scene: &mut Scene<'_>, household: &mut Household) {
    persons(scene, household);
    household_aids(scene, household);
    yearly(scene, household);
    office(scene, household);
}

fn persons(scene: &mut Scene<'_>, household: &mut Household) {
    let month = scene.month.yyyymm();
    for at in 0..household.members.len() {
        let member = &household.members[at];
        let (number, pension_fen, disability_fen) = (member.number, member.pension_fen, member.disability_fen);
        if pension_fen > 0 {
            let told = Told::person(number, scene.day(15), scene.dice.days(1, 8));
            scene.tell(household, told, &PensionPaid { amount_fen: pension_fen, month, months: None });
        }
        if disability_fen > 0 {
            let told = Told::person(number, scene.day(18), scene.dice.days(2, 12));
            scene.tell(household, told, &DisabilitySubsidy { amount_fen: disability_fen, month, months: None });
        }
    }
}

fn household_aids(scene: &mut Scene<'_>, household: &mut Household) {
    let month = scene.month.yyyymm();
    let head = household.members[0].number;
    if household.dibao_fen > 0 {
        let told = Told::household(scene.day(20), scene.dice.days(1, 9));
        let body = DibaoPayment { amount_fen: household.dibao_fen, month, months: None };
        scene.tell(household, told, &body);
    }
    if household.tekun_fen > 0 {
        let told = Told::person(head, scene.day(20), scene.dice.days(1, 9));
        let body = TekunPayment { amount_fen: household.tekun_fen, month, months: None };
        scene.tell(household, told, &body);
    }
    if household.post_fen > 0 {
        let told = Told::person(head, scene.month.last_day(), scene.dice.days(4, 12));
        let body = PublicPostWage { amount_fen: household.post_fen, month, months: None };
        scene.tell(household, told, &body);
    }
}

fn yearly(scene: &mut Scene<'_>, household: &mut Household) {
    let number = scene.month.number();
    if household.subsidy_fen > 0 && (number == 5 || number == 11) {
        let subsidy_code = if number == 5 { "grain" } else { "ecology" };
        let told = Told::household(scene.some_day(), scene.dice.days(2, 20));
        let body = SubsidyPaid { subsidy_code, amount_fen: household.subsidy_fen / 2 };
        scene.tell(household, told, &body);
    }
    if household.dividend_fen > 0 && number == 12 {
        let told = Told::household(scene.some_day(), scene.dice.days(1, 25));
        let body = DividendPaid { amount_fen: household.dividend_fen };
        scene.tell(household, told, &body);
    }
    if scene.dice.chance(300) {
        let told = Told::household(scene.some_day(), scene.dice.days(5, 40));
        let amount_fen = scene.dice.skewed(1_500_000, 0.7);
        scene.tell(household, told, &LandCompensation { amount_fen });
        // Paid once: it is no income to be expected, so the latent account has it as money of this year only.
        Scene::later(household, told.occurred, crate::simulate::account::Effect::Compensate(amount_fen), None);
    }
}

fn office(scene: &mut Scene<'_>, household: &mut Household) {
    if !household.is_listed() {
        return;
    }
    if scene.month.number().is_multiple_of(3) {
        let told = Told::household(scene.some_day(), scene.dice.days(0, 3));
        let result = if scene.dice.chance(930_000) { "stable" } else { "at_risk" };
        scene.tell(household, told, &FollowUpVisit { result });
    }
    if scene.dice.chance(12_000) {
        let told = Told::household(scene.some_day(), scene.dice.days(0, 5));
        let measure = scene.dice.pick(&["training", "seedlings", "post", "labour_transfer"]);
        scene.tell(household, told, &AssistanceMeasure { measure, cause: None });
    }
    if scene.dice.chance(4_000) {
        let told = Told::household(scene.some_day(), scene.dice.days(0, 5));
        let amount_fen = scene.dice.between(10, 50) * 100_000;
        scene.tell(household, told, &MicroloanDisbursed { amount_fen });
    }
    if scene.dice.chance(6_000) && household.farm.is_some() {
        let told = Told::household(scene.some_day(), scene.dice.days(5, 40));
        let amount_fen = scene.dice.between(5, 50) * 10_000;
        scene.tell(household, told, &ProjectSubsidy { amount_fen, project: Some("planting") });
    }
}
