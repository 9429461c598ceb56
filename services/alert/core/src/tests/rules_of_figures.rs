//! Rules of figures, each of them at its boundary, ending and withdrawn.

use schemas::records::Warning;
use schemas::{Category, Cause, Class, EntryId, HouseholdCode};

use super::{Story, add_sum, day, policies, shown, yuan};

fn aid(story: &mut Story, on: &str, (category, cause): (Category, Cause), amount: &str) -> Vec<Warning> {
    story.news(on, |state, _| add_sum(state, (category, cause), day(on).month(), yuan(amount)))
}

#[test]
fn r06_schooling_after_aid_over_the_school_year() {
    let mut story = Story::new(4, &[], "400000");
    let tuition =
        |story: &mut Story, on: &str, amount: &str| story.spend(on, Category::Schooling, Cause::Schooling, amount);
    assert_eq!(shown(&tuition(&mut story, "2024-08-31", "9000")), [""; 0], "of the school year before");
    assert_eq!(shown(&tuition(&mut story, "2024-09-01", "10000")), [""; 0], "not above 10,000");
    let raised = tuition(&mut story, "2025-02-20", "0.01");
    assert_eq!(shown(&raised), ["R06 raised M"]);
    assert_eq!((raised[0].cause, raised[0].window.as_str()), (Cause::Schooling, "school_year"));
    let help = (Category::StudentAid, Cause::Schooling);
    assert_eq!(shown(&aid(&mut story, "2025-03-01", (Category::MedicalAid, Cause::Illness), "5000")), [""; 0]);
    assert_eq!(shown(&aid(&mut story, "2025-03-02", help, "0.01")), ["R06 no_longer_met M"]);
    tuition(&mut story, "2025-03-03", "0.01");
    assert_eq!(shown(&story.retract("2025-03-04", EntryId(2))), ["R06 withdrawn M"], "the bill of September");
    tuition(&mut story, "2025-03-05", "20000");
    assert_eq!(shown(&story.until("2025-08-31")), [""; 0]);
    assert_eq!(shown(&story.until("2025-09-01")), ["R06 no_longer_met M"], "a new school year");
}

#[test]
fn r15_wages_of_three_settled_months_against_the_year_before() {
    // Of 5,000 a month a year ago; 1.5 times the line is 9,000 a head and year: 36,000 for four.
    for (members, wage, expected) in [
        (4, "2500.01", None),
        (4, "2500", Some("M")),
        (4, "1250.01", Some("M")),
        (4, "1250", Some("H")),
        (4, "0", Some("H")),
        // Three live from 30,000 a year at 10,000 a head.
        (3, "2500", None),
    ] {
        let mut story = Story::new(members, &[], "0");
        wages(&mut story, "5000", wage, "2025-03-01");
        // May is settled with the end of 15 June.
        story.until("2025-06-16");
        let finding = story.case.iter().flat_map(|case| &case.findings).find(|finding| finding.rule == "R15");
        let level = finding.map(|finding| finding.level.letter());
        assert_eq!(level, expected, "{members} {wage}");
        if let Some(finding) = finding {
            let share = if finding.level.letter() == "M" { "7500" } else { "3750" };
            assert_eq!((finding.threshold_fen, finding.cause), (yuan(share), Cause::UnstableWork), "{members} {wage}");
        }
    }
}

/// Wages every month from January 2024, of another amount from a month on.
fn wages(story: &mut Story, before: &str, now: &str, from: &str) {
    story.news("2024-02-03", |state, _| {
        let (first, changed) = (day("2024-01-01").month(), day(from).month());
        for at in 0..24 {
            let month = first.plus(at);
            let amount = yuan(if month < changed { before } else { now });
            add_sum(state, (Category::Wage, Cause::Other), month, amount);
        }
    });
}

#[test]
fn r15_ends_when_wages_are_paid_after_all_and_is_silent_where_there_were_none() {
    let mut story = Story::new(4, &[], "0");
    wages(&mut story, "5000", "1000", "2025-03-01");
    story.until("2025-06-16");
    let paid = story.income("2025-06-20", Category::Wage, "0");
    assert_eq!(shown(&paid), [""; 0]);
    let paid = story.news("2025-06-21", |state, _| {
        add_sum(state, (Category::Wage, Cause::Other), day("2025-05-01").month(), yuan("9000"));
    });
    assert!(shown(&paid).contains(&"R15 no_longer_met H".to_owned()), "{:?}", shown(&paid));
    let mut none = Story::new(4, &[], "30000");
    assert_eq!(shown(&none.until("2025-12-31")), [""; 0], "nothing to take a share of");
}

#[test]
fn r19_spending_against_income_is_silent_without_income() {
    // Four with 30,000 a year: 60% are 18,000; after that 3,000 a head are left, below 1.5 times the line.
    let spend = |story: &mut Story, on: &str, amount: &str| {
        let said = story.spend(on, Category::Schooling, Cause::Accident, amount);
        shown(&said).into_iter().filter(|one| one.starts_with("R19")).collect::<Vec<_>>()
    };
    let mut story = Story::new(4, &[], "30000");
    assert_eq!(spend(&mut story, "2025-02-10", "17999.99"), [""; 0]);
    assert_eq!(spend(&mut story, "2025-02-11", "0.01"), ["R19 raised M"]);
    let help = aid(&mut story, "2025-02-20", (Category::Claim, Cause::Accident), "0.01");
    assert!(shown(&help).contains(&"R19 no_longer_met M".to_owned()), "{:?}", shown(&help));
    let mut rich = Story::new(1, &[], "30000");
    assert_eq!(spend(&mut rich, "2025-02-10", "21000.00"), [""; 0], "9,000 are left");
    assert_eq!(spend(&mut rich, "2025-02-10", "0.01"), ["R19 raised M"]);
    let withdrawn = rich.retract("2025-02-20", EntryId(2));
    assert!(shown(&withdrawn).contains(&"R19 withdrawn M".to_owned()), "{:?}", shown(&withdrawn));
    let mut without = Story::new(4, &[], "0");
    assert_eq!(spend(&mut without, "2025-02-10", "90000"), [""; 0], "known, and nothing");
    let mut unknown = Story::new(4, &[], "30000");
    unknown.state.survey = None;
    assert_eq!(spend(&mut unknown, "2025-02-10", "90000"), [""; 0], "not known");
}

#[test]
fn r22_illness_study_and_disaster_together() {
    for (classes, limit, level) in [
        (&[Class::Delisted][..], "5000", Some("R22 raised M")),
        (&[Class::SuddenHardship][..], "15000", Some("R22 raised M")),
        (&[][..], "15000", None),
    ] {
        let mut story = Story::new(4, classes, "400000");
        let third = yuan(limit).0 / 100 / 5;
        let half = format!("{}", third * 2);
        let of = |story: &mut Story, category, cause, amount: &str| {
            let said = story.spend("2025-02-10", category, cause, amount);
            shown(&said).into_iter().filter(|one| one.starts_with("R22")).collect::<Vec<_>>()
        };
        assert_eq!(of(&mut story, Category::MedicalInpatient, Cause::Illness, &half), [""; 0]);
        assert_eq!(of(&mut story, Category::Schooling, Cause::Schooling, &half), [""; 0]);
        assert_eq!(
            of(&mut story, Category::AccidentLoss, Cause::Accident, "900000"),
            [""; 0],
            "an accident is not meant"
        );
        assert_eq!(of(&mut story, Category::CropLoss, Cause::Disaster, "900000"), [""; 0], "nor are crops");
        assert_eq!(of(&mut story, Category::GoodsLoss, Cause::Disaster, &third.to_string()), [""; 0], "{limit}");
        let raised = of(&mut story, Category::GoodsLoss, Cause::Disaster, "0.01");
        assert_eq!(raised, Vec::from_iter(level), "{limit} {classes:?}");
        if level.is_none() {
            continue;
        }
        let finding = story.case().findings.iter().find(|one| one.rule == "R22").expect("it holds");
        assert_eq!(finding.cause, Cause::Illness, "the largest of the three, of equal ones the lowest code");
        let relief = aid(&mut story, "2025-02-20", (Category::Relief, Cause::Disaster), "0.01");
        assert!(shown(&relief).contains(&"R22 no_longer_met M".to_owned()), "{:?}", shown(&relief));
        of(&mut story, Category::GoodsLoss, Cause::Disaster, "0.01");
        let withdrawn = story.retract("2025-03-01", EntryId(1));
        assert!(shown(&withdrawn).contains(&"R22 withdrawn M".to_owned()), "{:?}", shown(&withdrawn));
    }
}

/// The line of 2024 is 8,700, that of 2023 is 6,000.
#[test]
fn r13_by_the_lines_of_other_counties() {
    let (delisted, marginal, dibao) = (&[Class::Delisted][..], &[Class::Marginal][..], &[Class::Dibao][..]);
    for (county, classes, below, at, level) in [
        ("130321", delisted, "10439.99", "10440", "R13 raised M"),
        ("130321", marginal, "11309.99", "11310", "R13 raised M"),
        ("130321", dibao, "8699.99", "8700", "R13 raised M"),
        ("130533", dibao, "8999.99", "9000", "R13 raised M"),
        ("130533", dibao, "5999.99", "9000", "R13 raised H"),
    ] {
        let others = [
            ("qinglong", include_str!("../../../../../deploy/policies/qinglong.yaml")),
            ("weixian", include_str!("../../../../../deploy/policies/weixian.yaml")),
        ];
        for (income, expected) in [(below, Some(level)), (at, None)] {
            let mut story = Story::under(policies(&others), 1, classes, income);
            story.state.household = HouseholdCode::parse(&format!("{county}1012050007")).expect("a code");
            assert_eq!(shown(&story.until("2025-01-16")), Vec::from_iter(expected), "{county} {classes:?} {income}");
        }
    }
}
