//! The books beside the cores: every record ends once, and what is taken back was said before, word for word. It does
//! not know why something is said.

use std::collections::BTreeMap;

use schemas::EntryId;
use schemas::records::{HouseholdEntry, Row};

use crate::reference::Ends;

/// What was counted and what stands.
#[derive(Debug, Default)]
pub(crate) struct Books {
    ends: Ends,
    came: i64,
    /// What was said of a household and not taken back, by entry.
    standing: BTreeMap<(String, EntryId), String>,
    /// What was wrong.
    pub(crate) faults: Vec<String>,
}

impl Books {
    /// A record came in.
    pub(crate) fn came(&mut self) {
        self.came += 1;
    }

    pub(crate) fn count(&mut self, word: &str, count: i64) {
        *self.ends.entry(word.to_owned()).or_default() += count;
    }

    /// How many records ended how.
    pub(crate) fn ends(&self) -> Ends {
        let mut ends = self.ends.clone();
        ends.retain(|_, count| *count != 0);
        ends
    }

    /// Whether every record that came has ended once, or waits.
    pub(crate) fn balance(&self) -> Result<(), String> {
        let ended: i64 = self.ends.values().sum();
        if ended == self.came {
            Ok(())
        } else {
            Err(format!("{} records came, {ended} ended: {:?}", self.came, self.ends))
        }
    }

    /// Looks at all that one input causes in a household.
    pub(crate) fn published(&mut self, entry: &HouseholdEntry<'_>) {
        if entry.rows.is_empty() && entry.facts.is_empty() {
            self.faults.push(format!("household {}: a record that says nothing", entry.household));
        }
        let order = |sign: &i32| *sign > 0;
        let rows = entry.rows.iter().map(|row| row.sign);
        let facts = entry.facts.iter().map(|fact| fact.sign);
        if !rows.is_sorted_by_key(|sign| order(&sign)) || !facts.is_sorted_by_key(|sign| order(&sign)) {
            self.faults.push(format!("household {}: an addition before a reversal", entry.household));
        }
        for sign in [-1, 1] {
            for row in entry.rows.iter().filter(|row| row.sign == sign) {
                let said = format!("{:?}", Row { sign: 1, ..row.clone() });
                self.note(&format!("{} row", entry.household), row.entry, sign, &said);
            }
            for fact in entry.facts.iter().filter(|fact| fact.sign == sign) {
                let said = format!("{:?}", schemas::records::Fact { sign: 1, ..fact.clone() });
                self.note(&format!("{} fact {}", entry.household, fact.code), fact.entry, sign, &said);
            }
        }
    }

    fn note(&mut self, place: &str, entry: EntryId, sign: i32, said: &str) {
        let key = (place.to_owned(), entry);
        if sign > 0 {
            if let Some(before) = self.standing.insert(key, said.to_owned()) {
                self.faults.push(format!("{place}: said twice: {before} and {said}"));
            }
        } else {
            match self.standing.remove(&key) {
                None => self.faults.push(format!("{place}: taken back without having been said: {said}")),
                Some(before) if before != said => {
                    self.faults.push(format!("{place}: taken back\n    {said}\n    but said was\n    {before}"));
                }
                Some(_) => {}
            }
        }
    }
}
