//! The local servers as processes: started, killed, restarted, ended, by the commands a developer types. Real Kafka and
//! ClickHouse; does not know topics or tables.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn xtask(folder: &Path, words: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(words).arg("--dir").arg(folder).status().expect("xtask starts").success()
}

fn stack(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("stack.json")).expect("a stack's file")).expect("JSON")
}

fn pids(folder: &Path) -> Vec<Pid> {
    let stack = stack(folder);
    let places = stack["places"].as_array().expect("places").clone();
    let pids = places.iter().filter_map(|place| place["process"]["pid"].as_i64());
    pids.map(|pid| Pid::from_raw(pid as i32).expect("a pid")).collect()
}

fn ask(folder: &Path, query: &str) -> String {
    let url = stack(folder)["clickhouse"].as_str().expect("an address").to_owned();
    let mut answer = ureq::post(url).send(query).expect("an answer");
    answer.body_mut().read_to_string().expect("text").trim().to_owned()
}

/// Whether a process still runs; one that ended and that its parent has not yet collected does not.
fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn gone_within(pids: &[Pid], limit: Duration) -> bool {
    let begun = Instant::now();
    while pids.iter().any(|pid| runs(*pid)) {
        if begun.elapsed() > limit {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

fn foreground(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["up", "--empty", "--foreground", "--servers", "kafka,clickhouse", "--dir"]).arg(folder);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("xtask starts");
    let mut said = BufReader::new(child.stderr.take().expect("its standard error")).lines();
    assert!(said.any(|line| line.expect("text").contains("stack.json")), "the servers came up");
    child
}

#[test]
fn servers_survive_a_kill_with_their_data_and_end_when_told() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(xtask(folder.path(), &["up", "--empty", "--servers", "kafka,clickhouse"]));
    ask(folder.path(), "CREATE TABLE kept (n Int64) ENGINE = MergeTree ORDER BY n");
    ask(folder.path(), "INSERT INTO kept VALUES (7)");
    let before = stack(folder.path());
    for server in ["kafka", "clickhouse"] {
        assert!(xtask(folder.path(), &["server", "kill", server]));
        assert!(xtask(folder.path(), &["server", "restart", server]));
    }
    assert_eq!(ask(folder.path(), "SELECT n FROM kept"), "7");
    let after = stack(folder.path());
    assert_eq!((&before["kafka"], &before["clickhouse"]), (&after["kafka"], &after["clickhouse"]));
    assert!(!xtask(folder.path(), &["up", "--empty"]), "a second stack in the same folder is refused");
    let running = pids(folder.path());
    assert_eq!(running.len(), 2);
    assert!(xtask(folder.path(), &["down"]));
    assert!(gone_within(&running, Duration::from_secs(1)) && pids(folder.path()).is_empty());
}

#[test]
fn servers_end_with_the_program_that_was_asked_to_end_or_killed() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = foreground(folder.path());
        let running = pids(folder.path());
        assert_eq!(running.len(), 2);
        kill_process(Pid::from_child(&child), signal).expect("a signal sent");
        child.wait().expect("its end");
        assert!(gone_within(&running, Duration::from_secs(5)), "{signal:?} leaves servers behind");
    }
}
