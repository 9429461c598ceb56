//! What the tests share: where the programs are, and how one is run. It claims nothing itself.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The checkout.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
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

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended by itself; the test has said so by then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
