//! Somebody between the gateway and a node: passes calls on, until told to fail, lose, alter, replay or misroute one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use kernel::{Error, Reason};
use prost::Message;
use proto::mpc_signer as pb;
use proto::mpc_signer::mpc_signer_service_client::MpcSignerServiceClient;
use proto::mpc_signer::mpc_signer_service_server::MpcSignerService;
use runtime::status::to_status;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// A call to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Status,
    Shares,
    Start,
    Continue,
    Finish,
    Activate,
    Commit,
    Sign,
    Record,
    Export,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not arrive.
    Fails,
    /// It arrives, and its answer does not.
    Loses,
    /// From this one on nothing arrives.
    Dies,
    /// Its answer is altered.
    Alters,
    /// The answer of an earlier one comes in its place.
    Replays,
    /// What the answer has for others is addressed wrongly.
    Misroutes,
}

#[derive(Default)]
struct State {
    /// What is to happen, and how often still.
    plan: Option<(Step, Fault, usize)>,
    dead: bool,
    happened: usize,
    earlier: HashMap<Step, Vec<u8>>,
}

/// Whoever stands in between. Clones are the same.
#[derive(Clone)]
pub(crate) struct Between {
    node: MpcSignerServiceClient<Channel>,
    state: Arc<Mutex<State>>,
}

/// An answer that can be spoilt.
trait Spoil: Message + Default {
    /// Changes something of it.
    fn alter(&mut self);
    /// Addresses its letters wrongly, or gives it another sender.
    fn misroute(&mut self) {
        self.alter();
    }
}

fn alter_letter(envelopes: &mut [pb::Envelope]) {
    envelopes[0].ciphertext[0] ^= 1;
}

/// To the sender itself.
fn misroute_letter(envelopes: &mut [pb::Envelope]) {
    let header = envelopes[0].header.as_mut().unwrap();
    header.to_node_id.clone_from(&header.from_node_id);
}

macro_rules! letters {
    ($($answer:ty),+) => {$(
        impl Spoil for $answer {
            fn alter(&mut self) {
                alter_letter(&mut self.envelopes);
            }
            fn misroute(&mut self) {
                misroute_letter(&mut self.envelopes);
            }
        }
    )+};
}

letters!(pb::StartKeygenResponse, pb::ContinueKeygenResponse, pb::CommitResponse);

impl Spoil for pb::GetNodeResponse {
    fn alter(&mut self) {
        self.nodes[0].signing_public_key[0] ^= 1;
    }
    fn misroute(&mut self) {
        self.node_id =
            self.nodes.iter().map(|node| &node.node_id).find(|id| **id != self.node_id).unwrap().clone();
    }
}

impl Spoil for pb::GetWalletResponse {
    fn alter(&mut self) {
        for share in &mut self.shares {
            share.attestation.as_mut().unwrap().signature[0] ^= 1;
        }
    }
}

impl Spoil for pb::FinishKeygenResponse {
    fn alter(&mut self) {
        self.share.as_mut().unwrap().attestation.as_mut().unwrap().signature[0] ^= 1;
    }
    fn misroute(&mut self) {
        let attestation = self.share.as_mut().unwrap().attestation.as_mut().unwrap();
        attestation.node_id = if attestation.node_id == "node-1" { "node-2" } else { "node-1" }.to_owned();
    }
}

impl Spoil for pb::ActivateWalletResponse {
    fn alter(&mut self) {
        self.share.as_mut().unwrap().state = pb::ShareState::Pending.into();
    }
}

impl Spoil for pb::SignShareResponse {
    fn alter(&mut self) {
        // Not by adding or taking one: two such shares might make up for each other.
        self.signature_share[..8].reverse();
    }
}

impl Spoil for pb::RecordSignatureResponse {
    fn alter(&mut self) {}
}

impl Spoil for pb::ExportShareResponse {
    fn alter(&mut self) {
        self.r#box.as_mut().unwrap().ciphertext[0] ^= 1;
    }
    fn misroute(&mut self) {
        let sealed = self.r#box.as_mut().unwrap();
        sealed.node_id = if sealed.node_id == "node-1" { "node-2" } else { "node-1" }.to_owned();
    }
}

fn away() -> Status {
    to_status(&Error::new(Reason::DependencyUnavailable, "the node is away"))
}

impl Between {
    /// In front of a node. Passes everything on.
    pub(crate) fn new(node: MpcSignerServiceClient<Channel>) -> Self {
        Self { node, state: Arc::default() }
    }

    /// Makes something happen to the next `times` calls of this step.
    pub(crate) fn plan(&self, step: Step, fault: Fault, times: usize) {
        let mut state = self.state.lock().unwrap();
        state.plan = Some((step, fault, times));
        state.happened = 0;
    }

    /// Passes everything on again. Says how often something happened since it was planned.
    pub(crate) fn heal(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        (state.plan, state.dead) = (None, false);
        std::mem::take(&mut state.happened)
    }

    /// What happens to this call.
    fn fault(&self, step: Step) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        if state.dead {
            return Some(Fault::Fails);
        }
        let (planned, fault, left) = state.plan?;
        if planned != step || left == 0 {
            return None;
        }
        state.plan = Some((planned, fault, left - 1));
        state.happened += 1;
        state.dead = fault == Fault::Dies;
        Some(fault)
    }

    async fn pass<T, U: Spoil>(
        &self,
        step: Step,
        request: Request<T>,
        call: impl AsyncFnOnce(MpcSignerServiceClient<Channel>, Request<T>) -> Result<Response<U>, Status>,
    ) -> Result<Response<U>, Status> {
        let fault = self.fault(step);
        if matches!(fault, Some(Fault::Fails | Fault::Dies)) {
            return Err(away());
        }
        // A deadline comes in the metadata and goes on in it.
        let mut answer = call(self.node.clone(), request).await?;
        let fresh = answer.get_ref().encode_to_vec();
        let earlier = self.state.lock().unwrap().earlier.insert(step, fresh);
        match fault {
            Some(Fault::Loses) => return Err(away()),
            Some(Fault::Alters) => answer.get_mut().alter(),
            Some(Fault::Misroutes) => answer.get_mut().misroute(),
            Some(Fault::Replays) => {
                let earlier = earlier.expect("there was an earlier answer to replay");
                *answer.get_mut() = U::decode(earlier.as_slice()).unwrap();
            }
            _ => {}
        }
        Ok(answer)
    }
}

macro_rules! passing {
    ($($method:ident: $step:ident, $request:ident => $response:ident;)+) => {
        #[async_trait::async_trait]
        impl MpcSignerService for Between {
            $(async fn $method(
                &self,
                request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                self.pass(Step::$step, request, async |mut node, request| node.$method(request).await).await
            })+
        }
    };
}

passing! {
    get_node: Status, GetNodeRequest => GetNodeResponse;
    get_wallet: Shares, GetWalletRequest => GetWalletResponse;
    start_keygen: Start, StartKeygenRequest => StartKeygenResponse;
    continue_keygen: Continue, ContinueKeygenRequest => ContinueKeygenResponse;
    finish_keygen: Finish, FinishKeygenRequest => FinishKeygenResponse;
    activate_wallet: Activate, ActivateWalletRequest => ActivateWalletResponse;
    commit: Commit, CommitRequest => CommitResponse;
    sign_share: Sign, SignShareRequest => SignShareResponse;
    record_signature: Record, RecordSignatureRequest => RecordSignatureResponse;
    export_share: Export, ExportShareRequest => ExportShareResponse;
}
