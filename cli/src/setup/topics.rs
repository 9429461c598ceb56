//! Topics as `deploy/kafka/topics.yaml` describes them: read, created where missing, compared where present.
//! Does not know what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use serde::Deserialize;

/// How long a broker may take for one request.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    name: String,
    partitions: i32,
    replication: i32,
    settings: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    lists: BTreeMap<String, Vec<String>>,
    profiles: BTreeMap<String, Profile>,
    topics: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    replication: i32,
    min_insync_replicas: i32,
    partitions: BTreeMap<String, i32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    for_each: Option<String>,
    partitions: String,
    /// For the person who reads the file.
    #[serde(rename = "reason")]
    _reason: String,
    settings: BTreeMap<String, String>,
}

/// Reads the description for one profile.
pub(super) fn read(path: &Path, profile: &str) -> Result<Vec<Topic>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}: is --deploy right?", path.display()))?;
    expand(&text, profile).with_context(|| format!("in {}", path.display()))
}

fn expand(text: &str, profile: &str) -> Result<Vec<Topic>> {
    let description: Description = serde_saphyr::from_str(text)?;
    let Some(chosen) = description.profiles.get(profile) else {
        let known: Vec<_> = description.profiles.keys().cloned().collect();
        bail!("there is no profile `{profile}`: choose one of {}", known.join(", "))
    };
    let mut topics = Vec::new();
    for entry in &description.topics {
        let partitions = chosen.partitions.get(&entry.partitions).copied();
        let partitions = partitions.filter(|count| *count > 0).with_context(|| {
            format!(
                "topic {}: profile {profile} has no count of 1 or more for partitions `{}`",
                entry.name, entry.partitions
            )
        })?;
        let mut settings = entry.settings.clone();
        settings.insert("min.insync.replicas".to_owned(), chosen.min_insync_replicas.to_string());
        settings.insert("message.timestamp.type".to_owned(), "LogAppendTime".to_owned());
        for name in names(entry, &description.lists)? {
            topics.push(Topic { name, partitions, replication: chosen.replication, settings: settings.clone() });
        }
    }
    let different: BTreeSet<_> = topics.iter().map(|topic| &topic.name).collect();
    if different.len() < topics.len() {
        bail!("a topic is described twice");
    }
    Ok(topics)
}

fn names(entry: &Entry, lists: &BTreeMap<String, Vec<String>>) -> Result<Vec<String>> {
    let Some(list) = &entry.for_each else { return Ok(vec![entry.name.clone()]) };
    let items = lists.get(list).with_context(|| format!("topic {}: there is no list `{list}`", entry.name))?;
    Ok(items.iter().map(|item| entry.name.replace("{item}", item)).collect())
}

impl Topic {
    /// What a log in one process needs to know of it.
    /// Another topic like this one.
    pub(super) fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    pub(super) fn shape(&self) -> super::Shape {
        let compacted = self.settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact"));
        super::Shape { name: self.name.clone(), partitions: self.partitions, compacted }
    }
}

/// Creates the topics that are missing, then compares all. Returns how many were created.
pub(super) fn apply(brokers: &str, settings: &[(String, String)], wanted: &[Topic]) -> Result<usize> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    for (key, value) in settings {
        config.set(key, value);
    }
    let client: AdminClient<DefaultClientContext> = config.create().context("the Kafka client refuses its settings")?;
    let present = partitions(&client, brokers)?;
    let missing: Vec<_> = wanted.iter().filter(|topic| !present.contains_key(&topic.name)).collect();
    create(&client, &missing)?;
    let present = wait_for(&client, brokers, &missing)?;
    let differences = differences(wanted, &present, &described(&client, wanted)?);
    if !differences.is_empty() {
        let lines = differences.join("\n  ");
        bail!("topics differ from their description (change the description, or the topic by hand):\n  {lines}");
    }
    Ok(missing.len())
}

fn partitions(client: &AdminClient<DefaultClientContext>, brokers: &str) -> Result<BTreeMap<String, i32>> {
    let metadata = client.inner().fetch_metadata(None, REQUEST_LIMIT);
    let metadata = metadata.with_context(|| format!("no answer from the brokers {brokers}: check --brokers"))?;
    Ok(metadata.topics().iter().map(|topic| (topic.name().to_owned(), topic.partitions().len() as i32)).collect())
}

fn create(client: &AdminClient<DefaultClientContext>, missing: &[&Topic]) -> Result<()> {
    let new: Vec<_> = missing.iter().copied().map(new_topic).collect();
    if new.is_empty() {
        return Ok(());
    }
    let options = AdminOptions::new().request_timeout(Some(REQUEST_LIMIT)).operation_timeout(Some(REQUEST_LIMIT));
    for outcome in block_on(client.create_topics(&new, &options)).context("create topics")? {
        match outcome {
            // Another run of this command was quicker; the comparison that follows sees what it made.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => bail!("topic {name} cannot be created: {code}"),
        }
    }
    Ok(())
}

fn new_topic(topic: &Topic) -> NewTopic<'_> {
    let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replication));
    topic.settings.iter().fold(new, |new, (key, value)| new.set(key, value))
}

/// A broker may answer with metadata from before the creation for a moment.
fn wait_for(
    client: &AdminClient<DefaultClientContext>,
    brokers: &str,
    created: &[&Topic],
) -> Result<BTreeMap<String, i32>> {
    let begun = Instant::now();
    loop {
        let present = partitions(client, brokers)?;
        let Some(absent) = created.iter().find(|topic| present.get(&topic.name) != Some(&topic.partitions)) else {
            return Ok(present);
        };
        if begun.elapsed() > REQUEST_LIMIT {
            bail!("topic {} was created, but the brokers {brokers} do not show it whole", absent.name);
        }
    }
}

fn described(client: &AdminClient<DefaultClientContext>, wanted: &[Topic]) -> Result<Vec<ConfigResource>> {
    let names: Vec<_> = wanted.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let options = AdminOptions::new().request_timeout(Some(REQUEST_LIMIT));
    let outcomes = block_on(client.describe_configs(&names, &options)).context("read the settings of topics")?;
    outcomes.into_iter().map(|outcome| outcome.context("read the settings of a topic")).collect()
}

fn differences(wanted: &[Topic], present: &BTreeMap<String, i32>, described: &[ConfigResource]) -> Vec<String> {
    let mut found = Vec::new();
    for (topic, resource) in wanted.iter().zip(described) {
        let actual: BTreeMap<String, String> = resource
            .entries
            .iter()
            .map(|entry| (entry.name.clone(), entry.value.clone().unwrap_or_default()))
            .collect();
        found.extend(compare(topic, present.get(&topic.name).copied().unwrap_or_default(), &actual));
    }
    found
}

fn compare(topic: &Topic, partitions: i32, actual: &BTreeMap<String, String>) -> Vec<String> {
    let name = &topic.name;
    let mut found = Vec::new();
    if partitions != topic.partitions {
        found.push(format!("{name}: {partitions} partitions, described are {}", topic.partitions));
    }
    for (key, described) in &topic.settings {
        match actual.get(key) {
            Some(value) if value == described => {}
            Some(value) => found.push(format!("{name}: {key} is {value}, described is {described}")),
            None => found.push(format!("{name}: the broker knows no setting {key}")),
        }
    }
    found
}

/// Waits for one answer of the client, whose own threads do the work.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kafka/topics.yaml");

    fn deployed(profile: &str) -> Vec<Topic> {
        read(Path::new(DEPLOYED), profile).expect("the deployed file is right")
    }

    #[test]
    fn both_profiles_describe_the_same_topics() {
        let names = |profile| deployed(profile).into_iter().map(|topic| topic.name).collect::<Vec<_>>();
        assert_eq!(names("local"), names("production"));
        assert_eq!(names("local").len(), 14 + 16 + 12);
    }

    #[test]
    fn feeds_have_two_partitions_here_and_states_wait_seven_days_before_compaction() {
        let topics = deployed("local");
        let topic = |name: &str| topics.iter().find(|topic| topic.name == name).expect("described").clone();
        assert_eq!((topic("feeds.water").partitions, topic("ingest.progress").partitions), (2, 2));
        assert_eq!((topic("households.states").partitions, topic("warnings.county").partitions), (8, 1));
        assert_eq!(topic("households.states").settings["min.compaction.lag.ms"], "604800000");
        assert_eq!(topic("policies").partitions, 1);
    }

    #[test]
    fn a_wrong_description_is_refused_with_its_place() {
        let profile = "profiles: {local: {replication: 1, min_insync_replicas: 1, partitions: {single: 1}}}\n";
        let topic =
            |fields: &str| format!("lists: {{}}\n{profile}topics: [{{name: a, reason: r, settings: {{}}, {fields}}}]");
        let rows = [
            (topic("partitions: singel"), "local", "partitions `singel`"),
            (topic("partitions: single, for_each: towns"), "local", "no list `towns`"),
            (topic("partitions: single, retention: 1"), "local", "retention"),
            (topic("partitions: single"), "test", "choose one of local"),
            (topic("partitions: single}, {name: a, reason: r, settings: {}, partitions: single"), "local", "twice"),
        ];
        for (text, profile, expected) in rows {
            let fault = format!("{:#}", expand(&text, profile).expect_err(expected));
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn every_difference_of_a_topic_is_named() {
        let topic = deployed("local").remove(0);
        assert!(compare(&topic, 2, &topic.settings).is_empty());
        let mut actual = topic.settings.clone();
        actual.insert("cleanup.policy".to_owned(), "compact".to_owned());
        actual.remove("retention.ms");
        let found = compare(&topic, 3, &actual).join("; ");
        for expected in ["3 partitions, described are 2", "cleanup.policy is compact", "no setting retention.ms"] {
            assert!(found.contains(expected), "{found}");
        }
    }
}
