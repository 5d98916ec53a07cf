//! What a token is bound to beyond its scopes.

use kernel::{Action, OperationId, WalletId};
use operation::{CheckedOperation, Digest};

use super::requirement::Binding;

/// What a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// To nothing but its scopes.
    Scopes,
    /// To exactly one operation.
    Operation(BoundOperation),
}

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

impl Bound {
    /// To exactly this operation.
    pub fn to(operation: &CheckedOperation) -> Self {
        Self::Operation(BoundOperation::of(operation))
    }

    /// How closely it ties to `operation`; `None` when it ties to something else.
    pub fn binding_to(&self, operation: &CheckedOperation) -> Option<Binding> {
        match self {
            Self::Scopes => Some(Binding::Scope),
            Self::Operation(bound) if *bound == BoundOperation::of(operation) => Some(Binding::Operation),
            Self::Operation(_) => None,
        }
    }

    /// The digest of the one operation, if it is to one.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Scopes => None,
            Self::Operation(operation) => Some(operation.digest),
        }
    }
}
