//! `TokenIssuerAdminService`.

use std::sync::Arc;

use proto::token_issuer as pb;
use proto::token_issuer::token_issuer_admin_service_server::TokenIssuerAdminService;
use runtime::{Gate, Keep};
use storage::AuditLog;
use tonic::{Request, Response, Status};

/// Handles the calls of administrators.
#[derive(Clone)]
pub(crate) struct AdminHandler {
    pub(crate) gate: Gate,
    pub(crate) audit: Arc<dyn AuditLog>,
}

#[tonic::async_trait]
impl TokenIssuerAdminService for AdminHandler {
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
