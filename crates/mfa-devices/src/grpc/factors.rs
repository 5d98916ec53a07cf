//! `FactorService`, for the other services.

use std::sync::Arc;

use kernel::{Result, SecretText};
use proto::mfa_devices as pb;
use proto::mfa_devices::factor_service_server::FactorService;
use proto::{convert, names};
use runtime::{Gate, Keep, PeerCall};
use tonic::{Request, Response, Status};

use super::{convert as local, passkeys};
use crate::domain::{Owner, Target};
use crate::proving::Presented;
use crate::recovery::PresentedCode;
use crate::service::Service;

/// Who may ask.
pub const CALLERS: &[&str] = &["token-issuer"];

pub(super) struct FactorHandler {
    pub(super) gate: Gate,
    pub(super) service: Arc<Service>,
}

/// The user that a peer asks about, who goes into the audit trail.
async fn owner(call: &PeerCall, name: &str) -> Result<Owner> {
    let (environment, user) = names::parse_user("user", name)?;
    let owner = Owner { environment, user: user.id("user")? };
    call.trail.environment(owner.environment).await;
    call.trail.resource(names::user(owner.environment, owner.user)).await;
    Ok(owner)
}

/// The device that a code is for. One of somebody else is like one there is not.
fn target(owner: Owner, name: &str) -> Result<Target> {
    if name.is_empty() {
        return Ok(Target::Any);
    }
    let device = names::parse_device("device", name)?;
    let own = device.environment == owner.environment && device.user.id("device")? == owner.user;
    Ok(if own { Target::Named(device.id) } else { Target::Foreign })
}

#[tonic::async_trait]
impl FactorService for FactorHandler {
    async fn get_factor_facts(
        &self,
        request: Request<pb::GetFactorFactsRequest>,
    ) -> Result<Response<pb::GetFactorFactsResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .peer(request, "factor.facts", Keep::Refusals, CALLERS, move |call, r| async move {
                let owner = owner(&call, &r.user).await?;
                let session = (!r.session_id.is_empty())
                    .then(|| convert::id("session_id", &r.session_id))
                    .transpose()?;
                let facts = service.facts(owner, session.as_ref(), call.at).await?;
                Ok(pb::GetFactorFactsResponse { facts: Some(local::facts(owner, &facts)) })
            })
            .await
    }

    async fn verify_totp(
        &self,
        request: Request<pb::VerifyTotpRequest>,
    ) -> Result<Response<pb::VerifyTotpResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .peer(request, "totp.verify", Keep::All, CALLERS, move |call, r| async move {
                let owner = owner(&call, &r.user).await?;
                let attempt = local::attempt(&r.session_id, &r.request_id, &r.purpose_digest)?;
                let presented = Presented {
                    owner,
                    target: target(owner, &r.device)?,
                    code: &SecretText::from(r.code),
                    attempt: &attempt,
                    grant: false,
                    at: call.at,
                    trail: &call.trail,
                };
                let proof = service.prove(presented).await?;
                Ok(local::proof(owner, &proof))
            })
            .await
    }

    async fn begin_passkey_authentication(
        &self,
        request: Request<pb::BeginPasskeyAuthenticationRequest>,
    ) -> Result<Response<pb::BeginPasskeyAuthenticationResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .peer(request, "passkey.begin_proof", Keep::Refusals, CALLERS, move |call, r| async move {
                let owner = owner(&call, &r.user).await?;
                passkeys::begin_authentication(&service, &call, owner, r).await
            })
            .await
    }

    async fn verify_passkey(
        &self,
        request: Request<pb::VerifyPasskeyRequest>,
    ) -> Result<Response<pb::VerifyPasskeyResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .peer(request, "passkey.verify", Keep::All, CALLERS, move |call, r| async move {
                let owner = owner(&call, &r.user).await?;
                passkeys::verify(&service, &call, owner, r).await
            })
            .await
    }

    async fn verify_recovery_code(
        &self,
        request: Request<pb::VerifyRecoveryCodeRequest>,
    ) -> Result<Response<pb::VerifyRecoveryCodeResponse>, Status> {
        let service = self.service.clone();
        self.gate
            .peer(request, "recovery_code.verify", Keep::All, CALLERS, move |call, r| async move {
                let owner = owner(&call, &r.user).await?;
                let attempt = local::attempt(&r.session_id, &r.request_id, &r.purpose_digest)?;
                let presented = PresentedCode {
                    owner,
                    code: &SecretText::from(r.code),
                    attempt: &attempt,
                    at: call.at,
                    trail: &call.trail,
                };
                let proved = service.prove_recovery(presented).await?;
                Ok(super::recovery::proved(owner, &proved))
            })
            .await
    }
}
