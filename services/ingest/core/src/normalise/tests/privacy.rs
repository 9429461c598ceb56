//! No citizen number leaves ingest, wherever a department put it.

use super::*;

/// Whether the bytes hold the number, as text.
fn holds(bytes: &[u8], number: &str) -> bool {
    bytes.windows(number.len()).any(|window| window.eq_ignore_ascii_case(number.as_bytes()))
}

#[test]
fn no_output_byte_holds_a_citizen_number() {
    let child = "440524188001010014";
    let certificate = format!("{PERSON}43B1");
    let envelope = json!({"event_id": format!("bill-{PERSON}"), "document_number": PERSON, "person_id": certificate,
        "op": "correct", "corrects_event_id": PERSON});
    let with = |fields: Value| {
        let mut all = envelope.clone();
        for (name, value) in fields.as_object().expect("an object") {
            all[name] = value.clone();
        }
        all
    };
    let events = [
        settlement(&with(json!({}))),
        event("agriculture", "produce_sale", &with(json!({"crop": PERSON, "quantity_kg": 1, "amount_fen": 1}))),
        event(
            "public-security",
            "household_registered",
            &with(json!({"registered_date": 1,
            "members": [{"person_id": PERSON, "relation": "head"}, {"person_id": child, "relation": "child"}]})),
        ),
        event(
            "public-security",
            "member_changed",
            &with(json!({"change": "leave", "effective_date": 1,
            "from_household_code": null, "persons": [PERSON, child]})),
        ),
    ];
    let catalogue = catalogue();
    let mut normaliser = normaliser(&catalogue);
    for event in events {
        let feed = catalogue.feed(text(&event, "source"), text(&event, "event_type")).expect("a feed");
        let (topic, value) = (format!("feeds.{}", feed.department), single_object(feed, &event));
        assert!(holds(&value, PERSON), "the event itself holds it");
        match normaliser.normalise(&record(&topic, &value)) {
            Outcome::Event(event) => {
                for (key, value) in event.subjects.iter() {
                    for number in [PERSON, child] {
                        assert!(!holds(key.as_bytes(), number) && !holds(value, number), "{}", feed.event_type);
                    }
                }
            }
            other => panic!("{event} must be taken, was {other:?}"),
        }
    }
}

#[test]
fn a_number_in_a_text_that_would_leave_is_rejected_and_not_repeated() {
    let catalogue = catalogue();
    let rows = [
        ("health", "critical_disease_registered", json!({"disease_code": PERSON})),
        ("rural-revitalisation", "assistance_measure", json!({"measure": format!("for {PERSON}"), "cause": null})),
        ("health", "death", json!({"person_id": "110105194912310021", "manner": "natural"})),
        ("health", "death", json!({"household_code": PERSON, "manner": "natural"})),
        ("health", "death", json!({"source": PERSON, "manner": "natural"})),
    ];
    for (department, event_type, fields) in rows {
        let feed = catalogue.feed(department, event_type).expect("a feed");
        let value = confluent(feed, &event(department, event_type, &fields));
        let found = rejected(&catalogue, &format!("feeds.{department}"), Some(&value)).expect("rejected");
        assert!(!holds(found.to_string().as_bytes(), "1101051949"), "{found}");
    }
}
