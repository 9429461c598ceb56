//! The levels of government at which a post stands, from the village up to the city. It does not know which posts there
//! are.

use serde::{Deserialize, Serialize};

/// Where a post stands. Overdue steps move up, in this order (domain section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Office {
    /// The village.
    Village,
    /// The township.
    Township,
    /// The county.
    County,
    /// The city.
    City,
}

impl Office {
    /// Every level, from the village up.
    pub const ALL: [Self; 4] = [Self::Village, Self::Township, Self::County, Self::City];

    /// The next one above; none above the city.
    pub const fn above(self) -> Option<Self> {
        match self {
            Self::Village => Some(Self::Township),
            Self::Township => Some(Self::County),
            Self::County => Some(Self::City),
            Self::City => None,
        }
    }

    /// How many digits of a household's code name its area: 12, 9, 6 or 4.
    pub const fn digits(self) -> u32 {
        match self {
            Self::Village => 12,
            Self::Township => 9,
            Self::County => 6,
            Self::City => 4,
        }
    }

    /// Its name, as in the policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Village => "village",
            Self::Township => "township",
            Self::County => "county",
            Self::City => "city",
        }
    }

    /// The level of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|office| office.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdue_moves_up_to_the_city_and_no_further() {
        let mut way = vec![Office::Village];
        while let Some(above) = way.last().and_then(|office| office.above()) {
            way.push(above);
        }
        assert_eq!(way, Office::ALL);
        assert!(way.is_sorted());
        for office in Office::ALL {
            assert_eq!(Office::parse(office.name()), Some(office));
        }
        assert_eq!(Office::parse("province"), None);
    }
}
