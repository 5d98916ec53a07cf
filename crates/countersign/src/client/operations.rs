//! The operations a client asks for.

use kernel::{DeviceId, Entropy, EnvironmentId, FactorKind, OperationId, RequestId, UserId};
use operation::{Body, Operation, WalletRef};

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
