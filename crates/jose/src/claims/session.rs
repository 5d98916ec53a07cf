//! What is read from a session, whoever made it.

use kernel::SessionId;
use serde_json::Value;

use crate::TokenError;
use crate::json::ClaimMap;
use crate::verify::numeric_date;

/// The longest `sub`, in characters (OpenID Connect Core 1.0 section 2).
const MAX_SUBJECT: usize = 255;

/// What a session says. Foreign: every identity provider writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionClaims {
    /// The user, as the provider names them: `sub`, 1 to 255 characters (OpenID Connect Core 1.0 section 2).
    pub subject: String,
    /// The session, from the claim that the provider is configured with; absent when the token has none.
    pub session_id: Option<SessionId>,
    /// When the user last signed in, in seconds since the Unix epoch (`auth_time`, OpenID Connect Core 1.0 section
    /// 2); absent counts as long ago. [`verify`](crate::verify) refuses one in the future.
    pub auth_time: Option<i64>,
    /// When the session's token expires, in seconds since the Unix epoch.
    pub exp: i64,
}

/// Reads the claims of a verified session; `session_claim` is the name of the claim that identifies the session,
/// usually `sid`.
///
/// # Errors
/// [`TokenError::ClaimInvalid`]: a claim is missing, of the wrong type, or out of range. A session id that is there
/// and is not one is refused, not ignored.
pub fn session_claims(verified: &ClaimMap, session_claim: &str) -> Result<SessionClaims, TokenError> {
    let session_id = match verified.get(session_claim) {
        None => None,
        Some(Value::String(text)) => {
            Some(text.parse().map_err(|_| TokenError::ClaimInvalid("the session claim"))?)
        }
        Some(_) => return Err(TokenError::ClaimInvalid("the session claim")),
    };
    Ok(SessionClaims {
        subject: subject(verified)?,
        session_id,
        auth_time: numeric_date(verified, "auth_time")?,
        exp: numeric_date(verified, "exp")?.ok_or(TokenError::ClaimInvalid("exp"))?,
    })
}

/// The user as a provider names them.
pub(super) fn subject(verified: &ClaimMap) -> Result<String, TokenError> {
    match verified.get("sub") {
        Some(Value::String(subject))
            if (1..=MAX_SUBJECT).contains(&subject.chars().count())
                && !subject.chars().any(char::is_control) =>
        {
            Ok(subject.clone())
        }
        _ => Err(TokenError::ClaimInvalid("sub")),
    }
}
