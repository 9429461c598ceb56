//! What became of each entry of a household: which event took it back, what took its place, where it moved. It does
//! not know how that is shown.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::{EntryRow, Found, SubjectRow, day_of};

/// One entry for as long as it counted in the household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) entry: String,
    /// The department that said it.
    pub(super) source: String,
    /// The type of the event that said it; empty where its record is no longer kept.
    pub(super) event_type: String,
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
    /// Where the feed record lies that said it, as topic/partition@offset; empty where its record is no longer kept.
    pub(super) origin: String,
    /// The day on which the department reported it; empty where its record is no longer kept.
    pub(super) reported_day: String,
    /// Whether it counts.
    pub(super) is_live: bool,
    /// Why it counts since another event than its own.
    pub(super) came: Option<Turn>,
    /// Why it counts no longer.
    pub(super) ended: Option<Turn>,
}

/// A change of what counts, and the event that caused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Turn {
    #[serde(flatten)]
    pub(super) how: How,
    /// The department whose event it was.
    pub(super) source: String,
    pub(super) event_type: String,
    pub(super) event: String,
    pub(super) origin: String,
    pub(super) reported_day: String,
}

/// How an entry came to count, or ceased to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub(super) enum How {
    /// From or to another household.
    Moved { household: String },
    /// A correction says it otherwise; the entries that took its place.
    Corrected { by: Vec<String> },
    /// The same event came again with other content.
    SaidAnew { amount_fen: i64 },
    /// A retraction took it back.
    Retracted,
    /// The same paper from a department that comes first; the entries that count instead, or counted before.
    SameDocument { by: Vec<String> },
    /// It waited until its person, household or original was known.
    Waited,
    /// It counted before and does so again.
    Again,
    /// The person left, and it belongs to no household now.
    Left,
    /// None of these.
    Changed,
}

/// What the rows of one household come to, in the order in which it was said.
pub(super) fn lines(found: &Found) -> Vec<Line> {
    let trace = Trace::new(found);
    let mut rows: Vec<&EntryRow> = found.entries.iter().collect();
    // What one event takes back stands before what it says.
    rows.sort_by_key(|row| (row.offset, row.sign));
    let (mut lines, mut open): (Vec<Line>, BTreeMap<_, usize>) = (Vec::new(), BTreeMap::new());
    let mut counted_before = std::collections::BTreeSet::new();
    for row in rows {
        if row.sign > 0 {
            let line = trace.line(row, counted_before.contains(&row.key()));
            counted_before.insert(row.key());
            open.insert(row.key(), lines.len());
            lines.push(line);
        } else if let Some(line) = open.remove(&row.key()).and_then(|at| lines.get_mut(at)) {
            line.is_live = false;
            line.ended = Some(trace.turn(row, trace.how_ended(row)));
        }
    }
    lines
}

/// What is looked up while the rows are gone through.
struct Trace<'a> {
    found: &'a Found,
    /// The records that said an entry; several where the event came again with other content.
    said_by: BTreeMap<&'a str, Vec<&'a SubjectRow>>,
    /// Rows of the household by the record that caused them.
    together: BTreeMap<i64, Vec<&'a EntryRow>>,
}

impl<'a> Trace<'a> {
    fn new(found: &'a Found) -> Self {
        let mut said_by = BTreeMap::<_, Vec<_>>::new();
        for subject in &found.subjects {
            for entry in &subject.entries {
                said_by.entry(entry.as_str()).or_default().push(subject);
            }
        }
        let mut together = BTreeMap::<_, Vec<_>>::new();
        for row in &found.entries {
            together.entry(row.offset).or_default().push(row);
        }
        Self { found, said_by, together }
    }

    fn line(&self, row: &EntryRow, counted_before: bool) -> Line {
        let own = self.own(row);
        // The end of a stay is no entry of any event: what ended it says it.
        let is_said_by_cause = row.is_own_cause() || (row.kind == "membership" && row.code == "leave");
        let (event_type, origin, reported_day) = match own {
            Some(own) => (own.event_type.clone(), own.origin(), day_of(&own.reported_at)),
            None if is_said_by_cause => (row.event_type.clone(), row.origin(), self.reported_day(row)),
            None => Default::default(),
        };
        let came = (!is_said_by_cause).then(|| self.turn(row, self.how_came(row, counted_before)));
        Line {
            entry: row.entry.clone(),
            source: row.source.clone(),
            event_type,
            kind: row.kind.clone(),
            category: row.category.clone(),
            cause: row.cause.clone(),
            amount_fen: row.amount_fen,
            day: row.day.clone(),
            month: row.month,
            months: row.months,
            code: row.code.clone(),
            value: row.value.clone(),
            person: row.person.clone(),
            document: row.document.clone(),
            origin,
            reported_day,
            is_live: true,
            came,
            ended: None,
        }
    }

    /// The record that said the entry: the one that caused the row where that is among them, else the last reported,
    /// and of a record that came again the first.
    fn own(&self, row: &EntryRow) -> Option<&'a SubjectRow> {
        let said_by = self.said_by.get(row.entry.as_str())?;
        let caused = said_by.iter().find(|one| one.event == row.event && one.origin() == row.origin());
        let place = |one: &SubjectRow| Reverse((one.origin_partition, one.origin_offset));
        let order = |one: &SubjectRow, other: &SubjectRow| {
            (&one.reported_at, place(one)).cmp(&(&other.reported_at, place(other)))
        };
        caused.or_else(|| said_by.iter().max_by(|one, other| order(one, other))).copied()
    }

    fn turn(&self, row: &EntryRow, how: How) -> Turn {
        let cause = self.cause(row);
        Turn {
            how,
            // A moved row keeps its own department; the event's is that of the topic it came by.
            source: row.origin_topic.strip_prefix("feeds.").unwrap_or(&row.source).to_owned(),
            event_type: cause.map_or(&row.event_type, |cause| &cause.event_type).clone(),
            event: row.event.clone(),
            origin: row.origin(),
            reported_day: self.reported_day(row),
        }
    }

    /// When the event that caused a row was reported. A fact's own row has the report of the fact in its place.
    fn reported_day(&self, row: &EntryRow) -> String {
        let of_cause = self.cause(row).map(|cause| day_of(&cause.reported_at));
        let is_amount = row.code.is_empty();
        of_cause
            .unwrap_or_else(|| if is_amount || row.is_own_cause() { day_of(&row.reported_at) } else { String::new() })
    }

    /// The record of the event that caused a row.
    fn cause(&self, row: &EntryRow) -> Option<&'a SubjectRow> {
        self.found.subjects.iter().find(|one| one.event == row.event && one.origin() == row.origin())
    }

    fn how_came(&self, row: &EntryRow, counted_before: bool) -> How {
        if let Some(household) = self.elsewhere(row, -1) {
            return How::Moved { household };
        }
        if let Some(by) = self.same_document(row, -1) {
            return How::SameDocument { by };
        }
        if counted_before {
            return How::Again;
        }
        let became_known = self.with(row).any(|one| one.sign > 0 && one.kind == "membership");
        let waited_for_original = self.own(row).is_some_and(|own| own.corrects == row.event);
        if became_known || waited_for_original { How::Waited } else { How::Changed }
    }

    fn how_ended(&self, row: &EntryRow) -> How {
        if let Some(household) = self.elsewhere(row, 1) {
            return How::Moved { household };
        }
        if let Some(anew) = self.with(row).find(|one| one.sign > 0 && one.key() == row.key()) {
            return How::SaidAnew { amount_fen: anew.amount_fen };
        }
        match self.cause(row).map(|cause| cause.op.as_str()) {
            Some("retract") => return How::Retracted,
            Some("correct") if !row.is_own_cause() => {
                let own: Vec<_> = self.with(row).filter(|one| one.sign > 0 && one.is_own_cause()).collect();
                let same = own.iter().filter(|one| one.kind == row.kind && one.code == row.code);
                let by: Vec<String> = same.map(|one| one.entry.clone()).collect();
                let all = || own.iter().map(|one| one.entry.clone()).collect();
                return How::Corrected { by: if by.is_empty() { all() } else { by } };
            }
            _ => {}
        }
        if let Some(by) = self.same_document(row, 1) {
            return How::SameDocument { by };
        }
        let is_of_members = self.with(row).any(|one| one.kind == "membership" || one.code == "death");
        if is_of_members { How::Left } else { How::Changed }
    }

    /// Rows of the household that the same record caused.
    fn with(&self, row: &EntryRow) -> impl Iterator<Item = &'a EntryRow> {
        self.together.get(&row.offset).into_iter().flatten().copied()
    }

    /// The other household in which the same event says (or takes back) the same.
    fn elsewhere(&self, row: &EntryRow, sign: i32) -> Option<String> {
        let same = |other: &&EntryRow| other.sign == sign && other.key() == row.key() && other.has_cause_of(row);
        // A membership is said in each household in its own way; it does not move.
        let found = self.found.elsewhere.iter().filter(|_| row.kind != "membership").find(same);
        found.map(|other| other.household.clone())
    }

    /// Entries of other departments with the same paper that the same event says (or takes back).
    fn same_document(&self, row: &EntryRow, sign: i32) -> Option<Vec<String>> {
        let same =
            |other: &&EntryRow| other.sign == sign && other.document == row.document && other.source != row.source;
        let by: Vec<_> = self.with(row).filter(|_| !row.document.is_empty()).filter(same).collect();
        (!by.is_empty()).then(|| by.into_iter().map(|other| other.entry.clone()).collect())
    }
}
