//! The names of a settings struct's fields, asked of its own `Deserialize`. It knows no setting.

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};

/// The fields of a struct that derives `Deserialize`; empty for anything else.
pub(super) fn fields_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The deserializer refuses as soon as it has been told the fields, so its error says nothing.
    let _ = T::deserialize(Asker { fields: &mut fields });
    fields
}

struct Asker<'a> {
    fields: &'a mut &'static [&'static str],
}

impl<'de> Deserializer<'de> for Asker<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("only structs are asked"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.fields = fields;
        Err(Self::Error::custom("the fields are known"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
