//! What is wrong with the files of the feeds: every fault at once, each with its file and place.

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}: {place}: {what}")]
pub struct Fault {
    /// The file, within the folder of the feeds.
    pub file: String,
    /// Where in it.
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// Every fault of the files; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the feeds' schemas have {} faults:", self.0.len())?;
        for fault in &self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects the faults of one file.
pub(super) struct FaultList<'a> {
    file: &'a str,
    faults: &'a mut Vec<Fault>,
}

impl<'a> FaultList<'a> {
    pub(super) fn of(file: &'a str, faults: &'a mut Vec<Fault>) -> Self {
        Self { file, faults }
    }

    pub(super) fn add(&mut self, place: &str, what: impl Into<String>) {
        self.faults.push(Fault { file: self.file.to_owned(), place: place.to_owned(), what: what.into() });
    }
}
