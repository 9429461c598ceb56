//! Random histories: a village of persons and households in which everything happens that a ledger must take, in any
//! order. The same seed gives the same history. It does not know what must come of it.

mod stories;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use schemas::{Day, Op};

use crate::history::{House, Line, Person, Said, Step, Who};

/// Persons of a history: `p1` to `p12`, and two who may come.
const PERSONS: u64 = 14;
/// Households that are registered from the start.
const HOUSES: usize = 5;
/// The first day on which something but an amount occurs; nothing else leaves the horizon before the end.
const FIRST_DAY: &str = "2023-06-01";
/// Days from then to the first close.
const BEFORE_CLOSE_DAYS: u64 = 480;
/// Days over which closes are spread: below the time for which anything waits.
const CLOSES_DAYS: u64 = 24;
/// The same where some have waited too long; the first day is still within the horizon at their end.
const LONG_CLOSES_DAYS: u64 = 230;

/// Draws.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// Whether something comes true that does so in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// A history in the making.
struct Maker {
    dice: Dice,
    /// Each event with its records, one a subject; versions are events of their own here.
    made: Vec<Vec<Said>>,
    next_event: u16,
    first_day: Day,
}

/// The history of a seed.
pub(crate) fn history(seed: u64) -> Vec<Step> {
    let first_day = Day::parse(FIRST_DAY).expect("a day");
    let mut maker = Maker { dice: Dice::new(seed), made: Vec::new(), next_event: 1, first_day };
    maker.register();
    let stories = *maker.dice.pick(&[4, 10, 16, 24, 40]);
    for _ in 0..stories {
        maker.something();
    }
    let ops = maker.dice.below(stories) + 1;
    for _ in 0..ops {
        maker.operation();
    }
    maker.ordered()
}

/// The same history in another order that keeps every record on its side of each close. Which of two comes first does
/// not depend on the rest, so that a smaller history keeps its order.
pub(crate) fn reordered(steps: &[Step], seed: u64) -> Vec<Step> {
    let key = |step: &Step| {
        let Step::Say(said) = step else { return 0 };
        let name = u64::from(said.event) << 32 | u64::from(said.version) << 16 | said.ordinal as u64;
        Dice::new(seed ^ name.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ said.reported_at_ms as u64).below(u64::MAX)
    };
    let mut steps = steps.to_vec();
    for stretch in steps.split_mut(|step| matches!(step, Step::Close(_))) {
        stretch.sort_by_cached_key(key);
    }
    steps
}

impl Maker {
    fn person(&mut self) -> Person {
        self.dice.below(PERSONS) as Person + 1
    }

    fn house(&mut self) -> House {
        // One household is heard of without ever being registered.
        if self.dice.percent(3) { HOUSES } else { self.dice.below(HOUSES as u64) as House }
    }

    /// A day on which something occurs; some lie beyond the last close.
    fn day(&mut self) -> Day {
        self.first_day.plus(self.dice.below(BEFORE_CLOSE_DAYS + CLOSES_DAYS + 20) as i32)
    }

    /// An instant at which something is reported: few enough that two are often the same.
    fn reported_at_ms(&mut self) -> i64 {
        let day = self.first_day.plus(440 + self.dice.below(6) as i32 * 10);
        day.start_ms() + self.dice.below(2) as i64
    }

    /// Makes an event about some subjects.
    fn event(
        &mut self,
        source: &'static str,
        event_type: &'static str,
        about: Vec<(Who, Option<House>, Vec<Line>)>,
        document: Option<u16>,
    ) -> usize {
        let (event, reported_at_ms) = (self.next_event, self.reported_at_ms());
        self.next_event += 1;
        let record = |(ordinal, (who, household, lines)): (usize, (Who, Option<House>, Vec<Line>))| Said {
            event,
            version: 0,
            ordinal: ordinal as i32,
            source,
            event_type,
            op: Op::Upsert,
            corrects: None,
            person: if let Who::Person(person) = who { Some(person) } else { None },
            household: if let Who::House(house) = who { Some(house) } else { household },
            occurred_day: lines.first().map_or(self.first_day, |line| line.day),
            reported_at_ms,
            document,
            lines,
        };
        self.made.push(about.into_iter().enumerate().map(record).collect());
        self.made.len() - 1
    }

    /// An operation on an event that there is: an operation too.
    fn operation(&mut self) {
        let at = self.dice.below(self.made.len() as u64) as usize;
        let mut records = self.made[at].clone();
        let reported_at_ms = self.reported_at_ms();
        let what = self.dice.below(10);
        let original = records[0].event;
        if what < 8 {
            let op = if what < 4 { Op::Correct } else { Op::Retract };
            let event = self.next_event;
            self.next_event += 1;
            for said in &mut records {
                (said.event, said.version, said.op, said.corrects) = (event, 0, op, Some(original));
            }
            // A correction may leave out somebody, or be of a version that never comes.
            if records.len() > 1 && self.dice.percent(30) {
                records.remove(self.dice.below(records.len() as u64) as usize);
            }
            if self.dice.percent(2) {
                for said in &mut records {
                    said.corrects = Some(9_000);
                }
            }
        } else {
            let versions = self.made.iter().filter(|made| made[0].event == original).count();
            for said in &mut records {
                said.version = versions as u8;
            }
        }
        let varies = !(4..8).contains(&what);
        // An operation may reach somebody of whom it says nothing any more.
        let says_nothing = what < 8 && self.dice.percent(10);
        for said in &mut records {
            said.reported_at_ms = reported_at_ms;
            if says_nothing {
                said.lines.clear();
            }
            if varies {
                self.vary(said);
            }
        }
        self.made.push(records);
    }

    /// Says something else than before.
    fn vary(&mut self, said: &mut Said) {
        let shift = self.dice.below(90) as i32 - 45;
        let house = self.house();
        for line in &mut said.lines {
            match self.dice.below(4) {
                0 => {
                    line.day = line.day.plus(shift);
                    line.month = line.day.month();
                }
                1 if said.person.is_some() && said.household.is_some() => said.household = Some(house),
                2 if line.months > 1 => line.months -= 1,
                _ if line.amount_fen > 0 => line.amount_fen = line.amount_fen * 3 / 2 + 1,
                _ => line.day = line.day.plus(1),
            }
        }
    }

    /// Everything in an order, with repetitions, and the days that close.
    fn ordered(mut self) -> Vec<Step> {
        let mut records: Vec<Said> = std::mem::take(&mut self.made).into_iter().flatten().collect();
        for at in 0..records.len() {
            if self.dice.percent(12) {
                let mut again = records[at].clone();
                again.reported_at_ms += self.dice.below(2) as i64 * 86_400_000;
                records.push(again);
            }
        }
        self.dice.shuffle(&mut records);
        if self.dice.percent(50) {
            // Roughly in the order of the reports, as departments mostly send.
            records.sort_by_key(|said| said.reported_at_ms / 86_400_000 / 20);
        }
        let mut steps: Vec<Step> = records.into_iter().map(Step::Say).collect();
        let mut days: Vec<Day> = Vec::new();
        if self.dice.percent(40) {
            // A calendar that began long ago: incomes can be known, and what is told of later days lies ahead.
            days.push(self.first_day.plus(self.dice.below(20) as i32));
            if self.dice.percent(50) {
                days.push(self.first_day.plus(100 + self.dice.below(300) as i32));
            }
        }
        let mut day = self.first_day.plus(BEFORE_CLOSE_DAYS as i32);
        // Some calendars go on for so long that nobody waits any more.
        let apart_days = if self.dice.percent(15) { LONG_CLOSES_DAYS } else { CLOSES_DAYS };
        for _ in 0..self.dice.below(5) {
            day = day.plus(self.dice.below(apart_days / 5) as i32 + 1);
            days.push(day);
        }
        let mut places: Vec<usize> = days.iter().map(|_| self.dice.below(steps.len() as u64 + 1) as usize).collect();
        places.sort_unstable();
        if self.dice.percent(80) && days.first().is_some_and(|day| *day < self.first_day.plus(20)) {
            places[0] = 0;
        }
        for (already, (place, day)) in places.into_iter().zip(days).enumerate() {
            steps.insert(place + already, Step::Close(day));
        }
        steps
    }
}
