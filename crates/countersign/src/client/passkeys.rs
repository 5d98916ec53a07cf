//! Proofs by a passkey device in software.

use kernel::{Error, Reason, Result};
use proto::token_issuer::step_up_service_client::StepUpServiceClient;
use proto::token_issuer::{
    AuthenticatePasskeyRequest, BeginPasskeyAuthenticationRequest, BeginPasskeyAuthenticationResponse,
    ElevatedToken,
};
use soft_authenticator::PasskeyError;

use super::{OperationIds, UserClient, answer, without_token};

/// What a passkey is proved for: scopes, or exactly one operation.
#[derive(Clone, Copy)]
pub(crate) struct PasskeyPurpose<'a> {
    /// The scopes; none with an operation.
    pub(crate) scopes: &'a [&'a str],
    /// The operation.
    pub(crate) operation: Option<&'a operation::Operation>,
}

impl PasskeyPurpose<'_> {
    fn scopes(&self) -> Vec<String> {
        self.scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    fn operation(&self) -> Option<proto::types::Operation> {
        self.operation.map(proto::convert::operation_value)
    }
}

impl UserClient {
    /// Begins the proof of a passkey.
    pub(crate) async fn begin_passkey(
        &self,
        purpose: PasskeyPurpose<'_>,
    ) -> Result<BeginPasskeyAuthenticationResponse> {
        let request = BeginPasskeyAuthenticationRequest {
            user: self.name(),
            requested_scopes: purpose.scopes(),
            operation: purpose.operation(),
        };
        let mut issuer = StepUpServiceClient::new(self.channel());
        answer(issuer.begin_passkey_authentication(self.request(request)?).await)
    }

    /// Proves the passkey by what the authenticator answered in the ceremony.
    pub(crate) async fn authenticate_passkey(
        &self,
        ceremony: &str,
        credential_json: String,
        purpose: PasskeyPurpose<'_>,
        ids: &OperationIds<'_>,
    ) -> Result<ElevatedToken> {
        let request = AuthenticatePasskeyRequest {
            user: self.name(),
            ceremony_id: ceremony.to_owned(),
            credential_json,
            requested_scopes: purpose.scopes(),
            operation: purpose.operation(),
            request_id: ids.request().to_string(),
        };
        let mut issuer = StepUpServiceClient::new(self.channel());
        answer(issuer.authenticate_passkey(self.request(request)?).await)?
            .elevated_token
            .ok_or_else(without_token)
    }
}

/// Why the device gave no answer, as an error of ours.
pub(crate) fn refused(error: PasskeyError) -> Error {
    Error::new(Reason::PasskeyRejected, error.to_string())
}
