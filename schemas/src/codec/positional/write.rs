//! Writes a value behind what a buffer holds already. It trusts the order of the type.
//!
//! An array is one block of items. One that a type gives under the name of [`SIZED`] says its size in bytes before its items,
//! as Avro lets it: then it can be passed over without a look at them.

use serde::ser::{Impossible, Serialize, SerializeSeq, SerializeStruct, Serializer};

use super::{Fault, LONG_BYTES_MAX, SIZED};

/// The buffer.
pub(in crate::codec) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the array that comes next says its size.
    is_sized: bool,
}

impl<'o> Writer<'o> {
    /// Writes behind what the buffer holds.
    pub(in crate::codec) const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, is_sized: false }
    }

    /// A number of variable length, zigzag.
    #[inline]
    fn long(&mut self, number: i64) {
        let left = zigzag(number);
        let group = |at: u32| (left >> (7 * at)) as u8;
        // Arrays of a known length, since a copy of any length is a call.
        if left < 1 << 7 {
            self.out.push(left as u8);
        } else if left < 1 << 14 {
            self.out.extend_from_slice(&[group(0) | 0x80, group(1)]);
        } else if left < 1 << 21 {
            self.out.extend_from_slice(&[group(0) | 0x80, group(1) | 0x80, group(2)]);
        } else if left < 1 << 28 {
            self.out.extend_from_slice(&[group(0) | 0x80, group(1) | 0x80, group(2) | 0x80, group(3)]);
        } else {
            self.wide(left);
        }
    }

    /// One of any length.
    fn wide(&mut self, left: u64) {
        let (bytes, count) = groups(left);
        self.out.extend_from_slice(&bytes);
        self.out.truncate(self.out.len() - LONG_BYTES_MAX + count);
    }

    /// Puts the size of what was written from `at + 1` on where a byte was left for it.
    fn size_at(&mut self, at: usize) {
        let end = self.out.len();
        let (bytes, count) = groups(zigzag((end - at - 1) as i64));
        if count > 1 {
            self.out.resize(end + count - 1, 0);
            self.out.copy_within(at + 1..end, at + count);
        }
        self.out[at..at + count].copy_from_slice(&bytes[..count]);
    }
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The groups of 7 bits, the lowest first, and how many there are.
#[inline]
fn groups(mut left: u64) -> ([u8; LONG_BYTES_MAX], usize) {
    let mut bytes = [0; LONG_BYTES_MAX];
    let mut count = 0;
    while left >= 0x80 {
        bytes[count] = left as u8 | 0x80;
        left >>= 7;
        count += 1;
    }
    bytes[count] = left as u8;
    (bytes, count + 1)
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
        self.out.push(u8::from(value));
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
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Bytes are a fixed here, which has no length, or a list that was not read and is passed on as it lies.
    #[inline]
    fn serialize_bytes(self, fixed: &[u8]) -> Result<(), Fault> {
        self.out.extend_from_slice(fixed);
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
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Fault> {
        self.is_sized = name == SIZED;
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
        let is_sized = std::mem::take(&mut self.is_sized) && items > 0;
        if items > 0 {
            self.long(if is_sized { -(items as i64) } else { items as i64 });
        }
        let size_at = is_sized.then_some(self.out.len());
        if is_sized {
            self.out.push(0);
        }
        Ok(Items { writer: self, left: items, size_at })
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
    /// Where the size of the block belongs, if it says it.
    size_at: Option<usize>,
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
        if let Some(at) = self.size_at {
            self.writer.size_at(at);
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
