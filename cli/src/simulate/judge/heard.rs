//! What was said of each household, and what became of households that ended: where a judgement looks things up.

use std::collections::BTreeMap;

use schemas::records::WarningKind;
use schemas::{Day, HouseholdCode};

use super::super::truth::{HouseholdTruth, Shock, Truth};
use super::{Notice, WITHIN_DAYS};

/// What was said of each household, in the order of the days.
pub(super) struct Heard<'a> {
    /// The days that are judged, both included.
    pub(super) window: (Day, Day),
    notices: BTreeMap<HouseholdCode, Vec<&'a Notice>>,
    households: BTreeMap<HouseholdCode, &'a HouseholdTruth>,
}

impl<'a> Heard<'a> {
    /// Sorts the notices.
    pub(super) fn new(truth: &'a Truth, notices: &'a [Notice], last_closed: Day) -> Self {
        let mut by: BTreeMap<HouseholdCode, Vec<&Notice>> = BTreeMap::new();
        for notice in notices {
            by.entry(notice.household).or_default().push(notice);
        }
        for notices in by.values_mut() {
            notices.sort_by_key(|notice| notice.day);
        }
        let households = truth.households.iter().map(|household| (household.household, household)).collect();
        Self { window: (truth.city.judged_from, last_closed), notices: by, households }
    }

    /// What was said on the days that are judged.
    pub(super) fn judged(&self) -> impl Iterator<Item = &'a Notice> {
        let (from, to) = self.window;
        self.notices.values().flatten().copied().filter(move |notice| (from..=to).contains(&notice.day))
    }

    /// The requests on the days that are judged.
    pub(super) fn requests(&self) -> impl Iterator<Item = &'a Notice> {
        self.judged().filter(|notice| notice.is_request())
    }

    /// The first notice about a shock's household between two days, both included, that counts.
    pub(super) fn first(
        &self,
        shock: &Shock,
        (from, to): (Day, Day),
        counts: impl Fn(&Notice) -> bool,
    ) -> Option<&'a Notice> {
        let mut household = shock.household;
        let mut since = from;
        // What befell a household that has moved into another is seen there from that day on.
        for _ in 0..=self.households.len() {
            let mut there = self.notices.get(&household).into_iter().flatten().copied();
            if let Some(notice) = there.find(|one| (since..=to).contains(&one.day) && counts(one)) {
                return Some(notice);
            }
            let (day, next) = self.households.get(&household)?.merged_into?;
            since = since.max(day);
            household = next;
        }
        None
    }

    /// Days from the first request that catches the shock to its onset; none where it is not caught.
    pub(super) fn lead_days(&self, shock: &Shock, counts: impl Fn(&Notice) -> bool) -> Option<i32> {
        let in_time = (shock.day, shock.onset.plus(WITHIN_DAYS));
        let catches = |one: &Notice| one.is_request() && shock.causes.contains(&one.cause) && counts(one);
        self.first(shock, in_time, catches).map(|request| shock.onset.0 - request.day.0)
    }

    /// Whether a request that counts was raised before a day and has not ended on it.
    pub(super) fn stands(&self, household: HouseholdCode, day: Day, counts: impl Fn(&Notice) -> bool) -> bool {
        let mut standing = BTreeMap::new();
        let earlier = self.notices.get(&household).into_iter().flatten().filter(|one| one.day < day);
        for notice in earlier {
            match notice.kind {
                WarningKind::Raised | WarningKind::Updated => {
                    standing.insert(notice.warning_id.as_str(), notice.is_urgent && counts(notice));
                }
                WarningKind::NoLongerMet | WarningKind::Withdrawn | WarningKind::Closed => {
                    standing.remove(notice.warning_id.as_str());
                }
                WarningKind::Escalated => {}
            }
        }
        standing.values().any(|stands| *stands)
    }

    /// Whether the household of a notice was below the line, or without a safeguard, on its day or the day before: a
    /// notice of a day rests on what was published until the day before.
    pub(super) fn is_true(&self, notice: &Notice, safeguards: bool) -> bool {
        let Some(household) = self.households.get(&notice.household) else { return false };
        let holds =
            |spans: &[(Day, Day)]| spans.iter().any(|(from, to)| *from <= notice.day && notice.day.plus(-1) <= *to);
        holds(&household.below) || safeguards && holds(&household.without_safeguard)
    }
}
