//! The same feeds taken calmly and taken roughly: stages killed and built anew, transactions aborted, partitions read in
//! another order, records delivered twice, a calendar job that dies and begins its day again. It judges nothing.

use std::fs;

use runtime::memory::{Memory, Order, Pipeline, StageOptions};
use runtime::snapshot::SnapshotSettings;
use runtime::worker::{Bounds, WorkerError};
use tempfile::TempDir;

use crate::generate::Dice;
use crate::history::Step;
use crate::world::{self, FEEDS, STAGES, Shape};

/// Of so many transactions of a stage's life some are made to abort.
const TRANSACTIONS: u64 = 40;
/// So many of them at most: a worker gives up after more aborts in a row.
const ABORTS_MAX: u64 = 6;

/// What the seed decides beside the feeds.
pub(crate) struct Fate {
    dice: Dice,
    pub(crate) shape: Shape,
    /// Where stages keep their snapshots.
    folder: TempDir,
}

/// What was done to a run, and what was seen in its middle.
struct Done<'l> {
    deliveries: i64,
    faults: Vec<String>,
    look: Box<dyn FnMut() -> Vec<String> + 'l>,
}

/// A rough run at its end.
pub(crate) struct Rough {
    pub(crate) memory: Memory,
    /// How many records were delivered, those that came twice included.
    pub(crate) deliveries: i64,
    /// The first faults that were seen in its middle.
    pub(crate) faults: Vec<String>,
}

impl Fate {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED_0FFA_7E50_0000);
        let shape = Shape {
            subject_partitions: *dice.pick(&[1, 1, 2, 3]),
            household_partitions: *dice.pick(&[1, 2, 3]),
            sweep: *dice.pick(&[1, 2, 5, 1_000]),
        };
        Self { dice, shape, folder: TempDir::new().expect("a folder") }
    }

    fn options(&mut self, stage: &str) -> StageOptions {
        let records = *self.dice.pick(&[1, 2, 3, 7, 20, 1_000]);
        let order = match self.dice.below(3) {
            0 => Order::InTurn(1 + self.dice.below(4) as usize),
            1 => Order::default(),
            _ => Order::Shuffled(self.dice.below(u64::MAX)),
        };
        let aborts = (0..self.dice.below(ABORTS_MAX + 1)).map(|_| self.dice.below(TRANSACTIONS)).collect();
        let snapshots = self.snapshots(stage);
        StageOptions { bounds: Bounds { records, time: None, ..Bounds::default() }, order, aborts, snapshots }
    }

    /// Whether this life of a stage has snapshots, and whether what the last one left of a file was cut off or damaged. A
    /// life without leaves stale ones to the next.
    fn snapshots(&mut self, stage: &str) -> Option<SnapshotSettings> {
        let folder = self.folder.path().join(stage);
        let left = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let mut left: Vec<_> = left.filter(|path| path.extension().is_some_and(|end| end == "snapshot")).collect();
        left.sort();
        for path in left {
            let mut bytes = fs::read(&path).expect("a snapshot");
            match self.dice.below(12) {
                0 => bytes.truncate(self.dice.below(bytes.len() as u64 + 1) as usize),
                1 if !bytes.is_empty() => {
                    let at = self.dice.below(bytes.len() as u64) as usize;
                    bytes[at] ^= 1 << self.dice.below(8);
                }
                _ => continue,
            }
            fs::write(&path, bytes).expect("a snapshot");
        }
        self.dice.percent(80).then(|| SnapshotSettings::in_turn(folder))
    }

    /// A stage goes on a little, is killed and built anew, or all go on until they find nothing more.
    fn something(&mut self, pipeline: &mut Pipeline, done: &mut Done<'_>) -> Result<(), WorkerError> {
        let stage = *self.dice.pick(&STAGES);
        let outcome = match self.dice.below(20) {
            0 => pipeline.run(),
            1..4 => {
                pipeline.kill(stage);
                let options = self.options(stage);
                world::add(pipeline, stage, self.shape, options);
                Ok(())
            }
            _ => pipeline.turn(stage, 1 + self.dice.below(30) as usize),
        };
        if done.faults.is_empty() {
            done.faults = (done.look)();
        }
        outcome
    }

    /// Takes the feeds roughly to their end, and looks at the log after whatever happens.
    pub(crate) fn rough(
        &mut self,
        steps: &[Step],
        look: impl Fn(&Memory) -> Vec<String>,
    ) -> Result<Rough, WorkerError> {
        let memory = world::log(self.shape);
        let mut pipeline = Pipeline::new(&memory);
        let seen = memory.clone();
        let mut done = Done { deliveries: 0, faults: Vec::new(), look: Box::new(move || look(&seen)) };
        for stage in STAGES {
            let options = self.options(stage);
            world::add(&mut pipeline, stage, self.shape, options);
        }
        let mut again = Vec::new();
        for step in steps {
            match step {
                Step::Say(said) => {
                    world::say(&memory, said);
                    done.deliveries += 1;
                    if self.dice.percent(8) {
                        again.push(said);
                    }
                }
                Step::Close(day) => {
                    for said in again.drain(..) {
                        world::say(&memory, said);
                        done.deliveries += 1;
                    }
                    // The job that died after the first feed says the whole day again.
                    if self.dice.percent(30) {
                        world::close(&memory, *day, FEEDS[0]);
                        self.something(&mut pipeline, &mut done)?;
                    }
                    for feed in FEEDS {
                        world::close(&memory, *day, feed);
                        self.something(&mut pipeline, &mut done)?;
                    }
                }
            }
            while self.dice.percent(40) {
                self.something(&mut pipeline, &mut done)?;
            }
        }
        for _ in 0..self.dice.below(12) {
            self.something(&mut pipeline, &mut done)?;
        }
        pipeline.run()?;
        let Done { deliveries, faults, .. } = done;
        Ok(Rough { memory, deliveries, faults })
    }
}

/// Takes the feeds to their end with nothing in the way.
pub(crate) fn calm(steps: &[Step], shape: Shape) -> Result<Memory, WorkerError> {
    let memory = world::log(shape);
    let mut pipeline = Pipeline::new(&memory);
    for stage in STAGES {
        world::add(&mut pipeline, stage, shape, StageOptions::default());
    }
    for step in steps {
        match step {
            Step::Say(said) => world::say(&memory, said),
            Step::Close(day) => {
                pipeline.run()?;
                for feed in FEEDS {
                    world::close(&memory, *day, feed);
                }
            }
        }
    }
    pipeline.run()?;
    Ok(memory)
}
