//! Kafka's second listener, as production has it: TLS, and a user who logs in by SCRAM-SHA-512. The certificate is made
//! with the `keytool` of the Java that runs Kafka. Does not know who connects to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::shell::run_quietly;

/// The user who may log in, and his password: no secret, since the same broker has an open listener beside this one,
/// and both are bound to 127.0.0.1.
pub(super) const USER: &str = "backstop";
const PASSWORD: &str = "of-a-local-broker";
/// What encrypts the broker's key file, for the same reason no secret either.
const KEYSTORE_PASSWORD: &str = "of-a-local-keystore";

/// How a client reaches the secured listener: what the file `stack.json` holds of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Secured {
    /// `host:port`.
    pub brokers: String,
    /// The user of SCRAM-SHA-512.
    pub username: String,
    /// A file that holds the user's password.
    pub password_file: PathBuf,
    /// The certificate (PEM) that the broker's is signed with.
    pub ca_file: PathBuf,
}

/// How to reach the listener on `port` of the Kafka in `folder`.
pub(super) fn access(folder: &Path, port: u16) -> Secured {
    Secured {
        brokers: format!("127.0.0.1:{port}"),
        username: USER.to_owned(),
        password_file: folder.join("password"),
        ca_file: folder.join("ca.pem"),
    }
}

/// What `StorageTool format` is told, so that the user is there when the broker starts for the first time.
pub(super) fn user() -> String {
    format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]")
}

/// Makes the certificate and the files that clients read, where they are not there yet.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    let Secured { password_file, ca_file, .. } = access(folder, 0);
    fs::write(&password_file, PASSWORD).with_context(|| format!("write {}", password_file.display()))?;
    if ca_file.is_file() {
        return Ok(());
    }
    let keystore = keystore(folder);
    if keystore.is_file() {
        // What an interrupted start has left: its certificate was never told to anybody.
        fs::remove_file(&keystore).with_context(|| format!("remove {}", keystore.display()))?;
    }
    let of_keystore = |action: &str| {
        let mut keytool = Command::new("keytool");
        keytool.arg(action).args(["-alias", "broker", "-storepass", KEYSTORE_PASSWORD, "-keystore"]).arg(&keystore);
        keytool
    };
    // It signs itself, so that it is its own authority.
    let mut make = of_keystore("-genkeypair");
    make.args(["-storetype", "PKCS12", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650"]);
    make.args(["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1,dns:localhost", "-ext", "bc=ca:true"]);
    run_quietly(&mut make)?;
    let certificate = run_quietly(of_keystore("-exportcert").arg("-rfc"))?.stdout;
    fs::write(&ca_file, certificate).with_context(|| format!("write {}", ca_file.display()))
}

/// The broker's settings beyond those of the open listener.
pub(super) fn properties(folder: &Path) -> String {
    format!(
        "sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secured.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location={}
ssl.keystore.password={KEYSTORE_PASSWORD}
ssl.key.password={KEYSTORE_PASSWORD}
",
        keystore(folder).display()
    )
}

fn keystore(folder: &Path) -> PathBuf {
    folder.join("broker.p12")
}
