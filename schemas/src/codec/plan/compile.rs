//! Works out the plan for a writer's schema. It reads no record.

use serde_avro_fast::schema::{LogicalType, RegularType, SchemaKey, SchemaMut};

use super::{Constant, Fields, Item, Plan, Scalar, Shape, Wanted, Way};

/// Why a writer's schema cannot give the wanted fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct PlanFault {
    /// Where: the field, or the schema as a whole.
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl PlanFault {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl Plan {
    /// Works out the plan for the writer's schema (JSON text). Gives every fault at once.
    pub fn compile(writer: &str, wanted: &[Wanted]) -> Result<Self, Vec<PlanFault>> {
        let mut schema: SchemaMut =
            writer.parse().map_err(|cause| vec![PlanFault::new("schema", format!("is no Avro schema: {cause}"))])?;
        let mut faults = Vec::new();
        let fields = fields_of(&schema, SchemaKey::root(), wanted, "", &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        // The decoder below must not interpret logical types: a decimal that nobody wants would be refused for its
        // size instead of being skipped. Fingerprints do not contain them.
        for node in schema.nodes_mut() {
            node.logical_type = None;
        }
        let schema =
            schema.freeze().map_err(|cause| vec![PlanFault::new("schema", format!("cannot be read with: {cause}"))])?;
        Ok(Self { schema, fields })
    }
}

fn fields_of(
    schema: &SchemaMut,
    record: SchemaKey,
    wanted: &[Wanted],
    place: &str,
    faults: &mut Vec<PlanFault>,
) -> Fields {
    let RegularType::Record(record) = &schema[record].type_ else {
        let what = if place.is_empty() { "must be a record" } else { "must be a list of records" };
        faults.push(PlanFault::new(if place.is_empty() { "schema" } else { place }, what));
        return Fields { ways: Box::default(), defaults: Box::default() };
    };
    let names: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
    let mut ways: Vec<Way> = names.iter().map(|_| Way::Skip).collect();
    for (slot, one) in wanted.iter().enumerate() {
        let found = std::iter::once(&one.name)
            .chain(&one.aliases)
            .find_map(|name| names.iter().position(|written| written == name));
        let Some(at) = found else { continue };
        let place = if place.is_empty() { one.name.clone() } else { format!("{place}.{}", one.name) };
        if !matches!(ways[at], Way::Skip) {
            faults.push(PlanFault::new(place, format!("shares the writer's field {} with another", names[at])));
            continue;
        }
        if let Some(way) = way_of(schema, record.fields[at].type_, one, slot, &place, faults) {
            ways[at] = way;
        }
    }
    Fields { ways: ways.into(), defaults: wanted.iter().map(|one| one.default.clone()).collect() }
}

fn way_of(
    schema: &SchemaMut,
    key: SchemaKey,
    wanted: &Wanted,
    slot: usize,
    place: &str,
    faults: &mut Vec<PlanFault>,
) -> Option<Way> {
    let Shape::One(scalar) = &wanted.shape else {
        let (nullable, items) = match &schema[key].type_ {
            RegularType::Array(array) => (false, Some(array.items)),
            RegularType::Union(union) => (true, list_in(schema, &union.variants)),
            _ => (false, None),
        };
        let Some(items) = items else {
            faults.push(PlanFault::new(place, "must be an array, or an array or null"));
            return None;
        };
        return match &wanted.shape {
            Shape::Records(columns) => {
                if columns.iter().any(|column| !matches!(column.shape, Shape::One(_))) {
                    faults.push(PlanFault::new(place, "holds a list within a list, which is not read"));
                    return None;
                }
                let rows = fields_of(schema, items, columns, place, faults);
                Some(Way::Records { slot, nullable, rows })
            }
            _ => Some(Way::Texts { slot, nullable, item: item_of(schema, items, Scalar::Text, place, faults)? }),
        };
    };
    Some(Way::One { slot, item: item_of(schema, key, *scalar, place, faults)? })
}

/// The items of the one array of a union, whose other variants are null.
fn list_in(schema: &SchemaMut, variants: &[SchemaKey]) -> Option<SchemaKey> {
    let mut found = None;
    for variant in variants {
        match &schema[*variant].type_ {
            RegularType::Null => {}
            RegularType::Array(array) if found.is_none() => found = Some(array.items),
            _ => return None,
        }
    }
    found
}

fn item_of(
    schema: &SchemaMut,
    key: SchemaKey,
    scalar: Scalar,
    place: &str,
    faults: &mut Vec<PlanFault>,
) -> Option<Item> {
    let (union, variants) = match &schema[key].type_ {
        RegularType::Union(union) => (true, union.variants.as_slice()),
        _ => (false, std::slice::from_ref(&key)),
    };
    let mut symbols: Option<Box<[Box<str>]>> = None;
    let mut fits = false;
    for variant in variants {
        let node = &schema[*variant];
        if let RegularType::Enum(one) = &node.type_ {
            if symbols.is_some() {
                faults.push(PlanFault::new(place, "is a union of two enums, which cannot be told apart"));
                return None;
            }
            symbols = Some(one.symbols.iter().map(|symbol| symbol.as_str().into()).collect());
        }
        fits |= promotes(&node.type_, node.logical_type.as_ref(), scalar);
    }
    if !fits {
        faults.push(PlanFault::new(place, format!("has a type that does not give a {scalar:?}")));
        return None;
    }
    Some(Item { scalar, union, symbols: symbols.unwrap_or_default() })
}

/// Whether a value of the writer's type may be read as the wanted one (Avro: schema resolution). A decimal is no
/// text, though its bytes are bytes.
fn promotes(written: &RegularType, logical: Option<&LogicalType>, wanted: Scalar) -> bool {
    let decimal = matches!(logical, Some(LogicalType::Decimal(_) | LogicalType::BigDecimal));
    match wanted {
        Scalar::Bool => matches!(written, RegularType::Boolean),
        Scalar::Long => matches!(written, RegularType::Int | RegularType::Long),
        Scalar::Double => {
            matches!(written, RegularType::Int | RegularType::Long | RegularType::Float | RegularType::Double)
        }
        Scalar::Text => !decimal && matches!(written, RegularType::String | RegularType::Bytes | RegularType::Enum(_)),
        Scalar::Bytes => matches!(written, RegularType::Bytes | RegularType::String | RegularType::Fixed(_)),
    }
}

/// The constant that a slot holds before its field is read.
impl Constant {
    pub(super) fn slot(&self) -> super::Slot<'_> {
        match self {
            Self::Null => super::Slot::Null,
            Self::Bool(value) => super::Slot::Bool(*value),
            Self::Long(value) => super::Slot::Long(*value),
            Self::Double(value) => super::Slot::Double(*value),
            Self::Text(value) => super::Slot::Text(value),
        }
    }
}
