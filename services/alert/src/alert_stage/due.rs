//! When a household is to be looked at without any news, because a rule counts days: an index that is a function of the
//! states and the policies, so that it is made anew after a restart. It does not know which rules count days.

use std::collections::{BTreeMap, BTreeSet};

use schemas::Day;

/// The next due day of each household that has one.
#[derive(Debug, Default)]
pub(super) struct Due {
    by_day: BTreeSet<(Day, u64)>,
    by_household: BTreeMap<u64, Day>,
}

impl Due {
    /// Sets the next due day of a household.
    pub(super) fn set(&mut self, household: u64, day: Option<Day>) {
        let before = match day {
            Some(day) => {
                self.by_day.insert((day, household));
                self.by_household.insert(household, day)
            }
            None => self.by_household.remove(&household),
        };
        if let Some(before) = before.filter(|before| Some(*before) != day) {
            self.by_day.remove(&(before, household));
        }
    }

    /// The households that are due on `day` or before it, in the order of their codes.
    pub(super) fn until(&self, day: Day) -> Vec<u64> {
        let mut households: Vec<u64> = self.by_day.range(..=(day, u64::MAX)).map(|(_, household)| *household).collect();
        households.sort_unstable();
        households
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_due_on_its_last_said_day_only() {
        let mut due = Due::default();
        for (household, day) in [(7, Some(10)), (3, Some(10)), (5, Some(11)), (7, Some(12)), (3, Some(10)), (9, None)] {
            due.set(household, day.map(Day));
        }
        assert_eq!((due.until(Day(9)), due.until(Day(10)), due.until(Day(11))), (vec![], vec![3], vec![3, 5]));
        due.set(3, None);
        assert_eq!(due.until(Day(12)), [5, 7]);
    }
}
