//! Rules about the members who earn, and what rides along to the verifier.

use schemas::{Category, Cause, Class};

use super::{Story, findings, shown, yuan};

/// Two earners until March 2025, the second of whom then earns nothing; both by the month.
fn two_earners(members: u8, first: &str, second: &str) -> Story {
    let mut story = Story::new(members, &[], "0");
    story.pay("2024-02-03", 0, ("2024-01-01", "2026-06-01"), first);
    story.pay("2024-02-03", 1, ("2024-01-01", "2025-03-01"), second);
    story
}

#[test]
fn a_lost_wage_is_a_request_where_the_household_is_below_the_line_without_it() {
    // Six thousand a head are the line: 24,000 for four, 2,000 a month.
    for (first, expected) in [("2000", "R16 raised L"), ("1999", "R16 raised M")] {
        let mut story = two_earners(4, first, "3000");
        assert_eq!(shown(&story.until("2025-07-15")), [""; 0], "{first}");
        let raised = story.until("2025-07-16");
        assert!(shown(&raised).contains(&expected.to_owned()), "{first}: {:?}", shown(&raised));
    }
}

#[test]
fn who_earned_in_five_of_twelve_months_was_no_earner() {
    for (from, expected) in [("2024-11-01", None), ("2024-10-01", Some("R16 L"))] {
        let mut story = Story::new(4, &[], "400000");
        story.pay("2024-02-03", 1, (from, "2025-03-01"), "2000");
        story.until("2025-07-16");
        let found = story.case.as_ref().map(findings).unwrap_or_default();
        assert_eq!(found, Vec::from_iter(expected), "paid since {from}");
    }
}

#[test]
fn a_lost_wage_ends_with_the_next_one_and_with_the_member() {
    let mut story = two_earners(4, "3000", "3000");
    story.until("2025-07-20");
    assert_eq!(findings(story.case()), ["R16 L"]);
    assert_eq!(shown(&story.pay("2025-07-21", 1, ("2025-06-01", "2025-06-01"), "1")), ["R16 no_longer_met L"]);

    let mut left = two_earners(4, "3000", "3000");
    left.until("2025-07-20");
    let gone = left.news("2025-07-21", |state, _| {
        state.members.remove(1);
    });
    assert_eq!(shown(&gone), ["R16 no_longer_met L"]);
}

#[test]
fn a_registered_unemployment_is_a_lost_wage_and_is_withdrawn_with_it() {
    let mut story = two_earners(4, "1999", "3000");
    story.until("2025-02-20");
    let registered = story.news("2025-02-20", |state, entry| {
        let (code, value, source) =
            ("unemployment_registered".into(), schemas::Text::default(), "human-resources".into());
        let (person, day) = (Some(state.members[1].person), super::day("2025-02-20"));
        let (kind, cause, amount_fen) = (schemas::Kind::Incident, Cause::UnstableWork, schemas::Fen::ZERO);
        let one = schemas::records::Incident { entry, kind, code, value, cause, amount_fen, day, person, source };
        state.incidents.push(one);
    });
    assert_eq!(shown(&registered), ["R16 raised M"], "without that wage it is below the line");
    let withdrawn = story.take_back("2025-03-01", registered[0].evidence[0]);
    assert_eq!(shown(&withdrawn), ["R16 withdrawn M"]);
}

#[test]
fn the_labour_that_is_lost_counts_where_it_is_that_of_the_main_earner() {
    let labour = |story: &mut Story, on: &str, member: u8, capacity: &str| {
        shown(&story.member_status(on, member, ("labour", capacity), Cause::LackOfLabour))
    };
    let mut story = two_earners(4, "2000", "3000");
    assert_eq!(labour(&mut story, "2025-02-20", 0, "none"), [""; 0], "the other one earns more");
    assert_eq!(labour(&mut story, "2025-02-21", 1, "partial"), [""; 0]);
    assert_eq!(labour(&mut story, "2025-02-22", 1, "none"), ["R17 raised M"]);
    assert_eq!(story.case().causes, [Cause::LackOfLabour]);
    assert_eq!(labour(&mut story, "2025-02-25", 1, "full"), ["R17 no_longer_met M"]);
    let mut nobody = Story::new(2, &[], "60000");
    assert_eq!(labour(&mut nobody, "2025-02-20", 0, "none"), [""; 0], "nobody earns a wage");
}

#[test]
fn assets_ride_along_to_the_verifier_and_never_suppress() {
    let mut story = Story::new(4, &[Class::Delisted], "60000");
    for (member, code, value) in [
        (0, "property", "second_home"),
        (0, "vehicle", "15000001"),
        (1, "vehicle", "15000000"),
        (1, "public_employment", "false"),
    ] {
        assert_eq!(shown(&story.member_status("2025-02-01", member, (code, value), Cause::Other)), [""; 0], "{code}");
    }
    let signal = story.spend("2025-02-02", Category::OutpatientOutOfPocket, Cause::Illness, "500");
    assert_eq!(
        (shown(&signal), signal[0].notes.len()),
        (vec!["R04 raised L".to_owned()], 0),
        "nobody verifies a signal"
    );
    let raised = story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "57593.50");
    assert_eq!(raised.len(), 4);
    for warning in &raised {
        let notes: Vec<_> = warning.notes.iter().map(|note| (note.rule.as_str(), note.sentence_en.as_str())).collect();
        let expected = [("R20", "A second home is registered."), ("R20", "A vehicle of high price is registered.")];
        assert_eq!(notes, expected, "{}", warning.rule);
        assert!(!warning.sentence_en.contains("second home") && !warning.sentence_zh.contains("住房"));
    }
    let parts = story.said.iter().flat_map(|said| &said.parts);
    assert!(parts.clone().count() >= 5);
    assert!(parts.map(|part| &part.warning).all(|part| part.notes.is_empty()), "a department is not told of assets");
    let ended = story.news("2025-03-05", |state, _| {
        super::add_sum(state, (Category::Claim, Cause::Illness), super::day("2025-03-05").month(), yuan("40000"));
    });
    assert!(!ended.is_empty() && ended.iter().all(|warning| warning.notes.is_empty()));
}
