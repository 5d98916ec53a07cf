//! `WaasGatewayAdminService`.

use std::sync::Arc;

use proto::waas_gateway as pb;
use proto::waas_gateway::waas_gateway_admin_service_server::WaasGatewayAdminService;
use runtime::{Gate, Keep};
use storage::AuditLog;
use tonic::{Request, Response, Status};

pub(super) struct AdminHandler {
    pub(super) gate: Gate,
    pub(super) audit: Arc<dyn AuditLog>,
}

#[tonic::async_trait]
impl WaasGatewayAdminService for AdminHandler {
    async fn list_audit_events(
        &self,
        request: Request<pb::ListAuditEventsRequest>,
    ) -> Result<Response<pb::ListAuditEventsResponse>, Status> {
        let audit = self.audit.clone();
        self.gate
            .admin(request, "audit.list", Keep::Refusals, move |call, r| async move {
                let page =
                    runtime::audit::events(&call, audit.as_ref(), &r.parent, r.page_size, &r.page_token);
                let (events, next_page_token) = page.await?;
                Ok(pb::ListAuditEventsResponse { events, next_page_token })
            })
            .await
    }
}
