//! A token: what was proved, by whom, and what for.

use jose::Thumbprint;
use kernel::{Acr, Amr, DeviceId, EnvironmentId, Scope, SessionId, Timestamp, TokenId, UserId};

use operation::Digest;

use super::bound::Bound;
use super::ledger::{Ledger, ledger};
use super::record::RETRY_WINDOW;
use super::requirement::TokenBehavior;

/// The kinds of token that pay for operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An elevated access token.
    Elevated,
    /// A legacy MFA token: good for whatever is done with wallets, where policy takes it.
    LegacyMfa,
}

/// What a token rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A factor of the user.
    Factor(DeviceId),
    /// The word of an assertion issuer, by the id of the environment's entry.
    Assertion(String),
}

impl Source {
    /// The factor, if it is one.
    pub fn device(&self) -> Option<DeviceId> {
        match self {
            Self::Factor(device) => Some(*device),
            Self::Assertion(_) => None,
        }
    }

    /// The assertion issuer, if it is one.
    pub fn assertion_issuer(&self) -> Option<&str> {
        match self {
            Self::Factor(_) => None,
            Self::Assertion(issuer) => Some(issuer),
        }
    }
}

/// Everything a token says. Never changes once it is issued; times are whole seconds, as in its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its kind.
    pub kind: TokenKind,
    /// Its `jti`, derived from the proof.
    pub id: TokenId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The user.
    pub user: UserId,
    /// The session in which the factor was proved, the only one that can use it.
    pub session: SessionId,
    /// What it may be used for, in order, none twice; of a legacy MFA token none.
    pub scopes: Vec<Scope>,
    /// How it may be used.
    pub behavior: TokenBehavior,
    /// What it is bound to beyond them.
    pub bound: Bound,
    /// How strong the proof was.
    pub acr: Acr,
    /// How it was proved.
    pub amr: Vec<Amr>,
    /// When the factor was proved.
    pub auth_time: Timestamp,
    /// What the proof rests on.
    pub source: Source,
    /// The key that whoever presents it has to prove; none when it is good in anybody's hands.
    pub sender_key: Option<Thumbprint>,
    /// The version of the policy it was issued under.
    pub policy_version: u64,
    /// From when on it can be used.
    pub issued: Timestamp,
    /// From when on it can not.
    pub expires: Timestamp,
}

/// Where a token is on file: whose it is, and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenKey {
    /// The environment.
    pub environment: EnvironmentId,
    /// The user.
    pub user: UserId,
    /// The token's id.
    pub id: TokenId,
}

impl Token {
    /// Where it is on file.
    pub fn key(&self) -> TokenKey {
        TokenKey { environment: self.environment, user: self.user, id: self.id }
    }

    /// From when on its record says nothing any more.
    pub fn forgotten_at(&self) -> Timestamp {
        self.expires.plus(RETRY_WINDOW)
    }

    /// Under which id it pays for the operation with this digest; `None` of a token that is not spent by paying.
    pub fn paid_by(&self, operation: &Digest) -> Option<TokenId> {
        match (self.behavior, &self.bound) {
            (TokenBehavior::TimeBound, _) => None,
            (TokenBehavior::SingleUse, Bound::Batch(_)) => Some(self.id.for_leaf(operation.as_bytes())),
            (TokenBehavior::SingleUse, Bound::Scopes | Bound::Wallet(_) | Bound::Operation(_)) => {
                Some(self.id)
            }
        }
    }

    /// Whether it may be used for what this scope opens, as far as it says itself. A legacy MFA token is good for whatever
    /// is done with wallets.
    pub fn covers(&self, scope: Scope) -> bool {
        match self.kind {
            TokenKind::Elevated => self.scopes.contains(&scope),
            TokenKind::LegacyMfa => ledger(scope) == Ledger::Nodes,
        }
    }

    /// Whether `other` comes of the same proof for the same purpose, whatever policy said of life and use.
    pub fn same_purpose(&self, other: &Self) -> bool {
        self.id == other.id
            && self.kind == other.kind
            && self.environment == other.environment
            && self.user == other.user
            && self.session == other.session
            && self.scopes == other.scopes
            && self.bound == other.bound
            && self.source == other.source
            && self.sender_key == other.sender_key
    }
}
