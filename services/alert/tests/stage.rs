//! The stage of alert on the memory log: the calendar, the sweep, policies by their day, what each receiver is told, and
//! that neither an abort nor a restart changes a byte.

use std::collections::BTreeSet;

use runtime::held::HeldRecord;
use runtime::memory::{Memory, Pipeline, StageOptions, TopicSettings};
use runtime::stage::Placement;
use runtime::worker::{Bounds, WorkerError};
use schemas::codec;
use schemas::records::{
    Case, Coverage, DayClosed, Evidence, HouseholdState, Incident, Member, MonthAmount, PROGRESS_KEY, Progress, Status,
    Step, Sum, Warning, WarningKind,
};
use schemas::{Category, Cause, Class, Day, EntryId, Fen, Hash64, HouseholdCode, Kind, PersonToken};

const PARTITIONS: i32 = 2;
/// R22 looks at the same bills as R01 and is tried elsewhere.
const HENGSHUI: &str = concat!(include_str!("../../../deploy/policies/hengshui.yaml"), "  - { id: R22, off: true }\n");
const POLICY_FILES: [(&str, &str); 4] = [
    ("wording/zh", include_str!("../../../deploy/policies/wording/zh.ftl")),
    ("wording/en", include_str!("../../../deploy/policies/wording/en.ftl")),
    ("default", include_str!("../../../deploy/policies/default.yaml")),
    ("hengshui", HENGSHUI),
];

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

/// A city of one topic: what fuse would have written.
struct City {
    memory: Memory,
}

impl City {
    fn new() -> Self {
        let memory = Memory::new();
        memory.create("households.states", TopicSettings::compacted(PARTITIONS));
        memory.create("households.cases", TopicSettings::compacted(PARTITIONS));
        memory.create("policies", TopicSettings::new(1));
        for topic in &runtime::stage::Stage::topology(&alert::stage()).outputs {
            let partitions = if topic == "warnings" { PARTITIONS } else { 1 };
            memory.create(topic, TopicSettings::new(partitions));
        }
        let city = Self { memory };
        for (key, text) in POLICY_FILES {
            city.policy(key, text);
        }
        city
    }

    fn policy(&self, key: &str, text: &str) {
        self.memory
            .append("policies", 0, Some(key.as_bytes()), Some(text.as_bytes()), &[])
            .expect("the topic is there");
    }

    fn state(&self, state: &HouseholdState) {
        let mut bytes = Vec::new();
        codec::encode(state, &mut bytes).expect("it encodes");
        let key = state.household.digits();
        let placement = Placement::ByKeyPrefix(12);
        self.memory
            .append_placed("households.states", placement, Some(&key), Some(&bytes), &[])
            .expect("the topic is there");
    }

    /// Closes a day in every partition; policies published so far hold from then on.
    fn close(&self, on: &str) {
        self.close_with(on, self.memory.end("policies", 0));
    }

    fn close_with(&self, on: &str, policies_offset: i64) {
        self.close_heard(on, policies_offset, &[]);
    }

    /// Closes a day on which these departments were heard for the county of Hengshui.
    fn close_heard(&self, on: &str, policies_offset: i64, sources: &[&str]) {
        let county = household(1).household.county();
        let heard = |source: &&str| Coverage { source: (*source).to_owned(), county, day: day(on) };
        let coverage: Vec<Coverage> = sources.iter().map(heard).collect();
        for partition in 0..PARTITIONS {
            let from = format!("households.entries/{partition}");
            let marker = DayClosed { day: day(on), from, of: 1, policies_offset, coverage: coverage.clone() };
            let mut bytes = Vec::new();
            codec::encode(&marker, &mut bytes).expect("it encodes");
            let key = marker.key();
            self.memory
                .append("households.states", partition, Some(key.as_bytes()), Some(&bytes), &[])
                .expect("the topic is there");
        }
    }

    fn run(&self) -> Result<(), WorkerError> {
        self.run_with(StageOptions::default())
    }

    /// Runs with a list of receivers of its own.
    fn run_for(&self, receivers: &[&str]) -> Result<(), WorkerError> {
        let receivers = receivers.iter().map(|name| (*name).to_owned()).collect();
        let settings = alert::AlertSettings { receivers, ..alert::AlertSettings::default() };
        for topic in &runtime::stage::Stage::topology(&alert::AlertStage::new(&settings)).outputs {
            self.memory.create(topic, TopicSettings::new(1));
        }
        let mut pipeline = Pipeline::new(&self.memory);
        pipeline.add(alert::AlertStage::new(&settings), StageOptions::default());
        pipeline.run()
    }

    fn run_with(&self, options: StageOptions) -> Result<(), WorkerError> {
        let mut pipeline = Pipeline::new(&self.memory);
        pipeline.add(alert::stage(), options);
        pipeline.run()
    }

    fn warnings(&self, topic: &str) -> Vec<Warning> {
        let decode = |record: &HeldRecord| codec::decode(record.value().unwrap_or_default()).expect("a warning");
        self.memory.records(topic).iter().map(decode).collect()
    }

    fn shown(&self) -> Vec<String> {
        let show = |one: &Warning| format!("{} {:?} {} {}", one.rule, one.kind, one.level.letter(), one.day);
        self.warnings("warnings").iter().map(show).collect()
    }

    /// The latest case of every household.
    fn cases(&self) -> Vec<Case> {
        let latest = self.memory.latest("households.cases");
        let cases = latest.iter().filter(|(key, _)| key.as_slice() != PROGRESS_KEY.as_bytes());
        cases.map(|(_, value)| codec::decode(value).expect("a case")).collect()
    }

    /// The progress of the partition in which a household lies.
    fn progress_of(&self, state: &HouseholdState) -> Progress {
        let key = state.household.digits();
        let records = self.memory.records("households.cases");
        let partition = records.iter().find(|record| record.key() == Some(&key)).map(HeldRecord::partition);
        let is_it = |record: &&HeldRecord| {
            Some(record.partition()) == partition && record.key() == Some(PROGRESS_KEY.as_bytes())
        };
        let last = records.iter().rev().find(is_it).expect("progress is written");
        codec::decode(last.value().unwrap_or_default()).expect("progress")
    }
}

/// A delisted household of Hengshui; its village decides its partition.
fn household(serial: u64) -> HouseholdState {
    HouseholdState {
        number: 1,
        household: HouseholdCode::from_number(1_311_021_012_050_000 + serial).expect("a code"),
        registered_day: Some(day("2020-01-01")),
        classes: vec![Class::Delisted],
        members: vec![Member {
            person: PersonToken([1; 16]),
            since_day: day("2020-01-01"),
            is_first: true,
            wages: Vec::new(),
        }],
        statuses: Vec::new(),
        provisional_members: 0,
        survey: None,
        sums: Vec::new(),
        evidence: Vec::new(),
        incidents: Vec::new(),
        reversed: Vec::new(),
        source: "health-insurance".to_owned(),
        event: Hash64(1),
    }
}

fn with_bill(mut state: HouseholdState, on: &str, yuan: i64) -> HouseholdState {
    let (category, cause, amount_fen) = (Category::MedicalInpatient, Cause::Illness, Fen::from_yuan(yuan));
    let entry = EntryId(state.household.number() as i64 + state.number);
    state.sums.push(Sum { category, cause, months: vec![MonthAmount { month: day(on).month(), amount_fen }] });
    let source = "health-insurance".to_owned();
    state.evidence.push(Evidence { entry, category, cause, amount_fen, day: day(on), source, document: None });
    state
}

fn next(mut state: HouseholdState) -> HouseholdState {
    state.number += 1;
    state
}

fn with_report(mut state: HouseholdState, on: &str) -> HouseholdState {
    state.incidents.push(Incident {
        entry: EntryId(state.household.number() as i64 + 7_000),
        kind: Kind::Incident,
        code: "grid_report".to_owned(),
        value: String::new(),
        cause: Cause::Disaster,
        amount_fen: Fen::ZERO,
        day: day(on),
        person: None,
        source: "rural-revitalisation".to_owned(),
    });
    state
}

#[test]
fn nothing_is_evaluated_before_the_first_day_is_closed() {
    let city = City::new();
    city.state(&with_bill(household(1), "2025-01-10", 6_000));
    city.run().expect("runs");
    assert_eq!(city.shown(), [""; 0]);
    city.close("2025-01-09");
    city.run().expect("runs");
    assert_eq!(city.shown(), ["R01 Raised M 2025-01-10"]);
    assert_eq!(city.cases()[0].step, Step::Raised);
}

#[test]
fn a_warning_comes_with_the_news_and_each_receiver_gets_its_part() {
    let city = City::new();
    city.close("2025-01-09");
    city.state(&with_report(with_bill(household(1), "2025-01-10", 6_000), "2025-01-10"));
    city.run().expect("runs");
    assert_eq!(city.shown(), ["R01 Raised M 2025-01-10", "R23 Raised M 2025-01-10"]);
    let insurance = city.warnings("warnings.health-insurance");
    assert_eq!((insurance.len(), insurance[0].value_fen), (1, Fen::from_yuan(6_000)));
    let civil = city.warnings("warnings.civil-affairs");
    assert_eq!((civil.len(), civil[0].value_fen, civil[0].contributions.len()), (1, Fen::ZERO, 0));
    assert_eq!(city.warnings("warnings.township").len(), 1);
    assert_eq!(city.warnings("warnings.education").len(), 0);
    let places: BTreeSet<_> = ["warnings", "households.cases"]
        .into_iter()
        .flat_map(|topic| city.memory.records(topic))
        .filter(|record| record.key() == Some(&household(1).household.digits()))
        .map(|record| record.partition())
        .collect();
    assert_eq!(places.len(), 1, "warnings and cases lie in the partition of the state");
}

#[test]
fn a_repeated_state_changes_nothing_and_a_gap_is_an_error() {
    let city = City::new();
    city.close("2025-01-09");
    let first = with_bill(household(1), "2025-01-10", 6_000);
    city.state(&first);
    city.state(&first);
    city.state(&next(first.clone()));
    city.run().expect("runs");
    assert_eq!(city.shown().len(), 1);
    city.state(&next(next(next(first))));
    let error = city.run().expect_err("a gap").to_string();
    assert!(error.contains("state 4 follows state 2"), "{error}");
}

#[test]
fn the_end_of_a_month_is_looked_at_for_everybody() {
    let city = City::new();
    city.close("2025-01-09");
    for serial in 1..=1_500 {
        city.state(&with_bill(household(serial), "2024-02-10", 6_000));
    }
    let count = |city: &City, kind| city.warnings("warnings").iter().filter(|one| one.kind == kind).count();
    for on in ["2025-01-10", "2025-01-30"] {
        city.close(on);
        city.run().expect("runs");
        assert_eq!((count(&city, WarningKind::Raised), count(&city, WarningKind::NoLongerMet)), (1_500, 0), "{on}");
    }
    // With the last day of January the bill of February a year ago leaves the window.
    city.close("2025-01-31");
    city.run().expect("runs");
    assert_eq!(count(&city, WarningKind::NoLongerMet), 1_500);
    let warnings = city.warnings("warnings");
    let ended = warnings.iter().filter(|one| one.kind == WarningKind::NoLongerMet);
    assert!(ended.into_iter().all(|one| one.day == day("2025-02-01")));
    // Nobody verified in five working days: what was asked for on the 10th is overdue on the 18th.
    assert_eq!(count(&city, WarningKind::Escalated), 1_500);
    assert!(city.cases().iter().all(|case| case.step == Step::None));
    assert_eq!(city.progress_of(&household(1)).sweep_after, None);
}

#[test]
fn a_rule_whose_feed_has_fallen_silent_stands_still_and_says_so() {
    let city = City::new();
    let known = city.memory.end("policies", 0);
    city.close_heard("2025-01-09", known, &["human-resources", "health-insurance"]);
    for serial in 1..=3 {
        city.state(&with_bill(household(serial), "2025-01-09", 6_000));
    }
    city.run().expect("runs");
    let still = |city: &City| {
        let progress = city.progress_of(&household(1));
        let totals = progress.totals.into_iter().filter(|total| total.name == "standing_still");
        totals.map(|total| (total.label, total.count)).collect::<Vec<_>>()
    };
    // Both were heard after December had ended, which is settled with the end of 15 January.
    city.close("2025-01-15");
    city.run().expect("runs");
    assert!(still(&city).iter().all(|(label, _)| !label.contains("silent")), "{:?}", still(&city));
    // Neither was heard after January.
    city.close_heard("2025-01-31", known, &["human-resources"]);
    city.close_heard("2025-02-15", known, &["health-insurance"]);
    city.run().expect("runs");
    let silent: Vec<_> = still(&city).into_iter().filter(|(label, _)| label.contains("silent")).collect();
    let label = |rule: &str| (format!("{rule}/131102/silent_feed"), 3);
    assert_eq!(silent, [label("R15"), label("R16")]);
}

#[test]
fn a_policy_holds_from_the_close_that_names_it() {
    let city = City::new();
    city.close("2025-01-09");
    let known = city.memory.end("policies", 0);
    city.policy(
        "hengshui",
        "name: hengshui\nversion: 2\ncounties: [\"1311\"]\neffective_from: 2025-01-01\ninherits: default\nrules:\n  - id: R01\n    \
         levels: [{ level: M, threshold: 7000 }]\n  - { id: R22, off: true }\n",
    );
    city.policy("hengshui", "this: is no policy");
    city.state(&with_bill(household(1), "2025-01-10", 6_000));
    city.close_with("2025-01-10", known);
    city.run().expect("runs");
    assert_eq!(city.shown(), ["R01 Raised M 2025-01-10"]);
    city.close("2025-01-11");
    city.run().expect("runs");
    assert_eq!(city.shown(), ["R01 Raised M 2025-01-10", "R01 NoLongerMet M 2025-01-12"], "the new one asks for more");
    assert_eq!(city.warnings("warnings")[1].policy, "hengshui@2");
}

#[test]
fn a_department_that_joins_is_a_setting_and_a_policy_and_one_without_a_topic_is_counted() {
    let city = City::new();
    city.policy(
        "hengshui",
        "name: hengshui\nversion: 2\ncounties: [\"1311\"]\neffective_from: 2025-01-01\ninherits: default\ndepartments:\n  \
         market-regulation: []\nrules:\n  - { id: R23, goes_to: { market-regulation: arrange-verification } }\n",
    );
    city.close("2025-01-09");
    city.state(&with_report(household(1), "2025-01-10"));
    city.run_for(&["market-regulation"]).expect("runs");
    assert_eq!(city.warnings("warnings.market-regulation").len(), 1);
    assert_eq!(city.warnings("warnings").len(), 1);
    assert_eq!(city.progress_of(&household(1)).total("without_topic"), 1, "the township has no topic here");
}

/// Two of whom one is said not to be insured, on a day of January.
fn uninsured(serial: u64, january: u8) -> HouseholdState {
    let mut state = household(serial);
    let person = |number| PersonToken([number; 16]);
    state.members = [1, 2]
        .map(|number| Member {
            person: person(number),
            since_day: day("2020-01-01"),
            is_first: true,
            wages: Vec::new(),
        })
        .to_vec();
    state.statuses = [(1, "true"), (2, "false")]
        .map(|(number, value)| Status {
            code: "insured".to_owned(),
            person: Some(person(number)),
            value: value.to_owned(),
            day: day(&format!("2025-01-{january:02}")),
            reported_at_ms: 0,
            cause: Cause::Other,
            entry: EntryId(i64::from(number)),
        })
        .to_vec();
    state
}

/// Nine households, three of which are due on each of three days, and every day closed.
fn days_of_waiting() -> City {
    let city = City::new();
    city.close("2025-01-19");
    for serial in 1..=9_u8 {
        city.state(&uninsured(u64::from(serial) * 37, 20 + serial % 3));
    }
    let first = day("2025-01-20");
    for at in 0..=36 {
        city.close(&first.plus(at).to_string());
    }
    city
}

#[test]
fn a_rule_that_counts_days_is_looked_at_on_the_day() {
    let city = days_of_waiting();
    city.run().expect("runs");
    let mut shown = city.shown();
    shown.sort();
    let on = |day: &str| vec![format!("R12 Raised L {day}"); 3];
    assert_eq!(shown, [on("2025-02-19"), on("2025-02-20"), on("2025-02-21")].concat());
    let expected = published(&city);
    for records in [1, 2, 7] {
        let bounds = Bounds { records, ..Bounds::default() };
        let city = days_of_waiting();
        city.run_with(StageOptions { bounds, aborts: [0, 8, 11, 17].into(), ..StageOptions::default() }).expect("runs");
        assert!(published(&city) == expected, "transactions of {records} records, some aborted");
        let city = days_of_waiting();
        for turns in [9, 22, 5, 6, 3] {
            let mut pipeline = Pipeline::new(&city.memory);
            pipeline.add(alert::stage(), StageOptions { bounds, ..StageOptions::default() });
            pipeline.turn("alert", turns).expect("runs");
            pipeline.kill("alert");
        }
        city.run().expect("runs");
        assert!(published(&city) == expected, "killed five times, transactions of {records} records");
    }
}

/// Topic, partition, key and value.
type Published = (String, i32, Option<Vec<u8>>, Option<Vec<u8>>);

/// Everything that was published.
fn published(city: &City) -> Vec<Published> {
    let mut all = Vec::new();
    for topic in city.memory.topics() {
        if topic.starts_with("warnings") {
            all.extend(city.memory.records(&topic).into_iter().map(|record| {
                let (key, value) = (record.key().map(<[u8]>::to_vec), record.value().map(<[u8]>::to_vec));
                (topic.clone(), record.partition(), key, value)
            }));
        }
    }
    let latest = city.memory.latest("households.cases");
    all.extend(latest.into_iter().map(|(key, value)| ("households.cases".to_owned(), 0, Some(key), Some(value))));
    all
}

/// The input of a story with several days, months and households.
fn story() -> City {
    let city = City::new();
    city.close("2024-12-30");
    for serial in 1..=40 {
        city.state(&with_bill(household(serial * 37), "2024-03-10", 6_000 + serial as i64));
    }
    for on in ["2024-12-31", "2025-01-01", "2025-01-15"] {
        city.close(on);
    }
    for serial in 1..=40 {
        let state = with_bill(household(serial * 37), "2024-03-10", 6_000 + serial as i64);
        city.state(&with_report(next(state), "2025-01-16"));
    }
    for on in ["2025-01-31", "2025-02-15", "2025-02-28"] {
        city.close(on);
    }
    city
}

#[test]
fn where_transactions_close_and_abort_and_where_a_worker_is_killed_changes_no_byte() {
    let plain = story();
    plain.run().expect("runs");
    let expected = published(&plain);
    assert!(expected.len() > 120, "{}", expected.len());
    for records in [1, 2, 7] {
        let bounds = Bounds { records, ..Bounds::default() };
        let city = story();
        let aborts = [0, 1, 5, 6].into();
        city.run_with(StageOptions { bounds, aborts, ..StageOptions::default() }).expect("runs");
        assert!(published(&city) == expected, "transactions of {records} records, some aborted");

        let city = story();
        for turns in [3, 11, 29] {
            let mut pipeline = Pipeline::new(&city.memory);
            pipeline.add(alert::stage(), StageOptions { bounds, ..StageOptions::default() });
            pipeline.turn("alert", turns).expect("runs");
            pipeline.kill("alert");
        }
        city.run().expect("runs");
        assert!(published(&city) == expected, "killed three times, transactions of {records} records");
    }
}
