//! Proves that a type stands in the order of its schema: serde asks for a value, and what it asks for is held against the
//! schema, name by name. The value that comes of it is made up. It reads no bytes.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_avro_fast::schema::{RegularType, SchemaKey, SchemaMut};

use super::Fault;
use super::read::Symbol;
use crate::Month;

/// Checks that a type stands in the order of its schema.
///
/// # Errors
/// The first place, by its path within the record, at which type and schema differ.
pub(in crate::codec) fn check<'de, T: Deserialize<'de>>(schema: &SchemaMut) -> Result<(), Fault> {
    // Each option holds something and each array has an item, so that every part of the type is asked for.
    example::<T>(schema, &mut |below| u64::from(below > 1)).map(drop)
}

/// A value made up by `draw`, which gives a number below the one that it is given, and 0 or anything for 0.
pub(super) fn example<'de, T: Deserialize<'de>>(
    schema: &SchemaMut,
    draw: &mut dyn FnMut(u64) -> u64,
) -> Result<T, Fault> {
    T::deserialize(Place { schema, key: SchemaKey::root(), path: String::new(), draw })
}

/// Items of an array that is made up, at most.
const ITEMS_MAX: u64 = 3;
/// Made-up texts: any 16 of these digits in a row, which can be the code of a household, too.
const DIGITS: &str = "4312231112151117982346715238749";
/// How many digits a text has.
const TEXT_DIGITS: usize = 16;
/// Made-up ints: months as `yyyymm`, which anything else can be, too. The first, and how many there are.
const FIRST_MONTH: Month = Month(1_900 * 12);
const MONTHS: u64 = 2_400;

/// A place in the schema.
struct Place<'a> {
    schema: &'a SchemaMut,
    key: SchemaKey,
    path: String,
    draw: &'a mut dyn FnMut(u64) -> u64,
}

impl Place<'_> {
    fn type_(&self) -> &RegularType {
        &self.schema[self.key].type_
    }

    fn differs(&self, asked: &str) -> Fault {
        let found = match self.type_() {
            RegularType::Null => "null",
            RegularType::Boolean => "boolean",
            RegularType::Int => "int",
            RegularType::Long => "long",
            RegularType::Float => "float",
            RegularType::Double => "double",
            RegularType::Bytes => "bytes",
            RegularType::String => "string",
            RegularType::Array(_) => "array",
            RegularType::Map(_) => "map",
            RegularType::Union(_) => "union",
            RegularType::Record(_) => "record",
            RegularType::Enum(_) => "enum",
            RegularType::Fixed(_) => "fixed",
        };
        let path = if self.path.is_empty() { "the record" } else { &self.path };
        Fault::new(format!("{path}: the type has {asked}, the schema {found}"))
    }

    fn is(&self, is_it: bool, asked: &str) -> Result<(), Fault> {
        if is_it { Ok(()) } else { Err(self.differs(asked)) }
    }

    /// Holds the names of fields or symbols against those of the schema.
    fn same_names(&self, what: &str, of_type: &[&str], of_schema: &[&str]) -> Result<(), Fault> {
        if of_schema == of_type {
            return Ok(());
        }
        let at = of_schema.iter().zip(of_type).take_while(|(one, other)| one == other).count();
        let name = |names: &[&str]| names.get(at).map_or("nothing more".to_owned(), |name| format!("`{name}`"));
        let (in_type, in_schema) = (name(of_type), name(of_schema));
        let path = if self.path.is_empty() { "the record" } else { &self.path };
        Err(Fault::new(format!(
            "{path}: {what} {} is {in_type} in the type and {in_schema} in the schema; both must name the same in the \
             same order",
            at + 1
        )))
    }

    fn within(&mut self, key: SchemaKey, name: &str) -> Place<'_> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Place { schema: self.schema, key, path, draw: self.draw }
    }
}

impl<'de> Deserializer<'de> for Place<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(self.differs("something that is read by name only"))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.is(matches!(self.type_(), RegularType::Boolean), "a boolean")?;
        visitor.visit_bool((self.draw)(2) == 1)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.is(matches!(self.type_(), RegularType::Int), "an int")?;
        let month = FIRST_MONTH.plus((self.draw)(MONTHS) as i32);
        visitor.visit_i32(month.yyyymm())
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.is(matches!(self.type_(), RegularType::Long), "a long")?;
        let bits = (self.draw)(u64::from(u64::BITS));
        visitor.visit_i64(((self.draw)(u64::MAX) >> bits) as i64)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.is(matches!(self.type_(), RegularType::String), "a string")?;
        let at = (self.draw)((DIGITS.len() - TEXT_DIGITS) as u64) as usize;
        visitor.visit_borrowed_str(&DIGITS[at..at + TEXT_DIGITS])
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        let RegularType::Union(union) = self.type_() else { return Err(self.differs("an option")) };
        let [none, some] = union.variants[..] else { return Err(self.differs("an option of one type")) };
        self.is(matches!(self.schema[none].type_, RegularType::Null), "an option, whose union begins with null")?;
        if (self.draw)(2) == 0 {
            return visitor.visit_none();
        }
        self.key = some;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        let RegularType::Array(array) = self.type_() else { return Err(self.differs("an array")) };
        let items = array.items;
        let keys = vec![(items, "[]".to_owned()); (self.draw)(ITEMS_MAX + 1) as usize];
        visitor.visit_seq(Parts { keys: keys.into_iter(), place: &mut self })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, bytes: usize, visitor: V) -> Result<V::Value, Fault> {
        let is_it = matches!(self.type_(), RegularType::Fixed(fixed) if fixed.size == bytes);
        self.is(is_it, &format!("a fixed of {bytes} bytes"))?;
        let drawn: Vec<u8> = (0..bytes).map(|_| (self.draw)(256) as u8).collect();
        visitor.visit_bytes(&drawn)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let RegularType::Record(record) = self.type_() else { return Err(self.differs("a struct")) };
        let names: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
        self.same_names("field", fields, &names)?;
        let keys: Vec<_> = record.fields.iter().map(|field| (field.type_, field.name.clone())).collect();
        visitor.visit_seq(Parts { keys: keys.into_iter(), place: &mut self })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        symbols: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let RegularType::Enum(found) = self.type_() else { return Err(self.differs("an enum")) };
        let names: Vec<&str> = found.symbols.iter().map(String::as_str).collect();
        self.same_names("symbol", symbols, &names)?;
        visitor.visit_enum(Symbol((self.draw)(symbols.len() as u64) as u32))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple_struct map identifier
        ignored_any
    }
}

/// The parts of a record or array that are left.
struct Parts<'a, 'p> {
    keys: std::vec::IntoIter<(SchemaKey, String)>,
    place: &'a mut Place<'p>,
}

impl<'de> SeqAccess<'de> for Parts<'_, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((key, name)) = self.keys.next() else { return Ok(None) };
        seed.deserialize(self.place.within(key, &name)).map(Some)
    }
}
