//! The keeper of the factors over gRPC.

use async_trait::async_trait;
use kernel::secret::ExposeSecret;
use kernel::{
    CeremonyId, DeviceId, EnvironmentId, Error, FactorKind, Reason, Result, SecretText, SessionId, UserId,
};
use proto::mfa_devices::factor_service_client::FactorServiceClient;
use proto::mfa_devices::{self as pb, GetFactorFactsRequest};
use proto::{convert, names};
use runtime::{limits, peer};
use tonic::transport::Channel;

use super::convert::{device, facts};
use super::{DEADLINE, refusal, unavailable};
use crate::domain::factors::{Ceremony, FactorFacts, FactorProof};
use crate::ports::{Factors, PasskeyPurpose, ProofRequest};

const FACTS_AWAY: &str = "the user's factors could not be read, so nothing was authorized. Try again";
const BEGIN_AWAY: &str = "no passkey ceremony could be begun. Try again";
const TEST_AWAY: &str = "the code could not be tested; it may have been used. Send the same request, with the same \
                         request id, again";
const PASSKEY_AWAY: &str = "the passkey could not be tested; the ceremony may be over. Send the same request, with the \
                            same request id, again";

/// The refusals of a code that are the caller's to see.
const CODE_REFUSALS: [Reason; 5] = [
    Reason::CodeRejected,
    Reason::FactorThrottled,
    Reason::RequestIdReused,
    Reason::InvalidRequest,
    Reason::Overloaded,
];

/// Those of a ceremony that is to be begun.
const BEGIN_REFUSALS: [Reason; 2] = [Reason::RelyingPartyMissing, Reason::Overloaded];

/// Those of the answer of an authenticator.
const PASSKEY_REFUSALS: [Reason; 7] = [
    Reason::CeremonyUnknown,
    Reason::PasskeyRejected,
    Reason::PasskeyCloneSuspected,
    Reason::RelyingPartyMissing,
    Reason::RequestIdReused,
    Reason::InvalidRequest,
    Reason::Overloaded,
];

/// The service that keeps the factors.
#[derive(Clone, Debug)]
pub(crate) struct FactorsPeer {
    client: FactorServiceClient<Channel>,
}

impl FactorsPeer {
    /// Over a channel to its peer listener.
    pub(crate) fn new(channel: Channel) -> Self {
        let client = FactorServiceClient::new(channel).max_decoding_message_size(limits::MAX_RESPONSE_BYTES);
        Self { client }
    }
}

#[async_trait]
impl Factors for FactorsPeer {
    async fn facts(
        &self,
        environment: EnvironmentId,
        user: UserId,
        session: &SessionId,
    ) -> Result<FactorFacts> {
        let message =
            GetFactorFactsRequest { user: names::user(environment, user), session_id: session.to_string() };
        let answer = self
            .client
            .clone()
            .get_factor_facts(peer::request(message, DEADLINE))
            .await
            .map_err(|status| refusal(&status, &[], FACTS_AWAY))?
            .into_inner();
        answer
            .facts
            .ok_or_else(|| Error::invalid("facts", "is missing"))
            .and_then(|value| facts(value, environment, user))
            .map_err(|error| unavailable(FACTS_AWAY, error))
    }

    async fn begin_passkey(&self, begin: PasskeyPurpose<'_>) -> Result<Ceremony> {
        let message = pb::BeginPasskeyAuthenticationRequest {
            user: names::user(begin.environment, begin.user),
            session_id: begin.session.to_string(),
            purpose_digest: begin.purpose.to_vec(),
            operation_digest: begin.operation.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default(),
        };
        let answer = self
            .client
            .clone()
            .begin_passkey_authentication(peer::request(message, DEADLINE))
            .await
            .map_err(|status| refusal(&status, &BEGIN_REFUSALS, BEGIN_AWAY))?
            .into_inner();
        ceremony(answer).map_err(|error| unavailable(BEGIN_AWAY, error))
    }

    async fn verify_totp(
        &self,
        wanted: ProofRequest<'_>,
        code: &SecretText,
        device: Option<DeviceId>,
    ) -> Result<FactorProof> {
        let message = pb::VerifyTotpRequest {
            user: names::user(wanted.environment, wanted.user),
            session_id: wanted.session.to_string(),
            device: device
                .map(|device| names::device(wanted.environment, wanted.user, device))
                .unwrap_or_default(),
            code: code.expose_secret().to_owned(),
            request_id: wanted.request.to_string(),
            purpose_digest: wanted.purpose.to_vec(),
        };
        let answer = self
            .client
            .clone()
            .verify_totp(peer::request(message, DEADLINE))
            .await
            .map_err(|status| refusal(&status, &CODE_REFUSALS, TEST_AWAY))?
            .into_inner();
        proof(answer, &wanted, FactorKind::Totp)
            .and_then(|proved| match device {
                Some(asked) if asked != proved.device => {
                    Err(Error::invalid("device", "is not the one asked for"))
                }
                _ => Ok(proved),
            })
            .map_err(|error| unavailable(TEST_AWAY, error))
    }

    async fn verify_passkey(
        &self,
        wanted: ProofRequest<'_>,
        ceremony: CeremonyId,
        credential_json: &SecretText,
    ) -> Result<FactorProof> {
        let message = pb::VerifyPasskeyRequest {
            user: names::user(wanted.environment, wanted.user),
            session_id: wanted.session.to_string(),
            ceremony_id: ceremony.to_string(),
            credential_json: credential_json.expose_secret().to_owned(),
            request_id: wanted.request.to_string(),
            purpose_digest: wanted.purpose.to_vec(),
        };
        let answer = self
            .client
            .clone()
            .verify_passkey(peer::request(message, DEADLINE))
            .await
            .map_err(|status| refusal(&status, &PASSKEY_REFUSALS, PASSKEY_AWAY))?
            .into_inner();
        let pb::VerifyPasskeyResponse { proof_id, device, kind, auth_time } = answer;
        let said = pb::VerifyTotpResponse { proof_id, device, kind, auth_time };
        proof(said, &wanted, FactorKind::Passkey).map_err(|error| unavailable(PASSKEY_AWAY, error))
    }

    async fn verify_recovery_code(
        &self,
        wanted: ProofRequest<'_>,
        code: &SecretText,
    ) -> Result<(FactorProof, u32)> {
        let message = pb::VerifyRecoveryCodeRequest {
            user: names::user(wanted.environment, wanted.user),
            session_id: wanted.session.to_string(),
            code: code.expose_secret().to_owned(),
            request_id: wanted.request.to_string(),
            purpose_digest: wanted.purpose.to_vec(),
        };
        let answer = self
            .client
            .clone()
            .verify_recovery_code(peer::request(message, DEADLINE))
            .await
            .map_err(|status| refusal(&status, &CODE_REFUSALS, TEST_AWAY))?
            .into_inner();
        let pb::VerifyRecoveryCodeResponse { proof_id, device, kind, auth_time, remaining_codes } = answer;
        let said = pb::VerifyTotpResponse { proof_id, device, kind, auth_time };
        proof(said, &wanted, FactorKind::RecoveryCode)
            .map(|proved| (proved, remaining_codes))
            .map_err(|error| unavailable(TEST_AWAY, error))
    }
}

fn ceremony(answer: pb::BeginPasskeyAuthenticationResponse) -> Result<Ceremony> {
    if answer.options_json.is_empty() {
        return Err(Error::invalid("options_json", "is missing"));
    }
    Ok(Ceremony {
        id: convert::id("ceremony_id", &answer.ceremony_id)?,
        options_json: answer.options_json,
        expires: convert::time("expire_time", answer.expire_time)?,
    })
}

/// The proof, which all kinds of it are said in the same words of; refused if it is somebody else's, or by another kind
/// of factor than was offered.
fn proof(
    said: pb::VerifyTotpResponse,
    wanted: &ProofRequest<'_>,
    offered: FactorKind,
) -> Result<FactorProof> {
    let kind = convert::factor_kind("kind", said.kind)?;
    if kind != offered {
        return Err(Error::invalid("kind", "is not the one that was offered"));
    }
    Ok(FactorProof {
        id: convert::id("proof_id", &said.proof_id)?,
        device: device("device", &said.device, wanted.environment, wanted.user)?,
        kind,
        auth_time: convert::time("auth_time", said.auth_time)?,
    })
}

#[cfg(test)]
mod tests;
