//! A driver that runs workers on the memory log, turn by turn or until nothing more comes, and builds them anew as the
//! supervisor on Kafka does. It knows no stage by name.

use std::rc::Rc;
use std::time::Duration;

use super::Memory;
use super::archive::{ArchiveOptions, archive};
use super::consumer::Order;
use super::faults::Faults;
use super::group::{Gone, Member};
use super::port::MemoryPort;
use crate::archive::{ArchivePlan, Tables};
use crate::snapshot::SnapshotSettings;
use crate::stage::{Figures, Stage};
use crate::worker::{Bounds, Settings, Turn, Unobserved, Worker, WorkerError};

/// How a stage runs on the memory log.
#[derive(Clone, Debug, Default)]
pub struct StageOptions {
    /// When a transaction closes; its time is not looked at, since no clock decides anything here.
    pub bounds: Bounds,
    /// In which order the input partitions are read.
    pub order: Order,
    /// Which calls of the log fail.
    pub faults: Faults,
    /// Where snapshots are kept, if they are.
    pub snapshots: Option<SnapshotSettings>,
}

/// A worker without its types.
pub(super) trait Run {
    fn turn(&mut self) -> Result<Turn, WorkerError>;
    fn close(&mut self) -> Result<(), WorkerError>;
    fn is_open(&self) -> bool;
    fn figures(&self) -> Figures;
    fn member(&self) -> Member;
}

impl<S: Stage> Run for Worker<S, MemoryPort> {
    fn turn(&mut self) -> Result<Turn, WorkerError> {
        self.turn(Duration::ZERO)
    }

    fn close(&mut self) -> Result<(), WorkerError> {
        self.close()
    }

    fn is_open(&self) -> bool {
        self.is_open()
    }

    fn figures(&self) -> Figures {
        self.figures()
    }

    fn member(&self) -> Member {
        self.log().member()
    }
}

/// Names a worker of a pipeline for as long as the pipeline lives, however often it is built anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerId(usize);

type Make = Box<dyn FnMut(&Memory) -> Box<dyn Run>>;

/// A place in the pipeline.
struct Slot {
    id: WorkerId,
    /// The group: a stage's name.
    group: String,
    /// Builds it anew when it must be; without it, its end is the end of the pipeline.
    make: Option<Make>,
    run: Box<dyn Run>,
    /// Somebody else has taken its name: it ends when it learns that.
    is_zombie: bool,
}

/// Stages on one memory log.
pub struct Pipeline {
    memory: Memory,
    slots: Vec<Slot>,
    next: usize,
}

fn worker<S: Stage + 'static>(memory: &Memory, stage: S, options: StageOptions) -> Box<dyn Run> {
    let StageOptions { bounds, order, faults, snapshots } = options;
    let settings = Settings { bounds: Bounds { time: None, ..bounds }, figures_every: None };
    let port = MemoryPort::new(Rc::clone(&memory.store), stage.topology(), order, faults);
    let worker = Worker::new(stage, port, settings, Box::new(Unobserved));
    Box::new(match snapshots {
        Some(snapshots) => worker.with_snapshots(snapshots),
        None => worker,
    })
}

impl Pipeline {
    /// A pipeline without stages.
    pub fn new(memory: &Memory) -> Self {
        Self { memory: memory.clone(), slots: Vec::new(), next: 0 }
    }

    fn push(&mut self, group: &str, run: Box<dyn Run>, make: Option<Make>) -> WorkerId {
        let id = WorkerId(self.next);
        self.next += 1;
        self.slots.push(Slot { id, group: group.to_owned(), make, run, is_zombie: false });
        id
    }

    /// Adds a worker of a stage, which shares the partitions of its inputs with the other workers of the same stage. Its
    /// topics must have been created. It goes on from the offsets that its stage has committed, and restores its state
    /// as on Kafka.
    pub fn add<S: Stage + 'static>(&mut self, stage: S, options: StageOptions) -> WorkerId {
        let group = stage.topology().stage;
        let run = worker(&self.memory, stage, options);
        self.push(group, run, None)
    }

    /// Adds a worker that is built anew by `make` whenever it must be, as the supervisor does on Kafka.
    pub fn supervise<S: Stage + 'static>(&mut self, mut make: impl FnMut() -> (S, StageOptions) + 'static) -> WorkerId {
        let (stage, options) = make();
        let group = stage.topology().stage;
        let run = worker(&self.memory, stage, options);
        let make = move |memory: &Memory| {
            let (stage, options) = make();
            worker(memory, stage, options)
        };
        self.push(group, run, Some(Box::new(make)))
    }

    /// Adds a member of an archive, which is built anew by `make` whenever it must be. The topics of its plan must have
    /// been created.
    pub fn supervise_archive<T: Tables + 'static>(
        &mut self,
        plan: &Rc<ArchivePlan>,
        mut make: impl FnMut() -> (T, ArchiveOptions) + 'static,
    ) -> WorkerId {
        let (group, plan) = (plan.group, Rc::clone(plan));
        let mut make = move |memory: &Memory| {
            let (tables, options) = make();
            archive(memory, Rc::clone(&plan), tables, options)
        };
        let run = make(&self.memory);
        self.push(group, run, Some(Box::new(make)))
    }

    /// Runs every worker, in the order in which they were added and round after round, until none finds anything
    /// more. Whatever is open then is committed.
    pub fn run(&mut self) -> Result<(), WorkerError> {
        loop {
            let mut worked = false;
            let ids: Vec<WorkerId> = self.slots.iter().map(|slot| slot.id).collect();
            for id in ids {
                worked |= self.run_one(id)?;
            }
            self.memory.drop_read();
            if !worked {
                return Ok(());
            }
        }
    }

    /// Runs one worker until it finds nothing more, and commits. Whether it did anything.
    fn run_one(&mut self, id: WorkerId) -> Result<bool, WorkerError> {
        let mut worked = false;
        while let Some(slot) = self.slots.iter_mut().find(|slot| slot.id == id) {
            match until_idle(slot.run.as_mut(), &mut worked) {
                Ok(true) => return Ok(worked),
                // A commit that is made to abort brings records back, so idle means idle after the commit.
                Ok(false) => {}
                Err(error) => self.failed(id, error)?,
            }
            worked = true;
        }
        Ok(worked)
    }

    /// What becomes of a worker that has stopped.
    fn failed(&mut self, id: WorkerId, error: WorkerError) -> Result<(), WorkerError> {
        let Some(index) = self.slots.iter().position(|slot| slot.id == id) else { return Ok(()) };
        let is_rebuilt = matches!(error, WorkerError::Rebuild(_));
        if is_rebuilt && self.slots[index].is_zombie {
            self.slots.remove(index);
        } else if is_rebuilt && self.slots[index].make.is_some() {
            self.build_anew(id);
        } else {
            return Err(error);
        }
        Ok(())
    }

    /// Throws a worker away without a commit, as a kill does, and builds it anew at once.
    pub fn build_anew(&mut self, id: WorkerId) {
        let Some(index) = self.slots.iter().position(|slot| slot.id == id) else { return };
        let Slot { group, make, run, .. } = self.slots.remove(index);
        // The old one leaves the group before the new one joins it.
        drop(run);
        let Some(mut make) = make else { return };
        let run = make(&self.memory);
        self.slots.insert(index, Slot { id, group, make: Some(make), run, is_zombie: false });
    }

    /// Builds a worker anew while the old one goes on: it has lost its name, and learns that when it commits or has read
    /// so many records more.
    pub fn replace(&mut self, id: WorkerId, records: u64) {
        let Self { memory, slots, next } = self;
        let Some(slot) = slots.iter_mut().find(|slot| slot.id == id) else { return };
        let Some(make) = &mut slot.make else { return };
        memory.store.borrow_mut().groups.give_up(&slot.group, slot.run.member(), Gone::Fenced, records);
        let old = std::mem::replace(&mut slot.run, make(memory));
        let group = slot.group.clone();
        let zombie = WorkerId(*next);
        *next += 1;
        slots.push(Slot { id: zombie, group, make: None, run: old, is_zombie: true });
    }

    /// Takes all partitions from a worker, which learns that when it has read so many records more, and joins again.
    pub fn evict(&mut self, id: WorkerId, records: u64) {
        let Some(slot) = self.slots.iter().find(|slot| slot.id == id) else { return };
        let mut store = self.memory.store.borrow_mut();
        store.groups.give_up(&slot.group, slot.run.member(), Gone::Evicted, records);
    }

    /// Lets the partitions of a stage move between its workers: for each, `pick` chooses among so many. Who loses one
    /// commits before it goes.
    pub fn rebalance(&mut self, stage: &str, pick: impl FnMut(usize) -> usize) {
        self.memory.store.borrow_mut().groups.shuffle(stage, pick);
    }

    /// Every worker that there is, those that have lost their name included.
    pub fn workers(&self) -> Vec<WorkerId> {
        self.slots.iter().map(|slot| slot.id).collect()
    }

    /// Ends the workers of a stage without committing what they have open, as a kill does; what they committed stays.
    pub fn kill(&mut self, stage: &str) {
        self.slots.retain(|slot| slot.group != stage);
    }

    /// At most `turns` turns of each worker of a stage, without a commit at the end: to stop a stage in the middle of its
    /// work.
    pub fn turn(&mut self, stage: &str, turns: usize) -> Result<(), WorkerError> {
        let ids: Vec<WorkerId> = self.slots.iter().filter(|slot| slot.group == stage).map(|slot| slot.id).collect();
        ids.into_iter().try_for_each(|id| self.turn_one(id, turns))
    }

    /// The same of one worker.
    pub fn turn_one(&mut self, id: WorkerId, turns: usize) -> Result<(), WorkerError> {
        for _ in 0..turns {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.id == id) else { return Ok(()) };
            if let Err(error) = slot.run.turn() {
                self.failed(id, error)?;
            }
        }
        Ok(())
    }

    /// The figures of a stage, over all partitions; none for a stage that is not here.
    pub fn figures(&self, stage: &str) -> Figures {
        let mut figures = Figures::default();
        for slot in self.slots.iter().filter(|slot| slot.group == stage) {
            figures.rows.extend(slot.run.figures().rows);
        }
        figures
    }
}

/// Turns until nothing comes, then a commit. Whether nothing came after it either.
fn until_idle(run: &mut dyn Run, worked: &mut bool) -> Result<bool, WorkerError> {
    while run.turn()? == Turn::Worked {
        *worked = true;
    }
    // What is open since earlier turns is told only now to stages that came before in this round.
    *worked |= run.is_open();
    run.close()?;
    Ok(run.turn()? == Turn::Idle)
}
