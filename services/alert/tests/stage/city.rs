//! A city of one topic for the tests of alert's stage: what fuse would have written. It expects nothing.

use runtime::held::HeldRecord;
use runtime::memory::{Memory, Pipeline, StageOptions, TopicSettings};
use runtime::stage::Placement;
use runtime::worker::WorkerError;
use schemas::codec;
use schemas::records::{
    Case, Coverage, DayClosed, Evidence, HouseholdState, Incident, Member, MonthlyAmounts, PROGRESS_KEY, Progress, Sum,
    Warning,
};
use schemas::{Category, Cause, Class, Day, EntryId, Fen, Hash64, HouseholdCode, Kind, PersonToken};

pub(crate) const PARTITIONS: i32 = 2;
/// R22 looks at the same bills as R01 and is tried elsewhere.
pub(crate) const HENGSHUI: &str =
    concat!(include_str!("../../../../deploy/policies/hengshui.yaml"), "  - { id: R22, off: true }\n");
pub(crate) const POLICY_FILES: [(&str, &str); 4] = [
    ("wording/zh", include_str!("../../../../deploy/policies/wording/zh.ftl")),
    ("wording/en", include_str!("../../../../deploy/policies/wording/en.ftl")),
    ("default", include_str!("../../../../deploy/policies/default.yaml")),
    ("hengshui", HENGSHUI),
];

pub(crate) fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

/// A city of one topic: what fuse would have written.
pub(crate) struct City {
    pub(crate) memory: Memory,
}

impl City {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn policy(&self, key: &str, text: &str) {
        self.memory
            .append("policies", 0, Some(key.as_bytes()), Some(text.as_bytes()), &[])
            .expect("the topic is there");
    }

    pub(crate) fn state(&self, state: &HouseholdState) {
        let mut bytes = Vec::new();
        codec::encode(state, &mut bytes).expect("it encodes");
        self.state_bytes(state, &bytes);
    }

    /// The same with a value that is given.
    pub(crate) fn state_bytes(&self, state: &HouseholdState, bytes: &[u8]) {
        let key = state.household.digits();
        let placement = Placement::ByKeyPrefix(12);
        self.memory
            .append_placed("households.states", placement, Some(&key), Some(bytes), &[])
            .expect("the topic is there");
    }

    /// Closes a day in every partition; policies published so far hold from then on.
    pub(crate) fn close(&self, on: &str) {
        self.close_with(on, self.memory.end("policies", 0));
    }

    /// The next day to be closed, where a day still lies before `on`.
    pub(crate) fn closed_before(&self, on: &str) -> Option<String> {
        let records = self.memory.records("households.states");
        let values = records.iter().filter_map(HeldRecord::value).filter(|value| codec::is::<DayClosed>(value));
        let days = values.map(|value| codec::decode::<DayClosed>(value).expect("a marker").day);
        days.max().map(|last| last.plus(1)).filter(|next| *next < day(on)).map(|next| next.to_string())
    }

    pub(crate) fn close_with(&self, on: &str, policies_offset: i64) {
        self.close_heard(on, policies_offset, &[]);
    }

    /// Closes a day on which these departments were heard for the county of Hengshui.
    pub(crate) fn close_heard(&self, on: &str, policies_offset: i64, sources: &[&str]) {
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

    pub(crate) fn run(&self) -> Result<(), WorkerError> {
        self.run_with(StageOptions::default())
    }

    /// Runs with a list of receivers of its own.
    pub(crate) fn run_for(&self, receivers: &[&str]) -> Result<(), WorkerError> {
        let receivers = receivers.iter().map(|name| (*name).to_owned()).collect();
        let settings = alert::AlertSettings { receivers, ..alert::AlertSettings::default() };
        for topic in &runtime::stage::Stage::topology(&alert::AlertStage::new(&settings)).outputs {
            self.memory.create(topic, TopicSettings::new(1));
        }
        let mut pipeline = Pipeline::new(&self.memory);
        pipeline.add(alert::AlertStage::new(&settings), StageOptions::default());
        pipeline.run()
    }

    pub(crate) fn run_with(&self, options: StageOptions) -> Result<(), WorkerError> {
        let mut pipeline = Pipeline::new(&self.memory);
        pipeline.add(alert::stage(), options);
        pipeline.run()
    }

    pub(crate) fn warnings(&self, topic: &str) -> Vec<Warning> {
        let decode = |record: &HeldRecord| codec::decode(record.value().unwrap_or_default()).expect("a warning");
        self.memory.records(topic).iter().map(decode).collect()
    }

    pub(crate) fn shown(&self) -> Vec<String> {
        let show = |one: &Warning| format!("{} {:?} {} {}", one.rule, one.kind, one.level.letter(), one.day);
        self.warnings("warnings").iter().map(show).collect()
    }

    /// The latest case of every household.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let latest = self.memory.latest("households.cases");
        let cases = latest.iter().filter(|(key, _)| key.as_slice() != PROGRESS_KEY.as_bytes());
        cases.map(|(_, value)| codec::decode(value).expect("a case")).collect()
    }

    /// The progress of the partition in which a household lies.
    pub(crate) fn progress_of(&self, state: &HouseholdState) -> Progress {
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
pub(crate) fn household(serial: u64) -> HouseholdState {
    HouseholdState {
        number: 1,
        household: HouseholdCode::from_number(1_311_021_012_050_000 + serial).expect("a code"),
        registered_day: Some(day("2020-01-01")),
        oldest_month: None,
        classes: vec![Class::Delisted],
        members: vec![Member {
            person: PersonToken([1; 16]),
            since_day: day("2020-01-01"),
            is_first: true,
            wages: MonthlyAmounts::default(),
        }],
        statuses: Vec::new(),
        provisional_members: 0,
        survey: None,
        sums: Vec::new(),
        evidence: Vec::new(),
        incidents: Vec::new(),
        reversed: Vec::new(),
        source: "health-insurance".into(),
        event: Hash64(1),
    }
}

pub(crate) fn with_bill(mut state: HouseholdState, on: &str, yuan: i64) -> HouseholdState {
    let (category, cause, amount_fen) = (Category::MedicalInpatient, Cause::Illness, Fen::from_yuan(yuan));
    let entry = EntryId(state.household.number() as i64 + state.number);
    state.sums.push(Sum { category, cause, months: [(day(on).month(), amount_fen)].into_iter().collect() });
    let source = "health-insurance".to_owned();
    state.evidence.push(Evidence {
        entry,
        category,
        cause,
        amount_fen,
        day: day(on),
        source: source.into(),
        document: None,
    });
    state
}

pub(crate) fn next(mut state: HouseholdState) -> HouseholdState {
    state.number += 1;
    state
}

pub(crate) fn with_report(mut state: HouseholdState, on: &str) -> HouseholdState {
    state.incidents.push(Incident {
        entry: EntryId(state.household.number() as i64 + 7_000),
        kind: Kind::Incident,
        code: "grid_report".into(),
        value: schemas::Text::default(),
        cause: Cause::Disaster,
        amount_fen: Fen::ZERO,
        day: day(on),
        person: None,
        source: "rural-revitalisation".into(),
    });
    state
}
