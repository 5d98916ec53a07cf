//! An elevated access token: what was proved, by whom, and what for.

use kernel::{Acr, Amr, DeviceId, EnvironmentId, Scope, SessionId, Timestamp, TokenId, UserId};

use operation::Digest;

use super::bound::Bound;
use super::record::RETRY_WINDOW;
use super::requirement::TokenBehavior;

/// Everything a token says. Never changes once it is issued; times are whole seconds, as in its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its `jti`, derived from the proof.
    pub id: TokenId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The user.
    pub user: UserId,
    /// The session in which the factor was proved, the only one that can use it.
    pub session: SessionId,
    /// What it may be used for, in order, none twice.
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
    /// The factor.
    pub device: DeviceId,
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

    /// Whether `other` comes of the same proof for the same purpose, whatever policy said of life and use.
    pub fn same_purpose(&self, other: &Self) -> bool {
        self.id == other.id
            && self.environment == other.environment
            && self.user == other.user
            && self.session == other.session
            && self.scopes == other.scopes
            && self.bound == other.bound
            && self.device == other.device
    }
}
