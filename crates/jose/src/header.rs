//! The JOSE header: `alg`, `typ`, `kid`, and nothing that could change what the signature means.

use serde::Serialize;
use serde_json::Value;

use crate::compact::object;
use crate::{Algorithm, KeyId, TokenError};

/// Parameters that are refused on every kind: they bring or point to a key, change what is signed, or say that
/// the payload is something else than claims (RFC 7515 section 4.1, RFC 7516 section 4.1, RFC 7797).
const FORBIDDEN: [&str; 9] = ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc", "cty"];

/// Which parameters a header may have beside the three that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extras {
    /// None: the tokens are made here.
    Refused,
    /// Those that are harmless without `crit` (RFC 7515 section 4: "MUST be ignored"), such as `x5t`.
    Ignored,
}

/// A header that passed.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) typ: Option<String>,
    pub(crate) key_id: KeyId,
}

impl Header {
    /// Reads the first part of a token.
    pub(crate) fn decode(part: &str, extras: Extras) -> Result<Self, TokenError> {
        let members = object(part)?;
        if let Some(name) = FORBIDDEN.into_iter().find(|name| members.contains_key(*name)) {
            return Err(TokenError::HeaderForbidden(name));
        }
        if extras == Extras::Refused && members.keys().any(|name| !["alg", "typ", "kid"].contains(&&**name)) {
            return Err(TokenError::HeaderForbidden("parameters other than alg, typ and kid"));
        }
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(TokenError::Malformed),
        };
        Ok(Self {
            algorithm: text("alg")?
                .and_then(|name| name.parse().ok())
                .ok_or(TokenError::AlgorithmNotAllowed)?,
            typ: text("typ")?.map(str::to_owned),
            key_id: text("kid")?.and_then(|name| name.parse().ok()).ok_or(TokenError::UnknownKey)?,
        })
    }
}

/// The header of a token made here.
#[derive(Serialize)]
pub(crate) struct OwnHeader<'a> {
    pub(crate) alg: &'a str,
    pub(crate) typ: &'a str,
    pub(crate) kid: &'a str,
}
