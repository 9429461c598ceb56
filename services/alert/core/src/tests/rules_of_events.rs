//! Rules of events, each of them firing, just not firing, ending and withdrawn.

use schemas::{Cause, Class};

use super::{Story, day, findings, shown};

/// Something that happens or is said: code, value, cause and amount.
type Told = (&'static str, &'static str, Cause, &'static str);

/// A rule, its level, what fires it, what just does not, and what of a status ends it.
struct Row {
    rule: &'static str,
    level: &'static str,
    fires: &'static [Told],
    is_silent_for: &'static [Told],
    /// The value after which a status does not hold any longer; none for incidents, which leave their window.
    ends_with: Option<&'static str>,
}

const ROWS: [Row; 8] = [
    Row {
        rule: "R05",
        level: "L",
        fires: &[("critical_disease", "C34", Cause::Illness, "0")],
        is_silent_for: &[("chronic_disease", "C34", Cause::Illness, "0")],
        ends_with: None,
    },
    Row {
        rule: "R07",
        level: "M",
        fires: &[("dropout_suspected", "10", Cause::Schooling, "0")],
        is_silent_for: &[("absent", "10", Cause::Schooling, "0")],
        ends_with: None,
    },
    Row {
        rule: "R09",
        level: "H",
        fires: &[
            ("casualty", "injured", Cause::Accident, "0"),
            ("casualty", "dead", Cause::Accident, "0"),
            ("work_injury", "", Cause::Accident, "0"),
            ("death", "violence", Cause::Accident, "0"),
        ],
        is_silent_for: &[("casualty", "dead", Cause::Disaster, "0"), ("death", "natural", Cause::Other, "0")],
        ends_with: None,
    },
    Row {
        rule: "R10",
        level: "H",
        fires: &[("house_destroyed", "true", Cause::Disaster, "0")],
        is_silent_for: &[("disaster_loss", "house", Cause::Disaster, "0")],
        ends_with: None,
    },
    Row {
        rule: "R11",
        level: "M",
        fires: &[("water_safe", "false", Cause::Other, "0")],
        is_silent_for: &[("water_safe", "true", Cause::Other, "0")],
        ends_with: Some("true"),
    },
    Row {
        rule: "R17",
        level: "M",
        fires: &[("disability", "1", Cause::Disability, "0"), ("disability", "2", Cause::Disability, "0")],
        is_silent_for: &[("disability", "3", Cause::Disability, "0")],
        ends_with: Some("4"),
    },
    Row {
        rule: "R18",
        level: "M",
        fires: &[
            ("production_loss", "50", Cause::IndustryFailure, "0"),
            ("production_loss", "100", Cause::IndustryFailure, "10"),
            ("production_loss", "1", Cause::IndustryFailure, "5000.01"),
        ],
        is_silent_for: &[
            ("production_loss", "49", Cause::IndustryFailure, "5000.00"),
            ("production_loss", "", Cause::IndustryFailure, "0"),
        ],
        ends_with: None,
    },
    Row {
        rule: "R23",
        level: "M",
        fires: &[("grid_report", "", Cause::Other, "0"), ("self_application", "", Cause::Illness, "0")],
        is_silent_for: &[("house_visit", "", Cause::Other, "0")],
        ends_with: None,
    },
];

const STATUSES: [&str; 5] = ["critical_disease", "chronic_disease", "water_safe", "disability", "house_safety"];

fn tell(story: &mut Story, on: &str, (code, value, cause, amount): Told) -> Vec<schemas::records::Warning> {
    if STATUSES.contains(&code) {
        story.member_status(on, 1, (code, value), cause)
    } else {
        story.incident_of(on, code, cause, (value, amount))
    }
}

#[test]
fn each_rule_of_an_event_fires_and_just_does_not() {
    for row in &ROWS {
        for told in row.fires {
            let mut story = Story::new(4, &[], "60000");
            let raised = tell(&mut story, "2025-02-10", *told);
            assert_eq!(shown(&raised), [format!("{} raised {}", row.rule, row.level)], "{told:?}");
            assert_eq!(raised[0].occurred_day, day("2025-02-10"), "{told:?}");
            assert_eq!(raised[0].verifier.is_empty(), row.level == "L", "a signal asks nobody");
        }
        for told in row.is_silent_for {
            let mut story = Story::new(4, &[], "60000");
            assert_eq!(shown(&tell(&mut story, "2025-02-10", *told)), [""; 0], "{told:?}");
        }
    }
}

#[test]
fn an_event_holds_for_its_window_and_a_status_until_it_changes() {
    for row in &ROWS {
        let told = row.fires[0];
        let is_status = STATUSES.contains(&told.0);
        let mut story = Story::new(4, &[], "60000");
        tell(&mut story, "2025-02-10", told);
        assert_eq!(shown(&story.until("2026-01-31")), [""; 0], "{}", row.rule);
        let ended = match row.ends_with {
            _ if !is_status => story.until("2026-02-01"),
            Some(value) => {
                story.until("2026-12-31");
                tell(&mut story, "2027-01-01", (told.0, value, told.2, "0"))
            }
            None => {
                assert_eq!(shown(&story.until("2026-12-31")), [""; 0], "{}", row.rule);
                continue;
            }
        };
        assert_eq!(shown(&ended), [format!("{} no_longer_met {}", row.rule, row.level)]);
        assert_eq!(findings(story.case()), [""; 0]);
    }
}

#[test]
fn what_was_told_and_is_taken_back_withdraws_the_warning() {
    for row in &ROWS {
        let mut story = Story::new(4, &[], "60000");
        let raised = tell(&mut story, "2025-02-10", row.fires[0]);
        let withdrawn = story.take_back("2025-03-01", raised[0].evidence[0]);
        assert_eq!(shown(&withdrawn), [format!("{} withdrawn {}", row.rule, row.level)]);
        assert_eq!(withdrawn[0].warning_id, raised[0].warning_id);
    }
}

#[test]
fn what_was_said_of_a_member_who_has_gone_is_withdrawn_in_words_of_its_own() {
    let begun = schemas::EntryId(500);
    for (has_gone, expected) in [
        (true, ["涉及的成员已离开或去世", "concerned a member who has left it or died"]),
        (false, ["数据已更正或已转到其他户", "data that were corrected or belong to another household"]),
    ] {
        let mut story = Story::new(3, &[], "60000");
        let raised = story.member_status("2025-02-10", 1, ("disability", "1"), Cause::Disability);
        assert_eq!(shown(&raised), ["R17 raised M"]);
        let ended = story.news("2025-03-01", |state, _| {
            state.statuses.clear();
            state.reversed.extend([raised[0].evidence[0], begun]);
            if has_gone {
                state.members.remove(1);
                state.incidents.push(super::left(begun.end_of_stretch(), "2025-03-01"));
            }
        });
        assert_eq!(shown(&ended), ["R17 withdrawn M"]);
        let parts = story.said.iter().flat_map(|said| &said.parts).map(|part| &part.warning);
        for warning in ended.iter().chain(parts.filter(|part| part.record_id == ended[0].record_id)) {
            assert!(warning.sentence_zh.contains(expected[0]), "{}", warning.sentence_zh);
            assert!(warning.sentence_en.contains(expected[1]), "{}", warning.sentence_en);
        }
    }
}

#[test]
fn a_member_who_is_not_insured_for_30_days_is_a_signal() {
    let insured = |story: &mut Story, on: &str, member: u8, value: &str| {
        story.member_status(on, member, ("insured", value), Cause::Other)
    };
    let mut story = Story::new(3, &[], "60000");
    story.until("2025-01-20");
    assert_eq!(story.case.as_ref().map(|case| case.findings.len()), None, "nothing was ever said of their insurance");
    for member in 0..3 {
        assert_eq!(shown(&insured(&mut story, "2025-01-20", member, "true")), [""; 0], "{member}");
    }
    assert_eq!(shown(&insured(&mut story, "2025-02-01", 2, "false")), [""; 0]);
    assert_eq!(shown(&story.until("2025-03-02")), [""; 0], "29 days");
    let raised = story.until("2025-03-03");
    assert_eq!(shown(&raised), ["R12 raised L"], "30 days");
    assert_eq!((raised[0].cause, raised[0].occurred_day), (Cause::Other, day("2025-02-01")));
    assert_eq!(shown(&insured(&mut story, "2025-03-20", 2, "true")), ["R12 no_longer_met L"]);

    let raised = insured(&mut story, "2025-04-01", 1, "false");
    assert_eq!(shown(&raised), [""; 0]);
    let entry = story.state.statuses.iter().find(|status| status.value == "false").expect("it was said").entry;
    assert_eq!(shown(&story.until("2025-05-01")), ["R12 raised L"]);
    let withdrawn = story.news("2025-05-02", |state, _| {
        let status = state.statuses.iter_mut().find(|status| status.entry == entry).expect("it is there");
        status.value = "true".into();
        status.entry = schemas::EntryId(9_999);
        state.reversed.push(entry);
    });
    assert_eq!(shown(&withdrawn), ["R12 withdrawn L"]);
}

#[test]
fn one_finding_is_a_condition_of_another() {
    let text = "
name: both
version: 1
inherits: hengshui
counties: [\"131102\"]
effective_from: 2000-01-01
rules:
  - id: X1
    kind: incident
    codes: [geohazard_notice]
    window: rolling_12
    when: { finding: [R10, R11] }
    levels: [{ level: H }]
    cause: \"02\"
    verifier: village
    action: help-first
    goes_to: { natural-resources: look-after }
    wording: { village: misfortune, department: department-event }
";
    let mut story = Story::under(super::policies(&[("both", text)]), 4, &[Class::Delisted], "60000");
    assert_eq!(shown(&story.incident("2025-02-10", "geohazard_notice", Cause::Disaster)), [""; 0]);
    let house = story.status("2025-02-11", "house_safety", "C", Cause::Other);
    assert_eq!(shown(&house), ["R10 raised M", "X1 raised H"]);
    let repaired = story.status("2025-03-11", "house_safety", "A", Cause::Other);
    assert_eq!(shown(&repaired), ["R10 no_longer_met M", "X1 no_longer_met H"]);
}
