//! The fuse service: its stage on the loop. It has no settings but those of every service, and decides nothing about
//! a household; that is `fuse_core`'s work.

pub mod fuse_stage;

use fuse_stage::{FuseStage, FuseTopics};

/// The stage, on the topics of the house.
pub fn stage() -> FuseStage {
    FuseStage::new(FuseTopics::default())
}
