//! Money as integer fen. It knows nothing of categories or windows.

use serde::{Deserialize, Serialize};

/// An amount of money in fen (1 yuan = 100 fen). Negative amounts are legal in differences only; feeds refuse them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(pub i64);

impl Fen {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whole yuan as fen; saturates at the range of 64 bits.
    pub const fn from_yuan(yuan: i64) -> Self {
        Self(yuan.saturating_mul(100))
    }

    /// The sum; saturates at the range of 64 bits, which validation of feeds keeps out of reach.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; saturates like [`Fen::plus`].
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The amount per head, rounded half away from zero to the fen (domain: "net income per head").
    /// Nobody to share among gives `None`.
    pub const fn per_head(self, members: i64) -> Option<Self> {
        if members <= 0 { None } else { Some(self.scaled(1, members)) }
    }

    /// `self * numerator / denominator`, rounded half away from zero. The denominator must be positive; anything
    /// else is read as 1, since policies are validated before they come here.
    #[must_use]
    pub const fn scaled(self, numerator: i64, denominator: i64) -> Self {
        if denominator <= 1 {
            return Self(self.0.saturating_mul(numerator));
        }
        match self.0.checked_mul(numerator) {
            Some(product) => {
                let (quotient, rest) = (product / denominator, (product % denominator).unsigned_abs());
                let is_rounded = rest >= denominator.unsigned_abs() - rest;
                Self(if is_rounded { quotient + product.signum() } else { quotient })
            }
            None => self.scaled_wide(numerator, denominator),
        }
    }

    /// Where the product has more than 64 bits: a division of 128 bits costs many times that of 64.
    const fn scaled_wide(self, numerator: i64, denominator: i64) -> Self {
        let denominator = denominator as i128;
        let product = self.0 as i128 * numerator as i128;
        let twice = product * 2;
        let rounded = if product >= 0 {
            (twice + denominator) / (2 * denominator)
        } else {
            (twice - denominator) / (2 * denominator)
        };
        if rounded > i64::MAX as i128 {
            Self(i64::MAX)
        } else if rounded < i64::MIN as i128 {
            Self(i64::MIN)
        } else {
            Self(rounded as i64)
        }
    }
}

impl std::fmt::Display for Fen {
    /// Yuan with two decimals, such as `-12.05`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_same_in_64_and_in_128_bits() {
        let amounts = [0, 1, -1, 7, -7, 50, -50, 149, 150, 151, -150, 9_999_999, i64::MAX, i64::MIN, i64::MAX / 3];
        let factors = [(1, 2), (1, 3), (1, 100), (-1, 7), (500, 1_000), (12, 3), (600, 1_000), (3, i64::MAX), (1, 1)];
        for (fen, (numerator, denominator)) in amounts.into_iter().flat_map(|fen| factors.map(|factor| (fen, factor))) {
            let (found, wide) = (Fen(fen).scaled(numerator, denominator), Fen(fen).scaled_wide(numerator, denominator));
            assert_eq!(found, wide, "{fen} * {numerator} / {denominator}");
        }
    }

    #[test]
    fn a_share_per_head_is_rounded_half_away_from_zero() {
        for (fen, members, expected) in [
            (1_700_000, 3, 566_667),
            (100, 3, 33),
            (5, 2, 3),
            (-5, 2, -3),
            (-4_575_200 * 2 - 550_000, 2, -4_850_200),
            (1, 2, 1),
            (-1, 2, -1),
        ] {
            assert_eq!(Fen(fen).per_head(members), Some(Fen(expected)), "{fen} among {members}");
        }
        assert_eq!(Fen(1).per_head(0), None);
    }

    #[test]
    fn amounts_are_shown_in_yuan() {
        assert_eq!(Fen(-1205).to_string(), "-12.05");
        assert_eq!(Fen(500_000).to_string(), "5000.00");
    }
}
