//! Bad input: each row of a table ends as a dead letter with its reason.

use proptest::prelude::*;
use schemas::Day;
use schemas::codec::encode;

use super::*;

#[test]
fn a_bad_field_is_rejected_with_its_reason() {
    use Reason::{
        AbsurdAmount, InconsistentAmounts, InvalidCitizenNumber, InvalidHouseholdCode, InvalidOperation, InvalidValue,
        MissingField, NegativeAmount, NoSubject, OccurredAfterReport, SourceMismatch,
    };
    let rows = [
        (json!({"event_id": ""}), MissingField),
        (json!({"source": ""}), MissingField),
        (json!({"source": "health"}), SourceMismatch),
        (json!({"event_type": "wage_reported"}), InvalidValue),
        (json!({"person_id": "110105194912310021"}), InvalidCitizenNumber),
        (json!({"person_id": "1101051949123100"}), InvalidCitizenNumber),
        (json!({"person_id": "11010519491231002X4"}), InvalidCitizenNumber),
        (json!({"person_id": "unknown"}), InvalidCitizenNumber),
        (json!({"household_code": "431023101205000"}), InvalidHouseholdCode),
        (json!({"household_code": "0310231012050007"}), InvalidHouseholdCode),
        (json!({"person_id": null, "household_code": null}), NoSubject),
        (json!({"person_id": "", "household_code": ""}), NoSubject),
        (json!({"total_fen": -1}), NegativeAmount),
        (json!({"compliant_out_of_pocket_fen": -1}), NegativeAmount),
        (json!({"total_fen": 10_000_000_001_i64}), AbsurdAmount),
        (json!({"total_fen": i64::MAX}), AbsurdAmount),
        (json!({"out_of_pocket_fen": 18_000_001, "compliant_out_of_pocket_fen": null}), InconsistentAmounts),
        (json!({"reimbursed_fen": 18_000_001}), InconsistentAmounts),
        (json!({"compliant_out_of_pocket_fen": 9_000_001}), InconsistentAmounts),
        (json!({"occurred_at": OCCURRED_MS + 2 * DAY_MS}), OccurredAfterReport),
        (json!({"occurred_at": OCCURRED_MS / 1000}), InvalidValue),
        (json!({"reported_at": i64::MAX}), InvalidValue),
        (json!({"occurred_at": i64::MIN}), InvalidValue),
        (json!({"op": "correct"}), InvalidOperation),
        (json!({"op": "retract", "corrects_event_id": ""}), InvalidOperation),
        (json!({"op": "retract", "corrects_event_id": "E-1"}), InvalidOperation),
        (json!({"op": "upsert", "corrects_event_id": "E-0"}), InvalidOperation),
    ];
    let catalogue = catalogue();
    let feed = catalogue.feed("health-insurance", "medical_settlement").expect("a feed");
    for (fields, reason) in rows {
        let value = confluent(feed, &settlement(&fields));
        let found = rejected(&catalogue, "feeds.health-insurance", Some(&value));
        assert_eq!(found.as_ref().map(|one| one.reason), Some(reason), "{fields}: {found:?}");
    }
}

#[test]
fn bad_fields_of_other_feeds_are_rejected_with_their_reason() {
    let member =
        |number: &str| json!([{"person_id": PERSON, "relation": "head"}, {"person_id": number, "relation": "child"}]);
    let rows = [
        (
            "human-resources",
            "wage_reported",
            json!({"amount_fen": 1, "month": 202_513, "months": 1, "place": null}),
            Reason::InvalidValue,
        ),
        (
            "human-resources",
            "wage_reported",
            json!({"amount_fen": 1, "month": 0, "months": 1, "place": null}),
            Reason::InvalidValue,
        ),
        (
            "human-resources",
            "wage_reported",
            json!({"amount_fen": 1, "month": 202_501, "months": 0, "place": null}),
            Reason::InvalidValue,
        ),
        ("disabled-federation", "disability_certified", json!({"category": "sight", "grade": 5}), Reason::InvalidValue),
        (
            "public-security",
            "household_registered",
            json!({"registered_date": 20_000, "members": member("1")}),
            Reason::InvalidCitizenNumber,
        ),
        (
            "public-security",
            "household_registered",
            json!({"registered_date": 20_000, "members": []}),
            Reason::MissingField,
        ),
        (
            "public-security",
            "household_registered",
            json!({"registered_date": i32::MAX, "members": member(PERSON)}),
            Reason::InvalidValue,
        ),
        (
            "public-security",
            "household_registered",
            json!({"household_code": null, "registered_date": 1, "members": member(PERSON)}),
            Reason::MissingField,
        ),
        (
            "public-security",
            "member_changed",
            json!({"change": "join", "effective_date": 20_000, "from_household_code": null, "persons": ["x"]}),
            Reason::InvalidCitizenNumber,
        ),
        (
            "public-security",
            "member_changed",
            json!({"change": "join", "effective_date": 20_000, "from_household_code": "x", "persons": [PERSON]}),
            Reason::InvalidHouseholdCode,
        ),
        ("health", "critical_disease_registered", json!({"disease_code": "x".repeat(65)}), Reason::InvalidValue),
        ("health", "critical_disease_registered", json!({"disease_code": ""}), Reason::MissingField),
    ];
    let catalogue = catalogue();
    for (department, event_type, fields, reason) in rows {
        let feed = catalogue.feed(department, event_type).expect("a feed");
        let value = single_object(feed, &event(department, event_type, &fields));
        let found = rejected(&catalogue, &format!("feeds.{department}"), Some(&value));
        assert_eq!(found.as_ref().map(|one| one.reason), Some(reason), "{event_type} {fields}: {found:?}");
    }
}

#[test]
fn bytes_that_are_no_event_are_rejected_with_their_reason() {
    let catalogue = catalogue();
    let feed = catalogue.feed("health-insurance", "medical_settlement").expect("a feed");
    let good = confluent(feed, &settlement(&json!({})));
    let topic = "feeds.health-insurance";
    let closed = DayClosed { day: Day(1), from: String::new(), of: 1, policies_offset: 0, coverage: Vec::new() };
    let mut marker = Vec::new();
    encode(&closed, &mut marker).expect("encodes");
    let rows: [(&str, &str, Option<Vec<u8>>, Reason); 12] = [
        ("a tombstone", topic, None, Reason::EmptyValue),
        ("an empty value", topic, Some(vec![]), Reason::EmptyValue),
        ("a text", topic, Some(b"{\"event_id\":1}".to_vec()), Reason::UnknownFraming),
        ("one byte", topic, Some(vec![0]), Reason::UnknownFraming),
        ("a marker alone", topic, Some(vec![0xC3, 0x01, 1]), Reason::UnknownFraming),
        ("an id of nothing", topic, Some([&[0, 0, 0, 0, 9], &good[5..]].concat()), Reason::UnknownSchema),
        (
            "a fingerprint of nothing",
            topic,
            Some([0xC3, 0x01].into_iter().chain([9; 20]).collect()),
            Reason::UnknownSchema,
        ),
        ("a cut value", topic, Some(good[..good.len() - 1].to_vec()), Reason::Undecodable),
        ("a longer value", topic, Some([good.as_slice(), &[0]].concat()), Reason::Undecodable),
        ("a huge value", topic, Some(vec![0; 10_001]), Reason::RecordTooLarge),
        ("an event of another department", "feeds.health", Some(good.clone()), Reason::SourceMismatch),
        ("a cut marker", topic, Some(marker[..marker.len() - 1].to_vec()), Reason::InvalidCalendar),
    ];
    for (what, topic, value, reason) in rows {
        let found = rejected(&catalogue, topic, value.as_deref());
        assert_eq!(found.as_ref().map(|one| one.reason), Some(reason), "{what}: {found:?}");
    }
    assert_eq!(rejected(&catalogue, topic, Some(&good)), None, "the value that all these were made of is good");
}

proptest! {
    #[test]
    fn a_spoilt_record_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        thread_local! {
            static CATALOGUE: Arc<Catalogue> = catalogue();
        }
        CATALOGUE.with(|catalogue| {
            let fields = json!({"registered_date": 20_000, "members": [{"person_id": PERSON, "relation": "head"}]});
            let feed = catalogue.feed("public-security", "household_registered").expect("a feed");
            let mut value = confluent(feed, &event("public-security", "household_registered", &fields));
            let place = at.index(value.len());
            value[place] = byte;
            value.truncate(cut.index(value.len()).max(value.len() / 2) + 1);
            // Whatever it is, it is said: an event, or a reason.
            let _ = rejected(catalogue, "feeds.public-security", Some(&value));
        });
    }
}
