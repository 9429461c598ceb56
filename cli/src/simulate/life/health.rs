//! Illness and accidents: admissions, chronic care, critical disease, injuries, with what insurance, aid and claims
//! pay back.
//!
//! Sources: National Healthcare Security Administration 2023, resident scheme: 20.7 admissions a year for 100
//! insured, 7,674 yuan each, two thirds of the covered costs reimbursed (about 55% of all); National Bureau of
//! Statistics 2023: 1,916 yuan of health spending a head in the countryside, of which about 1,000 go through
//! settlements here; medicine that people buy themselves is in no account and no feed. Critical disease after the cancer
//! registry's incidence (about 3.4 a year in 1,000). Accidents: a proposal of 6 a year in 1,000.

use schemas::id::CitizenNumber;
use schemas::{Cause, Class, Day};

use crate::simulate::account::Effect;
use crate::simulate::events::{
    CriticalDiseaseRegistered, DisabilityCertified, DisasterRelief, EmergencyCasualty, HospitalBill,
    InsuranceClaimPaid, LabourAssessed, MedicalAidPaid, MedicalSettlement, PoliceCasualty, TemporaryRelief, WorkInjury,
};
use crate::simulate::population::{Household, Labour, lost_wage_fen};
use crate::simulate::scene::{Scene, Told};

use super::report_by_people;
use super::work::LOST_SHARE_PPM;

const ILLNESS: &[Cause] = &[Cause::Illness];
const ACCIDENT: &[Cause] = &[Cause::Accident];
const ACCIDENT_DISABLING: &[Cause] = &[Cause::Accident, Cause::Disability, Cause::LackOfLabour];
/// Mean bill of an admission that is neither for a critical disease nor after an accident, in fen: with those two the
/// mean of all is the published one.
const ADMISSION_FEN: i64 = 640_000;
/// Mean bill of one of the admissions of a critical disease, in fen.
const CRITICAL_FEN: i64 = 3_200_000;
/// Above so much out of pocket in one bill, aid and claims are paid, in fen.
const AID_FROM_FEN: i64 = 300_000;

/// Illness and accidents of a month.
pub(super) fn month(scene: &mut Scene<'_>, household: &mut Household) {
    for at in 0..household.members.len() {
        let age = household.members[at].age(scene.month.first_day());
        visits(scene, household, at, age);
        let admitted_ppm = match age {
            ..15 => 9_000,
            15..60 => 11_500,
            _ => 36_000,
        };
        if scene.dice.chance(admitted_ppm) {
            admission(scene, household, at);
        }
        let critical_ppm = match age {
            ..40 => 40,
            40..60 => 300,
            _ => 800,
        };
        if scene.dice.chance(critical_ppm) {
            critical_disease(scene, household, at);
        }
        if age >= 35 && household.members[at].chronic_fen == 0 && scene.dice.chance(900) {
            chronic_onset(scene, household, at);
        }
        if scene.dice.chance(500) {
            accident(scene, household, at, age);
        }
    }
}

/// A bill as the hospital writes it.
struct Bill {
    day: Day,
    total_fen: i64,
    visit_type: &'static str,
    cause: Option<Cause>,
    event: Option<usize>,
}

/// Settles a bill: what the insurance leaves, what the feed shows, what aid follows. Gives the compliant part of
/// what was paid out of pocket, in fen.
fn settle(scene: &mut Scene<'_>, household: &mut Household, at: usize, bill: &Bill) -> i64 {
    let member = &household.members[at];
    let number = member.number;
    let inpatient = bill.visit_type == "inpatient";
    let out_of_county = inpatient && scene.dice.chance(180_000);
    let percent = if member.insured {
        let base = if inpatient { 58 } else { 50 };
        base + i64::from(household.is_listed()) * 16 - i64::from(out_of_county) * 12
            + i64::from(bill.total_fen > 6_000_000) * 6
    } else {
        0
    };
    let free = scene.dice.chance(scene.rates.zero_cost_ppm);
    let reimbursed_fen = if free { bill.total_fen } else { bill.total_fen / 100 * percent };
    let out_of_pocket_fen = bill.total_fen - reimbursed_fen;
    let compliant_fen = out_of_pocket_fen / 100 * scene.dice.between(70, 95);
    let stated = !scene.dice.chance(30_000);
    let mut body = MedicalSettlement {
        total_fen: bill.total_fen,
        reimbursed_fen,
        out_of_pocket_fen,
        compliant_out_of_pocket_fen: stated.then_some(compliant_fen),
        visit_type: bill.visit_type,
        out_of_county,
        cause: bill.cause,
    };
    Scene::later_of(household, number, bill.day, Effect::Spend(compliant_fen), bill.event);
    let after = if out_of_county { scene.dice.days(4, 35) } else { scene.dice.days(0, 3) };
    let told = Told::person(number, bill.day, after).with_paper();
    scene.tell_of(household, bill.event, told, &body);
    if inpatient && scene.dice.chance(scene.changes.document_twice_ppm) {
        tell_hospital_bill(scene, household, (number, bill.day), &body);
    }
    if scene.dice.chance(scene.rates.negative_ppm) {
        body.out_of_pocket_fen = -body.out_of_pocket_fen - 1;
        scene.tell(household, told, &body);
    }
    if inpatient && compliant_fen >= AID_FROM_FEN {
        pay_back(scene, household, bill, compliant_fen);
    }
    compliant_fen
}

/// The hospital sends the same paper by way of the health office.
fn tell_hospital_bill(
    scene: &mut Scene<'_>,
    household: &mut Household,
    (number, day): (CitizenNumber, Day),
    settled: &MedicalSettlement,
) {
    let told = Told::person(number, day, scene.dice.days(1, 25)).with_last_paper();
    let bill = HospitalBill {
        total_fen: settled.total_fen,
        reimbursed_fen: settled.reimbursed_fen,
        out_of_pocket_fen: settled.out_of_pocket_fen,
        compliant_out_of_pocket_fen: settled.compliant_out_of_pocket_fen,
        visit_type: settled.visit_type,
        out_of_county: settled.out_of_county,
        cause: settled.cause,
    };
    scene.tell(household, told, &bill);
}

/// Medical aid for the poor, claims of the insured, now and then relief.
fn pay_back(scene: &mut Scene<'_>, household: &mut Household, bill: &Bill, compliant_fen: i64) {
    let cause = bill.cause.unwrap_or(Cause::Illness);
    if (household.is(Class::Dibao) || household.is(Class::Tekun)) && scene.dice.chance(800_000) {
        let amount_fen = (compliant_fen - AID_FROM_FEN) / 100 * scene.dice.between(50, 70);
        let day = bill.day.plus(scene.dice.days(15, 60));
        Scene::later(household, day, Effect::Compensate(amount_fen), bill.event);
        let told = Told::household(day, scene.dice.days(1, 12)).with_paper();
        scene.tell(household, told, &MedicalAidPaid { amount_fen, cause: bill.cause });
    }
    if household.covered && scene.dice.chance(700_000) {
        let amount_fen = (compliant_fen - AID_FROM_FEN) / 100 * scene.dice.between(30, 60);
        let day = bill.day.plus(scene.dice.days(12, 50));
        Scene::later(household, day, Effect::Compensate(amount_fen), bill.event);
        let told = Told::household(day, scene.dice.days(0, 5)).with_paper();
        scene.tell(household, told, &InsuranceClaimPaid { amount_fen, cause });
    }
    if compliant_fen > 1_500_000 && scene.dice.chance(100_000) {
        let amount_fen = scene.dice.between(10, 50) * 10_000;
        let day = bill.day.plus(scene.dice.days(20, 70));
        Scene::later(household, day, Effect::Compensate(amount_fen), bill.event);
        let told = Told::household(day, scene.dice.days(1, 12)).with_paper();
        scene.tell(household, told, &TemporaryRelief { amount_fen, cause });
        if scene.dice.chance(scene.changes.document_twice_ppm) {
            let told = Told::household(day, scene.dice.days(1, 25)).with_last_paper();
            scene.tell(household, told, &DisasterRelief { amount_fen, cause: Some(cause) });
        }
    }
}

/// Outpatient visits and the monthly bill of chronic care: routine, unless the care began with an event.
fn visits(scene: &mut Scene<'_>, household: &mut Household, at: usize, age: i32) {
    let visit_ppm = if age >= 60 { 240_000 } else { 130_000 };
    if scene.dice.chance(visit_ppm) {
        let total_fen = scene.dice.skewed(19_000, 0.8);
        let day = scene.some_day();
        settle(scene, household, at, &Bill { day, total_fen, visit_type: "outpatient", cause: None, event: None });
    }
    let (chronic_fen, event) = (household.members[at].chronic_fen, household.members[at].chronic_event);
    if chronic_fen > 0 && scene.dice.chance(900_000) {
        // About half is reimbursed.
        let total_fen = scene.dice.around(chronic_fen * 2, 25);
        let day = scene.some_day();
        settle(scene, household, at, &Bill { day, total_fen, visit_type: "chronic", cause: None, event });
    }
}

fn admission(scene: &mut Scene<'_>, household: &mut Household, at: usize) {
    let day = scene.some_day();
    let event = Scene::befall(household, "admission", ILLNESS, day);
    let total_fen = scene.dice.skewed(ADMISSION_FEN, 0.9);
    let left = day.plus(scene.dice.days(3, 14));
    let bill = Bill { day: left, total_fen, visit_type: "inpatient", cause: None, event: Some(event) };
    let paid = settle(scene, household, at, &bill);
    if paid > 1_000_000 {
        report_by_people(scene, household, event, 150_000, (left, paid));
    }
}

fn critical_disease(scene: &mut Scene<'_>, household: &mut Household, at: usize) {
    let day = scene.some_day();
    let event = Scene::befall(household, "critical_disease", ILLNESS, day);
    let disease_code = scene.dice.pick(&["C34", "C22", "C16", "I63", "N18"]);
    let told = Told::person(household.members[at].number, day, scene.dice.days(8, 40));
    scene.tell_of(household, Some(event), told, &CriticalDiseaseRegistered { disease_code });
    let mut left = day;
    let mut paid = 0;
    for _ in 0..scene.dice.days(2, 5) {
        left = left.plus(scene.dice.days(8, 35));
        let total_fen = scene.dice.skewed(CRITICAL_FEN, 0.7);
        let bill = Bill { day: left, total_fen, visit_type: "inpatient", cause: None, event: Some(event) };
        paid += settle(scene, household, at, &bill);
    }
    report_by_people(scene, household, event, 300_000, (day, paid));
}

fn chronic_onset(scene: &mut Scene<'_>, household: &mut Household, at: usize) {
    let day = scene.day(1);
    let event = Scene::befall(household, "chronic_onset", ILLNESS, day);
    household.members[at].chronic_fen = scene.dice.skewed(30_000, 0.6);
    household.members[at].chronic_event = Some(event);
}

fn accident(scene: &mut Scene<'_>, household: &mut Household, at: usize, age: i32) {
    let day = scene.some_day();
    let number = household.members[at].number;
    let disabling = age >= 16 && scene.dice.chance(120_000);
    let causes = if disabling { ACCIDENT_DISABLING } else { ACCIDENT };
    let event = Scene::befall(household, "accident", causes, day);
    let outcome = if disabling { "disabled" } else { "injured" };
    match scene.dice.below(10) {
        0..4 => {
            let told = Told::person(number, day, scene.dice.days(1, 12));
            let kind = if scene.dice.chance(900_000) { "traffic" } else { "crime" };
            scene.tell_of(household, Some(event), told, &PoliceCasualty { kind, outcome });
        }
        4..6 if household.members[at].job.is_some() => {
            let told = Told::person(number, day, scene.dice.days(5, 35));
            scene.tell_of(household, Some(event), told, &WorkInjury { degree: disabling.then_some(4) });
        }
        6 => {
            let told = Told::person(number, day, scene.dice.days(1, 6));
            scene.tell_of(household, Some(event), told, &EmergencyCasualty { kind: "fire", outcome });
        }
        _ => {}
    }
    let total_fen = scene.dice.skewed(if disabling { 4_000_000 } else { 900_000 }, 0.8);
    let left = day.plus(scene.dice.days(4, 25));
    let bill = Bill { day: left, total_fen, visit_type: "inpatient", cause: Some(Cause::Accident), event: Some(event) };
    let paid = settle(scene, household, at, &bill);
    if disabling {
        disable(scene, household, at, event, day);
    }
    report_by_people(scene, household, event, if disabling { 350_000 } else { 80_000 }, (day, paid));
}

/// The person will not work again.
fn disable(scene: &mut Scene<'_>, household: &mut Household, at: usize, event: usize, day: Day) {
    let member = &mut household.members[at];
    let number = member.number;
    member.labour = Labour::None;
    member.disability = 2;
    if let Some(job) = member.job.take() {
        let year = job.wage_fen * 12;
        let left = if job.lost.is_some() { year - lost_wage_fen(year, LOST_SHARE_PPM) } else { year };
        Scene::later(household, day, Effect::Income(-left), Some(event));
    }
    let certified = Told::person(number, day.plus(scene.dice.days(60, 120)), scene.dice.days(2, 20));
    scene.tell_of(household, Some(event), certified, &DisabilityCertified { category: "limbs", grade: 2 });
    if scene.dice.chance(300_000) {
        let assessed = Told::person(number, day.plus(scene.dice.days(30, 90)), scene.dice.days(2, 20));
        scene.tell_of(household, Some(event), assessed, &LabourAssessed { capacity: "none" });
    }
}
