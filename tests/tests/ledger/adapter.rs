//! The real cores, one behind the other in memory: resolve with a map of ledgers, fuse with a map of states, alert with
//! a map of cases. All that depends on how the cores are called stands here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alert_core::{Occasion, PolicySet, Why};
use ingest_core::ledger::{Ledger, Subject, Wait};
use ingest_core::resolve::{Calendar, Effect, Limits, Precedence, Resolver};
use schemas::records::{Case, Coverage, HouseholdEntry, HouseholdState, Redirect, Step as CaseStep};
use schemas::{Day, EntryId, HouseholdCode, codec};

use super::audit::Books;
use crate::cases::{Cases, Sight};
use crate::history::{Said, Step, Who, code, house, person, token};
use crate::picture::{Happened, Held, Member, Picture, Pictures, Survey};
use crate::reference::{Ends, Terms};

/// What the reference is told, as the cores are set here.
pub(crate) fn terms() -> Terms {
    let Limits { parked_days_max, wait_days_max, .. } = Limits::default();
    Terms { precedence: PRECEDENCE.to_vec(), parked_days_max, wait_days_max }
}

/// Which department's document counts first.
const PRECEDENCE: [&str; 2] = ["health-insurance", "civil-affairs"];

/// The departments, sorted.
const DEPARTMENTS: [&str; 14] = [
    "agriculture",
    "civil-affairs",
    "disabled-federation",
    "education",
    "emergency-management",
    "finance",
    "health",
    "health-insurance",
    "housing",
    "human-resources",
    "natural-resources",
    "public-security",
    "rural-revitalisation",
    "water",
];

/// Who is asked at the close of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Those that are due, as the service does; words between ledgers come at once.
    Due,
    /// Everybody, and words between ledgers come later: it must make no difference.
    Everybody,
}

/// The cores and what they keep.
pub(crate) struct Cores<'p> {
    resolver: Resolver,
    policies: &'p PolicySet,
    asked: Asked,
    calendar: Calendar,
    first_closed_day: Option<Day>,
    pub(crate) ledgers: BTreeMap<Who, Vec<u8>>,
    states: BTreeMap<HouseholdCode, HouseholdState>,
    cases: BTreeMap<HouseholdCode, Case>,
    /// Rules of which it is not known whether they hold, as of the last look.
    undecided: BTreeMap<HouseholdCode, BTreeSet<String>>,
    /// Words between ledgers that are on their way.
    redirects: VecDeque<Vec<u8>>,
    pub(crate) books: Books,
}

impl<'p> Cores<'p> {
    pub(crate) fn new(policies: &'p PolicySet, asked: Asked) -> Self {
        Self {
            resolver: Resolver::new(Limits::default(), precedence()).expect("the limits are sound"),
            policies,
            asked,
            calendar: Calendar::of(None),
            first_closed_day: None,
            ledgers: BTreeMap::new(),
            states: BTreeMap::new(),
            cases: BTreeMap::new(),
            undecided: BTreeMap::new(),
            redirects: VecDeque::new(),
            books: Books::default(),
        }
    }

    /// Takes what comes next.
    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Say(said) => self.say(said),
            Step::Close(day) => {
                self.come_to_rest();
                self.close(*day);
            }
        }
        match self.asked {
            Asked::Due => self.come_to_rest(),
            Asked::Everybody => drop(self.redirect()),
        }
    }

    fn say(&mut self, said: &Said) {
        let (entry, who) = (said.record(), said.who());
        let mut bytes = Vec::new();
        codec::encode(&entry, &mut bytes).expect("a record encodes");
        self.books.came();
        self.ask(who, |resolver, ledger, calendar, mut say| {
            resolver.resolve(ledger, &entry, &bytes, calendar, &mut say).expect("a ledger of ours");
        });
    }

    fn close(&mut self, day: Day) {
        self.calendar.closed_day = Some(day);
        self.first_closed_day.get_or_insert(day);
        let subjects: Vec<Who> = self.ledgers.keys().copied().collect();
        for who in subjects {
            let is_due = self.resolver.due_day(self.ledgers.get(&who).map(Vec::as_slice)).is_some_and(|due| due <= day);
            let oldest = self.calendar.oldest_month().expect("a day has closed");
            let is_over = Ledger::of(self.ledgers.get(&who).map(Vec::as_slice)).needs_trim(oldest);
            if self.asked == Asked::Everybody || is_due || is_over {
                self.ask(who, |resolver, ledger, calendar, mut say| {
                    resolver.close_day(ledger, subject(who), calendar, &mut say).expect("a ledger of ours");
                });
            }
        }
        let households: Vec<HouseholdCode> = self.states.keys().copied().collect();
        for household in households {
            self.evaluate(household, Occasion::Calendar);
        }
    }

    /// Asks the resolver about a subject, and passes on what it says: to households, and to the ledgers that it names.
    fn ask(&mut self, who: Who, ask: impl FnOnce(&mut Resolver, Option<&[u8]>, Calendar, &mut dyn FnMut(Effect<'_>))) {
        let ledger = self.ledgers.remove(&who);
        let (mut published, mut redirects) = (Vec::new(), Vec::new());
        let books = &mut self.books;
        let mut say = |effect: Effect<'_>| match encoded(books, &effect) {
            Some((bytes, true)) => redirects.push(bytes),
            Some((bytes, false)) => published.push(bytes),
            None => {}
        };
        ask(&mut self.resolver, ledger.as_deref(), self.calendar, &mut say);
        if let Some(ledger) = self.resolver.ledger() {
            self.ledgers.insert(who, ledger.to_vec());
        }
        self.pass_on(&published);
        self.redirects.extend(redirects);
    }

    /// Passes a word on to the ledger that it is for; says whether there was one.
    fn redirect(&mut self) -> bool {
        let Some(bytes) = self.redirects.pop_front() else { return false };
        let redirect: Redirect<'_> = codec::decode(&bytes).expect("a redirect");
        let told = Who::House(house(&redirect.to.to_string()).expect("ours"));
        self.ask(told, |resolver, ledger, calendar, mut say| {
            resolver.redirect(ledger, &redirect, calendar, &mut say).expect("a ledger of ours");
        });
        true
    }

    /// Passes on all that is on its way.
    pub(crate) fn come_to_rest(&mut self) {
        while self.redirect() {}
    }

    fn pass_on(&mut self, published: &[Vec<u8>]) {
        for bytes in published {
            let entry: HouseholdEntry<'_> = codec::decode(bytes).expect("a household entry");
            self.books.published(&entry);
            let mut held = Vec::new();
            if let Some(before) = self.states.get(&entry.household) {
                codec::encode(before, &mut held).expect("a state");
            }
            let before = (!held.is_empty()).then(|| codec::decode(&held).expect("a state"));
            let oldest = fuse_core::oldest_month(self.calendar.closed_day);
            let applied = fuse_core::apply(before, &entry, oldest).expect("a state that reads");
            assert_eq!(applied.dropped, fuse_core::Dropped::default(), "no limit is met");
            let mut after = Vec::new();
            codec::encode(&applied.state, &mut after).expect("a state");
            self.states.insert(entry.household, codec::decode(&after).expect("a state"));
            self.evaluate(entry.household, Occasion::News);
        }
    }

    fn evaluate(&mut self, household: HouseholdCode, occasion: Occasion) {
        let (Some(calendar), Some(state)) = (self.alert_calendar(), self.states.get(&household)) else { return };
        let policy = self.policies.of(household.county()).expect("every county has a policy");
        let outcome = alert_core::evaluate(
            state,
            self.cases.get(&household),
            policy,
            alert_core::Now { coverage: &coverage(household, calendar), ..alert_core::Now::from(calendar) },
            occasion,
        );
        self.undecided.insert(household, undecided(&outcome));
        if let Some(case) = outcome.case {
            self.cases.insert(household, case);
        }
    }

    fn alert_calendar(&self) -> Option<alert_core::Calendar> {
        let (closed, first_closed_day) = (self.calendar.closed_day?, self.first_closed_day?);
        Some(alert_core::Calendar { first_closed_day, day: closed.plus(1) })
    }

    /// The pictures of all households of which something is said.
    pub(crate) fn pictures(&self) -> Pictures {
        let ours = |state: &HouseholdState| (house(&state.household.to_string()).expect("ours"), picture(state));
        let mut pictures: Pictures = self.states.values().map(ours).collect();
        pictures.retain(|_, picture| *picture != Picture::default());
        pictures
    }

    pub(crate) const fn policies(&self) -> &'p PolicySet {
        self.policies
    }

    /// The cases.
    pub(crate) fn cases(&self) -> Cases {
        cases(&self.cases, &self.undecided)
    }

    /// The cases that these pictures would open, without any past.
    pub(crate) fn cases_of(&self, pictures: &Pictures) -> Cases {
        let Some(calendar) = self.alert_calendar() else { return Cases::new() };
        let (mut open, mut not_known) = (BTreeMap::new(), BTreeMap::new());
        for (house, picture) in pictures {
            let state = state(code(*house), picture);
            let policy = self.policies.of(state.household.county()).expect("every county has a policy");
            let heard = coverage(state.household, calendar);
            let now = alert_core::Now { coverage: &heard, ..alert_core::Now::from(calendar) };
            let outcome = alert_core::evaluate(&state, None, policy, now, Occasion::News);
            not_known.insert(state.household, undecided(&outcome));
            open.extend(outcome.case.map(|case| (state.household, case)));
        }
        cases(&open, &not_known)
    }

    /// How many records ended how.
    pub(crate) fn ends(&self) -> Ends {
        self.books.ends()
    }
}

/// Every department has been heard of up to the last closed day: no rule stands still for a silent one.
fn coverage(household: HouseholdCode, calendar: alert_core::Calendar) -> Vec<Coverage> {
    let (county, day) = (household.county(), calendar.day.plus(-1));
    DEPARTMENTS.iter().map(|source| Coverage { source: (*source).to_owned(), county, day }).collect()
}

fn precedence() -> Precedence {
    Precedence { sources: PRECEDENCE.map(str::to_owned).to_vec() }
}

/// A subject as resolve names it.
fn subject(who: Who) -> Subject {
    match who {
        Who::Person(person) => Subject::Person(token(person)),
        Who::House(house) => Subject::Household(code(house)),
    }
}

/// Counts an effect; the bytes of what is published, and whether it is for another ledger.
fn encoded(books: &mut Books, effect: &Effect<'_>) -> Option<(Vec<u8>, bool)> {
    let word = |wait: &Wait| if *wait == Wait::UnknownSubject { "parked" } else { "waiting" };
    let mut bytes = Vec::new();
    match effect {
        Effect::Applied(_) => books.count("applied", 1),
        Effect::Duplicate(_) => books.count("duplicates", 1),
        Effect::Refused(reason, _) => books.count(reason.code(), 1),
        Effect::Parked(wait, ..) => books.count(word(wait), 1),
        Effect::Released(wait, ..) => books.count(word(wait), -1),
        Effect::Expired(wait, reason, ..) => {
            books.count(word(wait), -1);
            books.count(reason.code(), 1);
        }
        Effect::Noted(..) => {}
        Effect::Publish(entry) => {
            codec::encode(entry, &mut bytes).expect("a record encodes");
            return Some((bytes, false));
        }
        Effect::Redirect(redirect) => {
            codec::encode(redirect, &mut bytes).expect("a record encodes");
            return Some((bytes, true));
        }
    }
    None
}

/// Rules that look at the course of a case, not at the household.
const OF_COURSE: [&str; 3] = ["R25", "R26", "R27"];

fn undecided(outcome: &alert_core::Outcome<'_>) -> BTreeSet<String> {
    let not_known = outcome.standing_still.iter().filter(|(_, why)| *why == Why::NotKnown);
    not_known.map(|(rule, _)| (*rule).to_owned()).collect()
}

fn cases(cases: &BTreeMap<HouseholdCode, Case>, undecided: &BTreeMap<HouseholdCode, BTreeSet<String>>) -> Cases {
    let mut sights = Cases::new();
    for (code, rules) in undecided {
        let house = house(&code.to_string()).expect("ours");
        let case = cases.get(code);
        let findings = case.into_iter().flat_map(|case| &case.findings);
        let is_open = |case: &&Case| !matches!(case.step, CaseStep::None | CaseStep::Cleared);
        let level = |case: &Case| case.level.map(schemas::records::WarningLevel::letter);
        let open = case.filter(is_open).map(|case| (case.step, case.causes.clone(), level(case)));
        let findings = findings.filter(|finding| !OF_COURSE.contains(&finding.rule.as_str()));
        let findings = findings.map(|finding| (finding.rule.to_string(), finding.cause)).collect();
        let is_acted_on = case.is_some_and(|case| !case.acts.is_empty());
        sights.insert(house, Sight { open, findings, undecided: rules.clone(), is_acted_on });
    }
    sights
}

/// A state as a picture.
fn picture(state: &HouseholdState) -> Picture {
    let mut picture =
        Picture { registered_day: state.registered_day, provisional: state.provisional_members, ..Picture::default() };
    picture.classes = state.classes.iter().copied().collect();
    for member in &state.members {
        let wages = member.wages.iter().map(|one| (one.month, one.amount_fen.0)).collect();
        let (since_day, is_first) = (member.since_day, member.is_first);
        picture.members.insert(person(member.person), Member { since_day, is_first, wages });
    }
    for status in &state.statuses {
        let held = Held {
            value: status.value.to_string(),
            day: status.day,
            reported_at_ms: status.reported_at_ms,
            cause: status.cause,
            entry: status.entry,
        };
        picture.statuses.insert((status.code.to_string(), status.person.map(person)), held);
    }
    picture.survey = state.survey.as_ref().map(|survey| Survey {
        day: survey.day,
        reported_at_ms: survey.reported_at_ms,
        unreported_income_fen: survey.unreported_income_fen.0,
        members: survey.members,
        members_since: survey.members_since,
        entry: survey.entry,
    });
    for sum in &state.sums {
        for one in sum.months.iter() {
            picture.sums.insert((sum.category, sum.cause, one.month), one.amount_fen.0);
        }
    }
    for incident in &state.incidents {
        let is_departure = incident.kind == schemas::Kind::Membership;
        picture.happened.insert(Happened {
            day: incident.day,
            entry: if is_departure { EntryId(0) } else { incident.entry },
            kind: incident.kind,
            code: incident.code.to_string(),
            value: incident.value.to_string(),
            cause: incident.cause,
            amount_fen: incident.amount_fen.0,
            person: incident.person.map(person),
            source: if is_departure { String::new() } else { incident.source.to_string() },
        });
    }
    picture
}

/// A picture as the state that alert reads.
fn state(household: HouseholdCode, picture: &Picture) -> HouseholdState {
    use schemas::records as r;
    use schemas::{Fen, Hash64};
    let mut sums: Vec<r::Sum> = Vec::new();
    for ((category, cause, month), amount) in &picture.sums {
        match sums.last_mut().filter(|sum| (sum.category, sum.cause) == (*category, *cause)) {
            Some(sum) => sum.months.add(*month, Fen(*amount)),
            None => sums.push(r::Sum {
                category: *category,
                cause: *cause,
                months: [(*month, Fen(*amount))].into_iter().collect(),
            }),
        }
    }
    let member = |(person, member): (&u8, &Member)| r::Member {
        person: token(*person),
        since_day: member.since_day,
        is_first: member.is_first,
        wages: member.wages.iter().map(|(month, amount)| (*month, Fen(*amount))).collect(),
    };
    let status = |((code, person), held): (&(String, Option<u8>), &Held)| r::Status {
        code: code.into(),
        person: person.map(token),
        value: held.value.as_str().into(),
        day: held.day,
        reported_at_ms: held.reported_at_ms,
        cause: held.cause,
        entry: held.entry,
    };
    let incident = |one: &Happened| r::Incident {
        entry: one.entry,
        kind: one.kind,
        code: one.code.as_str().into(),
        value: one.value.as_str().into(),
        cause: one.cause,
        amount_fen: Fen(one.amount_fen),
        day: one.day,
        person: one.person.map(token),
        source: one.source.as_str().into(),
    };
    HouseholdState {
        number: 1,
        household,
        registered_day: picture.registered_day,
        oldest_month: None,
        classes: picture.classes.iter().copied().collect(),
        members: picture.members.iter().map(member).collect(),
        provisional_members: picture.provisional,
        statuses: picture.statuses.iter().map(status).collect(),
        survey: picture.survey.as_ref().map(|survey| r::Survey {
            day: survey.day,
            reported_at_ms: survey.reported_at_ms,
            unreported_income_fen: Fen(survey.unreported_income_fen),
            members: survey.members,
            members_since: survey.members_since,
            entry: survey.entry,
        }),
        sums,
        evidence: Vec::new(),
        incidents: picture.happened.iter().map(incident).collect(),
        reversed: Vec::new(),
        source: schemas::Text::default(),
        event: Hash64(0),
    }
}
