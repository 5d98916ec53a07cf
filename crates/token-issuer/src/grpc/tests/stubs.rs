//! The services that the issuer calls.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Action, Clock as _, EnvironmentId, Error, Reason};
use proto::mfa_devices::factor_service_server::FactorService;
use proto::policy::policy_service_server::PolicyService;
use proto::{convert, mfa_devices, policy, types};
use runtime::environments::{EnvironmentSettings, EnvironmentSource};
use runtime::status::to_status;
use testkit::FixedClock;
use tonic::{Request, Response, Status};

use crate::fixtures::{RIGHT_CODE, factor, requirement};

/// Wants a proof for everything; a proof satisfies it. Knows no other environment.
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
        let effect = match request.proof {
            _ if action == Action::WalletRefresh => 77,
            Some(proof) if proof.device == request.factor_facts.unwrap().factors[0].device => {
                policy::Effect::AllowWithProof.into()
            }
            _ => policy::Effect::StepUpRequired.into(),
        };
        Ok(Response::new(policy::DecideResponse {
            effect,
            requirement: Some(types::Requirement {
                action: request.action,
                scopes: demand.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
                acr: demand.acr.as_str().to_owned(),
                binding: types::Binding::Scope.into(),
                methods: vec![types::FactorKind::Totp.into()],
                token_behavior: types::TokenBehavior::SingleUse.into(),
                token_expiry_seconds: 300,
                max_age_seconds: 360,
            }),
            rule_ids: Vec::new(),
            policy_version: 3,
        }))
    }
}

/// One device; one right code, which always makes the same proof.
pub(super) struct StubFactors {
    pub(super) clock: Arc<FixedClock>,
}

#[tonic::async_trait]
impl FactorService for StubFactors {
    async fn get_factor_facts(
        &self,
        request: Request<mfa_devices::GetFactorFactsRequest>,
    ) -> Result<Response<mfa_devices::GetFactorFactsResponse>, Status> {
        let user = request.into_inner().user;
        let held = types::VerifiedFactor {
            device: format!("{user}/devices/{}", factor(1).device),
            kind: types::FactorKind::Totp.into(),
            verify_time: Some(convert::timestamp(factor(1).verified)),
            is_default: true,
            display_name: "phone".to_owned(),
        };
        let facts = types::FactorFacts { factors: vec![held], ever_verified: true };
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
}

/// The one environment there is.
pub(super) struct OneEnvironment(pub(super) Arc<EnvironmentSettings>);

#[async_trait::async_trait]
impl EnvironmentSource for OneEnvironment {
    async fn environment(&self, id: EnvironmentId) -> kernel::Result<Option<Arc<EnvironmentSettings>>> {
        Ok((id == self.0.id).then(|| self.0.clone()))
    }
}
