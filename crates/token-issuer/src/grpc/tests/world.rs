//! The issuer and what it calls on one network, with users and administrators.

use std::sync::Arc;
use std::time::Duration;

use jose::{Algorithm, Expect, KeySet, Kind, ReceiptClaims};
use kernel::{Clock as _, Error, Timestamp};
use operation::CheckedOperation;
use proto::mfa_devices::factor_service_server::FactorServiceServer;
use proto::policy::policy_service_server::PolicyServiceServer;
use proto::token_issuer::step_up_service_client::StepUpServiceClient;
use proto::{convert, names, token_issuer as pb};
use runtime::environments::{
    EnvironmentSettings, Provider, ProviderKeySource, TokenSettings, TotpParameters,
};
use runtime::identity::{AdminProvider, Admins, ProviderKeys, Sessions};
use runtime::memory::MemoryNetwork;
use runtime::receipts::audience_of_group;
use runtime::server::serve_memory;
use runtime::status::from_status;
use runtime::{Gate, GateParts, Mount};
use storage::{AuditLog, SqlAuditLog, Standing};
use testkit::{FixedClock, SeededEntropy, TestProvider};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Request;
use tonic::transport::Channel;

use super::stubs::{OneEnvironment, StubFactors, StubPolicy};
use crate::fixtures::{ISSUER, NOW, RIGHT_CODE, environment, sealer};
use crate::store::MemoryTokenStore;
use crate::{Migrator, Parts, compose};

pub(super) struct World {
    pub(super) network: MemoryNetwork,
    pub(super) clock: Arc<FixedClock>,
    pub(super) users: TestProvider,
    pub(super) admins: TestProvider,
    pub(super) receipt_keys: KeySet,
    pub(super) audit: Arc<dyn AuditLog>,
    pub(super) standing: Standing,
    _folder: Box<dyn std::any::Any>,
    _stop: DropGuard,
}

pub(super) const REQUEST_ID: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d77";

impl World {
    pub(super) async fn new() -> Self {
        Self::restored(None).await
    }

    /// An issuer whose database was put back, where `not_before` says so.
    pub(super) async fn restored(not_before: Option<Timestamp>) -> Self {
        let clock = Arc::new(FixedClock::at(NOW));
        let users = TestProvider::new("https://idp.example", "wallet");
        let admins = TestProvider::new("https://admin.example", "countersign");
        let provider = Provider {
            id: "idp".to_owned(),
            issuer: users.issuer.clone(),
            audience: users.audience.clone(),
            algorithms: Algorithm::ALL.to_vec(),
            session_claim: "sid".to_owned(),
            keys: ProviderKeySource::Inline(Arc::new(users.key_set())),
        };
        let settings = EnvironmentSettings {
            id: environment(),
            version: 3,
            providers: vec![provider],
            enrolment_required: false,
            max_totp_devices: 3,
            max_passkeys: 5,
            totp: TotpParameters::default(),
            relying_party: None,
            tokens: TokenSettings::default(),
        };
        let (database, folder) = testkit::database::<Migrator>().await;
        let standing = Standing::unwitnessed();
        let audit = SqlAuditLog::new(database.clone()).with_standing(standing.clone());
        let audit: Arc<dyn AuditLog> = Arc::new(audit);
        let gate = Gate::new(GateParts {
            sessions: Some(Sessions::new(
                Arc::new(OneEnvironment(Arc::new(settings))),
                ProviderKeys::new(true).unwrap(),
            )),
            admins: Some(Admins::new(vec![AdminProvider {
                issuer: admins.issuer.clone(),
                audience: admins.audience.clone(),
                keys: admins.key_set(),
            }])),
            audit: audit.clone(),
            clock: clock.clone(),
        });
        let network = MemoryNetwork::default();
        let stop = CancellationToken::new();
        let serve = |name: &str, mount| {
            tokio::spawn(serve_memory(network.listen(name), mount, stop.clone()));
        };
        serve("policy", Mount::new().service(PolicyServiceServer::new(StubPolicy)));
        let factors = StubFactors { clock: clock.clone() };
        serve("mfa-devices", Mount::new().service(FactorServiceServer::new(factors)));
        let issuer = compose(Parts {
            issuer: ISSUER.to_owned(),
            node_group: "g1".to_owned(),
            algorithm: Algorithm::Es256,
            database,
            sealer: sealer(),
            tokens: Arc::new(MemoryTokenStore::new()),
            policy: network.channel("token-issuer", "policy"),
            factors: network.channel("token-issuer", "mfa-devices"),
            assertion_keys: ProviderKeys::new(true).unwrap(),
            gate,
            audit: audit.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(3)),
            not_before,
        })
        .await
        .unwrap();
        let receipt_keys = issuer.receipt_public_keys();
        serve("public", issuer.mounts.public);
        serve("peer", issuer.mounts.peer);
        Self {
            network,
            clock,
            users,
            admins,
            receipt_keys,
            audit,
            standing,
            _folder: Box::new(folder),
            _stop: stop.drop_guard(),
        }
    }

    pub(super) fn step_up(&self, listener: &str) -> StepUpServiceClient<Channel> {
        StepUpServiceClient::new(self.network.channel("waas-gateway", listener))
    }

    /// The message as a call by `subject`, in a session of the same name.
    pub(super) fn by<T>(&self, subject: &str, message: T) -> Request<T> {
        with_bearer(message, &self.users.session(subject, subject, self.clock.now()))
    }

    pub(super) async fn authenticate(
        &self,
        scopes: &[&str],
        operation: Option<&CheckedOperation>,
    ) -> pb::ElevatedToken {
        let message = pb::AuthenticateTotpRequest {
            operation: operation.map(|operation| convert::operation_value(operation.operation())),
            ..authentication(scopes)
        };
        let answer = self.step_up("public").authenticate_totp(self.by("alice", message)).await.unwrap();
        answer.into_inner().elevated_token.unwrap()
    }

    pub(super) async fn refused_authentication(&self, message: pb::AuthenticateTotpRequest) -> Error {
        let refused = self.step_up("public").authenticate_totp(self.by("alice", message)).await.unwrap_err();
        from_status(&refused)
    }

    pub(super) fn receipt(&self, jwt: &str) -> ReceiptClaims {
        let expect = Expect {
            kind: Kind::Receipt,
            issuer: ISSUER,
            audiences: &[&audience_of_group("g1")],
            algorithms: &Algorithm::ALL,
            leeway: Duration::ZERO,
            max_age: None,
        };
        jose::verify(jwt, &self.receipt_keys, &expect, self.clock.now()).unwrap().claims
    }
}

pub(super) fn with_bearer<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

pub(super) fn me() -> String {
    format!("{}/users/me", names::environment(environment()))
}

pub(super) fn authentication(scopes: &[&str]) -> pb::AuthenticateTotpRequest {
    pb::AuthenticateTotpRequest {
        user: me(),
        code: RIGHT_CODE.to_owned(),
        requested_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        request_id: REQUEST_ID.to_owned(),
        ..Default::default()
    }
}

pub(super) fn authorization(operation: &CheckedOperation, token: &str) -> pb::AuthorizeOperationRequest {
    pb::AuthorizeOperationRequest {
        operation: Some(convert::operation_value(operation.operation())),
        elevated_token: token.to_owned(),
        ..Default::default()
    }
}
