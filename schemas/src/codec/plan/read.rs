//! Reads records by a plan, as serde seeds over the Avro deserializer. It looks up no name.

use std::io::BufRead;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};

use super::{Fields, Item, LIST_ITEMS_MAX, List, Plan, Scalar, Slot, Values, Way};

/// Why a record cannot be read by its plan. The text never holds a value of the record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes do not fit the schema.
    #[error("the bytes do not fit their schema: {0}")]
    Unfit(String),
    /// Bytes are left after the record.
    #[error("{0} bytes are left after the record")]
    TrailingBytes(usize),
}

/// Memory that is used again from record to record.
#[derive(Debug, Default)]
pub struct Scratch {
    slots: Vec<Slot<'static>>,
    elements: Vec<Slot<'static>>,
}

/// An empty vector of another lifetime in the same memory: the standard library collects a vector's own iterator in
/// place. Were it not to, the only cost would be an allocation.
fn recycled<'to>(mut used: Vec<Slot<'_>>) -> Vec<Slot<'to>> {
    used.clear();
    used.into_iter().map(|_| Slot::Null).collect()
}

impl Plan {
    /// Reads one record, which must fill the bytes, and hands its values to `take`.
    pub fn read<'a, R>(
        &'a self,
        bytes: &'a [u8],
        scratch: &mut Scratch,
        take: impl FnOnce(&Values<'a>) -> R,
    ) -> Result<R, ReadError> {
        let mut values = Values {
            slots: recycled(std::mem::take(&mut scratch.slots)),
            elements: recycled(std::mem::take(&mut scratch.elements)),
        };
        let result = self.fill(bytes, &mut values).map(|()| take(&values));
        scratch.slots = recycled(values.slots);
        scratch.elements = recycled(values.elements);
        result
    }

    fn fill<'a>(&'a self, bytes: &'a [u8], values: &mut Values<'a>) -> Result<(), ReadError> {
        values.slots.extend(self.fields.defaults.iter().map(super::Constant::slot));
        let mut config = DeserializerConfig::new(&self.schema);
        config.max_seq_size = LIST_ITEMS_MAX;
        let mut state = DeserializerState::with_config(SliceRead::new(bytes), config);
        let record = Record { fields: &self.fields, slots: &mut values.slots, elements: Some(&mut values.elements) };
        record.deserialize(state.deserializer()).map_err(|cause| ReadError::Unfit(cause.to_string()))?;
        // Reading a slice cannot fail: the buffer is what is left of it.
        let left = state.into_reader().fill_buf().map_or(0, <[u8]>::len);
        if left == 0 { Ok(()) } else { Err(ReadError::TrailingBytes(left)) }
    }
}

/// Fills the slots of one record; lists go into `elements`, which a record within a list does not have.
struct Record<'p, 'o, 'a> {
    fields: &'p Fields,
    slots: &'o mut [Slot<'a>],
    elements: Option<&'o mut Vec<Slot<'a>>>,
}

impl<'a> DeserializeSeed<'a> for Record<'a, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Record<'a, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        for way in &self.fields.ways {
            // The plan has one way per field of this very schema, so there is a key for each.
            if map.next_key::<IgnoredAny>()?.is_none() {
                return Err(A::Error::custom("the record has fewer fields than its schema"));
            }
            match way {
                Way::Skip => {
                    map.next_value::<IgnoredAny>()?;
                }
                Way::One { slot, item } => self.slots[*slot] = map.next_value_seed(One { item, union: item.union })?,
                Way::Texts { slot, nullable, item } => {
                    let Some(elements) = self.elements.as_deref_mut() else {
                        return Err(A::Error::custom("a list within a list"));
                    };
                    self.slots[*slot] = map.next_value_seed(Texts { item, nullable: *nullable, elements })?;
                }
                Way::Records { slot, nullable, rows } => {
                    let Some(elements) = self.elements.as_deref_mut() else {
                        return Err(A::Error::custom("a list within a list"));
                    };
                    self.slots[*slot] = map.next_value_seed(Records { rows, nullable: *nullable, elements })?;
                }
            }
        }
        Ok(())
    }
}

/// One value.
#[derive(Clone, Copy)]
struct One<'p> {
    item: &'p Item,
    union: bool,
}

impl One<'_> {
    fn other<E: Error>(self) -> E {
        E::custom(format_args!("a value is no {:?}", self.item.scalar))
    }
}

impl<'a> DeserializeSeed<'a> for One<'a> {
    type Value = Slot<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Slot<'a>, D::Error> {
        if self.union {
            return deserializer.deserialize_option(self);
        }
        match self.item.scalar {
            // For an enum this asks for the number of its symbol, whose text the plan has to lend.
            Scalar::Text => deserializer.deserialize_u64(self),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'a> Visitor<'a> for One<'a> {
    type Value = Slot<'a>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a {:?}", self.item.scalar)
    }

    fn visit_none<E: Error>(self) -> Result<Slot<'a>, E> {
        Ok(Slot::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Slot<'a>, E> {
        Ok(Slot::Null)
    }

    fn visit_some<D: Deserializer<'a>>(self, deserializer: D) -> Result<Slot<'a>, D::Error> {
        One { item: self.item, union: false }.deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Slot<'a>, E> {
        if self.item.scalar == Scalar::Bool { Ok(Slot::Bool(value)) } else { Err(self.other()) }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Slot<'a>, E> {
        match self.item.scalar {
            Scalar::Long => Ok(Slot::Long(value)),
            Scalar::Double => Ok(Slot::Double(value as f64)),
            _ => Err(self.other()),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Slot<'a>, E> {
        let symbol = usize::try_from(value).ok().and_then(|at| self.item.symbols.get(at));
        match symbol {
            Some(symbol) if self.item.scalar == Scalar::Text => Ok(Slot::Text(symbol)),
            _ => Err(self.other()),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Slot<'a>, E> {
        if self.item.scalar == Scalar::Double { Ok(Slot::Double(value)) } else { Err(self.other()) }
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Slot<'a>, E> {
        Err(self.other())
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Slot<'a>, E> {
        Err(self.other())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'a str) -> Result<Slot<'a>, E> {
        match self.item.scalar {
            Scalar::Text => Ok(Slot::Text(value)),
            Scalar::Bytes => Ok(Slot::Bytes(value.as_bytes())),
            _ => Err(self.other()),
        }
    }

    fn visit_borrowed_bytes<E: Error>(self, value: &'a [u8]) -> Result<Slot<'a>, E> {
        match self.item.scalar {
            Scalar::Bytes => Ok(Slot::Bytes(value)),
            Scalar::Text => std::str::from_utf8(value).map(Slot::Text).map_err(|_| E::custom("a text is not UTF-8")),
            _ => Err(self.other()),
        }
    }
}

/// A list of texts.
struct Texts<'p, 'o, 'a> {
    item: &'p Item,
    nullable: bool,
    elements: &'o mut Vec<Slot<'a>>,
}

/// A list of records.
struct Records<'p, 'o, 'a> {
    rows: &'p Fields,
    nullable: bool,
    elements: &'o mut Vec<Slot<'a>>,
}

/// The parts that both kinds of list have in common: null or a sequence.
macro_rules! list {
    ($list:ident, $expects:literal) => {
        impl<'a> DeserializeSeed<'a> for $list<'a, '_, 'a> {
            type Value = Slot<'a>;

            fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Slot<'a>, D::Error> {
                if self.nullable { deserializer.deserialize_option(self) } else { deserializer.deserialize_seq(self) }
            }
        }

        impl<'a> Visitor<'a> for $list<'a, '_, 'a> {
            type Value = Slot<'a>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($expects)
            }

            fn visit_none<E: Error>(self) -> Result<Slot<'a>, E> {
                Ok(Slot::Null)
            }

            fn visit_some<D: Deserializer<'a>>(self, deserializer: D) -> Result<Slot<'a>, D::Error> {
                deserializer.deserialize_seq(self)
            }

            fn visit_seq<A: SeqAccess<'a>>(self, seq: A) -> Result<Slot<'a>, A::Error> {
                self.items(seq)
            }
        }
    };
}

list!(Texts, "a list of texts");
list!(Records, "a list of records");

impl<'a> Texts<'a, '_, 'a> {
    fn items<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Slot<'a>, A::Error> {
        let first = self.elements.len();
        while let Some(text) = seq.next_element_seed(One { item: self.item, union: self.item.union })? {
            self.elements.push(text);
        }
        Ok(Slot::List(List { first, rows: self.elements.len() - first, width: 1 }))
    }
}

impl<'a> Records<'a, '_, 'a> {
    fn items<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Slot<'a>, A::Error> {
        let (first, width) = (self.elements.len(), self.rows.defaults.len());
        let mut rows = 0;
        loop {
            let base = self.elements.len();
            self.elements.extend(self.rows.defaults.iter().map(super::Constant::slot));
            let row = Record { fields: self.rows, slots: &mut self.elements[base..], elements: None };
            if seq.next_element_seed(row)?.is_none() {
                self.elements.truncate(base);
                return Ok(Slot::List(List { first, rows, width }));
            }
            rows += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycled_memory_is_the_same_memory() {
        let used: Vec<Slot<'_>> = Vec::with_capacity(5);
        let place = used.as_ptr() as usize;
        let again = recycled(used);
        assert_eq!((again.capacity(), again.as_ptr() as usize), (5, place));
    }
}
