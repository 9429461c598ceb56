//! The state of one partition of resolve: ledgers, calendar, totals, and which subject is due when. It does not know
//! how a record changes a ledger.

use std::collections::BTreeSet;

use ingest_core::ledger::{Draft, Ledger, LedgerError, Part, Subject};
use ingest_core::resolve::{Calendar, Note, Outcome, Resolver};
use runtime::stage::Figures;
use runtime::table::Table;
use schemas::records::{DayClosed, Origin, Places, Progress};
use schemas::{Day, Month};

use super::scorecard::Scorecards;

/// The names of the totals that are figures, each by department (and reason, for refused ones).
const TOTALS: [&str; 7] =
    ["subject_records", "applied", "duplicates", "parked", "waiting", "refused", "scorecard_passed_over"];
/// The name of the total that counts the items of all ledgers.
const ITEMS: &str = "ledger_items";

/// Partitions of feeds of which it is remembered how far ahead they are, at most; of others it is worked out each time.
const UPSTREAMS_MAX: usize = 1_024;

/// The state of one partition.
#[derive(Debug)]
pub struct ResolvePartition {
    pub(super) number: i32,
    pub(super) subject_partitions: i32,
    pub(super) household_partitions: i32,
    pub(super) ledgers: Table<Subject>,
    pub(super) progress: Progress,
    /// Where its totals were found last.
    pub(super) places: Places,
    pub(super) scorecards: Scorecards,
    /// The progress of the last commit, once something has been applied since.
    saved: Option<Progress>,
    /// Subjects with parked records, by the day at whose close they must be looked at.
    due: BTreeSet<(Day, Subject)>,
    /// The subjects that a sweep is still to look at, the next one last, while it goes on.
    sweep: Option<Vec<Subject>>,
    /// The partitions of feeds from which records came.
    upstreams: Vec<Upstream>,
    /// Which of them the last record came from.
    upstream_at: usize,
    /// Whose ledger is being put together by a restore, in the draft.
    restoring: Option<Restoring>,
    draft: Draft,
}

/// A subject that is being restored.
#[derive(Debug)]
struct Restoring {
    subject: Subject,
    was_due: Option<Day>,
}

/// A partition of a feed.
#[derive(Debug)]
struct Upstream {
    topic: String,
    partition: i32,
    /// Its name as markers have it.
    name: String,
    /// The last day that it has closed and others have not, where there is one...
    ahead_day: Option<Day>,
    /// ...once that was worked out since the last marker.
    is_worked_out: bool,
}

impl ResolvePartition {
    pub(super) fn new(number: i32, subject_partitions: i32, household_partitions: i32) -> Self {
        Self {
            number,
            subject_partitions,
            household_partitions,
            ledgers: Table::default(),
            progress: Progress::default(),
            places: Places::default(),
            scorecards: Scorecards::default(),
            saved: None,
            due: BTreeSet::new(),
            sweep: None,
            upstreams: Vec::new(),
            upstream_at: 0,
            restoring: None,
            draft: Draft::default(),
        }
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

    /// What day it is for a record that came from there.
    pub(super) fn calendar_of(&mut self, origin: &Origin<'_>) -> Calendar {
        let closed_day = self.progress.closed_day;
        let ahead_day = if self.progress.open_days.is_empty() { None } else { self.ahead_day(origin) };
        Calendar { closed_day, ahead_day }
    }

    /// The last day that a partition of a feed has closed which others have not.
    fn ahead_day(&mut self, origin: &Origin<'_>) -> Option<Day> {
        let is_it = |one: &Upstream| one.partition == origin.partition && one.topic == origin.topic;
        if !self.upstreams.get(self.upstream_at).is_some_and(is_it) {
            self.upstream_at = self.upstreams.iter().position(is_it).unwrap_or_else(|| {
                self.upstreams.truncate(UPSTREAMS_MAX - 1);
                self.upstreams.push(Upstream {
                    topic: origin.topic.to_owned(),
                    partition: origin.partition,
                    name: format!("{}/{}", origin.topic, origin.partition),
                    ahead_day: None,
                    is_worked_out: false,
                });
                self.upstreams.len() - 1
            });
        }
        let upstream = &mut self.upstreams[self.upstream_at];
        if !upstream.is_worked_out {
            upstream.ahead_day = self.progress.ahead_day(&upstream.name);
            upstream.is_worked_out = true;
        }
        upstream.ahead_day
    }

    /// Takes a marker: what to pass on when with it every upstream partition has closed its day.
    pub(super) fn take_marker(&mut self, marker: &DayClosed) -> Option<DayClosed> {
        self.forget_ahead_days();
        self.progress.take_marker(marker)
    }

    fn forget_ahead_days(&mut self) {
        for upstream in &mut self.upstreams {
            upstream.is_worked_out = false;
        }
    }

    /// Keeps what the resolver made of a subject's ledger. `was_due` is the day on which the subject was due before.
    pub(super) fn keep(&mut self, resolver: &Resolver, subject: Subject, was_due: Option<Day>, outcome: Outcome) {
        if !outcome.is_changed {
            return;
        }
        self.move_due(subject, was_due, resolver.due_day(resolver.ledger()));
        match resolver.ledger() {
            Some(ledger) => self.ledgers.put(subject, ledger),
            None => self.ledgers.remove(&subject),
        }
        if outcome.items != 0 {
            self.progress.count_often(&mut self.places, ITEMS, "", outcome.items);
        }
    }

    /// Takes a part of a ledger from the changelog. The parts of one subject often come one after the other, so that the
    /// ledger is put together first and kept when another subject comes, or none.
    pub(super) fn restore(
        &mut self,
        resolver: &Resolver,
        subject: Subject,
        part: Part,
        value: Option<&[u8]>,
    ) -> Result<(), LedgerError> {
        if self.restoring.as_ref().is_none_or(|restoring| restoring.subject != subject) {
            self.restored(resolver);
            let old = self.ledgers.get(&subject);
            self.draft.load(old);
            self.restoring = Some(Restoring { subject, was_due: resolver.due_day(old) });
        }
        self.draft.restore(part, value)
    }

    /// Keeps the ledger that is being put together.
    pub(super) fn restored(&mut self, resolver: &Resolver) {
        let Some(Restoring { subject, was_due }) = self.restoring.take() else { return };
        self.move_due(subject, was_due, resolver.due_day(self.draft.bytes()));
        self.ledgers.restore(subject, self.draft.bytes());
    }

    fn move_due(&mut self, subject: Subject, was_due: Option<Day>, is_due: Option<Day>) {
        if was_due == is_due {
            return;
        }
        if let Some(day) = was_due {
            self.due.remove(&(day, subject));
        }
        if let Some(day) = is_due {
            self.due.insert((day, subject));
        }
    }

    /// A subject that is due at the close of this day. Looking at it makes it due later, or not at all.
    pub(super) fn next_due(&self, closed_day: Day) -> Option<Subject> {
        self.due.first().filter(|(day, _)| *day <= closed_day).map(|(_, subject)| *subject)
    }

    /// The next subject of the sweep over those whose ledgers have months before the oldest one.
    pub(super) fn next_in_sweep(&mut self, oldest: Month) -> Option<Subject> {
        let (ledgers, after) = (&self.ledgers, &self.progress.sweep_after);
        let sweep = self.sweep.get_or_insert_with(|| {
            let mut subjects = ledgers.sorted_keys_where(|ledger| Ledger::of(Some(ledger)).needs_trim(oldest));
            if let Some(after) = after.as_deref().and_then(Subject::parse) {
                subjects.drain(..subjects.partition_point(|subject| *subject <= after));
            }
            subjects.reverse();
            subjects
        });
        sweep.last().copied()
    }

    /// Goes on to the next subject of the sweep.
    pub(super) fn swept(&mut self) {
        self.sweep.as_mut().and_then(Vec::pop);
    }

    /// Remembers after which subject the sweep goes on.
    pub(super) fn pause_sweep(&mut self, after: Subject) {
        self.progress.sweep_after = Some(after.key().as_str().to_owned());
    }

    pub(super) fn end_sweep(&mut self) {
        self.progress.sweep_after = None;
        self.sweep = None;
    }

    pub(super) fn committed(&mut self) {
        self.ledgers.commit();
        self.scorecards.committed();
        self.saved = None;
    }

    pub(super) fn rolled_back(&mut self, resolver: &Resolver) {
        let moved: Vec<_> = self
            .ledgers
            .changes()
            .map(|(subject, old, new)| (*subject, resolver.due_day(new), resolver.due_day(old)))
            .collect();
        for (subject, was_due, is_due) in moved {
            self.move_due(subject, was_due, is_due);
        }
        self.ledgers.rollback();
        self.scorecards.rolled_back();
        self.sweep = None;
        self.forget_ahead_days();
        if let Some(saved) = self.saved.take() {
            self.progress = saved;
        }
    }

    pub(super) fn figures(&self, figures: &mut Figures) {
        for name in TOTALS.into_iter().chain(Note::ALL.map(Note::name)) {
            // Every name of the balance is there from the start, so that a missing one is not taken for 0.
            figures.add(name, "", 0);
            for total in self.progress.totals.iter().filter(|total| total.name == name) {
                figures.add(name, total.label.as_str(), total.count);
            }
        }
        if let Some(closed_day) = self.progress.closed_day {
            self.scorecards.figures(closed_day.plus(1), figures);
        }
        figures.add(ITEMS, "", self.progress.total(ITEMS));
        figures.add("ledger_bytes", "", self.ledgers.value_bytes() as i64);
        figures.add("ledger_subjects", "", self.ledgers.len() as i64);
        figures.add("closed_day", "", self.progress.closed_day.map_or(0, |day| i64::from(day.0)));
    }
}
