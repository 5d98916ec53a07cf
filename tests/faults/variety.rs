//! The kinds of token that a fault meets.

/// A kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variety {
    /// Single use, for whatever its scope opens.
    Scoped,
    /// Single use, for exactly one operation.
    Bound,
    /// For several operations, each once.
    Batched,
    /// For any number of operations until it expires.
    TimeBound,
}

impl Variety {
    /// Every kind.
    pub(crate) const ALL: [Self; 4] = [Self::Scoped, Self::Bound, Self::Batched, Self::TimeBound];

    /// Its name in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Scoped => "scoped",
            Self::Bound => "bound",
            Self::Batched => "batched",
            Self::TimeBound => "time-bound",
        }
    }
}

/// A count for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts([usize; Variety::ALL.len()]);

impl Counts {
    /// Nothing of any kind.
    pub(crate) const NONE: Self = Self([0; Variety::ALL.len()]);

    /// Adds to that of a kind.
    pub(crate) fn add(&mut self, variety: Variety, count: usize) {
        self.0[variety as usize] += count;
    }

    /// That of a kind.
    pub(crate) const fn of(&self, variety: Variety) -> usize {
        self.0[variety as usize]
    }

    /// Of all kinds.
    pub(crate) fn total(&self) -> usize {
        self.0.iter().sum()
    }
}
