//! Schooling: tuition by term, aid to students, children who stay away. Costs are usual ones of the countryside:
//! preschool 2,500 yuan a term, compulsory school 250, senior 2,200, vocational 1,500, university 6,000 a year.

use schemas::Cause;

use crate::simulate::account::{Effect, Safeguard};
use crate::simulate::events::{DropoutSuspected, StudentAid, TuitionCharged};
use crate::simulate::population::Household;
use crate::simulate::scene::{Scene, Told};

/// Children of compulsory school age who drop out, in millionths of a month: 95.7% stay through the nine years
/// (Ministry of Education, 2023).
const DROPOUT_PPM: u32 = 400;

/// The stage at an age and what a term costs, in fen; none for those who are not at school.
fn stage(age: i32, studies: bool) -> Option<(&'static str, i64)> {
    match (age, studies) {
        (3..=5, _) => Some(("preschool", 250_000)),
        (6..=11, _) => Some(("primary", 25_000)),
        (12..=14, _) => Some(("junior", 25_000)),
        (15..=17, true) => Some(("senior", 220_000)),
        (15..=17, false) => Some(("vocational", 150_000)),
        (18..=21, true) => Some(("higher", 300_000)),
        _ => None,
    }
}

/// Schooling of a month.
pub(super) fn month(scene: &mut Scene<'_>, household: &mut Household) {
    let number = scene.month.number();
    for at in 0..household.members.len() {
        let member = &household.members[at];
        let (person, studies) = (member.number, member.studies);
        let age = member.age(scene.month.first_day());
        if let Some((stage, term_fen)) = stage(age, studies).filter(|_| matches!(number, 3 | 9)) {
            let year = scene.month.year() - i32::from(number == 3);
            let day = scene.day(1).plus(scene.dice.days(0, 12));
            let amount_fen = scene.dice.around(term_fen, 25);
            let begins = (number == 9 && age == 18 && studies)
                .then(|| Scene::befall(household, "university", &[Cause::Schooling], day));
            Scene::later_of(household, person, day, Effect::Spend(amount_fen), begins);
            let told = Told::person(person, day, scene.dice.days(2, 25)).with_paper();
            scene.tell_of(household, begins, told, &TuitionCharged { amount_fen, stage, school_year: year });
        }
        if matches!(number, 4 | 10) && household.is_listed() && (6..=21).contains(&age) && scene.dice.chance(700_000) {
            let year = scene.month.year() - i32::from(number == 4);
            let amount_fen = if age >= 15 { 150_000 } else { 50_000 };
            let day = scene.some_day();
            Scene::later_of(household, person, day, Effect::Compensate(amount_fen), None);
            let told = Told::person(person, day, scene.dice.days(2, 20));
            scene.tell(household, told, &StudentAid { amount_fen, school_year: year });
        }
        if (7..=14).contains(&age) && scene.dice.chance(DROPOUT_PPM) {
            drop_out(scene, household, at);
        }
    }
}

fn drop_out(scene: &mut Scene<'_>, household: &mut Household, at: usize) {
    let day = scene.some_day();
    let event = Scene::befall(household, "dropout", &[Cause::Schooling], day);
    Scene::later(household, day, Effect::Lose(Safeguard::School), Some(event));
    Scene::later(household, day.plus(scene.dice.days(40, 200)), Effect::Restore(Safeguard::School), None);
    let absent_days = scene.dice.days(5, 30);
    let told = Told::person(household.members[at].number, day.plus(absent_days), scene.dice.days(1, 10));
    scene.tell_of(household, Some(event), told, &DropoutSuspected { absent_days });
}
