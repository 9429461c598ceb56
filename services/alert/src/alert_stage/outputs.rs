//! Where what alert says goes: cases, warnings, and to each receiver its part. It does not know why anything is said.

use alert_core::Said;
use runtime::stage::{Outbox, Outgoing, Placement};
use schemas::HouseholdCode;
use schemas::codec::{self, CodecError, Recorded};
use schemas::records::{Case, PROGRESS_KEY};
use serde::Serialize;

use super::partition::{AlertPartition, WITHOUT_TOPIC};

/// The place of `households.cases` among the outputs.
const CASES_OUTPUT: usize = 0;
/// The place of `warnings`.
const WARNINGS_OUTPUT: usize = 1;
/// The place of the first receiver's topic.
const RECEIVERS_OUTPUT: usize = 2;
/// Digits of a household code that name its village.
const VILLAGE_DIGITS: usize = 12;

/// Writes records into the outbox.
#[derive(Debug)]
pub(super) struct Outputs {
    /// Who has a topic of warnings, in the order of the topics.
    receivers: Vec<String>,
    /// Bytes of the case being written, reused.
    scratch: Vec<u8>,
}

impl Outputs {
    pub(super) fn new(receivers: Vec<String>) -> Self {
        Self { receivers, scratch: Vec::new() }
    }

    /// The topics, in the order of their places.
    pub(super) fn topics(&self) -> Vec<String> {
        let fixed = ["households.cases", "warnings"].map(str::to_owned);
        fixed.into_iter().chain(self.receivers.iter().map(|receiver| format!("warnings.{receiver}"))).collect()
    }

    /// Publishes a case.
    pub(super) fn case(
        &mut self,
        partition: &mut AlertPartition,
        case: &Case,
        outbox: &mut Outbox,
    ) -> Result<(), CodecError> {
        self.scratch.clear();
        codec::encode(case, &mut self.scratch)?;
        partition.cases.put(case.household.number(), &self.scratch);
        let key = case.household.digits();
        let placement = Placement::Partition(partition.number);
        let value = Some(&self.scratch[..]);
        outbox.publish(Outgoing { output: CASES_OUTPUT, placement, key: Some(&key), value }, &[]);
        Ok(())
    }

    /// Publishes a warning, whole and to each receiver its part. A receiver of the policy without a topic is counted:
    /// the whole warning is there all the same.
    pub(super) fn said(
        &self,
        partition: &mut AlertPartition,
        said: &Said,
        outbox: &mut Outbox,
    ) -> Result<(), CodecError> {
        let household = said.warning.household;
        publish(outbox, WARNINGS_OUTPUT, Placement::Partition(partition.number), household, &said.warning)?;
        for part in &said.parts {
            if let Some(place) = self.receivers.iter().position(|receiver| *receiver == part.department) {
                let placement = Placement::ByKeyPrefix(VILLAGE_DIGITS);
                publish(outbox, RECEIVERS_OUTPUT + place, placement, household, &part.warning)?;
            } else {
                partition.progress.count(WITHOUT_TOPIC, &part.department, 1);
            }
        }
        Ok(())
    }

    /// Publishes the progress of a partition, where the open transaction changed it.
    pub(super) fn progress(partition: &mut AlertPartition, outbox: &mut Outbox) -> Result<(), CodecError> {
        if !partition.is_changed() {
            return Ok(());
        }
        partition.settle_progress();
        let placement = Placement::Partition(partition.number);
        let key = Some(PROGRESS_KEY.as_bytes());
        let outgoing = Outgoing { output: CASES_OUTPUT, placement, key, value: None };
        outbox.publish_with(outgoing, &[], |out| codec::encode(&partition.progress, out))
    }
}

fn publish<T: Serialize + Recorded>(
    outbox: &mut Outbox,
    output: usize,
    placement: Placement,
    household: HouseholdCode,
    value: &T,
) -> Result<(), CodecError> {
    let key = household.digits();
    let outgoing = Outgoing { output, placement, key: Some(&key), value: None };
    outbox.publish_with(outgoing, &[], |out| codec::encode(value, out))
}
