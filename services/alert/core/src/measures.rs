//! The measures of a household (domain section 2) on a day: sums over windows, net income and income after spending per
//! head, rigid expenditure, and whether income is known. It knows no rule; what a measure consists of is the policy's.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use schemas::records::{Case, Contribution, Evidence, HouseholdState, Incident, Status, Sum};
use schemas::{Category, Cause, Day, EntryId, Fen, Month, PersonToken};

use crate::calendar::{Calendar, Now, Span, Window};
use crate::evidence::LateEvidence;
use crate::policy::{Amounts, Compare, Instead, Measure, MeasureOf, Policy, Rule, Threshold, WHOLE, Whole};
use crate::silence::silent_feeds;
use crate::traces::Traces;

/// A household on a day, under its policy.
#[derive(Debug)]
pub struct Household<'a> {
    /// Its state.
    pub state: &'a HouseholdState,
    /// Its evidence, where that is not in the state.
    late: Option<&'a LateEvidence<'a>>,
    /// The policy of its county.
    pub policy: &'a Policy,
    /// The day.
    pub calendar: Calendar,
    /// The feeds that have fallen silent in its county.
    silent: Vec<&'a str>,
    /// What there is of it at all.
    has: Traces,
    /// The current month and the last settled one.
    months: (Month, Month),
    /// Net income and rigid expenditure, once they were asked for.
    totals: (OnceCell<Fen>, OnceCell<Fen>),
    /// Whether its income is known; where it is not, income is a lower bound.
    pub income_known: bool,
    /// Who share the economy; 0 where nobody is known.
    pub members: i64,
    /// Its case, where a rule looks at the course of it.
    pub case: Option<&'a Case>,
}

/// A figure, and whether it is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The figure.
    pub value: Fen,
    /// Whether it is known; if not, the true one is at least this.
    pub known: bool,
    /// The year whose line it is compared with.
    pub line_year: i32,
    /// The same sum over the same months of the year before, where that is asked for.
    pub year_before: Option<Fen>,
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The amount.
    pub value: Fen,
    /// Whether it is known; if not, the true one is at least this.
    pub known: bool,
}

impl<'a> Household<'a> {
    /// The household of a state, on a day.
    pub fn new(state: &'a HouseholdState, policy: &'a Policy, now: impl Into<Now<'a>>) -> Self {
        let Now { calendar, coverage, evidence: late, .. } = now.into();
        let months = (calendar.day.month(), calendar.last_settled(policy.settle_days));
        let silent = silent_feeds(coverage, state.household.county(), months.1);
        let has = Traces::of(state);
        let (members, totals) = (members(state), Default::default());
        let mut household = Self {
            state,
            late,
            policy,
            calendar,
            silent,
            has,
            months,
            totals,
            income_known: false,
            members,
            case: None,
        };
        household.income_known = income_known(state, policy, (calendar.first_closed_day, months))
            && !household.is_any_silent(&policy.income_feeds);
        household
    }

    /// Whether a rule can see anything of it that is not there because it was found before.
    #[inline]
    pub fn may_show(&self, rule: &Rule) -> bool {
        rule.looks_for.is_none_or(|looked_for| self.has.meets(looked_for))
    }

    /// Whether one of these feeds has fallen silent in the household's county.
    ///
    /// That is so when nothing came since the last settled month ended: then its files for that month can be missing. A
    /// feed that was never heard is none of the city's, and cannot fall silent. What names persons only is of no county
    /// and counts for each.
    #[inline]
    pub fn is_any_silent(&self, feeds: &[String]) -> bool {
        !self.silent.is_empty() && feeds.iter().any(|feed| self.silent.contains(&feed.as_str()))
    }

    /// The same household with another month as the last settled one: what its income was then, as it is known on this
    /// day.
    #[must_use]
    pub fn settled_at(&self, month: Month) -> Self {
        let Self { state, late, policy, calendar, has, income_known, members, case, .. } = *self;
        let (silent, months, totals) = (self.silent.clone(), (self.months.0, month), Default::default());
        Self { state, late, policy, calendar, silent, has, months, totals, income_known, members, case }
    }

    /// The current month.
    pub fn month(&self) -> Month {
        self.months.0
    }

    /// The last settled month.
    pub fn settled(&self) -> Month {
        self.months.1
    }

    /// The same household with its case, for the rules that look at its course.
    pub fn with_case<'b>(&self, case: &'b Case) -> Household<'b>
    where
        'a: 'b,
    {
        Household { case: Some(case), ..self.settled_at(self.months.1) }
    }

    /// The months of a window.
    pub fn span(&self, window: Window) -> Span {
        let (current, settled) = self.months;
        window.span_of(current, settled)
    }

    /// A sum with what is set against it: kinds `sum` and `uncovered`.
    pub fn sum(&self, amounts: &Amounts) -> Reading {
        self.sum_over(amounts, self.span(amounts.window))
    }

    /// The same over other months than those of its window.
    pub fn sum_over(&self, amounts: &Amounts, span: Span) -> Reading {
        self.taken(amounts).over(span)
    }

    /// What a sum takes of the household.
    pub fn taken<'s>(&'s self, amounts: &'s Amounts) -> Taken<'s> {
        let of = amounts.of();
        let is_part = |sum: &Sum| of.contains(sum.category);
        let sums = match self.state.sums.iter().position(is_part).filter(|_| !self.has.categories.both(of).is_empty()) {
            Some(first) => &self.state.sums[first..=self.state.sums.iter().rposition(is_part).unwrap_or(first)],
            None => &[],
        };
        Taken { sums, amounts }
    }

    /// The statuses of a code; they stand in the order of their codes.
    pub(crate) fn statuses(&self, code: &str) -> std::slice::Iter<'a, Status> {
        if !self.has.statuses.may_have(code) {
            return [].iter();
        }
        let from = self.state.statuses.partition_point(|status| status.code.as_str() < code);
        let of_it = &self.state.statuses[from..];
        of_it[..of_it.partition_point(|status| status.code == code)].iter()
    }

    /// What happened to it, where one of these codes is among it; any where none is named.
    pub(crate) fn incidents_with(&self, codes: &[String]) -> &'a [Incident] {
        let has = self.has.incidents;
        let may_be = if codes.is_empty() { !has.is_empty() } else { codes.iter().any(|code| has.may_have(code)) };
        if may_be { &self.state.incidents } else { &[] }
    }

    /// A measure; `None` where there is nobody to share among.
    pub fn measure(&self, of: &MeasureOf) -> Option<Reading> {
        self.measure_less(of, Fen::ZERO)
    }

    /// A measure without the wage of a member.
    pub fn measure_without(&self, of: &MeasureOf, member: Option<PersonToken>) -> Option<Reading> {
        self.measure_less(of, member.map_or(Fen::ZERO, |member| self.wage(member)))
    }

    /// A measure, with so much less income.
    fn measure_less(&self, of: &MeasureOf, less: Fen) -> Option<Reading> {
        let line_year = self.span(self.policy.net_income.window).last.year();
        let known = self.income_known;
        let instead = of.instead.as_ref();
        let income = || self.net_income(instead).minus(less);
        let rigid = || self.rigid_net(instead);
        let reading = |value, known| Reading { value, known, line_year, year_before: None };
        Some(match of.measure {
            Measure::NetPc => reading(income().per_head(self.members)?, known),
            Measure::RefPc => reading(income().minus(rigid()).per_head(self.members)?, known),
            Measure::RigidNet => reading(rigid(), true),
        })
    }

    /// What a member's wages add to net income.
    fn wage(&self, person: PersonToken) -> Fen {
        let income = &self.policy.net_income;
        let span = self.span(income.window);
        let member = self.state.members.iter().find(|member| member.person == person);
        let wages = member.into_iter().filter(|_| income.categories.contains(Category::Wage));
        wages.map(|member| member.wages.total(span.first, span.last)).fold(Fen::ZERO, Fen::plus)
    }

    /// The member with the largest wages over the window of net income; of equal ones the first.
    pub fn main_earner(&self) -> Option<PersonToken> {
        let wages =
            self.state.members.iter().map(|member| (self.wage(member.person), std::cmp::Reverse(member.person)));
        let largest = wages.filter(|(wage, _)| *wage > Fen::ZERO).max();
        largest.map(|(_, std::cmp::Reverse(person))| person)
    }

    /// How a reading compares; `None` where only a lower bound is known and it does not decide.
    #[inline]
    pub fn compares(&self, reading: Reading, compare: &Compare) -> Option<bool> {
        if let (true, Threshold::Amount(amount)) = (reading.known, &compare.threshold) {
            // So it is with most figures, and both are known.
            return Some(compare.comparator.holds(reading.value, *amount));
        }
        self.compares_with_limit(reading, compare)
    }

    fn compares_with_limit(&self, reading: Reading, compare: &Compare) -> Option<bool> {
        let Some(limit) = self.limit(reading, &compare.threshold) else { return Some(false) };
        let holds = compare.comparator.holds(reading.value, limit.value);
        let is_upward = compare.comparator.is_upward();
        if is_upward && !limit.known && reading.value <= Fen::ZERO {
            // Nothing is no share of anything.
            return Some(false);
        }
        // The true figure is at least the lower bound: that can show that it is large, and that it is not small. With a
        // limit of which only a lower bound is known it is the other way about.
        let decides = (reading.known || holds == is_upward) && (limit.known || holds != is_upward);
        decides.then_some(holds)
    }

    /// What a threshold is for a figure; none where there is nothing to take a share of.
    pub fn limit(&self, reading: Reading, threshold: &Threshold) -> Option<Limit> {
        let (value, known) = match threshold {
            Threshold::Amount(amount) => (*amount, true),
            Threshold::Line { thousandths, years_before } => {
                let year = reading.line_year.saturating_sub(*years_before);
                (self.policy.line(year).scaled(*thousandths, WHOLE), true)
            }
            Threshold::Share { thousandths, of } => {
                let (whole, known) = match of {
                    Whole::NetIncome => (self.net_income(None), self.income_known),
                    Whole::YearBefore => (reading.year_before.unwrap_or_default(), true),
                    Whole::Sum(amounts) => (self.sum(amounts).value, true),
                };
                if known && whole <= Fen::ZERO {
                    return None;
                }
                (whole.scaled(*thousandths, WHOLE), known)
            }
        };
        Some(Limit { value, known })
    }

    /// Net income of the household.
    fn net_income(&self, instead: Option<&Instead>) -> Fen {
        let income = &self.policy.net_income;
        let instead = self.that_matters(instead, income);
        let sum = || {
            let reported = self.each_part(income, self.span(income.window), instead);
            let reported = reported.fold(Fen::ZERO, |sum, part| sum.plus(part.amount_fen));
            reported.plus(self.unreported_income())
        };
        if instead.is_some() { sum() } else { *self.totals.0.get_or_init(sum) }
    }

    /// Rigid expenditure after help.
    fn rigid_net(&self, instead: Option<&Instead>) -> Fen {
        let rigid = &self.policy.rigid_net;
        let instead = self.that_matters(instead, rigid);
        let sum = || uncovered_total(self.each_part(rigid, self.span(rigid.window), instead));
        if instead.is_some() { sum() } else { *self.totals.1.get_or_init(sum) }
    }

    /// Categories over another window, where the household has something of them that counts; else nothing is other than over
    /// the window of `amounts`.
    fn that_matters<'i>(&self, instead: Option<&'i Instead>, amounts: &Amounts) -> Option<&'i Instead> {
        instead.filter(|instead| !instead.categories.both(self.has.categories).both(amounts.of()).is_empty())
    }

    /// What the survey found and no feed reports, where income is known.
    fn unreported_income(&self) -> Fen {
        let survey = self.state.survey.as_ref().filter(|_| self.income_known);
        survey.map_or(Fen::ZERO, |survey| survey.unreported_income_fen)
    }

    /// What net income consists of; costs are negative. What the survey found has no category.
    pub fn income_parts(&self, instead: Option<&Instead>) -> Vec<Contribution> {
        let mut parts = self.parts(&self.policy.net_income, instead);
        let amount_fen = self.unreported_income();
        if amount_fen != Fen::ZERO {
            parts.push(Contribution { category: Category::None, cause: Cause::Other, amount_fen });
        }
        parts
    }

    /// What a sum consists of, sorted by category and cause; what is set against it is negative.
    pub fn parts(&self, amounts: &Amounts, instead: Option<&Instead>) -> Vec<Contribution> {
        self.parts_over(amounts, self.span(amounts.window), instead)
    }

    /// The same over other months than those of its window.
    pub fn parts_over(&self, amounts: &Amounts, span: Span, instead: Option<&Instead>) -> Vec<Contribution> {
        let mut parts: Vec<Contribution> = self.each_part(amounts, span, instead).collect();
        parts.sort_unstable_by_key(|part| (part.category, part.cause));
        parts
    }

    /// The parts of a sum in the order of the state.
    fn each_part<'s>(
        &'s self,
        amounts: &'s Amounts,
        span: Span,
        instead: Option<&Instead>,
    ) -> impl Iterator<Item = Contribution> + use<'s, 'a> {
        let other = instead.map(|instead| (instead.categories, self.span(instead.window)));
        self.taken(amounts).parts().filter_map(move |(sign, sum)| {
            let span = other.filter(|(categories, _)| categories.contains(sum.category)).map_or(span, |(_, span)| span);
            let amount_fen = sum.months.total(span.first, span.last).scaled(sign * span.times, span.over);
            let part = Contribution { category: sum.category, cause: sum.cause, amount_fen };
            (amount_fen != Fen::ZERO).then_some(part)
        })
    }

    /// The entries behind a sum that are known one by one, largest first.
    pub fn evidence(&self, amounts: &Amounts, span: Span) -> Vec<&'a Evidence> {
        let days = span.first.first_day()..=span.last.last_day();
        let counts = |one: &&Evidence| {
            amounts.categories.contains(one.category)
                && (amounts.causes.is_empty() || amounts.causes.contains(&one.cause))
                && days.contains(&one.day)
        };
        let all = self.late.map_or(self.state.evidence.as_slice(), LateEvidence::read);
        let mut evidence: Vec<_> = all.iter().filter(counts).collect();
        evidence.sort_by_key(|one| (std::cmp::Reverse(one.amount_fen), one.entry));
        evidence
    }

    /// The survey or verification on which known income rests.
    pub fn survey_entry(&self) -> Option<EntryId> {
        self.state.survey.as_ref().filter(|_| self.income_known).map(|survey| survey.entry)
    }

    /// The cause with the largest rigid expenditure after help; of equal ones the lowest code.
    pub fn largest_expense(&self, instead: Option<&Instead>) -> Cause {
        largest_cause(&self.parts(&self.policy.rigid_net, instead))
    }

    /// The cause that stands for the category of income that fell most against the year before; of equal falls the
    /// lowest code, 99 where none fell.
    pub fn largest_gap(&self) -> Cause {
        let income = &self.policy.net_income;
        let now = self.span(income.window);
        let before = now.year_before();
        let mut falls: BTreeMap<Category, Fen> = BTreeMap::new();
        for sum in self.state.sums.iter().filter(|sum| income.categories.contains(sum.category)) {
            let fall = falls.entry(sum.category).or_default();
            let total = |span: Span| sum.months.total(span.first, span.last);
            *fall = fall.plus(total(before)).minus(total(now));
        }
        let cause = |category| self.policy.gap_causes.get(&category).copied().unwrap_or(Cause::Other);
        let fallen = falls.into_iter().filter(|(_, fall)| *fall > Fen::ZERO);
        let largest = fallen.map(|(category, fall)| (fall, std::cmp::Reverse(cause(category)))).max();
        largest.map_or(Cause::Other, |(_, std::cmp::Reverse(cause))| cause)
    }
}

/// What a sum of a policy takes of a household.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The household's sums from the first to the last that it takes.
    sums: &'a [Sum],
    amounts: &'a Amounts,
}

impl<'a> Taken<'a> {
    /// The household's sums that it takes, with the sign with which they count, in the order of the state.
    fn parts(self) -> impl Iterator<Item = (i64, &'a Sum)> {
        let Self { sums, amounts } = self;
        sums.iter().filter_map(move |sum| {
            let sign = match (amounts.categories.contains(sum.category), amounts.less.contains(sum.category)) {
                (true, _) => 1,
                (false, true) => -1,
                (false, false) => return None,
            };
            let counts = amounts.causes.is_empty() || amounts.causes.contains(&sum.cause);
            counts.then_some((sign, sum))
        })
    }

    /// What it comes to over these months.
    pub fn over(self, span: Span) -> Reading {
        let mut parts = self.parts().map(|(sign, sum)| {
            let amount_fen = sum.months.total(span.first, span.last).scaled(sign * span.times, span.over);
            Contribution { category: sum.category, cause: sum.cause, amount_fen }
        });
        let value = match self.sums {
            [] => Fen::ZERO,
            [_] => parts.next().map_or(Fen::ZERO, |part| part.amount_fen.max(Fen::ZERO)),
            _ => uncovered_total(parts),
        };
        Reading { value, known: true, line_year: span.last.year(), year_before: None }
    }

    /// The same, with that of the year before where one of these comparisons asks for it.
    pub fn to_compare<'c>(self, span: Span, compares: impl IntoIterator<Item = &'c Compare>) -> Reading {
        let asks = |compare: &Compare| matches!(&compare.threshold, Threshold::Share { of: Whole::YearBefore, .. });
        let year_before = compares.into_iter().any(asks).then(|| self.over(span.year_before()).value);
        Reading { year_before, ..self.over(span) }
    }

    /// What it comes to at most in any of these months.
    pub fn most_of_a_month(self, span: Span) -> Fen {
        let most = |sum: &Sum| sum.months.within(span.first, span.last).map(|one| one.amount_fen).max();
        let added = self.parts().filter(|(sign, _)| *sign > 0);
        added.filter_map(|(_, sum)| most(sum)).fold(Fen::ZERO, |all, most| all.plus(most.max(Fen::ZERO)))
    }

    /// Whether there is something of its categories in a month, whatever the cause.
    pub fn is_in(self, month: Month) -> bool {
        let of = self.amounts.of();
        self.sums.iter().any(|sum| of.contains(sum.category) && sum.months.of(month) != Fen::ZERO)
    }
}

/// What is left of each cause after what is set against it, never below zero.
fn uncovered(parts: &[Contribution]) -> BTreeMap<Cause, Fen> {
    let mut by_cause: BTreeMap<Cause, Fen> = BTreeMap::new();
    for part in parts {
        let left = by_cause.entry(part.cause).or_default();
        *left = left.plus(part.amount_fen);
    }
    by_cause.retain(|_, left| *left > Fen::ZERO);
    by_cause
}

/// The sum of what is left of each cause.
fn uncovered_total(parts: impl Iterator<Item = Contribution>) -> Fen {
    let mut by_cause = [Fen::ZERO; Cause::ALL.len()];
    for part in parts {
        let left = &mut by_cause[part.cause as usize];
        *left = left.plus(part.amount_fen);
    }
    by_cause.into_iter().fold(Fen::ZERO, |sum, left| sum.plus(left.max(Fen::ZERO)))
}

/// Who share the economy: as the survey found it, with who came and went since; without a survey the registered
/// members and the newborns who are not registered yet.
fn members(state: &HouseholdState) -> i64 {
    match &state.survey {
        Some(survey) => i64::from(survey.members) + i64::from(survey.members_since),
        None => state.members.len() as i64 + i64::from(state.provisional_members),
    }
}

/// Whether income is known: a survey that is not too old, and enough observed months.
///
/// A month is observed when it is settled and began neither before the household's registration nor before the first
/// day that the calendar closed. The survey's age is counted in months, so that it changes with a month's end, when
/// everybody is evaluated.
fn income_known(
    state: &HouseholdState,
    policy: &Policy,
    (first_closed_day, (current, settled)): (Day, (Month, Month)),
) -> bool {
    let Some((survey, registered_day)) = state.survey.as_ref().zip(state.registered_day) else { return false };
    let is_recent = current.since(survey.day.month()) <= policy.survey_months;
    let first_month = settled.plus(1 - policy.observed_months);
    is_recent && first_month.first_day() >= registered_day.max(first_closed_day)
}

/// The cause of which most is left after what is set against it; of equal ones the lowest code, 99 where nothing is left.
pub fn largest_cause(parts: &[Contribution]) -> Cause {
    let largest = uncovered(parts).into_iter().max_by_key(|(cause, amount)| (*amount, std::cmp::Reverse(*cause)));
    largest.map_or(Cause::Other, |(cause, _)| cause)
}

/// The categories of contributions.
pub fn categories(parts: &[Contribution]) -> BTreeSet<Category> {
    parts.iter().map(|part| part.category).collect()
}
