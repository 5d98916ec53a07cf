//! What became of one token: every operation it was to pay for, and what was said to each.

use std::collections::BTreeSet;

use kernel::{OperationId, Reason};
use operation::Digest;
use token_issuer::domain::bound::Bound;
use token_issuer::domain::requirement::TokenBehavior;
use token_issuer::domain::token::Token;
use token_issuer::ports::Redeemed;

use crate::faults::variety::Variety;

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

/// A token and the operations of its batch, if it is for one: there is no asking it for others, because nobody could show
/// that they are in the batch.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) token: Token,
    pub(crate) batch: Vec<Order>,
}

impl Ticket {
    /// What kind of token it is.
    pub(crate) fn variety(&self) -> Variety {
        match (self.token.behavior, &self.token.bound) {
            (TokenBehavior::TimeBound, _) => Variety::TimeBound,
            (TokenBehavior::SingleUse, Bound::Batch(_)) => Variety::Batched,
            (TokenBehavior::SingleUse, Bound::Operation(_)) => Variety::Bound,
            (TokenBehavior::SingleUse, Bound::Scopes | Bound::Wallet(_)) => Variety::Scoped,
        }
    }

    /// How many operations it may pay for.
    pub(crate) fn uses(&self) -> usize {
        match self.variety() {
            Variety::Scoped | Variety::Bound | Variety::Batched => self.token.bound.uses() as usize,
            Variety::TimeBound => usize::MAX,
        }
    }
}

/// A token's story.
pub(crate) struct Story {
    pub(crate) ticket: Ticket,
    /// Whether the store acknowledged that it is on file.
    pub(crate) issued: bool,
    pub(crate) tries: Vec<Try>,
    /// What ran at the enforcement point.
    pub(crate) ran: BTreeSet<OperationId>,
    /// Whether it paid anew for what it had paid for.
    pub(crate) anew: bool,
}

impl Story {
    pub(crate) fn new(ticket: Ticket, issued: bool) -> Self {
        Self { ticket, issued, tries: Vec::new(), ran: BTreeSet::new(), anew: false }
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
