//! The life of findings: known and unknown income, both forms of R14, one case, ids, what each reader is told.

use schemas::records::WarningKind;
use schemas::{Category, Cause, Class, EntryId};

use super::{Story, add, add_sum, day, findings, is_open, shown, yuan};

#[test]
fn a_general_household_with_a_large_bill_is_asked_for_unless_its_income_bears_it() {
    // Income a year for four, the bill, and whether income is known on the day of the bill.
    for (unreported, amount, on, expected) in [
        ("400000", "20000.00", "2025-02-10", None),
        ("56000", "20000.00", "2025-02-10", None),
        ("55999", "20000.00", "2025-02-10", Some("R03 raised M")),
        ("55999", "19999.99", "2025-02-10", None),
        ("400000", "20000.00", "2024-06-10", Some("R03 raised M")),
    ] {
        let mut story = Story::new(4, &[], unreported);
        let raised = story.spend(on, Category::MedicalInpatient, Cause::Illness, amount);
        assert_eq!(shown(&raised), Vec::from_iter(expected), "{unreported} {amount} {on}");
    }
}

#[test]
fn income_is_known_with_a_recent_survey_and_12_observed_months() {
    let mut story = Story::new(3, &[Class::Delisted], "17000");
    assert_eq!(shown(&story.until("2025-01-15")), [""; 0], "December is not settled yet");
    assert_eq!(shown(&story.until("2025-01-16")), ["R13 raised M"]);
    assert_eq!(shown(&story.until("2025-12-31")), [""; 0], "a finding stands still when income is unknown again");
    assert_eq!(findings(story.case()), ["R13 M"]);

    let mut late = Story::new(3, &[Class::Delisted], "17000");
    late.state.registered_day = Some(day("2024-01-02"));
    assert_eq!(shown(&late.until("2025-02-15")), [""; 0]);
    assert_eq!(shown(&late.until("2025-02-16")), ["R13 raised M"], "January 2024 had begun before the registration");

    let mut young = Story::new(3, &[Class::Delisted], "17000");
    young.calendar.first_closed_day = day("2024-03-01");
    assert_eq!(shown(&young.until("2025-03-15")), [""; 0]);
    assert_eq!(shown(&young.until("2025-03-16")), ["R13 raised M"], "the calendar had not begun before March 2024");

    let mut old = Story::new(3, &[Class::Delisted], "17000");
    old.state.survey.as_mut().expect("surveyed").day = day("2023-05-31");
    assert_eq!(shown(&old.until("2025-12-31")), [""; 0], "a survey of 20 months makes nothing known");
}

#[test]
fn unknown_income_silences_but_never_fires() {
    let mut story = Story::new(1, &[Class::Delisted], "17000");
    story.state.survey = None;
    assert_eq!(shown(&story.until("2025-06-30")), [""; 0], "no income is reported, and none is known");

    // Known below the line, then unknown, then a lower bound above it.
    let mut story = Story::new(1, &[Class::Delisted], "5000");
    assert_eq!(shown(&story.until("2025-06-30")), ["R13 raised M"]);
    assert_eq!(shown(&story.news("2025-07-01", |state, _| state.survey = None)), [""; 0]);
    let wage = story.news("2025-08-20", |state, _| {
        add_sum(state, (Category::Wage, Cause::Other), day("2025-06-01").month(), yuan("6000"));
    });
    assert_eq!(shown(&wage), ["R13 no_longer_met M"], "what the feeds show alone is enough");
    assert_eq!(wage[0].value_fen, yuan("6000"));
}

#[test]
fn a_general_household_below_the_line_needs_spending_or_an_incident_beside_it() {
    let mut story = Story::new(3, &[], "17000");
    assert_eq!(shown(&story.until("2025-02-01")), [""; 0]);
    assert_eq!(shown(&story.spend("2025-02-03", Category::Schooling, Cause::Schooling, "2999.99")), [""; 0]);
    assert_eq!(shown(&story.spend("2025-02-04", Category::Schooling, Cause::Schooling, "0.01")), ["R13 raised M"]);

    let mut story = Story::new(3, &[], "17000");
    story.until("2025-02-01");
    let incident = story.incident("2025-02-05", "geohazard_notice", Cause::Disaster);
    assert_eq!(shown(&incident), ["R13 raised M"]);
}

#[test]
fn both_forms_of_r14() {
    // Four with 28,000 a year: 7,000 a head; 3,000 of spending leave 6,250, 4,000.01 leave less than 6,000.
    let mut year = Story::new(4, &[Class::Delisted], "28000");
    assert_eq!(shown(&year.spend("2025-02-10", Category::Schooling, Cause::Schooling, "4000")), [""; 0]);
    let high = year.spend("2025-02-11", Category::MedicalInpatient, Cause::Illness, "0.04");
    assert_eq!(shown(&high), ["R14 raised H"]);
    assert_eq!((high[0].value_fen, high[0].cause), (yuan("5999.99"), Cause::Schooling), "the largest expense");

    // The neighbour of the showcase family, a little above the line: three months of bills, as if a year went on so.
    let mut neighbour = Story::new(3, &[Class::Delisted], "18300");
    for (on, amount) in [("2025-02-12", "300"), ("2025-03-12", "250")] {
        assert_eq!(shown(&neighbour.spend(on, Category::MedicalOutpatient, Cause::Illness, amount)), [""; 0]);
    }
    let medium = neighbour.spend("2025-04-12", Category::MedicalChronic, Cause::Illness, "200");
    assert_eq!(shown(&medium), ["R14 raised M"]);
    assert_eq!((medium[0].value_fen, medium[0].window.as_str()), (yuan("5100"), "last_3_annualised"));
    // A hospital stay makes it urgent: the same warning at another level.
    let urgent = neighbour.spend("2025-04-20", Category::MedicalInpatient, Cause::Illness, "4000");
    assert_eq!(shown(&urgent), ["R14 updated H"]);
    assert_eq!(urgent[0].warning_id, medium[0].warning_id);
}

#[test]
fn one_case_is_opened_once_and_a_new_one_after_it_closed() {
    let mut story = Story::new(4, &[Class::Delisted], "60000");
    let report = story.incident("2025-01-10", "grid_report", Cause::Disaster);
    let again = story.incident("2025-01-12", "self_application", Cause::Disaster);
    assert_eq!((shown(&report), shown(&again)), (vec!["R23 raised M".to_owned()], vec![]));
    let other = story.incident("2025-01-14", "grid_report", Cause::Illness);
    assert_eq!((shown(&other), other[0].case_number), (vec!["R23 raised M".to_owned()], 1), "a new cause, one case");
    assert_eq!(story.case().causes, [Cause::Illness, Cause::Disaster]);
    assert_eq!(shown(&story.until("2025-12-31")), [""; 0], "an event holds for its window");
    let ended = story.until("2026-01-01");
    assert_eq!(shown(&ended), ["R23 no_longer_met M", "R23 no_longer_met M"]);
    assert_eq!((is_open(story.case()), story.case().case_number, ended[0].case_number), (false, 1, 1));
    let next = story.incident("2026-01-05", "grid_report", Cause::Disaster);
    assert_eq!((next[0].case_number, story.case().opened_day), (2, Some(day("2026-01-05"))));
}

#[test]
fn a_status_holds_until_it_changes() {
    let mut story = Story::new(4, &[], "60000");
    assert_eq!(shown(&story.status("2025-01-10", "house_safety", "B", Cause::Other)), [""; 0]);
    assert_eq!(shown(&story.status("2025-01-11", "house_safety", "C", Cause::Other)), ["R10 raised M"]);
    assert_eq!(shown(&story.status("2025-01-12", "house_safety", "D", Cause::Other)), ["R10 updated H"]);
    assert_eq!(shown(&story.until("2026-12-31")), [""; 0]);
    assert_eq!(shown(&story.status("2027-01-01", "house_safety", "A", Cause::Other)), ["R10 no_longer_met H"]);
}

#[test]
fn a_signal_opens_no_case_and_asks_nobody() {
    let mut story = Story::new(4, &[], "60000");
    let signal = story.spend("2025-02-10", Category::OutpatientOutOfPocket, Cause::Illness, "500");
    assert_eq!(shown(&signal), ["R04 raised L"]);
    assert_eq!((signal[0].case_number, signal[0].verifier.as_str(), signal[0].action.as_str()), (0, "", ""));
    assert!(!is_open(story.case()));
}

#[test]
fn a_warning_that_leaves_its_window_is_no_longer_met_even_when_its_opening_entry_was_taken_back_before() {
    let mut story = Story::new(4, &[Class::Delisted], "60000");
    story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "6000");
    let opening = story.case().findings[0].opening_entry;
    story.spend("2025-03-10", Category::MedicalInpatient, Cause::Illness, "7000");
    assert_eq!(shown(&story.retract("2025-03-20", opening)), [""; 0], "the second bill holds it");
    let ended = story.until("2026-03-01");
    assert_eq!(shown(&ended), ["R01 no_longer_met M", "R22 no_longer_met M"]);
}

#[test]
fn records_are_unique_and_the_same_in_a_replay() {
    let play = || {
        let mut story = Story::new(4, &[Class::Delisted], "60000");
        for (on, amount) in [("2025-02-10", "6000"), ("2025-03-10", "57593.50"), ("2025-04-10", "100")] {
            story.spend(on, Category::MedicalInpatient, Cause::Illness, amount);
            story.spend(on, Category::OutpatientOutOfPocket, Cause::Illness, "500");
        }
        story.until("2026-06-30");
        story.said
    };
    let said = play();
    assert_eq!(said, play());
    let mut ids: Vec<&str> = said.iter().map(|said| said.warning.record_id.as_str()).collect();
    assert!(ids.len() > 8);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), said.len());
}

#[test]
fn a_state_that_is_older_than_one_that_was_evaluated_changes_nothing() {
    let mut story = Story::new(4, &[Class::Delisted], "60000");
    let before = story.state.clone();
    story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "6000");
    let policy = story.policies.of(before.household.county()).expect("a policy");
    let outcome = super::evaluate(&before, story.case.as_ref(), policy, story.calendar, super::Occasion::News);
    assert!(outcome.case.is_none() && outcome.said.is_empty());
}

#[test]
fn the_village_reads_of_large_spending_and_never_of_an_illness() {
    let mut story = Story::new(4, &[Class::Delisted], "60000");
    story.incident("2025-01-05", "grid_report", Cause::Disability);
    story.incident("2025-01-06", "house_destroyed", Cause::Accident);
    story.spend("2025-02-09", Category::CropLoss, Cause::Disaster, "9000");
    story.news("2025-02-10", |state, entry| {
        add(state, entry, (Category::MedicalInpatient, Cause::Illness), day("2025-02-10"), yuan("57593.50"));
        let other = EntryId(entry.0 + 1_000);
        add(state, other, (Category::OutpatientOutOfPocket, Cause::Illness), day("2025-02-10"), yuan("600"));
    });
    story.spend("2025-03-10", Category::MedicalChronic, Cause::Disability, "9000");
    story.until("2026-03-01");
    let said: Vec<_> = story.said.iter().map(|said| &said.warning).collect();
    assert!(said.len() >= 10, "{said:?}");
    let forbidden = ["病", "残", "医", "illness", "disease", "disab", "medical", "hospital", "1311021012050007"];
    for warning in &said {
        for sentence in [&warning.sentence_zh, &warning.sentence_en] {
            assert!(sentence.chars().count() > 10 && !sentence.contains('{'), "{sentence}");
            for word in forbidden {
                assert!(!sentence.to_lowercase().contains(word), "`{word}` in: {sentence}");
            }
        }
    }
    let bill = said.iter().find(|warning| warning.rule == "R01").expect("R01 fired");
    assert_eq!(
        bill.sentence_en,
        "This household has had large spending: 57,593.50 yuan in 12 months, against a limit of 20,000 yuan. Please \
         verify at the door."
    );
    assert_eq!(bill.sentence_zh, "该户近12个月有大额支出 57,593.50 元，警戒线为 20,000 元。请入户核实。");
}

#[test]
fn a_department_is_told_its_own_categories_and_its_own_action() {
    let mut story = Story::new(4, &[Class::Delisted], "30000");
    story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "57593.50");
    let part = |rule: &str, department: &str| {
        let said = story.said.iter().find(|said| said.warning.rule == rule).expect("it fired");
        let part = said.parts.iter().find(|part| part.department == department).expect("it goes there");
        assert_eq!(part.warning.warning_id, said.warning.warning_id);
        assert_eq!(part.warning.departments, [department]);
        assert_eq!(part.warning.kind, WarningKind::Raised);
        part.warning.clone()
    };
    let insurance = part("R01", "health-insurance");
    assert_eq!((insurance.value_fen, insurance.threshold_fen), (yuan("57593.50"), yuan("20000")));
    assert_eq!((insurance.action.as_str(), insurance.contributions.len()), ("check-reimbursement", 1));
    let civil = part("R01", "civil-affairs");
    assert_eq!((civil.value_fen, civil.threshold_fen, civil.margin_fen), (yuan("0"), yuan("0"), yuan("0")));
    assert!(civil.contributions.is_empty() && civil.evidence.is_empty(), "{civil:?}");
    assert_eq!(civil.sentence_en, "This household needs your attention. Please examine whether aid can be given.");
    let support = part("R14", "rural-revitalisation");
    assert!(support.contributions.is_empty(), "it sees neither the bill nor what was surveyed: {support:?}");
}

#[test]
fn the_largest_gap_is_the_income_that_fell_most() {
    let mut story = Story::new(2, &[Class::Delisted], "1000");
    story.until("2025-12-20");
    story.state.survey.as_mut().expect("surveyed").day = day("2025-02-01");
    let month = |text: &str| day(text).month();
    let raised = story.news("2026-01-20", |state, _| {
        for (category, before, now) in [(Category::Wage, "20000", "0"), (Category::ProduceSale, "9000", "8000")] {
            add_sum(state, (category, Cause::Other), month("2024-05-01"), yuan(before));
            add_sum(state, (category, Cause::Other), month("2025-05-01"), yuan(now));
        }
    });
    assert_eq!(
        raised.iter().find(|one| one.rule == "R13").map(|one| one.cause),
        Some(Cause::UnstableWork),
        "{raised:?}"
    );
}
