//! Which categories, statuses and incidents there are of a household at all, in a few bits: what tells a rule about others at
//! once that it sees nothing. It knows no rule, and not what a code means.

use schemas::Kind;
use schemas::records::HouseholdState;

use crate::policy::CategorySet;

/// What there is of a household at all, or what a rule looks for: where they have nothing in common, the rule sees nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traces {
    /// The categories of its sums.
    pub(crate) categories: CategorySet,
    /// The codes of its statuses.
    pub(crate) statuses: CodeMarks,
    /// The codes of what happened to it; what offices did is no incident.
    pub(crate) incidents: CodeMarks,
}

impl Traces {
    /// Those of a household.
    pub(crate) fn of(state: &HouseholdState) -> Self {
        let incidents = state.incidents.iter().filter(|one| one.kind == Kind::Incident);
        Self {
            categories: state.sums.iter().map(|sum| sum.category).collect(),
            statuses: state.statuses.iter().map(|status| status.code.as_str()).collect(),
            incidents: incidents.map(|one| one.code.as_str()).collect(),
        }
    }

    /// Those of both together.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self {
            categories: self.categories.with(other.categories),
            statuses: CodeMarks(self.statuses.0 | other.statuses.0),
            incidents: CodeMarks(self.incidents.0 | other.incidents.0),
        }
    }

    /// Whether both have something in common.
    pub(crate) const fn meets(self, other: Self) -> bool {
        !self.categories.both(other.categories).is_empty()
            || self.statuses.0 & other.statuses.0 != 0
            || self.incidents.0 & other.incidents.0 != 0
    }
}

/// A set of codes, a bit for each, which several codes may share: it can be sure that a code is not in it, not that it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeMarks(u64);

impl CodeMarks {
    /// All codes.
    pub(crate) const ALL: Self = Self(u64::MAX);

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
