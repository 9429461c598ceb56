//! What a port is made to do wrong: which call of the log fails, and whether it took effect before it failed. It knows
//! no stage and no partition.

use std::collections::BTreeMap;

use crate::log::LogError;

/// A call of the log that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A poll for the next record.
    Poll,
    /// Partitions are taken on.
    Accept,
    /// A partition begins to flow.
    Resume,
    /// Partitions are given back.
    Release,
    /// The input goes back to what is committed.
    Rewind,
    /// A transaction is opened.
    Begin,
    /// An outbox is published; it fails when half of it lies in the transaction.
    Publish,
    /// A transaction is committed, or an offset with metadata.
    Commit,
    /// A transaction is aborted.
    Abort,
    /// A record of a changelog or of the reference topic is read.
    Read,
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 10] = [
        Self::Poll,
        Self::Accept,
        Self::Resume,
        Self::Release,
        Self::Rewind,
        Self::Begin,
        Self::Publish,
        Self::Commit,
        Self::Abort,
        Self::Read,
    ];
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The log says that the transaction must be aborted.
    Abort,
    /// It does not take effect, and the caller does not learn that.
    Lost,
    /// It takes effect, and the caller does not learn that.
    Unanswered,
}

impl Fault {
    pub(super) fn error(self, effect: Effect) -> LogError {
        match self {
            Self::Abort => LogError::Abortable(format!("{effect:?} was chosen to be refused")),
            Self::Lost | Self::Unanswered => LogError::Broken(format!("{effect:?} was chosen to fail: {self:?}")),
        }
    }
}

/// How a commit takes its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// So many times the log does not know its outcome yet.
    pub looks: u32,
    /// Whether it takes effect when the port is thrown away before it was known.
    pub lands: bool,
}

/// Which calls of a port fail, and which of its commits take their time.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// By effect and ordinal of its call, from 0.
    chosen: BTreeMap<(Effect, u64), Fault>,
    calls: BTreeMap<Effect, u64>,
    /// By ordinal of the commit, from 0.
    delays: BTreeMap<u64, Delay>,
    commits: u64,
}

impl Faults {
    /// Commits with these ordinals, from 0, end in an abort.
    pub fn aborts(ordinals: impl IntoIterator<Item = u64>) -> Self {
        let mut faults = Self::default();
        ordinals.into_iter().for_each(|ordinal| faults.add(Effect::Commit, ordinal, Fault::Abort));
        faults
    }

    /// Chooses one more: the call of an effect with this ordinal, from 0.
    pub fn add(&mut self, effect: Effect, ordinal: u64, fault: Fault) {
        self.chosen.insert((effect, ordinal), fault);
    }

    /// Lets the commit with this ordinal, from 0, take its time.
    pub fn delay(&mut self, ordinal: u64, delay: Delay) {
        self.delays.insert(ordinal, delay);
    }

    /// How the next commit takes its time, if it does.
    pub(super) fn next_delay(&mut self) -> Option<Delay> {
        let delay = self.delays.remove(&self.commits);
        self.commits += 1;
        delay
    }

    /// The fault of the next call of an effect, if it has one.
    pub(super) fn next(&mut self, effect: Effect) -> Option<Fault> {
        if self.chosen.is_empty() {
            return None;
        }
        let call = self.calls.entry(effect).or_default();
        let fault = self.chosen.remove(&(effect, *call));
        *call += 1;
        fault
    }
}
