//! What a verifying service needs to know of an environment, read from policy and kept for at most five seconds.
//! A copy that cannot be renewed refuses.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jose::{Algorithm, KeySet, KeySetError};
use kernel::{Clock, EnvironmentId, Error, Reason, Result, Timestamp};
use proto::names;
use proto::policy::policy_service_client::PolicyServiceClient;
use proto::policy::{Environment, IdentityProvider, ReadSettingsRequest, identity_provider};
use proto::policy::{RelyingParty as RelyingPartyValue, TotpAlgorithm as TotpAlgorithmValue};
use tonic::transport::Channel;
use url::Url;

pub use self::tokens::{AssertionIssuer, SenderConstraint, TokenSettings};
use crate::{limits, peer, status};

mod tokens;

/// How long settings may be used without asking again (design: at most 5 s).
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long policy may take to answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// Environments kept at once; the least used go first.
const CAPACITY: u64 = 10_000;

/// Where the keys of an identity provider or an assertion issuer are.
#[derive(Clone, Debug)]
pub enum ProviderKeySource {
    /// In the settings.
    Inline(Arc<KeySet>),
    /// Behind an address.
    Address(Url),
}

/// An identity provider, as a verifier needs it.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its id within the environment; part of its users' identity.
    pub id: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What their `aud` must contain.
    pub audience: String,
    /// The algorithms accepted.
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the session.
    pub session_claim: String,
    /// Where its keys are.
    pub keys: ProviderKeySource,
}

/// The WebAuthn relying party of an environment (WebAuthn Level 3, section 5.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// A domain, lower case.
    pub rp_id: String,
    /// The origins that ceremonies may come from, as browsers write them: `scheme://host[:port]`, lower case and
    /// without a default port. At least one.
    pub origins: Vec<String>,
}

/// The hash of TOTP codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TotpAlgorithm {
    /// HMAC-SHA-1: what every authenticator app can do.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// How TOTP devices that are registered from now on compute their codes (RFC 6238 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotpParameters {
    /// The hash.
    pub algorithm: TotpAlgorithm,
    /// The digits of a code, 6 to 8.
    pub digits: u32,
    /// The length of a time step in seconds, 15 to 60.
    pub period_seconds: u32,
}

impl Default for TotpParameters {
    fn default() -> Self {
        Self { algorithm: TotpAlgorithm::Sha1, digits: 6, period_seconds: 30 }
    }
}

/// An environment, as a verifying service needs it.
#[derive(Clone, Debug)]
pub struct EnvironmentSettings {
    /// The environment.
    pub id: EnvironmentId,
    /// The version of the settings.
    pub version: u64,
    /// Whose sessions are accepted.
    pub providers: Vec<Provider>,
    /// Whether every user must have a second factor.
    pub enrolment_required: bool,
    /// How many TOTP devices a user may have.
    pub max_totp_devices: u32,
    /// How many passkeys a user may have.
    pub max_passkeys: u32,
    /// How TOTP devices that are registered from now on compute their codes.
    pub totp: TotpParameters,
    /// The WebAuthn relying party; without one there are no passkeys.
    pub relying_party: Option<RelyingParty>,
    /// What it says of tokens beyond what each action demands.
    pub tokens: TokenSettings,
}

/// Where settings come from.
#[async_trait]
pub trait EnvironmentSource: Send + Sync {
    /// The settings of an environment; none when there is no such environment.
    async fn environment(&self, id: EnvironmentId) -> Result<Option<Arc<EnvironmentSettings>>>;
}

/// Settings from the policy service.
#[derive(Clone)]
pub struct PolicyEnvironments {
    client: PolicyServiceClient<Channel>,
    // Unknown environments are not kept: a new one works at once.
    kept: moka::future::Cache<EnvironmentId, Kept>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Kept {
    settings: Arc<EnvironmentSettings>,
    /// When they were asked for.
    at: Timestamp,
}

impl std::fmt::Debug for PolicyEnvironments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyEnvironments").finish_non_exhaustive()
    }
}

impl PolicyEnvironments {
    /// Over a channel to policy's peer listener.
    pub fn new(channel: Channel, clock: Arc<dyn Clock>) -> Self {
        let client = PolicyServiceClient::new(channel).max_decoding_message_size(limits::MAX_RESPONSE_BYTES);
        Self { client, kept: moka::future::Cache::new(CAPACITY), clock }
    }

    async fn fetch(&self, id: EnvironmentId) -> Result<Option<Arc<EnvironmentSettings>>> {
        let request = peer::request(ReadSettingsRequest { name: names::environment(id) }, DEADLINE);
        match self.client.clone().read_settings(request).await {
            Ok(answer) => {
                let environment = answer
                    .into_inner()
                    .environment
                    .ok_or_else(|| Error::internal("policy answered without an environment"))?;
                settings(id, environment).map(Arc::new).map(Some)
            }
            Err(refusal) => match status::from_status(&refusal) {
                error if error.reason() == Reason::ResourceNotFound => Ok(None),
                error => Err(error),
            },
        }
    }
}

#[async_trait]
impl EnvironmentSource for PolicyEnvironments {
    async fn environment(&self, id: EnvironmentId) -> Result<Option<Arc<EnvironmentSettings>>> {
        let now = self.clock.now();
        if let Some(kept) = self.kept.get(&id).await
            && now >= kept.at
            && now.since(kept.at) < MAX_AGE
        {
            return Ok(Some(kept.settings));
        }
        let settings = self.fetch(id).await?;
        match &settings {
            Some(settings) => self.kept.insert(id, Kept { settings: settings.clone(), at: now }).await,
            None => self.kept.invalidate(&id).await,
        }
        Ok(settings)
    }
}

fn settings(id: EnvironmentId, mut environment: Environment) -> Result<EnvironmentSettings> {
    if environment.name != names::environment(id) {
        return Err(Error::internal("policy answered with another environment"));
    }
    let tokens = tokens::tokens(&mut environment)?;
    let providers = environment.identity_providers.into_iter().map(provider).collect::<Result<Vec<_>>>()?;
    Ok(EnvironmentSettings {
        id,
        version: environment.version,
        providers,
        enrolment_required: environment.enrolment_required,
        max_totp_devices: environment.max_totp_devices,
        max_passkeys: environment.max_passkeys,
        totp: environment.totp_parameters.map(totp).transpose()?.unwrap_or_default(),
        relying_party: environment.relying_party.map(relying_party).transpose()?,
        tokens,
    })
}

fn totp(parameters: proto::policy::TotpParameters) -> Result<TotpParameters> {
    let unusable = || Error::internal("policy keeps TOTP parameters that are out of bounds");
    let algorithm = match TotpAlgorithmValue::try_from(parameters.algorithm) {
        Ok(TotpAlgorithmValue::Sha1) => TotpAlgorithm::Sha1,
        Ok(TotpAlgorithmValue::Sha256) => TotpAlgorithm::Sha256,
        Ok(TotpAlgorithmValue::Sha512) => TotpAlgorithm::Sha512,
        Ok(TotpAlgorithmValue::Unspecified) | Err(_) => return Err(unusable()),
    };
    if !(6..=8).contains(&parameters.digits) || !(15..=60).contains(&parameters.period_seconds) {
        return Err(unusable());
    }
    Ok(TotpParameters { algorithm, digits: parameters.digits, period_seconds: parameters.period_seconds })
}

/// Origins are compared with what browsers send as text, so they must be written as browsers write them.
fn relying_party(party: RelyingPartyValue) -> Result<RelyingParty> {
    let is_origin =
        |text: &String| Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == *text);
    if party.rp_id.is_empty() || party.origins.is_empty() || !party.origins.iter().all(is_origin) {
        return Err(Error::internal("policy keeps a relying party without an id, or without proper origins"));
    }
    Ok(RelyingParty { rp_id: party.rp_id, origins: party.origins })
}

fn provider(provider: IdentityProvider) -> Result<Provider> {
    let unusable = |what: &str| Error::internal(format!("policy keeps an identity provider without {what}"));
    let algorithms = algorithms(&provider.algorithms).ok_or_else(|| unusable("known algorithms"))?;
    let keys = match provider.keys {
        Some(identity_provider::Keys::Jwks(jwks)) => {
            key_set(&jwks, &algorithms).map_err(|error| unusable("keys").cause(error))?
        }
        Some(identity_provider::Keys::JwksUri(address)) => {
            key_address(&address).map_err(|error| unusable("a key address").cause(error))?
        }
        None => return Err(unusable("keys")),
    };
    let session_claim =
        if provider.session_claim.is_empty() { "sid".to_owned() } else { provider.session_claim };
    Ok(Provider {
        id: provider.provider_id,
        issuer: provider.issuer,
        audience: provider.audience,
        algorithms,
        session_claim,
        keys,
    })
}

/// The algorithms of these names; all where none is named, and none where one is not known.
fn algorithms(names: &[String]) -> Option<Vec<Algorithm>> {
    let named: Vec<Algorithm> = names.iter().map(|name| name.parse().ok()).collect::<Option<_>>()?;
    Some(if named.is_empty() { Algorithm::ALL.to_vec() } else { named })
}

fn key_set(jwks: &str, algorithms: &[Algorithm]) -> Result<ProviderKeySource, KeySetError> {
    KeySet::from_jwks_json(jwks, algorithms).map(Arc::new).map(ProviderKeySource::Inline)
}

fn key_address(address: &str) -> Result<ProviderKeySource, url::ParseError> {
    Url::parse(address).map(ProviderKeySource::Address)
}

#[cfg(test)]
mod tests;
