//! `MfaDevicesAdminService`.

use std::sync::Arc;

use kernel::{EnvironmentId, Error, Result};
use proto::mfa_devices as pb;
use proto::mfa_devices::mfa_devices_admin_service_server::MfaDevicesAdminService;
use proto::{convert, names};
use runtime::call::{AdminCall, AdminRole};
use runtime::{Gate, Keep, paging};
use storage::AuditLog;
use tonic::{Request, Response, Status};

use super::{events, passkeys};
use crate::domain::Owner;
use crate::service::Service;

/// How many events are acknowledged by one call at most.
const MAX_ACKNOWLEDGED: usize = 200;

pub(super) struct AdminHandler {
    pub(super) gate: Gate,
    pub(super) service: Arc<Service>,
    pub(super) audit: Arc<dyn AuditLog>,
}

/// The user that an administrator with this role names, who goes into the audit trail.
async fn user(call: &AdminCall, role: AdminRole, name: &str) -> Result<Owner> {
    let (environment, user) = names::parse_user("name", name)?;
    call.trail.environment(environment).await;
    call.require(role, Some(environment))?;
    let owner = Owner { environment, user: user.id("name")? };
    call.trail.resource(names::user(owner.environment, owner.user)).await;
    Ok(owner)
}

/// The environment that an administrator with this role names, likewise.
async fn environment(call: &AdminCall, role: AdminRole, parent: &str) -> Result<EnvironmentId> {
    let environment = names::parse_environment("parent", parent)?;
    call.trail.environment(environment).await;
    call.require(role, Some(environment))?;
    call.trail.resource(names::environment(environment)).await;
    Ok(environment)
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[tonic::async_trait]
impl MfaDevicesAdminService for AdminHandler {
    async fn get_user_factors(
        &self,
        request: Request<pb::GetUserFactorsRequest>,
    ) -> Result<Response<pb::GetUserFactorsResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .admin(request, "user.factors", Keep::Refusals, move |call, r| async move {
                let owner = user(&call, AdminRole::Viewer, &r.name).await?;
                let found = service.user_factors(owner, call.at).await?;
                Ok(events::user_factors(owner, &found, call.at))
            })
            .await
    }

    async fn reset_user(
        &self,
        request: Request<pb::ResetUserRequest>,
    ) -> Result<Response<pb::ResetUserResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .admin(request, "user.reset", Keep::All, move |call, r| async move {
                let owner = user(&call, AdminRole::Editor, &r.name).await?;
                let taken = service.reset_user(owner, r.forget_ever_verified, call.at, &call.trail).await?;
                Ok(pb::ResetUserResponse {
                    removed_devices: count(taken.devices),
                    removed_recovery_codes: count(taken.codes),
                })
            })
            .await
    }

    async fn clear_factor_throttle(
        &self,
        request: Request<pb::ClearFactorThrottleRequest>,
    ) -> Result<Response<pb::ClearFactorThrottleResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .admin(request, "throttle.clear", Keep::All, move |call, r| async move {
                let owner = user(&call, AdminRole::Editor, &r.name).await?;
                let kind = convert::factor_kind("kind", r.kind)?;
                let throttle = service.clear_throttle(owner, kind, call.at, &call.trail).await?;
                let throttle = Some(events::throttle(kind, throttle, call.at));
                Ok(pb::ClearFactorThrottleResponse { throttle })
            })
            .await
    }

    async fn list_factor_events(
        &self,
        request: Request<pb::ListFactorEventsRequest>,
    ) -> Result<Response<pb::ListFactorEventsResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .admin(request, "factor_events.list", Keep::Refusals, move |call, r| async move {
                let environment = environment(&call, AdminRole::Viewer, &r.parent).await?;
                let size = paging::page_size("page_size", r.page_size, 50, 200)?;
                let found = service.factor_events(environment, r.after_sequence, size).await?;
                Ok(pb::ListFactorEventsResponse { events: found.iter().map(events::event).collect() })
            })
            .await
    }

    async fn acknowledge_factor_events(
        &self,
        request: Request<pb::AcknowledgeFactorEventsRequest>,
    ) -> Result<Response<pb::AcknowledgeFactorEventsResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .admin(request, "factor_events.acknowledge", Keep::All, move |call, r| async move {
                let environment = environment(&call, AdminRole::Editor, &r.parent).await?;
                if r.sequences.is_empty() || r.sequences.len() > MAX_ACKNOWLEDGED {
                    return Err(Error::invalid("sequences", "must be 1 to 200 sequences of events"));
                }
                let acknowledged = service.acknowledge_events(environment, &r.sequences, &call.trail).await?;
                Ok(pb::AcknowledgeFactorEventsResponse { acknowledged_events: count(acknowledged) })
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
                let page =
                    runtime::audit::events(&call, audit.as_ref(), &r.parent, r.page_size, &r.page_token);
                let (events, next_page_token) = page.await?;
                Ok(pb::ListAuditEventsResponse { events, next_page_token })
            })
            .await
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
}
