//! The course of a case, from the request to its end: steps, limits, visits, clearing. It does not look at what rules
//! find.

use schemas::records::Step;
use schemas::{Category, Cause, Class, Office};

use super::{Story, day, shown, yuan};

const VERIFIED: &str = "verification_result";
const HELPED: &str = "assistance_measure";
const VISITED: &str = "follow_up_visit";

/// Everything that was said since a place in a story, overdue steps too: `R21 escalated M township`.
fn said(story: &Story, from: usize) -> Vec<String> {
    let line = |said: &super::Said| {
        let warning = &said.warning;
        let mut line = shown(std::slice::from_ref(warning)).remove(0);
        if warning.rule == "R21" {
            line = format!("{line} {}", warning.verifier);
        }
        if warning.asks_visit {
            line.push_str(" visit");
        }
        line
    };
    story.said[from..].iter().map(line).collect()
}

/// A household with a bill of 8,000 yuan on 2025-02-10, a Monday, surveyed shortly before.
fn story_of_a_bill() -> Story {
    let mut story = Story::new(4, &[Class::Delisted], "60000.00");
    story.state.survey.as_mut().expect("a survey").day = day("2025-02-01");
    story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "8000.00");
    story
}

fn place(story: &Story) -> (Step, Option<String>, Option<Office>) {
    let case = story.case();
    (case.step, case.due_day.map(|day| day.to_string()), case.office)
}

#[test]
fn a_request_asks_for_one_visit_whatever_rules_raise_it() {
    let story = story_of_a_bill();
    assert_eq!(said(&story, 0), ["R01 raised M visit", "R22 raised M"]);
    let warning = &story.said[0].warning;
    assert_eq!((warning.round, warning.due_day), (1, Some(day("2025-02-17"))));
    assert_eq!(place(&story), (Step::Raised, Some("2025-02-17".to_owned()), Some(Office::Village)));
    assert_eq!(story.said[1].warning.round, 1, "the second request joins the visit");
}

#[test]
fn working_days_pass_over_the_spring_festival() {
    let mut story = Story::new(4, &[Class::Delisted], "60000.00");
    // From Monday the 20th; Sunday the 26th is worked, and the festival lasts from the 28th to the 4th.
    story.spend("2025-01-22", Category::MedicalInpatient, Cause::Illness, "8000.00");
    assert_eq!(story.case().due_day, Some(day("2025-02-05")));
}

#[test]
fn the_case_of_a_family_that_was_helped_is_cleared_half_a_year_later() {
    let mut story = story_of_a_bill();
    let before = story.said.len();
    story.act("2025-02-13", VERIFIED, "proposed_confirmed");
    assert_eq!(place(&story), (Step::Verifying, Some("2025-02-28".to_owned()), Some(Office::County)));
    story.act("2025-02-20", VERIFIED, "confirmed");
    assert_eq!(place(&story), (Step::Confirmed, Some("2025-03-22".to_owned()), Some(Office::County)));
    story.act("2025-03-05", HELPED, "medical aid");
    assert_eq!(place(&story), (Step::Assisted, Some("2025-06-03".to_owned()), Some(Office::Village)));
    story.act("2025-06-01", VISITED, "stable");
    assert_eq!(place(&story).1.as_deref(), Some("2025-08-30"));
    story.act("2025-08-30", VISITED, "stable");
    // Six months after the month of the request August is settled.
    story.until("2025-09-15");
    assert_eq!(story.case().step, Step::Assisted);
    assert_eq!(said(&story, before), Vec::<String>::new(), "nothing was late");
    story.until("2025-09-16");
    assert_eq!(place(&story), (Step::Cleared, None, None));
    assert_eq!(said(&story, before), ["R01 closed M", "R22 closed M"]);
    assert_eq!(story.case().closed_day, Some(day("2025-09-16")));
}

#[test]
fn what_was_known_when_a_case_was_cleared_does_not_open_it_again_and_what_comes_then_does() {
    let mut story = story_of_a_bill();
    story.act("2025-02-13", VERIFIED, "confirmed");
    story.act("2025-03-05", HELPED, "medical aid");
    // Reported within 90 days, of the same cause: no new visit.
    story.incident("2025-03-10", "grid_report", Cause::Illness);
    story.until("2025-09-17");
    assert_eq!((story.case().step, story.case().case_number), (Step::Cleared, 1));
    let before = story.said.len();
    story.incident("2025-09-20", "self_application", Cause::Schooling);
    assert_eq!(said(&story, before), ["R23 raised M visit"]);
    assert_eq!((story.case().step, story.case().case_number), (Step::Raised, 2));
}

#[test]
fn a_case_is_cleared_only_when_everything_holds() {
    /// What is otherwise in a story that would end in `cleared`.
    type Otherwise = fn(&mut Story);
    let rows: [(&str, Otherwise, Step); 6] = [
        ("as it should be", |_| {}, Step::Cleared),
        (
            "an income below the line",
            |story| story.state.survey.as_mut().expect("a survey").unreported_income_fen = yuan("20000.00"),
            Step::Raised,
        ),
        (
            "spending above what it can bear",
            |story| {
                story.spend("2025-03-07", Category::Schooling, Cause::Schooling, "40000.00");
            },
            Step::Raised,
        ),
        (
            "a house that is not safe",
            |story| {
                story.status("2025-03-07", "house_safety", "C", Cause::Disaster);
            },
            Step::Raised,
        ),
        (
            "nobody who can work",
            |story| {
                for member in 0..4 {
                    story.member_status("2025-03-07", member, ("labour", "none"), Cause::LackOfLabour);
                }
            },
            Step::Assisted,
        ),
        (
            "no measure",
            |story| {
                let measure = story.state.incidents.last().expect("the measure").entry;
                story.take_back("2025-03-07", measure);
            },
            Step::Confirmed,
        ),
    ];
    for (what, otherwise, step) in rows {
        let mut story = story_of_a_bill();
        story.act("2025-02-13", VERIFIED, "confirmed");
        story.act("2025-03-05", HELPED, "medical aid");
        otherwise(&mut story);
        story.until("2025-12-31");
        assert_eq!(story.case().step, step, "{what}");
    }
}

#[test]
fn what_is_overdue_moves_up_one_level_each_time_its_limit_has_passed() {
    let mut story = story_of_a_bill();
    let before = story.said.len();
    story.until("2025-02-17");
    assert_eq!(said(&story, before), Vec::<String>::new(), "the last day is not over");
    story.until("2025-02-18");
    assert_eq!(said(&story, before), ["R21 escalated M township"]);
    let escalated = &story.said[before].warning;
    assert_eq!(
        (escalated.due_day, escalated.departments.as_slice()),
        (Some(day("2025-02-24")), &["township".to_owned()][..])
    );
    story.until("2025-12-31");
    assert_eq!(said(&story, before)[1..], ["R21 escalated M county", "R21 escalated M city"]);
    assert_eq!(story.case().office, Some(Office::City));
    // The step that follows begins where it belongs.
    story.act("2026-01-05", VERIFIED, "confirmed");
    assert_eq!(place(&story), (Step::Confirmed, Some("2026-02-04".to_owned()), Some(Office::County)));
    assert_eq!(story.case().escalations, 0);
}

#[test]
fn a_dismissed_case_asks_again_only_for_something_new() {
    let mut story = story_of_a_bill();
    let dismissed = story.act("2025-02-13", VERIFIED, "dismissed");
    assert_eq!(shown(&dismissed), ["R01 closed M", "R22 closed M"]);
    assert_eq!(story.case().step, Step::Dismissed);
    let before = story.said.len();
    story.spend("2025-03-01", Category::MedicalInpatient, Cause::Illness, "3000.00");
    assert_eq!((story.case().step, said(&story, before)), (Step::Dismissed, Vec::new()), "not half as much again");
    story.spend("2025-03-02", Category::MedicalInpatient, Cause::Illness, "1000.00");
    assert_eq!(story.case().step, Step::Dismissed, "half as much again, but within 90 days");
    story.until("2025-05-10");
    assert_eq!(story.case().step, Step::Dismissed);
    story.until("2025-05-11");
    assert_eq!((story.case().step, story.case().case_number), (Step::Raised, 2));
    assert_eq!(said(&story, before), ["R01 updated M visit"], "90 days after the last visit was asked for");
}

#[test]
fn what_begins_with_the_news_that_dismisses_a_case_is_raised_and_not_closed() {
    let mut story = story_of_a_bill();
    story.state.survey.as_mut().expect("a survey").unreported_income_fen = yuan("20000.00");
    let dismissed = story.act("2025-02-13", VERIFIED, "dismissed");
    assert_eq!(shown(&dismissed), ["R01 closed M", "R22 closed M", "R13 raised M"]);
}

#[test]
fn level_h_asks_at_once_though_the_case_was_dismissed() {
    let mut story = story_of_a_bill();
    story.act("2025-02-13", VERIFIED, "dismissed");
    let before = story.said.len();
    story.spend("2025-03-01", Category::MedicalInpatient, Cause::Illness, "13000.00");
    assert_eq!(said(&story, before), ["R01 updated H visit"]);
    assert_eq!(story.case().case_number, 2);
}

#[test]
fn a_confirmed_case_goes_back_to_raised_with_a_new_shock_and_to_where_it_was_when_that_is_past() {
    let mut story = story_of_a_bill();
    story.act("2025-02-13", VERIFIED, "confirmed");
    story.act("2025-02-20", HELPED, "medical aid");
    let before = story.said.len();
    story.incident("2025-06-01", "dropout_suspected", Cause::Schooling);
    assert_eq!(said(&story, before), ["R21 escalated M township", "R07 raised M visit"]);
    let case = story.case();
    assert_eq!((case.step, case.case_number, case.visit.as_ref().map(|visit| visit.round)), (Step::Raised, 1, Some(2)));
    story.act("2025-06-04", VERIFIED, "confirmed");
    assert_eq!(story.case().step, Step::Confirmed, "the new shock asks for a measure of its own");
    story.act("2025-06-10", HELPED, "student aid");
    assert_eq!(story.case().step, Step::Assisted);
}

#[test]
fn a_verdict_that_is_taken_back_leaves_the_case_where_it_was() {
    let mut story = story_of_a_bill();
    story.act("2025-02-13", VERIFIED, "dismissed");
    let verdict = story.case().acts.last().expect("the verdict").entry;
    story.take_back("2025-02-14", verdict);
    assert_eq!((story.case().step, story.case().closed_day), (Step::Raised, None));
    story.act("2025-02-15", VERIFIED, "confirmed");
    assert_eq!(story.case().step, Step::Confirmed);
}

#[test]
fn in_an_emergency_help_comes_first_and_the_verification_follows() {
    let mut story = Story::new(4, &[Class::Delisted], "60000.00");
    story.incident("2025-02-10", "casualty", Cause::Accident);
    assert_eq!(place(&story), (Step::Raised, Some("2025-02-12".to_owned()), Some(Office::Township)));
    story.act("2025-02-11", HELPED, "temporary relief");
    assert_eq!(place(&story), (Step::Assisted, Some("2025-02-26".to_owned()), Some(Office::Village)));
    story.act("2025-02-20", VERIFIED, "confirmed");
    assert_eq!(place(&story), (Step::Assisted, Some("2025-05-21".to_owned()), Some(Office::Village)));
    // What comes after the emergency is verified as anything else.
    story.incident("2025-05-19", "dropout_suspected", Cause::Schooling);
    assert_eq!(place(&story), (Step::Raised, Some("2025-05-26".to_owned()), Some(Office::Village)));
    assert_eq!(said(&story, story.said.len() - 1), ["R07 raised M visit"]);
}

#[test]
fn what_was_done_before_the_case_was_opened_does_not_count_for_it() {
    let mut story = Story::new(4, &[Class::Delisted], "60000.00");
    story.act("2025-02-10", VERIFIED, "dismissed");
    story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "8000.00");
    assert_eq!(story.case().step, Step::Raised);
    story.act_of("2025-02-14", "2025-02-09", (VERIFIED, "dismissed"));
    assert_eq!(story.case().step, Step::Raised, "a verdict of the day before, heard of later");
    story.act_of("2025-02-14", "2025-02-12", (VERIFIED, "dismissed"));
    assert_eq!(story.case().step, Step::Dismissed);
}

#[test]
fn what_is_attached_to_a_matter_of_the_village_is_asked_for_on_the_day_after_that_ends() {
    let mut story = Story::new(4, &[Class::Delisted], "60000.00");
    story.attached = vec![(Cause::Illness, "of the village".to_owned())];
    story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "8000.00");
    story.until("2025-02-19");
    assert_eq!(said(&story, 0), ["R01 raised M", "R22 raised M"]);
    story.attached.clear();
    story.until("2025-02-20");
    assert_eq!(said(&story, 2), ["R01 updated M visit"]);
    assert_eq!(place(&story), (Step::Raised, Some("2025-02-27".to_owned()), Some(Office::Village)));
}

#[test]
fn a_case_that_a_matter_of_the_village_stood_for_is_cleared_like_any_other() {
    let mut story = Story::new(4, &[Class::Delisted], "60000.00");
    story.state.survey.as_mut().expect("a survey").day = day("2025-02-01");
    story.attached = vec![(Cause::Illness, "of the village".to_owned())];
    story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "8000.00");
    story.act("2025-02-13", VERIFIED, "confirmed");
    story.act("2025-03-05", HELPED, "medical aid");
    assert_eq!((story.case().step, story.case().round()), (Step::Assisted, 0), "nobody was asked to this door");
    story.until("2025-09-15");
    assert_eq!(story.case().step, Step::Assisted);
    story.until("2025-09-16");
    assert_eq!(story.case().step, Step::Cleared);
}

#[test]
fn an_unusual_course_is_a_signal_to_the_county() {
    for (what, acts, until, found) in [
        ("no measure in a month", vec![("2025-02-13", VERIFIED, "confirmed")], "2025-03-15", vec!["R27 raised L"]),
        ("no measure in less", vec![("2025-02-13", VERIFIED, "confirmed")], "2025-03-14", vec![]),
        (
            "a measure ends it",
            vec![("2025-02-13", VERIFIED, "confirmed"), ("2025-03-20", HELPED, "medical aid")],
            "2025-03-25",
            vec!["R27 raised L", "R27 no_longer_met L"],
        ),
        (
            "cleared soon",
            vec![
                ("2025-02-13", VERIFIED, "confirmed"),
                ("2025-02-20", HELPED, "x"),
                ("2025-04-14", VERIFIED, "cleared"),
            ],
            "2025-04-15",
            vec!["R26 raised L"],
        ),
        (
            "cleared later",
            vec![
                ("2025-02-13", VERIFIED, "confirmed"),
                ("2025-02-20", HELPED, "x"),
                ("2025-04-15", VERIFIED, "cleared"),
            ],
            "2025-04-16",
            vec![],
        ),
    ] {
        let mut story = story_of_a_bill();
        for (on, code, value) in acts {
            story.act(on, code, value);
        }
        story.until(until);
        let all: Vec<String> = said(&story, 0)
            .into_iter()
            .filter(|line| line.starts_with("R2") && !line.starts_with("R21") && !line.starts_with("R22"))
            .collect();
        assert_eq!(all, found, "{what}");
    }
}

#[test]
fn a_household_that_was_cleared_below_the_line_is_a_signal_to_the_county() {
    let mut story = Story::new(4, &[Class::Delisted], "20000.00");
    story.until("2025-01-20");
    story.act("2025-01-21", VERIFIED, "confirmed");
    story.act("2025-01-25", HELPED, "allowance");
    story.act("2025-05-01", VERIFIED, "cleared");
    assert_eq!(story.case().step, Step::Cleared);
    let odd: Vec<String> = said(&story, 0).into_iter().filter(|line| line.starts_with("R25")).collect();
    assert_eq!(odd, ["R25 raised L"]);
}
