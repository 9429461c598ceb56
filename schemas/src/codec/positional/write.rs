//! Writes a value behind what a buffer holds already. It trusts the order of the type.

use serde::ser::{Impossible, Serialize, SerializeSeq, SerializeStruct, Serializer};

use super::{Fault, LONG_BYTES_MAX};

/// The buffer.
pub(in crate::codec) struct Writer<'o>(pub(in crate::codec) &'o mut Vec<u8>);

impl Writer<'_> {
    /// A number of variable length, zigzag.
    #[inline]
    fn long(&mut self, number: i64) {
        let mut left = ((number << 1) ^ (number >> 63)) as u64;
        if left < 0x80 {
            self.0.push(left as u8);
            return;
        }
        let mut bytes = [0; LONG_BYTES_MAX];
        let mut count = 0;
        while left >= 0x80 {
            bytes[count] = left as u8 | 0x80;
            left >>= 7;
            count += 1;
        }
        bytes[count] = left as u8;
        self.0.extend_from_slice(&bytes[..=count]);
    }
}

/// Refuses what no schema of ours has.
macro_rules! refuse {
    ($($method:ident($($type:ty),*);)*) => {
        $(
            fn $method(self, $(_: $type),*) -> Result<Self::Ok, Fault> {
                Err(unknown())
            }
        )*
    };
}

fn unknown() -> Fault {
    Fault::new("a type gives what no schema of ours has")
}

impl<'a, 'o> Serializer for &'a mut Writer<'o> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Items<'a, 'o>;
    type SerializeTuple = Impossible<(), Fault>;
    type SerializeTupleStruct = Impossible<(), Fault>;
    type SerializeTupleVariant = Impossible<(), Fault>;
    type SerializeMap = Impossible<(), Fault>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), Fault>;

    refuse! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_unit();
        serialize_unit_struct(&'static str);
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Fault> {
        self.0.push(u8::from(value));
        Ok(())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result<(), Fault> {
        self.long(i64::from(value));
        Ok(())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Fault> {
        self.long(value);
        Ok(())
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Fault> {
        self.long(text.len() as i64);
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Bytes are a fixed here, which has no length.
    #[inline]
    fn serialize_bytes(self, fixed: &[u8]) -> Result<(), Fault> {
        self.0.extend_from_slice(fixed);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Fault> {
        self.long(0);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.long(1);
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, symbol: u32, _: &'static str) -> Result<(), Fault> {
        self.long(i64::from(symbol));
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Fault> {
        Err(unknown())
    }

    /// An array: one block, then its end.
    #[inline]
    fn serialize_seq(self, items: Option<usize>) -> Result<Items<'a, 'o>, Fault> {
        let items = items.ok_or_else(|| Fault::new("a list does not say how long it is"))?;
        if items > 0 {
            self.long(items as i64);
        }
        Ok(Items { writer: self, left: items })
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Impossible<(), Fault>, Fault> {
        Err(unknown())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Impossible<(), Fault>, Fault> {
        Err(unknown())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Fault>, Fault> {
        Err(unknown())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Impossible<(), Fault>, Fault> {
        Err(unknown())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Fault>, Fault> {
        Err(unknown())
    }
}

/// The items of an array.
pub(in crate::codec) struct Items<'a, 'o> {
    writer: &'a mut Writer<'o>,
    left: usize,
}

impl SerializeSeq for Items<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Fault> {
        self.left = self.left.checked_sub(1).ok_or_else(|| Fault::new("a list has more items than it said"))?;
        item.serialize(&mut *self.writer)
    }

    #[inline]
    fn end(self) -> Result<(), Fault> {
        if self.left > 0 {
            return Err(Fault::new("a list has fewer items than it said"));
        }
        self.writer.long(0);
        Ok(())
    }
}

impl SerializeStruct for &mut Writer<'_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Fault> {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}
