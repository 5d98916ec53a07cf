//! Three nodes, each with a database of its own, and a coordinator's moves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kernel::audit::{Actor, Event};
use kernel::{
    AttemptId, EnvironmentId, Error, NodeId, OperationId, Reason, Result, SecretBytes, Timestamp, TokenId,
    UserId, WalletId,
};
use operation::{Body, CheckedOperation, KeyType, Operation, WalletRef};
use storage::audit::Row;
use storage::spending::Spending;
use storage::{AuditLog, Sealer, SqlAuditLog, Trail};
use testkit::SeededEntropy;

use crate::domain::envelope::Envelope;
use crate::domain::fixtures;
use crate::domain::signing::Commitments;
use crate::domain::{Attestation, KeyStatement, LocalNode, NodeDirectory, WalletKey};
use crate::migrations::Migrator;
use crate::ports::Receipts;
use crate::signer::Call;
use crate::signer::Signer;
use crate::store::SqlShares;

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// Digest and payment.
type Given = ([u8; 32], Option<TokenId>);

/// Receipts by their text.
#[derive(Default)]
pub(super) struct Desk(Mutex<BTreeMap<String, Given>>);

impl Receipts for Desk {
    fn verify(&self, receipt: &str, operation: &CheckedOperation) -> Result<Option<TokenId>> {
        let given = self.0.lock().unwrap();
        let (digest, paid_by) =
            given.get(receipt).ok_or_else(|| Error::new(Reason::ReceiptInvalid, "never given"))?;
        if digest != operation.digest().as_bytes() {
            return Err(Error::new(Reason::ReceiptMismatch, "for another operation"));
        }
        Ok(*paid_by)
    }
}

pub(super) struct Place {
    pub(super) signer: Signer,
    pub(super) audit: Arc<dyn AuditLog>,
    pub(super) database: sea_orm::DatabaseConnection,
    local: LocalNode,
    _folder: tempfile::TempDir,
}

impl Place {
    /// The trail of one call.
    pub(super) fn trail(&self) -> Trail {
        let event = Event::new("test", NOW, Actor::Peer("waas-gateway".to_owned()));
        Trail::new(Arc::clone(&self.audit), event)
    }

    pub(super) async fn rows(&self) -> Vec<Row> {
        self.audit.list(None, None, 1000).await.unwrap()
    }
}

pub(super) struct World {
    pub(super) nodes: Vec<Place>,
    pub(super) environment: EnvironmentId,
    pub(super) user: UserId,
    pub(super) entropy: Arc<SeededEntropy>,
    desk: Arc<Desk>,
}

/// A wallet in use.
pub(super) struct Wallet {
    pub(super) reference: WalletRef,
    pub(super) key: WalletKey,
    pub(super) attestations: Vec<Attestation>,
}

fn signer(
    local: &LocalNode,
    database: &sea_orm::DatabaseConnection,
    entropy: &Arc<SeededEntropy>,
    desk: &Arc<Desk>,
) -> Signer {
    let sealer = Sealer::new([(1, SecretBytes::from(vec![1; 32]))], Arc::clone(entropy) as _).unwrap();
    let shares = SqlShares::new(database.clone(), Arc::new(sealer));
    let spending = Spending::new(database.clone());
    Signer::new(local.clone(), Arc::clone(entropy) as _, Arc::clone(desk) as _, spending, Arc::new(shares))
}

impl World {
    pub(super) async fn new() -> Self {
        let entropy = Arc::new(fixtures::entropy(500));
        let desk = Arc::new(Desk::default());
        let mut nodes = Vec::new();
        for local in fixtures::group(2, 3) {
            let (database, folder) = testkit::database::<Migrator>().await;
            nodes.push(Place {
                signer: signer(&local, &database, &entropy, &desk),
                audit: Arc::new(SqlAuditLog::new(database.clone())),
                database,
                local,
                _folder: folder,
            });
        }
        let environment = EnvironmentId::random(entropy.as_ref());
        let user = UserId::random(entropy.as_ref());
        Self { nodes, environment, user, entropy, desk }
    }

    /// The node's process ends and starts again: its database stays, its memory does not.
    pub(super) fn restart(&mut self, n: usize) {
        let place = &mut self.nodes[n];
        place.signer = signer(&place.local, &place.database, &self.entropy, &self.desk);
    }

    /// A node gets a new identity. All nodes are told, with its earlier key or without, and start again.
    pub(super) fn renew(&mut self, n: usize, with_earlier_key: bool) {
        let earlier = self.nodes[n].local.node().clone();
        let identity = fixtures::identity(earlier.id.as_str(), 700);
        let group = self.nodes[n].local.directory();
        let mut nodes = group.nodes().to_vec();
        nodes[n] = identity.public(earlier.identifier);
        let mut directory = NodeDirectory::new(group.group().clone(), group.threshold(), nodes).unwrap();
        if with_earlier_key {
            directory = directory.with_previous_keys(&earlier.id, vec![earlier.signing_key]).unwrap();
        }
        for (index, place) in self.nodes.iter_mut().enumerate() {
            let own = if index == n { identity.clone() } else { place.local.identity().clone() };
            place.local = LocalNode::new(own, directory.clone()).unwrap();
        }
        for index in 0..self.nodes.len() {
            self.restart(index);
        }
    }

    pub(super) fn id(&self, n: usize) -> NodeId {
        self.nodes[n].local.id().clone()
    }

    pub(super) fn attempt(&self) -> AttemptId {
        AttemptId::random(self.entropy.as_ref())
    }

    pub(super) fn operation(&self, body: Body) -> CheckedOperation {
        let id = OperationId::random(self.entropy.as_ref());
        self.operation_with(self.user, id, body)
    }

    pub(super) fn operation_with(&self, user: UserId, id: OperationId, body: Body) -> CheckedOperation {
        Operation { environment: self.environment, user, id, body }.check().unwrap()
    }

    pub(super) fn creation(&self) -> CheckedOperation {
        self.operation(Body::CreateWallet { key_type: KeyType::Ed25519 })
    }

    pub(super) fn message(&self, wallet: &Wallet, message: &[u8]) -> CheckedOperation {
        self.operation(Body::SignMessage { wallet: wallet.reference, message: message.to_vec() })
    }

    /// A receipt that no token paid for.
    pub(super) fn receipt(&self, operation: &CheckedOperation) -> String {
        self.receipt_paid_by(operation, None)
    }

    pub(super) fn receipt_paid_by(&self, operation: &CheckedOperation, paid_by: Option<TokenId>) -> String {
        let text = format!("receipt {}", self.attempt());
        self.desk.0.lock().unwrap().insert(text.clone(), (*operation.digest().as_bytes(), paid_by));
        text
    }

    pub(super) async fn start(
        &self,
        n: usize,
        receipt: &str,
        operation: &CheckedOperation,
        attempt: AttemptId,
    ) -> Result<Vec<Envelope>> {
        let place = &self.nodes[n];
        let trail = place.trail();
        let call = Call { at: NOW, trail: &trail };
        let result = place.signer.start_keygen(call, receipt, operation.clone(), attempt).await;
        trail.end(result, true).await
    }

    pub(super) async fn proceed(
        &self,
        n: usize,
        attempt: AttemptId,
        inbox: &[Envelope],
    ) -> Result<Vec<Envelope>> {
        let place = &self.nodes[n];
        let trail = place.trail();
        let call = Call { at: NOW, trail: &trail };
        let result = place.signer.continue_keygen(call, attempt, inbox).await;
        trail.end(result, true).await
    }

    pub(super) async fn finish(
        &self,
        n: usize,
        attempt: AttemptId,
        inbox: &[Envelope],
    ) -> Result<KeyStatement> {
        let place = &self.nodes[n];
        let trail = place.trail();
        let call = Call { at: NOW, trail: &trail };
        let result = place.signer.finish_keygen(call, attempt, inbox).await;
        trail.end(result, true).await.map(|(statement, _)| statement)
    }

    pub(super) async fn activate(
        &self,
        n: usize,
        wallet: WalletId,
        attestations: &[Attestation],
    ) -> Result<()> {
        let place = &self.nodes[n];
        let trail = place.trail();
        let call = Call { at: NOW, trail: &trail };
        let result =
            place.signer.activate_wallet(call, self.environment, self.user, wallet, attestations).await;
        trail.end(result, true).await.map(|_| ())
    }

    pub(super) async fn commit(
        &self,
        n: usize,
        receipt: &str,
        operation: &CheckedOperation,
        attempt: AttemptId,
        signers: &[usize],
    ) -> Result<(Commitments, Vec<Envelope>)> {
        self.commit_at(NOW, n, receipt, operation, attempt, signers).await
    }

    pub(super) async fn commit_at(
        &self,
        at: Timestamp,
        n: usize,
        receipt: &str,
        operation: &CheckedOperation,
        attempt: AttemptId,
        signers: &[usize],
    ) -> Result<(Commitments, Vec<Envelope>)> {
        let place = &self.nodes[n];
        let trail = place.trail();
        let call = Call { at, trail: &trail };
        let signers: Vec<_> = signers.iter().map(|n| self.id(*n)).collect();
        let result = place.signer.commit(call, receipt, operation.clone(), attempt, &signers).await;
        trail.end(result, true).await
    }

    pub(super) async fn sign_share(
        &self,
        n: usize,
        attempt: AttemptId,
        inbox: &[Envelope],
    ) -> Result<[u8; 32]> {
        let place = &self.nodes[n];
        let trail = place.trail();
        let call = Call { at: NOW, trail: &trail };
        let result = place.signer.sign_share(call, attempt, inbox).await;
        trail.end(result, true).await
    }

    pub(super) async fn record(
        &self,
        n: usize,
        operation: &CheckedOperation,
        signature: &[u8; 64],
    ) -> Result<()> {
        let place = &self.nodes[n];
        let trail = place.trail();
        let call = Call { at: NOW, trail: &trail };
        let result = place.signer.record_signature(call, operation, signature).await;
        trail.end(result, true).await
    }

    /// What of all this is for node `n`.
    pub(super) fn inbox(&self, n: usize, all: &[Vec<Envelope>]) -> Vec<Envelope> {
        fixtures::route(&self.nodes[n].local, all)
    }

    /// All three steps at all nodes.
    pub(super) async fn keygen(&self, operation: &CheckedOperation, attempt: AttemptId) -> KeyStatement {
        let receipt = self.receipt(operation);
        let (mut first, mut second, mut statements) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..3 {
            first.push(self.start(n, &receipt, operation, attempt).await.unwrap());
        }
        for n in 0..3 {
            second.push(self.proceed(n, attempt, &self.inbox(n, &first)).await.unwrap());
        }
        for n in 0..3 {
            statements.push(self.finish(n, attempt, &self.inbox(n, &second)).await.unwrap());
        }
        assert!(statements.iter().all(|statement| *statement == statements[0]));
        statements.swap_remove(0)
    }

    /// The attestations of one attempt, as GetWallet answers them.
    pub(super) async fn attestations(&self, wallet: WalletId, attempt: AttemptId) -> Vec<Attestation> {
        let mut out = Vec::new();
        for place in &self.nodes {
            let shares = place.signer.wallet_shares(self.environment, self.user, wallet).await.unwrap();
            out.extend(
                shares
                    .into_iter()
                    .filter(|(_, share)| share.attempt == attempt)
                    .map(|(_, share)| share.attestation),
            );
        }
        out
    }

    pub(super) async fn wallet(&self) -> Wallet {
        let operation = self.creation();
        let attempt = self.attempt();
        let statement = self.keygen(&operation, attempt).await;
        let attestations = self.attestations(statement.wallet, attempt).await;
        for n in 0..3 {
            self.activate(n, statement.wallet, &attestations).await.unwrap();
        }
        let reference = WalletRef { id: statement.wallet, share_generation: 1 };
        Wallet { reference, key: statement.key, attestations }
    }

    /// First round at the chosen nodes.
    pub(super) async fn commit_all(
        &self,
        operation: &CheckedOperation,
        attempt: AttemptId,
        chosen: &[usize],
    ) -> (Vec<Commitments>, Vec<Vec<Envelope>>) {
        let receipt = self.receipt(operation);
        let (mut commitments, mut envelopes) = (Vec::new(), Vec::new());
        for n in chosen {
            let (public, out) = self.commit(*n, &receipt, operation, attempt, chosen).await.unwrap();
            commitments.push(public);
            envelopes.push(out);
        }
        (commitments, envelopes)
    }

    /// Both rounds at the chosen nodes.
    pub(super) async fn sign(
        &self,
        wallet: &Wallet,
        operation: &CheckedOperation,
        message: &[u8],
        chosen: &[usize],
    ) -> [u8; 64] {
        let attempt = self.attempt();
        let (commitments, envelopes) = self.commit_all(operation, attempt, chosen).await;
        let mut shares = Vec::new();
        for n in chosen {
            shares.push(self.sign_share(*n, attempt, &self.inbox(*n, &envelopes)).await.unwrap());
        }
        aggregate(wallet, message, chosen, &commitments, &shares)
    }
}

/// What a coordinator makes of the shares (RFC 9591 section 5.3).
pub(super) fn aggregate(
    wallet: &Wallet,
    message: &[u8],
    chosen: &[usize],
    commitments: &[Commitments],
    shares: &[[u8; 32]],
) -> [u8; 64] {
    use frost_ed25519 as frost;
    let id = |n: usize| frost::Identifier::try_from(u16::try_from(n + 1).unwrap()).unwrap();
    let point = |octets: &[u8; 32]| frost::round1::NonceCommitment::deserialize(octets).unwrap();
    let commitments = chosen
        .iter()
        .zip(commitments)
        .map(|(n, public)| {
            let both = (point(&public.hiding), point(&public.binding));
            (id(*n), frost::round1::SigningCommitments::new(both.0, both.1))
        })
        .collect();
    let shares = chosen
        .iter()
        .zip(shares)
        .map(|(n, share)| (id(*n), frost::round2::SignatureShare::deserialize(share).unwrap()))
        .collect();
    let verifying = wallet
        .key
        .participants
        .iter()
        .map(|one| {
            let share = frost::keys::VerifyingShare::deserialize(&one.verifying_share).unwrap();
            (frost::Identifier::try_from(one.identifier).unwrap(), share)
        })
        .collect();
    let group = frost::VerifyingKey::deserialize(&wallet.key.public_key).unwrap();
    let public = frost::keys::PublicKeyPackage::new(verifying, group, Some(wallet.key.threshold));
    let package = frost::SigningPackage::new(commitments, message);
    let signature = frost::aggregate(&package, &shares, &public).unwrap();
    signature.serialize().unwrap().try_into().unwrap()
}

pub(super) fn reason<T>(result: Result<T>) -> Reason {
    result.err().expect("a refusal").reason()
}
