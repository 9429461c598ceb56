//! Whom a ledger is about, and the keys that name it. It does not know what a ledger holds.

use std::io::Write;

use schemas::records::SubjectEntry;
use schemas::{HouseholdCode, Month, PersonToken};

/// Whom an event is about: the person where it names one, else the household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A person.
    Person(PersonToken),
    /// A household.
    Household(HouseholdCode),
}

impl Subject {
    /// Whom the record is about; `None` where it names neither a person nor a household.
    pub fn of(entry: &SubjectEntry<'_>) -> Option<Self> {
        entry.person.map(Self::Person).or(entry.household.map(Self::Household))
    }

    /// Its key in the topics of subjects: a token of 32 hex characters or a household code of 16 digits.
    pub fn key(self) -> SubjectKey {
        match self {
            Self::Person(token) => SubjectKey { text: token.hex(), length: 32 },
            Self::Household(code) => {
                let mut text = [0; 32];
                text[..16].copy_from_slice(&code.digits());
                SubjectKey { text, length: 16 }
            }
        }
    }

    /// Reads a key.
    pub fn parse(key: &str) -> Option<Self> {
        match key.len() {
            32 => PersonToken::parse(key).map(Self::Person),
            16 => HouseholdCode::parse(key).ok().map(Self::Household),
            _ => None,
        }
    }
}

/// The text of a subject's key, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct SubjectKey {
    text: [u8; 32],
    length: usize,
}

impl SubjectKey {
    /// The text.
    pub fn as_str(&self) -> &str {
        // Hex characters and digits are UTF-8.
        std::str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }
}

/// A part of a ledger that is one record of the changelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Membership, registration and parked records.
    About,
    /// Items from before the horizon that hold still: the newest status of each code, and what made somebody known.
    Standing,
    /// The items of one month.
    Month(Month),
}

impl Part {
    /// Appends what comes after the subject in the changelog key: `<subject>/about`, `<subject>/standing` or
    /// `<subject>/<yyyymm>`.
    pub fn write_key_end(self, out: &mut Vec<u8>) {
        match self {
            Self::About => out.extend_from_slice(b"/about"),
            Self::Standing => out.extend_from_slice(b"/standing"),
            Self::Month(month) => {
                // A write into memory does not fail.
                let _ = write!(out, "/{:06}", month.yyyymm());
            }
        }
    }

    /// Reads a changelog key.
    pub fn parse_key(key: &str) -> Option<(Subject, Self)> {
        let (subject, part) = key.split_once('/')?;
        let part = match part {
            "about" => Self::About,
            "standing" => Self::Standing,
            month => Self::Month(Month::from_yyyymm(month.parse().ok()?)?),
        };
        Some((Subject::parse(subject)?, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_key_names_subject_and_part() {
        let person = Subject::Person(PersonToken([0xab; 16]));
        let household = Subject::Household(HouseholdCode::parse("4310231012050007").expect("a code"));
        let month = Part::Month(Month::of(2025, 3).expect("a month"));
        let rows = [
            (person, Part::About, "abababababababababababababababab/about"),
            (household, Part::Standing, "4310231012050007/standing"),
            (household, month, "4310231012050007/202503"),
        ];
        for (subject, part, key) in rows {
            let mut written = Vec::new();
            written.extend_from_slice(subject.key().as_str().as_bytes());
            part.write_key_end(&mut written);
            assert_eq!(std::str::from_utf8(&written), Ok(key));
            assert_eq!(Part::parse_key(key), Some((subject, part)));
        }
        for key in ["progress", "x/about", "4310231012050007/202513", "4310231012050007"] {
            assert_eq!(Part::parse_key(key), None, "{key}");
        }
    }
}
