//! ClickHouse, as the library that its makers publish for npm, run by `xtask clickhouse-server` in a process of its
//! own. Does not know the tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::packages;
use crate::shell::{run_quietly, say};

/// Exactly this version: the newest by tag ends without listening.
pub(super) const VERSION: &str = "26.7.3-stable.1";
const PACKAGE: &str = "@chdb/lib-linux-x64-gnu";

/// A query that starts the listeners and then sleeps for years: what keeps the library running as a server.
const QUERY: &str = "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; \
    SELECT sleepEachRow(3) FROM numbers(100000000) \
    SETTINGS max_block_size=1, function_sleep_max_microseconds_per_block=0 FORMAT Null";

/// The library's path, fetched on first use.
pub(super) fn fetch() -> Result<PathBuf> {
    let cached = crate::cache::once(&format!("clickhouse-{VERSION}"), |folder| {
        packages::install(&[packages::CLICKHOUSE])?;
        say(format!("fetching ClickHouse {VERSION} (560 MB unpacked)"));
        let mut install = Command::new("npm");
        install.arg("install").arg("--prefix").arg(folder).arg(format!("{PACKAGE}@{VERSION}"));
        install.args(["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        run_quietly(&mut install)?;
        let library = library(folder);
        ensure!(library.is_file(), "npm succeeded, yet {} is missing", library.display());
        Ok(())
    })?;
    Ok(library(&cached))
}

fn library(folder: &Path) -> PathBuf {
    folder.join("node_modules").join(PACKAGE).join("libchdb.so")
}

/// The command that runs ClickHouse on `ports` (HTTP, native) with its data in `folder`.
pub(super) fn command(folder: &Path, ports: &[u16]) -> Result<Command> {
    let [http_port, native_port] = ports else { bail!("ClickHouse needs two ports") };
    let data = folder.join("data");
    fs::create_dir_all(&data).with_context(|| format!("create {}", data.display()))?;
    let mut server = Command::new("/proc/self/exe");
    server.arg("clickhouse-server").arg("--library").arg(fetch()?).arg("--").current_dir(folder);
    server.arg(format!("--path={}", data.display())).arg("--listen_host=127.0.0.1");
    server.arg(format!("--http_port={http_port}")).arg(format!("--tcp_port={native_port}"));
    server.args(["--query", QUERY]);
    Ok(server)
}

/// Asks `/ping`.
pub(super) fn ready(ports: &[u16]) -> Result<(), String> {
    let port = ports.first().copied().unwrap_or_default();
    super::http_ok(&format!("http://127.0.0.1:{port}/ping"))
}
