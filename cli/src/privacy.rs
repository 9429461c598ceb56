//! Looks for citizen numbers where none may be: invariant 7, checked on what a run left behind. The numbers that are
//! looked for are those that stand in the feeds, so that a hash that happens to look like one is no finding. It does
//! not know what the bytes are.

use std::collections::BTreeSet;

use schemas::id::CitizenNumber;

/// How many characters a citizen number has.
const LENGTH: usize = 18;

/// The citizen numbers of a run.
#[derive(Debug, Default)]
pub(crate) struct CitizenNumbers {
    known: BTreeSet<CitizenNumber>,
}

impl CitizenNumbers {
    /// Takes in every number that stands in the bytes of a feed record.
    pub(crate) fn learn(&mut self, bytes: &[u8]) {
        candidates(bytes, |number| {
            self.known.insert(number);
        });
    }

    /// How many different numbers are known.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// How many times a known number stands in the bytes.
    pub(crate) fn count_in(&self, bytes: &[u8]) -> usize {
        let mut count = 0;
        candidates(bytes, |number| count += usize::from(self.known.contains(&number)));
        count
    }
}

/// Calls `take` for every 18 characters that are valid as a citizen number.
fn candidates(bytes: &[u8], mut take: impl FnMut(CitizenNumber)) {
    let mut run_start = 0;
    for at in 0..=bytes.len() {
        if bytes.get(at).is_some_and(u8::is_ascii_digit) {
            continue;
        }
        // The last character may be an X, so a run of 17 digits counts with the byte that ends it.
        let is_x = bytes.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'x'));
        let run = &bytes[run_start..at + usize::from(is_x)];
        for window in run.windows(LENGTH) {
            if let Some(number) = std::str::from_utf8(window).ok().and_then(|text| CitizenNumber::parse(text).ok()) {
                take(number);
            }
        }
        run_start = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citizen_number_of_the_feeds_is_found_wherever_it_stands() {
        let mut numbers = CitizenNumbers::default();
        numbers.learn(b"person 11010519491231002X, bill 440524188001010014, certificate 11010519491231002X43");
        assert_eq!(numbers.len(), 2);
        for (text, expected) in [
            ("11010519491231002X", 1),
            ("id=11010519491231002x;", 1),
            ("bill-440524188001010014-7", 1),
            ("a prefix of digits 9440524188001010014", 1),
            ("440524188001010015", 0),
            ("4310231012050007", 0),
            ("", 0),
            ("11010519491231002X 440524188001010014", 2),
        ] {
            assert_eq!(numbers.count_in(text.as_bytes()), expected, "{text}");
        }
    }
}
