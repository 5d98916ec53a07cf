//! What a token is bound to beyond its scopes.

use kernel::{Action, OperationId, WalletId};
use operation::{BatchLeaf, BatchRoot, CheckedOperation, Digest};

use super::requirement::Binding;

/// What a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// To nothing but its scopes.
    Scopes,
    /// To one wallet of the user, for as many operations as its behaviour lets it pay for.
    Wallet(WalletId),
    /// To exactly one operation.
    Operation(BoundOperation),
    /// To several operations, each once.
    Batch(BatchRoot),
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

    /// How closely it ties to `operation`, with what shows that to be one of a batch; `None` when it ties to something
    /// else.
    pub fn binding_to(&self, operation: &CheckedOperation, leaf: Option<&BatchLeaf>) -> Option<Binding> {
        match self {
            Self::Scopes => Some(Binding::Scope),
            Self::Wallet(bound) => {
                operation.wallet().filter(|wallet| wallet.id == *bound).map(|_| Binding::Wallet)
            }
            Self::Operation(bound) if *bound == BoundOperation::of(operation) => Some(Binding::Operation),
            Self::Operation(_) => None,
            Self::Batch(root) => {
                leaf.filter(|leaf| root.holds(&operation.digest(), leaf)).map(|_| Binding::Operation)
            }
        }
    }

    /// How closely a token so bound is tied to what it fits.
    pub fn binding(&self) -> Binding {
        match self {
            Self::Scopes => Binding::Scope,
            Self::Wallet(_) => Binding::Wallet,
            Self::Operation(_) | Self::Batch(_) => Binding::Operation,
        }
    }

    /// How many operations a single-use token so bound pays for.
    pub fn uses(&self) -> u32 {
        match self {
            Self::Scopes | Self::Wallet(_) | Self::Operation(_) => 1,
            Self::Batch(root) => root.size,
        }
    }

    /// The wallet, if it is to one and to nothing closer.
    pub fn wallet(&self) -> Option<WalletId> {
        match self {
            Self::Wallet(wallet) => Some(*wallet),
            Self::Scopes | Self::Operation(_) | Self::Batch(_) => None,
        }
    }

    /// The root of the batch, if it is to one.
    pub fn batch(&self) -> Option<BatchRoot> {
        match self {
            Self::Batch(root) => Some(*root),
            Self::Scopes | Self::Wallet(_) | Self::Operation(_) => None,
        }
    }

    /// The digest of the one operation, if it is to one.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Scopes | Self::Wallet(_) | Self::Batch(_) => None,
            Self::Operation(operation) => Some(operation.digest),
        }
    }
}
