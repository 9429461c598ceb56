//! The order in which the news of a day arrive does not decide which case is open at its end.

use proptest::prelude::*;
use schemas::records::Case;
use schemas::{Category, Cause, Class};

use super::{Story, add, day};

/// One piece of news: a category, a cause and an amount in fen, or an incident.
#[derive(Clone, Debug)]
enum News {
    Money(Category, Cause, i64),
    Report(Cause),
}

fn news() -> impl Strategy<Value = News> {
    let cause = prop_oneof![Just(Cause::Illness), Just(Cause::Disaster), Just(Cause::Accident)];
    let category = prop::sample::select(vec![
        Category::MedicalInpatient,
        Category::OutpatientOutOfPocket,
        Category::CropLoss,
        Category::GoodsLoss,
        Category::Claim,
        Category::Relief,
        Category::Wage,
    ]);
    let money = (category, cause.clone(), 0_i64..3_000_000);
    prop_oneof![
        4 => money.prop_map(|(category, cause, fen)| News::Money(category, cause, fen)),
        1 => cause.prop_map(News::Report),
    ]
}

fn play(news: &[News], unreported: &str) -> Story {
    let mut story = Story::new(4, &[Class::Delisted], unreported);
    for one in news {
        match one {
            News::Money(category, cause, fen) => {
                story.news("2025-02-10", |state, entry| {
                    let amount = schemas::Fen(*fen);
                    add(state, entry, (*category, *cause), day("2025-02-10"), amount);
                    if !category.is_rigid() && *category != Category::CropLoss {
                        state.evidence.pop();
                    }
                });
            }
            News::Report(cause) => {
                story.incident("2025-02-10", "grid_report", *cause);
            }
        }
    }
    story.until("2025-03-20");
    story
}

/// What invariant 1 compares: not numbers, ids and opening entries.
fn open_case(case: Option<&Case>) -> Vec<String> {
    let Some(case) = case else { return Vec::new() };
    let finding =
        |one: &schemas::records::Finding| format!("{} {:?} {:?} {}", one.rule, one.level, one.cause, one.value_fen);
    let mut shown: Vec<String> = case.findings.iter().map(finding).collect();
    shown.push(format!("{:?} {:?} {:?}", case.step, case.level, case.causes));
    shown.sort();
    shown
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_a_days_news_does_not_decide_the_case(
        (news, shuffled) in prop::collection::vec(news(), 1..8).prop_flat_map(|news| {
            (Just(news.clone()), Just(news).prop_shuffle())
        }),
        unreported in prop::sample::select(vec!["20000", "28000", "60000"]),
    ) {
        let (one, other) = (play(&news, unreported), play(&shuffled, unreported));
        let nothing = |case: Vec<String>| if case == ["None None []"] { Vec::new() } else { case };
        prop_assert_eq!(nothing(open_case(one.case.as_ref())), nothing(open_case(other.case.as_ref())));
    }

    #[test]
    fn no_amount_makes_a_decision_panic(fen in any::<i64>(), members in 0_u8..3, unreported in any::<i64>()) {
        let mut story = Story::new(members, &[Class::Marginal], "0");
        story.state.survey.as_mut().expect("surveyed").unreported_income_fen = schemas::Fen(unreported);
        story.news("2025-02-10", |state, entry| {
            for category in Category::ALL {
                add(state, entry, (category, Cause::Illness), day("2025-02-10"), schemas::Fen(fen));
            }
        });
        story.until("2025-04-01");
    }
}
