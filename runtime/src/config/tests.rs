//! What a person who sets settings is told.

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Alert {
    policies: String,
    cases_max: u32,
}

impl Section for Alert {
    const NAME: &'static str = "alert";

    fn check(&self, faults: &mut Faults) {
        faults.unless(self.cases_max < 100, "alert.cases_max", "is above 99");
    }
}

fn loaded(file: &str, environment: &[(&str, &str)]) -> Result<Settings<Alert>, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backstop.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    load(&Source { file: Some(path), environment }).map_err(|faults| faults.rows().to_vec())
}

#[test]
fn the_environment_goes_over_the_file() {
    let settings = loaded(
        "[kafka]\nbrokers = \"one:9092\"\n[alert]\npolicies = \"a\"\ncases_max = 5\n[log]\nformat = \"json\"\n",
        &[
            ("BACKSTOP_KAFKA__BROKERS", "two:9092,three:9092"),
            ("BACKSTOP_WORKER__INSTANCE_ORDINAL", "7"),
            ("BACKSTOP_ALERT__CASES_MAX", "6"),
            ("BACKSTOP_KAFKA", "passed over: it names no setting"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(settings.runtime.kafka.brokers, "two:9092,three:9092");
    assert_eq!(settings.runtime.worker.instance_ordinal, 7);
    assert_eq!(settings.runtime.worker.transaction_ms, 100);
    assert_eq!(settings.runtime.log.format, LogFormat::Json);
    assert_eq!((settings.service.policies.as_str(), settings.service.cases_max), ("a", 6));
}

#[test]
fn all_faults_are_said_at_once_each_with_its_setting() {
    let faults = loaded(
        "[kafka]\nbrokers = \"nowhere\"\nprotocol = \"sasl_ssl\"\npasword_file = \"x\"\n[worker]\nworkers = 0\n\
         transaction_ms = \"soon\"\n[alert]\ncases_max = 500\n[alarm]\nx = 1\n",
        &[("BACKSTOP_METRICS__ADDRESS", "here"), ("BACKSTOP_LOG__FORMAT", "xml")],
    )
    .unwrap_err();
    let expected = [
        "kafka.pasword_file: there is no such setting",
        "kafka.brokers: must be given as host:port",
        "kafka.username: must be given",
        "kafka.password_file: must be given",
        "worker.transaction_ms: invalid type",
        "worker.workers: 0 is not between 1 and 256",
        "metrics.address: here is no address",
        "log.format: ",
        "alert.cases_max: is above 99",
        "alarm: there is no such section",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for start in expected {
        assert!(faults.iter().any(|fault| fault.starts_with(start)), "{start}\n{faults:#?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let source = Source { file: Some("/nowhere/backstop.toml".into()), environment: BTreeMap::new() };
    let faults = load::<NoSection>(&source).unwrap_err();
    assert!(faults.to_string().contains("/nowhere/backstop.toml"), "{faults}");
}

#[test]
fn brokers_must_be_given() {
    let faults = loaded("", &[]).unwrap_err();
    assert_eq!(faults, ["kafka.brokers: must be given as host:port, several with commas"]);
}
