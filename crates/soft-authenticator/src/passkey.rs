//! A passkey device with its browser (WebAuthn Level 3), by the library `passkey`, which has nothing in common with the
//! one that judges its answers.
//!
//! Options and answers are the JSON of the specification: `PublicKeyCredentialCreationOptionsJSON`,
//! `RegistrationResponseJSON`, `PublicKeyCredentialRequestOptionsJSON`, `AuthenticationResponseJSON` (sections 5.1.6 to
//! 5.1.9).

mod file;
mod store;

use std::fmt;
use std::path::Path;

use passkey::authenticator::Authenticator;
use passkey::client::{Client, DefaultClientData, WebauthnError};
use passkey::crypto::aws_lc_rs::AwsLcRsBackend;
use passkey::types::ctap2::Aaguid;
use passkey::types::webauthn::{CredentialCreationOptions, CredentialRequestOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use store::{Keys, Present};

/// The model that the device says it is.
const AAGUID: [u8; 16] = *b"countersign soft";

/// Why the device gave no answer.
#[derive(Debug)]
pub struct PasskeyError(String);

impl PasskeyError {
    fn new(what: &str, why: impl fmt::Debug) -> Self {
        Self(format!("{what}: {why:?}"))
    }
}

impl fmt::Display for PasskeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PasskeyError {}

/// A device that keeps any number of passkeys, each for its relying party. Its user is always present and verified. Its
/// passkeys count signatures.
#[derive(Default)]
pub struct SoftPasskey {
    keys: Keys,
}

/// Says how many passkeys there are, not which.
impl fmt::Debug for SoftPasskey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftPasskey({})", self.keys.len())
    }
}

impl SoftPasskey {
    /// A device without passkeys.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many passkeys it keeps.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it keeps none.
    pub fn is_empty(&self) -> bool {
        self.keys.len() == 0
    }

    /// Makes a passkey, as a browser on a page of this origin would have it made. Refused when the origin may not ask for
    /// the relying party, or when a passkey that the options exclude is here.
    pub async fn register(&mut self, origin: &str, options_json: &str) -> Result<String, PasskeyError> {
        let origin = parse_origin(origin)?;
        let options = CredentialCreationOptions { public_key: read(options_json)? };
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let created = client.register(&origin, options, DefaultClientData).await.map_err(refused)?;
        self.keys = client.authenticator().store().clone();
        write(&created)
    }

    /// Signs with the first passkey here that the options allow. Refused when there is none.
    pub async fn authenticate(&mut self, origin: &str, options_json: &str) -> Result<String, PasskeyError> {
        let origin = parse_origin(origin)?;
        let options = CredentialRequestOptions { public_key: read(options_json)? };
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let signed = client.authenticate(&origin, options, DefaultClientData).await.map_err(refused)?;
        self.keys = client.authenticator().store().clone();
        write(&signed)
    }

    /// Reads a device that was [saved](Self::save). Refused when the file is not one, or others than its owner may read
    /// it.
    pub fn load(path: &Path) -> Result<Self, PasskeyError> {
        file::load(path).map(|keys| Self { keys })
    }

    /// Writes the device, private keys and all, to a file that only its owner may read (mode 0600), in place of the one
    /// that is there.
    pub fn save(&self, path: &Path) -> Result<(), PasskeyError> {
        file::save(path, &self.keys)
    }

    /// With the passkeys as they are now.
    fn authenticator(&self) -> Authenticator<Keys, Present, AwsLcRsBackend> {
        let mut authenticator =
            Authenticator::new(Aaguid::from(AAGUID), self.keys.clone(), Present, AwsLcRsBackend);
        authenticator.set_make_credentials_with_signature_counter(true);
        authenticator
    }
}

fn refused(error: WebauthnError) -> PasskeyError {
    PasskeyError::new("the passkey device refuses", error)
}

fn parse_origin(origin: &str) -> Result<Url, PasskeyError> {
    Url::parse(origin).map_err(|error| PasskeyError::new("the origin is no URL", error))
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, PasskeyError> {
    serde_json::from_str(json).map_err(|error| PasskeyError::new("the options do not parse", error))
}

fn write(answer: &impl Serialize) -> Result<String, PasskeyError> {
    serde_json::to_string(answer).map_err(|error| PasskeyError::new("the answer is no JSON", error))
}

#[cfg(test)]
mod tests;
