//! On which side of each act of an office the other news about a household came, and which of its requests came when
//! a matter of its village was there already: two runs of the same feeds agree on a case where both are the same
//! (invariant 1). It does not know what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use runtime::stage::Record;
use schemas::codec;
use schemas::records::{HouseholdEntry, Warning};
use schemas::{Cause, Day, Hash64, HouseholdCode, Kind};

use super::compare::Warnings;

/// What came before each act, by household, as `households.entries` has it, and what was attached to a matter of the
/// village, as the warnings have it.
#[derive(Debug, Default)]
pub(super) struct Sides {
    households: BTreeSet<HouseholdCode>,
    said: BTreeMap<HouseholdCode, Vec<Hash64>>,
    /// Each act with what came before it, sorted.
    acts: BTreeMap<HouseholdCode, Vec<(Hash64, Vec<Hash64>)>>,
    /// The requests for which the village's matter stood. Who is the one that makes it a matter of the village depends
    /// on the order in which neighbours' news of one day came.
    attached: BTreeMap<HouseholdCode, BTreeSet<(String, Cause, Day)>>,
}

impl Sides {
    /// Looks at these households.
    pub(super) fn of(households: &BTreeSet<HouseholdCode>) -> Self {
        Self { households: households.clone(), ..Self::default() }
    }

    /// Takes a record of `households.entries`; those of the calendar are passed over.
    pub(super) fn look(&mut self, record: &Record<'_>) -> Result<()> {
        let Some(value) = record.value.filter(|value| codec::is::<HouseholdEntry<'_>>(value)) else { return Ok(()) };
        let entry: HouseholdEntry<'_> = codec::decode(value).context("a record of households.entries")?;
        if !self.households.contains(&entry.household) {
            return Ok(());
        }
        let said = self.said.entry(entry.household).or_default();
        if entry.facts.iter().any(|fact| fact.kind == Kind::Action) {
            let mut before = said.clone();
            before.sort_unstable();
            self.acts.entry(entry.household).or_default().push((entry.event, before));
        }
        said.push(entry.event);
        Ok(())
    }

    /// Takes the warnings of the run.
    pub(super) fn look_at_warnings(&mut self, warnings: &Warnings) -> Result<()> {
        for bytes in warnings.values() {
            let warning: Warning = codec::decode(bytes).context("a record of warnings")?;
            if !warning.attached_to.is_empty() && self.households.contains(&warning.household) {
                let request = (warning.rule, warning.cause, warning.day);
                self.attached.entry(warning.household).or_default().insert(request);
            }
        }
        Ok(())
    }

    /// Whether an act about a household has other news before it than in another run, or other requests of it were
    /// attached to a matter of the village.
    pub(super) fn differ(&self, other: &Self, household: HouseholdCode) -> bool {
        let sorted = |sides: &Self| {
            let mut acts = sides.acts.get(&household).cloned().unwrap_or_default();
            acts.sort_unstable();
            acts
        };
        sorted(self) != sorted(other) || self.attached.get(&household) != other.attached.get(&household)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::records::{Fact, Origin};
    use schemas::{Cause, Day, EntryId, Fen};

    fn sides(events: &[(i64, Kind)]) -> Sides {
        let household = HouseholdCode::parse("4310231012050007").expect("a code");
        let mut sides = Sides::of(&BTreeSet::from([household]));
        for (event, kind) in events {
            let fact = Fact {
                sign: 1,
                entry: EntryId(*event),
                source: "rural-revitalisation",
                kind: *kind,
                code: "verification_result",
                value: "",
                amount_fen: Fen::ZERO,
                cause: Cause::Other,
                day: Day(20_000),
                reported_at_ms: 0,
                person: None,
            };
            let entry = HouseholdEntry {
                household,
                event: Hash64(*event),
                source: "rural-revitalisation",
                event_type: "",
                reported_at_ms: 0,
                rows: Vec::new(),
                facts: vec![fact],
                origin: Origin { topic: "", partition: 0, offset: 0 },
            };
            let mut bytes = Vec::new();
            codec::encode(&entry, &mut bytes).expect("it encodes");
            let record = Record {
                topic: "households.entries",
                partition: 0,
                offset: 0,
                timestamp_ms: 0,
                key: None,
                value: Some(&bytes),
                headers: &[],
            };
            sides.look(&record).expect("a record");
        }
        sides
    }

    #[test]
    fn only_what_changes_the_side_of_an_act_differs() {
        use Kind::{Action, Incident};
        let household = HouseholdCode::parse("4310231012050007").expect("a code");
        let told = sides(&[(1, Incident), (2, Incident), (3, Action), (4, Incident)]);
        for (what, other, differs) in [
            ("the same", sides(&[(1, Incident), (2, Incident), (3, Action), (4, Incident)]), false),
            (
                "two before the act changed places",
                sides(&[(2, Incident), (1, Incident), (3, Action), (4, Incident)]),
                false,
            ),
            ("one came after the act", sides(&[(1, Incident), (3, Action), (2, Incident), (4, Incident)]), true),
            ("no act came", sides(&[(1, Incident), (2, Incident), (4, Incident)]), true),
        ] {
            assert_eq!(told.differ(&other, household), differs, "{what}");
        }
    }
}
