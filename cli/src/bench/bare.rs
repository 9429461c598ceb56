//! The floor of fuse: the least that any engine does with the same entries. A loop without a framework keeps a rolling sum
//! of 12 months for each household in a state of 120 bytes, and writes it to a changelog at each entry. It knows nothing
//! else of what fuse does.

use std::sync::Barrier;
use std::thread;

use anyhow::{Context, Result, anyhow};
use hashbrown::HashMap;
use rdkafka::message::{BorrowedMessage, Message};
use schemas::Month;
use schemas::codec;
use schemas::records::HouseholdEntry;

use super::clients::{Input, bytes};
use super::measured::{Held, Measured};
use super::transactions::Transactions;
use super::usage::{Usage, Used, memory_bytes_max};

/// What it reads.
const INPUT: &str = "households.entries";
/// Where the states are written: created like fuse's changelog.
pub(super) const CHANGELOG: &str = "bench.bare-loop";
/// Months of the sum.
const MONTHS: usize = 12;
/// Bytes of a state: household, newest month, number of entries, sum, and the months.
const STATE_BYTES: usize = 8 + 4 + 4 + 8 + MONTHS * 8;

/// A household as the bare loop knows it.
#[derive(Clone, Copy)]
struct Rolling {
    household: u64,
    newest: Month,
    entries: u32,
    sum_fen: i64,
    /// By month modulo 12.
    months_fen: [i64; MONTHS],
}

impl Rolling {
    fn new(household: u64, month: Month) -> Self {
        Self { household, newest: month, entries: 0, sum_fen: 0, months_fen: [0; MONTHS] }
    }

    fn place(month: Month) -> usize {
        month.0.rem_euclid(MONTHS as i32) as usize
    }

    /// Adds an amount; what lies more than a year before the newest month is left out.
    fn add(&mut self, month: Month, amount_fen: i64) {
        if month.0 - self.newest.0 >= MONTHS as i32 {
            (self.newest, self.sum_fen, self.months_fen) = (month, 0, [0; MONTHS]);
        }
        while self.newest < month {
            self.newest = self.newest.plus(1);
            let leaving = &mut self.months_fen[Self::place(self.newest)];
            self.sum_fen -= std::mem::take(leaving);
        }
        if month > self.newest.plus(-(MONTHS as i32)) {
            self.months_fen[Self::place(month)] += amount_fen;
            self.sum_fen += amount_fen;
        }
    }

    fn bytes(&self) -> [u8; STATE_BYTES] {
        let mut bytes = [0; STATE_BYTES];
        let head = [self.household.to_le_bytes(), self.sum_fen.to_le_bytes()].concat();
        let counts = [self.newest.0.to_le_bytes(), self.entries.to_le_bytes()].concat();
        let months = self.months_fen.iter().flat_map(|month| month.to_le_bytes());
        for (place, byte) in bytes.iter_mut().zip(head.into_iter().chain(counts).chain(months)) {
            *place = byte;
        }
        bytes
    }
}

/// Runs so many loops side by side, each on its share of the partitions, until all entries are read.
pub(super) fn run(brokers: &str, workers: u32) -> Result<Measured> {
    let ready = &Barrier::new(workers as usize);
    let ended = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..workers).map(|index| scope.spawn(move || Loop::run(brokers, index, workers, ready))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a bare loop panicked"))?)
            .collect::<Result<Vec<_>>>()
    })?;
    let (mut measured, mut commits, mut loops) = (Measured::default(), Vec::new(), Vec::new());
    let first = ended.iter().map(|one| one.begun).min_by_key(Usage::at);
    let last = ended.iter().map(|one| one.done).max_by_key(Usage::at);
    for mut one in ended {
        loops.push(one.done.since(&one.begun).thread);
        measured.add(&one.measured);
        measured.held = measured.held.and(one.measured.held);
        commits.append(&mut one.commits);
    }
    let used = last.context("no loop ran")?.since(&first.context("no loop ran")?);
    let used = Used { thread: loops.into_iter().sum(), ..used };
    Ok(measured.with_commits(&mut commits).with(used, memory_bytes_max()?))
}

/// What one loop has done.
struct Ended {
    measured: Measured,
    commits: Vec<f64>,
    begun: Usage,
    done: Usage,
}

/// One loop.
struct Loop {
    households: HashMap<u64, Rolling, foldhash::fast::FixedState>,
    transactions: Transactions,
    measured: Measured,
}

impl Loop {
    fn run(brokers: &str, index: u32, workers: u32, ready: &Barrier) -> Result<Ended> {
        let opened = Self::open(brokers, index, workers);
        // Even a loop that could not be opened comes here, or the others would wait for ever.
        ready.wait();
        let (mut this, mut input) = opened?;
        let mut begun = Usage::now()?;
        let mut is_first = true;
        while input.next(|message| this.take(message))? {
            if std::mem::take(&mut is_first) {
                begun = Usage::now()?;
            }
            if this.transactions.is_due() {
                this.transactions.commit(&input)?;
            }
        }
        this.transactions.commit(&input)?;
        let keys = this.households.len() as u64;
        let held = Held { rows: 0, keys, bytes: keys * STATE_BYTES as u64 };
        let measured = Measured { held, ..this.measured };
        Ok(Ended { measured, commits: this.transactions.commits, begun, done: Usage::now()? })
    }

    fn open(brokers: &str, index: u32, workers: u32) -> Result<(Self, Input)> {
        let is_own = |partition: i32| partition.unsigned_abs() % workers == index;
        let input = Input::open_share(brokers, &[INPUT.to_owned()], is_own)?;
        let transactions = Transactions::open(brokers, &format!("bench-bare-{index}"))?;
        let households = HashMap::default();
        Ok((Self { households, transactions, measured: Measured::default() }, input))
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<()> {
        self.measured.records += 1;
        self.measured.record_bytes += bytes(message);
        let output = self.transactions.take(message)?;
        let value = message.payload().unwrap_or_default();
        if !codec::is::<HouseholdEntry<'_>>(value) {
            return Ok(());
        }
        let entry: HouseholdEntry<'_> = codec::decode(value)?;
        let key = entry.household.number();
        let newest = entry.rows.iter().map(|row| row.month).max().unwrap_or_default();
        let state = self.households.entry(key).or_insert_with(|| Rolling::new(key, newest));
        state.entries += 1;
        for row in &entry.rows {
            state.add(row.month, i64::from(row.sign) * row.amount_fen.0);
        }
        let state = state.bytes();
        output.send(CHANGELOG, Some(message.partition()), &entry.household.digits(), Some(&state))?;
        let written = (state.len() + entry.household.digits().len()) as u64;
        self.measured.published += 1;
        self.measured.published_bytes += written;
        self.measured.changelog_bytes += written;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_120_bytes_and_the_sum_is_that_of_the_last_12_months() {
        let month = |yyyymm| Month::from_yyyymm(yyyymm).expect("a month");
        let mut state = Rolling::new(7, month(202_401));
        for (when, amount, sum) in [
            (202_401, 100, 100),
            (202_412, 10, 110),
            (202_501, 1, 11),
            (202_402, 5, 16),
            // A year before the newest month: outside.
            (202_401, 1000, 16),
            (202_601, 3, 3),
        ] {
            state.add(month(when), amount);
            assert_eq!(state.sum_fen, sum, "{when}");
        }
        assert_eq!(state.bytes().len(), 120);
    }
}
