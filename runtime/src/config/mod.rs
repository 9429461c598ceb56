//! Settings: a TOML file, then the environment (`BACKSTOP_<SECTION>__<KEY>`); unknown keys are refused, and all
//! faults are said at once, each with the setting's name. It knows no service: one adds its own [`Section`].
//!
//! The environment comes in as a map, so that a test hands one in.

mod introspect;
mod sections;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Map, Value, ValueKind};

pub use sections::{
    ClickHouseSettings, KafkaSettings, LogFormat, LogSettings, MetricsSettings, NoSection, Protocol, RuntimeSettings,
    SaslMechanism, Section, WorkerSettings, read_secret,
};

/// What the names of environment variables begin with.
const PREFIX: &str = "BACKSTOP";

/// Everything that is wrong with the settings; never empty where it is returned as an error.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    rows: Vec<String>,
}

impl Faults {
    /// Notes a fault of a setting, such as `kafka.brokers`.
    pub fn add(&mut self, setting: impl fmt::Display, what: impl fmt::Display) {
        self.rows.push(format!("{setting}: {what}"));
    }

    /// Notes a fault unless the condition holds.
    pub fn unless(&mut self, holds: bool, setting: impl fmt::Display, what: impl fmt::Display) {
        if !holds {
            self.add(setting, what);
        }
    }

    /// An error where there is a fault.
    pub fn into_result(self) -> Result<(), Self> {
        if self.rows.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The faults, one sentence each.
    pub fn rows(&self) -> &[String] {
        &self.rows
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} fault(s) in the settings:", self.rows.len())?;
        for row in &self.rows {
            write!(formatter, "\n  {row}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// A TOML file, where there is one.
    pub file: Option<PathBuf>,
    /// The environment; variables without the prefix are passed over.
    pub environment: BTreeMap<String, String>,
}

impl Source {
    /// A file and the environment of this process.
    pub fn of_process(file: Option<&Path>) -> Self {
        // A variable that is not UTF-8 can hold no setting of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { file: file.map(Path::to_path_buf), environment }
    }
}

/// The settings of a service: the runtime's and its own.
#[derive(Clone, Debug)]
pub struct Settings<T> {
    /// What every service has.
    pub runtime: RuntimeSettings,
    /// The service's own section.
    pub service: T,
}

/// Loads and checks everything; on error every fault there is.
pub fn load<T: Section>(source: &Source) -> Result<Settings<T>, Faults> {
    let mut faults = Faults::default();
    let mut tables = read_tables(source, &mut faults);
    let runtime = RuntimeSettings {
        kafka: take_section(&mut tables, &mut faults),
        worker: take_section(&mut tables, &mut faults),
        metrics: take_section(&mut tables, &mut faults),
        log: take_section(&mut tables, &mut faults),
        clickhouse: take_section(&mut tables, &mut faults),
    };
    let service = take_section(&mut tables, &mut faults);
    for name in tables.keys() {
        let known = "kafka, worker, metrics, log, clickhouse";
        let own = if T::NAME.is_empty() { String::new() } else { format!(", {}", T::NAME) };
        faults.add(name, format!("there is no such section; the sections are {known}{own}"));
    }
    faults.into_result().map(|()| Settings { runtime, service })
}

/// The sections by name, each with its values; sorted, so that faults come in the same order every time.
fn read_tables(source: &Source, faults: &mut Faults) -> BTreeMap<String, BTreeMap<String, Value>> {
    let sections = format!("{PREFIX}_");
    let variables: Map<String, String> = source
        .environment
        .iter()
        .filter(|(name, _)| name.strip_prefix(&sections).is_some_and(|rest| rest.contains("__")))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let environment = Environment::with_prefix(PREFIX)
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .source(Some(variables));
    let mut builder = Config::builder();
    if let Some(file) = &source.file {
        builder = builder.add_source(File::from(file.as_path()).format(FileFormat::Toml).required(true));
    }
    let values = builder.add_source(environment).build().and_then(|config| config.cache.into_table());
    let values = match values {
        Ok(values) => values,
        Err(error) => {
            let file = source.file.as_deref().unwrap_or(Path::new("the environment"));
            faults.add(file.display(), error);
            return BTreeMap::new();
        }
    };
    let mut tables = BTreeMap::new();
    for (name, value) in values.into_iter().collect::<BTreeMap<_, _>>() {
        match value.into_table() {
            Ok(table) => {
                tables.insert(name, table.into_iter().collect());
            }
            Err(_) => faults.add(&name, format!("settings stand in sections, such as [kafka]; {name} stands alone")),
        }
    }
    tables
}

/// Reads one section key by key, so that one wrong key does not hide another, and checks it as a whole.
fn take_section<T: Section>(tables: &mut BTreeMap<String, BTreeMap<String, Value>>, faults: &mut Faults) -> T {
    let known = introspect::fields_of::<T>();
    let mut good: Map<String, Value> = Map::new();
    let before = faults.rows.len();
    for (key, value) in tables.remove(T::NAME).unwrap_or_default() {
        let setting = format!("{}.{key}", T::NAME);
        if !known.contains(&key.as_str()) {
            faults.add(setting, format!("there is no such setting; section {} has {}", T::NAME, known.join(", ")));
            continue;
        }
        let origin = value.origin().map_or_else(String::new, |origin| format!(" (from {origin})"));
        let alone: Map<String, Value> = std::iter::once((key.clone(), value.clone())).collect();
        match Value::new(None, ValueKind::Table(alone)).try_deserialize::<T>() {
            Ok(_) => {
                good.insert(key, value);
            }
            Err(error) => faults.add(setting, format!("{error}{origin}")),
        }
    }
    let section: T = Value::new(None, ValueKind::Table(good)).try_deserialize().unwrap_or_else(|error| {
        faults.add(T::NAME, error);
        T::default()
    });
    // A value that could not be read left its default, of which nothing need be said.
    if faults.rows.len() == before {
        section.check(faults);
    } else {
        let mut more = Faults::default();
        section.check(&mut more);
        let named = faults.rows[before..].to_vec();
        let is_new = |row: &String| named.iter().all(|other| other.split(':').next() != row.split(':').next());
        faults.rows.extend(more.rows.into_iter().filter(is_new));
    }
    section
}

#[cfg(test)]
mod tests;
