//! A history: what departments say about a few persons and households, in the order in which it comes, with the days
//! that close between. Plain values and how they are written as YAML. It does not know what must come of them.

use std::fmt::Write as _;

use schemas::records::{Entry, Origin, SubjectEntry};
use schemas::{Category, Cause, Day, Fen, Hash64, HouseholdCode, Kind, Month, Op, PersonToken};

/// A person: `p1`, `p2`, ...
pub(crate) type Person = u8;
/// A household: the place of its code in [`CODES`].
pub(crate) type House = usize;

/// The codes of the households, called `a`, `b`, ...; all of one county.
pub(crate) const CODES: [&str; 6] = [
    "1311021012050001",
    "1311021012050002",
    "1311021012050003",
    "1311021012060001",
    "1311021012060002",
    "1311021012060003",
];

/// Whom a record is about: the person where it names one, else the household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Person(Person),
    House(House),
}

/// One entry of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) category: Category,
    pub(crate) cause: Cause,
    pub(crate) amount_fen: i64,
    pub(crate) day: Day,
    pub(crate) month: Month,
    pub(crate) months: i32,
    pub(crate) code: &'static str,
    pub(crate) value: &'static str,
}

/// One record: an event as far as it is about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The event, by its number in the history.
    pub(crate) event: u16,
    /// Which of its contents: the same event with another version says something else.
    pub(crate) version: u8,
    pub(crate) ordinal: i32,
    pub(crate) source: &'static str,
    pub(crate) event_type: &'static str,
    pub(crate) op: Op,
    pub(crate) corrects: Option<u16>,
    pub(crate) person: Option<Person>,
    pub(crate) household: Option<House>,
    pub(crate) occurred_day: Day,
    pub(crate) reported_at_ms: i64,
    pub(crate) document: Option<u16>,
    pub(crate) lines: Vec<Line>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Say(Said),
    Close(Day),
}

impl Said {
    /// Whom it is about.
    pub(crate) fn who(&self) -> Who {
        match (self.person, self.household) {
            (Some(person), _) => Who::Person(person),
            (None, household) => Who::House(household.expect("a record names somebody")),
        }
    }

    /// The record as the topic holds it.
    pub(crate) fn record(&self) -> SubjectEntry<'static> {
        let entry = |line: &Line| Entry {
            kind: line.kind,
            category: line.category,
            cause: line.cause,
            amount_fen: Fen(line.amount_fen),
            day: line.day,
            month: line.month,
            months: line.months,
            code: line.code,
            value: line.value,
        };
        SubjectEntry {
            event: event_hash(self.event),
            ordinal: self.ordinal,
            source: self.source,
            event_type: self.event_type,
            op: self.op,
            corrects: self.corrects.map(event_hash),
            content: content_hash(self.event, self.version),
            person: self.person.map(token),
            household: self.household.map(code),
            occurred_day: self.occurred_day,
            reported_at_ms: self.reported_at_ms,
            document: self.document.map(|number| Hash64(i64::from(number) + 77)),
            entries: self.lines.iter().map(entry).collect(),
            origin: Origin { topic: "feeds.proof", partition: 0, offset: i64::from(self.event) },
        }
    }
}

/// Stands for an event's hash: another order than that of the numbers.
pub(crate) fn event_hash(event: u16) -> Hash64 {
    Hash64(i64::from(event.wrapping_mul(0x9E37)) << 20)
}

/// Stands for the hash of a content: the later version of an event may have the smaller one.
pub(crate) fn content_hash(event: u16, version: u8) -> Hash64 {
    let mixed = (u64::from(event) << 8 | u64::from(version)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Hash64(mixed as i64)
}

/// The token of a person.
pub(crate) fn token(person: Person) -> PersonToken {
    PersonToken([person; 16])
}

/// The person of a token.
pub(crate) fn person(token: PersonToken) -> Person {
    token.0[0]
}

/// The code of a household.
pub(crate) fn code(house: House) -> HouseholdCode {
    HouseholdCode::parse(CODES[house]).expect("the codes are well formed")
}

/// The household of a code, where it is one of ours.
pub(crate) fn house(code: &str) -> Option<House> {
    CODES.iter().position(|known| *known == code)
}

/// The name of a household: `a`, `b`, ...
pub(crate) fn house_name(house: House) -> String {
    char::from(b'a' + house as u8).to_string()
}

/// The history as a file that a person can read, in the words of `tests/scenarios`.
pub(crate) fn yaml(name: &str, steps: &[Step]) -> String {
    let mut out = format!("name: {name}\nsteps:\n");
    for step in steps {
        match step {
            Step::Close(day) => {
                let _ = writeln!(out, "  - close: {day}");
            }
            Step::Say(said) => write_said(&mut out, said),
        }
    }
    out
}

fn write_said(out: &mut String, said: &Said) {
    let about = match said.who() {
        Who::Person(person) => format!("p{person}"),
        Who::House(house) => house_name(house),
    };
    let _ = writeln!(out, "  - department: {}", said.source);
    let _ = writeln!(out, "    event: {}", said.event_type);
    let part = if said.ordinal == 0 { String::new() } else { format!(", ordinal: {}", said.ordinal) };
    let version = if said.version == 0 { String::new() } else { format!(", version: {}", said.version) };
    let _ = writeln!(out, "    id: e{}{part}{version}", said.event);
    let op = match said.op {
        Op::Upsert => None,
        Op::Correct => Some("correct"),
        Op::Retract => Some("retract"),
    };
    if let (Some(op), Some(original)) = (op, said.corrects) {
        let _ = writeln!(out, "    op: {op}\n    corrects: e{original}");
    }
    let _ = writeln!(out, "    about: {about}");
    if let Some(house) = said.household.filter(|_| said.person.is_some()) {
        let _ = writeln!(out, "    household: {}", house_name(house));
    }
    let at = said.reported_at_ms - Day::of_instant_ms(said.reported_at_ms).start_ms();
    let _ = writeln!(out, "    day: {}", said.occurred_day);
    let _ = writeln!(out, "    reported: {} # + {at} ms", Day::of_instant_ms(said.reported_at_ms));
    if let Some(document) = said.document {
        let _ = writeln!(out, "    document: D{document}");
    }
    let _ = writeln!(out, "    says:{}", if said.lines.is_empty() { " []" } else { "" });
    for line in &said.lines {
        let _ = writeln!(out, "      - {{ {} }}", fields(line));
    }
}

fn fields(line: &Line) -> String {
    let mut fields = format!("kind: {}", format!("{:?}", line.kind).to_lowercase());
    if line.category != Category::None {
        let _ = write!(fields, ", category: {}, cause: \"{}\"", line.category.name(), line.cause.code());
    }
    if line.amount_fen != 0 {
        let _ = write!(fields, ", amount_fen: {}", line.amount_fen);
    }
    if !line.code.is_empty() {
        let _ = write!(fields, ", code: {}", line.code);
    }
    if !line.value.is_empty() {
        let value = house(line.value).map_or_else(|| line.value.to_owned(), house_name);
        let _ = write!(fields, ", value: {value}");
    }
    let _ = write!(fields, ", day: {}", line.day);
    if line.months != 1 || line.month != line.day.month() {
        let _ = write!(fields, ", month: {}, months: {}", line.month, line.months);
    }
    fields
}
