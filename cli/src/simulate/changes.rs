//! How families change, and how often departments put right what they said before (domain sections 2, 3 and 6). All of
//! it is on unless a run is told otherwise. It does not know what is written into a feed for it.
//!
//! | Rate (millionths) | Default | What it does |
//! |---|---|---|
//! | `death_ppm` | 1,000,000 of the deaths by age | somebody dies |
//! | `marriage_ppm` | 2,500 of children of 20 to 31 a month | moves into another household |
//! | `unsaid_ppm` | 150,000 of marriages | nobody says that the old household is left: two registrations at once |
//! | `departure_ppm` | 300 of adults but the head a month | leaves for nowhere (work elsewhere, divorce) |
//! | `return_ppm` | 60,000 of those who left a month | comes back |
//! | `arrival_ppm` | 800 of households a month | somebody whom no feed knew joins |
//! | `split_ppm` | 600 of households of three and more a month | a grown child founds a household of its own |
//! | `merge_ppm` | 3,000 of households of one or two elders a month | moves into another household, and its code ends |
//! | `merge_again_ppm` | 15,000 of households that took one in a month | the same happens to it |
//! | `announced_ppm` | 100,000 of moves | reported before the day from which it counts |
//! | `late_join_ppm` | 50,000 of births | the child is registered 3 to 12 months later |
//! | `twins_ppm` | 15,000 of births | two children |
//! | `two_households_ppm` | 150 of households a month | a member is registered elsewhere too, and taken back after 10 to 90 days |
//! | `corrected_ppm` | 6,000 of events with an amount or date | wrong at first, corrected within 60 days |
//! | `content_changed_ppm` | 1,500 of the same | wrong at first, then sent again under the same id |
//! | `retracted_ppm` | 2,000 of events | sent a second time under another id, and that one taken back within 30 days |
//! | `again_ppm` | 100,000 of corrections and retractions | they are corrected or retracted themselves |
//! | `op_first_ppm` | 50,000 of what is put right | what puts it right arrives up to 20 days before it |
//! | `very_late_ppm` | 500 of events | comes 120 to 300 days late |
//! | `document_twice_ppm` | 300,000 of reliefs and inpatient bills | the other department that grants relief, or the hospital's, reports the same document too |

use clap::Args;

/// Declares the rates with their defaults.
macro_rules! rates {
    ($($name:ident = $default:literal),* $(,)?) => {
        /// The rates, in millionths.
        #[derive(Clone, Debug, Args)]
        #[allow(missing_docs, reason = "the table above says what each does")]
        pub(crate) struct ChangeRates {
            $(#[arg(long, default_value_t = $default)] pub(crate) $name: u32),*
        }

        impl Default for ChangeRates {
            /// The defaults of the table.
            fn default() -> Self {
                Self { $($name: $default),* }
            }
        }

        impl ChangeRates {
            /// Families stay as they are, and nobody takes anything back.
            pub(crate) fn none() -> Self {
                Self { $($name: 0),* }
            }
        }
    };
}

rates! {
    death_ppm = 1_000_000,
    marriage_ppm = 2_500,
    unsaid_ppm = 150_000,
    departure_ppm = 300,
    return_ppm = 60_000,
    arrival_ppm = 800,
    split_ppm = 600,
    merge_ppm = 3_000,
    merge_again_ppm = 15_000,
    announced_ppm = 100_000,
    late_join_ppm = 50_000,
    twins_ppm = 15_000,
    two_households_ppm = 150,
    corrected_ppm = 6_000,
    content_changed_ppm = 1_500,
    retracted_ppm = 2_000,
    again_ppm = 100_000,
    op_first_ppm = 50_000,
    very_late_ppm = 500,
    document_twice_ppm = 300_000,
}
