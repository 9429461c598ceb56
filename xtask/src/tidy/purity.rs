//! Purity: a core decides from what it is given. No clock, environment, random number, thread, file or network in it,
//! test code apart. Cargo keeps out crates; this keeps out the standard library's own.

use syn::visit::{self, Visit};
use syn::{File, ImplItemFn, ItemFn, ItemImpl, ItemMod, ItemUse, Path, UseTree};

use super::syntax::{is_for_tests, lines};
use super::{Fault, Source};

/// The folders of the pure crates.
const PURE: &[&str] =
    &["schemas/src/", "services/ingest/core/src/", "services/fuse/core/src/", "services/alert/core/src/"];

/// What must not be named, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("std::time::SystemTime", "time is data: take the day from the record"),
    ("std::time::Instant", "time is data: measure in `runtime`"),
    ("std::env", "take the value as an argument"),
    ("std::fs", "take the bytes as an argument"),
    ("std::net", "input and output are in `runtime`"),
    ("std::io::stdin", "take the bytes as an argument"),
    ("std::io::stdout", "give back what is to be said"),
    ("std::io::stderr", "give back what is to be said"),
    ("std::process", "return a typed error"),
    ("std::thread", "a core runs on its caller's thread"),
    ("std::sync", "one key, one partition, one owner: nothing is shared"),
    ("time::OffsetDateTime::now_utc", "time is data: take the day from the record"),
    ("time::UtcDateTime::now", "time is data: take the day from the record"),
    ("tokio", "a core never waits"),
    ("rand", "derive ids by hashing the input"),
];

/// Allowed although a banned path begins with it: sharing what never changes.
const ALLOWED: &[&str] = &["std::sync::Arc", "std::sync::OnceLock", "std::sync::LazyLock"];

pub(super) fn check(source: &Source, file: &File) -> Vec<Fault> {
    if source.is_test() || !PURE.iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let mut paths = Paths { source, faults: Vec::new() };
    paths.visit_file(file);
    paths.faults.sort();
    paths.faults.dedup();
    paths.faults
}

struct Paths<'a> {
    source: &'a Source,
    faults: Vec<Fault>,
}

impl Paths<'_> {
    fn judge(&mut self, path: &str, line: usize) {
        // `core::` and `alloc::` hold none of these; a leading `::` means the same.
        let path = path.trim_start_matches("::");
        if ALLOWED.iter().any(|allowed| is_under(path, allowed)) {
            return;
        }
        if let Some((banned, instead)) = BANNED.iter().find(|(banned, _)| is_under(path, banned)) {
            self.faults.push(self.source.fault(line, format!("`{banned}` in a core: {instead}")));
        }
    }

    /// Each full path that a `use` brings in.
    fn judge_use(&mut self, before: &str, tree: &UseTree) {
        let joined = |name: &str| if before.is_empty() { name.to_owned() } else { format!("{before}::{name}") };
        let (line, _) = lines(tree);
        match tree {
            UseTree::Path(path) => self.judge_use(&joined(&path.ident.to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.judge(before, line),
            UseTree::Name(name) => self.judge(&joined(&name.ident.to_string()), line),
            UseTree::Rename(rename) => self.judge(&joined(&rename.ident.to_string()), line),
            // A glob brings in what is banned with the rest.
            UseTree::Glob(_) => {
                self.judge(before, line);
                if before == "std" || before == "std::time" {
                    self.faults.push(self.source.fault(line, format!("`{before}::*` in a core: name what is needed")));
                }
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.judge_use(before, tree)),
        }
    }
}

fn is_under(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        if !is_for_tests(&block.attrs) {
            visit::visit_item_impl(self, block);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.judge_use("", &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        // A single word is a local name, which a `use` has brought in or not.
        if path.segments.len() > 1 {
            let words: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.judge(&words.join("::"), lines(path).0);
        }
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::faults;

    const CORE: &str = "services/fuse/core/src/state.rs";

    #[test]
    fn a_core_that_looks_at_the_outside_is_a_fault() {
        let rows = [
            "use std::time::SystemTime;",
            "use std::{fmt, time::{Duration, Instant}};",
            "use std::time::Instant as Moment;",
            "use std::time::*;",
            "use std::fs::{self, File};",
            "use std::thread;",
            "fn a() { std::env::var(\"DAY\"); }",
            "fn a(b: &std::net::TcpStream) {}",
            "fn a() { ::std::process::exit(1) }",
            "fn a() { let b = rand::random::<u8>(); }",
            "use std::io::{Read, stdout};",
            "use tokio::sync::mpsc;",
            "static A: std::sync::Mutex<u8> = std::sync::Mutex::new(1);",
            "fn a() { time::OffsetDateTime::now_utc(); }",
        ];
        for row in rows {
            let found = faults(CORE, &format!("//! A core.\n{row}\n"));
            assert!(found.len() == 1 && found[0].contains(":2: `"), "{row}: {found:?}");
        }
    }

    #[test]
    fn a_core_may_compute_and_its_tests_may_do_anything() {
        let rows = [
            "use std::time::Duration;",
            "use std::sync::Arc;",
            "use std::io::Read;",
            "use std::collections::BTreeMap;",
            "mod env; use crate::env::Value;",
            "fn a() { self::thread::b(); }",
            "#[cfg(test)]\nmod tests { use std::fs; fn a() { std::thread::yield_now(); } }",
        ];
        for row in rows {
            assert_eq!(faults(CORE, &format!("//! A core.\n{row}\n")), [""; 0], "{row}");
        }
        let clock = "//! Plumbing.\nuse std::time::Instant;\n";
        assert_eq!(faults("runtime/src/lib.rs", clock), [""; 0]);
        assert_eq!(faults("services/fuse/core/tests/speed.rs", clock), [""; 0]);
    }
}
