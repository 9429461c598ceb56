//! Looks from beside whether every partition of a group's topics has a member that reads it, and says when this member
//! is to leave and to join again. It knows no consumer and no record.
//!
//! A cooperative rebalance gives a partition out in two steps: one member lets go of it and joins again, then another
//! one gets it. A member that ends between the two and comes back under the same name does not make the group
//! rebalance, since a static member takes up what it had: the partition stays without anybody until something changes.
//! A member that leaves is such a change. So the first of all members by name does that, and joins again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::clients::{CALL_TIMEOUT, Connection, Identity, Quiet, settings_refused};
use crate::log::LogError;
use crate::stage::PartitionId;

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether the member has left.
const LEAVING_EVERY: Duration = Duration::from_millis(200);
/// The state of a group in which every member has its partitions.
const STABLE: &str = "Stable";

/// What the thread tells the member.
#[derive(Debug, Default)]
struct Told {
    /// It is to leave.
    leave: AtomicBool,
    /// It has left and can join again.
    left: AtomicBool,
}

/// The thread that looks, as the member has it; it ends with this.
#[derive(Debug)]
pub(super) struct Lookout {
    told: Arc<Told>,
    _end: Sender<()>,
}

impl Lookout {
    /// Begins to look at a group that reads these topics.
    pub(super) fn spawn(connection: &Connection, identity: &Identity, topics: &[&str]) -> Result<Self, LogError> {
        let mut config = connection.config();
        let client = config.set("client.id", format!("{}-lookout", identity.id));
        let client: BaseConsumer<Quiet> =
            client.create_with_context(Quiet).map_err(|error| settings_refused(&error))?;
        let told: Arc<Told> = Arc::default();
        let (end, ended) = channel();
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let post =
            Post { client, identity: identity.clone(), topics, limit: connection.limits().unassigned, since: None };
        let tells = Arc::clone(&told);
        std::thread::Builder::new()
            .name(format!("{}-lookout", identity.id))
            .spawn(move || post.watch(&tells, &ended))
            .map_err(|error| LogError::Broken(format!("no thread can be started: {error}")))?;
        Ok(Self { told, _end: end })
    }

    /// Whether the member is to leave the group now; said once.
    pub(super) fn says_leave(&self) -> bool {
        self.told.leave.load(Ordering::Relaxed) && self.told.leave.swap(false, Ordering::SeqCst)
    }

    /// Whether the member has left and can join again; said once.
    pub(super) fn says_left(&self) -> bool {
        self.told.left.load(Ordering::Relaxed) && self.told.left.swap(false, Ordering::SeqCst)
    }
}

/// What the thread works with.
struct Post {
    client: BaseConsumer<Quiet>,
    identity: Identity,
    topics: BTreeSet<String>,
    /// From when on it is not the middle of a rebalance any more.
    limit: Duration,
    /// Partitions that nobody has, and since when.
    since: Option<(BTreeSet<PartitionId>, Instant)>,
}

/// A group as it was seen.
struct Seen {
    is_stable: bool,
    /// The names of its members.
    members: BTreeSet<String>,
    assigned: BTreeSet<PartitionId>,
}

impl Post {
    fn watch(mut self, told: &Told, ended: &Receiver<()>) {
        let mut is_leaving = false;
        loop {
            let wait = if is_leaving { LEAVING_EVERY } else { LOOK_EVERY };
            if ended.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let seen = match self.look() {
                Ok(Some(seen)) => seen,
                Ok(None) => continue,
                // Whether a broker answers is told by those who need it.
                Err(error) => {
                    tracing::debug!(%error, "the group cannot be looked at");
                    continue;
                }
            };
            if is_leaving {
                is_leaving = seen.members.contains(&self.identity.id);
                told.left.store(!is_leaving, Ordering::SeqCst);
            } else if self.is_to_leave(&seen) {
                is_leaving = true;
                told.leave.store(true, Ordering::SeqCst);
            }
        }
    }

    /// The group; none where the broker does not show it, or a member's partitions cannot be read.
    fn look(&self) -> Result<Option<Seen>, KafkaError> {
        let list = self.client.fetch_group_list(Some(&self.identity.group), CALL_TIMEOUT)?;
        let Some(group) = list.groups().iter().find(|group| group.name() == self.identity.group) else {
            return Ok(None);
        };
        let mut seen = Seen { is_stable: group.state() == STABLE, members: BTreeSet::new(), assigned: BTreeSet::new() };
        for member in group.members() {
            seen.members.insert(member.client_id().to_owned());
            let bytes = member.assignment().unwrap_or_default();
            if seen.is_stable && !bytes.is_empty() {
                let Some(ids) = read_assignment(bytes) else { return Ok(None) };
                seen.assigned.extend(ids);
            }
        }
        Ok(Some(seen))
    }

    /// Whether partitions have had no member for too long, and this one is the one to do something.
    fn is_to_leave(&mut self, seen: &Seen) -> bool {
        if !seen.is_stable {
            self.since = None;
            return false;
        }
        let missing: BTreeSet<PartitionId> = match self.partitions() {
            Ok(all) => all.difference(&seen.assigned).cloned().collect(),
            Err(error) => {
                tracing::debug!(%error, "the group's topics cannot be looked at");
                return false;
            }
        };
        if missing.is_empty() {
            self.since = None;
            return false;
        }
        let since = match &self.since {
            Some((same, since)) if *same == missing => *since,
            _ => self.since.insert((missing, Instant::now())).1,
        };
        if since.elapsed() < self.limit || seen.members.first() != Some(&self.identity.id) {
            return false;
        }
        let Some((missing, _)) = self.since.take() else { return false };
        let names: Vec<String> = missing.iter().map(|id| format!("{}/{}", id.topic, id.partition)).collect();
        tracing::warn!(
            worker = self.identity.id,
            "{} has had no worker for {} s although its group is at rest: this worker leaves the group and joins it \
             again, so that all partitions are given out anew",
            names.join(", "),
            since.elapsed().as_secs(),
        );
        true
    }

    /// All partitions of the topics.
    fn partitions(&self) -> Result<BTreeSet<PartitionId>, KafkaError> {
        let metadata = self.client.fetch_metadata(None, CALL_TIMEOUT)?;
        let mut ids = BTreeSet::new();
        for row in metadata.topics().iter().filter(|row| self.topics.contains(row.name())) {
            let numbers = row.partitions().iter().map(rdkafka::metadata::MetadataPartition::id);
            ids.extend(numbers.map(|partition| PartitionId { topic: row.name().to_owned(), partition }));
        }
        Ok(ids)
    }
}

/// The partitions of a member's assignment, as the consumer protocol writes it: a version, then each topic with its
/// partitions; what follows is of no interest here. None where the bytes are no such thing.
fn read_assignment(bytes: &[u8]) -> Option<Vec<PartitionId>> {
    fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
        let (head, rest) = bytes.split_first_chunk::<N>()?;
        *bytes = rest;
        Some(*head)
    }
    let (mut rest, mut ids) = (bytes, Vec::new());
    let _version = take::<2>(&mut rest)?;
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let length = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (topic, after) = rest.split_at_checked(length)?;
        rest = after;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            let partition = i32::from_be_bytes(take(&mut rest)?);
            ids.push(PartitionId { topic: std::str::from_utf8(topic).ok()?.to_owned(), partition });
        }
    }
    Some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_as_the_consumer_protocol_writes_it() {
        let whole = [&[0, 1, 0, 0, 0, 1, 0, 2], &b"ab"[..], &[0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0]].concat();
        let id = |partition| PartitionId { topic: "ab".to_owned(), partition };
        assert_eq!(read_assignment(&whole), Some(vec![id(3), id(7)]));
        assert_eq!(read_assignment(&[0, 1, 0, 0, 0, 0]), Some(Vec::new()), "of a member that has none");
        for cut in 0..whole.len() - 4 {
            assert_eq!(read_assignment(&whole[..cut]), None, "cut off after {cut} bytes");
        }
    }
}
