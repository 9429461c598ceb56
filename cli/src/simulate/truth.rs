//! The ground truth of a simulated city (domain section 8), and its file `truth.jsonl`, which no service reads: one
//! JSON object a line, `{"city": ...}` first, then `{"household": ...}` and `{"shock": ...}`. Days are numbers of days
//! since 1970-01-01, amounts fen. It does not know any warning.

use std::io::{BufRead, Write};

use schemas::{Cause, Day, HouseholdCode};
use serde::{Deserialize, Serialize};

use super::account::Span;
use super::city::Settings;
use super::population::{Household, Stay};

/// The line of the ground truth: 8,700 yuan a head and year (domain section 8.4).
pub(crate) const LINE_FEN: i64 = 870_000;
/// Days after a month's end after which its files can be expected to be in (domain section 2).
const SETTLE_DAYS: i32 = 15;
/// Months that must have been observed for income to be known.
const OBSERVED_MONTHS: i32 = 12;
/// Days for which a survey counts: 18 months.
const SURVEY_DAYS: i32 = 548;

/// What is true of the run as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CityTruth {
    /// Its seed.
    pub(crate) seed: u64,
    /// How many households.
    pub(crate) households: u32,
    /// The first day with records.
    pub(crate) first_day: Day,
    /// The first day on which shocks count: the history is over.
    pub(crate) judged_from: Day,
    /// The last day.
    pub(crate) last_day: Day,
    /// The line, in fen.
    pub(crate) line_fen: i64,
}

/// What is true of a household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HouseholdTruth {
    /// Its code.
    pub(crate) household: HouseholdCode,
    /// When `true_pc` was below the line: first and last days.
    pub(crate) below: Vec<(Day, Day)>,
    /// When a safeguard was lost: first and last days.
    pub(crate) without_safeguard: Vec<(Day, Day)>,
    /// When its income could be known: first and last days.
    pub(crate) known: Vec<(Day, Day)>,
    /// `true_pc` at the ends of the months, in fen.
    pub(crate) true_pc_fen: Vec<i64>,
    /// Who lived in it.
    pub(crate) members: Vec<Lived>,
    /// The day on which it moved into another household, and that one's code.
    pub(crate) merged_into: Option<(Day, HouseholdCode)>,
}

/// A person in a household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lived {
    /// The citizen number of a person whom there is not.
    pub(crate) person: String,
    /// The first day.
    pub(crate) from: Day,
    /// The first day on which the person was there no more; none while it is.
    pub(crate) until: Option<Day>,
}

/// A shock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shock {
    /// The household.
    pub(crate) household: HouseholdCode,
    /// What happened, such as `admission`.
    pub(crate) kind: String,
    /// The causes under which a warning about it is right.
    pub(crate) causes: Vec<Cause>,
    /// The day on which the event happened.
    pub(crate) day: Day,
    /// The first day below the line, 1,000 yuan deeper, or without the safeguard.
    pub(crate) onset: Day,
    /// Whether a safeguard was lost.
    pub(crate) safeguard: bool,
    /// The first day on which a feed carried a valid event of it.
    pub(crate) carried: Option<Day>,
    /// The first day from the onset on when the household's income could be known.
    pub(crate) known: Option<Day>,
}

/// The ground truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Of the run.
    pub(crate) city: CityTruth,
    /// Of its households, in the order of the city.
    pub(crate) households: Vec<HouseholdTruth>,
    /// The shocks, by household.
    pub(crate) shocks: Vec<Shock>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    City(CityTruth),
    Household(HouseholdTruth),
    Shock(Shock),
}

/// Why a truth file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TruthError {
    /// The file cannot be read or written.
    #[error("the truth file cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// A line is no line of a truth file.
    #[error("line {line} of the truth file: {cause}; make the file anew with `backstop simulate`")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// The first line is missing.
    #[error("the truth file has no line `city`; make it anew with `backstop simulate`")]
    NoCity,
}

impl Lived {
    fn of(stay: &Stay) -> Self {
        Self { person: stay.person.as_str().to_owned(), from: stay.from, until: stay.until }
    }
}

impl Truth {
    /// The truth about households after the months that were made, up to `last_day`.
    pub(crate) fn of<'a>(settings: &Settings, households: impl Iterator<Item = &'a Household>, last_day: Day) -> Self {
        let city = CityTruth {
            seed: settings.seed,
            households: settings.households,
            first_day: settings.first_day(),
            judged_from: settings.start.month().plus(settings.history_months as i32).first_day(),
            last_day,
            line_fen: settings.line_fen,
        };
        let mut truth = Self { city, households: Vec::new(), shocks: Vec::new() };
        for household in households {
            let known = known(settings, household, last_day);
            truth.shocks.extend(shocks(household, &known, last_day));
            truth.households.push(HouseholdTruth {
                household: household.code,
                below: closed(&household.account.below, last_day),
                without_safeguard: closed(&household.account.unsafe_spans, last_day),
                known,
                true_pc_fen: household.month_ends.clone(),
                members: household.stays.iter().map(Lived::of).collect(),
                merged_into: household.merged_into,
            });
        }
        truth
    }

    /// Writes it.
    pub(crate) fn write(&self, out: &mut impl Write) -> Result<(), TruthError> {
        let mut line = |line: &Line| -> Result<(), TruthError> {
            serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
            Ok(())
        };
        line(&Line::City(self.city.clone()))?;
        for household in &self.households {
            line(&Line::Household(household.clone()))?;
        }
        for shock in &self.shocks {
            line(&Line::Shock(shock.clone()))?;
        }
        Ok(())
    }

    /// Reads it.
    pub(crate) fn read(from: impl BufRead) -> Result<Self, TruthError> {
        let (mut city, mut households, mut shocks) = (None, Vec::new(), Vec::new());
        for (at, text) in from.lines().enumerate() {
            match serde_json::from_str(&text?).map_err(|cause| TruthError::Line { line: at + 1, cause })? {
                Line::City(found) => city = Some(found),
                Line::Household(found) => households.push(found),
                Line::Shock(found) => shocks.push(found),
            }
        }
        Ok(Self { city: city.ok_or(TruthError::NoCity)?, households, shocks })
    }
}

/// Spans with an end: those that last end with the run; those that begin after it are left out.
fn closed(spans: &[Span], last_day: Day) -> Vec<(Day, Day)> {
    let ended = spans.iter().map(|(from, to)| (*from, to.unwrap_or(last_day).min(last_day)));
    ended.filter(|(from, to)| from <= to).collect()
}

/// When the household's income could be known (domain section 2): 12 observed months are settled, and a yearly survey
/// that came in is at most 18 months old. A verification would make it known too; but whom it reaches depends on what is
/// warned of, and the truth must not.
fn known(settings: &Settings, household: &Household, last_day: Day) -> Vec<(Day, Day)> {
    let begun = household.registered.max(settings.first_day());
    let first_whole = begun.month().plus(1);
    let observed = first_whole.plus(OBSERVED_MONTHS - 1).last_day().plus(SETTLE_DAYS + 1);
    let counts = household.surveys.iter().map(|(day, published)| (observed.max(*published), day.plus(SURVEY_DAYS)));
    let mut counts: Vec<(Day, Day)> = counts.map(|(from, to)| (from, to.min(last_day))).collect();
    counts.sort_unstable();
    let mut spans: Vec<(Day, Day)> = Vec::new();
    for (from, to) in counts.into_iter().filter(|(from, to)| from <= to) {
        match spans.last_mut() {
            Some((_, end)) if from <= end.plus(1) => *end = (*end).max(to),
            _ => spans.push((from, to)),
        }
    }
    spans
}

fn shocks(household: &Household, known: &[(Day, Day)], last_day: Day) -> Vec<Shock> {
    let felt = household.events.iter().filter_map(|event| event.onset.map(|onset| (event, onset)));
    felt.filter(|(_, onset)| *onset <= last_day)
        .map(|(event, onset)| Shock {
            household: household.code,
            kind: event.kind.to_owned(),
            causes: event.causes.to_vec(),
            day: event.day,
            onset,
            safeguard: event.safeguard,
            carried: event.carried,
            known: known.iter().find(|(_, to)| *to >= onset).map(|(from, _)| (*from).max(onset)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::city::City;
    use super::*;

    #[test]
    fn a_truth_file_reads_back_as_it_was_written() {
        let mut city = City::new(Settings::new(300, 14, 5));
        while city.next_day().is_some() {}
        let truth = city.truth();
        assert!(!truth.shocks.is_empty());
        let mut bytes = Vec::new();
        truth.write(&mut bytes).expect("writes");
        assert_eq!(Truth::read(bytes.as_slice()).expect("reads"), truth);
        assert!(matches!(Truth::read(&b"{}\n"[..]), Err(TruthError::Line { line: 1, .. })));
        assert!(matches!(Truth::read(&b""[..]), Err(TruthError::NoCity)));
    }
}
