//! A decoder plan: for one writer's schema, which of its fields go into which slot, worked out once, so that reading
//! a record looks up no name, builds no tree and allocates nothing but what its scratch already has. Fields that
//! nobody wants are skipped. It does not know what a field means, nor how a record is framed.
//!
//! The rules are those of Avro's schema resolution, with the wanted fields as the reader: a field is found by its
//! name, else by an alias; one that the writer does not have takes its default; `int`, `long`, `float` and `double`
//! are promoted upwards, `string` and `bytes` to each other; an enum is read as the text of its symbol.

mod compile;
mod read;
#[cfg(test)]
mod tests;

pub use compile::PlanFault;
pub use read::{ReadError, Scratch};

/// Items of one list that are read at most; a record with more is refused. Keeps a few bytes of garbage that claim a
/// thousand million empty items from costing a second.
pub const LIST_ITEMS_MAX: usize = 65_536;

/// What is wanted of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A truth value.
    Bool,
    /// A whole number.
    Long,
    /// A number with a fraction.
    Double,
    /// Text, or the symbol of an enum.
    Text,
    /// Bytes.
    Bytes,
}

/// The shape of a field that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// One value, or none.
    One(Scalar),
    /// A list of texts (or enum symbols).
    Texts,
    /// A list of records, of which these fields are wanted; none of them a list itself.
    Records(Vec<Wanted>),
}

/// What stands in a slot whose field the writer does not have.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Constant {
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A number with a fraction.
    Double(f64),
    /// Text.
    Text(String),
}

/// A field that is wanted. Its place in the list of wanted fields is its slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Other names that a writer may have for it.
    pub aliases: Vec<String>,
    /// Its shape.
    pub shape: Shape,
    /// What stands for it where the writer does not have it.
    pub default: Constant,
}

/// One decoded value, borrowed from the record or the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Slot<'a> {
    /// Nothing: null, or a field that the writer does not have.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A number with a fraction.
    Double(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list; [`Values::rows`] gives its items.
    List(List),
}

/// Where the items of a list lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    first: usize,
    rows: usize,
    width: usize,
}

impl List {
    /// How many items it has.
    pub const fn len(self) -> usize {
        self.rows
    }

    /// Whether it has none.
    pub const fn is_empty(self) -> bool {
        self.rows == 0
    }
}

/// The decoded values of one record, by slot.
#[derive(Debug, Default)]
pub struct Values<'a> {
    slots: Vec<Slot<'a>>,
    elements: Vec<Slot<'a>>,
}

impl<'a> Values<'a> {
    /// The value in a slot; nothing where there is no such slot.
    pub fn get(&self, slot: usize) -> Slot<'a> {
        self.slots.get(slot).copied().unwrap_or_default()
    }

    /// The text in a slot.
    pub fn text(&self, slot: usize) -> Option<&'a str> {
        match self.get(slot) {
            Slot::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number in a slot.
    pub fn long(&self, slot: usize) -> Option<i64> {
        match self.get(slot) {
            Slot::Long(number) => Some(number),
            _ => None,
        }
    }

    /// All slots, in order.
    pub fn slots(&self) -> &[Slot<'a>] {
        &self.slots
    }

    /// The items of a list: one slot each for a list of texts, one per wanted field for a list of records.
    pub fn rows(&self, list: List) -> impl Iterator<Item = &[Slot<'a>]> {
        let end = list.first + list.rows * list.width;
        self.elements.get(list.first..end).unwrap_or_default().chunks_exact(list.width.max(1))
    }
}

/// How one field of the writer is read.
#[derive(Debug)]
enum Way {
    /// It is skipped.
    Skip,
    /// Into the slot, as one value.
    One { slot: usize, item: Item },
    /// Into the slot, as a list of texts.
    Texts { slot: usize, nullable: bool, item: Item },
    /// Into the slot, as a list of records.
    Records { slot: usize, nullable: bool, rows: Fields },
}

/// How one value is read.
#[derive(Debug)]
struct Item {
    scalar: Scalar,
    /// Whether the writer has a union here.
    union: bool,
    /// The symbols of the writer's enum, where it has one here.
    symbols: Box<[Box<str>]>,
}

/// How the fields of a record are read: one way for each field of the writer, in its order.
#[derive(Debug)]
struct Fields {
    ways: Box<[Way]>,
    /// What stands in each slot before the fields are read.
    defaults: Box<[Constant]>,
}

/// The plan for one writer's schema.
pub struct Plan {
    schema: serde_avro_fast::Schema,
    fields: Fields,
}

impl Plan {
    /// The fingerprint of the writer's schema (CRC-64-AVRO, as in a single-object encoding).
    pub fn fingerprint(&self) -> [u8; 8] {
        *self.schema.rabin_fingerprint()
    }

    /// How many slots it fills.
    pub fn width(&self) -> usize {
        self.fields.defaults.len()
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("fields", &self.fields).finish_non_exhaustive()
    }
}
