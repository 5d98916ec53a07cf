//! A user's passkeys, and what they do with them.

use std::path::Path;

use kernel::OperationId;
use operation::Operation;
use proto::convert;
use proto::mfa_devices::{
    BeginPasskeyRegistrationRequest, BeginPasskeyRegistrationResponse, Device,
    FinishPasskeyRegistrationRequest, FinishPasskeyRegistrationResponse,
};
use proto::policy::RelyingParty;
use proto::token_issuer::{
    AuthenticatePasskeyRequest, AuthenticatePasskeyResponse, BeginPasskeyAuthenticationRequest,
    BeginPasskeyAuthenticationResponse,
};
use soft_authenticator::SoftPasskey;

use super::answer::Done as _;
use super::fresh;
use super::secrets::secret;
use super::user::{Answer, User};

/// The page that the tests' relying party is.
pub(crate) const ORIGIN: &str = "https://app.wallet.example";

/// The domain that their passkeys are for.
pub(crate) const RP_ID: &str = "wallet.example";

/// The relying party of the environments that tests make.
pub(crate) fn relying_party() -> RelyingParty {
    RelyingParty { rp_id: RP_ID.to_owned(), origins: vec![ORIGIN.to_owned()] }
}

/// The device as it is now, once more: what a thief has who copied it.
pub(crate) fn copy(device: &SoftPasskey, folder: &Path) -> SoftPasskey {
    let path = folder.join(fresh::uuid());
    device.save(&path).unwrap();
    SoftPasskey::load(&path).unwrap()
}

/// What a proof is asked for: scopes, or exactly one operation.
#[derive(Clone, Copy)]
pub(crate) enum For<'a> {
    Scope(&'a str),
    Operation(&'a Operation),
    Batch(&'a [Operation]),
}

impl For<'_> {
    fn scopes(self) -> Vec<String> {
        match self {
            Self::Scope(scope) => vec![scope.to_owned()],
            Self::Operation(_) | Self::Batch(_) => Vec::new(),
        }
    }

    fn operation(self) -> Option<proto::types::Operation> {
        match self {
            Self::Scope(_) | Self::Batch(_) => None,
            Self::Operation(operation) => Some(convert::operation_value(operation)),
        }
    }

    fn operations(self) -> Vec<proto::types::Operation> {
        match self {
            Self::Scope(_) | Self::Operation(_) => Vec::new(),
            Self::Batch(operations) => operations.iter().map(convert::operation_value).collect(),
        }
    }
}

impl User {
    /// Begins to register a passkey, with a receipt or without.
    pub(crate) async fn begin_passkey(
        &self,
        ticket: Option<(OperationId, &str)>,
    ) -> Answer<BeginPasskeyRegistrationResponse> {
        let request = BeginPasskeyRegistrationRequest {
            parent: self.name(),
            display_name: "passkey".to_owned(),
            operation_id: ticket.map(|(id, _)| id.to_string()).unwrap_or_default(),
            receipt: ticket.map(|(_, receipt)| receipt.to_owned()).unwrap_or_default(),
        };
        self.devices().begin_passkey_registration(self.request(request)).await
    }

    /// Brings what the device made.
    pub(crate) async fn finish_passkey(
        &self,
        ceremony_id: &str,
        credential_json: &str,
    ) -> Answer<FinishPasskeyRegistrationResponse> {
        let request = FinishPasskeyRegistrationRequest {
            parent: self.name(),
            ceremony_id: ceremony_id.to_owned(),
            credential_json: credential_json.to_owned(),
        };
        self.devices().finish_passkey_registration(self.request(request)).await
    }

    /// Registers a passkey, with a receipt unless it is the first factor.
    pub(crate) async fn passkey(
        &self,
        device: &mut SoftPasskey,
        ticket: Option<(OperationId, &str)>,
    ) -> Device {
        let begun = self.begin_passkey(ticket).await.done();
        let made = device.register(ORIGIN, &begun.options_json).await.unwrap();
        self.finish_passkey(&begun.ceremony_id, &made).await.done().device.unwrap()
    }

    /// Begins a proof by passkey.
    pub(crate) async fn begin_proof(&self, what: For<'_>) -> Answer<BeginPasskeyAuthenticationResponse> {
        let request = BeginPasskeyAuthenticationRequest {
            user: self.name(),
            requested_scopes: what.scopes(),
            operation: what.operation(),
            operations: what.operations(),
            ..Default::default()
        };
        self.step_up().begin_passkey_authentication(self.request(request)).await
    }

    /// Brings what the device signed, under a request id.
    pub(crate) async fn finish_proof(
        &self,
        ceremony_id: &str,
        credential_json: &str,
        what: For<'_>,
        request_id: &str,
    ) -> Answer<AuthenticatePasskeyResponse> {
        let request = AuthenticatePasskeyRequest {
            user: self.name(),
            ceremony_id: ceremony_id.to_owned(),
            credential_json: credential_json.to_owned(),
            requested_scopes: what.scopes(),
            operation: what.operation(),
            operations: what.operations(),
            request_id: request_id.to_owned(),
            ..Default::default()
        };
        let answer = self.step_up().authenticate_passkey(self.request(request)).await?;
        secret(&answer.get_ref().elevated_token.as_ref().unwrap().token);
        Ok(answer)
    }

    /// Proves a passkey from beginning to end.
    pub(crate) async fn prove(
        &self,
        device: &mut SoftPasskey,
        what: For<'_>,
    ) -> Answer<AuthenticatePasskeyResponse> {
        let begun = self.begin_proof(what).await?.into_inner();
        let signed = device.authenticate(ORIGIN, &begun.options_json).await.unwrap();
        self.finish_proof(&begun.ceremony_id, &signed, what, &fresh::request_id()).await
    }

    /// An elevated token, paid for by a passkey.
    pub(crate) async fn passkey_token(&self, device: &mut SoftPasskey, what: For<'_>) -> String {
        self.prove(device, what).await.done().elevated_token.unwrap().token
    }
}
