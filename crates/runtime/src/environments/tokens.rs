//! What an environment says of tokens beyond what each action demands.

use std::ops::RangeInclusive;
use std::time::Duration;

use jose::Algorithm;
use kernel::{Acr, Error, Result, Scope};
use proto::policy::{
    AssertionIssuer as AssertionIssuerValue, Environment, LegacyMfaTokens, assertion_issuer,
};
use proto::types;

use super::{ProviderKeySource, algorithms, key_address, key_set};

/// How long a legacy MFA token may live, in seconds.
const LEGACY_EXPIRY_SECONDS: RangeInclusive<u32> = 30..=300;

/// How old an assertion may be when it is exchanged, in seconds.
const ASSERTION_MAX_AGE_SECONDS: RangeInclusive<u32> = 10..=600;

/// Whether tokens are good in the hands of one client only, loosest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SenderConstraint {
    /// None are made.
    #[default]
    Off,
    /// A client that shows a key gets a token that is good with this key only.
    Allowed,
    /// No other token counts.
    Required,
}

/// Whose assertions are exchanged for elevated tokens.
#[derive(Clone, Debug)]
pub struct AssertionIssuer {
    /// Its id within the environment.
    pub id: String,
    /// The `iss` of its assertions.
    pub issuer: String,
    /// What their `aud` must contain.
    pub audience: String,
    /// The algorithms accepted.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: ProviderKeySource,
    /// What its assertions may pay for.
    pub scopes: Vec<Scope>,
    /// The most they count for.
    pub acr: Acr,
    /// How old they may be when they are exchanged, 10 to 600 seconds.
    pub max_age: Duration,
}

/// What an environment says of tokens beyond what each action demands.
#[derive(Clone, Debug, Default)]
pub struct TokenSettings {
    /// How long legacy MFA tokens live, 30 to 300 seconds; none where there are no such tokens.
    pub legacy_mfa_expiry: Option<Duration>,
    /// Whose assertions are exchanged for elevated tokens.
    pub assertion_issuers: Vec<AssertionIssuer>,
    /// Whether tokens are good in the hands of one client only.
    pub sender_constraint: SenderConstraint,
}

/// Takes them out of what policy answered.
pub(super) fn tokens(environment: &mut Environment) -> Result<TokenSettings> {
    let issuers = std::mem::take(&mut environment.assertion_issuers);
    Ok(TokenSettings {
        legacy_mfa_expiry: environment.legacy_mfa_tokens.map(legacy).transpose()?.flatten(),
        assertion_issuers: issuers.into_iter().map(issuer).collect::<Result<_>>()?,
        sender_constraint: match types::SenderConstraint::try_from(environment.sender_constraint) {
            Ok(types::SenderConstraint::Unspecified | types::SenderConstraint::Off) => SenderConstraint::Off,
            Ok(types::SenderConstraint::Allowed) => SenderConstraint::Allowed,
            Ok(types::SenderConstraint::Required) => SenderConstraint::Required,
            Err(_) => return Err(Error::internal("policy keeps a sender constraint that is not known")),
        },
    })
}

fn legacy(tokens: LegacyMfaTokens) -> Result<Option<Duration>> {
    if !tokens.enabled {
        return Ok(None);
    }
    if !LEGACY_EXPIRY_SECONDS.contains(&tokens.token_expiry_seconds) {
        return Err(Error::internal("policy keeps a life of legacy MFA tokens that is out of bounds"));
    }
    Ok(Some(Duration::from_secs(tokens.token_expiry_seconds.into())))
}

fn issuer(issuer: AssertionIssuerValue) -> Result<AssertionIssuer> {
    let unusable = |what: &str| Error::internal(format!("policy keeps an assertion issuer without {what}"));
    let algorithms = algorithms(&issuer.algorithms).ok_or_else(|| unusable("known algorithms"))?;
    let keys = match issuer.keys {
        Some(assertion_issuer::Keys::Jwks(jwks)) => {
            key_set(&jwks, &algorithms).map_err(|error| unusable("keys").cause(error))?
        }
        Some(assertion_issuer::Keys::JwksUri(address)) => {
            key_address(&address).map_err(|error| unusable("a key address").cause(error))?
        }
        None => return Err(unusable("keys")),
    };
    if !ASSERTION_MAX_AGE_SECONDS.contains(&issuer.max_age_seconds) {
        return Err(unusable("a maximum age that is within bounds"));
    }
    Ok(AssertionIssuer {
        id: issuer.assertion_issuer_id,
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms,
        keys,
        scopes: issuer
            .scopes
            .iter()
            .map(|scope| scope.parse().map_err(|_| unusable("known scopes")))
            .collect::<Result<_>>()?,
        acr: issuer.acr.parse().map_err(|_| unusable("a known strength"))?,
        max_age: Duration::from_secs(issuer.max_age_seconds.into()),
    })
}
