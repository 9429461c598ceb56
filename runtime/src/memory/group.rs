//! Who reads which partition: members of a group, partitions that move between them, members that are given up and do
//! not know it yet. It knows no record and no offset.

use std::collections::{BTreeMap, BTreeSet};

use crate::stage::PartitionId;

/// A member, for as long as its port lives.
pub(crate) type Member = u64;

/// Why the group has given a member up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It was not heard of for too long: it may join again.
    Evicted,
    /// Another one has taken its name.
    Fenced,
}

/// What a member is told at a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// These are its own now.
    Assigned(Vec<PartitionId>),
    /// These go to another one, which waits for their release.
    Revoked(Vec<PartitionId>),
    /// It is no member any more; it goes on with so many records before it learns that.
    Gone(Gone, u64),
}

/// One partition.
#[derive(Debug, Default)]
struct Row {
    owner: Option<Member>,
    /// Who is to own it.
    wanted: Option<Member>,
}

/// One group.
#[derive(Debug, Default)]
struct Group {
    rows: BTreeMap<PartitionId, Row>,
    members: BTreeSet<Member>,
}

impl Group {
    /// Every partition is wanted by a member, and none has two more than another.
    fn balance(&mut self) {
        let Self { rows, members } = self;
        for row in rows.values_mut().filter(|row| row.wanted.is_some_and(|wanted| !members.contains(&wanted))) {
            row.wanted = None;
        }
        let mut counts: BTreeMap<Member, usize> = members.iter().map(|member| (*member, 0)).collect();
        for wanted in rows.values().filter_map(|row| row.wanted) {
            *counts.entry(wanted).or_default() += 1;
        }
        let fewest = |counts: &BTreeMap<Member, usize>| counts.iter().min_by_key(|(_, count)| **count).map(first);
        for row in rows.values_mut().filter(|row| row.wanted.is_none()) {
            row.wanted = fewest(&counts);
            row.wanted.and_then(|wanted| counts.get_mut(&wanted)).into_iter().for_each(|count| *count += 1);
        }
        while let Some((from, to)) = counts.iter().max_by_key(|(_, count)| **count).map(first).zip(fewest(&counts)) {
            if counts[&from] <= counts[&to] + 1 {
                return;
            }
            if let Some(row) = rows.values_mut().find(|row| row.wanted == Some(from)) {
                row.wanted = Some(to);
            }
            counts.entry(from).and_modify(|count| *count -= 1);
            counts.entry(to).and_modify(|count| *count += 1);
        }
    }

    /// A member is no more: whatever it owned is free.
    fn leave(&mut self, member: Member) {
        self.members.remove(&member);
        for row in self.rows.values_mut().filter(|row| row.owner == Some(member)) {
            row.owner = None;
        }
        self.balance();
    }
}

fn first((member, _): (&Member, &usize)) -> Member {
    *member
}

/// All groups.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_name: BTreeMap<String, Group>,
    gone: BTreeMap<Member, (Gone, u64)>,
    next: Member,
    /// Grows whenever anything changes, so that a member need not look at every poll.
    version: u64,
}

impl Groups {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    fn change(&mut self, group: &str, change: impl FnOnce(&mut Group)) {
        self.version += 1;
        change(self.by_name.entry(group.to_owned()).or_default());
    }

    /// A new member of the group that reads these partitions.
    pub(crate) fn join(&mut self, group: &str, ids: Vec<PartitionId>) -> Member {
        self.next += 1;
        let member = self.next;
        self.change(group, |group| {
            for id in ids {
                group.rows.entry(id).or_default();
            }
            group.members.insert(member);
            group.balance();
        });
        member
    }

    /// A member that was given up joins again.
    pub(crate) fn rejoin(&mut self, group: &str, member: Member) {
        self.gone.remove(&member);
        self.change(group, |group| {
            group.members.insert(member);
            group.balance();
        });
    }

    /// A member ends.
    pub(crate) fn leave(&mut self, group: &str, member: Member) {
        self.gone.remove(&member);
        self.change(group, |group| group.leave(member));
    }

    /// A member is given up, and learns that when it has read so many records more.
    pub(crate) fn give_up(&mut self, group: &str, member: Member, why: Gone, records: u64) {
        self.gone.insert(member, (why, records));
        self.change(group, |group| group.leave(member));
    }

    /// Partitions are to move: for each one `pick` chooses among so many members.
    pub(crate) fn shuffle(&mut self, group: &str, mut pick: impl FnMut(usize) -> usize) {
        self.change(group, |group| {
            let members: Vec<Member> = group.members.iter().copied().collect();
            for row in group.rows.values_mut() {
                row.wanted = members.get(pick(members.len())).copied().or(row.wanted);
            }
        });
    }

    /// Partitions that a member gives back.
    pub(crate) fn release(&mut self, group: &str, member: Member, ids: &[PartitionId]) {
        self.change(group, |group| {
            for id in ids {
                if let Some(row) = group.rows.get_mut(id).filter(|row| row.owner == Some(member)) {
                    row.owner = None;
                }
            }
        });
    }

    /// Why the group has given a member up, where it has.
    pub(crate) fn gone(&self, member: Member) -> Option<Gone> {
        self.gone.get(&member).map(|(why, _)| *why)
    }

    /// Whether a member may commit for a partition.
    pub(crate) fn owns(&self, group: &str, member: Member, id: &PartitionId) -> bool {
        let row = self.by_name.get(group).and_then(|group| group.rows.get(id));
        row.is_some_and(|row| row.owner == Some(member))
    }

    /// What a member must be told next: what it loses before what it gets.
    pub(crate) fn news(&mut self, group: &str, member: Member) -> Option<News> {
        if let Some((why, records)) = self.gone.get(&member) {
            return Some(News::Gone(*why, *records));
        }
        let rows = &mut self.by_name.get_mut(group)?.rows;
        let mut ids = |is_one: fn(&Row, Member) -> bool, owner: Option<Member>| -> Vec<PartitionId> {
            let found = rows.iter_mut().filter(|(_, row)| is_one(row, member));
            let owned = |(id, row): (&PartitionId, &mut Row)| {
                row.owner = owner;
                id.clone()
            };
            found.map(owned).collect()
        };
        let revoked = ids(|row, member| row.owner == Some(member) && row.wanted != Some(member), Some(member));
        if !revoked.is_empty() {
            return Some(News::Revoked(revoked));
        }
        let assigned = ids(|row, member| row.owner.is_none() && row.wanted == Some(member), Some(member));
        (!assigned.is_empty()).then_some(News::Assigned(assigned))
    }
}
