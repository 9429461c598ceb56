//! The reference itself, on stories small enough to be worked out by hand.

use schemas::{Category, Cause, Kind, Op};

use super::*;
use crate::history::{CODES, Line, event_hash};
use crate::picture::Picture;

const LI: Person = 1;
const WANG: Person = 2;
const FARM: House = 0;
const MILL: House = 1;
const INN: House = 2;

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn terms() -> Terms {
    Terms { precedence: vec!["health-insurance"], parked_days_max: 90, wait_days_max: 30 }
}

fn line(kind: Kind, category: Category, amount_fen: i64, code: &'static str, value: &'static str, on: &str) -> Line {
    let (day, cause) = (day(on), Cause::Other);
    Line { kind, category, cause, amount_fen, day, month: day.month(), months: 1, code, value }
}

fn said(event: u16, person: Option<Person>, household: Option<House>, line: Line) -> Said {
    Said {
        event,
        version: 0,
        ordinal: 0,
        source: "health",
        event_type: "event",
        op: Op::Upsert,
        corrects: None,
        person,
        household,
        occurred_day: line.day,
        reported_at_ms: line.day.start_ms() + i64::from(event),
        document: None,
        lines: vec![line],
    }
}

fn registered(event: u16, house: House) -> Said {
    said(event, None, Some(house), line(Kind::Membership, Category::None, 0, "registered", "", "2024-01-01"))
}

fn change(event: u16, person: Person, code: &'static str, house: House, on: &str) -> Said {
    said(event, Some(person), Some(house), line(Kind::Membership, Category::None, 0, code, "", on))
}

fn merge(event: u16, from: House, into: House, on: &str) -> Said {
    said(event, None, Some(from), line(Kind::Membership, Category::None, 0, "merged", CODES[into], on))
}

fn wage(event: u16, person: Person, amount_fen: i64, on: &str) -> Said {
    said(event, Some(person), None, line(Kind::Income, Category::Wage, amount_fen, "", "", on))
}

fn bill(event: u16, person: Person, amount_fen: i64, on: &str) -> Said {
    said(event, Some(person), None, line(Kind::Expense, Category::MedicalInpatient, amount_fen, "", "", on))
}

fn of_house(event: u16, house: House, kind: Kind, code: &'static str, value: &'static str, on: &str) -> Said {
    said(event, None, Some(house), line(kind, Category::None, 0, code, value, on))
}

fn op(op: Op, corrects: u16, said: Said) -> Said {
    Said { op, corrects: Some(corrects), ..said }
}

fn world(says: &[Said]) -> World {
    let steps: Vec<Step> = says.iter().cloned().map(Step::Say).collect();
    after(&steps, &terms())
}

fn sum(picture: &Picture, category: Category) -> i64 {
    picture.sums.iter().filter(|((of, ..), _)| *of == category).map(|(_, amount)| amount).sum()
}

/// The sums of a category in farm, mill and inn.
fn sums(says: &[Said], category: Category) -> [i64; 3] {
    let pictures = world(says).pictures;
    [FARM, MILL, INN].map(|house| pictures.get(&house).map_or(0, |picture| sum(picture, category)))
}

#[test]
fn what_stands_is_what_the_last_operation_in_force_says() {
    let join = change(1, LI, "join", FARM, "2024-01-01");
    let original = bill(2, LI, 100, "2024-02-01");
    let corrected = op(Op::Correct, 2, bill(3, LI, 200, "2024-02-01"));
    let corrected_again = op(Op::Correct, 3, bill(4, LI, 300, "2024-02-01"));
    let gone = op(Op::Retract, 2, bill(5, LI, 100, "2024-02-01"));
    let no_correction = op(Op::Retract, 3, bill(6, LI, 200, "2024-02-01"));
    let not_gone = op(Op::Retract, 5, bill(7, LI, 100, "2024-02-01"));
    let version = Said { version: 1, reported_at_ms: i64::MAX, ..bill(2, LI, 150, "2024-02-01") };
    for (ops, expected) in [
        (vec![], 100),
        (vec![&corrected], 200),
        (vec![&corrected, &corrected_again], 300),
        (vec![&corrected, &gone], 0),
        (vec![&corrected, &no_correction], 100),
        (vec![&corrected, &gone, &not_gone], 200),
        (vec![&gone, &not_gone, &no_correction, &corrected], 100),
        (vec![&version], 150),
    ] {
        let mut says = vec![original.clone(), join.clone()];
        says.extend(ops.into_iter().cloned());
        assert_eq!(sums(&says, Category::MedicalInpatient)[FARM], expected, "{says:?}");
        says.reverse();
        assert_eq!(sums(&says, Category::MedicalInpatient)[FARM], expected, "backwards: {says:?}");
    }
}

#[test]
fn the_same_paper_from_two_departments_counts_once_and_the_other_takes_its_place() {
    let paper = |said: Said, source| Said { document: Some(1), source, ..said };
    let mut says = vec![
        change(1, LI, "join", FARM, "2024-01-01"),
        paper(bill(2, LI, 100, "2024-02-01"), "civil-affairs"),
        paper(bill(3, LI, 90, "2024-02-01"), "health-insurance"),
    ];
    assert_eq!(sums(&says, Category::MedicalInpatient)[FARM], 90);
    says.push(op(Op::Retract, 3, bill(4, LI, 90, "2024-02-01")));
    assert_eq!(sums(&says, Category::MedicalInpatient)[FARM], 100);
}

#[test]
fn income_goes_with_the_person_and_spending_stays_by_whole_months() {
    let mut says = vec![
        change(1, LI, "join", FARM, "2024-01-01"),
        wage(2, LI, 100, "2024-02-01"),
        bill(3, LI, 7, "2024-02-01"),
        bill(4, LI, 20, "2024-03-02"),
        bill(5, LI, 500, "2023-01-01"),
    ];
    assert_eq!(sums(&says, Category::Wage), [100, 0, 0]);
    says.push(change(6, LI, "join", MILL, "2024-03-10"));
    assert_eq!(sums(&says, Category::Wage), [0, 100, 0], "a late marriage moves the wages");
    assert_eq!(sums(&says, Category::MedicalInpatient), [507, 20, 0], "and the bills since that month");
    let member = &world(&says).pictures[&MILL].members[&LI];
    assert_eq!((member.since_day, member.is_first, member.wages.len()), (day("2024-03-10"), false, 1));
    says.push(said(7, Some(LI), None, line(Kind::Incident, Category::None, 0, "death", "natural", "2024-03-20")));
    assert_eq!(sums(&says, Category::Wage), [0, 0, 0], "the income of the dead counts no longer");
    assert_eq!(sums(&says, Category::MedicalInpatient), [507, 20, 0], "their bills do");
    let left: Vec<_> = world(&says).pictures[&FARM].happened.iter().map(|one| (one.day, one.value.clone())).collect();
    assert_eq!(left, [(day("2024-03-10"), "2024-01-01".to_owned())]);
}

#[test]
fn nobody_has_what_is_spent_after_leaving_for_nowhere() {
    let says = [
        change(1, LI, "join", FARM, "2024-01-01"),
        change(2, LI, "leave", FARM, "2024-03-10"),
        change(3, LI, "leave", MILL, "2024-02-10"),
        bill(4, LI, 20, "2024-03-02"),
        bill(5, LI, 3, "2024-02-20"),
    ];
    assert_eq!(sums(&says, Category::MedicalInpatient), [3, 0, 0]);
}

#[test]
fn a_merged_code_leads_on_and_what_came_before_can_still_be_taken_back() {
    let loss = |event| {
        let line = line(Kind::Expense, Category::HouseLoss, 900, "", "", "2024-02-01");
        said(event, None, Some(FARM), line)
    };
    let mut says = vec![registered(1, FARM), registered(2, MILL), registered(3, INN), loss(4)];
    assert_eq!(sums(&says, Category::HouseLoss), [900, 0, 0]);
    says.push(merge(5, FARM, MILL, "2024-03-01"));
    assert_eq!(sums(&says, Category::HouseLoss), [0, 900, 0]);
    says.push(merge(6, MILL, INN, "2024-04-01"));
    assert_eq!(sums(&says, Category::HouseLoss), [0, 0, 900]);
    says.push(op(Op::Retract, 4, loss(7)));
    assert_eq!(sums(&says, Category::HouseLoss), [0, 0, 0]);
}

#[test]
fn a_newborn_counts_until_it_is_registered_and_a_survey_is_adjusted() {
    let mut says = vec![
        registered(1, FARM),
        change(2, LI, "join", FARM, "2020-01-01"),
        change(3, WANG, "join", FARM, "2020-01-01"),
        of_house(4, FARM, Kind::Survey, "survey", "2", "2024-02-01"),
        of_house(5, FARM, Kind::Incident, "birth", "2", "2024-03-01"),
    ];
    let shown = |says: &[Said]| {
        let picture = world(says).pictures.remove(&FARM).expect("the farm");
        (picture.members.len(), picture.provisional, picture.survey.expect("a survey").members_since)
    };
    assert_eq!(shown(&says), (2, 2, 2));
    says.push(change(6, 9, "join", FARM, "2024-03-20"));
    assert_eq!(shown(&says), (3, 1, 2), "one of the twins is registered");
    says.push(change(7, LI, "leave", FARM, "2024-04-20"));
    assert_eq!(shown(&says), (2, 1, 1), "somebody who was surveyed leaves");
}

#[test]
fn a_status_that_was_taken_back_gives_way_to_the_one_before() {
    let grade = |event, value, on| of_house(event, FARM, Kind::Status, "house_safety", value, on);
    let mut says = vec![registered(1, FARM), grade(2, "C", "2024-02-01"), grade(3, "D", "2024-03-01")];
    let held = |says: &[Said]| {
        let statuses = world(says).pictures.remove(&FARM).expect("the farm").statuses;
        statuses.values().map(|held| (held.value.clone(), held.entry.0 >> 20)).collect::<Vec<_>>()
    };
    let event = |number| event_hash(number).0 >> 20;
    assert_eq!(held(&says), [("D".to_owned(), event(3))]);
    says.push(op(Op::Retract, 3, grade(4, "D", "2024-03-01")));
    assert_eq!(held(&says), [("C".to_owned(), event(2))]);
}

#[test]
fn every_record_ends_as_it_must() {
    let ends = |steps: &[Step]| -> Vec<String> {
        let ends = after(steps, &terms()).ends;
        ends.into_iter().map(|(word, count)| format!("{word} {count}")).collect()
    };
    let (first, later) = (day("2024-02-29"), day("2024-04-01"));
    let join = Step::Say(change(1, LI, "join", FARM, "2024-01-01"));
    let paid = Step::Say(bill(2, LI, 1, "2024-02-01"));
    let taken_back = Step::Say(op(Op::Retract, 2, bill(3, LI, 1, "2024-02-01")));
    let old = Step::Say(bill(4, LI, 1, "2020-02-01"));
    let close = Step::Close;
    for (steps, expected) in [
        (vec![&paid, &paid], vec!["duplicates 1", "parked 1"]),
        (vec![&paid, &join, &paid], vec!["applied 2", "duplicates 1"]),
        (vec![&join, &taken_back], vec!["applied 1", "waiting 1"]),
        (vec![&join, &taken_back, &paid], vec!["applied 3"]),
        (vec![&join, &close(first), &old], vec!["applied 1", "beyond_horizon 1"]),
        (vec![&join, &taken_back, &close(first), &close(later)], vec!["applied 1", "original_not_found 1"]),
        (vec![&paid, &close(first), &close(later)], vec!["parked 1"]),
        (vec![&paid, &close(first), &close(first.plus(90))], vec!["parked_expired 1"]),
    ] {
        let steps: Vec<Step> = steps.into_iter().cloned().collect();
        assert_eq!(ends(&steps), expected, "{steps:?}");
    }
}
