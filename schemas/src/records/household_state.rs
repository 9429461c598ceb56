//! The current picture of a household (topic `households.states`, schema `HouseholdState`): what fuse keeps, what
//! its changelog holds and what alert reads, in one.

use serde::{Deserialize, Serialize};

use crate::{Category, Cause, Class, Day, EntryId, Fen, Hash64, HouseholdCode, Kind, Month, PersonToken, Text};

use super::monthly::{MonthlyAmounts, UnreadAmounts};
use crate::codec::{self, Unread};

/// A household as it stands after its `number`th change; `E` is how its evidence is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "E: Serialize", deserialize = "E: Deserialize<'de>"))]
pub struct HouseholdState<E = Vec<Evidence>> {
    /// 1 for the first state of the household, then without a gap.
    pub number: i64,
    /// The household.
    pub household: HouseholdCode,
    /// The day of its registration, where that is known.
    pub registered_day: Option<Day>,
    /// No amount, evidence or incident is of an earlier month: what may have left the horizon is looked for once the
    /// horizon begins later. None where there never was any.
    pub oldest_month: Option<Month>,
    /// Its classes, sorted; empty is general.
    pub classes: Vec<Class>,
    /// Its registered members, sorted by token.
    #[serde(serialize_with = "codec::sized")]
    pub members: Vec<Member>,
    /// Children that were born and have not been registered as members yet.
    pub provisional_members: i32,
    /// Statuses of the household and of its members that hold, sorted by code and person.
    #[serde(serialize_with = "codec::sized")]
    pub statuses: Vec<Status>,
    /// The newest survey or verification.
    pub survey: Option<Survey>,
    /// Monthly sums by category and cause, sorted; only months within the horizon and sums that are not zero.
    #[serde(serialize_with = "codec::sized")]
    pub sums: Vec<Sum>,
    /// The largest expense rows, at most 8 per cause, sorted by cause, then amount (largest first), then entry.
    #[serde(serialize_with = "codec::sized")]
    pub evidence: E,
    /// Incidents and actions within the horizon, sorted by day and entry; at most 64, the newest kept.
    #[serde(serialize_with = "codec::sized")]
    pub incidents: Vec<Incident>,
    /// The entries that the input of this state took back: what tells a withdrawn warning from one no longer met.
    pub reversed: Vec<EntryId>,
    /// The department whose event made this state.
    pub source: Text,
    /// The event that made this state.
    pub event: Hash64,
}

impl<E> HouseholdState<E> {
    /// The same with other evidence, and what it had.
    pub fn with_evidence<F>(self, evidence: F) -> (HouseholdState<F>, E) {
        let Self { number, household, registered_day, oldest_month, classes, members, provisional_members, .. } = self;
        let Self { statuses, survey, sums, evidence: had, incidents, reversed, source, event, .. } = self;
        let state = HouseholdState {
            number,
            household,
            registered_day,
            oldest_month,
            classes,
            members,
            provisional_members,
            statuses,
            survey,
            sums,
            evidence,
            incidents,
            reversed,
            source,
            event,
        };
        (state, had)
    }
}

/// A household's state whose lists are read when they are needed: what fuse changes. Same schema, same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseholdParts<'a> {
    /// See [`HouseholdState`], as all that follows.
    pub number: i64,
    /// The household.
    pub household: HouseholdCode,
    /// The day of its registration.
    pub registered_day: Option<Day>,
    /// No amount, evidence or incident is of an earlier month.
    pub oldest_month: Option<Month>,
    /// Its classes.
    pub classes: Vec<Class>,
    /// Its registered members.
    #[serde(borrow)]
    pub members: Unread<'a, Member<UnreadAmounts<'a>>>,
    /// Children that have not been registered yet.
    pub provisional_members: i32,
    /// Statuses.
    #[serde(borrow)]
    pub statuses: Unread<'a, Status<&'a str>>,
    /// The newest survey or verification.
    pub survey: Option<Survey>,
    /// Monthly sums.
    #[serde(borrow)]
    pub sums: Unread<'a, Sum<UnreadAmounts<'a>>>,
    /// The largest expense rows.
    #[serde(borrow)]
    pub evidence: Unread<'a, Evidence<&'a str>>,
    /// Incidents and actions.
    #[serde(borrow)]
    pub incidents: Unread<'a, Incident<&'a str>>,
    /// The entries that the input of this state took back.
    pub reversed: Vec<EntryId>,
    /// The department whose event made this state.
    pub source: &'a str,
    /// The event that made this state.
    pub event: Hash64,
}

/// A registered member; `A` is how the amounts are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member<A = MonthlyAmounts> {
    /// The person.
    pub person: PersonToken,
    /// Member since this day.
    pub since_day: Day,
    /// Whether the person belonged to no household before: a newborn, or somebody new to the registers.
    pub is_first: bool,
    /// The person's wages by month; only months within the horizon.
    pub wages: A,
}

/// A fact that holds until the next one of its code; `T` is how texts are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status<T = Text> {
    /// Which status, such as `house_safety` or `insured`.
    pub code: T,
    /// The member whom it is about; none for the household.
    pub person: Option<PersonToken>,
    /// What it says.
    pub value: T,
    /// Since when.
    pub day: Day,
    /// When it was reported, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
    /// The cause that it belongs to.
    pub cause: Cause,
    /// The entry that said it.
    pub entry: EntryId,
}

/// What no feed reports, as the yearly survey or a verification found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The day of the survey.
    pub day: Day,
    /// When it was reported, in milliseconds since 1970-01-01T00:00:00Z.
    pub reported_at_ms: i64,
    /// Annual income that no feed reports, in fen.
    pub unreported_income_fen: Fen,
    /// Members who share the economy, on that day; later membership changes adjust them.
    pub members: i32,
    /// Members who came or were born (or, negative, left) after that day.
    pub members_since: i32,
    /// The entry that said it.
    pub entry: EntryId,
}

/// The monthly sums of one category and cause; `A` is how the amounts are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum<A = MonthlyAmounts> {
    /// The category.
    pub category: Category,
    /// The cause.
    pub cause: Cause,
    /// Its months.
    pub months: A,
}

/// One expense that stands behind a sum; `T` is how texts are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence<T = Text> {
    /// The entry.
    pub entry: EntryId,
    /// The category.
    pub category: Category,
    /// The cause.
    pub cause: Cause,
    /// The amount in fen.
    pub amount_fen: Fen,
    /// The day for which it counts.
    pub day: Day,
    /// The department that said it.
    pub source: T,
    /// The paper behind it.
    pub document: Option<Hash64>,
}

/// Something that happened, or that an office did; `T` is how texts are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident<T = Text> {
    /// The entry.
    pub entry: EntryId,
    /// Incident or action.
    pub kind: Kind,
    /// What happened, such as `casualty` or `grid_report`.
    pub code: T,
    /// What it says; may be empty.
    pub value: T,
    /// The cause.
    pub cause: Cause,
    /// The amount that goes with it, else 0.
    pub amount_fen: Fen,
    /// The day on which it happened.
    pub day: Day,
    /// The person, where one is named.
    pub person: Option<PersonToken>,
    /// The department that said it.
    pub source: T,
}
