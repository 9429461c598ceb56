//! Writes a snapshot file anew with the last record of each key only, in the order of the keys: what a stage holds together
//! it reads together. It reads the file, not the state, so that it can go on beside the loop. It does not know what a
//! record means.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::format::{BLOCK_BYTES, Blocks, Fault, Identity, Kind, Mark, Parts, Records, RecordsBlock};

/// So many bytes of the file are sorted at a time; a larger one is gone through several times, for a range of keys each.
const RANGE_BYTES: u64 = 128 << 20;
/// One key in so many bytes is looked at to find the ranges.
const BYTES_PER_SAMPLE: usize = 16 << 10;

/// Source and key: the order of a rewritten file.
type Key = (u8, Option<Vec<u8>>);

/// Writes what a file holds up to a byte into another one: its identity, the last record of each key, its last mark. A key
/// whose last record is a tombstone is left out: the new file begins with nothing. Says how many bytes the new file has.
pub(super) fn rewrite(from: &Path, until: u64, to: &Path) -> Result<u64, Fault> {
    rewrite_in_ranges(from, until, to, RANGE_BYTES)
}

fn rewrite_in_ranges(from: &Path, until: u64, to: &Path, range_bytes: u64) -> Result<u64, Fault> {
    let open = || Ok::<_, Fault>(Blocks::of(File::open(from)?)?.until(until));
    let Seen { identity, mark, input, samples } = look_through(open()?)?;
    let (Some(identity), Some(mark)) = (identity, mark) else {
        return Err(Fault::Damaged { at: 0, what: "it has no identity or no mark" });
    };
    let mut out = BufWriter::with_capacity(BLOCK_BYTES, File::create(to)?);
    out.write_all(&identity.bytes())?;
    let bounds = bounds(samples, until.div_ceil(range_bytes) as usize);
    for range in 0..=bounds.len() {
        let (low, high) = (range.checked_sub(1).map(|low| &bounds[low]), bounds.get(range));
        write_range(open()?, (low, high), input, &mut out)?;
    }
    out.write_all(&mark.bytes())?;
    let file = out.into_inner().map_err(|error| Fault::Io(error.into_error()))?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// What a first look through a file finds.
#[derive(Default)]
struct Seen {
    identity: Option<Identity>,
    mark: Option<Mark>,
    input: i64,
    samples: Vec<Key>,
}

fn look_through(mut blocks: Blocks) -> Result<Seen, Fault> {
    let mut seen = Seen { input: -1, ..Seen::default() };
    let mut skipped = 0;
    while let Some(head) = blocks.next_head()? {
        let payload = blocks.payload(&head)?;
        match head.kind() {
            Some(Kind::Identity) => seen.identity = Some(Identity(String::from_utf8_lossy(&payload).into_owned())),
            Some(Kind::Mark) => seen.mark = Mark::read(&payload),
            Some(Kind::Records) => {
                seen.input = seen.input.max(Records::position(&payload));
                for (source, key, value) in Records::of(&payload) {
                    skipped += key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
                    if skipped >= BYTES_PER_SAMPLE {
                        skipped = 0;
                        seen.samples.push((source, key.map(<[u8]>::to_vec)));
                    }
                }
            }
            None => {}
        }
    }
    Ok(seen)
}

/// The keys at which ranges of about the same size begin, but for the first.
fn bounds(mut samples: Vec<Key>, ranges: usize) -> Vec<Key> {
    samples.sort_unstable();
    let mut bounds: Vec<Key> =
        (1..ranges).filter_map(|range| samples.get(range * samples.len() / ranges)).cloned().collect();
    bounds.dedup();
    bounds
}

/// A record in the buffer of its range.
#[derive(Clone, Copy)]
struct Row {
    source: u8,
    at: usize,
    key: Option<u32>,
    value: Option<u32>,
}

impl Row {
    fn key<'b>(&self, bytes: &'b [u8]) -> (u8, Option<&'b [u8]>) {
        (self.source, self.key.map(|length| &bytes[self.at..self.at + length as usize]))
    }

    fn value<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let at = self.at + self.key.unwrap_or(0) as usize;
        self.value.map(|length| &bytes[at..at + length as usize])
    }
}

/// Writes the last record of each key from the low one on, below the high one.
fn write_range(
    mut blocks: Blocks,
    (low, high): (Option<&Key>, Option<&Key>),
    input: i64,
    out: &mut impl Write,
) -> Result<(), Fault> {
    let is_within = |(source, key, _): &Parts<'_>| {
        let beyond = |bound: &Key| (*source, *key) >= (bound.0, bound.1.as_deref());
        low.is_none_or(beyond) && !high.is_some_and(beyond)
    };
    let (mut bytes, mut rows) = (Vec::new(), Vec::new());
    while let Some(head) = blocks.next_head()? {
        if head.kind() != Some(Kind::Records) {
            continue;
        }
        for record in Records::of(&blocks.payload(&head)?).filter(is_within) {
            let (source, key, value) = record;
            let length = |part: Option<&[u8]>| part.map(|part| part.len() as u32);
            rows.push(Row { source, at: bytes.len(), key: length(key), value: length(value) });
            bytes.extend_from_slice(key.unwrap_or_default());
            bytes.extend_from_slice(value.unwrap_or_default());
        }
    }
    // Of one key the last record comes last, since it lies behind the others.
    rows.sort_unstable_by(|one, other| (one.key(&bytes), one.at).cmp(&(other.key(&bytes), other.at)));
    let mut block = RecordsBlock::default();
    for (index, row) in rows.iter().enumerate() {
        let (source, key) = row.key(&bytes);
        let is_last = key.is_none() || rows.get(index + 1).is_none_or(|next| next.key(&bytes) != (source, key));
        if let Some(value) = row.value(&bytes).filter(|_| is_last) {
            block.push(source, key, Some(value));
        }
        if block.is_full() {
            out.write_all(&block.close(input))?;
        }
    }
    Ok(out.write_all(&block.close(input))?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    /// A file of so many records of few keys, the last of each, and the file's length.
    fn written(path: &Path, records: u32) -> (BTreeMap<Vec<u8>, Vec<u8>>, u64) {
        let mut bytes = Identity("whose".to_owned()).bytes();
        let (mut block, mut last) = (RecordsBlock::default(), BTreeMap::new());
        for number in 0..records {
            let key = format!("key {}", number * 7919 % 1_000).into_bytes();
            let value = (number % 5 > 0).then(|| vec![number as u8; 40]);
            block.push(0, Some(&key), value.as_deref());
            match value {
                Some(value) => last.insert(key, value),
                None => last.remove(&key),
            };
            if number % 100 == 99 {
                bytes.extend_from_slice(&block.close(i64::from(number)));
            }
        }
        bytes.extend_from_slice(&Mark { at_ms: 1, input: 2, offsets: vec![3] }.bytes());
        fs::write(path, &bytes).unwrap();
        (last, bytes.len() as u64)
    }

    fn read(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut blocks = Blocks::of(File::open(path).unwrap()).unwrap();
        let mut found = Vec::new();
        while let Some(head) = blocks.next_head().unwrap() {
            let payload = blocks.payload(&head).unwrap();
            if head.kind() == Some(Kind::Records) {
                found.extend(
                    Records::of(&payload).map(|(_, key, value)| (key.unwrap().to_vec(), value.unwrap().to_vec())),
                );
            }
        }
        found
    }

    #[test]
    fn the_last_record_of_each_key_is_left_in_order_however_many_ranges_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("old"), folder.path().join("new"));
        let (last, length) = written(&from, 60_000);
        for range_bytes in [u64::MAX, length, length / 2, length / 7, length / 100] {
            let bytes = rewrite_in_ranges(&from, length, &to, range_bytes).unwrap();
            let expected: Vec<_> = last.clone().into_iter().collect();
            assert_eq!(read(&to), expected, "in ranges of {range_bytes} bytes");
            assert_eq!(bytes, fs::metadata(&to).unwrap().len());
        }
    }
}
