//! `cargo xtask tidy`: the rules of this house that neither Cargo nor clippy knows, each as a check. A check takes text
//! and gives faults; only this file reads the checkout.

mod imports;
mod lengths;
mod paths;
mod purity;
mod syntax;
mod words;

use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{self, say};

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &["target", ".git", "tmp", "node_modules"];
/// Kinds of files whose words are checked.
const PROSE: &[&str] = &["rs", "md", "avsc", "yaml", "yml", "toml", "sql", "ftl"];

/// Something against a rule: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    file: String,
    line: usize,
    text: String,
}

impl Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// A file of the checkout, with its path from the root.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn fault(&self, line: usize, text: impl Into<String>) -> Fault {
        Fault { file: self.path.clone(), line, text: text.into() }
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|ending| ending == "rs")
    }

    /// Whether the whole file is test code.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// Runs all checks over the checkout.
///
/// # Errors
/// When a file cannot be read, or a rule is broken: then every fault is named.
pub fn run() -> Result<()> {
    let root = shell::root()?;
    let mut sources = Vec::new();
    gather(&root, &root, &mut sources)?;
    let mut faults = check(&sources);
    faults.extend(imports::check(&packages()?));
    let map = sources.iter().find(|source| source.path == "ARCHITECTURE.md");
    let map = map.context("ARCHITECTURE.md is missing: it is the map of the rooms")?;
    faults.extend(paths::check(map, |path| root.join(path).exists()));
    if faults.is_empty() {
        say(format!("tidy: {} files keep the rules", sources.len()));
        return Ok(());
    }
    faults.sort();
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    bail!("tidy finds {} faults:\n{}", faults.len(), lines.join("\n"))
}

/// The checks that look at one file at a time.
fn check(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        faults.extend(words::check_prose(source));
        if !source.is_rust() {
            continue;
        }
        faults.extend(lengths::check_file(source));
        if !source.text.starts_with("//!") {
            faults.push(source.fault(1, "begin the file with `//!`: what it holds and what it does not know about"));
        }
        match syn::parse_file(&source.text) {
            Ok(file) => {
                faults.extend(lengths::check_functions(source, &file));
                faults.extend(words::check_names(source, &file));
                faults.extend(purity::check(source, &file));
            }
            Err(fault) => faults.push(source.fault(fault.span().start().line, format!("is not Rust: {fault}"))),
        }
    }
    faults
}

fn gather(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut entries: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_ref()) {
                gather(root, &path, sources)?;
            }
        } else if PROSE.contains(&ending.as_ref()) {
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

/// What Cargo knows of the workspace's packages.
fn packages() -> Result<Vec<imports::Package>> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        packages: Vec<imports::Package>,
    }
    let mut metadata = shell::cargo()?;
    metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = shell::run_quietly(&mut metadata)?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("read what `cargo metadata` printed")?;
    Ok(metadata.packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the checks of one file say of a text, as lines.
    pub(super) fn faults(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        check(&[source]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_opens_with_what_it_holds() {
        assert_eq!(faults("runtime/src/lib.rs", "//! The loop.\n"), Vec::<String>::new());
        let found = faults("runtime/src/lib.rs", "use std::fmt;\n//! The loop.\n");
        assert!(found.iter().any(|fault| fault.contains("begin the file with `//!`")), "{found:?}");
    }

    #[test]
    fn a_file_that_is_not_rust_is_a_fault_and_no_panic() {
        let found = faults("runtime/src/lib.rs", "//! The loop.\nfn {");
        assert!(found[0].starts_with("runtime/src/lib.rs:2: is not Rust"), "{found:?}");
    }
}
