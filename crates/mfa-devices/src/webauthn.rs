//! WebAuthn ceremonies by the library `webauthn-rs`, behind [`Authenticators`].
//!
//! The library verifies signatures and attestation statements, the relying party id, user presence and verification. What
//! it leaves open is judged here beside it: the answer's outer form, the client data to the letter, octets after the end,
//! and backup flags that must not change.

mod attestation;
mod authenticator_data;
mod client_data;
mod decoy;
mod options;
mod rejection;
mod response;
mod state;

use kernel::{Error, Result};
use url::Url;
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::domain::ceremony;
use crate::domain::{
    Assertion, CeremonyState, Challenge, CredentialId, NewPasskey, PasskeyCredential, RelyingParty,
    SignCount, Transports, UserHandle,
};
use crate::ports::{Authenticators, Begun, MAX_AUTHENTICATION, MAX_REGISTRATION, RegistrationWanted};
use crate::store::DecoySecret;
use attestation::Attested;
use authenticator_data::AuthenticatorData;
use client_data::ClientData;
use decoy::Decoys;
use rejection::{Rejected, rejected};
use state::{Allowed, Authentication, Registration};

/// The library.
pub(crate) struct WebauthnAuthenticators {
    decoys: Decoys,
}

impl WebauthnAuthenticators {
    /// With the secret that the options for users without a passkey are made from.
    pub(crate) fn new(decoys: &DecoySecret) -> Self {
        Self { decoys: Decoys::new(decoys.as_bytes()) }
    }
}

impl Authenticators for WebauthnAuthenticators {
    fn begin_registration(&self, party: &RelyingParty, wanted: RegistrationWanted<'_>) -> Result<Begun> {
        let exclude = wanted.exclude.iter().map(|known| known.id.as_bytes().to_vec()).collect();
        // The library wants a user id of its own kind; the options get ours.
        let (created, library) = library(party)?
            .start_passkey_registration(uuid::Uuid::nil(), wanted.name, wanted.name, Some(exclude))
            .map_err(Error::internal)?;
        let options = options::creation(created, &wanted)?;
        let state = Registration { challenge: *wanted.challenge.as_bytes(), library };
        Ok(Begun { options_json: options, state: state.write()? })
    }

    fn finish_registration(
        &self,
        party: &RelyingParty,
        state: &CeremonyState,
        credential_json: &str,
    ) -> Result<NewPasskey> {
        let Registration { challenge, library: state } = Registration::read(state)?;
        register(party, challenge, &state, credential_json).map_err(Rejected::refusal)
    }

    fn begin_authentication(
        &self,
        party: &RelyingParty,
        handle: UserHandle,
        allowed: &[PasskeyCredential],
        challenge: Challenge,
    ) -> Result<Begun> {
        let decoy;
        let allowed = if allowed.is_empty() {
            decoy = [self.decoys.of(handle)?];
            &decoy
        } else {
            allowed
        };
        let passkeys =
            allowed.iter().map(|known| state::passkey(&known.library)).collect::<Result<Vec<_>>>()?;
        let (requested, library) =
            library(party)?.start_passkey_authentication(&passkeys).map_err(Error::internal)?;
        let options = options::request(requested, allowed, challenge)?;
        let state = Authentication {
            challenge: *challenge.as_bytes(),
            handle: *handle.as_bytes(),
            allowed: allowed.iter().map(Allowed::of).collect(),
            library,
        };
        Ok(Begun { options_json: options, state: state.write()? })
    }

    fn finish_authentication(
        &self,
        party: &RelyingParty,
        state: &CeremonyState,
        credential_json: &str,
    ) -> Result<Assertion> {
        let state = Authentication::read(state)?;
        authenticate(party, &state, credential_json).map_err(Rejected::refusal)
    }
}

/// The library, set to take these origins and no others.
fn library(party: &RelyingParty) -> Result<Webauthn> {
    let origins = party
        .origins
        .iter()
        .map(|origin| Url::parse(origin).map_err(Error::internal))
        .collect::<Result<Vec<_>>>()?;
    let (first, others) =
        origins.split_first().ok_or_else(|| Error::internal("a relying party without origins"))?;
    let builder = WebauthnBuilder::new(&party.id, first)
        .map_err(Error::internal)?
        .rp_name(&party.id)
        .allow_subdomains(false)
        .allow_any_port(false)
        .timeout(ceremony::LIFE);
    others
        .iter()
        .fold(builder, |builder, origin| builder.append_allowed_origin(origin))
        .build()
        .map_err(Error::internal)
}

fn register(
    party: &RelyingParty,
    challenge: [u8; 32],
    state: &webauthn_rs::prelude::PasskeyRegistration,
    credential_json: &str,
) -> Result<NewPasskey, Rejected> {
    let response = response::registration(credential_json, MAX_REGISTRATION)?;
    ClientData::parse(&response.credential.response.client_data_json)?.check(
        client_data::Kind::Create,
        &challenge,
        &party.origins,
    )?;
    let attested = Attested::parse(&response.credential.response.attestation_object)?;
    if attested.credential_id != response.credential.raw_id {
        return Err(rejected("the credential id is not that of the authenticator data"));
    }
    let passkey = library(party)?.finish_passkey_registration(&response.credential, state)?;
    let id = CredentialId::new(attested.credential_id)
        .ok_or_else(|| rejected("the credential id is empty or too long"))?;
    let passkey = state::without_attestation(&passkey)?;
    if state::passkey(&passkey)?.cred_id().as_slice() != id.as_bytes() {
        return Err(rejected("the library found another credential id"));
    }
    Ok(NewPasskey {
        credential: PasskeyCredential {
            id,
            library: passkey,
            backup_eligible: attested.flags.backup_eligible(),
            transports: Transports::of(response.transports),
        },
        public_key: attested.public_key,
        sign_count: SignCount(attested.sign_count),
        backup_state: attested.flags.backup_state(),
        aaguid: attested.aaguid,
    })
}

fn authenticate(
    party: &RelyingParty,
    state: &Authentication,
    credential_json: &str,
) -> Result<Assertion, Rejected> {
    let credential = response::authentication(credential_json, MAX_AUTHENTICATION)?;
    let response = &credential.response;
    ClientData::parse(&response.client_data_json)?.check(
        client_data::Kind::Get,
        &state.challenge,
        &party.origins,
    )?;
    let data = AuthenticatorData::parse(&response.authenticator_data)?;
    data.check_assertion()?;
    // WebAuthn Level 3 section 7.2 step 6.
    if response.user_handle.as_ref().is_some_and(|handle| handle.as_slice() != state.handle) {
        return Err(rejected("the user handle is another user's"));
    }
    let allowed = state
        .allowed
        .iter()
        .find(|allowed| allowed.id == credential.raw_id)
        .ok_or_else(|| rejected("the credential was not allowed"))?;
    if data.flags.backup_eligible() != allowed.backup_eligible {
        return Err(rejected("whether it may be backed up has changed"));
    }
    library(party)?.finish_passkey_authentication(&credential, &state.library)?;
    Ok(Assertion {
        credential: CredentialId::new(credential.raw_id)
            .ok_or_else(|| rejected("the credential id is empty or too long"))?,
        sign_count: SignCount(data.sign_count),
        backup_state: data.flags.backup_state(),
        authenticator_data: credential.response.authenticator_data,
        client_data: credential.response.client_data_json,
        signature: credential.response.signature,
    })
}

#[cfg(test)]
mod tests;
