//! The answer of an authenticator as the client sends it: `RegistrationResponseJSON` and `AuthenticationResponseJSON`
//! (WebAuthn Level 3 sections 5.1.6 and 5.1.7). Of what the client adds, extension outputs for instance, nothing is used.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};
use webauthn_rs_proto::{AuthenticatorAssertionResponseRaw, AuthenticatorAttestationResponseRaw};

use super::rejection::{Rejected, rejected};

#[derive(Deserialize)]
struct Credential<R> {
    id: String,
    #[serde(rename = "rawId")]
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    response: R,
}

#[derive(Deserialize)]
struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "attestationObject")]
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

#[derive(Deserialize)]
struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "authenticatorData")]
    authenticator_data: String,
    signature: String,
    #[serde(rename = "userHandle")]
    user_handle: Option<String>,
}

/// The answer of a registration.
pub(super) struct Registration {
    pub(super) credential: RegisterPublicKeyCredential,
    /// As the client said them.
    pub(super) transports: Vec<String>,
}

/// Reads the answer of a registration.
pub(super) fn registration(json: &str, max: usize) -> Result<Registration, Rejected> {
    let (credential, raw_id) = parse::<Attestation>(json, max)?;
    let response = AuthenticatorAttestationResponseRaw {
        attestation_object: decode(&credential.response.attestation_object)?,
        client_data_json: decode(&credential.response.client_data)?,
        transports: None,
    };
    Ok(Registration {
        credential: RegisterPublicKeyCredential {
            id: credential.id,
            raw_id,
            response,
            type_: credential.kind,
            extensions: webauthn_rs_proto::RegistrationExtensionsClientOutputs::default(),
        },
        transports: credential.response.transports,
    })
}

/// Reads the answer of an authentication.
pub(super) fn authentication(json: &str, max: usize) -> Result<PublicKeyCredential, Rejected> {
    let (credential, raw_id) = parse::<Assertion>(json, max)?;
    let response = AuthenticatorAssertionResponseRaw {
        authenticator_data: decode(&credential.response.authenticator_data)?,
        client_data_json: decode(&credential.response.client_data)?,
        signature: decode(&credential.response.signature)?,
        user_handle: credential.response.user_handle.as_deref().map(decode).transpose()?,
    };
    Ok(PublicKeyCredential {
        id: credential.id,
        raw_id,
        response,
        extensions: webauthn_rs_proto::AuthenticationExtensionsClientOutputs::default(),
        type_: credential.kind,
    })
}

/// The credential, and its id in octets.
fn parse<R: DeserializeOwned>(json: &str, max: usize) -> Result<(Credential<R>, Vec<u8>), Rejected> {
    if json.len() > max {
        return Err(rejected("the answer is too long"));
    }
    let credential: Credential<R> =
        serde_json::from_str(json).map_err(|_| rejected("the answer is not the JSON of a credential"))?;
    if credential.kind != "public-key" {
        return Err(rejected("the credential is no public key"));
    }
    if credential.id != credential.raw_id {
        return Err(rejected("the credential has two ids"));
    }
    let raw_id = decode(&credential.raw_id)?;
    Ok((credential, raw_id))
}

/// Base64url without padding and in its one canonical form (WebAuthn Level 3 section 3).
fn decode(text: &str) -> Result<Vec<u8>, Rejected> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| rejected("a field is not base64url without padding"))
}
