//! The picture of a household in the domain's words.

use proptest::prelude::*;
use schemas::codec;
use schemas::records::{Fact, HouseholdEntry, HouseholdState, Origin, Row};
use schemas::{Category, Cause, Class, Day, EntryId, Fen, Hash64, HouseholdCode, Kind, PersonToken, Text};

use super::*;

const LI: PersonToken = PersonToken([1; 16]);
const WANG: PersonToken = PersonToken([2; 16]);

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn month(yyyymm: i32) -> Month {
    Month::from_yyyymm(yyyymm).expect("a month")
}

fn input(rows: Vec<Row<'static>>, facts: Vec<Fact<'static>>) -> HouseholdEntry<'static> {
    HouseholdEntry {
        household: HouseholdCode::parse("4310231012050007").expect("a code"),
        event: Hash64(1),
        source: "finance",
        event_type: "subsidy_paid",
        reported_at_ms: 0,
        rows,
        facts,
        origin: Origin { topic: "feeds.finance", partition: 0, offset: 0 },
    }
}

fn row(entry: i64, category: Category, fen: i64, on: &str) -> Row<'static> {
    Row {
        sign: 1,
        entry: EntryId(entry),
        source: "finance",
        kind: if category.is_rigid() { Kind::Expense } else { Kind::Income },
        category,
        cause: if category.is_rigid() { Cause::Illness } else { Cause::Other },
        amount_fen: Fen(fen),
        day: day(on),
        month: day(on).month(),
        months: 1,
        person: Some(LI),
        document: None,
    }
}

fn fact(entry: i64, kind: Kind, code: &'static str, value: &'static str, on: &str) -> Fact<'static> {
    Fact {
        sign: 1,
        entry: EntryId(entry),
        source: "public-security",
        kind,
        code,
        value,
        amount_fen: Fen::ZERO,
        cause: Cause::Other,
        day: day(on),
        reported_at_ms: 0,
        person: None,
    }
}

fn of_person(person: PersonToken, fact: &Fact<'static>) -> Fact<'static> {
    Fact { person: Some(person), ..fact.clone() }
}

fn join(entry: i64, person: PersonToken, on: &str) -> Fact<'static> {
    of_person(person, &fact(entry, Kind::Membership, "join", "", on))
}

/// A state that was read whole, and what one input could not keep.
struct Whole {
    state: HouseholdState,
    dropped: Dropped,
}

/// Applies an input to the bytes of a state, as the stage does. Nothing else would come of it if every list were read,
/// whatever is too old were looked for and all that follows were derived.
fn apply(state: Option<&HouseholdState>, entry: &HouseholdEntry<'_>, oldest: Option<Month>) -> Whole {
    let bytes = state.map(encoded);
    let held = || bytes.as_deref().map(|bytes| codec::decode::<HouseholdParts<'_>>(bytes).expect("a state"));
    let Applied { state, dropped } = super::apply(held(), entry, oldest).expect("a state that reads");
    let mut plain = held();
    if let Some(plain) = &mut plain {
        read_all(plain);
        plain.oldest_month = Some(Month::default());
    }
    let mut plain = super::apply(plain, entry, oldest).expect("a state that reads");
    people::derive(&mut plain.state).expect("a state that reads");
    let (state, mut plain_state) = (decoded(&state), decoded(&plain.state));
    if let Some(first) = first_month(&plain_state) {
        assert!(state.oldest_month.is_some_and(|oldest| oldest <= first), "{:?}, {first}", state.oldest_month);
    }
    plain_state.oldest_month = state.oldest_month;
    assert_eq!((&state, dropped), (&plain_state, plain.dropped));
    Whole { state, dropped }
}

fn encoded(state: &HouseholdState) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(state, &mut bytes).expect("a state");
    bytes
}

/// Reads parts whole by way of their bytes, which are those of the whole.
fn decoded(state: &HouseholdParts<'_>) -> HouseholdState {
    let mut bytes = Vec::new();
    codec::encode(state, &mut bytes).expect("a state");
    let whole = codec::decode(&bytes).expect("a state");
    assert_eq!(encoded(&whole), bytes);
    whole
}

fn read_all(state: &mut HouseholdParts<'_>) {
    state.statuses.change().expect("statuses");
    state.evidence.change().expect("evidence");
    state.incidents.change().expect("incidents");
    for member in state.members.change().expect("members") {
        member.wages.change(|_| ()).expect("wages");
    }
    for sum in state.sums.change().expect("sums") {
        sum.months.change(|_| ()).expect("amounts");
    }
}

/// The earliest month of an amount, evidence or incident.
fn first_month(state: &HouseholdState) -> Option<Month> {
    let sums = state.sums.iter().filter_map(|sum| sum.months.first_month());
    let wages = state.members.iter().filter_map(|member| member.wages.first_month());
    let evidence = state.evidence.iter().map(|one| one.day.month());
    let incidents = state.incidents.iter().map(|one| one.day.month());
    sums.chain(wages).chain(evidence).chain(incidents).min()
}

fn after(inputs: &[HouseholdEntry<'_>]) -> HouseholdState {
    after_until(inputs, None)
}

fn after_until(inputs: &[HouseholdEntry<'_>], oldest: Option<Month>) -> HouseholdState {
    let mut state = None;
    for input in inputs {
        let applied = apply(state.as_ref(), input, oldest);
        assert_eq!(applied.dropped, Dropped::default(), "nothing is dropped");
        state = Some(applied.state);
    }
    state.expect("at least one input")
}

/// Months and sums of a category over its causes.
fn sums(state: &HouseholdState, category: Category) -> Vec<(i32, i64)> {
    let of_it = state.sums.iter().filter(|sum| sum.category == category);
    of_it.flat_map(|sum| sum.months.iter()).map(|one| (one.month.yyyymm(), one.amount_fen.0)).collect()
}

#[test]
fn an_amount_for_several_months_is_spread_and_its_remainder_goes_to_the_first() {
    for (fen, months, expected) in [
        (1_000, 3, vec![(202_411, 334), (202_412, 333), (202_501, 333)]),
        (900, 2, vec![(202_411, 450), (202_412, 450)]),
        (2, 4, vec![(202_411, 2)]),
        (5, 1, vec![(202_411, 5)]),
        (5, 0, vec![(202_411, 5)]),
        (0, 3, vec![]),
    ] {
        let spread = Row { months, ..row(1, Category::Wage, fen, "2024-11-30") };
        let state = after(&[input(vec![spread], vec![])]);
        assert_eq!(sums(&state, Category::Wage), expected, "{fen} over {months}");
    }
}

#[test]
fn sums_stand_by_category_and_cause() {
    let accident = Row { cause: Cause::Accident, ..row(2, Category::MedicalInpatient, 7, "2024-11-02") };
    let state = after(&[
        input(vec![accident, row(1, Category::MedicalInpatient, 5, "2024-11-01")], vec![]),
        input(vec![row(3, Category::MedicalInpatient, 6, "2024-11-03")], vec![]),
    ]);
    let found: Vec<_> =
        state.sums.iter().map(|sum| (sum.cause, sum.months.iter().next().map_or(0, |one| one.amount_fen.0))).collect();
    assert_eq!(found, [(Cause::Illness, 11), (Cause::Accident, 7)]);
    assert_eq!((state.number, state.event), (2, Hash64(1)));
}

#[test]
fn what_is_reversed_is_named_and_leaves_nothing() {
    let bill = row(4, Category::MedicalInpatient, 500, "2024-11-01");
    let report = fact(5, Kind::Incident, "grid_report", "", "2024-11-02");
    let state = after(&[
        input(vec![bill.clone()], vec![report.clone()]),
        input(vec![Row { sign: -1, ..bill }], vec![Fact { sign: -1, ..report }]),
    ]);
    assert_eq!(state.reversed, [EntryId(4), EntryId(5)]);
    assert!(state.sums.is_empty() && state.evidence.is_empty() && state.incidents.is_empty());
    let next = after(&[input(vec![], vec![])]);
    assert!(next.reversed.is_empty(), "it names what its own input reversed, and nothing else");
}

#[test]
fn the_eight_largest_expenses_of_a_cause_are_its_evidence() {
    let bills = (1..=12).map(|n| input(vec![row(n, Category::MedicalInpatient, 100 * (n % 10), "2024-11-01")], vec![]));
    let state = after(&bills.collect::<Vec<_>>());
    let kept: Vec<_> = state.evidence.iter().map(|one| (one.amount_fen.0, one.entry.0)).collect();
    assert_eq!(kept, [(900, 9), (800, 8), (700, 7), (600, 6), (500, 5), (400, 4), (300, 3), (200, 2)]);
}

#[test]
fn the_newest_class_list_replaces_the_classes() {
    for (lists, expected) in [
        (vec![("delisted|dibao", "2024-01-01")], vec![Class::Delisted, Class::Dibao]),
        (vec![("dibao", "2024-01-01"), ("", "2024-02-01")], vec![]),
        (vec![("", "2024-02-01"), ("dibao", "2024-01-01")], vec![]),
        (vec![("marginal", "2024-03-01"), ("dibao", "2024-02-01")], vec![Class::Marginal]),
    ] {
        let said: Vec<_> = lists
            .iter()
            .zip(1..)
            .map(|((value, on), entry)| input(vec![], vec![fact(entry, Kind::Status, "class", value, on)]))
            .collect();
        assert_eq!(after(&said).classes, expected, "{lists:?}");
    }
}

#[test]
fn of_two_statuses_the_later_one_holds_and_each_member_has_his_own() {
    let insured = |entry, person, value, on| of_person(person, &fact(entry, Kind::Status, "insured", value, on));
    let corrected = Fact { reported_at_ms: 5, ..insured(4, LI, "false", "2024-02-01") };
    let state = after(&[
        input(vec![], vec![insured(1, LI, "true", "2024-02-01"), insured(2, WANG, "true", "2024-01-01")]),
        input(vec![], vec![corrected, insured(3, WANG, "false", "2023-01-01")]),
    ]);
    let found: Vec<_> = state.statuses.iter().map(|held| (held.person, held.value.as_str())).collect();
    assert_eq!(found, [(Some(LI), "false"), (Some(WANG), "true")]);
}

#[test]
fn those_who_come_and_go_after_the_survey_adjust_its_members() {
    let survey = |on| Fact { amount_fen: Fen(1_700), ..fact(9, Kind::Survey, "survey", "3", on) };
    let leave = |person, came, on| of_person(person, &fact(8, Kind::Membership, "leave", came, on));
    let came = [join(1, LI, "2020-01-01"), join(2, WANG, "2024-07-01")];
    let gone = [Fact { sign: -1, ..came[0].clone() }, leave(LI, "2020-01-01", "2024-08-01")];
    // Somebody who came after the survey and left again was never counted by it.
    let guest = Fact { entry: EntryId(7), ..leave(PersonToken([3; 16]), "2024-07-20", "2024-07-30") };
    for (on, since) in [("2024-06-01", 0), ("2024-07-15", -1), ("2024-09-01", 0), ("2019-01-01", 1)] {
        let moves = [input(vec![], came.to_vec()), input(vec![], gone.to_vec()), input(vec![], vec![guest.clone()])];
        let survey = input(vec![], vec![survey(on)]);
        let first = after(&[&[survey.clone()][..], &moves].concat());
        let last = after(&[&moves[..], &[survey]].concat());
        assert_eq!(first, last, "late surveys count the same");
        let found = first.survey.expect("a survey");
        assert_eq!((found.members, found.members_since, found.unreported_income_fen), (3, since, Fen(1_700)), "{on}");
        assert_eq!(first.members.len(), 1);
    }
}

#[test]
fn a_newborn_counts_until_it_is_registered_and_then_once() {
    let child = PersonToken([3; 16]);
    let birth = |entry, children, on| fact(entry, Kind::Incident, "birth", children, on);
    let survey = fact(9, Kind::Survey, "survey", "4", "2024-06-01");
    let registered = |on| Fact { value: "first", ..join(5, child, on) };
    let rows = [
        (vec![birth(2, "1", "2024-07-01")], (1, 1)),
        (vec![birth(2, "2", "2024-07-01")], (2, 2)),
        (vec![birth(2, "1", "2024-07-01"), registered("2024-08-01")], (0, 1)),
        (vec![birth(2, "2", "2024-07-01"), registered("2024-08-01")], (1, 2)),
        // Too late to be that child, or there before it: somebody else.
        (vec![birth(2, "1", "2024-07-01"), registered("2025-08-01")], (1, 2)),
        (vec![birth(2, "1", "2024-07-01"), registered("2024-06-15")], (1, 2)),
        // Who belonged somewhere before is no newborn.
        (vec![birth(2, "1", "2024-07-01"), join(5, child, "2024-08-01")], (1, 2)),
        // The surveyor has counted the child that is registered only later.
        (vec![birth(2, "1", "2024-05-01"), registered("2024-08-01")], (0, 0)),
        (vec![birth(2, "1", "2024-05-01")], (1, 0)),
    ];
    for (facts, expected) in rows {
        let told = format!("{facts:?}");
        let known = input(vec![], vec![join(1, LI, "2020-01-01"), survey.clone()]);
        let state = after(&[known, input(vec![], facts)]);
        let members_since = state.survey.map(|survey| survey.members_since);
        assert_eq!((state.provisional_members, members_since), (expected.0, Some(expected.1)), "{told}");
    }
}

#[test]
fn a_join_that_is_said_anew_keeps_what_is_known_of_the_member() {
    let state = after(&[
        input(vec![row(1, Category::Wage, 100, "2024-04-01")], vec![join(9, LI, "2020-01-01")]),
        input(vec![], vec![Fact { sign: -1, ..join(9, LI, "2020-01-01") }, join(10, LI, "2021-01-01")]),
    ]);
    assert_eq!((state.members[0].since_day, state.members[0].wages.iter().count()), (day("2021-01-01"), 1));
}

#[test]
fn a_household_is_registered_since_the_earliest_day_said() {
    let registered = |entry, on| fact(entry, Kind::Membership, "registered", "", on);
    let state = after(&[
        input(vec![], vec![registered(1, "2019-05-01")]),
        input(vec![], vec![registered(2, "2012-05-01"), join(3, LI, "2020-01-01")]),
        input(vec![], vec![join(4, LI, "2018-01-01")]),
    ]);
    assert_eq!(state.registered_day, Some(day("2012-05-01")));
    assert_eq!((state.members.len(), state.members[0].since_day), (1, day("2018-01-01")));
}

#[test]
fn the_wages_of_a_member_are_known_by_month() {
    let wage = |entry, on| row(entry, Category::Wage, 100, on);
    let long = Row { months: 3, ..wage(2, "2024-05-01") };
    let of_another = Row { person: Some(WANG), ..wage(3, "2024-05-01") };
    let released = input(vec![wage(1, "2024-04-01"), long.clone(), of_another], vec![join(9, LI, "2020-01-01")]);
    let months = |state: &HouseholdState| -> Vec<_> {
        state.members[0].wages.iter().map(|one| (one.month.yyyymm(), one.amount_fen.0)).collect()
    };
    let state = after(std::slice::from_ref(&released));
    let expected = [(202_404, 100), (202_405, 34), (202_406, 33), (202_407, 33)];
    assert_eq!(months(&state), expected, "the member comes before his wages");
    let state = after(&[released.clone(), input(vec![Row { sign: -1, ..long }], vec![])]);
    assert_eq!(months(&state), expected[..1]);
    let gone = input(vec![], vec![Fact { sign: -1, ..join(9, LI, "2020-01-01") }]);
    assert!(after(&[released, gone]).members.is_empty());
}

#[test]
fn months_before_the_horizon_go_when_the_household_is_touched() {
    let first = input(
        vec![row(1, Category::MedicalInpatient, 5, "2023-01-31"), row(2, Category::MedicalInpatient, 6, "2023-02-01")],
        vec![
            fact(3, Kind::Incident, "birth", "", "2023-01-31"),
            fact(4, Kind::Incident, "birth", "", "2023-02-01"),
            fact(5, Kind::Status, "house_safety", "D", "2011-01-01"),
        ],
    );
    let oldest = oldest_month(Some(day("2025-03-10")));
    assert_eq!(oldest, Some(month(202_302)));
    let whole = after(std::slice::from_ref(&first));
    let trimmed = apply(Some(&whole), &input(vec![], vec![]), oldest).state;
    assert_eq!((whole.sums[0].months.iter().count(), whole.evidence.len(), whole.incidents.len()), (2, 2, 2));
    assert_eq!((trimmed.sums[0].months.iter().count(), trimmed.evidence.len(), trimmed.incidents.len()), (1, 1, 1));
    assert_eq!(trimmed.statuses.len(), 1, "a status holds until the next");
    let late = after_until(&[first], oldest);
    assert_eq!((&late.sums, &late.evidence, &late.incidents), (&trimmed.sums, &trimmed.evidence, &trimmed.incidents));
    let end_of_month = oldest_month(Some(day("2025-03-31")));
    assert_eq!(end_of_month, Some(month(202_303)), "the current day is the one after the last closed");
}

#[test]
fn what_meets_a_limit_is_counted() {
    let facts = (0..70).map(|n| fact(n, Kind::Incident, "grid_report", "", "2024-01-01")).collect();
    let full = apply(None, &input(vec![], facts), None);
    assert_eq!((full.state.incidents.len(), full.dropped.incidents), (INCIDENTS_MAX, 6));
    assert_eq!(full.state.incidents[0].entry, EntryId(6), "the newest stay");
    let persons = (0..=255).map(|byte| join(byte.into(), PersonToken([byte; 16]), "2020-01-01")).collect();
    let crowded = apply(None, &input(vec![], persons), None);
    assert_eq!((crowded.state.members.len(), crowded.dropped.members), (MEMBERS_MAX, 56));
    let odd = apply(None, &input(vec![], vec![fact(1, Kind::Survey, "survey", "many", "2024-01-01")]), None);
    assert_eq!((odd.state.survey, odd.dropped.surveys), (None, 1));
}

/// Inputs that do not depend on each other: each says something of its own.
fn independent() -> impl Strategy<Value = Vec<HouseholdEntry<'static>>> {
    let categories = prop_oneof![Just(Category::Wage), Just(Category::MedicalInpatient), Just(Category::Schooling)];
    let amount = (categories, 0i64..5_000, 0i32..900, 0i32..14).prop_map(|(category, fen, on, months)| {
        let mut one = row(0, category, fen, "2023-06-01");
        one.day = one.day.plus(on);
        one.month = one.day.month();
        one.months = months;
        (vec![one], vec![])
    });
    let said = prop_oneof![
        Just((Kind::Status, "class", "dibao")),
        Just((Kind::Status, "class", "delisted|marginal")),
        Just((Kind::Status, "house_safety", "D")),
        Just((Kind::Incident, "grid_report", "")),
        Just((Kind::Action, "verification_result", "confirmed")),
        Just((Kind::Survey, "survey", "4")),
        Just((Kind::Incident, "birth", "")),
        Just((Kind::Membership, "registered", "")),
        Just((Kind::Membership, "join", "")),
        Just((Kind::Membership, "leave", "2023-07-01")),
    ];
    let said = (said, 0i32..900, 0i64..3, 2u8..5).prop_map(|((kind, code, value), on, reported_at_ms, who)| {
        let mut one = fact(0, kind, code, value, "2023-06-01");
        one.day = one.day.plus(on);
        one.reported_at_ms = reported_at_ms;
        if code == "join" {
            one.person = Some(PersonToken([who; 16]));
            one.value = if who == 4 { "first" } else { "" };
        }
        (vec![], vec![one])
    });
    proptest::collection::vec(prop_oneof![amount, said], 1..30).prop_map(|all| {
        let numbered = all.into_iter().zip(1..).map(|((rows, facts), number)| {
            let rows = rows.into_iter().map(|row: Row<'static>| Row { entry: EntryId(number), ..row }).collect();
            let facts = facts.into_iter().map(|fact: Fact<'static>| Fact { entry: EntryId(number), ..fact }).collect();
            HouseholdEntry { event: Hash64(number), ..input(rows, facts) }
        });
        numbered.collect()
    })
}

/// The state without what the order may decide.
fn picture(mut state: HouseholdState) -> HouseholdState {
    state.number = 0;
    state.oldest_month = None;
    state.event = Hash64(0);
    state.source = Text::default();
    state.reversed.clear();
    state
}

proptest! {
    /// What `apply` above holds together, for inputs that take back what others said while the horizon moves on.
    #[test]
    fn lists_that_are_not_read_are_as_if_they_were(
        inputs in independent(), undone in proptest::collection::vec(any::<bool>(), 30), step in 0i32..90,
    ) {
        let mut state = None;
        for ((input, is_undone), nth) in inputs.iter().zip(undone).zip(0..) {
            let oldest = (step > 0).then(|| oldest_month(Some(day("2024-06-01").plus(nth * step)))).flatten();
            state = Some(apply(state.as_ref(), input, oldest).state);
            if is_undone {
                let mut back = input.clone();
                back.rows.iter_mut().for_each(|row| row.sign = -1);
                back.facts.iter_mut().for_each(|fact| fact.sign = -1);
                state = Some(apply(state.as_ref(), &back, oldest).state);
            }
        }
    }

    #[test]
    fn the_order_of_independent_inputs_does_not_matter(
        (inputs, shuffled) in independent().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        closed in proptest::option::of(0i32..900),
    ) {
        let oldest = oldest_month(closed.map(|days| day("2024-06-01").plus(days)));
        // The member for whom wages are noted is known before.
        let known = input(vec![], vec![join(900, LI, "2020-01-01")]);
        let with_member = |all: Vec<HouseholdEntry<'static>>| {
            let all: Vec<_> = std::iter::once(known.clone()).chain(all).collect();
            picture(after_until(&all, oldest))
        };
        prop_assert_eq!(with_member(inputs), with_member(shuffled));
    }

    #[test]
    fn a_row_that_is_added_and_reversed_leaves_the_sums_as_before(
        inputs in independent(), fen in 0i64..100_000, months in 1i32..30, on in 0i32..900,
    ) {
        let before = after(&inputs);
        let mut added = row(1_000, Category::MedicalInpatient, fen, "2023-06-01");
        added.month = added.month.plus(on / 31);
        added.months = months;
        let reversed = Row { sign: -1, ..added.clone() };
        let with = apply(Some(&before), &input(vec![added], vec![]), None).state;
        let without = apply(Some(&with), &input(vec![reversed], vec![]), None).state;
        prop_assert_eq!(&without.sums, &before.sums);
        prop_assert_eq!(without.number, before.number + 2);
    }
}
