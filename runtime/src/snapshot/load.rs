//! Reads snapshot files, block by block and in the order asked for: on a thread of its own, or when the next block is
//! asked for. It does not know what a record means.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use super::format::{Blocks, Fault, Kind, Parts, Records};

/// Blocks that are read ahead.
const AHEAD: usize = 8;

/// Something read of one file.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// Records, held against their checksum.
    Block(Block),
    /// The file is read as far as was asked.
    End,
    /// It cannot be used.
    Failed(Fault),
}

/// The records of one block.
#[derive(Debug)]
pub(crate) struct Block {
    payload: Vec<u8>,
}

impl Block {
    /// The block, if all of it can be read as records.
    fn of(payload: Vec<u8>, at: u64) -> Result<Self, Fault> {
        let mut records = Records::of(&payload);
        records.by_ref().for_each(drop);
        let is_whole = records.is_whole();
        if is_whole { Ok(Self { payload }) } else { Err(Fault::Damaged { at, what: "a block ends within a record" }) }
    }

    /// Source, key and value of each record.
    pub(crate) fn records(&self) -> impl Iterator<Item = Parts<'_>> {
        Records::of(&self.payload)
    }
}

/// A file to be read, under the number that the caller gave it.
#[derive(Debug)]
pub(crate) struct Order {
    number: u64,
    path: PathBuf,
    whole_bytes: u64,
}

impl Order {
    fn blocks(&self) -> Result<Blocks, Fault> {
        Ok(Blocks::of(File::open(&self.path)?)?.until(self.whole_bytes))
    }
}

/// The next block of records; none at the end.
fn next_block(blocks: &mut Blocks) -> Result<Option<Block>, Fault> {
    while let Some(head) = blocks.next_head()? {
        if head.kind() == Some(Kind::Records) {
            let payload = blocks.payload(&head)?;
            return Block::of(payload, blocks.at).map(Some);
        }
    }
    Ok(None)
}

/// Reads files in the order in which they were asked for.
#[derive(Debug)]
pub(crate) enum Loader {
    /// When the next block is asked for.
    InTurn(VecDeque<(Order, Option<Blocks>)>),
    /// On a thread, which ends when this is dropped.
    InBackground {
        /// What is to be read.
        orders: Sender<Order>,
        /// What was read.
        loaded: Receiver<(u64, Loaded)>,
    },
}

impl Loader {
    /// A loader with nothing to read.
    pub(crate) fn new(in_background: bool) -> Result<Self, Fault> {
        if !in_background {
            return Ok(Self::InTurn(VecDeque::new()));
        }
        let (orders, taken) = channel();
        let (told, loaded) = sync_channel(AHEAD);
        std::thread::Builder::new().name("snapshots-in".to_owned()).spawn(move || read_all(&taken, &told))?;
        Ok(Self::InBackground { orders, loaded })
    }

    /// Asks for a file, up to where its whole blocks end.
    pub(crate) fn read(&mut self, number: u64, path: PathBuf, whole_bytes: u64) {
        let order = Order { number, path, whole_bytes };
        match self {
            Self::InTurn(orders) => orders.push_back((order, None)),
            // The thread lives as long as this does.
            Self::InBackground { orders, .. } => drop(orders.send(order)),
        }
    }

    /// What comes next, of which file; none where nothing came within the wait.
    pub(crate) fn next(&mut self, wait: Duration) -> Option<(u64, Loaded)> {
        match self {
            Self::InTurn(orders) => {
                let (order, blocks) = orders.front_mut()?;
                let number = order.number;
                let loaded = next_in_turn(order, blocks);
                if !matches!(loaded, Loaded::Block(_)) {
                    orders.pop_front();
                }
                Some((number, loaded))
            }
            Self::InBackground { loaded, .. } => loaded.recv_timeout(wait).ok(),
        }
    }
}

fn next_in_turn(order: &Order, blocks: &mut Option<Blocks>) -> Loaded {
    let opened = match blocks {
        Some(opened) => Ok(opened),
        None => order.blocks().map(|opened| blocks.insert(opened)),
    };
    match opened.and_then(next_block) {
        Ok(Some(block)) => Loaded::Block(block),
        Ok(None) => Loaded::End,
        Err(fault) => Loaded::Failed(fault),
    }
}

fn read_all(orders: &Receiver<Order>, told: &SyncSender<(u64, Loaded)>) {
    while let Ok(order) = orders.recv() {
        let mut blocks = None;
        loop {
            let loaded = next_in_turn(&order, &mut blocks);
            let goes_on = matches!(loaded, Loaded::Block(_));
            if told.send((order.number, loaded)).is_err() {
                return;
            }
            if !goes_on {
                break;
            }
        }
    }
}
