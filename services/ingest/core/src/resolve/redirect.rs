//! Mergers between household ledgers: one that was merged asks the other where its rows go, and hears of every change,
//! so that rows follow a chain of mergers to its end. It does not know what the rows are.
//!
//! A circle, which only mistaken registers can say, ends at the smallest of its codes, whichever word comes first.

use schemas::HouseholdCode;
use schemas::records::{Redirect, RedirectKind};
use smallvec::SmallVec;

use super::effects::{Cause, Effect};
use super::view::Picture;
use super::{Resolver, Work};
use crate::ledger::About;

/// Households on the way of a chain of mergers at most; what is beyond is where the rows stay.
const PATH_MAX: usize = 16;

type Path = SmallVec<[HouseholdCode; 1]>;

impl Resolver {
    /// Applies a word from another household's ledger.
    pub(super) fn apply_redirect(
        &mut self,
        work: Work,
        about: &mut About<'_>,
        redirect: &Redirect<'_>,
        say: &mut impl FnMut(Effect<'_>),
    ) {
        let cause = cause(redirect);
        let code = redirect.to;
        let was = self.begin_change(about);
        match redirect.kind {
            RedirectKind::Merged => {
                if let Err(at) = about.sources.binary_search(&redirect.from) {
                    about.sources.insert(at, redirect.from);
                }
                say(Effect::Redirect(word(code, redirect.from, RedirectKind::Path, &about.path, &cause)));
            }
            RedirectKind::Unmerged => about.sources.retain(|source| *source != redirect.from),
            RedirectKind::Path => {
                let merged_into = Picture::of(self.draft.ledger()).timeline.merged_into;
                if merged_into == Some(redirect.from) {
                    set_path(code, path(code, redirect.from, &redirect.path), about, &cause, say);
                }
            }
        }
        self.end_change(work, &was, about, &cause, say);
    }
}

/// Follows a change of the household into which this one was merged.
pub(super) fn follow_merger(
    code: HouseholdCode,
    (old, new): (Option<HouseholdCode>, Option<HouseholdCode>),
    about: &mut About<'_>,
    cause: &Cause<'_>,
    say: &mut impl FnMut(Effect<'_>),
) {
    if old == new {
        return;
    }
    if let Some(old) = old {
        say(Effect::Redirect(word(code, old, RedirectKind::Unmerged, &[], cause)));
    }
    if let Some(new) = new {
        say(Effect::Redirect(word(code, new, RedirectKind::Merged, &[], cause)));
    }
    // Until the other one answers, rows go to it.
    set_path(code, new.into_iter().collect(), about, cause, say);
}

/// Sets where rows go, and tells those whose rows come here.
fn set_path(
    code: HouseholdCode,
    path: Path,
    about: &mut About<'_>,
    cause: &Cause<'_>,
    say: &mut impl FnMut(Effect<'_>),
) {
    if about.path == path {
        return;
    }
    about.path = path;
    for source in &about.sources {
        say(Effect::Redirect(word(code, *source, RedirectKind::Path, &about.path, cause)));
    }
}

/// Where rows go from `code` by way of `next`, from which they go on by `rest`.
fn path(code: HouseholdCode, next: HouseholdCode, rest: &[HouseholdCode]) -> Path {
    let mut path: Path = std::iter::once(next).chain(rest.iter().copied()).take(PATH_MAX).collect();
    if let Some(back) = path.iter().position(|one| *one == code) {
        path.truncate(back);
        let end = path.iter().copied().fold(code, HouseholdCode::min);
        let length = path.iter().position(|one| *one == end).map_or(0, |at| at + 1);
        path.truncate(length);
    }
    path
}

fn cause<'a>(redirect: &Redirect<'a>) -> Cause<'a> {
    let Redirect { event, source, event_type, reported_at_ms, origin, .. } = redirect;
    Cause { event: *event, source, event_type, reported_at_ms: *reported_at_ms, origin: *origin }
}

fn word<'a>(
    from: HouseholdCode,
    to: HouseholdCode,
    kind: RedirectKind,
    path: &[HouseholdCode],
    cause: &Cause<'a>,
) -> Redirect<'a> {
    let Cause { event, source, event_type, reported_at_ms, origin } = *cause;
    Redirect { to, from, kind, path: path.to_vec(), event, source, event_type, reported_at_ms, origin }
}
