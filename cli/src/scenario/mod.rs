//! `backstop scenario`: runs stories with expectations, on the memory log or on real servers. It does not know what
//! the stages do with the events.

mod at_end;
mod check;
mod encode;
mod format;
mod live;
mod names;
#[cfg(test)]
mod tests;
mod told;
mod variants;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use schemas::Day;

use crate::files;
use crate::memory_pipeline::{MemoryPipeline, PipelineSettings};
use alert_core::policy::Book;
use check::{Expected, Found, Seen};
use encode::{FeedRecord, Writers};
use format::Scenario;
use names::Names;
use variants::Variant;

/// Villages there are for stories: each lies in one of its own, the rest of the city in the first.
const STORIES_MAX: usize = 999;
/// The rest of the city: a household whose wages go on, so that no feed seems silent because a story has ended.
const REST_OF_THE_CITY: &str = "
name: The rest of the city
source: all other households
households: [{ name: rest, members: 1, registered: 2000-01-01 }]
expect: []
";

/// Which stories to run, and where.
#[derive(Debug, Args)]
pub(crate) struct ScenarioArgs {
    /// The scenario files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How each story is told; as the file has it where nothing is given.
    #[arg(long = "variant", value_enum, value_name = "VARIANT")]
    variants: Vec<Variant>,
    /// Tell each story in every way.
    #[arg(long, conflicts_with = "variants")]
    all_variants: bool,
    /// Run on real servers: Kafka's brokers, HOST:PORT separated by commas. The services must be running there.
    #[arg(long)]
    kafka: Option<String>,
    /// The folder that holds the feeds' schemas.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
    /// The folder that holds `kafka/topics.yaml` and the policies.
    #[arg(long, default_value = "deploy")]
    deploy: PathBuf,
    /// With --kafka: how long the services may take for the whole calendar, in seconds.
    #[arg(long, default_value_t = 600)]
    limit_s: u64,
}

/// A story made ready to run, in one of the ways of telling it.
struct Story {
    path: PathBuf,
    variant: Variant,
    scenario: Scenario,
    names: Names,
}

/// Everything that runs together.
#[expect(clippy::struct_field_names, reason = "stories hold stories")]
struct Stories {
    stories: Vec<Story>,
    /// What is not told, and why.
    untold: Vec<String>,
    /// Every feed record, by day.
    records: Vec<FeedRecord>,
    /// Policy and wording records beyond those of `deploy/policies`, as key and text.
    policies: Vec<(String, String)>,
    /// The days at whose end states and cases are looked at.
    looks: BTreeSet<Day>,
    first: Day,
    last: Day,
}

/// Runs the stories and says how each ended.
pub(crate) fn run(args: &ScenarioArgs) -> Result<()> {
    let stories = read(args)?;
    let mut settings = PipelineSettings::read(&args.schemas, &args.deploy)?;
    settings.policies.extend(stories.policies.iter().cloned());
    let mut book = Book::default();
    for (offset, (key, text)) in settings.policies.iter().enumerate() {
        book.learn(offset as i64, key, text).map_err(|faults| anyhow::anyhow!("policy {key}: {faults}"))?;
    }
    let found = match &args.kafka {
        Some(brokers) => live::run(&stories, brokers, std::time::Duration::from_secs(args.limit_s))?,
        None => in_memory(&stories, &settings)?,
    };
    judge(&stories, &found, &book)
}

fn read(args: &ScenarioArgs) -> Result<Stories> {
    let writers = Writers::new(&files::feeds(&args.schemas)?)?;
    let variants = match (args.all_variants, args.variants.as_slice()) {
        (true, _) => <Variant as clap::ValueEnum>::value_variants(),
        (false, []) => &[Variant::AsTold],
        (false, some) => some,
    };
    let mut all = Stories {
        stories: Vec::new(),
        untold: Vec::new(),
        records: Vec::new(),
        policies: Vec::new(),
        looks: BTreeSet::new(),
        first: Day(i32::MAX),
        last: Day(i32::MIN),
    };
    for path in &args.files {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let scenario: Scenario =
            serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        for policy in &scenario.policies {
            let policy = files::policy(&path.parent().unwrap_or(Path::new(".")).join(policy))?;
            // Many stories lie in the same county.
            if !all.policies.contains(&policy) {
                all.policies.push(policy);
            }
        }
        all.first = all.first.min(scenario.start.0);
        all.last = all.last.max(scenario.end.0);
        all.looks.insert(scenario.end.0);
        let days = scenario.states.iter().filter_map(|state| state.day);
        all.looks.extend(days.chain(scenario.cases.iter().filter_map(|case| case.day)).map(|day| day.0));
        for variant in variants {
            all.add(path, *variant, &scenario, &writers)
                .with_context(|| format!("{} ({})", path.display(), variant.name()))?;
        }
    }
    if all.last.0 - all.first.0 > 5 * 366 {
        bail!("the stories span more than five years, from {} to {}: run them one by one", all.first, all.last);
    }
    all.add_rest_of_the_city(&writers)?;
    all.records.sort_by_key(|record| record.day);
    Ok(all)
}

impl Stories {
    /// Adds what goes on beside the stories.
    fn add_rest_of_the_city(&mut self, writers: &Writers) -> Result<()> {
        let (first, last) = (self.first, self.last);
        let county = self.stories.first().map_or("", |story| &story.scenario.county);
        let (year, month, _) = first.civil();
        let months = last.month().since(first.month()) + 1;
        let text = format!(
            "{REST_OF_THE_CITY}county: '{county}'\nstart: {first}\nend: {last}\nevents: [{{ department: human-resources, \
             event: wage_reported, day: {year}-{month:02}-01, monthly: {months}, about: rest.1, fields: {{ amount_yuan: 3000 }} }}]\n"
        );
        let rest: Scenario = serde_saphyr::from_str(&text).context("the rest of the city")?;
        for one in told::tell(&rest, &Names::new(&rest, 0)?, writers, &prefix(0))? {
            self.records.push(writers.record(&one)?);
        }
        Ok(())
    }

    /// Makes a story ready, unless this way of telling it says nothing.
    fn add(&mut self, path: &Path, variant: Variant, scenario: &Scenario, writers: &Writers) -> Result<()> {
        if let Some(skipped) = scenario.variants.get(&variant).filter(|differently| differently.skip) {
            self.untold.push(format!("{}  {}: {}", path.display(), variant.name(), skipped.why));
            return Ok(());
        }
        let place = self.stories.len() + 1;
        if place > STORIES_MAX {
            bail!("more than {STORIES_MAX} stories at once");
        }
        let names = Names::new(scenario, place as u16)?;
        let told = told::tell(scenario, &names, writers, &prefix(place))?;
        let Some(told) = variant.tell(told, scenario, writers)? else {
            let why = "no paper in it that a second department could send";
            self.untold.push(format!("{}  {}: {why}", path.display(), variant.name()));
            return Ok(());
        };
        for one in &told {
            self.records.push(writers.record(one)?);
        }
        self.stories.push(Story { path: path.to_owned(), variant, scenario: scenario.clone(), names });
        Ok(())
    }
}

/// What the event ids of a story begin with.
fn prefix(place: usize) -> String {
    format!("scenario-{place}-")
}

fn in_memory(stories: &Stories, settings: &PipelineSettings) -> Result<Found> {
    let mut pipeline = MemoryPipeline::new(settings)?;
    let mut found = Found::default();
    let mut records = stories.records.iter().peekable();
    for day in stories.first.0..=stories.last.0 {
        while let Some(record) = records.next_if(|record| record.day.0 <= day) {
            pipeline.publish(&record.department, record.key.as_bytes(), &record.value)?;
        }
        // What a day brought is decided before the day is closed, as it is when feeds trickle in.
        pipeline.run()?;
        pipeline.close_day(Day(day))?;
        pipeline.run()?;
        if stories.looks.contains(&Day(day)) {
            let states = pipeline.states()?.into_iter().map(|state| (state.household, state));
            let cases = pipeline.cases()?.into_iter().map(|case| (case.household, case));
            found.seen.insert(Day(day), Seen { states: states.collect(), cases: cases.collect() });
        }
    }
    found.warnings = pipeline.warnings()?;
    Ok(found)
}

fn judge(stories: &Stories, found: &Found, book: &Book) -> Result<()> {
    let mut failed = 0;
    for story in &stories.stories {
        let scenario = &story.scenario;
        let expected = Expected::of(scenario, story.variant);
        let mut differences = check::differences(scenario, &expected, &story.names, found)?;
        differences.extend(at_end::differences(scenario, &expected, &story.names, found, book, stories.first)?);
        let heading = format!("{}  {}: {}", story.path.display(), story.variant.name(), scenario.name);
        if differences.is_empty() {
            say(&format!("ok      {heading}"));
        } else {
            failed += 1;
            say(&format!("FAILED  {heading} ({})", scenario.source));
            say(&check::table(&differences));
        }
    }
    for untold in &stories.untold {
        say(&format!("-       {untold}"));
    }
    let total = stories.stories.len();
    say(&format!("{} of {total} stories hold", total - failed));
    if failed > 0 {
        bail!("{failed} of {total} stories do not hold");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
