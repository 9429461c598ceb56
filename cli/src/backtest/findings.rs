//! What each side said, put together: findings from raised to ended, visits, and which findings of the two sides are
//! the same. Pure. It knows no rule by name.

use std::collections::BTreeMap;

use schemas::records::{Warning, WarningKind};
use schemas::{Class, Day, HouseholdCode, Month};

use super::known::Known;

/// What is kept of a warning record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    warning_id: String,
    kind: WarningKind,
    household: HouseholdCode,
    rule: String,
    month: Option<Month>,
    day: Day,
    state_number: i64,
    asks_visit: bool,
}

impl Said {
    /// What is kept of it; nothing of what is said about a whole village, whose households have their own.
    pub(super) fn of(warning: &Warning) -> Option<Self> {
        warning.attached.is_empty().then(|| Self {
            warning_id: warning.warning_id.clone(),
            kind: warning.kind,
            household: warning.household,
            rule: warning.rule.clone(),
            month: warning.month,
            day: warning.day,
            state_number: warning.state_number,
            asks_visit: warning.asks_visit,
        })
    }

    fn about(&self, known: &Known) -> About {
        About {
            household: self.household,
            rule: self.rule.clone(),
            classes: known.classes(self.household, self.state_number).to_vec(),
            day: self.day,
        }
    }
}

/// Whose and what something is, and when it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The household.
    pub(super) household: HouseholdCode,
    /// The rule.
    pub(super) rule: String,
    /// The household's classes on that day.
    pub(super) classes: Vec<Class>,
    /// The day.
    pub(super) day: Day,
}

/// A warning from the day on which it was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Whose it is, and when it was raised.
    pub(super) about: About,
    warning_id: String,
    month: Option<Month>,
    /// The first day on which it stood no longer; none while it stands.
    ended: Option<Day>,
}

impl Finding {
    /// Whether both stood on some day.
    fn meets(&self, other: &Self) -> bool {
        let before = |one: &Self, other: &Self| other.ended.is_none_or(|ended| one.about.day <= ended);
        before(self, other) && before(other, self)
    }
}

/// One side's findings and visits on the days that count.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// What was raised.
    pub(super) findings: Vec<Finding>,
    /// Each visit that was asked for.
    pub(super) visits: Vec<About>,
}

impl Side {
    /// Puts together what was said from the first day that counts to the last one. What stood before is none of it, nor what
    /// the last close said for the day after it, which nobody has seen yet.
    pub(super) fn new(said: &[Said], known: &Known, (first, last): (Day, Day)) -> Self {
        let mut open: BTreeMap<&str, usize> = BTreeMap::new();
        let mut side = Self::default();
        for one in said {
            match one.kind {
                WarningKind::NoLongerMet | WarningKind::Withdrawn | WarningKind::Closed => {
                    if let Some(at) = open.remove(one.warning_id.as_str()) {
                        side.findings[at].ended = Some(one.day);
                    }
                }
                WarningKind::Raised => {
                    open.insert(&one.warning_id, side.findings.len());
                    let (about, warning_id) = (one.about(known), one.warning_id.clone());
                    side.findings.push(Finding { about, warning_id, month: one.month, ended: None });
                }
                _ => {}
            }
            if one.asks_visit && (first..=last).contains(&one.day) {
                side.visits.push(one.about(known));
            }
        }
        side.findings.retain(|finding| (first..=last).contains(&finding.about.day));
        side
    }
}

/// A finding of A, of B, or of both: places in their lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// Only A has it: it is gone.
    Gone(usize),
    /// Only B has it: it is added.
    Added(usize),
    /// Both have it.
    Kept(usize, usize),
}

/// Which findings are the same: of one household, rule and month, those with the same id, then those that stood on the
/// same day, in the order in which they were raised. So a warning that merely comes earlier is kept, not gone and added.
pub(super) fn pairs(a: &[Finding], b: &[Finding]) -> Vec<Pair> {
    type Places = (Vec<usize>, Vec<usize>);
    let mut groups: BTreeMap<(HouseholdCode, &str, Option<Month>), Places> = BTreeMap::new();
    let key = |finding: &Finding| (finding.about.household, finding.month);
    for (at, finding) in a.iter().enumerate() {
        let (household, month) = key(finding);
        groups.entry((household, &finding.about.rule, month)).or_default().0.push(at);
    }
    for (at, finding) in b.iter().enumerate() {
        let (household, month) = key(finding);
        groups.entry((household, &finding.about.rule, month)).or_default().1.push(at);
    }
    let mut pairs = Vec::new();
    for (mut in_a, mut in_b) in groups.into_values() {
        let same_id = |a: &Finding, b: &Finding| a.warning_id == b.warning_id;
        for is_same in [&same_id as &dyn Fn(&Finding, &Finding) -> bool, &Finding::meets] {
            in_a.retain(|at_a| {
                let found = in_b.iter().position(|at_b| is_same(&a[*at_a], &b[*at_b]));
                let Some(found) = found else { return true };
                pairs.push(Pair::Kept(*at_a, in_b.remove(found)));
                false
            });
        }
        pairs.extend(in_a.into_iter().map(Pair::Gone));
        pairs.extend(in_b.into_iter().map(Pair::Added));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, rule: &str, month: i32, raised: i32, ended: Option<i32>) -> Finding {
        let household = HouseholdCode::parse("4310021002000009").expect("16 digits");
        Finding {
            about: About { household, rule: rule.to_owned(), classes: Vec::new(), day: Day(raised) },
            warning_id: id.to_owned(),
            month: (month != 0).then_some(Month(month)),
            ended: ended.map(Day),
        }
    }

    #[test]
    fn a_warning_that_comes_earlier_is_kept_and_one_of_another_time_is_another_one() {
        let a = finding("one", "R13", 0, 100, Some(200));
        for (what, b, kept) in [
            ("the same", finding("one", "R13", 0, 100, Some(200)), true),
            ("the same id, long before", finding("one", "R13", 0, 10, Some(20)), true),
            ("another id, while it stands", finding("two", "R13", 0, 10, None), true),
            ("another id, ended before", finding("two", "R13", 0, 10, Some(99)), false),
            ("another id, raised after", finding("two", "R13", 0, 201, None), false),
            ("another rule", finding("one", "R14", 0, 100, Some(200)), false),
            ("another month", finding("one", "R13", 7, 100, Some(200)), false),
        ] {
            let expected = if kept { vec![Pair::Kept(0, 0)] } else { vec![Pair::Gone(0), Pair::Added(0)] };
            let mut found = pairs(std::slice::from_ref(&a), std::slice::from_ref(&b));
            found.sort_by_key(|pair| matches!(pair, Pair::Added(_)));
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn each_finding_is_in_one_pair() {
        let a = [finding("one", "R13", 0, 1, Some(5)), finding("two", "R13", 0, 6, None)];
        let b = [finding("two", "R13", 0, 6, None), finding("three", "R13", 0, 2, None)];
        assert_eq!(pairs(&a, &b), [Pair::Kept(1, 0), Pair::Kept(0, 1)]);
        assert_eq!(pairs(&a, &[]), [Pair::Gone(0), Pair::Gone(1)]);
    }
}
