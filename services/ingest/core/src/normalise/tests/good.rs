//! What good events become.

use schemas::feed::{Field, Form, Format, Unit};
use schemas::{Category, Cause, Day, Kind, Month, Op};

use super::*;

/// Kind, category, cause, amount in fen, code and value of an entry.
type Shown = (Kind, Category, Cause, i64, String, String);

/// Each row's event (department, event type, fields) must be about one subject and give its entries.
fn maps(rows: &[(&str, &str, Value, Vec<Shown>)]) {
    let catalogue = catalogue();
    for (department, event_type, fields, expected) in rows {
        taken(&catalogue, &event(department, event_type, fields), |subjects| {
            assert_eq!(subjects.len(), 1, "{event_type}");
            assert_eq!(&shown(&subjects[0].1), expected, "{event_type} {fields}");
        });
    }
}

fn shown(entry: &SubjectEntry<'_>) -> Vec<Shown> {
    let show = |one: &schemas::records::Entry<'_>| {
        (one.kind, one.category, one.cause, one.amount_fen.0, one.code.to_owned(), one.value.to_owned())
    };
    entry.entries.iter().map(show).collect()
}

fn money(kind: Kind, category: Category, cause: Cause, fen: i64) -> Shown {
    (kind, category, cause, fen, String::new(), String::new())
}

fn fact(kind: Kind, cause: Cause, fen: i64, code: &str, value: &str) -> Shown {
    (kind, Category::None, cause, fen, code.to_owned(), value.to_owned())
}

#[test]
fn a_bill_becomes_its_compliant_part_and_outpatient_all_that_was_paid() {
    use Category::{MedicalChronic, MedicalInpatient, MedicalOutpatient, OutpatientOutOfPocket};
    use Cause::{Accident, Illness};
    let expense = |category, cause, fen| money(Kind::Expense, category, cause, fen);
    let rows = [
        (json!({}), vec![expense(MedicalInpatient, Illness, 8_000_000)]),
        (json!({"compliant_out_of_pocket_fen": null}), vec![expense(MedicalInpatient, Illness, 9_000_000)]),
        (json!({"compliant_out_of_pocket_fen": 0}), vec![expense(MedicalInpatient, Illness, 0)]),
        (json!({"cause": "accident"}), vec![expense(MedicalInpatient, Accident, 8_000_000)]),
        (
            json!({"visit_type": "outpatient"}),
            vec![expense(MedicalOutpatient, Illness, 8_000_000), expense(OutpatientOutOfPocket, Illness, 9_000_000)],
        ),
        (
            json!({"visit_type": "chronic", "cause": "accident"}),
            vec![expense(MedicalChronic, Accident, 8_000_000), expense(OutpatientOutOfPocket, Accident, 9_000_000)],
        ),
    ];
    let catalogue = catalogue();
    for (fields, expected) in rows {
        taken(&catalogue, &settlement(&fields), |subjects| {
            assert_eq!(subjects.len(), 1);
            assert_eq!(shown(&subjects[0].1), expected, "{fields}");
        });
    }
}

#[test]
fn payments_become_money_of_their_category_and_cause() {
    use Category::{Claim, Dibao, Loan, Relief, Wage};
    let rows = [
        (
            "rural-revitalisation",
            "insurance_claim_paid",
            json!({"amount_fen": 2_234_800, "cause": "illness"}),
            vec![money(Kind::Compensation, Claim, Cause::Illness, 2_234_800)],
        ),
        (
            "civil-affairs",
            "dibao_payment",
            json!({"amount_fen": 47_000, "month": 202_503, "months": null}),
            vec![money(Kind::Income, Dibao, Cause::Other, 47_000)],
        ),
        (
            "human-resources",
            "wage_reported",
            json!({"amount_fen": 300_000, "month": 202_502, "months": 1, "place": null}),
            vec![money(Kind::Income, Wage, Cause::Other, 300_000)],
        ),
        (
            "civil-affairs",
            "temporary_relief",
            json!({"amount_fen": 1_000_000, "cause": "accident"}),
            vec![money(Kind::Compensation, Relief, Cause::Accident, 1_000_000)],
        ),
        (
            "rural-revitalisation",
            "microloan_disbursed",
            json!({"amount_fen": 5_000_000}),
            vec![money(Kind::Note, Loan, Cause::Other, 5_000_000)],
        ),
    ];
    maps(&rows);
}

#[test]
fn losses_and_facts_become_the_entries_of_their_mapping() {
    use Category::{CropLoss, HouseLoss, ProductionLoss};
    let rows = [
        (
            "emergency-management",
            "disaster_loss",
            json!({"loss_fen": 0, "hazard_code": "020000", "asset": "house", "destroyed": true, "cause": "accident"}),
            vec![
                money(Kind::Expense, HouseLoss, Cause::Accident, 0),
                fact(Kind::Incident, Cause::Accident, 0, "disaster_loss", "house"),
                fact(Kind::Incident, Cause::Accident, 0, "house_destroyed", "true"),
            ],
        ),
        (
            "emergency-management",
            "disaster_loss",
            json!({"loss_fen": 2_400_000, "hazard_code": "010500", "asset": "crop", "destroyed": true, "cause": null}),
            vec![
                money(Kind::Expense, CropLoss, Cause::Disaster, 2_400_000),
                fact(Kind::Incident, Cause::Disaster, 2_400_000, "disaster_loss", "crop"),
            ],
        ),
        (
            "agriculture",
            "production_loss",
            json!({"crop": "walnut", "loss_fen": 2_400_000, "percent": 100}),
            vec![
                money(Kind::Expense, ProductionLoss, Cause::IndustryFailure, 2_400_000),
                fact(Kind::Incident, Cause::IndustryFailure, 2_400_000, "production_loss", "100"),
            ],
        ),
        (
            "health",
            "death",
            json!({"manner": "violence"}),
            vec![fact(Kind::Incident, Cause::Accident, 0, "death", "violence")],
        ),
        (
            "health-insurance",
            "insurance_enrolment",
            json!({"insured": false, "year": null, "insurance_type": null}),
            vec![fact(Kind::Status, Cause::Other, 0, "insured", "false")],
        ),
        (
            "housing",
            "house_safety_graded",
            json!({"grade": "D", "cause": "disaster"}),
            vec![fact(Kind::Status, Cause::Disaster, 0, "house_safety", "D")],
        ),
        (
            "rural-revitalisation",
            "grid_report",
            json!({"cause": "illness", "estimate_fen": null}),
            vec![fact(Kind::Incident, Cause::Illness, 0, "grid_report", "")],
        ),
    ];
    maps(&rows);
}

#[test]
fn facts_of_a_household_are_about_the_household() {
    let rows = [
        (
            "class_listed",
            json!({"classes": ["delisted", "dibao"]}),
            vec![fact(Kind::Status, Cause::Other, 0, "class", "delisted|dibao")],
        ),
        ("class_listed", json!({"classes": []}), vec![fact(Kind::Status, Cause::Other, 0, "class", "")]),
        (
            "household_surveyed",
            json!({"unreported_income_fen": 1_700_000, "debts_fen": null, "members": 3, "relocated": null}),
            vec![fact(Kind::Survey, Cause::Other, 1_700_000, "survey", "3")],
        ),
        (
            "verification_result",
            json!({"verdict": "confirmed", "cause": null, "members": null, "unreported_income_fen": null}),
            vec![fact(Kind::Action, Cause::Other, 0, "verification_result", "confirmed")],
        ),
        (
            "verification_result",
            json!({"verdict": "confirmed", "cause": "illness", "members": 2, "unreported_income_fen": 5}),
            vec![
                fact(Kind::Action, Cause::Illness, 0, "verification_result", "confirmed"),
                fact(Kind::Survey, Cause::Other, 5, "verification", "2"),
            ],
        ),
    ];
    let catalogue = catalogue();
    for (event_type, fields, expected) in rows {
        taken(&catalogue, &event("rural-revitalisation", event_type, &fields), |subjects| {
            let [(key, record)] = subjects.as_slice() else { panic!("one subject") };
            assert_eq!((key.as_str(), record.person), (HOUSEHOLD, None), "{event_type}");
            assert_eq!(shown(record), expected, "{event_type} {fields}");
        });
    }
}

#[test]
fn a_registration_is_one_record_for_the_household_and_one_for_each_member() {
    let child = "440524188001010014";
    let members = json!([{"person_id": PERSON, "relation": "head"}, {"person_id": child, "relation": "child"}]);
    let fields = json!({"person_id": null, "registered_date": 20_000, "members": members});
    taken(&catalogue(), &event("public-security", "household_registered", &fields), |subjects| {
        let found: Vec<_> = subjects.iter().map(|(_, one)| (one.ordinal, one.person.is_some(), shown(one))).collect();
        let join = |relation| vec![fact(Kind::Membership, Cause::Other, 0, "join", relation)];
        assert_eq!(
            found,
            [
                (0, false, vec![fact(Kind::Membership, Cause::Other, 0, "registered", "")]),
                (1, true, join("head")),
                (2, true, join("child")),
            ]
        );
        assert!(
            subjects.iter().all(|(_, one)| one.household.map(|code| code.to_string()).as_deref() == Some(HOUSEHOLD))
        );
        assert!(subjects.iter().all(|(_, one)| one.entries[0].day == Day(20_000)));
        assert_eq!(subjects[1].0, subjects[1].1.person.expect("a person").to_string());
    });
}

#[test]
fn a_change_of_membership_is_one_record_for_each_person() {
    let fields = json!({"person_id": null, "change": "split", "effective_date": 20_100,
        "from_household_code": "4310231012050001", "persons": [PERSON, "440524188001010014"]});
    taken(&catalogue(), &event("public-security", "member_changed", &fields), |subjects| {
        let found: Vec<_> = subjects.iter().map(|(_, one)| (one.ordinal, shown(one))).collect();
        let split = vec![fact(Kind::Membership, Cause::Other, 0, "split", "4310231012050001")];
        assert_eq!(found, [(0, split.clone()), (1, split)]);
    });
}

#[test]
fn a_merge_tells_the_old_household_its_new_code_and_other_changes_do_not() {
    let old = "4310231012050001";
    let merged = |value: &str| vec![fact(Kind::Membership, Cause::Other, 0, "merged", value)];
    // The change, the operation, where they come from, and what the old household hears.
    let rows = [
        ("merge", "upsert", Some(old), Some(merged(HOUSEHOLD))),
        ("merge", "upsert", None, None),
        ("split", "upsert", Some(old), None),
        ("join", "upsert", None, None),
        ("merge", "retract", Some(old), Some(merged(HOUSEHOLD))),
        ("split", "correct", Some(old), Some(vec![])),
        ("leave", "correct", None, None),
    ];
    let catalogue = catalogue();
    for (change, op, from, expected) in rows {
        let original = (op != "upsert").then_some("E-0");
        let fields = json!({"person_id": null, "change": change, "effective_date": 20_100, "op": op,
            "corrects_event_id": original, "from_household_code": from, "persons": [PERSON]});
        taken(&catalogue, &event("public-security", "member_changed", &fields), |subjects| {
            assert_eq!(subjects[0].1.household.map(|code| code.to_string()).as_deref(), Some(HOUSEHOLD));
            let heard = subjects.get(1).map(|(key, one)| {
                assert_eq!((key.as_str(), one.ordinal, one.person), (old, 1, None), "{change} {op}");
                assert_eq!(one.household.map(|code| code.to_string()).as_deref(), Some(old), "{change} {op}");
                assert!(one.entries.iter().all(|entry| entry.day == Day(20_100)), "{change} {op}");
                shown(one)
            });
            assert_eq!(heard, expected, "{change} {op} from {from:?}");
        });
    }
}

#[test]
fn a_birth_says_how_many_children_and_one_where_the_department_does_not() {
    let catalogue = catalogue();
    let said = |children: &str| vec![fact(Kind::Incident, Cause::Other, 0, "birth", children)];
    maps(&[("health", "birth", json!({"children": 2}), said("2"))]);
    // Another department's version of the record, which has no such field.
    let feed = catalogue.feed("health", "birth").expect("a feed");
    let mut version: Value = serde_json::from_str(&feed.schema).expect("JSON");
    version["fields"].as_array_mut().expect("fields").retain(|field| field["name"] != "children");
    let mut files = files();
    files.push(("health/versions/birth_old.avsc".to_owned(), version.to_string()));
    for (path, text) in &mut files {
        if path == "index.json" {
            let line =
                r#"{"ids":[{"id":7,"record":"backstop.feeds.health.birth","file":"health/versions/birth_old.avsc"},"#;
            *text = text.replacen("{\n  \"ids\": [", line, 1);
        }
    }
    let with_version = Arc::new(Catalogue::load(&files).unwrap_or_else(|faults| panic!("{faults}")));
    let schema: serde_avro_fast::Schema = version.to_string().parse().expect("a schema");
    let mut config = serde_avro_fast::ser::SerializerConfig::new(&schema);
    let datum = serde_avro_fast::to_datum_vec(&event("health", "birth", &json!({})), &mut config).expect("it fits");
    let value = [&[0], 7_u32.to_be_bytes().as_slice(), &datum].concat();
    match normaliser(&with_version).normalise(&record("feeds.health", &value)) {
        Outcome::Event(event) => {
            let (_, value) = event.subjects.iter().next().expect("a record");
            assert_eq!(shown(&codec::decode(value).expect("a subject record")), said("1"));
        }
        other => panic!("must be taken, was {other:?}"),
    }
}

#[test]
fn both_framings_of_an_event_give_the_same_records() {
    let catalogue = catalogue();
    let feed = catalogue.feed("health-insurance", "medical_settlement").expect("a feed");
    let event = settlement(&json!({"document_number": "湘 a12"}));
    let mut normaliser = normaliser(&catalogue);
    let mut said = Vec::new();
    for value in [confluent(feed, &event), single_object(feed, &event)] {
        match normaliser.normalise(&record("feeds.health-insurance", &value)) {
            Outcome::Event(event) => {
                said.push(event.subjects.iter().map(|(key, value)| (*key, value.to_vec())).collect::<Vec<_>>());
            }
            other => panic!("must be taken, was {other:?}"),
        }
    }
    assert_eq!(said[0], said[1]);
}

#[test]
fn a_resent_event_has_the_same_content_and_a_changed_one_another() {
    let catalogue = catalogue();
    let content = |fields: &Value| {
        taken(&catalogue, &settlement(fields), |subjects| (subjects[0].1.event, subjects[0].1.content))
    };
    let first = content(&json!({}));
    assert_eq!(content(&json!({"reported_at": OCCURRED_MS + 9 * DAY_MS})), first);
    let changed = content(&json!({"compliant_out_of_pocket_fen": 8_000_001}));
    assert_eq!(changed.0, first.0);
    assert_ne!(changed.1, first.1);
    assert_ne!(content(&json!({"event_id": "E-2"})).0, first.0);
}

#[test]
fn the_envelope_says_who_when_and_what() {
    let catalogue = catalogue();
    let fields = json!({"op": "retract", "corrects_event_id": "E-0", "amount_fen": 5, "month": 202_412, "months": 2,
        "place": null, "household_code": null, "document_number": "Ａ １"});
    let first = taken(
        &catalogue,
        &event(
            "human-resources",
            "wage_reported",
            &json!({"event_id": "E-0",
        "amount_fen": 5, "month": 202_412, "months": 2, "place": null, "document_number": "a1"}),
        ),
        |subjects| (subjects[0].1.event, subjects[0].1.document, subjects[0].0.clone()),
    );
    taken(&catalogue, &event("human-resources", "wage_reported", &fields), |subjects| {
        let (key, one) = &subjects[0];
        assert_eq!((one.op, one.corrects), (Op::Retract, Some(first.0)));
        assert_eq!((one.document, key), (first.1, &first.2));
        assert_eq!(one.household, None);
        assert_eq!(one.occurred_day.to_string(), "2025-03-10");
        assert_eq!(one.reported_at_ms, OCCURRED_MS + DAY_MS);
        assert_eq!((one.origin.topic, one.origin.partition, one.origin.offset), ("feeds.human-resources", 1, 42));
        assert_eq!((one.entries[0].month, one.entries[0].months), (Month::from_yyyymm(202_412).expect("a month"), 2));
    });
}

#[test]
fn a_fifteenth_department_is_files_alone() {
    let copy = |event_type: &str, from: &str, to: &[(&str, &str)]| {
        let (path, template) = files().into_iter().find(|(path, _)| path == from).expect("a file");
        let (department, name) = path.split_once('/').expect("a folder");
        let namespace = format!("feeds.{}", department.replace('-', "_"));
        let mut text = template
            .replace(&namespace, "feeds.market_regulation")
            .replace(&format!("\"{department}\""), "\"market-regulation\"")
            .replace(&format!("\"{}\"", name.trim_end_matches(".avsc")), &format!("\"{event_type}\""));
        for (from, to) in to {
            text = text.replace(from, to);
        }
        (format!("market-regulation/{event_type}.avsc"), text)
    };
    let mut files = files();
    files.push(copy(
        "business_closed",
        "human-resources/unemployment_registered.avsc",
        &[("unstable_work", "industry_failure")],
    ));
    files.push(copy(
        "business_income",
        "rural-revitalisation/dividend_paid.avsc",
        &[("\"dividend\"", "\"business_income\"")],
    ));
    for (path, text) in &mut files {
        if path == "index.json" {
            let more = "{\n  \"ids\": [
                {\"id\": 1501, \"record\": \"backstop.feeds.market_regulation.business_closed\"},
                {\"id\": 1502, \"record\": \"backstop.feeds.market_regulation.business_income\"},";
            *text = text.replacen("{\n  \"ids\": [", more, 1);
        }
    }
    let catalogue = Arc::new(Catalogue::load(&files).unwrap_or_else(|faults| panic!("{faults}")));
    assert_eq!(catalogue.departments().len(), 15);
    taken(&catalogue, &event("market-regulation", "business_closed", &json!({"reason": null})), |subjects| {
        let expected = fact(Kind::Incident, Cause::IndustryFailure, 0, "business_closed", "");
        assert_eq!(shown(&subjects[0].1), [expected]);
    });
    taken(&catalogue, &event("market-regulation", "business_income", &json!({"amount_fen": 7})), |subjects| {
        let expected = money(Kind::Income, Category::BusinessIncome, Cause::Other, 7);
        assert_eq!(shown(&subjects[0].1), [expected]);
        assert_eq!(subjects[0].1.source, "market-regulation");
    });
}

/// Some value that the field takes.
fn some_value(field: &Field) -> Value {
    match &field.form {
        Form::Bool => json!(true),
        Form::Number(Unit::Fen) => json!(100),
        Form::Number(Unit::Month) => json!(202_502),
        Form::Number(Unit::Day) => json!(20_000),
        Form::Number(Unit::Instant) => json!(OCCURRED_MS),
        Form::Number(Unit::Plain) => json!(field.min.unwrap_or(1)),
        Form::Fraction => json!(0.5),
        Form::Text(symbols) if !symbols.is_empty() => json!(symbols[0]),
        Form::Text(_) | Form::Bytes => match field.format {
            Some(Format::CitizenNumber) => json!(PERSON),
            Some(Format::HouseholdCode) => json!(HOUSEHOLD),
            _ => json!("T1"),
        },
        Form::Texts(symbols) => json!([symbols.first().map_or(PERSON, String::as_str)]),
        Form::Rows(columns) => {
            let row: serde_json::Map<_, _> =
                columns.iter().map(|column| (column.name.clone(), some_value(column))).collect();
            json!([row])
        }
    }
}

#[test]
fn an_event_of_every_feed_is_taken_and_says_something() {
    let catalogue = catalogue();
    for feed in catalogue.feeds() {
        let own = feed.fields.iter().skip(10).map(|field| (field.name.clone(), some_value(field)));
        let fields = Value::Object(own.collect());
        taken(&catalogue, &event(&feed.department, &feed.event_type, &fields), |subjects| {
            assert!(!subjects.is_empty(), "{}", feed.record);
            assert!(subjects.iter().all(|(_, one)| !one.entries.is_empty()), "{}", feed.record);
            assert!(subjects.iter().all(|(_, one)| one.event_type == feed.event_type), "{}", feed.record);
        });
    }
}
