//! Appends to snapshot files, on a thread of its own or in turn, and has them rewritten when too much in them is
//! superseded. It does not know what it writes.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::format::{Fault, Identity, Mark, Scan};
use super::rewrite::rewrite;
use super::{AGE_MAX, EXTENSION, REWRITTEN, SnapshotSettings};

/// So many bytes may wait for the disk; a file that gets more is not completed any more.
const WAITING_BYTES_MAX: usize = 256 << 20;
/// A file is rewritten when it is this many times as large as it was after the last time.
const GROWTH: u64 = 2;
/// How often a rewriting is asked whether it is done while nothing else happens.
const REWRITING_EVERY: Duration = Duration::from_secs(1);
/// Numbers are never used twice in a process: a rewriting that its writer did not wait for must not meet another one.
static FILES: AtomicU64 = AtomicU64::new(0);

/// A file of this writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(u64);

/// What the files need.
#[derive(Debug)]
enum Order {
    /// Begin a file anew.
    Create(FileId, PathBuf, Identity),
    /// Go on with a file behind its whole blocks.
    Open { id: FileId, path: PathBuf, whole_bytes: u64, base_bytes: u64 },
    /// Add a block of records.
    Append(FileId, Vec<u8>),
    /// Say from where the tail is to be read.
    Mark(FileId, Mark),
    /// Nothing more comes.
    Close(FileId),
    /// Say when everything before is done.
    Tell(Sender<()>),
}

/// What a writer tells about its files.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Bytes of all open files together.
    pub(crate) bytes: AtomicUsize,
    /// Bytes that wait for the disk.
    waiting: AtomicUsize,
}

/// Writes the snapshots of one worker. While it lives nobody else writes into its folder.
#[derive(Debug)]
pub(crate) struct Writer {
    written: Arc<Written>,
    hand: Hand,
}

#[derive(Debug)]
enum Hand {
    InTurn(Files),
    InBackground { orders: Option<Sender<Order>>, thread: Option<JoinHandle<()>> },
}

impl Writer {
    /// Takes the folder; fails where another process or worker writes there.
    pub(crate) fn new(settings: &SnapshotSettings) -> Result<Self, Fault> {
        fs::create_dir_all(&settings.folder)?;
        let lock = File::create(settings.folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Fault::Io(io::Error::other("another worker writes into this folder")),
            TryLockError::Error(error) => Fault::Io(error),
        })?;
        remove_leftovers(&settings.folder)?;
        let written = Arc::<Written>::default();
        let files = Files {
            rewrite_bytes_min: settings.rewrite_bytes_min,
            in_background: settings.in_background,
            written: Arc::clone(&written),
            open: BTreeMap::new(),
            rewriting: None,
            _lock: lock,
        };
        let hand = if settings.in_background {
            let (orders, taken) = channel();
            let work = move || files.work(&taken);
            let thread = std::thread::Builder::new().name("snapshots-out".to_owned()).spawn(work)?;
            Hand::InBackground { orders: Some(orders), thread: Some(thread) }
        } else {
            Hand::InTurn(files)
        };
        Ok(Self { written, hand })
    }

    /// Begins a file anew.
    pub(crate) fn create(&mut self, path: PathBuf, identity: Identity) -> FileId {
        let id = FileId(FILES.fetch_add(1, Ordering::Relaxed));
        self.order(Order::Create(id, path, identity));
        id
    }

    /// Goes on with a file behind its whole blocks.
    pub(crate) fn open(&mut self, path: PathBuf, scan: &Scan) -> FileId {
        let id = FileId(FILES.fetch_add(1, Ordering::Relaxed));
        let Scan { whole_bytes, base_bytes, .. } = *scan;
        self.order(Order::Open { id, path, whole_bytes, base_bytes });
        id
    }

    /// Adds a block of records. Whether it will be there: the disk may be too slow for all that comes.
    #[must_use]
    pub(crate) fn append(&mut self, id: FileId, block: Vec<u8>) -> bool {
        if self.written.waiting.load(Ordering::Relaxed) > WAITING_BYTES_MAX {
            return false;
        }
        self.order(Order::Append(id, block));
        true
    }

    /// Adds a mark.
    pub(crate) fn mark(&mut self, id: FileId, mark: Mark) {
        self.order(Order::Mark(id, mark));
    }

    /// Nothing more comes for a file.
    pub(crate) fn close(&mut self, id: FileId) {
        self.order(Order::Close(id));
    }

    /// Waits until everything that was ordered is done.
    pub(crate) fn settle(&mut self) {
        let (tell, done) = channel();
        self.order(Order::Tell(tell));
        // A thread that has ended has nothing to do any more.
        let _ = done.recv();
    }

    /// How many bytes the open files have.
    pub(crate) fn bytes(&self) -> usize {
        self.written.bytes.load(Ordering::Relaxed)
    }

    fn order(&mut self, order: Order) {
        if let Order::Append(_, block) = &order {
            self.written.waiting.fetch_add(block.len(), Ordering::Relaxed);
        }
        match &mut self.hand {
            Hand::InTurn(files) => files.take(order),
            // The thread ends when this does, not before.
            Hand::InBackground { orders, .. } => drop(orders.as_ref().map(|orders| orders.send(order))),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Hand::InBackground { orders, thread } = &mut self.hand {
            drop(orders.take());
            if let Some(thread) = thread.take() {
                // What it panicked with was said by then.
                let _ = thread.join();
            }
        }
    }
}

/// A file that is open.
#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Its bytes after the last rewriting, or at its first mark.
    base_bytes: u64,
    /// Whether there is a mark in it: without one it says nothing.
    is_marked: bool,
}

/// A rewriting on its way.
#[derive(Debug)]
struct Rewriting {
    id: FileId,
    /// What the old file had when it began: what came since is copied at the end.
    until: u64,
    to: PathBuf,
    thread: JoinHandle<Result<u64, Fault>>,
}

/// The files of one folder.
#[derive(Debug)]
struct Files {
    rewrite_bytes_min: u64,
    in_background: bool,
    written: Arc<Written>,
    open: BTreeMap<FileId, Open>,
    rewriting: Option<Rewriting>,
    /// Held while this lives.
    _lock: File,
}

impl Files {
    fn work(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(REWRITING_EVERY) {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => self.go_on_rewriting(),
                // A rewriting that was begun comes to nothing: the next start removes what it leaves.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, order: Order) {
        let id = match &order {
            Order::Create(id, ..)
            | Order::Open { id, .. }
            | Order::Append(id, ..)
            | Order::Mark(id, ..)
            | Order::Close(id) => *id,
            // Whoever has asked may be gone.
            Order::Tell(done) => {
                let _ = done.send(());
                return;
            }
        };
        if let Err(fault) = self.carry_out(order) {
            self.give_up(id, &fault);
        }
        self.go_on_rewriting();
        let bytes: u64 = self.open.values().map(|open| open.bytes).sum();
        self.written.bytes.store(bytes as usize, Ordering::Relaxed);
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Fault> {
        match order {
            Order::Create(id, path, identity) => {
                let mut file = File::create(&path)?;
                let start = identity.bytes();
                file.write_all(&start)?;
                self.open.insert(id, Open { path, file, bytes: start.len() as u64, base_bytes: 0, is_marked: false });
            }
            Order::Open { id, path, whole_bytes, base_bytes } => {
                let mut file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(whole_bytes)?;
                file.seek(SeekFrom::End(0))?;
                self.open.insert(id, Open { path, file, bytes: whole_bytes, base_bytes, is_marked: true });
            }
            Order::Append(id, block) => {
                self.written.waiting.fetch_sub(block.len(), Ordering::Relaxed);
                self.add(id, &block)?;
            }
            Order::Mark(id, mark) => {
                self.add(id, &mark.bytes())?;
                if let Some(open) = self.open.get_mut(&id) {
                    open.is_marked = true;
                }
            }
            Order::Close(id) => {
                // Without a mark a file says nothing.
                if let Some(open) = self.open.remove(&id).filter(|open| !open.is_marked) {
                    fs::remove_file(&open.path)?;
                }
            }
            Order::Tell(_) => {}
        }
        Ok(())
    }

    /// Adds a block to a file, unless it was given up.
    fn add(&mut self, id: FileId, block: &[u8]) -> Result<(), Fault> {
        if let Some(open) = self.open.get_mut(&id) {
            open.file.write_all(block)?;
            open.bytes += block.len() as u64;
        }
        Ok(())
    }

    /// A file that cannot be written is no use: a restore reads the changelog.
    fn give_up(&mut self, id: FileId, fault: &Fault) {
        if let Some(open) = self.open.remove(&id) {
            tracing::warn!("the snapshot {} is given up: {fault}", open.path.display());
            let _ = fs::remove_file(&open.path);
        } else {
            tracing::warn!("a snapshot cannot be written: {fault}");
        }
    }

    /// One file is rewritten at a time.
    fn go_on_rewriting(&mut self) {
        self.finish_rewriting(false);
        let is_due = |open: &Open| open.is_marked && open.bytes >= self.rewrite_bytes_min.max(open.base_bytes * GROWTH);
        let due = self.open.iter().find(|(_, open)| is_due(open)).map(|(id, _)| *id);
        if let Some(id) = due.filter(|_| self.rewriting.is_none()) {
            self.begin_rewriting(id);
        }
    }

    fn begin_rewriting(&mut self, id: FileId) {
        let Some(open) = self.open.get_mut(&id) else { return };
        // A file that cannot be rewritten now is tried again when it has grown once more.
        open.base_bytes = open.bytes;
        let (from, to, until) =
            (open.path.clone(), open.path.with_extension(format!("{}.{REWRITTEN}", id.0)), open.bytes);
        let work = {
            let to = to.clone();
            move || rewrite(&from, until, &to)
        };
        match std::thread::Builder::new().name("snapshots-anew".to_owned()).spawn(work) {
            Ok(thread) => self.rewriting = Some(Rewriting { id, until, to, thread }),
            Err(error) => tracing::warn!("no thread to rewrite a snapshot: {error}"),
        }
        self.finish_rewriting(!self.in_background);
    }

    /// Puts the rewritten file in the place of the old one, once it is there or, if asked to wait, when it is.
    fn finish_rewriting(&mut self, wait: bool) {
        let Some(rewriting) = self.rewriting.take_if(|rewriting| wait || rewriting.thread.is_finished()) else {
            return;
        };
        let Rewriting { id, until, to, thread } = rewriting;
        let done = thread.join().unwrap_or_else(|_| Err(Fault::Io(io::Error::other("its thread has panicked"))));
        let replaced = done.and_then(|bytes| match self.open.get_mut(&id) {
            Some(open) => open.replace(&to, until, bytes),
            None => Ok(()),
        });
        if let Err(fault) = replaced {
            tracing::warn!("the snapshot {} stays as it is: {fault}", to.display());
        }
        let _ = fs::remove_file(&to);
    }
}

impl Open {
    /// Takes the rewritten file in its place, with what was appended since.
    fn replace(&mut self, rewritten: &Path, until: u64, bytes: u64) -> Result<(), Fault> {
        let mut old = File::open(&self.path)?;
        old.seek(SeekFrom::Start(until))?;
        let mut file = OpenOptions::new().append(true).open(rewritten)?;
        let copied = io::copy(&mut old.take(self.bytes - until), &mut file)?;
        file.sync_all()?;
        fs::rename(rewritten, &self.path)?;
        (self.file, self.bytes, self.base_bytes) = (file, bytes + copied, bytes);
        Ok(())
    }
}

/// Removes what a writer that died in the middle of a rewriting has left, and snapshots of partitions that went elsewhere so
/// long ago that they will not be used any more.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let ends_with = |end: &str| path.extension().is_some_and(|extension| extension == end);
        let is_old = || Ok::<_, io::Error>(entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > AGE_MAX));
        if ends_with(REWRITTEN) || (ends_with(EXTENSION) && is_old()?) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
