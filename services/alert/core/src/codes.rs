//! Which codes of statuses or incidents there are, in a few bits: what tells a rule about other codes at once that it sees
//! nothing. It does not know what a code means.

/// A set of codes, a bit for each, which several codes may share: it can be sure that a code is not in it, not that it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeMarks(u64);

impl CodeMarks {
    /// Whether there is no code at all.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the code may be in it.
    #[inline]
    pub(crate) fn may_have(self, code: &str) -> bool {
        self.0 & bit(code) != 0
    }
}

/// The bit of a code: by its length, its first, middle and last letter.
#[inline]
fn bit(code: &str) -> u64 {
    let bytes = code.as_bytes();
    let letter = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
    let sum = bytes.len() + 3 * letter(0) + 5 * letter(bytes.len() / 2) + 7 * letter(bytes.len().wrapping_sub(1));
    1 << (sum % u64::BITS as usize)
}

impl<'a> FromIterator<&'a str> for CodeMarks {
    fn from_iter<I: IntoIterator<Item = &'a str>>(codes: I) -> Self {
        Self(codes.into_iter().fold(0, |bits, code| bits | bit(code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_it_is_never_missed() {
        let codes = ["", "a", "labour", "insured", "house_safety", "verification_result", "房屋"];
        let marks: CodeMarks = codes.into_iter().collect();
        assert!(codes.into_iter().all(|code| marks.may_have(code)));
        assert!(!CodeMarks::from_iter(["insured"]).may_have("labour"));
        assert!(CodeMarks::default().is_empty() && !CodeMarks::default().may_have("labour"));
    }
}
