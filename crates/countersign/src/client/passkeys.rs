//! The calls around passkeys. What an authenticator does between them is not here.

use kernel::secret::ExposeSecret as _;
use kernel::{Result, SecretText};
use proto::mfa_devices::{
    BeginPasskeyProofRequest, BeginPasskeyRegistrationRequest, Device, FinishPasskeyRegistrationRequest,
    PasskeyAnswer,
};
use proto::token_issuer::{AuthenticatePasskeyRequest, BeginPasskeyAuthenticationRequest, ElevatedToken};

use super::devices::device;
use super::step_up::{owned, token};
use super::{BoundTo, OperationIds, Ticket, UserClient, answer};

/// A ceremony that was begun.
pub(crate) struct Ceremony {
    /// Its id.
    id: String,
    /// What the authenticator is asked: JSON of WebAuthn Level 3 section 5.4 or 5.5.
    pub(crate) options_json: String,
}

impl Ceremony {
    /// An authenticator's answer in this ceremony, for the recovery codes.
    pub(crate) fn answered(&self, credential_json: &SecretText) -> PasskeyAnswer {
        PasskeyAnswer {
            ceremony_id: self.id.clone(),
            credential_json: credential_json.expose_secret().to_owned(),
        }
    }
}

impl UserClient {
    /// Begins the registration of a passkey.
    pub(crate) async fn begin_passkey_registration(
        &self,
        display_name: &str,
        ticket: Ticket,
    ) -> Result<Ceremony> {
        let request = BeginPasskeyRegistrationRequest {
            parent: self.name(),
            display_name: display_name.to_owned(),
            operation_id: ticket.operation_id,
            receipt: ticket.receipt,
        };
        let begun = answer(self.devices().begin_passkey_registration(self.request(request)?).await)?;
        Ok(Ceremony { id: begun.ceremony_id, options_json: begun.options_json })
    }

    /// Registers what the authenticator made.
    pub(crate) async fn finish_passkey_registration(
        &self,
        ceremony: &Ceremony,
        credential_json: &SecretText,
    ) -> Result<Device> {
        let request = FinishPasskeyRegistrationRequest {
            parent: self.name(),
            ceremony_id: ceremony.id.clone(),
            credential_json: credential_json.expose_secret().to_owned(),
        };
        device(answer(self.devices().finish_passkey_registration(self.request(request)?).await)?.device)
    }

    /// Begins a proof that is good for the recovery codes.
    pub(crate) async fn begin_passkey_proof(&self) -> Result<Ceremony> {
        let request = BeginPasskeyProofRequest { parent: self.name() };
        let begun = answer(self.devices().begin_passkey_proof(self.request(request)?).await)?;
        Ok(Ceremony { id: begun.ceremony_id, options_json: begun.options_json })
    }

    /// Begins a proof, for scopes, for exactly one operation, or for a batch.
    pub(crate) async fn begin_passkey_authentication(
        &self,
        scopes: &[&str],
        bound: impl Into<BoundTo<'_>>,
    ) -> Result<Ceremony> {
        let bound = bound.into();
        let request = BeginPasskeyAuthenticationRequest {
            user: self.name(),
            requested_scopes: owned(scopes),
            operation: bound.operation(),
            operations: bound.operations(),
            ..Default::default()
        };
        let begun = answer(self.step_up().begin_passkey_authentication(self.request(request)?).await)?;
        Ok(Ceremony { id: begun.ceremony_id, options_json: begun.options_json })
    }

    /// Proves a passkey, for what the ceremony was begun for.
    pub(crate) async fn authenticate_passkey(
        &self,
        ceremony: &Ceremony,
        credential_json: &SecretText,
        scopes: &[&str],
        bound: impl Into<BoundTo<'_>>,
        ids: &OperationIds<'_>,
    ) -> Result<ElevatedToken> {
        let bound = bound.into();
        let request = AuthenticatePasskeyRequest {
            user: self.name(),
            ceremony_id: ceremony.id.clone(),
            credential_json: credential_json.expose_secret().to_owned(),
            requested_scopes: owned(scopes),
            operation: bound.operation(),
            operations: bound.operations(),
            request_id: ids.request().to_string(),
            ..Default::default()
        };
        token(answer(self.step_up().authenticate_passkey(self.request(request)?).await)?.elevated_token)
    }
}
