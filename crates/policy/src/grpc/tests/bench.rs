use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock as _, Error};
use proto::policy as pb;
use proto::policy::policy_admin_service_client::PolicyAdminServiceClient;
use proto::policy::policy_service_client::PolicyServiceClient;
use runtime::identity::{AdminProvider, Admins};
use runtime::memory::MemoryNetwork;
use runtime::server::serve_memory;
use runtime::{peer, status};
use testkit::{FixedClock, MemoryAuditLog, SeededEntropy, TestProvider};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

pub(super) const HERE: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11";
pub(super) const THERE: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12";

/// The service, running.
pub(super) struct Bench {
    pub(super) audit: Arc<MemoryAuditLog>,
    pub(super) clock: Arc<FixedClock>,
    network: MemoryNetwork,
    admins: TestProvider,
    _folder: Box<dyn std::any::Any>,
    stop: CancellationToken,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Bench {
    pub(super) async fn new() -> Self {
        let (database, folder) = testkit::database::<crate::Migrator>().await;
        let admins = TestProvider::new("https://admin.example", "countersign");
        let bench = Self {
            audit: Arc::new(MemoryAuditLog::new()),
            clock: Arc::new(FixedClock::new()),
            network: MemoryNetwork::default(),
            admins,
            _folder: Box::new(folder),
            stop: CancellationToken::new(),
        };
        let mounts = crate::compose(crate::Parts {
            database,
            audit: bench.audit.clone(),
            clock: bench.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            admins: Admins::new(vec![AdminProvider {
                issuer: bench.admins.issuer.clone(),
                audience: bench.admins.audience.clone(),
                keys: bench.admins.key_set(),
            }]),
            dev_mode: false,
        });
        for (name, mount) in [("public", mounts.public), ("peer", mounts.peer)] {
            tokio::spawn(serve_memory(bench.network.listen(name), mount, bench.stop.clone()));
        }
        bench
    }

    pub(super) fn admin(&self) -> PolicyAdminServiceClient<Channel> {
        PolicyAdminServiceClient::new(self.network.channel("somebody", "public"))
    }

    pub(super) fn peer(&self, role: &str) -> PolicyServiceClient<Channel> {
        PolicyServiceClient::new(self.network.channel(role, "peer"))
    }

    /// The message of an administrator with these roles.
    pub(super) fn by<T>(&self, roles: &[&str], message: T) -> Request<T> {
        self.by_subject("ada", roles, message)
    }

    /// The message of the administrator of this name.
    pub(super) fn by_subject<T>(&self, subject: &str, roles: &[&str], message: T) -> Request<T> {
        let token = self.admins.admin(subject, roles, self.clock.now());
        let mut request = anonymous(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    /// Creates what is asked for, as the owner of everything.
    pub(super) async fn create(
        &self,
        request: pb::CreateEnvironmentRequest,
    ) -> Result<pb::Environment, Error> {
        let answer = self.admin().create_environment(self.by(&["owner@*"], request)).await;
        outcome(answer).map(|answer| answer.environment.unwrap())
    }

    /// Creates an environment of that id whose provider has that audience.
    pub(super) async fn created(&self, id: &str, audience: &str) -> pb::Environment {
        self.create(wanted(id, audience)).await.unwrap()
    }

    /// The environment as it is now.
    pub(super) async fn read(&self, id: &str) -> Result<pb::Environment, Error> {
        let request = pb::ReadSettingsRequest { name: name(id) };
        let answer = self.peer("token-issuer").read_settings(anonymous(request)).await;
        outcome(answer).map(|answer| answer.environment.unwrap())
    }
}

pub(super) fn anonymous<T>(message: T) -> Request<T> {
    peer::request(message, Duration::from_secs(10))
}

/// The answer, or the refusal as a client understands it.
pub(super) fn outcome<T>(answer: Result<Response<T>, Status>) -> Result<T, Error> {
    answer.map(Response::into_inner).map_err(|refused| status::from_status(&refused))
}

/// The fields that a refusal names.
pub(super) fn fields(error: &Error) -> Vec<&str> {
    error.violations().iter().map(|wrong| wrong.field.as_str()).collect()
}

pub(super) fn name(id: &str) -> String {
    format!("environments/{id}")
}

pub(super) fn provider(audience: &str) -> pb::IdentityProvider {
    pb::IdentityProvider {
        provider_id: "main".to_owned(),
        issuer: "https://idp.example".to_owned(),
        audience: audience.to_owned(),
        keys: Some(pb::identity_provider::Keys::JwksUri("https://idp.example/jwks".to_owned())),
        algorithms: Vec::new(),
        session_claim: String::new(),
    }
}

/// Somebody whose assertions pay for signatures.
pub(super) fn assertion_issuer(audience: &str) -> pb::AssertionIssuer {
    pb::AssertionIssuer {
        assertion_issuer_id: "risk".to_owned(),
        issuer: "https://risk.example".to_owned(),
        audience: audience.to_owned(),
        keys: Some(pb::assertion_issuer::Keys::JwksUri("https://risk.example/jwks".to_owned())),
        algorithms: Vec::new(),
        scopes: vec!["wallet:sign".to_owned()],
        acr: "urn:countersign:acr:otp".to_owned(),
        max_age_seconds: 0,
    }
}

pub(super) fn wanted(id: &str, audience: &str) -> pb::CreateEnvironmentRequest {
    pb::CreateEnvironmentRequest {
        environment: Some(pb::Environment {
            name: name(id),
            identity_providers: vec![provider(audience)],
            ..Default::default()
        }),
        ..Default::default()
    }
}
