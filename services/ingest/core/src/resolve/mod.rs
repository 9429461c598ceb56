//! Decides to whom a subject record belongs and whether it counts: duplicates, corrections and retractions, documents of
//! two departments, membership over time, records that wait, the horizon. It knows no topic and no clock; the ledger comes
//! as bytes and goes as bytes.
//!
//! What stands in which household is a function of the records in the ledger ([`view`]); an input changes the records, and
//! what is published is the difference between the two views. So the end does not depend on the order in which records
//! came. A payment of somebody known, which touches nothing else, takes a shorter way to the same end.
//!
//! | Record | What becomes of it |
//! |---|---|
//! | one that came before, with the same content | duplicate; the later report counts |
//! | a membership of a day that lies ahead | waits for its day |
//! | a correction or retraction whose original is not there | waits, then refused `original_not_found` |
//! | about somebody not known | parked, released in order, or refused `parked_expired` |
//! | one that occurred before the horizon and says nothing that holds on | refused `beyond_horizon` |
//! | anything else | applied |

mod change;
mod documents;
mod effects;
mod publish;
mod redirect;
mod timeline;
mod versions;
mod view;
mod waits;

use schemas::records::{Redirect, SubjectEntry};
use schemas::{Day, HouseholdCode, Op, Reason};

use crate::ledger::{About, Draft, Ledger, Scan, Since, Subject, Wait, holds_on, says_membership};
pub use documents::Precedence;
pub use effects::{Calendar, Cause, Effect, Input, LimitFault, Limits, Note, Outcome, ResolveError};
use timeline::JOIN;

/// Resolves subject records. It keeps no state but its limits and its memory.
#[derive(Debug)]
pub struct Resolver {
    limits: Limits,
    precedence: Precedence,
    draft: Draft,
    /// The ledger as it was before a change, without the months that have left the horizon.
    before: Vec<u8>,
}

/// Whom a call is about, and when.
#[derive(Clone, Copy)]
struct Work {
    subject: Subject,
    calendar: Calendar,
}

/// How a record ends, or goes on.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    /// It came before; with this report, if it is a later one.
    Repeated { is_later: bool },
    /// It becomes a dead letter.
    Refused(Reason),
    /// It waits.
    Waits(Wait),
    /// It goes into the ledger and touches nothing that is there.
    Alone,
    /// It goes into the ledger and may change what others say.
    Change,
}

impl Resolver {
    /// A resolver with these limits, or the first of them that cannot be kept.
    pub fn new(limits: Limits, precedence: Precedence) -> Result<Self, LimitFault> {
        let made = Self { limits, precedence, draft: Draft::default(), before: Vec::new() };
        limits.faults().next().map_or(Ok(made), Err)
    }

    /// The ledger after the last call; none where it is empty.
    pub fn ledger(&self) -> Option<&[u8]> {
        self.draft.bytes()
    }

    /// Takes one subject record; what follows from it is told to `say`, in order. `bytes` are those of the record.
    pub fn resolve(
        &mut self,
        ledger: Option<&[u8]>,
        entry: &SubjectEntry<'_>,
        bytes: &[u8],
        calendar: Calendar,
        say: &mut impl FnMut(Effect<'_>),
    ) -> Result<Outcome, ResolveError> {
        let input = Input::of(entry, bytes);
        self.draft.load(ledger);
        let Some(subject) = Subject::of(entry) else {
            say(Effect::Refused(Reason::NoSubject, input));
            return Ok(Outcome::default());
        };
        let work = Work { subject, calendar };
        let mut about = Ledger::of(ledger).about()?;
        let trimmed = self.trim(calendar);
        let scan = self.draft.ledger().scan(entry.event, entry.document);
        match self.route(work, &about, entry, &scan)? {
            Route::Repeated { is_later } => {
                say(Effect::Duplicate(input));
                if is_later {
                    self.report_again(work, &mut about, entry, bytes, say)?;
                }
            }
            Route::Refused(reason) => say(Effect::Refused(reason, input)),
            Route::Waits(wait) => self.park(calendar, &about, wait, input, say),
            Route::Alone => {
                let items = self.apply_alone(work, &about, entry, input, say);
                let is_changed = trimmed.is_some() || items.is_some();
                return Ok(Outcome { is_changed, items: items.unwrap_or(0) - trimmed.unwrap_or(0) });
            }
            Route::Change => {
                notes(work, &about, entry, &scan, &self.draft.ledger(), &mut |note| say(Effect::Noted(note, input)));
                self.apply_change(work, &mut about, entry, input, scan.has_event || scan.has_document, say)?;
            }
        }
        Ok(self.outcome(ledger))
    }

    /// Takes a word from another household's ledger about a merger.
    pub fn redirect(
        &mut self,
        ledger: Option<&[u8]>,
        redirect: &Redirect<'_>,
        calendar: Calendar,
        say: &mut impl FnMut(Effect<'_>),
    ) -> Result<Outcome, ResolveError> {
        self.draft.load(ledger);
        let mut about = Ledger::of(ledger).about()?;
        self.trim(calendar);
        self.apply_redirect(Work { subject: Subject::Household(redirect.to), calendar }, &mut about, redirect, say);
        Ok(self.outcome(ledger))
    }

    /// Ends the waits that end with a day, and drops what left the horizon. Records that were parked before the first
    /// close begin to wait now.
    pub fn close_day(
        &mut self,
        ledger: Option<&[u8]>,
        subject: Subject,
        calendar: Calendar,
        say: &mut impl FnMut(Effect<'_>),
    ) -> Result<Outcome, ResolveError> {
        self.draft.load(ledger);
        let mut about = Ledger::of(ledger).about()?;
        self.trim(calendar);
        if let Some(today) = calendar.today() {
            self.end_waits(Work { subject, calendar }, &mut about, today, say)?;
        }
        Ok(self.outcome(ledger))
    }

    /// On which day's close the ledger must be looked at for records whose wait ends; none without any. The first day
    /// there is stands for the next close, whichever that is.
    pub fn due_day(&self, ledger: Option<&[u8]>) -> Option<Day> {
        let due = |since, days_max: i32| match since {
            Since::BeforeFirstClose => Day(i32::MIN),
            // Over when the day after the closed one is so many days after the first.
            Since::Day(day) => day.plus(days_max - 1),
        };
        let days = Ledger::of(ledger).parked().map(|parked| match parked.wait {
            Wait::UnknownSubject => due(parked.since, self.limits.parked_days_max),
            Wait::Original => due(parked.since, self.limits.wait_days_max),
            Wait::FutureDay(day) => day.plus(-1),
        });
        days.min()
    }

    /// Drops what left the horizon; how many items, where there was anything to do.
    fn trim(&mut self, calendar: Calendar) -> Option<i64> {
        let oldest = calendar.oldest_month().filter(|oldest| self.draft.ledger().needs_trim(*oldest))?;
        Some(self.draft.trim(oldest) as i64)
    }

    fn outcome(&self, ledger: Option<&[u8]>) -> Outcome {
        let is_changed = self.draft.bytes() != ledger;
        let count = |ledger: Ledger<'_>| ledger.item_count() as i64;
        let items = if is_changed { count(self.draft.ledger()) - count(Ledger::of(ledger)) } else { 0 };
        Outcome { is_changed, items }
    }

    /// Decides how a record that has just come ends or goes on.
    fn route(
        &self,
        work: Work,
        about: &About<'_>,
        entry: &SubjectEntry<'_>,
        scan: &Scan,
    ) -> Result<Route, ResolveError> {
        if let Some(known) = waits::known(&self.draft.ledger(), about, entry, scan)? {
            return Ok(Route::Repeated { is_later: entry.reported_at_ms > known });
        }
        if entry.entries.is_empty() && entry.op == Op::Upsert {
            return Ok(Route::Refused(Reason::MissingField));
        }
        if entry.household.is_none() && entry.entries.iter().any(timeline::begins_stretch) {
            return Ok(Route::Refused(Reason::MissingField));
        }
        Ok(self.next(work, about, entry, scan))
    }

    /// How a record goes on that is new, or has ended a wait.
    fn next(&self, work: Work, about: &About<'_>, entry: &SubjectEntry<'_>, scan: &Scan) -> Route {
        let is_about_membership = entry.entries.iter().any(says_membership);
        let is_beyond = is_beyond_horizon(work.calendar, entry);
        if entry.op == Op::Upsert {
            if is_beyond {
                return Route::Refused(Reason::BeyondHorizon);
            }
            // Another version of an event that is in the ledger may be what makes its person known again.
            let is_new = !scan.has_event && !entry.entries.iter().any(|one| one.kind == schemas::Kind::Membership);
            if !about.is_known() && is_new {
                return Route::Waits(Wait::UnknownSubject);
            }
        } else if !entry.corrects.is_some_and(|original| self.draft.ledger().has(original)) {
            return match (about.is_known() || is_about_membership, is_beyond) {
                (_, true) => Route::Refused(Reason::BeyondHorizon),
                (true, _) => Route::Waits(Wait::Original),
                (false, _) => Route::Waits(Wait::UnknownSubject),
            };
        }
        if let Some(day) = future_day(work.calendar, entry) {
            return Route::Waits(Wait::FutureDay(day));
        }
        if scan.items >= self.limits.items_per_subject_max {
            return Route::Refused(Reason::LedgerLimit);
        }
        let is_named = |parked: &crate::ledger::ParkedRecord<'_>| parked.wait == Wait::Original;
        let is_alone = entry.op == Op::Upsert
            && !is_about_membership
            && !scan.has_event
            && !scan.has_document
            && !about.parked.iter().any(is_named);
        if is_alone { Route::Alone } else { Route::Change }
    }
}

/// The day for which a membership waits that lies ahead; none before the first close, and for a retraction, which says
/// nothing of its own.
fn future_day(calendar: Calendar, entry: &SubjectEntry<'_>) -> Option<Day> {
    let today = calendar.today().filter(|_| entry.op != Op::Retract)?;
    entry.entries.iter().filter(|one| says_membership(one)).map(|one| one.day).filter(|day| *day > today).max()
}

/// Whether the event occurred before the horizon and says nothing that holds on.
fn is_beyond_horizon(calendar: Calendar, entry: &SubjectEntry<'_>) -> bool {
    let is_old = |oldest| entry.occurred_day.month() < oldest;
    calendar.oldest_month().is_some_and(is_old) && !entry.entries.iter().any(holds_on)
}

/// What is worth counting of a record that changes what others say.
fn notes(
    work: Work,
    about: &About<'_>,
    entry: &SubjectEntry<'_>,
    scan: &Scan,
    ledger: &Ledger<'_>,
    note: &mut impl FnMut(Note),
) {
    match entry.op {
        Op::Correct => note(Note::Correction),
        Op::Retract => note(Note::Retraction),
        Op::Upsert if scan.has_event => note(Note::ContentChanged),
        Op::Upsert => {}
    }
    let there = about.household_now().filter(|there| Some(*there) != entry.household);
    if let (Subject::Person(_), Some(there)) = (work.subject, there) {
        let comes_from = |one: &schemas::records::Entry<'_>| HouseholdCode::parse(one.value).ok();
        let is_unexplained = |one: &schemas::records::Entry<'_>| one.code == JOIN && comes_from(one) != Some(there);
        if entry.op == Op::Upsert && entry.entries.iter().any(is_unexplained) {
            note(Note::Conflict);
        }
    }
    if scan.has_document && documents::is_elsewhere(ledger, entry) {
        note(Note::DocumentTwice);
    }
}

#[cfg(test)]
mod tests;
