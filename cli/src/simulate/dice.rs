//! Random streams: one per household and month, so that chunks of a city can be made in any order and on any number
//! of threads and still give the same bytes. It does not know what is drawn.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for. Streams of different purposes never share a draw.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Who lives in a household and what it lives on.
    Population = 1,
    /// What happens to a household in a month.
    Life = 2,
    /// What happens to a village in a month.
    Village = 3,
    /// Who moves between the households of a chunk in a month.
    Moves = 4,
    /// What is found at the door after somebody reported: apart from the rest, so that nothing else depends on it.
    Door = 5,
    /// What verifiers do about a household on a day.
    Verifier = 6,
    /// How long a household waits for the visit that was asked for on a day.
    Asked = 7,
}

/// A stream of draws.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of one household (or village) and month under the city's seed.
    pub(crate) fn new(seed: u64, purpose: Purpose, index: u64, month: i32) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        key[24..28].copy_from_slice(&month.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number below `end`; 0 for an `end` of 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The bias of the multiplication is at most end / 2^64.
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// A number between both, each included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low).max(0) as u64 + 1) as i64
    }

    /// Days between both, each included.
    pub(crate) fn days(&mut self, low: i32, high: i32) -> i32 {
        self.between(i64::from(low), i64::from(high)) as i32
    }

    /// Whether something of this probability, in millionths, comes true.
    pub(crate) fn chance(&mut self, ppm: u32) -> bool {
        // A draw of 32 bits: rates are far coarser than its step.
        u64::from(self.0.next_u32()) * 1_000_000 < u64::from(ppm) << 32
    }

    /// The place in the list, by weights.
    pub(crate) fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (at, weight) in weights.iter().enumerate() {
            if left < u64::from(*weight) {
                return at;
            }
            left -= u64::from(*weight);
        }
        weights.len().saturating_sub(1)
    }

    /// One of the items; the list must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// A number in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal number, as the sum of twelve uniform ones: sums are the same on every machine.
    pub(crate) fn normal(&mut self) -> f64 {
        let mut sum = -6.0;
        for _ in 0..6 {
            let bits = self.0.next_u64();
            sum += f64::from((bits >> 32) as u32) / 4_294_967_296.0 + f64::from(bits as u32) / 4_294_967_296.0;
        }
        sum
    }

    /// An amount with this mean whose logarithm is normal with this deviation: how bills are spread.
    pub(crate) fn skewed(&mut self, mean_fen: i64, sigma: f64) -> i64 {
        let factor = (self.normal() * sigma - sigma * sigma / 2.0).exp();
        (mean_fen as f64 * factor) as i64
    }

    /// An amount spread evenly around the mean by so many percent on either side.
    pub(crate) fn around(&mut self, mean_fen: i64, percent: i64) -> i64 {
        let spread = (mean_fen / 100).saturating_mul(percent).abs();
        mean_fen + self.between(-spread, spread)
    }

    /// Random bytes.
    pub(crate) fn bytes(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

/// A draw that belongs to a place, a department or a day rather than to a household: the same wherever it is asked.
pub(crate) fn coin(seed: u64, parts: [u64; 4]) -> u64 {
    parts.into_iter().fold(mixed(seed), |state, part| mixed(state ^ mixed(part)))
}

/// The finaliser of splitmix64.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_each_time_and_another_for_another_household() {
        let draw = |index| Dice::new(7, Purpose::Life, index, 3).below(u64::MAX);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn draws_have_the_mean_that_they_claim() {
        let mut dice = Dice::new(1, Purpose::Life, 0, 0);
        let count = 200_000;
        let mean = (0..count).map(|_| dice.skewed(767_400, 1.0)).sum::<i64>() / count;
        assert!((740_000..795_000).contains(&mean), "{mean}");
        let hits = (0..count).filter(|_| dice.chance(30_000)).count();
        assert!((5_600..6_400).contains(&hits), "{hits}");
    }
}
