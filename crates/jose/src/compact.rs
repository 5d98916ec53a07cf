//! The compact serialisation (RFC 7515 section 7.1): taking a token apart and verifying its signature.

use crate::header::{Extras, Header};
use crate::json::ClaimMap;
use crate::{Algorithm, KeyId, KeySet, Kind, TokenError, encoding, json};

/// The longest token that is read or made, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The three parts of a token, none decoded.
pub(crate) struct Split<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signing_input: &'a str,
    pub(crate) signature: &'a str,
}

impl<'a> Split<'a> {
    /// Takes a token of at most `max` bytes apart.
    pub(crate) fn of(token: &'a str, max: usize) -> Result<Self, TokenError> {
        if token.len() > max {
            return Err(TokenError::TooLarge);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(TokenError::Malformed)?;
        // A further dot in the payload is not base64url; it is refused here, before the header is looked at.
        if payload.contains('.') || encoding::decode(signature).is_none() {
            return Err(TokenError::Malformed);
        }
        Ok(Self { header, payload, signing_input, signature })
    }

    /// The members of the payload. Not to be believed before the signature was verified.
    pub(crate) fn payload(&self) -> Result<ClaimMap, TokenError> {
        object(self.payload)
    }
}

/// The members of the JSON object that a part is.
pub(crate) fn object(part: &str) -> Result<ClaimMap, TokenError> {
    encoding::decode(part).and_then(|bytes| json::parse_object(&bytes)).ok_or(TokenError::Malformed)
}

/// A token taken apart, the header decoded.
pub(crate) struct Parts<'a> {
    pub(crate) header: Header,
    split: Split<'a>,
}

impl<'a> Parts<'a> {
    /// Takes a token of at most `max` bytes apart.
    pub(crate) fn of(token: &'a str, max: usize, extras: Extras) -> Result<Self, TokenError> {
        let split = Split::of(token, max)?;
        Ok(Self { header: Header::decode(split.header, extras)?, split })
    }

    /// The members of the payload. Not to be believed before the signature was verified.
    pub(crate) fn payload(&self) -> Result<ClaimMap, TokenError> {
        self.split.payload()
    }
}

/// A token whose kind, key and signature are right; its claims are not judged yet.
pub(crate) struct Opened {
    pub(crate) claims: ClaimMap,
    pub(crate) key_id: KeyId,
    pub(crate) algorithm: Algorithm,
}

/// Everything up to and including the signature.
pub(crate) fn open(
    token: &str,
    max: usize,
    kind: Kind,
    algorithms: &[Algorithm],
    keys: &KeySet,
) -> Result<Opened, TokenError> {
    let extras = if kind.is_foreign() { Extras::Ignored } else { Extras::Refused };
    let parts = Parts::of(token, max, extras)?;
    let Header { algorithm, typ, key_id } = &parts.header;
    if !algorithms.contains(algorithm) {
        return Err(TokenError::AlgorithmNotAllowed);
    }
    if !kind.accepts_typ(typ.as_deref()) {
        return Err(TokenError::WrongKind);
    }
    let key = keys.get(key_id).ok_or(TokenError::UnknownKey)?;
    // RFC 8725 section 3.1: the algorithm is a property of the key; the header may only agree.
    if key.algorithm() != *algorithm {
        return Err(TokenError::AlgorithmNotAllowed);
    }
    if !key.verifies(parts.split.signing_input.as_bytes(), parts.split.signature) {
        return Err(TokenError::BadSignature);
    }
    Ok(Opened { claims: parts.payload()?, key_id: key_id.clone(), algorithm: *algorithm })
}
