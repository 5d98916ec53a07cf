//! The moves of a coordinator, one call each, and the honest games made of them.

use kernel::TokenId;
use mpc_signer::domain::{Attestation, KeyStatement};
use operation::{Body, CheckedOperation, WalletRef};
use proto::convert::{id, octets, operation_value};
use proto::mpc_signer as pb;

use super::harvest::Harvest;
use super::nodes::{NODES, Nodes, node_id};
use crate::support::answer::{Outcome as _, Refusal};

/// A wallet of the victim.
#[derive(Clone)]
pub(crate) struct Wallet {
    pub(crate) on: WalletRef,
    pub(crate) statement: KeyStatement,
    pub(crate) attestations: Vec<pb::NodeAttestation>,
}

/// What one round gave.
pub(crate) type Outbox = Vec<Vec<pb::Envelope>>;

/// Of all envelopes those that are for a node.
pub(crate) fn inbox(n: usize, all: &[Vec<pb::Envelope>]) -> Vec<pb::Envelope> {
    let to = node_id(n).to_string();
    let is_for = |envelope: &&pb::Envelope| envelope.header.as_ref().unwrap().to_node_id == to;
    all.iter().flatten().filter(is_for).cloned().collect()
}

/// An attestation as it was sent.
pub(crate) fn attestation(value: &pb::NodeAttestation) -> Attestation {
    Attestation {
        node: id("node_id", &value.node_id).unwrap(),
        statement: value.statement.clone(),
        signature: octets("signature", &value.signature).unwrap(),
    }
}

impl Nodes {
    pub(crate) async fn start_keygen(
        &self,
        n: usize,
        receipt: &str,
        operation: &CheckedOperation,
        attempt: &str,
    ) -> Result<Vec<pb::Envelope>, Refusal> {
        let request = pb::StartKeygenRequest {
            receipt: receipt.to_owned(),
            operation: Some(operation_value(operation.operation())),
            attempt_id: attempt.to_owned(),
        };
        Ok(self.node(n).start_keygen(Self::ask(request)).await.outcome()?.into_inner().envelopes)
    }

    pub(crate) async fn continue_keygen(
        &self,
        n: usize,
        attempt: &str,
        envelopes: Vec<pb::Envelope>,
    ) -> Result<Vec<pb::Envelope>, Refusal> {
        let request = pb::ContinueKeygenRequest { attempt_id: attempt.to_owned(), envelopes };
        Ok(self.node(n).continue_keygen(Self::ask(request)).await.outcome()?.into_inner().envelopes)
    }

    pub(crate) async fn finish_keygen(
        &self,
        n: usize,
        attempt: &str,
        envelopes: Vec<pb::Envelope>,
    ) -> Result<pb::NodeAttestation, Refusal> {
        let request = pb::FinishKeygenRequest { attempt_id: attempt.to_owned(), envelopes };
        let answer = self.node(n).finish_keygen(Self::ask(request)).await.outcome()?.into_inner();
        Ok(answer.share.unwrap().attestation.unwrap())
    }

    pub(crate) async fn activate(
        &self,
        n: usize,
        name: String,
        attestations: Vec<pb::NodeAttestation>,
    ) -> Result<pb::WalletShare, Refusal> {
        let request = pb::ActivateWalletRequest { name, attestations };
        Ok(self.node(n).activate_wallet(Self::ask(request)).await.outcome()?.into_inner().share.unwrap())
    }

    /// All rounds of a key generation, without its activation.
    pub(crate) async fn keygen(
        &self,
        receipt: &str,
        operation: &CheckedOperation,
    ) -> Vec<pb::NodeAttestation> {
        let attempt = self.attempt();
        let (mut first, mut second, mut attestations) = (Outbox::new(), Outbox::new(), Vec::new());
        for n in 0..NODES {
            first.push(self.start_keygen(n, receipt, operation, &attempt).await.unwrap());
        }
        for n in 0..NODES {
            second.push(self.continue_keygen(n, &attempt, inbox(n, &first)).await.unwrap());
        }
        for n in 0..NODES {
            attestations.push(self.finish_keygen(n, &attempt, inbox(n, &second)).await.unwrap());
        }
        attestations
    }

    /// The wallet that these attestations are about.
    pub(crate) fn attested(&self, attestations: Vec<pb::NodeAttestation>) -> Wallet {
        let all: Vec<_> = attestations.iter().map(attestation).collect();
        let statement = mpc_signer::domain::agreed(&self.directory, &all).unwrap();
        let on = WalletRef { id: statement.wallet, share_generation: statement.generation };
        Wallet { on, statement, attestations }
    }

    /// Creates a wallet as an honest gateway does.
    pub(crate) async fn create(&self) -> Wallet {
        let creation = self.creation();
        let attestations = self.keygen(&self.receipt(&creation), &creation).await;
        let wallet = self.attested(attestations);
        for n in 0..NODES {
            let name = self.wallet_name(wallet.on.id);
            self.activate(n, name, wallet.attestations.clone()).await.unwrap();
        }
        wallet
    }

    /// Signing a message with a wallet, under a fresh operation id.
    pub(crate) fn signing(&self, wallet: &Wallet, message: &[u8]) -> CheckedOperation {
        self.operation(Body::SignMessage { wallet: wallet.on, message: message.to_vec() })
    }

    /// Exporting a wallet to a one-time key, under a fresh operation id.
    pub(crate) fn exporting(&self, wallet: &Wallet, recipient_public_key: [u8; 32]) -> CheckedOperation {
        self.operation(Body::ExportWallet { wallet: wallet.on, recipient_public_key })
    }

    pub(crate) async fn commit(
        &self,
        n: usize,
        receipt: &str,
        operation: &CheckedOperation,
        attempt: &str,
        signers: &[usize],
    ) -> Result<pb::CommitResponse, Refusal> {
        let request = pb::CommitRequest {
            receipt: receipt.to_owned(),
            operation: Some(operation_value(operation.operation())),
            attempt_id: attempt.to_owned(),
            signer_node_ids: signers.iter().map(|n| node_id(*n).to_string()).collect(),
        };
        Ok(self.node(n).commit(Self::ask(request)).await.outcome()?.into_inner())
    }

    pub(crate) async fn sign_share(
        &self,
        n: usize,
        attempt: &str,
        envelopes: Vec<pb::Envelope>,
    ) -> Result<Vec<u8>, Refusal> {
        let request = pb::SignShareRequest { attempt_id: attempt.to_owned(), envelopes };
        Ok(self.node(n).sign_share(Self::ask(request)).await.outcome()?.into_inner().signature_share)
    }

    pub(crate) async fn record(
        &self,
        n: usize,
        operation: &CheckedOperation,
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let request = pb::RecordSignatureRequest {
            operation: Some(operation_value(operation.operation())),
            signature: signature.to_vec(),
        };
        self.node(n).record_signature(Self::ask(request)).await.outcome().map(drop)
    }

    pub(crate) async fn export_share(
        &self,
        n: usize,
        receipt: &str,
        operation: &CheckedOperation,
    ) -> Result<pb::ExportBox, Refusal> {
        let request = pb::ExportShareRequest {
            receipt: receipt.to_owned(),
            operation: Some(operation_value(operation.operation())),
        };
        Ok(self.node(n).export_share(Self::ask(request)).await.outcome()?.into_inner().r#box.unwrap())
    }

    /// The first round of a signature at these nodes. What it gives goes to the harvest, too.
    pub(crate) async fn commit_all(
        &self,
        harvest: &mut Harvest,
        receipt: &str,
        operation: &CheckedOperation,
        attempt: &str,
        signers: &[usize],
    ) -> Result<Outbox, Refusal> {
        let mut outbox = Outbox::new();
        for n in signers {
            let committed = self.commit(*n, receipt, operation, attempt, signers).await?;
            harvest.commitment(*n, &committed);
            outbox.push(committed.envelopes);
        }
        Ok(outbox)
    }

    /// Both rounds at these nodes, as far as they come.
    pub(crate) async fn sign(
        &self,
        harvest: &mut Harvest,
        receipt: &str,
        operation: &CheckedOperation,
        signers: &[usize],
    ) -> Result<(), Refusal> {
        let attempt = self.attempt();
        let outbox = self.commit_all(harvest, receipt, operation, &attempt, signers).await?;
        for n in signers {
            let share = self.sign_share(*n, &attempt, inbox(*n, &outbox)).await?;
            harvest.share(*n, &share);
        }
        Ok(())
    }

    /// Signs an ordered message with a receipt of its own, to show that what came before consumed nothing; gives the
    /// signature.
    pub(crate) async fn sign_honestly(
        &self,
        wallet: &Wallet,
        operation: &CheckedOperation,
        paid_by: Option<TokenId>,
    ) -> Vec<u8> {
        let mut harvest = Harvest::default();
        let receipt = self.receipt_paid_by(operation, paid_by);
        self.sign(&mut harvest, &receipt, operation, &[0, 1]).await.unwrap();
        let Body::SignMessage { message, .. } = &operation.operation().body else {
            panic!("not a signature")
        };
        let found = harvest.signatures(wallet, &[message]);
        assert_eq!(found.len(), 1, "an honest order gives its signature");
        found.into_values().next().unwrap()
    }
}
