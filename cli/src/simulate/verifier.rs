//! The village's verifiers (domain section 8.7): who is asked for a visit is visited some working days later, helped where
//! need is confirmed, and visited again. They see the latent account, within a tenth, and are mistaken three times in a
//! hundred; what they do never changes it. They know no policy: only that somebody asks for a visit, and when a case is
//! closed.

use std::collections::{BTreeMap, BTreeSet};

use schemas::records::{Warning, WarningKind};
use schemas::{Cause, Day, HouseholdCode};

use super::account::WINDOW_DAYS;
use super::dice::{Dice, Purpose};
use super::events::{AssistanceMeasure, FollowUpVisit, VerificationResult};
use super::income::unreported_fen;
use super::population::Household;
use super::scene::{Scene, Told};

/// How far off the verifiers' figures are, in percent on either side.
const OFF_PERCENT: i64 = 10;
/// Verdicts that are wrong, in millionths.
const WRONG_PPM: u32 = 30_000;
/// Visits that are made within the five working days that an office has for them, and those within 12, in thousandths;
/// the others take up to 30.
const VISITED_WITHIN_5_AND_12: [u32; 3] = [930, 50, 20];
/// Confirmed households that are helped within 20 days, within 30, within 60 and never, in thousandths.
const HELPED_WITHIN_20_30_60: [u32; 4] = [700, 220, 60, 20];
/// Follow-up visits that come within the 90 days that an office has for them, and later ones, in thousandths.
const FOLLOWED_WITHIN_90: [u32; 2] = [930, 70];
/// By how much a head it must be worse than at the last visit to be called so, in fen.
const WORSE_FEN: i64 = 100_000;

/// What somebody has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Errand {
    /// The visit that was asked for.
    Verify,
    /// The first measure of help.
    Help,
    /// One of the visits that follow.
    FollowUp,
}

/// Who is to be visited when, and who is helped.
#[derive(Clone, Debug, Default)]
pub(super) struct Verifier {
    due: BTreeSet<(Day, HouseholdCode, Errand)>,
    asked: BTreeSet<HouseholdCode>,
    /// The households in need, as the verifiers found.
    confirmed: BTreeMap<HouseholdCode, Found>,
}

/// What verifiers know of a household in need.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// What it had a head at the last visit, in fen.
    last_fen: i64,
    /// The day on which it is to be helped; none where it is not, or was.
    help: Option<Day>,
    /// The day of the next visit.
    follow_up: Day,
}

impl Verifier {
    /// Takes what was said until the end of a day. The order of the warnings does not matter: whoever is asked for has one
    /// visit, however often it is asked for before it is made.
    pub(super) fn hear(&mut self, seed: u64, day: Day, warnings: &[Warning]) {
        for closed in warnings.iter().filter(|warning| warning.kind == WarningKind::Closed) {
            self.confirmed.remove(&closed.household);
        }
        for household in warnings.iter().filter(|warning| warning.asks_visit).flat_map(asked) {
            if self.asked.insert(household) {
                let mut dice = Dice::new(seed, Purpose::Asked, household.number(), day.0);
                let working_days = match dice.weighted(&VISITED_WITHIN_5_AND_12) {
                    0 => dice.days(1, 5),
                    1 => dice.days(6, 12),
                    _ => dice.days(13, 30),
                };
                self.due.insert((after_working_days(day, working_days), household, Errand::Verify));
            }
        }
    }

    /// The next errand that is due by a day.
    pub(super) fn next(&mut self, day: Day) -> Option<(HouseholdCode, Errand)> {
        let (_, household, errand) = self.due.first().copied().filter(|(due, ..)| *due <= day)?;
        self.due.pop_first();
        Some((household, errand))
    }

    /// Does an errand on a day, and tells the feeds of it. Where nobody lives any longer there is nobody to speak to.
    pub(super) fn run(&mut self, scene: &mut Scene<'_>, household: &mut Household, errand: Errand, day: Day) {
        let code = household.code;
        if errand == Errand::Verify {
            self.asked.remove(&code);
        }
        if household.account.as_of(day).members <= 0 {
            self.confirmed.remove(&code);
            return;
        }
        // An errand that was given before the case was closed, and another one confirmed since, is nobody's any more.
        let found = self.confirmed.get(&code).copied();
        match errand {
            Errand::Verify => self.verify(scene, household, day),
            Errand::Help if found.is_some_and(|found| found.help == Some(day)) => help(scene, household, day),
            Errand::FollowUp => {
                if let Some(found) = found.filter(|found| found.follow_up == day) {
                    self.follow_up(scene, household, found, day);
                }
            }
            Errand::Help => {}
        }
    }

    fn verify(&mut self, scene: &mut Scene<'_>, household: &mut Household, day: Day) {
        let (code, seen) = (household.code, household.account.as_of(day));
        let found_fen = scene.dice.around(seen.true_pc_fen, OFF_PERCENT);
        let is_poor = found_fen < scene.line_fen || seen.is_unsafe;
        let is_confirmed = is_poor ^ scene.dice.chance(WRONG_PPM);
        let body = VerificationResult {
            verdict: if is_confirmed { "confirmed" } else { "dismissed" },
            cause: is_confirmed.then(|| cause(household, day)),
            members: Some(seen.members as i32),
            unreported_income_fen: Some(scene.dice.around(unreported_fen(household).max(0), OFF_PERCENT)),
        };
        let after = scene.dice.days(0, 1);
        scene.tell(household, Told::household(day, after), &body);
        if !is_confirmed {
            self.confirmed.remove(&code);
            return;
        }
        let days = match scene.dice.weighted(&HELPED_WITHIN_20_30_60) {
            0 => Some(scene.dice.days(3, 20)),
            1 => Some(scene.dice.days(21, 30)),
            2 => Some(scene.dice.days(31, 60)),
            _ => None,
        };
        let help = days.map(|days| day.plus(days));
        self.due.extend(help.map(|help| (help, code, Errand::Help)));
        self.come_again(scene, code, Found { last_fen: found_fen, help, follow_up: day });
    }

    fn follow_up(&mut self, scene: &mut Scene<'_>, household: &mut Household, before: Found, day: Day) {
        let seen = household.account.as_of(day);
        let found_fen = scene.dice.around(seen.true_pc_fen, OFF_PERCENT);
        let result = match (found_fen < scene.line_fen || seen.is_unsafe, before.last_fen - found_fen >= WORSE_FEN) {
            (false, _) => "stable",
            (true, false) => "at_risk",
            (true, true) => "worse",
        };
        let after = scene.dice.days(0, 2);
        scene.tell(household, Told::household(day, after), &FollowUpVisit { result });
        self.come_again(scene, household.code, Found { last_fen: found_fen, ..before });
    }

    /// Settles when the next visit is, counted from the one of `found.follow_up`.
    fn come_again(&mut self, scene: &mut Scene<'_>, household: HouseholdCode, found: Found) {
        let days = match scene.dice.weighted(&FOLLOWED_WITHIN_90) {
            0 => scene.dice.days(76, 88),
            _ => scene.dice.days(91, 110),
        };
        let follow_up = found.follow_up.plus(days);
        self.confirmed.insert(household, Found { follow_up, ..found });
        self.due.insert((follow_up, household, Errand::FollowUp));
    }
}

/// Whom a warning asks to visit: its household, or in a village those whose warnings are attached.
fn asked(warning: &Warning) -> Vec<HouseholdCode> {
    if warning.attached.is_empty() { vec![warning.household] } else { warning.attached.clone() }
}

fn help(scene: &mut Scene<'_>, household: &mut Household, day: Day) {
    let measure = scene.dice.pick(&["training", "seedlings", "post", "labour_transfer", "medical_aid"]);
    let body = AssistanceMeasure { measure, cause: Some(cause(household, day)) };
    let after = scene.dice.days(0, 2);
    scene.tell(household, Told::household(day, after), &body);
}

/// The stream of an errand.
pub(super) fn dice(seed: u64, household: HouseholdCode, errand: Errand, day: Day) -> Dice {
    Dice::new(seed, Purpose::Verifier, household.number(), day.0 * 4 + errand as i32)
}

/// The cause that the verifiers find: that of the last shock of the 12 months before, else of what befell the household
/// last in them.
fn cause(household: &Household, day: Day) -> Cause {
    let lately = |when: Day| (day.plus(-WINDOW_DAYS)..=day).contains(&when);
    let shocks = household.events.iter().filter_map(|event| event.onset.map(|onset| (onset, event)));
    let shock = shocks.filter(|(onset, _)| lately(*onset)).max_by_key(|(onset, _)| *onset);
    let event = || household.events.iter().filter(|event| lately(event.day)).max_by_key(|event| event.day);
    let found = shock.map(|(_, event)| event).or_else(event);
    found.and_then(|event| event.causes.first().copied()).unwrap_or(Cause::Other)
}

/// The day that lies so many working days after another one. Weekends are free; public holidays are the same to everybody
/// here and left out.
fn after_working_days(day: Day, count: i32) -> Day {
    let mut found = day;
    for _ in 0..count {
        found = found.plus(1);
        while is_weekend(found) {
            found = found.plus(1);
        }
    }
    found
}

/// 1970-01-01 was a Thursday.
fn is_weekend(day: Day) -> bool {
    matches!((day.0 + 3).rem_euclid(7), 5 | 6)
}
