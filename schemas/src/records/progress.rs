//! How far a partition of a stage has come: its calendar and its totals, written to the stage's changelog in the
//! same transaction as everything else (schema `Progress`), so that both are exact after any crash.

use serde::{Deserialize, Serialize};

use crate::Day;
use crate::records::Coverage;

/// The record key of a partition's progress in its changelog.
pub const PROGRESS_KEY: &str = "progress";

/// The calendar and the totals of one partition of one stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The last day that is closed here; none before the first close.
    pub closed_day: Option<Day>,
    /// The first day that was ever closed here: what lies before it was not observed.
    pub first_closed_day: Option<Day>,
    /// The `policies_offset` that came with it.
    pub policies_offset: i64,
    /// Days that some, but not all, upstream partitions have closed; in order.
    pub open_days: Vec<OpenDay>,
    /// Last day on which anything came, by source and county; sorted.
    pub coverage: Vec<Coverage>,
    /// What was counted since the beginning; sorted by name and label.
    pub totals: Vec<Total>,
    /// Where a sweep over every household stands, for stages that have one: the last key done.
    pub sweep_after: Option<String>,
}

/// A day on its way to being closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenDay {
    /// The day.
    pub day: Day,
    /// How many upstream partitions must say so; the first marker of a day decides.
    pub of: i32,
    /// The highest `policies_offset` among the markers.
    pub policies_offset: i64,
    /// Which have said so; sorted.
    pub seen: Vec<String>,
}

/// A count since the beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Total {
    /// What is counted, such as `applied` or `rejected`.
    pub name: String,
    /// The kind within it, such as a reason or a department; may be empty.
    pub label: String,
    /// How many.
    pub count: i64,
}

/// How many totals [`Places`] can tell apart at most.
const PLACES: usize = 256;

/// Where totals were found last, for who counts the same ones record after record. It is a guess and no part of the
/// progress: a wrong one costs a search.
#[derive(Clone, Debug)]
pub struct Places([u16; PLACES]);

impl Default for Places {
    fn default() -> Self {
        Self([0; PLACES])
    }
}

impl Places {
    /// The place of a total; two totals may share one.
    fn of(&mut self, name: &str, label: &str) -> &mut u16 {
        let ends = |text: &str| (text.as_bytes().first().copied(), text.as_bytes().last().copied());
        let (first, last) = ends(label);
        let of_label = label.len() * 5 + usize::from(first.unwrap_or(0)) * 3 + usize::from(last.unwrap_or(0)) * 17;
        &mut self.0[(of_label * 8 + name.len()) % PLACES]
    }
}

impl Progress {
    /// Adds to a total.
    pub fn count(&mut self, name: &str, label: &str, more: i64) {
        self.count_found(self.find(name, label), name, label, more);
    }

    /// The same of a total that is counted again and again.
    pub fn count_often(&mut self, places: &mut Places, name: &str, label: &str, more: i64) {
        let place = places.of(name, label);
        match self.totals.get_mut(usize::from(*place)) {
            Some(total) if total.label == label && total.name == name => total.count += more,
            _ => {
                let found = self.find(name, label);
                *place = u16::try_from(found.unwrap_or_else(|at| at)).unwrap_or_default();
                self.count_found(found, name, label, more);
            }
        }
    }

    fn find(&self, name: &str, label: &str) -> Result<usize, usize> {
        self.totals.binary_search_by(|total| (total.name.as_str(), total.label.as_str()).cmp(&(name, label)))
    }

    fn count_found(&mut self, found: Result<usize, usize>, name: &str, label: &str, more: i64) {
        match found {
            Ok(at) => self.totals[at].count += more,
            Err(at) => {
                self.totals.insert(at, Total { name: name.to_owned(), label: label.to_owned(), count: more });
            }
        }
    }

    /// Sets a total that is a level and not a count since the beginning, such as the open cases.
    pub fn set(&mut self, name: &str, label: &str, count: i64) {
        self.count(name, label, 0);
        if let Some(total) = self.totals.iter_mut().find(|total| (&*total.name, &*total.label) == (name, label)) {
            total.count = count;
        }
    }

    /// The sum of a total over its labels.
    pub fn total(&self, name: &str) -> i64 {
        self.totals.iter().filter(|total| total.name == name).map(|total| total.count).sum()
    }

    /// Notes that something came from a department for a county on a day. It is looked for at `at` first; where it stands
    /// then.
    pub fn cover_near(&mut self, at: usize, source: &str, county: crate::County, day: Day) -> usize {
        let is_it = |one: &Coverage| one.county == county && one.source == source;
        let found = if self.coverage.get(at).is_some_and(is_it) {
            Ok(at)
        } else {
            self.coverage.binary_search_by(|one| (one.source.as_str(), one.county).cmp(&(source, county)))
        };
        match found {
            Ok(at) => {
                self.coverage[at].day = self.coverage[at].day.max(day);
                at
            }
            Err(at) => {
                self.coverage.insert(at, Coverage { source: source.to_owned(), county, day });
                at
            }
        }
    }

    /// The last day that an upstream partition has closed which others have not; none where it is not ahead of them.
    /// `from` is its name as markers have it.
    pub fn ahead_day(&self, from: &str) -> Option<Day> {
        // Upstream partitions close in order: who has closed a day has closed those before it.
        let has_closed = |open: &OpenDay| open.seen.binary_search_by(|seen| seen.as_str().cmp(from)).is_ok();
        let ahead = self.open_days.partition_point(has_closed);
        ahead.checked_sub(1).map(|last| self.open_days[last].day)
    }

    /// Takes a marker of an upstream partition. Returns the marker to pass on when with it every upstream partition
    /// has closed the day: `from` and `of` are left for the caller to set, `coverage` is all that is known.
    ///
    /// A marker of a day that is already closed, or one seen before, changes nothing. The first marker of a day
    /// decides `of` (design section 6).
    pub fn take_marker(&mut self, marker: &super::DayClosed) -> Option<super::DayClosed> {
        if self.closed_day.is_some_and(|closed| marker.day <= closed) {
            return None;
        }
        // Markers say what is covered in the order in which it is kept, so the next one is mostly the next one here.
        let mut next = 0;
        for one in &marker.coverage {
            next = self.cover_near(next, &one.source, one.county, one.day) + 1;
        }
        let at = match self.open_days.binary_search_by(|open| open.day.cmp(&marker.day)) {
            Ok(at) => at,
            Err(at) => {
                self.open_days.insert(
                    at,
                    OpenDay {
                        day: marker.day,
                        of: marker.of,
                        policies_offset: marker.policies_offset,
                        seen: Vec::new(),
                    },
                );
                at
            }
        };
        let open = &mut self.open_days[at];
        open.policies_offset = open.policies_offset.max(marker.policies_offset);
        if let Err(place) = open.seen.binary_search(&marker.from) {
            open.seen.insert(place, marker.from.clone());
        }
        if (open.seen.len() as i64) < i64::from(open.of) {
            return None;
        }
        let open = self.open_days.remove(at);
        // A day that closes closes every day before it: upstream partitions close in order, so an earlier open day
        // can only be one whose markers named another number of partitions.
        self.open_days.retain(|other| other.day > open.day);
        self.closed_day = Some(open.day);
        self.first_closed_day = self.first_closed_day.or(Some(open.day));
        self.policies_offset = self.policies_offset.max(open.policies_offset);
        Some(super::DayClosed {
            day: open.day,
            from: String::new(),
            of: 0,
            policies_offset: self.policies_offset,
            coverage: self.coverage.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::County;
    use crate::records::DayClosed;

    fn marker(day: i32, from: &str) -> DayClosed {
        DayClosed { day: Day(day), from: from.to_owned(), of: 2, policies_offset: i64::from(day), coverage: vec![] }
    }

    #[test]
    fn a_day_closes_when_every_upstream_partition_has_said_so() {
        let mut progress = Progress::default();
        assert_eq!(progress.take_marker(&marker(1, "a")), None);
        assert_eq!(progress.take_marker(&marker(1, "a")), None, "the same one twice is one");
        assert_eq!(progress.take_marker(&marker(2, "a")), None, "one upstream may be a day ahead");
        let closed = progress.take_marker(&marker(1, "b")).expect("both have said so");
        assert_eq!((closed.day, progress.closed_day), (Day(1), Some(Day(1))));
        assert_eq!(progress.take_marker(&marker(1, "b")), None, "a closed day stays closed");
        assert_eq!(progress.take_marker(&marker(2, "b")).map(|closed| closed.policies_offset), Some(2));
    }

    #[test]
    fn one_upstream_may_be_some_days_ahead() {
        let mut progress = Progress::default();
        let ahead = |progress: &Progress, from: &str| progress.ahead_day(from).map(|day| day.0);
        assert_eq!(ahead(&progress, "a"), None);
        for (day, from) in [(1, "a"), (1, "b"), (2, "a"), (3, "a"), (2, "c")] {
            progress.take_marker(&marker(day, from));
        }
        assert_eq!(["a", "b", "c", "d"].map(|from| ahead(&progress, from)), [Some(3), None, None, None]);
    }

    #[test]
    fn coverage_keeps_the_latest_day() {
        let mut progress = Progress::default();
        progress.cover_near(0, "health", County(431_023), Day(5));
        progress.cover_near(0, "health", County(431_023), Day(3));
        progress.cover_near(0, "education", County(431_023), Day(4));
        let days: Vec<_> = progress.coverage.iter().map(|one| (one.source.as_str(), one.day.0)).collect();
        assert_eq!(days, [("education", 4), ("health", 5)]);
    }

    #[test]
    fn a_total_that_is_counted_often_is_the_same_total() {
        let (mut often, mut plain, mut places) = (Progress::default(), Progress::default(), Places::default());
        for at in 0..4_000_i64 {
            // Names and labels of one length and with the same ends share a place.
            let (name, label) = (["applied", "applyed"][at as usize % 2], format!("f{}e", at * 7 % 31));
            often.count_often(&mut places, name, &label, at);
            plain.count(name, &label, at);
        }
        assert_eq!(often, plain);
    }

    #[test]
    fn totals_add_up_by_name() {
        let mut progress = Progress::default();
        progress.count("rejected", "undecodable", 2);
        progress.count("rejected", "no_subject", 1);
        progress.count("normalised", "", 7);
        progress.count("rejected", "undecodable", 1);
        assert_eq!((progress.total("rejected"), progress.total("normalised")), (4, 7));
    }
}
