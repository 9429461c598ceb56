//! What is written in a form of a rule and can never hold, or always does: conditions that contradict one another,
//! levels that another one always hides, thresholds that no figure passes. It knows neither households nor feeds.

use std::sync::LazyLock;

use schemas::{Class, Fen};

use super::faults::Found;
use super::{Comparator, Condition, Form, LevelRow, MEMBER_CHANGES, Measure, Test, Threshold};

/// A household, as far as conditions can contradict one another about it.
struct Household {
    classes: Vec<Class>,
    is_income_known: bool,
}

/// Every household that there can be, as far as conditions can contradict one another.
static HOUSEHOLDS: LazyLock<Vec<Household>> = LazyLock::new(|| {
    let sets = (0..1_usize << Class::ALL.len()).map(|bits| {
        let in_set = Class::ALL.iter().enumerate().filter(move |(at, _)| bits >> at & 1 == 1);
        in_set.map(|(_, class)| *class).collect::<Vec<_>>()
    });
    sets.flat_map(|classes| {
        [false, true].map(|is_income_known| Household { classes: classes.clone(), is_income_known })
    })
    .collect()
});

/// Notes every contradiction of a form, at the place of the form.
pub(super) fn check(form: &Form, found: &mut Found) {
    check_conditions(form, found);
    for (at, row) in form.levels.iter().enumerate() {
        found.at(format!("levels/{at}"), |found| {
            check_threshold(&form.test, row, found);
            if form.levels[at + 1..].iter().any(|high| high.level > row.level && hides(high, row)) {
                found.add("a higher level has every value of this one: it can never hold alone");
            }
        });
    }
    if matches!(form.test, Test::MemberChange { .. }) {
        check_member_values(form, found);
    }
    if let Test::MissingWage { before_months, paid_months, .. } = form.test
        && paid_months as i64 > i64::from(before_months)
    {
        let what = format!("of {before_months} months (`before_months`) never {paid_months} had a wage");
        found.at("paid_months", |found| found.add(what));
    }
}

/// Members come and leave, and nothing else.
fn check_member_values(form: &Form, found: &mut Found) {
    for (at, row) in form.levels.iter().enumerate() {
        let unsaid = row.values.iter().enumerate().filter(|(_, value)| !MEMBER_CHANGES.contains(&value.as_str()));
        for (place, value) in unsaid {
            let what = format!("no change of members is `{value}`, only {}", MEMBER_CHANGES.join(" or "));
            found.at(format!("levels/{at}/values/{place}"), |found| found.add(what));
        }
    }
}

fn check_conditions(form: &Form, found: &mut Found) {
    let meets = |when: &Option<Condition>, household: &Household| {
        when.as_ref().is_none_or(|condition| may_be(condition, household, true))
    };
    let fitting: Vec<_> = HOUSEHOLDS.iter().filter(|household| meets(&form.when, household)).collect();
    if fitting.is_empty() {
        found.at("when", |found| found.add("no household can meet this: its parts contradict one another"));
        return;
    }
    for (at, row) in form.levels.iter().enumerate() {
        if !fitting.iter().any(|household| meets(&row.when, household)) {
            let what = "no household can meet this: it contradicts itself or the condition of its rule";
            found.at(format!("levels/{at}/when"), |found| found.add(what));
        }
    }
}

/// Whether the condition may come out so for such a household, whatever else is so.
fn may_be(condition: &Condition, household: &Household, wanted: bool) -> bool {
    let one = |condition: &Condition| may_be(condition, household, wanted);
    match condition {
        Condition::All(conditions) if wanted => conditions.iter().all(one),
        Condition::All(conditions) => conditions.iter().any(one),
        Condition::Any(conditions) if wanted => conditions.iter().any(one),
        Condition::Any(conditions) => conditions.iter().all(one),
        Condition::Not(condition) => may_be(condition, household, !wanted),
        Condition::Class(terms) => terms.iter().any(|term| term.holds(&household.classes)) == wanted,
        Condition::IncomeKnown(known) => (*known == household.is_income_known) == wanted,
        _ => true,
    }
}

/// A sum, and rigid expenditure, is never below zero.
fn check_threshold(test: &Test, row: &LevelRow, found: &mut Found) {
    let is_never_negative = match test {
        Test::Sum(_) => true,
        Test::Measure(of) => of.measure == Measure::RigidNet,
        _ => false,
    };
    let Some(compare) = row.compare.as_ref().filter(|_| is_never_negative) else { return };
    if compare.threshold != Threshold::Amount(Fen::ZERO) {
        return;
    }
    let what = match compare.comparator {
        Comparator::Below => "no sum is below 0 yuan: it can never hold",
        Comparator::AtLeast => "every sum is at least 0 yuan: it always holds",
        _ => return,
    };
    found.at("threshold", |found| found.add(what));
}

/// Whether a row of values holds wherever the other one does.
fn hides(high: &LevelRow, low: &LevelRow) -> bool {
    let has_every_value =
        high.values.is_empty() || !low.values.is_empty() && low.values.iter().all(|value| high.values.contains(value));
    let is_plain = high.when.is_none() && high.compare.is_none() && high.number.is_none() && high.amount.is_none();
    is_plain && has_every_value && low.compare.is_none()
}
