//! Reads the files that describe the feeds and the policies, as path and text. It does not know what they say.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Every schema and index file of the feeds' folder: path relative to it and text, sorted by path.
pub(crate) fn feeds(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    collect(folder, "", &mut files).with_context(|| format!("read the feeds' schemas in {}", folder.display()))?;
    files.retain(|(path, _)| path.ends_with(".avsc") || path.ends_with(".json"));
    if files.is_empty() {
        bail!("{} holds no schema: is --schemas right?", folder.display());
    }
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, std::fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

/// The records of the topic `policies` that a folder of policies means: key and text, wording first.
pub(crate) fn policies(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut records = wording(folder)?;
    records.extend(with_extension(folder, "yaml")?);
    Ok(records)
}

/// The sentences that belong to a folder of policies, as records of the topic `policies`.
pub(crate) fn wording(folder: &Path) -> Result<Vec<(String, String)>> {
    with_extension(&folder.join("wording"), "ftl")
}

fn with_extension(folder: &Path, extension: &str) -> Result<Vec<(String, String)>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read the policies in {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| policy(path)).collect()
}

/// One policy or wording file as a record of the topic `policies`.
pub(crate) fn policy(path: &Path) -> Result<(String, String)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let is_wording = path.extension().is_some_and(|extension| extension == "ftl");
    Ok((if is_wording { format!("wording/{stem}") } else { stem }, text))
}
