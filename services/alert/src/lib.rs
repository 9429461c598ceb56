//! The alert service: warnings on the loop, and the archive. It knows how a stage is driven and how records become
//! rows, not what a rule means (that is `alert-core`) nor how records are stored or sent (that is `runtime`).

pub mod alert_stage;
pub mod archive;
pub mod config;

pub use alert_stage::AlertStage;
pub use config::AlertSettings;

/// The stage with the default settings, for a worker on any log.
pub fn stage() -> AlertStage {
    AlertStage::default()
}

/// The stage that tells these receivers, with the default settings beyond them.
pub fn stage_for(receivers: Vec<String>) -> AlertStage {
    AlertStage::new(&AlertSettings { receivers, ..AlertSettings::default() })
}
