//! Records that wait: how they begin to, how long they do, and whether one of them is the record that has come. It does
//! not know what a record says.

use schemas::records::SubjectEntry;
use schemas::{Day, Hash64, Reason, codec};

use super::effects::{Calendar, Effect, Input, ResolveError};
use super::{Resolver, Work, is_beyond_horizon};
use crate::ledger::{About, Ledger, ParkedRecord, Scan, Since, Wait};

/// What tells one record from another.
pub(super) type Identity = (Hash64, i32, Hash64);

/// What tells this record from others.
pub(super) fn identity(entry: &SubjectEntry<'_>) -> Identity {
    (entry.event, entry.ordinal, entry.content)
}

/// When the record was reported that is the same as this one and is there already, in the ledger or among those that
/// wait.
pub(super) fn known(
    ledger: &Ledger<'_>,
    about: &About<'_>,
    entry: &SubjectEntry<'_>,
    scan: &Scan,
) -> Result<Option<i64>, ResolveError> {
    if scan.has_event
        && let Some(item) = ledger.find(entry.event, entry.ordinal, entry.content)
    {
        return Ok(Some(item.reported_at_ms));
    }
    for parked in &about.parked {
        let waiting: SubjectEntry<'_> = codec::decode(parked.bytes)?;
        if identity(&waiting) == identity(entry) {
            return Ok(Some(waiting.reported_at_ms));
        }
    }
    Ok(None)
}

/// Since when a record waits, for those who read of it: before the first close no day is current, and the day of
/// the report stands in.
pub(super) fn waits_since(since: Since, input: &Input<'_>) -> Day {
    match since {
        Since::BeforeFirstClose => Day::of_instant_ms(input.reported_at_ms),
        Since::Day(day) => day,
    }
}

/// Since when a record waits that begins to: since the day on which it came in its own feed, which may be read far ahead
/// of that feed in which what it waits for comes, when much is read that came long ago.
pub(super) fn since_now(calendar: Calendar) -> Since {
    let day = calendar.closed_day.max(calendar.ahead_day);
    day.map_or(Since::BeforeFirstClose, |day| Since::Day(day.plus(1)))
}

/// A record whose day has come, or whose original is there.
type Due<'a> = (ParkedRecord<'a>, SubjectEntry<'a>);

impl Resolver {
    /// Lets a record wait, up to the limits.
    pub(super) fn park(
        &mut self,
        calendar: Calendar,
        about: &About<'_>,
        wait: Wait,
        input: Input<'_>,
        say: &mut impl FnMut(Effect<'_>),
    ) {
        let since = since_now(calendar);
        let mut parked: Vec<ParkedRecord<'_>> = about.parked.clone();
        if self.has_room(&parked, &input) {
            parked.push(ParkedRecord { wait, since, bytes: input.bytes });
            let about = About { parked, ..about.clone() };
            self.draft.set_about(&about);
            say(Effect::Parked(wait, input, waits_since(since, &input)));
        } else {
            say(Effect::Refused(Reason::ParkedLimit, input));
        }
    }

    /// Whether one more record may wait.
    pub(super) fn has_room(&self, parked: &[ParkedRecord<'_>], input: &Input<'_>) -> bool {
        let bytes: usize = parked.iter().map(|parked| parked.bytes.len()).sum();
        parked.len() < self.limits.parked_per_subject_max
            && bytes + input.bytes.len() <= self.limits.parked_bytes_per_subject_max
    }

    /// Ends the waits that end as the day before `today` closes: days that have come, and patience.
    pub(super) fn end_waits<'a>(
        &mut self,
        work: Work,
        about: &mut About<'a>,
        today: Day,
        say: &mut impl FnMut(Effect<'_>),
    ) -> Result<(), ResolveError> {
        let mut due: Vec<Due<'a>> = Vec::new();
        let mut kept = Vec::with_capacity(about.parked.len());
        for mut parked in std::mem::take(&mut about.parked) {
            if parked.since == Since::BeforeFirstClose {
                parked.since = Since::Day(today);
            }
            match parked.wait {
                Wait::FutureDay(day) if day <= today => due.push((parked, codec::decode(parked.bytes)?)),
                _ => kept.push(parked),
            }
        }
        about.parked = kept;
        for (parked, entry) in due {
            let input = Input::of(&entry, parked.bytes);
            say(Effect::Released(parked.wait, input, waits_since(parked.since, &input)));
            let has_event = self.draft.ledger().has(entry.event);
            self.apply_change(work, about, &entry, input, has_event, say)?;
        }
        self.expire(work, about, today, say)?;
        self.draft.set_about(about);
        Ok(())
    }

    /// Refuses what waited too long.
    fn expire(
        &mut self,
        work: Work,
        about: &mut About<'_>,
        today: Day,
        say: &mut impl FnMut(Effect<'_>),
    ) -> Result<(), ResolveError> {
        let mut events = Vec::with_capacity(about.parked.len());
        for parked in &about.parked {
            events.push(codec::decode::<SubjectEntry<'_>>(parked.bytes)?.event);
        }
        let mut kept = Vec::with_capacity(about.parked.len());
        for mut parked in std::mem::take(&mut about.parked) {
            let Since::Day(since_day) = parked.since else {
                kept.push(parked);
                continue;
            };
            let waited_days = today.0.saturating_sub(since_day.0);
            let entry: SubjectEntry<'_> = codec::decode(parked.bytes)?;
            let is_patient = match parked.wait {
                Wait::FutureDay(_) => true,
                Wait::UnknownSubject => waited_days < self.limits.parked_days_max,
                Wait::Original if waited_days < self.limits.wait_days_max => true,
                // The original is there, and waits itself: this one waits on, from now.
                Wait::Original if entry.corrects.is_some_and(|original| events.contains(&original)) => {
                    parked.since = Since::Day(today);
                    true
                }
                Wait::Original => false,
            };
            if is_patient {
                kept.push(parked);
                continue;
            }
            let reason = match parked.wait {
                Wait::UnknownSubject => Reason::ParkedExpired,
                _ if is_beyond_horizon(work.calendar, &entry) => Reason::BeyondHorizon,
                _ => Reason::OriginalNotFound,
            };
            say(Effect::Expired(parked.wait, reason, Input::of(&entry, parked.bytes), since_day));
        }
        about.parked = kept;
        Ok(())
    }
}
