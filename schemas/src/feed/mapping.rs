//! What a feed's record means, ready to be applied: which subjects it speaks of and which canonical entries it makes
//! for each. The language is that of `schemas/feeds/README.md`. It does not know how it is applied.

use crate::{Category, Cause, Kind};

/// What an event of one type means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// What must hold between its fields.
    pub checks: Vec<AtMost>,
    /// The subjects it speaks of, in the order of their ordinals.
    pub subjects: Vec<SubjectRule>,
    /// Slots that are no texts and go into entries as texts ([`Place::Rendered`]).
    pub rendered: Vec<usize>,
}

/// The first field must not be above the second, where both are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtMost {
    /// The slot of the part.
    pub part: usize,
    /// The slot of the whole.
    pub whole: usize,
}

/// The entries about one subject, or about each of several.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectRule {
    /// Who.
    pub about: About,
    /// What.
    pub entries: Vec<EntryRule>,
}

/// Whom entries are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The person where the event names one, else the household.
    Event,
    /// The household where the event names one, else the person.
    Household,
    /// The household whose code stands in this slot, which may be another than the event's; nobody where it is not given.
    Named(usize),
    /// Each person of a list, with the household of the event. `person` is the place of the citizen number in a
    /// row; 0 for a list of texts.
    Each {
        /// The slot of the list.
        list: usize,
        /// The place in the row.
        person: usize,
    },
}

/// One canonical entry.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryRule {
    /// Its kind.
    pub kind: Kind,
    /// Its category.
    pub category: Pick<Category>,
    /// Its cause.
    pub cause: Pick<Cause>,
    /// Slots of its amount: the first that is given counts; none gives 0.
    pub amount: Vec<usize>,
    /// Slots of the day for which it counts: the first that is given; else the day on which the event occurred.
    pub day: Vec<usize>,
    /// The slot of the first month for which it counts; else the month of its day.
    pub month: Option<usize>,
    /// The slot of the number of months; else 1.
    pub months: Option<usize>,
    /// Its code.
    pub code: Words,
    /// Its value.
    pub value: Words,
    /// It is made only where each of these slots has one of these texts.
    pub when: Vec<(usize, Vec<String>)>,
    /// It is made only where each of these slots is given.
    pub given: Vec<usize>,
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A slot of the event.
    Event(usize),
    /// A place in the row of the list that the subjects come from.
    Row(usize),
    /// One of [`Mapping::rendered`].
    Rendered(usize),
}

/// A word of a closed vocabulary: fixed, or by a field's text.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick<T> {
    /// Always this one.
    Fixed(T),
    /// By the text of a field; `default` for a text that is not in the table, and for none.
    Field {
        /// The field.
        place: Place,
        /// The word for each text.
        table: Vec<(String, T)>,
        /// Else this one.
        default: Option<T>,
    },
}

/// A text: fixed, or a field's.
#[derive(Clone, Debug, PartialEq)]
pub enum Words {
    /// Always this one.
    Fixed(String),
    /// The text of a field.
    Field {
        /// The field.
        place: Place,
        /// Whether the field is open text, which might hold anything.
        open: bool,
        /// Another text for some; a text that is not in a table that is not empty takes the default.
        table: Vec<(String, String)>,
        /// Where the field is not given, or not in the table.
        default: Option<String>,
    },
}
