//! The log of a simulation and the stages on it: resolve, fuse and alert on the memory log, and who publishes to them.
//! It knows no fault and judges nothing.

use runtime::memory::{Memory, Pipeline, StageOptions, TopicSettings};
use runtime::stage::{Placement, Stage};

use alert::alert_stage::AlertStage;
use alert::config::AlertSettings;
use fuse::fuse_stage::{FuseStage, FuseTopics};
use ingest::resolve_stage::{ResolveSettings, ResolveStage};
use ingest_core::ledger::Subject;
use ingest_core::resolve::Precedence;
use schemas::Day;
use schemas::codec;
use schemas::records::DayClosed;

use crate::history::Said;

/// The stages, in the order of the picture.
pub(crate) const STAGES: [&str; 3] = ["resolve", "fuse", "alert"];
/// The partitions of the feeds, which each close a day of their own.
pub(crate) const FEEDS: [&str; 2] = ["feeds.finance/0", "feeds.health/0"];
/// Who is told of warnings beside the topic of all.
const RECEIVERS: [&str; 2] = ["civil-affairs", "health-insurance"];
/// The records of the topic `policies`.
const POLICIES: [(&str, &str); 4] = [
    ("wording/zh", include_str!("../../../deploy/policies/wording/zh.ftl")),
    ("wording/en", include_str!("../../../deploy/policies/wording/en.ftl")),
    ("default", include_str!("../../../deploy/policies/default.yaml")),
    ("hengshui", include_str!("../../../deploy/policies/hengshui.yaml")),
];

/// How many partitions the topics have, and after how many subjects or households a sweep lets a transaction close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) subject_partitions: i32,
    pub(crate) household_partitions: i32,
    pub(crate) sweep: usize,
}

pub(crate) fn resolve(shape: Shape) -> ResolveStage {
    let sources = ["health-insurance", "civil-affairs"].map(str::to_owned).to_vec();
    let settings = ResolveSettings {
        document_precedence: Precedence { sources },
        sweep_subjects_per_step: shape.sweep,
        ..ResolveSettings::default()
    };
    ResolveStage::new(settings).expect("the limits are sound")
}

pub(crate) fn fuse() -> FuseStage {
    FuseStage::new(FuseTopics::default())
}

pub(crate) fn alert(shape: Shape) -> AlertStage {
    let receivers = RECEIVERS.map(str::to_owned).to_vec();
    AlertStage::new(&AlertSettings { receivers, sweep_households_per_step: shape.sweep })
}

/// Puts the stage of this name on the log; it goes on from what it has committed.
pub(crate) fn add(pipeline: &mut Pipeline, stage: &str, shape: Shape, options: StageOptions) {
    match stage {
        "resolve" => pipeline.add(resolve(shape), options),
        "fuse" => pipeline.add(fuse(), options),
        _ => pipeline.add(alert(shape), options),
    }
}

/// An empty log with every topic and the policies.
pub(crate) fn log(shape: Shape) -> Memory {
    let memory = Memory::new();
    let (resolve, fuse, alert) = (resolve(shape), fuse(), alert(shape));
    for topology in [resolve.topology(), fuse.topology(), alert.topology()] {
        for topic in topology.inputs.iter().chain(&topology.outputs) {
            let partitions = match topic.split_once('.') {
                Some(("subjects" | "ingest", _)) => shape.subject_partitions,
                Some(("households", _)) => shape.household_partitions,
                _ if topic == "warnings" => shape.household_partitions,
                _ => 1,
            };
            memory.create(topic, TopicSettings::new(partitions));
        }
    }
    memory.create("policies", TopicSettings::new(1));
    for (key, text) in POLICIES {
        memory.append("policies", 0, Some(key.as_bytes()), Some(text.as_bytes()), &[]).expect("the topic is there");
    }
    memory
}

/// Publishes a record of a subject.
pub(crate) fn say(memory: &Memory, said: &Said) {
    let entry = said.record();
    let mut bytes = Vec::new();
    codec::encode(&entry, &mut bytes).expect("a record encodes");
    let key = Subject::of(&entry).expect("a record names somebody").key();
    let key = Some(key.as_str().as_bytes());
    memory.append_placed("subjects.entries", Placement::ByKey, key, Some(&bytes), &[]).expect("the topic is there");
}

/// Says in every partition that a partition of a feed has closed a day.
pub(crate) fn close(memory: &Memory, day: Day, feed: &str) {
    let policies_offset = memory.end("policies", 0);
    let of = FEEDS.len() as i32;
    let marker = DayClosed { day, from: feed.to_owned(), of, policies_offset, coverage: vec![] };
    let mut bytes = Vec::new();
    codec::encode(&marker, &mut bytes).expect("a marker encodes");
    let key = marker.key();
    for partition in 0..memory.partitions("subjects.entries") {
        memory.append("subjects.entries", partition, Some(key.as_bytes()), Some(&bytes), &[]).expect("it is there");
    }
}
