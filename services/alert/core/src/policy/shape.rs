//! The shape of a YAML file: whether it can be read at all, and what of it does not fit its JSON schema. It does not know
//! what the file is about.

use jsonschema::Validator;
use serde_json::Value;

use super::faults::{Fault, Faults};

/// Longest file that is read, in bytes.
const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Reads YAML.
pub(super) fn parse(text: &str) -> Result<Value, Faults> {
    let whole = |what: String| Faults(vec![Fault { place: String::new(), what }]);
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(whole(format!("{} bytes; a policy file has at most {DOCUMENT_BYTES_MAX}", text.len())));
    }
    serde_saphyr::from_str::<Value>(text).map_err(|error| whole(format!("no YAML that can be read: {error}")))
}

/// A JSON schema of this project.
pub(super) fn validator(schema_text: &str) -> Validator {
    #[expect(clippy::expect_used, reason = "the text is a file of this project, which a test of its reader compiles")]
    let schema = serde_json::from_str(schema_text).expect("the schema is JSON");
    #[expect(clippy::expect_used, reason = "a test of its reader compiles it")]
    jsonschema::validator_for(&schema).expect("the schema is a JSON schema")
}

/// What does not fit the schema, with places as JSON pointers.
pub(super) fn faults(validator: &Validator, value: &Value) -> Vec<Fault> {
    let errors = validator.iter_errors(value);
    errors.map(|error| Fault { place: error.instance_path().to_string(), what: error.to_string() }).collect()
}
