//! The families of published reports (domain section 6), with the figures that stand there.

use schemas::records::Warning;
use schemas::{Category, Cause, Class, Fen};

use super::{CHENZHOU, Story, add_sum, day, findings, is_open, policies, shown, yuan};

fn bill(story: &mut Story, on: &str, amount: &str) -> Vec<Warning> {
    story.spend(on, Category::MedicalInpatient, Cause::Illness, amount)
}

fn claim(story: &mut Story, on: &str, amount: &str) -> Vec<Warning> {
    story.news(on, |state, _| add_sum(state, (Category::Claim, Cause::Illness), day(on).month(), yuan(amount)))
}

#[test]
fn family_1_the_grid_report_opens_the_case_and_the_bill_joins_it() {
    let mut story = Story::new(2, &[Class::Delisted, Class::Dibao], "0");
    for month in 1..=12 {
        story.income(&format!("2024-{month:02}-20").replace("2024-01", "2024-02"), Category::Dibao, "0");
    }
    story.news("2025-01-02", |state, _| {
        for month in 0..12 {
            let month = day("2024-01-01").month().plus(month);
            add_sum(state, (Category::Dibao, Cause::Other), month, yuan("470"));
        }
        add_sum(state, (Category::Dividend, Cause::Other), day("2024-06-10").month(), yuan("3000"));
        add_sum(state, (Category::PublicPostWage, Cause::Other), day("2024-05-31").month(), yuan("2000"));
    });
    assert_eq!(shown(&story.incident("2025-01-03", "grid_report", Cause::Illness)), ["R23 raised M"]);
    let joined = bill(&mut story, "2025-01-06", "90000");
    assert_eq!(shown(&joined), ["R01 raised H", "R22 raised M"]);
    assert_eq!(joined[0].case_number, 1, "the bill joins the case");
    claim(&mut story, "2025-01-10", "22348");
    let settled = story.until("2025-01-20");
    assert_eq!(shown(&settled), ["R13 raised M", "R19 raised M"], "income is below the line, so R14 is silent");
    assert_eq!((settled[0].value_fen, settled[0].day), (yuan("5320"), day("2025-01-16")));
    let spending = &settled[1];
    assert_eq!(
        (spending.value_fen, spending.threshold_fen, spending.cause),
        (yuan("67652"), yuan("6384"), Cause::Illness)
    );
    assert_eq!(findings(story.case()), ["R01 H", "R13 M", "R19 M", "R22 M", "R23 M"]);
    assert_eq!((story.case().case_number, is_open(story.case())), (1, true));
}

#[test]
fn family_2_after_the_claim_the_household_is_above_the_line_again() {
    let mut story = Story::new(4, &[Class::Delisted], "60000");
    let raised = bill(&mut story, "2025-02-10", "57593.50");
    assert_eq!(shown(&raised), ["R01 raised H", "R14 raised H", "R19 raised M", "R22 raised M"]);
    let (r01, r14) = (&raised[0], &raised[1]);
    assert_eq!((r01.value_fen, r14.value_fen, r14.threshold_fen), (yuan("57593.50"), yuan("601.63"), yuan("6000")));
    assert_eq!((r14.margin_fen, r14.cause, r14.case_number), (yuan("5398.37"), Cause::Illness, 1));
    let ended = claim(&mut story, "2025-03-05", "40000");
    assert_eq!(shown(&ended), ["R14 no_longer_met H", "R19 no_longer_met M"]);
    assert_eq!((ended[0].value_fen, &ended[0].warning_id), (yuan("10601.63"), &r14.warning_id));
    // A loan is no income.
    story.news("2025-03-10", |state, _| {
        add_sum(state, (Category::Loan, Cause::Other), day("2025-03-10").month(), yuan("50000"));
    });
    assert_eq!(findings(story.case()), ["R01 H", "R22 M"], "R01 counts the bill, not what is left of it");
    assert_eq!((story.case().case_number, story.case().findings[1].value_fen), (1, yuan("17593.50")));
}

#[test]
fn family_3_is_seen_by_its_income_before_any_illness_and_with_the_first_bill_of_500() {
    let mut story = Story::new(3, &[Class::Delisted], "17000");
    let seen = story.until("2025-02-01");
    assert_eq!(shown(&seen), ["R13 raised M"]);
    assert_eq!((seen[0].value_fen, seen[0].day, seen[0].cause), (yuan("5666.67"), day("2025-01-16"), Cause::Other));
    let first = story.outpatient("2025-02-12", "2025-02-12", "500");
    assert_eq!(shown(&first), ["R04 raised M"], "exactly 500, and below the line: a request");
    assert_eq!(shown(&story.until("2025-03-01")), [""; 0], "February had its 500, whatever comes after it");
    assert_eq!(shown(&story.outpatient("2025-03-12", "2025-03-12", "400")), [""; 0]);
    assert_eq!(shown(&story.outpatient("2025-04-12", "2025-04-12", "450")), [""; 0]);
    let household = crate::measures::Household::new(
        &story.state,
        story.policies.of(story.state.household.county()).expect("a policy"),
        story.calendar,
    );
    let ref_pc = crate::policy::MeasureOf { measure: crate::policy::Measure::RefPc, instead: None };
    assert_eq!(household.measure(&ref_pc).map(|reading| reading.value), Some(yuan("5216.67")));
    assert_eq!((findings(story.case()), story.case().case_number), (vec!["R04 M".to_owned(), "R13 M".to_owned()], 1));
}

const A_COUNTY_OF_CHENZHOU: &str = "
name: a_county_of_chenzhou
version: 1
inherits: chenzhou
counties: [\"131102\"]
effective_from: 2000-01-01
";

#[test]
fn family_3_is_asked_for_under_chenzhous_own_policy_in_every_month_from_400_and_after_three_of_them() {
    let others = [("chenzhou", CHENZHOU), ("a_county_of_chenzhou", A_COUNTY_OF_CHENZHOU)];
    let mut story = Story::new(3, &[Class::Delisted], "17000");
    story.policies = policies(&others);
    story.until("2025-02-01");
    for (on, amount, expected) in [
        ("2025-02-12", "399.99", vec![]),
        ("2025-02-13", "0.01", vec!["R04 raised M"]),
        ("2025-03-12", "400", vec!["R04 updated L", "R04 raised M"]),
        ("2025-04-12", "399.99", vec![]),
        ("2025-04-13", "0.01", vec!["R04 updated L", "R04 raised M", "R04-3 raised M"]),
    ] {
        assert_eq!(shown(&story.outpatient(on, on, amount)), expected, "{amount} yuan on {on}");
    }
}

#[test]
fn family_5_the_destroyed_house_opens_an_urgent_case_and_the_relief_is_no_income() {
    let mut story = Story::new(4, &[Class::Delisted], "60000");
    let raised = story.incident("2025-02-20", "house_destroyed", Cause::Accident);
    assert_eq!(shown(&raised), ["R10 raised H"]);
    assert_eq!((raised[0].cause, raised[0].action.as_str()), (Cause::Accident, "move-to-safety"));
    let burned = story.incident_of("2025-02-20", "casualty", Cause::Accident, ("injured", "0"));
    assert_eq!((shown(&burned), burned[0].case_number), (vec!["R09 raised H".to_owned()], 1), "one case");
    let after = story.news("2025-02-24", |state, _| {
        add_sum(state, (Category::Relief, Cause::Accident), day("2025-02-24").month(), yuan("10000"));
    });
    assert_eq!(shown(&after), [""; 0]);
    assert_eq!(shown(&story.until("2025-04-30")), [""; 0]);
    assert_eq!((findings(story.case()), is_open(story.case())), (vec!["R09 H".to_owned(), "R10 H".to_owned()], true));
}

const AT_THE_THRESHOLD: &str = "
name: at_the_threshold
version: 1
inherits: hengshui
counties: [\"131102\"]
effective_from: 2000-01-01
rules:
  - { id: R01, comparator: \">=\" }
  - { id: R02, comparator: \">=\" }
  - { id: R22, comparator: \">=\" }
";

#[test]
fn family_8_the_boundary_of_hengshui_with_both_comparators() {
    let (listed, marginal) = (&[Class::Delisted][..], &[Class::Marginal][..]);
    for (classes, amount, above, at_least) in [
        (listed, "4999.99", None, None),
        (listed, "5000.00", None, Some("R01 raised M")),
        (listed, "5000.01", Some("R01 raised M"), Some("R01 raised M")),
        (listed, "19999.99", Some("R01 raised M"), Some("R01 raised M")),
        (listed, "20000.00", Some("R01 raised H"), Some("R01 raised H")),
        (marginal, "14999.99", None, None),
        (marginal, "15000.00", None, Some("R02 raised M")),
        (marginal, "15000.01", Some("R02 raised M"), Some("R02 raised M")),
    ] {
        for (others, expected) in [(&[][..], above), (&[("at_the_threshold", AT_THE_THRESHOLD)][..], at_least)] {
            let mut story = Story::under(policies(others), 4, classes, "60000");
            let raised = bill(&mut story, "2025-02-10", amount);
            // R22 has the same boundary: a single bill of an illness.
            let expected: Vec<&str> = expected.into_iter().chain(expected.map(|_| "R22 raised M")).collect();
            assert_eq!(shown(&raised), expected, "{classes:?} {amount} {others:?}");
            if expected.is_empty() {
                continue;
            }
            assert_eq!(raised[0].value_fen, yuan(amount));
            let withdrawn = story.retract("2025-02-20", raised[0].evidence[0]);
            let expected: Vec<String> = shown(&raised).iter().map(|one| one.replace("raised", "withdrawn")).collect();
            assert_eq!(shown(&withdrawn), expected, "retracting the bill withdraws the warning");
            assert_eq!(withdrawn[0].warning_id, raised[0].warning_id);
            assert!(!is_open(story.case()), "the case closes by itself");
        }
    }
}

#[test]
fn family_10_hail_takes_the_harvest_and_a_retracted_sale_the_income() {
    let mut story = Story::new(4, &[Class::Delisted], "0");
    story.income("2024-10-12", Category::ProduceSale, "24000");
    assert_eq!(shown(&story.until("2025-05-17")), [""; 0], "6,000 a head is not below a line of 6,000");
    let hail = story.spend("2025-05-18", Category::CropLoss, Cause::Disaster, "24000");
    assert_eq!(shown(&hail), ["R08 raised M"]);
    assert_eq!((hail[0].value_fen, hail[0].cause), (yuan("24000"), Cause::Disaster));
    let farm = story.spend("2025-05-25", Category::ProductionLoss, Cause::IndustryFailure, "24000");
    assert_eq!(shown(&farm), [""; 0], "the crop is no rigid expenditure and counts once");
    let told = story.incident_of("2025-05-25", "production_loss", Cause::IndustryFailure, ("40", "24000"));
    assert_eq!(shown(&told), ["R18 raised M"], "less than half of it, and more than 5,000");
    let retracted = story.news("2025-06-02", |state, _| {
        let month = day("2024-10-12").month();
        add_sum(state, (Category::ProduceSale, Cause::Other), month, Fen::ZERO.minus(yuan("24000")));
    });
    assert_eq!(shown(&retracted), ["R13 raised M"]);
    assert_eq!((retracted[0].value_fen, story.case().case_number), (Fen::ZERO, 1));
}

#[test]
fn family_6_an_injury_at_work_and_what_it_leaves() {
    let mut story = Story::new(5, &[Class::Marginal], "60000");
    let injured = story.incident_of("2025-03-03", "work_injury", Cause::Accident, ("2", "0"));
    assert_eq!(shown(&injured), ["R09 raised H"]);
    assert_eq!((injured[0].cause, injured[0].action.as_str()), (Cause::Accident, "help-first"));
    let certified = story.member_status("2025-04-10", 1, ("disability", "2"), Cause::Disability);
    assert_eq!((shown(&certified), certified[0].cause), (vec!["R17 raised M".to_owned()], Cause::Disability));
    let paid = story.news("2025-05-05", |state, _| {
        add_sum(state, (Category::Claim, Cause::Accident), day("2025-05-05").month(), yuan("50000"));
    });
    assert_eq!(shown(&paid), [""; 0], "the claim is not income");
    assert_eq!((findings(story.case()), story.case().case_number), (vec!["R09 H".into(), "R17 M".into()], 1));
}

#[test]
fn family_7_a_wage_that_is_lost_for_three_settled_months_is_a_signal() {
    // The spouse earns 3,000 a month and goes on; hers of 2,000 comes for 15 months.
    let play = |hers_again: Option<&str>| {
        let mut story = Story::new(4, &[], "0");
        story.pay("2024-02-03", 0, ("2024-01-01", "2025-08-01"), "3000");
        story.pay("2024-02-03", 1, ("2024-01-01", "2025-03-01"), "2000");
        if let Some(from) = hers_again {
            story.pay("2024-02-03", 1, (from, "2025-08-01"), "2000");
        }
        story
    };
    let mut one_month = play(Some("2025-05-01"));
    assert_eq!(shown(&one_month.until("2025-09-30")), [""; 0], "one month is missing");
    let mut lost = play(None);
    // April, May and June are settled with the end of 15 July.
    assert_eq!(shown(&lost.until("2025-07-15")), [""; 0]);
    let signal = lost.until("2025-07-16");
    assert_eq!(shown(&signal), ["R16 raised L"], "R15 is silent: 9,000 of 15,000 are a fall of 40%");
    assert_eq!((signal[0].cause, signal[0].case_number, is_open(lost.case())), (Cause::UnstableWork, 0, false));
}

#[test]
fn relief_of_the_same_cause_covers_a_loss_and_of_another_does_not() {
    let mut story = Story::new(4, &[], "60000");
    assert_eq!(shown(&story.spend("2025-05-18", Category::GoodsLoss, Cause::Disaster, "15000")), [""; 0]);
    assert_eq!(shown(&story.spend("2025-05-19", Category::CropLoss, Cause::Disaster, "0.01")), ["R08 raised M"]);
    let relief = |story: &mut Story, cause| {
        story.news("2025-05-25", |state, _| {
            add_sum(state, (Category::Relief, cause), day("2025-05-25").month(), yuan("0.01"));
        })
    };
    assert_eq!(shown(&relief(&mut story, Cause::Illness)), [""; 0]);
    assert_eq!(shown(&relief(&mut story, Cause::Disaster)), ["R08 no_longer_met M"]);
}
