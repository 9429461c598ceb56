//! More households than were simulated, each a copy of one that was, for the end of a month and for restores; and the markers
//! that end the month. It measures nothing.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use schemas::codec;
use schemas::records::{Coverage, DayClosed, HouseholdState};
use schemas::{Day, HouseholdCode};

use super::clients::Output;
use super::fill::Filled;
use crate::simulate::{FIRST_VILLAGE, TOWNSHIP_VILLAGES};
use crate::topic;

/// What alert reads.
const STATES: &str = "households.states";
/// Serial numbers of households in a village: the last four digits of a code.
const SERIALS: u64 = 10_000;
/// Numbers of villages in a township: the three digits before them.
const VILLAGES: u64 = 1_000;

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

    /// Publishes copies of whole villages under other codes of their townships, until there are so many households or the
    /// townships have no codes left: the villages of a larger city are more, not larger. Returns how many records were
    /// written in all.
    pub(super) fn grow(&mut self, brokers: &str, households: u64) -> Result<u64> {
        let output = Output::idempotent(brokers)?;
        let (first, step) = (u64::from(FIRST_VILLAGE), u64::from(TOWNSHIP_VILLAGES));
        let rounds = (1..).map(|round| round * step).take_while(|shift| first + shift + step <= VILLAGES);
        let copies = rounds.flat_map(|shift| {
            self.states.iter().filter_map(move |(code, state)| {
                // Villages beyond those of the township are typing errors.
                let is_copied = (first..first + step).contains(&(code.number() / SERIALS % VILLAGES));
                let copy = HouseholdCode::from_number(code.number() + shift * SERIALS).ok()?;
                is_copied.then_some((copy, state))
            })
        });
        let free = copies.filter(|(household, _)| !self.states.contains_key(household));
        let wanted = usize::try_from(households.saturating_sub(self.states.len() as u64))?;
        let mut added = 0;
        for (household, (partition, bytes)) in free.take(wanted).skip(self.added as usize) {
            let state: HouseholdState = HouseholdState { household, number: 1, ..codec::decode(bytes)? };
            let mut value = Vec::new();
            codec::encode(&state, &mut value)?;
            output.send(STATES, Some(*partition), &household.digits(), Some(&value))?;
            added += 1;
        }
        self.added += added;
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
