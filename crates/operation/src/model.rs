//! The operation as it is asked for, before anything about it was checked.

use std::fmt;

use kernel::{DeviceId, EnvironmentId, FactorKind, OperationId, UserId, WalletId};

use crate::kind::{KeyType, OperationKind};

/// One thing that one user wants done. Says nothing until it was [checked](Operation::check).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The environment in which it is done.
    pub environment: EnvironmentId,
    /// The user for whom it is done.
    pub user: UserId,
    /// Chosen by the client, unique per environment and user. The same id with another digest is refused for
    /// ever by whoever keeps ids.
    pub id: OperationId,
    /// What is to be done.
    pub body: Body,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Make a wallet, whose id follows from the digest of this operation.
    CreateWallet {
        /// The kind of key the wallet gets.
        key_type: KeyType,
    },
    /// Sign a message: octets that are not a transaction.
    SignMessage {
        /// The wallet that signs.
        wallet: WalletRef,
        /// The octets to sign, as they are: 1 to [`MAX_MESSAGE_LENGTH`](crate::MAX_MESSAGE_LENGTH).
        message: Vec<u8>,
    },
    /// Hand out the private key, sealed to a key that only the caller can open.
    ExportWallet {
        /// The wallet whose key is exported.
        wallet: WalletRef,
        /// The caller's one-time HPKE key: an X25519 u-coordinate in its canonical encoding (RFC 7748
        /// section 5, RFC 9180 section 7.1.1), and not a point of small order.
        recipient_public_key: [u8; 32],
    },
    /// Add a factor when the user has one already.
    LinkCredential {
        /// The kind of factor that may be added.
        factor: FactorKind,
    },
    /// Remove a factor.
    UnlinkCredential {
        /// The factor that goes.
        device: DeviceId,
    },
}

impl Body {
    /// The kind of this body.
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::CreateWallet { .. } => OperationKind::WalletCreate,
            Self::SignMessage { .. } => OperationKind::SignMessage,
            Self::ExportWallet { .. } => OperationKind::WalletExport,
            Self::LinkCredential { .. } => OperationKind::CredentialLink,
            Self::UnlinkCredential { .. } => OperationKind::CredentialUnlink,
        }
    }
}

/// Shows how long a message is instead of the message: what a user signs is not for our logs.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct(self.kind().as_str());
        match self {
            Self::CreateWallet { key_type } => out.field("key_type", key_type),
            Self::SignMessage { wallet, message } => {
                out.field("wallet", wallet).field("message_length", &message.len())
            }
            Self::ExportWallet { wallet, recipient_public_key } => {
                out.field("wallet", wallet).field("recipient_public_key", recipient_public_key)
            }
            Self::LinkCredential { factor } => out.field("factor", factor),
            Self::UnlinkCredential { device } => out.field("device", device),
        };
        out.finish()
    }
}

/// A wallet at one generation of its key shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WalletRef {
    /// The wallet.
    pub id: WalletId,
    /// The generation of key shares the operation is meant for: 1 when the wallet was made, one more after each
    /// refresh or reshare. Never 0.
    pub share_generation: u32,
}
