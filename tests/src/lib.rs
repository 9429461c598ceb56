//! What the tests share: where the programs are, how one is run, and how to reach the servers. It claims nothing itself.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The checkout.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every scenario file, sorted: the families and further stories, and those of the single rules.
pub fn scenarios() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["tests/scenarios", "tests/scenarios/rules"] {
        for entry in std::fs::read_dir(root().join(folder)).with_context(|| format!("read the folder {folder}"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "there is no scenario");
    Ok(files)
}

/// A variable that `cargo xtask test` sets; without it the test fails, it is never skipped.
pub fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run `cargo xtask test --only build,end-to-end`"))
}

/// A program of this workspace, built with the profile `fast`, to be run in the checkout.
pub fn program(name: &str) -> Result<Command> {
    let path = PathBuf::from(variable("BACKSTOP_BIN_DIR")?).join(name);
    ensure!(path.is_file(), "{} is not built", path.display());
    let mut command = Command::new(path);
    command.current_dir(root()).env("RUST_BACKTRACE", "0");
    Ok(command)
}

/// Runs a command to its end, with what it printed.
pub fn output(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("start {command:?}"))
}

/// Runs a command that must succeed; returns what it printed.
pub fn succeed(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?} ended with {}:\n{said}\n{complained}", output.status);
    Ok(said.into_owned())
}

/// The last line of what a command printed, as JSON.
pub fn last_line(said: &str) -> Result<Value> {
    let line = said.lines().last().context("the command printed nothing")?;
    serde_json::from_str(line).with_context(|| format!("the last line is no JSON: {line}"))
}

/// A process that ends with the test.
pub struct Running(Child);

impl Running {
    /// Starts it, with its output in a file.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = std::fs::File::create(log).with_context(|| format!("create {}", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        Ok(Self(child.with_context(|| format!("start {command:?}"))?))
    }
}

impl Running {
    /// How it ended by itself; an error when it has not within the limit.
    pub fn end_within(&mut self, limit: Duration) -> Result<ExitStatus> {
        let mut status = None;
        until("a process ends by itself", limit, || {
            status = self.0.try_wait()?;
            Ok(status.is_some())
        })?;
        status.context("the process has ended")
    }
}

/// Looks again and again until something holds; an error when it does not within the limit.
pub fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !holds()? {
        if begun.elapsed() > limit {
            bail!("not within {} s: {what}", limit.as_secs());
        }
        pause();
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the interval at which a condition is looked at; the condition ends the wait"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// An address on which nothing listens yet, another one each time. Its port lies below the range from which Linux takes
/// ports for outgoing connections, so that none of these sits on it before the program does that is to listen there.
pub fn free_address() -> Result<String> {
    static NEXT: AtomicU16 = AtomicU16::new(5_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        ensure!(port < 10_000, "no port from 5000 to 10000 is free on 127.0.0.1");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(format!("127.0.0.1:{port}"));
        }
    }
}

/// The text of a service's page; none while nobody listens.
pub fn page(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// The settings with which a service reaches Kafka's listener that asks for TLS and a login.
pub fn secured_settings() -> Result<BTreeMap<String, String>> {
    let path = Path::new(&variable("BACKSTOP_STACK_DIR")?).join("stack.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let stack: Value = serde_json::from_str(&text)?;
    let mut settings = BTreeMap::from([("BACKSTOP_KAFKA__PROTOCOL".to_owned(), "sasl_ssl".to_owned())]);
    for key in ["brokers", "username", "password_file", "ca_file"] {
        let value = stack["secured"][key].as_str();
        let value =
            value.with_context(|| format!("{} has no secured listener: start it with --secured", path.display()))?;
        settings.insert(format!("BACKSTOP_KAFKA__{}", key.to_uppercase()), value.to_owned());
    }
    Ok(settings)
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended by itself; the test has said so by then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
