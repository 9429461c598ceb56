//! The bytes of a snapshot file: a magic number, then blocks, each with its length and a checksum. It does not know who
//! writes or reads them.
//!
//! A block is `length u32 | crc u32 | kind u8 | payload`, all little-endian; the checksum is CRC-32 of kind and payload.
//! The first block says whose the file is. A block of records begins with the input offset up to which the records are
//! there; a mark says from where the sources are to be read beside everything that lies before it in the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a file begins with; the last byte is the version of the format.
pub(super) const MAGIC: [u8; 8] = *b"BSTSNAP\x01";
/// Length, checksum and kind.
pub(super) const HEAD_BYTES: usize = 9;
/// The input offset at the head of a block of records.
const POSITION_BYTES: usize = 8;
/// A block is closed when it holds this many bytes, so that readers need no more at a time.
pub(super) const BLOCK_BYTES: usize = 1 << 20;
/// Stands for no key, or no value.
const NONE: u32 = u32::MAX;
/// Source, length of the key, length of the value.
const RECORD_HEAD_BYTES: usize = 9;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Identity = 1,
    Records = 2,
    Mark = 3,
}

/// Why a snapshot cannot be used, or not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// It is not as it was written.
    #[error("it is damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: u64,
        /// What.
        what: &'static str,
    },
    /// It is no snapshot, or one of another version.
    #[error("it is no snapshot of this version")]
    Foreign,
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Whose a snapshot is: stage, partition, sources and cluster, in one text that must be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity(pub(crate) String);

/// From where sources are to be read beside what lies before the mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When it was made, in milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) at_ms: i64,
    /// The committed input offset of then; -1 for none.
    pub(crate) input: i64,
    /// By the place of the source.
    pub(crate) offsets: Vec<i64>,
}

/// Fills the head of a block whose payload was written behind [`HEAD_BYTES`] empty bytes.
pub(super) fn seal(kind: Kind, block: &mut [u8]) {
    let length = (block.len() - HEAD_BYTES) as u32;
    block[8] = kind as u8;
    let crc = crc32fast::hash(&block[8..]);
    block[..4].copy_from_slice(&length.to_le_bytes());
    block[4..8].copy_from_slice(&crc.to_le_bytes());
}

impl Identity {
    /// The start of a file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut block = vec![0; HEAD_BYTES];
        block.extend_from_slice(self.0.as_bytes());
        seal(Kind::Identity, &mut block);
        [&MAGIC[..], &block].concat()
    }
}

impl Mark {
    /// The block.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut block = vec![0; HEAD_BYTES];
        for value in [self.at_ms, self.input].iter().chain(&self.offsets) {
            block.extend_from_slice(&value.to_le_bytes());
        }
        seal(Kind::Mark, &mut block);
        block
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (values, rest) = payload.as_chunks::<8>();
        let values: Vec<i64> = values.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        let [at_ms, input, offsets @ ..] = values.as_slice() else { return None };
        rest.is_empty().then(|| Self { at_ms: *at_ms, input: *input, offsets: offsets.to_vec() })
    }
}

/// A block of records while it is written.
#[derive(Debug, Default)]
pub(crate) struct RecordsBlock {
    bytes: Vec<u8>,
}

impl RecordsBlock {
    /// Adds a record.
    pub(crate) fn push(&mut self, source: u8, key: Option<&[u8]>, value: Option<&[u8]>) {
        if self.bytes.is_empty() {
            self.bytes.resize(HEAD_BYTES + POSITION_BYTES, 0);
        }
        self.bytes.push(source);
        for part in [key, value] {
            self.bytes.extend_from_slice(&part.map_or(NONE, |part| part.len() as u32).to_le_bytes());
        }
        self.bytes.extend_from_slice(key.unwrap_or_default());
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }

    /// Whether it is large enough to be closed.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES
    }

    /// Forgets what it holds, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Closes it: its bytes, with the input offset up to which the file is complete then. It begins anew.
    pub(crate) fn close(&mut self, input: i64) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        if !bytes.is_empty() {
            bytes[HEAD_BYTES..HEAD_BYTES + POSITION_BYTES].copy_from_slice(&input.to_le_bytes());
            seal(Kind::Records, &mut bytes);
        }
        bytes
    }
}

/// One record of a block: source, key, value.
pub(super) type Parts<'a> = (u8, Option<&'a [u8]>, Option<&'a [u8]>);

/// The records of a payload; ends early where it is no such thing, which [`Records::is_whole`] tells.
#[derive(Debug)]
pub(super) struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    pub(super) fn of(payload: &'a [u8]) -> Self {
        Self(payload.get(POSITION_BYTES..).unwrap_or_default())
    }

    /// The input offset up to which the file is complete with these records; -1 where there is none.
    pub(super) fn position(payload: &[u8]) -> i64 {
        payload.first_chunk().map_or(-1, |bytes| i64::from_le_bytes(*bytes))
    }

    /// Whether nothing is left over.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }
}

/// The first part of some bytes, none where it was none, and the rest. None where it is cut off.
fn split_part(bytes: &[u8], length: u32) -> Option<(Option<&[u8]>, &[u8])> {
    if length == NONE {
        return Some((None, bytes));
    }
    bytes.split_at_checked(length as usize).map(|(part, rest)| (Some(part), rest))
}

impl<'a> Iterator for Records<'a> {
    type Item = Parts<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_first_chunk::<RECORD_HEAD_BYTES>()?;
        let length = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (key, rest) = split_part(rest, length(1))?;
        let (value, rest) = split_part(rest, length(5))?;
        self.0 = rest;
        Some((head[0], key, value))
    }
}

/// What a first look at a file finds, by the heads of its blocks alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Whose it is.
    pub(crate) identity: Identity,
    /// Where its whole blocks end: what lies behind was being written when the writer died.
    pub(crate) whole_bytes: u64,
    /// The last mark.
    pub(crate) mark: Option<Mark>,
    /// Where the first mark ends: in a file that was rewritten, what it had then.
    pub(crate) base_bytes: u64,
    /// The largest input offset of its records; -1 for none.
    pub(crate) input: i64,
}

/// Looks at a file; none where there is none.
pub(crate) fn scan(path: &Path) -> Result<Option<Scan>, Fault> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut blocks = Blocks::of(file)?;
    let damaged = |at, what| Fault::Damaged { at, what };
    let Some(first) = blocks.next_head()?.filter(|head| head.kind() == Some(Kind::Identity)) else {
        return Err(damaged(0, "it does not say whose it is"));
    };
    let identity =
        String::from_utf8(blocks.payload(&first)?).map_err(|_| damaged(first.at, "the identity is no text"))?;
    let mut scan = Scan { identity: Identity(identity), whole_bytes: blocks.at, mark: None, base_bytes: 0, input: -1 };
    while let Some(head) = blocks.next_head()? {
        match head.kind() {
            Some(Kind::Mark) => {
                let mark = Mark::read(&blocks.payload(&head)?);
                scan.mark = Some(mark.ok_or_else(|| damaged(head.at, "a mark has another length"))?);
                if scan.base_bytes == 0 {
                    scan.base_bytes = blocks.at;
                }
            }
            Some(Kind::Records) => scan.input = scan.input.max(blocks.position(&head)?),
            Some(Kind::Identity) | None => return Err(damaged(head.at, "no such block belongs here")),
        }
        scan.whole_bytes = blocks.at;
    }
    Ok(Some(scan))
}

/// The head of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Where the block begins.
    at: u64,
    length: u32,
    crc: u32,
    kind: u8,
}

impl Head {
    /// What the block holds; none for what this version does not know.
    pub(super) fn kind(&self) -> Option<Kind> {
        [Kind::Identity, Kind::Records, Kind::Mark].into_iter().find(|kind| *kind as u8 == self.kind)
    }
}

/// Goes through the blocks of a file.
#[derive(Debug)]
pub(crate) struct Blocks {
    file: File,
    /// Where the next block begins.
    pub(super) at: u64,
    /// Where it ends.
    end: u64,
}

impl Blocks {
    /// Of a file from its first block on, to where it ends now.
    pub(super) fn of(file: File) -> Result<Self, Fault> {
        let end = file.metadata()?.len();
        let mut magic = [0; MAGIC.len()];
        let is_ours = end >= MAGIC.len() as u64 && file.read_exact_at(&mut magic, 0).map(|()| magic == MAGIC)?;
        if is_ours { Ok(Self { file, at: MAGIC.len() as u64, end }) } else { Err(Fault::Foreign) }
    }

    /// The same, to this byte and no further.
    pub(super) fn until(self, end: u64) -> Self {
        Self { end: self.end.min(end), ..self }
    }

    /// The next whole block's head; none at the end, or where the rest was not written to its end.
    pub(super) fn next_head(&mut self) -> Result<Option<Head>, Fault> {
        let left = self.end - self.at;
        if left < HEAD_BYTES as u64 {
            return Ok(None);
        }
        let mut bytes = [0; HEAD_BYTES];
        self.file.read_exact_at(&mut bytes, self.at)?;
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let head = Head { at: self.at, length: number(0), crc: number(4), kind: bytes[8] };
        let block_bytes = HEAD_BYTES as u64 + u64::from(head.length);
        if block_bytes > left {
            return Ok(None);
        }
        self.at += block_bytes;
        Ok(Some(head))
    }

    /// The payload of a block, held against its checksum.
    pub(super) fn payload(&self, head: &Head) -> Result<Vec<u8>, Fault> {
        let mut payload = vec![0; head.length as usize];
        self.file.read_exact_at(&mut payload, head.at + HEAD_BYTES as u64)?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&[head.kind]);
        crc.update(&payload);
        if crc.finalize() != head.crc {
            return Err(Fault::Damaged { at: head.at, what: "a checksum is wrong" });
        }
        Ok(payload)
    }

    /// The input offset of a block of records. It is not held against the checksum: that comes when it is read.
    fn position(&self, head: &Head) -> Result<i64, Fault> {
        if (head.length as usize) < POSITION_BYTES {
            return Err(Fault::Damaged { at: head.at, what: "a block of records is too short" });
        }
        let mut bytes = [0; POSITION_BYTES];
        self.file.read_exact_at(&mut bytes, head.at + HEAD_BYTES as u64)?;
        Ok(i64::from_le_bytes(bytes))
    }
}
