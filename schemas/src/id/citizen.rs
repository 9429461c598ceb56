//! The citizen number of GB 11643 with its check character, the older form of 15 digits, and the certificates that
//! contain one. It does not know whether such a person exists.

use crate::time::Day;

/// Weights of GB 11643 (ISO 7064 MOD 11-2) for the first 17 digits.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// Check characters by remainder.
const CHECKS: &[u8; 11] = b"10X98765432";

/// A valid citizen number: 17 digits and a check character, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CitizenNumber([u8; 18]);

/// Why a text is no citizen number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CitizenFault {
    /// Not 18 characters, nor 15 of the old kind, nor a certificate of 20 to 22.
    #[error("a citizen number has 18 characters (the old kind 15), a certificate 20 to 22; this text has {0}")]
    Length(usize),
    /// A character that is no digit (the last may be X).
    #[error("character {0} of the number is no digit")]
    NotADigit(usize),
    /// The birth date in characters 7 to 14 (7 to 12 of the old kind) is no day.
    #[error("the characters from the 7th on are no date of birth")]
    BirthDate,
    /// The check character does not fit.
    #[error("the check character does not fit the 17 digits before it")]
    CheckCharacter,
}

impl CitizenNumber {
    /// Reads a number of 18 characters, or a certificate (the number plus 2 to 4 characters, such as a disability
    /// certificate), which maps to its person. A lower-case check letter is taken as upper case. A number of 15
    /// digits, as it was given out until 1999, maps to the one of 18 characters that its holder has now.
    pub fn parse(text: &str) -> Result<Self, CitizenFault> {
        let bytes = text.as_bytes();
        if let Ok(old) = <&[u8; 15]>::try_from(bytes) {
            return Self::of_old(old);
        }
        if !matches!(bytes.len(), 18 | 20..=22) {
            return Err(CitizenFault::Length(text.chars().count()));
        }
        let mut number = [0; 18];
        number.copy_from_slice(&bytes[..18]);
        if let Some(at) = number[..17].iter().position(|byte| !byte.is_ascii_digit()) {
            return Err(CitizenFault::NotADigit(at + 1));
        }
        number[17] = number[17].to_ascii_uppercase();
        if !(number[17].is_ascii_digit() || number[17] == b'X') {
            return Err(CitizenFault::NotADigit(18));
        }
        let this = Self(number);
        if this.birth_day_checked().is_none() {
            return Err(CitizenFault::BirthDate);
        }
        if number[17] != check_character(&number[..17]) {
            return Err(CitizenFault::CheckCharacter);
        }
        Ok(this)
    }

    /// The number of 15 digits: area, year without its century, month, day and serial, without a check character.
    /// All of them are taken as born in the 1900s: the serials 996 to 999, once kept for those of the century before,
    /// would make a living holder more than 125 years old.
    fn of_old(old: &[u8; 15]) -> Result<Self, CitizenFault> {
        if let Some(at) = old.iter().position(|byte| !byte.is_ascii_digit()) {
            return Err(CitizenFault::NotADigit(at + 1));
        }
        let mut number = [0; 18];
        number[..6].copy_from_slice(&old[..6]);
        number[6..8].copy_from_slice(b"19");
        number[8..17].copy_from_slice(&old[6..]);
        number[17] = check_character(&number[..17]);
        let this = Self(number);
        this.birth_day_checked().map(|_| this).ok_or(CitizenFault::BirthDate)
    }

    /// The number of a person by area (6 digits), day of birth and serial (0 to 999), with its check character.
    /// Used by the simulator and by tests. `None` where a part is out of range.
    pub fn compose(area: u32, birth: Day, serial: u16) -> Option<Self> {
        let (year, month, day) = birth.civil();
        if !(100_000..1_000_000).contains(&area) || !(1000..10_000).contains(&year) || serial > 999 {
            return None;
        }
        let digits = format!("{area:06}{year:04}{month:02}{day:02}{serial:03}");
        let mut number = [0; 18];
        number[..17].copy_from_slice(digits.as_bytes());
        number[17] = check_character(&number[..17]);
        Some(Self(number))
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The day of birth.
    pub fn birth_day(&self) -> Day {
        self.birth_day_checked().unwrap_or_default()
    }

    fn birth_day_checked(&self) -> Option<Day> {
        Day::of(
            self.number(6..10) as i32,
            u8::try_from(self.number(10..12)).ok()?,
            u8::try_from(self.number(12..14)).ok()?,
        )
    }

    fn number(&self, range: std::ops::Range<usize>) -> u32 {
        self.0[range].iter().fold(0, |number, byte| number * 10 + u32::from(byte - b'0'))
    }
}

impl std::fmt::Debug for CitizenNumber {
    /// Never shows the number: a debug print must not carry a person's identity into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CitizenNumber(hidden)")
    }
}

fn check_character(digits: &[u8]) -> u8 {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
    CHECKS[(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_or_refused_with_their_fault() {
        for (text, expected) in [
            // The example of GB 11643 itself.
            ("11010519491231002X", Ok("11010519491231002X")),
            ("11010519491231002x", Ok("11010519491231002X")),
            ("440524188001010014", Ok("440524188001010014")),
            // Disability certificates: the number, then category, grade and reissue.
            ("11010519491231002X43", Ok("11010519491231002X")),
            ("11010519491231002X43B1", Ok("11010519491231002X")),
            // The old kind, without century and check character.
            ("110105491231002", Ok("11010519491231002X")),
            ("440524880101001", Ok("440524198801010011")),
            ("110105000229001", Err(CitizenFault::BirthDate)),
            ("110105491331002", Err(CitizenFault::BirthDate)),
            ("11010549123100X", Err(CitizenFault::NotADigit(15))),
            ("1101O5491231002", Err(CitizenFault::NotADigit(5))),
            ("11010549123100", Err(CitizenFault::Length(14))),
            ("110105194912310021", Err(CitizenFault::CheckCharacter)),
            ("11010519491331002X", Err(CitizenFault::BirthDate)),
            ("1101051949123100", Err(CitizenFault::Length(16))),
            ("11010519491231002X4", Err(CitizenFault::Length(19))),
            ("1101O519491231002X", Err(CitizenFault::NotADigit(5))),
            ("", Err(CitizenFault::Length(0))),
        ] {
            let found = CitizenNumber::parse(text);
            assert_eq!(found.as_ref().map(CitizenNumber::as_str), expected.as_ref().map(|text| *text), "{text}");
        }
    }

    #[test]
    fn all_forms_of_a_number_are_the_same_person() {
        for (area, birth, serial) in
            [(431_023, "1984-02-29", 7), (110_105, "1949-12-31", 2), (431_002, "1999-09-30", 999)]
        {
            let birth = Day::parse(birth).expect("a day");
            let number = CitizenNumber::compose(area, birth, serial).expect("in range");
            let text = number.as_str();
            let old = format!("{}{}", &text[..6], &text[8..17]);
            for form in [text.to_owned(), text.to_ascii_lowercase(), format!("{text}43"), format!("{text}42B1"), old] {
                assert_eq!(CitizenNumber::parse(&form), Ok(number), "{form}");
            }
        }
    }

    #[test]
    fn a_composed_number_is_valid() {
        let birth = Day::parse("1984-02-29").expect("a day");
        let number = CitizenNumber::compose(431_023, birth, 7).expect("in range");
        assert_eq!(CitizenNumber::parse(number.as_str()), Ok(number));
        assert_eq!(number.birth_day(), birth);
    }
}
