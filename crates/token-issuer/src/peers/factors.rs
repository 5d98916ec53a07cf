//! The keeper of the factors over gRPC.

use async_trait::async_trait;
use kernel::secret::ExposeSecret;
use kernel::{EnvironmentId, Error, Reason, Result, UserId};
use proto::mfa_devices::factor_service_client::FactorServiceClient;
use proto::mfa_devices::{GetFactorFactsRequest, VerifyTotpRequest, VerifyTotpResponse};
use proto::{convert, names};
use runtime::{limits, peer};
use tonic::transport::Channel;

use super::convert::{device, facts};
use super::{DEADLINE, refusal, unavailable};
use crate::domain::factors::{FactorFacts, FactorProof};
use crate::ports::{CodeTest, Factors};

const FACTS_AWAY: &str = "the user's factors could not be read, so nothing was authorized. Try again";
const TEST_AWAY: &str = "the code could not be tested; it may have been used. Send the same request, with the same \
                         request id, again";

/// The refusals of a code that are the caller's to see.
const CODE_REFUSALS: [Reason; 5] = [
    Reason::CodeRejected,
    Reason::FactorThrottled,
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
    async fn facts(&self, environment: EnvironmentId, user: UserId) -> Result<FactorFacts> {
        let message = GetFactorFactsRequest { user: names::user(environment, user) };
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

    async fn verify_totp(&self, test: CodeTest<'_>) -> Result<FactorProof> {
        let message = VerifyTotpRequest {
            user: names::user(test.environment, test.user),
            session_id: test.session.to_string(),
            device: test
                .device
                .map(|device| names::device(test.environment, test.user, device))
                .unwrap_or_default(),
            code: test.code.expose_secret().to_owned(),
            request_id: test.request.to_string(),
            purpose_digest: test.purpose.to_vec(),
        };
        let answer = self
            .client
            .clone()
            .verify_totp(peer::request(message, DEADLINE))
            .await
            .map_err(|status| refusal(&status, &CODE_REFUSALS, TEST_AWAY))?
            .into_inner();
        proof(answer, &test).map_err(|error| unavailable(TEST_AWAY, error))
    }
}

fn proof(answer: VerifyTotpResponse, test: &CodeTest<'_>) -> Result<FactorProof> {
    let proved = FactorProof {
        id: convert::id("proof_id", &answer.proof_id)?,
        device: device("device", &answer.device, test.environment, test.user)?,
        kind: convert::factor_kind("kind", answer.kind)?,
        auth_time: convert::time("auth_time", answer.auth_time)?,
    };
    match test.device {
        Some(asked) if asked != proved.device => Err(Error::invalid("device", "is not the one asked for")),
        _ => Ok(proved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, environment, factor, session, user};
    use kernel::{RequestId, SecretText};
    use proto::types;

    fn answer() -> VerifyTotpResponse {
        VerifyTotpResponse {
            proof_id: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".to_owned(),
            device: names::device(environment(), user(), factor(1).device),
            kind: types::FactorKind::Totp.into(),
            auth_time: Some(convert::timestamp(NOW)),
        }
    }

    #[test]
    fn a_proof_of_something_else_than_was_asked_is_refused() {
        let (session, code) = (session(), SecretText::from("123456".to_owned()));
        let test = CodeTest {
            environment: environment(),
            user: user(),
            session: &session,
            device: Some(factor(1).device),
            code: &code,
            request: RequestId::from_uuid(uuid::Uuid::from_u128(1)),
            purpose: [1; 32],
        };
        assert_eq!(proof(answer(), &test).unwrap().device, factor(1).device);
        let other_user = UserId::derive(environment(), "idp", "bob");
        for spoiled in [
            VerifyTotpResponse { proof_id: String::new(), ..answer() },
            VerifyTotpResponse { kind: 0, ..answer() },
            VerifyTotpResponse { kind: 9, ..answer() },
            VerifyTotpResponse { auth_time: None, ..answer() },
            VerifyTotpResponse { device: names::device(environment(), user(), factor(2).device), ..answer() },
            VerifyTotpResponse {
                device: names::device(environment(), other_user, factor(1).device),
                ..answer()
            },
        ] {
            assert!(proof(spoiled, &test).is_err());
        }
    }
}
