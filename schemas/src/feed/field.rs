//! The fields of a feed's record, as our copy of its schema has them: form, unit, limits. It does not know what the
//! mapping makes of them.

use serde_avro_fast::schema::{LogicalType, RegularType, SchemaKey, SchemaMut};
use serde_json::Value;

use super::fault::FaultList;
use crate::codec::plan::{Constant, Scalar, Shape, Wanted};

/// Above this an amount is absurd, unless its field says otherwise: 100 million yuan.
pub const AMOUNT_FEN_MAX: i64 = 10_000_000_000;
/// Items of a list at most, unless its field says otherwise.
pub const LIST_ITEMS_MAX: usize = 1_000;

/// A field of a feed's record. Its place in the list of fields is its slot in the decoder plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Other names that a writer's version may have for it.
    pub aliases: Vec<String>,
    /// What it holds.
    pub form: Form,
    /// Whether it may be missing.
    pub nullable: bool,
    /// Whether it must not be empty.
    pub required: bool,
    /// What its text is.
    pub format: Option<Format>,
    /// The least value.
    pub min: Option<i64>,
    /// The largest value.
    pub max: Option<i64>,
    /// Items at most, for a list.
    pub items_max: usize,
    /// What stands for it where a writer's version does not have it.
    pub default: Constant,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A truth value.
    Bool,
    /// A whole number.
    Number(Unit),
    /// A number with a fraction.
    Fraction,
    /// Text; one of the symbols where there are any.
    Text(Vec<String>),
    /// Bytes.
    Bytes,
    /// A list of texts; each one of the symbols where there are any.
    Texts(Vec<String>),
    /// A list of records.
    Rows(Vec<Field>),
}

/// What a whole number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Anything else.
    Plain,
    /// Money in fen.
    Fen,
    /// A month as `yyyymm`.
    Month,
    /// A day (logical type `date`).
    Day,
    /// An instant (logical type `timestamp-millis`).
    Instant,
}

/// What a text is, where it is more than text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A citizen number, or a certificate that contains one. Never leaves ingest.
    CitizenNumber,
    /// A household code.
    HouseholdCode,
    /// The number of a paper. Never leaves ingest.
    DocumentNumber,
}

/// The attributes that a field may have.
const ATTRIBUTES: [&str; 12] =
    ["name", "doc", "type", "default", "aliases", "order", "unit", "min", "max", "required", "max_items", "format"];

impl Field {
    /// What the decoder plan must look for.
    pub fn wanted(&self) -> Wanted {
        let shape = match &self.form {
            Form::Bool => Shape::One(Scalar::Bool),
            Form::Number(_) => Shape::One(Scalar::Long),
            Form::Fraction => Shape::One(Scalar::Double),
            Form::Text(_) => Shape::One(Scalar::Text),
            Form::Bytes => Shape::One(Scalar::Bytes),
            Form::Texts(_) => Shape::Texts,
            Form::Rows(columns) => Shape::Records(columns.iter().map(Self::wanted).collect()),
        };
        Wanted { name: self.name.clone(), aliases: self.aliases.clone(), shape, default: self.default.clone() }
    }

    /// Whether its value must not leave ingest as it is.
    pub fn is_secret(&self) -> bool {
        matches!(self.format, Some(Format::CitizenNumber | Format::DocumentNumber))
    }
}

/// The fields of a record: `described` is its JSON, `record` the same in the parsed schema.
pub(super) fn fields_of(
    described: &Value,
    schema: &SchemaMut,
    record: SchemaKey,
    place: &str,
    faults: &mut FaultList<'_>,
) -> Vec<Field> {
    let RegularType::Record(record) = &schema[record].type_ else {
        faults.add(place, "must be a record");
        return Vec::new();
    };
    let described = described["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    // Both come from the same text, in the same order.
    record
        .fields
        .iter()
        .zip(described)
        .filter_map(|(field, described)| {
            field_of(described, schema, field.type_, &format!("{place}/{}", field.name), faults)
        })
        .collect()
}

fn field_of(
    described: &Value,
    schema: &SchemaMut,
    key: SchemaKey,
    place: &str,
    faults: &mut FaultList<'_>,
) -> Option<Field> {
    let attributes = described.as_object()?;
    for name in attributes.keys().filter(|name| !ATTRIBUTES.contains(&name.as_str())) {
        faults.add(place, format!("has an unknown attribute {name}; known are {}", ATTRIBUTES.join(", ")));
    }
    if described["doc"].as_str().unwrap_or_default().is_empty() {
        faults.add(place, "needs a doc");
    }
    let (nullable, key) = match &schema[key].type_ {
        RegularType::Union(union) => {
            let mut others = union.variants.iter().filter(|one| !matches!(schema[**one].type_, RegularType::Null));
            let (Some(other), None) = (others.next(), others.next()) else {
                faults.add(place, "must be a type, or null and a type");
                return None;
            };
            (true, *other)
        }
        _ => (false, key),
    };
    let form = form_of(described, schema, key, place, faults)?;
    let format = match attributes.get("format").map(|format| format.as_str()) {
        None => None,
        Some(Some("citizen_number")) => Some(Format::CitizenNumber),
        Some(Some("household_code")) => Some(Format::HouseholdCode),
        Some(Some("document_number")) => Some(Format::DocumentNumber),
        Some(_) => {
            faults.add(place, "has an unknown format; known are citizen_number, household_code, document_number");
            None
        }
    };
    let number = |name: &str, faults: &mut FaultList<'_>| {
        let value = attributes.get(name)?;
        let found = value.as_i64();
        if found.is_none() {
            faults.add(place, format!("has a {name} that is no whole number"));
        }
        found
    };
    let (min, max) = (number("min", faults), number("max", faults));
    let items_max = number("max_items", faults).and_then(|most| usize::try_from(most).ok());
    Some(Field {
        name: described["name"].as_str().unwrap_or_default().to_owned(),
        aliases: texts(&described["aliases"]),
        nullable,
        required: described["required"].as_bool().unwrap_or_default(),
        format,
        min: min.or(matches!(form, Form::Number(Unit::Fen)).then_some(0)),
        max: max.or(matches!(form, Form::Number(Unit::Fen)).then_some(AMOUNT_FEN_MAX)),
        items_max: items_max.unwrap_or(LIST_ITEMS_MAX),
        default: default_of(&described["default"]),
        form,
    })
}

fn form_of(
    described: &Value,
    schema: &SchemaMut,
    key: SchemaKey,
    place: &str,
    faults: &mut FaultList<'_>,
) -> Option<Form> {
    let node = &schema[key];
    let number = |faults: &mut FaultList<'_>| {
        let unit = match (&node.logical_type, described["unit"].as_str()) {
            (_, None) => {
                faults.add(place, "needs a unit");
                Unit::Plain
            }
            (Some(LogicalType::Date), _) => Unit::Day,
            (Some(LogicalType::TimestampMillis), _) => Unit::Instant,
            (None, Some("fen")) => Unit::Fen,
            (None, Some("yyyymm")) => Unit::Month,
            (None, Some(_)) => Unit::Plain,
            (Some(_), _) => {
                faults.add(place, "has a logical type that is not read: use date or timestamp-millis");
                Unit::Plain
            }
        };
        Form::Number(unit)
    };
    Some(match &node.type_ {
        RegularType::Boolean => Form::Bool,
        RegularType::Int | RegularType::Long => number(faults),
        RegularType::Float | RegularType::Double => Form::Fraction,
        RegularType::String => Form::Text(Vec::new()),
        RegularType::Enum(one) => Form::Text(one.symbols.clone()),
        RegularType::Bytes | RegularType::Fixed(_) => Form::Bytes,
        RegularType::Array(array) => match &schema[array.items].type_ {
            RegularType::String => Form::Texts(Vec::new()),
            RegularType::Enum(one) => Form::Texts(one.symbols.clone()),
            RegularType::Record(_) => {
                let items =
                    [&described["type"]["items"], &described["type"][1]["items"], &described["type"][0]["items"]]
                        .into_iter()
                        .find(|items| items.is_object());
                let Some(items) = items else {
                    faults.add(place, "must define the record of its items in place");
                    return None;
                };
                let columns = fields_of(items, schema, array.items, place, faults);
                if columns.iter().any(|column| matches!(column.form, Form::Texts(_) | Form::Rows(_))) {
                    faults.add(place, "holds a list within a list, which is not read");
                }
                Form::Rows(columns)
            }
            _ => {
                faults.add(place, "must be a list of texts, enums or records");
                return None;
            }
        },
        RegularType::Null | RegularType::Map(_) | RegularType::Union(_) | RegularType::Record(_) => {
            faults.add(place, "has a type that is not read: use a simple type, an enum, or a list of texts or records");
            return None;
        }
    })
}

fn default_of(value: &Value) -> Constant {
    match value {
        Value::Bool(value) => Constant::Bool(*value),
        Value::Number(number) => {
            number.as_i64().map(Constant::Long).or(number.as_f64().map(Constant::Double)).unwrap_or_default()
        }
        Value::String(text) => Constant::Text(text.clone()),
        _ => Constant::Null,
    }
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str()).map(str::to_owned).collect()
}
