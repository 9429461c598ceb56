//! More ledgers than were simulated, each a copy of one that was, in resolve's changelog. It measures nothing.

use std::collections::BTreeMap;

use anyhow::Result;

use super::clients::Output;
use crate::topic;

/// Resolve's changelog.
const LEDGERS: &str = "subjects.ledger";
/// Bytes of a person's token in a key; a household's code is shorter.
const TOKEN_BYTES: usize = 32;

/// The ledgers of persons that the changelog holds.
pub(super) struct Ledgers {
    /// The newest record of each part of a ledger, by its key, with its partition.
    parts: BTreeMap<Vec<u8>, (i32, Vec<u8>)>,
    /// How many times they were copied.
    copies: u32,
}

impl Ledgers {
    /// Reads them.
    pub(super) fn read(brokers: &str) -> Result<Self> {
        let mut parts = BTreeMap::new();
        topic::for_each(brokers, LEDGERS, |record| {
            let key = record.key.unwrap_or_default();
            if key.iter().position(|byte| *byte == b'/') == Some(TOKEN_BYTES) {
                match record.value {
                    Some(value) => parts.insert(key.to_vec(), (record.partition, value.to_vec())),
                    None => parts.remove(key),
                };
            }
            Ok(())
        })?;
        Ok(Self { parts, copies: 0 })
    }

    /// Writes copies under other tokens, as if resolve had, until there are `times` as many, or so many records as
    /// `records_max` allows. What the whole changelog holds of persons then is so many times what it held.
    pub(super) fn grow(&mut self, brokers: &str, times: u64, records_max: u64) -> Result<u64> {
        let output = Output::idempotent(brokers)?;
        let possible = records_max.checked_div(self.parts.len() as u64).unwrap_or(1);
        let wanted = times.min(possible.max(1));
        while u64::from(self.copies) + 1 < wanted {
            self.copies += 1;
            for (key, (partition, value)) in &self.parts {
                output.send(LEDGERS, Some(*partition), &renamed(key, self.copies), Some(value))?;
            }
            output.flush()?;
        }
        Ok(u64::from(self.copies) + 1)
    }
}

/// The key with the first half of its token counted up: tokens are drawn at random, so no other one has it.
fn renamed(key: &[u8], copy: u32) -> Vec<u8> {
    let mut renamed = format!("{copy:08x}").into_bytes();
    renamed.extend_from_slice(key.get(renamed.len()..).unwrap_or_default());
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_the_part_and_has_a_token_of_its_own() {
        let key = b"e40466e15b1c4f00a1b2c3d4e5f60718/202501";
        assert_eq!(renamed(key, 31), b"0000001f5b1c4f00a1b2c3d4e5f60718/202501");
        assert_ne!(renamed(key, 1), renamed(key, 2));
    }
}
