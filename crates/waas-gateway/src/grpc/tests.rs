//! The role behind real gRPC, with real session tokens; nodes and issuer are fakes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jose::Algorithm;
use kernel::{Clock, EnvironmentId, Error, Reason, Result, UserId};
use proto::waas_gateway as pb;
use proto::waas_gateway::waas_gateway_admin_service_client::WaasGatewayAdminServiceClient;
use proto::waas_gateway::wallet_service_client::WalletServiceClient;
use proto::{names, types};
use runtime::environments::{
    EnvironmentSettings, EnvironmentSource, Provider, ProviderKeySource, TokenSettings, TotpParameters,
};
use runtime::identity::{AdminProvider, Admins, ProviderKeys, Sessions};
use runtime::memory::MemoryNetwork;
use runtime::server::serve_memory;
use runtime::{Gate, GateParts, peer, status};
use testkit::TestProvider;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::domain::fixtures::environment;
use crate::tests::nodes::Step;
use crate::tests::world::{World, operation, step_up_required};

struct OneEnvironment(Arc<EnvironmentSettings>);

#[async_trait]
impl EnvironmentSource for OneEnvironment {
    async fn environment(&self, id: EnvironmentId) -> Result<Option<Arc<EnvironmentSettings>>> {
        Ok((id == self.0.id).then(|| self.0.clone()))
    }
}

struct Served {
    world: World,
    network: MemoryNetwork,
    users: TestProvider,
    administrators: TestProvider,
    _stop: DropGuard,
}

impl Served {
    async fn new() -> Self {
        let world = World::new().await;
        let users = TestProvider::new("https://users.example", "wallet");
        let administrators = TestProvider::new("https://admins.example", "countersign");
        let settings = EnvironmentSettings {
            id: environment(),
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
            relying_party: None,
            tokens: TokenSettings::default(),
        };
        let keys = ProviderKeys::new(false).unwrap();
        let gate = Gate::new(GateParts {
            sessions: Some(Sessions::new(Arc::new(OneEnvironment(Arc::new(settings))), keys)),
            admins: Some(Admins::new(vec![AdminProvider {
                issuer: administrators.issuer.clone(),
                audience: administrators.audience.clone(),
                keys: administrators.key_set(),
            }])),
            audit: world.audit.clone(),
            clock: world.clock.clone(),
        });
        let mounts = super::mounts(&gate, world.gateway.clone(), world.audit.clone(), world.clock.clone());
        let (network, stop) = (MemoryNetwork::default(), CancellationToken::new());
        tokio::spawn(serve_memory(network.listen("public"), mounts.public, stop.clone()));
        Self { world, network, users, administrators, _stop: stop.drop_guard() }
    }

    fn wallets(&self) -> WalletServiceClient<Channel> {
        WalletServiceClient::new(self.network.channel("somebody", "public"))
    }

    fn user(&self, subject: &str) -> String {
        names::user(environment(), UserId::derive(environment(), "main", subject))
    }

    /// A request of `subject`.
    fn by<T>(&self, subject: &str, message: T) -> Request<T> {
        bearing(&self.users.session(subject, subject, self.world.clock.now()), message)
    }

    async fn create(&self, subject: &str, number: u8) -> pb::Wallet {
        let request = create(number);
        answer(self.wallets().create_wallet(self.by(subject, request)).await).unwrap().wallet.unwrap()
    }

    async fn audited(&self, roles: &[&str], parent: &str) -> Result<Vec<types::AuditEvent>> {
        let token = self.administrators.admin("root", roles, self.world.clock.now());
        let list = pb::ListAuditEventsRequest { parent: parent.into(), page_size: 200, ..Default::default() };
        let mut client = WaasGatewayAdminServiceClient::new(self.network.channel("somebody", "public"));
        answer(client.list_audit_events(bearing(&token, list)).await).map(|page| page.events)
    }
}

fn me() -> String {
    format!("environments/{}/users/me", environment())
}

fn create(number: u8) -> pb::CreateWalletRequest {
    pb::CreateWalletRequest {
        parent: me(),
        key_type: types::KeyType::Ed25519.into(),
        operation_id: operation(number).to_string(),
    }
}

fn sign(wallet: &pb::Wallet, number: u8) -> pb::SignMessageRequest {
    pb::SignMessageRequest {
        name: wallet.name.clone(),
        operation_id: operation(number).to_string(),
        share_generation: wallet.share_generation,
        message: b"message".to_vec(),
        receipt: String::new(),
    }
}

fn export(wallet: &pb::Wallet, number: u8) -> pb::ExportWalletRequest {
    let mut recipient_public_key = vec![0; 32];
    recipient_public_key[0] = 9;
    pb::ExportWalletRequest {
        name: wallet.name.clone(),
        operation_id: operation(number).to_string(),
        share_generation: wallet.share_generation,
        recipient_public_key,
        receipt: "brought.by.client".to_owned(),
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

#[track_caller]
fn assert_refused<T>(response: Result<Response<T>, Status>, reason: Reason) -> Error {
    let error = answer(response).err().unwrap_or_else(|| panic!("should have been refused with {reason}"));
    assert_eq!(error.reason(), reason, "{error:?}");
    error
}

#[tokio::test]
async fn a_wallet_is_made_read_used_and_exported_and_the_trail_says_so() {
    let served = Served::new().await;
    let mut client = served.wallets();
    let wallet = served.create("alice", 1).await;
    assert!(wallet.name.starts_with(&format!("{}/wallets/", served.user("alice"))));
    assert_eq!(wallet.state(), pb::WalletState::Active);
    assert_eq!(wallet.key_type(), types::KeyType::Ed25519);
    assert_eq!(wallet.address, bs58::encode(&wallet.public_key).into_string());
    assert_eq!((wallet.share_generation, wallet.threshold, wallet.nodes), (1, 2, 3));
    assert_eq!(wallet.attestations.len(), 3);
    assert!(wallet.create_time.is_some());

    // `me` and the user's own id are the same user.
    let id = wallet.name.rsplit('/').next().unwrap();
    for name in [wallet.name.clone(), format!("{}/wallets/{id}", me())] {
        let get = served.by("alice", pb::GetWalletRequest { name });
        assert_eq!(answer(client.get_wallet(get).await).unwrap().wallet, Some(wallet.clone()));
    }
    let signed = answer(client.sign_message(served.by("alice", sign(&wallet, 2))).await).unwrap();
    assert_eq!(signed.signature.len(), 64);
    let exported = answer(client.export_wallet(served.by("alice", export(&wallet, 3))).await).unwrap();
    assert_eq!((exported.shares.len(), exported.wallet), (2, Some(wallet.clone())));

    let parent = names::environment(environment());
    let events = served.audited(&["auditor@*"], &parent).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["wallet.export", "wallet.sign", "wallet.create"]);
    for event in &events {
        assert_eq!(event.outcome(), types::AuditOutcome::Succeeded);
        assert_eq!(event.operation_digest.len(), 32);
        assert!(wallet.name.starts_with(&event.resource), "{}", event.resource);
    }
    assert_eq!(events[0].resource, wallet.name);
    let refused = served.audited(&["viewer@*"], &parent).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::AdminRoleMissing);
}

#[tokio::test]
async fn somebody_elses_wallets_look_as_if_they_did_not_exist() {
    let served = Served::new().await;
    let mut client = served.wallets();
    let wallet = served.create("alice", 1).await;
    let missing = names::wallet(environment(), UserId::derive(environment(), "main", "bob"), {
        wallet.name.rsplit('/').next().unwrap().parse().unwrap()
    });
    let mut told = Vec::new();
    for name in [wallet.name.clone(), missing] {
        let theirs = pb::Wallet { name: name.clone(), ..wallet.clone() };
        let get = served.by("bob", pb::GetWalletRequest { name });
        told.push(assert_refused(client.get_wallet(get).await, Reason::ResourceNotFound));
        let signed = client.sign_message(served.by("bob", sign(&theirs, 2))).await;
        told.push(assert_refused(signed, Reason::ResourceNotFound));
        let exported = client.export_wallet(served.by("bob", export(&theirs, 3))).await;
        told.push(assert_refused(exported, Reason::ResourceNotFound));
    }
    let parent = served.user("alice");
    let list = pb::ListWalletsRequest { parent: parent.clone(), ..Default::default() };
    let listed = client.list_wallets(served.by("bob", list)).await;
    told.push(assert_refused(listed, Reason::ResourceNotFound));
    let created =
        client.create_wallet(served.by("bob", pb::CreateWalletRequest { parent, ..create(4) })).await;
    told.push(assert_refused(created, Reason::ResourceNotFound));
    for error in &told {
        assert_eq!(error.message(), told[0].message());
        assert!(error.metadata().is_empty());
    }
    assert_eq!(served.world.nodes.asked(Step::Commit), []);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_by_field() {
    let served = Served::new().await;
    let mut client = served.wallets();
    let wallet = served.create("alice", 1).await;
    let asked = served.world.issuer.asked();
    let field = |error: Error| error.violations()[0].field.clone();

    for (expected, request) in [
        ("parent", pb::CreateWalletRequest { parent: format!("{}/wallets", me()), ..create(2) }),
        ("key_type", pb::CreateWalletRequest { key_type: 0, ..create(2) }),
        ("key_type", pb::CreateWalletRequest { key_type: 99, ..create(2) }),
        ("operation_id", pb::CreateWalletRequest { operation_id: String::new(), ..create(2) }),
        ("operation_id", pb::CreateWalletRequest { operation_id: "X".repeat(36), ..create(2) }),
    ] {
        let refused = client.create_wallet(served.by("alice", request)).await;
        assert_eq!(field(assert_refused(refused, Reason::InvalidRequest)), expected);
    }
    for (expected, request) in [
        ("name", pb::SignMessageRequest { name: me(), ..sign(&wallet, 2) }),
        ("operation_id", pb::SignMessageRequest { operation_id: "1".to_owned(), ..sign(&wallet, 2) }),
        ("operation.message", pb::SignMessageRequest { message: Vec::new(), ..sign(&wallet, 2) }),
    ] {
        let refused = client.sign_message(served.by("alice", request)).await;
        assert_eq!(field(assert_refused(refused, Reason::InvalidRequest)), expected);
    }
    let short = pb::ExportWalletRequest { recipient_public_key: vec![9; 31], ..export(&wallet, 2) };
    let refused = client.export_wallet(served.by("alice", short)).await;
    assert_eq!(field(assert_refused(refused, Reason::InvalidRequest)), "recipient_public_key");
    let list = pb::ListWalletsRequest { parent: me(), page_size: -1, page_token: String::new() };
    let refused = client.list_wallets(served.by("alice", list)).await;
    assert_eq!(field(assert_refused(refused, Reason::InvalidRequest)), "page_size");
    assert_eq!(served.world.issuer.asked(), asked);
}

#[tokio::test]
async fn a_refusal_of_the_issuer_reaches_the_caller_with_what_would_do() {
    let served = Served::new().await;
    let wallet = served.create("alice", 1).await;
    served.world.issuer.refuse(step_up_required());
    let refused = served.wallets().sign_message(served.by("alice", sign(&wallet, 2))).await;
    let error = assert_refused(refused, Reason::StepUpRequired);
    assert_eq!(error.metadata(), step_up_required().metadata());
    let events = served.audited(&["owner@*"], "").await.unwrap();
    assert_eq!(events[0].kind, "wallet.sign");
    assert_eq!(events[0].outcome(), types::AuditOutcome::Refused);
    assert_eq!(events[0].reason, "STEP_UP_REQUIRED");
    assert_eq!(events[0].operation_id, operation(2).to_string());
}

#[tokio::test]
async fn what_was_begun_is_finished_when_its_caller_goes_away() {
    let served = Served::new().await;
    let wallet = served.create("alice", 1).await;
    let held = served.world.nodes.hold.write().await;
    let call = |number| {
        let (mut client, request) = (served.wallets(), served.by("alice", sign(&wallet, number)));
        tokio::spawn(async move { client.sign_message(request).await })
    };
    let gone = call(2);
    while served.world.audit.rows().len() < 2 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    let again = call(2);
    drop(held);
    let signed = answer(again.await.unwrap()).unwrap();
    assert_eq!(signed.signature.len(), 64);
    assert_eq!(served.world.nodes.asked(Step::Commit).len(), 2);
    // Both are written down as done, also the one that nobody waited for.
    let events = served.audited(&["owner@*"], "").await.unwrap();
    assert!(events.iter().all(|event| event.outcome() == types::AuditOutcome::Succeeded));
    assert_eq!(events.len(), 3);
}

#[tokio::test]
async fn pages_of_wallets_lead_on_within_one_users_list() {
    let served = Served::new().await;
    let mut client = served.wallets();
    let mut created = Vec::new();
    for number in 1..=3 {
        created.push(served.create("alice", number).await.name);
    }
    let list = |page_size, page_token| pb::ListWalletsRequest { parent: me(), page_size, page_token };
    let first = answer(client.list_wallets(served.by("alice", list(2, String::new()))).await).unwrap();
    let token = first.next_page_token;
    let second = answer(client.list_wallets(served.by("alice", list(2, token.clone()))).await).unwrap();
    assert_eq!(second.next_page_token, "");
    let listed: Vec<_> = first.wallets.iter().chain(&second.wallets).map(|wallet| &wallet.name).collect();
    assert_eq!(listed, created.iter().collect::<Vec<_>>());
    let strange = client.list_wallets(served.by("bob", list(2, token))).await;
    assert_refused(strange, Reason::InvalidRequest);
    let own = answer(client.list_wallets(served.by("bob", list(0, String::new()))).await).unwrap();
    assert!(own.wallets.is_empty());
}

#[tokio::test]
async fn nobody_is_served_without_a_session_of_this_environment() {
    let served = Served::new().await;
    let mut client = served.wallets();
    assert_refused(client.create_wallet(create(1)).await, Reason::SessionMissing);
    let stranger = TestProvider::new(&served.users.issuer, &served.users.audience);
    let forged = stranger.session("alice", "alice", served.world.clock.now());
    assert_refused(client.create_wallet(bearing(&forged, create(1))).await, Reason::SessionInvalid);
    assert!(served.world.nodes.steps().is_empty());
}
