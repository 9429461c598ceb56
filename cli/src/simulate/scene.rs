//! One household in one month: what its life events write to. A scene draws, queues changes of the latent account
//! and reports events to the feeds with their defects. It does not know which life events there are.

use std::fmt::Write;

use schemas::id::CitizenNumber;
use schemas::{Cause, Day, Month, Op};

use super::account::{Change, Effect, Exogenous};
use super::changes::ChangeRates;
use super::city::Visits;
use super::defects::Rates;
use super::dice::Dice;
use super::events::{Body, EVENTS, Head};
use super::places;
use super::population::Household;
use super::sink::{Sink, WRITERS};
use super::slips::{Slip, Writing};

/// Length of an oversized record, in bytes.
const OVERSIZED_BYTES: usize = 1_500_000;
/// An area code outside the city, for persons whom nobody knows.
const STRANGERS_AREA: u32 = 110_105;
/// Departments that always write certificates in place of numbers, or numbers into event ids.
const CERTIFICATES: &str = "disabled-federation";
const NUMBERS_IN_IDS: &str = "civil-affairs";

/// Where and when a household's events are written.
pub(crate) struct Scene<'a> {
    /// The city's seed.
    pub(crate) seed: u64,
    /// The rates of defects.
    pub(crate) rates: &'a Rates,
    /// How families change, and how often departments put right what they said.
    pub(crate) changes: &'a ChangeRates,
    /// The line below which verifiers find a household poor, in fen a head and year.
    pub(crate) line_fen: i64,
    /// When verifiers come to the door.
    pub(crate) visits: Visits,
    /// The month.
    pub(crate) month: Month,
    /// The first day of the run.
    pub(crate) start: Day,
    /// The draws.
    pub(crate) dice: Dice,
    /// Where events go.
    pub(crate) sink: &'a mut Sink,
    /// Reused text.
    pub(crate) text: Text,
}

/// Buffers for the texts of an event.
#[derive(Default)]
pub(crate) struct Text {
    id: String,
    number: String,
    document: String,
}

/// About whom, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// The person; none where the event is about the household.
    pub(crate) person: Option<CitizenNumber>,
    /// The day on which it occurred.
    pub(crate) occurred: Day,
    /// Days after which the department reports it, when nothing goes wrong.
    pub(crate) after_days: i32,
    /// Whether a paper stands behind it.
    pub(crate) paper: Paper,
}

/// The paper behind an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paper {
    /// None.
    None,
    /// One of its own.
    Own,
    /// That of the event told last, as another department spells its number.
    Last,
}

impl Told {
    /// About a person.
    pub(crate) fn person(number: CitizenNumber, occurred: Day, after_days: i32) -> Self {
        Self { person: Some(number), occurred, after_days, paper: Paper::None }
    }

    /// About the household.
    pub(crate) fn household(occurred: Day, after_days: i32) -> Self {
        Self { person: None, occurred, after_days, paper: Paper::None }
    }

    /// With a paper behind it.
    #[must_use]
    pub(crate) fn with_paper(self) -> Self {
        Self { paper: Paper::Own, ..self }
    }

    /// With the paper of the event told last.
    #[must_use]
    pub(crate) fn with_last_paper(self) -> Self {
        Self { paper: Paper::Last, ..self }
    }
}

impl Scene<'_> {
    /// A day of the month.
    pub(crate) fn some_day(&mut self) -> Day {
        let first = self.month.first_day();
        let days = self.month.last_day().0 - first.0;
        first.plus(self.dice.days(0, days))
    }

    /// That day of the month, 1 to 28.
    pub(crate) fn day(&self, number: i32) -> Day {
        self.month.first_day().plus(number - 1)
    }

    /// Notes an exogenous event; gives its place.
    pub(crate) fn befall(household: &mut Household, kind: &'static str, causes: &'static [Cause], day: Day) -> usize {
        household.events.push(Exogenous::new(kind, causes, day));
        household.events.len() - 1
    }

    /// Queues a change of the account.
    pub(crate) fn later(household: &mut Household, day: Day, effect: Effect, event: Option<usize>) {
        household.future.push(Change { day, effect, event, person: None });
    }

    /// Queues a change that goes where the person goes.
    pub(crate) fn later_of(
        household: &mut Household,
        person: CitizenNumber,
        day: Day,
        effect: Effect,
        event: Option<usize>,
    ) {
        household.future.push(Change { day, effect, event, person: Some(person) });
    }

    /// Reports an event that belongs to an exogenous one, which is carried by it from its publication on.
    pub(crate) fn tell_of<B: Body>(&mut self, household: &mut Household, event: Option<usize>, told: Told, body: &B) {
        let published = self.tell(household, told, body);
        Self::carry(household, event, published);
    }

    /// Notes that a feed carried an event of the exogenous one on a day.
    pub(crate) fn carry(household: &mut Household, event: Option<usize>, published: Option<Day>) {
        if let (Some(day), Some(event)) = (published, event.and_then(|at| household.events.get_mut(at))) {
            event.carried = Some(event.carried.map_or(day, |earlier| earlier.min(day)));
        }
    }

    /// Reports an event; gives the day of its publication, or none where a defect makes it unusable.
    pub(crate) fn tell<B: Body>(&mut self, household: &mut Household, told: Told, body: &B) -> Option<Day> {
        let slip = Slip::draw::<B>(self.changes, &mut self.dice);
        self.write(household, told, body, slip)
    }

    /// Reports an event that never was, and takes it back up to three months later.
    pub(crate) fn tell_by_mistake<B: Body>(&mut self, household: &mut Household, told: Told, body: &B) {
        self.write(household, told, body, Slip::Mistaken);
    }

    fn write<B: Body>(&mut self, household: &mut Household, told: Told, body: &B, slip: Slip) -> Option<Day> {
        let department = EVENTS[B::EVENT].department;
        let day = self.publication(B::EVENT, household.index, told);
        let valid = self.write_number(told.person, department);
        self.write_id(household, told.person, B::EVENT, department);
        let paper = self.write_document(told, household);
        let code = household.code.digits();
        let names_household = told.person.is_none() || department == "rural-revitalisation";
        let Scene { text, dice, sink, changes, .. } = self;
        let head = Head {
            event_id: &text.id,
            person_id: told.person.map(|_| text.number.as_str()),
            household_code: if names_household { std::str::from_utf8(&code).ok() } else { None },
            occurred_ms: told.occurred.start_ms() + 8 * 3_600_000 + dice.between(0, 36_000_000),
            reported_ms: day.start_ms() + 20 * 3_600_000 + dice.between(0, 10_800_000),
            op: Op::Upsert,
            corrects_event_id: None,
            document_number: paper.then_some(text.document.as_str()),
        };
        let mut writing = Writing { rates: changes, dice, sink };
        let published = match slip {
            Slip::Corrected | Slip::SaidAgain => writing.put_right(slip, &head, body, day),
            Slip::Mistaken => {
                writing.mistaken(&head, body, day, 90);
                return None;
            }
            Slip::None | Slip::TakenBack => {
                writing.sink.send(&head, body, day);
                spoil(self.rates, self.seed, B::EVENT, day, writing.dice, writing.sink);
                if slip == Slip::TakenBack {
                    writing.take_back(&head, body, day);
                }
                day
            }
        };
        if told.person.is_some() && self.dice.chance(self.rates.stranger_ppm) {
            self.about_stranger(household, &told, body, day);
        }
        valid.then_some(published)
    }

    fn publication(&mut self, event: usize, household: u32, told: Told) -> Day {
        let feed = u64::from(WRITERS[event].feed());
        let mut due = told.occurred.plus(told.after_days);
        if self.dice.chance(self.rates.late_ppm) {
            due = due.plus(self.dice.days(20, 120));
        }
        if self.dice.chance(self.changes.very_late_ppm) {
            due = due.plus(self.dice.days(120, 300));
        }
        // Nothing is published before the run; what is older comes with the first load.
        let due = due.max(self.start.plus(-1));
        self.rates.published(self.seed, feed, places::county(household), told.occurred, due)
    }

    /// Writes the number of the person as the department does; tells whether it is valid.
    fn write_number(&mut self, person: Option<CitizenNumber>, department: &str) -> bool {
        let text = &mut self.text.number;
        text.clear();
        let Some(number) = person else { return true };
        let number = number.as_str();
        if &number[6..8] == "19" && self.dice.chance(self.rates.old_number_ppm) {
            text.push_str(&number[..6]);
            text.push_str(&number[8..17]);
            return true;
        }
        text.push_str(number);
        if number.ends_with('X') && self.dice.chance(self.rates.lower_case_ppm) {
            text.make_ascii_lowercase();
        }
        if department == CERTIFICATES || self.dice.chance(self.rates.certificate_ppm) {
            text.push_str(if self.dice.chance(500_000) { "43" } else { "42B1" });
        }
        if !self.dice.chance(self.rates.bad_number_ppm) {
            return true;
        }
        let wrong = if &text[17..18] == "7" { "8" } else { "7" };
        text.replace_range(17..18, wrong);
        false
    }

    fn write_id(&mut self, household: &mut Household, person: Option<CitizenNumber>, event: usize, department: &str) {
        let number = household.next_event;
        household.next_event += 1;
        let text = &mut self.text.id;
        text.clear();
        let feed = WRITERS[event].feed() + 1;
        let inside = department == NUMBERS_IN_IDS || self.dice.chance(self.rates.number_in_event_id_ppm);
        let written = match person.filter(|_| inside) {
            Some(person) => write!(text, "{feed:02}-{}-{number:06}", person.as_str()),
            None => write!(text, "{feed:02}-{}-{number:06}", household.code),
        };
        // Writing into a text cannot fail.
        debug_assert!(written.is_ok());
    }

    /// Writes the number of the paper, where there is one.
    fn write_document(&mut self, told: Told, household: &Household) -> bool {
        let text = &mut self.text.document;
        match told.paper {
            Paper::None => return false,
            Paper::Last => {
                spell_otherwise(text, &mut self.dice);
                return true;
            }
            Paper::Own => text.clear(),
        }
        let number = self.dice.below(10_000);
        let inside = self.dice.chance(self.rates.number_in_document_ppm);
        let written = match told.person.filter(|_| inside) {
            Some(person) => write!(text, "{}-{number:04}", person.as_str()),
            None => write!(text, "P{}{}-{:06}{number:04}", household.index, household.branch, household.next_event),
        };
        written.is_ok()
    }

    /// The same about somebody whom nobody knows.
    fn about_stranger<B: Body>(&mut self, household: &mut Household, told: &Told, body: &B, day: Day) {
        let serial = self.dice.below(1_000) as u16;
        let birth = Day(self.dice.days(-7_000, 12_000));
        let Some(stranger) = CitizenNumber::compose(STRANGERS_AREA, birth, serial) else { return };
        self.text.number.clear();
        self.text.number.push_str(stranger.as_str());
        self.write_id(household, None, B::EVENT, "");
        let head = Head {
            event_id: &self.text.id,
            person_id: Some(&self.text.number),
            household_code: None,
            occurred_ms: told.occurred.start_ms(),
            reported_ms: day.start_ms() + 20 * 3_600_000,
            op: Op::Upsert,
            corrects_event_id: None,
            document_number: None,
        };
        self.sink.send(&head, body, day);
    }
}

/// Spells the number of a paper as another department does: in lower case, with spaces, or with full-width digits.
fn spell_otherwise(number: &mut String, dice: &mut Dice) {
    *number = match dice.below(3) {
        0 => number.to_ascii_lowercase(),
        1 => number.replace('-', " - "),
        _ => number
            .chars()
            .map(|one| one.to_digit(10).and_then(|digit| char::from_u32(0xFF10 + digit)).unwrap_or(one))
            .collect(),
    };
}

/// Sends the record published last again, or a broken form of it, as often as the rates say.
fn spoil(rates: &Rates, seed: u64, event: usize, day: Day, dice: &mut Dice, sink: &mut Sink) {
    if dice.chance(rates.resent_ppm) {
        let again = day.plus(dice.days(0, 20));
        sink.repeat_last(day, again, |_| {});
        if again == day {
            // The copy is now the last record; what follows would spoil that one, which is the same.
            return;
        }
    }
    if rates.file_resent(seed, u64::from(WRITERS[event].feed()), day) {
        sink.repeat_last(day, day.plus(1), |_| {});
    }
    if dice.chance(rates.garbage_ppm) {
        let shape = dice.below(3);
        let cut = dice.below(40) as usize;
        let mut noise = [0; 48];
        dice.bytes(&mut noise);
        sink.repeat_last(day, day, |value| match shape {
            0 => {
                value.clear();
                value.extend_from_slice(&noise[..=cut]);
            }
            1 => value.truncate(cut.max(6)),
            _ => value.clear(),
        });
        return;
    }
    if dice.chance(rates.unknown_schema_ppm) {
        sink.repeat_last(day, day, |value| {
            value.splice(..5, [0, 0, 0x0f, 0x42, 0x3f]);
        });
    } else if dice.chance(rates.oversized_ppm) {
        sink.repeat_last(day, day, |value| value.resize(OVERSIZED_BYTES, b' '));
    }
}
