//! What the archive writes: rows in the columns of `deploy/clickhouse`, and never the bytes of a dead letter.

use std::collections::BTreeSet;

use alert::archive::{
    AlertProgress, Cases, DeadLetters, Entries, ExplainLog, HouseholdStates, Scorecards, SubjectEntries, Warnings,
    plans,
};
use runtime::archive::RowMapper;
use runtime::stage::{Header, Record};
use schemas::codec::{self, Recorded};
use schemas::records::{
    Act, Case, Contribution, DayClosed, Entry, ExplainRequest, Fact, Finding, HouseholdEntry, HouseholdState, Origin,
    Progress, Row, Scorecard, Step, SubjectEntry, Sum, Warning, WarningKind, WarningLevel,
};
use schemas::{Category, Cause, Class, Day, EntryId, Fen, Hash64, HouseholdCode, Kind, Month, Office, Op, PersonToken};
use serde::Serialize;
use serde_json::Value;

const TABLES: [(&str, &str); 9] = [
    ("warnings", include_str!("../../../deploy/clickhouse/020_warnings.sql")),
    ("entries", include_str!("../../../deploy/clickhouse/030_entries.sql")),
    ("dead_letters", include_str!("../../../deploy/clickhouse/040_dead_letters.sql")),
    ("household_states", include_str!("../../../deploy/clickhouse/050_household_states.sql")),
    ("cases", include_str!("../../../deploy/clickhouse/060_cases.sql")),
    ("subject_entries", include_str!("../../../deploy/clickhouse/070_subject_entries.sql")),
    ("explain_log", include_str!("../../../deploy/clickhouse/080_explain_log.sql")),
    ("scorecards", include_str!("../../../deploy/clickhouse/090_scorecards.sql")),
    ("alert_progress", include_str!("../../../deploy/clickhouse/100_alert_progress.sql")),
];

fn household() -> HouseholdCode {
    HouseholdCode::parse("4310231012050007").expect("a code")
}

/// The columns that an insert gives, in the order of the table.
fn columns(table: &str) -> BTreeSet<String> {
    let (_, text) = TABLES.iter().find(|(name, _)| *name == table).expect("a file of the table");
    let body = text.split_once("\n(\n").and_then(|(_, rest)| rest.split_once("\n)\n")).expect("a list of columns").0;
    let is_given = |line: &&str| !line.contains(" MATERIALIZED ") && !line.trim_start().starts_with("INDEX ");
    let given = body.lines().filter(is_given);
    given.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn rows(mapper: &dyn RowMapper, value: &[u8], headers: &[Header<'_>]) -> Vec<Value> {
    let topics = mapper.topics();
    let (topic, key) = (topics[0].as_str(), Some(&b"key"[..]));
    let record =
        Record { topic, partition: 3, offset: 42, timestamp_ms: 1_700_000_000_123, key, value: Some(value), headers };
    let mut lines = Vec::new();
    mapper.rows(&record, &mut lines).expect("rows");
    let text = String::from_utf8(lines).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn encoded<T: Serialize + Recorded>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes).expect("it encodes");
    bytes
}

/// The archive adds the place of the record itself.
fn check(mapper: &dyn RowMapper, rows: &[Value]) {
    let place = ["_topic", "_partition", "_offset"].map(str::to_owned);
    let expected: BTreeSet<String> = columns(mapper.table()).into_iter().filter(|name| !place.contains(name)).collect();
    for row in rows {
        let found: BTreeSet<String> = row.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(found, expected, "table {}", mapper.table());
    }
}

fn warning() -> Warning {
    Warning {
        warning_id: "w".to_owned(),
        record_id: "r".to_owned(),
        kind: WarningKind::NoLongerMet,
        household: household(),
        case_number: 1,
        rule: "R01".to_owned(),
        policy: "default@1".to_owned(),
        cause: Cause::Illness,
        level: WarningLevel::High,
        window: "rolling_12".to_owned(),
        month: Month::from_yyyymm(202_410),
        value_fen: Fen(2_000_000),
        threshold_fen: Fen(500_000),
        margin_fen: Fen(1_500_000),
        day: Day(20_000),
        occurred_day: Day(19_999),
        state_number: 7,
        contributions: vec![Contribution {
            category: Category::MedicalInpatient,
            cause: Cause::Illness,
            amount_fen: Fen(2_000_000),
        }],
        evidence: vec![EntryId(-1)],
        verifier: "village".to_owned(),
        departments: vec!["health-insurance".to_owned()],
        action: "verify-at-the-door".to_owned(),
        sentence_zh: "该户".to_owned(),
        sentence_en: "This household".to_owned(),
        notes: Vec::new(),
        asks_visit: true,
        round: 1,
        due_day: Some(Day(20_007)),
        post: "village-committee".to_owned(),
        attached_to: String::new(),
        attached: vec![household()],
    }
}

fn entry() -> HouseholdEntry<'static> {
    let (category, cause) = (Category::MedicalInpatient, Cause::Illness);
    let (source, person) = ("health-insurance", Some(PersonToken([7; 16])));
    let (entry, day, month) = (EntryId(5), Day(20_000), Month::from_yyyymm(202_410).expect("a month"));
    HouseholdEntry {
        household: household(),
        event: Hash64(9),
        source,
        event_type: "medical_settlement",
        reported_at_ms: 1_728_000_000_001,
        rows: vec![Row {
            sign: -1,
            entry,
            source,
            kind: Kind::Expense,
            category,
            cause,
            amount_fen: Fen(5),
            day,
            month,
            months: 1,
            person,
            document: Some(Hash64(3)),
        }],
        facts: vec![Fact {
            sign: 1,
            entry,
            source,
            kind: Kind::Status,
            code: "insured",
            value: "true",
            amount_fen: Fen::ZERO,
            cause,
            day,
            reported_at_ms: 1_728_000_000_001,
            person,
        }],
        origin: Origin { topic: "feeds.health-insurance", partition: 1, offset: 2 },
    }
}

fn case() -> Case {
    Case {
        number: 1,
        household: household(),
        case_number: 1,
        step: Step::Raised,
        opened_day: Some(Day(20_000)),
        level: Some(WarningLevel::Medium),
        causes: vec![Cause::Disaster],
        findings: vec![Finding {
            rule: "R08".into(),
            warning_id: "w".to_owned(),
            opening_entry: EntryId(5),
            since_day: Day(20_000),
            level: WarningLevel::Medium,
            cause: Cause::Disaster,
            month: Month::from_yyyymm(202_410),
            value_fen: Fen(9),
            threshold_fen: Fen(5),
            evidence: vec![EntryId(5)],
        }],
        state_number: 3,
        evaluated_day: Day(20_001),
        step_day: Some(Day(20_000)),
        due_day: Some(Day(20_007)),
        office: Some(Office::Village),
        escalations: 0,
        visit: None,
        closed_day: None,
        acts: vec![Act {
            entry: EntryId(6),
            case_number: 1,
            round: 1,
            code: "verification_result".into(),
            value: "proposed_confirmed".into(),
            cause: Cause::Disaster,
            day: Day(20_001),
        }],
    }
}

#[test]
fn every_row_has_the_columns_of_its_table() {
    let warnings = rows(&Warnings, &encoded(&warning()), &[]);
    check(&Warnings, &warnings);
    assert_eq!((&warnings[0]["kind"], &warnings[0]["level"]), (&Value::from("no_longer_met"), &Value::from("H")));
    assert_eq!((&warnings[0]["cause"], &warnings[0]["day"]), (&Value::from("01"), &Value::from("2024-10-04")));
    let entries = rows(&Entries, &encoded(&entry()), &[]);
    check(&Entries, &entries);
    assert_eq!(
        (entries.len(), &entries[0]["sign"], &entries[1]["code"]),
        (2, &Value::from(-1), &Value::from("insured"))
    );
    let state = HouseholdState {
        number: 3,
        household: household(),
        registered_day: None,
        oldest_month: None,
        classes: vec![Class::Delisted],
        members: Vec::new(),
        statuses: Vec::new(),
        provisional_members: 0,
        survey: None,
        sums: vec![Sum {
            category: Category::Wage,
            cause: Cause::Other,
            months: [(202_410, 7), (202_501, -2)]
                .map(|(month, fen)| (Month::from_yyyymm(month).expect("a month"), Fen(fen)))
                .into_iter()
                .collect(),
        }],
        evidence: Vec::new(),
        incidents: Vec::new(),
        reversed: Vec::new(),
        source: "health".into(),
        event: Hash64(1),
    };
    let states = rows(&HouseholdStates, &encoded(&state), &[]);
    check(&HouseholdStates, &states);
    let sum =
        serde_json::json!({"category": "wage", "cause": "99", "first_month": 202_410, "amounts_fen": [7, 0, 0, -2]});
    assert_eq!(states[0]["sums"], serde_json::json!([sum]));
    let case = case();
    let cases = rows(&Cases, &encoded(&case), &[]);
    check(&Cases, &cases);
    assert_eq!((&cases[0]["step"], &cases[0]["level"]), (&Value::from("raised"), &Value::from("M")));
    assert_eq!(cases[0]["findings"][0]["evidence"], serde_json::json!(["0000000000000005"]));
}

#[test]
fn a_subject_record_tells_its_entries_and_what_it_corrects() {
    let (day, month) = (Day(20_000), Month::from_yyyymm(202_410).expect("a month"));
    let one = Entry {
        kind: Kind::Expense,
        category: Category::MedicalInpatient,
        cause: Cause::Illness,
        amount_fen: Fen(5),
        day,
        month,
        months: 1,
        code: "",
        value: "",
    };
    let correction = SubjectEntry {
        event: Hash64(0x100),
        ordinal: 1,
        source: "health-insurance",
        event_type: "medical_settlement",
        op: Op::Correct,
        corrects: Some(Hash64(2)),
        content: Hash64(3),
        person: None,
        household: Some(household()),
        occurred_day: day,
        reported_at_ms: 1_728_000_000_001,
        document: None,
        entries: vec![one, one],
        origin: Origin { topic: "feeds.health-insurance", partition: 1, offset: 2 },
    };
    let found = rows(&SubjectEntries, &encoded(&correction), &[]);
    check(&SubjectEntries, &found);
    assert_eq!(found[0]["entries"], serde_json::json!(["0000000000000200", "0000000000000201"]));
    assert_eq!((&found[0]["op"], &found[0]["corrects"]), (&"correct".into(), &"0000000000000002".into()));
    assert_eq!(found[0]["subject"], Value::from(household().to_string()));
}

#[test]
fn a_scorecard_carries_the_bounds_of_its_delays_and_a_request_who_asked() {
    let mut card = Scorecard::new("water", Month::from_yyyymm(202_410).expect("a month"));
    card.delay(Day(20_000), Day(20_004));
    let cards = rows(&Scorecards, &encoded(&card), &[]);
    check(&Scorecards, &cards);
    assert_eq!((&cards[0]["delays"][4], &cards[0]["delay_days_max"][4]), (&Value::from(1), &Value::from(5)));
    let request = ExplainRequest {
        asked_at_ms: 1_728_000_000_001,
        asked_by: "auditor".to_owned(),
        account: "li".to_owned(),
        host: "office-1".to_owned(),
        household: household(),
        answered_from: "topics".to_owned(),
    };
    let requests = rows(&ExplainLog, &encoded(&request), &[]);
    check(&ExplainLog, &requests);
    assert_eq!(requests[0]["asked_at"], Value::from("1728000000.001"));
}

#[test]
fn the_progress_of_alert_tells_where_rules_stand_still_and_since_when_days_are_observed() {
    let mut progress =
        Progress { closed_day: Some(Day(20_000)), first_closed_day: Some(Day(19_000)), ..Progress::default() };
    progress.count("income_unknown", "", 7);
    progress.count("standing_still", "R12/431023/silent_feed", 5);
    progress.count("standing_still_so_far", "R13/431023/not_known", 3);
    progress.count("visits_asked", "R01/431023", 9);
    let found = rows(&AlertProgress, &encoded(&progress), &[]);
    check(&AlertProgress, &found);
    let still = serde_json::json!([{"rule": "R12", "county": "431023", "why": "silent_feed", "households": 5}]);
    assert_eq!((&found[0]["standing_still"], &found[0]["income_unknown"]), (&still, &Value::from(7)));
    assert_eq!(found[0]["closed_day"], Value::from("2024-10-04"));
    assert_eq!(rows(&AlertProgress, &encoded(&case()), &[]), Vec::<Value>::new(), "a case is none");
    assert_eq!(rows(&Cases, &encoded(&progress), &[]), Vec::<Value>::new(), "and no case is the progress");
}

#[test]
fn a_dead_letter_is_archived_without_its_bytes() {
    let number = "11010519491231002X";
    let headers = [
        Header { name: "backstop.reason", value: b"undecodable" },
        Header { name: "__connect.errors.topic", value: b"feeds.health" },
        Header { name: "__connect.errors.partition", value: b"1" },
        Header { name: "__connect.errors.offset", value: b"77" },
    ];
    let found = rows(&DeadLetters, format!("garbage {number}").as_bytes(), &headers);
    check(&DeadLetters, &found);
    assert!(!found[0].to_string().contains(number), "{found:?}");
    assert_eq!((&found[0]["reason"], &found[0]["department"]), (&Value::from("undecodable"), &Value::from("health")));
    assert_eq!((&found[0]["origin_offset"], &found[0]["value_bytes"]), (&Value::from(77), &Value::from(26)));
}

#[test]
fn the_calendar_makes_no_row_and_garbage_halts() {
    let marker = DayClosed { day: Day(1), from: "x/0".to_owned(), of: 1, policies_offset: 0, coverage: Vec::new() };
    for mapper in [&Entries as &dyn RowMapper, &SubjectEntries, &HouseholdStates, &Cases, &AlertProgress] {
        assert_eq!(rows(mapper, &encoded(&marker), &[]), Vec::<Value>::new(), "{}", mapper.table());
    }
    let record = Record {
        topic: "warnings",
        partition: 0,
        offset: 5,
        timestamp_ms: 0,
        key: None,
        value: Some(b"x"),
        headers: &[],
    };
    let error = Warnings.rows(&record, &mut Vec::new()).expect_err("no warning");
    assert!(error.contains("warnings/0 at offset 5"), "{error}");
    let tables: BTreeSet<String> =
        plans().iter().flat_map(|plan| plan.mappers.iter().map(|mapper| mapper.table().to_owned())).collect();
    assert_eq!(tables, TABLES.iter().map(|(name, _)| (*name).to_owned()).collect());
}
