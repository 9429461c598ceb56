//! Amounts by month: what the sums and wages of a household's state consist of. It does not know what they are sums of.

use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError, Unread};
use crate::{Fen, Month};

/// Amounts by month (schema `MonthlyAmounts`), in one row from the first month with an amount to the last one. A month
/// between them without one takes a byte; a family's months mostly follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthlyAmounts {
    /// The month of the first amount; without meaning where there is none.
    first_month: Month,
    /// The amounts in fen. Neither the first nor the last is zero.
    #[serde(serialize_with = "codec::sized")]
    amounts_fen: Vec<Fen>,
}

/// Amounts by month that are read when they are changed (schema `MonthlyAmounts`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadAmounts<'a> {
    first_month: Month,
    #[serde(borrow)]
    amounts_fen: Unread<'a, Fen>,
}

impl UnreadAmounts<'_> {
    /// Whether no month has an amount.
    pub fn is_empty(&self) -> bool {
        self.amounts_fen.is_empty()
    }

    /// The first month with an amount.
    pub fn first_month(&self) -> Option<Month> {
        (!self.is_empty()).then_some(self.first_month)
    }

    /// Changes the amounts.
    ///
    /// # Errors
    /// [`CodecError::List`] where the bytes are no amounts.
    pub fn change(&mut self, change: impl FnOnce(&mut MonthlyAmounts)) -> Result<(), CodecError> {
        let amounts_fen = self.amounts_fen.change()?;
        let mut amounts = MonthlyAmounts { first_month: self.first_month, amounts_fen: std::mem::take(amounts_fen) };
        change(&mut amounts);
        (self.first_month, *amounts_fen) = (amounts.first_month, amounts.amounts_fen);
        Ok(())
    }
}

/// The amount of one month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthAmount {
    /// The month.
    pub month: Month,
    /// The amount in fen.
    pub amount_fen: Fen,
}

impl MonthlyAmounts {
    /// Whether no month has an amount.
    pub const fn is_empty(&self) -> bool {
        self.amounts_fen.is_empty()
    }

    /// The first month with an amount.
    pub fn first_month(&self) -> Option<Month> {
        (!self.is_empty()).then_some(self.first_month)
    }

    /// The amounts from the first month with one to the last, in fen; zero for a month without one.
    pub fn amounts(&self) -> &[Fen] {
        &self.amounts_fen
    }

    /// The amount of a month; zero where there is none.
    pub fn of(&self, month: Month) -> Fen {
        let at = usize::try_from(month.since(self.first_month)).ok();
        at.and_then(|at| self.amounts_fen.get(at)).copied().unwrap_or_default()
    }

    /// The sum over the months from `first` to `last`, both included.
    #[inline]
    pub fn total(&self, first: Month, last: Month) -> Fen {
        self.row(first, last).iter().fold(Fen::ZERO, |total, amount| total.plus(*amount))
    }

    /// The amounts from `first` to `last` as they lie in the row, those that are zero among them.
    #[inline]
    fn row(&self, first: Month, last: Month) -> &[Fen] {
        let place = |month: Month| usize::try_from(month.since(self.first_month).max(0)).unwrap_or(0);
        let (from, to) = (place(first), place(last.plus(1)).min(self.amounts_fen.len()));
        self.amounts_fen.get(from..to).unwrap_or_default()
    }

    /// The months with an amount, in order.
    pub fn iter(&self) -> impl Iterator<Item = MonthAmount> {
        let months = self.amounts_fen.iter().enumerate().filter(|(_, amount_fen)| **amount_fen != Fen::ZERO);
        months.map(|(at, amount_fen)| MonthAmount { month: self.first_month.plus(at as i32), amount_fen: *amount_fen })
    }

    /// The months with an amount from `first` to `last`, both included, in order.
    pub fn within(&self, first: Month, last: Month) -> impl Iterator<Item = MonthAmount> {
        self.iter().skip_while(move |one| one.month < first).take_while(move |one| one.month <= last)
    }

    /// Adds to the amount of a month.
    pub fn add(&mut self, month: Month, more: Fen) {
        if more == Fen::ZERO {
            return;
        }
        if self.is_empty() {
            self.first_month = month;
        }
        let before = self.first_month.since(month);
        if before > 0 {
            self.amounts_fen.splice(0..0, std::iter::repeat_n(Fen::ZERO, before as usize));
            self.first_month = month;
        }
        let at = month.since(self.first_month) as usize;
        if at >= self.amounts_fen.len() {
            self.amounts_fen.resize(at + 1, Fen::ZERO);
        }
        self.amounts_fen[at] = self.amounts_fen[at].plus(more);
        self.close_up();
    }

    /// Forgets the months before this one.
    pub fn drop_before(&mut self, month: Month) {
        let gone = usize::try_from(month.since(self.first_month)).unwrap_or(0).min(self.amounts_fen.len());
        if gone > 0 && !self.is_empty() {
            self.amounts_fen.drain(..gone);
            self.first_month = month;
            self.close_up();
        }
    }

    /// Takes zeros off both ends.
    fn close_up(&mut self) {
        while self.amounts_fen.last() == Some(&Fen::ZERO) {
            self.amounts_fen.pop();
        }
        let zeros = self.amounts_fen.iter().take_while(|amount| **amount == Fen::ZERO).count();
        if zeros > 0 {
            self.amounts_fen.drain(..zeros);
            self.first_month = self.first_month.plus(zeros as i32);
        }
        if self.is_empty() {
            self.first_month = Month::default();
        }
    }
}

impl FromIterator<(Month, Fen)> for MonthlyAmounts {
    fn from_iter<I: IntoIterator<Item = (Month, Fen)>>(amounts: I) -> Self {
        let mut months = Self::default();
        for (month, amount_fen) in amounts {
            months.add(month, amount_fen);
        }
        months
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn amounts_by_month_are_those_of_a_map(
            steps in prop::collection::vec((0..40_i32, -2..3_i64, prop::option::of(0..40_i32)), 0..60),
            (first, last) in (0..40_i32, 0..40_i32),
        ) {
            let (mut months, mut expected) = (MonthlyAmounts::default(), BTreeMap::<Month, Fen>::new());
            for (month, amount, dropped) in steps {
                let (month, amount) = (Month(24_000 + month), Fen(amount));
                months.add(month, amount);
                let sum = expected.entry(month).or_default();
                *sum = sum.plus(amount);
                if let Some(dropped) = dropped {
                    months.drop_before(Month(24_000 + dropped));
                    expected.retain(|month, _| *month >= Month(24_000 + dropped));
                }
                expected.retain(|_, amount| *amount != Fen::ZERO);
                let found: Vec<_> = months.iter().map(|one| (one.month, one.amount_fen)).collect();
                prop_assert_eq!(&found, &expected.iter().map(|(month, amount)| (*month, *amount)).collect::<Vec<_>>());
                prop_assert_eq!(months.first_month(), expected.keys().next().copied());
                prop_assert_eq!(&months, &found.iter().copied().collect::<MonthlyAmounts>(), "one form for the same amounts");
            }
            let (first, last) = (Month(24_000 + first), Month(24_000 + last));
            let within: Vec<_> = months.within(first, last).map(|one| one.amount_fen.0).collect();
            let of_map: Vec<_> = expected.iter().filter(|(month, _)| first <= **month && **month <= last).collect();
            prop_assert_eq!(within, of_map.iter().map(|(_, amount)| amount.0).collect::<Vec<_>>());
            prop_assert_eq!(months.total(first, last).0, of_map.iter().map(|(_, amount)| amount.0).sum::<i64>());
            prop_assert_eq!(months.of(first), expected.get(&first).copied().unwrap_or_default());
        }
    }
}
