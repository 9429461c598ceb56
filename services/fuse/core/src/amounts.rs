//! Amounts of a household: monthly sums by category and cause, the largest expenses behind them, and the wages of each
//! member by month. It does not know which categories a rule looks at.

use std::cmp::Reverse;

use schemas::records::{Evidence, HouseholdState, MonthlyAmounts, Row, Sum};
use schemas::{Category, Cause, Fen, Kind, Month};

use crate::EVIDENCE_PER_CAUSE_MAX;

/// Over so many months an amount is spread at most: what a ledger of resolve can hold.
const SPREAD_MONTHS_MAX: i32 = 255;

/// Drops the months before `oldest`.
pub(crate) fn trim(state: &mut HouseholdState, oldest: Month) {
    let is_old = |sum: &Sum| sum.months.first_month().is_none_or(|first| first < oldest);
    if state.sums.iter().any(is_old) {
        for sum in &mut state.sums {
            sum.months.drop_before(oldest);
        }
        state.sums.retain(|sum| !sum.months.is_empty());
    }
    for member in &mut state.members {
        member.wages.drop_before(oldest);
    }
    let first_day = oldest.first_day();
    state.evidence.retain(|evidence| evidence.day >= first_day);
}

/// Adds or takes back one row.
pub(crate) fn apply(state: &mut HouseholdState, row: &Row<'_>, oldest: Option<Month>) {
    if row.sign == 0 {
        return;
    }
    if row.amount_fen != Fen::ZERO {
        add_to_sums(&mut state.sums, row, oldest);
    }
    if row.kind == Kind::Expense {
        note_evidence(state, row, oldest);
    }
    if row.category == Category::Wage {
        add_to_wages(state, row, oldest);
    }
}

fn add_to_sums(sums: &mut Vec<Sum>, row: &Row<'_>, oldest: Option<Month>) {
    let at = place(sums, row.category, row.cause);
    spread(&mut sums[at].months, row, oldest);
    if sums[at].months.is_empty() {
        sums.remove(at);
    }
}

/// Adds the amount evenly over its months, the fen that do not divide in the first.
fn spread(sums: &mut MonthlyAmounts, row: &Row<'_>, oldest: Option<Month>) {
    let months = row.months.clamp(1, SPREAD_MONTHS_MAX);
    let share = row.amount_fen.0 / i64::from(months);
    let first = row.amount_fen.0 - share * i64::from(months - 1);
    for index in 0..months {
        let month = row.month.plus(index);
        let amount = if index == 0 { first } else { share };
        if amount != 0 && oldest.is_none_or(|oldest| month >= oldest) {
            sums.add(month, Fen(if row.sign > 0 { amount } else { -amount }));
        }
    }
}

/// Where the sum of a category and cause is; an empty one is put there if there is none.
fn place(sums: &mut Vec<Sum>, category: Category, cause: Cause) -> usize {
    match sums.binary_search_by_key(&(category, cause), |sum| (sum.category, sum.cause)) {
        Ok(at) => at,
        Err(at) => {
            sums.insert(at, Sum { category, cause, months: MonthlyAmounts::default() });
            at
        }
    }
}

/// Keeps the largest expenses of each cause. One that is taken back leaves its place empty: a smaller one that was
/// not kept does not come back (design section 2: evidence may differ between interleavings).
fn note_evidence(state: &mut HouseholdState, row: &Row<'_>, oldest: Option<Month>) {
    if row.sign < 0 {
        state.evidence.retain(|evidence| evidence.entry != row.entry);
        return;
    }
    if row.amount_fen <= Fen::ZERO || oldest.is_some_and(|oldest| row.day < oldest.first_day()) {
        return;
    }
    let order = |evidence: &Evidence| (evidence.cause, Reverse(evidence.amount_fen), evidence.entry);
    let wanted = (row.cause, Reverse(row.amount_fen), row.entry);
    let Err(at) = state.evidence.binary_search_by_key(&wanted, order) else { return };
    let first = state.evidence.partition_point(|evidence| evidence.cause < row.cause);
    if at - first >= EVIDENCE_PER_CAUSE_MAX {
        return;
    }
    state.evidence.insert(
        at,
        Evidence {
            entry: row.entry,
            category: row.category,
            cause: row.cause,
            amount_fen: row.amount_fen,
            day: row.day,
            source: row.source.into(),
            document: row.document,
        },
    );
    let end = state.evidence.partition_point(|evidence| evidence.cause <= row.cause);
    if end - first > EVIDENCE_PER_CAUSE_MAX {
        state.evidence.remove(end - 1);
    }
}

/// Adds a wage to those of the member whose it is. A wage that is taken back with its member is gone with him.
fn add_to_wages(state: &mut HouseholdState, row: &Row<'_>, oldest: Option<Month>) {
    let Some(person) = row.person else { return };
    if let Ok(at) = state.members.binary_search_by_key(&person, |member| member.person) {
        spread(&mut state.members[at].wages, row, oldest);
    }
}
