//! When a new visit is asked for (domain section 5): not for what was looked at already, and not too soon. It does not
//! know steps.

use schemas::records::{Finding, Size, Visit, WarningLevel};
use schemas::{Cause, Day, Fen};

use crate::policy::Visits;

/// The whole of a percentage.
const WHOLE_PERCENT: i64 = 100;

/// What the requests among the findings amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) level: WarningLevel,
    causes: Vec<Cause>,
    sizes: Vec<Size>,
}

impl Picture {
    /// The picture of the requests; none where there is none.
    pub(super) fn of(findings: &[Finding]) -> Option<Self> {
        let requests = || findings.iter().filter(|finding| finding.level.is_request());
        let level = requests().map(|finding| finding.level).max()?;
        let mut causes: Vec<Cause> = requests().map(|finding| finding.cause).collect();
        causes.sort_unstable();
        causes.dedup();
        let mut sizes: Vec<Size> = Vec::new();
        for finding in requests() {
            let value_fen = finding.value_fen;
            match sizes.binary_search_by(|one| one.rule.cmp(&finding.rule)) {
                Ok(at) if is_upward(finding) => sizes[at].value_fen = sizes[at].value_fen.max(value_fen),
                Ok(at) => sizes[at].value_fen = sizes[at].value_fen.min(value_fen),
                Err(at) => sizes.insert(at, Size { rule: finding.rule.clone(), value_fen }),
            }
        }
        Some(Self { level, causes, sizes })
    }

    /// The visit that is asked for because of it.
    pub(super) fn visit(self, round: i32, day: Day) -> Visit {
        Visit { round, day, level: self.level, causes: self.causes, sizes: self.sizes }
    }
}

/// A figure is on the side that its rule asks for: it tells by itself which one that is.
fn is_upward(finding: &Finding) -> bool {
    finding.value_fen >= finding.threshold_fen
}

/// Adds to a visit that was not made yet what came after it was asked for.
pub(super) fn join(visit: &mut Visit, picture: &Picture) {
    visit.level = visit.level.max(picture.level);
    visit.causes.extend(&picture.causes);
    visit.causes.sort_unstable();
    visit.causes.dedup();
    for size in &picture.sizes {
        match visit.sizes.binary_search_by(|one| one.rule.cmp(&size.rule)) {
            Ok(at) => visit.sizes[at].value_fen = size.value_fen,
            Err(at) => visit.sizes.insert(at, size.clone()),
        }
    }
}

/// Whether a finding asks for a new visit, seen from the last one: a higher level, a new cause, or a figure that has
/// grown. `is_cleared`: the family was safe since, so that a rule which did not hold then asks too.
fn asks(finding: &Finding, visit: &Visit, policy: &Visits, is_cleared: bool) -> bool {
    if !finding.level.is_request() {
        return false;
    }
    let size = visit.sizes.binary_search_by(|one| one.rule.cmp(&finding.rule)).ok().map(|at| visit.sizes[at].value_fen);
    finding.level > visit.level
        || !visit.causes.contains(&finding.cause)
        || size.map_or(is_cleared, |size| has_grown(finding, size, policy.growth_percent))
}

fn has_grown(finding: &Finding, before: Fen, percent: i64) -> bool {
    let by = if is_upward(finding) { finding.value_fen.minus(before) } else { before.minus(finding.value_fen) };
    let enough = Fen(before.0.saturating_abs()).scaled(percent, WHOLE_PERCENT);
    before != Fen::ZERO && by >= enough
}

/// Whether a new visit is asked for on a day; `is_made`: the last one was.
pub(super) fn is_asked<'a>(
    findings: impl IntoIterator<Item = &'a Finding>,
    visit: &Visit,
    policy: &Visits,
    (is_made, is_cleared): (bool, bool),
    day: Day,
) -> bool {
    let is_soon = is_made && day < again(visit, policy);
    findings
        .into_iter()
        .filter(|finding| asks(finding, visit, policy, is_cleared))
        .any(|finding| !is_soon || finding.level == WarningLevel::High)
}

/// The first day on which a visit may be asked for again without level H.
pub(super) fn again(visit: &Visit, policy: &Visits) -> Day {
    visit.day.plus(policy.again_after_days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::EntryId;

    fn finding(rule: &str, level: WarningLevel, cause: Cause, (value, threshold): (i64, i64)) -> Finding {
        Finding {
            rule: rule.into(),
            warning_id: String::new(),
            opening_entry: EntryId(1),
            since_day: Day(0),
            level,
            cause,
            month: None,
            value_fen: Fen(value),
            threshold_fen: Fen(threshold),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn a_new_visit_needs_a_higher_level_a_new_cause_or_half_as_much_again() {
        use Cause::{Disaster, Illness};
        use WarningLevel::{High, Medium, Signal};
        let policy = Visits { again_after_days: 90, growth_percent: 50, dismissed_months: 12 };
        let before = [finding("R01", Medium, Illness, (8_000, 5_000)), finding("R13", Medium, Illness, (6_000, 8_700))];
        let visit = Picture::of(&before).expect("requests").visit(1, Day(100));
        for (what, finding, day, is_made, is_cleared, asked) in [
            ("the same again", finding("R01", Medium, Illness, (8_000, 5_000)), 300, true, false, false),
            ("a little more", finding("R01", Medium, Illness, (11_999, 5_000)), 300, true, false, false),
            ("half as much again", finding("R01", Medium, Illness, (12_000, 5_000)), 300, true, false, true),
            ("half as much again, soon", finding("R01", Medium, Illness, (12_000, 5_000)), 189, true, false, false),
            ("as soon as it may", finding("R01", Medium, Illness, (12_000, 5_000)), 190, true, false, true),
            (
                "soon, but nobody has been there",
                finding("R01", Medium, Illness, (12_000, 5_000)),
                110,
                false,
                false,
                true,
            ),
            ("a higher level at once", finding("R01", High, Illness, (9_000, 5_000)), 101, true, false, true),
            ("a new cause", finding("R08", Medium, Disaster, (6_000, 5_000)), 190, true, false, true),
            ("a new cause, soon", finding("R08", Medium, Disaster, (6_000, 5_000)), 150, true, false, false),
            ("a signal never", finding("R04", Signal, Disaster, (600, 500)), 300, true, false, false),
            ("income a little lower", finding("R13", Medium, Illness, (3_001, 8_700)), 300, true, false, false),
            ("half of the income gone", finding("R13", Medium, Illness, (3_000, 8_700)), 300, true, false, true),
            (
                "another rule of the same cause",
                finding("R22", Medium, Illness, (8_000, 5_000)),
                300,
                true,
                false,
                false,
            ),
            ("the same after it was safe", finding("R22", Medium, Illness, (8_000, 5_000)), 300, true, true, true),
        ] {
            let found = is_asked(&[finding], &visit, &policy, (is_made, is_cleared), Day(day));
            assert_eq!(found, asked, "{what}");
        }
    }
}
