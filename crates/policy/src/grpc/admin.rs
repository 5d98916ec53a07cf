//! `PolicyAdminService`.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{EnvironmentId, Error, Result};
use prost::Message as _;
use proto::policy as pb;
use proto::policy::policy_admin_service_server::{PolicyAdminService, PolicyAdminServiceServer};
use proto::{convert, names};
use runtime::{AdminCall, Gate, Keep, limits, paging};
use storage::AuditLog;
use tonic::{Request, Response, Status};

use super::{changes, environment, named};
use crate::environments::{Environments, Update, Wanted};

/// The pages of environments.
const LIST: &str = "environments";

/// How large a page may grow before it ends early, in bytes: small enough for any client to read.
const MAX_PAGE_BYTES: usize = limits::MAX_RESPONSE_BYTES;

/// The administration's server.
pub(crate) fn admin_server(
    gate: Gate,
    environments: Arc<Environments>,
    audit: Arc<dyn AuditLog>,
) -> PolicyAdminServiceServer<impl PolicyAdminService> {
    PolicyAdminServiceServer::new(Admin { gate, environments, audit })
        .max_decoding_message_size(limits::MAX_REQUEST_BYTES)
}

struct Admin {
    gate: Gate,
    environments: Arc<Environments>,
    audit: Arc<dyn AuditLog>,
}

// Changes are kept by their intent, which is on record before they are made. What is only validated changes nothing,
// and leaves nothing behind but refusals.
#[async_trait]
impl PolicyAdminService for Admin {
    async fn create_environment(
        &self,
        request: Request<pb::CreateEnvironmentRequest>,
    ) -> Result<Response<pb::CreateEnvironmentResponse>, Status> {
        let environments = self.environments.clone();
        let work = move |call, request| async move { create(&environments, &call, request).await };
        self.gate.admin(request, "environment.create", Keep::Refusals, work).await
    }

    async fn get_environment(
        &self,
        request: Request<pb::GetEnvironmentRequest>,
    ) -> Result<Response<pb::GetEnvironmentResponse>, Status> {
        let environments = self.environments.clone();
        let work = move |call: AdminCall, request: pb::GetEnvironmentRequest| async move {
            let id = named(&call.trail, "name", &request.name).await?;
            let version = Some(request.version).filter(|version| *version != 0);
            let found = environments.get(&call, id, version).await?;
            Ok(pb::GetEnvironmentResponse { environment: Some(environment::environment(&found)) })
        };
        self.gate.admin(request, "environment.get", Keep::Refusals, work).await
    }

    async fn list_environments(
        &self,
        request: Request<pb::ListEnvironmentsRequest>,
    ) -> Result<Response<pb::ListEnvironmentsResponse>, Status> {
        let environments = self.environments.clone();
        let work = move |call, request| async move { list(&environments, &call, request).await };
        self.gate.admin(request, "environment.list", Keep::Refusals, work).await
    }

    async fn update_environment(
        &self,
        request: Request<pb::UpdateEnvironmentRequest>,
    ) -> Result<Response<pb::UpdateEnvironmentResponse>, Status> {
        let environments = self.environments.clone();
        let work = move |call, request| async move { update(&environments, &call, request).await };
        self.gate.admin(request, "environment.update", Keep::Refusals, work).await
    }

    async fn list_audit_events(
        &self,
        request: Request<pb::ListAuditEventsRequest>,
    ) -> Result<Response<pb::ListAuditEventsResponse>, Status> {
        let audit = self.audit.clone();
        let work = move |call: AdminCall, request: pb::ListAuditEventsRequest| async move {
            let (events, next_page_token) = runtime::audit::events(
                &call,
                &*audit,
                &request.parent,
                request.page_size,
                &request.page_token,
            )
            .await?;
            Ok(pb::ListAuditEventsResponse { events, next_page_token })
        };
        self.gate.admin(request, "audit.list", Keep::Refusals, work).await
    }
}

async fn create(
    environments: &Environments,
    call: &AdminCall,
    request: pb::CreateEnvironmentRequest,
) -> Result<pb::CreateEnvironmentResponse> {
    let sent = request.environment.ok_or_else(|| Error::invalid("environment", "is missing"))?;
    let id = match sent.name.as_str() {
        "" => None,
        name => Some(names::parse_environment("environment.name", name)?),
    };
    let wanted = Wanted {
        id,
        preset: changes::preset(request.preset)?,
        changes: changes::of_new(&sent)?,
        validate_only: request.validate_only,
    };
    let created = environments.create(call, wanted).await?;
    let mut answer = environment::environment(&created);
    if request.validate_only {
        // There is no such environment: what was not asked for by name has none, and there is nothing to update.
        answer.name = sent.name;
        answer.etag.clear();
    }
    Ok(pb::CreateEnvironmentResponse { environment: Some(answer) })
}

async fn update(
    environments: &Environments,
    call: &AdminCall,
    request: pb::UpdateEnvironmentRequest,
) -> Result<pb::UpdateEnvironmentResponse> {
    let sent = request.environment.ok_or_else(|| Error::invalid("environment", "is missing"))?;
    let id = named(&call.trail, "environment.name", &sent.name).await?;
    if sent.etag.is_empty() {
        return Err(Error::invalid("environment.etag", "is missing; send that of the version you have read"));
    }
    let changes = changes::of_update(&sent, request.update_mask)?;
    let update = Update { id, etag: sent.etag.clone(), changes, validate_only: request.validate_only };
    let updated = environments.update(call, update).await?;
    let mut answer = environment::environment(&updated);
    if request.validate_only {
        // The etag of a version that is yet to come would fit whatever somebody else makes it.
        answer.etag = sent.etag;
    }
    Ok(pb::UpdateEnvironmentResponse { environment: Some(answer) })
}

async fn list(
    environments: &Environments,
    call: &AdminCall,
    request: pb::ListEnvironmentsRequest,
) -> Result<pb::ListEnvironmentsResponse> {
    let limit = paging::page_size("page_size", request.page_size, 50, 100)?;
    let after = paging::decode_token(LIST, &request.page_token)?
        .map(|cursor| convert::id::<EnvironmentId>("page_token", &cursor))
        .transpose()?;
    let limit = usize::try_from(limit).map_err(Error::internal)?;
    let (found, more) = environments.list(call, after, limit).await?;
    let mut page = Vec::new();
    let mut bytes = 0;
    let mut cursor = None;
    for each in &found {
        let answer = environment::environment(each);
        bytes += answer.encoded_len();
        if bytes > MAX_PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(answer);
        cursor = Some(each.id);
    }
    let more = more || page.len() < found.len();
    let next_page_token = match cursor {
        Some(last) if more => paging::encode_token(LIST, &last.to_string()),
        _ => String::new(),
    };
    Ok(pb::ListEnvironmentsResponse { environments: page, next_page_token })
}
