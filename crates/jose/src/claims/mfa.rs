//! The older style of token.

use kernel::{Acr, DeviceId, EnvironmentId, SessionId, TokenId, UserId};
use serde::{Deserialize, Serialize};

use super::{Confirmation, wire};

/// The claims of a legacy MFA token ([`Kind::LegacyMfa`](crate::Kind::LegacyMfa)): as those of an elevated token, but
/// without scopes and tied to nothing. Dates are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaClaims {
    /// Who made it (RFC 7519 section 4.1.1).
    pub iss: String,
    /// Who redeems it (RFC 7519 section 4.1.3): the token issuer itself, under another name than for elevated tokens.
    pub aud: String,
    /// The user (RFC 7519 section 4.1.2).
    #[serde(with = "wire::text")]
    pub sub: UserId,
    /// The environment of the user.
    #[serde(with = "wire::text")]
    pub environment_id: EnvironmentId,
    /// The session in which the factor was proved (OpenID Connect Front-Channel Logout 1.0 section 3).
    #[serde(with = "wire::text")]
    pub sid: SessionId,
    /// The token's own id, by which its single use is tracked (RFC 7519 section 4.1.7).
    #[serde(with = "wire::text")]
    pub jti: TokenId,
    /// When it was issued (RFC 7519 section 4.1.6).
    pub iat: i64,
    /// From when on it may be used (RFC 7519 section 4.1.5).
    pub nbf: i64,
    /// From when on it may not be used (RFC 7519 section 4.1.4).
    pub exp: i64,
    /// Whether it pays for one operation only. Named as the product names it.
    #[serde(rename = "singleUse")]
    pub single_use: bool,
    /// How strong the proof was (OpenID Connect Core 1.0 section 2).
    #[serde(with = "wire::text")]
    pub acr: Acr,
    /// How it was proved (RFC 8176). Text, because the registry grows.
    pub amr: Vec<String>,
    /// When the factor was proved (OpenID Connect Core 1.0 section 2).
    pub auth_time: i64,
    /// The factor that was proved.
    #[serde(with = "wire::text")]
    pub device_id: DeviceId,
    /// The version of the policy under which it was issued.
    pub policy_version: u64,
    /// The key that whoever presents it has to prove (RFC 7800 section 3.1); absent when it is a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "wire::present")]
    pub cnf: Option<Confirmation>,
}
