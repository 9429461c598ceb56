//! A policy: what a city or county watches, from which day on, and what it says to whom. Amounts, windows, comparators,
//! levels, wording and routing are here as data; nothing here looks at a household.

mod book;
mod build;
mod categories;
mod comparator;
mod conditions;
mod contradictions;
mod course;
mod document;
mod faults;
mod feed_words;
mod holidays;
mod kinds;
mod posts;
mod rules;
mod shape;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use book::{Book, HOLIDAYS_KEY_PREFIX, Learned, POSTS_KEY_PREFIX, PolicySet, WORDING_KEY_PREFIX};
pub use build::{Beside, build, check, joined};
pub use categories::CategorySet;
pub use comparator::Comparator;
pub use course::{ActCodes, Clear, Course, Emergency, Limit, Visits};
pub use document::{Counties, Document};
pub use faults::{Fault, Faults};
pub use feed_words::unsaid;
pub use holidays::{Holidays, WorkingDays};
pub use posts::{Area, Post, Posts};
use schemas::records::WarningLevel;
use schemas::{Category, Cause, Class, Day, Fen, Text};

use crate::calendar::Window;
use crate::traces::Traces;
use crate::wording::Wording;

/// A policy that is complete: read, joined with what it inherits, and checked.
#[derive(Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: i64,
    /// Both, as warnings have it: `hengshui@1`.
    pub label: String,
    /// How many days after its end a month is settled.
    pub settle_days: i32,
    /// How many months a survey makes income known.
    pub survey_months: i32,
    /// How many observed months income needs to be known.
    pub observed_months: i32,
    /// The feeds without which income is not known: where one of them falls silent in a county, what it shows is a lower
    /// bound.
    pub income_feeds: Vec<String>,
    /// The line per head by year.
    pub lines: BTreeMap<i32, Fen>,
    /// What net income consists of.
    pub net_income: Amounts,
    /// What rigid expenditure consists of.
    pub rigid_net: Amounts,
    /// The cause that stands for a fall of a category of income.
    pub gap_causes: BTreeMap<Category, Cause>,
    /// Who can be asked to act, and the categories that each may see.
    pub departments: BTreeMap<String, BTreeSet<Category>>,
    /// What rides along with a request to its verifier, and never suppresses it.
    pub notes: Vec<Note>,
    /// The course of a case.
    pub course: Course,
    /// From when on the city is live; it is where nothing is said.
    pub go_live: Option<GoLive>,
    /// What is said when a finding holds no longer.
    pub no_longer_met: String,
    /// What is said when the facts behind a finding were taken back.
    pub withdrawn: String,
    /// The same, where they went with a member who has left or died.
    pub member_gone: String,
    /// What a department is told of whose categories a figure has none.
    pub no_part: String,
    /// The rules, sorted by id.
    pub rules: Vec<Rule>,
    /// The places of those that count days, which each household is asked about each time.
    counting_days: Vec<usize>,
    /// The sentences.
    pub wording: Arc<Wording>,
    /// Which days are working days.
    pub working_days: Arc<WorkingDays>,
    /// Who acts on a request, by area, level and day.
    pub posts: Arc<Posts>,
}

/// A rule: one or more forms, of which the one with the highest level counts.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id, such as `R01`.
    pub id: Text,
    /// Its forms, in the order of the policy.
    pub forms: Vec<Form>,
    /// What a household must have something of for it to see anything; none where it sees what is missing or how all of it
    /// adds up.
    pub(crate) looks_for: Option<Traces>,
    /// The feeds without which it stands still: while one of them is silent in a county, nothing begins and nothing ends.
    pub needs: Vec<String>,
    /// How the cause of its findings is found.
    pub cause: CauseRule,
    /// Who is asked to verify a request.
    pub verifier: String,
    /// What the verifier is asked to do: the message `action-<this>`.
    pub action: String,
    /// Which departments it goes to, and the action that each is asked for.
    pub goes_to: BTreeMap<String, String>,
    /// The message for the village.
    pub village_message: String,
    /// The message for departments.
    pub department_message: String,
}

impl Rule {
    /// Whether its findings are told apart by cause, as those of events are. Its forms are all of one sort.
    pub fn is_of_events(&self) -> bool {
        self.forms.first().is_some_and(|form| form.test.is_event())
    }
}

/// One way in which a rule can be met.
#[derive(Clone, Debug)]
pub struct Form {
    /// Without this it is not met.
    pub when: Option<Condition>,
    /// What is looked at.
    pub test: Test,
    /// For a sum of one month: each month of this window is looked at by itself, so that what comes late for a month
    /// that has passed still counts.
    pub reach: Option<Window>,
    /// What gives which level.
    pub levels: Vec<LevelRow>,
}

/// What a form looks at.
#[derive(Clone, Debug)]
pub enum Test {
    /// A sum of money: kinds `sum` and `uncovered`.
    Sum(Amounts),
    /// A measure of the whole household: kind `measure`.
    Measure(MeasureOf),
    /// A status that holds: kind `status`.
    Status {
        /// Its code.
        code: String,
    },
    /// Something that happened within a window: kind `incident`.
    Incident {
        /// Its codes.
        codes: Vec<String>,
        /// Which causes count; all where none is named.
        causes: BTreeSet<Cause>,
        /// The window.
        window: Window,
    },
    /// Members who came or left within a window: kind `member_change`. The values are [`MEMBER_CHANGES`].
    MemberChange {
        /// The window.
        window: Window,
    },
    /// Members without a status for so many days: kind `missing_status`.
    MissingStatus {
        /// Its code.
        code: String,
        /// The values that are missed.
        values: Vec<String>,
        /// Days.
        days: i32,
    },
    /// The course of the case is unlike what it should be: kind `history`.
    History {
        /// How.
        history: History,
        /// Days, where it has a limit.
        days: i32,
    },
    /// Households of a village: kind `village`.
    Village {
        /// So many percent of the households...
        percent: i64,
        /// ...are asked about for the same cause within so many days...
        days: i32,
        /// ...and at least so many.
        households_min: usize,
        /// The rules that, of a listed household, tell of a life below the line: as many of such households count too.
        below: Vec<Text>,
    },
    /// Members who had a wage and have none any longer: kind `missing_wage`.
    MissingWage {
        /// So many settled months without one.
        missing_months: i32,
        /// The months before those...
        before_months: i32,
        /// ...of which at least so many had one.
        paid_months: usize,
    },
}

/// The values of a change of members: somebody came, somebody left.
pub const MEMBER_CHANGES: [&str; 2] = ["came", "left"];

impl Test {
    /// Whether it can come to be met because days have passed.
    const fn counts_days(&self) -> bool {
        matches!(self, Self::MissingStatus { .. } | Self::History { history: History::NoMeasure, .. })
    }

    /// Whether its findings are told apart by cause, as those of events are; a figure has one finding.
    pub const fn is_event(&self) -> bool {
        !matches!(self, Self::Sum(_) | Self::Measure(_))
    }
}

/// From when on a city is live. Before, everything is evaluated and nothing is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoLive {
    /// The first day.
    pub day: Day,
    /// How many cases a village can take in a day, of those that were found before.
    pub cases_per_village_and_day: usize,
}

/// What an office looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The case was cleared, and known income is below the line.
    ClearedBelowLine,
    /// It was cleared soon after it was confirmed.
    ClearedSoon,
    /// It was confirmed and no measure followed.
    NoMeasure,
}

impl History {
    /// Reads its name in a policy.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "cleared_below_line" => Some(Self::ClearedBelowLine),
            "cleared_soon" => Some(Self::ClearedSoon),
            "no_measure" => Some(Self::NoMeasure),
            _ => None,
        }
    }
}

/// A status that the verifier is told of.
#[derive(Clone, Debug)]
pub struct Note {
    /// The id of its rule, such as `R20`.
    pub rule: String,
    /// The status.
    pub code: String,
    /// Which values count; any where none is named.
    pub values: Vec<String>,
    /// How its value is compared as a number; a value that is none does not count.
    pub number: Option<(Comparator, i64)>,
    /// The message.
    pub message: String,
}

/// Which amounts are summed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amounts {
    /// What is added.
    pub categories: CategorySet,
    /// What is set against it, cause by cause; no cause goes below zero. In net income: what is taken off.
    pub less: CategorySet,
    /// Which causes count; all where none is named.
    pub causes: BTreeSet<Cause>,
    /// Over which months.
    pub window: Window,
}

impl Amounts {
    /// The categories of which an amount changes it.
    pub const fn of(&self) -> CategorySet {
        self.categories.with(self.less)
    }
}

/// A measure of domain section 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Net income per head.
    NetPc,
    /// Net income after rigid expenditure, per head.
    RefPc,
    /// Rigid expenditure after help, of the household.
    RigidNet,
}

/// A measure, as a form or condition asks for it.
#[derive(Clone, Debug)]
pub struct MeasureOf {
    /// Which.
    pub measure: Measure,
    /// Categories of income or of rigid expenditure that are taken over another window.
    pub instead: Option<Instead>,
}

/// Categories that are taken over another window.
#[derive(Clone, Debug)]
pub struct Instead {
    /// Which.
    pub categories: CategorySet,
    /// Over which.
    pub window: Window,
}

/// What gives a level.
#[derive(Clone, Debug)]
pub struct LevelRow {
    /// The level.
    pub level: WarningLevel,
    /// Without this the row does not hold.
    pub when: Option<Condition>,
    /// For a sum of one month: only the newest month on which the comparison holds has this level, so that older ones
    /// do not ask for the same visit again.
    pub newest_month: bool,
    /// For a figure: how it is compared, and with what.
    pub compare: Option<Compare>,
    /// For an event: which values count; any where none is named.
    pub values: Vec<String>,
    /// For an event: how its value is compared as a number; a value that is none does not count.
    pub number: Option<(Comparator, i64)>,
    /// For an incident: how the amount that goes with it is compared.
    pub amount: Option<(Comparator, Fen)>,
}

/// How a figure is compared, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// How.
    pub comparator: Comparator,
    /// With what.
    pub threshold: Threshold,
}

/// With what a figure is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// An amount.
    Amount(Fen),
    /// The line of the year of the window's last month, times so many thousandths.
    Line {
        /// 1,000 is the line itself.
        thousandths: i64,
        /// Of a year so many years before.
        years_before: i32,
    },
    /// A share of something of the household: what makes a ratio or a change of two figures. Where there is nothing to
    /// take a share of, nothing is compared.
    Share {
        /// 1,000 is the whole.
        thousandths: i64,
        /// What it is a share of.
        of: Whole,
    },
}

/// What a share is taken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// The household's net income.
    NetIncome,
    /// The same sum over the same months of the year before.
    YearBefore,
    /// Another sum.
    Sum(Amounts),
}

/// Thousandths in a whole.
pub const WHOLE: i64 = 1_000;

/// Something that must be so. What is not known is neither true nor false: it neither raises nor ends a finding.
#[derive(Clone, Debug)]
pub enum Condition {
    /// All of them.
    All(Vec<Self>),
    /// At least one of them.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// The household is in one of these.
    Class(Vec<ClassTerm>),
    /// Income is known (or, `false`, is not).
    IncomeKnown(bool),
    /// A measure compares so.
    Measure(MeasureOf, Compare),
    /// A measure without the wage of the member whom the event is about compares so.
    MeasureWithoutWage(MeasureOf, Compare),
    /// A sum compares so.
    Sum(Amounts, Compare),
    /// An incident with one of these codes (any where none is named) lies within the window.
    Incident {
        /// Codes.
        codes: Vec<String>,
        /// Which causes count; all where none is named.
        causes: BTreeSet<Cause>,
        /// The window.
        window: Window,
    },
    /// The member whom the event is about has the largest wages of the household.
    MainEarner,
    /// One of these rules holds.
    Finding(Vec<String>),
    /// A status of this code holds with one of these values (any where none is named).
    Status {
        /// Its code.
        code: String,
        /// Values.
        values: Vec<String>,
    },
    /// A status of this code with one of these values holds of every registered member.
    EveryMember {
        /// Its code.
        code: String,
        /// Values.
        values: Vec<String>,
    },
}

/// A class or group of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassTerm {
    /// Any listed class.
    Listed,
    /// No class at all.
    General,
    /// This class.
    One(Class),
}

impl ClassTerm {
    /// Reads `listed`, `general` or a class.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "listed" => Some(Self::Listed),
            "general" => Some(Self::General),
            other => Class::parse(other).map(Self::One),
        }
    }

    /// Whether a household with these classes is in it.
    pub fn holds(self, classes: &[Class]) -> bool {
        match self {
            Self::Listed => classes.iter().any(|class| class.is_listed()),
            Self::General => classes.is_empty(),
            Self::One(class) => classes.contains(&class),
        }
    }
}

/// How the cause of a finding is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CauseRule {
    /// It is this one.
    Fixed(Cause),
    /// The cause with the largest rigid expenditure after help.
    LargestExpense,
    /// That of the category of income that fell most against the 12 months before.
    LargestGap,
    /// As the event says.
    AsReported,
}

impl Policy {
    /// The line of a year: the one that is given for it, else for the newest year before it, else for the first one.
    pub fn line(&self, year: i32) -> Fen {
        if let Some(line) = self.lines.get(&year) {
            return *line;
        }
        let before = self.lines.range(..=year).next_back();
        before.or_else(|| self.lines.iter().next()).map_or(Fen::ZERO, |(_, line)| *line)
    }

    /// The rules that can come to hold without any news, because days have passed.
    pub fn rules_that_count_days(&self) -> impl Iterator<Item = &Rule> {
        self.counting_days.iter().filter_map(|at| self.rules.get(*at))
    }

    /// The rule of that id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok().map(|at| &self.rules[at])
    }
}
