//! The naive reference: it keeps every record in a list and works everything out again from nothing, with plain lists,
//! loops and maps. It shares no code with the cores, is slow, and is right by being short.

mod admission;
mod households;
mod membership;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use schemas::{Day, Month};

use crate::history::{House, Person, Said, Step, Who};
use crate::picture::Pictures;
use admission::Desk;
pub(crate) use admission::{Ends, Name};
use membership::Life;

/// What the reference is told beside the history.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Which department's document counts first.
    pub(crate) precedence: Vec<&'static str>,
    pub(crate) parked_days_max: i32,
    pub(crate) wait_days_max: i32,
}

/// How everything stands.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) pictures: Pictures,
    pub(crate) ends: Ends,
    /// Subjects with records that wait or have waited too long.
    pub(crate) waiting: BTreeSet<Who>,
    /// What each ledger has, without what has left the horizon.
    pub(crate) kept: BTreeMap<Who, BTreeSet<Name>>,
    /// Whether a record has waited too long, or has left the horizon while it waited.
    pub(crate) has_expired: bool,
}

/// The current day: none before the first close.
pub(crate) fn today(steps: &[Step]) -> Option<Day> {
    let closed = steps.iter().filter_map(|step| if let Step::Close(day) = step { Some(*day) } else { None });
    closed.max().map(|day| day.plus(1))
}

/// The oldest month of the horizon.
pub(crate) fn oldest(today: Day) -> Month {
    today.month().plus(-25)
}

/// How everything stands after these steps.
pub(crate) fn after(steps: &[Step], terms: &Terms) -> World {
    let mut desks: BTreeMap<Who, Desk> = BTreeMap::new();
    let mut today = None;
    for step in steps {
        match step {
            Step::Say(said) => desks.entry(said.who()).or_default().arrive(said, today),
            Step::Close(day) => {
                today = Some(day.plus(1));
                for desk in desks.values_mut() {
                    desk.close(day.plus(1), terms);
                }
            }
        }
    }
    let mut ends = Ends::default();
    for desk in desks.values() {
        desk.count(&mut ends);
    }
    let mut persons: BTreeMap<Person, (Life, Vec<Said>)> = BTreeMap::new();
    let mut houses: BTreeMap<House, Vec<Said>> = BTreeMap::new();
    for (who, desk) in &desks {
        let mut live = versions::live(&desk.kept);
        versions::drop_documents_said_twice(&mut live, terms);
        match who {
            Who::Person(person) => {
                persons.insert(*person, (membership::life_of(&live), live));
            }
            Who::House(house) => {
                houses.insert(*house, live);
            }
        }
    }
    let pictures = households::pictures(&persons, &houses);
    let waiting = desks.iter().filter(|(_, desk)| desk.has_waiting()).map(|(who, _)| *who).collect();
    let has_expired =
        ["parked_expired", "original_not_found", "beyond_horizon"].iter().any(|word| ends.contains_key(*word));
    let kept = desks.iter().map(|(who, desk)| (*who, desk.names())).collect();
    World { pictures, ends, waiting, kept, has_expired }
}
