//! The latent account of a household (domain section 8.2): what it can expect to earn, what it had to spend and what
//! it was compensated, all of it, whether a feed shows it or not; and the shocks found in it. Pensions and allowances
//! that it has anyway are income; help that an office gives after a warning or a visit is never booked, so that the
//! account is the same whatever was warned of. It knows no feed and reads no policy.

use schemas::id::CitizenNumber;
use schemas::{Cause, Day};

/// Days of the window over which spending and compensation are summed.
pub(crate) const WINDOW_DAYS: i32 = 365;
/// Days within which an event must take the household below the line to be its shock (6 months).
pub(crate) const EFFECT_DAYS: i32 = 183;
/// By how much a head an event lowers a household that is below the line already, to be a shock: 1,000 yuan.
pub(crate) const DEEPENED_FEN: i64 = 100_000;

/// What changes an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Rigid spending or loss, in fen.
    Spend(i64),
    /// Compensation, in fen.
    Compensate(i64),
    /// The income expected for the next 12 months changes by so much, in fen.
    Income(i64),
    /// The number of members changes by so much.
    Members(i32),
    /// Members come or go together with the income that they bring.
    People {
        /// How many; negative for those who go.
        members: i32,
        /// What they bring in a year, in fen; negative for what goes.
        income_fen: i64,
    },
    /// A safeguard is lost (house, water, school).
    Lose(Safeguard),
    /// A safeguard holds again.
    Restore(Safeguard),
}

/// What a household must have besides income.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safeguard {
    /// A safe house.
    House = 1,
    /// Safe drinking water.
    Water = 2,
    /// Children at school.
    School = 4,
}

/// A change that happens on a day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// The day.
    pub(crate) day: Day,
    /// What it does.
    pub(crate) effect: Effect,
    /// The exogenous event behind it, by its place among the household's.
    pub(crate) event: Option<usize>,
    /// Whose it is: it goes where the person goes. None for what is the household's.
    pub(crate) person: Option<CitizenNumber>,
}

/// An exogenous event: an illness, an accident, a lost job, a disaster; with all that follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Exogenous {
    /// What it is, such as `admission`.
    pub(crate) kind: &'static str,
    /// The causes under which a warning about it is right.
    pub(crate) causes: &'static [Cause],
    /// The day on which it happened.
    pub(crate) day: Day,
    /// The first day on which a feed carried a valid event of it.
    pub(crate) carried: Option<Day>,
    /// The first day on which it took the household below the line, deepened its need, or took a safeguard.
    pub(crate) onset: Option<Day>,
    /// Whether a safeguard was lost by it.
    pub(crate) safeguard: bool,
    /// By how much a head it lowered `true_pc` while that was below the line, in fen; what it raised is taken off.
    deepened_fen: i64,
}

impl Exogenous {
    /// An event of a day, nothing of it felt or carried yet.
    pub(crate) fn new(kind: &'static str, causes: &'static [Cause], day: Day) -> Self {
        Self { kind, causes, day, carried: None, onset: None, safeguard: false, deepened_fen: 0 }
    }
}

/// What an account was on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `true_pc`, in fen a head.
    pub(crate) true_pc_fen: i64,
    /// How many members share it.
    pub(crate) members: i64,
    /// Whether a safeguard was lost.
    pub(crate) is_unsafe: bool,
}

/// A span of days, both included; open at the end while it lasts.
pub(crate) type Span = (Day, Option<Day>);

/// The account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    expected_fen: i64,
    members: i64,
    rolling: Vec<(Day, i64)>,
    rolling_fen: i64,
    lost: u8,
    /// What it was from which day on, since it was looked at last; none where nobody looks.
    trail: Option<Vec<(Day, Seen)>>,
    /// When the household was below the line.
    pub(crate) below: Vec<Span>,
    /// When a safeguard was lost.
    pub(crate) unsafe_spans: Vec<Span>,
}

impl Account {
    /// The account of a household that begins with this income and members.
    pub(crate) fn open(expected_fen: i64, members: i64, day: Day, line_fen: i64) -> Self {
        let mut account = Self { expected_fen, members, ..Self::default() };
        account.mark(day, line_fen);
        account
    }

    /// Income expected for the next 12 months, in fen.
    pub(crate) fn expected_fen(&self) -> i64 {
        self.expected_fen
    }

    /// Members who share it.
    pub(crate) fn members(&self) -> i64 {
        self.members
    }

    /// Compensation less rigid spending of the last 12 months, in fen.
    #[cfg(test)]
    pub(crate) fn rolling_fen(&self) -> i64 {
        self.rolling_fen
    }

    /// The parts of [`Account::rolling_fen`]: compensation above zero, spending below.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> &[(Day, i64)] {
        &self.rolling
    }

    /// `true_pc` (domain section 8.3), in fen a head; 0 where nobody is left.
    pub(crate) fn true_pc_fen(&self) -> i64 {
        if self.members <= 0 { 0 } else { (self.expected_fen + self.rolling_fen) / self.members }
    }

    /// Remembers from now on what it was on each day, for [`Account::as_of`]; what was remembered is forgotten.
    pub(crate) fn remember(&mut self, day: Day) {
        self.trail = Some(vec![(day, self.seen())]);
    }

    /// What it was at the end of a day, or now, where it does not remember that day.
    pub(crate) fn as_of(&self, day: Day) -> Seen {
        let trail = self.trail.iter().flatten().rev();
        trail.into_iter().find(|(from, _)| *from <= day).map_or_else(|| self.seen(), |(_, seen)| *seen)
    }

    fn seen(&self) -> Seen {
        Seen { true_pc_fen: self.true_pc_fen(), members: self.members, is_unsafe: self.lost != 0 }
    }

    /// Takes over what another household spent and was compensated, and whether its children miss school: it is merged
    /// into this one on a day. Its income and members come as changes; its house and water stay behind.
    pub(crate) fn absorb(&mut self, other: &mut Self, day: Day, line_fen: i64) {
        self.rolling.append(&mut other.rolling);
        self.rolling_fen += std::mem::take(&mut other.rolling_fen);
        self.lost |= other.lost & Safeguard::School as u8;
        other.lost = 0;
        self.mark(day, line_fen);
        other.mark(day, line_fen);
    }

    /// Takes a change, and tells by `events` whether it makes a shock of the event behind it.
    pub(crate) fn apply(&mut self, change: &Change, events: &mut [Exogenous], line_fen: i64) {
        self.expire(change.day, line_fen);
        let before = self.true_pc_fen();
        let lost_before = self.lost;
        match change.effect {
            Effect::Spend(fen) => self.roll(change.day, -fen),
            Effect::Compensate(fen) => self.roll(change.day, fen),
            Effect::Income(fen) => self.expected_fen += fen,
            Effect::Members(members) => self.members += i64::from(members),
            Effect::People { members, income_fen } => {
                self.members += i64::from(members);
                self.expected_fen += income_fen;
            }
            Effect::Lose(safeguard) => self.lost |= safeguard as u8,
            Effect::Restore(safeguard) => self.lost &= !(safeguard as u8),
        }
        self.mark(change.day, line_fen);
        if let Some(event) = change.event.and_then(|at| events.get_mut(at)) {
            let lost = self.lost != lost_before && matches!(change.effect, Effect::Lose(_));
            self.feel(change.day, before, lost, event, line_fen);
        }
    }

    /// Lets what is older than 12 months leave the window, each amount on its own day.
    pub(crate) fn expire(&mut self, day: Day, line_fen: i64) {
        let oldest = day.plus(-WINDOW_DAYS);
        if !self.rolling.iter().any(|(when, _)| *when <= oldest) {
            return;
        }
        let mut expired: Vec<(Day, i64)> = self.rolling.iter().copied().filter(|(when, _)| *when <= oldest).collect();
        expired.sort_unstable_by_key(|(when, _)| *when);
        self.rolling.retain(|(when, _)| *when > oldest);
        for same_day in expired.chunk_by(|(one, _), (other, _)| one == other) {
            self.rolling_fen -= same_day.iter().map(|(_, fen)| fen).sum::<i64>();
            self.mark(same_day[0].0.plus(WINDOW_DAYS), line_fen);
        }
    }

    fn roll(&mut self, day: Day, fen: i64) {
        self.rolling.push((day, fen));
        self.rolling_fen += fen;
    }

    /// Domain section 8.4: what makes an event a shock.
    fn feel(&self, day: Day, before: i64, lost: bool, event: &mut Exogenous, line_fen: i64) {
        let after = self.true_pc_fen();
        if before < line_fen {
            event.deepened_fen = (event.deepened_fen + before - after).max(0);
        }
        event.safeguard |= lost;
        let crossed = before >= line_fen && after < line_fen;
        let deepened = before < line_fen && after < before && event.deepened_fen >= DEEPENED_FEN;
        let in_time = day.0 - event.day.0 <= EFFECT_DAYS;
        if event.onset.is_none() && in_time && self.members > 0 && (crossed || deepened || lost) {
            event.onset = Some(day);
        }
    }

    fn mark(&mut self, day: Day, line_fen: i64) {
        let below = self.members > 0 && self.true_pc_fen() < line_fen;
        continue_span(&mut self.below, below, day);
        continue_span(&mut self.unsafe_spans, self.lost != 0, day);
        let seen = self.seen();
        if let Some(trail) = &mut self.trail {
            trail.push((day, seen));
        }
    }
}

fn continue_span(spans: &mut Vec<Span>, holds: bool, day: Day) {
    match (spans.last_mut(), holds) {
        (Some((_, None)), true) | (None | Some((_, Some(_))), false) => {}
        (Some((from, end @ None)), false) => {
            if *from >= day {
                // It held for no whole day.
                spans.pop();
            } else {
                *end = Some(day.plus(-1));
            }
        }
        (_, true) => spans.push((day, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: i64 = 870_000;

    fn day(number: i32) -> Day {
        Day(20_000 + number)
    }

    /// Plays changes of one event on day 0 against a household of two; tells the day of the onset.
    fn onset(expected_yuan: i64, changes: &[(i32, Effect)]) -> Option<i32> {
        let mut account = Account::open(expected_yuan * 100, 2, day(-1), LINE);
        let mut events = [Exogenous::new("test", &[Cause::Illness], day(0))];
        for (when, effect) in changes {
            account.apply(
                &Change { day: day(*when), effect: *effect, event: Some(0), person: None },
                &mut events,
                LINE,
            );
        }
        events[0].onset.map(|found| found.0 - 20_000)
    }

    #[test]
    fn an_event_is_a_shock_from_the_first_day_below_the_line() {
        let bill = |yuan: i64| Effect::Spend(yuan * 100);
        for (what, expected_yuan, changes, found) in [
            ("a bill that takes it below", 20_000, vec![(3, bill(3_000))], Some(3)),
            ("a bill that does not", 20_000, vec![(3, bill(2_600))], None),
            (
                "the third bill of a series",
                20_000,
                vec![(10, bill(1_000)), (40, bill(1_000)), (70, bill(1_000))],
                Some(70),
            ),
            ("one that comes too late", 20_000, vec![(10, bill(1_000)), (200, bill(3_000))], None),
            ("already below, 1,000 a head deeper", 16_000, vec![(5, bill(2_000))], Some(5)),
            ("already below, a little deeper", 16_000, vec![(5, bill(1_999))], None),
            ("already below, deeper by and by", 16_000, vec![(5, bill(1_200)), (30, bill(800))], Some(30)),
            (
                "already below, and paid back in between",
                16_000,
                vec![(5, bill(1_200)), (20, Effect::Compensate(60_000)), (30, bill(800))],
                None,
            ),
            ("a lost wage", 40_000, vec![(0, Effect::Income(-2_400_000))], Some(0)),
            ("a birth", 20_000, vec![(0, Effect::Members(1))], Some(0)),
            ("an earner joins", 18_000, vec![(0, Effect::People { members: 1, income_fen: 900_000 })], None),
            ("an earner leaves", 20_000, vec![(0, Effect::People { members: -1, income_fen: -1_200_000 })], Some(0)),
            ("a lost house in good times", 90_000, vec![(2, Effect::Lose(Safeguard::House))], Some(2)),
        ] {
            assert_eq!(onset(expected_yuan, &changes), found, "{what}");
        }
    }

    #[test]
    fn spending_leaves_the_account_after_twelve_months() {
        let mut account = Account::open(2_000_000, 2, day(0), LINE);
        let spend = Change { day: day(10), effect: Effect::Spend(500_000), event: None, person: None };
        account.apply(&spend, &mut [], LINE);
        assert_eq!(account.true_pc_fen(), 750_000);
        // However late somebody looks.
        account.expire(day(40 + WINDOW_DAYS), LINE);
        assert_eq!(account.true_pc_fen(), 1_000_000);
        assert_eq!(account.below, vec![(day(10), Some(day(10 + WINDOW_DAYS - 1)))]);
    }
}
