//! How a story is read and told: what a file may leave out, what it may not, and what each variant makes of it.

use schemas::Day;

use super::encode::Writers;
use super::format::{Operation, Scenario};
use super::names::Names;
use super::told::{Told, tell};
use super::variants::Variant;

const HEAD: &str = "
name: x
source: y
county: '131102'
start: 2023-12-31
end: 2024-12-31
households:
  - { name: a, members: 2, registered: 2023-12-15, classes: [delisted] }
  - { name: b, members: 1, registered: 2024-03-01 }
persons: [child]
expect: []
events:
";
const BILL: &str = "
  - department: health-insurance
    event: medical_settlement
    id: bill
    day: 2024-05-01
    about: a.1
    document: ZY-1
    fields: { total_yuan: 500, reimbursed_yuan: 0, out_of_pocket_yuan: 400.50, visit_type: inpatient, out_of_county: false }
";

fn writers() -> Writers {
    let schemas = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/feeds"));
    Writers::new(&crate::files::feeds(schemas).expect("schemas")).expect("schemas")
}

fn told(events: &str, variant: Variant) -> anyhow::Result<Vec<Told>> {
    let scenario: Scenario = serde_saphyr::from_str(&format!("{HEAD}{events}")).expect("a scenario");
    let (names, writers) = (Names::new(&scenario, 7)?, writers());
    let told = tell(&scenario, &names, &writers, "s7-")?;
    let told = variant.tell(told, &scenario, &writers)?.unwrap_or_default();
    told.iter().try_for_each(|one| writers.record(one).map(drop))?;
    Ok(told)
}

/// What is told of one event and of those made from it: id, operation, day of occurrence, of report, of publication.
fn days(told: &[Told], id: &str) -> Vec<(String, Operation, String, String, String)> {
    let mine = told.iter().filter(|one| one.id.starts_with(&format!("s7-{id}")));
    mine.map(|one| {
        let id = one.id.trim_start_matches("s7-").to_owned();
        (id, one.op, one.occurred.to_string(), one.reported.to_string(), one.published.to_string())
    })
    .collect()
}

fn row(id: &str, op: Operation, days: [&str; 3]) -> (String, Operation, String, String, String) {
    let [occurred, reported, published] = days.map(str::to_owned);
    (id.to_owned(), op, occurred, reported, published)
}

#[test]
fn a_correction_above_its_original_has_from_it_what_it_does_not_give() {
    let correction =
        "  - { op: correct, corrects: bill, id: right, reported: 2024-04-20, fields: { out_of_pocket_yuan: 450 } }";
    let told = told(&format!("{correction}{BILL}"), Variant::AsTold).expect("told");
    let right = told.iter().find(|one| one.id == "s7-right").expect("the correction");
    let bill = told.iter().find(|one| one.id == "s7-bill").expect("the bill");
    assert_eq!(right.corrects.as_deref(), Some("s7-bill"));
    assert_eq!(
        (right.fields["out_of_pocket_fen"].as_i64(), right.fields["total_fen"].as_i64()),
        (Some(45_000), Some(50_000))
    );
    assert_eq!(bill.fields["out_of_pocket_fen"].as_i64(), Some(40_050));
    assert_eq!((right.about, &right.document, right.occurred), (bill.about, &bill.document, bill.occurred));
    assert!(right.published < bill.published);
}

#[test]
fn persons_households_and_days_are_written_by_name() {
    let merge = "  - { department: public-security, event: member_changed, id: m, day: 2024-06-01, reported: 2024-06-05, about: b, \
                 fields: { change: merge, persons: [a.1, child], from_household_code: a } }";
    let told = told(merge, Variant::AsTold).expect("told");
    let merged = &told.iter().find(|one| one.id == "s7-m").expect("the merge").fields;
    assert_eq!(merged["from_household_code"], "1311021000070001");
    assert_eq!(merged["effective_date"].as_i64(), Day::parse("2024-06-01").map(|day| i64::from(day.0)));
    let numbers: Vec<&str> =
        merged["persons"].as_array().into_iter().flatten().filter_map(|one| one.as_str()).collect();
    assert_eq!(numbers.iter().map(|number| number.len()).collect::<Vec<_>>(), [18, 18]);
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn a_household_lies_in_the_county_of_the_story_or_in_its_own() {
    let named = |county: &str| {
        let text = HEAD.replace("name: b,", &format!("name: b, county: '{county}',"));
        let scenario: Scenario = serde_saphyr::from_str(&format!("{text}{BILL}")).expect("a scenario");
        let names = Names::new(&scenario, 7)?;
        Ok::<_, anyhow::Error>((names.household("a")?.to_string(), names.household("b")?.to_string()))
    };
    let (a, b) = named("130321").expect("named");
    assert_eq!((a.as_str(), b.as_str()), ("1311021000070001", "1303211010070002"));
    let error = named("1303").expect_err("refused");
    assert!(format!("{error:#}").contains("county `1303` has not 6 digits"), "{error:#}");
}

#[test]
fn households_lie_in_one_village_where_the_story_speaks_of_it() {
    let named = |head: &str| {
        let scenario: Scenario = serde_saphyr::from_str(&format!("{head}{BILL}")).expect("a scenario");
        let names = Names::new(&scenario, 7).expect("named");
        ["a", "b", "village"].map(|name| names.household(name).map_or_else(|_| String::new(), |code| code.to_string()))
    };
    assert_eq!(named(HEAD), ["1311021000070001", "1311021010070002", ""]);
    let together = ["1311021000070001", "1311021000070002", "1311021000070000"];
    for speaks in ["silent: [{ household: village, rule: R24 }]", "cases: [{ household: village, step: none }]"] {
        assert_eq!(named(&HEAD.replace("expect: []", &format!("expect: []\n{speaks}"))), together, "{speaks}");
    }
}

#[test]
fn a_file_that_does_not_say_enough_is_refused_with_what_is_missing() {
    for (events, complaint) in [
        ("  - { op: retract, corrects: nobody, reported: 2024-05-02 }", "no event has the id `nobody`"),
        ("  - { op: retract, id: self, corrects: self, reported: 2024-05-02 }", "names itself"),
        ("  - { op: retract, corrects: bill }", "`reported` is not given"),
        ("  - { op: retract, reported: 2024-05-02 }", "`op` needs `corrects`"),
        ("  - { op: correct, corrects: bill, reported: 2024-05-02, about: b }", "from its original"),
        ("  - { op: correct, corrects: bill, reported: 2024-05-02, monthly: 2 }", "comes once"),
        ("  - { department: health, event: birth, day: 2024-05-02, fields: { children: 1 } }", "`about` is not given"),
        (
            "  - { department: health, event: birth, day: 2024-05-02, about: c, fields: { children: 1 } }",
            "no household `c`",
        ),
        (
            "  - { department: health, event: birth, id: bill, day: 2024-05-02, about: a, fields: { children: 1 } }",
            "two events",
        ),
        (
            "  - { department: health, event: birth, day: 2024-05-02, about: a, fields: { child: 1 } }",
            "no field `child`",
        ),
    ] {
        let error = told(&format!("{BILL}{events}"), Variant::AsTold).expect_err(complaint);
        assert!(format!("{error:#}").contains(complaint), "{error:#} should say: {complaint}");
    }
}

#[test]
fn each_variant_tells_a_bill_and_its_retraction_in_its_own_way() {
    use Operation::{Correct, Retract, Upsert};
    let retraction = "  - { op: retract, corrects: bill, id: bill-gone, reported: 2024-05-10 }";
    let occurred = "2024-05-01";
    let bill = |day| row("bill", Upsert, [occurred, day, day]);
    let gone = |day| row("bill-gone", Retract, [occurred, day, day]);
    let (plain_bill, plain_gone) = (bill(occurred), gone("2024-05-10"));
    for (variant, expected) in [
        (Variant::AsTold, vec![plain_bill.clone(), plain_gone.clone()]),
        (
            Variant::Twice,
            vec![
                plain_bill.clone(),
                row("bill", Upsert, [occurred, occurred, "2024-05-08"]),
                plain_gone.clone(),
                row("bill-gone", Retract, [occurred, "2024-05-10", "2024-05-17"]),
            ],
        ),
        (
            // The fortnight from the 21st of April holds the bill, the one from the 5th of May its retraction.
            Variant::OutOfOrder,
            vec![
                row("bill", Upsert, [occurred, occurred, "2024-05-08"]),
                row("bill-gone", Retract, [occurred, "2024-05-10", "2024-05-27"]),
            ],
        ),
        (Variant::Late, vec![bill("2024-06-10"), gone("2024-06-19")]),
        (
            Variant::Corrected,
            vec![
                plain_bill.clone(),
                row("bill-right", Correct, [occurred, "2024-05-02", "2024-05-02"]),
                plain_gone.clone(),
            ],
        ),
        (
            Variant::TwoDepartments,
            vec![
                plain_bill,
                row("bill-second", Upsert, [occurred, "2024-05-02", "2024-05-02"]),
                plain_gone,
                row("bill-gone-second", Retract, [occurred, "2024-05-11", "2024-05-11"]),
            ],
        ),
    ] {
        let told = told(&format!("{BILL}{retraction}"), variant).expect("told");
        assert_eq!(days(&told, "bill"), expected, "{}", variant.name());
    }
}

#[test]
fn what_offices_do_they_do_as_much_later_as_the_news_may_be() {
    use Operation::{Correct, Upsert};
    let verdict = "
  - { department: rural-revitalisation, event: verification_result, id: act, day: 2024-05-06, about: a, fields: { verdict: confirmed } }";
    let act = |day| row("act", Upsert, [day; 3]);
    for (variant, expected) in [
        (Variant::AsTold, vec![act("2024-05-06")]),
        (Variant::Twice, vec![act("2024-05-06"), row("act", Upsert, ["2024-05-06", "2024-05-06", "2024-05-13"])]),
        (Variant::OutOfOrder, vec![act("2024-06-02")]),
        (Variant::Late, vec![act("2024-06-15")]),
        (
            Variant::Corrected,
            vec![
                row("act", Upsert, ["2024-05-06", "2024-05-07", "2024-05-07"]),
                row("act-right", Correct, ["2024-05-07", "2024-05-08", "2024-05-08"]),
            ],
        ),
        (Variant::TwoDepartments, vec![act("2024-05-06")]),
    ] {
        let told = told(&format!("{BILL}{verdict}"), variant).expect("told");
        assert_eq!(days(&told, "act"), expected, "{}", variant.name());
    }
}

#[test]
fn a_fortnight_is_turned_round() {
    let events = "
  - { department: health, event: birth, id: n1, day: 2024-01-01, about: a, fields: { children: 1 } }
  - { department: health, event: birth, id: n2, day: 2024-01-05, about: a, fields: { children: 1 } }
  - { department: health, event: birth, id: n3, day: 2024-01-05, about: a, fields: { children: 1 } }
  - { department: health, event: birth, id: n4, day: 2024-01-13, about: a, fields: { children: 1 } }";
    let told = told(events, Variant::OutOfOrder).expect("told");
    let order: Vec<(&str, String)> =
        told.iter().map(|one| (one.id.trim_start_matches("s7-"), one.published.to_string())).collect();
    let place = |id: &str| order.iter().position(|(found, _)| *found == id).expect("told");
    assert_eq!(order[place("n4")].1, "2024-01-14");
    assert_eq!(order[place("n1")].1, "2024-01-26");
    assert!(place("n4") < place("n3") && place("n3") < place("n2") && place("n2") < place("n1"));
    assert!(place("n1") < place("a-registered"), "the registration comes last: {order:?}");
}

#[test]
fn the_first_version_of_a_correction_has_yuan_for_fen_or_is_a_day_too_early() {
    let death =
        "  - { department: health, event: death, id: death, day: 2024-05-20, about: a.1, fields: { manner: natural } }";
    let told = told(&format!("{BILL}{death}"), Variant::Corrected).expect("told");
    let find = |id: &str| told.iter().find(|one| one.id == format!("s7-{id}")).expect("told");
    let amounts =
        |id: &str| ["total_fen", "out_of_pocket_fen"].map(|name| find(id).fields[name].as_i64().unwrap_or(-1));
    assert_eq!((amounts("bill"), amounts("bill-right")), ([500, 400], [50_000, 40_050]));
    assert_eq!(find("death").occurred.to_string(), "2024-05-19");
    assert_eq!(find("death-right").occurred.to_string(), "2024-05-20");
    let registered = |id: &str| find(id).fields["registered_date"].as_i64();
    assert_eq!(registered("b-registered").map(|day| day + 1), registered("b-registered-right"));
}

#[test]
fn a_storys_own_correction_of_the_next_day_is_left_alone() {
    for (day, corrections) in [("2024-05-02", 0), ("2024-05-03", 1)] {
        let own = format!("  - {{ op: retract, corrects: bill, id: gone, reported: {day} }}");
        let told = told(&format!("{BILL}{own}"), Variant::Corrected).expect("told");
        assert_eq!(told.iter().filter(|one| one.id == "s7-bill-right").count(), corrections, "{day}");
    }
}

#[test]
fn what_a_variant_would_publish_after_the_end_is_an_error() {
    let late = BILL.replace("2024-05-01", "2024-12-01");
    let error = told(&late, Variant::Late).expect_err("after the end");
    assert!(error.to_string().contains("after the scenario's end"), "{error}");
}
