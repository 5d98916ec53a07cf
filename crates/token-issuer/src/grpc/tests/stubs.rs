//! The services that the issuer calls.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Acr, Action, Clock as _, EnvironmentId, Error, Reason};
use proto::mfa_devices::factor_service_server::FactorService;
use proto::policy::policy_service_server::PolicyService;
use proto::{convert, mfa_devices, policy, types};
use runtime::environments::{EnvironmentSettings, EnvironmentSource};
use runtime::status::to_status;
use testkit::FixedClock;
use tonic::{Request, Response, Status};

use crate::domain::factors::VerifiedFactor;
use crate::fixtures::{
    NOW, RECOVERY_CODE, RIGHT_ASSERTION, RIGHT_CODE, factor, passkey, recovery_codes, requirement,
};

/// How long the factors are on hold for removing one, and how old a sign-in may be for adding one.
pub(super) const HOLD: Duration = Duration::from_secs(3_600);
pub(super) const SIGN_IN_SECONDS: u32 = 600;

/// Wants a proof for everything; a proof satisfies it, and of a recovery code for a reshare only. Knows no other
/// environment.
pub(super) struct StubPolicy;

#[tonic::async_trait]
impl PolicyService for StubPolicy {
    async fn read_settings(
        &self,
        _: Request<policy::ReadSettingsRequest>,
    ) -> Result<Response<policy::ReadSettingsResponse>, Status> {
        Err(to_status(&Error::not_found()))
    }

    async fn decide(
        &self,
        request: Request<policy::DecideRequest>,
    ) -> Result<Response<policy::DecideResponse>, Status> {
        let request = request.into_inner();
        let action = convert::action("action", request.action).unwrap();
        let demand = requirement(action);
        let facts = request.factor_facts.unwrap();
        let held = |device: &str| facts.factors.iter().any(|factor| factor.device == device);
        let effect = match request.proof {
            _ if action == Action::WalletRefresh => 77,
            _ if action == Action::CredentialUnlink => policy::Effect::FactorOnHold.into(),
            _ if action == Action::CredentialLink => policy::Effect::ReauthenticationRequired.into(),
            Some(proof) if held(&proof.device) => policy::Effect::AllowWithProof.into(),
            _ => policy::Effect::StepUpRequired.into(),
        };
        use types::FactorKind::{Passkey, RecoveryCode, Totp};
        let (acr, methods) = match action {
            Action::WalletReshare => (Acr::Recovery, &[Totp, Passkey, RecoveryCode][..]),
            Action::CredentialLink | Action::CredentialUnlink => (demand.acr, &[][..]),
            _ => (demand.acr, &[Totp, Passkey][..]),
        };
        Ok(Response::new(policy::DecideResponse {
            effect,
            requirement: Some(types::Requirement {
                action: request.action,
                scopes: demand.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
                acr: acr.as_str().to_owned(),
                binding: types::Binding::Scope.into(),
                methods: methods.iter().map(|kind| (*kind).into()).collect(),
                token_behavior: types::TokenBehavior::SingleUse.into(),
                token_expiry_seconds: 300,
                max_age_seconds: 360,
                sender_constraint: types::SenderConstraint::Off.into(),
            }),
            rule_ids: Vec::new(),
            policy_version: 3,
            hold_end_time: Some(convert::timestamp(NOW.plus(HOLD))),
            reauthentication_seconds: SIGN_IN_SECONDS,
        }))
    }
}

/// The one ceremony there is.
pub(super) const CEREMONY: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d88";

/// The session in which its user was first seen.
const FIRST_SESSION: &str = "alice";

/// A factor of each kind; one right answer to each, which makes one proof for each request.
pub(super) struct StubFactors {
    pub(super) clock: Arc<FixedClock>,
}

#[tonic::async_trait]
impl FactorService for StubFactors {
    async fn get_factor_facts(
        &self,
        request: Request<mfa_devices::GetFactorFactsRequest>,
    ) -> Result<Response<mfa_devices::GetFactorFactsResponse>, Status> {
        let mfa_devices::GetFactorFactsRequest { user, session_id } = request.into_inner();
        let held = |factor: VerifiedFactor| types::VerifiedFactor {
            device: format!("{user}/devices/{}", factor.device),
            kind: convert::factor_kind_value(factor.kind).into(),
            verify_time: Some(convert::timestamp(factor.verified)),
            is_default: factor.is_default,
            display_name: factor.display_name,
            exhausted: factor.exhausted,
        };
        let facts = types::FactorFacts {
            factors: [factor(1), passkey(2), recovery_codes(3)].map(held).to_vec(),
            ever_verified: true,
            first_session: session_id == FIRST_SESSION,
        };
        Ok(Response::new(mfa_devices::GetFactorFactsResponse { facts: Some(facts) }))
    }

    async fn verify_totp(
        &self,
        request: Request<mfa_devices::VerifyTotpRequest>,
    ) -> Result<Response<mfa_devices::VerifyTotpResponse>, Status> {
        let request = request.into_inner();
        if request.code == "throttle" {
            let wait = Error::new(Reason::FactorThrottled, "wait").retry_after(Duration::from_secs(9));
            return Err(to_status(&wait));
        }
        if request.code == "defect" {
            return Err(to_status(&Error::internal("a defect over there")));
        }
        if request.code != RIGHT_CODE {
            return Err(to_status(&Error::new(Reason::CodeRejected, "no")));
        }
        Ok(Response::new(mfa_devices::VerifyTotpResponse {
            // One proof for each request, as it should be.
            proof_id: request.request_id,
            device: format!("{}/devices/{}", request.user, factor(1).device),
            kind: types::FactorKind::Totp.into(),
            auth_time: Some(convert::timestamp(self.clock.now())),
        }))
    }

    async fn begin_passkey_authentication(
        &self,
        request: Request<mfa_devices::BeginPasskeyAuthenticationRequest>,
    ) -> Result<Response<mfa_devices::BeginPasskeyAuthenticationResponse>, Status> {
        let request = request.into_inner();
        assert!(!request.session_id.is_empty() && request.purpose_digest.len() == 32);
        Ok(Response::new(mfa_devices::BeginPasskeyAuthenticationResponse {
            ceremony_id: CEREMONY.to_owned(),
            // So that a test sees what the authenticator would sign.
            options_json: format!("{:?}", request.operation_digest),
            expire_time: Some(convert::timestamp(self.clock.now().plus(Duration::from_secs(300)))),
        }))
    }

    async fn verify_passkey(
        &self,
        request: Request<mfa_devices::VerifyPasskeyRequest>,
    ) -> Result<Response<mfa_devices::VerifyPasskeyResponse>, Status> {
        let request = request.into_inner();
        let reason = match request.credential_json.as_str() {
            _ if request.ceremony_id != CEREMONY => Reason::CeremonyUnknown,
            "no party" => Reason::RelyingPartyMissing,
            "copy" => Reason::PasskeyCloneSuspected,
            "busy" => Reason::Overloaded,
            "defect" => Reason::Internal,
            // A code is not what was sent.
            "code" => Reason::CodeRejected,
            RIGHT_ASSERTION => {
                return Ok(Response::new(mfa_devices::VerifyPasskeyResponse {
                    proof_id: request.request_id,
                    device: format!("{}/devices/{}", request.user, passkey(2).device),
                    kind: types::FactorKind::Passkey.into(),
                    auth_time: Some(convert::timestamp(self.clock.now())),
                }));
            }
            _ => Reason::PasskeyRejected,
        };
        Err(to_status(&Error::new(reason, "no")))
    }

    async fn verify_recovery_code(
        &self,
        request: Request<mfa_devices::VerifyRecoveryCodeRequest>,
    ) -> Result<Response<mfa_devices::VerifyRecoveryCodeResponse>, Status> {
        let request = request.into_inner();
        if request.code != RECOVERY_CODE {
            return Err(to_status(&Error::new(Reason::CodeRejected, "no")));
        }
        Ok(Response::new(mfa_devices::VerifyRecoveryCodeResponse {
            proof_id: request.request_id,
            device: format!("{}/devices/{}", request.user, recovery_codes(3).device),
            kind: types::FactorKind::RecoveryCode.into(),
            auth_time: Some(convert::timestamp(self.clock.now())),
            remaining_codes: 9,
        }))
    }
}

/// The one environment there is.
pub(super) struct OneEnvironment(pub(super) Arc<EnvironmentSettings>);

#[async_trait::async_trait]
impl EnvironmentSource for OneEnvironment {
    async fn environment(&self, id: EnvironmentId) -> kernel::Result<Option<Arc<EnvironmentSettings>>> {
        Ok((id == self.0.id).then(|| self.0.clone()))
    }
}
