//! Whether the explanation of a household is the same from the topics and from ClickHouse. It does not know what an
//! explanation says.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use runtime::stage::Record;
use schemas::HouseholdCode;
use schemas::codec;
use schemas::records::{Case, HouseholdEntry, Step};

use crate::explain;

/// Households of each kind that are explained.
const HOUSEHOLDS: usize = 3;

/// The households to explain: some with an open case, and some of whose rows one was taken back.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    reversed: BTreeSet<HouseholdCode>,
}

impl Chosen {
    /// Looks at a record of `households.entries`.
    pub(super) fn look(&mut self, record: &Record<'_>) -> Result<()> {
        let value = record.value.filter(|value| codec::is::<HouseholdEntry<'_>>(value));
        let Some(value) = value.filter(|_| self.reversed.len() < HOUSEHOLDS) else { return Ok(()) };
        let entry: HouseholdEntry<'_> = codec::decode(value).context("a record of households.entries")?;
        if entry.rows.iter().any(|row| row.sign < 0) {
            self.reversed.insert(entry.household);
        }
        Ok(())
    }

    /// How many of them are explained in two ways. The archive works behind, so it is given time until the limit.
    pub(super) fn different(mut self, brokers: &str, url: &str, cases: &[Case], limit: Duration) -> Result<usize> {
        let open = cases.iter().filter(|case| case.step != Step::None).map(|case| case.household);
        self.reversed.extend(open.take(HOUSEHOLDS));
        let begun = Instant::now();
        let mut count = 0;
        for household in self.reversed {
            loop {
                let [topics, archive] = explain::both(brokers, url, household)?;
                if topics == archive && !topics.is_empty() {
                    break;
                }
                if begun.elapsed() > limit {
                    count += 1;
                    break;
                }
            }
        }
        Ok(count)
    }
}
