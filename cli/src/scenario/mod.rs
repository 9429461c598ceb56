//! `backstop scenario`: runs stories with expectations, on the memory log or on real servers. It does not know what
//! the stages do with the events.

pub(crate) mod check;
pub(crate) mod encode;
pub(crate) mod format;
mod live;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use schemas::Day;

use crate::files;
use crate::memory_pipeline::{MemoryPipeline, PipelineSettings};
use check::Found;
use encode::{FeedRecord, Names, Writers};
use format::Scenario;

/// Which stories to run, and where.
#[derive(Debug, Args)]
pub(crate) struct ScenarioArgs {
    /// The scenario files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
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

/// A story made ready to run.
pub(crate) struct Story {
    path: PathBuf,
    scenario: Scenario,
    names: Names,
}

/// Everything that runs together.
#[expect(clippy::struct_field_names, reason = "stories hold stories")]
pub(crate) struct Stories {
    stories: Vec<Story>,
    /// Every feed record, by day.
    records: Vec<FeedRecord>,
    /// Policy and wording records beyond those of `deploy/policies`, as key and text.
    policies: Vec<(String, String)>,
    first: Day,
    last: Day,
}

/// Runs the stories and says how each ended.
pub(crate) fn run(args: &ScenarioArgs) -> Result<()> {
    let stories = read(&args.files, &args.schemas)?;
    let found = match &args.kafka {
        Some(brokers) => live::run(&stories, brokers, std::time::Duration::from_secs(args.limit_s))?,
        None => in_memory(&stories, &args.schemas, &args.deploy)?,
    };
    judge(&stories, &found)
}

fn read(paths: &[PathBuf], schemas: &Path) -> Result<Stories> {
    let writers = Writers::new(&files::feeds(schemas)?)?;
    let (mut stories, mut records, mut policies) = (Vec::new(), Vec::new(), Vec::new());
    for (index, path) in paths.iter().enumerate() {
        let place = index as u16 + 1;
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let scenario: Scenario =
            serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        let names = Names::new(&scenario, place).with_context(|| path.display().to_string())?;
        let mine = encode::records(&scenario, &names, &writers, place).with_context(|| path.display().to_string())?;
        records.extend(mine);
        for policy in &scenario.policies {
            let policy = path.parent().unwrap_or(Path::new(".")).join(policy);
            policies.push(files::policy(&policy)?);
        }
        stories.push(Story { path: path.clone(), scenario, names });
    }
    records.sort_by_key(|record| record.day);
    let first = stories.iter().map(|story| story.scenario.start.0).min().unwrap_or_default();
    let last = stories.iter().map(|story| story.scenario.end.0).max().unwrap_or_default();
    if last.0 - first.0 > 5 * 366 {
        bail!("the stories span more than five years, from {first} to {last}: run them one by one");
    }
    Ok(Stories { stories, records, policies, first, last })
}

fn in_memory(stories: &Stories, schemas: &Path, deploy: &Path) -> Result<Found> {
    let mut settings = PipelineSettings::read(schemas, deploy)?;
    settings.policies.extend(stories.policies.iter().cloned());
    let mut pipeline = MemoryPipeline::new(&settings)?;
    let mut records = stories.records.iter().peekable();
    for day in stories.first.0..=stories.last.0 {
        while let Some(record) = records.next_if(|record| record.day.0 <= day) {
            pipeline.publish(&record.department, record.key.as_bytes(), &record.value)?;
        }
        // What a day brought is decided before the day is closed, as it is when feeds trickle in.
        pipeline.run()?;
        pipeline.close_day(Day(day))?;
        pipeline.run()?;
    }
    Ok(Found { warnings: pipeline.warnings()?, cases: pipeline.cases()? })
}

fn judge(stories: &Stories, found: &Found) -> Result<()> {
    let mut failed = 0;
    for story in &stories.stories {
        let differences = check::differences(&story.scenario, &story.names, found)?;
        if differences.is_empty() {
            say(&format!("ok      {}  {}", story.path.display(), story.scenario.name));
        } else {
            failed += 1;
            say(&format!("FAILED  {}  {} ({})", story.path.display(), story.scenario.name, story.scenario.source));
            say(&check::table(&differences));
        }
    }
    let total = stories.stories.len();
    say(&format!("{} of {total} scenarios hold", total - failed));
    if failed > 0 {
        bail!("{failed} of {total} scenarios do not hold");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}
