//! What resolve costs per record: payments of persons whose ledgers hold two years, corrections of them, and moves; and how
//! many bytes a ledger has per row and per subject. It measures no log and no client.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ingest_core::ledger::Ledger;
use ingest_core::resolve::{Calendar, Effect, Limits, Precedence, Resolver};
use schemas::records::{Entry, Origin, SubjectEntry};
use schemas::{Category, Cause, Day, Fen, Hash64, HouseholdCode, Kind, Op, PersonToken, codec};

/// Payments of one person in a year: 40 entries a household, three persons in each (design section 8).
const PAYMENTS_A_YEAR: i32 = 14;
/// Months of the horizon.
const MONTHS: i32 = 25;
const TODAY: Day = Day(20_000);
/// Ledger rows of a city of 4.7 million people (design section 8).
const CITY_ROWS: f64 = 117e6;

fn record(number: i64, day: Day, kind: Kind, category: Category, code: &'static str) -> SubjectEntry<'static> {
    // An odd factor scatters the numbers as a hash does.
    let event = Hash64(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64));
    SubjectEntry {
        event,
        ordinal: 0,
        source: "human-resources",
        event_type: "wage_reported",
        op: Op::Upsert,
        corrects: None,
        content: event,
        person: Some(PersonToken([7; 16])),
        household: HouseholdCode::parse("4310231012050007").ok(),
        occurred_day: day,
        reported_at_ms: day.start_ms(),
        document: None,
        entries: vec![Entry {
            kind,
            category,
            cause: Cause::Other,
            amount_fen: Fen(300_000),
            day,
            month: day.month(),
            months: 1,
            code,
            value: "",
        }],
        origin: Origin { topic: "feeds.human-resources", partition: 0, offset: number },
    }
}

fn payment(number: i64, day: Day) -> SubjectEntry<'static> {
    record(number, day, Kind::Income, Category::Wage, "")
}

fn encoded(record: &SubjectEntry<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(record, &mut bytes).expect("a record of ours");
    bytes
}

fn take(resolver: &mut Resolver, ledger: Option<&[u8]>, bytes: &[u8]) -> usize {
    let entry: SubjectEntry<'_> = codec::decode(bytes).expect("a record of ours");
    let calendar = Calendar::of(Some(TODAY));
    let mut published = 0;
    let mut say = |effect: Effect<'_>| published += usize::from(matches!(effect, Effect::Publish(_)));
    resolver.resolve(ledger, &entry, bytes, calendar, &mut say).expect("a ledger of ours");
    published
}

/// The ledger of a person who has been paid for two years.
fn two_years(resolver: &mut Resolver) -> Vec<u8> {
    let join = record(1, TODAY.plus(-900), Kind::Membership, Category::None, "join");
    let payments = MONTHS * PAYMENTS_A_YEAR / 12;
    let paid = (0..payments).map(|at| payment(i64::from(at) + 2, TODAY.plus(-at * 30 * 12 / PAYMENTS_A_YEAR)));
    let mut ledger = Vec::new();
    for entry in std::iter::once(join).chain(paid) {
        take(resolver, Some(&ledger).filter(|bytes| !bytes.is_empty()).map(Vec::as_slice), &encoded(&entry));
        ledger = resolver.ledger().unwrap_or_default().to_vec();
    }
    ledger
}

#[expect(clippy::print_stdout, reason = "the answer to the person who runs the bench")]
fn sizes(ledger: &[u8]) {
    let rows = Ledger::of(Some(ledger)).items().count();
    let per_row = ledger.len() as f64 / rows as f64;
    println!(
        "a ledger of {rows} rows: {} bytes, {per_row:.1} a row; {:.2} GB for a city of 117 million rows",
        ledger.len(),
        per_row * CITY_ROWS / 1e9
    );
}

fn resolve(criterion: &mut Criterion) {
    let mut resolver = Resolver::new(Limits::default(), Precedence::default()).expect("limits");
    let ledger = two_years(&mut resolver);
    sizes(&ledger);
    let correction =
        SubjectEntry { op: Op::Correct, corrects: Some(payment(9, TODAY).event), ..payment(1_001, TODAY.plus(-3)) };
    let mut moved = record(1_002, TODAY.plus(-40), Kind::Membership, Category::None, "join");
    moved.household = HouseholdCode::parse("4310231012050008").ok();
    let rows = [
        ("payment", payment(1_000, TODAY.plus(-3))),
        ("duplicate", payment(9, TODAY.plus(-7 * 30 * 12 / PAYMENTS_A_YEAR))),
        ("correction", correction),
        ("move", moved),
    ];
    for (name, entry) in rows {
        let bytes = encoded(&entry);
        criterion.bench_function(&format!("resolve/{name}"), |bencher| {
            bencher.iter_batched(
                || (),
                |()| take(&mut resolver, Some(black_box(&ledger)), &bytes),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, resolve);
criterion_main!(benches);
