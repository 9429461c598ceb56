//! What is proved on a real Kafka and a real ClickHouse, with the services as processes of their own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use proof::{Running, last_line, output, program, root, scenarios, secured_settings, succeed, variable};

/// A run whose services are killed with SIGKILL in its middle must be whole all the same: the command fails when a
/// balance does not hold, when warnings differ between topic, ClickHouse and replay, when a state or open case differs
/// from the memory pipeline's, or when a citizen number stands where none may be.
#[test]
fn a_city_whose_services_are_killed_in_its_middle_is_warned_of_exactly_once() -> Result<()> {
    let mut demo = Command::new(variable("BACKSTOP_XTASK")?);
    demo.current_dir(root()).env("RUST_BACKTRACE", "0");
    demo.args(["demo", "--once", "--quiet", "--households", "300", "--seed", "3", "--kills", "3", "--dashboards"]);
    let line = last_line(&succeed(&mut demo)?)?;
    let warnings = [&line["warnings_topic"], &line["warnings_clickhouse"], &line["warnings_replayed"]];
    assert!(warnings[0].as_u64() > Some(0) && warnings[0] == warnings[1] && warnings[1] == warnings[2], "{line}");
    for name in [
        "warnings_different",
        "states_different",
        "cases_different",
        "explanations_different",
        "rows_duplicated",
        "citizen_numbers_found",
    ] {
        assert_eq!(line[name].as_i64(), Some(0), "{name} in {line}");
    }
    assert!(line["citizen_numbers_searched"].as_u64() > Some(300), "{line}");
    Ok(())
}

#[test]
fn every_story_ends_the_same_on_real_servers_however_it_is_told() -> Result<()> {
    let (kafka, clickhouse) = (variable("BACKSTOP_KAFKA")?, variable("BACKSTOP_CLICKHOUSE")?);
    succeed(program("backstop")?.args(["setup", "--brokers", &kafka, "--clickhouse", &clickhouse]))?;
    succeed(program("backstop")?.args(["policy", "apply", "--brokers", &kafka, "deploy/policies"]))?;
    let folder = tempfile::tempdir()?;
    let key_file = folder.path().join("pseudonym.key");
    std::fs::write(&key_file, "a key of the tests, which keeps nothing secret")?;
    let mut services = Vec::new();
    for name in ["ingest", "fuse", "alert"] {
        services.push(service(name, &key_file, folder.path())?);
    }
    let mut scenario = program("backstop")?;
    scenario.args(["scenario", "--kafka", &kafka, "--all-variants"]).args(scenarios()?);
    succeed(&mut scenario).map(drop).with_context(|| logs(folder.path()))?;
    no_policy_changes_a_closed_day(&kafka, folder.path())
}

/// The stories have closed many days: a policy that would hold for one of them is refused, and is not published.
fn no_policy_changes_a_closed_day(kafka: &str, folder: &Path) -> Result<()> {
    let file = folder.join("late.yaml");
    for (from, accepted) in [("2000-01-01", false), ("2099-01-01", true)] {
        let text = format!("name: late\nversion: 1\ninherits: default\ncounties: [\"11\"]\neffective_from: {from}\n");
        std::fs::write(&file, text)?;
        let applied = output(program("backstop")?.args(["policy", "apply", "--brokers", kafka]).arg(&file))?;
        let said = String::from_utf8_lossy(&applied.stderr);
        assert_eq!(applied.status.success(), accepted, "{from}: {said}");
        assert_eq!(said.contains("late: /effective_from: 2000-01-01 would change the past"), !accepted, "{said}");
    }
    Ok(())
}

/// A service as in production: it talks to Kafka over TLS, with a login.
fn service(name: &str, key_file: &Path, folder: &Path) -> Result<Running> {
    let mut command = program(name)?;
    // Any free port: nobody reads the metrics here.
    command.envs(secured_settings()?).env("BACKSTOP_METRICS__ADDRESS", "127.0.0.1:0");
    // Five hundred days are closed one after the other, and each waits for a transaction of every stage.
    command.env("BACKSTOP_WORKER__TRANSACTION_MS", "20");
    if name == "ingest" {
        command.env("BACKSTOP_INGEST__KEY_FILE", key_file);
    }
    Running::start(&mut command, &folder.join(format!("{name}.log")))
}

fn logs(folder: &Path) -> String {
    let tail = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(10).collect();
        format!("{name}:\n{}\n", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
    };
    ["ingest", "fuse", "alert"].map(tail).concat()
}
