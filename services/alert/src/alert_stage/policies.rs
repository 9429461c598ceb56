//! The policies as far as the reference topic was read, and which of them hold on a day. It does not know what a policy
//! says.

use std::collections::BTreeMap;

use alert_core::{Book, PolicySet};
use runtime::stage::Record;
use schemas::Day;

/// Sets of policies that are kept ready. A set holds until another policy is published or comes into force; partitions
/// may be far apart, above all when all of a city is read again.
const SETS_KEPT: usize = 8;

/// Every policy that was read.
#[derive(Debug, Default)]
pub(super) struct Policies {
    book: Book,
    /// By the era in which they hold.
    sets: BTreeMap<(usize, usize), PolicySet>,
    refused: i64,
}

impl Policies {
    /// Takes a record. One that cannot be used is told, and the one before it holds: `backstop policy apply` publishes
    /// none such.
    pub(super) fn learn(&mut self, record: &Record<'_>) {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let key = text(record.key);
        if let Err(faults) = self.book.learn(record.offset, &key, &text(record.value)) {
            self.refused += 1;
            tracing::error!(policy = key, offset = record.offset, "a policy cannot be used: {faults}");
        }
    }

    /// The policies that hold on a day.
    pub(super) fn at(&mut self, policies_offset: i64, day: Day) -> &PolicySet {
        let era = self.book.era(policies_offset, day);
        if !self.sets.contains_key(&era) {
            let set = self.book.at(policies_offset, day);
            for (name, faults) in &set.refused {
                tracing::error!(policy = name, %day, "a policy cannot be used, the one before it holds: {faults}");
            }
            while self.sets.len() >= SETS_KEPT {
                self.sets.pop_first();
            }
            self.sets.insert(era, set);
        }
        self.sets.entry(era).or_default()
    }

    /// How many records could not be used.
    pub(super) fn refused(&self) -> i64 {
        self.refused
    }
}
