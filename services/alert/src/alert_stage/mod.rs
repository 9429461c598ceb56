//! alert on the loop: `households.states` in; cases, warnings and what each receiver is told out. It decides nothing
//! about a household: that is `alert_core`'s work.

mod due;
mod outputs;
mod partition;
mod policies;

use alert_core::case::next_due_of;
use alert_core::measures::Household;
use alert_core::{Calendar, LateEvidence, Now, Occasion, Outcome, Policy, Said, evaluate, village};
use runtime::stage::{
    Figures, Need, Outbox, PartitionCounts, PartitionId, Record, RestoreSource, RestoreUntil, Stage, StageError, Step,
    Topology,
};
use schemas::codec::{self, CodecError, Unread};
use schemas::records::{Case, DayClosed, Evidence, HouseholdState, PROGRESS_KEY, Progress};
use schemas::{Day, HouseholdCode};

use crate::config::AlertSettings;
use outputs::Outputs;
pub use partition::AlertPartition;
use partition::Whom;
pub(crate) use partition::{INCOME_UNKNOWN, STANDING_STILL, standing_still};
use policies::Policies;

/// The stage's name.
pub const STAGE: &str = "alert";
/// What it reads, and holds as state.
const STATES: &str = "households.states";
/// Its changelog and first output.
const CASES: &str = "households.cases";
/// The reference topic.
const POLICIES: &str = "policies";

/// The stage.
#[derive(Debug)]
pub struct AlertStage {
    topology: Topology,
    outputs: Outputs,
    policies: Policies,
    sweep_households_per_step: usize,
}

impl AlertStage {
    /// The stage of one worker.
    pub fn new(settings: &AlertSettings) -> Self {
        let outputs = Outputs::new(settings.receivers.clone());
        let topology = Topology {
            stage: STAGE,
            inputs: vec![STATES.to_owned()],
            starts_at_earliest: true,
            reference: Some(POLICIES.to_owned()),
            outputs: outputs.topics(),
        };
        let sweep_households_per_step = settings.sweep_households_per_step;
        Self { topology, outputs, policies: Policies::default(), sweep_households_per_step }
    }

    /// A state that fuse has written: held, and evaluated once a day is closed.
    fn news(&mut self, partition: &mut AlertPartition, bytes: &[u8], outbox: &mut Outbox) -> Result<(), String> {
        let (state, evidence) = read(bytes)?;
        let held = partition.state_number(state.household)?;
        if state.number <= held {
            return Ok(());
        }
        if state.number > held + 1 {
            return Err(format!(
                "household {}: state {} follows state {held}: states between them are gone. Was alert stopped for longer \
                 than min.compaction.lag.ms of {STATES}? Then nothing here has them any more, but {STATES} can be made \
                 anew: stop fuse and alert, delete the topics {STATES} and {CASES} and the group fuse, run backstop \
                 setup, and start both. fuse says every state again, and alert every warning, under the same ids",
                state.household, state.number
            ));
        }
        partition.begin();
        if held == 0 {
            partition.is_new(state.household);
        }
        partition.states.put(state.household.number(), bytes);
        match partition.calendar() {
            Some(calendar) => {
                let policies = self.policies.at(partition.progress.policies_offset, calendar.day);
                let policy = policies.of(state.household.county());
                let news = (&state, evidence, calendar, Occasion::News);
                evaluate_household((policy, &mut self.outputs), partition, news, outbox).map(drop)
            }
            // Nothing is evaluated before the first day is closed.
            None => Ok(()),
        }
    }

    /// Takes a marker, or goes on with the sweep that one began.
    fn marker(&mut self, partition: &mut AlertPartition, bytes: &[u8], outbox: &mut Outbox) -> Result<Step, String> {
        if partition.progress.sweep_after.is_none() {
            let marker: DayClosed = codec::decode(bytes).map_err(|error| error.to_string())?;
            let before = partition.calendar().map(|calendar| (calendar, partition.progress.policies_offset));
            partition.begin();
            if !partition.take_marker(&marker) {
                return Ok(Step::Done);
            }
            if self.concerns_everybody(partition, before) {
                partition.begin_sweep(Whom::Everybody);
            } else {
                self.find_who_is_due(partition)?;
                if !partition.is_anybody_due() {
                    return Ok(Step::Done);
                }
                partition.begin_sweep(Whom::WhoIsDue);
            }
        }
        self.sweep(partition, outbox)
    }

    /// Makes sure that it is known who is due, the current day included: after a restart or an abort it is not.
    fn find_who_is_due(&mut self, partition: &mut AlertPartition) -> Result<(), String> {
        let Some(calendar) = partition.calendar().filter(|_| !partition.knows_who_is_due()) else { return Ok(()) };
        let policies = self.policies.at(partition.progress.policies_offset, calendar.day);
        // The calendar may have gone on by several days at once, and nobody knows any more from which day on. Everybody was
        // looked at when the month began; who is looked at once too often says nothing new.
        let from = calendar.day.month().first_day();
        partition.find_who_is_due(|state, case| {
            let policy = policies.of(state.household.county())?;
            next_due_of(&Household::new(state, policy, calendar), case, from)
        })
    }

    /// Whether the day that begins changes what holds for households of which nothing is heard: the first day of all, a
    /// new month, a month that is settled now, other policies, posts that begin, a city that goes live.
    fn concerns_everybody(&mut self, partition: &AlertPartition, before: Option<(Calendar, i64)>) -> bool {
        let (Some(now), Some((before, offset_before))) = (partition.calendar(), before) else { return true };
        if now.day.month() != before.day.month() {
            return true;
        }
        let policies_before = self.policies.at(offset_before, before.day).offsets();
        let policies = self.policies.at(partition.progress.policies_offset, now.day);
        let settles = |days: i32| now.last_settled(days) != before.last_settled(days);
        let goes_live = |day: Day| before.day < day && day <= now.day;
        policies.offsets() != policies_before
            || policies.policies().any(|policy| policy.go_live.is_some_and(|go_live| goes_live(go_live.day)))
            || policies.posts().begin_between(before.day, now.day)
            || policies.policies().any(|policy| settles(policy.settle_days))
    }

    fn sweep(&mut self, partition: &mut AlertPartition, outbox: &mut Outbox) -> Result<Step, String> {
        partition.begin();
        let Some(calendar) = partition.calendar() else { return Ok(Step::Done) };
        if partition.swept_whom() == Whom::WhoIsDue {
            self.find_who_is_due(partition)?;
        }
        let policies = self.policies.at(partition.progress.policies_offset, calendar.day);
        // The households of a county follow one another.
        let mut of_county = None;
        let (mut last, mut bytes) = (None, Vec::new());
        for _ in 0..self.sweep_households_per_step {
            let Some(household) = partition.next_in_sweep() else {
                partition.end_sweep();
                return Ok(Step::Done);
            };
            if partition.copy_state(household, &mut bytes) {
                let (state, evidence) = read(&bytes).map_err(|fault| format!("household {household}: {fault}"))?;
                let county = household.county();
                let policy = match of_county {
                    Some((before, policy)) if before == county => policy,
                    _ => policies.of(county),
                };
                of_county = Some((county, policy));
                let looked_at = (&state, evidence, calendar, Occasion::Calendar);
                let outcome = evaluate_household((policy, &mut self.outputs), partition, looked_at, outbox)?;
                partition.swept(household, outcome.as_ref());
                last = Some(household);
            }
        }
        if let Some(last) = last {
            partition.swept_until(last);
        }
        Ok(Step::More)
    }
}

impl Default for AlertStage {
    fn default() -> Self {
        Self::new(&AlertSettings::default())
    }
}

impl Stage for AlertStage {
    type Partition = AlertPartition;

    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn open(&self, id: &PartitionId, _: &dyn PartitionCounts) -> AlertPartition {
        AlertPartition::new(id.partition)
    }

    fn restore_sources(&self, id: &PartitionId) -> Vec<RestoreSource> {
        let source = |topic: &str, until| RestoreSource { topic: topic.to_owned(), partition: id.partition, until };
        vec![source(STATES, RestoreUntil::Committed), source(CASES, RestoreUntil::End)]
    }

    fn restore(&self, partition: &mut AlertPartition, record: &Record<'_>) -> Result<(), StageError> {
        let fail = |what: String| StageError::about(STAGE, record, what);
        let Some(value) = record.value else { return Ok(()) };
        let household = || {
            let key = std::str::from_utf8(record.key.unwrap_or_default()).unwrap_or_default();
            HouseholdCode::parse(key).map_err(|error| fail(error.to_string()))
        };
        if codec::is::<HouseholdState>(value) {
            partition.states.restore(household()?.number(), Some(value));
        } else if codec::is::<Case>(value) {
            partition.cases.restore(household()?.number(), Some(value));
        } else if record.topic == CASES && record.key == Some(PROGRESS_KEY.as_bytes()) {
            let read = codec::decode::<Progress>(value);
            partition.restore_progress(read.map_err(|error: CodecError| fail(error.to_string()))?);
        }
        Ok(())
    }

    fn need(&self, partition: &AlertPartition, record: Option<&Record<'_>>) -> Option<Need> {
        let marker = record.and_then(|record| record.value).filter(|value| codec::is::<DayClosed>(value));
        // A marker that does not decode is said so when it is applied.
        let of_marker = marker.and_then(|value| codec::decode::<DayClosed>(value).ok());
        let below_offset = of_marker.map_or(0, |marker| marker.policies_offset).max(partition.progress.policies_offset);
        (below_offset > 0).then_some(Need { below_offset })
    }

    fn learn(&mut self, record: &Record<'_>) -> Result<(), StageError> {
        self.policies.learn(record);
        Ok(())
    }

    fn apply(
        &mut self,
        partition: &mut AlertPartition,
        record: &Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Step, StageError> {
        let bytes = record.value.unwrap_or_default();
        let done = if codec::is::<DayClosed>(bytes) {
            self.marker(partition, bytes, outbox)
        } else if codec::is::<Progress>(bytes) {
            // Fuse's own bookkeeping, which lies in the same topic.
            Ok(Step::Done)
        } else {
            self.news(partition, bytes, outbox).map(|()| Step::Done)
        };
        done.map_err(|what| StageError::about(STAGE, record, what))
    }

    fn flush(&mut self, partition: &mut AlertPartition, outbox: &mut Outbox) -> Result<(), StageError> {
        Outputs::progress(partition, outbox).map_err(|error| StageError {
            stage: STAGE,
            topic: CASES.to_owned(),
            partition: partition.number,
            offset: -1,
            what: error.to_string(),
        })
    }

    fn committed(&mut self, partition: &mut AlertPartition) {
        partition.committed();
    }

    fn rolled_back(&mut self, partition: &mut AlertPartition) {
        partition.rolled_back();
    }

    fn figures(&self, partition: &AlertPartition, figures: &mut Figures) {
        partition.figures(figures);
        figures.add("policies_refused", "", self.policies.refused());
    }
}

/// Reads a state, its evidence left as it lies: most states say nothing that rests on it.
fn read(bytes: &[u8]) -> Result<(HouseholdState, LateEvidence<'_>), String> {
    let state: HouseholdState<Unread<'_, Evidence>> = codec::decode(bytes).map_err(|error| error.to_string())?;
    let (state, evidence) = state.with_evidence(Vec::new());
    Ok((state, evidence.into()))
}

/// Evaluates a household, keeps its case and says what follows. Nothing comes of it where no policy is for its county.
fn evaluate_household<'a>(
    (policy, outputs): (Option<&'a Policy>, &mut Outputs),
    partition: &mut AlertPartition,
    (state, evidence, calendar, occasion): (&HouseholdState, LateEvidence<'_>, Calendar, Occasion),
    outbox: &mut Outbox,
) -> Result<Option<Outcome<'a>>, String> {
    let Some(policy) = policy else {
        partition.progress.count("without_policy", "", i64::from(occasion == Occasion::News));
        return Ok(None);
    };
    let case: Option<Case> = partition.case(state.household)?;
    let village = village::code_of(state.household);
    let mut village_case = partition.take_village_case(village)?;
    let attached = village::attached(village_case.as_ref());
    let may_release = match (policy.go_live, &case) {
        (Some(go_live), Some(_)) => {
            let village = partition.village(village, policy)?;
            village.is_next(state.household, calendar.day, go_live.cases_per_village_and_day)
        }
        _ => false,
    };
    let coverage = partition.coverage_of(state.household.county());
    let now = Now { calendar, coverage, attached: &attached, may_release, evidence: Some(&evidence) };
    let outcome = evaluate(state, case.as_ref(), policy, now, occasion);
    if let Some(fault) = evidence.into_fault() {
        return Err(format!("household {}: {fault}", state.household));
    }
    partition.set_due(state.household, outcome.next_due);
    if let Some(next) = &outcome.case {
        partition.count_case(case.as_ref(), next);
        outputs.case(partition, next, outbox).map_err(|error| error.to_string())?;
    }
    say(outputs, partition, &outcome.said, outbox)?;
    if let Some(next) = &outcome.case {
        let known = partition.case_changed(next, state, policy)?;
        let (next, said) = village::evaluate(known, (village, village_case.as_ref()), policy, calendar, &outcome.said);
        if let Some(next) = next {
            outputs.case(partition, &next, outbox).map_err(|error| error.to_string())?;
            village_case = Some(next);
        }
        say(outputs, partition, &said, outbox)?;
    }
    // No household has the code of its village; if one had, the case there would be its own.
    if state.household != village {
        partition.keep_village_case(village, village_case);
    }
    Ok(Some(outcome))
}

fn say(outputs: &Outputs, partition: &mut AlertPartition, said: &[Said], outbox: &mut Outbox) -> Result<(), String> {
    for said in said {
        partition.count_warning(&said.warning);
        outputs.said(partition, said, outbox).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The first day that is not closed yet.
fn current_day(closed: Day) -> Day {
    closed.plus(1)
}
