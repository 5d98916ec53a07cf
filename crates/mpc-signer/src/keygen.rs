//! Making a wallet's key: the three steps of the distributed key generation at one node. Its end, activation, is in
//! [`crate::activation`].

use kernel::{AttemptId, Error, Reason, Result};
use operation::{Body, CheckedOperation, KeyType, WalletRef};

use crate::domain::KeyStatement;
use crate::domain::envelope::{Envelope, Protocol};
use crate::domain::keygen::{self, FirstSecret, SecondSecret};
use crate::ports::{NewShare, StoredShare};
use crate::rounds::Task;
use crate::signer::{Call, Signer, wrong_kind};

/// The generation of the shares that a wallet is created with.
const FIRST_GENERATION: u32 = 1;

impl Signer {
    /// First step: checks and spends the receipt, deals a polynomial and tells the other nodes the commitment to it.
    pub(crate) async fn start_keygen(
        &self,
        call: Call<'_>,
        receipt: &str,
        operation: CheckedOperation,
        attempt: AttemptId,
    ) -> Result<Vec<Envelope>> {
        call.concerns(&operation).await;
        let (Body::CreateWallet { key_type: KeyType::Ed25519 }, Some(wallet)) =
            (&operation.operation().body, operation.created_wallet())
        else {
            return Err(wrong_kind("create_wallet"));
        };
        let authorization = self.authorize(receipt, &operation)?;
        let own = operation.operation();
        let shares = self.shares.shares(own.environment, own.user, wallet).await?;
        if shares.iter().any(|share| share.active) {
            return Err(Error::new(
                Reason::ReceiptSpent,
                "the wallet of this operation is active here; read it with GetWallet and activate it everywhere",
            ));
        }
        self.spend(call, &operation, authorization, attempt).await?;
        let wallet = WalletRef { id: wallet, share_generation: FIRST_GENERATION };
        let context = self.context(&operation, attempt, wallet, Protocol::Keygen);
        let (secret, envelopes) = keygen::start(&self.local, &context, self.entropy.as_ref())?;
        self.rounds.begin(Task { operation, context, signers: None }, secret, call.at)?;
        Ok(envelopes)
    }

    /// Second step: checks what the others committed to and deals them their shares.
    pub(crate) async fn continue_keygen(
        &self,
        call: Call<'_>,
        attempt: AttemptId,
        envelopes: &[Envelope],
    ) -> Result<Vec<Envelope>> {
        let task = self.rounds.look::<FirstSecret>(attempt, call.at)?;
        call.concerns(&task.operation).await;
        let packages = keygen::open_first(&self.local, &task.context, envelopes)?;
        call.trail.intend().await?;
        let secret = self.rounds.take::<FirstSecret>(attempt, call.at)?;
        let (secret, envelopes) =
            keygen::proceed(&self.local, &task.context, secret, packages, self.entropy.as_ref())?;
        self.rounds.put(attempt, secret, call.at)?;
        Ok(envelopes)
    }

    /// Last step: checks what the others dealt, stores the share, and only then attests the key.
    pub(crate) async fn finish_keygen(
        &self,
        call: Call<'_>,
        attempt: AttemptId,
        envelopes: &[Envelope],
    ) -> Result<(KeyStatement, StoredShare)> {
        let task = self.rounds.look::<SecondSecret>(attempt, call.at)?;
        call.concerns(&task.operation).await;
        let packages = keygen::open_second(&self.local, &task.context, envelopes)?;
        call.trail.intend().await?;
        let secret = self.rounds.take::<SecondSecret>(attempt, call.at)?;
        let generated = keygen::finish(&self.local, &task.context, secret, &packages)?;
        let own = task.operation.operation();
        let statement = KeyStatement {
            group: task.context.group.clone(),
            environment: own.environment,
            user: own.user,
            wallet: task.context.wallet,
            operation_digest: task.context.operation_digest,
            attempt,
            generation: task.context.generation,
            transcript: generated.transcript,
            key: generated.key,
        };
        let attestation = self.local.attest(&statement);
        let share = NewShare {
            operation: own.id,
            statement: statement.clone(),
            attestation: attestation.clone(),
            secret: generated.share.secret(),
        };
        self.shares.store_pending(&share, call.at).await?;
        Ok((statement, StoredShare { operation: own.id, attestation, attempt, active: false }))
    }
}
