//! Users: the one routine by which every service verifies a session token.

use std::sync::Arc;
use std::time::Duration;

use jose::{Expect, Kind, TokenError};
use kernel::{EnvironmentId, Error, Reason, Result, SecretText, SessionId, Timestamp, UserId};
use tonic::metadata::MetadataMap;

use super::{NoBearer, ProviderKeys, bearer};
use crate::environments::{EnvironmentSettings, EnvironmentSource, Provider};

/// How far a provider's clock may differ from ours.
pub(super) const LEEWAY: Duration = Duration::from_secs(30);

/// A verified session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The user.
    pub user: UserId,
    /// The session's name.
    pub id: SessionId,
    /// The provider's id within the environment.
    pub provider_id: String,
    /// When the user signed in, where the provider says so.
    pub auth_time: Option<Timestamp>,
    /// When the token expires.
    pub expires: Timestamp,
    /// The settings of the environment it was verified in.
    pub settings: Arc<EnvironmentSettings>,
    /// The token.
    pub bearer: SecretText,
}

/// A session that was not accepted.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub error: Error,
    /// The environment, where there is one of that id: what a caller makes up is not written down.
    pub environment: Option<EnvironmentId>,
}

/// Verifies session tokens against the identity providers of an environment.
#[derive(Clone)]
pub struct Sessions {
    environments: Arc<dyn EnvironmentSource>,
    keys: ProviderKeys,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// With a source of settings and of providers' keys.
    pub fn new(environments: Arc<dyn EnvironmentSource>, keys: ProviderKeys) -> Self {
        Self { environments, keys }
    }

    /// Verifies the session token of a call about `environment`.
    ///
    /// An unknown environment looks like a token that it does not accept.
    pub async fn authenticate(
        &self,
        metadata: &MetadataMap,
        environment: EnvironmentId,
        now: Timestamp,
    ) -> Result<Session, Refused> {
        let nowhere = |error| Refused { error, environment: None };
        // What costs nothing comes first: policy is not asked for somebody who brings no token at all.
        let token = bearer(metadata).map_err(|why| {
            nowhere(match why {
                NoBearer::Missing => Error::new(
                    Reason::SessionMissing,
                    "send the user's session token as `authorization: Bearer TOKEN`",
                ),
                NoBearer::Unusable => invalid("the authorization header is not one `Bearer TOKEN`"),
            })
        })?;
        let claimed = jose::peek(token).map_err(|error| nowhere(refusal(error)))?;
        let settings = match self.environments.environment(environment).await {
            Ok(Some(settings)) => settings,
            Ok(None) => return Err(nowhere(invalid("the environment is not known"))),
            Err(error) => return Err(nowhere(error)),
        };
        let verified = self.by_any_provider(token, claimed.issuer(), &settings, now).await;
        verified.map_err(|error| Refused { error, environment: Some(environment) })
    }

    async fn by_any_provider(
        &self,
        token: &str,
        issuer: &str,
        settings: &Arc<EnvironmentSettings>,
        now: Timestamp,
    ) -> Result<Session> {
        let mut refused = invalid("no provider of the environment has the token's issuer");
        for provider in settings.providers.iter().filter(|provider| provider.issuer == issuer) {
            match self.verify(token, provider, settings, now).await {
                Ok(session) => return Ok(session),
                // Another provider may share the issuer and differ in audience.
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    async fn verify(
        &self,
        token: &str,
        provider: &Provider,
        settings: &Arc<EnvironmentSettings>,
        now: Timestamp,
    ) -> Result<Session> {
        let expect = Expect {
            kind: Kind::Session,
            issuer: &provider.issuer,
            audiences: &[&provider.audience],
            algorithms: &provider.algorithms,
            leeway: LEEWAY,
            max_age: None,
        };
        let verified = self.keys.verify(token, &provider.keys, &expect, now).await?.map_err(refusal)?;
        let claims = jose::session_claims(&verified, &provider.session_claim).map_err(refusal)?;
        let id = claims.session_id.ok_or_else(|| {
            invalid("the token names no session; the provider's session claim is missing in it")
        })?;
        Ok(Session {
            user: UserId::derive(settings.id, &provider.id, &claims.subject),
            id,
            provider_id: provider.id.clone(),
            auth_time: claims.auth_time.map(Timestamp::from_seconds),
            expires: Timestamp::from_seconds(claims.exp),
            settings: settings.clone(),
            bearer: SecretText::from(token.to_owned()),
        })
    }
}

/// One public reason for every way a token can be wrong; the log has the way.
fn invalid(cause: &'static str) -> Error {
    Error::new(
        Reason::SessionInvalid,
        "this session token is not accepted in this environment; sign in again, and check the environment's id",
    )
    .cause(cause)
}

fn refusal(error: TokenError) -> Error {
    match error {
        TokenError::Expired => Error::new(Reason::SessionExpired, "the session has expired; sign in again"),
        other => invalid("").cause(other),
    }
}

#[cfg(test)]
mod tests;
