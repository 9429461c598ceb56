//! The picture of a household in plain maps: what a core's state and the reference must agree on, less numbering and
//! evidence. It does not know how either comes to it.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{Category, Cause, Class, Day, EntryId, Kind, Month};

use crate::history::{House, Person};

/// Pictures by household. A household of which nothing is said has none.
pub(crate) type Pictures = BTreeMap<House, Picture>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) registered_day: Option<Day>,
    pub(crate) classes: BTreeSet<Class>,
    pub(crate) members: BTreeMap<Person, Member>,
    /// By code and member.
    pub(crate) statuses: BTreeMap<(String, Option<Person>), Held>,
    pub(crate) survey: Option<Survey>,
    pub(crate) sums: BTreeMap<(Category, Cause, Month), i64>,
    /// Incidents, actions and departures.
    pub(crate) happened: BTreeSet<Happened>,
    /// Children who were born and are not registered yet.
    pub(crate) provisional: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) since_day: Day,
    /// Whether it is the person's first household.
    pub(crate) is_first: bool,
    pub(crate) wages: BTreeMap<Month, i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) value: String,
    pub(crate) day: Day,
    pub(crate) reported_at_ms: i64,
    pub(crate) cause: Cause,
    pub(crate) entry: EntryId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) day: Day,
    pub(crate) reported_at_ms: i64,
    pub(crate) unreported_income_fen: i64,
    pub(crate) members: i32,
    /// By how much later changes adjust the members.
    pub(crate) members_since: i32,
    pub(crate) entry: EntryId,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Happened {
    pub(crate) day: Day,
    /// 0 for departures: they follow from several entries.
    pub(crate) entry: EntryId,
    pub(crate) kind: Kind,
    pub(crate) code: String,
    pub(crate) value: String,
    pub(crate) cause: Cause,
    pub(crate) amount_fen: i64,
    pub(crate) person: Option<Person>,
    /// Empty for departures.
    pub(crate) source: String,
}

impl Picture {
    /// Without the months before the horizon: a core forgets them when it touches the household, and not before.
    pub(crate) fn within(mut self, oldest: Option<Month>) -> Self {
        let Some(oldest) = oldest else { return self };
        self.sums.retain(|(_, _, month), _| *month >= oldest);
        self.happened.retain(|one| one.day.month() >= oldest);
        for member in self.members.values_mut() {
            member.wages.retain(|month, _| *month >= oldest);
        }
        self
    }
}

/// What differs between two sets of pictures, household by household and field by field; empty where nothing does.
pub(crate) fn differences(expected: &Pictures, found: &Pictures) -> String {
    if expected == found {
        return String::new();
    }
    let nothing = Picture::default();
    let houses: BTreeSet<House> = expected.keys().chain(found.keys()).copied().collect();
    let mut out = Vec::new();
    for house in houses {
        let name = crate::history::house_name(house);
        let (one, other) = (expected.get(&house).unwrap_or(&nothing), found.get(&house).unwrap_or(&nothing));
        let mut differs = |field: &str, one: String, other: String| {
            if one != other {
                out.push(format!("household {name}, {field}:\n    expected {one}\n    found    {other}"));
            }
        };
        differs("registered", format!("{:?}", one.registered_day), format!("{:?}", other.registered_day));
        differs("classes", format!("{:?}", one.classes), format!("{:?}", other.classes));
        differs("members", format!("{:?}", one.members), format!("{:?}", other.members));
        differs("statuses", format!("{:?}", one.statuses), format!("{:?}", other.statuses));
        differs("survey", format!("{:?}", one.survey), format!("{:?}", other.survey));
        differs("sums", format!("{:?}", one.sums), format!("{:?}", other.sums));
        differs("happened", format!("{:?}", one.happened), format!("{:?}", other.happened));
        differs("provisional", one.provisional.to_string(), other.provisional.to_string());
    }
    out.join("\n  ")
}
