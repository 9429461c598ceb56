//! Rows of the archive's tables as explain reads them: from ClickHouse, or made of the topics' records by the same
//! mappers. It does not know which of both.

use schemas::{Day, EntryId, Month};
use serde::{Deserialize, Serialize};

/// A signed amount or fact of a household: a row of `entries`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct EntryRow {
    pub(super) household: String,
    pub(super) entry: String,
    /// The event that caused it, which need not be the one that the entry belongs to.
    pub(super) event: String,
    pub(super) source: String,
    pub(super) event_type: String,
    pub(super) reported_at: String,
    pub(super) sign: i32,
    pub(super) kind: String,
    pub(super) category: String,
    pub(super) cause: String,
    pub(super) amount_fen: i64,
    pub(super) day: String,
    pub(super) month: i32,
    pub(super) months: i32,
    pub(super) code: String,
    pub(super) value: String,
    pub(super) person: String,
    pub(super) document: String,
    pub(super) origin_topic: String,
    pub(super) origin_partition: i32,
    pub(super) origin_offset: i64,
    /// Where the record lies that said it: rows of one record are what one event changed in the household.
    #[serde(default, rename = "_offset")]
    pub(super) offset: i64,
}

/// A record about a person or household as it came: a row of `subject_entries`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct SubjectRow {
    pub(super) event: String,
    pub(super) source: String,
    pub(super) event_type: String,
    pub(super) op: String,
    pub(super) corrects: String,
    pub(super) occurred_day: String,
    pub(super) reported_at: String,
    pub(super) entries: Vec<String>,
    pub(super) origin_topic: String,
    pub(super) origin_partition: i32,
    pub(super) origin_offset: i64,
}

/// The picture of a household: a row of `household_states`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct StateRow {
    pub(super) number: i64,
    pub(super) registered_day: Option<String>,
    pub(super) classes: Vec<String>,
    pub(super) members: usize,
    pub(super) provisional_members: i32,
    pub(super) surveyed_day: Option<String>,
    pub(super) surveyed_members: Option<i32>,
    pub(super) unreported_income_fen: Option<i64>,
    pub(super) sums: Vec<SumRow>,
}

/// The sums of a category and cause by month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct SumRow {
    pub(super) category: String,
    pub(super) cause: String,
    /// The month of the first amount.
    pub(super) first_month: i32,
    pub(super) amounts_fen: Vec<i64>,
}

impl SumRow {
    /// The months with an amount.
    pub(super) fn months(&self) -> impl Iterator<Item = MonthRow> {
        let first = Month::from_yyyymm(self.first_month).unwrap_or_default();
        let amounts = (0..).zip(&self.amounts_fen).filter(|(_, amount_fen)| **amount_fen != 0);
        amounts.map(move |(at, amount_fen)| MonthRow {
            month: first.plus(at).yyyymm(),
            category: self.category.clone(),
            cause: self.cause.clone(),
            amount_fen: *amount_fen,
        })
    }
}

/// The sum of one month, category and cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MonthRow {
    pub(super) month: i32,
    pub(super) category: String,
    pub(super) cause: String,
    pub(super) amount_fen: i64,
}

/// The case of a household: a row of `cases`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct CaseRow {
    pub(super) number: i64,
    pub(super) case_number: i32,
    pub(super) step: String,
    pub(super) opened_day: Option<String>,
    pub(super) level: String,
    pub(super) causes: Vec<String>,
    pub(super) findings: Vec<FindingRow>,
    pub(super) evaluated_day: String,
}

/// A rule that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct FindingRow {
    pub(super) rule: String,
    pub(super) warning_id: String,
    pub(super) opening_entry: String,
    pub(super) since_day: String,
    pub(super) level: String,
    pub(super) cause: String,
    pub(super) month: Option<i32>,
    pub(super) value_fen: i64,
    pub(super) threshold_fen: i64,
    pub(super) evidence: Vec<String>,
}

/// One warning record: a row of `warnings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct WarningRow {
    pub(super) warning_id: String,
    pub(super) kind: String,
    pub(super) policy: String,
    pub(super) window: String,
    pub(super) day: String,
    pub(super) state_number: i64,
    pub(super) contributions: Vec<PartRow>,
    pub(super) evidence: Vec<String>,
    pub(super) departments: Vec<String>,
    pub(super) action: String,
    pub(super) sentence_zh: String,
    pub(super) sentence_en: String,
    #[serde(default, rename = "_offset")]
    pub(super) offset: i64,
}

/// One part of a warning's figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartRow {
    pub(super) category: String,
    pub(super) cause: String,
    pub(super) amount_fen: i64,
}

/// All that is found of a household.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) entries: Vec<EntryRow>,
    /// The same entries in other households: where they came from or went to.
    pub(super) elsewhere: Vec<EntryRow>,
    pub(super) subjects: Vec<SubjectRow>,
    pub(super) state: Option<StateRow>,
    pub(super) case: Option<CaseRow>,
    pub(super) warnings: Vec<WarningRow>,
}

impl EntryRow {
    /// What tells one thing that is said from another: an entry may say a membership in two ways.
    pub(super) fn key(&self) -> (&str, &str, &str) {
        (&self.entry, &self.kind, &self.code)
    }

    /// Whether the two are said by the same record of the same event.
    pub(super) fn has_cause_of(&self, other: &Self) -> bool {
        (&self.event, &self.origin_topic, self.origin_partition, self.origin_offset)
            == (&other.event, &other.origin_topic, other.origin_partition, other.origin_offset)
    }

    /// Whether the entry belongs to the event that caused the row: its id is the event's hash and a small number.
    pub(super) fn is_own_cause(&self) -> bool {
        let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or_default();
        number(&self.entry).wrapping_sub(number(&self.event)) < 1 << 31
    }

    /// Where the feed record lies that caused the row.
    pub(super) fn origin(&self) -> String {
        origin(&self.origin_topic, self.origin_partition, self.origin_offset)
    }
}

impl SubjectRow {
    /// Where the feed record lies.
    pub(super) fn origin(&self) -> String {
        origin(&self.origin_topic, self.origin_partition, self.origin_offset)
    }
}

impl Found {
    /// Puts rows in the order in which they were said, which a table does not keep: what one event takes back stands
    /// before what it says.
    pub(super) fn sort(&mut self) {
        let place = |row: &EntryRow| (row.household.clone(), row.offset, row.sign, row.entry.clone(), row.kind.clone());
        self.entries.sort_by_cached_key(place);
        self.elsewhere.sort_by_cached_key(place);
        self.subjects.sort_by_cached_key(|row| (row.origin_topic.clone(), row.origin_partition, row.origin_offset));
        self.warnings.sort_by_key(|row| row.offset);
    }

    /// Entries whose history leads to another household: taken back, or said by an event that is not their own.
    pub(super) fn to_look_for_elsewhere(&self) -> std::collections::BTreeSet<EntryId> {
        let moved = self.entries.iter().filter(|row| row.sign < 0 || !row.is_own_cause());
        moved.filter_map(|row| u64::from_str_radix(&row.entry, 16).ok()).map(|bits| EntryId(bits as i64)).collect()
    }

    /// The persons and the household of whom records may tell where an entry came from.
    pub(super) fn subject_keys(&self, household: &str) -> std::collections::BTreeSet<String> {
        let persons = self.entries.iter().map(|row| row.person.clone()).filter(|person| !person.is_empty());
        persons.chain([household.to_owned()]).collect()
    }
}

fn origin(topic: &str, partition: i32, offset: i64) -> String {
    format!("{topic}/{partition}@{offset}")
}

/// The day of an instant in the archive's text: seconds with three decimals.
pub(super) fn day_of(instant: &str) -> String {
    let (seconds, thousandths) = instant.split_once('.').unwrap_or((instant, "0"));
    let instant_ms = seconds.parse::<i64>().ok().zip(thousandths.parse::<i64>().ok());
    instant_ms.map_or_else(String::new, |(seconds, ms)| Day::of_instant_ms(seconds * 1000 + ms).to_string())
}
