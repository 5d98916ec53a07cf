//! What came of one fault.

use std::time::Duration;

use super::kind::Kind;
use super::variety::Counts;

/// What came of a fault.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) kind: Kind,
    /// With the kind, all that a repetition needs.
    pub(crate) seed: u64,
    /// Authorizations that were acknowledged, and whatever followed from them, by the kind of token.
    pub(crate) acknowledged: Counts,
    /// Calls without an answer, or with one that says to try again.
    pub(crate) repeated: usize,
    /// Users who had to show a second code, where there are any: only where tokens are lost.
    pub(crate) second_codes: usize,
    /// Tokens for which more operations ran at the enforcement point than they have uses.
    pub(crate) ran_twice: usize,
    /// Tokens that were let pay for more operations than they have uses, or anew for what they had paid for.
    pub(crate) doubles: usize,
    /// Tokens that the control let pay for more than one operation, where it was struck as well.
    pub(crate) control_doubles: usize,
    /// How long it took until a fresh token paid again, through every process; none when it never did.
    pub(crate) recovery: Option<Duration>,
    /// What must not be.
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    /// Nothing seen yet.
    pub(crate) const fn new(kind: Kind, seed: u64) -> Self {
        Self {
            kind,
            seed,
            acknowledged: Counts::NONE,
            repeated: 0,
            second_codes: 0,
            ran_twice: 0,
            doubles: 0,
            control_doubles: 0,
            recovery: None,
            problems: Vec::new(),
        }
    }

    /// Nothing seen, but for what kept it from being seen.
    pub(crate) fn failed(kind: Kind, seed: u64, problem: String) -> Self {
        Self { problems: vec![problem], ..Self::new(kind, seed) }
    }

    /// How this fault is played again.
    pub(crate) fn again(&self) -> String {
        format!("just faults --kind {} --seed {} --count 1", self.kind.name(), self.seed)
    }
}
