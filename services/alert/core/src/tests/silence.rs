//! Silence is not poverty: where a feed has fallen silent, what needs it stands still, and says so.

use schemas::records::Coverage;
use schemas::{Category, Cause, Class, County};

use super::{Story, add_sum, day, evaluate, findings, shown, yuan};
use crate::case::{Occasion, Why};

fn heard(source: &str, county: i32, on: &str) -> Coverage {
    Coverage { source: source.to_owned(), county: County(county), day: day(on) }
}

fn standing_still(story: &Story) -> Vec<String> {
    let policy = story.policies.of(story.state.household.county()).expect("a policy");
    let outcome = evaluate(&story.state, story.case.as_ref(), policy, story.now(), Occasion::Calendar);
    let reason = |why| match why {
        Why::SilentFeed => "silent",
        Why::NotKnown => "not known",
    };
    outcome.standing_still.iter().map(|(rule, why)| format!("{rule} {}", reason(*why))).collect()
}

#[test]
fn a_missing_wage_file_is_not_a_lost_wage() {
    // A wage until January; the feed of the county was last heard on the given day.
    for (coverage, is_seen) in [
        (vec![heard("human-resources", 131_102, "2025-06-20")], true),
        (vec![heard("human-resources", 0, "2025-06-01")], true),
        (vec![heard("human-resources", 131_102, "2025-05-31")], false),
        (vec![heard("human-resources", 0, "2025-01-20"), heard("human-resources", 131_102, "2025-02-20")], false),
        // Another county's, and another department's.
        (vec![heard("health", 131_102, "2025-01-01"), heard("human-resources", 131_103, "2025-01-01")], true),
    ] {
        let mut story = Story::new(4, &[Class::Delisted], "0");
        story.news("2024-02-03", |state, _| {
            for at in 0..13 {
                let month = day("2024-01-01").month().plus(at);
                add_sum(state, (Category::Wage, Cause::Other), month, yuan("2000"));
            }
        });
        story.until("2025-06-15");
        (story.case, story.coverage) = (None, coverage.clone());
        let expected: &[&str] = if is_seen { &["R13 raised M", "R15 raised H"] } else { &[] };
        // With the end of 15 June the wages of May can be expected.
        assert_eq!(shown(&story.until("2025-06-16")), expected, "{coverage:?}");
        let expected: &[&str] = if is_seen { &[] } else { &["R13 not known", "R15 silent"] };
        let still: Vec<_> =
            standing_still(&story).into_iter().filter(|one| one.starts_with("R13") || one.starts_with("R15")).collect();
        assert_eq!(still, expected, "{coverage:?}");
    }
}

#[test]
fn what_was_found_stands_still_while_its_feed_is_silent() {
    let mut story = Story::new(2, &[], "60000");
    story.member_status("2025-01-20", 0, ("insured", "true"), Cause::Other);
    story.member_status("2025-01-20", 1, ("insured", "false"), Cause::Other);
    assert_eq!(shown(&story.until("2025-03-01")), ["R12 raised L"]);
    story.coverage = vec![heard("health-insurance", 131_102, "2025-01-20")];
    let changed = story.member_status("2025-03-20", 1, ("insured", "true"), Cause::Other);
    assert_eq!((shown(&changed), findings(story.case())), (vec![], vec!["R12 L".to_owned()]));
    assert_eq!(standing_still(&story), ["R12 silent"]);
    story.coverage = vec![heard("health-insurance", 131_102, "2025-03-20")];
    assert_eq!(shown(&story.until("2025-04-01")), ["R12 no_longer_met L"]);
}

#[test]
fn a_level_that_rests_on_income_stands_still_while_income_is_not_known() {
    let mut story = Story::new(3, &[Class::Delisted], "17000");
    story.until("2025-02-01");
    assert_eq!(shown(&story.outpatient("2025-02-12", "2025-02-12", "500")), ["R04 raised M"]);
    story.coverage = vec![heard("human-resources", 0, "2025-02-20")];
    assert_eq!(shown(&story.until("2025-06-30")), [""; 0], "the wage feed has fallen silent");
    assert_eq!(shown(&story.outpatient("2025-07-01", "2025-06-12", "500")), ["R04 updated L", "R04 raised L"]);
    story.coverage = vec![heard("human-resources", 0, "2025-07-02")];
    assert_eq!(shown(&story.until("2025-07-16")), ["R04 updated M"], "heard again after June had ended");
}

#[test]
fn a_household_of_whose_insurance_nothing_was_said_is_not_covered_by_the_rule() {
    let mut story = Story::new(2, &[], "60000");
    assert_eq!(shown(&story.until("2025-06-30")), [""; 0]);
    assert_eq!(standing_still(&story), ["R12 not known"]);
    story.state.survey = None;
    assert_eq!(standing_still(&story), ["R12 not known"]);
}
