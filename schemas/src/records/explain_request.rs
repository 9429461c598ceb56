//! Who asked for the explanation of a household (topic `explain.log`, schema `ExplainRequest`). It does not know what
//! was answered.

use serde::{Deserialize, Serialize};

use crate::HouseholdCode;

/// Somebody asked for the explanation of a household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainRequest {
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub asked_at_ms: i64,
    /// Who, by the name that was given, else that of the account.
    pub asked_by: String,
    /// The operating system user that ran the command.
    pub account: String,
    /// The machine on which it ran.
    pub host: String,
    /// The household.
    pub household: HouseholdCode,
    /// Where the answer was read: `topics` or `clickhouse`.
    pub answered_from: String,
}
