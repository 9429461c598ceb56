//! The log of a simulation and what runs on it: normalise, resolve, fuse, alert and the archive, and who publishes to
//! them. It knows no fault and judges nothing.

use std::rc::Rc;

use runtime::archive::ArchivePlan;
use runtime::memory::{Memory, Pipeline, StageOptions, TopicSettings};
use runtime::stage::{Placement, Stage};

use alert::alert_stage::AlertStage;
use alert::config::AlertSettings;
use fuse::fuse_stage::{FuseStage, FuseTopics};
use ingest::normalise_stage::NormaliseStage;
use ingest::resolve_stage::{ResolveSettings, ResolveStage};
use ingest_core::ledger::Subject;
use ingest_core::resolve::Precedence;
use schemas::Day;
use schemas::codec;
use schemas::records::DayClosed;

use crate::feeds::{self, DEPARTMENTS, Published};
use crate::history::Said;

/// The partitions of the feeds where records begin at the subjects, which each close a day of their own.
const FEEDS: [&str; 2] = ["feeds.finance/0", "feeds.health/0"];
/// The key of the pseudonyms.
const KEY: [u8; 32] = [7; 32];
/// Who is told of warnings beside the topic of all.
const RECEIVERS: [&str; 2] = ["civil-affairs", "health-insurance"];
/// The records of the topic `policies`.
const POLICIES: [(&str, &str); 4] = [
    ("wording/zh", include_str!("../../../deploy/policies/wording/zh.ftl")),
    ("wording/en", include_str!("../../../deploy/policies/wording/en.ftl")),
    ("default", include_str!("../../../deploy/policies/default.yaml")),
    ("hengshui", include_str!("../../../deploy/policies/hengshui.yaml")),
];

/// Where records begin, how many partitions the topics have, and after how many subjects or households a sweep lets a transaction close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Real feeds go through normalise; otherwise records begin at the subjects.
    pub(crate) is_fed: bool,
    /// Of each feed.
    pub(crate) feed_partitions: i32,
    pub(crate) subject_partitions: i32,
    pub(crate) household_partitions: i32,
    pub(crate) sweep: usize,
}

impl Shape {
    /// The stages, in the order of the picture.
    pub(crate) fn stages(self) -> &'static [&'static str] {
        if self.is_fed { &["normalise", "resolve", "fuse", "alert"] } else { &["resolve", "fuse", "alert"] }
    }
}

impl Shape {
    /// How many partitions tell each partition of a stage that a day has closed.
    pub(crate) fn upstream(self, stage: &str) -> usize {
        match stage {
            "resolve" if self.is_fed => self.feed_partitions as usize * DEPARTMENTS.len(),
            "resolve" => FEEDS.len(),
            "fuse" => self.subject_partitions as usize,
            _ => 1,
        }
    }
}

/// The feeds' topics.
pub(crate) fn feed_topics() -> Vec<String> {
    DEPARTMENTS.map(|department| format!("feeds.{department}")).into()
}

/// What the archive does with the topics.
pub(crate) fn plans() -> Vec<Rc<ArchivePlan>> {
    alert::archive::plans().into_iter().map(Rc::new).collect()
}

pub(crate) fn normalise() -> NormaliseStage {
    ingest::normalise(feeds::catalogue(), &KEY, feed_topics()).expect("the key is long enough")
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

/// Puts a worker of the stage of this name on the log, that is built anew whenever it must be, with new options.
pub(crate) fn supervise(
    pipeline: &mut Pipeline,
    stage: &str,
    shape: Shape,
    mut options: impl FnMut() -> StageOptions + 'static,
) {
    match stage {
        "normalise" => pipeline.supervise(move || (normalise(), options())),
        "resolve" => pipeline.supervise(move || (resolve(shape), options())),
        "fuse" => pipeline.supervise(move || (fuse(), options())),
        _ => pipeline.supervise(move || (alert(shape), options())),
    };
}

/// An empty log with every topic and the policies.
pub(crate) fn log(shape: Shape) -> Memory {
    let memory = Memory::new();
    let (normalise, resolve, fuse, alert) = (normalise(), resolve(shape), fuse(), alert(shape));
    for topology in [normalise.topology(), resolve.topology(), fuse.topology(), alert.topology()] {
        for topic in topology.inputs.iter().chain(&topology.outputs) {
            let partitions = match topic.split_once('.') {
                Some(("feeds", _) | ("ingest", "progress")) => shape.feed_partitions,
                Some(("subjects" | "ingest", _)) => shape.subject_partitions,
                Some(("households", _)) => shape.household_partitions,
                _ if topic == "warnings" => shape.household_partitions,
                _ => 1,
            };
            memory.create(topic, TopicSettings::new(partitions));
        }
    }
    for topic in ["policies", "explain.log"] {
        memory.create(topic, TopicSettings::new(1));
    }
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

/// Publishes a record of a feed.
pub(crate) fn publish(memory: &Memory, published: &Published) {
    let Published { topic, key, value, .. } = published;
    let key = Some(key.as_bytes());
    memory.append_placed(topic, Placement::ByKey, key, value.as_deref(), &[]).expect("the topic is there");
}

/// One step of the calendar job: a marker in these partitions of a topic.
pub(crate) struct Closing {
    topic: String,
    partitions: Vec<i32>,
    marker: DayClosed,
}

/// All that the calendar job does to end a day.
pub(crate) fn closing(memory: &Memory, day: Day, shape: Shape) -> Vec<Closing> {
    let of = shape.upstream("resolve") as i32;
    let policies_offset = memory.end("policies", 0);
    let marker = |from: &str| DayClosed { day, from: from.to_owned(), of, policies_offset, coverage: vec![] };
    let mut steps = Vec::new();
    if shape.is_fed {
        let topics = feed_topics();
        let marker = marker("");
        for topic in topics {
            for partition in 0..shape.feed_partitions {
                steps.push(Closing { topic: topic.clone(), partitions: vec![partition], marker: marker.clone() });
            }
        }
    } else {
        // What normalise would say in every partition of the subjects.
        for feed in FEEDS {
            let partitions = (0..shape.subject_partitions).collect();
            let (topic, marker) = ("subjects.entries".to_owned(), marker(feed));
            steps.push(Closing { topic, partitions, marker });
        }
    }
    steps
}

/// Does one step of it.
pub(crate) fn close(memory: &Memory, Closing { topic, partitions, marker }: &Closing) {
    let mut bytes = Vec::new();
    codec::encode(marker, &mut bytes).expect("a marker encodes");
    let key = marker.key();
    for partition in partitions {
        memory.append(topic, *partition, Some(key.as_bytes()), Some(&bytes), &[]).expect("it is there");
    }
}
