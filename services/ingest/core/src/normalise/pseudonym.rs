//! Pseudonyms: what stands for a citizen number, an event id, a document number beyond ingest. HMAC-SHA256 with the
//! key of the county's office; what is hashed begins with a word of its own, so that the same text as an event id and
//! as a document number gives two hashes. It does not know where the key comes from.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use schemas::id::CitizenNumber;
use schemas::{Hash64, PersonToken};
use sha2::{Digest, Sha256};

/// Bytes that a key must have at least: those of the hash.
pub const KEY_BYTES_MIN: usize = 32;

/// The key is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pseudonym key has {0} bytes and needs at least {KEY_BYTES_MIN}: make one with 32 random bytes")]
pub struct KeyTooShort(pub usize);

/// Makes pseudonyms by one key.
#[derive(Clone)]
pub struct Pseudonyms {
    keyed: Hmac<Sha256>,
}

impl Pseudonyms {
    /// With a key.
    pub fn new(key: &[u8]) -> Result<Self, KeyTooShort> {
        if key.len() < KEY_BYTES_MIN {
            return Err(KeyTooShort(key.len()));
        }
        // HMAC takes keys of every length; the error of the interface is for other codes.
        let keyed = Hmac::new_from_slice(key).map_err(|_| KeyTooShort(key.len()))?;
        Ok(Self { keyed })
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn hash64(&self, parts: &[&[u8]]) -> Hash64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.hash(parts)[..8]);
        Hash64(i64::from_be_bytes(first))
    }

    /// The token of a person.
    pub fn person(&self, number: &CitizenNumber) -> PersonToken {
        let hash = self.hash(&[b"person\0", number.as_str().as_bytes()]);
        let mut token = [0; 16];
        token.copy_from_slice(&hash[..16]);
        PersonToken(token)
    }

    /// The hash of an event id within its department.
    pub fn event(&self, source: &str, event_id: &str) -> Hash64 {
        self.hash64(&[b"event\0", source.as_bytes(), b"\0", event_id.as_bytes()])
    }

    /// The hash of a document number, as [`normalised_document`] leaves it.
    pub fn document(&self, normalised: &str) -> Hash64 {
        self.hash64(&[b"document\0", normalised.as_bytes()])
    }

    /// The hash of all that an event says.
    pub fn content(&self, content: &[u8]) -> Hash64 {
        self.hash64(&[b"content\0", content])
    }
}

impl std::fmt::Debug for Pseudonyms {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms(hidden)")
    }
}

/// Writes a document number as every department would: full-width digits, letters and signs as half-width ones,
/// without spaces, in upper case.
pub fn normalised_document(number: &str, out: &mut String) {
    out.clear();
    if number.is_ascii() && !number.contains(char::is_whitespace) {
        out.push_str(number);
        out.make_ascii_uppercase();
        return;
    }
    for character in number.chars() {
        let half = match character {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(character as u32 - 0xFEE0).unwrap_or(character),
            other => other,
        };
        if !half.is_whitespace() {
            out.extend(half.to_uppercase());
        }
    }
}

/// SHA-256 of a value, as 64 hex characters: what a dead letter says of one that is too large to be kept.
pub fn value_sha256(value: &[u8]) -> String {
    Sha256::digest(value).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new(&[7; 32]).expect("32 bytes")
    }

    #[test]
    fn the_same_text_in_two_roles_gives_two_hashes() {
        let number = CitizenNumber::parse("11010519491231002X").expect("valid");
        let text = number.as_str();
        let all = pseudonyms();
        let token = all.person(&number);
        let mut hashes = vec![all.event("health", text), all.document(text), all.content(text.as_bytes())];
        hashes.push(all.event("housing", text));
        hashes.push(Hash64(i64::from_be_bytes(token.0[..8].try_into().expect("8 bytes"))));
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 5);
    }

    #[test]
    fn another_key_gives_another_person() {
        let number = CitizenNumber::parse("11010519491231002X").expect("valid");
        let other = Pseudonyms::new(&[8; 32]).expect("32 bytes");
        assert_ne!(pseudonyms().person(&number), other.person(&number));
        assert_eq!(Pseudonyms::new(b"short").expect_err("too short"), KeyTooShort(5));
    }

    #[test]
    fn documents_of_two_departments_are_written_alike() {
        for (written, normalised) in [
            ("ab12", "AB12"),
            ("a\u{b}b 12", "AB12"),
            (" A B\u{3000}1 2 ", "AB12"),
            ("ＡＢ１２", "AB12"),
            ("湘Ｃ－００１", "湘C-001"),
            ("", ""),
        ] {
            let mut out = String::from("left over");
            normalised_document(written, &mut out);
            assert_eq!(out, normalised, "{written}");
        }
    }

    /// The expected value was computed with Python's `hmac` over `document\0AB12`: a replay years later, by another
    /// build, must give the same ids.
    #[test]
    fn a_hash_never_changes() {
        assert_eq!(pseudonyms().document("AB12").to_string(), "e1097f222c7ce738");
    }
}
