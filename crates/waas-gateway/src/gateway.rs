//! What the use cases share. Each use case is a method in a file of its own.

use std::sync::Arc;

use attestation::NodeDirectory;
use kernel::{Clock, Entropy, Error, Result};
use operation::{CheckedOperation, Operation};

use crate::caller::Caller;
use crate::domain::outcome::Outcome;
use crate::domain::wallet::{Wallet, WalletPath};
use crate::in_flight::InFlight;
use crate::ports::{Issuer, Nodes, OperationKey, OperationStore, WalletStore};

/// The wallets and what is done with them.
pub(crate) struct Gateway {
    pub(crate) wallets: Arc<dyn WalletStore>,
    pub(crate) operations: Arc<dyn OperationStore>,
    pub(crate) issuer: Arc<dyn Issuer>,
    pub(crate) nodes: Arc<dyn Nodes>,
    pub(crate) directory: NodeDirectory,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) in_flight: InFlight,
}

impl Gateway {
    /// Checks an operation and names it in the audit trail.
    pub(crate) async fn check(&self, caller: &Caller, operation: Operation) -> Result<CheckedOperation> {
        let operation = operation.check()?;
        caller.trail.operation(operation.operation().id, *operation.digest().as_bytes()).await;
        Ok(operation)
    }

    /// What the operation came to, if it was done before.
    ///
    /// # Errors
    ///
    /// `OPERATION_ID_REUSED` when its id belongs to another.
    pub(crate) async fn outcome(&self, operation: &CheckedOperation) -> Result<Option<Outcome>> {
        let record = self.operations.find(OperationKey::of(operation)).await?;
        Ok(record.map(|record| record.answer(operation.digest())).transpose()?.flatten())
    }

    /// The wallet, which must exist and be the user's.
    pub(crate) async fn wallet(&self, path: WalletPath) -> Result<Wallet> {
        self.wallets.find(path).await?.ok_or_else(Error::not_found)
    }
}

/// An operation has an outcome that its kind cannot have: a defect.
pub(crate) fn other_outcome(outcome: &Outcome) -> Error {
    let found = match outcome {
        Outcome::WalletCreated => "a wallet",
        Outcome::Signed(_) => "a signature",
        Outcome::Exported(_) => "an export",
    };
    Error::internal(format!("the operation came to {found}, which is not of its kind"))
}
