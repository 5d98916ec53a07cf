//! The options that a client hands to the authenticator: `PublicKeyCredentialCreationOptionsJSON` and
//! `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3 sections 5.1.8 and 5.1.9).

use data_encoding::BASE64URL_NOPAD;
use kernel::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use webauthn_rs::prelude::{CreationChallengeResponse, RequestChallengeResponse};
use webauthn_rs_proto::ResidentKeyRequirement;

use crate::domain::{Challenge, PasskeyCredential};
use crate::ports::RegistrationWanted;

/// The options of a registration. A discoverable credential is preferred, not required: authenticators whose room for
/// them is full can still make another one, which our ceremonies find as well.
pub(super) fn creation(
    mut created: CreationChallengeResponse,
    wanted: &RegistrationWanted<'_>,
) -> Result<String> {
    let options = &mut created.public_key;
    options.user.id = wanted.handle.as_bytes().to_vec();
    options.challenge = wanted.challenge.as_bytes().to_vec();
    if let Some(selection) = &mut options.authenticator_selection {
        selection.resident_key = Some(ResidentKeyRequirement::Preferred);
    }
    with(options, "excludeCredentials", wanted.exclude)
}

/// The options of an authentication.
pub(super) fn request(
    mut requested: RequestChallengeResponse,
    allowed: &[PasskeyCredential],
    challenge: Challenge,
) -> Result<String> {
    requested.public_key.challenge = challenge.as_bytes().to_vec();
    with(&requested.public_key, "allowCredentials", allowed)
}

/// The library keeps transports of attested authenticators only; the list is ours.
fn with(options: &impl Serialize, list: &str, credentials: &[PasskeyCredential]) -> Result<String> {
    let mut options = serde_json::to_value(options).map_err(Error::internal)?;
    options[list] = credentials.iter().map(descriptor).collect();
    Ok(options.to_string())
}

fn descriptor(known: &PasskeyCredential) -> Value {
    let mut descriptor = json!({ "type": "public-key", "id": BASE64URL_NOPAD.encode(known.id.as_bytes()) });
    let transports: Vec<_> = known.transports.iter().collect();
    if !transports.is_empty() {
        descriptor["transports"] = json!(transports);
    }
    descriptor
}
