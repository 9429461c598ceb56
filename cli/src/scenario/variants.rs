//! The other ways in which the same story reaches the city: twice, out of order, late, corrected, from two departments.
//! Each is made from the story as it is told; it does not know what is expected of it.

use anyhow::{Result, bail};
use clap::ValueEnum;
use schemas::Day;
use serde::Deserialize;
use serde_json::{Value, json};

use super::encode::Writers;
use super::format::{Operation, Scenario};
use super::told::Told;

/// How many days after the first delivery everything is delivered again.
const AGAIN_DAYS: i32 = 7;
/// Days that are put out of order together.
const BLOCK_DAYS: i32 = 14;
/// How late news is.
const LATE_DAYS: i32 = 40;
/// How many days after the first version a correction comes, and after the first department the second one.
const SECOND_DAYS: i32 = 1;
/// Amounts in yuan where the schema says fen: what the first, wrong version of an event has.
const FEN_PER_YUAN: i64 = 100;

/// What offices do about a case. They do it when they have heard of it: as much later as the news may be.
const ACTS: [&str; 3] = ["verification_result", "assistance_measure", "follow_up_visit"];

/// Event types that two departments have of the same paper.
const SAME_PAPER: [[(&str, &str); 2]; 2] = [
    [("health-insurance", "medical_settlement"), ("health", "hospital_bill")],
    [("emergency-management", "disaster_relief"), ("civil-affairs", "temporary_relief")],
];

/// How a story is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Variant {
    /// As the file tells it.
    #[serde(skip)]
    AsTold,
    /// Everything is delivered a second time, a week later.
    Twice,
    /// Each fortnight is published in the following one, the last event first.
    OutOfOrder,
    /// Everything is reported and published 40 days late.
    Late,
    /// Everything is first sent wrong (amounts in yuan for fen; where there are none, a day too early) and corrected the
    /// day after.
    Corrected,
    /// A second department sends the same paper the day after.
    TwoDepartments,
}

impl Variant {
    /// By how many days at most it says later what the story says.
    pub(crate) const fn later_days(self) -> i32 {
        match self {
            Self::AsTold | Self::Twice => 0,
            Self::OutOfOrder => 2 * BLOCK_DAYS - 1,
            Self::Late => LATE_DAYS,
            Self::Corrected | Self::TwoDepartments => SECOND_DAYS,
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AsTold => "as told",
            Self::Twice => "twice",
            Self::OutOfOrder => "out of order",
            Self::Late => "late",
            Self::Corrected => "corrected",
            Self::TwoDepartments => "two departments",
        }
    }

    /// Tells the story this way, in the order in which it is published; `None` where that would change nothing.
    pub(crate) fn tell(self, told: Vec<Told>, scenario: &Scenario, writers: &Writers) -> Result<Option<Vec<Told>>> {
        let first = scenario.start.0;
        let plain = told.len();
        let mut told = match self {
            Self::AsTold => told,
            Self::Twice => twice(told, scenario.end.0),
            Self::OutOfOrder => out_of_order(told, first, self.later_days()),
            Self::Late => late(told),
            Self::Corrected => corrected(&acts_later(told, self.later_days()), writers)?,
            Self::TwoDepartments => two_departments(told, writers)?,
        };
        if self == Self::TwoDepartments && told.len() == plain {
            return Ok(None);
        }
        for one in &mut told {
            one.published = one.published.max(first);
            if one.published > scenario.end.0 {
                bail!("`{}` is published on {}, after the scenario's end", one.id, one.published);
            }
        }
        told.sort_by_key(|one| one.published);
        Ok(Some(told))
    }
}

fn twice(mut told: Vec<Told>, end: Day) -> Vec<Told> {
    let again = |one: &Told| Told { published: one.published.plus(AGAIN_DAYS).min(end), ..one.clone() };
    let second: Vec<Told> = told.iter().map(again).collect();
    told.extend(second);
    told
}

/// The same with what offices do so many days later.
fn acts_later(mut told: Vec<Told>, days: i32) -> Vec<Told> {
    for one in told.iter_mut().filter(|one| is_act(one)) {
        one.occurred = one.occurred.plus(days);
        one.reported = one.reported.plus(days);
        one.published = one.published.plus(days);
    }
    told
}

fn is_act(told: &Told) -> bool {
    ACTS.contains(&told.event.as_str())
}

fn out_of_order(told: Vec<Told>, first: Day, later_days: i32) -> Vec<Told> {
    let (acts, mut told): (Vec<Told>, Vec<Told>) = told.into_iter().partition(is_act);
    for one in &mut told {
        let day = one.published.0 - first.0;
        let (block, place) = (day.div_euclid(BLOCK_DAYS), day.rem_euclid(BLOCK_DAYS));
        one.published = first.plus((block + 1) * BLOCK_DAYS + BLOCK_DAYS - 1 - place);
    }
    told.reverse();
    told.extend(acts_later(acts, later_days));
    told
}

fn late(mut told: Vec<Told>) -> Vec<Told> {
    for one in &mut told {
        if is_act(one) {
            one.occurred = one.occurred.plus(LATE_DAYS);
        }
        // What was published with the calendar's first day is as late as the rest, not later.
        one.reported = one.reported.plus(LATE_DAYS);
        one.published = one.published.plus(LATE_DAYS);
    }
    told
}

fn corrected(told: &[Told], writers: &Writers) -> Result<Vec<Told>> {
    let mut changed = Vec::new();
    for one in told {
        // The story's own correction must come after this one, or this one would take its place.
        let day = one.reported.plus(SECOND_DAYS);
        let names_it = |other: &&Told| other.corrects.as_ref() == Some(&one.id);
        let is_free = told.iter().filter(names_it).all(|other| other.reported > day);
        if one.op != Operation::Upsert || !is_free {
            changed.push(one.clone());
            continue;
        }
        changed.push(wrong(one, writers)?);
        changed.push(Told {
            id: format!("{}-right", one.id),
            op: Operation::Correct,
            corrects: Some(one.id.clone()),
            reported: day,
            published: one.published.plus(SECOND_DAYS),
            ..one.clone()
        });
    }
    Ok(changed)
}

/// The version that is sent first: amounts in yuan where the schema says fen; without amounts a day too early.
fn wrong(right: &Told, writers: &Writers) -> Result<Told> {
    let mut wrong = right.clone();
    let is_amount = |name: &str, value: &Value| name.ends_with("_fen") && value.as_i64().is_some_and(|fen| fen != 0);
    if right.fields.iter().any(|(name, value)| is_amount(name, value)) {
        for (name, value) in &mut wrong.fields {
            if let Some(fen) = value.as_i64().filter(|_| is_amount(name, value)) {
                *value = json!(fen / FEN_PER_YUAN);
            }
        }
        return Ok(wrong);
    }
    wrong.occurred = right.occurred.plus(-1);
    for name in writers.of(&right.department, &right.event)?.days() {
        if let Some(day) = right.fields.get(name).and_then(Value::as_i64) {
            wrong.fields.insert(name.to_owned(), json!(day - 1));
        }
    }
    Ok(wrong)
}

fn two_departments(mut told: Vec<Told>, writers: &Writers) -> Result<Vec<Told>> {
    let mut second = Vec::new();
    for one in &told {
        let (Some(number), Some((department, event))) = (&one.document, partner(one)) else { continue };
        let writer = writers.of(department, event)?;
        let fields = one.fields.iter().filter(|(name, _)| writer.has(name));
        second.push(Told {
            department: department.to_owned(),
            event: event.to_owned(),
            id: second_id(&one.id),
            corrects: one.corrects.as_deref().map(second_id),
            reported: one.reported.plus(SECOND_DAYS),
            published: one.published.plus(SECOND_DAYS),
            document: Some(written_otherwise(number)),
            fields: fields.map(|(name, value)| (name.clone(), value.clone())).collect(),
            ..one.clone()
        });
    }
    told.extend(second);
    Ok(told)
}

fn second_id(id: &str) -> String {
    format!("{id}-second")
}

/// The other department's event of the same paper.
fn partner(told: &Told) -> Option<(&'static str, &'static str)> {
    let mine = (told.department.as_str(), told.event.as_str());
    SAME_PAPER.iter().find_map(|[one, other]| match mine {
        mine if mine == *one => Some(*other),
        mine if mine == *other => Some(*one),
        _ => None,
    })
}

/// The same number as a clerk elsewhere types it: in small letters, with digits of full width.
fn written_otherwise(number: &str) -> String {
    let wide = |letter: char| letter.to_digit(10).and_then(|digit| char::from_u32('０' as u32 + digit));
    number.to_lowercase().chars().map(|letter| wide(letter).unwrap_or(letter)).collect()
}
