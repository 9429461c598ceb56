//! More households than were simulated, each a copy of one that was, for the end of a month and for restores; and the markers
//! that end the month. It measures nothing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use schemas::codec;
use schemas::records::{Coverage, DayClosed, HouseholdState};
use schemas::{Day, HouseholdCode};

use super::clients::Output;
use super::fill::Filled;
use crate::topic;

/// What alert reads.
const STATES: &str = "households.states";
/// Serial numbers of households in a village: the last four digits of a code.
const SERIALS: u64 = 10_000;

/// What the states' topic holds.
#[derive(Default)]
pub(super) struct City {
    /// The newest state of each household, with its partition.
    states: BTreeMap<HouseholdCode, (i32, Vec<u8>)>,
    /// What was heard, from whom and for which county.
    coverage: BTreeMap<(String, i32), Coverage>,
    partitions: i32,
    /// Households that were added.
    added: u64,
}

impl City {
    /// Reads the states.
    pub(super) fn read(brokers: &str) -> Result<Self> {
        let mut city = Self::default();
        topic::for_each(brokers, STATES, |record| {
            city.partitions = city.partitions.max(record.partition + 1);
            let value = record.value.unwrap_or_default();
            if codec::is::<HouseholdState>(value) {
                let key = std::str::from_utf8(record.key.unwrap_or_default())?;
                city.states.insert(HouseholdCode::parse(key)?, (record.partition, value.to_vec()));
            } else if codec::is::<DayClosed>(value) {
                for one in codec::decode::<DayClosed>(value)?.coverage {
                    city.coverage.insert((one.source.clone(), one.county.0), one);
                }
            }
            Ok(())
        })?;
        ensure!(!city.states.is_empty(), "{STATES} holds no state");
        Ok(city)
    }

    /// Households in all.
    pub(super) fn households(&self) -> u64 {
        self.states.len() as u64 + self.added
    }

    /// Publishes copies of the households under codes of the same villages, until there are so many. Returns how many
    /// records were written in all.
    pub(super) fn grow(&mut self, brokers: &str, households: u64) -> Result<u64> {
        let output = Output::idempotent(brokers)?;
        // Copies come after the largest serial number of all villages, so that no code is there twice.
        let step = self.states.keys().map(|code| code.number() % SERIALS).max().unwrap_or_default() + 1;
        let rounds = (1..).map(|round| round * step).take_while(|shift| shift + step <= SERIALS);
        let originals = rounds.flat_map(|shift| self.states.iter().map(move |state| (shift, state)));
        let wanted = households.saturating_sub(self.states.len() as u64);
        let added_before = self.added as usize;
        for (shift, (code, (partition, bytes))) in originals.take(usize::try_from(wanted)?).skip(added_before) {
            let household = HouseholdCode::from_number(code.number() + shift).context("a copy's code")?;
            let state = HouseholdState { household, number: 1, ..codec::decode(bytes)? };
            let mut value = Vec::new();
            codec::encode(&state, &mut value)?;
            output.send(STATES, Some(*partition), &household.digits(), Some(&value))?;
            self.added += 1;
        }
        output.flush()?;
        Ok(self.added)
    }

    /// Ends the month that is on its way, in every partition; each feed is heard to its end. Returns how many records were
    /// written.
    pub(super) fn end_month(&self, brokers: &str, filled: Filled) -> Result<u64> {
        let output = Output::idempotent(brokers)?;
        let day = filled.last_day.plus(1).month().last_day();
        let coverage: Vec<Coverage> = self.coverage.values().map(|one| Coverage { day, ..one.clone() }).collect();
        for partition in 0..self.partitions {
            let marker = Self::marker(day, partition, filled.policies, coverage.clone());
            let mut value = Vec::new();
            codec::encode(&marker, &mut value)?;
            output.send(STATES, Some(partition), marker.key().as_bytes(), Some(&value))?;
        }
        output.flush()?;
        Ok(u64::from(self.partitions.unsigned_abs()))
    }

    /// As fuse says it.
    fn marker(day: Day, partition: i32, policies_offset: i64, coverage: Vec<Coverage>) -> DayClosed {
        DayClosed { day, from: format!("households.entries/{partition}"), of: 1, policies_offset, coverage }
    }
}
