//! What a seed decides beside the feeds: how the log is cut, how workers run, which calls of theirs fail and how. It
//! knows no stage's work.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

use runtime::memory::{ArchiveOptions, Delay, Effect, Fault, Faults, Order, StageOptions};
use runtime::snapshot::SnapshotSettings;
use runtime::worker::Bounds;
use tempfile::TempDir;

use crate::course;
use crate::generate::Dice;
use crate::tables::Insert;
use crate::world::Shape;

/// Of so many transactions of a worker's life some are made to abort.
const TRANSACTIONS: u64 = 40;
/// So many of them at most: a worker gives up after more aborts in a row.
const ABORTS_MAX: u64 = 6;
/// So many times at most the outcome of a commit is not known yet.
const LOOKS_MAX: u64 = 8;
/// So many workers are built with calls that fail; those that come after them only work.
const FAULTY_WORKERS: u64 = 60;

/// Where Linux keeps files in memory.
const IN_MEMORY: &str = "/dev/shm";

/// What the seed decides; clones draw on.
#[derive(Clone)]
pub(crate) struct Fate {
    dice: Rc<RefCell<Dice>>,
    faulty: Rc<RefCell<u64>>,
    /// Where workers keep their snapshots.
    folder: Rc<TempDir>,
    pub(crate) shape: Shape,
}

impl Fate {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED_0FFA_7E50_0000);
        let shape = Shape {
            is_fed: course::is_fed(seed),
            feed_partitions: *dice.pick(&[1, 2]),
            subject_partitions: *dice.pick(&[1, 1, 2, 3]),
            household_partitions: *dice.pick(&[1, 2, 3]),
            sweep: *dice.pick(&[1, 2, 5, 1_000]),
        };
        // Thousands of seeds write thousands of small files: in memory, where the system has such a folder.
        let folder = TempDir::new_in(IN_MEMORY).or_else(|_| TempDir::new());
        let folder = Rc::new(folder.expect("a folder"));
        Self { dice: Rc::new(RefCell::new(dice)), faulty: Rc::new(RefCell::new(FAULTY_WORKERS)), folder, shape }
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.dice.borrow_mut().below(end)
    }

    /// Whether something comes true that does so in so many of a hundred cases.
    pub(crate) fn percent(&self, percent: u64) -> bool {
        self.dice.borrow_mut().percent(percent)
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&self, all: &[T]) -> T {
        *self.dice.borrow_mut().pick(all)
    }

    fn order(&self) -> Order {
        match self.below(3) {
            0 => Order::InTurn(1 + self.below(4) as usize),
            1 => Order::default(),
            _ => Order::Shuffled(self.below(u64::MAX)),
        }
    }

    /// How the next worker runs.
    ///
    /// `folder`: the name of its own folder for snapshots, which a worker that is built anew finds as it was left.
    pub(crate) fn options(&self, folder: &str) -> StageOptions {
        let records = self.pick(&[1, 2, 3, 7, 20, 1_000]);
        let (order, faults, snapshots) = (self.order(), self.faults(), self.snapshots(folder));
        let outbox_bytes = self.pick(&[1, 500, 5_000, 256 * 1024]);
        let bounds = Bounds { records, time: None, outbox_bytes, ..Bounds::default() };
        StageOptions { bounds, order, faults, snapshots }
    }

    /// Whether this life of a worker has snapshots, and whether what the last one left of a file was cut off or damaged.
    /// A life without leaves stale ones to the next.
    fn snapshots(&self, folder: &str) -> Option<SnapshotSettings> {
        let folder = self.folder.path().join(folder);
        let left = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let mut left: Vec<_> = left.filter(|path| path.extension().is_some_and(|end| end == "snapshot")).collect();
        left.sort();
        for path in left {
            let mut bytes = fs::read(&path).expect("a snapshot");
            match self.below(12) {
                0 => bytes.truncate(self.below(bytes.len() as u64 + 1) as usize),
                1 if !bytes.is_empty() => {
                    let at = self.below(bytes.len() as u64) as usize;
                    bytes[at] ^= 1 << self.below(8);
                }
                _ => continue,
            }
            fs::write(&path, bytes).expect("a snapshot");
        }
        self.percent(80).then(|| SnapshotSettings::in_turn(folder))
    }

    /// How the next member of an archive runs.
    pub(crate) fn archive_options(&self) -> ArchiveOptions {
        let batch_rows = self.pick(&[1, 2, 5, 20, 1_000]);
        ArchiveOptions { batch_rows, order: self.order(), faults: self.faults() }
    }

    /// What becomes of the next insert.
    pub(crate) fn insert(&self) -> Insert {
        match self.below(10) {
            0 => Insert::Refused,
            1 => Insert::Unanswered,
            _ => Insert::Done,
        }
    }

    /// Which calls of the next worker fail.
    fn faults(&self) -> Faults {
        let mut left = self.faulty.borrow_mut();
        if *left == 0 {
            return Faults::default();
        }
        *left -= 1;
        let mut faults = Faults::default();
        for _ in 0..=self.below(ABORTS_MAX) {
            let effect = self.pick(&[Effect::Commit, Effect::Commit, Effect::Publish]);
            faults.add(effect, self.below(TRANSACTIONS), Fault::Abort);
        }
        for _ in 0..self.below(3) {
            let effect = self.pick(&Effect::ALL);
            let calls = match effect {
                Effect::Poll => 200,
                Effect::Read => 60,
                Effect::Begin | Effect::Publish | Effect::Commit => TRANSACTIONS,
                Effect::Accept | Effect::Resume | Effect::Release | Effect::Rewind | Effect::Abort => 3,
            };
            let fault = match effect {
                Effect::Begin | Effect::Publish | Effect::Commit => {
                    self.pick(&[Fault::Abort, Fault::Lost, Fault::Unanswered])
                }
                _ => self.pick(&[Fault::Lost, Fault::Unanswered]),
            };
            faults.add(effect, self.below(calls), fault);
        }
        let slow_percent = self.pick(&[0, 20, 90]);
        for ordinal in (0..TRANSACTIONS).filter(|_| self.percent(slow_percent)) {
            faults.delay(ordinal, Delay { looks: self.below(LOOKS_MAX) as u32, lands: self.percent(50) });
        }
        faults
    }
}
