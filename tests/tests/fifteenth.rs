//! A department that joins: market regulation becomes the fifteenth by files alone, through all four stages of the very
//! binaries that know fourteen.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use proof::{output, program, root, succeed};

/// A copy of a folder of this checkout.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map(drop)?;
        }
    }
    Ok(())
}

fn edit(file: &Path, from: &str, to: &str) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    ensure!(text.contains(from), "{} has no `{from}`", file.display());
    fs::write(file, text.replace(from, to)).with_context(|| format!("write {}", file.display()))
}

/// The files of a city that the department has joined: schemas, their ids, topics and policies.
fn joined(folder: &Path) -> Result<()> {
    let added = root().join("tests/fifteenth");
    copy(&root().join("schemas/feeds"), &folder.join("feeds"))?;
    copy(&added.join("schemas"), &folder.join("feeds"))?;
    let ids = "{\n  \"ids\": [
    {\"id\": 1501, \"record\": \"backstop.feeds.market_regulation.business_closed\"},
    {\"id\": 1502, \"record\": \"backstop.feeds.market_regulation.business_income\"},";
    edit(&folder.join("feeds/index.json"), "{\n  \"ids\": [", ids)?;
    for part in ["kafka", "policies"] {
        copy(&root().join("deploy").join(part), &folder.join("deploy").join(part))?;
    }
    let last = "    - rural-revitalisation\n";
    edit(&folder.join("deploy/kafka/topics.yaml"), last, &format!("{last}    - market-regulation\n"))?;
    fs::copy(added.join("market.yaml"), folder.join("deploy/policies/market.yaml"))?;
    Ok(())
}

fn scenario(schemas: &Path, deploy: &Path) -> Result<Command> {
    let mut command = program("backstop")?;
    command.arg("scenario").arg("--schemas").arg(schemas).arg("--deploy").arg(deploy);
    command.arg("tests/fifteenth/scenario.yaml");
    Ok(command)
}

#[test]
fn a_fifteenth_department_is_files_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    joined(folder.path())?;
    let (feeds, deploy) = (folder.path().join("feeds"), folder.path().join("deploy"));
    let mut check = program("backstop")?;
    succeed(check.args(["policy", "check", "--schemas"]).arg(&feeds).arg(deploy.join("policies")))?;
    succeed(&mut scenario(&feeds, &deploy)?)?;
    // It is the files that do it: without the policy's entry nothing is said of a closed business.
    fs::remove_file(deploy.join("policies/market.yaml"))?;
    let without = output(&mut scenario(&feeds, &deploy)?)?;
    let said = String::from_utf8_lossy(&without.stdout);
    assert!(!without.status.success() && said.contains("R90 raised M"), "{said}");
    Ok(())
}
