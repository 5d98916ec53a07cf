//! `PolicyService`, for the other services of the suite.

use std::sync::Arc;

use async_trait::async_trait;
use proto::policy as pb;
use proto::policy::policy_service_server::{PolicyService, PolicyServiceServer};
use runtime::{Gate, Keep, PeerCall, limits};
use tonic::{Request, Response, Status};

use super::{decision, environment, named};
use crate::environments::Environments;

/// Who verifies sessions, and so needs an environment's settings.
const READERS: &[&str] = &["mfa-devices", "token-issuer", "waas-gateway"];

/// Who authorizes operations.
const DECIDERS: &[&str] = &["token-issuer"];

/// The roles that call this service.
pub const CALLERS: &[&str] = READERS;

/// The peers' server.
pub(crate) fn peer_server(
    gate: Gate,
    environments: Arc<Environments>,
) -> PolicyServiceServer<impl PolicyService> {
    PolicyServiceServer::new(Peer { gate, environments }).max_decoding_message_size(limits::MAX_REQUEST_BYTES)
}

struct Peer {
    gate: Gate,
    environments: Arc<Environments>,
}

#[async_trait]
impl PolicyService for Peer {
    async fn read_settings(
        &self,
        request: Request<pb::ReadSettingsRequest>,
    ) -> Result<Response<pb::ReadSettingsResponse>, Status> {
        let environments = self.environments.clone();
        let work = move |call: PeerCall, request: pb::ReadSettingsRequest| async move {
            let id = named(&call.trail, "name", &request.name).await?;
            let found = environments.read(id).await?;
            Ok(pb::ReadSettingsResponse { environment: Some(environment::environment(&found)) })
        };
        self.gate.peer(request, "environment.read", Keep::Refusals, READERS, work).await
    }

    async fn decide(
        &self,
        request: Request<pb::DecideRequest>,
    ) -> Result<Response<pb::DecideResponse>, Status> {
        let environments = self.environments.clone();
        let work = move |call: PeerCall, request: pb::DecideRequest| async move {
            let id = named(&call.trail, "environment", &request.environment).await?;
            let question = decision::question(id, request)?;
            let decision = environments.decide(id, &question, call.at).await?;
            Ok(decision::response(decision))
        };
        self.gate.peer(request, "policy.decide", Keep::Refusals, DECIDERS, work).await
    }
}
