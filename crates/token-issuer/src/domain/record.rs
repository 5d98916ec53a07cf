//! The record of a token in the token store, and the one step it ever takes: `issued → redeemed`. That of a token for a
//! batch takes it once for each operation.
//!
//! A redeemed record stays as a tombstone that names what it paid for, so that a lost answer can be asked for again and
//! nothing else can.

use std::time::Duration;

use kernel::{Error, OperationId, Reason, Timestamp};
use operation::Digest;

use super::token::Token;

/// For how long after its expiry a redeemed token still gets a fresh receipt for the operation it paid for.
pub const RETRY_WINDOW: Duration = Duration::from_secs(10 * 60);

/// How many unexpired tokens of one user are kept: more than any honest client has in hand at once.
pub const MAX_PER_USER: usize = 64;

/// A token on file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The token.
    pub token: Token,
    /// What it paid for, for ever, in the order in which it did. Nothing in the record of a time-bound token.
    pub payments: Vec<Payment>,
}

/// One thing that a token paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The operation.
    pub operation: OperationId,
    /// Its digest.
    pub digest: Digest,
    /// When it was paid for.
    pub at: Timestamp,
}

/// What becomes of a record that is to pay for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// It does, now.
    Redeemed(Payment),
    /// It did already, for exactly this operation.
    SameAgain,
    /// It paid for another operation.
    AlreadyRedeemed,
    /// Its time is over.
    Expired,
}

impl TokenRecord {
    /// A token that was not used yet.
    pub fn issued(token: Token) -> Self {
        Self { token, payments: Vec::new() }
    }

    /// The payment, if the token paid for exactly this operation.
    pub fn payment_for(&self, operation: OperationId, digest: Digest) -> Option<Payment> {
        let same = |payment: &&Payment| payment.operation == operation && payment.digest == digest;
        self.payments.iter().find(same).copied()
    }

    /// Whether it has paid for all that it can.
    pub fn is_spent(&self) -> bool {
        self.payments.len() >= self.token.bound.uses() as usize
    }

    /// From when on the record says nothing any more and may be forgotten.
    pub fn forgotten_at(&self) -> Timestamp {
        self.token.forgotten_at()
    }

    /// What becomes of the record when it is to pay for this operation now. Expiry is judged before what was paid
    /// for, except for the one operation that may still be asked for again.
    pub fn redeem(&self, operation: OperationId, digest: Digest, now: Timestamp) -> Redemption {
        if self.payment_for(operation, digest).is_some() && now < self.forgotten_at() {
            return Redemption::SameAgain;
        }
        if now >= self.token.expires {
            return Redemption::Expired;
        }
        // In a batch, neither the id nor the digest of what was paid for passes with another one.
        let half = |payment: &Payment| payment.operation == operation || payment.digest == digest;
        if self.is_spent() || self.payments.iter().any(half) {
            return Redemption::AlreadyRedeemed;
        }
        Redemption::Redeemed(Payment { operation, digest, at: now })
    }
}

/// The refusal of a token whose time is over.
pub fn expired() -> Error {
    Error::new(Reason::TokenExpired, "the elevated token has expired; prove the factor again for a new one")
}

/// The refusal of a token that paid for something else.
pub fn already_redeemed() -> Error {
    Error::new(
        Reason::TokenAlreadyRedeemed,
        "the elevated token was already used, for something else; prove the factor again for a new one",
    )
}

/// The refusal of a token that is not on file.
pub fn unknown() -> Error {
    Error::new(
        Reason::TokenUnknown,
        "the token store has no record of the elevated token; prove the factor again for a new one",
    )
}

/// The refusal of a user who has as many unexpired tokens as are kept; `wait` is until the first of them expires.
pub fn limit_reached(wait: Duration) -> Error {
    Error::new(
        Reason::TokenLimitReached,
        format!(
            "there are {MAX_PER_USER} unexpired elevated tokens already; use one, or wait until one expires"
        ),
    )
    .retry_after(wait)
}

/// The refusal of a token under an id that another one has.
pub fn another_token() -> Error {
    Error::new(Reason::TokenInvalid, "another token was issued for this proof; send the same request again")
}

#[cfg(test)]
mod tests;
