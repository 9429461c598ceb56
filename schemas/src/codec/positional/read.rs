//! Reads a value from its bytes, borrowing from them. It trusts the order of the type, and nothing of the bytes.

use serde::de::value::U32Deserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, SeqAccess, VariantAccess, Visitor};

use super::{Fault, UNREAD};

/// The bytes that are left.
pub(in crate::codec) struct Reader<'de> {
    left: &'de [u8],
}

impl<'de> Reader<'de> {
    /// Begins at the first byte of a datum.
    pub(in crate::codec) const fn new(datum: &'de [u8]) -> Self {
        Self { left: datum }
    }

    /// How many bytes are left.
    pub(in crate::codec) const fn left(&self) -> usize {
        self.left.len()
    }

    #[inline]
    fn take(&mut self, bytes: usize) -> Result<&'de [u8], Fault> {
        let (taken, left) = self.left.split_at_checked(bytes).ok_or_else(cut_short)?;
        self.left = left;
        Ok(taken)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Fault> {
        let (byte, left) = self.left.split_first().ok_or_else(cut_short)?;
        self.left = left;
        Ok(*byte)
    }

    /// A number of variable length, zigzag. Most have up to three bytes: symbols, lengths, months, small amounts.
    #[inline]
    fn long(&mut self) -> Result<i64, Fault> {
        let number = match self.left {
            [one, left @ ..] if *one < 0x80 => {
                self.left = left;
                u64::from(*one)
            }
            [one, two, left @ ..] if *two < 0x80 => {
                self.left = left;
                u64::from(*one & 0x7f) | u64::from(*two) << 7
            }
            [one, two, three, left @ ..] if *three < 0x80 => {
                self.left = left;
                u64::from(*one & 0x7f) | u64::from(*two & 0x7f) << 7 | u64::from(*three) << 14
            }
            _ => self.long_bits()?,
        };
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// One of more than three bytes: those of hashes have 9 or 10.
    fn long_bits(&mut self) -> Result<u64, Fault> {
        let Some((eight, rest)) = self.left.split_first_chunk::<8>() else { return self.last_bits() };
        let word = u64::from_le_bytes(*eight);
        let ends = !word & HIGH_BITS;
        if ends != 0 {
            let bytes = ends.trailing_zeros() as usize / 8 + 1;
            self.left = &self.left[bytes..];
            return Ok(joined(word & (u64::MAX >> (64 - 8 * bytes))));
        }
        let low = joined(word);
        match rest {
            [nine, left @ ..] if *nine < 0x80 => {
                self.left = left;
                Ok(low | u64::from(*nine) << 56)
            }
            // Of the last byte only one bit has a place.
            [nine, ten, left @ ..] if *ten <= 1 => {
                self.left = left;
                Ok(low | u64::from(*nine & 0x7f) << 56 | u64::from(*ten) << 63)
            }
            [_, _, ..] => Err(too_long()),
            _ => Err(cut_short()),
        }
    }

    /// One among the last bytes of the datum.
    fn last_bits(&mut self) -> Result<u64, Fault> {
        let mut number = 0_u64;
        for (at, byte) in self.left.iter().enumerate() {
            number |= u64::from(byte & 0x7f) << (at * 7);
            if *byte < 0x80 {
                self.left = &self.left[at + 1..];
                return Ok(number);
            }
        }
        Err(cut_short())
    }

    #[inline]
    fn int(&mut self) -> Result<i32, Fault> {
        let number = self.long()?;
        i32::try_from(number).map_err(|_| Fault::new(format!("{number} is no int of 32 bits")))
    }

    #[inline]
    fn length(&mut self) -> Result<usize, Fault> {
        let number = self.long()?;
        usize::try_from(number).map_err(|_| Fault::new(format!("{number} is no length")))
    }

    #[inline]
    fn text(&mut self) -> Result<&'de str, Fault> {
        let bytes = self.length()?;
        std::str::from_utf8(self.take(bytes)?).map_err(|fault| Fault::new(fault.to_string()))
    }

    /// The items of the next block of an array; 0 at its end.
    #[inline]
    fn block(&mut self) -> Result<u64, Fault> {
        let items = self.long()?;
        if items < 0 {
            // Then the block's size in bytes stands before its items, for readers who want to skip it.
            self.long()?;
        }
        Ok(items.unsigned_abs())
    }

    /// The bytes of an array with its end; `None`, and nothing taken, where a block does not say its size.
    #[inline]
    fn unread(&mut self) -> Result<Option<&'de [u8]>, Fault> {
        let begin = self.left;
        loop {
            match self.long()? {
                0 => return Ok(Some(&begin[..begin.len() - self.left.len()])),
                items if items < 0 => {
                    let bytes = self.length()?;
                    self.take(bytes)?;
                }
                _ => {
                    self.left = begin;
                    return Ok(None);
                }
            }
        }
    }
}

/// The bit of each byte that says that more follow.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The 56 bits of 8 groups of 7 bits, the lowest first.
#[inline]
const fn joined(word: u64) -> u64 {
    let word = word & !HIGH_BITS;
    let pairs = (word & 0x007f_007f_007f_007f) | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let fours = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    (fours & 0x0fff_ffff) | (fours & 0x0fff_ffff_0000_0000) >> 4
}

fn too_long() -> Fault {
    Fault::new("a number has more than 64 bits")
}

fn cut_short() -> Fault {
    Fault::new("the bytes end before the value does")
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(Fault::new("a type asks for what no schema of ours has"))
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            other => Err(Fault::new(format!("{other} is no truth value"))),
        }
    }

    #[inline]
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_i32(self.int()?)
    }

    #[inline]
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_i64(self.long()?)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text()?)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.long()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            other => Err(Fault::new(format!("{other} is no member of a union of two"))),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        if name == UNREAD
            && let Some(bytes) = self.unread()?
        {
            return visitor.visit_borrowed_bytes(bytes);
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.block()?;
        visitor.visit_seq(Items { reader: self, left, is_at_end: left == 0 })
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, bytes: usize, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.take(bytes)?)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_seq(Fields { reader: self, left: fields.len() })
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let symbol = self.long()?;
        // What is no symbol of the enum is refused by the type.
        visitor.visit_enum(Symbol(u32::try_from(symbol).unwrap_or(u32::MAX)))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple_struct map identifier
        ignored_any
    }
}

/// The fields of a record that are left.
struct Fields<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// The items of an array, block by block.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// Those that are left of the block.
    left: u64,
    is_at_end: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if self.left == 0 && !self.is_at_end {
            self.left = self.reader.block()?;
            self.is_at_end = self.left == 0;
        }
        if self.is_at_end {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

/// The symbol of an enum, by its number.
pub(super) struct Symbol(pub(super) u32);

impl<'de> EnumAccess<'de> for Symbol {
    type Error = Fault;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let number: U32Deserializer<Fault> = self.0.into_deserializer();
        Ok((seed.deserialize(number)?, self))
    }
}

impl<'de> VariantAccess<'de> for Symbol {
    type Error = Fault;

    #[inline]
    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Fault> {
        Err(no_symbol())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(no_symbol())
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Fault> {
        Err(no_symbol())
    }
}

fn no_symbol() -> Fault {
    Fault::new("an enum of ours has symbols only")
}
