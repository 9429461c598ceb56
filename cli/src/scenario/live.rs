//! Stories on real servers, with the services running there: published day by day, and waited for where something
//! happens. It does not start servers or services.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use schemas::Day;
use schemas::codec;
use schemas::records::{Case, HouseholdState};

use super::Stories;
use super::check::{Found, Seen};
use crate::brokers::{Brokers, Publisher};
use crate::calendar_watch::CalendarWatch;
use crate::close_day::Calendar;
use crate::topic;

/// Publishes the stories and gathers what came of them.
pub(super) fn run(stories: &Stories, brokers: &str, limit: Duration) -> Result<Found> {
    let plain = Brokers::plain(brokers);
    let publisher = Publisher::open(&plain)?;
    for (key, text) in &stories.policies {
        publisher.send("policies", key.as_bytes(), text.as_bytes())?;
    }
    publisher.settle()?;
    let mut calendar = Calendar::open(&plain)?;
    let mut watch = CalendarWatch::new(brokers)?;
    let mut pictures = Pictures::default();
    let mut found = Found::default();
    let mut records = stories.records.iter().peekable();
    for day in stories.first.0..=stories.last.0 {
        // A day on which something is published is decided with everything before it closed, and before the next.
        let is_eventful = records.peek().is_some_and(|record| record.day.0 <= day);
        if is_eventful && day > stories.first.0 {
            watch.wait_until(Day(day - 1), limit)?;
        }
        while let Some(record) = records.next_if(|record| record.day.0 <= day) {
            publisher.send(&format!("feeds.{}", record.department), record.key.as_bytes(), &record.value)?;
        }
        publisher.settle()?;
        calendar.close(Day(day))?;
        let is_looked_at = stories.looks.contains(&Day(day));
        if is_eventful || is_looked_at || day == stories.last.0 {
            watch.wait_until(Day(day), limit)?;
        }
        if is_looked_at {
            found.seen.insert(Day(day), pictures.look(brokers)?);
        }
    }
    topic::for_each(brokers, "warnings", |record| {
        found.warnings.push(codec::decode(record.value.unwrap_or_default())?);
        Ok(())
    })?;
    Ok(found)
}

/// The latest states and cases, and how far their topics were read.
#[derive(Default)]
struct Pictures {
    seen: Seen,
    states_read: BTreeMap<i32, i64>,
    cases_read: BTreeMap<i32, i64>,
}

impl Pictures {
    /// Reads what has come since the last look.
    fn look(&mut self, brokers: &str) -> Result<Seen> {
        let seen = &mut self.seen;
        let mut take = |record: &runtime::stage::Record<'_>| {
            if let Some(value) = record.value.filter(|value| codec::is::<HouseholdState>(value)) {
                let state: HouseholdState = codec::decode(value)?;
                seen.states.insert(state.household, state);
            }
            Ok(())
        };
        self.states_read = topic::for_each_from(brokers, "households.states", &self.states_read, &mut take)?.1;
        let mut take = |record: &runtime::stage::Record<'_>| {
            if let Some(value) = record.value.filter(|value| codec::is::<Case>(value)) {
                let case: Case = codec::decode(value)?;
                seen.cases.insert(case.household, case);
            }
            Ok(())
        };
        self.cases_read = topic::for_each_from(brokers, "households.cases", &self.cases_read, &mut take)?.1;
        Ok(self.seen.clone())
    }
}
