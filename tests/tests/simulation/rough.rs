//! The same feeds taken calmly and taken roughly: stages killed and built anew, transactions aborted, partitions read in
//! another order, records delivered twice, a calendar job that dies and begins its day again. It judges nothing.

use std::rc::Rc;

use runtime::archive::ArchivePlan;
use runtime::memory::{Memory, Pipeline, StageOptions};
use runtime::worker::WorkerError;
use schemas::Day;

use crate::course::Coming;
use crate::fate::Fate;
use crate::tables::MadeTables;
use crate::world::{self, Shape};

/// How many records a worker goes on with, at most, when its partitions were taken from it.
const ZOMBIE_RECORDS: u64 = 30;
/// How often an archive runs, in percent: it costs as much as the stages.
const ARCHIVED_PERCENT: u64 = 30;
/// How often something happens while the calendar job ends a day, in percent, spread over its steps.
const SOMETHING_PERCENT: u64 = 100;

/// A log in the middle of a run.
pub(crate) struct Run {
    pub(crate) memory: Memory,
    pub(crate) shape: Shape,
    /// What the archives have in their tables.
    pub(crate) archives: Vec<(Rc<ArchivePlan>, MadeTables)>,
    /// How many records were delivered, those that came twice included.
    pub(crate) deliveries: i64,
}

/// A rough run at its end.
pub(crate) struct Rough {
    pub(crate) run: Run,
    /// The first faults that were seen in its middle.
    pub(crate) faults: Vec<String>,
}

/// A rough run on its way.
struct Going<'a> {
    fate: &'a Fate,
    run: Run,
    pipeline: Pipeline,
    look: &'a dyn Fn(&Run) -> Vec<String>,
    faults: Vec<String>,
}

impl Going<'_> {
    /// A worker goes on a little, is killed, loses its partitions or its name, partitions move, or all go on until they
    /// find nothing more.
    fn something(&mut self) -> Result<(), WorkerError> {
        let Self { fate, pipeline, .. } = self;
        let worker = fate.pick(&pipeline.workers());
        let zombie_records = fate.below(ZOMBIE_RECORDS);
        match fate.below(24) {
            0 => pipeline.run()?,
            1..4 => pipeline.build_anew(worker),
            4 => pipeline.evict(worker, zombie_records),
            5 => pipeline.replace(worker, zombie_records),
            6 => pipeline.rebalance(fate.pick(fate.shape.stages()), |members| fate.below(members as u64) as usize),
            _ => pipeline.turn_one(worker, 1 + fate.below(30) as usize)?,
        }
        if self.faults.is_empty() {
            self.faults = (self.look)(&self.run);
        }
        Ok(())
    }

    /// Ends a day as the calendar job does, which may die in the middle and say the whole day again.
    fn close(&mut self, day: Day) -> Result<(), WorkerError> {
        let steps = world::closing(&self.run.memory, day, self.fate.shape);
        let done = if self.fate.percent(30) { self.fate.below(steps.len() as u64) as usize } else { 0 };
        for step in steps[..done].iter().chain(&steps) {
            world::close(&self.run.memory, step);
            if self.fate.percent(SOMETHING_PERCENT / steps.len() as u64) {
                self.something()?;
            }
        }
        Ok(())
    }

    fn go(&mut self, coming: &[Coming]) -> Result<(), WorkerError> {
        let mut again = Vec::new();
        for one in coming {
            match one {
                Coming::Say(said) => {
                    world::say(&self.run.memory, said);
                    self.run.deliveries += 1;
                    if self.fate.percent(8) {
                        again.push(said);
                    }
                }
                Coming::Publish(published) => {
                    world::publish(&self.run.memory, published);
                    self.run.deliveries += 1;
                }
                Coming::Close(day) => {
                    for said in again.drain(..) {
                        world::say(&self.run.memory, said);
                        self.run.deliveries += 1;
                    }
                    self.close(*day)?;
                }
            }
            while self.fate.percent(40) {
                self.something()?;
            }
        }
        for _ in 0..self.fate.below(12) {
            self.something()?;
        }
        self.pipeline.run()
    }
}

impl Fate {
    /// Takes the feeds roughly to their end, and looks at the log after whatever happens.
    pub(crate) fn rough(&self, coming: &[Coming], look: &dyn Fn(&Run) -> Vec<String>) -> Result<Rough, WorkerError> {
        let memory = world::log(self.shape);
        let mut pipeline = Pipeline::new(&memory);
        for stage in self.shape.stages() {
            for worker in 0..self.pick(&[1, 1, 2, 3]) {
                let (fate, folder) = (self.clone(), format!("{stage}-{worker}"));
                world::supervise(&mut pipeline, stage, self.shape, move || fate.options(&folder));
            }
        }
        let mut archives = Vec::new();
        for plan in world::plans() {
            if !self.percent(ARCHIVED_PERCENT) {
                continue;
            }
            let fate = self.clone();
            let tables = MadeTables::new(move || fate.insert());
            for _ in 0..self.pick(&[1, 1, 2]) {
                let (fate, tables) = (self.clone(), tables.clone());
                pipeline.supervise_archive(&plan, move || (tables.clone(), fate.archive_options()));
            }
            archives.push((plan, tables));
        }
        let run = Run { memory, shape: self.shape, archives, deliveries: 0 };
        let mut going = Going { fate: self, run, pipeline, look, faults: Vec::new() };
        going.go(coming)?;
        let Going { run, faults, .. } = going;
        Ok(Rough { run, faults })
    }
}

/// Takes the feeds to their end with nothing in the way.
pub(crate) fn calm(coming: &[Coming], shape: Shape) -> Result<Memory, WorkerError> {
    let memory = world::log(shape);
    let mut pipeline = Pipeline::new(&memory);
    for stage in shape.stages() {
        world::supervise(&mut pipeline, stage, shape, StageOptions::default);
    }
    for one in coming {
        match one {
            Coming::Say(said) => world::say(&memory, said),
            Coming::Publish(published) => world::publish(&memory, published),
            Coming::Close(day) => {
                pipeline.run()?;
                for step in world::closing(&memory, *day, shape) {
                    world::close(&memory, &step);
                }
            }
        }
    }
    pipeline.run()?;
    Ok(memory)
}
