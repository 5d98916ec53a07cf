//! The use cases on a real store, with devices in software and receipts that are really signed.

mod administration;
mod audit;
mod enrolment;
mod listing;
mod passkeys;
mod proving;
mod recovery;
mod removal;
mod restoring;
mod throttling;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kernel::secret::ExposeSecret;
use kernel::{
    Acr, Clock, DeviceId, FactorKind, OperationId, Reason, RequestId, Result, SecretBytes, SecretText,
    Timestamp, TokenId,
};
use operation::{Body, CheckedOperation, Operation};
use runtime::receipts::{FACTORS_AUDIENCE, ReceiptKeys, ReceiptVerifier};
use soft_authenticator::{CodesAround, SoftTotp};
use storage::Sealer;
use tempfile::TempDir;
use testkit::{FixedClock, MemoryAuditLog, TestReceipts};

use crate::devices::Shown;
use crate::domain::{Attempt, DisplayName, Label, Owner, Proof, Target, TotpParameters};
use crate::fakes::{FakeAuthenticators, OneParty};
use crate::fixtures::{ENTROPY, NOW, owner, request, session};
use crate::migrations::Migrator;
use crate::payment::Ticket;
use crate::ports::DeviceStore;
use crate::proving::Presented;
use crate::receipts::VerifiedReceipts;
use crate::registration::Registered;
use crate::service::{Caller, Service};
use crate::store::SqlDeviceStore;
use crate::store::ceremonies::CeremonyStore;

const ISSUER: &str = "https://issuer.example";
const STEP: Duration = Duration::from_secs(30);

struct World {
    service: Arc<Service>,
    store: Arc<dyn DeviceStore>,
    clock: Arc<FixedClock>,
    audit: Arc<MemoryAuditLog>,
    receipts: TestReceipts,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let (database, folder) = testkit::database::<Migrator>().await;
        let entropy = Arc::new(testkit::SeededEntropy::new(11));
        let sealer = Sealer::new([(1, SecretBytes::from(vec![1; 32]))], entropy.clone()).unwrap();
        let store = Arc::new(SqlDeviceStore::new(database, Arc::new(sealer)));
        let clock = Arc::new(FixedClock::at(NOW));
        let receipts = TestReceipts::new(ISSUER);
        let statement = receipts.statement(1, NOW);
        let keys = ReceiptKeys::from_statement(&statement, &receipts.root(), ISSUER, 1, NOW).unwrap();
        let verifier = ReceiptVerifier::new(Arc::new(keys), FACTORS_AUDIENCE, clock.clone());
        let service = Arc::new(Service {
            store: store.clone(),
            passkeys: store.clone(),
            authenticators: Arc::new(FakeAuthenticators),
            ceremonies: CeremonyStore::in_memory().0,
            parties: Arc::new(OneParty::new()),
            recovery: store.clone(),
            users: store.clone(),
            receipts: Arc::new(VerifiedReceipts(verifier)),
            restored: None,
            entropy,
            issuer: Label::new("Countersign").unwrap(),
        });
        Self { service, store, clock, audit: Arc::new(MemoryAuditLog::new()), receipts, _folder: folder }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A call of a user who signed in just now, in an environment that allows three devices.
    fn caller(&self, owner: Owner, in_session: &str) -> Caller {
        Caller {
            owner,
            session: session(in_session),
            auth_time: Some(self.now()),
            at: self.now(),
            enrolment_required: false,
            max_totp_devices: 3,
            max_passkeys: 3,
            totp: TotpParameters::DEFAULT,
            trail: self.audit.trail("test"),
        }
    }

    async fn register(&self, caller: &Caller, ticket: Option<&Ticket>) -> Result<Registered> {
        self.service.register(caller, DisplayName::new("display_name", "phone").unwrap(), ticket).await
    }

    async fn activate(&self, caller: &Caller, device: DeviceId, code: &str) -> Result<Shown> {
        self.service.activate(caller, device, &SecretText::from(code), request()).await
    }

    /// A user with a factor whose code of the step before is used up.
    async fn enrolled(&self, owner: Owner, in_session: &str) -> Phone {
        let caller = self.caller(owner, in_session);
        let pending = Phone::new(&self.register(&caller, None).await.unwrap());
        self.activate(&caller, pending.id, &pending.codes(self.now()).previous).await.unwrap();
        pending
    }

    /// A further factor of a user who has one, likewise.
    async fn further(&self, owner: Owner, in_session: &str) -> Phone {
        let caller = self.caller(owner, in_session);
        let ticket = self.link(owner, in_session);
        let pending = Phone::new(&self.register(&caller, Some(&ticket)).await.unwrap());
        self.activate(&caller, pending.id, &pending.codes(self.now()).previous).await.unwrap();
        pending
    }

    fn operation(&self, owner: Owner, body: Body) -> CheckedOperation {
        let id = OperationId::random(&*ENTROPY);
        Operation { environment: owner.environment, user: owner.user, id, body }.check().unwrap()
    }

    /// A receipt that was paid for by a TOTP proof in this session.
    fn ticket(&self, operation: &CheckedOperation, in_session: &str) -> Ticket {
        self.ticket_by(Acr::Otp, operation, in_session)
    }

    /// One that was paid for by a proof of this strength.
    fn ticket_by(&self, acr: Acr, operation: &CheckedOperation, in_session: &str) -> Ticket {
        let paid_by = Some(TokenId::random(&*ENTROPY));
        let mut claims = self.receipts.claims(operation, FACTORS_AUDIENCE, paid_by, self.now());
        claims.sid = session(in_session);
        claims.acr = Some(acr);
        Ticket { operation: operation.operation().id, receipt: SecretText::from(self.receipts.sign(&claims)) }
    }

    fn link(&self, owner: Owner, in_session: &str) -> Ticket {
        let body = Body::LinkCredential { factor: FactorKind::Totp };
        self.ticket(&self.operation(owner, body), in_session)
    }

    fn unlink(&self, owner: Owner, in_session: &str, device: DeviceId) -> Ticket {
        self.ticket(&self.operation(owner, Body::UnlinkCredential { device }), in_session)
    }

    async fn prove(&self, owner: Owner, target: Target, attempt: &Attempt, code: &str) -> Result<Proof> {
        let trail = self.audit.trail("totp.verify");
        let code = SecretText::from(code);
        let presented =
            Presented { owner, target, code: &code, attempt, grant: false, at: self.now(), trail: &trail };
        self.service.prove(presented).await
    }

    async fn prove_any(&self, owner: Owner, code: &str) -> Result<Proof> {
        self.prove(owner, Target::Any, &crate::fixtures::attempt("s-1", 1), code).await
    }
}

/// A device in software that holds what was shown.
struct Phone {
    id: DeviceId,
    totp: SoftTotp,
}

impl Phone {
    fn new(registered: &Registered) -> Self {
        let totp = SoftTotp::from_uri(registered.uri.expose_secret()).unwrap();
        Self { id: registered.device.device.id, totp }
    }

    fn codes(&self, now: Timestamp) -> CodesAround {
        self.totp.codes_around(u64::try_from(now.seconds()).unwrap())
    }

    /// Six digits that are the code of no step near this time.
    fn wrong(&self, now: Timestamp) -> String {
        let codes = self.codes(now);
        (0..4)
            .map(|digit| digit.to_string().repeat(6))
            .find(|code| ![&codes.previous, &codes.current, &codes.next].contains(&code))
            .unwrap()
    }
}

#[track_caller]
fn assert_refused<T>(result: Result<T>, reason: Reason) -> kernel::Error {
    let error = result.err().unwrap_or_else(|| panic!("should have been refused with {reason}"));
    assert_eq!(error.reason(), reason, "{error:?}");
    error
}

fn fresh_request() -> RequestId {
    request()
}
