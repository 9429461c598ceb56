//! What the households live on: incomes drawn to the published quintiles, and shared out to wages, farm, pensions,
//! aids and what nobody sees. It does not know how incomes change later.
//!
//! Source: National Bureau of Statistics, rural disposable income a head in 2023 by quintile: 5,264, 12,864, 18,479,
//! 25,981 and 50,136 yuan. Within the first four it is drawn evenly between bounds that give exactly these means;
//! in the last the part above the bound falls off exponentially. By source (2023): wages 42%, own business 34%,
//! property 2%, transfers 21%. Resident pension of the countryside: about 200 yuan a month (2023).

use schemas::{Class, Day};

use super::dice::{Dice, Purpose};
use super::population::{CROPS, Farm, Household, Job, Labour, Member, people};

/// Mean income a head by quintile, in yuan.
pub(crate) const QUINTILE_MEANS: [i64; 5] = [5_264, 12_864, 18_479, 25_981, 50_136];
/// Upper bound of the first quintile, in yuan: what makes the bounds of the others lie between their means.
const FIRST_BOUND: i64 = 9_330;
/// The subsidy of a month for a grave disability in a family with subsistence allowance, in fen.
const DISABILITY_FEN: i64 = 9_000;

/// An income a head drawn from the distribution, in fen, with its quintile (0 is the poorest).
pub(crate) fn income_per_head(dice: &mut Dice) -> (usize, i64) {
    let quintile = dice.below(5) as usize;
    let mut low = 2 * QUINTILE_MEANS[0] - FIRST_BOUND;
    for mean in &QUINTILE_MEANS[..quintile] {
        low = 2 * mean - low;
    }
    let mean = QUINTILE_MEANS[quintile];
    let fen = if quintile == 4 {
        low * 100 + (-(1.0 - dice.unit()).ln() * ((mean - low) * 100) as f64) as i64
    } else {
        low * 100 + dice.below(((mean - low) * 200) as u64) as i64
    };
    (quintile, fen)
}

/// Draws a household.
pub(crate) fn household(seed: u64, index: u32, start: Day, line_fen: i64) -> Household {
    let mut dice = Dice::new(seed, Purpose::Population, u64::from(index), 0);
    let members = people(index, start, &mut dice);
    let (quintile, per_head_fen) = income_per_head(&mut dice);
    let mut household = Household::empty(index, 0, start.plus(-1));
    household.survey_month = Some(dice.days(9, 11) as u8);
    household.slots.start = members.len() as u32;
    for member in members {
        household.take_in(member, start.plus(-1));
    }
    household.classes = classes(&household.members, quintile, start, &mut dice);
    household.covered = dice.chance(if household.is_listed() { 450_000 } else { 80_000 });
    endow(&mut household, per_head_fen, start, &mut dice);
    let expected = household.expected_parts_fen(0);
    household.account =
        super::account::Account::open(expected, household.members.len() as i64, start.plus(-1), line_fen);
    household
}

/// Classes by quintile, so that 5 to 8% of the households are listed; a few of them live well by now.
fn classes(members: &[Member], quintile: usize, start: Day, dice: &mut Dice) -> Vec<Class> {
    let mut classes = Vec::new();
    let delisted_ppm = [90_000, 70_000, 40_000, 12_000, 4_000][quintile];
    if dice.chance(delisted_ppm) {
        let unstable = quintile == 0 && dice.chance(250_000);
        classes.push(if unstable { Class::DelistedUnstable } else { Class::Delisted });
    }
    if quintile == 0 {
        let elder = members.iter().all(|member| member.age(start) >= 65);
        if elder && dice.chance(110_000) {
            classes.push(Class::Tekun);
        } else if dice.chance(80_000) {
            classes.push(Class::Dibao);
        } else if classes.is_empty() && dice.chance(30_000) {
            classes.push(if dice.chance(800_000) { Class::Marginal } else { Class::SuddenHardship });
        }
    }
    classes.sort_unstable();
    classes
}

/// Shares an income out to its sources.
fn endow(household: &mut Household, per_head_fen: i64, start: Day, dice: &mut Dice) {
    let target = per_head_fen * household.members.len() as i64;
    for member in &mut household.members {
        if member.age(start) >= 60 {
            let employee = dice.chance(60_000) && target > 4_000_000;
            member.pension_fen = if employee { dice.between(180_000, 320_000) } else { dice.between(17_000, 26_000) };
        }
    }
    let persons = household.members.len() as i64;
    if household.is(Class::Dibao) {
        household.dibao_fen = dice.between(25_000, 47_000) * persons.min(2);
        for member in household.members.iter_mut().filter(|member| matches!(member.disability, 1 | 2)) {
            member.disability_fen = DISABILITY_FEN;
        }
    }
    if household.is(Class::Tekun) {
        household.tekun_fen = dice.between(60_000, 80_000);
    }
    if household.is_listed() {
        household.dividend_fen = if dice.chance(600_000) { dice.between(20_000, 150_000) } else { 0 };
        household.post_fen = if dice.chance(120_000) { dice.between(30_000, 80_000) } else { 0 };
    } else if dice.chance(150_000) {
        household.dividend_fen = dice.between(5_000, 60_000);
    }
    let farms = dice.chance(720_000);
    household.subsidy_fen = if farms { dice.between(25_000, 90_000) } else { 0 };
    let left = (target - household.expected_parts_fen(0)).max(0);
    let wages = wages(household, left, start, dice);
    let rest = left - wages;
    if farms {
        farm(household, rest * dice.between(35, 75) / 100, dice);
    }
    let farmed = household.farm.map_or(0, |farm| farm.gross_fen - farm.cost_fen);
    household.odd_fen = rest - farmed;
}

/// Gives members jobs; what they bring in a year, in fen.
fn wages(household: &mut Household, left_fen: i64, start: Day, dice: &mut Dice) -> i64 {
    let able = |member: &Member| {
        let age = member.age(start);
        member.labour == Labour::Full && age < 60 && (age >= 22 || age >= 16 && !member.studies)
    };
    let workers = household.members.iter().filter(|member| able(member)).count();
    let wanted = left_fen * dice.between(32, 66) / 100;
    // Under 500 yuan a month nobody calls it a job.
    if workers == 0 || wanted < 600_000 {
        return 0;
    }
    let jobs = (wanted / 4_800_000 + 1).clamp(1, workers as i64);
    let wage_fen = (wanted / jobs / 12).min(1_200_000);
    let mut given = 0;
    for member in household.members.iter_mut().filter(|member| able(member)).take(jobs as usize) {
        member.job = Some(Job { wage_fen, seen: dice.chance(650_000), lost: None });
        given += wage_fen * 12;
    }
    given
}

fn farm(household: &mut Household, net_fen: i64, dice: &mut Dice) {
    let gross_fen = net_fen * 100 / dice.between(50, 65);
    household.farm = Some(Farm {
        crop: dice.below(CROPS.len() as u64) as usize,
        gross_fen,
        cost_fen: gross_fen - net_fen,
        seen: dice.chance(650_000),
        lost: None,
    });
}

/// What a year brings that no feed reports, in fen: what the survey asks for.
pub(crate) fn unreported_fen(household: &Household) -> i64 {
    let jobs = household.members.iter().filter_map(|member| member.job);
    let wages: i64 = jobs.filter(|job| !job.seen && job.lost.is_none()).map(|job| job.wage_fen * 12).sum();
    let unseen = household.farm.filter(|farm| !farm.seen);
    let farm = unseen.map_or(0, |farm| farm.gross_fen - farm.cost_fen - farm.lost.map_or(0, |(_, fen)| fen));
    wages + farm.max(0) + household.odd_fen
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSEHOLDS: u32 = 20_000;

    fn city() -> Vec<Household> {
        let start = Day::parse("2025-01-01").expect("a day");
        (0..HOUSEHOLDS).map(|index| household(11, index, start, 870_000)).collect()
    }

    #[test]
    fn incomes_a_head_have_the_published_means() {
        let mut dice = Dice::new(3, Purpose::Population, 0, 0);
        let mut sums = [(0_i64, 0_i64); 5];
        for _ in 0..400_000 {
            let (quintile, fen) = income_per_head(&mut dice);
            sums[quintile] = (sums[quintile].0 + fen, sums[quintile].1 + 1);
        }
        for ((sum, count), mean) in sums.into_iter().zip(QUINTILE_MEANS) {
            let found = sum / count / 100;
            assert!((found - mean).abs() * 50 < mean, "{found} for {mean}");
        }
    }

    #[test]
    fn the_population_is_that_of_the_countryside() {
        let start = Day::parse("2025-01-01").expect("a day");
        let city = city();
        let persons: usize = city.iter().map(|household| household.members.len()).sum();
        let percent = |count: usize| count * 100 / persons;
        let ages = |from: i32, to: i32| {
            let members = city.iter().flat_map(|household| &household.members);
            percent(members.filter(|member| (from..to).contains(&member.age(start))).count())
        };
        let listed = city.iter().filter(|household| household.is_listed()).count();
        for (what, found, low, high) in [
            ("members of 100 households", persons * 100 / city.len(), 320, 350),
            ("percent under 15", ages(0, 15), 14, 25),
            ("percent of 60 and more", ages(60, 130), 18, 30),
            ("listed in 1,000", listed * 1_000 / city.len(), 50, 80),
        ] {
            assert!((low..=high).contains(&found), "{what}: {found}");
        }
    }

    #[test]
    fn wages_and_farms_have_about_their_published_shares() {
        let city = city();
        let total: i64 = city.iter().map(|household| household.expected_parts_fen(0)).sum();
        let wages: i64 = city
            .iter()
            .flat_map(|household| &household.members)
            .filter_map(|m| m.job)
            .map(|job| job.wage_fen * 12)
            .sum();
        let farms: i64 = city.iter().filter_map(|household| household.farm).map(|f| f.gross_fen - f.cost_fen).sum();
        assert!((33..=55).contains(&(wages * 100 / total)), "wages {}", wages * 100 / total);
        assert!((12..=40).contains(&(farms * 100 / total)), "farms {}", farms * 100 / total);
    }

    #[test]
    fn the_account_of_a_household_is_the_sum_of_its_parts() {
        for household in city().iter().take(500) {
            assert_eq!(household.account.expected_fen(), household.expected_parts_fen(0));
        }
    }
}
