//! `MfaDevicesAdminService`.

use std::sync::Arc;

use proto::mfa_devices as pb;
use proto::mfa_devices::mfa_devices_admin_service_server::MfaDevicesAdminService;
use proto::names;
use runtime::call::AdminRole;
use runtime::{Gate, Keep};
use storage::AuditLog;
use tonic::{Request, Response, Status};

use super::passkeys;
use crate::domain::Owner;
use crate::service::Service;

pub(super) struct AdminHandler {
    pub(super) gate: Gate,
    pub(super) service: Arc<Service>,
    pub(super) audit: Arc<dyn AuditLog>,
}

#[tonic::async_trait]
impl MfaDevicesAdminService for AdminHandler {
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

    async fn get_user_factors(
        &self,
        _: Request<pb::GetUserFactorsRequest>,
    ) -> Result<Response<pb::GetUserFactorsResponse>, Status> {
        Err(super::not_yet())
    }

    async fn reset_user(
        &self,
        _: Request<pb::ResetUserRequest>,
    ) -> Result<Response<pb::ResetUserResponse>, Status> {
        Err(super::not_yet())
    }

    async fn clear_factor_throttle(
        &self,
        _: Request<pb::ClearFactorThrottleRequest>,
    ) -> Result<Response<pb::ClearFactorThrottleResponse>, Status> {
        Err(super::not_yet())
    }

    async fn get_passkey_evidence(
        &self,
        request: Request<pb::GetPasskeyEvidenceRequest>,
    ) -> Result<Response<pb::GetPasskeyEvidenceResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .admin(request, "passkey.evidence", Keep::All, move |call, r| async move {
                let named = names::parse_proof("name", &r.name)?;
                call.trail.environment(named.environment).await;
                call.require(AdminRole::Auditor, Some(named.environment))?;
                let owner = Owner { environment: named.environment, user: named.user.id("name")? };
                let name = owner.proof_name(named.id);
                call.trail.resource(name.clone()).await;
                let evidence = service.evidence(owner, named.id).await?;
                Ok(passkeys::evidence(owner, name, evidence))
            })
            .await
    }

    async fn list_factor_events(
        &self,
        _: Request<pb::ListFactorEventsRequest>,
    ) -> Result<Response<pb::ListFactorEventsResponse>, Status> {
        Err(super::not_yet())
    }

    async fn acknowledge_factor_events(
        &self,
        _: Request<pb::AcknowledgeFactorEventsRequest>,
    ) -> Result<Response<pb::AcknowledgeFactorEventsResponse>, Status> {
        Err(super::not_yet())
    }
}
