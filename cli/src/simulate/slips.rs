//! What a department gets wrong and puts right: an event with a wrong amount or date that is corrected, or sent again
//! under the same id; one that never was and is taken back. In the end the feeds say what is true. It does not know
//! what the event is.

use schemas::{Day, Op};

use super::changes::ChangeRates;
use super::dice::Dice;
use super::events::{Body, Head, Wrong};
use super::sink::Sink;

/// Hour of the day at which what puts an earlier event right is reported, in milliseconds.
const REPORTED_MS: i64 = 20 * 3_600_000;

/// What goes wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slip {
    /// Nothing.
    None,
    /// It has a wrong amount or date, and is corrected.
    Corrected,
    /// It has a wrong amount or date, and comes again under the same id.
    SaidAgain,
    /// It comes a second time under another id, and that one is taken back.
    TakenBack,
    /// It never was, and is taken back.
    Mistaken,
}

impl Slip {
    /// Draws what goes wrong with an event of this type.
    pub(super) fn draw<B: Body>(rates: &ChangeRates, dice: &mut Dice) -> Self {
        let draw = dice.below(1_000_000) as u32;
        let (corrected, said_again) =
            if B::CAN_BE_WRONG { (rates.corrected_ppm, rates.content_changed_ppm) } else { (0, 0) };
        if draw < corrected {
            Self::Corrected
        } else if draw < corrected + said_again {
            Self::SaidAgain
        } else if draw < corrected + said_again + rates.retracted_ppm {
            Self::TakenBack
        } else {
            Self::None
        }
    }
}

/// Writes the events of one slip.
pub(super) struct Writing<'a> {
    /// The rates.
    pub(super) rates: &'a ChangeRates,
    /// The draws.
    pub(super) dice: &'a mut Dice,
    /// Where events go.
    pub(super) sink: &'a mut Sink,
}

impl Writing<'_> {
    /// Publishes an event whose wrong form comes first, reported on `day`; gives the day of its publication.
    pub(super) fn put_right<B: Body>(&mut self, slip: Slip, head: &Head<'_>, body: &B, day: Day) -> Day {
        let wrong = body.with(self.wrong());
        let righted = day.plus(self.dice.days(1, 60));
        let published =
            if self.dice.chance(self.rates.op_first_ppm) { righted.plus(self.dice.days(1, 20)) } else { day };
        self.sink.send(head, &wrong, published);
        if slip == Slip::SaidAgain {
            self.sink.send(&Head { reported_ms: righted.start_ms() + REPORTED_MS, ..*head }, body, righted);
            return published;
        }
        let first = format!("{}-1", head.event_id);
        if self.dice.chance(self.rates.again_ppm) {
            let half = body.with(self.wrong());
            self.sink.send(&later(head, &first, head.event_id, Op::Correct, righted), &half, righted);
            let again = righted.plus(self.dice.days(1, 30));
            self.sink.send(&later(head, &format!("{}-2", head.event_id), &first, Op::Correct, again), body, again);
        } else {
            self.sink.send(&later(head, &first, head.event_id, Op::Correct, righted), body, righted);
        }
        published
    }

    /// Publishes what is taken back beside a right event: a second one like it, or a retraction of the event itself.
    pub(super) fn take_back<B: Body>(&mut self, head: &Head<'_>, body: &B, day: Day) {
        let first = format!("{}-1", head.event_id);
        let second = format!("{}-2", head.event_id);
        if self.dice.chance(self.rates.again_ppm) {
            let mistaken = day.plus(self.dice.days(1, 30));
            self.sink.send(&later(head, &first, head.event_id, Op::Retract, mistaken), body, mistaken);
            let again = mistaken.plus(self.dice.days(1, 20));
            self.sink.send(&later(head, &second, &first, Op::Retract, again), body, again);
            return;
        }
        let copied = day.plus(self.dice.days(0, 5));
        let copy =
            Head { event_id: &first, reported_ms: copied.start_ms() + REPORTED_MS, document_number: None, ..*head };
        let body = &body.with(self.wrong());
        self.mistaken(&copy, body, copied, 30);
    }

    /// Publishes an event that never was, and its retraction after up to so many days.
    pub(super) fn mistaken<B: Body>(&mut self, head: &Head<'_>, body: &B, day: Day, days_max: i32) {
        let taken_back = day.plus(self.dice.days(1.min(days_max), days_max));
        let published =
            if self.dice.chance(self.rates.op_first_ppm) { taken_back.plus(self.dice.days(1, 20)) } else { day };
        self.sink.send(head, body, published);
        let id = format!("{}-9", head.event_id);
        self.sink.send(&later(head, &id, head.event_id, Op::Retract, taken_back), body, taken_back);
    }

    /// A mistake: a digit too many or too few in the amount, another receipt's amount, another date.
    fn wrong(&mut self) -> Wrong {
        let days = self.dice.days(1, 40) * self.dice.pick(&[-1, 1]);
        Wrong { percent: self.dice.pick(&[10, 50, 90, 110, 200, 1_000]), days }
    }
}

/// The envelope of what puts `original` right.
fn later<'a>(head: &Head<'a>, event_id: &'a str, original: &'a str, op: Op, day: Day) -> Head<'a> {
    let reported_ms = day.start_ms() + REPORTED_MS;
    Head { event_id, op, corrects_event_id: Some(original), reported_ms, ..*head }
}
