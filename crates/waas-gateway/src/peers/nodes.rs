//! The signing nodes over gRPC.

mod convert;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use attestation::{Attestation, NodeDirectory, SealedShare};
use kernel::secret::ExposeSecret;
use kernel::{AttemptId, Error, NodeId, Reason, Result, SecretText};
use operation::CheckedOperation;
use proto::convert::operation_value;
use proto::mpc_signer as pb;
use proto::mpc_signer::mpc_signer_service_client::MpcSignerServiceClient;
use proto::names;
use runtime::{limits, peer};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use self::convert::Reader;
use super::answer;
use crate::domain::routing::Envelope;
use crate::domain::wallet::WalletPath;
use crate::ports::{Commitment, NodeShare, NodeStatus, Nodes};

/// How long a node may take to say who it is.
const STATUS: Duration = Duration::from_secs(2);

/// How long it may take to read or to do one step of a protocol.
const STEP: Duration = Duration::from_secs(5);

/// How long it may take to hear that something is over, which nobody waits for.
const NOTICE: Duration = Duration::from_secs(1);

type Client = MpcSignerServiceClient<Channel>;

/// One client for each node.
#[derive(Clone, Debug)]
pub(crate) struct NodePeers {
    clients: BTreeMap<NodeId, Client>,
}

impl NodePeers {
    /// Over channels to the nodes' peer listeners, exactly one for each node of the directory.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the setting.
    pub(crate) fn new(
        directory: &NodeDirectory,
        channels: impl IntoIterator<Item = (NodeId, Channel)>,
    ) -> Result<Self> {
        let mut clients = BTreeMap::new();
        for (node, channel) in channels {
            let client = Client::new(channel).max_decoding_message_size(limits::MAX_RESPONSE_BYTES);
            if directory.node(&node).is_none() || clients.insert(node.clone(), client).is_some() {
                return Err(Error::invalid("nodes", format!("say twice, or for no node, where {node} is")));
            }
        }
        match directory.ids().iter().find(|node| !clients.contains_key(node)) {
            Some(node) => Err(Error::invalid("nodes", format!("do not say where {node} is"))),
            None => Ok(Self { clients }),
        }
    }

    async fn call<T, U, F>(
        &self,
        node: &NodeId,
        deadline: Duration,
        message: T,
        method: impl FnOnce(Client, Request<T>) -> F + Send,
    ) -> Result<U>
    where
        F: Future<Output = Result<Response<U>, Status>> + Send,
    {
        let client =
            self.clients.get(node).ok_or_else(|| Error::internal(format!("there is no node {node}")))?;
        answer(deadline, method(client.clone(), peer::request(message, deadline))).await
    }
}

fn name(path: WalletPath) -> String {
    names::wallet(path.environment, path.user, path.wallet)
}

#[async_trait]
impl Nodes for NodePeers {
    async fn status(&self, node: &NodeId) -> Result<NodeStatus> {
        let call = async |mut client: Client, request| client.get_node(request).await;
        let status = self.call(node, STATUS, pb::GetNodeRequest {}, call).await?;
        Reader(node).status(status)
    }

    async fn shares(&self, node: &NodeId, wallet: WalletPath) -> Result<Vec<NodeShare>> {
        let message = pb::GetWalletRequest { name: name(wallet) };
        let call = async |mut client: Client, request| client.get_wallet(request).await;
        match self.call(node, STEP, message, call).await {
            Ok(answer) => answer.shares.into_iter().map(|share| Reader(node).share(Some(share))).collect(),
            Err(error) if error.reason() == Reason::ResourceNotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn start_keygen(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
        attempt: AttemptId,
    ) -> Result<Vec<Envelope>> {
        let message = pb::StartKeygenRequest {
            receipt: receipt.expose_secret().to_owned(),
            operation: Some(operation_value(operation.operation())),
            attempt_id: attempt.to_string(),
        };
        let call = async |mut client: Client, request| client.start_keygen(request).await;
        let answer = self.call(node, STEP, message, call).await?;
        Reader(node).envelopes(answer.envelopes)
    }

    async fn continue_keygen(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<Vec<Envelope>> {
        let envelopes = convert::envelope_values(envelopes)?;
        let message = pb::ContinueKeygenRequest { attempt_id: attempt.to_string(), envelopes };
        let call = async |mut client: Client, request| client.continue_keygen(request).await;
        let answer = self.call(node, STEP, message, call).await?;
        Reader(node).envelopes(answer.envelopes)
    }

    async fn finish_keygen(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<Attestation> {
        let envelopes = convert::envelope_values(envelopes)?;
        let message = pb::FinishKeygenRequest { attempt_id: attempt.to_string(), envelopes };
        let call = async |mut client: Client, request| client.finish_keygen(request).await;
        let answer = self.call(node, STEP, message, call).await?;
        Ok(Reader(node).share(answer.share)?.attestation)
    }

    async fn activate(
        &self,
        node: &NodeId,
        wallet: WalletPath,
        attestations: &[Attestation],
    ) -> Result<NodeShare> {
        let attestations = attestations.iter().map(convert::attestation_value).collect();
        let message = pb::ActivateWalletRequest { name: name(wallet), attestations };
        let call = async |mut client: Client, request| client.activate_wallet(request).await;
        let answer = self.call(node, STEP, message, call).await?;
        Reader(node).share(answer.share)
    }

    async fn commit(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
        attempt: AttemptId,
        signers: &[NodeId],
    ) -> Result<Commitment> {
        let message = pb::CommitRequest {
            receipt: receipt.expose_secret().to_owned(),
            operation: Some(operation_value(operation.operation())),
            attempt_id: attempt.to_string(),
            signer_node_ids: signers.iter().map(NodeId::to_string).collect(),
        };
        let call = async |mut client: Client, request| client.commit(request).await;
        let answer = self.call(node, STEP, message, call).await?;
        Reader(node).commitment(answer)
    }

    async fn sign_share(
        &self,
        node: &NodeId,
        attempt: AttemptId,
        envelopes: Vec<Envelope>,
    ) -> Result<[u8; 32]> {
        let envelopes = convert::envelope_values(envelopes)?;
        let message = pb::SignShareRequest { attempt_id: attempt.to_string(), envelopes };
        let call = async |mut client: Client, request| client.sign_share(request).await;
        let answer = self.call(node, STEP, message, call).await?;
        Reader(node).octets("signature_share", &answer.signature_share)
    }

    async fn record_signature(
        &self,
        node: &NodeId,
        operation: &CheckedOperation,
        signature: &[u8; 64],
    ) -> Result<()> {
        let message = pb::RecordSignatureRequest {
            operation: Some(operation_value(operation.operation())),
            signature: signature.to_vec(),
        };
        let call = async |mut client: Client, request| client.record_signature(request).await;
        self.call(node, NOTICE, message, call).await.map(drop)
    }

    async fn export_share(
        &self,
        node: &NodeId,
        receipt: &SecretText,
        operation: &CheckedOperation,
    ) -> Result<SealedShare> {
        let message = pb::ExportShareRequest {
            receipt: receipt.expose_secret().to_owned(),
            operation: Some(operation_value(operation.operation())),
        };
        let call = async |mut client: Client, request| client.export_share(request).await;
        let answer = self.call(node, STEP, message, call).await?;
        Reader(node).sealed_share(answer.r#box)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{directory, ids};

    /// Connects to nothing.
    fn channel() -> Channel {
        Channel::from_static("http://in-memory.invalid").connect_lazy()
    }

    fn peers(nodes: &[u8]) -> Result<NodePeers> {
        NodePeers::new(&directory(2, 3), ids(nodes).into_iter().map(|node| (node, channel())))
    }

    #[tokio::test]
    async fn every_node_has_exactly_one_channel() {
        assert!(peers(&[3, 1, 2]).is_ok());
        for bad in [&[1, 2][..], &[1, 2, 2], &[1, 2, 3, 3], &[1, 2, 3, 4], &[]] {
            assert_eq!(peers(bad).unwrap_err().reason(), Reason::InvalidRequest, "{bad:?}");
        }
    }
}
