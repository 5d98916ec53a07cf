//! `TokenIssuerAdminService`.

use std::sync::Arc;

use kernel::Result;
use proto::names;
use proto::token_issuer as pb;
use proto::token_issuer::token_issuer_admin_service_server::TokenIssuerAdminService;
use runtime::call::{AdminCall, AdminRole};
use runtime::{Gate, Keep};
use storage::AuditLog;
use tonic::{Request, Response, Status};

use super::revocation::Sent;
use super::signing_keys::{algorithm, key_id, purpose, signing_key, stated};
use crate::manage_keys::{ManageKeys, check_owner};
use crate::revoke_tokens::RevokeTokens;

/// Handles the calls of administrators.
#[derive(Clone)]
pub(crate) struct AdminHandler {
    pub(crate) gate: Gate,
    pub(crate) audit: Arc<dyn AuditLog>,
    pub(crate) revoke_tokens: RevokeTokens,
    pub(crate) keys: ManageKeys,
}

#[tonic::async_trait]
impl TokenIssuerAdminService for AdminHandler {
    async fn revoke_user_tokens(
        &self,
        request: Request<pb::RevokeUserTokensRequest>,
    ) -> Result<Response<pb::RevokeUserTokensResponse>, Status> {
        let revoke = self.revoke_tokens.clone();
        self.gate
            .admin(request, "token.revoke", Keep::All, move |call: AdminCall, r| async move {
                let (environment, user) = names::parse_user("user", &r.user)?;
                call.trail.environment(environment).await;
                call.require(AdminRole::Editor, Some(environment))?;
                let user = user.id("user")?;
                let sent = Sent {
                    token_id: r.token_id,
                    device: r.device,
                    session_id: r.session_id,
                    all: r.all,
                    ..Sent::default()
                };
                let wanted = sent.wanted(environment, user)?;
                revoke.revoke(environment, user, wanted, call.at, &call.trail).await?;
                Ok(pb::RevokeUserTokensResponse {})
            })
            .await
    }

    async fn list_signing_keys(
        &self,
        request: Request<pb::ListSigningKeysRequest>,
    ) -> Result<Response<pb::ListSigningKeysResponse>, Status> {
        let keys = self.keys.clone();
        self.gate
            .admin(request, "key.list", Keep::Refusals, move |call, _| async move {
                let keys = keys.list(&call).await?;
                Ok(pb::ListSigningKeysResponse { keys: keys.iter().map(signing_key).collect() })
            })
            .await
    }

    async fn prepare_signing_key(
        &self,
        request: Request<pb::PrepareSigningKeyRequest>,
    ) -> Result<Response<pb::PrepareSigningKeyResponse>, Status> {
        let keys = self.keys.clone();
        self.gate
            .admin(request, "key.prepare", Keep::All, move |call, r| async move {
                check_owner(&call)?;
                let key = keys.prepare(&call, purpose(r.purpose)?, algorithm(&r.algorithm)?).await?;
                Ok(pb::PrepareSigningKeyResponse { key: Some(signing_key(&key)) })
            })
            .await
    }

    async fn activate_signing_key(
        &self,
        request: Request<pb::ActivateSigningKeyRequest>,
    ) -> Result<Response<pb::ActivateSigningKeyResponse>, Status> {
        let keys = self.keys.clone();
        self.gate
            .admin(request, "key.activate", Keep::All, move |call, r| async move {
                check_owner(&call)?;
                let stated = stated(r.statement, &r.operator_root_jwk)?;
                let key = keys.activate(&call, &key_id(&r.key_id)?, stated.as_ref()).await?;
                Ok(pb::ActivateSigningKeyResponse { key: Some(signing_key(&key)) })
            })
            .await
    }

    async fn retire_signing_key(
        &self,
        request: Request<pb::RetireSigningKeyRequest>,
    ) -> Result<Response<pb::RetireSigningKeyResponse>, Status> {
        let keys = self.keys.clone();
        self.gate
            .admin(request, "key.retire", Keep::All, move |call, r| async move {
                check_owner(&call)?;
                let key = keys.retire(&call, &key_id(&r.key_id)?).await?;
                Ok(pb::RetireSigningKeyResponse { key: Some(signing_key(&key)) })
            })
            .await
    }

    async fn revoke_signing_key(
        &self,
        request: Request<pb::RevokeSigningKeyRequest>,
    ) -> Result<Response<pb::RevokeSigningKeyResponse>, Status> {
        let keys = self.keys.clone();
        self.gate
            .admin(request, "key.revoke", Keep::All, move |call, r| async move {
                check_owner(&call)?;
                let key = keys.revoke(&call, &key_id(&r.key_id)?).await?;
                Ok(pb::RevokeSigningKeyResponse { key: Some(signing_key(&key)) })
            })
            .await
    }

    async fn list_audit_events(
        &self,
        request: Request<pb::ListAuditEventsRequest>,
    ) -> Result<Response<pb::ListAuditEventsResponse>, Status> {
        let audit = self.audit.clone();
        self.gate
            .admin(request, "audit.list", Keep::Refusals, move |call, r| async move {
                let (events, next_page_token) =
                    runtime::audit::events(&call, audit.as_ref(), &r.parent, r.page_size, &r.page_token)
                        .await?;
                Ok(pb::ListAuditEventsResponse { events, next_page_token })
            })
            .await
    }
}
