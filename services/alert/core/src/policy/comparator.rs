//! How a figure is compared with a threshold. It does not know what either is of.

use schemas::Fen;

/// How a figure is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Comparator {
    /// Reads `>`, `>=`, `<` or `<=`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            ">" => Some(Self::Above),
            ">=" => Some(Self::AtLeast),
            "<" => Some(Self::Below),
            "<=" => Some(Self::AtMost),
            _ => None,
        }
    }

    /// Whether the figure is on the side that is asked for.
    pub fn holds<T: Ord + Copy>(self, figure: T, threshold: T) -> bool {
        match self {
            Self::Above => figure > threshold,
            Self::AtLeast => figure >= threshold,
            Self::Below => figure < threshold,
            Self::AtMost => figure <= threshold,
        }
    }

    /// Whether it asks for a large figure.
    pub const fn is_upward(self) -> bool {
        matches!(self, Self::Above | Self::AtLeast)
    }

    /// How far the figure is on the side that is asked for; negative where it is not there.
    pub fn margin(self, figure: Fen, threshold: Fen) -> Fen {
        if self.is_upward() { figure.minus(threshold) } else { threshold.minus(figure) }
    }
}
