//! Signing a message: the two rounds at one node, and the end of the operation.

use kernel::{AttemptId, Error, NodeId, Result};
use operation::{Body, CheckedOperation, WalletRef};

use crate::domain::envelope::{Envelope, Protocol};
use crate::domain::signing::{self, Commitments, Nonces, Signers};
use crate::rounds::Task;
use crate::signer::{Call, Signer, wrong_kind};

impl Signer {
    /// First round: checks and spends the receipt, and commits to fresh nonces.
    pub(crate) async fn commit(
        &self,
        call: Call<'_>,
        receipt: &str,
        operation: CheckedOperation,
        attempt: AttemptId,
        signers: &[NodeId],
    ) -> Result<(Commitments, Vec<Envelope>)> {
        call.concerns(&operation).await;
        let (wallet, _) = message(&operation)?;
        let authorization = self.authorize(receipt, &operation)?;
        let active = self.active_share(&operation, wallet).await?;
        let signers = Signers::new(&self.local, &active.statement.key, signers)?;
        let share = self.open_share(&active).await?;
        self.spend(call, &operation, authorization, attempt).await?;
        let context = self.context(&operation, attempt, wallet, Protocol::Sign);
        let (nonces, commitments, envelopes) =
            signing::commit(&self.local, &context, &signers, &share, self.entropy.as_ref())?;
        self.rounds.begin(Task { operation, context, signers: Some(signers) }, nonces, call.at)?;
        Ok((commitments, envelopes))
    }

    /// Second round: this node's share of the signature over the message it checked in the first.
    pub(crate) async fn sign_share(
        &self,
        call: Call<'_>,
        attempt: AttemptId,
        envelopes: &[Envelope],
    ) -> Result<[u8; 32]> {
        let task = self.rounds.look::<Nonces>(attempt, call.at)?;
        call.concerns(&task.operation).await;
        let signers = task.signers.as_ref().ok_or_else(|| Error::internal("a commitment has no signers"))?;
        let peers = signing::open_commitments(&self.local, &task.context, signers, envelopes)?;
        let (wallet, message) = message(&task.operation)?;
        let active = self.active_share(&task.operation, wallet).await?;
        let share = self.open_share(&active).await?;
        call.trail.intend().await?;
        let nonces = self.rounds.take::<Nonces>(attempt, call.at)?;
        signing::sign(&self.local, &share, nonces, peers, message)
    }

    /// Ends the operation: no attempt is begun after this. Can be repeated.
    pub(crate) async fn record_signature(
        &self,
        call: Call<'_>,
        operation: &CheckedOperation,
        signature: &[u8; 64],
    ) -> Result<()> {
        call.concerns(operation).await;
        let (wallet, message) = message(operation)?;
        let active = self.active_share(operation, wallet).await?;
        if !active.statement.key.verifies(message, signature) {
            return Err(signing::bad_signature());
        }
        call.trail.intend().await?;
        let own = operation.operation();
        self.spending.finish(own.environment, own.user, own.id, operation.digest().as_bytes()).await?;
        self.rounds.forget(operation, call.at);
        Ok(())
    }
}

fn message(operation: &CheckedOperation) -> Result<(WalletRef, &[u8])> {
    match &operation.operation().body {
        Body::SignMessage { wallet, message } => Ok((*wallet, message)),
        Body::CreateWallet { .. }
        | Body::ExportWallet { .. }
        | Body::LinkCredential { .. }
        | Body::UnlinkCredential { .. } => Err(wrong_kind("sign_message")),
    }
}
