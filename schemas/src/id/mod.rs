//! Identifiers that cannot hold a wrong value: citizen numbers, household codes, counties, villages, tokens and
//! hashes. It knows neither keys nor how a token is made from a citizen number (that is normalise's work).

mod citizen;
mod household;
mod token;

pub use citizen::{CitizenFault, CitizenNumber};
pub use household::{County, HouseholdCode, HouseholdFault, Village};
pub use token::{EntryId, Hash64, PersonToken};
