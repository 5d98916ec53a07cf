//! Verifying a token: from text to claims that may be believed.

use std::time::Duration;

use kernel::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::compact::{MAX_TOKEN_BYTES, Parts, open};
use crate::header::Extras;
use crate::json::ClaimMap;
use crate::{Algorithm, KeyId, KeySet, Kind, TokenError};

/// 9999-12-31T23:59:59Z, the last second that has a four-digit year. A later `NumericDate` is a mistake.
const LAST_SECOND: i64 = 253_402_300_799;

/// What a token must be to be believed.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its `iss`, compared octet for octet.
    pub issuer: &'a str,
    /// Whom we are: any one of these must be in the token's `aud`. With none, every token is refused.
    pub audiences: &'a [&'a str],
    /// The algorithms allowed.
    pub algorithms: &'a [Algorithm],
    /// How far the clocks of issuer and verifier may differ. Zero among our own services' tokens is fine; a
    /// minute is usual for foreign ones.
    pub leeway: Duration,
    /// How long ago it may have been issued, beside `exp`. With a maximum, `iat` is required.
    pub max_age: Option<Duration>,
}

/// Claims that may be believed, and by which key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified<C> {
    /// The claims, in the type asked for.
    pub claims: C,
    /// The key that signed.
    pub kid: KeyId,
    /// Its algorithm.
    pub algorithm: Algorithm,
}

/// Verifies `token` with a key of `keys` and judges its claims at the moment `now`.
///
/// `exp` is required of every kind, `iat` of every kind but sessions; `nbf`, `iat` and `auth_time` must not lie in
/// the future. Dates are `NumericDate`s (RFC 7519 section 2); a fraction is cut off. Use a [`ClaimMap`] for `C` to
/// read claims generically.
///
/// # Errors
/// [`TokenError`], the first check that fails.
pub fn verify<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    expect: &Expect<'_>,
    now: Timestamp,
) -> Result<Verified<C>, TokenError> {
    let opened = open(token, MAX_TOKEN_BYTES, expect.kind, expect.algorithms, keys)?;
    judge(&opened.claims, expect, now)?;
    let claims = serde_json::from_value(Value::Object(opened.claims))
        .map_err(|_| TokenError::ClaimInvalid("payload"))?;
    Ok(Verified { claims, kid: opened.key_id, algorithm: opened.algorithm })
}

fn judge(claims: &ClaimMap, expect: &Expect<'_>, now: Timestamp) -> Result<(), TokenError> {
    if issuer(claims)? != expect.issuer {
        return Err(TokenError::WrongIssuer);
    }
    if !audiences(claims)?.iter().any(|audience| expect.audiences.contains(audience)) {
        return Err(TokenError::WrongAudience);
    }
    let expires = date(claims, "exp")?.ok_or(TokenError::ClaimInvalid("exp"))?;
    // RFC 7519 section 4.1.4: "on or after which" it must not be accepted.
    if now >= expires.plus(expect.leeway) {
        return Err(TokenError::Expired);
    }
    let issued = date(claims, "iat")?;
    for moment in [date(claims, "nbf")?, issued].into_iter().flatten() {
        if moment > now.plus(expect.leeway) {
            return Err(TokenError::NotYetValid);
        }
    }
    if issued.is_none() && (expect.kind.requires_iat() || expect.max_age.is_some()) {
        return Err(TokenError::ClaimInvalid("iat"));
    }
    if let (Some(issued), Some(max_age)) = (issued, expect.max_age)
        && now > issued.plus(max_age).plus(expect.leeway)
    {
        return Err(TokenError::TooOld);
    }
    // A sign-in in the future would count as fresh for ever.
    if date(claims, "auth_time")?.is_some_and(|signed_in| signed_in > now.plus(expect.leeway)) {
        return Err(TokenError::ClaimInvalid("auth_time"));
    }
    Ok(())
}

fn issuer(claims: &ClaimMap) -> Result<&str, TokenError> {
    match claims.get("iss") {
        Some(Value::String(issuer)) if !issuer.is_empty() => Ok(issuer),
        _ => Err(TokenError::ClaimInvalid("iss")),
    }
}

/// `aud` is a string or an array of strings (RFC 7519 section 4.1.3).
fn audiences(claims: &ClaimMap) -> Result<Vec<&str>, TokenError> {
    let invalid = TokenError::ClaimInvalid("aud");
    match claims.get("aud") {
        Some(Value::String(audience)) => Ok(vec![audience]),
        Some(Value::Array(audiences)) => {
            audiences.iter().map(|audience| audience.as_str().ok_or(invalid)).collect()
        }
        _ => Err(invalid),
    }
}

fn date(claims: &ClaimMap, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
    numeric_date(claims, name).map(|seconds| seconds.map(Timestamp::from_seconds))
}

/// A `NumericDate` in whole seconds, from 1970 to 9999; `None` when the claim is absent.
pub(crate) fn numeric_date(claims: &ClaimMap, name: &'static str) -> Result<Option<i64>, TokenError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    value
        .as_i64()
        // The conversion saturates, so what is out of range stays out of range.
        .or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64))
        .filter(|seconds| (0..=LAST_SECOND).contains(seconds))
        .map(Some)
        .ok_or(TokenError::ClaimInvalid(name))
}

/// What a token says about itself. **Nothing of it is verified**: good for finding the key set to verify it with,
/// and for nothing else.
#[derive(Clone, Debug)]
pub struct Unverified {
    issuer: String,
    key_id: KeyId,
}

impl Unverified {
    /// The issuer the token claims to be from. Look up what is configured for it; never fetch from it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key the token claims to be signed with; tells whether a cached key set should be renewed.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }
}

/// Reads the issuer of a token without verifying it. The header is judged as strictly as for a session.
///
/// # Errors
/// [`TokenError`]: too large, malformed, a forbidden header, or no `iss`.
pub fn peek(token: &str) -> Result<Unverified, TokenError> {
    let parts = Parts::of(token, MAX_TOKEN_BYTES, Extras::Ignored)?;
    let issuer = issuer(&parts.payload()?)?.to_owned();
    Ok(Unverified { issuer, key_id: parts.header.key_id })
}
