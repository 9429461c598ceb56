//! The demo where no server can be had: without Java, Maven and npm, and nothing to install them with.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use proof::{last_line, output, root, variable};

/// What the servers need, and what could fetch it.
const ABSENT: [&str; 7] = ["java", "keytool", "mvn", "npm", "npx", "node", "apt-get"];

/// A folder with every program of `PATH` but the absent ones.
fn without_servers(folder: &Path) -> Result<()> {
    for place in std::env::split_paths(&variable("PATH")?) {
        // A folder of PATH need not exist.
        for entry in std::fs::read_dir(&place).into_iter().flatten() {
            let entry = entry?;
            let (name, link) = (entry.file_name(), folder.join(entry.file_name()));
            // The first folder that has a program wins, as for a shell.
            if !ABSENT.iter().any(|absent| name == *absent) && link.symlink_metadata().is_err() {
                symlink(entry.path(), link)?;
            }
        }
    }
    Ok(())
}

#[test]
fn the_demo_runs_in_one_process_where_java_maven_and_npm_cannot_be_had() -> Result<()> {
    let folder = tempfile::tempdir()?;
    without_servers(folder.path())?;
    for (words, why) in [(&["--embedded"][..], ""), (&[], "(--embedded)")] {
        let mut demo = Command::new(variable("BACKSTOP_XTASK")?);
        demo.current_dir(root()).env("PATH", folder.path()).env("RUST_BACKTRACE", "0");
        demo.args(["demo", "--once", "--quiet", "--households", "60", "--seed", "3"]).args(words);
        let output = output(&mut demo)?;
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {complained}");
        assert!(complained.contains(why), "the reason is said: {complained}");
        let line = last_line(&String::from_utf8_lossy(&output.stdout))?;
        assert_eq!(line["mode"].as_str(), Some("embedded"), "{line}");
        assert!(line["warnings"].as_u64() > Some(0), "{line}");
    }
    Ok(())
}
