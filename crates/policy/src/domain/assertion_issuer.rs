//! Whose assertions are exchanged for elevated tokens.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use jose::{Algorithm, KeySet, PublicJwk, Thumbprint};
use kernel::{Acr, Error, Result, Scope};

use super::Mode;
use super::proof::is_done_with_a_wallet;
use super::provider::{self, IdentityProvider, ProviderKeys};
use super::refusals::all;

/// The path of the list in a request.
const FIELD: &str = "environment.assertion_issuers";

/// The most entries of one environment.
const MAX_ISSUERS: usize = 8;

/// How old an assertion may be when it is exchanged, in seconds.
const MAX_AGE_SECONDS: RangeInclusive<u32> = 10..=600;

/// How old it may be where nobody says otherwise, in seconds.
const DEFAULT_MAX_AGE_SECONDS: u32 = 120;

/// The most that any assertion counts for. Nothing is known of how it came about.
pub(crate) const STRONGEST: Acr = Acr::Otp;

/// An entry that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssertionIssuer {
    /// Names it within the environment.
    pub(crate) id: String,
    /// The `iss` claim.
    pub(crate) issuer: String,
    /// What `aud` must contain.
    pub(crate) audience: String,
    /// Its keys.
    pub(crate) keys: ProviderKeys,
    /// The algorithms accepted; at least one.
    pub(crate) algorithms: Vec<Algorithm>,
    /// What its assertions may pay for; at least one, each of a wallet, none twice.
    pub(crate) scopes: Vec<Scope>,
    /// The most they count for, up to [`STRONGEST`].
    pub(crate) acr: Acr,
    /// How old they may be when they are exchanged, in seconds, within [`MAX_AGE_SECONDS`].
    pub(crate) max_age_seconds: u32,
}

/// An entry as a caller sent it.
#[derive(Clone, Debug)]
pub(crate) struct AssertionIssuerDraft {
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
    /// Names of scopes.
    pub(crate) scopes: Vec<String>,
    /// The name of the strength.
    pub(crate) acr: String,
    /// How old an assertion may be; zero stands for the default.
    pub(crate) max_age_seconds: u32,
}

impl AssertionIssuerDraft {
    /// Checks one entry; `field` is its path in the request.
    fn check(self, field: &str, mode: Mode) -> Result<AssertionIssuer> {
        let at = |name: &str| format!("{field}.{name}");
        provider::check_id(at("assertion_issuer_id"), &self.id)?;
        provider::check_pair(field, &self.issuer, &self.audience)?;
        let algorithms = provider::algorithms(&at("algorithms"), &self.algorithms)?;
        let keys = provider::keys(field, self.keys, &algorithms, mode)?;
        let acr = self.acr.parse().ok().filter(|acr| *acr <= STRONGEST).ok_or_else(|| {
            let expected = "must be `urn:countersign:acr:recovery` or `urn:countersign:acr:otp`: no assertion counts \
                            for more";
            Error::invalid(at("acr"), expected)
        })?;
        let max_age_seconds = match self.max_age_seconds {
            0 => DEFAULT_MAX_AGE_SECONDS,
            seconds if MAX_AGE_SECONDS.contains(&seconds) => seconds,
            _ => return Err(Error::invalid(at("max_age_seconds"), "must be 10 to 600, or 0 for 120")),
        };
        Ok(AssertionIssuer {
            id: self.id,
            issuer: self.issuer,
            audience: self.audience,
            keys,
            algorithms,
            scopes: scopes(&at("scopes"), &self.scopes)?,
            acr,
            max_age_seconds,
        })
    }
}

fn scopes(field: &str, names: &[String]) -> Result<Vec<Scope>> {
    if names.is_empty() {
        return Err(Error::invalid(field, "must have at least one entry"));
    }
    let mut chosen = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match name.parse::<Scope>() {
            Ok(scope) if is_done_with_a_wallet(scope.action()) && !chosen.contains(&scope) => {
                chosen.push(scope);
            }
            _ => {
                let expected = "must be `wallet:export`, `wallet:sign`, `wallet:refresh` or `wallet:reshare`, each at \
                                most once";
                return Err(Error::invalid(format!("{field}[{index}]"), expected));
            }
        }
    }
    Ok(chosen)
}

/// Checks all entries of an environment: each in itself, and that no two share an id, or issuer and audience.
pub(crate) fn check_all(drafts: Vec<AssertionIssuerDraft>, mode: Mode) -> Result<Vec<AssertionIssuer>> {
    if drafts.len() > MAX_ISSUERS {
        return Err(Error::invalid(FIELD, "must have at most 8 entries"));
    }
    let issuers = all(drafts
        .into_iter()
        .enumerate()
        .map(|(index, draft)| draft.check(&format!("{FIELD}[{index}]"), mode)))?;
    for (index, issuer) in issuers.iter().enumerate() {
        let earlier = &issuers[..index];
        if earlier.iter().any(|other| other.id == issuer.id) {
            let field = format!("{FIELD}[{index}].assertion_issuer_id");
            return Err(Error::invalid(field, "is that of an earlier entry"));
        }
        if earlier.iter().any(|other| (&other.issuer, &other.audience) == (&issuer.issuer, &issuer.audience))
        {
            return Err(in_use(index));
        }
    }
    Ok(issuers)
}

/// Refuses entries that share a token or a key with an identity provider of the environment: what signs assertions may
/// not sign sessions. Keys behind different addresses cannot be compared here.
pub(crate) fn check_beside(issuers: &[AssertionIssuer], providers: &[IdentityProvider]) -> Result<()> {
    all(issuers.iter().enumerate().map(|(index, issuer)| {
        let same_token = |other: &IdentityProvider| {
            (&other.issuer, &other.audience) == (&issuer.issuer, &issuer.audience)
        };
        if providers.iter().any(same_token) {
            return Err(in_use(index));
        }
        if providers.iter().any(|other| share_a_key(&issuer.keys, &other.keys)) {
            let name = match &issuer.keys {
                ProviderKeys::Inline(_) => "jwks",
                ProviderKeys::Address(_) => "jwks_uri",
            };
            let wrong = "has a key of an identity provider of this environment; what signs assertions may not sign \
                         sessions";
            return Err(Error::invalid(format!("{FIELD}[{index}].{name}"), wrong));
        }
        Ok(())
    }))
    .map(drop)
}

fn share_a_key(one: &ProviderKeys, other: &ProviderKeys) -> bool {
    match (one, other) {
        (ProviderKeys::Inline(one), ProviderKeys::Inline(other)) => {
            !thumbprints(one).is_disjoint(&thumbprints(other))
        }
        (ProviderKeys::Address(one), ProviderKeys::Address(other)) => one == other,
        (ProviderKeys::Inline(_), ProviderKeys::Address(_))
        | (ProviderKeys::Address(_), ProviderKeys::Inline(_)) => false,
    }
}

/// The keys of a set that was checked, by RFC 7638, also those for algorithms that are not accepted now. One algorithm
/// at a time: a wrong key for one that is not accepted must not hide the others.
fn thumbprints(jwks: &str) -> BTreeSet<Thumbprint> {
    let sets = Algorithm::ALL.map(|algorithm| KeySet::from_jwks_json(jwks, &[algorithm]).unwrap_or_default());
    sets.iter().flatten().map(PublicJwk::thumbprint).collect()
}

/// The refusal of an entry whose issuer and audience are in use already, here or in another environment. Which one is
/// not told.
pub(crate) fn in_use(index: usize) -> Error {
    Error::invalid(
        format!("{FIELD}[{index}].audience"),
        "this pair of issuer and audience is in use, of an identity provider or for other assertions; give these an \
         audience of their own",
    )
}

#[cfg(test)]
mod tests;
