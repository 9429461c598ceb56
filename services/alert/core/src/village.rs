//! What is known of a village's households together: whether so many of them are asked about for the same cause that it
//! is one matter (R24), and whose case is to be opened first when a city goes live. It knows one village and no topic.

use std::collections::{BTreeMap, BTreeSet};

use schemas::records::{Case, Finding, HouseholdState, Step, Warning, WarningKind, WarningLevel};
use schemas::{Cause, Day, Fen, HouseholdCode, Text};

use crate::calendar::Calendar;
use crate::case::{Part, Said, is_held};
use crate::identity::{record_id, step_entry, warning_id};
use crate::policy::{Policy, Rule, Test};
use crate::wording::{Figures, Language};

/// Serials in a code: that of the village itself, which no household has, is 0.
const SERIALS: u64 = 10_000;
/// The whole of a percentage.
const WHOLE_PERCENT: usize = 100;

/// The code that stands for the village of a household.
pub fn code_of(household: HouseholdCode) -> HouseholdCode {
    let number = household.number();
    HouseholdCode::from_number(number - number % SERIALS).unwrap_or(household)
}

/// The serial of a household in its village; none of what stands for the village itself.
pub fn serial_of(household: HouseholdCode) -> Option<u16> {
    u16::try_from(household.number() % SERIALS).ok().filter(|serial| *serial > 0)
}

/// The household with this serial in a village.
pub fn household_of(village: HouseholdCode, serial: u16) -> Option<HouseholdCode> {
    HouseholdCode::from_number(village.number() + u64::from(serial)).ok()
}

/// The households of a village, as far as a rule over all of them looks.
#[derive(Clone, Debug, Default)]
pub struct Village {
    /// How many are known.
    pub households: usize,
    /// For which causes households are asked about, and since when.
    requests: BTreeMap<HouseholdCode, BTreeMap<Cause, Day>>,
    /// How many households are asked about, by cause: tells at once that nothing is a matter of the whole village.
    counts: [usize; Cause::ALL.len()],
    /// Who is listed and below the line, with the cause.
    below: BTreeMap<HouseholdCode, Cause>,
    /// Whose requests were found before the city went live and are not said yet: level and number of them.
    held: BTreeMap<HouseholdCode, (WarningLevel, usize)>,
    /// When cases were opened that are open.
    opened: BTreeMap<HouseholdCode, Day>,
}

/// The rule over a village, as its row in the policy says.
#[derive(Clone, Copy, Debug)]
struct Share<'a> {
    rule: &'a Rule,
    percent: i64,
    days: i32,
    households_min: usize,
    below: &'a [Text],
    level: WarningLevel,
}

fn share(policy: &Policy) -> Option<Share<'_>> {
    policy.rules.iter().find_map(|rule| {
        rule.forms.iter().find_map(|form| match &form.test {
            Test::Village { percent, days, households_min, below } => {
                let level = form.levels.iter().map(|row| row.level).max()?;
                let (percent, days, households_min) = (*percent, *days, *households_min);
                Some(Share { rule, percent, days, households_min, below, level })
            }
            _ => None,
        })
    })
}

/// Whether a case has a finding of a rule that, of a listed household, tells of a life below the line; then its classes are
/// to be looked at.
pub fn needs_classes(case: &Case, policy: &Policy) -> bool {
    share(policy).is_some_and(|share| case.findings.iter().any(|finding| share.below.contains(&finding.rule)))
}

impl Village {
    /// Notes how the case of one of its households stands. `state`: at least where [`needs_classes`] asks for it.
    pub fn note(&mut self, case: &Case, state: Option<&HouseholdState>, policy: &Policy) {
        let household = case.household;
        let is_listed = state.is_some_and(|state| state.classes.iter().any(|class| class.is_listed()));
        let below = share(policy).filter(|_| is_listed).and_then(|share| {
            case.findings.iter().find(|finding| share.below.contains(&finding.rule)).map(|finding| finding.cause)
        });
        let mut causes: BTreeMap<Cause, Day> = BTreeMap::new();
        let requests = || case.findings.iter().filter(|finding| finding.level.is_request());
        let is_held = is_held(case);
        for finding in requests().filter(|_| !is_held) {
            let since = causes.entry(finding.cause).or_insert(finding.since_day);
            *since = (*since).max(finding.since_day);
        }
        let level = requests().map(|finding| finding.level).max().filter(|_| is_held);
        for cause in self.requests.get(&household).into_iter().flat_map(BTreeMap::keys) {
            self.counts[*cause as usize] -= 1;
        }
        for cause in causes.keys() {
            self.counts[*cause as usize] += 1;
        }
        put(&mut self.requests, household, Some(causes).filter(|causes| !causes.is_empty()));
        put(&mut self.below, household, below);
        put(&mut self.held, household, level.map(|level| (level, requests().count())));
        put(&mut self.opened, household, case.opened_day.filter(|_| case.step.is_open()));
    }

    /// Whether a household's case, held back so far, is to be opened on a day on which so many may be opened: the most
    /// urgent first, by level, by the number of requests, and by the code.
    pub fn is_next(&self, household: HouseholdCode, day: Day, cases_per_day: usize) -> bool {
        let Some(own) = self.held.get(&household) else { return false };
        let opened = self.opened.values().filter(|opened| **opened == day).count();
        let before = self.held.iter().filter(|(code, urgency)| *urgency > own || *urgency == own && **code < household);
        before.count() < cases_per_day.saturating_sub(opened)
    }

    fn is_enough(&self, share: &Share<'_>, count: usize) -> bool {
        count > 0
            && count >= share.households_min
            && (count * WHOLE_PERCENT) as i64 >= share.percent * self.households as i64
    }

    /// Whether anything can be a matter of the village at all.
    fn is_many(&self, share: &Share<'_>) -> bool {
        let most = self.counts.iter().copied().max().unwrap_or_default().max(self.below.len());
        self.is_enough(share, most)
    }

    /// The causes that are one matter of the village: `before` those that were so already. A matter begins when enough
    /// households are asked about within the days of the rule, and lasts while enough are.
    fn matters(&self, share: &Share<'_>, before: &[Cause], day: Day) -> Vec<Cause> {
        let below = self.cause_below(share);
        let is_matter = |cause: &Cause| {
            let of_below = if below == Some(*cause) { self.below.len() } else { 0 };
            // Nobody is counted one by one where all together are too few.
            if !self.is_enough(share, self.counts[*cause as usize] + of_below) {
                return false;
            }
            let is_recent = |since: Day| since.plus(share.days) > day;
            self.is_enough(share, self.count(*cause, below, is_recent))
                || before.contains(cause) && self.is_enough(share, self.count(*cause, below, |_| true))
        };
        Cause::ALL.into_iter().filter(is_matter).collect()
    }

    /// The cause for which enough households live below the line: the one that most of them have; of equal ones the lowest
    /// code.
    fn cause_below(&self, share: &Share<'_>) -> Option<Cause> {
        if !self.is_enough(share, self.below.len()) {
            return None;
        }
        let mut counts = [0_usize; Cause::ALL.len()];
        for cause in self.below.values() {
            counts[*cause as usize] += 1;
        }
        let count = |cause: &Cause| counts[*cause as usize];
        let of_some = Cause::ALL.into_iter().filter(|cause| count(cause) > 0);
        of_some.max_by_key(|cause| (count(cause), std::cmp::Reverse(*cause)))
    }

    /// How many households a matter is about, of those that are asked about since such a day.
    fn count(&self, cause: Cause, below: Option<Cause>, is_counted: impl Fn(Day) -> bool) -> usize {
        let of_below = if below == Some(cause) { self.below.len() } else { 0 };
        let is_asked = |(household, causes): &(&HouseholdCode, &BTreeMap<Cause, Day>)| {
            let is_below = of_below > 0 && self.below.contains_key(household);
            !is_below && causes.get(&cause).is_some_and(|since| is_counted(*since))
        };
        of_below + self.requests.iter().filter(is_asked).count()
    }

    /// The households that a matter is about.
    fn households(&self, share: &Share<'_>, cause: Cause) -> BTreeSet<HouseholdCode> {
        let asked =
            self.requests.iter().filter(|(_, causes)| causes.contains_key(&cause)).map(|(household, _)| household);
        let below = (self.cause_below(share) == Some(cause)).then(|| self.below.keys());
        asked.chain(below.into_iter().flatten()).copied().collect()
    }
}

fn put<T>(map: &mut BTreeMap<HouseholdCode, T>, household: HouseholdCode, value: Option<T>) {
    match value {
        Some(value) => map.insert(household, value),
        None => map.remove(&household),
    };
}

/// The causes that are one matter of the village, and the warning that says so.
pub fn attached(case: Option<&Case>) -> Vec<(Cause, String)> {
    let findings = case.map_or(&[][..], |case| &case.findings);
    findings.iter().map(|finding| (finding.cause, finding.warning_id.clone())).collect()
}

/// Decides what is one matter of a village and what is said about it. Its record has the village's own code.
///
/// `said`: what was just said of one of its households. A matter that ends with a withdrawal rested on what was withdrawn,
/// unless a member has left or died: then nothing was put right, and the matter is met no longer.
pub fn evaluate(
    village: &Village,
    (code, case): (HouseholdCode, Option<&Case>),
    policy: &Policy,
    calendar: Calendar,
    said: &[Said],
) -> (Option<Case>, Vec<Said>) {
    let Some(share) = share(policy) else { return (None, Vec::new()) };
    let day = calendar.day;
    let old = case.map_or(&[][..], |case| &case.findings);
    if old.is_empty() && !village.is_many(&share) {
        return (None, Vec::new());
    }
    let causes: Vec<Cause> = old.iter().map(|finding| finding.cause).collect();
    let matters = village.matters(&share, &causes, day);
    let number = case.map_or(0, |case| case.number) + 1;
    let is_withdrawn = |cause: Cause| {
        let put_right = said.iter().filter(|said| !said.is_member_gone).map(|said| &said.warning);
        put_right.into_iter().any(|warning| warning.cause == cause && warning.kind == WarningKind::Withdrawn)
    };
    let (mut findings, mut said) = (Vec::new(), Vec::new());
    for finding in old.iter().filter(|finding| !matters.contains(&finding.cause)) {
        let kind = if is_withdrawn(finding.cause) { WarningKind::Withdrawn } else { WarningKind::NoLongerMet };
        said.push(say(policy, &share, (code, finding), (kind, number, day), &BTreeSet::new()));
    }
    for cause in matters {
        let finding = old.iter().find(|finding| finding.cause == cause).cloned();
        let finding = finding.unwrap_or_else(|| {
            let finding = begin(&share, code, cause, day);
            let households = village.households(&share, cause);
            said.push(say(policy, &share, (code, &finding), (WarningKind::Raised, number, day), &households));
            finding
        });
        findings.push(finding);
    }
    if said.is_empty() {
        return (None, said);
    }
    let case = Case {
        number,
        household: code,
        case_number: 0,
        step: Step::None,
        opened_day: None,
        level: findings.iter().map(|finding| finding.level).max(),
        causes: findings.iter().map(|finding| finding.cause).collect(),
        findings,
        state_number: 0,
        evaluated_day: day,
        step_day: None,
        due_day: None,
        office: None,
        escalations: 0,
        visit: None,
        closed_day: None,
        acts: Vec::new(),
    };
    (Some(case), said)
}

fn begin(share: &Share<'_>, code: HouseholdCode, cause: Cause, day: Day) -> Finding {
    let opening_entry = step_entry(code, day.0, cause.code());
    Finding {
        rule: share.rule.id.clone(),
        warning_id: warning_id(code, &share.rule.id, opening_entry),
        opening_entry,
        since_day: day,
        level: share.level,
        cause,
        month: None,
        value_fen: Fen::ZERO,
        threshold_fen: Fen::ZERO,
        evidence: Vec::new(),
    }
}

fn say(
    policy: &Policy,
    share: &Share<'_>,
    (code, finding): (HouseholdCode, &Finding),
    (kind, number, day): (WarningKind, i64, Day),
    households: &BTreeSet<HouseholdCode>,
) -> Said {
    let rule = share.rule;
    let is_raised = kind == WarningKind::Raised;
    let message = match kind {
        WarningKind::Raised => &rule.village_message,
        WarningKind::Withdrawn => &policy.withdrawn,
        _ => &policy.no_longer_met,
    };
    let action = if is_raised { rule.action.as_str() } else { "" };
    let zero = Fen::ZERO;
    let (action_name, month) = (action.to_owned(), day.month());
    let figures = Figures { value: zero, threshold: zero, margin: zero, months: 0, month, action: action_name };
    let warning = Warning {
        warning_id: finding.warning_id.clone(),
        record_id: record_id(&finding.warning_id, kind, number, day),
        kind,
        household: code,
        case_number: 0,
        rule: rule.id.to_string(),
        policy: policy.label.clone(),
        cause: finding.cause,
        level: finding.level,
        window: String::new(),
        month: None,
        value_fen: zero,
        threshold_fen: zero,
        margin_fen: zero,
        day,
        occurred_day: day,
        state_number: 0,
        contributions: Vec::new(),
        evidence: Vec::new(),
        verifier: if is_raised { rule.verifier.clone() } else { String::new() },
        departments: rule.goes_to.keys().cloned().collect(),
        action: action.to_owned(),
        sentence_zh: policy.wording.sentence(Language::Chinese, message, &figures),
        sentence_en: policy.wording.sentence(Language::English, message, &figures),
        notes: Vec::new(),
        asks_visit: false,
        round: 0,
        due_day: None,
        post: schemas::Office::parse(&rule.verifier)
            .filter(|_| is_raised)
            .and_then(|office| policy.posts.of(code, office, day))
            .unwrap_or_default(),
        attached_to: String::new(),
        attached: households.iter().copied().collect(),
    };
    let parts = rule.goes_to.iter().map(|(department, action)| Part {
        department: department.clone(),
        warning: Warning { action: action.clone(), departments: vec![department.clone()], ..warning.clone() },
    });
    let parts = parts.collect();
    Said { warning, parts, is_member_gone: false }
}
