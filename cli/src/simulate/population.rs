//! Who lives in the city: households, their members, what they live on. Drawn to published figures of rural China,
//! never tuned to a policy. It does not know what happens to them, nor which feed shows what.
//!
//! Sources: household sizes and ages after the Seventh National Census (2020: 19% of the rural population under 15,
//! 24% of 60 and more), sizes scaled to the 3.36 persons of a registered household in Chenzhou (4.7 million in 1.4
//! million households); disability after the Second National Survey (2006: 6.34%); chronic illness after the Sixth
//! National Health Services Survey (2018: 34% of those of 15 and more), of whom a third are in a scheme for chronic
//! outpatients; insurance after the bulletin of the National Healthcare Security Administration (2023: above 95%).
//! Incomes: see `income`. `tests/published` compares a year of the city with them.

use schemas::id::CitizenNumber;
use schemas::{Class, Day, HouseholdCode, Month};

use super::account::{Account, Exogenous};
use super::dice::Dice;
use super::places;

/// Households of 1 to 7 members, in thousandths.
const SIZES: [u32; 7] = [100, 210, 240, 220, 140, 70, 20];

/// A person's relation to the head of the household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The head.
    Head,
    /// The head's spouse.
    Spouse,
    /// A child.
    Child,
    /// A parent.
    Parent,
    /// A grandchild.
    Grandchild,
}

impl Relation {
    /// The word of the schema.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Spouse => "spouse",
            Self::Child => "child",
            Self::Parent => "parent",
            Self::Grandchild => "grandchild",
        }
    }
}

/// What a person can still do for a living.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Labour {
    /// Able to work.
    Full,
    /// Not able: too young, too old, disabled.
    None,
}

/// A job for a wage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// The wage of a month, in fen.
    pub(crate) wage_fen: i64,
    /// Whether the human-resources feed sees it.
    pub(crate) seen: bool,
    /// Since when it is lost.
    pub(crate) lost: Option<Day>,
}

/// A member of a household.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The citizen number.
    pub(crate) number: CitizenNumber,
    /// The relation to the head.
    pub(crate) relation: Relation,
    /// The capacity to work.
    pub(crate) labour: Labour,
    /// The job, if any.
    pub(crate) job: Option<Job>,
    /// The pension of a month, in fen; 0 for none.
    pub(crate) pension_fen: i64,
    /// The subsidy of a month for a disability, in fen; 0 for none.
    pub(crate) disability_fen: i64,
    /// What chronic care costs the person out of pocket in a month, in fen; 0 for none.
    pub(crate) chronic_fen: i64,
    /// The event with which chronic care began, where that was in this run.
    pub(crate) chronic_event: Option<usize>,
    /// Disability: its grade, 0 for none.
    pub(crate) disability: u8,
    /// Whether insured against illness.
    pub(crate) insured: bool,
    /// Whether the person goes to a vocational school or a university after 15.
    pub(crate) studies: bool,
}

impl Member {
    /// The age on a day, in years.
    pub(crate) fn age(&self, day: Day) -> i32 {
        (day.0 - self.number.birth_day().0) * 4 / 1461
    }

    /// What the person can be expected to bring in a year, in fen: wage, pension and subsidy. A lost job counts with what is
    /// expected of it still.
    pub(crate) fn brings_fen(&self, lost_share_ppm: i64) -> i64 {
        let wage = self.job.map_or(0, |job| {
            let year = job.wage_fen * 12;
            if job.lost.is_some() { year - lost_wage_fen(year, lost_share_ppm) } else { year }
        });
        wage + (self.pension_fen + self.disability_fen) * 12
    }
}

/// A farm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Farm {
    /// The place of its crop in [`CROPS`].
    pub(crate) crop: usize,
    /// Sales of a year, in fen.
    pub(crate) gross_fen: i64,
    /// Costs of a year, in fen.
    pub(crate) cost_fen: i64,
    /// Whether the agriculture feed sees its sales and costs.
    pub(crate) seen: bool,
    /// The day of a loss, and what it takes from the 12 months after it, in fen.
    pub(crate) lost: Option<(Day, i64)>,
}

/// A crop: its code, the price of a kilogram in fen, the months of sale with their share in percent.
pub(crate) struct Crop {
    /// Its code.
    pub(crate) code: &'static str,
    /// The price, in fen a kilogram.
    pub(crate) price_fen: i64,
    /// Months of sale and their shares.
    pub(crate) sales: &'static [(u8, i64)],
}

/// The crops of southern Hunan.
pub(crate) const CROPS: [Crop; 6] = [
    Crop { code: "rice", price_fen: 270, sales: &[(8, 35), (10, 40), (11, 25)] },
    Crop { code: "tobacco", price_fen: 3_200, sales: &[(8, 40), (9, 40), (10, 20)] },
    Crop { code: "orange", price_fen: 420, sales: &[(11, 40), (12, 40), (1, 20)] },
    Crop { code: "pig", price_fen: 1_600, sales: &[(1, 30), (4, 20), (7, 20), (12, 30)] },
    Crop { code: "tea_oil", price_fen: 6_500, sales: &[(11, 60), (12, 40)] },
    Crop { code: "vegetable", price_fen: 320, sales: &[(3, 25), (5, 25), (7, 25), (10, 25)] },
];

/// A person in a household: from one day until before another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay {
    /// Who.
    pub(crate) person: CitizenNumber,
    /// The first day.
    pub(crate) from: Day,
    /// The first day on which the person is there no more; none while it is.
    pub(crate) until: Option<Day>,
}

/// A household.
#[derive(Clone, Debug)]
pub(crate) struct Household {
    /// Its place in the city, or that of the household from which it split off.
    pub(crate) index: u32,
    /// Which of those that split off it is, from 1; 0 for one that was there from the beginning.
    pub(crate) branch: u32,
    /// How many split off from it.
    pub(crate) branches: u32,
    /// Its code.
    pub(crate) code: HouseholdCode,
    /// Its members.
    pub(crate) members: Vec<Member>,
    /// The slots of citizen numbers that are left for those who are born or come.
    pub(crate) slots: std::ops::Range<u32>,
    /// Who left for nowhere and may come back.
    pub(crate) away: Vec<Member>,
    /// Who lived in it, and when.
    pub(crate) stays: Vec<Stay>,
    /// The day on which it moved into another household, and that one's code.
    pub(crate) merged_into: Option<(Day, HouseholdCode)>,
    /// The month in which it took another household in.
    pub(crate) took_in: Option<Month>,
    /// Its classes, in the order of [`Class::ALL`].
    pub(crate) classes: Vec<Class>,
    /// Its farm.
    pub(crate) farm: Option<Farm>,
    /// What it earns in a year that no feed sees: odd jobs, money from kin, in fen.
    pub(crate) odd_fen: i64,
    /// The dividend of a year, in fen.
    pub(crate) dividend_fen: i64,
    /// Subsidies of a year, in fen.
    pub(crate) subsidy_fen: i64,
    /// The wage of a public-welfare post for a month, in fen; 0 for none.
    pub(crate) post_fen: i64,
    /// Subsistence allowance of a month, in fen.
    pub(crate) dibao_fen: i64,
    /// Support of the destitute for a month, in fen.
    pub(crate) tekun_fen: i64,
    /// Whether it has an insurance that pays claims after illness and accident.
    pub(crate) covered: bool,
    /// The month of its yearly survey; none where nobody surveys it.
    pub(crate) survey_month: Option<u8>,
    /// Since when it is registered.
    pub(crate) registered: Day,
    /// The latent account.
    pub(crate) account: Account,
    /// The exogenous events that befell it.
    pub(crate) events: Vec<Exogenous>,
    /// What will happen to its account, by and by.
    pub(crate) future: Vec<super::account::Change>,
    /// The yearly surveys that came in: the day of the survey, the day on which it came.
    pub(crate) surveys: Vec<(Day, Day)>,
    /// Income a head at the ends of months, in fen.
    pub(crate) month_ends: Vec<i64>,
    /// The number of its next event.
    pub(crate) next_event: u32,
}

impl Household {
    /// A household in which nobody lives yet, and which has nothing.
    pub(crate) fn empty(index: u32, branch: u32, registered: Day) -> Self {
        Self {
            index,
            branch,
            branches: 0,
            code: places::household_code(index, branch),
            members: Vec::new(),
            slots: 0..places::MEMBERS_MAX,
            away: Vec::new(),
            stays: Vec::new(),
            merged_into: None,
            took_in: None,
            classes: Vec::new(),
            farm: None,
            odd_fen: 0,
            dividend_fen: 0,
            subsidy_fen: 0,
            post_fen: 0,
            dibao_fen: 0,
            tekun_fen: 0,
            covered: false,
            survey_month: None,
            registered,
            account: Account::default(),
            events: Vec::new(),
            future: Vec::new(),
            surveys: Vec::new(),
            month_ends: Vec::new(),
            next_event: 0,
        }
    }

    /// A number for somebody who is born or comes from nowhere, born in a year; none where all are given away.
    pub(crate) fn new_number(&mut self, birth_year: i32) -> Option<CitizenNumber> {
        let slot = self.slots.next()?;
        Some(places::citizen_number(self.index, slot, birth_year))
    }

    /// Since when a person lives in it; none where the person does not.
    pub(crate) fn lives_since(&self, person: CitizenNumber) -> Option<Day> {
        let stay = self.stays.iter().rev().find(|stay| stay.person == person)?;
        stay.until.is_none().then_some(stay.from)
    }

    /// Takes somebody in from a day on.
    pub(crate) fn take_in(&mut self, member: Member, day: Day) {
        self.stays.push(Stay { person: member.number, from: day, until: None });
        self.members.push(member);
    }

    /// Takes out the member at a place, who is there no more from a day on.
    pub(crate) fn take_out(&mut self, at: usize, day: Day) -> Member {
        let member = self.members.remove(at);
        let here = self.stays.iter_mut().rev().find(|stay| stay.person == member.number);
        if let Some(stay) = here {
            stay.until = Some(day);
        }
        member
    }

    /// Applies the changes of the account up to a day, in the order of their days.
    pub(crate) fn book(&mut self, until: Day, line_fen: i64) {
        let mut future = std::mem::take(&mut self.future);
        future.sort_by_key(|change| change.day);
        let due = future.partition_point(|change| change.day <= until);
        for change in &future[..due] {
            self.account.apply(change, &mut self.events, line_fen);
        }
        self.account.expire(until, line_fen);
        future.drain(..due);
        self.future = future;
    }

    /// Whether it belongs to a listed class.
    pub(crate) fn is_listed(&self) -> bool {
        self.classes.iter().any(|class| class.is_listed())
    }

    /// Whether it belongs to a class.
    pub(crate) fn is(&self, class: Class) -> bool {
        self.classes.contains(&class)
    }

    /// What a month of the post, the pensions and the standing aids brings, times 12, plus wages, farm, subsidies,
    /// dividend and what nobody sees: the income expected for 12 months by its parts, in fen. Lost jobs count with
    /// what is expected of them still (`expected_fen` of the account moves by the same amounts).
    pub(crate) fn expected_parts_fen(&self, lost_share_ppm: i64) -> i64 {
        let earned: i64 = self.members.iter().map(|member| member.brings_fen(lost_share_ppm)).sum();
        let farm = self.farm.map_or(0, |farm| farm.gross_fen - farm.cost_fen - farm.lost.map_or(0, |(_, fen)| fen));
        earned
            + farm
            + self.odd_fen
            + self.dividend_fen
            + self.subsidy_fen
            + 12 * (self.post_fen + self.dibao_fen + self.tekun_fen)
    }
}

/// What of a year's wage is not to be expected any more after a job was lost.
pub(crate) const fn lost_wage_fen(year_fen: i64, lost_share_ppm: i64) -> i64 {
    year_fen / 1_000 * lost_share_ppm / 1_000
}

/// Draws the members of a household.
pub(crate) fn people(index: u32, start: Day, dice: &mut Dice) -> Vec<Member> {
    let size = dice.weighted(&SIZES) + 1;
    let head_age = match size {
        1 => dice.days(30, 86),
        2 => dice.days(44, 84),
        _ => dice.days(27, 67),
    };
    let mut ages = vec![(Relation::Head, head_age)];
    let single_parent = size > 1 && dice.chance(120_000);
    if size > 1 && !single_parent {
        ages.push((Relation::Spouse, (head_age + dice.days(-5, 3)).max(22)));
    }
    while ages.len() < size {
        ages.push(further(&ages, head_age, dice));
    }
    let born = start.month().year();
    ages.iter()
        .enumerate()
        .map(|(slot, (relation, age))| {
            let number = places::citizen_number(index, slot as u32, born - 1 - age);
            person(number, *relation, *age, dice)
        })
        .collect()
}

/// One more member: children first, then the parents of the head, then grandchildren.
fn further(there: &[(Relation, i32)], head_age: i32, dice: &mut Dice) -> (Relation, i32) {
    let count = |relation| there.iter().filter(|(other, _)| *other == relation).count();
    if head_age <= 62 && count(Relation::Parent) < 2 && count(Relation::Child) > 0 && dice.chance(480_000) {
        return (Relation::Parent, (head_age + dice.days(21, 30)).min(95));
    }
    if head_age >= 50 && count(Relation::Child) > 0 && dice.chance(900_000) {
        return (Relation::Grandchild, dice.days(0, (head_age - 44).clamp(1, 14)));
    }
    (Relation::Child, (head_age - dice.days(21, 32)).max(0))
}

/// A person of an age, without a job yet.
pub(crate) fn person(number: CitizenNumber, relation: Relation, age: i32, dice: &mut Dice) -> Member {
    // Disability rises with age.
    let disabled = dice.chance(if age < 60 { 42_000 } else { 130_000 });
    let disability = if disabled { dice.days(1, 4) as u8 } else { 0 };
    let able = (16..=64).contains(&age) && !matches!(disability, 1 | 2);
    let chronic_ppm = match age {
        ..15 => 3_000,
        15..45 => 40_000,
        45..60 => 120_000,
        _ => 250_000,
    };
    let chronic = dice.chance(chronic_ppm);
    Member {
        number,
        relation,
        labour: if able { Labour::Full } else { Labour::None },
        job: None,
        pension_fen: 0,
        disability_fen: 0,
        chronic_fen: if chronic { dice.skewed(11_000, 0.6) } else { 0 },
        chronic_event: None,
        disability,
        insured: dice.chance(968_000),
        studies: dice.chance(640_000),
    }
}
