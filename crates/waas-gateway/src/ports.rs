//! What the gateway needs from outside, in its own words.

use async_trait::async_trait;
use attestation::{Attestation, NodeDirectory, SealedShare};
use kernel::{
    AttemptId, EnvironmentId, Error, NodeId, OperationId, Reason, Result, SecretText, Timestamp, UserId,
};
use operation::{CheckedOperation, Digest, OperationKind};

use crate::domain::outcome::Outcome;
use crate::domain::routing::Envelope;
use crate::domain::wallet::{Wallet, WalletPath};

/// Who authorizes operations.
#[async_trait]
pub(crate) trait Issuer: Send + Sync {
    /// Asks on behalf of the user, by its own session, what the session alone may do. Answers the receipt.
    ///
    /// # Errors
    ///
    /// The issuer's refusal, whole: `STEP_UP_REQUIRED` with what would do, `ENROLMENT_REQUIRED`, `ACTION_DENIED`,
    /// `OPERATION_ID_REUSED`; or `DEPENDENCY_UNAVAILABLE`.
    async fn authorize(&self, bearer: &SecretText, operation: &CheckedOperation) -> Result<SecretText>;
}

/// What a node says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeStatus {
    /// Who answers.
    pub(crate) node: NodeId,
    /// The group, as it has it pinned.
    pub(crate) directory: NodeDirectory,
}

/// A share of a wallet that a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeShare {
    /// The attempt that made it.
    pub(crate) attempt: AttemptId,
    /// Whether it is in use.
    pub(crate) active: bool,
    /// What the node says about it.
    pub(crate) attestation: Attestation,
}

/// A node's commitments to its nonces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commitment {
    /// To the hiding nonce, a compressed point.
    pub(crate) hiding: [u8; 32],
    /// To the binding nonce, a compressed point.
    pub(crate) binding: [u8; 32],
    /// The same for each other signer, sealed.
    pub(crate) envelopes: Vec<Envelope>,
}

/// The signing nodes. Every call names the one it goes to and has a deadline of its own.
///
/// # Errors
///
/// Each call gives the node's refusal, or `DEPENDENCY_UNAVAILABLE` or `DEADLINE_EXCEEDED` when it does not answer. An
/// answer that cannot be read is `PROTOCOL_FAILED` with the node's id in `node_id`.
#[async_trait]
pub(crate) trait Nodes: Send + Sync {
    /// Who the node is.
    async fn status(&self, node: &NodeId) -> Result<NodeStatus>;

    /// The shares of a wallet there: the active one alone, or all that are pending, oldest first; none when it knows
    /// no such wallet.
    async fn shares(&self, node: &NodeId, wallet: WalletPath) -> Result<Vec<NodeShare>>;

    /// Begins to make a key. Answers the first round.
    async fn start_keygen(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
        attempt: AttemptId,
    ) -> Result<Vec<Envelope>>;

    /// Gives the first round, answers the second.
    async fn continue_keygen(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<Vec<Envelope>>;

    /// Gives the second round. The node keeps its share, pending, and attests the key.
    async fn finish_keygen(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<Attestation>;

    /// Puts a key into use that all nodes attested. Can be repeated. Answers the share in use.
    async fn activate(
        &self,
        node: &NodeId,
        wallet: WalletPath,
        attestations: &[Attestation],
    ) -> Result<NodeShare>;

    /// Begins a signature by exactly these signers.
    async fn commit(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
        attempt: AttemptId,
        signers: &[NodeId],
    ) -> Result<Commitment>;

    /// Gives the others' commitments, answers the share of the signature.
    async fn sign_share(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<[u8; 32]>;

    /// Tells the node that the operation has its signature. Can be repeated.
    async fn record_signature(
        &self,
        node: &NodeId,
        operation: &CheckedOperation,
        signature: &[u8; 64],
    ) -> Result<()>;

    /// The node's share of the key, sealed to the one-time key in the operation. Can be repeated.
    async fn export_share(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
    ) -> Result<SealedShare>;
}

/// A page of wallets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WalletPage {
    /// The wallets, oldest first.
    pub(crate) wallets: Vec<Wallet>,
    /// Where the next page begins; none at the end.
    pub(crate) next: Option<i64>,
}

/// The wallets. Every question is about one user of one environment; another's wallets are never found.
#[async_trait]
pub(crate) trait WalletStore: Send + Sync {
    /// Keeps a wallet whose creation begins. Does nothing when the wallet is there already. `false`, and nothing is
    /// kept, when the user has `most` wallets, which is at least 1: of many that begin at once, no more are kept.
    async fn begin(&self, wallet: &Wallet, most: u32) -> Result<bool>;

    /// Keeps how far the wallet has come: its state, nothing else of it. Does nothing when it has come further with
    /// the same key.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when the wallet was never begun or has another key in use: a key in use never changes.
    async fn advance(&self, wallet: &Wallet) -> Result<()>;

    /// The wallet.
    async fn find(&self, path: WalletPath) -> Result<Option<Wallet>>;

    /// How many wallets the user has, those being made included.
    async fn held(&self, environment: EnvironmentId, user: UserId) -> Result<u64>;

    /// At most `limit` wallets of the user, in the order in which their creation began, from the beginning or from
    /// where an earlier page said the next begins.
    async fn list(
        &self,
        environment: EnvironmentId,
        user: UserId,
        from: Option<i64>,
        limit: u64,
    ) -> Result<WalletPage>;
}

/// Names an operation: its id is unique per environment and user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OperationKey {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user it is done for.
    pub(crate) user: UserId,
    /// Its id.
    pub(crate) id: OperationId,
}

impl OperationKey {
    /// The name of an operation.
    pub(crate) const fn of(operation: &CheckedOperation) -> Self {
        let operation = operation.operation();
        Self { environment: operation.environment, user: operation.user, id: operation.id }
    }
}

/// One run of an operation, in one process. At most one has the operation at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Chosen at random.
    pub(crate) id: uuid::Uuid,
    /// Until when it has the operation. A run that has died cannot say so, so another may take over then.
    pub(crate) until: Timestamp,
}

/// What is known of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationRecord {
    /// The digest that its id belongs to.
    pub(crate) digest: Digest,
    /// What it came to; none while it is open.
    pub(crate) outcome: Option<Outcome>,
}

impl OperationRecord {
    /// What the operation came to, for whoever means the operation of this digest.
    ///
    /// # Errors
    ///
    /// `OPERATION_ID_REUSED` when the id belongs to another digest.
    pub(crate) fn answer(self, digest: Digest) -> Result<Option<Outcome>> {
        if self.digest == digest { Ok(self.outcome) } else { Err(operation_id_reused()) }
    }
}

/// The refusal of an operation whose id belongs to another.
pub(crate) fn operation_id_reused() -> Error {
    Error::new(
        Reason::OperationIdReused,
        "the operation id was used before, for another operation; make a fresh one for each operation",
    )
}

/// What came of asking for an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The run has it.
    Granted {
        /// Whether it is the first that the operation was asked for in.
        first: bool,
    },
    /// Another run has it, at most until then.
    Busy(Timestamp),
    /// It has its outcome.
    Done(Outcome),
}

/// The operations and what they came to.
#[async_trait]
pub(crate) trait OperationStore: Send + Sync {
    /// What is known of the operation.
    async fn find(&self, key: OperationKey) -> Result<Option<OperationRecord>>;

    /// Binds the id to the digest, durably, and gives the operation to the run, unless another has it or
    /// it is done. One atomic step: of runs that race, one is granted.
    ///
    /// # Errors
    ///
    /// `OPERATION_ID_REUSED` when the id belongs to another digest.
    async fn claim(
        &self,
        key: OperationKey,
        digest: Digest,
        kind: OperationKind,
        run: Run,
        now: Timestamp,
    ) -> Result<Claim>;

    /// Keeps what the operation came to, durably, unless it has an outcome already. Answers the one that is kept.
    async fn finish(&self, key: OperationKey, digest: Digest, outcome: &Outcome) -> Result<Outcome>;

    /// Gives up the operation, if the run still has it, so that another run need not wait.
    async fn release(&self, key: OperationKey, run: Run) -> Result<()>;

    /// Forgets the operation, if the run still has it and it has no outcome: its id is free again.
    async fn forget(&self, key: OperationKey, run: Run) -> Result<()>;
}
