//! Reading one JWK that someone else wrote.

use serde_json::Value;

use super::PublicJwk;
use crate::json::ClaimMap;
use crate::{Algorithm, KeyError, KeyId, encoding};

/// Members that only a private or symmetric key has (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2,
/// and `priv` of the post-quantum keys).
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// What a JWK is to us.
pub(crate) enum Entry {
    /// A key that verifies one of the allowed algorithms.
    Usable(PublicJwk),
    /// A proper key for something else, such as encryption.
    Other,
}

/// What to do about a missing `kid`.
#[derive(Clone, Copy)]
pub(crate) enum KeyName {
    /// Refuse: in a set, keys are found by name.
    Required,
    /// Call the key by its thumbprint.
    OrThumbprint,
}

/// Judges one JWK.
pub(crate) fn entry(jwk: &ClaimMap, allowed: &[Algorithm], name: KeyName) -> Result<Entry, KeyError> {
    if text(jwk, "kty")? == Some("oct") {
        return Err(KeyError::Symmetric);
    }
    if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
        return Err(KeyError::Private);
    }
    if !is_for_verifying(jwk)? {
        return Ok(Entry::Other);
    }
    let Some(algorithm) = algorithm_of(jwk)?.filter(|algorithm| allowed.contains(algorithm)) else {
        return Ok(Entry::Other);
    };
    let key_id = match (text(jwk, "kid")?, name) {
        (Some(kid), _) => Some(
            kid.parse::<KeyId>()
                .map_err(|_| KeyError::Invalid("`kid` is not 1 to 128 visible ASCII characters"))?,
        ),
        (None, KeyName::OrThumbprint) => None,
        (None, KeyName::Required) => return Err(KeyError::NoKeyId),
    };
    let key = match algorithm {
        Algorithm::Es256 => PublicJwk::p256(coordinate(jwk, "x")?, coordinate(jwk, "y")?, key_id)?,
        Algorithm::EdDsa => PublicJwk::ed25519(coordinate(jwk, "x")?, key_id)?,
        Algorithm::Rs256 => PublicJwk::rsa(number(jwk, "n")?, number(jwk, "e")?, key_id)?,
    };
    Ok(Entry::Usable(key))
}

/// `use` and `key_ops` are optional; where given, they must say so (RFC 7517 sections 4.2 and 4.3).
fn is_for_verifying(jwk: &ClaimMap) -> Result<bool, KeyError> {
    let by_use = text(jwk, "use")?.is_none_or(|intended| intended == "sig");
    let by_operations = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => return Err(KeyError::Invalid("`key_ops` is not an array")),
    };
    Ok(by_use && by_operations)
}

/// The algorithm of a key by its type and curve; `None` when it is not one of ours. A key that claims an algorithm
/// of ours which its type cannot do is wrong, not foreign.
fn algorithm_of(jwk: &ClaimMap) -> Result<Option<Algorithm>, KeyError> {
    let kty = text(jwk, "kty")?.ok_or(KeyError::Invalid("`kty` is missing"))?;
    let inferred = match (kty, text(jwk, "crv")?) {
        ("RSA", _) => Some(Algorithm::Rs256),
        ("EC", Some("P-256")) => Some(Algorithm::Es256),
        ("OKP", Some("Ed25519")) => Some(Algorithm::EdDsa),
        _ => None,
    };
    match text(jwk, "alg")?.map(str::parse::<Algorithm>) {
        None => Ok(inferred),
        // An algorithm we do not speak, such as RSA-OAEP or PS256.
        Some(Err(_)) => Ok(None),
        Some(Ok(declared)) if inferred == Some(declared) => Ok(inferred),
        Some(Ok(_)) => Err(KeyError::Invalid("`alg` does not fit `kty` and `crv`")),
    }
}

fn text<'a>(jwk: &'a ClaimMap, name: &str) -> Result<Option<&'a str>, KeyError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyError::Invalid("a member that must be text is not")),
    }
}

/// A coordinate has its full length, leading zeros included (RFC 7518 section 6.2.1.2, RFC 8037 section 2).
fn coordinate(jwk: &ClaimMap, name: &str) -> Result<[u8; 32], KeyError> {
    text(jwk, name)?
        .and_then(encoding::decode_array)
        .ok_or(KeyError::Invalid("a coordinate is missing, or is not 32 octets of base64url"))
}

fn number(jwk: &ClaimMap, name: &str) -> Result<Vec<u8>, KeyError> {
    text(jwk, name)?
        .and_then(encoding::decode)
        .ok_or(KeyError::Invalid("`n` or `e` is missing, or is not base64url"))
}
