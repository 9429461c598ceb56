//! How well each department reports, month by month: counts and delays of one partition of resolve, and their
//! changelog. It does not know why something is counted; views in ClickHouse add the partitions up.

use ingest_core::resolve::Note;
use runtime::stage::{Figures, Outbox, Outgoing, Placement};
use schemas::codec::{self, CodecError};
use schemas::records::{DELAY_DAYS_MAX, Scorecard};
use schemas::{Day, Month};

/// Cards of one partition at most: a card for each of 60 departments in each month of the horizon. What would open
/// one more is passed over, which [`Scorecards::note`] and [`Scorecards::delay`] say.
const CARDS_MAX: usize = 2_048;

/// The bounds of the delays that become figures, in days: fewer than a card has, since figures are told each second.
const FIGURE_DAYS_MAX: [i32; 9] = [1, 3, 7, 14, 30, 60, 90, 180, 365];

/// Something that a department's record was, besides applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Came again with the same content.
    Duplicate,
    /// Had to wait for its person or household.
    Parked,
    /// Became a dead letter.
    Refused,
    /// What resolve notes beside how a record ended.
    Noted(Note),
}

impl Mark {
    fn of(self, card: &mut Scorecard) -> &mut i64 {
        match self {
            Self::Duplicate => &mut card.duplicates,
            Self::Parked => &mut card.parked,
            Self::Refused => &mut card.refused,
            Self::Noted(Note::Correction) => &mut card.corrections,
            Self::Noted(Note::Retraction) => &mut card.retractions,
            Self::Noted(Note::ContentChanged) => &mut card.content_changed,
            Self::Noted(Note::Conflict) => &mut card.conflicts,
            Self::Noted(Note::DocumentTwice) => &mut card.documents_twice,
            Self::Noted(Note::Unattributed) => &mut card.unattributed,
        }
    }
}

/// What a card was at the last commit.
#[derive(Debug)]
enum Saved {
    /// The same as now.
    Same,
    /// It was not there.
    Absent,
    /// This.
    Was(Box<Scorecard>),
}

#[derive(Debug)]
struct Held {
    card: Scorecard,
    saved: Saved,
}

/// The cards of one partition, sorted by department and month, with what they were at the last commit.
#[derive(Debug, Default)]
pub(super) struct Scorecards {
    cards: Vec<Held>,
    /// Cards that left since the last commit, as they were then.
    dropped: Vec<Scorecard>,
    /// Where the card stands that was touched last: most records are of the department and month of the one before.
    last: usize,
}

impl Scorecards {
    /// Counts one record that the department reported on that day. Whether there was room for it.
    #[must_use]
    pub(super) fn note(&mut self, source: &str, reported_day: Day, mark: Mark) -> bool {
        let card = self.touch(source, reported_day.month());
        card.map(|card| {
            *mark.of(card) += 1;
            card.number += 1;
        })
        .is_some()
    }

    /// Counts one applied record with its delay. Whether there was room for it.
    #[must_use]
    pub(super) fn delay(&mut self, source: &str, occurred_day: Day, reported_day: Day) -> bool {
        let card = self.touch(source, reported_day.month());
        card.map(|card| card.delay(occurred_day, reported_day)).is_some()
    }

    /// The card, kept as it was at the last commit; none where there is no room for another.
    fn touch(&mut self, source: &str, month: Month) -> Option<&mut Scorecard> {
        let is_it = |held: &Held| held.card.month == month && held.card.source == source;
        let found = if self.cards.get(self.last).is_some_and(is_it) { Ok(self.last) } else { self.find(source, month) };
        let at = match found {
            Ok(at) => at,
            Err(_) if self.cards.len() >= CARDS_MAX => return None,
            Err(at) => {
                self.cards.insert(at, Held { card: Scorecard::new(source, month), saved: Saved::Absent });
                at
            }
        };
        self.last = at;
        let held = &mut self.cards[at];
        if matches!(held.saved, Saved::Same) {
            held.saved = Saved::Was(Box::new(held.card.clone()));
        }
        Some(&mut held.card)
    }

    fn find(&self, source: &str, month: Month) -> Result<usize, usize> {
        self.cards.binary_search_by(|held| (held.card.source.as_str(), held.card.month).cmp(&(source, month)))
    }

    /// Drops the cards of months that lie before the oldest one.
    pub(super) fn trim(&mut self, oldest: Month) {
        let (kept, old) = std::mem::take(&mut self.cards).into_iter().partition(|held| held.card.month >= oldest);
        self.cards = kept;
        for held in old {
            match held.saved {
                Saved::Same => self.dropped.push(held.card),
                Saved::Was(card) => self.dropped.push(*card),
                Saved::Absent => {}
            }
        }
    }

    /// Takes a record of the changelog.
    pub(super) fn restore(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), CodecError> {
        let Some(value) = value else {
            self.cards.retain(|held| held.card.key() != key);
            return Ok(());
        };
        let card: Scorecard = codec::decode(value)?;
        let found = self.find(&card.source, card.month);
        let held = Held { card, saved: Saved::Same };
        match found {
            Ok(at) => self.cards[at] = held,
            Err(at) => self.cards.insert(at, held),
        }
        Ok(())
    }

    /// Publishes each card that changed since the last commit to the partition of the same number.
    pub(super) fn flush(&self, output: usize, partition: i32, outbox: &mut Outbox) -> Result<(), CodecError> {
        let placement = Placement::Partition(partition);
        for gone in &self.dropped {
            if self.find(&gone.source, gone.month).is_err() {
                let key = gone.key();
                outbox.publish(Outgoing { output, placement, key: Some(key.as_bytes()), value: None }, &[]);
            }
        }
        for held in self.cards.iter().filter(|held| !matches!(held.saved, Saved::Same)) {
            let key = held.card.key();
            let record = Outgoing { output, placement, key: Some(key.as_bytes()), value: None };
            outbox.publish_with(record, &[], |out| codec::encode(&held.card, out))?;
        }
        Ok(())
    }

    /// What changed is so.
    pub(super) fn committed(&mut self) {
        self.dropped.clear();
        for held in &mut self.cards {
            held.saved = Saved::Same;
        }
    }

    /// Brings back the cards of the last commit.
    pub(super) fn rolled_back(&mut self) {
        let mut cards = std::mem::take(&mut self.cards);
        cards.retain_mut(|held| match std::mem::replace(&mut held.saved, Saved::Same) {
            Saved::Same => true,
            Saved::Absent => false,
            Saved::Was(card) => {
                held.card = *card;
                true
            }
        });
        let dropped = std::mem::take(&mut self.dropped);
        // A card that was dropped and then opened anew is not among the ones above: it was absent.
        cards.extend(dropped.into_iter().map(|card| Held { card, saved: Saved::Same }));
        cards.sort_unstable_by(|one, other| {
            (&one.card.source, one.card.month).cmp(&(&other.card.source, other.card.month))
        });
        self.cards = cards;
    }

    /// The month of `today` and the one before as figures, labelled `department/month/what`, as far as there is
    /// something to count; a delay's label ends with the bucket's bound, as a histogram of Prometheus has it.
    pub(super) fn figures(&self, today: Day, figures: &mut Figures) {
        let month = today.month();
        for card in self.cards.iter().map(|held| &held.card).filter(|card| (0..=1).contains(&month.since(card.month))) {
            let key = card.key();
            for (what, count) in counts(card).into_iter().filter(|(_, count)| *count > 0) {
                figures.add("scorecard_records", format!("{key}/{what}"), count);
            }
            let applied: i64 = card.delays.iter().sum();
            if applied == 0 {
                continue;
            }
            for bound in FIGURE_DAYS_MAX {
                let buckets = DELAY_DAYS_MAX.iter().take_while(|max| **max <= bound).count();
                let within = card.delays.iter().take(buckets).sum();
                figures.add("scorecard_delay_records", format!("{key}/{bound}"), within);
            }
            figures.add("scorecard_delay_records", format!("{key}/+Inf"), applied);
        }
    }
}

fn counts(card: &Scorecard) -> [(&'static str, i64); 9] {
    [
        ("corrections", card.corrections),
        ("retractions", card.retractions),
        ("content_changed", card.content_changed),
        ("conflicts", card.conflicts),
        ("duplicates", card.duplicates),
        ("documents_twice", card.documents_twice),
        ("unattributed", card.unattributed),
        ("parked", card.parked),
        ("refused", card.refused),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARCH: Day = Day(20_160);

    fn flushed(cards: &Scorecards) -> Vec<(String, Option<Scorecard>)> {
        let (mut outbox, mut headers) = (Outbox::default(), Vec::new());
        cards.flush(0, 3, &mut outbox).expect("encodes");
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(record) = outbox.get(at, &mut headers) {
            assert_eq!(record.placement, Placement::Partition(3));
            let key = String::from_utf8(record.key.expect("a key").to_vec()).expect("UTF-8");
            found.push((key, record.value.map(|value| codec::decode(value).expect("a scorecard"))));
            at += 1;
        }
        found
    }

    fn restored(from: &[(String, Option<Scorecard>)]) -> Scorecards {
        let mut cards = Scorecards::default();
        for (key, card) in from {
            let mut bytes = Vec::new();
            let value = card.as_ref().map(|card| codec::encode(card, &mut bytes)).transpose().expect("encodes");
            cards.restore(key, value.map(|()| bytes.as_slice())).expect("restores");
        }
        cards
    }

    fn values(cards: &Scorecards) -> Vec<Scorecard> {
        cards.cards.iter().map(|held| held.card.clone()).collect()
    }

    #[test]
    fn a_department_has_a_card_for_each_month_in_which_it_reports() {
        let mut cards = Scorecards::default();
        assert!(cards.delay("water", MARCH.plus(-3), MARCH));
        assert!(cards.note("water", MARCH, Mark::Duplicate));
        assert!(cards.note("health", MARCH.plus(40), Mark::Parked));
        let found = flushed(&cards);
        assert_eq!(found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["health/2025-04", "water/2025-03"]);
        let water = found[1].1.as_ref().expect("a card");
        assert_eq!((water.number, water.duplicates, water.delays[3]), (2, 1, 1));
        assert_eq!(values(&restored(&found)), values(&cards));
    }

    #[test]
    fn what_an_aborted_transaction_counted_is_forgotten() {
        let mut cards = Scorecards::default();
        assert!(cards.note("water", MARCH, Mark::Parked) && cards.note("health", MARCH.plus(-90), Mark::Refused));
        cards.committed();
        assert!(flushed(&cards).is_empty());
        let before = values(&cards);
        assert!(cards.note("water", MARCH, Mark::Parked) && cards.note("finance", MARCH, Mark::Duplicate));
        cards.trim(MARCH.month());
        assert!(cards.note("health", MARCH.plus(-90), Mark::Refused), "opened anew after it was dropped");
        cards.rolled_back();
        assert_eq!(values(&cards), before);
        assert!(flushed(&cards).is_empty());
    }

    #[test]
    fn a_month_that_left_the_horizon_is_taken_out_of_the_changelog() {
        let mut cards = Scorecards::default();
        assert!(cards.note("water", MARCH.plus(-90), Mark::Parked) && cards.note("water", MARCH, Mark::Parked));
        let first = flushed(&cards);
        cards.committed();
        cards.trim(MARCH.month());
        let second = flushed(&cards);
        assert_eq!(second, [("water/2024-12".to_owned(), None)]);
        assert_eq!(values(&restored(&[first, second].concat())), values(&cards));
    }

    #[test]
    fn cards_have_a_limit_and_what_meets_it_is_said() {
        let mut cards = Scorecards::default();
        for month in 0..CARDS_MAX as i32 {
            assert!(cards.note("water", Day(month * 31), Mark::Parked));
        }
        assert!(!cards.note("health", MARCH, Mark::Parked) && !cards.delay("health", MARCH, MARCH));
        assert!(cards.note("water", Day(0), Mark::Parked), "a card that is there goes on");
    }

    #[test]
    fn the_bounds_of_figures_are_bounds_of_the_cards() {
        assert!(FIGURE_DAYS_MAX.iter().all(|bound| DELAY_DAYS_MAX.contains(bound)));
    }

    #[test]
    fn figures_are_of_this_month_and_the_one_before_and_delays_add_up() {
        let mut cards = Scorecards::default();
        for (occurred, reported) in [(-2, 0), (-400, 0), (-70, -70)] {
            assert!(cards.delay("water", MARCH.plus(occurred), MARCH.plus(reported)));
        }
        let mut figures = Figures::default();
        cards.figures(MARCH, &mut figures);
        let value = |label: &str| figures.rows.iter().find(|(_, found, _)| found == label).map(|(_, _, value)| *value);
        assert_eq!(value("water/2025-03/1"), Some(0));
        assert_eq!(value("water/2025-03/3"), Some(1));
        assert_eq!(value("water/2025-03/+Inf"), Some(2));
        assert_eq!(value("water/2025-03/parked"), None);
        assert_eq!(value("water/2024-12/+Inf"), None);
    }
}
