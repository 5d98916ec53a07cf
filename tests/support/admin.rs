//! Administrators, and environments that a test may change.

use jose::Kind;
use kernel::EnvironmentId;
use proto::mfa_devices::mfa_devices_admin_service_client::MfaDevicesAdminServiceClient;
use proto::names;
use proto::policy::policy_admin_service_client::PolicyAdminServiceClient;
use proto::policy::{
    ActionSettings, CreateEnvironmentRequest, Environment, GetEnvironmentRequest, IdentityProvider, Preset,
    UpdateEnvironmentRequest, UpdateEnvironmentResponse, identity_provider,
};
use proto::types::Action;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::answer::Done as _;
use super::dev::DevSuite;
use super::passkeys::relying_party;
use super::user::{User, bearing};
use super::{fresh, tokens};

/// An administrator with certain roles.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) channel: Channel,
    pub(crate) token: String,
}

impl Admin {
    /// Who may do everything.
    pub(crate) async fn owner(suite: &DevSuite) -> Self {
        Self::with(suite, &["owner@*"]).await
    }

    /// Who has these roles.
    pub(crate) async fn with(suite: &DevSuite, roles: &[&str]) -> Self {
        let claims = tokens::admin_claims(suite, roles);
        Self { channel: suite.connect().await, token: suite.file.admin.sign(Kind::Admin, &claims) }
    }

    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        bearing(message, &self.token)
    }

    pub(crate) fn factors(&self) -> MfaDevicesAdminServiceClient<Channel> {
        MfaDevicesAdminServiceClient::new(self.channel.clone())
    }

    pub(crate) fn policy(&self) -> PolicyAdminServiceClient<Channel> {
        PolicyAdminServiceClient::new(self.channel.clone())
    }

    /// An environment of a test's own.
    pub(crate) async fn environment(&self, suite: &DevSuite, preset: Preset) -> Place {
        let id = EnvironmentId::random(fresh::entropy());
        let request = CreateEnvironmentRequest {
            environment: Some(environment(suite, id)),
            preset: preset.into(),
            validate_only: false,
        };
        self.policy().create_environment(self.request(request)).await.done();
        Place { id, admin: self.clone() }
    }
}

/// An environment that accepts the sessions of the suite's identity provider, as an administrator sends it.
pub(crate) fn environment(suite: &DevSuite, id: EnvironmentId) -> Environment {
    let provider = IdentityProvider {
        provider_id: "dev".to_owned(),
        issuer: suite.file.provider.issuer.clone(),
        audience: format!("{}/{id}", suite.file.provider.audience),
        algorithms: vec!["ES256".to_owned()],
        session_claim: "sid".to_owned(),
        keys: Some(identity_provider::Keys::Jwks(suite.file.provider.jwks())),
    };
    Environment {
        name: names::environment(id),
        display_name: "of a test".to_owned(),
        identity_providers: vec![provider],
        relying_party: Some(relying_party()),
        ..Environment::default()
    }
}

/// An environment that a test may change.
pub(crate) struct Place {
    pub(crate) id: EnvironmentId,
    pub(crate) admin: Admin,
}

impl Place {
    /// The environment as it is now.
    pub(crate) async fn read(&self) -> Environment {
        let request = GetEnvironmentRequest { name: names::environment(self.id), version: 0 };
        let answer = self.admin.policy().get_environment(self.admin.request(request)).await;
        answer.done().environment.unwrap()
    }

    /// Sends changed fields.
    pub(crate) async fn send(
        &self,
        environment: Environment,
        paths: &[&str],
        validate_only: bool,
    ) -> Result<Response<UpdateEnvironmentResponse>, Status> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let request = UpdateEnvironmentRequest {
            environment: Some(environment),
            update_mask: Some(prost_types::FieldMask { paths }),
            validate_only,
        };
        self.admin.policy().update_environment(self.admin.request(request)).await
    }

    /// Changes fields of the environment as it is now.
    pub(crate) async fn change(&self, paths: &[&str], change: impl FnOnce(&mut Environment)) -> Environment {
        let mut environment = self.read().await;
        change(&mut environment);
        self.send(environment, paths, false).await.done().environment.unwrap()
    }

    /// A user whom nobody has seen before, in this environment.
    pub(crate) fn user(&self, suite: &DevSuite) -> User {
        User::within(suite, self.admin.channel.clone(), self.id)
    }
}

/// What an environment demands for an action.
pub(crate) fn settings(environment: &mut Environment, action: Action) -> &mut ActionSettings {
    environment.action_settings.iter_mut().find(|settings| settings.action() == action).unwrap()
}
