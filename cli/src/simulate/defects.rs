//! What goes wrong in the feeds, and how often (domain section 3: "all of it seen in real systems"). It does not
//! know which events a household has.
//!
//! | Rate (millionths) | Default | What it does |
//! |---|---|---|
//! | `bad_number_ppm` | 3,000 of events with a person | the check character of the citizen number is wrong |
//! | `certificate_ppm` | 10,000 of events with a person | a certificate of 20 or 22 characters in place of the number (valid); the disabled persons' federation always does so |
//! | `old_number_ppm` | 2,000 of events with a person born before 2000 | the number of 15 digits, of the old kind (valid) |
//! | `lower_case_ppm` | 100,000 of numbers that end in X | the X in lower case (valid) |
//! | `number_in_event_id_ppm` | 30,000 of events with a person | the event id contains the citizen number; civil affairs always does so |
//! | `number_in_document_ppm` | 100,000 of events with a document | the document number contains it |
//! | `resent_ppm` | 5,000 of events | the same event comes again within 20 days |
//! | `resent_file_ppm` | 5,000 of days of a department | the whole file of the day comes again on the next |
//! | `late_ppm` | 4,000 of events | comes 20 to 120 days late |
//! | `late_month_ppm` | 20,000 of months of a county's department | the month comes 20 to 60 days late |
//! | `silent_ppm` | 60,000 of a county's departments a year | nothing comes for 14 to 35 days |
//! | `stranger_ppm` | 1,000 of events with a person | the same about a person whom nobody knows comes too |
//! | `late_registration_ppm` | 4,000 of households | registered 1 to 6 months after the beginning |
//! | `unsurveyed_ppm` | 80,000 of households | no survey ever |
//! | `garbage_ppm` | 300 of events | bytes without sense come too, or the event cut short, or none at all |
//! | `unknown_schema_ppm` | 100 of events | the event comes too under a schema id that nobody knows |
//! | `negative_ppm` | 300 of medical settlements | the same with negative amounts comes too |
//! | `zero_cost_ppm` | 15,000 of medical settlements | nothing was paid out of pocket |
//! | `oversized_ppm` | 0 of events | a record of 1.5 MB comes too (most brokers refuse it) |

use clap::Args;
use schemas::Day;

use super::dice::coin;

/// Domains of [`coin`], so that no two decisions share a draw.
const LATE_MONTH: u64 = 101;
const SILENT: u64 = 102;
const RESENT_FILE: u64 = 103;

/// The rates, in millionths.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_field_names, reason = "the unit is part of each name")]
#[allow(missing_docs, reason = "the table above says what each does")]
pub(crate) struct Rates {
    #[arg(long, default_value_t = 3_000)]
    pub(crate) bad_number_ppm: u32,
    #[arg(long, default_value_t = 10_000)]
    pub(crate) certificate_ppm: u32,
    #[arg(long, default_value_t = 2_000)]
    pub(crate) old_number_ppm: u32,
    #[arg(long, default_value_t = 100_000)]
    pub(crate) lower_case_ppm: u32,
    #[arg(long, default_value_t = 30_000)]
    pub(crate) number_in_event_id_ppm: u32,
    #[arg(long, default_value_t = 100_000)]
    pub(crate) number_in_document_ppm: u32,
    #[arg(long, default_value_t = 5_000)]
    pub(crate) resent_ppm: u32,
    #[arg(long, default_value_t = 5_000)]
    pub(crate) resent_file_ppm: u32,
    #[arg(long, default_value_t = 4_000)]
    pub(crate) late_ppm: u32,
    #[arg(long, default_value_t = 20_000)]
    pub(crate) late_month_ppm: u32,
    #[arg(long, default_value_t = 60_000)]
    pub(crate) silent_ppm: u32,
    #[arg(long, default_value_t = 1_000)]
    pub(crate) stranger_ppm: u32,
    #[arg(long, default_value_t = 4_000)]
    pub(crate) late_registration_ppm: u32,
    #[arg(long, default_value_t = 80_000)]
    pub(crate) unsurveyed_ppm: u32,
    #[arg(long, default_value_t = 300)]
    pub(crate) garbage_ppm: u32,
    #[arg(long, default_value_t = 100)]
    pub(crate) unknown_schema_ppm: u32,
    #[arg(long, default_value_t = 300)]
    pub(crate) negative_ppm: u32,
    #[arg(long, default_value_t = 15_000)]
    pub(crate) zero_cost_ppm: u32,
    #[arg(long, default_value_t = 0)]
    pub(crate) oversized_ppm: u32,
}

impl Default for Rates {
    /// The defaults of the table.
    fn default() -> Self {
        Self {
            bad_number_ppm: 3_000,
            certificate_ppm: 10_000,
            old_number_ppm: 2_000,
            lower_case_ppm: 100_000,
            number_in_event_id_ppm: 30_000,
            number_in_document_ppm: 100_000,
            resent_ppm: 5_000,
            resent_file_ppm: 5_000,
            late_ppm: 4_000,
            late_month_ppm: 20_000,
            silent_ppm: 60_000,
            stranger_ppm: 1_000,
            late_registration_ppm: 4_000,
            unsurveyed_ppm: 80_000,
            garbage_ppm: 300,
            unknown_schema_ppm: 100,
            negative_ppm: 300,
            zero_cost_ppm: 15_000,
            oversized_ppm: 0,
        }
    }
}

impl Rates {
    /// No defect at all: feeds as they should be.
    pub(crate) fn none() -> Self {
        Self {
            bad_number_ppm: 0,
            certificate_ppm: 0,
            old_number_ppm: 0,
            lower_case_ppm: 0,
            number_in_event_id_ppm: 0,
            number_in_document_ppm: 0,
            resent_ppm: 0,
            resent_file_ppm: 0,
            late_ppm: 0,
            late_month_ppm: 0,
            silent_ppm: 0,
            stranger_ppm: 0,
            late_registration_ppm: 0,
            unsurveyed_ppm: 0,
            garbage_ppm: 0,
            unknown_schema_ppm: 0,
            negative_ppm: 0,
            zero_cost_ppm: 0,
            oversized_ppm: 0,
        }
    }

    /// The day on which a file of a county's department comes that should come on `due`: later where its month is
    /// late or the department silent there.
    pub(crate) fn published(&self, seed: u64, feed: u64, county: usize, occurred: Day, due: Day) -> Day {
        let month = coin(seed, [LATE_MONTH, feed, county as u64, occurred.month().0 as u64]);
        let mut day = due;
        if comes_true(month, self.late_month_ppm) {
            day = day.plus(20 + (month >> 40) as i32 % 41);
        }
        let year = day.month().year();
        let silence = coin(seed, [SILENT, feed, county as u64, year as u64]);
        if comes_true(silence, self.silent_ppm) {
            let from = Day::of(year, 1, 1).unwrap_or_default().plus((silence >> 40) as i32 % 330);
            let until = from.plus(14 + (silence >> 52) as i32 % 22);
            if day >= from && day < until {
                day = until;
            }
        }
        day
    }

    /// Whether the file of a department's day is sent again on the next day.
    pub(crate) fn file_resent(&self, seed: u64, feed: u64, day: Day) -> bool {
        comes_true(coin(seed, [RESENT_FILE, feed, day.0 as u64, 0]), self.resent_file_ppm)
    }
}

/// Whether a draw of 64 bits lies within the rate, by its lower 32 bits.
fn comes_true(draw: u64, ppm: u32) -> bool {
    (draw & 0xffff_ffff) * 1_000_000 < u64::from(ppm) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_department_sends_its_days_when_it_speaks_again() {
        let rates = Rates { silent_ppm: 1_000_000, ..Rates::none() };
        let first = Day::parse("2025-01-01").expect("a day");
        let moved: Vec<Day> =
            (0..365).map(|day| first.plus(day)).filter(|day| rates.published(5, 3, 2, *day, *day) != *day).collect();
        assert!((14..=35).contains(&moved.len()), "{}", moved.len());
        let until = rates.published(5, 3, 2, moved[0], moved[0]);
        assert!(moved.iter().all(|day| rates.published(5, 3, 2, *day, *day) == until));
    }

    #[test]
    fn feeds_without_defects_come_when_they_are_due() {
        let day = Day::parse("2025-03-01").expect("a day");
        for feed in 0..14 {
            assert_eq!(Rates::none().published(1, feed, 0, day, day), day);
            assert!(!Rates::none().file_resent(1, feed, day));
        }
    }
}
