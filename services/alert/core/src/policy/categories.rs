//! A set of categories: which amounts a sum of a policy takes. It does not know what is summed.

use schemas::Category;

/// A set of categories, a bit for each: asked about each sum of each household by each rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CategorySet(u32);

const _: () = assert!(Category::ALL.len() <= u32::BITS as usize, "each category has a bit");

impl CategorySet {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Whether a category is in it.
    #[inline]
    pub const fn contains(self, category: Category) -> bool {
        self.0 & (1 << category as u32) != 0
    }

    /// Those that are in one of them.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in both, in the order of the vocabulary.
    pub fn common(self, other: Self) -> impl Iterator<Item = Category> {
        Category::ALL.into_iter().filter(move |category| self.contains(*category) && other.contains(*category))
    }
}

impl FromIterator<Category> for CategorySet {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        Self(categories.into_iter().fold(0, |bits, category| bits | 1 << category as u32))
    }
}
