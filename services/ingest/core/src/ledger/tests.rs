//! The ledger as a whole: order, changelog, horizon.

use proptest::prelude::*;
use schemas::records::{Entry, Origin, SubjectEntry};
use schemas::{Category, Cause, Fen, Kind, Op, PersonToken};

use super::*;

fn month(yyyymm: i32) -> Month {
    Month::from_yyyymm(yyyymm).expect("a month")
}

fn event(number: i64, yyyymm: i32, kind: Kind, code: &'static str) -> SubjectEntry<'static> {
    let day = month(yyyymm).first_day();
    SubjectEntry {
        event: Hash64(number),
        ordinal: 0,
        source: "finance",
        event_type: "subsidy_paid",
        op: Op::Upsert,
        corrects: None,
        content: Hash64(number * 7),
        person: Some(PersonToken([1; 16])),
        household: None,
        occurred_day: day,
        reported_at_ms: day.start_ms(),
        document: None,
        entries: vec![Entry {
            kind,
            category: if kind == Kind::Income { Category::Subsidy } else { Category::None },
            cause: Cause::Other,
            amount_fen: Fen(100),
            day,
            month: month(yyyymm),
            months: 1,
            code,
            value: "",
        }],
        origin: Origin { topic: "feeds.finance", partition: 0, offset: number },
    }
}

fn ledger_of(events: &[SubjectEntry<'_>]) -> Vec<u8> {
    let mut draft = Draft::default();
    draft.load(None);
    for event in events {
        draft.insert(event, None, false).expect("fits");
    }
    draft.bytes().expect("not empty").to_vec()
}

fn shown(ledger: &[u8]) -> Vec<(Part, i64)> {
    Ledger::of(Some(ledger)).items().map(|(part, item)| (part, item.event.0)).collect()
}

#[test]
fn items_lie_by_month_and_event_in_whatever_order_they_came() {
    let (pay, more, late) =
        (event(9, 202_503, Kind::Income, ""), event(4, 202_503, Kind::Income, ""), event(7, 202_402, Kind::Income, ""));
    let ledger = ledger_of(&[pay.clone(), more.clone(), late.clone()]);
    let march = Part::Month(month(202_503));
    assert_eq!(shown(&ledger), [(Part::Month(month(202_402)), 7), (march, 4), (march, 9)]);
    assert_eq!(ledger, ledger_of(&[late, pay, more]));
    let view = Ledger::of(Some(&ledger));
    assert_eq!(view.find(Hash64(9), 0, Hash64(63)).map(|item| item.event), Some(Hash64(9)));
    for (event, ordinal, content) in [(9, 1, 63), (9, 0, 64), (5, 0, 35)] {
        assert!(view.find(Hash64(event), ordinal, Hash64(content)).is_none());
    }
    assert!(view.has(Hash64(4)) && !view.has(Hash64(5)));
    let scan = view.scan(Hash64(4), None);
    assert_eq!(scan, Scan { items: 3, has_event: true, has_document: false });
}

#[test]
fn an_amount_for_several_months_stays_until_the_last_has_left_the_horizon() {
    let mut spread = event(1, 202_401, Kind::Income, "");
    spread.entries[0].months = 12;
    let ledger = ledger_of(&[spread]);
    assert_eq!(shown(&ledger), [(Part::Month(month(202_412)), 1)]);
}

#[test]
fn months_leave_the_horizon_but_what_holds_stays() {
    let ledger = ledger_of(&[
        event(1, 202_301, Kind::Income, ""),
        event(2, 202_301, Kind::Status, "disability"),
        event(3, 202_302, Kind::Status, "disability"),
        event(4, 202_302, Kind::Status, "insured"),
        event(5, 202_302, Kind::Membership, "join"),
        event(6, 202_503, Kind::Status, "insured"),
    ]);
    let mut draft = Draft::default();
    draft.load(Some(&ledger));
    assert!(!draft.ledger().needs_trim(month(202_301)) && draft.ledger().needs_trim(month(202_302)));
    assert_eq!(draft.trim(month(202_303)), 2, "the subsidy, and the certificate that a newer one replaced");
    let kept = shown(draft.bytes().expect("not empty"));
    let standing = Part::Standing;
    assert_eq!(kept, [(standing, 3), (standing, 4), (standing, 5), (Part::Month(month(202_503)), 6)]);
    let mut insert =
        |number, code| draft.insert(&event(number, 201_001, Kind::Status, code), Some(month(202_303)), false);
    assert_eq!(insert(8, "labour"), Ok(0));
    assert_eq!(insert(9, "insured"), Ok(1), "needless");
}

#[test]
fn what_corrects_an_event_lies_and_leaves_with_it() {
    let correction = |number, corrects, yyyymm, op| SubjectEntry {
        op,
        corrects: Some(Hash64(corrects)),
        ..event(number, yyyymm, Kind::Income, "")
    };
    let all = [
        event(1, 202_401, Kind::Income, ""),
        correction(2, 1, 202_403, Op::Correct),
        correction(3, 2, 202_402, Op::Retract),
        event(4, 202_401, Kind::Income, ""),
    ];
    let march = Part::Month(month(202_403));
    let expected = [(Part::Month(month(202_401)), 4), (march, 1), (march, 2), (march, 3)];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 1, 3]] {
        let mut draft = Draft::default();
        for at in order {
            draft.insert(&all[at], None, at < 3).expect("fits");
        }
        assert_eq!(shown(draft.bytes().expect("not empty")), expected, "{order:?}");
        assert_eq!(draft.trim(month(202_403)), 1, "the other payment of January");
        assert_eq!(draft.trim(month(202_404)), 3, "all three together");
    }
}

#[test]
fn a_membership_that_was_corrected_holds_with_what_corrects_it() {
    let join = event(1, 202_301, Kind::Membership, "join");
    let corrected =
        SubjectEntry { op: Op::Correct, corrects: Some(Hash64(1)), ..event(2, 202_302, Kind::Membership, "join") };
    let taken_back = SubjectEntry { op: Op::Retract, corrects: Some(Hash64(2)), ..event(3, 202_302, Kind::Income, "") };
    let death = event(4, 202_302, Kind::Incident, "death");
    let mut draft = Draft::default();
    for one in [&join, &corrected, &taken_back, &death] {
        draft.insert(one, None, true).expect("fits");
    }
    assert_eq!(draft.trim(month(202_501)), 0);
    assert_eq!(shown(draft.bytes().expect("not empty")), [1, 2, 3, 4].map(|event| (Part::Standing, event)));
}

#[test]
fn a_later_report_is_noted_in_its_place() {
    let (one, other) = (event(1, 202_401, Kind::Income, ""), event(2, 202_402, Kind::Income, ""));
    let mut draft = Draft::default();
    for event in [&one, &other] {
        draft.insert(event, None, false).expect("fits");
    }
    draft.set_reported(Hash64(2), 0, Hash64(14), 1_728_000_000_123);
    let reported: Vec<_> = draft.ledger().items().map(|(_, item)| (item.event.0, item.reported_at_ms)).collect();
    assert_eq!(reported, [(1, one.reported_at_ms), (2, 1_728_000_000_123)]);
}

#[test]
fn a_changelog_value_that_is_nothing_of_the_kind_is_an_error() {
    let parts = [(Part::About, "about"), (Part::Standing, "items"), (Part::Month(month(202_503)), "items")];
    for (part, name) in parts {
        let error = Draft::default().restore(part, Some(b"nonsense")).expect_err("no part");
        assert_eq!(error, LedgerError { part: name, bytes: 8 });
    }
}

fn events() -> impl Strategy<Value = Vec<SubjectEntry<'static>>> {
    let kinds = prop_oneof![Just((Kind::Income, "")), Just((Kind::Status, "insured")), Just((Kind::Status, "labour"))];
    let one = (0i64..40, 202_401i32..=202_412, kinds)
        .prop_map(|(number, month, (kind, code))| event(number, month, kind, code));
    proptest::collection::vec(one, 0..24)
}

fn drafted(events: &[SubjectEntry<'_>], trimmed_to: Option<i32>, parked: bool) -> Option<Vec<u8>> {
    let mut draft = Draft::default();
    for event in events {
        draft.insert(event, None, false).expect("fits");
    }
    if let Some(oldest) = trimmed_to {
        draft.trim(month(oldest));
    }
    if parked {
        let parked = ParkedRecord { wait: Wait::Original, since: Since::Day(Day(3)), bytes: b"waits" };
        draft.set_about(&About { parked: vec![parked], ..About::default() });
    }
    draft.bytes().map(<[u8]>::to_vec)
}

proptest! {
    #[test]
    fn a_ledger_is_what_its_changelog_restores(
        first in events(), second in events(), oldest in 202_401i32..=202_412, parked: bool, was_parked: bool,
    ) {
        let old = drafted(&first, None, was_parked);
        let new = drafted(&second, Some(oldest), parked);
        let mut restored = Draft::default();
        restored.load(old.as_deref());
        for (part, value) in changes(old.as_deref(), new.as_deref()) {
            restored.restore(part, value).expect("a part");
        }
        prop_assert_eq!(restored.bytes(), new.as_deref());
        prop_assert_eq!(changes(new.as_deref(), new.as_deref()).count(), 0);
    }

    #[test]
    fn trimming_drops_as_many_items_as_it_says(first in events(), oldest in 202_401i32..=202_412) {
        let mut draft = Draft::default();
        for event in &first {
            draft.insert(event, None, false).expect("fits");
        }
        let dropped = draft.trim(month(oldest));
        prop_assert_eq!(draft.ledger().item_count() + dropped, first.len());
        prop_assert!(!draft.ledger().needs_trim(month(oldest)));
    }

    #[test]
    fn bytes_of_anything_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let ledger = Ledger::of(Some(&bytes));
        let found = ledger.find(Hash64(0), 0, Hash64(0)).is_some() || ledger.has(Hash64(0));
        let _ = (ledger.about(), ledger.items().count(), found, ledger.parked().count());
    }
}
