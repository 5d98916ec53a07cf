//! Three real nodes, each with a database of its own, on a network in memory, and an issuer of receipts.

use std::sync::Arc;
use std::time::Duration;

use kernel::{
    AttemptId, Clock as _, EnvironmentId, NodeId, OperationId, SecretBytes, TokenId, UserId, WalletId,
};
use mpc_signer::domain::{LocalNode, NodeDirectory, NodeIdentity};
use mpc_signer::migrations::Migrator;
use operation::{Body, CheckedOperation, KeyType, Operation};
use proto::mpc_signer::mpc_signer_service_client::MpcSignerServiceClient;
use proto::names;
use runtime::identity::Admins;
use runtime::memory::MemoryNetwork;
use runtime::receipts::ReceiptKeys;
use runtime::server::serve_memory;
use sea_orm::DatabaseConnection;
use storage::Sealer;
use testkit::{FixedClock, MemoryAuditLog, SeededEntropy, TestReceipts};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// The group's name.
const GROUP: &str = "attacked";

/// The audience of receipts for it.
pub(crate) const AUDIENCE: &str = "urn:countersign:nodes:attacked";

/// How many nodes there are; two of them must act together.
pub(crate) const NODES: usize = 3;

/// A node's place: what stays when its process ends.
struct Place {
    local: LocalNode,
    database: DatabaseConnection,
    audit: Arc<MemoryAuditLog>,
    _folder: tempfile::TempDir,
    process: Option<(CancellationToken, JoinHandle<kernel::Result<()>>)>,
}

/// The nodes, and whom they belong to.
pub(crate) struct Nodes {
    pub(crate) network: MemoryNetwork,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) issuer: Arc<TestReceipts>,
    pub(crate) directory: NodeDirectory,
    pub(crate) environment: EnvironmentId,
    pub(crate) user: UserId,
    places: Vec<Place>,
    keys: Arc<ReceiptKeys>,
}

/// The name of a node on the network, and in its group.
pub(crate) fn node_id(n: usize) -> NodeId {
    format!("node-{}", n + 1).parse().unwrap()
}

impl Nodes {
    /// Fresh ones, all of them up.
    pub(crate) async fn new() -> Self {
        let (clock, entropy) = (Arc::new(FixedClock::new()), Arc::new(SeededEntropy::new(0xa77ac4)));
        let issuer = TestReceipts::new("https://issuer.example");
        let statement = issuer.statement(1, clock.now());
        let keys = ReceiptKeys::from_statement(&statement, &issuer.root(), &issuer.issuer, 1, clock.now());
        let identities: Vec<_> =
            (0..NODES).map(|n| NodeIdentity::generate(node_id(n), entropy.as_ref()).0).collect();
        let pinned = (1..).zip(&identities).map(|(id, identity)| identity.public(id)).collect();
        let directory = NodeDirectory::new(GROUP.parse().unwrap(), 2, pinned).unwrap();
        let mut places = Vec::new();
        for identity in identities {
            let (database, folder) = testkit::database::<Migrator>().await;
            places.push(Place {
                local: LocalNode::new(identity, directory.clone()).unwrap(),
                database,
                audit: Arc::new(MemoryAuditLog::new()),
                _folder: folder,
                process: None,
            });
        }
        let mut nodes = Self {
            network: MemoryNetwork::default(),
            environment: EnvironmentId::random(entropy.as_ref()),
            user: UserId::random(entropy.as_ref()),
            clock,
            entropy,
            issuer: Arc::new(issuer),
            directory,
            places,
            keys: Arc::new(keys.unwrap()),
        };
        for n in 0..NODES {
            nodes.start(n);
        }
        nodes
    }

    /// Starts a node's process.
    pub(crate) fn start(&mut self, n: usize) {
        let place = &mut self.places[n];
        let key = SecretBytes::from(vec![u8::try_from(n).unwrap() + 1; 32]);
        let mounts = mpc_signer::mounts(mpc_signer::Parts {
            local: place.local.clone(),
            database: place.database.clone(),
            sealer: Arc::new(Sealer::new([(1, key)], Arc::clone(&self.entropy) as _).unwrap()),
            receipt_keys: Arc::clone(&self.keys),
            admins: Admins::new(Vec::new()),
            not_before: None,
            audit: Arc::clone(&place.audit) as _,
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
        });
        let stop = CancellationToken::new();
        let listener = self.network.listen(node_id(n).as_str());
        let served = tokio::spawn(serve_memory(listener, mounts.peer, stop.clone()));
        place.process = Some((stop, served));
    }

    /// Ends a node's process: what was in its memory is gone.
    pub(crate) async fn stop(&mut self, n: usize) {
        if let Some((stop, served)) = self.places[n].process.take() {
            stop.cancel();
            served.await.unwrap().unwrap();
        }
    }

    /// Ends it and starts it again on the same database.
    pub(crate) async fn restart(&mut self, n: usize) {
        self.stop(n).await;
        self.start(n);
    }

    /// A node, as the gateway reaches it.
    pub(crate) fn node(&self, n: usize) -> MpcSignerServiceClient<Channel> {
        MpcSignerServiceClient::new(self.network.channel("waas-gateway", node_id(n).as_str()))
    }

    /// What a node wrote down.
    pub(crate) fn audit(&self, n: usize) -> &MemoryAuditLog {
        &self.places[n].audit
    }

    /// A request, with the deadline that a gateway sets.
    pub(crate) fn ask<T>(message: T) -> tonic::Request<T> {
        runtime::peer::request(message, Duration::from_secs(10))
    }

    /// A fresh attempt id.
    pub(crate) fn attempt(&self) -> String {
        AttemptId::random(self.entropy.as_ref()).to_string()
    }

    /// A fresh token id.
    pub(crate) fn token(&self) -> TokenId {
        TokenId::random(self.entropy.as_ref())
    }

    /// An operation of the victim, under a fresh id.
    pub(crate) fn operation(&self, body: Body) -> CheckedOperation {
        self.operation_of(self.user, OperationId::random(self.entropy.as_ref()), body)
    }

    /// An operation of anybody under any id.
    pub(crate) fn operation_of(&self, user: UserId, id: OperationId, body: Body) -> CheckedOperation {
        Operation { environment: self.environment, user, id, body }.check().unwrap()
    }

    /// The creation of a wallet.
    pub(crate) fn creation(&self) -> CheckedOperation {
        self.operation(Body::CreateWallet { key_type: KeyType::Ed25519 })
    }

    /// A receipt that a session alone paid for.
    pub(crate) fn receipt(&self, operation: &CheckedOperation) -> String {
        self.receipt_paid_by(operation, None)
    }

    /// A receipt, paid for by a single-use token.
    pub(crate) fn receipt_paid_by(&self, operation: &CheckedOperation, paid_by: Option<TokenId>) -> String {
        self.issuer.receipt(operation, AUDIENCE, paid_by, self.clock.now())
    }

    /// The name of a wallet of the victim.
    pub(crate) fn wallet_name(&self, wallet: WalletId) -> String {
        names::wallet(self.environment, self.user, wallet)
    }
}
