//! The claims of our own kinds, typed, and what is read from a session.
//!
//! Identifiers and closed vocabularies are parsed while they are read: a claim that is not the canonical text of its
//! type, or is `null`, is refused with the whole token. Claims that are not named here are ignored (RFC 7519
//! section 4), except inside `authorization_details`, where RFC 9396 section 5 wants them refused.

mod assertion;
mod confirmation;
mod mfa;
mod session;
mod wire;

use kernel::{
    Acr, Action, DeviceId, EnvironmentId, OperationId, Scope, SessionId, TokenId, UserId, WalletId,
};
use serde::{Deserialize, Serialize};

pub use assertion::{AssertionClaims, assertion_claims};
pub use confirmation::Confirmation;
pub use mfa::MfaClaims;
pub use session::{SessionClaims, session_claims};

/// The claims of an elevated access token ([`Kind::Elevated`](crate::Kind::Elevated)). Dates are seconds since the
/// Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElevatedClaims {
    /// Who made it (RFC 7519 section 4.1.1).
    pub iss: String,
    /// Who redeems it (RFC 7519 section 4.1.3): the token issuer itself.
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
    /// What it may be used for, separated by single spaces (RFC 8693 section 4.2); at least one, none twice.
    #[serde(with = "wire::scope")]
    pub scope: Vec<Scope>,
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
    /// The factor that was proved; absent when it was none of the suite's.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_text")]
    pub device_id: Option<DeviceId>,
    /// Who made the assertion that it was exchanged for, as the environment calls them; absent when it was made by a
    /// factor.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "wire::present")]
    pub assertion_issuer: Option<String>,
    /// The version of the policy under which it was issued.
    pub policy_version: u64,
    /// What it is bound to (RFC 9396 section 9.1); absent when it is not bound. Never empty.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "wire::non_empty")]
    pub authorization_details: Option<Vec<AuthorizationDetail>>,
    /// The key that whoever presents it has to prove (RFC 7800 section 3.1); absent when it is a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "wire::present")]
    pub cnf: Option<Confirmation>,
}

/// What a token is bound to: an authorization details object (RFC 9396 section 2), by its type. An unknown member or
/// type is refused (section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum AuthorizationDetail {
    /// One wallet of the user, whatever is done with it within the scopes.
    #[serde(rename = "countersign_wallet")]
    Wallet {
        /// The wallet.
        #[serde(with = "wire::text")]
        wallet: WalletId,
    },
    /// Exactly one operation.
    #[serde(rename = "countersign_operation")]
    Operation {
        /// The operation's id, chosen by the client.
        #[serde(with = "wire::text")]
        operation_id: OperationId,
        /// SHA-256 over the canonical encoding of the whole operation; base64url without padding in the token.
        #[serde(with = "wire::sha256")]
        digest: [u8; 32],
        /// What is to be done.
        #[serde(with = "wire::text")]
        action: Action,
        /// The wallet it is done with, if with one.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_text")]
        wallet: Option<WalletId>,
    },
    /// Several operations, each once.
    #[serde(rename = "countersign_batch")]
    Batch {
        /// The Merkle Tree Hash over their digests (RFC 9162 section 2.1.1); base64url without padding in the token.
        #[serde(with = "wire::sha256")]
        root: [u8; 32],
        /// How many they are.
        size: u32,
        /// What is to be done, none twice.
        #[serde(with = "wire::texts")]
        actions: Vec<Action>,
    },
}

/// The claims of a receipt ([`Kind::Receipt`](crate::Kind::Receipt)): this user may do exactly this operation now.
/// Dates are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptClaims {
    /// Who made it (RFC 7519 section 4.1.1): the issuer that the operator's key statement names.
    pub iss: String,
    /// Who acts on it (RFC 7519 section 4.1.3): a node group, or the service that keeps the factors.
    pub aud: String,
    /// The user (RFC 7519 section 4.1.2).
    #[serde(with = "wire::text")]
    pub sub: UserId,
    /// The environment of the user.
    #[serde(with = "wire::text")]
    pub environment_id: EnvironmentId,
    /// The session for which it was given.
    #[serde(with = "wire::text")]
    pub sid: SessionId,
    /// The receipt's own id (RFC 7519 section 4.1.7).
    #[serde(with = "wire::text")]
    pub jti: TokenId,
    /// When it was issued (RFC 7519 section 4.1.6).
    pub iat: i64,
    /// From when on it may not be used (RFC 7519 section 4.1.4).
    pub exp: i64,
    /// The operation's id, chosen by the client.
    #[serde(with = "wire::text")]
    pub operation_id: OperationId,
    /// SHA-256 over the canonical encoding of the whole operation; base64url without padding in the token.
    #[serde(with = "wire::sha256")]
    pub digest: [u8; 32],
    /// What may be done.
    #[serde(with = "wire::text")]
    pub action: Action,
    /// The wallet it is done with, if with one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_text")]
    pub wallet: Option<WalletId>,
    /// The generation of that wallet's key shares.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "wire::present")]
    pub share_generation: Option<u32>,
    /// The `jti` of the single-use token that paid for it, if one did. Kept unique where the receipt is spent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_text")]
    pub paid_by: Option<TokenId>,
    /// How strong the proof was; absent where policy asked for none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_text")]
    pub acr: Option<Acr>,
    /// How it was proved (RFC 8176); absent where policy asked for no proof.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "wire::present")]
    pub amr: Option<Vec<String>>,
    /// When it was proved; absent where policy asked for no proof.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "wire::present")]
    pub auth_time: Option<i64>,
    /// The version of the policy that allowed it.
    pub policy_version: u64,
}

/// The claims of an administrator's token ([`Kind::Admin`](crate::Kind::Admin)). Dates are seconds since the Unix
/// epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminClaims {
    /// The admin provider (RFC 7519 section 4.1.1).
    pub iss: String,
    /// The deployment it is for (RFC 7519 section 4.1.3).
    pub aud: String,
    /// The person, as the provider names them (RFC 7519 section 4.1.2).
    pub sub: String,
    /// When it was issued (RFC 7519 section 4.1.6).
    pub iat: i64,
    /// From when on it may not be used (RFC 7519 section 4.1.4).
    pub exp: i64,
    /// Roles with their reach, such as `owner@*` or `auditor@<environment id>`; judged by the service.
    #[serde(rename = "countersign_roles")]
    pub roles: Vec<String>,
}

#[cfg(test)]
mod tests;
