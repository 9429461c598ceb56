//! A person's life as a member of households, worked out from the changes that stand. It does not know what else is
//! said about the person.

use std::collections::BTreeMap;

use schemas::{Day, Kind};

use crate::history::{House, Said, event_hash, house};

/// A time in a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) house: House,
    pub(super) from: Day,
    /// The first day on which it is over; none while it lasts.
    pub(super) to: Option<Day>,
}

/// A person's times in households.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    pub(super) stretches: Vec<Stretch>,
    /// The day of a death that ended a time in a household.
    pub(super) death: Option<Day>,
    /// Codes that were merged into others with this person.
    pub(super) merged: BTreeMap<House, House>,
}

/// The person's life.
pub(super) fn life_of(records: &[Said]) -> Life {
    let mut changes = Vec::new();
    for said in records {
        for (index, line) in said.lines.iter().enumerate() {
            let is_death = line.kind == Kind::Incident && line.code == "death";
            if line.kind == Kind::Membership || is_death {
                let order = (line.day, said.reported_at_ms, event_hash(said.event), said.ordinal, index);
                changes.push((order, line, said.household));
            }
        }
    }
    changes.sort_by_key(|(order, ..)| *order);
    let (mut life, mut is_dead) = (Life::default(), false);
    for (_, line, target) in changes {
        if is_dead {
            continue;
        }
        let open = life.stretches.iter().position(|stretch| stretch.to.is_none());
        let now = open.map(|at| life.stretches[at].house);
        match line.code {
            "join" | "split" | "merge" => {
                let Some(target) = target else { continue };
                if now != Some(target) {
                    life.end(line.day);
                    life.stretches.push(Stretch { house: target, from: line.day, to: None });
                }
            }
            "leave" if now.is_some() && now == target => life.end(line.day),
            "death" => {
                is_dead = true;
                life.death = now.map(|_| line.day);
                life.end(line.day);
            }
            _ => {}
        }
    }
    life.stretches.retain(|stretch| stretch.to != Some(stretch.from));
    // Who had left before the household of his last day began has nobody to leave his bills to.
    let last_day = life.stretches.last().and_then(|last| last.to);
    life.death = life.death.filter(|death| last_day == Some(*death));
    life.merged = merged(records);
    life
}

impl Life {
    fn end(&mut self, day: Day) {
        for stretch in &mut self.stretches {
            stretch.to.get_or_insert(day);
        }
    }

    /// Where the person is now.
    pub(super) fn now(&self) -> Option<House> {
        self.stretches.last().filter(|last| last.to.is_none()).map(|last| last.house)
    }

    /// To whom what happened on a day belongs: by whole months.
    pub(super) fn at(&self, day: Day) -> Option<House> {
        let day = day.month().last_day();
        let first = self.stretches.first()?;
        let last = self.stretches.last()?;
        if day < first.from {
            return Some(self.followed(first.house));
        }
        if self.death.is_some_and(|death| day >= death) {
            return Some(self.followed(last.house));
        }
        let holds = |stretch: &&Stretch| stretch.from <= day && stretch.to.is_none_or(|to| day < to);
        self.stretches.iter().find(holds).map(|stretch| self.followed(stretch.house))
    }

    /// The household that a merged one is now.
    fn followed(&self, house: House) -> House {
        let mut at = house;
        // As many steps as there are mergers end every chain, and a circle too.
        for _ in 0..self.merged.len() {
            at = self.merged.get(&at).copied().unwrap_or(at);
        }
        at
    }
}

/// Which households were merged into which, as the person's own changes tell.
fn merged(live: &[Said]) -> BTreeMap<House, House> {
    let mut merges = Vec::new();
    for said in live {
        for (index, line) in said.lines.iter().enumerate() {
            let is_merge = line.kind == Kind::Membership && line.code == "merge";
            if let (true, Some(from), Some(into)) = (is_merge, house(line.value), said.household)
                && from != into
            {
                merges.push(((line.day, said.reported_at_ms, event_hash(said.event), said.ordinal, index), from, into));
            }
        }
    }
    merges.sort_unstable();
    merges.into_iter().map(|(_, from, into)| (from, into)).collect()
}
