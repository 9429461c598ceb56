//! The state of one partition of alert: the states and cases of its households, and how far calendar and sweep are. It
//! does not know when a household is evaluated.

use std::collections::BTreeMap;

use alert_core::village::{self, Village};
use alert_core::{Calendar, Outcome, Policy, Why, silence};
use runtime::stage::Figures;
use runtime::table::Table;
use schemas::codec::{self, Recorded};
use schemas::records::{Case, Coverage, DayClosed, HouseholdState, Progress, Warning};
use schemas::{County, Day, HouseholdCode};
use serde::de::DeserializeOwned;

use super::current_day;
use super::due::Due;

/// Households whose income was not known at the last sweep.
pub(crate) const INCOME_UNKNOWN: &str = "income_unknown";
/// The same, while a sweep is on its way.
const INCOME_UNKNOWN_SO_FAR: &str = "income_unknown_so_far";
/// Households for which a rule stood still at the last sweep, by rule, county and why.
pub(crate) const STANDING_STILL: &str = "standing_still";
/// The same, while a sweep is on its way.
const STANDING_STILL_SO_FAR: &str = "standing_still_so_far";
/// Parts of warnings whose receiver has no topic, by receiver.
pub(super) const WITHOUT_TOPIC: &str = "without_topic";
/// What stands before the last household of a sweep over those that are due.
const DUE_PREFIX: &str = "due/";
/// Visits that were asked for, by rule and county.
const VISITS: &str = "visits_asked";
/// Cases that are open.
const OPEN_CASES: &str = "open_cases";
/// Open cases whose step has moved up because it was overdue, by county and the office that holds it.
const OVERDUE_CASES: &str = "overdue_cases";

/// The state of one partition.
#[derive(Debug)]
pub struct AlertPartition {
    pub(super) number: i32,
    pub(super) states: Table<u64>,
    pub(super) cases: Table<u64>,
    pub(super) progress: Progress,
    /// The progress of the last commit, while the open transaction has changed it.
    committed: Option<Progress>,
    /// The households that a sweep has before it, the next one last; made anew after a restore or an abort.
    sweep: Option<Vec<u64>>,
    /// Who is due when; made anew after a restore or an abort.
    due: Option<Due>,
    /// What is known of villages, as far as it was asked for; made anew after a restore or an abort.
    villages: BTreeMap<HouseholdCode, Village>,
    /// The households of each village, by the serials in their codes: a village has room for 10,000 and is mostly empty.
    /// Made when a village is first asked for, and anew after a restore or an abort.
    serials: Option<BTreeMap<HouseholdCode, Vec<u16>>>,
    /// The case of the village whose household was evaluated last, if it has one: the households of a village follow one
    /// another in a sweep.
    village_case: Option<(HouseholdCode, Option<Case>)>,
    /// When each source was last heard for a county, of which each household asks; made anew when a day is closed, and after
    /// a restore or an abort.
    heard: BTreeMap<County, Vec<Coverage>>,
    /// What the open transaction has found in its sweep and the progress does not say yet.
    found: Found,
}

/// What a sweep over everybody finds beside warnings.
#[derive(Debug, Default)]
struct Found {
    /// Households whose income is not known.
    income_unknown: i64,
    /// For how many households a rule stands still, by rule, county and why.
    standing_still: BTreeMap<String, BTreeMap<(County, Why), i64>>,
}

/// Whom a sweep looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// Every household.
    Everybody,
    /// Those that are due.
    WhoIsDue,
}

impl AlertPartition {
    pub(super) fn new(number: i32) -> Self {
        Self {
            number,
            states: Table::default(),
            cases: Table::default(),
            progress: Progress::default(),
            committed: None,
            sweep: None,
            due: None,
            villages: BTreeMap::new(),
            serials: None,
            village_case: None,
            heard: BTreeMap::new(),
            found: Found::default(),
        }
    }

    /// The calendar; none before the first day is closed.
    pub(super) fn calendar(&self) -> Option<Calendar> {
        let closed = self.progress.closed_day?;
        let first_closed_day = self.progress.first_closed_day.unwrap_or(closed);
        Some(Calendar { first_closed_day, day: current_day(closed) })
    }

    /// The state of a household.
    pub(super) fn state(&self, household: HouseholdCode) -> Result<Option<HouseholdState>, String> {
        read(&self.states, household)
    }

    /// Puts the state of a household, as it lies, in the place of what is in a buffer. Whether there is one.
    pub(super) fn copy_state(&self, household: HouseholdCode, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        let bytes = self.states.get(&household.number());
        buffer.extend_from_slice(bytes.unwrap_or_default());
        bytes.is_some()
    }

    /// The number of the state of a household; 0 where there is none.
    pub(super) fn state_number(&self, household: HouseholdCode) -> Result<i64, String> {
        let number = self.states.get(&household.number()).map(codec::state_number).transpose();
        number.map(Option::unwrap_or_default).map_err(|error| format!("household {household}: {error}"))
    }

    /// The case of a household.
    pub(super) fn case(&self, household: HouseholdCode) -> Result<Option<Case>, String> {
        read(&self.cases, household)
    }

    /// The case of a village, for the evaluation of one of its households; [`AlertPartition::keep_village_case`] gives it back.
    pub(super) fn take_village_case(&mut self, village: HouseholdCode) -> Result<Option<Case>, String> {
        match self.village_case.take() {
            Some((before, case)) if before == village => Ok(case),
            _ => self.case(village),
        }
    }

    /// Keeps the case of a village as it stands in the table.
    pub(super) fn keep_village_case(&mut self, village: HouseholdCode, case: Option<Case>) {
        self.village_case = Some((village, case));
    }

    /// Notes that the progress is about to change.
    pub(super) fn begin(&mut self) {
        if self.committed.is_none() {
            self.committed = Some(self.progress.clone());
        }
    }

    /// Takes a marker into the progress; tells whether a day is closed by it.
    pub(super) fn take_marker(&mut self, marker: &DayClosed) -> bool {
        self.heard.clear();
        self.progress.take_marker(marker).is_some()
    }

    /// When each source was last heard for a county.
    pub(super) fn coverage_of(&mut self, county: County) -> &[Coverage] {
        let coverage = &self.progress.coverage;
        self.heard.entry(county).or_insert_with(|| silence::coverage_of(coverage, county))
    }

    /// Sets the progress as a restore does.
    pub(super) fn restore_progress(&mut self, progress: Progress) {
        self.heard.clear();
        self.progress = progress;
    }

    pub(super) fn is_changed(&self) -> bool {
        self.committed.is_some()
    }

    /// What is known of the households of a village together. It is made from their cases when it is first asked for.
    pub(super) fn village(&mut self, village: HouseholdCode, policy: &Policy) -> Result<&mut Village, String> {
        if !self.villages.contains_key(&village) {
            let serials = self.serials.take().unwrap_or_else(|| serials_of(&self.states));
            let known = self.village_of(village, serials.get(&village).map_or(&[][..], Vec::as_slice), policy);
            self.serials = Some(serials);
            self.villages.insert(village, known?);
        }
        self.villages.get_mut(&village).ok_or_else(|| format!("village {village} is not known"))
    }

    fn village_of(&self, village: HouseholdCode, serials: &[u16], policy: &Policy) -> Result<Village, String> {
        let mut known = Village::default();
        known.households = serials.len();
        for household in serials.iter().filter_map(|serial| village::household_of(village, *serial)) {
            if let Some(case) = self.case(household)? {
                let state = if village::needs_classes(&case, policy) { self.state(household)? } else { None };
                known.note(&case, state.as_ref(), policy);
            }
        }
        Ok(known)
    }

    /// Takes into account that the case of a household has changed, and tells what is known of its village then.
    pub(super) fn case_changed(
        &mut self,
        case: &Case,
        state: &HouseholdState,
        policy: &Policy,
    ) -> Result<&Village, String> {
        let village = self.village(village::code_of(case.household), policy)?;
        village.note(case, Some(state), policy);
        Ok(village)
    }

    /// Takes into account that a household was heard of for the first time.
    pub(super) fn is_new(&mut self, household: HouseholdCode) {
        let code = village::code_of(household);
        if let Some(village) = self.villages.get_mut(&code) {
            village.households += 1;
        }
        if let (Some(serials), Some(serial)) = (&mut self.serials, village::serial_of(household)) {
            serials.entry(code).or_default().push(serial);
        }
    }

    /// Counts a case that opens, closes or moves from one office to another.
    pub(super) fn count_case(&mut self, before: Option<&Case>, next: &Case) {
        let is_open = |case: &Case| i64::from(case.step.is_open());
        self.progress.count(OPEN_CASES, "", is_open(next) - before.map_or(0, is_open));
        for (case, more) in before.map(|case| (case, -1)).into_iter().chain([(next, 1)]) {
            if let Some(office) = case.office.filter(|_| case.escalations > 0) {
                let label = format!("{}/{}", case.household.county(), office.name());
                self.progress.count(OVERDUE_CASES, &label, more);
            }
        }
    }

    /// Counts a warning by rule, level and kind, and a visit that it asks for by rule and county.
    pub(super) fn count_warning(&mut self, warning: &Warning) {
        if warning.asks_visit {
            self.progress.count(VISITS, &format!("{}/{}", warning.rule, warning.household.county()), 1);
        }
        let kind = alert_core::identity::kind_name(warning.kind);
        let label = format!("{}/{}/{kind}", warning.rule, warning.level.letter());
        self.progress.count("warnings", &label, 1);
    }

    pub(super) fn begin_sweep(&mut self, whom: Whom) {
        self.sweep = None;
        if whom == Whom::WhoIsDue {
            self.progress.sweep_after = Some(DUE_PREFIX.to_owned());
            return;
        }
        self.progress.sweep_after = Some(String::new());
        self.progress.set(INCOME_UNKNOWN_SO_FAR, "", 0);
        self.progress.totals.retain(|total| total.name != STANDING_STILL_SO_FAR);
        // Everybody is looked at, and says again when it is due.
        self.due = Some(Due::default());
    }

    /// Whom the sweep that is on its way looks at.
    pub(super) fn swept_whom(&self) -> Whom {
        let is_of_due = self.progress.sweep_after.as_deref().is_some_and(|after| after.starts_with(DUE_PREFIX));
        if is_of_due { Whom::WhoIsDue } else { Whom::Everybody }
    }

    /// The next household of the sweep, in the order of the codes.
    pub(super) fn next_in_sweep(&mut self) -> Option<HouseholdCode> {
        if self.sweep.is_none() {
            let after = self.progress.sweep_after.as_deref().map(|after| after.trim_start_matches(DUE_PREFIX));
            let after = after.and_then(|code| HouseholdCode::parse(code).ok());
            let mut left = match (self.swept_whom(), &self.due, self.calendar()) {
                (Whom::WhoIsDue, Some(due), Some(calendar)) => due.until(calendar.day),
                _ => self.states.sorted_keys(),
            };
            left.retain(|key| after.is_none_or(|after| *key > after.number()));
            left.reverse();
            self.sweep = Some(left);
        }
        let next = self.sweep.as_mut().and_then(Vec::pop)?;
        HouseholdCode::from_number(next).ok()
    }

    /// Whether it is known who is due.
    pub(super) fn knows_who_is_due(&self) -> bool {
        self.due.is_some()
    }

    /// Makes anew who is due; `next` says when a household is.
    pub(super) fn find_who_is_due(
        &mut self,
        mut next: impl FnMut(&HouseholdState, Option<&Case>) -> Option<Day>,
    ) -> Result<(), String> {
        let mut due = Due::default();
        for key in self.states.sorted_keys() {
            let household = HouseholdCode::from_number(key).map_err(|error| error.to_string())?;
            let case = self.case(household)?;
            due.set(key, self.state(household)?.and_then(|state| next(&state, case.as_ref())));
        }
        self.due = Some(due);
        Ok(())
    }

    /// Whether anybody is due on the current day.
    pub(super) fn is_anybody_due(&self) -> bool {
        let due = self.due.as_ref().zip(self.calendar());
        due.is_some_and(|(due, calendar)| !due.until(calendar.day).is_empty())
    }

    /// Notes when a household is due next.
    pub(super) fn set_due(&mut self, household: HouseholdCode, day: Option<Day>) {
        if let Some(due) = &mut self.due {
            due.set(household.number(), day);
        }
    }

    /// Notes what was found about a household of a sweep over everybody.
    pub(super) fn swept(&mut self, household: HouseholdCode, outcome: Option<&Outcome<'_>>) {
        if self.swept_whom() == Whom::WhoIsDue {
            return;
        }
        let is_known = outcome.is_some_and(|outcome| outcome.income_known);
        self.found.income_unknown += i64::from(!is_known);
        let county = household.county();
        for (rule, why) in outcome.iter().flat_map(|outcome| &outcome.standing_still) {
            let key = (county, *why);
            match self.found.standing_still.get_mut(*rule) {
                Some(of_rule) => *of_rule.entry(key).or_default() += 1,
                None => {
                    self.found.standing_still.insert((*rule).to_owned(), BTreeMap::from([(key, 1)]));
                }
            }
        }
    }

    /// Notes that the sweep has come so far.
    pub(super) fn swept_until(&mut self, household: HouseholdCode) {
        let prefix = if self.swept_whom() == Whom::WhoIsDue { DUE_PREFIX } else { "" };
        self.progress.sweep_after = Some(format!("{prefix}{household}"));
    }

    /// Brings the progress up to date, before it is written or looked at.
    pub(super) fn settle_progress(&mut self) {
        let Found { income_unknown, standing_still } = std::mem::take(&mut self.found);
        if income_unknown > 0 {
            self.progress.count(INCOME_UNKNOWN_SO_FAR, "", income_unknown);
        }
        for (rule, of_rule) in standing_still {
            for ((county, why), count) in of_rule {
                let why = match why {
                    Why::SilentFeed => "silent_feed",
                    Why::NotKnown => "not_known",
                };
                self.progress.count(STANDING_STILL_SO_FAR, &format!("{rule}/{county}/{why}"), count);
            }
        }
    }

    pub(super) fn end_sweep(&mut self) {
        self.sweep = None;
        if self.swept_whom() == Whom::WhoIsDue {
            self.progress.sweep_after = None;
            return;
        }
        self.settle_progress();
        let unknown = self.progress.total(INCOME_UNKNOWN_SO_FAR);
        self.progress.set(INCOME_UNKNOWN, "", unknown);
        self.progress.totals.retain(|total| total.name != STANDING_STILL);
        let so_far = self.progress.totals.iter().filter(|total| total.name == STANDING_STILL_SO_FAR).cloned();
        for total in so_far.collect::<Vec<_>>() {
            self.progress.set(STANDING_STILL, &total.label, total.count);
        }
        self.progress.sweep_after = None;
    }

    pub(super) fn committed(&mut self) {
        self.states.commit();
        self.cases.commit();
        self.committed = None;
    }

    pub(super) fn rolled_back(&mut self) {
        self.states.rollback();
        self.cases.rollback();
        if let Some(progress) = self.committed.take() {
            self.progress = progress;
        }
        self.sweep = None;
        self.due = None;
        self.villages.clear();
        self.serials = None;
        self.village_case = None;
        self.heard.clear();
        self.found = Found::default();
    }

    pub(super) fn figures(&self, figures: &mut Figures) {
        figures.add("households", "", self.states.len() as i64);
        figures.add("state_bytes", "", (self.states.value_bytes() + self.cases.value_bytes()) as i64);
        figures.add("closed_day", "", self.progress.closed_day.map_or(0, |day| i64::from(day.0)));
        for total in &self.progress.totals {
            let name = match total.name.as_str() {
                "warnings" => "warnings",
                OPEN_CASES => OPEN_CASES,
                OVERDUE_CASES => OVERDUE_CASES,
                VISITS => VISITS,
                INCOME_UNKNOWN => INCOME_UNKNOWN,
                STANDING_STILL => STANDING_STILL,
                "without_policy" => "without_policy",
                WITHOUT_TOPIC => WITHOUT_TOPIC,
                _ => continue,
            };
            figures.add(name, total.label.clone(), total.count);
        }
    }
}

/// Rule, county and reason of a total that counts where rules stand still.
pub(crate) fn standing_still(label: &str) -> Option<(&str, &str, &str)> {
    let (rule, rest) = label.split_once('/')?;
    let (county, why) = rest.split_once('/')?;
    Some((rule, county, why))
}

/// The serials of each village, as far as there are households.
fn serials_of(states: &Table<u64>) -> BTreeMap<HouseholdCode, Vec<u16>> {
    let mut serials: BTreeMap<HouseholdCode, Vec<u16>> = BTreeMap::new();
    let households = states.sorted_keys().into_iter().filter_map(|key| HouseholdCode::from_number(key).ok());
    for (household, serial) in households.filter_map(|household| Some((household, village::serial_of(household)?))) {
        serials.entry(village::code_of(household)).or_default().push(serial);
    }
    serials
}

fn read<T: DeserializeOwned + Recorded>(table: &Table<u64>, household: HouseholdCode) -> Result<Option<T>, String> {
    let bytes = table.get(&household.number());
    bytes.map(codec::decode).transpose().map_err(|error| format!("household {household}: {error}"))
}
