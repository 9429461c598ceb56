//! Lists that are read when they are needed: whoever changes one part of a large record passes the others on as they lie.
//! They work with the codec of the internal records alone.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::CodecError;
use super::positional::{Reader, SIZED, UNREAD};

/// The bytes of a list without items.
const EMPTY: &[u8] = &[0];

/// Writes a list with its size in bytes before its items, so that it can be passed over.
pub(crate) fn sized<L: Serialize, S: Serializer>(items: &L, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(SIZED, items)
}

/// A list of a record: as its bytes lie in the record, as it was read, or as it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread<'a, T> {
    /// Its bytes, its end among them; none once it may have been changed.
    bytes: Option<&'a [u8]>,
    /// Its items; none before it is read.
    items: Option<Vec<T>>,
}

impl<T> Default for Unread<'_, T> {
    fn default() -> Self {
        Self { bytes: None, items: Some(Vec::new()) }
    }
}

impl<T> From<Vec<T>> for Unread<'_, T> {
    fn from(items: Vec<T>) -> Self {
        Self { bytes: None, items: Some(items) }
    }
}

impl<T> Unread<'_, T> {
    /// Whether there is no item; it need not be read for that.
    pub fn is_empty(&self) -> bool {
        match &self.items {
            Some(items) => items.is_empty(),
            None => self.bytes == Some(EMPTY),
        }
    }
}

impl<'a, T: Deserialize<'a>> Unread<'a, T> {
    /// The items alone.
    ///
    /// # Errors
    /// [`CodecError::List`] where the bytes are no such list.
    pub fn into_items(mut self) -> Result<Vec<T>, CodecError> {
        self.read().map(std::mem::take)
    }

    /// The items, to look at.
    ///
    /// # Errors
    /// [`CodecError::List`] where the bytes are no such list.
    pub fn look(&mut self) -> Result<&[T], CodecError> {
        self.read().map(|items| &**items)
    }

    /// The items, to change: they are written anew.
    ///
    /// # Errors
    /// [`CodecError::List`] where the bytes are no such list.
    pub fn change(&mut self) -> Result<&mut Vec<T>, CodecError> {
        self.read()?;
        self.bytes = None;
        Ok(self.items.get_or_insert_default())
    }

    fn read(&mut self) -> Result<&mut Vec<T>, CodecError> {
        if self.items.is_none() {
            self.items = Some(items(self.bytes.unwrap_or(EMPTY))?);
        }
        Ok(self.items.get_or_insert_default())
    }
}

fn items<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<Vec<T>, CodecError> {
    let mut reader = Reader::new(bytes);
    let items = Vec::deserialize(&mut reader).map_err(|cause| CodecError::List { cause: cause.to_string() })?;
    match reader.left() {
        0 => Ok(items),
        bytes => Err(CodecError::List { cause: format!("{bytes} bytes are left of it") }),
    }
}

impl<T: Serialize> Serialize for Unread<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.bytes, &self.items) {
            (Some(bytes), _) => serializer.serialize_bytes(bytes),
            (None, Some(items)) => sized(items, serializer),
            (None, None) => sized(&Vec::<T>::new(), serializer),
        }
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Unread<'a, T> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(UNREAD, List(PhantomData))
    }
}

/// Takes the bytes of a list, or its items where it cannot be passed over.
struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Unread<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    #[inline]
    fn visit_borrowed_bytes<E: serde::de::Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Unread { bytes: Some(bytes), items: None })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Vec::deserialize(deserializer).map(Unread::from)
    }
}
