//! The end of a day, as a record in the log (design section 6, schema `DayClosed`). It does not know how stages
//! merge what they see.

use serde::{Deserialize, Serialize};

use crate::{County, Day};

/// Says that everything published before this record belongs to days up to `day`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayClosed {
    /// The day that ended.
    pub day: Day,
    /// Which upstream partition says so, as `topic/partition`; empty in the feeds, where the calendar job says it.
    pub from: String,
    /// How many upstream partitions will say so. In a feed: how many feed partitions there are.
    pub of: i32,
    /// Policies at or above this offset of the topic `policies` do not exist yet for this day.
    pub policies_offset: i64,
    /// The last day on which anything came, by source and county, as far as it changed since the marker before.
    pub coverage: Vec<Coverage>,
}

/// The last day on which anything came from a department for a county.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Coverage {
    /// The department.
    pub source: String,
    /// The county; 0 where an event names a person only and the county is not known.
    pub county: County,
    /// The day.
    pub day: Day,
}

impl DayClosed {
    /// The record key: one per day and upstream partition, since a compacted topic refuses a record without one.
    pub fn key(&self) -> String {
        format!("calendar/{}/{}", self.day, self.from)
    }
}
