//! `MpcSignerAdminService`.

use std::sync::Arc;

use proto::mpc_signer::mpc_signer_admin_service_server::MpcSignerAdminService;
use proto::mpc_signer::{ListAuditEventsRequest, ListAuditEventsResponse};
use runtime::{Gate, Keep};
use storage::AuditLog;
use tonic::{Request, Response, Status};

/// Answers administrators.
pub(crate) struct AdminHandler {
    pub(super) gate: Gate,
    pub(super) audit: Arc<dyn AuditLog>,
}

#[tonic::async_trait]
impl MpcSignerAdminService for AdminHandler {
    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Result<Response<ListAuditEventsResponse>, Status> {
        let audit = Arc::clone(&self.audit);
        self.gate
            .admin(request, "audit.list", Keep::Refusals, move |call, request| async move {
                let (events, next_page_token) = runtime::audit::events(
                    &call,
                    audit.as_ref(),
                    &request.parent,
                    request.page_size,
                    &request.page_token,
                )
                .await?;
                Ok(ListAuditEventsResponse { events, next_page_token })
            })
            .await
    }
}
