//! What an explanation says of entries that were corrected, taken back, moved, or waited.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use runtime::stage::Record;
use schemas::HouseholdCode;

use super::gather::{Take, Topics};
use super::rows::{EntryRow, Found, SubjectRow};
use super::trace::{How, Line, Turn};
use super::{answer, gather, text, trace};
use crate::memory_pipeline::{MemoryPipeline, PipelineSettings};
use crate::simulate::{ChangeRates, City, DEPARTMENTS, Settings};

/// The event with this number; its only entry has the same id.
fn event(number: u64) -> String {
    format!("{:016x}", number << 32)
}

/// An expense: sign, event to which the entry belongs, event that caused it, place of the record.
fn said(sign: i32, of: u64, by: u64, offset: i64) -> EntryRow {
    EntryRow {
        household: "4310231012050007".to_owned(),
        entry: event(of),
        event: event(by),
        source: "health-insurance".to_owned(),
        sign,
        kind: "expense".to_owned(),
        amount_fen: 9_000_000 + of as i64,
        origin_topic: "feeds.health-insurance".to_owned(),
        origin_offset: by as i64,
        reported_at: "1728000000.000".to_owned(),
        offset,
        ..EntryRow::default()
    }
}

/// The record of an event.
fn record(number: u64, op: &str, corrects: Option<u64>) -> SubjectRow {
    SubjectRow {
        event: event(number),
        op: op.to_owned(),
        corrects: corrects.map(event).unwrap_or_default(),
        event_type: "medical_settlement".to_owned(),
        entries: if op == "retract" { Vec::new() } else { vec![event(number)] },
        origin_topic: "feeds.health-insurance".to_owned(),
        origin_offset: number as i64,
        reported_at: "1728000000.000".to_owned(),
        ..SubjectRow::default()
    }
}

fn membership(row: EntryRow, code: &str) -> EntryRow {
    EntryRow { kind: "membership".to_owned(), code: code.to_owned(), ..row }
}

fn paper(row: EntryRow, source: &str) -> EntryRow {
    EntryRow { source: source.to_owned(), document: "d0".to_owned(), ..row }
}

/// What became of the entries of one event: came, ended and whether they count, for each time that they did.
fn check(entries: Vec<EntryRow>, elsewhere: Vec<EntryRow>, of: u64, expected: &[(Option<How>, Option<How>)]) {
    let subjects = vec![
        record(1, "upsert", None),
        record(2, "correct", Some(1)),
        record(3, "retract", Some(2)),
        record(4, "upsert", None),
    ];
    let found = Found { entries, elsewhere, subjects, ..Found::default() };
    let lines = trace::lines(&found);
    let how = |line: &Line| {
        assert_eq!(line.is_live, line.ended.is_none());
        assert_eq!(line.origin, format!("feeds.health-insurance/0@{of}"), "its own origin, whatever caused it");
        (line.came.clone().map(|turn| turn.how), line.ended.clone().map(|turn| turn.how))
    };
    let became: Vec<_> = lines.iter().filter(|line| line.entry == event(of)).map(how).collect();
    assert_eq!(became, expected);
}

#[test]
fn a_correction_takes_the_place_of_its_original_and_its_retraction_brings_it_back() {
    let history = || vec![said(1, 1, 1, 0), said(-1, 1, 2, 1), said(1, 2, 2, 1), said(-1, 2, 3, 2), said(1, 1, 3, 2)];
    let corrected = How::Corrected { by: vec![event(2)] };
    check(history(), vec![], 1, &[(None, Some(corrected)), (Some(How::Again), None)]);
    check(history(), vec![], 2, &[(None, Some(How::Retracted))]);
}

#[test]
fn a_correction_that_came_first_waited_for_its_original() {
    check(vec![said(1, 2, 1, 0)], vec![], 2, &[(Some(How::Waited), None)]);
}

#[test]
fn an_event_that_came_again_with_other_content_is_said_anew() {
    let anew = EntryRow { amount_fen: 7, ..said(1, 1, 1, 5) };
    let again = Some(How::SaidAnew { amount_fen: 7 });
    check(vec![said(1, 1, 1, 0), said(-1, 1, 1, 5), anew], vec![], 1, &[(None, again), (None, None)]);
}

#[test]
fn a_row_that_moved_says_where_it_came_from_and_where_it_went() {
    let there = |sign| EntryRow { household: "4310231012050008".to_owned(), ..said(sign, 1, 4, 9) };
    let moved = || Some(How::Moved { household: "4310231012050008".to_owned() });
    check(vec![said(1, 1, 1, 0), said(-1, 1, 4, 1)], vec![there(1)], 1, &[(None, moved())]);
    check(vec![said(1, 1, 4, 1)], vec![there(-1)], 1, &[(moved(), None)]);
    let left = [said(1, 1, 1, 0), said(-1, 1, 4, 1), membership(said(1, 4, 4, 1), "leave")];
    check(left.to_vec(), vec![], 1, &[(None, Some(How::Left))]);
}

#[test]
fn a_record_that_waited_for_its_person_counts_since_the_join() {
    check(vec![membership(said(1, 4, 4, 0), "join"), said(1, 1, 4, 0)], vec![], 1, &[(Some(How::Waited), None)]);
}

#[test]
fn the_same_document_counts_once_and_the_other_takes_its_place() {
    let history = [
        paper(said(1, 1, 1, 0), "civil-affairs"),
        paper(said(-1, 1, 4, 1), "civil-affairs"),
        paper(said(1, 4, 4, 1), "health"),
    ];
    check(history.to_vec(), vec![], 1, &[(None, Some(How::SameDocument { by: vec![event(4)] }))]);
}

#[test]
fn the_end_of_a_stay_is_said_by_what_ended_it() {
    // Its id is that of the join, moved aside, so that no record has it.
    let reported_at = "1700000000.000".to_owned();
    let end = EntryRow {
        reported_at,
        entry: event(77),
        value: "2024-01-03".to_owned(),
        ..membership(said(1, 4, 4, 1), "leave")
    };
    let found = Found { entries: vec![end], subjects: vec![record(4, "upsert", None)], ..Found::default() };
    let line = trace::lines(&found).remove(0);
    assert_eq!((line.origin.as_str(), line.event_type.as_str(), line.came), ("feeds.health-insurance/0@4", "", None));
    assert_eq!(line.reported_day, "2024-10-04", "that of what ended it, not that of the join");
    let person = "05".repeat(16);
    let of_person = Found {
        entries: found.entries.into_iter().map(|row| EntryRow { person: person.clone(), ..row }).collect(),
        ..Found::default()
    };
    let answer = answer::of("4310231012050007", &of_person).expect("known");
    assert_eq!((answer.stays[0].from_day.as_str(), answer.stays[0].to_day.as_deref()), ("2024-01-03", Some("")));
}

#[test]
fn of_a_record_that_came_again_the_first_is_shown() {
    let again = SubjectRow { origin_offset: 9, ..record(1, "upsert", None) };
    let found =
        Found { entries: vec![said(1, 1, 4, 1)], subjects: vec![again, record(1, "upsert", None)], ..Found::default() };
    assert_eq!(trace::lines(&found)[0].origin, "feeds.health-insurance/0@1");
}

impl Topics for MemoryPipeline {
    fn partitions(&self, topic: &str) -> Result<i32> {
        Ok(self.memory().partitions(topic))
    }

    fn read(&self, topic: &str, partitions: &BTreeSet<i32>, take: &mut Take<'_>) -> Result<()> {
        let mut result = Ok(());
        self.memory().for_each(topic, |record: &Record<'_>| {
            if partitions.contains(&record.partition) && result.is_ok() {
                result = take(record);
            }
        });
        result
    }
}

fn city() -> MemoryPipeline {
    let folder = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let settings = PipelineSettings::read(&folder("schemas/feeds"), &folder("deploy")).expect("settings");
    let mut pipeline = MemoryPipeline::new(&settings).expect("a pipeline");
    // Rates at which a few households see every kind of change within the run.
    let changes =
        ChangeRates { marriage_ppm: 50_000, split_ppm: 10_000, corrected_ppm: 60_000, ..ChangeRates::default() };
    let mut city = City::new(Settings { changes, ..Settings::new(25, 14, 1) });
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            pipeline.publish(DEPARTMENTS[usize::from(record.feed)], record.key, record.value).expect("published");
        }
        pipeline.close_day(day.day).expect("closed");
        pipeline.run().expect("runs");
    }
    pipeline
}

#[test]
fn what_an_explanation_rests_on_adds_up_to_the_months_of_the_state() {
    let city = city();
    let states = city.states().expect("states");
    assert!(states.len() >= 25);
    let mut seen = BTreeSet::new();
    for state in states {
        let found = gather::from_topics(&city, state.household).expect("read");
        let answer = answer::of(&state.household.to_string(), &found).expect("known");
        let mut sums = BTreeMap::<_, i64>::new();
        for one in &answer.months {
            *sums.entry((one.category.clone(), one.cause.clone())).or_default() += one.amount_fen;
        }
        let live = answer.numbers.iter().filter(|number| number.live_fen != 0);
        let live: BTreeMap<_, _> =
            live.map(|number| ((number.category.clone(), number.cause.clone()), number.live_fen)).collect();
        assert_eq!(live, sums, "household {}", state.household);
        assert_eq!(answer.stays.iter().filter(|stay| stay.to_day.is_none()).count(), answer.members);
        for line in answer.numbers.iter().flat_map(|number| &number.entries) {
            assert!(!line.origin.is_empty() && !line.reported_day.is_empty(), "{line:?}");
        }
        for line in answer.numbers.iter().flat_map(|number| &number.entries).chain(&answer.facts) {
            let how = |turn: &Option<Turn>| turn.as_ref().map(|turn| name(&turn.how));
            seen.extend(how(&line.came).into_iter().chain(how(&line.ended)));
        }
        let shown = text::of(&answer);
        assert!(shown.starts_with(&format!("Household {}, state {}", state.household, state.number)), "{shown}");
    }
    for how in ["moved", "corrected", "retracted", "waited", "said_anew"] {
        assert!(seen.contains(how), "{how} is not among {seen:?}");
    }
}

fn name(how: &How) -> String {
    serde_json::to_value(how).expect("JSON")["how"].as_str().expect("a name").to_owned()
}

#[test]
fn a_household_of_which_nothing_was_said_has_no_explanation() {
    let household = HouseholdCode::parse("4310231012050007").expect("a code");
    assert!(answer::of(&household.to_string(), &Found::default()).is_none());
}

#[test]
fn without_a_record_of_who_asks_there_is_no_answer() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: super::ExplainArgs,
    }
    // Nobody listens on the first port.
    let line = ["explain", "4310231012050007", "--clickhouse", "http://127.0.0.1:1"];
    let args = <Line as clap::Parser>::try_parse_from(line).expect("a command line").args;
    let fault = format!("{:#}", super::run(&args).expect_err("no server"));
    assert!(fault.contains("cannot be written down, so there is no answer"), "{fault}");
    for wrong in [
        &["explain", "4310231012050007"][..],
        &["explain", "4310231012050007", "--clickhouse", "http://a", "--brokers", "b"],
        &["explain", "431023101205000X", "--brokers", "b"],
    ] {
        assert!(<Line as clap::Parser>::try_parse_from(wrong).is_err(), "{wrong:?}");
    }
}
