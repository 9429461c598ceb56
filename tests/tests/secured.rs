//! Against a Kafka that asks for TLS and a login: what a wrong setting ends as. That the right ones work is proved by
//! the scenarios in `servers.rs`, whose services log in here too.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use proof::{Running, free_address, page, program, secured_settings, until, variable};

/// How long a service may take to see that it is refused; what it waits for must be shown within this time as well.
const LIMIT: Duration = Duration::from_secs(30);
/// What a service ends with when its settings cannot be used.
const EXIT_SETTINGS: i32 = 2;

/// A service with the settings of the secured listener, one of them changed.
struct Attempt {
    what: &'static str,
    expected: &'static str,
    metrics: String,
    log: std::path::PathBuf,
    service: Running,
}

impl Attempt {
    fn start(folder: &Path, what: &'static str, change: (&str, &str), expected: &'static str) -> Result<Self> {
        let (setting, value) = change;
        let (key_file, metrics) = (folder.join(format!("{what}.key")), free_address()?);
        std::fs::write(&key_file, "a key of the tests, which keeps nothing secret")?;
        let mut command = program("ingest")?;
        command.envs(secured_settings()?).env(format!("BACKSTOP_KAFKA__{setting}"), value);
        command.env("BACKSTOP_METRICS__ADDRESS", &metrics).env("BACKSTOP_INGEST__KEY_FILE", key_file);
        let log = folder.join(format!("{what}.log"));
        let service = Running::start(&mut command, &log)?;
        Ok(Self { what, expected, metrics, log, service })
    }

    fn said(&self) -> Result<String> {
        std::fs::read_to_string(&self.log).with_context(|| format!("read the log of {}", self.what))
    }

    fn names_its_setting(&self) -> Result<()> {
        let said = self.said()?;
        let lines: Vec<&str> =
            said.lines().filter(|line| line.contains(" ERROR ") || line.contains(" WARN ")).collect();
        assert!(
            lines.iter().any(|line| line.contains(self.expected)),
            "{}: no {} in\n{said}",
            self.what,
            self.expected
        );
        Ok(())
    }

    fn waits_visibly(&self) -> bool {
        let shown = page(&self.metrics, "/metrics").unwrap_or_default();
        shown.lines().any(|line| {
            line.starts_with("backstop_waiting{") && line.contains("what=\"broker\"") && line.ends_with(" 1")
        })
    }
}

#[test]
fn a_service_that_the_broker_refuses_ends_with_one_error_that_names_the_setting() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "not the password")?;
    let wrong = wrong.to_string_lossy();
    let rows = [
        ("a wrong password", ("PASSWORD_FILE", &*wrong), "kafka.password_file"),
        ("an unknown user", ("USERNAME", "nobody"), "kafka.username"),
        ("a mechanism that the broker has not", ("SASL_MECHANISM", "SCRAM-SHA-256"), "kafka.sasl_mechanism"),
        ("a certificate that nobody known has signed", ("CA_FILE", ""), "kafka.ca_file"),
    ];
    let mut attempts = Vec::new();
    for (what, change, expected) in rows {
        attempts.push(Attempt::start(folder.path(), what, change, expected)?);
    }
    for attempt in &mut attempts {
        let status = attempt.service.end_within(LIMIT).context(attempt.what)?;
        assert_eq!(status.code(), Some(EXIT_SETTINGS), "{}:\n{}", attempt.what, attempt.said()?);
        attempt.names_its_setting()?;
        let said = attempt.said()?;
        assert_eq!(said.matches(" ERROR ").count(), 1, "one error is enough:\n{said}");
        assert!(!said.contains("not the password") && !said.contains("panicked"), "{said}");
    }
    Ok(())
}

/// A broker that hangs up may be one that is just starting, so such a service goes on trying.
#[test]
fn a_service_whose_protocol_is_not_the_brokers_waits_visibly_and_names_the_setting() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let open = variable("BACKSTOP_KAFKA")?;
    let rows = [
        ("no TLS to a listener with TLS", ("PROTOCOL", "plaintext"), "kafka.protocol"),
        ("no login to a listener with a login", ("PROTOCOL", "ssl"), "kafka.protocol"),
        ("TLS to a listener without", ("BROKERS", open.as_str()), "kafka.protocol"),
    ];
    let mut attempts = Vec::new();
    for (what, change, expected) in rows {
        attempts.push(Attempt::start(folder.path(), what, change, expected)?);
    }
    for attempt in &attempts {
        until(attempt.what, LIMIT, || Ok(attempt.waits_visibly()))?;
        attempt.names_its_setting()?;
        let ready = page(&attempt.metrics, "/health/ready").unwrap_or_default();
        assert!(!ready.starts_with("HTTP/1.1 200"), "{}: {ready}", attempt.what);
    }
    Ok(())
}
