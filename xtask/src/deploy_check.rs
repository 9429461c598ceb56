//! Checks of the files in `deploy/` that need no server: each by the tool of those who made the format.
//! Does not know what the files are for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::shell::{self, run_quietly, say};
use crate::{cache, packages, servers};

/// Holds the schema of the Compose specification, among others.
const CHECK_JSONSCHEMA: &str = "check-jsonschema==0.39.0";

/// All checks of this file.
///
/// # Errors
/// When one finds a fault, or its tool cannot be fetched.
pub fn all() -> Result<()> {
    compose()?;
    prometheus()?;
    metric_names()
}

/// Compose by the schema of its specification.
///
/// # Errors
/// When the file breaks the schema, or the checker cannot be fetched.
fn compose() -> Result<()> {
    let file = shell::root()?.join("deploy/compose/compose.yaml");
    let mut check = Command::new(jsonschema_checker()?);
    run_quietly(check.args(["--builtin-schema", "vendor.compose-spec"]).arg(file)).map(drop)
}

fn jsonschema_checker() -> Result<PathBuf> {
    let name = CHECK_JSONSCHEMA.replace("==", "-");
    // Not through `cache::once`'s rename: a Python environment knows its own path. Whole is what has the mark.
    let folder = cache::folder()?.join(&name);
    let program = folder.join("bin/check-jsonschema");
    cache::once(&format!("{name}.mark"), |_| {
        packages::install(&[packages::PYTHON])?;
        say(format!("fetching {CHECK_JSONSCHEMA}"));
        run_quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut install = Command::new(folder.join("bin/pip"));
        run_quietly(install.args(["install", "--quiet", "--disable-pip-version-check", CHECK_JSONSCHEMA])).map(drop)
    })?;
    ensure!(
        program.is_file(),
        "{} is gone: remove {}.mark beside it and run again",
        program.display(),
        folder.display()
    );
    Ok(program)
}

/// Prometheus' settings and rules, and the tests of the rules.
///
/// # Errors
/// When `promtool` finds a fault, when there are rules without tests, or it cannot be fetched.
fn prometheus() -> Result<()> {
    let promtool = servers::fetch_prometheus()?.join("promtool");
    let folder = shell::root()?.join("deploy/prometheus");
    let settings = folder.join("prometheus.yml");
    run_quietly(Command::new(&promtool).args(["check", "config"]).arg(settings))?;
    for rules in files(&folder.join("rules"))? {
        run_quietly(Command::new(&promtool).args(["check", "rules"]).arg(&rules))?;
        let test = folder.join("tests").join(rules.file_name().unwrap_or_default());
        ensure!(test.is_file(), "{} has no tests: write {}", rules.display(), test.display());
        run_quietly(Command::new(&promtool).args(["test", "rules"]).arg(&test).current_dir(folder.join("tests")))?;
    }
    Ok(())
}

/// The stages, whose figures are metrics named after them.
const STAGES: [&str; 4] = ["normalise", "resolve", "fuse", "alert"];

/// Every metric that a rule or a dashboard names is one that the code describes.
///
/// # Errors
/// When a name is unknown: with the file that holds it.
fn metric_names() -> Result<()> {
    let root = shell::root()?;
    let mut described = BTreeSet::new();
    for folder in ["runtime/src", "services"] {
        for file in files_below(&root.join(folder), "rs")? {
            // A description is the whole of a string, so that its name stands between quotes.
            let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            described.extend(text.split('"').filter(|piece| metrics(piece).first() == Some(piece)).map(str::to_owned));
            if folder == "services" {
                described.extend(figures(&text));
            }
        }
    }
    for file in [files_below(&root.join("deploy"), "yml")?, files_below(&root.join("deploy/grafana"), "json")?].concat()
    {
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let unknown: Vec<_> = metrics(&text).into_iter().filter(|name| !is_described(name, &described)).collect();
        ensure!(unknown.is_empty(), "{} names metrics that no code describes: {}", file.display(), unknown.join(", "));
    }
    Ok(())
}

/// The words of a text that begin as our metrics do.
fn metrics(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("backstop_")).collect()
}

/// The metrics that a stage's figures may become: every word that stands alone between quotes, under the name of every
/// stage.
fn figures(text: &str) -> Vec<String> {
    let is_word =
        |piece: &&str| !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let words = text.split('"').filter(is_word);
    words.flat_map(|word| STAGES.iter().map(move |stage| format!("backstop_{stage}_{word}"))).collect()
}

/// A histogram has three series under other names than its own.
fn is_described(name: &str, described: &BTreeSet<String>) -> bool {
    let bare = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    described.contains(name) || described.contains(bare)
}

fn files_below(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in files(folder)? {
        if path.is_dir() {
            found.extend(files_below(&path, ending)?);
        } else if path.extension().is_some_and(|end| end == ending) {
            found.push(path);
        }
    }
    Ok(found)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_of_a_described_metric_is_known_and_another_is_not() {
        let described = BTreeSet::from(["backstop_commit_seconds".to_owned(), "backstop_lag_records".to_owned()]);
        let text = "sum by (le) (rate(backstop_commit_seconds_bucket[5m])) > backstop_lag_records or backstop_delay";
        let unknown: Vec<_> = metrics(text).into_iter().filter(|name| !is_described(name, &described)).collect();
        assert_eq!(unknown, ["backstop_delay"]);
        let described = figures("figures.add(\"applied\", \"\", 1)").into_iter().collect();
        assert!(is_described("backstop_resolve_applied", &described));
        assert!(!is_described("backstop_resolve_refused", &described));
    }

    #[test]
    fn compose_runs_the_versions_that_the_tests_run() {
        let compose = include_str!("../../deploy/compose/compose.yaml");
        let [kafka, clickhouse] = servers::VERSIONS;
        let line = clickhouse.split('.').take(2).collect::<Vec<_>>().join(".");
        assert!(compose.contains(&format!("image: apache/kafka:{kafka}\n")));
        assert!(compose.contains(&format!("image: clickhouse/clickhouse-server:{line}\n")));
    }
}
