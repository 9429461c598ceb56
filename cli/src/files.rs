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

/// The folders beside policy files, and the extension of the files in them. A file's key is the folder and its name.
const BESIDE: [(&str, &str); 3] = [("wording", "ftl"), ("holidays", "yaml"), ("posts", "yaml")];

/// The records of the topic `policies` that a folder of policies means: key and text, what stands beside them first. The
/// folder may also be one of those beside policies.
pub(crate) fn policies(folder: &Path) -> Result<Vec<(String, String)>> {
    if let Some((_, extension)) = kind_of(folder)? {
        return with_extension(folder, extension);
    }
    let mut records = beside(folder)?;
    if records.is_empty() {
        bail!("{} has no folder `wording`: policies name its sentences", folder.display());
    }
    records.extend(with_extension(folder, "yaml")?);
    Ok(records)
}

/// The sentences, holidays and posts that stand beside the policies of a folder, as records of the topic `policies`.
pub(crate) fn beside(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut records = Vec::new();
    for (name, extension) in BESIDE {
        let folder = folder.join(name);
        if folder.is_dir() {
            records.extend(with_extension(&folder, extension)?);
        }
    }
    Ok(records)
}

/// What stands in a folder, by its name.
fn kind_of(folder: &Path) -> Result<Option<(&'static str, &'static str)>> {
    let folder = std::path::absolute(folder).with_context(|| format!("where is {}", folder.display()))?;
    let name = folder.file_name().unwrap_or_default();
    Ok(BESIDE.into_iter().find(|(kind, _)| name == *kind))
}

/// Every file of a folder with this extension as a record of the topic `policies`, by path.
pub(crate) fn with_extension(folder: &Path, extension: &str) -> Result<Vec<(String, String)>> {
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

/// One file as a record of the topic `policies`: a policy, or what stands beside policies.
pub(crate) fn policy(path: &Path) -> Result<(String, String)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let path = std::path::absolute(path).with_context(|| format!("where is {}", path.display()))?;
    let is_wording = path.extension().is_some_and(|extension| extension == "ftl");
    let folder = kind_of(path.parent().unwrap_or(Path::new("")))?;
    let key = match folder {
        _ if is_wording => format!("wording/{stem}"),
        Some((name, "yaml")) => format!("{name}/{stem}"),
        _ => stem,
    };
    Ok((key, text))
}
