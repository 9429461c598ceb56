//! The feeds of a city for services that run: as fast as they can, or at a pace. Days come one after the other, as in a real
//! city, and no more of them at a time than the services have under way. It measures nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use schemas::Day;

use super::clients::Output;
use super::fill::{Calendar, RECORD_BYTES_MAX, Wanted};
use super::services::{Ground, Services, pause};
use crate::calendar_watch::CalendarWatch;
use crate::simulate::{City, DEPARTMENTS, DayOfFeeds, Settings};

/// Months that are simulated at most: the horizon of a state.
const MONTHS_MAX: u32 = 25;
/// So many events may be on their way through the services: more than all of them hold in their transactions together.
const UNDER_WAY_MAX: usize = 120_000;
/// How long the services may take for a day.
const DAY_LIMIT: Duration = Duration::from_mins(5);
/// How often a paced load looks at the clock.
const TICK: Duration = Duration::from_millis(1);

/// A city before its first day.
pub(super) fn city(wanted: Wanted) -> City {
    City::new(Settings::new(wanted.households, MONTHS_MAX, wanted.seed))
}

/// Days of a city, drawn before anything is measured.
pub(super) struct Days {
    days: VecDeque<DayOfFeeds>,
}

impl Days {
    /// Draws the next days of a city, up to that in which so many events are reached.
    pub(super) fn draw(city: &mut City, wanted: u64) -> Self {
        let (mut days, mut events) = (VecDeque::new(), 0);
        while events < wanted
            && let Some(day) = city.next_day()
        {
            events += day.len() as u64;
            days.push_back(day);
        }
        Self { days }
    }

    /// Takes so many last days off.
    pub(super) fn split_off_days(&mut self, count: usize) -> Self {
        Self { days: self.days.split_off(self.days.len().saturating_sub(count)) }
    }

    /// Events in all.
    pub(super) fn events(&self) -> u64 {
        self.days.iter().map(|day| day.len() as u64).sum()
    }

    /// The first of them.
    pub(super) fn first_day(&self) -> Option<Day> {
        self.days.front().map(|day| day.day)
    }

    /// How many days.
    pub(super) fn len(&self) -> usize {
        self.days.len()
    }

    /// The next day.
    pub(super) fn next(&mut self) -> Option<DayOfFeeds> {
        self.days.pop_front()
    }
}

/// Departments, calendar, and who looks how far the services are.
pub(super) struct Load {
    output: Output,
    topics: Vec<String>,
    calendar: Calendar,
    watch: CalendarWatch,
    /// Days that the services have not closed yet as far as is known, with their events.
    under_way: VecDeque<(Day, usize)>,
    last: Option<Day>,
}

impl Load {
    /// Connects.
    pub(super) fn open(ground: &Ground) -> Result<Self> {
        let brokers = &ground.brokers;
        Ok(Self {
            output: Output::idempotent(brokers)?,
            topics: DEPARTMENTS.iter().map(|department| format!("feeds.{department}")).collect(),
            calendar: Calendar::new(brokers, ground.policies)?,
            watch: CalendarWatch::new(brokers)?,
            under_way: VecDeque::new(),
            last: None,
        })
    }

    /// Publishes the days as fast as the services take them, and waits until alert has closed the last one in every
    /// partition. How long that took.
    pub(super) fn at_full_speed(&mut self, days: &mut Days, services: &mut Services) -> Result<Duration> {
        let begun = Instant::now();
        while let Some(day) = days.next() {
            services.check()?;
            self.publish(&day, None)?;
            self.let_through(UNDER_WAY_MAX)?;
        }
        self.let_through(0)?;
        Ok(begun.elapsed())
    }

    /// Publishes the days at a pace, whatever the services do; then waits for the last one. How long the publishing took.
    pub(super) fn at_pace(&mut self, days: &mut Days, per_second: f64, services: &mut Services) -> Result<Duration> {
        ensure!(per_second > 0.0, "a pace is more than 0 events a second");
        let begun = Instant::now();
        let mut published = 0;
        while let Some(day) = days.next() {
            services.check()?;
            self.publish(&day, Some(Pace { begun, per_second, published }))?;
            published += day.len();
        }
        let took = begun.elapsed();
        self.let_through(0)?;
        Ok(took)
    }

    /// Publishes and closes a day.
    pub(super) fn publish(&mut self, day: &DayOfFeeds, pace: Option<Pace>) -> Result<()> {
        for (index, record) in day.iter().enumerate().filter(|(_, record)| record.value.len() <= RECORD_BYTES_MAX) {
            if let Some(pace) = &pace {
                pace.wait_for(index);
            }
            self.output.send(&self.topics[usize::from(record.feed)], None, record.key, Some(record.value))?;
        }
        self.calendar.close(&self.output, day.day)?;
        self.under_way.push_back((day.day, day.len()));
        self.last = Some(day.day);
        Ok(())
    }

    /// The last day that was published.
    pub(super) fn last_day(&self) -> Option<Day> {
        self.last
    }

    /// Waits until no more than so many events are under way.
    pub(super) fn let_through(&mut self, events: usize) -> Result<()> {
        if events == 0 {
            self.output.flush()?;
        }
        while self.under_way.iter().map(|(_, count)| count).sum::<usize>() > events
            && let Some((day, _)) = self.under_way.pop_front()
        {
            self.watch.wait_until(day, DAY_LIMIT).context("the services under load")?;
        }
        if events == 0
            && let Some((day, _)) = self.under_way.drain(..).next_back()
        {
            self.watch.wait_until(day, DAY_LIMIT).context("the services under load")?;
        }
        Ok(())
    }
}

/// When each event of a day is published.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// When the load began.
    begun: Instant,
    per_second: f64,
    /// Events that were published before this day.
    published: usize,
}

impl Pace {
    fn wait_for(&self, index: usize) {
        let due = Duration::from_secs_f64((self.published + index) as f64 / self.per_second);
        while self.begun.elapsed() < due {
            pause(TICK.min(due.saturating_sub(self.begun.elapsed())));
        }
    }
}
