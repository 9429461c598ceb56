//! The section `[ingest]` of the settings, and the files that it names. It does not know what a schema says.

use std::fs;
use std::path::{Path, PathBuf};

use ingest_core::normalise::KEY_BYTES_MIN;
use ingest_core::resolve::{Limits, Precedence};
use runtime::config::{Faults, Section};
use serde::Deserialize;

use crate::resolve_stage::ResolveSettings;

/// `[ingest]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestSettings {
    /// A file whose bytes are the key of the pseudonyms, at least 32. Must be given; the same for ever.
    pub key_file: PathBuf,
    /// The folder of the feeds' schemas.
    pub schemas: PathBuf,
    /// Records that wait for one person or household at most.
    pub parked_per_subject_max: usize,
    /// Bytes of the records that wait for one person or household at most.
    pub parked_bytes_per_subject_max: usize,
    /// Days for which a record waits for its person or household.
    pub parked_days_max: i32,
    /// Days for which a correction or retraction waits for its original.
    pub wait_days_max: i32,
    /// In which order departments are believed about the same document; one that is not in the list comes last.
    pub document_precedence: Vec<String>,
    /// Events in the ledger of one person or household at most.
    pub ledger_items_per_subject_max: usize,
    /// Subjects that a sweep looks at before the transaction may close.
    pub sweep_subjects_per_step: usize,
}

impl Default for IngestSettings {
    fn default() -> Self {
        let ResolveSettings { limits, sweep_subjects_per_step, document_precedence, .. } = ResolveSettings::default();
        Self {
            key_file: PathBuf::new(),
            schemas: PathBuf::from("schemas/feeds"),
            parked_per_subject_max: limits.parked_per_subject_max,
            parked_bytes_per_subject_max: limits.parked_bytes_per_subject_max,
            parked_days_max: limits.parked_days_max,
            wait_days_max: limits.wait_days_max,
            document_precedence: document_precedence.sources,
            ledger_items_per_subject_max: limits.items_per_subject_max,
            sweep_subjects_per_step,
        }
    }
}

impl IngestSettings {
    /// What resolve is told.
    pub fn resolve(&self) -> ResolveSettings {
        ResolveSettings {
            limits: Limits {
                parked_per_subject_max: self.parked_per_subject_max,
                parked_bytes_per_subject_max: self.parked_bytes_per_subject_max,
                parked_days_max: self.parked_days_max,
                wait_days_max: self.wait_days_max,
                items_per_subject_max: self.ledger_items_per_subject_max,
            },
            document_precedence: Precedence { sources: self.document_precedence.clone() },
            sweep_subjects_per_step: self.sweep_subjects_per_step,
            ..ResolveSettings::default()
        }
    }

    /// The key of the pseudonyms; an error names the setting.
    pub fn read_key(&self) -> Result<Vec<u8>, String> {
        let file = self.key_file.display();
        fs::read(&self.key_file).map_err(|error| format!("ingest.key_file: cannot read {file}: {error}"))
    }

    /// Path and text of every file in the folder of schemas, sorted; an error names the setting.
    pub fn read_schemas(&self) -> Result<Vec<(String, String)>, String> {
        let mut files = Vec::new();
        let folder = self.schemas.display();
        collect(&self.schemas, "", &mut files)
            .map_err(|error| format!("ingest.schemas: cannot read {folder}: {error}"))?;
        files.sort();
        Ok(files)
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else if [".avsc", ".json"].iter().any(|end| name.ends_with(end)) {
            files.push((name, fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

impl Section for IngestSettings {
    const NAME: &'static str = "ingest";

    fn check(&self, faults: &mut Faults) {
        match fs::metadata(&self.key_file) {
            _ if self.key_file.as_os_str().is_empty() => faults.add("ingest.key_file", "must be given"),
            Ok(file) => faults.unless(
                file.len() >= KEY_BYTES_MIN as u64,
                "ingest.key_file",
                format!("a key of {} bytes is too short; {KEY_BYTES_MIN} are needed", file.len()),
            ),
            Err(error) => faults.add("ingest.key_file", format!("cannot open {}: {error}", self.key_file.display())),
        }
        faults.unless(
            self.schemas.is_dir(),
            "ingest.schemas",
            format!("{} is no folder; give the one of the feeds' schemas", self.schemas.display()),
        );
        for fault in self.resolve().limits.faults() {
            let setting =
                if fault.limit == "items_per_subject_max" { "ledger_items_per_subject_max" } else { fault.limit };
            faults
                .add(format!("ingest.{setting}"), format!("{} does not lie between 1 and {}", fault.value, fault.max));
        }
        let step = self.sweep_subjects_per_step;
        faults.unless(
            (1..=1_000_000).contains(&step),
            "ingest.sweep_subjects_per_step",
            "must lie between 1 and 1000000",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_said_with_its_setting() {
        let settings = IngestSettings {
            schemas: PathBuf::from("no such folder"),
            parked_days_max: -1,
            parked_per_subject_max: 0,
            ..IngestSettings::default()
        };
        let mut faults = Faults::default();
        settings.check(&mut faults);
        let named: Vec<_> = faults.rows().iter().map(|row| row.split(':').next().unwrap_or_default()).collect();
        let expected = ["ingest.key_file", "ingest.schemas", "ingest.parked_per_subject_max", "ingest.parked_days_max"];
        assert_eq!(named, expected);
    }

    #[test]
    fn the_defaults_of_the_limits_are_those_of_resolve() {
        assert_eq!(IngestSettings::default().resolve(), ResolveSettings::default());
    }
}
