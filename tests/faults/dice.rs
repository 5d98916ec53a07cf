//! Chance that is the same in every run of the same seed.

use std::ops::Range;
use std::time::Duration;

use kernel::Entropy;
use kernel::entropy::bytes;
use testkit::SeededEntropy;

/// Dice of one seed. What the operating system does between the throws is not in their power: the same seed gives the
/// same fault with the same parameters, not the same interleaving.
pub(crate) struct Dice {
    entropy: SeededEntropy,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { entropy: SeededEntropy::new(seed) }
    }

    /// Dice of their own, for a task that runs beside others.
    pub(crate) fn fork(&self) -> Self {
        Self::new(self.number())
    }

    fn number(&self) -> u64 {
        u64::from_be_bytes(bytes(&self.entropy))
    }

    /// One of `0..sides`. The bias of the remainder is of no interest here.
    pub(crate) fn below(&self, sides: usize) -> usize {
        let sides = u64::try_from(sides).expect("a small number");
        usize::try_from(self.number() % sides).expect("a small number")
    }

    /// True once in `times` throws.
    pub(crate) fn one_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A number of milliseconds.
    pub(crate) fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.number() % (range.end - range.start))
    }

    /// For ids and digests.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &self.entropy
    }
}
