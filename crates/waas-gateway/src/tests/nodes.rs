//! Three nodes in memory. Their keys are dealt instead of generated together; commitments, shares, attestations and
//! boxes are real.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use attestation::{Attestation, KeyStatement, NodeDirectory, SealedShare};
use frost_ed25519::round1::{NonceCommitment, SigningCommitments};
use kernel::secret::ExposeSecret;
use kernel::{AttemptId, Error, NodeId, Reason, Result, SecretText, WalletId};
use operation::{Body, CheckedOperation};

use crate::domain::attested::Creation;
use crate::domain::fixtures::{Committed, Dealt, Identities, directory, ids, statement};
use crate::domain::routing::Envelope;
use crate::domain::wallet::WalletPath;
use crate::ports::{Commitment, NodeShare, NodeStatus, Nodes, OperationKey};

/// A call to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Status,
    Shares,
    Start,
    Continue,
    Finish,
    Activate,
    Commit,
    Share,
    Record,
    Export,
}

/// What a node does instead of what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Refuses.
    Refuse(Reason),
    /// Refuses and says that another one is to blame.
    Blame(u8),
    /// Goes down.
    Die,
    /// Does its work and never answers.
    Hang,
    /// Gives an envelope to the wrong node.
    Misroute,
    /// Gives a share, a box or an attestation that is not good.
    Spoil,
    /// Has another directory.
    OtherGroup,
}

#[derive(Default)]
struct State {
    down: BTreeSet<NodeId>,
    script: Vec<(NodeId, Step, Fault)>,
    log: Vec<(NodeId, Step)>,
    receipts: Vec<String>,
    expired: BTreeSet<String>,
    attempts: BTreeSet<(NodeId, AttemptId)>,
    keygens: BTreeMap<(NodeId, AttemptId), Creation>,
    pending: BTreeMap<(NodeId, WalletId), Vec<Attestation>>,
    active: BTreeMap<(NodeId, WalletId), Attestation>,
    keys: BTreeMap<Vec<u8>, Dealt>,
    commitments: BTreeMap<(NodeId, AttemptId), (Committed, WalletId, Vec<u8>)>,
    recorded: BTreeSet<(NodeId, OperationKey)>,
    boxes: u8,
}

pub(crate) struct FakeNodes {
    identities: Identities,
    directory: NodeDirectory,
    state: Mutex<State>,
    /// Held by a test to keep every call but the questions waiting.
    pub(crate) hold: tokio::sync::RwLock<()>,
}

impl FakeNodes {
    pub(crate) fn new() -> Self {
        Self {
            identities: Identities::new(3),
            directory: directory(2, 3),
            state: Mutex::default(),
            hold: tokio::sync::RwLock::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next time that the node is asked for this step, it does something else.
    pub(crate) fn script(&self, node: u8, step: Step, fault: Fault) {
        self.state().script.push((id(node), step, fault));
    }

    /// It does what it should again.
    pub(crate) fn unscript(&self, node: u8, step: Step) {
        self.state().script.retain(|(at, on, _)| *at != id(node) || *on != step);
    }

    /// The node is away, or back.
    pub(crate) fn down(&self, node: u8, down: bool) {
        let mut state = self.state();
        let _changed = if down { state.down.insert(id(node)) } else { state.down.remove(&id(node)) };
    }

    /// The node loses what is pending there.
    pub(crate) fn forget(&self, node: u8) {
        self.state().pending.retain(|(holder, _), _| *holder != id(node));
    }

    /// Every node refuses the receipt from now on.
    pub(crate) fn expire(&self, receipt: &str) {
        self.state().expired.insert(receipt.to_owned());
    }

    /// Which nodes were asked for this step, in order, since the last time that anything was asked.
    pub(crate) fn asked(&self, step: Step) -> Vec<NodeId> {
        self.state().log.iter().filter(|(_, asked)| *asked == step).map(|(node, _)| node.clone()).collect()
    }

    /// The steps that were asked for, once each.
    pub(crate) fn steps(&self) -> BTreeSet<Step> {
        self.state().log.iter().map(|(_, step)| *step).collect()
    }

    /// Forgets what was asked so far.
    pub(crate) fn clear_log(&self) {
        self.state().log.clear();
    }

    /// The receipts that were shown, in order.
    pub(crate) fn receipts(&self) -> Vec<String> {
        self.state().receipts.clone()
    }

    /// Where the operation was ended.
    pub(crate) fn recorded(&self) -> usize {
        self.state().recorded.len()
    }

    /// How many different attempts were begun.
    pub(crate) fn attempts(&self) -> usize {
        self.state().attempts.iter().map(|(_, attempt)| attempt).collect::<BTreeSet<_>>().len()
    }

    async fn enter(&self, node: &NodeId, step: Step) -> Result<Option<Fault>> {
        if !matches!(step, Step::Status | Step::Shares) {
            drop(self.hold.read().await);
        }
        let mut state = self.state();
        state.log.push((node.clone(), step));
        if state.down.contains(node) {
            return Err(away());
        }
        let scripted = state.script.iter().position(|(at, on, _)| at == node && *on == step);
        match scripted.map(|place| state.script.remove(place).2) {
            Some(Fault::Refuse(reason)) => Err(Error::new(reason, "as told")),
            Some(Fault::Blame(culprit)) => {
                let culprit = id(culprit);
                Err(Error::new(Reason::ProtocolFailed, "as told").with("node_id", culprit.as_str()))
            }
            Some(Fault::Die) => {
                state.down.insert(node.clone());
                Err(away())
            }
            other => Ok(other),
        }
    }

    fn begin(&self, node: &NodeId, receipt: &SecretText, attempt: Option<AttemptId>) -> Result<()> {
        let mut state = self.state();
        let receipt = receipt.expose_secret().to_owned();
        let expired = state.expired.contains(&receipt);
        state.receipts.push(receipt);
        if expired {
            return Err(Error::new(Reason::ReceiptExpired, "expired"));
        }
        match attempt {
            Some(attempt) if !state.attempts.insert((node.clone(), attempt)) => {
                Err(Error::invalid("attempt_id", "was used before"))
            }
            _ => Ok(()),
        }
    }

    fn key(&self, wallet: WalletId) -> Dealt {
        let state = self.state();
        let active = state.active.values().find(|attestation| {
            state.keys.get(&attestation.statement).is_some_and(|key| key.statement.wallet == wallet)
        });
        state.keys[&active.unwrap().statement].clone()
    }

    /// One envelope for each of `to`, around `payload`.
    fn envelopes(
        &self,
        from: &NodeId,
        to: &[NodeId],
        payload: &[u8],
        fault: Option<&Fault>,
    ) -> Vec<Envelope> {
        let others = to.iter().filter(|other| *other != from);
        let envelope =
            |to: &NodeId| Envelope { from: from.clone(), to: to.clone(), sealed: payload.to_vec() };
        let mut envelopes: Vec<Envelope> = others.map(envelope).collect();
        if fault == Some(&Fault::Misroute) {
            envelopes[0].to = from.clone();
        }
        envelopes
    }

    /// The envelopes must be one from each of `from` but the receiver, to the receiver.
    fn open(&self, node: &NodeId, from: &[NodeId], envelopes: &[Envelope]) -> Result<()> {
        let senders: BTreeSet<_> = envelopes.iter().map(|envelope| &envelope.from).collect();
        let expected: BTreeSet<_> = from.iter().filter(|other| *other != node).collect();
        let good = senders == expected
            && envelopes.len() == expected.len()
            && envelopes.iter().all(|envelope| envelope.to == *node);
        if good { Ok(()) } else { Err(Error::new(Reason::EnvelopeInvalid, "not what was expected")) }
    }

    fn attest(&self, node: &NodeId, statement: &KeyStatement, spoil: bool) -> Attestation {
        let mut statement = statement.clone();
        if spoil {
            statement.transcript = [0xee; 32];
        }
        let attestations = self.identities.attest(&statement.encode());
        attestations.into_iter().find(|attestation| attestation.node == *node).unwrap()
    }
}

pub(crate) fn id(number: u8) -> NodeId {
    ids(&[number]).remove(0)
}

fn away() -> Error {
    Error::new(Reason::DependencyUnavailable, "nobody answers there")
}

async fn hang_if(fault: Option<&Fault>) {
    if fault == Some(&Fault::Hang) {
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl Nodes for FakeNodes {
    async fn status(&self, node: &NodeId) -> Result<NodeStatus> {
        let fault = self.enter(node, Step::Status).await?;
        hang_if(fault.as_ref()).await;
        let group = if fault == Some(Fault::OtherGroup) { "other" } else { self.directory.group().as_str() };
        let (threshold, nodes) = (self.directory.threshold(), self.directory.nodes().to_vec());
        let directory = NodeDirectory::new(group.parse().unwrap(), threshold, nodes).unwrap();
        Ok(NodeStatus { node: node.clone(), directory })
    }

    async fn shares(&self, node: &NodeId, wallet: WalletPath) -> Result<Vec<NodeShare>> {
        self.enter(node, Step::Shares).await?;
        let state = self.state();
        let key = (node.clone(), wallet.wallet);
        let share = |attestation: &Attestation, active| NodeShare {
            attempt: state.keys[&attestation.statement].statement.attempt,
            active,
            attestation: attestation.clone(),
        };
        if let Some(active) = state.active.get(&key) {
            return Ok(vec![share(active, true)]);
        }
        let pending = state.pending.get(&key).into_iter().flatten();
        Ok(pending.map(|attestation| share(attestation, false)).collect())
    }

    async fn start_keygen(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
        attempt: AttemptId,
    ) -> Result<Vec<Envelope>> {
        let fault = self.enter(node, Step::Start).await?;
        self.begin(node, receipt, Some(attempt))?;
        let creation = Creation {
            environment: operation.operation().environment,
            user: operation.operation().user,
            digest: *operation.digest().as_bytes(),
        };
        self.state().keygens.insert((node.clone(), attempt), creation);
        Ok(self.envelopes(node, &self.directory.ids(), b"first", fault.as_ref()))
    }

    async fn continue_keygen(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<Vec<Envelope>> {
        let fault = self.enter(node, Step::Continue).await?;
        if !self.state().keygens.contains_key(&(node.clone(), attempt)) {
            return Err(Error::new(Reason::AttemptUnknown, "not known"));
        }
        self.open(node, &self.directory.ids(), &envelopes)?;
        Ok(self.envelopes(node, &self.directory.ids(), b"second", fault.as_ref()))
    }

    async fn finish_keygen(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<Attestation> {
        let fault = self.enter(node, Step::Finish).await?;
        self.open(node, &self.directory.ids(), &envelopes)?;
        let creation = self.state().keygens[&(node.clone(), attempt)];
        let about = KeyStatement { attempt, ..statement(&self.directory, &creation) };
        let dealt = Dealt::about(about, attempt.uuid().as_bytes()[0]);
        let attestation = self.attest(node, &dealt.statement, fault == Some(Fault::Spoil));
        let holder = (node.clone(), dealt.statement.wallet);
        {
            let mut state = self.state();
            state.pending.entry(holder).or_default().push(attestation.clone());
            state.keys.insert(attestation.statement.clone(), dealt);
        }
        hang_if(fault.as_ref()).await;
        Ok(attestation)
    }

    async fn activate(
        &self,
        node: &NodeId,
        wallet: WalletPath,
        attestations: &[Attestation],
    ) -> Result<NodeShare> {
        let fault = self.enter(node, Step::Activate).await?;
        assert_eq!(attestations.len(), 3);
        let mine = attestations.iter().find(|attestation| attestation.node == *node).unwrap();
        let key = (node.clone(), wallet.wallet);
        let attempt = {
            let mut state = self.state();
            let pending = state.pending.get(&key).is_some_and(|pending| pending.contains(mine));
            if !pending && state.active.get(&key) != Some(mine) {
                return Err(Error::not_found());
            }
            state.pending.remove(&key);
            state.active.insert(key, mine.clone());
            state.keys[&mine.statement].statement.attempt
        };
        hang_if(fault.as_ref()).await;
        Ok(NodeShare { attempt, active: fault != Some(Fault::Spoil), attestation: mine.clone() })
    }

    async fn commit(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
        attempt: AttemptId,
        signers: &[NodeId],
    ) -> Result<Commitment> {
        let fault = self.enter(node, Step::Commit).await?;
        self.begin(node, receipt, Some(attempt))?;
        assert_eq!(signers.len(), 2);
        let Body::SignMessage { wallet, message } = &operation.operation().body else { panic!("signs") };
        let (high, _) = attempt.uuid().as_u64_pair();
        let own = self.key(wallet.id).commit(node, high);
        let hiding: [u8; 32] = own.commitments.hiding().serialize().unwrap().try_into().unwrap();
        let binding: [u8; 32] = own.commitments.binding().serialize().unwrap().try_into().unwrap();
        let envelopes = self.envelopes(node, signers, &[hiding, binding].concat(), fault.as_ref());
        self.state().commitments.insert((node.clone(), attempt), (own, wallet.id, message.clone()));
        Ok(Commitment { hiding, binding, envelopes })
    }

    async fn sign_share(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<[u8; 32]> {
        let fault = self.enter(node, Step::Share).await?;
        let found = self.state().commitments.remove(&(node.clone(), attempt));
        let (own, wallet, message) = found.ok_or_else(|| Error::new(Reason::AttemptUnknown, "not known"))?;
        let mut all = BTreeMap::from([(node.clone(), own.commitments)]);
        for envelope in envelopes {
            assert_eq!(envelope.to, *node);
            let hiding = NonceCommitment::deserialize(&envelope.sealed[..32]).unwrap();
            let binding = NonceCommitment::deserialize(&envelope.sealed[32..]).unwrap();
            all.insert(envelope.from, SigningCommitments::new(hiding, binding));
        }
        let mut share = self.key(wallet).share(node, &own, &all, &message);
        if fault == Some(Fault::Spoil) {
            share[0] ^= 1;
        }
        hang_if(fault.as_ref()).await;
        Ok(share)
    }

    async fn record_signature(
        &self,
        node: &NodeId,
        operation: &CheckedOperation,
        _signature: &[u8; 64],
    ) -> Result<()> {
        self.enter(node, Step::Record).await?;
        self.state().recorded.insert((node.clone(), OperationKey::of(operation)));
        Ok(())
    }

    async fn export_share(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
    ) -> Result<SealedShare> {
        let fault = self.enter(node, Step::Export).await?;
        self.begin(node, receipt, None)?;
        let key = self.key(operation.wallet().unwrap().id);
        let place = self.directory.ids().iter().position(|other| other == node).unwrap();
        // Every box is a fresh one.
        let number = {
            let mut state = self.state();
            state.boxes += 1;
            state.boxes
        };
        let mut share = self.identities.seal(place, &key.statement, operation, number);
        if fault == Some(Fault::Spoil) {
            share.ciphertext[0] ^= 1;
        }
        Ok(share)
    }
}
