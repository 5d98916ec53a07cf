//! The role behind real gRPC, with real session tokens and receipts.

mod passkeys;
mod recovery;
mod refusals;
mod stories;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jose::Algorithm;
use kernel::{
    Acr, Clock, EnvironmentId, Error, FactorKind, OperationId, Reason, Result, SecretBytes, Timestamp, UserId,
};
use operation::{Body, Operation};
use proto::mfa_devices as pb;
use proto::mfa_devices::device_service_client::DeviceServiceClient;
use proto::mfa_devices::factor_service_client::FactorServiceClient;
use proto::mfa_devices::mfa_devices_admin_service_client::MfaDevicesAdminServiceClient;
use proto::{names, types};
use runtime::environments::{
    EnvironmentSettings, EnvironmentSource, Provider, ProviderKeySource, RelyingParty, TokenSettings,
    TotpParameters,
};
use runtime::identity::{AdminProvider, Admins, ProviderKeys, Sessions};
use runtime::memory::MemoryNetwork;
use runtime::receipts::{FACTORS_AUDIENCE, ReceiptKeys, ReceiptVerifier};
use runtime::server::serve_memory;
use runtime::{Gate, GateParts, peer, status};
use soft_authenticator::SoftTotp;
use storage::{Sealer, SqlAuditLog};
use tempfile::TempDir;
use testkit::{FixedClock, SeededEntropy, TestProvider, TestReceipts};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::domain::{Label, Owner};
use crate::fakes::{FakeAuthenticators, RP_ID};
use crate::fixtures::{ENTROPY, request};
use crate::parties::EnvironmentParties;
use crate::store::ceremonies::CeremonyStore;
use crate::{Migrator, Parts, Passkeys, compose};

struct OneEnvironment(Arc<EnvironmentSettings>);

#[async_trait]
impl EnvironmentSource for OneEnvironment {
    async fn environment(&self, id: EnvironmentId) -> Result<Option<Arc<EnvironmentSettings>>> {
        Ok((id == self.0.id).then(|| self.0.clone()))
    }
}

struct World {
    network: MemoryNetwork,
    clock: Arc<FixedClock>,
    users: TestProvider,
    administrators: TestProvider,
    receipts: TestReceipts,
    environment: EnvironmentId,
    _folder: TempDir,
    _stop: DropGuard,
}

impl World {
    async fn new() -> Self {
        Self::at(Arc::new(FixedClock::new()), None).await
    }

    /// A service whose database was put back, where `not_before` says so.
    async fn at(clock: Arc<FixedClock>, not_before: Option<Timestamp>) -> Self {
        Self::with(clock, not_before, |_| {}, stand_ins).await
    }

    /// The same with other settings of its environment, and what `passkeys` makes.
    async fn with(
        clock: Arc<FixedClock>,
        not_before: Option<Timestamp>,
        change: impl FnOnce(&mut EnvironmentSettings),
        passkeys: impl FnOnce(Arc<OneEnvironment>) -> Passkeys,
    ) -> Self {
        let users = TestProvider::new("https://users.example", "wallet");
        let administrators = TestProvider::new("https://admins.example", "countersign");
        let receipts = TestReceipts::new("https://issuer.example");
        let environment = EnvironmentId::random(&*ENTROPY);
        let mut settings = EnvironmentSettings {
            id: environment,
            version: 1,
            providers: vec![Provider {
                id: "main".into(),
                issuer: users.issuer.clone(),
                audience: users.audience.clone(),
                algorithms: Algorithm::ALL.to_vec(),
                session_claim: "sid".into(),
                keys: ProviderKeySource::Inline(Arc::new(users.key_set())),
            }],
            enrolment_required: false,
            max_totp_devices: 3,
            max_passkeys: 5,
            totp: TotpParameters::default(),
            relying_party: Some(RelyingParty {
                rp_id: RP_ID.into(),
                origins: vec![format!("https://{RP_ID}")],
            }),
            tokens: TokenSettings::default(),
        };
        change(&mut settings);
        let (database, folder) = testkit::database::<Migrator>().await;
        let audit = Arc::new(SqlAuditLog::new(database.clone()));
        let environments = Arc::new(OneEnvironment(Arc::new(settings)));
        let gate = Gate::new(GateParts {
            sessions: Some(Sessions::new(environments.clone(), ProviderKeys::new(false).unwrap())),
            admins: Some(Admins::new(vec![AdminProvider {
                issuer: administrators.issuer.clone(),
                audience: administrators.audience.clone(),
                keys: administrators.key_set(),
            }])),
            audit: audit.clone(),
            clock: clock.clone(),
        });
        let statement = receipts.statement(1, clock.now());
        let keys =
            ReceiptKeys::from_statement(&statement, &receipts.root(), &receipts.issuer, 1, clock.now());
        let entropy = Arc::new(SeededEntropy::new(21));
        let key = SecretBytes::from(vec![1; 32]);
        let mounts = compose(Parts {
            database,
            sealer: Arc::new(Sealer::new([(1, key)], entropy.clone()).unwrap()),
            audit,
            gate,
            receipts: ReceiptVerifier::new(Arc::new(keys.unwrap()), FACTORS_AUDIENCE, clock.clone()),
            passkeys: passkeys(environments),
            entropy,
            clock: clock.clone(),
            issuer: Label::new("Countersign").unwrap(),
            not_before,
        });
        let (network, stop) = (MemoryNetwork::default(), CancellationToken::new());
        for (name, mount) in [("public", mounts.public), ("peer", mounts.peer)] {
            tokio::spawn(serve_memory(network.listen(name), mount, stop.clone()));
        }
        Self {
            network,
            clock,
            users,
            administrators,
            receipts,
            environment,
            _folder: folder,
            _stop: stop.drop_guard(),
        }
    }

    fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.network.channel("somebody", "public"))
    }

    fn factors(&self, role: &str) -> FactorServiceClient<Channel> {
        FactorServiceClient::new(self.network.channel(role, "peer"))
    }

    fn user(&self, subject: &str) -> UserId {
        UserId::derive(self.environment, "main", subject)
    }

    fn name(&self, subject: &str) -> String {
        names::user(self.environment, self.user(subject))
    }

    fn me(&self) -> String {
        format!("environments/{}/users/me", self.environment)
    }

    /// A request of `subject`, in a session of the same name.
    fn by<T>(&self, subject: &str, message: T) -> Request<T> {
        bearing(&self.users.session(subject, subject, self.clock.now()), message)
    }

    fn code(&self, phone: &SoftTotp, steps: i64) -> String {
        phone.code_at(u64::try_from(self.clock.now().seconds() + 30 * steps).unwrap())
    }

    /// A factor of `subject`, whose code of the step before is used up.
    async fn enrol(&self, subject: &str) -> (pb::Device, SoftTotp) {
        let register = pb::RegisterTotpDeviceRequest {
            parent: self.me(),
            display_name: "phone".into(),
            ..Default::default()
        };
        let registered =
            answer(self.devices().register_totp_device(self.by(subject, register)).await).unwrap();
        let phone = SoftTotp::from_base32(&registered.secret).unwrap();
        let activate = pb::ActivateTotpDeviceRequest {
            name: registered.device.unwrap().name,
            code: self.code(&phone, -1),
            request_id: request().to_string(),
        };
        let activated = self.devices().activate_totp_device(self.by(subject, activate)).await;
        (answer(activated).unwrap().device.unwrap(), phone)
    }

    fn verify(&self, subject: &str, code: String) -> pb::VerifyTotpRequest {
        pb::VerifyTotpRequest {
            user: self.name(subject),
            session_id: subject.into(),
            device: String::new(),
            code,
            request_id: request().to_string(),
            purpose_digest: vec![7; 32],
        }
    }

    /// The operation id and the receipt for it, paid for in the session of `subject`.
    fn receipt(&self, subject: &str, body: Body) -> (String, String) {
        self.receipt_by(Acr::Otp, subject, body)
    }

    /// The same, paid for by a proof of this strength.
    fn receipt_by(&self, acr: Acr, subject: &str, body: Body) -> (String, String) {
        let (environment, user, id) = (self.environment, self.user(subject), OperationId::random(&*ENTROPY));
        let checked = Operation { environment, user, id, body }.check().unwrap();
        let mut claims = self.receipts.claims(&checked, FACTORS_AUDIENCE, None, self.clock.now());
        claims.sid = subject.parse().unwrap();
        claims.acr = Some(acr);
        (id.to_string(), self.receipts.sign(&claims))
    }

    async fn audited(&self, roles: &[&str], parent: &str) -> Result<Vec<types::AuditEvent>> {
        let token = self.administrators.admin("root", roles, self.clock.now());
        let list = pb::ListAuditEventsRequest { parent: parent.into(), page_size: 200, ..Default::default() };
        let client = MfaDevicesAdminServiceClient::new(self.network.channel("somebody", "public"));
        let mut client = client.max_decoding_message_size(1 << 20);
        answer(client.list_audit_events(bearing(&token, list)).await).map(|page| page.events)
    }
}

/// Authenticators whose answers say what they want to be.
fn stand_ins(environments: Arc<OneEnvironment>) -> Passkeys {
    Passkeys {
        authenticators: Arc::new(FakeAuthenticators),
        ceremonies: CeremonyStore::in_memory().0,
        parties: Arc::new(EnvironmentParties(environments)),
    }
}

fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = peer::request(message, Duration::from_secs(20));
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

fn answer<T>(response: Result<Response<T>, Status>) -> Result<T> {
    response.map(Response::into_inner).map_err(|status| status::from_status(&status))
}

/// The reason as it stands in the status. (To a peer, that it may not call at all is a defect of its own.)
fn public_reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[track_caller]
fn assert_refused<T>(response: Result<Response<T>, Status>, reason: Reason) -> Error {
    let error = answer(response).err().unwrap_or_else(|| panic!("should have been refused with {reason}"));
    assert_eq!(error.reason(), reason, "{error:?}");
    error
}
