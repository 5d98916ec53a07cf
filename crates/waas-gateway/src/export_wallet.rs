//! Exporting the private key of a wallet, share by share, each sealed to the caller.

use std::collections::BTreeMap;

use attestation::{KeyStatement, SealedShare};
use kernel::{NodeId, OperationId, Result, SecretText, WalletId};
use operation::{Body, CheckedOperation, Operation, WalletRef};

use crate::authorization::{self, Receipt};
use crate::caller::Caller;
use crate::domain::effort::Effort;
use crate::domain::export;
use crate::domain::outcome::Outcome;
use crate::domain::wallet::{Wallet, WalletPath};
use crate::gateway::{Gateway, other_outcome};
use crate::quorum::each;

/// What is to be exported.
#[derive(Debug)]
pub(crate) struct ExportWallet {
    /// The wallet.
    pub(crate) wallet: WalletId,
    /// The generation of its key shares that the caller knows.
    pub(crate) share_generation: u32,
    /// The id of the operation.
    pub(crate) operation: OperationId,
    /// The caller's one-time X25519 public key.
    pub(crate) recipient_public_key: [u8; 32],
    /// The receipt, or nothing.
    pub(crate) receipt: SecretText,
}

impl Gateway {
    /// Exports the key of a wallet of the caller: sealed shares, and the wallet whose attestations they must fit. The
    /// same call again gets the same boxes.
    ///
    /// # Errors
    ///
    /// In the same order as [`Gateway::sign_message`].
    pub(crate) async fn export_wallet(
        &self,
        caller: &Caller,
        request: ExportWallet,
    ) -> Result<(Vec<SealedShare>, Wallet)> {
        let ExportWallet { wallet: id, share_generation, operation, recipient_public_key, receipt } = request;
        let brought = authorization::brought(receipt)?;
        let wallet = WalletRef { id, share_generation };
        let body = Body::ExportWallet { wallet, recipient_public_key };
        let operation = Operation { environment: caller.environment, user: caller.user, id: operation, body };
        let operation = self.check(caller, operation).await?;
        let done = self.outcome(&operation).await?;
        let path = WalletPath { environment: caller.environment, user: caller.user, wallet: id };
        let wallet = self.wallet(path).await?;
        if let Some(outcome) = done {
            return Ok((exported(outcome)?, wallet));
        }
        let statement = wallet.ready(share_generation)?.statement().clone();
        let live = self.live(statement.key.threshold.into()).await?;
        let receipt = self.authorize(caller, &operation, brought).await?;

        let job = Exporting { gateway: self, caller, operation: &operation, statement };
        let outcome = self.once(caller, &operation, job.run(live, receipt)).await?;
        Ok((exported(outcome)?, wallet))
    }
}

fn exported(outcome: Outcome) -> Result<Vec<SealedShare>> {
    match outcome {
        Outcome::Exported(shares) => Ok(shares),
        other => Err(other_outcome(&other)),
    }
}

/// One run of an export.
struct Exporting<'a> {
    gateway: &'a Gateway,
    caller: &'a Caller,
    operation: &'a CheckedOperation,
    statement: KeyStatement,
}

impl Exporting<'_> {
    async fn run(self, live: Vec<NodeId>, mut receipt: Receipt) -> Result<Outcome> {
        let mut effort = Effort::new(live, self.statement.key.threshold.into());
        loop {
            let chosen = effort.next()?;
            match each(&chosen, |node| self.share(node, &receipt)).await {
                Ok(shares) => return self.keep(shares).await,
                Err(setbacks) => {
                    if let Some(expired) = effort.learn(setbacks)? {
                        self.gateway.renew(self.caller, self.operation, &mut receipt, expired).await?;
                    }
                }
            }
        }
    }

    async fn share(&self, node: NodeId, receipt: &Receipt) -> Result<SealedShare> {
        let share = self.gateway.nodes.export_share(&node, receipt.text(), self.operation).await?;
        export::check(&share, &node, &self.gateway.directory, &self.statement, self.operation)?;
        Ok(share)
    }

    async fn keep(&self, shares: BTreeMap<NodeId, SealedShare>) -> Result<Outcome> {
        let shares = shares.into_values().collect();
        self.gateway.keep(self.operation, Outcome::Exported(shares)).await
    }
}
