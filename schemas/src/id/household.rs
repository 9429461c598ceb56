//! The household code of 16 digits and the places that it names (GB/T 2260, GB/T 10114). It does not know which
//! households exist.

use serde::{Deserialize, Serialize};

/// Smallest number of 16 digits that begins with a province (11 to 82).
const MIN: u64 = 1_000_000_000_000_000;
/// One above the largest number of 16 digits.
const END: u64 = 10_000_000_000_000_000;

/// A household: 6 digits county, 9 township, 12 village, then a serial of 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HouseholdCode(u64);

/// A county: the first 6 digits of a household code (GB/T 2260).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct County(pub i32);

/// A village: the first 12 digits of a household code. It decides the partition of a household's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Village(u64);

/// Why a text is no household code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a household code has 16 digits and does not begin with 0")]
pub struct HouseholdFault;

impl HouseholdCode {
    /// Reads 16 digits.
    pub fn parse(text: &str) -> Result<Self, HouseholdFault> {
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HouseholdFault);
        }
        Self::from_number(text.parse().map_err(|_| HouseholdFault)?)
    }

    /// From a number of 16 digits.
    pub const fn from_number(number: u64) -> Result<Self, HouseholdFault> {
        if number >= MIN && number < END { Ok(Self(number)) } else { Err(HouseholdFault) }
    }

    /// As a number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The county.
    pub const fn county(self) -> County {
        County((self.0 / 10_000_000_000) as i32)
    }

    /// The village.
    pub const fn village(self) -> Village {
        Village(self.0 / 10_000)
    }

    /// The 16 digits, without an allocation.
    pub fn digits(self) -> [u8; 16] {
        digits(self.0)
    }
}

impl Village {
    /// The 12 digits, without an allocation: what the partition of a household's topics is computed from.
    pub fn digits(self) -> [u8; 12] {
        digits(self.0)
    }
}

impl County {
    /// Reads 6 digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok().filter(|number| *number >= 100_000).map(Self)
        } else {
            None
        }
    }

    /// The 6 digits, without an allocation.
    pub fn digits(self) -> [u8; 6] {
        digits(u64::from(self.0.unsigned_abs()))
    }
}

fn digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut text = [b'0'; N];
    for byte in text.iter_mut().rev() {
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text
}

impl std::fmt::Display for HouseholdCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016}", self.0)
    }
}

impl std::fmt::Display for Village {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl std::fmt::Display for County {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl Serialize for HouseholdCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = self.digits();
        serializer.serialize_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for HouseholdCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl serde::de::Visitor<'_> for Digits {
            type Value = HouseholdCode;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a household code of 16 digits")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HouseholdCode, E> {
                HouseholdCode::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_names_its_county_and_village() {
        let code = HouseholdCode::parse("4310231012050007").expect("16 digits");
        assert_eq!(code.county(), County(431_023));
        assert_eq!(&code.village().digits(), b"431023101205");
        assert_eq!(&code.digits(), b"4310231012050007");
        assert_eq!(code.to_string(), "4310231012050007");
    }

    #[test]
    fn anything_but_16_digits_is_refused() {
        for text in ["", "431023101205000", "43102310120500071", "431023101205000X", "0310231012050007"] {
            assert_eq!(HouseholdCode::parse(text), Err(HouseholdFault), "{text}");
        }
    }
}
