//! Feeds as files: one per department, `<department>.feed`, days in order. It does not know what the records hold.
//!
//! A file begins with the line `BACKSTOP FEED 1`. Then frames follow, numbers little-endian:
//! - a record: the byte 1, length of the key (u32), length of the value (u32), key, value;
//! - the end of a day: the byte 2, the day (i32, days since 1970-01-01).
//!
//! Every file has the same days; a day without records has its end all the same.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use schemas::Day;

use super::city::DayOfFeeds;
use super::events::DEPARTMENTS;
use super::sink::{Batch, FeedRecord};

const HEADER: &[u8] = b"BACKSTOP FEED 1\n";
const RECORD: u8 = 1;
const DAY_END: u8 = 2;
/// Longer keys and values are refused: the file is damaged.
const PART_BYTES_MAX: u32 = 64 << 20;

/// Why feed files cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedFileError {
    /// The file cannot be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The file is none of ours, or damaged.
    #[error("{}: {what}; make the files anew with `backstop simulate --out`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Writes the feeds of a run.
pub(crate) struct FeedFiles {
    files: Vec<(PathBuf, BufWriter<File>)>,
}

impl FeedFiles {
    /// Creates the files in a folder, which is created too.
    pub(crate) fn create(folder: &Path) -> Result<Self, FeedFileError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |cause| FeedFileError::Io { path, cause }
        };
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        let mut files = Vec::new();
        for department in DEPARTMENTS {
            let path = path(folder, department);
            let mut file = BufWriter::new(File::create(&path).map_err(io(&path))?);
            file.write_all(HEADER).map_err(io(&path))?;
            files.push((path, file));
        }
        Ok(Self { files })
    }

    /// Appends a day.
    pub(crate) fn write(&mut self, day: &DayOfFeeds) -> Result<(), FeedFileError> {
        for record in day.iter() {
            let Some((path, file)) = self.files.get_mut(usize::from(record.feed)) else { continue };
            write_record(file, record).map_err(|cause| FeedFileError::Io { path: path.clone(), cause })?;
        }
        for (path, file) in &mut self.files {
            let end = [&[DAY_END][..], &day.day.0.to_le_bytes()].concat();
            file.write_all(&end).map_err(|cause| FeedFileError::Io { path: path.clone(), cause })?;
        }
        Ok(())
    }

    /// Ends the files.
    pub(crate) fn finish(mut self) -> Result<(), FeedFileError> {
        for (path, file) in &mut self.files {
            file.flush().map_err(|cause| FeedFileError::Io { path: path.clone(), cause })?;
        }
        Ok(())
    }
}

fn path(folder: &Path, department: &str) -> PathBuf {
    folder.join(format!("{department}.feed"))
}

fn write_record(out: &mut impl Write, record: FeedRecord<'_>) -> std::io::Result<()> {
    out.write_all(&[RECORD])?;
    out.write_all(&(record.key.len() as u32).to_le_bytes())?;
    out.write_all(&(record.value.len() as u32).to_le_bytes())?;
    out.write_all(record.key)?;
    out.write_all(record.value)
}

/// Reads the feeds of a run, day by day.
pub(crate) struct FeedReader {
    files: Vec<(PathBuf, BufReader<File>)>,
}

impl FeedReader {
    /// Opens the files of a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, FeedFileError> {
        let mut files = Vec::new();
        for department in DEPARTMENTS {
            let path = path(folder, department);
            let file = File::open(&path).map_err(|cause| FeedFileError::Io { path: path.clone(), cause })?;
            let mut file = BufReader::new(file);
            let mut header = [0; HEADER.len()];
            let read = file.read_exact(&mut header);
            if read.is_err() || header != HEADER {
                return Err(FeedFileError::Damaged { path, what: "it is no feed file" });
            }
            files.push((path, file));
        }
        Ok(Self { files })
    }

    /// The next day, or none at the end of the files.
    pub(crate) fn next_day(&mut self) -> Result<Option<(Day, Batch)>, FeedFileError> {
        let mut batch = Batch::default();
        let mut day = None;
        for at in 0..self.files.len() {
            let found = self.read_day(at, &mut batch)?;
            if at > 0 && found != day {
                let path = self.files[at].0.clone();
                return Err(FeedFileError::Damaged { path, what: "its days are not those of the other feeds" });
            }
            day = found;
        }
        Ok(day.map(|day| (day, batch)))
    }

    fn read_day(&mut self, at: usize, batch: &mut Batch) -> Result<Option<Day>, FeedFileError> {
        let (path, file) = &mut self.files[at];
        let mut first = true;
        let mut bytes = Vec::new();
        loop {
            let mut tag = [0];
            let got = file.read(&mut tag).map_err(|cause| FeedFileError::Io { path: path.clone(), cause })?;
            match (got, tag[0]) {
                (0, _) if first => return Ok(None),
                (1, DAY_END) => {
                    let day = number(file).map_err(|_| cut_short(path))?;
                    return Ok(Some(Day(day as i32)));
                }
                (1, RECORD) => {
                    let key = number(file).map_err(|_| cut_short(path))?;
                    let value = number(file).map_err(|_| cut_short(path))?;
                    if key > PART_BYTES_MAX || value > PART_BYTES_MAX {
                        let what = "a record of it is longer than records are";
                        return Err(FeedFileError::Damaged { path: path.clone(), what });
                    }
                    bytes.resize(key as usize + value as usize, 0);
                    file.read_exact(&mut bytes).map_err(|_| cut_short(path))?;
                    let (key, value) = bytes.split_at(key as usize);
                    batch.push(FeedRecord { feed: at as u8, key, value });
                }
                (0, _) => return Err(cut_short(path)),
                _ => return Err(FeedFileError::Damaged { path: path.clone(), what: "it has an unknown frame" }),
            }
            first = false;
        }
    }
}

fn cut_short(path: &Path) -> FeedFileError {
    FeedFileError::Damaged { path: path.to_owned(), what: "it is cut short" }
}

fn number(file: &mut impl Read) -> std::io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::city::{City, Settings};
    use super::*;

    #[test]
    fn days_read_back_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut city = City::new(Settings::new(200, 2, 3));
        let mut files = FeedFiles::create(folder.path()).expect("creates");
        let mut days = Vec::new();
        while let Some(day) = city.next_day() {
            files.write(&day).expect("writes");
            days.push(day);
        }
        files.finish().expect("finishes");
        let mut reader = FeedReader::open(folder.path()).expect("opens");
        for expected in days {
            let (day, batch) = reader.next_day().expect("reads").expect("a day");
            assert_eq!(day, expected.day);
            let mut records: Vec<_> = expected.iter().collect();
            // Files are by feed; within a feed the order is kept.
            records.sort_by_key(|record| record.feed);
            assert_eq!(batch.iter().collect::<Vec<_>>(), records);
        }
        assert!(reader.next_day().expect("reads").is_none());
        let cut = folder.path().join("health.feed");
        let bytes = std::fs::read(&cut).expect("reads");
        std::fs::write(&cut, &bytes[..bytes.len() - 3]).expect("writes");
        let mut reader = FeedReader::open(folder.path()).expect("opens");
        let end = std::iter::from_fn(|| reader.next_day().transpose()).find(Result::is_err);
        assert!(matches!(end, Some(Err(FeedFileError::Damaged { .. }))));
    }
}
