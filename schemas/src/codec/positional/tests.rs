//! The codec by place beside the one by name: the same bytes and the same values, for every record of this crate.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_avro_fast::Schema;
use serde_avro_fast::ser::SerializerConfig;

use super::order::example;
use super::{Reader, Writer, check};
use crate::codec::{self, CodecError, Unread, schema_text};
use crate::records::{
    Case, DayClosed, Evidence, ExplainRequest, HouseholdEntry, HouseholdParts, HouseholdState, Parked, Progress,
    Redirect, Scorecard, SubjectEntry, Warning,
};

/// Numbers below a bound, one after another, as a seed says.
fn draws(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % below.max(1)
    }
}

fn by_place(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.serialize(&mut Writer::new(&mut bytes)).expect("a value of ours");
    bytes
}

fn read_all(parts: &mut HouseholdParts<'_>) -> Result<(), CodecError> {
    parts.statuses.look()?;
    parts.evidence.look()?;
    parts.incidents.look()?;
    let wages = parts.members.change()?.iter_mut().map(|member| &mut member.wages);
    let mut amounts = wages.chain(parts.sums.change()?.iter_mut().map(|sum| &mut sum.months));
    amounts.try_for_each(|amounts| amounts.change(|_| ()))
}

/// Holds a made-up record of a type against the codec that looks names up.
macro_rules! same_as_by_name {
    ($seed:expr, $is_same:expr, $($type:ty),* $(,)?) => {
        $(
            let text = schema_text::<$type>();
            let value: $type = example(&text.parse().expect("a schema"), &mut draws($seed)).expect("an example");
            let bytes = by_place(&value);
            let schema: Schema = text.parse().expect("a schema");
            let by_name = serde_avro_fast::to_datum_vec(&value, &mut SerializerConfig::new(&schema)).expect("it fits");
            let mut plain = Reader::new(&by_name);
            prop_assert_eq!(&<$type>::deserialize(&mut plain).expect("it reads"), &value);
            prop_assert_eq!(plain.left(), 0);
            if $is_same {
                prop_assert_eq!(&bytes, &by_name);
            }
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(&<$type>::deserialize(&mut reader).expect("it reads"), &value);
            prop_assert_eq!(reader.left(), 0);
            let read: $type = serde_avro_fast::from_datum_slice(&bytes, &schema).expect("it reads by name");
            prop_assert_eq!(read, value);
        )*
    };
}

proptest! {
    #[test]
    fn a_record_has_the_same_bytes_as_by_name_and_reads_back(seed in any::<u64>()) {
        same_as_by_name!(
            seed, true, SubjectEntry<'_>, HouseholdEntry<'_>, Case, Warning, DayClosed, Progress, Parked<'_>,
            Redirect<'_>, ExplainRequest, Scorecard,
        );
        // Its lists say their size in bytes, which is another form of the same.
        same_as_by_name!(seed, false, HouseholdState);
    }

    #[test]
    fn a_state_is_the_same_whichever_of_its_lists_are_read(seed in any::<u64>(), read in 0_u8..32) {
        let schema = schema_text::<HouseholdState>().parse().expect("a schema");
        let value: HouseholdState = example(&schema, &mut draws(seed)).expect("an example");
        let mut bytes = Vec::new();
        codec::encode(&value, &mut bytes).expect("a state");
        let mut parts: HouseholdParts<'_> = codec::decode(&bytes).expect("the same state");
        prop_assert_eq!(parts.sums.is_empty(), value.sums.is_empty());
        let wanted = |bit: u8| read >> bit & 1 == 1;
        prop_assert_eq!(parts.evidence.look().expect("evidence").len(), value.evidence.len());
        if wanted(0) {
            for member in parts.members.change().expect("members") {
                member.wages.change(|_| ()).expect("wages");
            }
        }
        if wanted(1) {
            parts.statuses.change().expect("statuses");
        }
        if wanted(2) {
            for sum in parts.sums.change().expect("sums") {
                sum.months.change(|_| ()).expect("amounts");
            }
        }
        if wanted(3) {
            parts.evidence.change().expect("evidence");
        }
        if wanted(4) {
            parts.incidents.change().expect("incidents");
        }
        let mut again = Vec::new();
        codec::encode(&parts, &mut again).expect("a state");
        prop_assert_eq!(&again, &bytes);
        let late: HouseholdState<Unread<'_, Evidence>> = codec::decode(&bytes).expect("the same state");
        let (state, evidence) = late.with_evidence(());
        let (whole, ()) = state.with_evidence(evidence.into_items().expect("evidence"));
        prop_assert_eq!(whole, value);
    }

    #[test]
    fn damaged_bytes_of_a_list_are_told_when_it_is_read(
        seed in any::<u64>(), at in any::<prop::sample::Index>(), bits in 1..=255_u8,
    ) {
        let schema = schema_text::<HouseholdState>().parse().expect("a schema");
        let value: HouseholdState = example(&schema, &mut draws(seed)).expect("an example");
        let mut bytes = by_place(&value);
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let whole = <HouseholdState>::deserialize(&mut Reader::new(&bytes));
        let parts = HouseholdParts::deserialize(&mut Reader::new(&bytes));
        let read = parts.map_err(|fault| fault.to_string()).and_then(|mut parts| {
            read_all(&mut parts).map_err(|fault| fault.to_string())
        });
        // Who goes by the sizes notices one that is wrong, and all else that the other does.
        prop_assert!(read.is_err() || whole.is_ok(), "{:?}", whole);
    }

    #[test]
    fn the_number_of_a_state_is_read_without_the_rest(seed in any::<u64>()) {
        let schema = schema_text::<HouseholdState>().parse().expect("a schema");
        let value: HouseholdState = example(&schema, &mut draws(seed)).expect("an example");
        let mut bytes = Vec::new();
        codec::encode(&value, &mut bytes).expect("a state");
        prop_assert_eq!(codec::state_number(&bytes).expect("a state"), value.number);
        prop_assert!(codec::state_number(&bytes[1..]).is_err() && codec::state_number(&bytes[..10]).is_err());
    }

    #[test]
    fn a_record_that_is_cut_short_is_refused(seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let schema = schema_text::<HouseholdState>().parse().expect("a schema");
        let value: HouseholdState = example(&schema, &mut draws(seed)).expect("an example");
        let bytes = by_place(&value);
        let short = &bytes[..cut.index(bytes.len())];
        prop_assert!(<HouseholdState>::deserialize(&mut Reader::new(short)).is_err());
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = <HouseholdState>::deserialize(&mut Reader::new(&bytes));
        let _ = Warning::deserialize(&mut Reader::new(&bytes));
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plain {
    number: i64,
    text: String,
    list: Vec<i32>,
}

#[test]
fn numbers_and_texts_of_any_length_read_back() {
    for (number, length) in [(i64::MIN, 0), (i64::MAX, 63), (-64, 64), (64, 127), (-1, 128), (1 << 62, 70_000)] {
        let plain = Plain { number, text: "雨".repeat(length), list: vec![i32::MIN, -1, i32::MAX] };
        let bytes = by_place(&plain);
        assert_eq!(Plain::deserialize(&mut Reader::new(&bytes)).expect("it reads"), plain);
    }
}

#[test]
fn a_list_may_come_in_blocks_with_or_without_their_size() {
    // 1, "", then 2 items; 1 item in a block of 1 byte; the end.
    let bytes = [2, 0, 4, 2, 4, 1, 2, 6, 0];
    let plain = Plain::deserialize(&mut Reader::new(&bytes)).expect("it reads");
    assert_eq!(plain, Plain { number: 1, text: String::new(), list: vec![1, 2, 3] });
}

#[test]
fn bytes_that_say_something_impossible_are_refused() {
    let rows: [(&[u8], &str); 6] = [
        (&[0xff; 11], "64 bits"),
        (&[2, 3], "no length"),
        (&[2, 2, 0xff], "utf-8"),
        (&[2, 0xfe, 0xff, 0xff, 0xff, 0x1f, b'x'], "end before"),
        (&[2, 0, 2, 0xfe, 0xff, 0xff, 0xff, 0x1f, 0], "no int"),
        (&[2, 0, 0xfe, 0xff, 0xff, 0xff, 0x1f, 0], "end before"),
    ];
    for (bytes, expected) in rows {
        let fault = Plain::deserialize(&mut Reader::new(bytes)).expect_err(expected).to_string();
        assert!(fault.contains(expected), "{bytes:?}: {fault}");
    }
}

#[test]
fn a_type_that_differs_from_its_schema_is_told_where() {
    #[derive(Debug, Deserialize)]
    enum Colour {
        #[serde(rename = "red")]
        Red,
        #[serde(rename = "green")]
        Green,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Part {
        day: Option<i32>,
        colour: Colour,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Whole {
        number: i64,
        parts: Vec<Part>,
    }
    let number = r#"{"name": "number", "type": "long"}"#;
    let parts = |day: &str, symbols: &str| {
        format!(
            r#"{{"name": "parts", "type": {{"type": "array", "items": {{"type": "record", "name": "Part", "fields": [
                {{"name": "day", "type": {day}}},
                {{"name": "colour", "type": {{"type": "enum", "name": "Colour", "symbols": [{symbols}]}}}}]}}}}}}"#
        )
    };
    let (option, colours) = (r#"["null", "int"]"#, r#""red", "green""#);
    let whole =
        |fields: &[&str]| format!(r#"{{"type": "record", "name": "Whole", "fields": [{}]}}"#, fields.join(", "));
    let good = parts(option, colours);
    let rows = [
        (whole(&[number, &good]), ""),
        (whole(&[&good, number]), "the record: field 1 is `number` in the type and `parts` in the schema"),
        (whole(&[number]), "the record: field 2 is `parts` in the type and nothing more in the schema"),
        (
            whole(&[number, &good, r#"{"name": "more", "type": "int"}"#]),
            "the record: field 3 is nothing more in the type and `more` in the schema",
        ),
        (whole(&[r#"{"name": "number", "type": "int"}"#, &good]), "number: the type has a long, the schema int"),
        (whole(&[number, &parts(r#""int""#, colours)]), "parts.[].day: the type has an option, the schema int"),
        (whole(&[number, &parts(r#"["int", "null"]"#, colours)]), "parts.[].day: the type has an option, whose union"),
        (
            whole(&[number, &parts(option, r#""green", "red""#)]),
            "parts.[].colour: symbol 1 is `red` in the type and `green` in the schema",
        ),
    ];
    for (schema, expected) in rows {
        let found = check::<Whole>(&schema.parse().expect("a schema")).err().map_or(String::new(), |f| f.to_string());
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{expected}: {found}");
    }
    // That the symbols are there is all that is asked of them.
    let _ = (Colour::Red, Colour::Green);
}
