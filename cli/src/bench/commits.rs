//! How long commits took, from what services say of themselves. It does not know the services.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::measured::{quotient, rounded};
use super::services::Metrics;

/// The metric, as `runtime` names it.
const BUCKET: &str = "backstop_commit_seconds_bucket";

/// Commits of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Commits {
    /// How many.
    pub(super) count: u64,
    /// So long the faster half took at most; between the bounds of the metric's buckets it is counted evenly.
    pub(super) ms_p50: f64,
    /// And so long 99 of 100.
    pub(super) ms_p99: f64,
}

/// The commits of each stage between two tellings.
pub(super) fn between(before: &Metrics, after: &Metrics) -> BTreeMap<String, Commits> {
    let (before, after) = (buckets(before), buckets(after));
    let mut stages: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for ((stage, bound), count) in &after {
        let old = before.get(&(stage.clone(), *bound)).copied().unwrap_or_default();
        stages.entry(stage.clone()).or_default().push((f64::from_bits(*bound), count - old));
    }
    stages.into_iter().map(|(stage, buckets)| (stage, commits(&buckets))).collect()
}

/// Cumulative counts by stage and upper bound; the bits of positive numbers are in the order of the numbers.
fn buckets(metrics: &Metrics) -> BTreeMap<(String, u64), f64> {
    let read = |(name, value): &(String, f64)| {
        let labels = name.strip_prefix(BUCKET)?;
        let bound = label(labels, "le")?;
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
        Some(((label(labels, "stage")?.to_owned(), bound.to_bits()), *value))
    };
    metrics.iter().filter_map(read).collect()
}

/// The value of a label within `{name="value",...}`.
pub(super) fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = labels.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn commits(buckets: &[(f64, f64)]) -> Commits {
    let count = buckets.last().map_or(0.0, |(_, count)| *count);
    let at = |share: f64| {
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, within) in buckets {
            if *within >= count * share && count > 0.0 {
                let high = if bound.is_finite() { *bound } else { low };
                return rounded((low + (high - low) * quotient(count * share - below, within - below)) * 1e3);
            }
            (low, below) = (*bound, *within);
        }
        0.0
    };
    Commits { count: count as u64, ms_p50: at(0.5), ms_p99: at(0.99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_99_of_100_are_counted_evenly_within_a_bucket() {
        let told = |counts: [f64; 4]| -> Metrics {
            let bounds = ["0.01", "0.1", "0.2", "+Inf"];
            let name = |bound| format!("{BUCKET}{{stage=\"fuse\",le=\"{bound}\"}}");
            bounds.iter().zip(counts).map(|(bound, count)| (name(bound), count)).collect()
        };
        let found = between(&told([5.0, 5.0, 5.0, 5.0]), &told([5.0, 95.0, 105.0, 105.0]));
        let expected = Commits { count: 100, ms_p50: 60.0, ms_p99: 190.0 };
        assert_eq!(found, BTreeMap::from([("fuse".to_owned(), expected)]));
        let none = between(&told([5.0; 4]), &told([5.0; 4]));
        assert_eq!(none["fuse"], Commits::default());
    }
}
