//! The plan against `apache-avro`'s own decoding and resolution over random schemas that evolve; aliases against a
//! hand-made oracle; garbage.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A type of field that both sides know. `Text` may be an enum for the writer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Text,
    Bytes,
    Enum,
    Texts,
    Rows,
}

/// A field in the life of a schema: what the writer has, whether the reader wants it, and as what.
#[derive(Clone, Debug)]
struct Life {
    name: String,
    written: Option<Type>,
    read: Option<Type>,
    nullable: bool,
    default: bool,
    rank: u32,
    value: Option<i64>,
}

const SYMBOLS: [&str; 3] = ["red", "green", "blue"];

fn types() -> impl Strategy<Value = (Type, Type)> {
    use Type::{Boolean, Bytes, Double, Enum, Float, Int, Long, Rows, Text, Texts};
    prop::sample::select(vec![
        (Boolean, Boolean),
        (Int, Int),
        (Int, Long),
        (Int, Double),
        (Long, Long),
        (Long, Double),
        (Float, Float),
        (Float, Double),
        (Double, Double),
        (Text, Text),
        (Text, Bytes),
        (Bytes, Bytes),
        (Bytes, Text),
        (Enum, Enum),
        (Texts, Texts),
        (Rows, Rows),
    ])
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let life = (types(), 0..4u8, any::<(bool, bool, u32)>(), prop::option::weighted(0.8, -1000..1000i64));
    prop::collection::vec(life, 1..10).prop_map(|lives| {
        let life = |(at, ((written, read), fate, (nullable, default, rank), value))| {
            let (written, read) = match fate {
                0 => (Some(written), None),
                1 => (None, Some(read)),
                _ => (Some(written), Some(read)),
            };
            Life { name: format!("f{at}"), written, read, nullable, default, rank, value }
        };
        lives.into_iter().enumerate().map(life).collect()
    })
}

fn type_json(one: Type, name: &str) -> serde_json::Value {
    match one {
        Type::Boolean => json!("boolean"),
        Type::Int => json!("int"),
        Type::Long => json!("long"),
        Type::Float => json!("float"),
        Type::Double => json!("double"),
        Type::Text => json!("string"),
        Type::Bytes => json!("bytes"),
        Type::Enum => json!({"type": "enum", "name": format!("E{name}"), "symbols": SYMBOLS}),
        Type::Texts => json!({"type": "array", "items": "string"}),
        Type::Rows => json!({"type": "array", "items": {"type": "record", "name": format!("R{name}"), "fields": [
            {"name": "skipped", "type": "string"}, {"name": "number", "type": "int"}]}}),
    }
}

fn nullable_json(one: Type, life: &Life) -> serde_json::Value {
    let plain = type_json(one, &life.name);
    if life.nullable { json!(["null", plain]) } else { plain }
}

/// The default of a field that the writer does not have: null, or a value for the scalars.
fn default_of(life: &Life, read: Type) -> Option<(serde_json::Value, Constant)> {
    if life.nullable {
        return Some((json!(null), Constant::Null));
    }
    if !life.default {
        return None;
    }
    Some(match read {
        Type::Boolean => (json!(true), Constant::Bool(true)),
        Type::Int | Type::Long => (json!(7), Constant::Long(7)),
        Type::Float | Type::Double => (json!(1.5), Constant::Double(1.5)),
        Type::Text => (json!("absent"), Constant::Text("absent".to_owned())),
        _ => return None,
    })
}

fn schema_of(fields: &[serde_json::Value]) -> String {
    json!({"type": "record", "name": "Thing", "fields": fields}).to_string()
}

fn writer_of(lives: &[Life]) -> String {
    let mut written: Vec<&Life> = lives.iter().filter(|life| life.written.is_some()).collect();
    written.sort_by_key(|life| life.rank);
    schema_of(
        &written
            .iter()
            .map(|life| json!({"name": life.name, "type": nullable_json(life.written.expect("written"), life)}))
            .collect::<Vec<_>>(),
    )
}

/// The fields that the reader has; one that cannot be had (no default, not written) is left out.
fn readable(lives: &[Life]) -> Vec<(&Life, Type)> {
    lives
        .iter()
        .filter_map(|life| Some((life, life.read?)))
        .filter(|(life, read)| life.written.is_some() || default_of(life, *read).is_some())
        .collect()
}

fn reader_of(lives: &[Life]) -> String {
    let field = |(life, read): (&Life, Type)| {
        let mut field = json!({"name": life.name, "type": nullable_json(read, life)});
        if let Some((default, _)) = default_of(life, read).filter(|_| life.written.is_none()) {
            field["default"] = default;
        }
        field
    };
    schema_of(&readable(lives).into_iter().map(field).collect::<Vec<_>>())
}

fn wanted_of(lives: &[Life]) -> Vec<Wanted> {
    let wanted = |(life, read): (&Life, Type)| Wanted {
        name: life.name.clone(),
        aliases: Vec::new(),
        shape: match read {
            Type::Boolean => Shape::One(Scalar::Bool),
            Type::Int | Type::Long => Shape::One(Scalar::Long),
            Type::Float | Type::Double => Shape::One(Scalar::Double),
            Type::Text | Type::Enum => Shape::One(Scalar::Text),
            Type::Bytes => Shape::One(Scalar::Bytes),
            Type::Texts => Shape::Texts,
            Type::Rows => Shape::Records(vec![Wanted {
                name: "number".to_owned(),
                aliases: Vec::new(),
                shape: Shape::One(Scalar::Long),
                default: Constant::Null,
            }]),
        },
        default: default_of(life, read).map(|(_, constant)| constant).unwrap_or_default(),
    };
    readable(lives).into_iter().map(wanted).collect()
}

fn value_of(life: &Life) -> Value {
    let number = life.value.unwrap_or(3);
    let rows = 0..(number.unsigned_abs() % 4);
    let plain = match life.written.expect("written") {
        Type::Boolean => Value::Boolean(number % 2 == 0),
        Type::Int => Value::Int(number as i32),
        Type::Long => Value::Long(number * 10_000_000_000),
        Type::Float => Value::Float(number as f32 / 4.0),
        Type::Double => Value::Double(number as f64 / 8.0),
        Type::Text => Value::String(format!("text {number}")),
        Type::Bytes => Value::Bytes(format!("bytes {number}").into_bytes()),
        Type::Enum => {
            let symbol = number.rem_euclid(3) as u32;
            Value::Enum(symbol, SYMBOLS[symbol as usize].to_owned())
        }
        Type::Texts => Value::Array(rows.map(|at| Value::String(format!("item {at}"))).collect()),
        Type::Rows => Value::Array(
            rows.map(|at| {
                Value::Record(vec![
                    ("skipped".to_owned(), Value::String("x".repeat(at as usize))),
                    ("number".to_owned(), Value::Int(at as i32)),
                ])
            })
            .collect(),
        ),
    };
    match (life.nullable, life.value) {
        (false, _) => plain,
        (true, None) => Value::Union(0, Box::new(Value::Null)),
        (true, Some(_)) => Value::Union(1, Box::new(plain)),
    }
}

fn bytes_of(lives: &[Life], writer: &apache_avro::Schema) -> Vec<u8> {
    let mut written: Vec<&Life> = lives.iter().filter(|life| life.written.is_some()).collect();
    written.sort_by_key(|life| life.rank);
    let record = Value::Record(written.iter().map(|life| (life.name.clone(), value_of(life))).collect());
    let datum = GenericDatumWriter::builder(writer).build().expect("a datum writer");
    datum.write_value_to_vec(record).expect("the oracle encodes its own value")
}

/// Shows a value of the oracle as a slot is shown.
fn shown_value(value: &Value) -> String {
    match value {
        Value::Union(_, inner) => shown_value(inner),
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Long(value) => value.to_string(),
        Value::Float(value) => format!("{:?}", f64::from(*value)),
        Value::Double(value) => format!("{value:?}"),
        Value::String(text) | Value::Enum(_, text) => format!("{:?}", text.as_bytes()),
        Value::Bytes(bytes) => format!("{bytes:?}"),
        Value::Array(items) => items.iter().map(shown_value).collect::<Vec<_>>().join(";"),
        Value::Record(fields) => {
            fields.iter().filter(|(name, _)| name != "skipped").map(|(_, value)| shown_value(value)).collect()
        }
        other => panic!("no such value is made: {other:?}"),
    }
}

fn shown_slot(slot: Slot<'_>, values: &Values<'_>) -> String {
    match slot {
        Slot::Null => "null".to_owned(),
        Slot::Bool(value) => value.to_string(),
        Slot::Long(value) => value.to_string(),
        Slot::Double(value) => format!("{value:?}"),
        Slot::Text(text) => format!("{:?}", text.as_bytes()),
        Slot::Bytes(bytes) => format!("{bytes:?}"),
        Slot::List(list) => {
            let rows =
                values.rows(list).map(|row| row.iter().map(|slot| shown_slot(*slot, values)).collect::<String>());
            rows.collect::<Vec<_>>().join(";")
        }
    }
}

proptest! {
    #[test]
    fn a_plan_reads_what_avro_resolution_reads(lives in lives()) {
        let (writer_text, reader_text) = (writer_of(&lives), reader_of(&lives));
        let writer = apache_avro::Schema::parse_str(&writer_text).expect("a writer");
        let reader = apache_avro::Schema::parse_str(&reader_text).expect("a reader");
        let bytes = bytes_of(&lives, &writer);
        let oracle = GenericDatumReader::builder(&writer).reader_schema(&reader).build().expect("a datum reader");
        let resolved = oracle.read_value(&mut bytes.as_slice());
        let Value::Record(expected) = resolved.expect("the oracle resolves") else { panic!("a record") };
        let plan = Plan::compile(&writer_text, &wanted_of(&lives)).expect("a plan");
        let mut scratch = Scratch::default();
        // Twice, since the scratch of the first record must not show in the second.
        for _ in 0..2 {
            let found = plan.read(&bytes, &mut scratch, |values| {
                values.slots().iter().map(|slot| shown_slot(*slot, values)).collect::<Vec<_>>()
            });
            let expected: Vec<String> = expected.iter().map(|(_, value)| shown_value(value)).collect();
            prop_assert_eq!(found.expect("reads"), expected);
        }
    }

    #[test]
    fn a_cut_or_lengthened_record_is_refused(lives in lives(), cut in any::<prop::sample::Index>()) {
        let text = writer_of(&lives);
        let bytes = bytes_of(&lives, &apache_avro::Schema::parse_str(&text).expect("a writer"));
        let plan = Plan::compile(&text, &wanted_of(&lives)).expect("a plan");
        let mut scratch = Scratch::default();
        if !bytes.is_empty() {
            let short = &bytes[..cut.index(bytes.len())];
            prop_assert!(plan.read(short, &mut scratch, |_| ()).is_err());
        }
        let long = [bytes.as_slice(), &[0]].concat();
        prop_assert_eq!(plan.read(&long, &mut scratch, |_| ()), Err(ReadError::TrailingBytes(1)));
    }

    #[test]
    fn garbage_never_panics(lives in lives(), garbage in prop::collection::vec(any::<u8>(), 0..200)) {
        let plan = Plan::compile(&writer_of(&lives), &wanted_of(&lives)).expect("a plan");
        // Whether garbage fits is chance; that it is decided, and in little time, is what is asked.
        let _ = plan.read(&garbage, &mut Scratch::default(), |values| values.slots().len());
    }
}

fn wanted(name: &str, aliases: &[&str]) -> Wanted {
    Wanted {
        name: name.to_owned(),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        shape: Shape::One(Scalar::Long),
        default: Constant::Long(-1),
    }
}

#[test]
fn a_field_is_found_by_its_name_before_its_aliases() {
    // The writer's fields hold 1, 2, 3 in their order; the expected values were worked out by hand.
    type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a [&'a str])], &'a [i64]);
    let rows: [Row<'_>; 5] = [
        (&["old", "b", "c"], &[("new", &["old"])], &[1]),
        (&["old", "new", "c"], &[("new", &["old"])], &[2]),
        (&["older", "b", "c"], &[("new", &["old", "older"])], &[1]),
        (&["a", "b", "c"], &[("new", &["old"]), ("c", &[])], &[-1, 3]),
        (&["a", "old", "older"], &[("new", &["older", "old"])], &[3]),
    ];
    for (written, read, expected) in rows {
        let fields: Vec<_> = written.iter().map(|name| json!({"name": name, "type": "long"})).collect();
        let wanted: Vec<Wanted> = read.iter().map(|(name, aliases)| wanted(name, aliases)).collect();
        let plan = Plan::compile(&schema_of(&fields), &wanted).expect("a plan");
        let found = plan.read(&[2, 4, 6], &mut Scratch::default(), |values| {
            (0..expected.len()).map(|slot| values.long(slot).unwrap_or_default()).collect::<Vec<_>>()
        });
        assert_eq!(found.expect("reads"), expected, "{written:?} as {read:?}");
    }
}

#[test]
fn a_schema_that_cannot_give_the_fields_is_refused() {
    let text = Wanted { shape: Shape::One(Scalar::Text), ..wanted("f", &[]) };
    let rows = [
        (json!("string"), wanted("f", &[]), "does not give a Long"),
        (json!("double"), wanted("f", &[]), "does not give a Long"),
        (
            json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
            text.clone(),
            "does not give a Text",
        ),
        (
            json!([{"type": "enum", "name": "A", "symbols": ["a"]}, {"type": "enum", "name": "B", "symbols": ["b"]}]),
            text.clone(),
            "cannot be told apart",
        ),
        (json!("string"), Wanted { shape: Shape::Texts, ..text.clone() }, "must be an array"),
    ];
    for (written, wanted, expected) in rows {
        let schema = schema_of(&[json!({"name": "f", "type": written})]);
        let faults = Plan::compile(&schema, &[wanted]).expect_err("a fault");
        assert!(faults[0].what.contains(expected), "{faults:?} must say {expected}");
    }
    assert!(Plan::compile("{", std::slice::from_ref(&text)).is_err() && Plan::compile("\"string\"", &[text]).is_err());
}

#[test]
fn a_list_that_claims_more_than_it_holds_is_refused_at_once() {
    let schema = schema_of(&[json!({"name": "nulls", "type": {"type": "array", "items": "null"}})]);
    let plan = Plan::compile(&schema, &[]).expect("a plan");
    // 100,000,000 items of no bytes at all, then the end of the list.
    let bytes = [0x80, 0x84, 0xaf, 0x5f, 0];
    assert!(matches!(plan.read(&bytes, &mut Scratch::default(), |_| ()), Err(ReadError::Unfit(_))));
}
