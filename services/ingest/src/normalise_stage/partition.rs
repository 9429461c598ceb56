//! The state of one feed partition: its calendar, and what was counted. It does not know what a record means.

use ingest_core::normalise::FEED_TOPIC_PREFIX;
use runtime::stage::{Figures, PartitionId};
use schemas::records::{DayClosed, Places, Progress};
use schemas::{County, Day, Reason};

/// The names of the totals that are figures, each by department (and reason, for rejected ones). Events are all
/// records but markers, so that events = normalised + rejected.
const TOTALS: [&str; 4] = ["events", "normalised", "rejected", "markers_rejected"];
const EVENTS: &str = TOTALS[0];
const NORMALISED: &str = TOTALS[1];
const REJECTED: &str = TOTALS[2];
const MARKERS_REJECTED: &str = TOTALS[3];
/// What stands for the current day before the first day is closed.
const BEFORE_THE_CALENDAR: Day = Day(0);

/// The state of one feed partition.
#[derive(Debug)]
pub struct NormalisePartition {
    id: PartitionId,
    department: String,
    pub(super) subject_partitions: i32,
    progress: Progress,
    /// Where its totals were found last.
    places: Places,
    /// Where in its coverage the last record was found.
    covered_at: usize,
    /// The progress of the last commit, once something has been applied since.
    saved: Option<Progress>,
}

/// What a marker does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// It closes the day: what to tell resolve.
    Closes(DayClosed),
    /// Its day is closed already.
    Repeats,
    /// It is not the next day's, or no marker of the calendar job: why.
    Faulty(String),
}

impl NormalisePartition {
    pub(super) fn new(id: &PartitionId, subject_partitions: i32) -> Self {
        Self {
            department: id.topic.strip_prefix(FEED_TOPIC_PREFIX).unwrap_or(&id.topic).to_owned(),
            id: id.clone(),
            subject_partitions,
            progress: Progress::default(),
            places: Places::default(),
            covered_at: 0,
            saved: None,
        }
    }

    pub(super) fn topic(&self) -> &str {
        &self.id.topic
    }

    pub(super) fn number(&self) -> i32 {
        self.id.partition
    }

    pub(super) fn restore(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// Remembers the progress as it was committed, before the first change.
    pub(super) fn begin(&mut self) {
        if self.saved.is_none() {
            self.saved = Some(self.progress.clone());
        }
    }

    /// The progress, where it changed since the last commit.
    pub(super) fn changed_progress(&self) -> Option<&Progress> {
        self.saved.as_ref().filter(|saved| **saved != self.progress).map(|_| &self.progress)
    }

    pub(super) fn count_event(&mut self, county: County) {
        self.progress.count_often(&mut self.places, EVENTS, &self.department, 1);
        self.progress.count_often(&mut self.places, NORMALISED, &self.department, 1);
        let today = self.progress.closed_day.map_or(BEFORE_THE_CALENDAR, |closed| closed.plus(1));
        self.covered_at = self.progress.cover_near(self.covered_at, &self.department, county, today);
    }

    pub(super) fn count_rejection(&mut self, reason: Reason) {
        self.progress.count(EVENTS, &self.department, 1);
        self.progress.count(REJECTED, &format!("{}/{}", self.department, reason.code()), 1);
    }

    pub(super) fn count_faulty_marker(&mut self) {
        self.progress.count(MARKERS_REJECTED, &self.department, 1);
    }

    /// Takes a marker of the calendar job (design section 6). What came since the marker before came on this day.
    pub(super) fn take_marker(&mut self, marker: &DayClosed) -> Marker {
        if !marker.from.is_empty() || marker.of < 1 || !marker.coverage.is_empty() {
            return Marker::Faulty(
                "a marker in a feed has an empty `from`, no coverage, and an `of` of at least 1".to_owned(),
            );
        }
        if let Some(closed) = self.progress.closed_day {
            if marker.day <= closed {
                return Marker::Repeats;
            }
            if marker.day != closed.plus(1) {
                return Marker::Faulty(format!("it closes {}, and the last closed day is {closed}", marker.day));
            }
        }
        let before = self.progress.closed_day;
        for one in self.progress.coverage.iter_mut().filter(|one| before.is_none_or(|closed| one.day > closed)) {
            one.day = marker.day;
        }
        self.progress.closed_day = Some(marker.day);
        self.progress.policies_offset = self.progress.policies_offset.max(marker.policies_offset);
        Marker::Closes(DayClosed {
            day: marker.day,
            from: format!("{}/{}", self.id.topic, self.id.partition),
            of: marker.of,
            policies_offset: self.progress.policies_offset,
            coverage: self.progress.coverage.iter().filter(|one| one.day == marker.day).cloned().collect(),
        })
    }

    pub(super) fn committed(&mut self) {
        self.saved = None;
    }

    pub(super) fn rolled_back(&mut self) {
        if let Some(saved) = self.saved.take() {
            self.progress = saved;
        }
    }

    pub(super) fn figures(&self, figures: &mut Figures) {
        for name in TOTALS {
            // Every name of the balance is there from the start, so that a missing one is not taken for 0.
            figures.add(name, "", 0);
            for total in self.progress.totals.iter().filter(|total| total.name == name) {
                figures.add(name, total.label.as_str(), total.count);
            }
        }
    }
}
