//! Rules that look at each month by itself, news that comes late for a month that has passed, and households in which
//! nobody lives any longer.

use schemas::records::{Finding, Warning};
use schemas::{Category, Cause, Class, EntryId};

use super::{Story, add, add_sum, day, findings, is_open, policies, shown, yuan};

/// Each finding with its month: `R04 L 2025-02`.
fn by_month(story: &Story) -> Vec<String> {
    let month = |finding: &Finding| finding.month.map_or_else(|| "-".to_owned(), |month| month.to_string());
    story.case().findings.iter().map(|one| format!("{} {} {}", one.rule, one.level.letter(), month(one))).collect()
}

/// Month, day on which it became known, day on which it occurred.
fn days(warning: &Warning) -> (String, String, String) {
    let month = warning.month.expect("it is about a month");
    (month.to_string(), warning.day.to_string(), warning.occurred_day.to_string())
}

#[test]
fn a_bill_that_comes_late_warns_of_the_month_in_which_it_occurred_and_says_when_it_became_known() {
    let mut story = Story::new(4, &[], "60000");
    let raised = story.outpatient("2025-03-20", "2025-02-12", "500");
    assert_eq!(shown(&raised), ["R04 raised L"]);
    assert_eq!(days(&raised[0]), ("2025-02".into(), "2025-03-20".into(), "2025-02-12".into()));
    assert_eq!((raised[0].window.as_str(), raised[0].value_fen), ("month", yuan("500")));
    assert_eq!(raised[0].case_number, 0, "a signal asks nobody to visit");
    assert!(raised[0].sentence_en.contains("in 2025-02: 500 yuan"), "{}", raised[0].sentence_en);
    assert!(raised[0].sentence_zh.contains("该户2025年2月有大额支出 500 元"), "{}", raised[0].sentence_zh);
}

#[test]
fn two_bills_of_a_month_count_together_and_those_of_two_months_do_not() {
    let mut story = Story::new(4, &[], "60000");
    assert_eq!(shown(&story.outpatient("2025-03-02", "2025-02-12", "300")), [""; 0]);
    assert_eq!(shown(&story.outpatient("2025-03-03", "2025-03-03", "499.99")), [""; 0]);
    assert_eq!(shown(&story.outpatient("2025-04-04", "2025-02-28", "199.99")), [""; 0], "499.99 in February");
    assert_eq!(shown(&story.outpatient("2025-04-05", "2025-02-27", "0.01")), ["R04 raised L"]);
    assert_eq!(by_month(&story), ["R04 L 2025-02"]);
}

#[test]
fn each_month_has_a_warning_of_its_own_and_leaves_with_the_window() {
    let mut story = Story::new(4, &[], "60000");
    let (february, april) =
        (story.outpatient("2025-02-12", "2025-02-12", "500"), story.outpatient("2025-04-01", "2025-04-01", "600"));
    let march = story.outpatient("2025-05-20", "2025-03-15", "700");
    let ids: Vec<&str> = [&february, &march, &april].map(|said| said[0].warning_id.as_str()).to_vec();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    assert_eq!(by_month(&story), ["R04 L 2025-02", "R04 L 2025-03", "R04 L 2025-04"]);
    assert_eq!(shown(&story.outpatient("2025-05-21", "2025-03-16", "900")), [""; 0], "March is told once");
    assert_eq!(shown(&story.until("2026-01-31")), [""; 0]);
    for (on, month, id) in [("2026-02-01", "2025-02", ids[0]), ("2026-03-01", "2025-03", ids[1])] {
        let ended = story.until(on);
        assert_eq!(shown(&ended), ["R04 no_longer_met L"], "{on}");
        assert_eq!((days(&ended[0]).0.as_str(), ended[0].warning_id.as_str()), (month, id));
    }
    assert_eq!(by_month(&story), ["R04 L 2025-04"]);
    assert_eq!(shown(&story.outpatient("2026-03-10", "2025-02-20", "5000")), [""; 0], "beyond its reach");
}

#[test]
fn a_bill_of_a_past_month_that_is_taken_back_withdraws_the_warning_of_that_month_alone() {
    let mut story = Story::new(4, &[], "60000");
    story.outpatient("2025-02-12", "2025-02-12", "500");
    story.outpatient("2025-03-12", "2025-03-12", "500");
    let withdrawn = story.retract("2025-04-20", EntryId(1_001));
    assert_eq!(shown(&withdrawn), ["R04 withdrawn L"]);
    assert_eq!(days(&withdrawn[0]).0, "2025-02");
    assert_eq!(by_month(&story), ["R04 L 2025-03"]);
}

#[test]
fn a_bill_that_its_own_id_moves_to_an_earlier_month_ends_one_warning_before_it_begins_the_other() {
    let mut story = Story::new(4, &[], "60000");
    story.outpatient("2025-03-12", "2025-03-12", "500");
    let entry = story.case().findings[0].opening_entry;
    let moved = story.news("2025-04-02", |state, _| {
        let at = state.evidence.iter().position(|one| one.entry == entry).expect("it is there");
        let bill = state.evidence.remove(at);
        add_sum(state, (bill.category, bill.cause), bill.day.month(), yuan("-500"));
        add(state, entry, (bill.category, bill.cause), day("2025-02-10"), bill.amount_fen);
        state.reversed.push(entry);
    });
    assert_eq!(shown(&moved), ["R04 withdrawn L", "R04 raised L"]);
    assert_eq!(moved[0].warning_id, moved[1].warning_id, "the same entry opened both");
    assert_eq!(by_month(&story), ["R04 L 2025-02"]);
}

/// A state keeps the largest expenses of a cause, so that those of a month with small bills can be missing.
#[test]
fn a_month_whose_bills_are_not_kept_one_by_one_is_withdrawn_all_the_same() {
    for (reversed, expected) in [(vec![EntryId(77)], "R04 withdrawn L"), (vec![], "R04 no_longer_met L")] {
        let mut story = Story::new(4, &[], "60000");
        let change = |story: &mut Story, on: &str, fen: &str, sign: i64| {
            story.news(on, |state, _| {
                let amount = schemas::Fen(yuan(fen).0 * sign);
                add_sum(state, (Category::OutpatientOutOfPocket, Cause::Illness), day("2025-02-12").month(), amount);
                state.reversed.extend(reversed.iter().copied().filter(|_| sign < 0));
            })
        };
        assert_eq!(shown(&change(&mut story, "2025-03-20", "500", 1)), ["R04 raised L"]);
        assert_eq!(shown(&change(&mut story, "2025-04-20", "0.01", -1)), [expected]);
    }
}

/// Below the line each month would ask for a visit; only the newest does.
#[test]
fn of_several_months_only_the_newest_asks_for_a_visit() {
    let mut story = Story::new(3, &[Class::Delisted], "17000");
    story.until("2025-02-01");
    assert_eq!(shown(&story.outpatient("2025-02-12", "2025-02-12", "500")), ["R04 raised M"]);
    assert_eq!(shown(&story.outpatient("2025-03-12", "2025-03-12", "500")), ["R04 updated L", "R04 raised M"]);
    assert_eq!(shown(&story.outpatient("2025-03-13", "2025-01-12", "500")), ["R04 raised L"], "late, and older");
    assert_eq!(by_month(&story), ["R04 L 2025-01", "R04 L 2025-02", "R04 M 2025-03", "R13 M -"]);
    let entry = story.case().findings[2].opening_entry;
    assert_eq!(shown(&story.retract("2025-03-20", entry)), ["R04 withdrawn M", "R04 updated M"]);
    // The income goes above the line: nothing is asked for, and the months are still there.
    let above = story.news("2025-03-21", |state, _| {
        add_sum(state, (Category::Wage, Cause::Other), day("2024-12-01").month(), yuan("30000"));
    });
    assert_eq!(shown(&above), ["R13 no_longer_met M", "R04 updated L"]);
    assert_eq!(
        (by_month(&story), is_open(story.case())),
        (vec!["R04 L 2025-01".into(), "R04 L 2025-02".into()], false)
    );
}

#[test]
fn months_in_which_nothing_came_count_where_a_small_sum_is_asked_for() {
    let text = "
name: small
version: 1
inherits: hengshui
counties: [\"131102\"]
effective_from: 2000-01-01
rules:
  - id: X1
    kind: sum
    categories: [pension]
    window: month
    reach: last_3_settled
    comparator: \"<\"
    levels: [{ level: L, threshold: 100 }]
    cause: \"99\"
    verifier: village
    action: verify-at-the-door
    goes_to: { human-resources: examine-support }
    wording: { village: low-income, department: department-request }
";
    let mut story = Story::under(policies(&[("small", text)]), 4, &[], "60000");
    story.until("2025-03-20");
    assert_eq!(by_month(&story), ["X1 L 2024-12", "X1 L 2025-01", "X1 L 2025-02"]);
    assert_eq!(shown(&story.income("2025-03-25", Category::Pension, "100")), [""; 0], "March is not settled");
    let paid = story.news("2025-03-26", |state, _| {
        add_sum(state, (Category::Pension, Cause::Other), day("2025-01-01").month(), yuan("100"));
    });
    assert_eq!((shown(&paid), paid[0].month), (vec!["X1 no_longer_met L".into()], Some(day("2025-01-01").month())));
}

#[test]
fn a_household_without_members_raises_nothing_and_what_it_had_ends() {
    let leave = |story: &mut Story, on: &str, reversed: &[EntryId]| {
        story.news(on, |state, _| {
            state.members.clear();
            if let Some(survey) = &mut state.survey {
                survey.members_since = -survey.members;
            }
            state.reversed.extend_from_slice(reversed);
        })
    };
    let story = || {
        let mut story = Story::new(2, &[Class::Delisted], "60000");
        story.spend("2025-02-10", Category::MedicalInpatient, Cause::Illness, "6000");
        story.incident("2025-02-11", "grid_report", Cause::Illness);
        story
    };
    for is_surveyed in [true, false] {
        let mut left = story();
        if !is_surveyed {
            left.news("2025-02-20", |state, _| state.survey = None);
        }
        assert_eq!(
            shown(&leave(&mut left, "2025-03-01", &[])),
            ["R01 no_longer_met M", "R22 no_longer_met M", "R23 no_longer_met M"]
        );
        assert_eq!((findings(left.case()), is_open(left.case())), (Vec::new(), false));
        let bill = left.spend("2025-03-02", Category::MedicalInpatient, Cause::Illness, "90000");
        assert_eq!(shown(&bill), [""; 0], "a bill that comes after all have gone asks nobody");
        assert_eq!(shown(&left.incident("2025-03-03", "house_destroyed", Cause::Disaster)), [""; 0]);
        assert_eq!(shown(&left.until("2026-06-30")), [""; 0]);
    }
    // Merged into another household: the bill went there with its entry, the report was not taken back.
    let mut merged = story();
    let bill = merged.case().findings[0].opening_entry;
    merged.until("2025-03-01");
    let sums = std::mem::take(&mut merged.state.sums);
    let ended = leave(&mut merged, "2025-03-01", &[bill]);
    assert_eq!(shown(&ended), ["R01 withdrawn M", "R22 withdrawn M", "R23 no_longer_met M"]);
    assert_eq!(ended[0].value_fen, yuan("0"), "nothing of it is left here");
    merged.state.sums = sums;
    // Somebody moves in again: what happened here holds again.
    let again = merged.news("2025-04-01", |state, entry| {
        state.survey.as_mut().expect("surveyed").members_since += 1;
        add(state, entry, (Category::Schooling, Cause::Schooling), day("2025-04-01"), yuan("1"));
    });
    assert_eq!(shown(&again), ["R01 raised M", "R22 raised M", "R23 raised M"]);
}
