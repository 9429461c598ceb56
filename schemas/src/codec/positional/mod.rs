//! Avro's binary encoding read and written by place alone: the fields of a record in the order of the struct, the symbols
//! of an enum by their number, no name looked up. It holds only where a type stands in the order of its schema, which
//! `order` proves; it does not know framing and fingerprints.
//!
//! What a schema may consist of: records, arrays, enums, fixed, strings, `boolean`, `int`, `long`, and unions of null and
//! one other. A fixed is asked for as a tuple of its length, since serde's bytes have none.

mod order;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub(super) use order::check;
pub(super) use read::Reader;
pub(super) use write::Writer;

/// The name under which a type gives a list whose block is to say its size in bytes.
pub(super) const SIZED: &str = "$sized";
/// The name under which a type asks for a list as it lies: where its blocks say their sizes, it is given the bytes from the
/// first block to the end of the last one, and else the list.
pub(super) const UNREAD: &str = "$unread";

/// Bytes of a number of 64 bits, 7 bits in each.
const LONG_BYTES_MAX: usize = 10;

/// Why a value cannot be read or written. It is as small as a pointer, so that a number that was read comes back in
/// registers.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Fault(Box<What>);

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct What(String);

impl Fault {
    #[cold]
    fn new(what: impl Into<String>) -> Self {
        Self(Box::new(What(what.into())))
    }
}

impl serde::de::Error for Fault {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }
}

impl serde::ser::Error for Fault {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }
}
