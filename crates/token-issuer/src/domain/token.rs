//! An elevated access token: what was proved, by whom, and what for.

use kernel::{
    Acr, Action, Amr, DeviceId, EnvironmentId, OperationId, Scope, SessionId, Timestamp, TokenId, UserId,
    WalletId,
};
use operation::{CheckedOperation, Digest};

use super::record::RETRY_WINDOW;
use super::requirement::{Binding, TokenBehavior};

/// The one operation that a token is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundOperation {
    /// Its id, chosen by the client.
    pub id: OperationId,
    /// Its digest.
    pub digest: Digest,
    /// What is to be done.
    pub action: Action,
    /// The wallet it is done with, if with one.
    pub wallet: Option<WalletId>,
}

impl BoundOperation {
    /// Exactly this operation.
    pub fn of(operation: &CheckedOperation) -> Self {
        Self {
            id: operation.operation().id,
            digest: operation.digest(),
            action: operation.action(),
            wallet: operation.wallet().map(|wallet| wallet.id),
        }
    }
}

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
    /// The operation it is bound to, if to one.
    pub operation: Option<BoundOperation>,
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

    /// How closely it is tied to `operation`; `None` when it is bound to another one.
    pub fn binding_to(&self, operation: &CheckedOperation) -> Option<Binding> {
        match &self.operation {
            None => Some(Binding::Scope),
            Some(bound) if *bound == BoundOperation::of(operation) => Some(Binding::Operation),
            Some(_) => None,
        }
    }

    /// Whether `other` comes of the same proof for the same purpose, whatever policy said of life and use.
    pub fn same_purpose(&self, other: &Self) -> bool {
        self.id == other.id
            && self.environment == other.environment
            && self.user == other.user
            && self.session == other.session
            && self.scopes == other.scopes
            && self.operation == other.operation
            && self.device == other.device
    }
}
