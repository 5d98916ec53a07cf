//! What is remembered of a ceremony, and the library's own forms of what it remembers.

use kernel::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude::{Passkey, PasskeyAuthentication, PasskeyRegistration};

use crate::domain::{CeremonyState, PasskeyCredential};

/// Of a registration.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    pub(super) challenge: [u8; 32],
    pub(super) library: PasskeyRegistration,
}

impl Registration {
    pub(super) fn write(&self) -> Result<CeremonyState> {
        write(self, "/library/rs/challenge", &self.challenge)
    }

    pub(super) fn read(state: &CeremonyState) -> Result<Self> {
        read(state)
    }
}

/// Of an authentication.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authentication {
    pub(super) challenge: [u8; 32],
    pub(super) handle: [u8; 32],
    pub(super) allowed: Vec<Allowed>,
    pub(super) library: PasskeyAuthentication,
}

/// A credential that may answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allowed {
    pub(super) id: Vec<u8>,
    pub(super) backup_eligible: bool,
}

impl Allowed {
    pub(super) fn of(known: &PasskeyCredential) -> Self {
        Self { id: known.id.as_bytes().to_vec(), backup_eligible: known.backup_eligible }
    }
}

impl Authentication {
    pub(super) fn write(&self) -> Result<CeremonyState> {
        write(self, "/library/ast/challenge", &self.challenge)
    }

    pub(super) fn read(state: &CeremonyState) -> Result<Self> {
        read(state)
    }
}

/// The library makes challenges of its own and has no way to be given one: ours takes its place where its state, which
/// it lets us write down, has it.
fn write(state: &impl Serialize, challenge_at: &str, challenge: &[u8; 32]) -> Result<CeremonyState> {
    let mut value = serde_json::to_value(state).map_err(Error::internal)?;
    put(&mut value, challenge_at, json!(data_encoding::BASE64URL_NOPAD.encode(challenge)))?;
    serde_json::to_vec(&value).map(CeremonyState).map_err(Error::internal)
}

fn read<T: DeserializeOwned>(state: &CeremonyState) -> Result<T> {
    serde_json::from_slice(&state.0).map_err(Error::internal)
}

/// A passkey in the library's own form.
pub(super) fn passkey(library: &str) -> Result<Passkey> {
    serde_json::from_str(library).map_err(Error::internal)
}

/// What is kept of a passkey in the library's own form: without the attestation, which nobody asked for and which may be
/// long, and with its counter at zero, so that the library never judges it.
pub(super) fn without_attestation(passkey: &Passkey) -> Result<String> {
    let mut value = serde_json::to_value(passkey).map_err(Error::internal)?;
    put(&mut value, "/cred/attestation", json!({ "data": "None", "metadata": "None" }))?;
    put(&mut value, "/cred/attestation_format", json!("none"))?;
    put(&mut value, "/cred/counter", json!(0))?;
    Ok(value.to_string())
}

/// Puts a value in the place of the one that is there.
fn put(value: &mut Value, at: &str, new: Value) -> Result<()> {
    let place = value
        .pointer_mut(at)
        .ok_or_else(|| Error::internal(format!("the library's own form has no {at}")))?;
    *place = new;
    Ok(())
}
