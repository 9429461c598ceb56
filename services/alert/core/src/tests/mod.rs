//! The families of domain section 6 and the life of findings, at the level of the core: states in, warnings out.

mod course;
mod earners;
mod families;
mod findings;
mod months;
mod orders;
mod rules_of_events;
mod rules_of_figures;
mod silence;

use std::sync::{Arc, LazyLock};

use schemas::records::{
    Case, Coverage, Evidence, HouseholdState, Incident, Member, MonthlyAmounts, Status, Step, Sum, Survey, Warning,
    WarningKind,
};
use schemas::{Category, Cause, Class, Day, EntryId, Fen, Hash64, HouseholdCode, Kind, Month, PersonToken};

use crate::case::{Occasion, Said, evaluate};
use crate::policy::{Book, PolicySet};
use crate::{Calendar, Now};

const DEFAULT: &str = include_str!("../../../../../deploy/policies/default.yaml");
const HENGSHUI: &str = include_str!("../../../../../deploy/policies/hengshui.yaml");
const CHENZHOU: &str = include_str!("../../../../../deploy/policies/chenzhou.yaml");
const HOLIDAYS: &str = include_str!("../../../../../deploy/policies/holidays/2025.yaml");
const POSTS: &str = include_str!("../../../../../deploy/policies/posts/default.yaml");
const ZH: &str = include_str!("../../../../../deploy/policies/wording/zh.ftl");
const EN: &str = include_str!("../../../../../deploy/policies/wording/en.ftl");

/// The day on which the calendar of every story begins.
const FIRST_CLOSED: &str = "2023-12-31";
const REGISTERED: &str = "2023-12-15";
const SURVEYED: &str = "2024-02-01";

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn yuan(text: &str) -> Fen {
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    Fen(format!("{whole}{part}").parse().expect("yuan with two decimals"))
}

/// The policies of this project.
static POLICIES: LazyLock<Arc<PolicySet>> = LazyLock::new(|| policies(&[]));

/// The policies of this project, and others beside them.
fn policies(others: &[(&str, &str)]) -> Arc<PolicySet> {
    let mut book = Book::default();
    let beside = [("wording/zh", ZH), ("wording/en", EN), ("holidays/2025", HOLIDAYS), ("posts/default", POSTS)];
    let own = beside.into_iter().chain([("default", DEFAULT), ("hengshui", HENGSHUI)]);
    let own: Vec<(&str, &str)> = own.collect();
    for (offset, (key, text)) in own.iter().chain(others).enumerate() {
        book.learn(offset as i64, key, text).expect("a policy of this project is well formed");
    }
    let set = book.at(i64::MAX, day("2025-01-01"));
    assert!(set.refused.is_empty(), "{:?}", set.refused);
    Arc::new(set)
}

/// A household's story: news and days in, warnings out.
struct Story {
    policies: Arc<PolicySet>,
    state: HouseholdState,
    case: Option<Case>,
    calendar: Calendar,
    coverage: Vec<Coverage>,
    attached: Vec<(Cause, String)>,
    entries: i64,
    said: Vec<Said>,
    due: Option<Day>,
}

impl Story {
    /// A household of a Hengshui county that is surveyed with so much unreported income a year.
    fn new(members: u8, classes: &[Class], unreported: &str) -> Self {
        Self::under(Arc::clone(&POLICIES), members, classes, unreported)
    }

    fn under(policies: Arc<PolicySet>, members: u8, classes: &[Class], unreported: &str) -> Self {
        let member = |token| Member {
            person: PersonToken([token; 16]),
            since_day: day(REGISTERED),
            is_first: true,
            wages: MonthlyAmounts::default(),
        };
        let state = HouseholdState {
            number: 1,
            household: HouseholdCode::parse("1311021012050007").expect("a code"),
            registered_day: Some(day(REGISTERED)),
            oldest_month: None,
            classes: classes.to_vec(),
            members: (0..members).map(member).collect(),
            statuses: Vec::new(),
            provisional_members: 0,
            survey: Some(Survey {
                day: day(SURVEYED),
                reported_at_ms: 0,
                unreported_income_fen: yuan(unreported),
                members: i32::from(members),
                members_since: 0,
                entry: EntryId(-1),
            }),
            sums: Vec::new(),
            evidence: Vec::new(),
            incidents: Vec::new(),
            reversed: Vec::new(),
            source: "rural-revitalisation".into(),
            event: Hash64(1),
        };
        let calendar = Calendar { first_closed_day: day(FIRST_CLOSED), day: day("2024-02-02") };
        let (coverage, attached, said) = (Vec::new(), Vec::new(), Vec::new());
        Self { policies, state, case: None, calendar, coverage, attached, entries: 0, said, due: None }
    }

    /// Goes on to a day, evaluating at each day on which everybody is evaluated or the household is due.
    fn until(&mut self, text: &str) -> Vec<Warning> {
        let before = self.said.len();
        while self.calendar.day < day(text) {
            let settled = self.calendar.last_settled(15);
            let month = self.calendar.day.month();
            self.calendar.day = self.calendar.day.plus(1);
            let is_due = self.due.is_some_and(|due| due <= self.calendar.day);
            if is_due || self.calendar.day.month() != month || self.calendar.last_settled(15) != settled {
                self.evaluate(Occasion::Calendar);
            }
        }
        self.warnings(before)
    }

    /// News on a day: changes the state.
    fn news(&mut self, text: &str, change: impl FnOnce(&mut HouseholdState, EntryId)) -> Vec<Warning> {
        self.until(text);
        let before = self.said.len();
        self.entries += 1;
        self.state.number += 1;
        self.state.reversed.clear();
        change(&mut self.state, EntryId(self.entries));
        self.evaluate(Occasion::News);
        self.warnings(before)
    }

    fn spend(&mut self, on: &str, category: Category, cause: Cause, amount: &str) -> Vec<Warning> {
        self.news(on, |state, entry| add(state, entry, (category, cause), day(on), yuan(amount)))
    }

    fn income(&mut self, on: &str, category: Category, amount: &str) -> Vec<Warning> {
        self.news(on, |state, _| add_sum(state, (category, Cause::Other), day(on).month(), yuan(amount)))
    }

    fn incident(&mut self, on: &str, code: &str, cause: Cause) -> Vec<Warning> {
        self.incident_of(on, code, cause, ("true", "0"))
    }

    /// An incident with a value and an amount.
    fn incident_of(&mut self, on: &str, code: &str, cause: Cause, (value, amount): (&str, &str)) -> Vec<Warning> {
        self.news(on, |state, entry| {
            state.incidents.push(Incident {
                entry,
                kind: Kind::Incident,
                code: code.into(),
                value: value.into(),
                cause,
                amount_fen: yuan(amount),
                day: day(on),
                person: None,
                source: "rural-revitalisation".into(),
            });
        })
    }

    /// Something that an office did, known on a day.
    fn act(&mut self, on: &str, code: &str, value: &str) -> Vec<Warning> {
        self.act_of(on, on, (code, value))
    }

    /// The same, done on another day than the one on which it is known.
    fn act_of(&mut self, known: &str, on: &str, (code, value): (&str, &str)) -> Vec<Warning> {
        self.news(known, |state, entry| {
            state.incidents.push(Incident {
                entry,
                kind: Kind::Action,
                code: code.into(),
                value: value.into(),
                cause: Cause::Other,
                amount_fen: Fen::ZERO,
                day: day(on),
                person: None,
                source: "rural-revitalisation".into(),
            });
        })
    }

    fn status(&mut self, on: &str, code: &str, value: &str, cause: Cause) -> Vec<Warning> {
        self.news(on, |state, entry| {
            state.statuses.retain(|status| status.code != code);
            let (code, value) = (code.into(), value.into());
            let day = day(on);
            state.statuses.push(Status { code, person: None, value, day, reported_at_ms: 0, cause, entry });
            in_order(&mut state.statuses);
        })
    }

    /// A status of a member, by number from 0.
    fn member_status(&mut self, on: &str, member: u8, (code, value): (&str, &str), cause: Cause) -> Vec<Warning> {
        self.news(on, |state, entry| {
            let person = Some(PersonToken([member; 16]));
            state.statuses.retain(|status| status.code != code || status.person != person);
            let (code, value) = (code.into(), value.into());
            state.statuses.push(Status { code, person, value, day: day(on), reported_at_ms: 0, cause, entry });
            in_order(&mut state.statuses);
        })
    }

    /// Takes an incident or status back, as a retraction does.
    fn take_back(&mut self, on: &str, entry: EntryId) -> Vec<Warning> {
        self.news(on, |state, _| {
            state.incidents.retain(|one| one.entry != entry);
            state.statuses.retain(|one| one.entry != entry);
            state.reversed.push(entry);
        })
    }

    /// Takes an expense back, as a retraction does.
    fn retract(&mut self, on: &str, entry: EntryId) -> Vec<Warning> {
        self.news(on, |state, _| {
            let at = state.evidence.iter().position(|one| one.entry == entry).expect("it is there");
            let gone = state.evidence.remove(at);
            add_sum(state, (gone.category, gone.cause), gone.day.month(), Fen::ZERO.minus(gone.amount_fen));
            state.reversed.push(entry);
        })
    }

    /// Pays a member, by number from 0, so much in each of these months, the last one included.
    fn pay(&mut self, on: &str, member: usize, (first, last): (&str, &str), amount: &str) -> Vec<Warning> {
        self.news(on, |state, _| {
            let (first, last) = (day(first).month(), day(last).month());
            for month in (first.0..=last.0).map(Month) {
                let amount_fen = yuan(amount);
                add_sum(state, (Category::Wage, Cause::Other), month, amount_fen);
                state.members[member].wages.add(month, amount_fen);
            }
        })
    }

    /// An outpatient bill counts twice: as spending, and among all that was paid in the month.
    fn outpatient(&mut self, known: &str, on: &str, amount: &str) -> Vec<Warning> {
        self.news(known, |state, entry| {
            add(state, entry, (Category::MedicalOutpatient, Cause::Illness), day(on), yuan(amount));
            let other = EntryId(entry.0 + 1_000);
            add(state, other, (Category::OutpatientOutOfPocket, Cause::Illness), day(on), yuan(amount));
        })
    }

    fn evaluate(&mut self, occasion: Occasion) {
        let policy = self.policies.of(self.state.household.county()).expect("every county has a policy");
        let outcome = evaluate(&self.state, self.case.as_ref(), policy, self.now(), occasion);
        self.said.extend(outcome.said);
        self.due = outcome.next_due;
        if outcome.case.is_some() {
            self.case = outcome.case;
        }
        let again = evaluate(&self.state, self.case.as_ref(), policy, self.now(), occasion);
        assert!(again.case.is_none() && again.said.is_empty(), "a repeated state changes nothing: {again:?}");
    }

    fn now(&self) -> Now<'_> {
        Now { coverage: &self.coverage, attached: &self.attached, ..Now::from(self.calendar) }
    }

    /// What was said, but for overdue steps: nobody verifies in most stories, and those that are about it look at all of
    /// [`Story::said`].
    fn warnings(&self, from: usize) -> Vec<Warning> {
        let said = self.said[from..].iter().map(|said| &said.warning);
        said.filter(|warning| warning.kind != WarningKind::Escalated).cloned().collect()
    }

    fn case(&self) -> &Case {
        self.case.as_ref().expect("there is a case record")
    }
}

/// A member who went on a day, as fuse keeps it.
fn left(entry: EntryId, on: &str) -> Incident {
    Incident {
        entry,
        kind: Kind::Membership,
        code: "leave".into(),
        value: REGISTERED.into(),
        cause: Cause::Other,
        amount_fen: Fen::ZERO,
        day: day(on),
        person: None,
        source: "public-security".into(),
    }
}

fn add(state: &mut HouseholdState, entry: EntryId, what: (Category, Cause), on: Day, amount: Fen) {
    add_sum(state, what, on.month(), amount);
    let (category, cause) = what;
    let source = "health-insurance".into();
    state.evidence.push(Evidence { entry, category, cause, amount_fen: amount, day: on, source, document: None });
}

/// Puts statuses in the order of a state.
fn in_order(statuses: &mut [Status]) {
    statuses.sort_by(|one, other| (&one.code, one.person).cmp(&(&other.code, other.person)));
}

fn add_sum(state: &mut HouseholdState, (category, cause): (Category, Cause), month: Month, amount: Fen) {
    let at = if let Some(at) = state.sums.iter().position(|sum| (sum.category, sum.cause) == (category, cause)) {
        at
    } else {
        state.sums.push(Sum { category, cause, months: MonthlyAmounts::default() });
        state.sums.len() - 1
    };
    state.sums[at].months.add(month, amount);
}

/// Rule, kind and level of each warning, in order: `R01 raised M`.
fn shown(warnings: &[Warning]) -> Vec<String> {
    let kind = |kind: WarningKind| crate::identity::kind_name(kind);
    warnings.iter().map(|one| format!("{} {} {}", one.rule, kind(one.kind), one.level.letter())).collect()
}

fn findings(case: &Case) -> Vec<String> {
    case.findings.iter().map(|finding| format!("{} {}", finding.rule, finding.level.letter())).collect()
}

fn is_open(case: &Case) -> bool {
    case.step == Step::Raised
}
