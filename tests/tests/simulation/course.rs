//! What comes in a simulation, in its order: what a seed has departments say, and the days that close. It does not know
//! who takes it, nor what goes wrong.

use std::fmt::Write as _;

use schemas::Day;

use crate::feeds::{self, Published};
use crate::generate;
use crate::history::{Said, Step, yaml};

/// Of so many seeds one sends real feeds through normalise; the others begin at the subjects.
const FED_EACH: u64 = 3;
/// Of so many seeds that begin at the subjects one closes every day by itself.
const DAILY_EACH: u64 = 8;

/// What comes next.
#[derive(Clone, Debug)]
pub(crate) enum Coming {
    /// A record about a subject, as normalise makes it.
    Say(Said),
    /// A record of a feed.
    Publish(Published),
    /// A day ends.
    Close(Day),
}

/// Whether a seed sends real feeds through normalise.
pub(crate) fn is_fed(seed: u64) -> bool {
    seed.is_multiple_of(FED_EACH)
}

/// The course of a seed.
pub(crate) fn course(seed: u64) -> Vec<Coming> {
    if is_fed(seed) {
        return feeds::course(seed);
    }
    let mut closed: Option<Day> = None;
    let mut coming = Vec::new();
    for step in generate::history(seed) {
        match step {
            Step::Say(said) => coming.push(Coming::Say(said)),
            Step::Close(day) => {
                let first = closed.filter(|_| seed % DAILY_EACH == DAILY_EACH / 2).map_or(day, |closed| closed.plus(1));
                let days = (first.0..=day.0).map(|day| Coming::Close(Day(day)));
                coming.extend(days);
                closed = Some(day);
            }
        }
    }
    coming
}

/// The course as a file that a person can read.
pub(crate) fn shown(seed: u64) -> String {
    let name = format!("seed {seed}");
    if !is_fed(seed) {
        return yaml(&name, &generate::history(seed));
    }
    let mut text = format!("name: {name}\nsteps:\n");
    for one in course(seed) {
        let _ = match one {
            Coming::Close(day) => writeln!(text, "  - close: {day}"),
            Coming::Publish(Published { topic, key, value, is_sound }) => {
                let bytes = value.map_or(0, |value| value.len());
                writeln!(text, "  - {{ topic: {topic}, key: {key}, bytes: {bytes}, is_sound: {is_sound} }}")
            }
            Coming::Say(_) => Ok(()),
        };
    }
    text
}

/// The last day that closes.
pub(crate) fn last_day(coming: &[Coming]) -> Option<Day> {
    coming.iter().filter_map(|one| if let Coming::Close(day) = one { Some(*day) } else { None }).max()
}
