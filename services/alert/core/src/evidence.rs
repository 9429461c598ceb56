//! The evidence of a state, read when it is first asked for: most of a state's bytes, and only what is said rests on it. It
//! knows no rule.

use std::cell::OnceCell;

use schemas::codec::{CodecError, Unread};
use schemas::records::Evidence;

/// The evidence of one state, as it lies in its bytes.
#[derive(Debug)]
pub struct LateEvidence<'a> {
    unread: Unread<'a, Evidence>,
    read: OnceCell<Result<Vec<Evidence>, CodecError>>,
}

impl<'a> From<Unread<'a, Evidence>> for LateEvidence<'a> {
    fn from(unread: Unread<'a, Evidence>) -> Self {
        Self { unread, read: OnceCell::new() }
    }
}

impl LateEvidence<'_> {
    /// The evidence; nothing where it cannot be read, which [`LateEvidence::into_fault`] tells.
    pub fn read(&self) -> &[Evidence] {
        self.read.get_or_init(|| self.unread.clone().into_items()).as_deref().unwrap_or_default()
    }

    /// Why it could not be read, where it was asked for: then nothing that was decided holds.
    pub fn into_fault(self) -> Option<CodecError> {
        self.read.into_inner()?.err()
    }
}
