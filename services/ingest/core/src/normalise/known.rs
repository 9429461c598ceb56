//! The tokens of persons of whom something came lately: most come again and again, and a token costs two hashes. It does
//! not know what comes of them.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use schemas::PersonToken;
use schemas::id::{CitizenFault, CitizenNumber};

use super::Pseudonyms;

/// Persons that are remembered at most: 5 MB a worker.
const PERSONS_MAX: usize = 1 << 17;
/// Bytes of the longest text that names a person, a certificate.
const TEXT_BYTES_MAX: usize = 22;

/// A text that named a person, and the person.
#[derive(Clone, Copy)]
struct Known {
    text: [u8; TEXT_BYTES_MAX],
    /// How many bytes of it count; 0 where nobody is remembered.
    length: u8,
    token: PersonToken,
}

const NOBODY: Known = Known { text: [0; TEXT_BYTES_MAX], length: 0, token: PersonToken([0; 16]) };

/// Tokens by the texts that they were made of. A person has one place, and takes it from the one who had it before.
#[derive(Default)]
pub(super) struct KnownPersons {
    places: Vec<Known>,
}

impl KnownPersons {
    /// The token of the person whom a text names: a citizen number, or a certificate that holds one.
    pub(super) fn token(&mut self, text: &str, pseudonyms: &Pseudonyms) -> Result<PersonToken, CitizenFault> {
        let mut wanted = [0; TEXT_BYTES_MAX];
        let Some(head) = wanted.get_mut(..text.len()) else {
            return CitizenNumber::parse(text).map(|number| pseudonyms.person(&number));
        };
        head.copy_from_slice(text.as_bytes());
        if self.places.is_empty() {
            self.places.resize(PERSONS_MAX, NOBODY);
        }
        let place = FixedState::default().hash_one(wanted) as usize % PERSONS_MAX;
        let known = &mut self.places[place];
        if usize::from(known.length) != text.len() || known.text != wanted || text.is_empty() {
            let token = pseudonyms.person(&CitizenNumber::parse(text)?);
            *known = Known { text: wanted, length: text.len() as u8, token };
        }
        Ok(known.token)
    }
}

impl std::fmt::Debug for KnownPersons {
    /// Never shows a number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownPersons(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_is_known_has_the_same_token() {
        let pseudonyms = Pseudonyms::new(&[7; 32]).expect("32 bytes");
        let mut known = KnownPersons::default();
        let texts = ["11010519491231002X", "11010519491231002x", "110105491231002", "440524188001010014"];
        let faulty = ["", "110105194912310021", "11010519491231002X43B1C", "一二三四五六七"];
        for text in texts.into_iter().chain(faulty).cycle().take(40) {
            let expected = CitizenNumber::parse(text).map(|number| pseudonyms.person(&number));
            assert_eq!(known.token(text, &pseudonyms), expected, "{text}");
        }
        assert!(!format!("{known:?}").contains("11010519491231002X"));
    }

    #[test]
    fn who_is_not_remembered_any_more_has_the_same_token() {
        let pseudonyms = Pseudonyms::new(&[7; 32]).expect("32 bytes");
        let mut known = KnownPersons { places: vec![NOBODY; PERSONS_MAX] };
        let number = CitizenNumber::parse("11010519491231002X").expect("valid");
        let token = known.token(number.as_str(), &pseudonyms).expect("valid");
        let other = Known { text: [b'1'; TEXT_BYTES_MAX], length: 18, token: PersonToken([9; 16]) };
        known.places.fill(other);
        assert_eq!(known.token(number.as_str(), &pseudonyms), Ok(token));
    }
}
