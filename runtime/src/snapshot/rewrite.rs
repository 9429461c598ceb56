//! Writes a snapshot file anew with the last record of each key only. It reads the file, not the state, so that it can go
//! on beside the loop. It does not know what a record means.

use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{BufWriter, Write};
use std::path::Path;

use foldhash::fast::{FixedState, RandomState};
use hashbrown::HashMap;

use super::format::{BLOCK_BYTES, Blocks, Fault, Identity, Kind, Mark, Records, RecordsBlock};

/// Two fixed hashes of a key: 128 bits together, so that two keys never meet.
struct Hashes([FixedState; 2]);

impl Hashes {
    fn new() -> Self {
        Self([FixedState::with_seed(0x0BAC_0570), FixedState::with_seed(0x5_4AD0_0F11)])
    }

    fn of(&self, source: u8, key: &[u8]) -> (u64, u64) {
        let [one, other] = &self.0;
        let hash = |state: &FixedState| {
            let mut hasher = state.build_hasher();
            hasher.write_u8(source);
            hasher.write(key);
            hasher.finish()
        };
        (hash(one), hash(other))
    }
}

/// Writes what a file holds up to a byte into another one: its identity, the last record of each key, its last mark. A key
/// whose last record is a tombstone is left out: the new file begins with nothing. Says how many bytes the new file has.
pub(super) fn rewrite(from: &Path, until: u64, to: &Path) -> Result<u64, Fault> {
    let open = || Ok::<_, Fault>(Blocks::of(File::open(from)?)?.until(until));
    let hashes = Hashes::new();
    let mut last: HashMap<(u64, u64), u64, RandomState> = HashMap::default();
    let (mut identity, mut mark, mut input, mut number) = (None, None, -1, 0_u64);
    let mut blocks = open()?;
    while let Some(head) = blocks.next_head()? {
        let payload = blocks.payload(&head)?;
        match head.kind() {
            Some(Kind::Identity) => identity = Some(Identity(String::from_utf8_lossy(&payload).into_owned())),
            Some(Kind::Mark) => mark = Mark::read(&payload),
            Some(Kind::Records) => {
                input = input.max(Records::position(&payload));
                for (source, key, _) in Records::of(&payload) {
                    key.map(|key| last.insert(hashes.of(source, key), number));
                    number += 1;
                }
            }
            None => {}
        }
    }
    let (Some(identity), Some(mark)) = (identity, mark) else {
        return Err(Fault::Damaged { at: 0, what: "it has no identity or no mark" });
    };
    let mut out = BufWriter::with_capacity(BLOCK_BYTES, File::create(to)?);
    out.write_all(&identity.bytes())?;
    let (mut block, mut number) = (RecordsBlock::default(), 0_u64);
    let mut blocks = open()?;
    while let Some(head) = blocks.next_head()? {
        if head.kind() != Some(Kind::Records) {
            continue;
        }
        for (source, key, value) in Records::of(&blocks.payload(&head)?) {
            let is_last = key.is_none_or(|key| last.get(&hashes.of(source, key)) == Some(&number));
            if value.is_some() && is_last {
                block.push(source, key, value);
            }
            number += 1;
        }
        if block.is_full() {
            out.write_all(&block.close(input))?;
        }
    }
    if !block.is_empty() {
        out.write_all(&block.close(input))?;
    }
    out.write_all(&mark.bytes())?;
    let file = out.into_inner().map_err(|error| Fault::Io(error.into_error()))?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}
