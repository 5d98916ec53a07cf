//! Signing a message.

use std::collections::BTreeMap;

use attestation::WalletKey;
use kernel::{AttemptId, Error, NodeId, OperationId, Result, SecretText, WalletId};
use operation::{Body, CheckedOperation, Operation, WalletRef};

use crate::authorization::{self, Receipt};
use crate::caller::Caller;
use crate::domain::effort::{Effort, Setback};
use crate::domain::outcome::Outcome;
use crate::domain::routing::{self, Misrouted};
use crate::domain::signature::{self, Contribution};
use crate::domain::wallet::WalletPath;
use crate::gateway::{Gateway, other_outcome};
use crate::quorum::each;

/// What is to be signed.
#[derive(Debug)]
pub(crate) struct SignMessage {
    /// The wallet.
    pub(crate) wallet: WalletId,
    /// The generation of its key shares that the caller knows.
    pub(crate) share_generation: u32,
    /// The id of the operation.
    pub(crate) operation: OperationId,
    /// The message.
    pub(crate) message: Vec<u8>,
    /// The receipt, or nothing.
    pub(crate) receipt: SecretText,
}

impl Gateway {
    /// Signs a message with a wallet of the caller. The same call again gets the same signature.
    ///
    /// # Errors
    ///
    /// In this order: what is wrong with the request, `OPERATION_ID_REUSED`, `RESOURCE_NOT_FOUND`,
    /// `WALLET_NOT_ACTIVE`, `GENERATION_MISMATCH`, `NODE_UNAVAILABLE`; the issuer's refusal; those of the nodes.
    pub(crate) async fn sign_message(&self, caller: &Caller, request: SignMessage) -> Result<[u8; 64]> {
        let SignMessage { wallet: id, share_generation, operation, message, receipt } = request;
        let brought = authorization::brought(receipt)?;
        let wallet = WalletRef { id, share_generation };
        let body = Body::SignMessage { wallet, message };
        let operation = Operation { environment: caller.environment, user: caller.user, id: operation, body };
        let operation = self.check(caller, operation).await?;
        if let Some(outcome) = self.outcome(&operation).await? {
            return signed(outcome);
        }
        let path = WalletPath { environment: caller.environment, user: caller.user, wallet: id };
        let key = self.wallet(path).await?.ready(share_generation)?.statement().key.clone();
        let live = self.live(key.threshold.into()).await?;
        let receipt = self.authorize(caller, &operation, brought).await?;

        let Body::SignMessage { message, .. } = &operation.operation().body else {
            return Err(Error::internal("the operation signs no message"));
        };
        let job = Signing { gateway: self, caller, operation: &operation, message, key };
        let outcome = self.once(caller, &operation, job.run(live, receipt)).await?;
        signed(outcome)
    }
}

fn signed(outcome: Outcome) -> Result<[u8; 64]> {
    match outcome {
        Outcome::Signed(signature) => Ok(signature),
        other => Err(other_outcome(&other)),
    }
}

/// One run of a signing operation.
struct Signing<'a> {
    gateway: &'a Gateway,
    caller: &'a Caller,
    operation: &'a CheckedOperation,
    message: &'a [u8],
    key: WalletKey,
}

impl Signing<'_> {
    async fn run(self, live: Vec<NodeId>, mut receipt: Receipt) -> Result<Outcome> {
        let mut effort = Effort::new(live, self.key.threshold.into());
        loop {
            let signers = effort.next()?;
            match self.attempt(&receipt, &signers).await {
                Ok(signature) => {
                    let outcome = self.gateway.keep(self.operation, Outcome::Signed(signature)).await?;
                    self.record(&signers, &outcome).await;
                    return Ok(outcome);
                }
                Err(setbacks) => {
                    if let Some(expired) = effort.learn(setbacks)? {
                        self.gateway.renew(self.caller, self.operation, &mut receipt, expired).await?;
                    }
                }
            }
        }
    }

    /// Both rounds, with fresh nonces.
    async fn attempt(&self, receipt: &Receipt, signers: &[NodeId]) -> Result<[u8; 64], Vec<Setback>> {
        let nodes = &self.gateway.nodes;
        let attempt = AttemptId::random(&*self.gateway.entropy);
        let answers = each(signers, |node| async move {
            nodes.commit(&node, receipt.text(), self.operation, attempt, signers).await
        })
        .await?;

        let mut contributions = BTreeMap::new();
        let mut envelopes = BTreeMap::new();
        for (node, answer) in answers {
            let contribution =
                Contribution { hiding: answer.hiding, binding: answer.binding, share: [0; 32] };
            contributions.insert(node.clone(), contribution);
            envelopes.insert(node, answer.envelopes);
        }
        let routed = &routing::route(envelopes).map_err(misrouted)?;
        let shares = each(signers, |node| async move {
            let envelopes = routed.get(&node).cloned().unwrap_or_default();
            nodes.sign_share(&node, attempt, envelopes).await
        })
        .await?;
        for (node, share) in shares {
            if let Some(contribution) = contributions.get_mut(&node) {
                contribution.share = share;
            }
        }
        signature::aggregate(&self.key, self.message, &contributions)
            .map_err(|unsound| vec![Setback::Broken(unsound.culprit, unsound.error)])
    }

    /// Tells the signers that the operation is over. It is over here in any case; a node that does not hear of it
    /// lets go of it when its own time for it has passed.
    async fn record(&self, signers: &[NodeId], outcome: &Outcome) {
        let Outcome::Signed(signature) = outcome else { return };
        let nodes = &self.gateway.nodes;
        // `each` writes down what went wrong.
        drop(
            each(
                signers,
                |node| async move { nodes.record_signature(&node, self.operation, signature).await },
            )
            .await,
        );
    }
}

/// What envelopes that cannot be routed mean for the attempt.
pub(crate) fn misrouted(misrouted: Misrouted) -> Vec<Setback> {
    vec![Setback::Broken(Some(misrouted.node), misrouted.error)]
}
