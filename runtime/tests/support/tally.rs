//! A small stage for the tests of the loop: it counts words by key. It does everything that a real stage does:
//! changelog, undo, restore, a sweep of several steps, a reference topic.

use std::collections::BTreeMap;

use runtime::stage::{
    Figures, Header, Need, Outbox, Outgoing, PartitionCounts, PartitionId, Placement, Record, RestoreSource,
    RestoreUntil, Stage, StageError, Step, Topology,
};

/// The places of the outputs.
const SAID: usize = 0;
const TALLIES: usize = 1;

/// The state of a partition: how often each key came.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    of_keys: BTreeMap<Vec<u8>, u64>,
    undo: BTreeMap<Vec<u8>, Option<u64>>,
    /// The key after which a sweep goes on, and what it was at the last commit.
    cursor: Option<Vec<u8>>,
    cursor_committed: Option<Vec<u8>>,
}

/// The stage.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) topology: Topology,
    learned: Vec<String>,
}

impl Tally {
    /// A stage that reads `<prefix>words`, says `<prefix>said`, keeps `<prefix>tallies`.
    pub(crate) fn new(prefix: &str) -> Self {
        let name = |what: &str| format!("{prefix}{what}");
        Self {
            topology: Topology {
                stage: Box::leak(name("tally").into_boxed_str()),
                inputs: vec![name("words")],
                starts_at_earliest: true,
                reference: Some(name("rules")),
                outputs: vec![name("said"), name("tallies")],
            },
            learned: Vec::new(),
        }
    }

    fn say(&self, key: &[u8], what: &str, outbox: &mut Outbox) {
        let headers = [Header { name: "stage", value: self.topology.stage.as_bytes() }];
        let record =
            Outgoing { output: SAID, placement: Placement::ByKey, key: Some(key), value: Some(what.as_bytes()) };
        outbox.publish(record, &headers);
    }

    fn sweep(&self, counts: &mut Counts, outbox: &mut Outbox) -> Step {
        let after = counts.cursor.take().unwrap_or_default();
        let Some((key, count)) =
            counts.of_keys.range::<Vec<u8>, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded)).next()
        else {
            return Step::Done;
        };
        self.say(key, &format!("swept {count}"), outbox);
        counts.cursor = Some(key.clone());
        Step::More
    }
}

impl Stage for Tally {
    type Partition = Counts;

    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn open(&self, id: &PartitionId, counts: &dyn PartitionCounts) -> Counts {
        assert!(counts.partitions(&id.topic) > id.partition);
        Counts::default()
    }

    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource> {
        let topic = self.topology.outputs[TALLIES].clone();
        vec![RestoreSource { topic, partition: id.partition, until: RestoreUntil::End }]
    }

    fn restore(&self, counts: &mut Counts, record: &Record<'_>) -> Result<(), StageError> {
        let (Some(key), Some(value)) = (record.key, record.value) else { return Ok(()) };
        if key == b"cursor" {
            counts.cursor = (!value.is_empty()).then(|| value.to_vec());
            counts.cursor_committed.clone_from(&counts.cursor);
            return Ok(());
        }
        let text = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        let count = text.ok_or_else(|| StageError::about("tally", record, "the value is no number"))?;
        counts.of_keys.insert(key.to_vec(), count);
        Ok(())
    }

    fn need(&self, _: &Counts, record: Option<&Record<'_>>) -> Option<Need> {
        let text = std::str::from_utf8(record?.value?).ok()?;
        Some(Need { below_offset: text.strip_prefix("rule ")?.parse().ok()? })
    }

    fn learn(&mut self, record: &Record<'_>) -> Result<(), StageError> {
        self.learned.push(String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned());
        Ok(())
    }

    fn apply(&mut self, counts: &mut Counts, record: &Record<'_>, outbox: &mut Outbox) -> Result<Step, StageError> {
        let (Some(key), Some(value)) = (record.key, record.value) else {
            return Err(StageError::about("tally", record, "a word has a key and a value"));
        };
        if value == b"sweep" {
            return Ok(self.sweep(counts, outbox));
        }
        let before = counts.of_keys.get(key).copied();
        counts.undo.entry(key.to_vec()).or_insert(before);
        let count = before.unwrap_or(0) + 1;
        counts.of_keys.insert(key.to_vec(), count);
        if value.starts_with(b"rule ") {
            self.say(key, &self.learned.join("+"), outbox);
        } else {
            self.say(key, &count.to_string(), outbox);
        }
        Ok(Step::Done)
    }

    fn flush(&mut self, counts: &mut Counts, outbox: &mut Outbox) -> Result<(), StageError> {
        // Changelog records lie in the partition of the input they come from.
        let partition = |key: &[u8]| (key != b"cursor").then_some(Placement::ByKey);
        for key in counts.undo.keys() {
            let value = counts.of_keys.get(key).map(u64::to_string);
            let placement = partition(key).unwrap_or(Placement::Partition(0));
            let value = value.as_ref().map(String::as_bytes);
            outbox.publish(Outgoing { output: TALLIES, placement, key: Some(key), value }, &[]);
        }
        if counts.cursor != counts.cursor_committed {
            let value = counts.cursor.clone().unwrap_or_default();
            let placement = Placement::Partition(0);
            outbox.publish(Outgoing { output: TALLIES, placement, key: Some(b"cursor"), value: Some(&value) }, &[]);
        }
        Ok(())
    }

    fn committed(&mut self, counts: &mut Counts) {
        counts.undo.clear();
        counts.cursor_committed.clone_from(&counts.cursor);
    }

    fn rolled_back(&mut self, counts: &mut Counts) {
        for (key, before) in std::mem::take(&mut counts.undo) {
            match before {
                Some(count) => counts.of_keys.insert(key, count),
                None => counts.of_keys.remove(&key),
            };
        }
        counts.cursor.clone_from(&counts.cursor_committed);
    }

    fn figures(&self, counts: &Counts, figures: &mut Figures) {
        for (key, count) in &counts.of_keys {
            figures.add("words", String::from_utf8_lossy(key), *count as i64);
        }
    }
}
