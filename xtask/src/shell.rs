//! Running other programs: one place that builds the command line a person can paste, and says it when it fails.
//! Does not know what the programs are for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// The folder of the checkout: the one that holds the workspace's `Cargo.toml`.
///
/// # Errors
/// When the program runs outside a checkout.
pub fn root() -> Result<PathBuf> {
    let here = std::env::current_dir().context("read the current folder")?;
    here.ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file() && folder.join("Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .with_context(|| format!("{} is not inside a checkout of Backstop: change into one", here.display()))
}

/// Where Cargo puts what it builds: `$CARGO_TARGET_DIR`, else `target` of the checkout.
///
/// # Errors
/// When the program runs outside a checkout.
pub fn target() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => std::path::absolute(folder).context("find CARGO_TARGET_DIR"),
        None => Ok(root()?.join("target")),
    }
}

/// The file of this program, for others to run. A build may have replaced it since this program began; then it is the
/// new one, which the kernel's name for the old one, with ` (deleted)` at its end, hides.
///
/// # Errors
/// When there is neither an old nor a new file.
pub fn own_file() -> Result<PathBuf> {
    let file = std::env::current_exe().context("find this program's own file")?;
    if file.is_file() {
        return Ok(file);
    }
    let text = file.to_string_lossy();
    let replaced = text.strip_suffix(" (deleted)").map(PathBuf::from).filter(|file| file.is_file());
    replaced.with_context(|| format!("{text} is gone: build xtask again"))
}

/// Cargo, in the checkout's folder, without what the Cargo that runs this program has said about this package:
/// build scripts that look at such variables would run again each time.
///
/// # Errors
/// When the program runs outside a checkout.
pub fn cargo() -> Result<Command> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()?);
    let said = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|p| name.starts_with(p))
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(said) {
            cargo.env_remove(name);
        }
    }
    Ok(cargo)
}

/// A command as a person would type it in the checkout's folder, quoted where a shell needs it.
pub fn line(command: &Command) -> String {
    let settings = command.get_envs().filter_map(|(key, value)| Some((key, value?)));
    let settings = settings.map(|(key, value)| format!("{}={} ", key.to_string_lossy(), quoted(value)));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted);
    settings.collect::<String>() + &words.collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Runs a command with the terminal's own input and output; a failure names the command.
///
/// # Errors
/// When the program cannot be started or ends with anything but success.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start `{}`", line(command)))?;
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}", line(command))
}

/// Runs a command silently; a failure names the command and shows all it printed.
///
/// # Errors
/// When the program cannot be started or ends with anything but success.
pub fn run_quietly(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null());
    let output = command.output().with_context(|| format!("start `{}`", line(command)))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    bail!("`{}` ended with {}:\n{}", line(command), output.status, String::from_utf8_lossy(&said).trim_end())
}

/// The path of a program found on `PATH`, if there is one.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Says one line to the person at the terminal. Progress goes to standard error, so that what a command prints
/// as its result stays alone on standard output.
#[expect(clippy::print_stderr, reason = "the one place where xtask talks about its progress")]
pub fn say(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_would_take_it() {
        let mut command = Command::new("java");
        command.args(["-cp", "libs/*", "kafka.Kafka", "it's"]).env("SIZE", "two words");
        assert_eq!(line(&command), r"SIZE='two words' java -cp 'libs/*' kafka.Kafka 'it'\''s'");
    }

    #[test]
    fn a_failed_command_is_named_with_what_it_printed() {
        let failure = run_quietly(Command::new("sh").args(["-c", "echo no room; exit 3"])).expect_err("it ends with 3");
        let text = failure.to_string();
        assert!(text.contains("exit 3") && text.contains("no room"), "{text}");
    }
}
