//! What became of one token: every operation it was to pay for, and what was said to each.

use std::collections::BTreeSet;

use kernel::{OperationId, Reason};
use operation::Digest;
use token_issuer::domain::token::Token;
use token_issuer::ports::Redeemed;

/// An operation that a token is to pay for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) operation: OperationId,
    pub(crate) digest: Digest,
}

/// What a store said, in the end, to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The token pays for it: by this call or by an earlier one.
    Acknowledged,
    /// It does not.
    Refused(Reason),
    /// Nobody knows: it may.
    Unknown,
}

/// What an answer of a store comes to, whichever call it is of that the token pays for.
pub(crate) fn answer(said: Result<Redeemed, Answer>) -> Answer {
    said.map_or_else(|answer| answer, |_| Answer::Acknowledged)
}

/// An operation and what was said to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try {
    pub(crate) order: Order,
    pub(crate) answer: Answer,
}

/// A token's story.
pub(crate) struct Story {
    pub(crate) token: Token,
    /// Whether the store acknowledged that it is on file.
    pub(crate) issued: bool,
    pub(crate) tries: Vec<Try>,
    /// What ran at the enforcement point.
    pub(crate) ran: BTreeSet<OperationId>,
}

impl Story {
    pub(crate) fn new(token: Token, issued: bool) -> Self {
        Self { token, issued, tries: Vec::new(), ran: BTreeSet::new() }
    }

    /// How many different operations the store let this one token pay for.
    pub(crate) fn payments(&self) -> usize {
        let paid: BTreeSet<_> = self
            .tries
            .iter()
            .filter(|one| one.answer == Answer::Acknowledged)
            .map(|one| one.order.operation)
            .collect();
        paid.len()
    }
}
