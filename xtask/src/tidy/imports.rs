//! The import table of the house: which crates each room may use. Works on what `cargo metadata` says of a package,
//! so a dependency that no code uses is seen too.

use serde::Deserialize;

use super::Fault;

/// A package as `cargo metadata` describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// Absent for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
    /// Present for a crate of this workspace.
    path: Option<String>,
}

/// A row of the table.
struct Room {
    package: &'static str,
    /// Crates of this workspace.
    local: &'static [&'static str],
    /// Other people's crates; `None` leaves them free.
    external: Option<&'static [&'static [&'static str]]>,
    /// Other people's crates that it must not have, with the reason, when they are free.
    never: &'static [(&'static str, &'static str)],
}

/// Crates that only compute: no clock, environment, files, network, threads.
const PURE: &[&str] = &[
    "serde",
    "serde_json",
    "serde_bytes",
    "serde-saphyr",
    "fluent-bundle",
    "unic-langid",
    "jsonschema",
    "schemars",
    "time",
    "hmac",
    "sha2",
    "crc32fast",
    "foldhash",
    "hashbrown",
    "smallvec",
    "smol_str",
    "zerocopy",
    "thiserror",
];
const AVRO: &[&str] = &["apache-avro", "serde_avro_fast"];
const OUTSIDE: &[&str] = &[
    "rdkafka",
    "mimalloc",
    "clickhouse",
    "tokio",
    "axum",
    "prometheus",
    "tracing",
    "tracing-subscriber",
    "config",
    "clap",
    "ureq",
    "anyhow",
];
/// What an adapter needs besides its core and the runtime: to read settings, to say what happens, and to stand for bytes
/// that it must not pass on.
const ADAPTER: &[&str] = &["serde", "serde_json", "serde-saphyr", "thiserror", "anyhow", "tracing", "clap", "sha2"];
/// For tests alone, in any room.
const TESTING: &[&str] = &[
    "proptest",
    "tempfile",
    "criterion",
    "anyhow",
    "serde_json",
    "serde",
    "apache-avro",
    "serde_avro_fast",
    "serde-saphyr",
    "rand",
    "rand_chacha",
];

const EVERYTHING: &[&str] =
    &["schemas", "runtime", "ingest-core", "fuse-core", "alert-core", "ingest", "fuse", "alert"];

const fn core(package: &'static str) -> Room {
    Room { package, local: &["schemas"], external: Some(&[PURE, AVRO]), never: &[] }
}

const fn service(package: &'static str, local: &'static [&'static str]) -> Room {
    Room { package, local, external: Some(&[ADAPTER]), never: &[] }
}

const TABLE: &[Room] = &[
    Room { package: "schemas", local: &[], external: Some(&[PURE, AVRO]), never: &[] },
    core("ingest-core"),
    core("fuse-core"),
    core("alert-core"),
    Room { package: "runtime", local: &["schemas"], external: Some(&[PURE, OUTSIDE]), never: &[] },
    service("ingest", &["ingest-core", "schemas", "runtime"]),
    service("fuse", &["fuse-core", "schemas", "runtime"]),
    service("alert", &["alert-core", "schemas", "runtime"]),
    Room { package: "backstop", local: EVERYTHING, external: None, never: &[] },
    Room {
        package: "xtask",
        local: &[],
        external: None,
        never: &[("rdkafka", "xtask must build before the packages are there that it installs for librdkafka")],
    },
    Room { package: "proof", local: EVERYTHING, external: None, never: &[] },
];

pub(super) fn check(packages: &[Package]) -> Vec<Fault> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Fault> {
    let fault = |text: String| Fault { file: format!("Cargo.toml of {}", package.name), line: 1, text };
    let Some(room) = TABLE.iter().find(|room| room.package == package.name) else {
        return vec![fault("a room without a row in the import table of xtask/src/tidy/imports.rs".to_owned())];
    };
    let complaints = package.dependencies.iter().filter_map(|dependency| room.complaint(dependency));
    complaints.map(fault).collect()
}

impl Room {
    fn complaint(&self, dependency: &Dependency) -> Option<String> {
        let name = dependency.name.as_str();
        if dependency.path.is_some() {
            let allowed = if self.local.is_empty() { "none".to_owned() } else { self.local.join(", ") };
            return (!self.local.contains(&name))
                .then(|| format!("imports the room `{name}`; it may import: {allowed}"));
        }
        if let Some((_, reason)) = self.never.iter().find(|(never, _)| *never == name) {
            return Some(format!("imports `{name}`: {reason}"));
        }
        let lists = self.external?;
        let testing = dependency.kind.as_deref() == Some("dev") && TESTING.contains(&name);
        let allowed = testing || lists.iter().any(|list| list.contains(&name));
        (!allowed).then(|| format!("imports `{name}`, which is not on its list in xtask/src/tidy/imports.rs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, dependency: &str, kind: Option<&str>) -> Vec<String> {
        let local = TABLE.iter().any(|room| room.package == dependency);
        let dependency = Dependency {
            name: dependency.to_owned(),
            kind: kind.map(str::to_owned),
            path: local.then(|| "/somewhere".to_owned()),
        };
        let package = Package { name: package.to_owned(), dependencies: vec![dependency] };
        check(&[package]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_room_has_what_the_table_gives_it() {
        let rows = [
            ("schemas", "apache-avro", None),
            ("fuse-core", "schemas", None),
            ("alert-core", "fluent-bundle", None),
            ("ingest-core", "proptest", Some("dev")),
            ("runtime", "rdkafka", None),
            ("alert", "alert-core", None),
            ("backstop", "fuse", None),
            ("proof", "rdkafka", None),
            ("xtask", "libloading", None),
        ];
        for (package, dependency, kind) in rows {
            assert_eq!(found(package, dependency, kind), [""; 0], "{package} -> {dependency}");
        }
    }

    #[test]
    fn each_room_has_nothing_else() {
        let rows = [
            ("schemas", "runtime", None),
            ("fuse-core", "tokio", None),
            ("fuse-core", "runtime", None),
            ("fuse-core", "ingest-core", None),
            ("alert-core", "rand", None),
            ("alert-core", "runtime", Some("dev")),
            ("ingest-core", "proptest", None),
            ("runtime", "fuse-core", None),
            ("alert", "rdkafka", None),
            ("alert", "clickhouse", None),
            ("alert", "fuse", None),
            ("alert", "fuse-core", None),
            ("proof", "backstop", None),
            ("backstop", "xtask", None),
            ("xtask", "rdkafka", None),
            ("kitchen", "serde", None),
        ];
        for (package, dependency, kind) in rows {
            assert_eq!(found(package, dependency, kind).len(), 1, "{package} -> {dependency}");
        }
    }
}
