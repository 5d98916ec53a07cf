//! What is read from an assertion.

use kernel::Scope;
use serde_json::Value;

use super::session::subject;
use super::wire;
use crate::TokenError;
use crate::json::ClaimMap;
use crate::verify::numeric_date;

/// The longest `jti`, in characters.
const MAX_ID: usize = 255;

/// What an assertion says ([`Kind::Assertion`](crate::Kind::Assertion)). Foreign: somebody whom an environment trusts
/// writes it. Dates are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionClaims {
    /// The user, as the provider of the user's session names them: `sub`, 1 to 255 characters.
    pub subject: String,
    /// What the user was authenticated for (RFC 8693 section 4.2): scopes by single spaces, at least one, none twice,
    /// none that is not known here.
    pub scopes: Vec<Scope>,
    /// Its own id (`jti`, RFC 7519 section 4.1.7), 1 to 255 characters: by it an assertion is used once.
    pub id: String,
    /// When it was made (`iat`).
    pub iat: i64,
    /// From when on it may not be used (`exp`).
    pub exp: i64,
    /// When the user was authenticated (`auth_time`), where it says so.
    pub auth_time: Option<i64>,
}

/// Reads the claims of a verified assertion.
///
/// # Errors
/// [`TokenError::ClaimInvalid`]: a claim is missing, of the wrong type, or out of range; a scope is unknown or repeated;
/// it ends before it begins, or the user was authenticated after it was made.
pub fn assertion_claims(verified: &ClaimMap) -> Result<AssertionClaims, TokenError> {
    let text = |name: &'static str| match verified.get(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(TokenError::ClaimInvalid(name)),
    };
    let date = |name: &'static str| numeric_date(verified, name);
    let id = text("jti")?;
    if !(1..=MAX_ID).contains(&id.chars().count()) || id.chars().any(char::is_control) {
        return Err(TokenError::ClaimInvalid("jti"));
    }
    let iat = date("iat")?.ok_or(TokenError::ClaimInvalid("iat"))?;
    let exp = date("exp")?.filter(|exp| *exp > iat).ok_or(TokenError::ClaimInvalid("exp"))?;
    let auth_time = date("auth_time")?;
    if auth_time.is_some_and(|at| at > iat) {
        return Err(TokenError::ClaimInvalid("auth_time"));
    }
    Ok(AssertionClaims {
        subject: subject(verified)?,
        scopes: wire::scope::parse(text("scope")?).map_err(|_| TokenError::ClaimInvalid("scope"))?,
        id: id.clone(),
        iat,
        exp,
        auth_time,
    })
}
