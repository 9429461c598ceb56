//! Plays a history under both sides' policies: the states of its households are made once, and alert runs twice on
//! them, on the memory log. A simulated city or the topics of a run come in; what each side said goes out. It does not
//! compare.

use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result};
use runtime::stage::Record;
use schemas::Day;
use schemas::codec;
use schemas::records::{DayClosed, HouseholdState, Warning};

use super::findings::Said;
use super::known::Known;
use super::sides::Side;
use crate::memory_pipeline::{MemoryPipeline, PipelineSettings};
use crate::simulate::judge::Notice;
use crate::simulate::{self, City, Truth};
use crate::topic;

/// What fuse tells alert.
const STATES: &str = "households.states";
/// What resolve tells fuse.
const ENTRIES: &str = "households.entries";
/// The topics of warnings, and of those about households: as many partitions as `households.entries`.
const BY_VILLAGE: [&str; 4] = [ENTRIES, STATES, "households.cases", "warnings"];
/// Records of a real topic after which the stages run, so that memory holds no more of them.
const RECORDS_PER_STEP: u64 = 20_000;

/// What a history came to.
pub(super) struct Played {
    /// What is known of its households.
    pub(super) known: Known,
    /// The first day that was closed, and the last one.
    pub(super) days: (Day, Day),
    /// What A said.
    pub(super) a: Words,
    /// What B said.
    pub(super) b: Words,
    /// The ground truth, where it is known.
    pub(super) truth: Option<Truth>,
}

/// What a side said.
#[derive(Default)]
pub(super) struct Words {
    /// Every warning record, those of a household in their order.
    pub(super) said: Vec<Said>,
    /// The same, as it is judged against the truth.
    pub(super) notices: Vec<Notice>,
}

/// A simulated city.
pub(super) fn city(settings: &PipelineSettings, mut city: City, sides: (&Side, &Side)) -> Result<Played> {
    let settings = lean(settings);
    let mut history = MemoryPipeline::before_alert(&settings)?;
    let mut player = Player::new(&settings, sides)?;
    let bar = simulate::progress(city.settings());
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            history.publish(simulate::DEPARTMENTS[usize::from(record.feed)], record.key, record.value)?;
        }
        history.close_day(day.day)?;
        player.step(&mut history)?;
        bar.inc(1);
        bar.set_message(day.day.to_string());
    }
    bar.finish_and_clear();
    player.end(Some(city.truth()))
}

/// The history that lies in the topics of a run.
pub(super) fn topics(
    settings: &PipelineSettings,
    brokers: &str,
    truth: Option<&Path>,
    sides: (&Side, &Side),
) -> Result<Played> {
    let mut settings = lean(settings);
    let partitions = topic::partitions(&topic::consumer(brokers)?, ENTRIES)?;
    for topic in settings.topics.iter_mut().filter(|topic| BY_VILLAGE.contains(&topic.name.as_str())) {
        topic.partitions = partitions;
    }
    let mut history = MemoryPipeline::fuse_alone(&settings)?;
    let mut player = Player::new(&settings, sides)?;
    let mut count = 0;
    topic::for_each(brokers, ENTRIES, |record| {
        history.copy(record)?;
        count += 1;
        if count % RECORDS_PER_STEP == 0 { player.step(&mut history) } else { Ok(()) }
    })?;
    player.step(&mut history)?;
    let truth = truth.map(|path| {
        let what = || format!("read {}", path.display());
        let file = std::fs::File::open(path).with_context(what)?;
        Truth::read(BufReader::new(file)).with_context(what)
    });
    player.end(truth.transpose()?)
}

/// The settings of a run of which nothing is kept but what is taken over.
fn lean(settings: &PipelineSettings) -> PipelineSettings {
    let mut settings = PipelineSettings { dropping_read: true, policies: Vec::new(), ..settings.clone() };
    for topic in &mut settings.topics {
        topic.compacted = false;
    }
    settings
}

/// The two runs of alert.
struct Player {
    known: Known,
    days: Option<(Day, Day)>,
    a: Replay,
    b: Replay,
}

impl Player {
    fn new(settings: &PipelineSettings, (a, b): (&Side, &Side)) -> Result<Self> {
        let replay = |side| Replay::new(settings, side);
        Ok(Self { known: Known::default(), days: None, a: replay(a)?, b: replay(b)? })
    }

    /// Runs the history as far as it goes, and both sides on what it tells.
    fn step(&mut self, history: &mut MemoryPipeline) -> Result<()> {
        history.run()?;
        history.take(STATES, |record| {
            let value = record.value.unwrap_or_default();
            if codec::is::<DayClosed>(value) {
                let marker: DayClosed = codec::decode(value)?;
                let (first, last) = self.days.unwrap_or((marker.day, marker.day));
                self.days = Some((first.min(marker.day), last.max(marker.day)));
                self.a.close_day(record, &marker)?;
                return self.b.close_day(record, &marker);
            }
            if codec::is::<HouseholdState>(value) {
                self.known.learn(&codec::decode(value)?);
            }
            self.a.pipeline.copy(record)?;
            self.b.pipeline.copy(record)
        })?;
        // Changelogs and dead letters, which nobody reads here.
        history.forget_what_nobody_reads();
        self.a.run()?;
        self.b.run()
    }

    fn end(self, truth: Option<Truth>) -> Result<Played> {
        let days = self.days.context("no day was closed in this history, so nothing was decided in it")?;
        Ok(Played { known: self.known, days, a: self.a.words, b: self.b.words, truth })
    }
}

/// Alert with one side's policies.
struct Replay {
    pipeline: MemoryPipeline,
    policies: i64,
    words: Words,
}

impl Replay {
    fn new(settings: &PipelineSettings, side: &Side) -> Result<Self> {
        let settings = PipelineSettings { policies: side.records.clone(), ..settings.clone() };
        let policies = side.records.len() as i64;
        Ok(Self { pipeline: MemoryPipeline::alert_alone(&settings)?, policies, words: Words::default() })
    }

    /// A day ends as it did, but this side's policies exist from the first day on.
    fn close_day(&mut self, record: &Record<'_>, marker: &DayClosed) -> Result<()> {
        let mut value = Vec::new();
        codec::encode(&DayClosed { policies_offset: self.policies, ..marker.clone() }, &mut value)?;
        self.pipeline.copy(&Record { value: Some(&value), ..*record })
    }

    fn run(&mut self) -> Result<()> {
        self.pipeline.run()?;
        let words = &mut self.words;
        self.pipeline.take("warnings", |record| {
            let warning: Warning = codec::decode(record.value.unwrap_or_default())?;
            words.said.extend(Said::of(&warning));
            words.notices.extend(Notice::of(&warning));
            Ok(())
        })?;
        self.pipeline.forget_what_nobody_reads();
        Ok(())
    }
}
