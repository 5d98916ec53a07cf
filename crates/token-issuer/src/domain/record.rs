//! The record of a token in the token store, and the one step it ever takes: `issued → redeemed`.
//!
//! A redeemed record stays as a tombstone that names the one operation it paid for, so that a lost answer can be
//! asked for again and nothing else can.

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
    /// Whether it was spent.
    pub state: TokenState,
}

/// Whether a single-use token was spent. That of a time-bound token is always [`Self::Issued`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// Not spent.
    Issued,
    /// Spent, for ever.
    Redeemed(Payment),
}

/// What a token paid for.
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
        Self { token, state: TokenState::Issued }
    }

    /// The payment, if the token paid for exactly this operation.
    pub fn payment_for(&self, operation: OperationId, digest: Digest) -> Option<Payment> {
        match self.state {
            TokenState::Redeemed(payment) if payment.operation == operation && payment.digest == digest => {
                Some(payment)
            }
            TokenState::Redeemed(_) | TokenState::Issued => None,
        }
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
        match self.state {
            TokenState::Issued => Redemption::Redeemed(Payment { operation, digest, at: now }),
            TokenState::Redeemed(_) => Redemption::AlreadyRedeemed,
        }
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
        "the elevated token was already used, for another operation; prove the factor again for a new one",
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
