//! What may happen in a random history, department by department. It does not know in which order it is told.

use schemas::{Category, Cause, Day, Kind};

use super::{HOUSES, Maker, PERSONS};
use crate::history::{CODES, House, Line, Person, Who};

/// One entry without a value.
fn line(kind: Kind, category: Category, cause: Cause, amount_fen: i64, day: Day) -> Line {
    Line { kind, category, cause, amount_fen, day, month: day.month(), months: 1, code: "", value: "" }
}

/// One entry without an amount.
fn told(kind: Kind, code: &'static str, value: &'static str, cause: Cause, day: Day) -> Line {
    Line { code, value, ..line(kind, Category::None, cause, 0, day) }
}

impl Maker {
    /// Households with their members, as the register has them; a few persons are not in it.
    pub(super) fn register(&mut self) {
        let day = self.first_day;
        let mut homes: Vec<Vec<Person>> = vec![Vec::new(); HOUSES];
        for person in 1..=PERSONS as Person {
            if self.dice.percent(88) {
                let house = self.dice.below(HOUSES as u64) as House;
                homes[house].push(person);
            }
        }
        for (house, persons) in homes.into_iter().enumerate() {
            let registered = told(Kind::Membership, "registered", "", Cause::Other, day);
            let mut about = vec![(Who::House(house), None, vec![registered])];
            for person in persons {
                about.push((
                    Who::Person(person),
                    Some(house),
                    vec![told(Kind::Membership, "join", "head", Cause::Other, day)],
                ));
            }
            self.event("public-security", "household_registered", about, None);
            if self.dice.percent(50) {
                self.survey(house);
            }
        }
    }

    /// One thing that happens.
    pub(super) fn something(&mut self) {
        match self.dice.below(24) {
            0..=4 => self.income(),
            5 => self.cost(),
            6..=9 => self.bill(),
            10..=11 => self.compensation(),
            12..=13 => self.of_household(),
            14..=15 => self.status(),
            16 => self.incident(),
            17 => self.birth(),
            18 => self.death(),
            19..=21 => self.member_changed(),
            22 => self.merge(),
            _ => {
                let house = self.house();
                self.survey(house);
            }
        }
    }

    /// A day of an amount: now and then one that leaves the horizon before the history ends, or has left it already.
    fn day_of_amount(&mut self) -> Day {
        let long_ago = if self.dice.percent(10) { 300 + self.dice.below(600) as i32 } else { 0 };
        self.day().plus(-long_ago)
    }

    fn amount(&mut self) -> i64 {
        (self.dice.below(9_000) as i64 + 1) * 100 + self.dice.below(3) as i64
    }

    /// A paper, such that two departments often send the same.
    fn document(&mut self) -> Option<u16> {
        self.dice.percent(40).then(|| self.dice.below(3) as u16 + 1)
    }

    /// A person, or more rarely a household.
    fn anybody(&mut self) -> (Who, Option<House>) {
        if self.dice.percent(15) {
            (Who::House(self.house()), None)
        } else {
            let named = self.dice.percent(20).then(|| self.house());
            (Who::Person(self.person()), named)
        }
    }

    fn about(&mut self, source: &'static str, event_type: &'static str, lines: Vec<Line>) {
        let (who, household) = self.anybody();
        let document = self.document();
        self.event(source, event_type, vec![(who, household, lines)], document);
    }

    fn income(&mut self) {
        let (day, amount) = (self.day_of_amount(), self.amount());
        let (source, event_type, category) = *self.dice.pick(&[
            ("human-resources", "wage_reported", Category::Wage),
            ("human-resources", "wage_reported", Category::Wage),
            ("civil-affairs", "dibao_payment", Category::Dibao),
            ("finance", "subsidy_paid", Category::Subsidy),
            ("agriculture", "produce_sale", Category::ProduceSale),
        ]);
        let mut one = line(Kind::Income, category, Cause::Other, amount, day);
        one.months = *self.dice.pick(&[1, 1, 1, 2, 3, 12]);
        self.about(source, event_type, vec![one]);
    }

    fn cost(&mut self) {
        let (day, amount) = (self.day_of_amount(), self.amount());
        let one = line(Kind::Cost, Category::ProductionCost, Cause::Other, amount, day);
        self.about("agriculture", "production_cost", vec![one]);
    }

    fn bill(&mut self) {
        let (day, amount) = (self.day_of_amount(), self.amount());
        let cause = *self.dice.pick(&[Cause::Illness, Cause::Illness, Cause::Accident]);
        let source = *self.dice.pick(&["health-insurance", "health", "civil-affairs"]);
        let category = *self.dice.pick(&[Category::MedicalInpatient, Category::MedicalOutpatient, Category::Schooling]);
        let mut lines = vec![line(Kind::Expense, category, cause, amount, day)];
        if category == Category::MedicalOutpatient {
            lines.push(line(Kind::Expense, Category::OutpatientOutOfPocket, cause, amount + 500, day));
        }
        self.about(source, "medical_settlement", lines);
    }

    fn compensation(&mut self) {
        let (day, amount) = (self.day_of_amount(), self.amount());
        let (source, kind, category) = *self.dice.pick(&[
            ("rural-revitalisation", Kind::Compensation, Category::Claim),
            ("civil-affairs", Kind::Compensation, Category::MedicalAid),
            ("emergency-management", Kind::Compensation, Category::Relief),
            ("rural-revitalisation", Kind::Note, Category::Loan),
        ]);
        self.about(source, "insurance_claim_paid", vec![line(kind, category, Cause::Illness, amount, day)]);
    }

    fn of_household(&mut self) {
        let (house, day, amount) = (self.house(), self.day(), self.amount());
        let (source, event_type, lines) = match self.dice.below(6) {
            0 => {
                let loss = line(Kind::Expense, Category::HouseLoss, Cause::Disaster, amount, day);
                let seen = told(Kind::Incident, "disaster_loss", "house", Cause::Disaster, day);
                ("emergency-management", "disaster_loss", vec![loss, seen])
            }
            1 => {
                let classes = *self.dice.pick(&["delisted", "delisted|dibao", "marginal", ""]);
                let class = told(Kind::Status, "class", classes, Cause::Other, day);
                ("rural-revitalisation", "class_listed", vec![class])
            }
            2 => {
                let grade = *self.dice.pick(&["A", "C", "D"]);
                let graded = told(Kind::Status, "house_safety", grade, Cause::Other, day);
                ("housing", "house_safety_graded", vec![graded])
            }
            3 | 4 => {
                let (code, value) = *self.dice.pick(&[
                    ("follow_up_visit", "stable"),
                    ("verification_result", "proposed_confirmed"),
                    ("verification_result", "confirmed"),
                    ("verification_result", "dismissed"),
                    ("verification_result", "cleared"),
                    ("assistance_measure", "allowance"),
                ]);
                ("rural-revitalisation", code, vec![told(Kind::Action, code, value, Cause::Other, day)])
            }
            _ => {
                let report = told(Kind::Incident, "grid_report", "", Cause::Illness, day);
                ("rural-revitalisation", "grid_report", vec![report])
            }
        };
        self.event(source, event_type, vec![(Who::House(house), None, lines)], None);
    }

    fn status(&mut self) {
        let day = self.day();
        let (source, code, value, cause) = *self.dice.pick(&[
            ("disabled-federation", "disability", "1", Cause::Disability),
            ("disabled-federation", "disability", "3", Cause::Disability),
            ("health-insurance", "insured", "true", Cause::Other),
            ("health-insurance", "insured", "false", Cause::Other),
            ("health", "critical_disease", "C50", Cause::Illness),
        ]);
        let person = self.person();
        let lines = vec![told(Kind::Status, code, value, cause, day)];
        self.event(source, "status", vec![(Who::Person(person), None, lines)], None);
    }

    fn incident(&mut self) {
        let day = self.day();
        let (source, code, cause) = *self.dice.pick(&[
            ("human-resources", "unemployment_registered", Cause::UnstableWork),
            ("public-security", "casualty", Cause::Accident),
            ("education", "dropout_suspected", Cause::Schooling),
        ]);
        self.about(source, "incident", vec![told(Kind::Incident, code, "", cause, day)]);
    }

    /// A child is born; mostly it joins the household of its mother later.
    fn birth(&mut self) {
        let day = self.day();
        let children = *self.dice.pick(&["1", "1", "1", "2"]);
        let (who, household) = self.anybody();
        let born = told(Kind::Incident, "birth", children, Cause::Other, day);
        self.event("health", "birth", vec![(who, household, vec![born])], None);
        if self.dice.percent(70) {
            let (child, house) = (self.person(), self.house());
            let joined = told(Kind::Membership, "join", "", Cause::Other, day.plus(self.dice.below(60) as i32));
            self.event(
                "public-security",
                "member_changed",
                vec![(Who::Person(child), Some(house), vec![joined])],
                None,
            );
        }
    }

    fn death(&mut self) {
        // Nobody's death is reported before it: days that lie ahead are those of plans.
        let (person, day) = (self.person(), self.first_day.plus(self.dice.below(400) as i32));
        let manner = *self.dice.pick(&["natural", "accident"]);
        let died = told(Kind::Incident, "death", manner, Cause::Other, day);
        self.event("health", "death", vec![(Who::Person(person), None, vec![died])], None);
    }

    /// Persons join, leave or move.
    fn member_changed(&mut self) {
        let (house, day) = (self.house(), self.day());
        let change = *self.dice.pick(&["join", "join", "leave", "leave", "split"]);
        let from = if change == "split" { CODES[self.house()] } else { "" };
        let mut persons: Vec<Person> = (0..=self.dice.below(3)).map(|_| self.person()).collect();
        persons.sort_unstable();
        persons.dedup();
        let changed = told(Kind::Membership, change, from, Cause::Other, day);
        let about = persons.into_iter().map(|person| (Who::Person(person), Some(house), vec![changed.clone()]));
        let about = about.collect();
        self.event("public-security", "member_changed", about, None);
    }

    /// A household goes into another one; of several mergers some go round.
    fn merge(&mut self) {
        let from = self.dice.below(HOUSES as u64) as House;
        let into = (from + 1 + self.dice.below(HOUSES as u64 - 1) as House) % HOUSES;
        let day = self.day();
        let mut persons: Vec<Person> = (0..=self.dice.below(4)).map(|_| self.person()).collect();
        persons.sort_unstable();
        persons.dedup();
        let changed = told(Kind::Membership, "merge", CODES[from], Cause::Other, day);
        let mut about: Vec<_> =
            persons.into_iter().map(|person| (Who::Person(person), Some(into), vec![changed.clone()])).collect();
        let merged = told(Kind::Membership, "merged", CODES[into], Cause::Other, day);
        about.push((Who::House(from), None, vec![merged]));
        self.event("public-security", "member_changed", about, None);
    }

    pub(super) fn survey(&mut self, house: House) {
        let (day, amount) = (self.day(), self.amount());
        let members = *self.dice.pick(&["1", "2", "3", "4"]);
        let survey = Line { amount_fen: amount, ..told(Kind::Survey, "survey", members, Cause::Other, day) };
        self.event("rural-revitalisation", "household_surveyed", vec![(Who::House(house), None, vec![survey])], None);
    }
}
