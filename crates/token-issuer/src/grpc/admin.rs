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
use crate::revoke_tokens::RevokeTokens;

/// Handles the calls of administrators.
#[derive(Clone)]
pub(crate) struct AdminHandler {
    pub(crate) gate: Gate,
    pub(crate) audit: Arc<dyn AuditLog>,
    pub(crate) revoke_tokens: RevokeTokens,
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
