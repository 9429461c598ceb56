//! What must be on the machine before anything can be built or started: looked for by what it provides, installed
//! with `apt-get` when that is allowed, named with the exact command otherwise. Does not know who needs it.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{self, say};

/// Something that must be on the machine.
pub struct Need {
    /// The Debian package that provides it.
    package: &'static str,
    /// Why it is needed, for the person who has to install it.
    reason: &'static str,
    /// How its presence is seen.
    sign: Sign,
}

enum Sign {
    Program(&'static str),
    Header(&'static str),
    Java17,
    Venv,
}

/// What the workspace needs to build: librdkafka is compiled from source.
pub const BUILD: &[Need] = &[
    Need { package: "cmake", reason: "builds librdkafka", sign: Sign::Program("cmake") },
    Need { package: "build-essential", reason: "compiles librdkafka", sign: Sign::Program("c++") },
    Need { package: "libcurl4-openssl-dev", reason: "librdkafka", sign: Sign::Header("curl/curl.h") },
    Need { package: "libssl-dev", reason: "librdkafka's TLS", sign: Sign::Header("openssl/ssl.h") },
    Need { package: "zlib1g-dev", reason: "librdkafka", sign: Sign::Header("zlib.h") },
];

/// What Kafka needs to run.
pub const KAFKA: &[Need] = &[
    Need { package: "default-jre-headless", reason: "runs Kafka (Java 17 or newer)", sign: Sign::Java17 },
    Need { package: "maven", reason: "fetches Kafka", sign: Sign::Program("mvn") },
];

/// What ClickHouse needs to be fetched.
pub const CLICKHOUSE: &[Need] =
    &[Need { package: "npm", reason: "fetches ClickHouse's library", sign: Sign::Program("npm") }];

/// What the checker of Compose files needs to be fetched.
pub const PYTHON: &[Need] =
    &[Need { package: "python3-venv", reason: "fetches the checker of Compose files", sign: Sign::Venv }];

/// Installs whatever of `needs` is missing. Says what it does; does nothing when all is there.
///
/// # Errors
/// When something is missing and cannot be installed here: the message holds the command to run.
pub fn install(needs: &[&[Need]]) -> Result<()> {
    let missing = || needs.iter().copied().flatten().filter(|need| !present(&need.sign)).collect::<Vec<_>>();
    let wanted = missing();
    if wanted.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = wanted.iter().map(|need| need.package).collect();
    let command = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    let reasons: Vec<_> = wanted.iter().map(|need| format!("  {}: {}", need.package, need.reason)).collect();
    let reasons = reasons.join("\n");
    if shell::which("apt-get").is_none() {
        bail!("these Debian packages, or what provides the same on this system, are missing:\n{reasons}");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("these packages are missing:\n{reasons}\nInstall them with: sudo apt-get update && sudo {command}");
    }
    say(format!("installing missing packages:\n{reasons}"));
    shell::run_quietly(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&packages);
    shell::run_quietly(install.env("DEBIAN_FRONTEND", "noninteractive"))?;
    match missing().first() {
        None => Ok(()),
        Some(need) => bail!("`{command}` succeeded, yet {} ({}) is still not found", need.package, need.reason),
    }
}

fn present(sign: &Sign) -> bool {
    match sign {
        Sign::Program(name) => shell::which(name).is_some(),
        Sign::Header(name) => ["/usr/include", "/usr/local/include", "/usr/include/x86_64-linux-gnu"]
            .iter()
            .any(|folder| Path::new(folder).join(name).is_file()),
        Sign::Venv => runs("python3", &["-c", "import ensurepip, venv"]),
        Sign::Java17 => java_version().is_some_and(|version| version >= 17),
    }
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// The major version of the `java` on `PATH`.
fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").output().ok()?;
    major_version(&String::from_utf8_lossy(&output.stderr))
}

/// Reads `openjdk version "17.0.15" 2025-04-15` as 17, and the older `"1.8.0"` as 1.
fn major_version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once('"')?;
    rest.split(['.', '"', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_java_is_read_from_its_own_words() {
        let rows = [
            ("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime", Some(17)),
            ("java version \"1.8.0_392\"", Some(1)),
            ("openjdk version \"21\" 2023-09-19", Some(21)),
            ("openjdk version \"22-ea\"", Some(22)),
            ("command not found", None),
        ];
        for (text, expected) in rows {
            assert_eq!(major_version(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_there_is_not_installed() {
        let shell = [Need { package: "no-such-package", reason: "a shell", sign: Sign::Program("sh") }];
        install(&[&shell]).expect("nothing is missing");
    }
}
