//! ClickHouse as a process: opens ClickHouse's own library and hands it a command line, as `main` of its binary would.
//! Runs in a child process of its own (`xtask clickhouse-server`). The only file of the project with `unsafe`;
//! does not know about ports, folders or who starts it.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;

use anyhow::{Context, Result};

/// The library's entry point: `chdb_query_cmdline(int argc, char **argv)`, which returns its result or null.
type QueryCmdline = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;

/// Opens `library` and runs ClickHouse with `arguments` until its query ends. A server never comes back from here:
/// the query that keeps it listening ends with the process.
///
/// # Errors
/// When the library cannot be opened, lacks the entry point, or an argument holds a zero byte.
pub fn run(library: &Path, arguments: &[String]) -> Result<()> {
    let words = std::iter::once("clickhouse").chain(arguments.iter().map(String::as_str));
    let words = words.map(CString::new).collect::<Result<Vec<_>, _>>();
    let words = words.context("an argument for ClickHouse holds a zero byte")?;
    let count = c_int::try_from(words.len()).context("too many arguments for ClickHouse")?;
    // The strings are handed over for good (the C side may write into them or keep them), and argv ends with a null.
    let mut argv: Vec<*mut c_char> = words.into_iter().map(CString::into_raw).collect();
    argv.push(std::ptr::null_mut());

    // SAFETY: opening a library runs its initialisers. This process was started for this one library and does
    // nothing else: no other thread runs yet, so none can be disturbed by what the initialisers change.
    let library = unsafe { libloading::Library::new(library) }
        .with_context(|| format!("open ClickHouse's library {}", library.display()))?;
    // SAFETY: the symbol has this type in the pinned version of the library (`int argc, char **argv`, pointer back);
    // it is used only while `library` is open, which is until the end of this function.
    let query = unsafe { library.get::<QueryCmdline>(b"chdb_query_cmdline\0") }
        .context("ClickHouse's library has no chdb_query_cmdline: is it the pinned version?")?;
    // SAFETY: `argv` holds `count` valid, writable, zero-terminated strings that are never freed, followed by a null,
    // and lives until after the call. The result is ignored; it is freed by the end of the process.
    let result = unsafe { query(count, argv.as_mut_ptr()) };
    anyhow::ensure!(!result.is_null(), "ClickHouse refused its command line: see its log above");
    Ok(())
}
