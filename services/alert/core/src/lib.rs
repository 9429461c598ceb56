//! What alert decides, pure: policies are data, states and calendar come in, one case per household and its warnings
//! come out. It knows no topic, no clock, no file and no other core.

pub mod calendar;
pub mod case;
pub mod evidence;
pub mod identity;
pub mod measures;
pub mod policy;
pub mod rules;
pub mod silence;
mod traces;
pub mod village;
pub mod wording;

#[cfg(test)]
mod tests;

pub use calendar::{Calendar, Now};
pub use case::{Occasion, Outcome, Part, Said, Why, evaluate};
pub use evidence::LateEvidence;
pub use policy::{Book, Fault, Policy, PolicySet};
