//! How well a department reports (topic `ingest.scorecards`, schema `Scorecard`). It does not know what is counted
//! when: that is resolve's.

use serde::{Deserialize, Serialize};

use crate::{Day, Month};

/// The longest delay, in days, of each bucket of [`Scorecard::delays`] but the last, which is open. What was reported
/// before it occurred has no delay.
pub const DELAY_DAYS_MAX: [i32; 17] = [0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365];

/// What one department reported in one month, as one partition of resolve has seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scorecard {
    /// The department, as in its topic's name.
    pub source: String,
    /// The month in which it reported.
    pub month: Month,
    /// How many things are noted here: it grows with each, so of two cards of a key the higher number is the later.
    pub number: i64,
    /// Corrections of an earlier event.
    pub corrections: i64,
    /// Retractions of an earlier event.
    pub retractions: i64,
    /// Events that came again with other content.
    pub content_changed: i64,
    /// Registrations of a person who belonged to another household.
    pub conflicts: i64,
    /// Records that came again with the same content.
    pub duplicates: i64,
    /// Documents that another department had sent too.
    pub documents_twice: i64,
    /// Records of persons who belonged to no household.
    pub unattributed: i64,
    /// Records that had to wait for their person or household.
    pub parked: i64,
    /// Records that became dead letters in resolve.
    pub refused: i64,
    /// Applied records by the days from occurrence to report, in the buckets of [`DELAY_DAYS_MAX`].
    pub delays: Vec<i64>,
}

impl Scorecard {
    /// A card with nothing on it.
    pub fn new(source: &str, month: Month) -> Self {
        let delays = vec![0; DELAY_DAYS_MAX.len() + 1];
        Self { source: source.to_owned(), month, delays, ..Self::default() }
    }

    /// Counts a record that occurred on one day and was reported on the other.
    pub fn delay(&mut self, occurred_day: Day, reported_day: Day) {
        let days = reported_day.0.saturating_sub(occurred_day.0);
        let bucket = DELAY_DAYS_MAX.partition_point(|max| *max < days);
        if let Some(count) = self.delays.get_mut(bucket) {
            *count += 1;
            self.number += 1;
        }
    }

    /// The record key.
    pub fn key(&self) -> String {
        format!("{}/{}", self.source, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_falls_into_the_first_bucket_that_is_long_enough() {
        for (days, bucket) in [(-9, 0), (0, 0), (1, 1), (4, 4), (5, 4), (6, 5), (365, 16), (366, 17), (9_000, 17)] {
            let mut card = Scorecard::new("water", Month::from_yyyymm(202_503).expect("a month"));
            card.delay(Day(20_000), Day(20_000 + days));
            let found: Vec<_> = card.delays.iter().enumerate().filter(|(_, count)| **count == 1).collect();
            assert_eq!(found, [(bucket, &1)], "{days} days");
            assert_eq!((card.number, card.key().as_str()), (1, "water/2025-03"));
        }
    }
}
