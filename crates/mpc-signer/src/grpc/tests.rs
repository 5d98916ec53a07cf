//! Three nodes behind real gRPC, real receipts, and a coordinator that knows no more than the protocol.

use std::sync::Arc;
use std::time::Duration;

use frost_ed25519 as frost;
use kernel::{
    AttemptId, Clock, EnvironmentId, Error, NodeId, OperationId, Reason, Result, SecretBytes, Timestamp,
    TokenId, UserId, WalletId,
};
use operation::{Body, CheckedOperation, KeyType, Operation, WalletRef};
use proto::convert::operation_value;
use proto::mpc_signer as pb;
use proto::mpc_signer::mpc_signer_admin_service_client::MpcSignerAdminServiceClient;
use proto::mpc_signer::mpc_signer_service_client::MpcSignerServiceClient;
use runtime::identity::{AdminProvider, Admins};
use runtime::memory::MemoryNetwork;
use runtime::receipts::ReceiptKeys;
use runtime::server::serve_memory;
use runtime::{peer, status};
use storage::{Sealer, SqlAuditLog};
use testkit::{FixedClock, SeededEntropy, TestProvider, TestReceipts};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::domain::{Attestation, NodeDirectory, fixtures};
use crate::export::{self, ExpectedExport, RecipientKey, SealedShare};
use crate::migrations::Migrator;
use crate::{Parts, mounts};

const GROUP: &str = "urn:countersign:nodes:main";

struct World {
    network: MemoryNetwork,
    clock: Arc<FixedClock>,
    entropy: Arc<SeededEntropy>,
    receipts: TestReceipts,
    administrators: TestProvider,
    directory: NodeDirectory,
    environment: EnvironmentId,
    user: UserId,
    _folders: Vec<tempfile::TempDir>,
    _stop: tokio_util::sync::DropGuard,
}

impl World {
    async fn new() -> Self {
        Self::at(Arc::new(FixedClock::new()), None).await
    }

    /// Nodes whose databases were put back, where `not_before` says so.
    async fn at(clock: Arc<FixedClock>, not_before: Option<Timestamp>) -> Self {
        let network = MemoryNetwork::default();
        let entropy = Arc::new(fixtures::entropy(900));
        let receipts = TestReceipts::new("https://issuer.example");
        let statement = receipts.statement(1, clock.now());
        let keys =
            ReceiptKeys::from_statement(&statement, &receipts.root(), &receipts.issuer, 1, clock.now());
        let keys = Arc::new(keys.unwrap());
        let administrators = TestProvider::new("https://admins.example", "countersign");
        let stop = CancellationToken::new();
        let group = fixtures::group(2, 3);
        let directory = group[0].directory().clone();
        let mut folders = Vec::new();
        for local in group {
            let (database, folder) = testkit::database::<Migrator>().await;
            let name = local.id().to_string();
            let key = SecretBytes::from(vec![1; 32]);
            let mounts = mounts(Parts {
                local,
                database: database.clone(),
                sealer: Arc::new(Sealer::new([(1, key)], Arc::clone(&entropy) as _).unwrap()),
                receipt_keys: Arc::clone(&keys),
                admins: Admins::new(vec![AdminProvider {
                    issuer: administrators.issuer.clone(),
                    audience: administrators.audience.clone(),
                    keys: administrators.key_set(),
                }]),
                audit: Arc::new(SqlAuditLog::new(database)),
                clock: Arc::clone(&clock) as _,
                entropy: Arc::clone(&entropy) as _,
                not_before,
            });
            for (listener, mount) in [(name.clone(), mounts.peer), (format!("{name} public"), mounts.public)]
            {
                let listener = network.listen(&listener);
                tokio::spawn(serve_memory(listener, mount, stop.clone()));
            }
            folders.push(folder);
        }
        Self {
            environment: EnvironmentId::random(entropy.as_ref()),
            user: UserId::random(entropy.as_ref()),
            network,
            clock,
            entropy,
            receipts,
            administrators,
            directory,
            _folders: folders,
            _stop: stop.drop_guard(),
        }
    }

    fn node(&self, n: usize) -> MpcSignerServiceClient<Channel> {
        let name = format!("node-{}", n + 1);
        MpcSignerServiceClient::new(self.network.channel("waas-gateway", &name))
    }

    fn operation(&self, body: Body) -> CheckedOperation {
        let id = OperationId::random(self.entropy.as_ref());
        Operation { environment: self.environment, user: self.user, id, body }.check().unwrap()
    }

    fn receipt(&self, operation: &CheckedOperation) -> String {
        let token = TokenId::random(self.entropy.as_ref());
        self.receipts.receipt(operation, GROUP, Some(token), self.clock.now())
    }

    fn attempt(&self) -> String {
        AttemptId::random(self.entropy.as_ref()).to_string()
    }

    fn name(&self, wallet: WalletId) -> String {
        proto::names::wallet(self.environment, self.user, wallet)
    }
}

fn ask<T>(message: T) -> Request<T> {
    peer::request(message, Duration::from_secs(5))
}

fn answer<T>(response: Result<Response<T>, Status>) -> Result<T> {
    response.map(Response::into_inner).map_err(|status| status::from_status(&status))
}

fn inbox(n: usize, all: &[Vec<pb::Envelope>]) -> Vec<pb::Envelope> {
    let to = format!("node-{}", n + 1);
    let is_for = |envelope: &&pb::Envelope| envelope.header.as_ref().unwrap().to_node_id == to;
    all.iter().flatten().filter(is_for).cloned().collect()
}

/// A wallet by the calls of the protocol alone.
async fn create(world: &World) -> (WalletRef, pb::WalletKey, Vec<pb::NodeAttestation>) {
    let operation = world.operation(Body::CreateWallet { key_type: KeyType::Ed25519 });
    let wallet = operation.created_wallet().unwrap();
    let (receipt, attempt_id) = (world.receipt(&operation), world.attempt());
    let (mut first, mut second, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..3 {
        let request = pb::StartKeygenRequest {
            receipt: receipt.clone(),
            operation: Some(operation_value(operation.operation())),
            attempt_id: attempt_id.clone(),
        };
        first.push(answer(world.node(n).start_keygen(ask(request)).await).unwrap().envelopes);
    }
    for n in 0..3 {
        let request =
            pb::ContinueKeygenRequest { attempt_id: attempt_id.clone(), envelopes: inbox(n, &first) };
        second.push(answer(world.node(n).continue_keygen(ask(request)).await).unwrap().envelopes);
    }
    for n in 0..3 {
        let request =
            pb::FinishKeygenRequest { attempt_id: attempt_id.clone(), envelopes: inbox(n, &second) };
        shares.push(answer(world.node(n).finish_keygen(ask(request)).await).unwrap().share.unwrap());
    }
    let attestations: Vec<_> = shares.iter().map(|share| share.attestation.clone().unwrap()).collect();
    for n in 0..3 {
        let request =
            pb::ActivateWalletRequest { name: world.name(wallet), attestations: attestations.clone() };
        let share = answer(world.node(n).activate_wallet(ask(request)).await).unwrap().share.unwrap();
        assert_eq!(share.state(), pb::ShareState::Active);
        let held = pb::GetWalletRequest { name: world.name(wallet) };
        assert_eq!(answer(world.node(n).get_wallet(ask(held)).await).unwrap().shares, [share]);
    }
    let reference = WalletRef { id: wallet, share_generation: 1 };
    (reference, shares[0].key.clone().unwrap(), attestations)
}

fn commit(world: &World, operation: &CheckedOperation, attempt: &str) -> pb::CommitRequest {
    pb::CommitRequest {
        receipt: world.receipt(operation),
        operation: Some(operation_value(operation.operation())),
        attempt_id: attempt.to_owned(),
        signer_node_ids: vec!["node-1".to_owned(), "node-3".to_owned()],
    }
}

#[tokio::test]
async fn a_coordinator_makes_a_wallet_signs_and_exports() {
    let world = World::new().await;
    let (wallet, key, attestations) = create(&world).await;

    // --- signs with nodes 1 and 3
    let message = b"over the wire".to_vec();
    let operation = world.operation(Body::SignMessage { wallet, message: message.clone() });
    let attempt = world.attempt();
    let identifier = |n: u32| frost::Identifier::try_from(u16::try_from(n).unwrap()).unwrap();
    let (mut commitments, mut envelopes) = (std::collections::BTreeMap::new(), Vec::new());
    for n in [0, 2] {
        let request = ask(commit(&world, &operation, &attempt));
        let committed = answer(world.node(n).commit(request).await).unwrap();
        let point = |octets: &[u8]| frost::round1::NonceCommitment::deserialize(octets).unwrap();
        commitments.insert(
            identifier(key.participants[n].identifier),
            frost::round1::SigningCommitments::new(
                point(&committed.hiding_commitment),
                point(&committed.binding_commitment),
            ),
        );
        envelopes.push(committed.envelopes);
    }
    let mut shares = std::collections::BTreeMap::new();
    for n in [0, 2] {
        let request = pb::SignShareRequest { attempt_id: attempt.clone(), envelopes: inbox(n, &envelopes) };
        let share = answer(world.node(n).sign_share(ask(request)).await).unwrap().signature_share;
        let share = frost::round2::SignatureShare::deserialize(&share).unwrap();
        shares.insert(identifier(key.participants[n].identifier), share);
    }
    let verifying = key.participants.iter().map(|one| {
        let share = frost::keys::VerifyingShare::deserialize(&one.verifying_share).unwrap();
        (identifier(one.identifier), share)
    });
    let group = frost::VerifyingKey::deserialize(&key.public_key).unwrap();
    let public = frost::keys::PublicKeyPackage::new(verifying.collect(), group, Some(2));
    let package = frost::SigningPackage::new(commitments, &message);
    let signature = frost::aggregate(&package, &shares, &public).unwrap().serialize().unwrap();
    let dalek = ed25519_dalek::VerifyingKey::try_from(key.public_key.as_slice()).unwrap();
    let parsed = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    dalek.verify_strict(&message, &parsed).unwrap();
    for n in [0, 2] {
        let request = pb::RecordSignatureRequest {
            operation: Some(operation_value(operation.operation())),
            signature: signature.clone(),
        };
        answer(world.node(n).record_signature(ask(request)).await).unwrap();
    }

    // --- exports from nodes 1 and 2
    let recipient = RecipientKey::generate(world.entropy.as_ref());
    let operation = world.operation(Body::ExportWallet { wallet, recipient_public_key: recipient.public() });
    let mut boxes = Vec::new();
    for n in 0..2 {
        let request = pb::ExportShareRequest {
            receipt: world.receipt(&operation),
            operation: Some(operation_value(operation.operation())),
        };
        let sealed = answer(world.node(n).export_share(ask(request)).await).unwrap().r#box.unwrap();
        boxes.push(SealedShare {
            node: sealed.node_id.parse::<NodeId>().unwrap(),
            encapsulated_key: sealed.encapsulated_key.try_into().unwrap(),
            ciphertext: sealed.ciphertext,
            signature: sealed.signature.try_into().unwrap(),
        });
    }
    let expected = ExpectedExport {
        environment: world.environment,
        user: world.user,
        wallet: wallet.id,
        generation: 1,
        operation_digest: *operation.digest().as_bytes(),
        address: &key.address,
    };
    let attestations: Vec<_> = attestations
        .into_iter()
        .map(|one| Attestation {
            node: one.node_id.parse().unwrap(),
            statement: one.statement,
            signature: one.signature.try_into().unwrap(),
        })
        .collect();
    let entropy = world.entropy.as_ref();
    let exported =
        export::open(&world.directory, &expected, &recipient, &attestations, &boxes, entropy).unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(&exported.sign(b"exported"));
    dalek.verify_strict(b"exported", &signature).unwrap();
}

#[tokio::test]
async fn a_node_says_who_it_is_and_only_to_the_coordinator() {
    let world = World::new().await;
    let node = answer(world.node(1).get_node(ask(pb::GetNodeRequest {})).await).unwrap();
    assert_eq!((node.node_id.as_str(), node.group.as_str(), node.threshold), ("node-2", "main", 2));
    assert_eq!(node.nodes.len(), 3);
    assert_eq!(node.nodes[1].signing_public_key, world.directory.nodes()[1].signing_key);
    for stranger in ["token-issuer", "mpc-signer", "policy"] {
        let channel = world.network.channel(stranger, "node-2");
        let mut client = MpcSignerServiceClient::new(channel);
        let refused = client.get_node(ask(pb::GetNodeRequest {})).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    }
}

#[tokio::test]
async fn receipts_are_checked_against_the_operation_and_the_group() {
    let world = World::new().await;
    let (wallet, ..) = create(&world).await;
    let body = |message: &[u8]| Body::SignMessage { wallet, message: message.to_vec() };
    let (operation, other) = (world.operation(body(b"this")), world.operation(body(b"other")));
    let now = world.clock.now();
    let elsewhere = world.receipts.receipt(&operation, "urn:countersign:nodes:other", None, now);
    let stranger = TestReceipts::new("https://issuer.example").receipt(&operation, GROUP, None, now);
    let old = world.receipts.receipt(&operation, GROUP, None, now.minus(Duration::from_secs(120)));
    for (receipt, expected) in [
        (String::new(), Reason::ReceiptMissing),
        ("x.y.z".to_owned(), Reason::ReceiptInvalid),
        (elsewhere, Reason::ReceiptInvalid),
        (stranger, Reason::ReceiptInvalid),
        (old, Reason::ReceiptExpired),
        (world.receipt(&other), Reason::ReceiptMismatch),
    ] {
        let request = pb::CommitRequest { receipt, ..commit(&world, &operation, &world.attempt()) };
        let error: Error = answer(world.node(0).commit(ask(request)).await).unwrap_err();
        assert_eq!(error.reason(), expected);
    }
    // Nothing of that was spent.
    let good = commit(&world, &operation, &world.attempt());
    answer(world.node(0).commit(ask(good)).await).unwrap();
}

#[tokio::test]
async fn what_is_malformed_is_named() {
    let world = World::new().await;
    let (wallet, ..) = create(&world).await;
    let operation = world.operation(Body::SignMessage { wallet, message: b"m".to_vec() });
    let attempt = world.attempt();
    let good = commit(&world, &operation, &attempt);
    let field = |error: Error| {
        assert_eq!(error.reason(), Reason::InvalidRequest);
        error.violations()[0].field.clone()
    };
    type Change<T> = fn(&mut T);
    let changes: [(Change<pb::CommitRequest>, &str); 5] = [
        (|request| request.operation = None, "operation"),
        (|request| request.operation.as_mut().unwrap().user = "users/me".to_owned(), "operation.user"),
        (|request| request.attempt_id = "1".to_owned(), "attempt_id"),
        (|request| request.signer_node_ids[0] = "Node 1".to_owned(), "signer_node_ids"),
        (|request| drop(request.signer_node_ids.pop()), "signer_node_ids"),
    ];
    for (change, expected) in changes {
        let mut request = good.clone();
        change(&mut request);
        assert_eq!(field(answer(world.node(0).commit(ask(request)).await).unwrap_err()), expected);
    }

    let committed = answer(world.node(0).commit(ask(good.clone())).await).unwrap();
    let mut second = good.clone();
    second.receipt = world.receipt(&operation);
    let other = answer(world.node(2).commit(ask(second)).await).unwrap();
    assert_eq!(committed.envelopes.len(), 1);
    let share = |envelope: pb::Envelope| {
        ask(pb::SignShareRequest { attempt_id: attempt.clone(), envelopes: vec![envelope] })
    };
    let changes: [(Change<pb::Envelope>, &str); 6] = [
        (|envelope| envelope.header = None, "envelopes.header"),
        (|envelope| envelope.header.as_mut().unwrap().protocol = 0, "envelopes.header.protocol"),
        (|envelope| envelope.header.as_mut().unwrap().protocol = 99, "envelopes.header.protocol"),
        (|envelope| envelope.header.as_mut().unwrap().round = 0, "envelopes.header.round"),
        (|envelope| envelope.signature.push(0), "envelopes.signature"),
        (|envelope| envelope.encapsulated_key.push(0), "envelopes.encapsulated_key"),
    ];
    for (change, expected) in changes {
        let mut envelope = other.envelopes[0].clone();
        change(&mut envelope);
        let refused = answer(world.node(0).sign_share(share(envelope)).await).unwrap_err();
        assert_eq!(field(refused), expected);
    }
    let mut altered = other.envelopes[0].clone();
    altered.ciphertext[0] ^= 1;
    let refused = answer(world.node(0).sign_share(share(altered)).await).unwrap_err();
    assert_eq!(refused.reason(), Reason::EnvelopeInvalid);
    answer(world.node(0).sign_share(share(other.envelopes[0].clone())).await).unwrap();
}

#[tokio::test]
async fn an_auditor_reads_what_happened_page_by_page() {
    let world = World::new().await;
    create(&world).await;
    let channel = world.network.channel("nobody", "node-1 public");
    let mut client = MpcSignerAdminServiceClient::new(channel);
    let token = world.administrators.admin("auditor", &["auditor@*"], world.clock.now());
    let mut kinds = Vec::new();
    let mut page_token = String::new();
    loop {
        let mut request = ask(pb::ListAuditEventsRequest { parent: String::new(), page_size: 2, page_token });
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let page = answer(client.list_audit_events(request).await).unwrap();
        kinds.extend(page.events.into_iter().map(|event| {
            assert_eq!(event.actor, "peer:waas-gateway");
            assert_eq!(event.environment, proto::names::environment(world.environment));
            event.kind
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    kinds.reverse();
    assert_eq!(
        kinds,
        ["mpc.keygen.start", "mpc.keygen.continue", "mpc.keygen.finish", "mpc.wallet.activate"]
    );
    let anonymous = ask(pb::ListAuditEventsRequest::default());
    let refused = answer(client.list_audit_events(anonymous).await).unwrap_err();
    assert_eq!(refused.reason(), Reason::AdminTokenMissing);
}

#[tokio::test]
async fn a_node_that_was_put_back_refuses_what_was_given_out_before() {
    let clock = Arc::new(FixedClock::new());
    let restored = clock.now();
    let world = World::at(Arc::clone(&clock), Some(restored)).await;
    let start = async |paid_by, proved: Option<Timestamp>| {
        let operation = world.operation(Body::CreateWallet { key_type: KeyType::Ed25519 });
        let mut claims = world.receipts.claims(&operation, GROUP, paid_by, clock.now());
        claims.auth_time = proved.map(Timestamp::seconds);
        let request = pb::StartKeygenRequest {
            receipt: world.receipts.sign(&claims),
            operation: Some(operation_value(operation.operation())),
            attempt_id: world.attempt(),
        };
        answer(world.node(0).start_keygen(ask(request)).await).map(drop).map_err(|error| error.reason())
    };
    assert_eq!(start(None, None).await, Err(Reason::ReceiptExpired));
    clock.advance(Duration::from_secs(1));
    let token = Some(TokenId::random(world.entropy.as_ref()));
    assert_eq!(start(token, Some(restored)).await, Err(Reason::ReceiptSpent));
    assert_eq!(start(token, Some(clock.now())).await, Ok(()));
    assert_eq!(start(None, None).await, Ok(()));
}
