//! What is wrong from outside ends as one clear error that names what, where and what to do.

use anyhow::Result;
use proof::{output, program, root, succeed};

/// Runs a command that must fail, and returns its complaint.
fn complaint(command: &mut std::process::Command) -> Result<String> {
    let output = output(command)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} succeeded");
    assert!(!said.contains("panicked"), "{said}");
    Ok(said)
}

#[test]
fn every_fault_of_the_settings_is_said_at_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ingest.toml");
    std::fs::write(
        &file,
        "[kafka]\nbrokers = \"nowhere\"\nbroker = 1\n[worker]\nworkers = 0\n[ingest]\nschemas = \"no/such\"\n",
    )?;
    let said = complaint(program("ingest")?.arg("--config").arg(&file).arg("--check-config"))?;
    for word in ["kafka.broker", "kafka.brokers", "worker.workers", "ingest.schemas", "ingest.key_file"] {
        assert!(said.contains(word), "{word} is missing in:\n{said}");
    }
    Ok(())
}

#[test]
fn a_policy_with_five_faults_is_refused_with_all_five() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("wrong.yaml");
    std::fs::write(
        &file,
        "name: wrong\nversion: 1\ninherits: default\ncounties: [\"43\"]\neffective_from: 2000-01-01\nsettle_days: -1\n\
         colour: red\nrules:\n  - id: R01\n    comparator: \"=\"\n    categories: [medicine]\n    levels:\n      \
         - { level: X, threshold: 5000 }\n",
    )?;
    let mut check = program("backstop")?;
    let said = complaint(check.args(["policy", "check"]).arg(root().join("deploy/policies")).arg(&file))?;
    for word in ["settle_days", "colour", "comparator", "categories", "level"] {
        assert!(said.contains(word), "{word} is missing in:\n{said}");
    }
    Ok(())
}

#[test]
fn the_deployed_policies_are_sound() -> Result<()> {
    succeed(program("backstop")?.args(["policy", "check", "deploy/policies"])).map(drop)
}

#[test]
fn an_absent_broker_is_named_with_its_setting() -> Result<()> {
    let said = complaint(program("backstop")?.args(["close-day", "--day", "2025-01-01", "--brokers", "127.0.0.1:9"]))?;
    assert!(said.contains("--brokers"), "{said}");
    Ok(())
}

#[test]
fn no_core_depends_on_the_outside_world() -> Result<()> {
    for core in ["schemas", "ingest-core", "fuse-core", "alert-core"] {
        let mut tree = std::process::Command::new("cargo");
        tree.current_dir(root()).args(["tree", "--package", core, "--edges", "normal", "--prefix", "none"]);
        let tree = succeed(&mut tree)?;
        for banned in ["tokio ", "rdkafka ", "clickhouse ", "chrono ", "reqwest "] {
            let found = tree.lines().find(|line| line.starts_with(banned));
            assert_eq!(found, None, "{core} depends on {banned}");
        }
    }
    Ok(())
}
