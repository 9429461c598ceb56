//! `backstop audit`: after a run on real servers, is everything there once? Compares the warnings of the topic, of
//! ClickHouse and of a replay; the states and open cases with the memory pipeline over the same feeds; both balances;
//! on request each stage with a replay and each row with the topics; and looks for citizen numbers. It does not change anything.

mod compare;
mod explained;
mod gather;
mod rows;
mod sides;
mod stages;
mod table;

use compare::keys_that_differ;
pub(crate) use compare::{different, open_cases, pictures};
pub(crate) use gather::policies;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use crate::memory_pipeline::{MemoryPipeline, PipelineSettings};
use crate::privacy::CitizenNumbers;
use crate::topic;

/// How many differing cases are named: enough to look into one, and not a page of them.
const CASES_NAMED: usize = 20;

/// Which run to audit.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Kafka's brokers, HOST:PORT separated by commas.
    #[arg(long, env = "BACKSTOP_KAFKA")]
    pub(crate) brokers: String,
    /// ClickHouse's HTTP address, as http://HOST:PORT.
    #[arg(long, env = "BACKSTOP_CLICKHOUSE")]
    pub(crate) clickhouse: String,
    /// The file that holds the key of the pseudonyms, the one that `ingest` uses.
    #[arg(long)]
    key_file: PathBuf,
    /// The folder that holds the feeds' schemas.
    #[arg(long, default_value = "schemas/feeds")]
    schemas: PathBuf,
    /// The folder that holds `kafka/topics.yaml`.
    #[arg(long, default_value = "deploy")]
    deploy: PathBuf,
    /// Text files that must not hold a citizen number either, such as logs; repeatable.
    #[arg(long)]
    search: Vec<PathBuf>,
    /// Addresses of metrics that must not hold one either; repeatable.
    #[arg(long)]
    metrics: Vec<String>,
    /// How long the archive may take to catch up, in seconds.
    #[arg(long, default_value_t = 120)]
    limit_s: u64,
    /// Also hold each stage against a replay of its own input, and every row of ClickHouse against the topics: the
    /// whole log is read several times.
    #[arg(long)]
    each_stage: bool,
    /// Write the findings here as JSON, besides showing them.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What an audit finds. `*_different` and `citizen_numbers_found` must be 0.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Findings {
    /// Feed records that are no calendar records, as they lie in the topics.
    pub(crate) events: i64,
    /// As normalise counted them, with its state.
    pub(crate) normalised: i64,
    /// As normalise counted them.
    pub(crate) rejected: i64,
    /// Records of `subjects.entries` that are no calendar records.
    pub(crate) subject_records: i64,
    /// As resolve counted them, with its state.
    pub(crate) applied: i64,
    /// As resolve counted them.
    pub(crate) duplicates: i64,
    /// Parked now.
    pub(crate) parked: i64,
    /// Waiting for their original now.
    pub(crate) waiting: i64,
    /// As resolve counted them.
    pub(crate) refused: i64,
    /// Warning records in the topic `warnings`.
    pub(crate) warnings_topic: usize,
    /// Rows in ClickHouse's table `warnings`.
    pub(crate) warnings_clickhouse: usize,
    /// Warning records of the replay of `households.entries` on the memory log.
    pub(crate) warnings_replayed: usize,
    /// Records that are not in all three with the same content.
    pub(crate) warnings_different: usize,
    /// Final states that the memory pipeline over the same feeds does not have.
    pub(crate) states_different: usize,
    /// Open cases that it does not have, although the same news came before each act of an office and the same requests
    /// were attached to a matter of the village.
    pub(crate) cases_different: usize,
    /// Open cases that it does not have, since news came on the other side of an act of an office or of the beginning of
    /// a matter of the village.
    pub(crate) cases_on_other_side: usize,
    /// The first of those cases, each with what the two say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cases_named: Vec<String>,
    /// Households whose explanation from the topics is not the one from ClickHouse, of a few.
    pub(crate) explanations_different: usize,
    /// Rows of the intents' tables that stand there more than once.
    pub(crate) rows_duplicated: i64,
    /// Each stage against a replay of its own input; with `--each-stage`.
    #[serde(flatten)]
    pub(crate) stages: Option<stages::Stages>,
    /// Every row of ClickHouse against the topics; with `--each-stage`.
    #[serde(flatten)]
    pub(crate) rows: Option<rows::Compared>,
    /// Different citizen numbers in the feeds.
    pub(crate) citizen_numbers_searched: usize,
    /// Where they stand although they must not.
    pub(crate) citizen_numbers_found: usize,
}

impl Findings {
    /// What is wrong, in sentences; none means that the run is as it must be.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must_be_equal = |what: &str, one: i64, other: i64| {
            if one != other {
                faults.push(format!("{what}: {one} is not {other}"));
            }
        };
        must_be_equal("events = normalised + rejected", self.events, self.normalised + self.rejected);
        let settled = self.applied + self.duplicates + self.parked + self.waiting + self.refused;
        must_be_equal(
            "subject records = applied + duplicates + parked + waiting + refused",
            self.subject_records,
            settled,
        );
        let stages = self.stages.clone().unwrap_or_default();
        for (what, count) in [
            ("warnings that differ between topic, ClickHouse and replay", self.warnings_different as i64),
            ("states that differ from the memory pipeline's", self.states_different as i64),
            ("open cases that differ from the memory pipeline's", self.cases_different as i64),
            ("explanations that differ between topics and ClickHouse", self.explanations_different as i64),
            ("records that a stage has lost", stages.lost as i64),
            ("records that a stage has said too often", stages.duplicated as i64),
            ("keys of changelogs that differ from a replay's", stages.changelogs_different as i64),
            ("rows in ClickHouse more than once", self.rows_duplicated),
            ("rows in ClickHouse that differ from the topics", self.rows.unwrap_or_default().rows_different as i64),
            ("citizen numbers where none may be", self.citizen_numbers_found as i64),
        ] {
            must_be_equal(what, count, 0);
        }
        faults.extend(self.cases_named.iter().map(|case| format!("the open case of {case}")));
        if self.warnings_topic == 0 {
            faults.push("there is no warning at all".to_owned());
        }
        faults
    }
}

/// Audits a run and says what it finds; an error when something is not as it must be.
pub(crate) fn run(args: &AuditArgs) -> Result<()> {
    let findings = audit(args)?;
    let text = serde_json::to_string(&findings)?;
    if let Some(path) = &args.json {
        std::fs::write(path, &text).with_context(|| format!("write {}", path.display()))?;
    }
    say(&text);
    let faults = findings.faults();
    if !faults.is_empty() {
        bail!("the audit found:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// Gathers and compares; an error only when something cannot be read.
pub(crate) fn audit(args: &AuditArgs) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut settings = PipelineSettings::read(&args.schemas, &args.deploy)?;
    settings.key = std::fs::read(&args.key_file).with_context(|| format!("read {}", args.key_file.display()))?;
    settings.policies = policies(&args.brokers)?;

    let feeds = gather::feeds(&args.brokers, &settings)?;
    findings.events = feeds.events;
    let numbers = feeds.numbers();
    findings.citizen_numbers_searched = numbers.len();
    let live = gather::live(&args.brokers, &numbers)?;
    live.count_into(&mut findings);

    let mut replay = MemoryPipeline::replay(&settings)?;
    let mut explained = explained::Chosen::default();
    topic::for_each(&args.brokers, "households.entries", |record| {
        explained.look(record)?;
        replay.copy(record)
    })?;
    replay.run()?;
    let replayed = replay.warnings_by_id()?;

    let limit = std::time::Duration::from_secs(args.limit_s);
    let archived = table::warnings(&args.clickhouse, live.warnings.len(), limit)?;
    let expected = table::as_rows(&live.warnings)?;
    findings.warnings_topic = live.warnings.len();
    findings.warnings_clickhouse = archived.len();
    findings.warnings_replayed = replayed.len();
    findings.warnings_different = different(&live.warnings, &replayed) + different(&expected, &archived);
    findings.explanations_different = explained.different(&args.brokers, &args.clickhouse, &live.cases, limit)?;
    findings.rows_duplicated = table::duplicated(&args.clickhouse)?;

    if args.each_stage {
        findings.stages = Some(stages::against_replays(&args.brokers, &settings)?);
        findings.rows = Some(rows::compare(&args.brokers, &args.clickhouse, limit)?);
    }

    let mut whole = MemoryPipeline::new(&settings)?;
    feeds.replay_into(&mut whole)?;
    findings.states_different = different(&pictures(live.states), &pictures(whole.states()?));
    let (live_open, whole_open) = (open_cases(&live.cases), open_cases(&whole.cases()?));
    let odd = keys_that_differ(&live_open, &whole_open);
    let (mut here, mut there) = (sides::Sides::of(&odd), sides::Sides::of(&odd));
    if !odd.is_empty() {
        topic::for_each(&args.brokers, "households.entries", |record| here.look(record))?;
        for record in whole.memory().records("households.entries") {
            record.with(|record| there.look(record))?;
        }
        here.look_at_warnings(&live.warnings)?;
        there.look_at_warnings(&whole.warnings_by_id()?)?;
    }
    let (on_other_side, otherwise): (Vec<_>, Vec<_>) =
        odd.iter().copied().partition(|household| here.differ(&there, *household));
    findings.cases_on_other_side = on_other_side.len();
    findings.cases_different = otherwise.len();
    let named = otherwise.iter().take(CASES_NAMED).map(|household| {
        let (here, there) = (live_open.get(household), whole_open.get(household));
        format!("{household}: {}; in the memory pipeline {}", compare::in_words(here), compare::in_words(there))
    });
    findings.cases_named = named.collect();

    findings.citizen_numbers_found = live.citizen_numbers
        + table::citizen_numbers(&args.clickhouse, &numbers)?
        + in_files(&args.search, &numbers)?
        + in_metrics(&args.metrics, &numbers)?;
    Ok(findings)
}

fn in_files(paths: &[PathBuf], numbers: &CitizenNumbers) -> Result<usize> {
    let mut count = 0;
    for path in paths {
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        count += numbers.count_in(&bytes);
    }
    Ok(count)
}

fn in_metrics(addresses: &[String], numbers: &CitizenNumbers) -> Result<usize> {
    let mut count = 0;
    for address in addresses {
        let mut answer = ureq::get(address).call().with_context(|| format!("read {address}"))?;
        count += numbers.count_in(answer.body_mut().read_to_string()?.as_bytes());
    }
    Ok(count)
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Findings {
        Findings {
            events: 10,
            normalised: 8,
            rejected: 2,
            subject_records: 9,
            applied: 5,
            duplicates: 1,
            parked: 1,
            waiting: 0,
            refused: 2,
            warnings_topic: 3,
            ..Findings::default()
        }
    }

    /// Spoils one figure of a sound run.
    type Spoil = fn(&mut Findings);

    #[test]
    fn a_sound_run_has_no_fault_and_each_fault_has_its_sentence() {
        assert_eq!(sound().faults(), Vec::<String>::new());
        let rows: [(Spoil, &str); 13] = [
            (|f| f.events = 11, "events"),
            (|f| f.parked = 0, "subject records"),
            (|f| f.warnings_different = 1, "warnings"),
            (|f| f.states_different = 1, "states"),
            (|f| f.cases_different = 1, "open cases"),
            (|f| f.explanations_different = 1, "explanations"),
            (|f| f.rows_duplicated = 1, "more than once"),
            (|f| f.rows = Some(rows::Compared { rows_different: 1, ..Default::default() }), "from the topics"),
            (|f| f.stages = Some(stages::Stages { lost: 1, ..Default::default() }), "lost"),
            (|f| f.stages = Some(stages::Stages { duplicated: 1, ..Default::default() }), "too often"),
            (|f| f.stages = Some(stages::Stages { changelogs_different: 1, ..Default::default() }), "changelogs"),
            (|f| f.citizen_numbers_found = 1, "citizen numbers"),
            (|f| f.warnings_topic = 0, "no warning"),
        ];
        for (spoil, word) in rows {
            let mut findings = sound();
            spoil(&mut findings);
            let faults = findings.faults();
            assert!(faults.len() == 1 && faults[0].contains(word), "{word}: {faults:?}");
        }
    }
}
