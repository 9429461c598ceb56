//! Faults of a policy file, each with its place. It does not know what is checked.

/// What is wrong at one place of a policy file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The place, such as `/rules/3 (R08)/levels/0/threshold`.
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.place.is_empty() { "/" } else { &self.place };
        write!(f, "{place}: {}", self.what)
    }
}

/// Every fault of a policy file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Faults of one file, in the order of their places; none is told twice.
    pub(super) fn in_order(mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        Self(faults)
    }
}

/// Collects faults while a file is walked through.
#[derive(Debug, Default)]
pub(super) struct Found {
    faults: Vec<Fault>,
    path: Vec<String>,
}

impl Found {
    /// Notes a fault at the place where the walk is.
    pub(super) fn add(&mut self, what: impl Into<String>) {
        let place = self.path.iter().flat_map(|step| ["/", step.as_str()]).collect();
        self.faults.push(Fault { place, what: what.into() });
    }

    /// Goes one step down for as long as `walk` runs.
    pub(super) fn at<R>(&mut self, step: impl Into<String>, walk: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(step.into());
        let result = walk(self);
        self.path.pop();
        result
    }

    /// All of them, in the order of the file.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }
}
