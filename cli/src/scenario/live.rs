//! Stories on real servers, with the services running there: published day by day, and waited for where something
//! happens. It does not start servers or services.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use schemas::codec;
use schemas::records::Case;
use schemas::{Day, HouseholdCode};

use super::Stories;
use super::check::Found;
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
        if is_eventful || day == stories.last.0 {
            watch.wait_until(Day(day), limit)?;
        }
    }
    found(brokers)
}

fn found(brokers: &str) -> Result<Found> {
    let mut found = Found::default();
    topic::for_each(brokers, "warnings", |record| {
        found.warnings.push(codec::decode(record.value.unwrap_or_default())?);
        Ok(())
    })?;
    let mut cases: BTreeMap<HouseholdCode, Case> = BTreeMap::new();
    topic::for_each(brokers, "households.cases", |record| {
        if let Some(value) = record.value.filter(|value| codec::is::<Case>(value)) {
            let case: Case = codec::decode(value)?;
            cases.insert(case.household, case);
        }
        Ok(())
    })?;
    found.cases = cases.into_values().collect();
    Ok(found)
}
