//! Corrections, retractions, documents of two departments, households that change.

use schemas::records::{Redirect, RedirectKind};

use super::*;

/// A correction or retraction, reported a day later than what it names.
pub(super) fn operation(op: Op, number: i64, corrects: i64) -> SubjectEntry<'static> {
    let event = subsidy(number);
    let reported_at_ms = event.reported_at_ms + 86_400_000;
    SubjectEntry { op, corrects: Some(Hash64(corrects)), reported_at_ms, ..event }
}

fn correct(number: i64, corrects: i64) -> SubjectEntry<'static> {
    operation(Op::Correct, number << 8, corrects << 8)
}

fn retract(number: i64, corrects: i64) -> SubjectEntry<'static> {
    operation(Op::Retract, number << 8, corrects << 8)
}

fn pay(number: i64) -> SubjectEntry<'static> {
    subsidy(number << 8)
}

fn later(event: SubjectEntry<'static>, days: i64) -> SubjectEntry<'static> {
    SubjectEntry { reported_at_ms: event.reported_at_ms + days * 86_400_000, ..event }
}

fn bill(number: i64, on: &str) -> SubjectEntry<'static> {
    let mut event = with_day(event(number << 8, Some(LI), None, Kind::Expense, ""), Day::parse(on).expect("a day"));
    event.entries[0].category = Category::MedicalInpatient;
    event
}

fn moves(number: i64, code: &'static str, household: &str, on: &str) -> SubjectEntry<'static> {
    with_day(event(number << 8, Some(LI), Some(household), Kind::Membership, code), Day::parse(on).expect("a day"))
}

/// The last thing that is said of each record.
fn last_words(rows: &[(SubjectEntry<'_>, &str)]) {
    let mut subject = Subjected::new(Limits::default(), Some(PAST));
    for (at, (entry, expected)) in rows.iter().enumerate() {
        let said = subject.take(entry);
        assert_eq!(said.last().map(String::as_str), Some(*expected), "record {at}: {said:?}");
    }
}

#[test]
fn a_correction_is_one_record_that_takes_the_old_row_back_and_says_the_new_one() {
    check(&[
        (join(1, FARM), &["applied 1", "7: +join@2024-10-04"]),
        (pay(2), &["applied 512", "7: +2"]),
        (correct(3, 2), &["corrections 768", "applied 768", "7: -2 +3"]),
        (correct(3, 2), &["duplicate 768"]),
        (retract(4, 2), &["retractions 1024", "applied 1024", "7: -3"]),
        (pay(2), &["duplicate 512"]),
    ]);
}

#[test]
fn of_operations_on_operations_the_last_reported_decides() {
    last_words(&[
        (join(1, FARM), "7: +join@2024-10-04"),
        (pay(2), "7: +2"),
        (later(correct(3, 2), 5), "7: -2 +3"),
        (correct(4, 2), "applied 1024"),
        (correct(5, 3), "7: -3 +5"),
        (retract(6, 5), "7: -5 +3"),
        (retract(7, 3), "7: -3 +4"),
        (retract(8, 7), "7: -4 +3"),
    ]);
}

#[test]
fn an_operation_that_precedes_its_original_waits_for_it() {
    check(&[
        (join(1, FARM), &["applied 1", "7: +join@2024-10-04"]),
        (retract(4, 3), &["waits for its original: 1024 2024-10-05"]),
        (correct(3, 2), &["waits for its original: 768 2024-10-05"]),
        (correct(3, 2), &["duplicate 768"]),
        (
            pay(2),
            &[
                "applied 512",
                "released 768 2024-10-05",
                "corrections 768",
                "applied 768",
                "released 1024 2024-10-05",
                "retractions 1024",
                "applied 1024",
                "7: +2",
            ],
        ),
    ]);
}

#[test]
fn an_original_that_does_not_come_is_not_waited_for_for_ever() {
    let mut subject = Subjected::new(Limits { wait_days_max: 3, ..Limits::default() }, Some(PAST));
    subject.take(&join(1, FARM));
    subject.take(&correct(3, 2));
    assert_eq!(subject.close(PAST.plus(2)), [""; 0]);
    assert_eq!(subject.resolver.due_day(subject.ledger.as_deref()), Some(PAST.plus(3)));
    assert_eq!(subject.close(PAST.plus(3)), ["expired 768 2024-10-05 original_not_found"]);
    let old = with_day(correct(5, 4), PAST.plus(-800));
    assert_eq!(subject.take(&old), ["beyond_horizon 1280"]);
}

#[test]
fn the_same_event_with_other_content_is_the_correction_of_an_untidy_department() {
    let changed = |content, days| later(SubjectEntry { content: Hash64(content), ..pay(2) }, days);
    let dearer = |content, days| {
        let mut event = changed(content, days);
        event.entries[0].amount_fen = Fen(900);
        event
    };
    check(&[
        (join(1, FARM), &["applied 1", "7: +join@2024-10-04"]),
        (pay(2), &["applied 512", "7: +2"]),
        (dearer(9, 2), &["content_changed 512", "applied 512", "7: -2 +2"]),
        (dearer(8, 1), &["content_changed 512", "applied 512"]),
        (later(pay(2), 3), &["duplicate 512", "7: -2 +2"]),
    ]);
}

#[test]
fn a_paper_of_two_departments_counts_once_by_their_precedence() {
    let paper = |number, source: &'static str| SubjectEntry {
        source,
        document: Some(Hash64(77)),
        ..bill(number, "2024-10-01")
    };
    let retracted = SubjectEntry { source: "health-insurance", ..retract(5, 3) };
    last_words(&[
        (join(1, FARM), "7: +join@2024-10-04"),
        (paper(2, "housing"), "7: +2"),
        (paper(3, "health-insurance"), "7: -2 +3"),
        (paper(4, "civil-affairs"), "applied 1024"),
        (retracted, "7: -3 +4"),
        (SubjectEntry { source: "civil-affairs", ..retract(6, 4) }, "7: -4 +2"),
    ]);
}

#[test]
fn an_operation_that_says_nothing_is_let_in_by_its_original_though_nobody_is_known() {
    let gone = |number| SubjectEntry { entries: vec![], ..retract(number, 1) };
    let not_gone = SubjectEntry { entries: vec![], ..retract(4, 3) };
    last_words(&[
        (join(1 << 8, FARM), "7: +join@2024-10-04"),
        (gone(2), "7: -join@2024-10-04"),
        (SubjectEntry { entries: vec![], ..retract(5, 2) }, "7: +join@2024-10-04"),
        (later(gone(6), 1), "7: -join@2024-10-04"),
        (not_gone, "parked 1024 2024-10-05"),
        (gone(3), "applied 1024"),
        (SubjectEntry { entries: vec![], ..retract(7, 6) }, "7: +join@2024-10-04"),
    ]);
}

#[test]
fn papers_of_two_departments_leave_the_horizon_together() {
    let of = |source, event: SubjectEntry<'static>| SubjectEntry { source, document: Some(Hash64(5)), ..event };
    let mut subject = Subjected::new(Limits::default(), Some(PAST));
    subject.take(&moves(1, "join", FARM, "2020-01-01"));
    subject.take(&of("education", bill(2, "2024-03-01")));
    assert_eq!(subject.take(&of("health-insurance", bill(3, "2022-10-01"))).last().expect("said"), "7: -2 +3");
    assert_eq!(subject.close(Day::parse("2025-01-31").expect("a day")), [""; 0]);
    assert_eq!(subject.take(&retract(4, 3)).last().expect("said"), "7: -3 +2");
}

#[test]
fn a_retracted_status_lets_the_one_before_hold_again() {
    let insured = |number: i64, on: &str| {
        with_day(event(number << 8, Some(LI), None, Kind::Status, "insured"), Day::parse(on).expect("a day"))
    };
    last_words(&[
        (join(1, FARM), "7: +join@2024-10-04"),
        (insured(2, "2024-01-01"), "7: +insured@2024-01-01"),
        (insured(3, "2024-03-01"), "7: +insured@2024-03-01"),
        (retract(4, 3), "7: -insured@2024-03-01 -insured@2024-01-01 +insured@2024-01-01"),
        (retract(5, 2), "7: -insured@2024-01-01"),
    ]);
}

#[test]
fn income_follows_the_person_and_spending_stays_by_months() {
    last_words(&[
        (moves(1, "join", FARM, "2024-01-01"), "7: +join@2024-01-01"),
        (pay(2), "7: +2"),
        (bill(3, "2024-05-30"), "7: +3"),
        (bill(4, "2024-06-02"), "7: +4"),
        (moves(5, "join", MILL, "2024-06-15"), "8: +join@2024-06-15 +2 +4"),
        (bill(6, "2024-05-01"), "7: +6"),
        (pay(7), "8: +7"),
        (with_day(operation(Op::Retract, 8 << 8, 5 << 8), PAST), "8: -join@2024-06-15 -2 -4 -7"),
    ]);
}

#[test]
fn nobody_has_the_income_of_the_dead_and_the_last_household_keeps_their_bills() {
    let death =
        with_day(event(5 << 8, Some(LI), None, Kind::Incident, "death"), Day::parse("2024-06-15").expect("a day"));
    last_words(&[
        (moves(1, "join", FARM, "2024-01-01"), "7: +join@2024-01-01"),
        (pay(2), "7: +2"),
        (bill(3, "2024-06-02"), "7: +3"),
        (death, "7: -join@2024-01-01 +death@2024-06-15 +leave@2024-06-15 -2"),
        (bill(6, "2024-07-01"), "7: +6"),
        (pay(7), "unattributed 1792"),
        (moves(8, "join", MILL, "2024-08-01"), "applied 2048"),
    ]);
}

fn death(number: i64, on: &str) -> SubjectEntry<'static> {
    with_day(event(number << 8, Some(LI), None, Kind::Incident, "death"), Day::parse(on).expect("a day"))
}

#[test]
fn who_dies_on_the_day_of_a_move_leaves_his_bills_to_the_household_before() {
    last_words(&[
        (moves(1, "join", FARM, "2024-01-01"), "7: +join@2024-01-01"),
        (moves(2, "join", MILL, "2024-06-15"), "8: +join@2024-06-15"),
        (death(3, "2024-06-15"), "8: -join@2024-06-15"),
        (bill(4, "2024-06-20"), "7: +4"),
    ]);
}

#[test]
fn another_version_of_a_death_makes_somebody_known_again() {
    let wrong = death(2, "2023-12-01");
    let right = SubjectEntry { content: Hash64(99), ..later(death(2, "2024-06-15"), 1) };
    last_words(&[
        (moves(1, "join", FARM, "2024-01-01"), "7: +join@2024-01-01"),
        (wrong, "7: -join@2024-01-01"),
        (right, "7: +death@2024-06-15 +leave@2024-06-15"),
    ]);
}

#[test]
fn a_correction_that_leaves_somebody_out_takes_back_what_was_said_of_him() {
    let says_nothing = SubjectEntry { entries: vec![], ..correct(3, 2) };
    check(&[
        (join(1, FARM), &["applied 1", "7: +join@2024-10-04"]),
        (pay(2), &["applied 512", "7: +2"]),
        (says_nothing.clone(), &["corrections 768", "applied 768", "7: -2"]),
        (says_nothing, &["duplicate 768"]),
        (retract(4, 3), &["retractions 1024", "applied 1024", "7: +2"]),
    ]);
}

#[test]
fn who_has_left_for_nowhere_spends_nowhere_until_he_comes_again() {
    last_words(&[
        (moves(1, "join", FARM, "2024-01-01"), "7: +join@2024-01-01"),
        (moves(2, "leave", MILL, "2024-02-01"), "applied 512"),
        (moves(3, "leave", FARM, "2024-03-10"), "7: -join@2024-01-01 +leave@2024-03-10"),
        (bill(4, "2024-04-01"), "unattributed 1024"),
        (pay(5), "unattributed 1280"),
        (moves(6, "join", MILL, "2024-04-20"), "8: +join@2024-04-20 +4 +5"),
    ]);
}

#[test]
fn a_day_that_lies_ahead_is_waited_for() {
    let mut subject = Subjected::new(Limits::default(), Some(PAST));
    subject.take(&moves(1, "join", FARM, "2024-01-01"));
    subject.take(&pay(2));
    let wedding = moves(3, "join", MILL, "2024-10-08");
    assert_eq!(subject.take(&wedding), ["waits until 2024-10-08: 768 2024-10-05"]);
    assert_eq!(subject.take(&wedding), ["duplicate 768"]);
    assert_eq!(subject.resolver.due_day(subject.ledger.as_deref()), Day::parse("2024-10-07"));
    assert_eq!(subject.close(PAST.plus(2)), [""; 0]);
    let said = subject.close(PAST.plus(3));
    assert_eq!(said[..2], ["released 768 2024-10-05", "applied 768"]);
    assert_eq!(said[2..], ["7: -join@2024-01-01 +leave@2024-10-08 -2", "8: +join@2024-10-08 +2"]);
}

#[test]
fn who_is_registered_a_second_time_is_with_the_later_and_counted_as_a_conflict() {
    let mut explained = moves(4, "join", FARM, "2024-03-01");
    explained.entries[0].value = MILL;
    check(&[
        (moves(1, "join", FARM, "2024-01-01"), &["applied 256", "7: +join@2024-01-01"]),
        (
            moves(2, "join", MILL, "2024-02-01"),
            &["conflicts 512", "applied 512", "7: -join@2024-01-01 +leave@2024-02-01", "8: +join@2024-02-01"],
        ),
        (explained, &["applied 1024", "7: +join@2024-03-01", "8: -join@2024-02-01 +leave@2024-03-01"]),
    ]);
}

#[test]
fn the_rows_of_a_merged_code_go_with_the_person_to_the_end_of_the_chain() {
    let merge = |number, into, from, on: &str| {
        let mut event = moves(number, "merge", into, on);
        event.entries[0].value = from;
        event
    };
    let inn = "4310231012050009";
    last_words(&[
        (moves(1, "join", FARM, "2024-01-01"), "7: +join@2024-01-01"),
        (bill(2, "2024-02-02"), "7: +2"),
        (merge(3, MILL, FARM, "2024-04-01"), "8: +join@2024-04-01 +2"),
        (merge(4, inn, MILL, "2024-06-01"), "9: +join@2024-06-01 +2"),
        (retract(5, 2), "9: -2"),
    ]);
}

#[test]
fn who_comes_to_a_code_that_was_merged_before_has_his_income_there() {
    let mut merge = moves(2, "merge", MILL, "2024-04-01");
    merge.entries[0].value = FARM;
    last_words(&[
        (moves(1, "join", FARM, "2024-01-01"), "7: +join@2024-01-01"),
        (merge, "8: +join@2024-04-01"),
        (pay(3), "8: +3"),
        (moves(4, "join", FARM, "2024-06-01"), "8: -join@2024-04-01 +leave@2024-06-01 -3"),
        (pay(5), "7: +5"),
    ]);
}

/// The ledgers of some households, with the words among them delivered at once, or held back.
struct Town {
    subjects: Vec<(HouseholdCode, Subjected)>,
    words: Vec<Redirect<'static>>,
}

impl Town {
    fn new(codes: &[&str]) -> Self {
        let subject = |code: &&str| {
            let code = HouseholdCode::parse(code).expect("a code");
            let mut one = Subjected::new(Limits::default(), Some(PAST));
            one.subject = Subject::Household(code);
            (code, one)
        };
        Self { subjects: codes.iter().map(subject).collect(), words: Vec::new() }
    }

    fn of(&mut self, code: HouseholdCode) -> &mut Subjected {
        &mut self.subjects.iter_mut().find(|(known, _)| *known == code).expect("a household of the town").1
    }

    fn take(&mut self, entry: &SubjectEntry<'_>) -> Vec<String> {
        let code = entry.household.expect("a household");
        let mut bytes = Vec::new();
        codec::encode(entry, &mut bytes).expect("encodes");
        self.change(code, |one, say| {
            let (ledger, calendar) = (one.ledger.clone(), one.calendar);
            one.resolver
                .resolve(ledger.as_deref(), entry, &bytes, calendar, &mut |one: Effect<'_>| say(one))
                .expect("a ledger of ours")
        })
    }

    /// Delivers the oldest word of one household to another; none is left when nothing is returned. Words of a pair of
    /// households lie in one partition each, so they keep their order; those of different pairs need not.
    fn deliver(&mut self, at: usize) -> Option<Vec<String>> {
        if self.words.is_empty() {
            return None;
        }
        let chosen = &self.words[at % self.words.len()];
        let pair = (chosen.from, chosen.to);
        let oldest = self.words.iter().position(|word| (word.from, word.to) == pair)?;
        let word = self.words.remove(oldest);
        Some(self.change(word.to, |one, say| {
            let (ledger, calendar) = (one.ledger.clone(), one.calendar);
            one.resolver
                .redirect(ledger.as_deref(), &word, calendar, &mut |one: Effect<'_>| say(one))
                .expect("a ledger of ours")
        }))
    }

    fn change(
        &mut self,
        code: HouseholdCode,
        act: impl FnOnce(&mut Subjected, &mut dyn FnMut(Effect<'_>)) -> Outcome,
    ) -> Vec<String> {
        let (mut said, mut words) = (Vec::new(), Vec::new());
        let one = self.of(code);
        let outcome = act(one, &mut |effect| {
            if let Effect::Redirect(redirect) = &effect {
                let origin = Origin { topic: "feeds.finance", partition: 0, offset: 0 };
                let word =
                    Redirect { source: "finance", event_type: "", origin, path: redirect.path.clone(), ..*redirect };
                words.push(word);
            } else {
                said.push(told(&effect));
            }
        });
        one.keep(outcome);
        self.words.extend(words);
        said
    }

    fn settle(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.deliver(0)).flatten().collect()
    }
}

fn of_household(number: i64, code: &str, kind: Kind, what: &'static str) -> SubjectEntry<'static> {
    event(number << 8, None, Some(code), kind, what)
}

fn merged(number: i64, code: &str, into: &'static str) -> SubjectEntry<'static> {
    let mut event = of_household(number, code, Kind::Membership, "merged");
    event.entries[0].value = into;
    event
}

const INN: &str = "4310231012050009";

#[test]
fn what_came_to_a_household_before_two_mergers_is_retracted_where_it_stands_now() {
    let mut town = Town::new(&[FARM, MILL, INN]);
    for (number, code) in [(1, FARM), (2, MILL), (3, INN)] {
        town.take(&of_household(number, code, Kind::Membership, "registered"));
    }
    town.take(&of_household(4, FARM, Kind::Income, ""));
    town.take(&of_household(5, FARM, Kind::Status, "house_safety"));
    assert_eq!(town.take(&merged(6, FARM, MILL)), ["applied 1536", "7: -4", "8: +4"]);
    assert!(town.settle().is_empty());
    assert_eq!(town.take(&merged(7, MILL, INN)), ["applied 1792"]);
    assert_eq!(town.settle(), ["8: -4", "9: +4"]);
    let retraction =
        SubjectEntry { op: Op::Retract, corrects: Some(Hash64(4 << 8)), ..of_household(8, FARM, Kind::Income, "") };
    assert_eq!(town.take(&retraction), ["retractions 2048", "applied 2048", "9: -4"]);
    assert_eq!(town.take(&of_household(9, FARM, Kind::Income, "")), ["applied 2304", "9: +9"]);
    let unmerged = SubjectEntry { op: Op::Retract, corrects: Some(Hash64(7 << 8)), ..merged(10, MILL, INN) };
    town.take(&unmerged);
    assert_eq!(town.settle(), ["8: +9", "9: -9"]);
}

proptest! {
    /// Whatever the order of mergers and of the words about them, circles among them: rows end in the same household.
    #[test]
    fn mergers_end_the_same_in_whatever_order_words_come(
        pairs in proptest::collection::vec((0usize..4, 0usize..4), 1..5), orders in any::<[Vec<u8>; 2]>(),
    ) {
        const CODES: [&str; 4] = [FARM, MILL, INN, "4310231012050010"];
        let mut ends = Vec::new();
        for order in orders {
            let mut town = Town::new(&CODES);
            let mut order = order.into_iter();
            for (at, code) in CODES.iter().enumerate() {
                town.take(&of_household(at as i64 + 1, code, Kind::Membership, "registered"));
                town.take(&of_household(at as i64 + 11, code, Kind::Income, ""));
            }
            let mut left: Vec<_> = pairs.iter().enumerate().filter(|(_, (from, to))| from != to).collect();
            while !left.is_empty() || !town.words.is_empty() {
                let choice = usize::from(order.next().unwrap_or_default());
                if left.is_empty() || (choice % 2 == 0 && town.deliver(choice / 2).is_some()) {
                    town.deliver(0);
                    continue;
                }
                let (number, (from, to)) = left.remove(choice / 2 % left.len());
                town.take(&merged(number as i64 + 21, CODES[*from], CODES[*to]));
            }
            let path = |(_, one): &(HouseholdCode, Subjected)| {
                Ledger::of(one.ledger.as_deref()).about().expect("readable").path.to_vec()
            };
            ends.push(town.subjects.iter().map(path).collect::<Vec<_>>());
        }
        prop_assert_eq!(&ends[0], &ends[1]);
    }
}

#[test]
fn words_about_mergers_name_who_tells_whom() {
    let mut town = Town::new(&[FARM, MILL]);
    town.take(&merged(1, FARM, MILL));
    let kinds = |town: &Town| town.words.iter().map(|word| (word.kind, word.path.len())).collect::<Vec<_>>();
    assert_eq!(kinds(&town), [(RedirectKind::Merged, 0)]);
    town.deliver(0);
    assert_eq!(kinds(&town), [(RedirectKind::Path, 0)]);
    town.deliver(0);
    assert!(town.words.is_empty());
}
