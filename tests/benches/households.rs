//! What one household costs: to read and write its state, to apply an entry, and to look at it through every rule of a
//! county's policy. It measures no log, no table and no client.

use std::hint::black_box;
use std::sync::Arc;

use alert_core::policy::{Book, PolicySet};
use alert_core::{Calendar, Occasion, evaluate};
use criterion::{Criterion, criterion_group, criterion_main};
use schemas::codec;
use schemas::records::{Case, Fact, HouseholdEntry, HouseholdState, Origin, Row};
use schemas::{Category, Cause, Day, EntryId, Fen, Hash64, HouseholdCode, Kind, PersonToken};

const POLICY_FILES: [(&str, &str); 4] = [
    ("wording/zh", include_str!("../../deploy/policies/wording/zh.ftl")),
    ("wording/en", include_str!("../../deploy/policies/wording/en.ftl")),
    ("default", include_str!("../../deploy/policies/default.yaml")),
    ("hengshui", include_str!("../../deploy/policies/hengshui.yaml")),
];
/// A county of Hengshui.
const HOUSEHOLD: &str = "1311021012050007";
/// The household has been heard of since this day.
const FIRST: Day = Day(19_700);
/// The day of the evaluation: the first of a month, at which everybody is looked at.
const TODAY: Day = Day(20_454);
/// Its members: two earners, a pensioner, a child.
const MEMBERS: u8 = 4;

/// The household's entries, one record each.
#[derive(Default)]
struct Story {
    entries: Vec<HouseholdEntry<'static>>,
}

impl Story {
    fn entry(&mut self, rows: Vec<Row<'static>>, facts: Vec<Fact<'static>>) {
        self.entries.push(HouseholdEntry {
            household: HouseholdCode::parse(HOUSEHOLD).expect("a code"),
            event: self.next_hash(),
            source: "human-resources",
            event_type: "wage_reported",
            reported_at_ms: FIRST.start_ms(),
            rows,
            facts,
            origin: Origin { topic: "feeds.human-resources", partition: 1, offset: self.entries.len() as i64 },
        });
    }

    /// An odd factor scatters the numbers as a hash does.
    fn next_hash(&self) -> Hash64 {
        Hash64((self.entries.len() as i64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64))
    }

    fn amount(&mut self, (kind, category, cause): (Kind, Category, Cause), fen: i64, day: Day, person: Option<u8>) {
        let row = Row {
            sign: 1,
            entry: EntryId::of(self.next_hash(), 0, 0),
            source: "human-resources",
            kind,
            category,
            cause,
            amount_fen: Fen(fen),
            day,
            month: day.month(),
            months: 1,
            person: person.map(token),
            document: (kind == Kind::Expense).then(|| self.next_hash()),
        };
        self.entry(vec![row], Vec::new());
    }

    fn fact(&mut self, kind: Kind, code: &'static str, value: &'static str, person: Option<u8>) {
        let fact = Fact {
            sign: 1,
            entry: EntryId::of(self.next_hash(), 0, 0),
            source: "rural-revitalisation",
            kind,
            code,
            value,
            amount_fen: Fen::from_yuan(12_000),
            cause: Cause::Other,
            day: FIRST,
            reported_at_ms: FIRST.start_ms(),
            person: person.map(token),
        };
        self.entry(Vec::new(), vec![fact]);
    }

    /// Two years of a family as the simulated city has them: 40 entries a year (design section 8).
    fn of_two_years() -> Self {
        let mut story = Self::default();
        story.fact(Kind::Membership, "registered", "", None);
        story.fact(Kind::Status, "class", "marginal", None);
        story.fact(Kind::Status, "house_safety", "B", None);
        story.fact(Kind::Status, "water_safe", "true", None);
        for person in 0..MEMBERS {
            story.fact(Kind::Membership, "join", "", Some(person));
            story.fact(Kind::Status, "insured", "true", Some(person));
            story.fact(Kind::Status, "labour", "full", Some(person));
        }
        story.fact(Kind::Survey, "survey", "4", None);
        let income = |category| (Kind::Income, category, Cause::Other);
        for days in (0..TODAY.0 - FIRST.0 - 30).step_by(30) {
            let day = FIRST.plus(days);
            story.amount(income(Category::Wage), 280_000, day, Some(0));
            story.amount(income(Category::Wage), 190_000, day.plus(1), Some(1));
            story.amount(income(Category::Pension), 20_300, day.plus(2), Some(2));
            let fen = 30_000 + i64::from(days) * 30;
            story.amount((Kind::Expense, Category::OutpatientOutOfPocket, Cause::Illness), fen, day.plus(9), Some(2));
            if days % 90 == 0 {
                story.amount((Kind::Cost, Category::ProductionCost, Cause::Other), 60_000, day, None);
                story.amount(income(Category::ProduceSale), 240_000, day.plus(20), None);
                story.amount((Kind::Expense, Category::Schooling, Cause::Schooling), 90_000, day.plus(3), Some(3));
                story.fact(Kind::Incident, "follow_up_visit", "", None);
            }
        }
        story
    }

    fn state(&self) -> HouseholdState {
        let oldest = fuse_core::oldest_month(Some(TODAY.plus(-1)));
        let mut bytes = Vec::new();
        for entry in &self.entries {
            let held = (!bytes.is_empty()).then(|| codec::decode(&bytes).expect("a state"));
            let applied = fuse_core::apply(held, entry, oldest).expect("a state");
            bytes = encoded(&applied.state);
        }
        codec::decode(&bytes).expect("there are entries")
    }
}

fn token(person: u8) -> PersonToken {
    PersonToken([person * 31 + 7; 16])
}

fn encoded<T: serde::Serialize + codec::Recorded>(record: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(record, &mut bytes).expect("a record of ours");
    bytes
}

fn policies() -> Arc<PolicySet> {
    let mut book = Book::default();
    for (offset, (key, text)) in POLICY_FILES.iter().enumerate() {
        book.learn(offset as i64, key, text).expect("a policy of this project is well formed");
    }
    Arc::new(book.at(i64::MAX, TODAY))
}

#[expect(clippy::print_stdout, reason = "the answer to the person who runs the bench")]
fn say(text: &str) {
    println!("{text}");
}

fn codecs(criterion: &mut Criterion) {
    let mut story = Story::of_two_years();
    let state = story.state();
    let bytes = encoded(&state);
    let entry = story.entries.pop().expect("there are entries");
    let entry_bytes = encoded(&entry);
    say(&format!("a state of {} bytes, an entry of {}", bytes.len(), entry_bytes.len()));
    criterion.bench_function("decode/state", |bencher| {
        bencher.iter(|| codec::decode::<HouseholdState>(black_box(&bytes)).expect("a state"));
    });
    criterion.bench_function("encode/state", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            codec::encode(black_box(&state), &mut out).expect("a state");
        });
    });
    criterion.bench_function("decode/entry", |bencher| {
        bencher.iter(|| codec::decode::<HouseholdEntry<'_>>(black_box(&entry_bytes)).expect("an entry"));
    });
}

fn fuse(criterion: &mut Criterion) {
    let mut story = Story::of_two_years();
    let entry = encoded(&story.entries.pop().expect("there are entries"));
    let state = encoded(&story.state());
    let oldest = fuse_core::oldest_month(Some(TODAY.plus(-1)));
    let mut out = Vec::new();
    // All that one record costs fuse beside the log and its table.
    criterion.bench_function("fuse/entry", |bencher| {
        bencher.iter(|| {
            let entry: HouseholdEntry<'_> = codec::decode(black_box(&entry)).expect("an entry");
            let state = codec::decode(black_box(&state)).expect("a state");
            out.clear();
            let applied = fuse_core::apply(Some(state), &entry, oldest).expect("a state");
            codec::encode(&applied.state, &mut out).expect("a state");
        });
    });
}

fn alert(criterion: &mut Criterion) {
    let policies = policies();
    let state = Story::of_two_years().state();
    let calendar = Calendar { first_closed_day: FIRST, day: TODAY };
    let policy = policies.of(state.household.county()).expect("a policy");
    let outcome = evaluate(&state, None, policy, calendar, Occasion::News);
    let case = outcome.case.expect("something holds");
    let holding: Vec<&str> = case.findings.iter().map(|finding| finding.rule.as_str()).collect();
    say(&format!("holding: {}", holding.join(" ")));
    criterion.bench_function("evaluate/household", |bencher| {
        bencher.iter(|| evaluate(black_box(&state), Some(&case), policy, calendar, Occasion::Calendar));
    });
    let (state, case) = (encoded(&state), encoded(&case));
    say(&format!("a case of {} bytes", case.len()));
    // All that a month's end costs alert for one household beside the log and its tables.
    criterion.bench_function("sweep/household", |bencher| {
        bencher.iter(|| {
            let state: HouseholdState = codec::decode(black_box(&state)).expect("a state");
            let case: Case = codec::decode(black_box(&case)).expect("a case");
            evaluate(&state, Some(&case), policy, calendar, Occasion::Calendar)
        });
    });
}

criterion_group!(benches, codecs, fuse, alert);
criterion_main!(benches);
