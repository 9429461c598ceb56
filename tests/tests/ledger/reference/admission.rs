//! Which records a subject keeps: repetitions, what waits for its subject, its original or its day, what is too old. It
//! does not know what a record says, but whether it tells of a membership.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{Day, Kind, Month, Op};

use super::{Terms, membership, oldest, versions};
use crate::history::{Said, Who};

/// How many records of all ended how, now: by word, and for refused ones by reason.
pub(crate) type Ends = BTreeMap<String, i64>;

/// For what a record waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Subject,
    Original,
    Day(Day),
}

/// What becomes of a record.
enum Way {
    Kept,
    Waits(Wait),
    Refused(&'static str),
}

/// The records of one subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    /// In the ledger.
    pub(super) kept: Vec<Said>,
    /// Those that wait, since which day; none before the first close.
    waiting: Vec<(Said, Wait, Option<Day>)>,
    duplicates: i64,
    /// Records that have left the horizon.
    forgotten: i64,
    refused: Ends,
}

/// What tells one record of a subject from another: event, version, ordinal.
pub(crate) type Name = (u16, u8, i32);

fn name(said: &Said) -> Name {
    (said.event, said.version, said.ordinal)
}

fn tells(said: &Said, what: impl Fn(Kind, &str) -> bool) -> bool {
    said.lines.iter().any(|line| what(line.kind, line.code))
}

fn is_membership(kind: Kind, code: &str) -> bool {
    kind == Kind::Membership || (kind == Kind::Incident && code == "death")
}

impl Desk {
    /// A record comes on a day.
    pub(super) fn arrive(&mut self, said: &Said, today: Option<Day>) {
        if self.is_known_already(said) {
            // The later report may let in others.
            self.duplicates += 1;
            self.settle(today);
            return;
        }
        self.take(said, self.is_known(), today);
        self.settle(today);
    }

    /// A day closes; `today` is the one after it.
    pub(super) fn close(&mut self, today: Day, terms: &Terms) {
        self.forget(oldest(today));
        let mut due = Vec::new();
        for (said, wait, since) in std::mem::take(&mut self.waiting) {
            match wait {
                Wait::Day(day) if day <= today => due.push(said),
                _ => self.waiting.push((said, wait, Some(since.unwrap_or(today)))),
            }
        }
        for said in due {
            self.kept.push(said);
            self.settle(Some(today));
        }
        let events: Vec<u16> = self.waiting.iter().map(|(said, ..)| said.event).collect();
        for (said, wait, since) in std::mem::take(&mut self.waiting) {
            let waited_days = since.map_or(0, |since| today.0 - since.0);
            match wait {
                Wait::Subject if waited_days >= terms.parked_days_max => self.refuse("parked_expired"),
                Wait::Original if waited_days >= terms.wait_days_max => {
                    if said.corrects.is_some_and(|original| events.contains(&original)) {
                        self.waiting.push((said, wait, Some(today)));
                    } else if is_too_old(&said, Some(today)) {
                        self.refuse("beyond_horizon");
                    } else {
                        self.refuse("original_not_found");
                    }
                }
                _ => self.waiting.push((said, wait, since)),
            }
        }
    }

    pub(super) fn count(&self, ends: &mut Ends) {
        let mut add = |word: &str, count: i64| {
            if count != 0 {
                *ends.entry(word.to_owned()).or_default() += count;
            }
        };
        let parked = self.waiting.iter().filter(|(_, wait, _)| *wait == Wait::Subject).count() as i64;
        add("applied", self.kept.len() as i64 + self.forgotten);
        add("parked", parked);
        add("waiting", self.waiting.len() as i64 - parked);
        add("duplicates", self.duplicates);
        for (reason, count) in &self.refused {
            add(reason, *count);
        }
    }

    /// The records of the ledger.
    pub(super) fn names(&self) -> BTreeSet<Name> {
        self.kept.iter().map(name).collect()
    }

    /// Whether records wait here, or have waited too long.
    pub(super) fn has_waiting(&self) -> bool {
        let has_expired = ["parked_expired", "original_not_found", "beyond_horizon"]
            .iter()
            .any(|one| self.refused.contains_key(*one));
        !self.waiting.is_empty() || has_expired
    }

    fn refuse(&mut self, reason: &str) {
        *self.refused.entry(reason.to_owned()).or_default() += 1;
    }

    /// Whether the same came before; then the later report is kept.
    fn is_known_already(&mut self, said: &Said) -> bool {
        let waiting = self.waiting.iter_mut().map(|(waiting, ..)| waiting);
        let Some(before) = self.kept.iter_mut().chain(waiting).find(|before| name(before) == name(said)) else {
            return false;
        };
        before.reported_at_ms = before.reported_at_ms.max(said.reported_at_ms);
        true
    }

    /// Whether a person has ever belonged to a household, or the household is registered.
    fn is_known(&self) -> bool {
        let Some(first) = self.kept.first() else { return false };
        let live = versions::live(&self.kept);
        match first.who() {
            Who::Person(_) => !membership::life_of(&live).stretches.is_empty(),
            Who::House(_) => live.iter().any(|said| tells(said, |_, code| code == "registered")),
        }
    }

    /// Drops what has left the horizon and does not hold on: an event with all that corrects or retracts it at once.
    fn forget(&mut self, oldest: Month) {
        let events: BTreeSet<u16> = self.kept.iter().map(|said| said.event).collect();
        for event in events {
            let thread = self.thread(event);
            let of_thread = |said: &Said| thread.contains(&said.event);
            let is_over = |said: &Said| last_month(said) < oldest && !tells(said, holds_on);
            if self.kept.iter().filter(|said| of_thread(said)).all(is_over) {
                let count = self.kept.len();
                self.kept.retain(|said| !of_thread(said));
                self.forgotten += (count - self.kept.len()) as i64;
            }
        }
    }

    /// An event with those that name it and that it names, with those of the same paper, and so on.
    fn thread(&self, event: u16) -> BTreeSet<u16> {
        let mut thread = BTreeSet::from([event]);
        loop {
            let count = thread.len();
            for said in &self.kept {
                let has_paper = |other: &&Said| said.document.is_some() && other.document == said.document;
                let others = self.kept.iter().filter(has_paper).map(|other| other.event);
                let related: Vec<u16> = others.chain(said.corrects).chain([said.event]).collect();
                if related.iter().any(|event| thread.contains(event)) {
                    thread.extend(related);
                }
            }
            if thread.len() == count {
                return thread;
            }
        }
    }

    fn take(&mut self, said: &Said, is_known: bool, today: Option<Day>) {
        match self.way(said, is_known, today) {
            Way::Kept => self.kept.push(said.clone()),
            Way::Waits(wait) => self.waiting.push((said.clone(), wait, today)),
            Way::Refused(reason) => self.refuse(reason),
        }
    }

    fn way(&self, said: &Said, is_known: bool, today: Option<Day>) -> Way {
        let is_old = is_too_old(said, today);
        if said.op == Op::Upsert {
            if is_old {
                return Way::Refused("beyond_horizon");
            }
            let has_version = self.kept.iter().any(|kept| kept.event == said.event);
            if !is_known && !has_version && !tells(said, |kind, _| kind == Kind::Membership) {
                return Way::Waits(Wait::Subject);
            }
        } else if !self.kept.iter().any(|kept| Some(kept.event) == said.corrects) {
            if is_old {
                return Way::Refused("beyond_horizon");
            }
            let may_wait = is_known || tells(said, is_membership);
            return Way::Waits(if may_wait { Wait::Original } else { Wait::Subject });
        }
        let days = said.lines.iter().filter(|line| is_membership(line.kind, line.code)).map(|line| line.day);
        match (days.max(), today) {
            (Some(day), Some(today)) if day > today && said.op != Op::Retract => Way::Waits(Wait::Day(day)),
            _ => Way::Kept,
        }
    }

    /// Lets in what waited for its subject or its original: all that is there for it at once, in order, and again as long
    /// as that lets in more.
    fn settle(&mut self, today: Option<Day>) {
        loop {
            let (is_known, count) = (self.is_known(), self.kept.len());
            for (said, wait, since) in std::mem::take(&mut self.waiting) {
                let is_there = |event: Option<u16>| self.kept.iter().any(|kept| Some(kept.event) == event);
                let has_come = match wait {
                    // What concerns an event that is there needs nobody to be known.
                    Wait::Subject => is_known || is_there(Some(said.event)) || is_there(said.corrects),
                    Wait::Original => is_there(said.corrects),
                    Wait::Day(_) => false,
                };
                if has_come {
                    self.take(&said, is_known, today);
                } else {
                    self.waiting.push((said, wait, since));
                }
            }
            if self.kept.len() == count {
                return;
            }
        }
    }
}

fn holds_on(kind: Kind, code: &str) -> bool {
    kind == Kind::Status || is_membership(kind, code)
}

/// The last month that it says something of.
fn last_month(said: &Said) -> Month {
    let months = said.lines.iter().map(|line| line.month.plus(line.months - 1));
    months.max().unwrap_or(said.occurred_day.month()).max(said.occurred_day.month())
}

/// Whether it occurred before the horizon and tells nothing that holds on.
fn is_too_old(said: &Said, today: Option<Day>) -> bool {
    !tells(said, holds_on) && today.is_some_and(|today| said.occurred_day.month() < oldest(today))
}
