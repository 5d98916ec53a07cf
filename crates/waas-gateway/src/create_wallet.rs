//! Creating a wallet: the nodes make its key together.

use std::collections::BTreeMap;

use attestation::Attestation;
use kernel::{AttemptId, Error, NodeId, OperationId, Reason, Result};
use operation::{Body, CheckedOperation, KeyType, Operation};

use crate::authorization::Receipt;
use crate::caller::Caller;
use crate::domain::attested::{AttestedKey, Creation};
use crate::domain::effort::{self, Effort, Setback};
use crate::domain::outcome::Outcome;
use crate::domain::routing;
use crate::domain::wallet::{Wallet, WalletPath};
use crate::gateway::Gateway;
use crate::ports::NodeShare;
use crate::quorum::each;
use crate::sign_message::misrouted;

/// How many wallets a user has at most, those being made included. Each costs every node a share for ever.
const MAX_WALLETS: u32 = 100;

/// What is to be created.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CreateWallet {
    /// The kind of key.
    pub(crate) key_type: KeyType,
    /// The id of the operation.
    pub(crate) operation: OperationId,
}

impl Gateway {
    /// Creates a wallet for the caller. The same call again goes on with what an earlier one began, and gets the same
    /// wallet.
    ///
    /// # Errors
    ///
    /// In this order: what is wrong with the request, `OPERATION_ID_REUSED`, `WALLET_LIMIT_REACHED`,
    /// `NODE_UNAVAILABLE`; the issuer's refusal; those of the nodes.
    pub(crate) async fn create_wallet(&self, caller: &Caller, request: CreateWallet) -> Result<Wallet> {
        let body = Body::CreateWallet { key_type: request.key_type };
        let (environment, user) = (caller.environment, caller.user);
        let operation = Operation { environment, user, id: request.operation, body };
        let operation = self.check(caller, operation).await?;
        let wallet = operation
            .created_wallet()
            .ok_or_else(|| Error::internal("the creation of a wallet creates none"))?;
        let path = WalletPath { environment, user, wallet };
        if self.outcome(&operation).await?.is_some() {
            return self.wallet(path).await;
        }
        let job = Creating {
            gateway: self,
            caller,
            creation: Creation { environment, user, digest: *operation.digest().as_bytes() },
            key_type: request.key_type,
            operation: &operation,
            path,
        };
        job.check_room().await?;
        let start = job.start().await?;
        self.once(caller, &operation, job.run(start)).await?;
        self.wallet(path).await
    }
}

/// Where a creation goes on.
enum Start {
    /// The wallet is in use; only the operation is still open.
    Active,
    /// All nodes hold this key. What they were authorized to do is done, so no receipt is asked for.
    Attested(Box<AttestedKey>),
    /// There is no key yet.
    Nothing(Receipt),
}

/// One run of a creation.
struct Creating<'a> {
    gateway: &'a Gateway,
    caller: &'a Caller,
    operation: &'a CheckedOperation,
    creation: Creation,
    key_type: KeyType,
    path: WalletPath,
}

impl Creating<'_> {
    /// Refuses one wallet too many with `WALLET_LIMIT_REACHED`, as far as can be told before anything is asked for: of
    /// many that begin at once, the store refuses. One that was begun may always be finished.
    async fn check_room(&self) -> Result<()> {
        let wallets = &self.gateway.wallets;
        if wallets.find(self.path).await?.is_some() {
            return Ok(());
        }
        let held = wallets.held(self.path.environment, self.path.user).await?;
        if held < u64::from(MAX_WALLETS) { Ok(()) } else { Err(too_many()) }
    }

    /// Takes the wallet's place among those of its user.
    async fn begin(&self) -> Result<()> {
        let (directory, now) = (&self.gateway.directory, self.gateway.clock.now());
        let begun = Wallet::begun(self.path, self.key_type, directory, now);
        if self.gateway.wallets.begin(&begun, MAX_WALLETS).await? { Ok(()) } else { Err(too_many()) }
    }

    /// Finds out how far earlier runs came. Changes nothing.
    async fn start(&self) -> Result<Start> {
        let gateway = self.gateway;
        if gateway.wallets.find(self.path).await?.is_some_and(|wallet| wallet.key().is_some()) {
            return Ok(Start::Active);
        }
        // All of them.
        let nodes = gateway.live(gateway.directory.nodes().len()).await?;
        if let Some(key) = self.held_by_all(&nodes).await? {
            return Ok(Start::Attested(Box::new(key)));
        }
        gateway.authorize(self.caller, self.operation, None).await.map(Start::Nothing)
    }

    /// The key of an attempt that every node holds and attests, the oldest if there are several.
    async fn held_by_all(&self, nodes: &[NodeId]) -> Result<Option<AttestedKey>> {
        let ask = |node: NodeId| async move { self.gateway.nodes.shares(&node, self.path).await };
        let held = each(nodes, ask).await.map_err(|setbacks| give_up(nodes.len(), setbacks))?;
        let Some(first) = held.values().next() else { return Ok(None) };
        Ok(first.iter().find_map(|share| self.attested_by_all(share.attempt, &held)))
    }

    fn attested_by_all(
        &self,
        attempt: AttemptId,
        held: &BTreeMap<NodeId, Vec<NodeShare>>,
    ) -> Option<AttestedKey> {
        let of_attempt = |shares: &Vec<NodeShare>| {
            shares.iter().find(|share| share.attempt == attempt).map(|share| share.attestation.clone())
        };
        let attestations: Vec<Attestation> = held.values().map(of_attempt).collect::<Option<_>>()?;
        AttestedKey::agreed(&self.gateway.directory, &self.creation, attempt, &attestations)
            .inspect_err(|error| tracing::warn!(%attempt, ?error, "an attempt of all nodes cannot be used"))
            .ok()
    }

    async fn run(self, start: Start) -> Result<Outcome> {
        let wallets = &self.gateway.wallets;
        let key = match start {
            Start::Active => return self.gateway.keep(self.operation, Outcome::WalletCreated).await,
            Start::Attested(key) => {
                self.begin().await?;
                *key
            }
            Start::Nothing(receipt) => {
                self.begin().await?;
                self.generate(receipt).await?
            }
        };
        // What the nodes said is on record before the first of them puts it into use.
        let wallet = self.gateway.wallet(self.path).await?.attested(key.clone())?;
        wallets.advance(&wallet).await?;
        self.activate(&key).await?;
        wallets.advance(&wallet.activated()?).await?;
        self.gateway.keep(self.operation, Outcome::WalletCreated).await
    }

    /// Has all nodes make a key.
    async fn generate(&self, mut receipt: Receipt) -> Result<AttestedKey> {
        let all = self.gateway.directory.ids();
        let mut effort = Effort::new(all.clone(), all.len());
        loop {
            let nodes = effort.next()?;
            match self.attempt(&receipt, &nodes).await {
                Ok(key) => return Ok(key),
                Err(setbacks) => {
                    if let Some(expired) = effort.learn(setbacks)? {
                        self.gateway.renew(self.caller, self.operation, &mut receipt, expired).await?;
                    }
                }
            }
        }
    }

    /// The three calls of a key generation.
    async fn attempt(&self, receipt: &Receipt, all: &[NodeId]) -> Result<AttestedKey, Vec<Setback>> {
        let nodes = &self.gateway.nodes;
        let attempt = AttemptId::random(&*self.gateway.entropy);
        let first = each(all, |node| async move {
            nodes.start_keygen(&node, receipt.text(), self.operation, attempt).await
        })
        .await?;
        let first = &routing::route(first).map_err(misrouted)?;
        let second = each(all, |node| async move {
            let envelopes = first.get(&node).cloned().unwrap_or_default();
            nodes.continue_keygen(&node, attempt, envelopes).await
        })
        .await?;
        let second = &routing::route(second).map_err(misrouted)?;
        let attestations = each(all, |node| async move {
            let envelopes = second.get(&node).cloned().unwrap_or_default();
            nodes.finish_keygen(&node, attempt, envelopes).await
        })
        .await?;
        let attestations: Vec<Attestation> = attestations.into_values().collect();
        AttestedKey::agreed(&self.gateway.directory, &self.creation, attempt, &attestations).map_err(
            |error| {
                let culprit = error.metadata().get("node_id").and_then(|id| id.parse().ok());
                vec![Setback::Broken(culprit, error)]
            },
        )
    }

    /// Has every node put the key into use.
    async fn activate(&self, key: &AttestedKey) -> Result<()> {
        let all = self.gateway.directory.ids();
        let attestations = &key.attestations();
        let attempt = key.statement().attempt;
        each(&all, |node| async move {
            let share = self.gateway.nodes.activate(&node, self.path, attestations).await?;
            if share.active && share.attempt == attempt { Ok(()) } else { Err(not_in_use(&node)) }
        })
        .await
        .map(drop)
        .map_err(|setbacks| give_up(all.len(), setbacks))
    }
}

/// What is told when a step that only all nodes can take was not taken by all.
fn give_up(nodes: usize, setbacks: Vec<Setback>) -> Error {
    let available = nodes.saturating_sub(setbacks.len());
    match setbacks.into_iter().next() {
        Some(Setback::Final(error)) => error,
        Some(Setback::Broken(culprit, error)) => effort::broken(culprit.as_ref(), error),
        Some(Setback::Gone(_, error) | Setback::Lost(error) | Setback::Expired(_, error)) => {
            effort::unavailable(nodes, available).cause(error)
        }
        None => effort::unavailable(nodes, available),
    }
}

fn too_many() -> Error {
    Error::new(
        Reason::WalletLimitReached,
        format!("a user has at most {MAX_WALLETS} wallets; use one of those that are there"),
    )
}

fn not_in_use(node: &NodeId) -> Error {
    Error::new(Reason::ProtocolFailed, "a node answered that it put another key into use, or none")
        .with("node_id", node.as_str())
}
