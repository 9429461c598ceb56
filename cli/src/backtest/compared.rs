//! Both sides of a played history, compared: the sums, and the sentences that say them. It does not know tables or
//! charts.

use std::collections::BTreeSet;

use schemas::{Day, HouseholdCode, Month};

use super::charts::number;
use super::findings::{Pair, Side, pairs};
use super::history::Played;
use super::known::Known;
use super::report::Card;
use super::tally::Cell;
use crate::simulate::Truth;
use crate::simulate::judge::{self, Notice};

/// What a number is called that is about too few households to be shown.
pub(super) const HIDDEN: &str = "hidden";

/// A history that both sides have played.
pub(super) struct Compared {
    /// What is known of its households.
    pub(super) known: Known,
    /// The days that were closed: the first and the last one.
    pub(super) days: (Day, Day),
    /// The first day that counts.
    pub(super) from: Day,
    /// What A found and asked for.
    pub(super) a: Side,
    /// What B found and asked for.
    pub(super) b: Side,
    /// Which findings are the same.
    pub(super) pairs: Vec<Pair>,
    /// The judgement against the truth, where it is known.
    pub(super) judged: Option<Judged>,
}

/// A judgement of both sides.
pub(super) struct Judged {
    /// The truth.
    pub(super) truth: Truth,
    /// What A said.
    pub(super) notices_a: Vec<Notice>,
    /// What B said.
    pub(super) notices_b: Vec<Notice>,
    /// How well A did.
    pub(super) a: judge::Report,
    /// How well B did.
    pub(super) b: judge::Report,
}

impl Compared {
    /// Compares what was said from a day on; where none is given from the end of the truth's history, or from the first
    /// closed day.
    pub(super) fn new(played: Played, from: Option<Day>) -> Self {
        let Played { known, days, a, b, truth } = played;
        let from = from.or_else(|| truth.as_ref().map(|truth| truth.city.judged_from)).unwrap_or(days.0);
        let count = (from, days.1);
        let (side_a, side_b) = (Side::new(&a.said, &known, count), Side::new(&b.said, &known, count));
        let pairs = pairs(&side_a.findings, &side_b.findings);
        let judged = truth.map(|truth| Judged {
            a: judge::judge(&truth, &a.notices, days.1),
            b: judge::judge(&truth, &b.notices, days.1),
            notices_a: a.notices,
            notices_b: b.notices,
            truth,
        });
        Self { known, days, from, a: side_a, b: side_b, pairs, judged }
    }

    /// The months that count.
    pub(super) fn months(&self) -> impl Iterator<Item = Month> {
        let (first, last) = (self.from.month(), self.days.1.month());
        (0..=last.since(first).max(0)).map(move |month| first.plus(month))
    }

    /// How many were added and are gone, as far as that may be shown.
    fn changes(&self) -> (Cell, Cell) {
        let (mut added, mut gone) = (Cell::default(), Cell::default());
        for pair in &self.pairs {
            match *pair {
                Pair::Added(at) => added.add(self.b.findings[at].about.household),
                Pair::Gone(at) => gone.add(self.a.findings[at].about.household),
                Pair::Kept(..) => {}
            }
        }
        (added, gone)
    }

    /// By how many days the warnings of both come earlier in B: those that do, sorted, and how many come later.
    fn earlier(&self) -> (Vec<i32>, usize) {
        let (mut earlier, mut later) = (Vec::new(), 0);
        for pair in &self.pairs {
            if let Pair::Kept(in_a, in_b) = *pair {
                let days = self.a.findings[in_a].about.day.0 - self.b.findings[in_b].about.day.0;
                if days > 0 {
                    earlier.push(days);
                }
                later += usize::from(days < 0);
            }
        }
        earlier.sort_unstable();
        (earlier, later)
    }

    /// The answer in sentences.
    pub(super) fn lead(&self) -> Vec<String> {
        let (added, gone) = self.changes();
        if added.count == 0 && gone.count == 0 && self.a.visits == self.b.visits {
            return vec!["Both raise the same warnings and ask for the same visits.".to_owned()];
        }
        let (a, b) = (self.a.findings.len(), self.b.findings.len());
        let shown = |cell: &Cell| if cell.is_small() { HIDDEN.to_owned() } else { number(cell.count) };
        let mut lead = vec![format!(
            "B raises {} warnings where A raises {}: {}. {} are added, {} are gone.",
            number(b),
            number(a),
            change(a, b),
            shown(&added),
            shown(&gone)
        )];
        let (earlier, later) = self.earlier();
        if let Some(median) = earlier.get(earlier.len() / 2) {
            lead.push(format!(
                "Of those that both raise {} come earlier in B, by {median} {} at the median, and {} later.",
                number(earlier.len()),
                word_of(*median),
                number(later)
            ));
        }
        let (visits_a, visits_b) = (self.a.visits.len(), self.b.visits.len());
        lead.push(format!(
            "B asks for {} visits where A asks for {}: {}. That is {:.1} instead of {:.1} a month in 1,000 households.",
            number(visits_b),
            number(visits_a),
            change(visits_a, visits_b),
            self.visits_per_1000(visits_b),
            self.visits_per_1000(visits_a)
        ));
        if let Some(Judged { a, b, .. }) = &self.judged {
            let lead_time = if a.lead_days_median == b.lead_days_median {
                format!("{} in both", days(b.lead_days_median))
            } else {
                format!("{} instead of {}", days(b.lead_days_median), days(a.lead_days_median))
            };
            lead.push(format!(
                "Of the shocks that are meant to be seen B sees {} where A sees {}; of B's requests {} are right, of A's \
                 {}. The lead time at the median is {lead_time}.",
                percent(b.recall),
                percent(a.recall),
                percent(b.precision),
                percent(a.precision)
            ));
        }
        lead
    }

    /// The answer in numbers.
    pub(super) fn cards(&self) -> Vec<Card> {
        let counted = |name: &str, a: usize, b: usize| Card {
            name: name.to_owned(),
            a: number(a),
            b: number(b),
            change: change(a, b),
        };
        let households =
            |side: &Side| side.visits.iter().map(|visit| visit.household).collect::<BTreeSet<HouseholdCode>>().len();
        let mut cards = vec![
            counted("Warnings raised", self.a.findings.len(), self.b.findings.len()),
            counted("Visits asked for", self.a.visits.len(), self.b.visits.len()),
            counted("Households to visit", households(&self.a), households(&self.b)),
        ];
        if let Some(Judged { a, b, .. }) = &self.judged {
            cards.push(share("Recall", a.recall, b.recall));
            cards.push(share("Precision", a.precision, b.precision));
            let (lead_a, lead_b) = (a.lead_days_median, b.lead_days_median);
            let (change, name) = (more_days(lead_a, lead_b), "Lead time, median".to_owned());
            cards.push(Card { name, a: days(lead_a), b: days(lead_b), change });
        }
        cards
    }

    /// Visits a month in 1,000 households.
    fn visits_per_1000(&self, visits: usize) -> f64 {
        let months = f64::from((self.days.1.0 - self.from.0 + 1).max(1)) / 365.25 * 12.0;
        visits as f64 * 1_000.0 / months / self.known.count().max(1) as f64
    }
}

fn share(name: &str, a: Option<f64>, b: Option<f64>) -> Card {
    Card { name: name.to_owned(), a: percent(a), b: percent(b), change: points(a, b) }
}

/// How much more or less: the difference and its share.
pub(super) fn change(a: usize, b: usize) -> String {
    let difference = b as i64 - a as i64;
    let sign = if difference < 0 { "-" } else { "+" };
    let share = if a == 0 || difference == 0 {
        String::new()
    } else {
        format!(" ({:+.0} %)", difference as f64 * 100.0 / a as f64)
    };
    if difference == 0 {
        "0".to_owned()
    } else {
        format!("{sign}{}{share}", number(difference.unsigned_abs() as usize))
    }
}

/// A share in percent.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// By how many percentage points two shares differ.
pub(super) fn points(a: Option<f64>, b: Option<f64>) -> String {
    a.zip(b).map_or_else(|| "-".to_owned(), |(a, b)| format!("{:+.1} points", (b - a) * 100.0))
}

/// A number of days.
pub(super) fn days(days: Option<i32>) -> String {
    days.map_or_else(|| "-".to_owned(), |days| format!("{days} {}", word_of(days)))
}

/// By how many days two numbers of them differ.
pub(super) fn more_days(a: Option<i32>, b: Option<i32>) -> String {
    match a.zip(b).map(|(a, b)| b - a) {
        None => "-".to_owned(),
        Some(0) => "0".to_owned(),
        Some(more) => format!("{more:+} {}", word_of(more)),
    }
}

fn word_of(days: i32) -> &'static str {
    if days.abs() == 1 { "day" } else { "days" }
}
