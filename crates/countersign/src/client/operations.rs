//! The operations a client asks for.

use kernel::{DeviceId, Entropy, EnvironmentId, FactorKind, OperationId, RequestId, UserId};
use operation::{Body, Operation, WalletRef};
use proto::{convert, types};

/// What a token is to be bound to beyond its scopes.
#[derive(Clone, Copy)]
pub(crate) enum BoundTo<'a> {
    /// Nothing.
    Nothing,
    /// Exactly one operation.
    Operation(&'a Operation),
    /// Several, each once.
    Batch(&'a [Operation]),
}

impl<'a> From<Option<&'a Operation>> for BoundTo<'a> {
    fn from(operation: Option<&'a Operation>) -> Self {
        operation.map_or(Self::Nothing, Self::Operation)
    }
}

impl<'a> From<&'a [Operation]> for BoundTo<'a> {
    fn from(operations: &'a [Operation]) -> Self {
        Self::Batch(operations)
    }
}

impl BoundTo<'_> {
    /// The operation, as a request has it.
    pub(super) fn operation(self) -> Option<types::Operation> {
        match self {
            Self::Operation(operation) => Some(convert::operation_value(operation)),
            Self::Nothing | Self::Batch(_) => None,
        }
    }

    /// The operations, as a request has them.
    pub(super) fn operations(self) -> Vec<types::Operation> {
        match self {
            Self::Batch(operations) => operations.iter().map(convert::operation_value).collect(),
            Self::Nothing | Self::Operation(_) => Vec::new(),
        }
    }
}

/// Where ids come from that the client makes.
pub(crate) struct OperationIds<'a> {
    entropy: &'a dyn Entropy,
}

impl<'a> OperationIds<'a> {
    /// At random.
    pub(crate) const fn new(entropy: &'a dyn Entropy) -> Self {
        Self { entropy }
    }

    /// For a fresh operation.
    pub(crate) fn operation(&self) -> OperationId {
        OperationId::random(self.entropy)
    }

    /// For a fresh request.
    pub(crate) fn request(&self) -> RequestId {
        RequestId::random(self.entropy)
    }
}

/// Signing `message` with a wallet.
pub(crate) fn sign_operation(
    environment: EnvironmentId,
    user: UserId,
    id: OperationId,
    wallet: WalletRef,
    message: &[u8],
) -> Operation {
    Operation { environment, user, id, body: Body::SignMessage { wallet, message: message.to_vec() } }
}

/// Exporting a wallet to a one-time key.
pub(crate) fn export_operation(
    environment: EnvironmentId,
    user: UserId,
    id: OperationId,
    wallet: WalletRef,
    recipient_public_key: [u8; 32],
) -> Operation {
    Operation { environment, user, id, body: Body::ExportWallet { wallet, recipient_public_key } }
}

/// Adding a factor of a kind to those there are.
pub(crate) fn link_operation(
    environment: EnvironmentId,
    user: UserId,
    id: OperationId,
    factor: FactorKind,
) -> Operation {
    Operation { environment, user, id, body: Body::LinkCredential { factor } }
}

/// Removing a factor.
pub(crate) fn unlink_operation(
    environment: EnvironmentId,
    user: UserId,
    id: OperationId,
    device: DeviceId,
) -> Operation {
    Operation { environment, user, id, body: Body::UnlinkCredential { device } }
}
