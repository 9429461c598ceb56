//! Whether a snapshot may be used: what its file says against what the log says. It reads neither.

use crate::log::{Extent, Start};
use crate::snapshot::{AGE_MAX, Identity, Mark, Scan};
use crate::stage::RestoreSource;

/// How much the clocks of this machine and of the brokers may differ, in milliseconds.
pub(super) const CLOCKS_MS: i64 = 60_000;

/// Whether a snapshot is of this partition and not too old; an error says why not. One without a mark is as good as none: it
/// was begun, and the worker ended before it was complete.
pub(super) fn marked<'s>(
    scan: &'s Scan,
    identity: &Identity,
    start: &Start,
    now_ms: i64,
) -> Result<Option<&'s Mark>, String> {
    if scan.identity != *identity {
        return Err(format!("it is of \"{}\", not of \"{}\"", scan.identity.0, identity.0));
    }
    let Some(mark) = &scan.mark else { return Ok(None) };
    let age_ms = now_ms - mark.at_ms;
    if age_ms > AGE_MAX.as_millis() as i64 || age_ms < -CLOCKS_MS {
        return Err(format!("it is {} s old: tombstones since may be gone from the changelog", age_ms / 1_000));
    }
    let (input, committed) = (scan.input.max(mark.input), start.committed.unwrap_or(-1));
    if input > committed {
        return Err(format!("it goes to input offset {input}, and the group only to {committed}"));
    }
    Ok(Some(mark))
}

/// Whether a mark lies within its source; an error says why not. The extent was asked for with the time from which on a
/// record is younger than the mark.
pub(super) fn lies_within(source: &RestoreSource, offset: i64, extent: Extent) -> Result<(), String> {
    let RestoreSource { topic, partition, .. } = source;
    let Extent { earliest, end, first_since } = extent;
    if !(earliest..=end).contains(&offset) {
        return Err(format!("{topic}/{partition} goes from {earliest} to {end}, and its mark is at {offset}"));
    }
    // Records that lie before the mark are older than it, unless they are those of a topic that was made anew.
    match first_since {
        Some(since) if since < offset => Err(format!(
            "{topic}/{partition} has a record at offset {since}, before the mark at {offset}, that is younger than the \
             mark: was the topic made anew?"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{PartitionId, RestoreUntil};

    const NOW_MS: i64 = 1_700_000_000_000;
    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_snapshot_is_used_where_it_is_ours_young_and_not_ahead_of_the_group() {
        // Whose it is, its age in hours, the input offsets of its records and its mark, the group's, whether it is used.
        let rows = [
            ("ours", 0, 7, 5, Some(7), true),
            ("ours", 11, 7, 5, Some(9), true),
            ("ours", 13, 7, 5, Some(7), false),
            ("ours", -1, 7, 5, Some(7), false),
            ("ours", 0, 8, 5, Some(7), false),
            ("ours", 0, 7, 8, Some(7), false),
            ("ours", 0, 7, 5, None, false),
            ("ours", 0, -1, -1, None, true),
            ("theirs", 0, 7, 5, Some(7), false),
        ];
        for (whose, hours, input, marked_input, committed, expected) in rows {
            let mark = Mark { at_ms: NOW_MS - hours * HOUR_MS, input: marked_input, offsets: vec![3] };
            let scan =
                Scan { identity: Identity(whose.to_owned()), whole_bytes: 9, mark: Some(mark), base_bytes: 9, input };
            let id = PartitionId { topic: "households.states".to_owned(), partition: 0 };
            let start = Start { id, committed, earliest: 0 };
            let found = marked(&scan, &Identity("ours".to_owned()), &start, NOW_MS);
            assert_eq!(found.is_ok(), expected, "{whose} {hours} {input} {marked_input} {committed:?}: {found:?}");
        }
    }

    #[test]
    fn a_mark_lies_within_its_source_and_before_what_is_younger() {
        let topic = "households.cases".to_owned();
        let source = RestoreSource { topic, partition: 0, until: RestoreUntil::End };
        // Earliest, end, first younger record, the mark, whether it is good.
        let rows = [
            (0, 9, None, 9, true),
            (5, 9, None, 5, true),
            (0, 9, Some(6), 6, true),
            (0, 9, None, 10, false),
            (5, 9, None, 4, false),
            (0, 9, Some(5), 6, false),
            (0, 9, Some(0), 6, false),
        ];
        for (earliest, end, first_since, offset, expected) in rows {
            let extent = Extent { earliest, end, first_since };
            let found = lies_within(&source, offset, extent);
            assert_eq!(found.is_ok(), expected, "{extent:?} {offset}: {found:?}");
        }
    }
}
