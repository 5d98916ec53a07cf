//! What a node needs from outside, in its own words.

use async_trait::async_trait;
use kernel::{
    AttemptId, EnvironmentId, OperationId, Result, SecretBytes, Timestamp, TokenId, UserId, WalletId,
};
use operation::CheckedOperation;

use crate::domain::{Attestation, KeyStatement};

/// How receipts are checked.
pub(crate) trait Receipts: Send + Sync {
    /// Checks that the receipt is for exactly this operation at this group of nodes, now. Answers the single-use
    /// token that paid for it, if one did.
    ///
    /// # Errors
    ///
    /// `RECEIPT_MISSING`, `RECEIPT_INVALID`, `RECEIPT_EXPIRED` or `RECEIPT_MISMATCH`.
    fn verify(&self, receipt: &str, operation: &CheckedOperation) -> Result<Option<TokenId>>;
}

/// A share that a key generation came to.
pub(crate) struct NewShare {
    /// The operation that creates the wallet.
    pub(crate) operation: OperationId,
    /// What this node says about the key.
    pub(crate) statement: KeyStatement,
    /// The same, signed.
    pub(crate) attestation: Attestation,
    /// The share: a scalar, 32 octets.
    pub(crate) secret: SecretBytes,
}

/// What is public about a stored share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredShare {
    /// The operation that created the wallet.
    pub(crate) operation: OperationId,
    /// What this node says about the key, signed. Read back, not verified.
    pub(crate) attestation: Attestation,
    /// The attempt that made it.
    pub(crate) attempt: AttemptId,
    /// Whether it is in use.
    pub(crate) active: bool,
}

/// The node's shares, sealed at rest.
#[async_trait]
pub(crate) trait Shares: Send + Sync {
    /// Stores a share as pending. The latest four attempts are kept; older ones are erased.
    ///
    /// # Errors
    ///
    /// `RECEIPT_SPENT` when the wallet is active, whose share nothing replaces; `INVALID_REQUEST` when there is a share
    /// of this attempt.
    async fn store_pending(&self, share: &NewShare, now: Timestamp) -> Result<()>;

    /// The shares of a wallet of this user: the active one alone, or all that are pending, oldest first. None also when
    /// the wallet belongs to somebody else.
    async fn shares(
        &self,
        environment: EnvironmentId,
        user: UserId,
        wallet: WalletId,
    ) -> Result<Vec<StoredShare>>;

    /// The secret of a stored share.
    async fn secret(&self, wallet: WalletId, attempt: AttemptId) -> Result<SecretBytes>;

    /// Makes a pending share the active one and erases the others, in one step. Nothing happens when it is active
    /// already.
    ///
    /// # Errors
    ///
    /// `RESOURCE_NOT_FOUND` when the share is not there or another is active.
    async fn activate(&self, wallet: WalletId, attempt: AttemptId) -> Result<()>;
}
