//! A member of a group on the memory log, as the loop and the archive use it: which partitions it has, in which order
//! it reads them, what it is told of partitions that move. It knows no stage and no transaction.

use std::cell::RefCell;
use std::rc::Rc;

use super::faults::{Effect, Fault, Faults};
use super::group::{Gone, Member, News};
use super::store::{Store, Stored};
use crate::log::{LogError, Polled, Start};
use crate::stage::{PartitionId, Record};

/// In which order the partitions of a stage's inputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each in turn, at most this many records of one at a time.
    InTurn(usize),
    /// Record by record from a partition chosen by a generator with this seed: one of many interleavings.
    Shuffled(u64),
}

impl Default for Order {
    fn default() -> Self {
        Self::InTurn(500)
    }
}

/// A partition that the member owns, or owned when it was told last.
#[derive(Debug)]
struct Owned {
    id: PartitionId,
    position: i64,
    paused: bool,
}

/// A member.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) store: Rc<RefCell<Store>>,
    pub(super) faults: Rc<RefCell<Faults>>,
    pub(super) group: String,
    pub(super) member: Member,
    owned: Vec<Owned>,
    order: Order,
    /// Which owned partition is read, and how many records of it were.
    current: usize,
    taken: usize,
    random: u64,
    /// The groups as they were when there was no news.
    seen: u64,
    /// Records read since the group has given this member up.
    read_as_zombie: u64,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.store.borrow_mut().groups.leave(&self.group, self.member);
    }
}

impl Consumer {
    /// Joins the group for these topics.
    pub(super) fn join(
        store: Rc<RefCell<Store>>,
        group: &str,
        topics: &[String],
        order: Order,
        faults: Faults,
    ) -> Self {
        let mut ids = Vec::new();
        for topic in topics {
            store.borrow_mut().add_reader(topic, group);
            let partitions = store.borrow().partitions(topic);
            ids.extend((0..partitions).map(|partition| PartitionId { topic: topic.clone(), partition }));
        }
        let member = store.borrow_mut().groups.join(group, ids);
        Self {
            store,
            faults: Rc::new(RefCell::new(faults)),
            group: group.to_owned(),
            member,
            owned: Vec::new(),
            order,
            current: 0,
            taken: 0,
            random: if let Order::Shuffled(seed) = order { seed } else { 0 },
            seen: 0,
            read_as_zombie: 0,
        }
    }

    /// Does something that may have been chosen to fail.
    pub(super) fn effect<T>(
        &mut self,
        effect: Effect,
        act: impl FnOnce(&mut Self) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let fault = self.faults.borrow_mut().next(effect);
        match fault {
            None => act(self),
            Some(Fault::Unanswered) => act(self).and(Err(Fault::Unanswered.error(effect))),
            Some(fault) => Err(fault.error(effect)),
        }
    }

    pub(super) fn poll<R>(&mut self, take: impl FnOnce(&Record<'_>) -> R) -> Result<Polled<R>, LogError> {
        self.effect(Effect::Poll, |_| Ok(()))?;
        if let Some(told) = self.news()? {
            return Ok(told);
        }
        let Some((index, offset, record)) = self.next() else { return Ok(Polled::Idle) };
        let owned = &mut self.owned[index];
        owned.position = offset + 1;
        Ok(Polled::Record(record.with((&owned.id.topic, owned.id.partition, offset), take)))
    }

    /// What the group has to tell. One that was given up is told when it has read as much as was drawn, or finds nothing.
    fn news<R>(&mut self) -> Result<Option<Polled<R>>, LogError> {
        let version = self.store.borrow().groups.version();
        if self.seen == version {
            return Ok(None);
        }
        let news = self.store.borrow_mut().groups.news(&self.group, self.member);
        match news {
            None => self.seen = version,
            Some(News::Assigned(ids)) => return Ok(Some(Polled::Assigned(ids))),
            Some(News::Revoked(ids)) => return Ok(Some(Polled::Revoked { ids, lost: false })),
            Some(News::Gone(why, records)) => {
                if self.read_as_zombie < records && self.has_more() {
                    self.read_as_zombie += 1;
                    return Ok(None);
                }
                self.read_as_zombie = 0;
                if why == Gone::Fenced {
                    return Err(self.fenced());
                }
                let ids = self.owned.iter().map(|owned| owned.id.clone()).collect();
                return Ok(Some(Polled::Revoked { ids, lost: true }));
            }
        }
        Ok(None)
    }

    fn fenced(&self) -> LogError {
        LogError::Broken(format!("another member of {} has taken the name of this one", self.group))
    }

    /// Whether the group lets this member commit for these partitions.
    pub(super) fn may_commit<'a>(&self, ids: impl IntoIterator<Item = &'a PartitionId>) -> Result<(), LogError> {
        let store = self.store.borrow();
        if store.groups.gone(self.member) == Some(Gone::Fenced) {
            return Err(self.fenced());
        }
        let other = ids.into_iter().find(|id| !store.groups.owns(&self.group, self.member, id));
        other.map_or(Ok(()), |PartitionId { topic, partition }| {
            let group = &self.group;
            Err(LogError::Abortable(format!("group {group} has given {topic}/{partition} to another member")))
        })
    }

    /// Where the first record lies that the order has next: the index of its partition, its offset.
    fn find_next(&self, first: usize) -> Option<(usize, i64, Rc<Stored>)> {
        let store = self.store.borrow();
        let count = self.owned.len();
        let indices = (0..count).map(|ahead| (first + ahead) % count);
        let flowing = indices.filter(|index| !self.owned[*index].paused);
        let mut found = flowing.filter_map(|index| {
            let owned = &self.owned[index];
            let (offset, record) = store.read(&owned.id.topic, owned.id.partition, owned.position)?;
            Some((index, offset, record))
        });
        found.next()
    }

    fn has_more(&self) -> bool {
        self.find_next(0).is_some()
    }

    /// The next record in the member's order, and the index of its partition.
    fn next(&mut self) -> Option<(usize, i64, Rc<Stored>)> {
        let count = self.owned.len().max(1);
        if let Order::Shuffled(_) = self.order {
            self.current = (split_mix(&mut self.random) % count as u64) as usize;
        } else if let Order::InTurn(run) = self.order
            && self.taken >= run
        {
            (self.current, self.taken) = (self.current + 1, 0);
        }
        let first = self.current % count;
        let found = self.find_next(self.current)?;
        self.taken = if found.0 == first { self.taken + 1 } else { 1 };
        self.current = found.0;
        Some(found)
    }

    fn find(&mut self, id: &PartitionId) -> Option<&mut Owned> {
        self.owned.iter_mut().find(|owned| owned.id == *id)
    }

    /// What is committed for partitions, with its metadata, and what of them the log still has.
    pub(super) fn committed(&self, ids: &[PartitionId]) -> Vec<(Start, String)> {
        let store = self.store.borrow();
        let start = |id: &PartitionId| {
            let committed = store.committed(&self.group, &id.topic, id.partition);
            let earliest = store.earliest(&id.topic, id.partition);
            let metadata = store.metadata(&self.group, &id.topic, id.partition).to_owned();
            (Start { id: id.clone(), committed, earliest }, metadata)
        };
        ids.iter().map(start).collect()
    }

    /// Takes partitions on from these offsets, paused.
    pub(super) fn assign(&mut self, positions: &[(PartitionId, i64)]) {
        for (id, position) in positions {
            self.owned.push(Owned { id: id.clone(), position: *position, paused: true });
        }
    }

    pub(super) fn pause(&mut self, positions: &[(PartitionId, i64)]) {
        for (id, position) in positions {
            if let Some(owned) = self.find(id) {
                (owned.position, owned.paused) = (*position, true);
            }
        }
    }

    pub(super) fn resume(&mut self, id: &PartitionId, offset: i64) {
        if let Some(owned) = self.find(id) {
            (owned.position, owned.paused) = (offset, false);
        }
    }

    pub(super) fn release(&mut self, ids: &[PartitionId]) {
        self.owned.retain(|owned| !ids.contains(&owned.id));
        let mut store = self.store.borrow_mut();
        store.groups.release(&self.group, self.member, ids);
        if store.groups.gone(self.member) == Some(Gone::Evicted) {
            store.groups.rejoin(&self.group, self.member);
        }
    }

    pub(super) fn rewind(&mut self, positions: &[(PartitionId, i64)]) {
        for (id, offset) in positions {
            if let Some(owned) = self.find(id) {
                owned.position = *offset;
            }
        }
    }
}

/// The generator `SplitMix64`: small, seeded, the same everywhere.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
