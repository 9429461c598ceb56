//! Decides to whom a subject record belongs and whether it counts: duplicates, membership, parked records, the
//! horizon. It knows no topic and no clock; the ledger comes as bytes and goes as bytes.
//!
//! What it takes, and what not yet:
//!
//! | Record | Subject known | Subject unknown |
//! |---|---|---|
//! | the same event again, same content | duplicate | duplicate, also of a parked one |
//! | the same event again, other content | refused `content_changed` | refused `content_changed` |
//! | `registered` of a household, `join` of a person | applied; the day is the earliest one said | applied, and what is parked is released in order |
//! | `join` of a person who belongs to another household | refused `already_member` | - |
//! | any other membership change | refused `membership_unsupported` | refused `membership_unsupported` |
//! | correction, retraction | refused, each with its own reason | refused, each with its own reason |
//! | anything else, before the horizon | refused `beyond_horizon`, but for statuses, which hold until the next | the same |
//! | anything else | applied | parked, up to the limits |
//!
//! A join whose day is in the future counts at once, as of its day.

mod attribute;
mod effects;

use schemas::records::{Entry, HouseholdEntry, SubjectEntry};
use schemas::{Day, HouseholdCode, Kind, Op, Reason, codec};
use smallvec::smallvec;

use crate::ledger::{About, Draft, Ledger, Membership, ParkedRecord, Since, Subject};
pub use effects::{Calendar, Effect, Input, LimitFault, Limits, Outcome, ResolveError};

/// The membership change by which a household becomes known.
const REGISTERED: &str = "registered";
/// The membership change by which a person comes to a household.
const JOIN: &str = "join";

/// Resolves subject records. It keeps no state but its limits and its memory.
#[derive(Debug)]
pub struct Resolver {
    limits: Limits,
    draft: Draft,
}

/// What one input did so far.
struct Work {
    outcome: Outcome,
    calendar: Calendar,
}

/// Where a person or household stands after its membership entries were looked at.
#[derive(Clone, Copy)]
struct Change {
    household: HouseholdCode,
    /// The day to be said, where this one is earlier than all before.
    says_day: Option<Day>,
    /// Whether with it the subject came to be known.
    is_new: bool,
}

impl Resolver {
    /// A resolver with these limits, or the first of them that cannot be kept.
    pub fn new(limits: Limits) -> Result<Self, LimitFault> {
        limits.faults().next().map_or_else(|| Ok(Self { limits, draft: Draft::default() }), Err)
    }

    /// The ledger after the last call; none where it is empty.
    pub fn ledger(&self) -> Option<&[u8]> {
        self.draft.bytes()
    }

    /// Takes one subject record; what follows from it is told to `say`, in order. `bytes` are those of the record.
    pub fn resolve<'a>(
        &mut self,
        ledger: Option<&'a [u8]>,
        entry: &SubjectEntry<'a>,
        bytes: &'a [u8],
        calendar: Calendar,
        say: &mut impl FnMut(Effect<'a>),
    ) -> Result<Outcome, ResolveError> {
        let input = Input::of(entry, bytes);
        self.draft.load(ledger);
        let before = Ledger::of(ledger);
        let mut about = before.about()?;
        let mut work = Work { outcome: Outcome::default(), calendar };
        self.trim(&mut work);
        let end = match refusal_by_op(entry) {
            Some(reason) => Err(reason),
            None => known_before(&before, &about, entry)?.map_or(Ok(()), Err),
        };
        match end {
            Err(Repeat::Same) => say(Effect::Duplicate(input)),
            Err(Repeat::Refused(reason)) => say(Effect::Refused(reason, input)),
            Ok(()) => self.take(&mut work, &mut about, entry, input, say)?,
        }
        Ok(work.outcome)
    }

    /// Ends what waited too long and drops what left the horizon, as a day closes. Records that were parked before
    /// the first close begin to wait now.
    pub fn close_day<'a>(
        &mut self,
        ledger: Option<&'a [u8]>,
        calendar: Calendar,
        say: &mut impl FnMut(Effect<'a>),
    ) -> Result<Outcome, ResolveError> {
        self.draft.load(ledger);
        let mut about = Ledger::of(ledger).about()?;
        let mut work = Work { outcome: Outcome::default(), calendar };
        self.trim(&mut work);
        let Some(today) = calendar.today() else { return Ok(work.outcome) };
        let mut kept = Vec::with_capacity(about.parked.len());
        let mut is_changed = false;
        for parked in &about.parked {
            let since_day = match parked.since {
                Since::BeforeFirstClose => today,
                Since::Day(day) => day,
            };
            is_changed |= parked.since == Since::BeforeFirstClose;
            if today.0.saturating_sub(since_day.0) < self.limits.parked_days_max {
                kept.push(ParkedRecord { since: Since::Day(since_day), ..*parked });
                continue;
            }
            is_changed = true;
            let entry: SubjectEntry<'a> = codec::decode(parked.bytes)?;
            say(Effect::Expired(Input::of(&entry, parked.bytes), since_day));
        }
        if is_changed {
            about.parked = kept;
            self.draft.set_about(&about);
            work.outcome.is_changed = true;
        }
        Ok(work.outcome)
    }

    /// On which day's close the ledger must be looked at for records that waited too long; none without any. The
    /// first day there is stands for the next close, whichever that is.
    pub fn due_day(&self, ledger: Option<&[u8]>) -> Option<Day> {
        Some(match Ledger::of(ledger).waiting_since()? {
            Since::BeforeFirstClose => Day(i32::MIN),
            // Expired when the day after the closed one is `parked_days_max` days after the first.
            Since::Day(day) => day.plus(self.limits.parked_days_max - 1),
        })
    }

    fn trim(&mut self, work: &mut Work) {
        if let Some(oldest) = work.calendar.oldest_month().filter(|oldest| self.draft.ledger().needs_trim(*oldest)) {
            work.outcome.items -= self.draft.trim(oldest) as i64;
            work.outcome.is_changed = true;
        }
    }

    /// Applies, parks or refuses a record that is neither a repetition nor an operation on another.
    fn take<'a>(
        &mut self,
        work: &mut Work,
        about: &mut About<'a>,
        entry: &SubjectEntry<'a>,
        input: Input<'a>,
        say: &mut impl FnMut(Effect<'a>),
    ) -> Result<(), ResolveError> {
        let change = match membership_change(about, entry) {
            Ok(change) => change,
            Err(reason) => {
                say(Effect::Refused(reason, input));
                return Ok(());
            }
        };
        let household = match change {
            Some(change) => Some(change.household),
            None if about.is_known() => about.household().or(entry.household),
            None => None,
        };
        let Some(household) = household else {
            let said = self.park(work, about, entry, input);
            say(said);
            return Ok(());
        };
        let mut record = attribute::empty(household, entry);
        let says_day = change.and_then(|change| change.says_day);
        match self.apply(work, entry) {
            Err(reason) => {
                say(Effect::Refused(reason, input));
                return Ok(());
            }
            Ok(()) => say(Effect::Applied(input)),
        }
        attribute::add(&mut record, entry, |said| Some(said.day) == says_day);
        if let Some(change) = change {
            self.become_member(work, about, entry, change, &mut record, say)?;
        }
        if !(record.rows.is_empty() && record.facts.is_empty()) {
            say(Effect::Publish(record));
        }
        Ok(())
    }

    /// Notes a membership change in the ledger, and releases what waited for it.
    fn become_member<'a>(
        &mut self,
        work: &mut Work,
        about: &mut About<'a>,
        entry: &SubjectEntry<'a>,
        change: Change,
        record: &mut HouseholdEntry<'a>,
        say: &mut impl FnMut(Effect<'a>),
    ) -> Result<(), ResolveError> {
        let Some(day) = change.says_day else { return Ok(()) };
        if entry.person.is_none() {
            about.registered_day = Some(day);
        } else {
            // Without moves, a person has one membership; an earlier day of it takes the place of the later one.
            about.memberships = smallvec![Membership {
                household: change.household,
                from_day: day,
                to_day: None,
                event: entry.event,
                reported_at_ms: entry.reported_at_ms,
            }];
        }
        if change.is_new {
            self.release(work, about, record, say)?;
        }
        self.draft.set_about(about);
        work.outcome.is_changed = true;
        Ok(())
    }

    /// Applies what waited, in the order in which it came, into the record of the input that ends the waiting.
    fn release<'a>(
        &mut self,
        work: &mut Work,
        about: &mut About<'a>,
        record: &mut HouseholdEntry<'a>,
        say: &mut impl FnMut(Effect<'a>),
    ) -> Result<(), ResolveError> {
        for parked in std::mem::take(&mut about.parked) {
            let entry: SubjectEntry<'a> = codec::decode(parked.bytes)?;
            let input = Input::of(&entry, parked.bytes);
            say(Effect::Released(input, waits_since(parked.since, &entry)));
            match self.apply(work, &entry) {
                Ok(()) => {
                    attribute::add(record, &entry, |_| false);
                    say(Effect::Applied(input));
                }
                Err(reason) => say(Effect::Refused(reason, input)),
            }
        }
        Ok(())
    }

    /// Puts the event into the ledger.
    fn apply(&mut self, work: &mut Work, entry: &SubjectEntry<'_>) -> Result<(), Reason> {
        if is_beyond_horizon(work.calendar, entry) {
            return Err(Reason::BeyondHorizon);
        }
        if self.draft.ledger().has_items(self.limits.items_per_subject_max) {
            return Err(Reason::LedgerLimit);
        }
        let needless = self.draft.insert(entry, work.calendar.oldest_month())?;
        work.outcome.items += 1 - needless as i64;
        work.outcome.is_changed = true;
        Ok(())
    }

    fn park<'a>(
        &mut self,
        work: &mut Work,
        about: &mut About<'a>,
        entry: &SubjectEntry<'a>,
        input: Input<'a>,
    ) -> Effect<'a> {
        if is_beyond_horizon(work.calendar, entry) {
            return Effect::Refused(Reason::BeyondHorizon, input);
        }
        let waiting: usize = about.parked.iter().map(|parked| parked.bytes.len()).sum();
        let limits = &self.limits;
        if about.parked.len() >= limits.parked_per_subject_max
            || waiting + input.bytes.len() > limits.parked_bytes_per_subject_max
        {
            return Effect::Refused(Reason::ParkedLimit, input);
        }
        let since = work.calendar.today().map_or(Since::BeforeFirstClose, Since::Day);
        about.parked.push(ParkedRecord { since, bytes: input.bytes });
        self.draft.set_about(about);
        work.outcome.is_changed = true;
        Effect::Parked(input, waits_since(since, entry))
    }
}

/// Whether the event occurred before the horizon and says nothing that holds until the next one says otherwise.
fn is_beyond_horizon(calendar: Calendar, entry: &SubjectEntry<'_>) -> bool {
    let holds = |one: &Entry<'_>| matches!(one.kind, Kind::Status | Kind::Membership);
    let is_old = |oldest| entry.occurred_day.month() < oldest;
    calendar.oldest_month().is_some_and(is_old) && !entry.entries.iter().any(holds)
}

/// How a record ends that came before.
enum Repeat {
    Same,
    Refused(Reason),
}

fn refusal_by_op(entry: &SubjectEntry<'_>) -> Option<Repeat> {
    match entry.op {
        Op::Upsert if Subject::of(entry).is_none() => Some(Repeat::Refused(Reason::NoSubject)),
        Op::Upsert => None,
        Op::Correct => Some(Repeat::Refused(Reason::CorrectionUnsupported)),
        Op::Retract => Some(Repeat::Refused(Reason::RetractionUnsupported)),
    }
}

/// Whether the event came before, and how this one ends then.
fn known_before(
    ledger: &Ledger<'_>,
    about: &About<'_>,
    entry: &SubjectEntry<'_>,
) -> Result<Option<Repeat>, ResolveError> {
    let mut content = ledger.find(entry.event, entry.ordinal).map(|item| item.content);
    if content.is_none() {
        for parked in &about.parked {
            let waiting: SubjectEntry<'_> = codec::decode(parked.bytes)?;
            if (waiting.event, waiting.ordinal) == (entry.event, entry.ordinal) {
                content = Some(waiting.content);
            }
        }
    }
    Ok(content.map(
        |content| {
            if content == entry.content { Repeat::Same } else { Repeat::Refused(Reason::ContentChanged) }
        },
    ))
}

/// Since when a record waits, for those who read of it: before the first close no day is current, and the day of
/// the report stands in.
fn waits_since(since: Since, entry: &SubjectEntry<'_>) -> Day {
    match since {
        Since::BeforeFirstClose => Day::of_instant_ms(entry.reported_at_ms),
        Since::Day(day) => day,
    }
}

/// What the record's membership entries mean for its subject; `None` where it has none.
fn membership_change(about: &About<'_>, entry: &SubjectEntry<'_>) -> Result<Option<Change>, Reason> {
    let mut days = entry.entries.iter().filter(|one| one.kind == Kind::Membership);
    let Some(first) = days.next() else { return Ok(None) };
    let is_person = entry.person.is_some();
    let wanted = if is_person { JOIN } else { REGISTERED };
    if first.code != wanted || days.next().is_some() {
        return Err(Reason::MembershipUnsupported);
    }
    let household = entry.household.ok_or(Reason::MissingField)?;
    let known_day = if is_person {
        let membership = about.memberships.last();
        if membership.is_some_and(|membership| membership.household != household) {
            return Err(Reason::AlreadyMember);
        }
        membership.map(|membership| membership.from_day)
    } else {
        about.registered_day
    };
    let says_day = Some(first.day).filter(|day| known_day.is_none_or(|known| *day < known));
    Ok(Some(Change { household, says_day, is_new: known_day.is_none() }))
}

#[cfg(test)]
mod tests;
