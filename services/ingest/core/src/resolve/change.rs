//! Applies a record: the ledger changes, what waited for it is released, and each household is told what that changes in
//! it. It does not know whether the record is to be applied.

use schemas::records::SubjectEntry;
use schemas::{EntryId, Op, codec};

use super::effects::{Cause, Effect, Input, Note, ResolveError};
use super::view::{Picture, Stand, household, is_homeless};
use super::waits::{identity, since_now, waits_since};
use super::{Resolver, Route, Work, publish};
use crate::ledger::{About, Ledger, ParkedRecord, Subject, Wait};

impl Resolver {
    /// Applies a record that touches nothing that is in the ledger: it alone is added where it stands. Says by how many
    /// items the ledger grew; none where the record does not fit.
    pub(super) fn apply_alone(
        &mut self,
        work: Work,
        about: &About<'_>,
        entry: &SubjectEntry<'_>,
        input: Input<'_>,
        say: &mut impl FnMut(Effect<'_>),
    ) -> Option<i64> {
        let needless = match self.draft.insert(entry, work.calendar.oldest_month(), false) {
            Ok(needless) => needless,
            Err(reason) => {
                say(Effect::Refused(reason, input));
                return None;
            }
        };
        say(Effect::Applied(input));
        note_homeless(work.subject, about, entry, input, say);
        let mut stands: Vec<Stand<'_>> = Vec::with_capacity(entry.entries.len());
        for (index, one) in entry.entries.iter().enumerate() {
            let Some(household) = household(work.subject, about, one) else { continue };
            let id = EntryId::of(entry.event, entry.ordinal, index as i32);
            let said = (entry.source, entry.reported_at_ms, entry.document);
            stands.push(Stand::of(household, id, said, *one));
        }
        stands.sort_unstable_by_key(|one| (one.household, one.id));
        publish::added(&stands, work.subject, &Cause::of(entry), say);
        Some(1 - needless as i64)
    }

    /// Applies a record that may change what others say. `has_rival` says that another version of its event is there, or
    /// its paper.
    pub(super) fn apply_change(
        &mut self,
        work: Work,
        about: &mut About<'_>,
        entry: &SubjectEntry<'_>,
        input: Input<'_>,
        has_rival: bool,
        say: &mut impl FnMut(Effect<'_>),
    ) -> Result<(), ResolveError> {
        let was = self.begin_change(about);
        if self.put(work, entry, has_rival, input, say) {
            self.settle(work, about, say)?;
            note_homeless(work.subject, about, entry, input, say);
            self.end_change(work, &was, about, &Cause::of(entry), say);
        }
        Ok(())
    }

    /// Takes the later report of a record that is there already, in the ledger or among those that wait.
    pub(super) fn report_again(
        &mut self,
        work: Work,
        about: &mut About<'_>,
        entry: &SubjectEntry<'_>,
        bytes: &[u8],
        say: &mut impl FnMut(Effect<'_>),
    ) -> Result<(), ResolveError> {
        let was = self.begin_change(about);
        if self.draft.ledger().find(entry.event, entry.ordinal, entry.content).is_some() {
            self.draft.set_reported(entry.event, entry.ordinal, entry.content, entry.reported_at_ms);
            self.settle(work, about, say)?;
            self.end_change(work, &was, about, &Cause::of(entry), say);
            return Ok(());
        }
        let mut parked: Vec<ParkedRecord<'_>> = about.parked.clone();
        for one in &mut parked {
            let waiting: SubjectEntry<'_> = codec::decode(one.bytes)?;
            if identity(&waiting) == identity(entry) {
                *one = ParkedRecord { bytes, ..*one };
            }
        }
        self.draft.set_about(&About { parked, ..about.clone() });
        Ok(())
    }

    /// Keeps the ledger as it is before a change.
    pub(super) fn begin_change(&mut self, about: &About<'_>) -> About<'static> {
        self.before.clear();
        self.before.extend_from_slice(self.draft.bytes().unwrap_or_default());
        About {
            registered_day: about.registered_day,
            memberships: about.memberships.clone(),
            mergers: about.mergers.clone(),
            path: about.path.clone(),
            sources: about.sources.clone(),
            parked: Vec::new(),
        }
    }

    /// Tells households and other ledgers what a change came to, and writes what is known of the subject.
    pub(super) fn end_change(
        &mut self,
        work: Work,
        was: &About<'_>,
        about: &mut About<'_>,
        cause: &Cause<'_>,
        say: &mut impl FnMut(Effect<'_>),
    ) {
        let before = Picture::of(Ledger::of(Some(&self.before)));
        let after = Picture::of(self.draft.ledger());
        if let Subject::Household(code) = work.subject {
            let (old, new) = (before.timeline.merged_into, after.timeline.merged_into);
            super::redirect::follow_merger(code, (old, new), about, cause, say);
        }
        publish::difference(
            &before.view(work.subject, was, &self.precedence),
            &after.view(work.subject, about, &self.precedence),
            work.subject,
            cause,
            say,
        );
        self.draft.set_about(about);
    }

    /// Puts a record into the ledger and says so, or that it does not fit.
    fn put(
        &mut self,
        work: Work,
        entry: &SubjectEntry<'_>,
        has_rival: bool,
        input: Input<'_>,
        say: &mut impl FnMut(Effect<'_>),
    ) -> bool {
        let is_related = has_rival || entry.op != Op::Upsert;
        match self.draft.insert(entry, work.calendar.oldest_month(), is_related) {
            Ok(_) => {
                say(Effect::Applied(input));
                true
            }
            Err(reason) => {
                say(Effect::Refused(reason, input));
                false
            }
        }
    }

    /// Brings what is known of the subject up to date with its records, and releases what waited for that, until
    /// nothing more follows.
    fn settle(
        &mut self,
        work: Work,
        about: &mut About<'_>,
        say: &mut impl FnMut(Effect<'_>),
    ) -> Result<(), ResolveError> {
        loop {
            let timeline = Picture::of(self.draft.ledger()).timeline;
            about.registered_day = timeline.registration.map(|registration| registration.day);
            about.memberships = timeline.memberships();
            about.mergers = timeline.mergers;
            let mut has_released = false;
            for parked in std::mem::take(&mut about.parked) {
                let entry: SubjectEntry<'_> = codec::decode(parked.bytes)?;
                if self.is_over(&parked, about, &entry) {
                    has_released |= self.release(work, about, parked, &entry, say);
                } else {
                    about.parked.push(parked);
                }
            }
            if !has_released {
                return Ok(());
            }
        }
    }

    /// Whether what a record waits for has come. Days come with the calendar. What concerns an event that is in the ledger
    /// needs nobody to be known: it may be what makes somebody known again.
    fn is_over(&self, parked: &ParkedRecord<'_>, about: &About<'_>, entry: &SubjectEntry<'_>) -> bool {
        let has = |event| self.draft.ledger().has(event);
        match parked.wait {
            Wait::UnknownSubject => about.is_known() || has(entry.event) || entry.corrects.is_some_and(has),
            Wait::Original => entry.corrects.is_some_and(has),
            Wait::FutureDay(_) => false,
        }
    }

    /// Ends the wait of a record, which may begin another. Says whether the ledger has it now.
    fn release<'a>(
        &mut self,
        work: Work,
        about: &mut About<'a>,
        parked: ParkedRecord<'a>,
        entry: &SubjectEntry<'a>,
        say: &mut impl FnMut(Effect<'_>),
    ) -> bool {
        let input = Input::of(entry, parked.bytes);
        say(Effect::Released(parked.wait, input, waits_since(parked.since, &input)));
        let scan = self.draft.ledger().scan(entry.event, entry.document);
        match self.next(work, about, entry, &scan) {
            Route::Refused(reason) => {
                say(Effect::Refused(reason, input));
                false
            }
            Route::Waits(wait) => {
                // Its own feed may have been read further than that of the record that ended the wait.
                let since = since_now(work.calendar).max(parked.since);
                about.parked.push(ParkedRecord { wait, since, ..parked });
                say(Effect::Parked(wait, input, waits_since(since, &input)));
                false
            }
            Route::Repeated { .. } | Route::Alone | Route::Change => {
                let ledger = self.draft.ledger();
                super::notes(work, about, entry, &scan, &ledger, &mut |note| say(Effect::Noted(note, input)));
                self.put(work, entry, scan.has_event || scan.has_document, input, say)
            }
        }
    }
}

/// Says that a record has something that belongs to no household: it waits in the ledger.
fn note_homeless(
    subject: Subject,
    about: &About<'_>,
    entry: &SubjectEntry<'_>,
    input: Input<'_>,
    say: &mut impl FnMut(Effect<'_>),
) {
    if entry.op != Op::Retract && entry.entries.iter().any(|one| is_homeless(subject, about, one)) {
        say(Effect::Noted(Note::Unattributed, input));
    }
}
