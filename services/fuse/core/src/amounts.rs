//! Amounts of a household: monthly sums by category and cause, the largest expenses behind them, and the wages of each
//! member by month. It does not know which categories a rule looks at.

use std::cmp::Reverse;

use schemas::codec::CodecError;
use schemas::records::{Evidence, HouseholdParts, MonthlyAmounts, Row, Sum, UnreadAmounts};
use schemas::{Category, Cause, Day, Fen, Kind, Month};

use crate::{EVIDENCE_PER_CAUSE_MAX, note_month};

/// Over so many months an amount is spread at most: what a ledger of resolve can hold.
const SPREAD_MONTHS_MAX: i32 = 255;

/// Drops the months before `oldest`.
pub(crate) fn trim(state: &mut HouseholdParts<'_>, oldest: Month) -> Result<(), CodecError> {
    let is_old = |amounts: &UnreadAmounts<'_>| amounts.first_month().is_some_and(|first| first < oldest);
    if state.sums.look()?.iter().any(|sum| is_old(&sum.months)) {
        let sums = state.sums.change()?;
        for sum in sums.iter_mut().filter(|sum| is_old(&sum.months)) {
            sum.months.change(|months| months.drop_before(oldest))?;
        }
        sums.retain(|sum| !sum.months.is_empty());
    }
    if state.members.look()?.iter().any(|member| is_old(&member.wages)) {
        for member in state.members.change()?.iter_mut().filter(|member| is_old(&member.wages)) {
            member.wages.change(|wages| wages.drop_before(oldest))?;
        }
    }
    let first_day = oldest.first_day();
    if state.evidence.look()?.iter().any(|evidence| evidence.day < first_day) {
        state.evidence.change()?.retain(|evidence| evidence.day >= first_day);
    }
    Ok(())
}

/// The earliest month with an amount or evidence.
pub(crate) fn first_month(state: &mut HouseholdParts<'_>) -> Result<Option<Month>, CodecError> {
    let of_sums = state.sums.look()?.iter().filter_map(|sum| sum.months.first_month()).min();
    let of_wages = state.members.look()?.iter().filter_map(|member| member.wages.first_month()).min();
    let of_evidence = state.evidence.look()?.iter().map(|evidence| evidence.day).min().map(Day::month);
    Ok([of_sums, of_wages, of_evidence].into_iter().flatten().min())
}

/// Adds or takes back one row.
pub(crate) fn apply<'a>(
    state: &mut HouseholdParts<'a>,
    row: &Row<'a>,
    oldest: Option<Month>,
) -> Result<(), CodecError> {
    if row.sign == 0 {
        return Ok(());
    }
    if row.amount_fen != Fen::ZERO {
        add_to_sums(state, row, oldest)?;
    }
    if row.kind == Kind::Expense {
        note_evidence(state, row, oldest)?;
    }
    if row.category == Category::Wage {
        add_to_wages(state, row, oldest)?;
    }
    Ok(())
}

fn add_to_sums(state: &mut HouseholdParts<'_>, row: &Row<'_>, oldest: Option<Month>) -> Result<(), CodecError> {
    note_month(state, row.month, oldest);
    let sums = state.sums.change()?;
    let at = place(sums, row.category, row.cause);
    sums[at].months.change(|months| spread(months, row, oldest))?;
    if sums[at].months.is_empty() {
        sums.remove(at);
    }
    Ok(())
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
fn place(sums: &mut Vec<Sum<UnreadAmounts<'_>>>, category: Category, cause: Cause) -> usize {
    match sums.binary_search_by_key(&(category, cause), |sum| (sum.category, sum.cause)) {
        Ok(at) => at,
        Err(at) => {
            sums.insert(at, Sum { category, cause, months: UnreadAmounts::default() });
            at
        }
    }
}

/// Keeps the largest expenses of each cause. One that is taken back leaves its place empty: a smaller one that was
/// not kept does not come back (design section 2: evidence may differ between interleavings).
fn note_evidence<'a>(state: &mut HouseholdParts<'a>, row: &Row<'a>, oldest: Option<Month>) -> Result<(), CodecError> {
    if row.sign < 0 {
        if state.evidence.look()?.iter().any(|evidence| evidence.entry == row.entry) {
            state.evidence.change()?.retain(|evidence| evidence.entry != row.entry);
        }
        return Ok(());
    }
    if row.amount_fen <= Fen::ZERO || oldest.is_some_and(|oldest| row.day < oldest.first_day()) {
        return Ok(());
    }
    let held = state.evidence.look()?;
    let order = |evidence: &Evidence<&str>| (evidence.cause, Reverse(evidence.amount_fen), evidence.entry);
    let wanted = (row.cause, Reverse(row.amount_fen), row.entry);
    let Err(at) = held.binary_search_by_key(&wanted, order) else { return Ok(()) };
    let first = held.partition_point(|evidence| evidence.cause < row.cause);
    if at - first >= EVIDENCE_PER_CAUSE_MAX {
        return Ok(());
    }
    note_month(state, row.day.month(), oldest);
    let held = state.evidence.change()?;
    held.insert(
        at,
        Evidence {
            entry: row.entry,
            category: row.category,
            cause: row.cause,
            amount_fen: row.amount_fen,
            day: row.day,
            source: row.source,
            document: row.document,
        },
    );
    let end = held.partition_point(|evidence| evidence.cause <= row.cause);
    if end - first > EVIDENCE_PER_CAUSE_MAX {
        held.remove(end - 1);
    }
    Ok(())
}

/// Adds a wage to those of the member whose it is. A wage that is taken back with its member is gone with him.
fn add_to_wages(state: &mut HouseholdParts<'_>, row: &Row<'_>, oldest: Option<Month>) -> Result<(), CodecError> {
    let Some(person) = row.person else { return Ok(()) };
    if let Ok(at) = state.members.look()?.binary_search_by_key(&person, |member| member.person) {
        // Its month is noted with the sums.
        state.members.change()?[at].wages.change(|wages| spread(wages, row, oldest))?;
    }
    Ok(())
}
