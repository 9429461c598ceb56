//! Tokens and hashes: what stands for a citizen number, an event id or a document number beyond ingest. It does not
//! know the key by which they are made.

use serde::{Deserialize, Serialize};

/// A person beyond ingest: the first 128 bits of HMAC-SHA256 over the citizen number. Binary in Avro, 32 hex
/// characters in text and as a record key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonToken(pub [u8; 16]);

/// 64 bits of a keyed hash: of an event id within its source, of a document number, or of an event's content.
/// Signed on the wire, since Avro has no unsigned numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash64(pub i64);

/// One entry of one event: what rows, facts, evidence and findings refer to. Its bits are the event's hash plus the
/// entry's place among all entries of the event, so that the same event gives the same ids in every replay.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub i64);

/// What the id of a stretch's end lies above that of its begin: beyond every ordinal and index.
const END_OF_STRETCH: i64 = 1 << 40;

impl EntryId {
    /// The entry at `index` of the subject record with this `ordinal` of the event.
    pub const fn of(event: Hash64, ordinal: i32, index: i32) -> Self {
        Self(event.0.wrapping_add(((ordinal as i64) << 8) | (index as i64 & 0xff)))
    }

    /// The entry that says that a member has gone, where this one said that he came.
    #[must_use]
    pub const fn end_of_stretch(self) -> Self {
        Self(self.0.wrapping_add(END_OF_STRETCH))
    }
}

impl PersonToken {
    /// 32 hex characters, without an allocation.
    pub fn hex(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (at, byte) in self.0.iter().enumerate() {
            text[at * 2] = DIGITS[usize::from(byte >> 4)];
            text[at * 2 + 1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }

    /// Reads 32 lower-case hex characters.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 32 {
            return None;
        }
        let mut token = [0; 16];
        for (at, pair) in bytes.chunks_exact(2).enumerate() {
            token[at] = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(token))
    }
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl std::fmt::Display for PersonToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl std::fmt::Debug for PersonToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonToken({self})")
    }
}

impl std::fmt::Debug for Hash64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hash64({self})")
    }
}

impl std::fmt::Display for Hash64 {
    /// 16 hex characters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::fmt::Display for EntryId {
    /// 16 hex characters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::fmt::Debug for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EntryId({self})")
    }
}

impl Serialize for PersonToken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for PersonToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = PersonToken;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a person's token of 16 bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<PersonToken, E> {
                bytes.try_into().map(PersonToken).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        // A tuple, not bytes, since a reader of a fixed must be told its length.
        deserializer.deserialize_tuple(16, Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_from_its_text() {
        let token = PersonToken([0, 1, 2, 3, 4, 5, 6, 7, 248, 249, 250, 251, 252, 253, 254, 255]);
        assert_eq!(token.to_string(), "0001020304050607f8f9fafbfcfdfeff");
        assert_eq!(PersonToken::parse(&token.to_string()), Some(token));
        assert_eq!(PersonToken::parse("0001020304050607f8f9fafbfcfdfefg"), None);
        assert_eq!(PersonToken::parse("00"), None);
    }
}
