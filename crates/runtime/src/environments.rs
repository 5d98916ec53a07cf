//! What a verifying service needs to know of an environment, read from policy and kept for at most five seconds.
//! A copy that cannot be renewed refuses.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jose::{Algorithm, KeySet};
use kernel::{Clock, EnvironmentId, Error, Reason, Result, Timestamp};
use proto::names;
use proto::policy::policy_service_client::PolicyServiceClient;
use proto::policy::{Environment, IdentityProvider, ReadSettingsRequest, identity_provider};
use tonic::transport::Channel;
use url::Url;

use crate::{limits, peer, status};

/// How long settings may be used without asking again (design: at most 5 s).
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long policy may take to answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// Environments kept at once; the least used go first.
const CAPACITY: u64 = 10_000;

/// Where a provider's keys are.
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

fn settings(id: EnvironmentId, environment: Environment) -> Result<EnvironmentSettings> {
    if environment.name != names::environment(id) {
        return Err(Error::internal("policy answered with another environment"));
    }
    let providers = environment.identity_providers.into_iter().map(provider).collect::<Result<Vec<_>>>()?;
    Ok(EnvironmentSettings {
        id,
        version: environment.version,
        providers,
        enrolment_required: environment.enrolment_required,
        max_totp_devices: environment.max_totp_devices,
    })
}

fn provider(provider: IdentityProvider) -> Result<Provider> {
    let unusable = |what: &str| Error::internal(format!("policy keeps an identity provider without {what}"));
    let algorithms = provider
        .algorithms
        .iter()
        .map(|name| name.parse().map_err(|_| unusable("known algorithms")))
        .collect::<Result<Vec<Algorithm>>>()?;
    let algorithms = if algorithms.is_empty() { Algorithm::ALL.to_vec() } else { algorithms };
    let keys = match provider.keys {
        Some(identity_provider::Keys::Jwks(jwks)) => ProviderKeySource::Inline(Arc::new(
            KeySet::from_jwks_json(&jwks, &algorithms).map_err(|error| unusable("keys").cause(error))?,
        )),
        Some(identity_provider::Keys::JwksUri(address)) => ProviderKeySource::Address(
            Url::parse(&address).map_err(|error| unusable("a key address").cause(error))?,
        ),
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

#[cfg(test)]
mod tests;
