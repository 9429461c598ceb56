//! The records of the internal topics in Avro's single-object encoding: two marker bytes, the fingerprint of the
//! schema, the datum. It knows the schemas of this build only: a topic is read by the build that wrote it or a later
//! one that still lists the older schema.
//!
//! A new field of a record is a field of the struct and one of the .avsc, in the same place: that they stand in the same
//! order is checked when a format is first used, and by a test of this crate.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_avro_fast::schema::SchemaMut;

use super::Unread;
use super::positional::{self, Reader, Writer};
use crate::records::{
    Case, DayClosed, Evidence, ExplainRequest, HouseholdEntry, HouseholdParts, HouseholdState, Parked, Progress,
    Redirect, Scorecard, SubjectEntry, Warning,
};

/// The two bytes that begin a single-object encoding.
pub const SINGLE_OBJECT_MARKER: [u8; 2] = [0xC3, 0x01];
/// Marker and fingerprint.
pub const SINGLE_OBJECT_HEADER_BYTES: usize = 10;

/// Why a record of an internal topic cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Too short, or without the marker.
    #[error("the value of {bytes} bytes is no Avro single-object encoding; expected a {expected}")]
    Framing {
        /// Its length.
        bytes: usize,
        /// The record that was expected.
        expected: &'static str,
    },
    /// Another record, or one of a build with another schema.
    #[error(
        "the value was written with schema {found}, expected {expected} ({name}): another record, or another build"
    )]
    Schema {
        /// The fingerprint found, hex.
        found: String,
        /// The fingerprint expected, hex.
        expected: String,
        /// The record that was expected.
        name: &'static str,
    },
    /// The bytes do not fit the schema.
    #[error("the {name} does not decode: {cause}")]
    Decode {
        /// The record that was expected.
        name: &'static str,
        /// What the decoder says.
        cause: String,
    },
    /// The bytes of a list that was passed over at first are none.
    #[error("a list of the record does not decode: {cause}")]
    List {
        /// What the decoder says.
        cause: String,
    },
    /// Bytes are left after the record.
    #[error("{bytes} bytes are left after the {name}")]
    TrailingBytes {
        /// How many.
        bytes: usize,
        /// The record that was expected.
        name: &'static str,
    },
    /// The value does not fit the schema.
    #[error("the {name} does not encode: {cause}")]
    Encode {
        /// The record.
        name: &'static str,
        /// What the encoder says.
        cause: String,
    },
}

/// The schema of one kind of record, read once.
pub struct Format {
    name: &'static str,
    text: &'static str,
    fingerprint: [u8; 8],
}

/// A record that has a schema of its own.
pub trait Recorded {
    /// The schema.
    fn format() -> &'static Format;
}

/// Reads a schema and holds the type against it.
fn format<'de, T: Deserialize<'de>>(name: &'static str, text: &'static str) -> Result<Format, String> {
    let schema: SchemaMut = text.parse().map_err(|fault| format!("the schema of {name} is not valid: {fault}"))?;
    positional::check::<T>(&schema).map_err(|fault| format!("{name} does not stand in its schema's order: {fault}"))?;
    let schema = schema.freeze().map_err(|fault| format!("the schema of {name} is not valid: {fault}"))?;
    Ok(Format { name, text, fingerprint: *schema.rabin_fingerprint() })
}

/// Binds a record type to its file; the type parameter list is empty or one lifetime.
macro_rules! recorded {
    ($type:ty, $name:literal, $file:literal) => {
        impl Recorded for $type {
            fn format() -> &'static Format {
                // Types and schemas are of this crate, and a test holds them together.
                static FORMAT: LazyLock<Format> = LazyLock::new(|| {
                    format::<$type>($name, include_str!($file)).unwrap_or_else(|fault| panic!("{fault}"))
                });
                &FORMAT
            }
        }
    };
}

recorded!(SubjectEntry<'_>, "SubjectEntry", "../../subject_entry.avsc");
recorded!(HouseholdEntry<'_>, "HouseholdEntry", "../../household_entry.avsc");
recorded!(HouseholdState, "HouseholdState", "../../household_state.avsc");
recorded!(HouseholdState<Unread<'_, Evidence>>, "HouseholdState", "../../household_state.avsc");
recorded!(HouseholdParts<'_>, "HouseholdState", "../../household_state.avsc");
recorded!(Case, "Case", "../../case.avsc");
recorded!(Warning, "Warning", "../../warning.avsc");
recorded!(DayClosed, "DayClosed", "../../day_closed.avsc");
recorded!(Progress, "Progress", "../../progress.avsc");
recorded!(Parked<'_>, "Parked", "../../parked.avsc");
recorded!(Redirect<'_>, "Redirect", "../../redirect.avsc");
recorded!(ExplainRequest, "ExplainRequest", "../../explain_request.avsc");
recorded!(Scorecard, "Scorecard", "../../scorecard.avsc");

/// Appends the record in single-object encoding. On an error nothing is appended.
pub fn encode<T: Serialize + Recorded>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let format = T::format();
    let before = out.len();
    out.extend_from_slice(&SINGLE_OBJECT_MARKER);
    out.extend_from_slice(&format.fingerprint);
    value.serialize(&mut Writer::new(out)).map_err(|cause| {
        out.truncate(before);
        CodecError::Encode { name: format.name, cause: cause.to_string() }
    })
}

/// Reads a record, borrowing from its bytes. Every byte must belong to it.
pub fn decode<'a, T: Deserialize<'a> + Recorded>(bytes: &'a [u8]) -> Result<T, CodecError> {
    let format = T::format();
    let fingerprint = fingerprint(bytes).ok_or(CodecError::Framing { bytes: bytes.len(), expected: format.name })?;
    if fingerprint != format.fingerprint {
        return Err(CodecError::Schema {
            found: hex(fingerprint),
            expected: hex(format.fingerprint),
            name: format.name,
        });
    }
    let mut reader = Reader::new(&bytes[SINGLE_OBJECT_HEADER_BYTES..]);
    let value = T::deserialize(&mut reader)
        .map_err(|cause| CodecError::Decode { name: format.name, cause: cause.to_string() })?;
    match reader.left() {
        0 => Ok(value),
        bytes => Err(CodecError::TrailingBytes { bytes, name: format.name }),
    }
}

/// The number of a state, which is its first field, without reading the rest.
pub fn state_number(bytes: &[u8]) -> Result<i64, CodecError> {
    #[derive(Deserialize)]
    struct Begin {
        number: i64,
    }
    let name = <HouseholdState>::format().name;
    let datum = bytes.get(SINGLE_OBJECT_HEADER_BYTES..).filter(|_| is::<HouseholdState>(bytes));
    let datum = datum.ok_or(CodecError::Framing { bytes: bytes.len(), expected: name })?;
    let begin = Begin::deserialize(&mut Reader::new(datum));
    begin.map(|begin| begin.number).map_err(|cause| CodecError::Decode { name, cause: cause.to_string() })
}

/// Whether the bytes are framed as this kind of record.
pub fn is<T: Recorded>(bytes: &[u8]) -> bool {
    fingerprint(bytes).is_some_and(|found| found == T::format().fingerprint)
}

/// The text of the record's schema, as its file has it.
pub fn schema_text<T: Recorded>() -> &'static str {
    T::format().text
}

/// The fingerprint in the header of a single-object encoding; `None` where there is no such header.
pub fn fingerprint(bytes: &[u8]) -> Option<[u8; 8]> {
    let rest = bytes.strip_prefix(&SINGLE_OBJECT_MARKER)?;
    rest.first_chunk::<8>().copied()
}

fn hex(fingerprint: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(fingerprint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Entry, Origin};
    use crate::{Category, Cause, Day, Fen, Hash64, HouseholdCode, Kind, Month, Op, PersonToken};

    /// The empty fingerprint and the polynomial of CRC-64-AVRO, which are the same number.
    const CRC_64_AVRO_EMPTY: u64 = 0xc15d_213a_a4d7_a795;

    fn entry() -> SubjectEntry<'static> {
        SubjectEntry {
            event: Hash64(-5),
            ordinal: 1,
            source: "health-insurance",
            event_type: "medical_settlement",
            op: Op::Upsert,
            corrects: None,
            content: Hash64(9),
            person: Some(PersonToken([7; 16])),
            household: HouseholdCode::parse("4310231012050007").ok(),
            occurred_day: Day(20_000),
            reported_at_ms: 1_728_000_000_000,
            document: Some(Hash64(3)),
            entries: vec![Entry {
                kind: Kind::Expense,
                category: Category::MedicalInpatient,
                cause: Cause::Illness,
                amount_fen: Fen(9_000_000),
                day: Day(20_000),
                month: Month::from_yyyymm(202_410).expect("a month"),
                months: 1,
                code: "",
                value: "",
            }],
            origin: Origin { topic: "feeds.health-insurance", partition: 1, offset: 42 },
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let mut bytes = Vec::new();
        encode(&entry(), &mut bytes).expect("encodes");
        assert!(is::<SubjectEntry<'_>>(&bytes) && !is::<DayClosed>(&bytes));
        assert_eq!(decode::<SubjectEntry<'_>>(&bytes).expect("decodes"), entry());
    }

    #[test]
    fn bytes_of_anything_else_are_refused_with_a_word() {
        let mut bytes = Vec::new();
        encode(&entry(), &mut bytes).expect("encodes");
        assert!(matches!(decode::<SubjectEntry<'_>>(b"nonsense"), Err(CodecError::Framing { bytes: 8, .. })));
        assert!(matches!(decode::<DayClosed>(&bytes), Err(CodecError::Schema { .. })));
        let short = &bytes[..bytes.len() - 1];
        assert!(matches!(decode::<SubjectEntry<'_>>(short), Err(CodecError::Decode { .. })));
        bytes.push(0);
        assert!(matches!(decode::<SubjectEntry<'_>>(&bytes), Err(CodecError::TrailingBytes { bytes: 1, .. })));
    }

    #[test]
    fn every_schema_of_this_crate_is_valid_and_of_its_name() {
        let formats = [
            SubjectEntry::format(),
            HouseholdEntry::format(),
            <HouseholdState>::format(),
            Case::format(),
            Warning::format(),
            DayClosed::format(),
            Progress::format(),
            Parked::format(),
            Redirect::format(),
            Scorecard::format(),
            ExplainRequest::format(),
        ];
        for format in formats {
            let schema = apache_avro::Schema::parse_str(format.text).expect(format.name);
            assert_eq!(schema.name().map(|name| name.name().to_owned()).as_deref(), Some(format.name));
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_the_parsing_canonical_form() {
        // Written out by hand after the Avro specification ("Parsing Canonical Form"): apache-avro 0.22 keeps logical
        // types in its canonical form and so gives another fingerprint than Java writers.
        let canonical = r#"{"name":"backstop.DayClosed","type":"record","fields":[{"name":"day","type":"int"},{"name":"from","type":"string"},{"name":"of","type":"int"},{"name":"policies_offset","type":"long"},{"name":"coverage","type":{"type":"array","items":{"name":"backstop.Coverage","type":"record","fields":[{"name":"source","type":"string"},{"name":"county","type":"int"},{"name":"day","type":"int"}]}}}]}"#;
        let fingerprint = canonical.bytes().fold(CRC_64_AVRO_EMPTY, |crc, byte| {
            (0..8).fold(crc ^ u64::from(byte), |crc, _| (crc >> 1) ^ (CRC_64_AVRO_EMPTY & (crc & 1).wrapping_neg()))
        });
        assert_eq!(DayClosed::format().fingerprint, fingerprint.to_le_bytes());
    }
}
