//! The policies as far as the reference topic was read, and which of them hold on a day. It does not know what a policy
//! says.

use std::collections::BTreeMap;

use alert_core::{Book, PolicySet};
use runtime::stage::Record;
use schemas::Day;

/// Days for which the policies that hold are kept ready: partitions are rarely further apart.
const DAYS_KEPT: usize = 8;

/// Every policy that was read.
#[derive(Debug, Default)]
pub(super) struct Policies {
    book: Book,
    /// By `policies_offset` and day.
    sets: BTreeMap<(i64, Day), PolicySet>,
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
        let key = (policies_offset, day);
        if !self.sets.contains_key(&key) {
            let set = self.book.at(policies_offset, day);
            for (name, faults) in &set.refused {
                tracing::error!(policy = name, %day, "a policy cannot be used, the one before it holds: {faults}");
            }
            while self.sets.len() >= DAYS_KEPT {
                self.sets.pop_first();
            }
            self.sets.insert(key, set);
        }
        self.sets.entry(key).or_default()
    }

    /// How many records could not be used.
    pub(super) fn refused(&self) -> i64 {
        self.refused
    }
}
