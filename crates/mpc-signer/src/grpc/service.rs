//! `MpcSignerService`, for the coordinator alone.

use std::sync::Arc;

use kernel::Result;
use proto::convert::{id, octets};
use proto::mpc_signer as pb;
use proto::mpc_signer::mpc_signer_service_server::MpcSignerService;
use runtime::{Gate, Keep, PeerCall};
use tonic::{Request, Response, Status};

use super::convert;
use crate::signer::{Call, Signer};

/// The roles that call this service.
pub const CALLERS: &[&str] = &["waas-gateway"];

/// Answers the coordinator.
pub(crate) struct Handler {
    pub(super) gate: Gate,
    pub(super) signer: Arc<Signer>,
}

impl Handler {
    /// One call: `work` gets the node, the call and the request.
    async fn call<T, U, F>(
        &self,
        request: Request<T>,
        kind: &'static str,
        keep: Keep,
        work: impl FnOnce(Arc<Signer>, PeerCall, T) -> F + Send + 'static,
    ) -> Result<Response<U>, Status>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: Future<Output = Result<U>> + Send + 'static,
    {
        let signer = Arc::clone(&self.signer);
        self.gate.peer(request, kind, keep, CALLERS, move |call, message| work(signer, call, message)).await
    }
}

/// The call as the use cases see it.
const fn of(call: &PeerCall) -> Call<'_> {
    Call { at: call.at, trail: &call.trail }
}

#[tonic::async_trait]
impl MpcSignerService for Handler {
    async fn get_node(
        &self,
        request: Request<pb::GetNodeRequest>,
    ) -> Result<Response<pb::GetNodeResponse>, Status> {
        self.call(request, "mpc.node.get", Keep::Refusals, |signer, _, _| async move {
            Ok(convert::local_node(signer.local()))
        })
        .await
    }

    async fn get_wallet(
        &self,
        request: Request<pb::GetWalletRequest>,
    ) -> Result<Response<pb::GetWalletResponse>, Status> {
        self.call(request, "mpc.wallet.get", Keep::Refusals, |signer, call, request| async move {
            let (environment, user, wallet) = convert::wallet_name(&call, &request.name).await?;
            let shares = signer.wallet_shares(environment, user, wallet).await?;
            Ok(pb::GetWalletResponse { shares: shares.into_iter().map(convert::share).collect() })
        })
        .await
    }

    async fn start_keygen(
        &self,
        request: Request<pb::StartKeygenRequest>,
    ) -> Result<Response<pb::StartKeygenResponse>, Status> {
        self.call(request, "mpc.keygen.start", Keep::All, |signer, call, request| async move {
            let operation = convert::operation(request.operation)?;
            let attempt = id("attempt_id", &request.attempt_id)?;
            let sent = signer.start_keygen(of(&call), &request.receipt, operation, attempt).await?;
            Ok(pb::StartKeygenResponse { envelopes: sent.into_iter().map(convert::envelope_value).collect() })
        })
        .await
    }

    async fn continue_keygen(
        &self,
        request: Request<pb::ContinueKeygenRequest>,
    ) -> Result<Response<pb::ContinueKeygenResponse>, Status> {
        self.call(request, "mpc.keygen.continue", Keep::All, |signer, call, request| async move {
            let attempt = id("attempt_id", &request.attempt_id)?;
            let received = convert::envelopes(request.envelopes)?;
            let sent = signer.continue_keygen(of(&call), attempt, &received).await?;
            Ok(pb::ContinueKeygenResponse {
                envelopes: sent.into_iter().map(convert::envelope_value).collect(),
            })
        })
        .await
    }

    async fn finish_keygen(
        &self,
        request: Request<pb::FinishKeygenRequest>,
    ) -> Result<Response<pb::FinishKeygenResponse>, Status> {
        self.call(request, "mpc.keygen.finish", Keep::All, |signer, call, request| async move {
            let attempt = id("attempt_id", &request.attempt_id)?;
            let received = convert::envelopes(request.envelopes)?;
            let share = signer.finish_keygen(of(&call), attempt, &received).await?;
            Ok(pb::FinishKeygenResponse { share: Some(convert::share(share)) })
        })
        .await
    }

    async fn activate_wallet(
        &self,
        request: Request<pb::ActivateWalletRequest>,
    ) -> Result<Response<pb::ActivateWalletResponse>, Status> {
        self.call(request, "mpc.wallet.activate", Keep::All, |signer, call, request| async move {
            let (environment, user, wallet) = convert::wallet_name(&call, &request.name).await?;
            let attestations = convert::attestations(request.attestations)?;
            let share = signer.activate_wallet(of(&call), environment, user, wallet, &attestations).await?;
            Ok(pb::ActivateWalletResponse { share: Some(convert::share(share)) })
        })
        .await
    }

    async fn commit(
        &self,
        request: Request<pb::CommitRequest>,
    ) -> Result<Response<pb::CommitResponse>, Status> {
        self.call(request, "mpc.sign.commit", Keep::All, |signer, call, request| async move {
            let operation = convert::operation(request.operation)?;
            let attempt = id("attempt_id", &request.attempt_id)?;
            let signers = convert::node_ids("signer_node_ids", &request.signer_node_ids)?;
            let (commitments, sent) =
                signer.commit(of(&call), &request.receipt, operation, attempt, &signers).await?;
            Ok(pb::CommitResponse {
                hiding_commitment: commitments.hiding.to_vec(),
                binding_commitment: commitments.binding.to_vec(),
                envelopes: sent.into_iter().map(convert::envelope_value).collect(),
            })
        })
        .await
    }

    async fn sign_share(
        &self,
        request: Request<pb::SignShareRequest>,
    ) -> Result<Response<pb::SignShareResponse>, Status> {
        self.call(request, "mpc.sign.share", Keep::All, |signer, call, request| async move {
            let attempt = id("attempt_id", &request.attempt_id)?;
            let received = convert::envelopes(request.envelopes)?;
            let share = signer.sign_share(of(&call), attempt, &received).await?;
            Ok(pb::SignShareResponse { signature_share: share.to_vec() })
        })
        .await
    }

    async fn record_signature(
        &self,
        request: Request<pb::RecordSignatureRequest>,
    ) -> Result<Response<pb::RecordSignatureResponse>, Status> {
        self.call(request, "mpc.sign.record", Keep::All, |signer, call, request| async move {
            let operation = convert::operation(request.operation)?;
            let signature = octets("signature", &request.signature)?;
            signer.record_signature(of(&call), &operation, &signature).await?;
            Ok(pb::RecordSignatureResponse {})
        })
        .await
    }

    async fn export_share(
        &self,
        request: Request<pb::ExportShareRequest>,
    ) -> Result<Response<pb::ExportShareResponse>, Status> {
        self.call(request, "mpc.share.export", Keep::All, |signer, call, request| async move {
            let operation = convert::operation(request.operation)?;
            let sealed = signer.export_share(of(&call), &request.receipt, &operation).await?;
            Ok(pb::ExportShareResponse { r#box: Some(convert::export_box(sealed)) })
        })
        .await
    }
}
