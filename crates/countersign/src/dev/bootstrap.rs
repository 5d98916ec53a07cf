//! What a dev suite has at first start: one environment, made as an administrator makes one.

use kernel::{EnvironmentId, Error, Reason, Result, SecretText};
use proto::names;
use proto::policy::policy_admin_service_client::PolicyAdminServiceClient;
use proto::policy::{
    CreateEnvironmentRequest, Environment, GetEnvironmentRequest, IdentityProvider, Preset, RelyingParty,
    identity_provider,
};
use tonic::transport::Channel;

use super::client_file::ClientFile;
use crate::client::{answer, with_bearer};

/// The provider's name within an environment, a part of its users' identity.
pub(crate) const PROVIDER_ID: &str = "dev";

/// The relying party of the suite's own environment: pages where web servers for developers listen.
fn here() -> RelyingParty {
    let ports = ["", ":3000", ":5173", ":8080"];
    RelyingParty {
        rp_id: "localhost".to_owned(),
        origins: ports.map(|port| format!("http://localhost{port}")).to_vec(),
    }
}

/// Makes an environment that accepts the dev provider's sessions.
pub(crate) async fn create_environment(
    channel: Channel,
    admin: &SecretText,
    file: &ClientFile,
    id: EnvironmentId,
    preset: Preset,
    display_name: &str,
    relying_party: RelyingParty,
) -> Result<Environment> {
    let provider = IdentityProvider {
        provider_id: PROVIDER_ID.to_owned(),
        issuer: file.provider.issuer.clone(),
        audience: file.audience(id),
        algorithms: vec!["ES256".to_owned()],
        session_claim: "sid".to_owned(),
        keys: Some(identity_provider::Keys::Jwks(file.provider.jwks()?)),
    };
    let environment = Environment {
        name: names::environment(id),
        display_name: display_name.to_owned(),
        identity_providers: vec![provider],
        relying_party: Some(relying_party),
        // Who tries the suite out has made a factor a minute ago, and not always in the first session.
        factor_hold_seconds: Some(0),
        ..Environment::default()
    };
    let request = CreateEnvironmentRequest {
        environment: Some(environment),
        preset: preset.into(),
        validate_only: false,
    };
    answer(PolicyAdminServiceClient::new(channel).create_environment(with_bearer(request, admin)?).await)?
        .environment
        .ok_or_else(|| Error::internal("policy answered without an environment"))
}

/// Makes the suite's own environment, unless an earlier start did.
pub(crate) async fn own_environment(channel: Channel, admin: &SecretText, file: &ClientFile) -> Result<()> {
    let id = file.environment()?;
    let request = GetEnvironmentRequest { name: names::environment(id), version: 0 };
    let mut client = PolicyAdminServiceClient::new(channel.clone());
    match answer(client.get_environment(with_bearer(request, admin)?).await) {
        Ok(_) => Ok(()),
        Err(error) if error.reason() == Reason::ResourceNotFound => {
            create_environment(channel, admin, file, id, Preset::Strict, "dev", here()).await.map(drop)
        }
        Err(error) => Err(error),
    }
}
