//! Identity providers whose sessions an environment accepts.

use jose::{Algorithm, KeySet};
use kernel::{Error, Result};

use super::Mode;
use super::address;
use super::refusals::all;

/// The most providers of one environment.
pub(crate) const MAX_PROVIDERS: usize = 16;

/// The longest issuer or audience, in bytes.
const MAX_TEXT: usize = 512;

/// The longest id of an entry, in bytes.
const MAX_ID: usize = 32;

/// The longest name of a session claim, in bytes.
const MAX_SESSION_CLAIM: usize = 64;

/// The claim that names the session where nobody says otherwise (OpenID Connect Front-Channel Logout 1.0, section 3).
const DEFAULT_SESSION_CLAIM: &str = "sid";

/// Claims that have a meaning of their own, which is not one session (RFC 7519 section 4.1, OpenID Connect Core 1.0
/// section 2).
const NOT_A_SESSION: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "auth_time"];

/// Where the public keys of somebody outside are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProviderKeys {
    /// A JSON Web Key Set (RFC 7517), as it was given.
    Inline(String),
    /// The address of one.
    Address(String),
}

/// A provider that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentityProvider {
    /// Names it within the environment, and is part of the identity of its users.
    pub(crate) id: String,
    /// The `iss` claim.
    pub(crate) issuer: String,
    /// What `aud` must contain.
    pub(crate) audience: String,
    /// Its keys.
    pub(crate) keys: ProviderKeys,
    /// The algorithms accepted; at least one.
    pub(crate) algorithms: Vec<Algorithm>,
    /// The claim that names the session.
    pub(crate) session_claim: String,
}

/// A provider as a caller sent it.
#[derive(Clone, Debug)]
pub(crate) struct ProviderDraft {
    /// The wanted id.
    pub(crate) id: String,
    /// The issuer.
    pub(crate) issuer: String,
    /// The audience.
    pub(crate) audience: String,
    /// The keys, unless they are missing.
    pub(crate) keys: Option<ProviderKeys>,
    /// Names of algorithms; none stands for all.
    pub(crate) algorithms: Vec<String>,
    /// The session claim; empty stands for `sid`.
    pub(crate) session_claim: String,
}

impl ProviderDraft {
    /// Checks one provider; `field` is its path in the request.
    fn check(self, field: &str, mode: Mode) -> Result<IdentityProvider> {
        let at = |name: &str| format!("{field}.{name}");
        check_id(at("provider_id"), &self.id)?;
        check_pair(field, &self.issuer, &self.audience)?;
        let algorithms = algorithms(&at("algorithms"), &self.algorithms)?;
        let keys = keys(field, self.keys, &algorithms, mode)?;
        Ok(IdentityProvider {
            id: self.id,
            issuer: self.issuer,
            audience: self.audience,
            keys,
            algorithms,
            session_claim: session_claim(&at("session_claim"), self.session_claim)?,
        })
    }
}

/// Checks the name of an entry within its environment.
pub(super) fn check_id(field: String, id: &str) -> Result<()> {
    let is_id = (1..=MAX_ID).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_id {
        Ok(())
    } else {
        Err(Error::invalid(field, "must be 1 to 32 lower-case letters, digits and hyphens"))
    }
}

/// Checks issuer and audience of the entry at `field`.
pub(super) fn check_pair(field: &str, issuer: &str, audience: &str) -> Result<()> {
    for (name, value) in [("issuer", issuer), ("audience", audience)] {
        if value.is_empty() || value.len() > MAX_TEXT || value.chars().any(char::is_control) {
            let expected = "must be 1 to 512 bytes without control characters";
            return Err(Error::invalid(format!("{field}.{name}"), expected));
        }
    }
    Ok(())
}

/// Checks the keys of the entry at `field`: there are some, they are public, and for these algorithms.
pub(super) fn keys(
    field: &str,
    keys: Option<ProviderKeys>,
    algorithms: &[Algorithm],
    mode: Mode,
) -> Result<ProviderKeys> {
    let at = |name: &str| format!("{field}.{name}");
    match keys {
        None => Err(Error::invalid(at("keys"), "one of `jwks` and `jwks_uri` is required")),
        Some(ProviderKeys::Inline(jwks)) => {
            KeySet::from_jwks_json(&jwks, algorithms)
                .map_err(|wrong| Error::invalid(at("jwks"), wrong.to_string()))?;
            Ok(ProviderKeys::Inline(jwks))
        }
        Some(ProviderKeys::Address(uri)) => {
            Ok(ProviderKeys::Address(address::jwks_uri(&at("jwks_uri"), &uri, mode)?))
        }
    }
}

/// Spelt out in full, so that an algorithm of a later version is not accepted without anybody's decision.
pub(super) fn algorithms(field: &str, names: &[String]) -> Result<Vec<Algorithm>> {
    if names.is_empty() {
        return Ok(Algorithm::ALL.to_vec());
    }
    let mut chosen = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match name.parse() {
            Ok(algorithm) if !chosen.contains(&algorithm) => chosen.push(algorithm),
            _ => {
                let expected = "must be `ES256`, `EdDSA` or `RS256`, each at most once";
                return Err(Error::invalid(format!("{field}[{index}]"), expected));
            }
        }
    }
    Ok(chosen)
}

fn session_claim(field: &str, name: String) -> Result<String> {
    if name.is_empty() {
        return Ok(DEFAULT_SESSION_CLAIM.to_owned());
    }
    if name.len() > MAX_SESSION_CLAIM || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::invalid(field, "must be at most 64 visible ASCII characters"));
    }
    if NOT_A_SESSION.contains(&name.as_str()) {
        return Err(Error::invalid(field, "is a claim that does not name one session"));
    }
    Ok(name)
}

/// Checks all providers of an environment: each in itself, and that no two share an id, or issuer and audience.
pub(crate) fn check_all(drafts: Vec<ProviderDraft>, mode: Mode) -> Result<Vec<IdentityProvider>> {
    const FIELD: &str = "environment.identity_providers";
    if drafts.len() > MAX_PROVIDERS {
        return Err(Error::invalid(FIELD, "must have at most 16 entries"));
    }
    let providers = all(drafts
        .into_iter()
        .enumerate()
        .map(|(index, draft)| draft.check(&format!("{FIELD}[{index}]"), mode)))?;
    for (index, provider) in providers.iter().enumerate() {
        let earlier = &providers[..index];
        if earlier.iter().any(|other| other.id == provider.id) {
            let field = format!("{FIELD}[{index}].provider_id");
            return Err(Error::invalid(field, "is that of an earlier entry"));
        }
        let same_token = |other: &IdentityProvider| {
            (&other.issuer, &other.audience) == (&provider.issuer, &provider.audience)
        };
        if earlier.iter().any(same_token) {
            return Err(in_use(index));
        }
    }
    Ok(providers)
}

/// The refusal of a provider whose issuer and audience are in use already, here or in another environment: a token
/// must lead to one environment only. Which one is not told.
pub(crate) fn in_use(index: usize) -> Error {
    Error::invalid(
        format!("environment.identity_providers[{index}].audience"),
        "this pair of issuer and audience is in use; give each environment an audience of its own",
    )
}

#[cfg(test)]
mod tests;
