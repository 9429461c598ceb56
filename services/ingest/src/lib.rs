//! The ingest service: its stages on the loop, and its settings. It decides nothing about a record; that is
//! `ingest_core`'s work.

pub mod config;
pub mod normalise_stage;
pub mod resolve_stage;

use std::sync::Arc;

use ingest_core::normalise::{FEED_TOPIC_PREFIX, KeyTooShort, Pseudonyms};
use ingest_core::resolve::LimitFault;
use normalise_stage::{NormaliseSettings, NormaliseStage};
use resolve_stage::{ResolveSettings, ResolveStage};
use schemas::feed::{Catalogue, Faults};

/// The catalogue of the feeds, from path and text of each file of their folder; on error every fault there is.
pub fn catalogue(files: &[(String, String)]) -> Result<Arc<Catalogue>, Faults> {
    Catalogue::load(files).map(Arc::new)
}

/// The topic of each department that has a schema.
pub fn feed_topics(catalogue: &Catalogue) -> Vec<String> {
    catalogue.departments().iter().map(|department| format!("{FEED_TOPIC_PREFIX}{department}")).collect()
}

/// Normalise, reading these feeds, on the topics of the house and with the limits that a service has unless they are
/// set. `key` is that of the pseudonyms.
pub fn normalise(catalogue: Arc<Catalogue>, key: &[u8], feeds: Vec<String>) -> Result<NormaliseStage, KeyTooShort> {
    Ok(NormaliseStage::new(NormaliseSettings::of_feeds(feeds), catalogue, Pseudonyms::new(key)?))
}

/// Resolve, on the topics of the house and with the limits that a service has unless they are set.
pub fn resolve() -> Result<ResolveStage, LimitFault> {
    ResolveStage::new(ResolveSettings::default())
}
