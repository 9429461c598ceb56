//! Resolve in the domain's words: who is known, what waits, what has left. Corrections and moves are in `changes`.

mod changes;

use proptest::prelude::*;
use schemas::records::Origin;
use schemas::{Category, Cause, Fen, Hash64, Month, PersonToken};

use schemas::records::Entry;
use schemas::{Kind, codec};

use super::*;
use crate::ledger::oldest_month;

const FARM: &str = "4310231012050007";
const MILL: &str = "4310231012050008";
const LI: u8 = 1;
const PAST: Day = Day(20_000);

/// A subject record of an event that is about one person, or a household.
fn event(
    number: i64,
    person: Option<u8>,
    household: Option<&str>,
    kind: Kind,
    code: &'static str,
) -> SubjectEntry<'static> {
    SubjectEntry {
        event: Hash64(number),
        ordinal: 0,
        source: "finance",
        event_type: "subsidy_paid",
        op: Op::Upsert,
        corrects: None,
        content: Hash64(number),
        person: person.map(|byte| PersonToken([byte; 16])),
        household: household.map(|code| HouseholdCode::parse(code).expect("a code")),
        occurred_day: PAST,
        reported_at_ms: PAST.start_ms(),
        document: None,
        entries: vec![Entry {
            kind,
            category: if kind == Kind::Income { Category::Subsidy } else { Category::None },
            cause: Cause::Other,
            amount_fen: Fen(100),
            day: PAST,
            month: PAST.month(),
            months: 1,
            code,
            value: "",
        }],
        origin: Origin { topic: "feeds.finance", partition: 0, offset: number },
    }
}

fn subsidy(number: i64) -> SubjectEntry<'static> {
    event(number, Some(LI), None, Kind::Income, "")
}

fn join(number: i64, household: &str) -> SubjectEntry<'static> {
    event(number, Some(LI), Some(household), Kind::Membership, "join")
}

fn registered(number: i64) -> SubjectEntry<'static> {
    event(number, None, Some(FARM), Kind::Membership, "registered")
}

fn with_day(mut event: SubjectEntry<'static>, day: Day) -> SubjectEntry<'static> {
    event.occurred_day = day;
    event.entries[0].day = day;
    event.entries[0].month = day.month();
    event
}

/// What an effect is, in a word and the event's number.
fn told(effect: &Effect<'_>) -> String {
    match effect {
        Effect::Applied(input) => format!("applied {}", input.event.0),
        Effect::Duplicate(input) => format!("duplicate {}", input.event.0),
        Effect::Refused(reason, input) => format!("{} {}", reason.code(), input.event.0),
        Effect::Parked(wait, input, day) => format!("{} {} {day}", word(*wait), input.event.0),
        Effect::Released(_, input, day) => format!("released {} {day}", input.event.0),
        Effect::Expired(_, reason, input, day) => format!("expired {} {day} {}", input.event.0, reason.code()),
        Effect::Noted(note, input) => format!("{} {}", note.name(), input.event.0),
        Effect::Publish(entry) => {
            let sign = |sign: i32| if sign < 0 { "-" } else { "+" };
            let rows = entry.rows.iter().map(|row| format!("{}{}", sign(row.sign), row.entry.0 >> 8));
            let facts = entry.facts.iter().map(|fact| format!("{}{}@{}", sign(fact.sign), fact.code, fact.day));
            let said: Vec<_> = facts.chain(rows).collect();
            format!("{}: {}", entry.household.number() % 10_000, said.join(" "))
        }
        Effect::Redirect(redirect) => {
            let path: Vec<_> = redirect.path.iter().map(|code| (code.number() % 10_000).to_string()).collect();
            format!("{:?} to {}: {}", redirect.kind, redirect.to.number() % 10_000, path.join(" "))
        }
    }
}

fn word(wait: Wait) -> String {
    match wait {
        Wait::UnknownSubject => "parked".to_owned(),
        Wait::Original => "waits for its original:".to_owned(),
        Wait::FutureDay(day) => format!("waits until {day}:"),
    }
}

/// One subject with its ledger.
struct Subjected {
    subject: Subject,
    resolver: Resolver,
    ledger: Option<Vec<u8>>,
    items: i64,
    calendar: Calendar,
}

impl Subjected {
    fn new(limits: Limits, closed_day: Option<Day>) -> Self {
        Self {
            subject: Subject::Person(PersonToken([LI; 16])),
            resolver: Resolver::new(limits, Precedence::default()).expect("limits"),
            ledger: None,
            items: 0,
            calendar: Calendar::of(closed_day),
        }
    }

    fn keep(&mut self, outcome: Outcome) {
        let after = self.resolver.ledger().map(<[u8]>::to_vec);
        assert_eq!(outcome.is_changed, after != self.ledger, "said whether the ledger changed");
        self.ledger = after;
        self.items += outcome.items;
        let held = Ledger::of(self.ledger.as_deref()).item_count() as i64;
        assert_eq!(self.items, held, "said by how many items it grew");
    }

    fn take(&mut self, entry: &SubjectEntry<'_>) -> Vec<String> {
        let mut bytes = Vec::new();
        codec::encode(entry, &mut bytes).expect("encodes");
        let mut effects = Vec::new();
        let ledger = self.ledger.clone();
        let say = &mut |effect: Effect<'_>| effects.push(told(&effect));
        let outcome = self.resolver.resolve(ledger.as_deref(), entry, &bytes, self.calendar, say);
        self.keep(outcome.expect("a ledger of ours"));
        effects
    }

    fn close(&mut self, day: Day) -> Vec<String> {
        self.calendar.closed_day = Some(day);
        let mut effects = Vec::new();
        let ledger = self.ledger.clone();
        let say = &mut |effect: Effect<'_>| effects.push(told(&effect));
        let outcome = self.resolver.close_day(ledger.as_deref(), self.subject, self.calendar, say);
        self.keep(outcome.expect("a ledger of ours"));
        effects
    }
}

/// Takes the records one after the other, each with what must follow from it.
fn check(rows: &[(SubjectEntry<'_>, &[&str])]) {
    let mut subject = Subjected::new(Limits::default(), Some(PAST));
    for (at, (entry, expected)) in rows.iter().enumerate() {
        assert_eq!(subject.take(entry), *expected, "record {at}");
    }
}

#[test]
fn what_waits_for_a_person_is_released_in_order_into_one_record() {
    check(&[
        (subsidy(1 << 8), &["parked 256 2024-10-05"]),
        (subsidy(2 << 8), &["parked 512 2024-10-05"]),
        (subsidy(1 << 8), &["duplicate 256"]),
        (
            join(3 << 8, FARM),
            &[
                "applied 768",
                "released 256 2024-10-05",
                "applied 256",
                "released 512 2024-10-05",
                "applied 512",
                "7: +join@2024-10-04 +1 +2",
            ],
        ),
        (subsidy(4 << 8), &["applied 1024", "7: +4"]),
        (subsidy(2 << 8), &["duplicate 512"]),
    ]);
}

#[test]
fn what_waits_for_a_household_is_released_when_it_is_registered() {
    let grade = |number| event(number, None, Some(FARM), Kind::Status, "house_safety");
    check(&[
        (grade(1), &["parked 1 2024-10-05"]),
        (
            registered(2),
            &["applied 2", "released 1 2024-10-05", "applied 1", "7: +house_safety@2024-10-04 +registered@2024-10-04"],
        ),
        (grade(3), &["applied 3", "7: +house_safety@2024-10-04"]),
    ]);
}

#[test]
fn an_event_that_names_person_and_household_follows_the_person() {
    let said_elsewhere = event(2, Some(LI), Some(MILL), Kind::Incident, "casualty");
    check(&[
        (join(1, FARM), &["applied 1", "7: +join@2024-10-04"]),
        (said_elsewhere, &["applied 2", "7: +casualty@2024-10-04"]),
    ]);
}

#[test]
fn the_earliest_join_to_a_household_holds() {
    check(&[
        (join(1, FARM), &["applied 1", "7: +join@2024-10-04"]),
        (with_day(join(3, FARM), PAST.plus(-10)), &["applied 3", "7: -join@2024-10-04 +join@2024-09-24"]),
        (with_day(join(4, FARM), PAST.plus(-5)), &["applied 4"]),
    ]);
}

#[test]
fn what_cannot_be_taken_is_refused_with_its_reason() {
    let homeless_join = SubjectEntry { household: None, ..join(13, FARM) };
    let absurd = Entry { amount_fen: Fen(1 << 41), ..subsidy(0).entries[0] };
    check(&[
        (join(1, FARM), &["applied 1", "7: +join@2024-10-04"]),
        (with_day(subsidy(10), PAST.plus(-800)), &["beyond_horizon 10"]),
        (SubjectEntry { person: None, ..subsidy(12) }, &["no_subject 12"]),
        (homeless_join, &["missing_field 13"]),
        (SubjectEntry { entries: vec![absurd], ..subsidy(14) }, &["absurd_amount 14"]),
        (SubjectEntry { entries: vec![], ..subsidy(15) }, &["missing_field 15"]),
    ]);
}

#[test]
fn a_status_from_before_the_horizon_holds_still() {
    let old = PAST.plus(-4_000);
    let disability = |number, day| with_day(event(number, Some(LI), None, Kind::Status, "disability"), day);
    check(&[
        (with_day(join(1, FARM), old), &["applied 1", "7: +join@2013-10-22"]),
        (disability(2, old), &["applied 2", "7: +disability@2013-10-22"]),
        (disability(2, old), &["duplicate 2"]),
        (with_day(join(1, FARM), old), &["duplicate 1"]),
    ]);
}

#[test]
fn the_horizon_begins_25_months_before_the_current_one() {
    let today = Day::parse("2025-03-01").expect("a day");
    assert_eq!(oldest_month(today), Month::of(2023, 2).expect("a month"));
    for (day, expected) in [("2023-02-01", "applied 2"), ("2023-01-31", "beyond_horizon 2")] {
        let mut subject = Subjected::new(Limits::default(), Some(today.plus(-1)));
        subject.take(&join(1, FARM));
        let said = subject.take(&with_day(subsidy(2), Day::parse(day).expect("a day")));
        assert_eq!(said[0], expected, "{day}");
    }
}

#[test]
fn before_the_first_close_everything_is_within_the_horizon() {
    let mut subject = Subjected::new(Limits::default(), None);
    subject.take(&join(1, FARM));
    assert_eq!(subject.take(&with_day(subsidy(2), Day(0)))[0], "applied 2");
}

#[test]
fn what_waits_too_long_expires_at_the_close_of_its_day() {
    let mut subject = Subjected::new(Limits { parked_days_max: 3, ..Limits::default() }, Some(PAST));
    subject.take(&subsidy(1));
    subject.calendar.closed_day = Some(PAST.plus(1));
    subject.take(&subsidy(2));
    assert_eq!(subject.resolver.due_day(subject.ledger.as_deref()), Some(PAST.plus(3)));
    assert_eq!(subject.close(PAST.plus(2)), [""; 0]);
    assert_eq!(subject.close(PAST.plus(3)), ["expired 1 2024-10-05 parked_expired"]);
    assert_eq!(subject.close(PAST.plus(4)), ["expired 2 2024-10-06 parked_expired"]);
    assert_eq!((subject.ledger.as_deref(), subject.resolver.due_day(None)), (None, None));
}

#[test]
fn what_was_parked_before_the_first_close_waits_from_then_on() {
    let mut subject = Subjected::new(Limits { parked_days_max: 3, ..Limits::default() }, None);
    assert_eq!(subject.take(&subsidy(1)), ["parked 1 2024-10-04"]);
    assert!(subject.resolver.due_day(subject.ledger.as_deref()).is_some_and(|due| due < PAST));
    let first = PAST.plus(500);
    assert_eq!(subject.close(first), [""; 0]);
    assert_eq!(subject.resolver.due_day(subject.ledger.as_deref()), Some(first.plus(3)));
    assert_eq!(subject.close(first.plus(3)), ["expired 1 2026-02-17 parked_expired"]);
}

#[test]
fn what_left_the_horizon_while_it_waited_is_refused_at_its_release() {
    let mut subject = Subjected::new(Limits { parked_days_max: 2_000, ..Limits::default() }, Some(PAST));
    subject.take(&subsidy(1));
    subject.close(PAST.plus(900));
    let said = subject.take(&with_day(join(2, FARM), PAST));
    assert_eq!(said, ["applied 2", "released 1 2024-10-05", "beyond_horizon 1", "7: +join@2024-10-04"]);
}

#[test]
fn months_that_leave_the_horizon_leave_the_ledger() {
    let mut subject = Subjected::new(Limits::default(), Some(PAST));
    subject.take(&join(1, FARM));
    subject.take(&subsidy(2));
    assert_eq!(subject.items, 2);
    subject.close(PAST.plus(900));
    assert_eq!(subject.items, 1, "the membership holds, the subsidy has left");
    assert_eq!(subject.take(&join(1, FARM)), ["duplicate 1"]);
}

#[test]
fn limits_are_refused_with_their_reasons() {
    let few = Limits { parked_per_subject_max: 2, items_per_subject_max: 3, ..Limits::default() };
    let mut subject = Subjected::new(few, Some(PAST));
    assert_eq!(subject.take(&subsidy(1)), ["parked 1 2024-10-05"]);
    assert_eq!(subject.take(&subsidy(2)), ["parked 2 2024-10-05"]);
    assert_eq!(subject.take(&subsidy(3)), ["parked_limit 3"]);
    subject.take(&join(4, FARM));
    assert_eq!(subject.take(&subsidy(5)), ["ledger_limit 5"]);
    let short = Limits { parked_bytes_per_subject_max: 150, ..Limits::default() };
    let mut subject = Subjected::new(short, Some(PAST));
    assert_eq!(subject.take(&subsidy(1)), ["parked 1 2024-10-05"]);
    assert_eq!(subject.take(&subsidy(2)), ["parked_limit 2"]);
}

#[test]
fn limits_that_cannot_be_kept_are_named() {
    let odd = Limits { parked_per_subject_max: 70_000, parked_days_max: 0, ..Limits::default() };
    let said: Vec<_> = odd.faults().map(|fault| fault.to_string()).collect();
    let expected = [
        "parked_per_subject_max is 70000; it must lie between 1 and 65535",
        "parked_days_max is 0; it must lie between 1 and 36500",
    ];
    assert_eq!(said, expected);
    assert_eq!(
        Resolver::new(odd, Precedence::default()).map_err(|fault| fault.limit).err(),
        Some("parked_per_subject_max")
    );
}

proptest! {
    /// Whatever comes in whatever order: every record ends once or waits, what is parked is released in its order,
    /// and a record that comes twice is applied once.
    #[test]
    fn every_record_ends_once(steps in proptest::collection::vec((0i64..12, 0u8..24), 1..60)) {
        let mut subject = Subjected::new(Limits { parked_days_max: 5, ..Limits::default() }, Some(PAST));
        let (mut taken, mut ended, mut waiting, mut applied) = (0, 0, Vec::<String>::new(), Vec::<String>::new());
        let mut today = PAST;
        for (number, what) in steps {
            let correction = |number| changes::operation(Op::Correct, 300 + number, number);
            let said = match what {
                0..=1 => subject.take(&join(100 + number, FARM)),
                2 => { today = today.plus(2); subject.close(today) }
                3 => subject.take(&join(200 + number, MILL)),
                4..=6 => subject.take(&correction(number)),
                7 => subject.take(&with_day(join(400 + number, MILL), today.plus(3))),
                _ => subject.take(&subsidy(number)),
            };
            taken += i64::from(what != 2);
            for effect in said {
                let (word, rest) = effect.split_once(' ').expect("a word and the rest");
                let number = rest.rsplit(": ").next().and_then(|rest| rest.split(' ').next()).expect("a number");
                let number = number.to_owned();
                let mut leave = |number: &String| {
                    let at = waiting.iter().position(|one| one == number);
                    at.map(|at| waiting.remove(at)).is_some()
                };
                match word {
                    "parked" | "waits" => waiting.push(number),
                    "released" => prop_assert!(leave(&number)),
                    "expired" => { prop_assert!(leave(&number)); ended += 1; }
                    "applied" => { ended += 1; prop_assert!(!applied.contains(&number)); applied.push(number); }
                    "duplicate" => ended += 1,
                    "corrections" | "conflicts" => {}
                    _ => prop_assert!(["7:", "8:"].contains(&word), "{}", effect),
                }
            }
            prop_assert_eq!(taken, ended + waiting.len() as i64);
        }
    }
}
