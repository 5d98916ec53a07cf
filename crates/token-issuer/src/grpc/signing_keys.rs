//! Signing keys, as the protocol says them.

use jose::{Algorithm, KeyId, PublicJwk};
use kernel::{Error, Result};
use proto::convert;
use proto::token_issuer as pb;

use crate::rotation::{IssuerKey, KeyPurpose, KeyState, Stated};

/// The purpose that is named.
pub(super) fn purpose(value: i32) -> Result<KeyPurpose> {
    match pb::SigningKeyPurpose::try_from(value) {
        Ok(pb::SigningKeyPurpose::Elevated) => Ok(KeyPurpose::Elevated),
        Ok(pb::SigningKeyPurpose::Receipt) => Ok(KeyPurpose::Receipt),
        Ok(pb::SigningKeyPurpose::LegacyMfa) => Ok(KeyPurpose::LegacyMfa),
        Ok(pb::SigningKeyPurpose::Unspecified) | Err(_) => {
            Err(Error::invalid("purpose", "must be SIGNING_KEY_PURPOSE_ELEVATED, …_LEGACY_MFA or …_RECEIPT"))
        }
    }
}

/// The algorithm that is named; none for that of the configuration.
pub(super) fn algorithm(text: &str) -> Result<Option<Algorithm>> {
    if text.is_empty() {
        return Ok(None);
    }
    let unknown = |_| Error::invalid("algorithm", "must be `ES256`, `EdDSA` or `RS256`");
    text.parse().map(Some).map_err(unknown)
}

/// The key that is named.
pub(super) fn key_id(text: &str) -> Result<KeyId> {
    text.parse().map_err(|_| Error::invalid("key_id", "must be the name of a key, as they are listed"))
}

/// The statement, if one is there; then its root has to be.
pub(super) fn stated(statement: String, root: &str) -> Result<Option<Stated>> {
    if statement.is_empty() && root.is_empty() {
        return Ok(None);
    }
    let root = PublicJwk::from_json(root).map_err(|error| {
        Error::invalid("operator_root_jwk", format!("must be the public key of the root, a JWK: {error}"))
    })?;
    Ok(Some(Stated { statement, root }))
}

/// A key.
pub(super) fn signing_key(key: &IssuerKey) -> pb::SigningKey {
    let purpose = match key.purpose {
        KeyPurpose::Elevated => pb::SigningKeyPurpose::Elevated,
        KeyPurpose::LegacyMfa => pb::SigningKeyPurpose::LegacyMfa,
        KeyPurpose::Receipt => pb::SigningKeyPurpose::Receipt,
    };
    let state = match key.life.state {
        KeyState::Prepared => pb::SigningKeyState::Prepared,
        KeyState::Active => pb::SigningKeyState::Active,
        KeyState::Superseded => pb::SigningKeyState::Superseded,
        KeyState::Retired => pb::SigningKeyState::Retired,
        KeyState::Revoked => pb::SigningKeyState::Revoked,
    };
    pb::SigningKey {
        key_id: key.id.to_string(),
        purpose: purpose.into(),
        algorithm: key.algorithm.as_str().to_owned(),
        state: state.into(),
        state_time: Some(convert::timestamp(key.life.since)),
        public_jwk: key.public.as_ref().map(PublicJwk::to_json).unwrap_or_default(),
    }
}
