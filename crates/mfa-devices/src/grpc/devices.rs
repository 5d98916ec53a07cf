//! `DeviceService`, for users.

use std::sync::Arc;

use kernel::{DeviceId, EnvironmentId, Error, Result, SecretText};
use proto::mfa_devices as pb;
use proto::mfa_devices::device_service_server::DeviceService;
use proto::names::UserRef;
use proto::{convert, names};
use runtime::{Gate, Keep, UserCall, paging};
use tonic::{Request, Response, Status};

use super::{convert as local, passkeys, recovery};
use crate::domain::DisplayName;
use crate::service::{Caller, Service};

pub(super) struct DeviceHandler {
    pub(super) gate: Gate,
    pub(super) service: Arc<Service>,
}

/// The caller, if the user that is named is the caller's own.
fn own(call: UserCall, (environment, user): (EnvironmentId, UserRef)) -> Result<Caller> {
    user.resolve(call.user)?;
    if environment != call.environment {
        return Err(Error::not_found());
    }
    local::caller(call)
}

/// The caller and the device that is named, if it is below the caller. It goes into the audit trail.
async fn own_device(call: UserCall, field: &str, name: &str) -> Result<(Caller, DeviceId)> {
    let named = names::parse_device(field, name)?;
    let caller = own(call, (named.environment, named.user))?;
    caller.trail.resource(caller.owner.device_name(named.id)).await;
    Ok((caller, named.id))
}

/// The caller whose recovery codes are named. They go into the audit trail.
async fn own_codes(call: UserCall, name: &str) -> Result<Caller> {
    let caller = own(call, names::parse_recovery_code_set("name", name)?)?;
    caller.trail.resource(names::recovery_code_set(caller.owner.environment, caller.owner.user)).await;
    Ok(caller)
}

fn updated_name(request: &pb::UpdateDeviceRequest) -> &str {
    request.device.as_ref().map_or("", |device| &device.name)
}

#[tonic::async_trait]
impl DeviceService for DeviceHandler {
    async fn register_totp_device(
        &self,
        request: Request<pb::RegisterTotpDeviceRequest>,
    ) -> Result<Response<pb::RegisterTotpDeviceResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "device.register",
                Keep::All,
                |r| &r.parent,
                move |call, r| async move {
                    let caller = own(call, names::parse_user("parent", &r.parent)?)?;
                    caller.trail.resource(names::user(caller.owner.environment, caller.owner.user)).await;
                    let name = DisplayName::new("display_name", &r.display_name)?;
                    let ticket = local::ticket(&r.operation_id, r.receipt)?;
                    let registered = service.register(&caller, name, ticket.as_ref()).await?;
                    Ok(local::registered(caller.owner, &registered))
                },
            )
            .await
    }

    async fn activate_totp_device(
        &self,
        request: Request<pb::ActivateTotpDeviceRequest>,
    ) -> Result<Response<pb::ActivateTotpDeviceResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "device.activate",
                Keep::All,
                |r| &r.name,
                move |call, r| async move {
                    let (caller, id) = own_device(call, "name", &r.name).await?;
                    let request = convert::id("request_id", &r.request_id)?;
                    let code = SecretText::from(r.code);
                    let device = service.activate(&caller, id, &code, request).await?;
                    Ok(pb::ActivateTotpDeviceResponse { device: Some(local::device(caller.owner, &device)) })
                },
            )
            .await
    }

    async fn list_devices(
        &self,
        request: Request<pb::ListDevicesRequest>,
    ) -> Result<Response<pb::ListDevicesResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "device.list",
                Keep::Refusals,
                |r| &r.parent,
                move |call, r| async move {
                    let caller = own(call, names::parse_user("parent", &r.parent)?)?;
                    let size = paging::page_size("page_size", r.page_size, 50, 100)?;
                    let scope = format!("devices/{}", caller.owner.user);
                    let after = paging::decode_token(&scope, &r.page_token)?
                        .map(|cursor| local::parse_place(&cursor))
                        .transpose()?;
                    let size = usize::try_from(size).unwrap_or(usize::MAX);
                    let page = service.list(&caller, after, size).await?;
                    let next = page.next.map(|place| paging::encode_token(&scope, &local::place(place)));
                    Ok(pb::ListDevicesResponse {
                        devices: page
                            .devices
                            .iter()
                            .map(|shown| local::device(caller.owner, shown))
                            .collect(),
                        next_page_token: next.unwrap_or_default(),
                    })
                },
            )
            .await
    }

    async fn get_device(
        &self,
        request: Request<pb::GetDeviceRequest>,
    ) -> Result<Response<pb::GetDeviceResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "device.get",
                Keep::Refusals,
                |r| &r.name,
                move |call, r| async move {
                    let (caller, id) = own_device(call, "name", &r.name).await?;
                    let device = service.get(&caller, id).await?;
                    Ok(pb::GetDeviceResponse { device: Some(local::device(caller.owner, &device)) })
                },
            )
            .await
    }

    async fn update_device(
        &self,
        request: Request<pb::UpdateDeviceRequest>,
    ) -> Result<Response<pb::UpdateDeviceResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(request, "device.rename", Keep::All, updated_name, move |call, r| async move {
                let wanted = r.device.ok_or_else(|| Error::invalid("device", "is missing"))?;
                let (caller, id) = own_device(call, "device.name", &wanted.name).await?;
                local::update_mask(r.update_mask)?;
                let name = DisplayName::new("device.display_name", &wanted.display_name)?;
                let etag = (!wanted.etag.is_empty()).then_some(wanted.etag.as_str());
                let device = service.rename(&caller, id, &name, etag).await?;
                Ok(pb::UpdateDeviceResponse { device: Some(local::device(caller.owner, &device)) })
            })
            .await
    }

    async fn set_default_device(
        &self,
        request: Request<pb::SetDefaultDeviceRequest>,
    ) -> Result<Response<pb::SetDefaultDeviceResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "device.set_default",
                Keep::All,
                |r| &r.name,
                move |call, r| async move {
                    let (caller, id) = own_device(call, "name", &r.name).await?;
                    let device = service.set_default(&caller, id).await?;
                    Ok(pb::SetDefaultDeviceResponse { device: Some(local::device(caller.owner, &device)) })
                },
            )
            .await
    }

    async fn delete_device(
        &self,
        request: Request<pb::DeleteDeviceRequest>,
    ) -> Result<Response<pb::DeleteDeviceResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "device.delete",
                Keep::All,
                |r| &r.name,
                move |call, r| async move {
                    let (caller, id) = own_device(call, "name", &r.name).await?;
                    let ticket = local::ticket(&r.operation_id, r.receipt)?;
                    service.remove(&caller, id, ticket.as_ref()).await?;
                    Ok(pb::DeleteDeviceResponse {})
                },
            )
            .await
    }

    async fn begin_passkey_registration(
        &self,
        request: Request<pb::BeginPasskeyRegistrationRequest>,
    ) -> Result<Response<pb::BeginPasskeyRegistrationResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "passkey.begin_registration",
                Keep::All,
                |r| &r.parent,
                move |call, r| async move {
                    let caller = own(call, names::parse_user("parent", &r.parent)?)?;
                    passkeys::begin_registration(&service, caller, r).await
                },
            )
            .await
    }

    async fn finish_passkey_registration(
        &self,
        request: Request<pb::FinishPasskeyRegistrationRequest>,
    ) -> Result<Response<pb::FinishPasskeyRegistrationResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "passkey.register",
                Keep::All,
                |r| &r.parent,
                move |call, r| async move {
                    let caller = own(call, names::parse_user("parent", &r.parent)?)?;
                    passkeys::finish_registration(&service, caller, r).await
                },
            )
            .await
    }

    async fn begin_passkey_proof(
        &self,
        request: Request<pb::BeginPasskeyProofRequest>,
    ) -> Result<Response<pb::BeginPasskeyProofResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "passkey.begin_proof",
                Keep::Refusals,
                |r| &r.parent,
                move |call, r| async move {
                    let caller = own(call, names::parse_user("parent", &r.parent)?)?;
                    passkeys::begin_proof(&service, caller).await
                },
            )
            .await
    }

    async fn get_recovery_code_set(
        &self,
        request: Request<pb::GetRecoveryCodeSetRequest>,
    ) -> Result<Response<pb::GetRecoveryCodeSetResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "recovery_codes.get",
                Keep::Refusals,
                |r| &r.name,
                move |call, r| async move {
                    let caller = own_codes(call, &r.name).await?;
                    let set = service.recovery_set(&caller).await?;
                    let recovery_code_set = Some(recovery::set(caller.owner, &set));
                    Ok(pb::GetRecoveryCodeSetResponse { recovery_code_set })
                },
            )
            .await
    }

    async fn regenerate_recovery_codes(
        &self,
        request: Request<pb::RegenerateRecoveryCodesRequest>,
    ) -> Result<Response<pb::RegenerateRecoveryCodesResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "recovery_codes.regenerate",
                Keep::All,
                |r| &r.name,
                move |call, r| async move {
                    let caller = own_codes(call, &r.name).await?;
                    let proof = recovery::fresh_proof(caller.owner, r.proof)?;
                    let made = service.make_codes(&caller, proof).await?;
                    let (set, codes) = recovery::codes(caller.owner, &made);
                    Ok(pb::RegenerateRecoveryCodesResponse { recovery_code_set: Some(set), codes })
                },
            )
            .await
    }

    async fn show_recovery_codes(
        &self,
        request: Request<pb::ShowRecoveryCodesRequest>,
    ) -> Result<Response<pb::ShowRecoveryCodesResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "recovery_codes.show",
                Keep::All,
                |r| &r.name,
                move |call, r| async move {
                    let caller = own_codes(call, &r.name).await?;
                    let proof = recovery::fresh_proof(caller.owner, r.proof)?;
                    let shown = service.show_codes(&caller, proof).await?;
                    let (set, codes) = recovery::codes(caller.owner, &shown);
                    Ok(pb::ShowRecoveryCodesResponse { recovery_code_set: Some(set), codes })
                },
            )
            .await
    }

    async fn acknowledge_recovery_codes(
        &self,
        request: Request<pb::AcknowledgeRecoveryCodesRequest>,
    ) -> Result<Response<pb::AcknowledgeRecoveryCodesResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .user(
                request,
                "recovery_codes.acknowledge",
                Keep::All,
                |r| &r.name,
                move |call, r| async move {
                    let caller = own_codes(call, &r.name).await?;
                    let set = service.acknowledge_codes(&caller).await?;
                    let recovery_code_set = Some(recovery::set(caller.owner, &set));
                    Ok(pb::AcknowledgeRecoveryCodesResponse { recovery_code_set })
                },
            )
            .await
    }
}
