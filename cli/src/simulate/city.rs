//! The simulated city as a stream of days: each with the records that the departments publish on it. A month is made
//! at a time, by chunks of households on several threads; the bytes do not depend on how many. In memory
//! are the households, one month of records and what will be published later: about 2.5 KB a household. It knows no log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use schemas::records::Warning;
use schemas::{Day, HouseholdCode, Month};

use super::changes::ChangeRates;
use super::defects::Rates;
use super::dice::{Dice, Purpose};
use super::income;
use super::life;
use super::population::Household;
use super::scene::{Scene, Text};
use super::sink::{Batch, FeedRecord, Sink};
use super::truth::Truth;
use super::verifier::{self, Verifier};

/// Households that one thread takes at a time. Part of the order of the records: changing it changes the bytes.
const CHUNK_HOUSEHOLDS: usize = 512;

/// What city to make.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How many households.
    pub(crate) households: u32,
    /// How many months.
    pub(crate) months: u32,
    /// The seed: the same seed gives the same bytes.
    pub(crate) seed: u64,
    /// The first day of the first month. The first load is published on the day before it.
    pub(crate) start: Day,
    /// How families change, and how often departments put right what they said.
    pub(crate) changes: ChangeRates,
    /// The rates of defects.
    pub(crate) rates: Rates,
    /// The line of the ground truth (domain section 8.4), in fen a head and year.
    pub(crate) line_fen: i64,
    /// Months at the beginning that are history: shocks count from then on.
    pub(crate) history_months: u32,
    /// When verifiers come to the door.
    pub(crate) visits: Visits,
    /// Threads.
    pub(crate) threads: usize,
}

/// When verifiers come to the door. The truth is the same either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visits {
    /// After each report of a neighbour or of the household itself, whatever is warned of: where nobody waits for the
    /// warnings of a day before the next one is published.
    AfterReports,
    /// After the warnings that ask for them ([`City::hear`]).
    AfterWarnings,
}

impl Settings {
    /// A city with the default rates of defects, whose families stay as they are, from 2025-01-01, 12 months of it
    /// history, on one thread.
    pub(crate) fn new(households: u32, months: u32, seed: u64) -> Self {
        Self {
            households,
            months,
            seed,
            start: Month::of(2025, 1).map(Month::first_day).unwrap_or_default(),
            changes: ChangeRates::none(),
            rates: Rates::default(),
            line_fen: super::truth::LINE_FEN,
            history_months: 12,
            visits: Visits::AfterReports,
            threads: 1,
        }
    }

    /// The first day of the run: the first load.
    pub(crate) fn first_day(&self) -> Day {
        self.start.plus(-1)
    }

    /// The day after the last one.
    pub(crate) fn end(&self) -> Day {
        self.start.month().plus(self.months as i32).first_day()
    }
}

/// The city.
pub(crate) struct City {
    settings: Settings,
    chunks: Vec<Vec<Household>>,
    pending: BTreeMap<Day, Vec<Batch>>,
    today: Day,
    /// Where the households lie in the chunks, as far as verifiers look for them.
    places: BTreeMap<HouseholdCode, (usize, usize)>,
    verifier: Verifier,
}

/// What is published on a day.
#[derive(Clone, Debug)]
pub(crate) struct DayOfFeeds {
    /// The day.
    pub(crate) day: Day,
    batches: Vec<Batch>,
}

impl DayOfFeeds {
    /// The records in the order of publication. After the last one the day ends.
    pub(crate) fn iter(&self) -> impl Iterator<Item = FeedRecord<'_>> {
        self.batches.iter().flat_map(Batch::iter)
    }

    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.batches.iter().map(Batch::len).sum()
    }

    /// How many bytes of keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.batches.iter().map(Batch::bytes).sum()
    }
}

/// What a chunk of households gives in one go.
type Made = Vec<(Day, Batch)>;

impl City {
    /// Draws the population and what the departments hold about it.
    pub(crate) fn new(settings: Settings) -> Self {
        let (seed, start, line_fen) = (settings.seed, settings.start, settings.line_fen);
        let mut city = Self {
            today: settings.first_day(),
            settings,
            chunks: Vec::new(),
            pending: BTreeMap::new(),
            places: BTreeMap::new(),
            verifier: Verifier::default(),
        };
        let places: Vec<u32> = (0..city.settings.households).collect();
        let drawn = in_parallel(
            places.chunks(CHUNK_HOUSEHOLDS).collect(),
            city.settings.threads,
            || (),
            |(), places| {
                places.iter().map(|index| income::household(seed, *index, start, line_fen)).collect::<Vec<_>>()
            },
        );
        city.chunks = drawn;
        city.make(start.month(), true);
        city
    }

    /// The next day, or none when the run is over.
    pub(crate) fn next_day(&mut self) -> Option<DayOfFeeds> {
        let day = self.today;
        if day >= self.settings.end() {
            return None;
        }
        if day == day.month().first_day() && day >= self.settings.start {
            self.make(day.month(), false);
        }
        if self.settings.visits == Visits::AfterWarnings {
            self.visit(day);
        }
        self.today = day.plus(1);
        Some(DayOfFeeds { day, batches: self.pending.remove(&day).unwrap_or_default() })
    }

    /// Tells the verifiers what was warned of up to the end of the last day, all of it once, in any order.
    pub(crate) fn hear(&mut self, warnings: &[Warning]) {
        if self.settings.visits == Visits::AfterWarnings {
            self.verifier.hear(self.settings.seed, self.today.plus(-1), warnings);
        }
    }

    /// Lets the verifiers do what is due by a day.
    fn visit(&mut self, day: Day) {
        let Self { settings, chunks, pending, places, verifier, .. } = self;
        let mut sink = Sink::new(settings.first_day(), settings.end());
        let mut text = Text::default();
        while let Some((code, errand)) = verifier.next(day) {
            let Some((chunk, place)) = places.get(&code) else { continue };
            let household = &mut chunks[*chunk][*place];
            let dice = verifier::dice(settings.seed, code, errand, day);
            let mut scene = scene(settings, day.month(), dice, &mut sink, &mut text);
            verifier.run(&mut scene, household, errand, day);
            text = scene.text;
        }
        for (day, batch) in sink.take() {
            pending.entry(day).or_default().push(batch);
        }
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The households as they are after the months made so far.
    #[cfg(test)]
    pub(crate) fn households(&self) -> impl Iterator<Item = &Household> {
        self.chunks.iter().flatten()
    }

    /// The ground truth up to the months made so far.
    pub(crate) fn truth(&self) -> Truth {
        Truth::of(&self.settings, self.chunks.iter().flatten(), self.today.plus(-1))
    }

    /// Makes a month, or the first load.
    fn make(&mut self, month: Month, load: bool) {
        let settings = &self.settings;
        let chunks: Vec<(usize, &mut Vec<Household>)> = self.chunks.iter_mut().enumerate().collect();
        let sink = || (Sink::new(settings.first_day(), settings.end()), Text::default());
        let made: Vec<Made> = in_parallel(chunks, settings.threads, sink, |(sink, text), (chunk, households)| {
            for household in households.iter_mut() {
                if settings.visits == Visits::AfterWarnings {
                    household.account.remember(month.first_day().plus(-1));
                }
                live(settings, household, month, load, sink, text);
            }
            if !load {
                let dice = Dice::new(settings.seed, Purpose::Moves, chunk as u64, month.0);
                let mut scene = scene(settings, month, dice, sink, text);
                life::moves(&mut scene, households);
                *text = scene.text;
                for household in households.iter_mut() {
                    household.book(month.last_day(), settings.line_fen);
                    household.month_ends.push(household.account.true_pc_fen());
                }
            }
            sink.take()
        });
        for (day, batch) in made.into_iter().flatten() {
            self.pending.entry(day).or_default().push(batch);
        }
        if self.settings.visits == Visits::AfterWarnings {
            let households = self.chunks.iter().enumerate().flat_map(|(chunk, households)| {
                households.iter().enumerate().map(move |(place, household)| (household.code, (chunk, place)))
            });
            self.places.extend(households);
        }
    }
}

fn scene<'a>(settings: &'a Settings, month: Month, dice: Dice, sink: &'a mut Sink, text: &mut Text) -> Scene<'a> {
    Scene {
        seed: settings.seed,
        rates: &settings.rates,
        changes: &settings.changes,
        line_fen: settings.line_fen,
        visits: settings.visits,
        month,
        start: settings.start,
        dice,
        sink,
        text: std::mem::take(text),
    }
}

/// One household's month, but for who moves in or out.
fn live(settings: &Settings, household: &mut Household, month: Month, load: bool, sink: &mut Sink, text: &mut Text) {
    let stream = u64::from(household.index) | u64::from(household.branch) << 32;
    let dice = Dice::new(settings.seed, Purpose::Life, stream, if load { 0 } else { month.0 });
    let mut scene = scene(settings, month, dice, sink, text);
    if load {
        life::begin(&mut scene, household);
    } else {
        life::month(&mut scene, household);
    }
    *text = scene.text;
}

/// Works through the items on so many threads; the results are in the order of the items, whoever made them.
fn in_parallel<T: Send, S: Send, R: Send>(
    items: Vec<T>,
    threads: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> R + Sync,
) -> Vec<R> {
    if threads <= 1 {
        let mut state = state();
        return items.into_iter().map(|item| work(&mut state, item)).collect();
    }
    let count = items.len();
    let items: Vec<std::sync::Mutex<Option<T>>> = items.into_iter().map(|item| Some(item).into()).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut state = state();
        let mut made = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = items.get(at) else { return made };
            let item = slot.lock().ok().and_then(|mut slot| slot.take());
            if let Some(item) = item {
                made.push((at, work(&mut state, item)));
            }
        }
    };
    let mut made: Vec<(usize, R)> = Vec::with_capacity(count);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for handle in workers {
            match handle.join() {
                Ok(part) => made.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    made.sort_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, result)| result).collect()
}
