//! Four processes of token-issuer over one Postgres and one Redis: their keys change under load, and what is revoked
//! through one is over at all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use jose::peek;
use kernel::{Code, Reason};
use proto::policy::Preset;
use proto::token_issuer::token_issuer_admin_service_client::TokenIssuerAdminServiceClient;
use proto::token_issuer::{
    ActivateSigningKeyRequest, ListSigningKeysRequest, PrepareSigningKeyRequest, RevokeSigningKeyRequest,
    RevokeTokensRequest, RevokeUserTokensRequest, SigningKey, SigningKeyPurpose, SigningKeyState,
};
use proto::types::{Action, TokenBehavior};
use proto::waas_gateway::Wallet;
use tonic::transport::Channel;

use crate::support::admin::{Admin, Place, settings};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::dev::DevSuite;
use crate::support::fresh::now;
use crate::support::ports::Ports;
use crate::support::user::User;
use crate::support::{processes, servers};

/// How many processes of the issuer there are.
const ISSUERS: usize = 4;

/// How many keys of each purpose take turns.
const KEYS: usize = 5;

/// How often they do.
const TURN: Duration = Duration::from_secs(2);

/// How many turns there are: every key has several.
const TURNS: usize = 15;

/// Within how long a revoked key is refused everywhere (docs/keys.md).
const NOTICED: Duration = Duration::from_secs(8);

/// A suite with four processes of the issuer, and where each of them listens.
fn four(logs: &str) -> (DevSuite, Vec<Ports>) {
    let suite = processes::start(logs, Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let mut ports = vec![deployment.ports("token-issuer")];
    ports.extend((2..=ISSUERS).map(|number| deployment.serve_another("token-issuer", number)));
    (suite, ports)
}

/// A connection to each of them.
fn connect(suite: &DevSuite, ports: Vec<Ports>) -> Vec<Channel> {
    let deployment = suite.deployment().unwrap();
    ports.into_iter().map(|ports| deployment.connect(ports)).collect()
}

/// The user as a client of another process of the issuer.
fn at(user: &User, channel: &Channel) -> User {
    User { channel: channel.clone(), ..user.clone() }
}

/// The key that a token or receipt names.
fn key_of(jwt: &str) -> String {
    peek(jwt).unwrap().key_id().to_string()
}

/// Who looks after the keys, through all processes in turn.
struct Operator {
    admin: Admin,
    issuers: Vec<Channel>,
    statement: String,
    root: String,
    asked: AtomicUsize,
}

impl Operator {
    fn client(&self) -> TokenIssuerAdminServiceClient<Channel> {
        let next = self.asked.fetch_add(1, Ordering::Relaxed) % self.issuers.len();
        TokenIssuerAdminServiceClient::new(self.issuers[next].clone())
    }

    /// With keys of both purposes to take turns, which are known everywhere.
    async fn prepare(suite: &DevSuite, issuers: &[Channel]) -> Self {
        let deployment = suite.deployment().unwrap();
        let mut operator = Self {
            admin: Admin::owner(suite).await,
            issuers: issuers.to_vec(),
            statement: String::new(),
            root: std::fs::read_to_string(deployment.path("root.pub.json")).unwrap().trim().to_owned(),
            asked: AtomicUsize::new(0),
        };
        for purpose in [SigningKeyPurpose::Elevated, SigningKeyPurpose::Receipt] {
            for _ in 1..KEYS {
                let request = PrepareSigningKeyRequest { purpose: purpose.into(), algorithm: String::new() };
                operator.client().prepare_signing_key(operator.admin.request(request)).await.done();
            }
        }
        // The nodes and mfa-devices look at it every three seconds; a key waits for fifteen before it signs.
        deployment.statement(2);
        operator.statement =
            std::fs::read_to_string(deployment.path("statement.jwt")).unwrap().trim().to_owned();
        operator
    }

    async fn keys(&self, purpose: SigningKeyPurpose) -> Vec<SigningKey> {
        let request = self.admin.request(ListSigningKeysRequest {});
        let keys = self.client().list_signing_keys(request).await.done().keys;
        keys.into_iter().filter(|key| key.purpose() == purpose).collect()
    }

    async fn activate(&self, key: &SigningKey) {
        let stated = key.purpose() == SigningKeyPurpose::Receipt;
        let request = || ActivateSigningKeyRequest {
            key_id: key.key_id.clone(),
            statement: if stated { self.statement.clone() } else { String::new() },
            operator_root_jwk: if stated { self.root.clone() } else { String::new() },
        };
        loop {
            let answer = self.client().activate_signing_key(self.admin.request(request())).await;
            let Err(refusal) = answer.outcome() else { return };
            // Too early, and it says by how much.
            let wait = refusal.retry_delay().unwrap_or_else(|| panic!("{refusal:?}"));
            tokio::time::sleep(wait).await;
        }
    }
}

/// What a caller saw.
#[derive(Default)]
struct Seen {
    calls: usize,
    tokens: BTreeSet<String>,
    receipts: BTreeSet<String>,
}

/// Signs up, proves a factor at one process, and has operations authorized at others, again and again; and has the nodes
/// act on receipts of every process. Nothing of it may fail.
async fn call(suite: Arc<DevSuite>, issuers: Vec<Channel>, number: usize, over: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    // Has no factor, so that a session is enough to sign.
    let signer = User::new(&suite).await;
    let wallet: Wallet = signer.wallet().await;
    for round in number.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let issuer = |step: usize| &issuers[(round + step) % ISSUERS];
        let user = User::new(&suite).await;
        let mut app = user.enrol().await.app;
        let operation = user.signing(&wallet, b"under load");
        let token = at(&user, issuer(0)).token(&mut app, &[], Some(&operation)).await;
        seen.tokens.insert(key_of(&token));
        for step in 1..=ISSUERS {
            let receipt = at(&user, issuer(step)).authorize(&operation, &token).await.done().receipt;
            seen.receipts.insert(key_of(&receipt));
            let operation = signer.signing(&wallet, b"under load");
            let receipt = at(&signer, issuer(step)).authorize(&operation, "").await.done().receipt;
            seen.receipts.insert(key_of(&receipt));
            signer.sign(&operation, &receipt).await.done();
            seen.calls += 3;
        }
    }
    seen
}

#[test]
fn case_31_keys_that_change_every_two_seconds_cost_no_call_and_a_revoked_one_is_refused_in_time() {
    let (suite, ports) = four("rotation");
    let suite = Arc::new(suite);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let issuers = connect(&suite, ports);
        let operator = Operator::prepare(&suite, &issuers).await;
        let over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..6)
            .map(|number| tokio::spawn(call(suite.clone(), issuers.clone(), number, over.clone())))
            .collect();
        let (elevated, receipts) = (
            operator.keys(SigningKeyPurpose::Elevated).await,
            operator.keys(SigningKeyPurpose::Receipt).await,
        );
        assert_eq!((elevated.len(), receipts.len()), (KEYS, KEYS));
        // From the first that waited long enough.
        operator.activate(&elevated[1]).await;
        let mut turns = tokio::time::interval(TURN);
        for turn in 0..TURNS {
            turns.tick().await;
            operator.activate(&elevated[turn % KEYS]).await;
            operator.activate(&receipts[turn % KEYS]).await;
        }
        over.store(true, Ordering::SeqCst);
        let mut all = Seen::default();
        for caller in callers {
            let seen = caller.await.unwrap();
            all.calls += seen.calls;
            all.tokens.extend(seen.tokens);
            all.receipts.extend(seen.receipts);
        }
        println!("{} calls, none of which failed", all.calls);
        assert!(all.calls >= 100, "{} calls", all.calls);
        // Not all of them for certain, since a call may be slower than a turn.
        assert!(all.tokens.len() >= 3 && all.receipts.len() >= 4, "{:?} {:?}", all.tokens, all.receipts);

        revoked_in_time(&suite, &issuers, &operator).await;
    });
}

/// A key in wrong hands: what it signed is good at every process until it is revoked, and then at none.
async fn revoked_in_time(suite: &DevSuite, issuers: &[Channel], operator: &Operator) {
    let user = User::new(suite).await;
    let wallet = User::new(suite).await.wallet().await;
    let mut app = user.enrol().await.app;
    let operation = user.signing(&wallet, b"stolen");
    let token = user.token(&mut app, &[], Some(&operation)).await;
    for issuer in issuers {
        at(&user, issuer).authorize(&operation, &token).await.done();
    }
    let key_id = key_of(&token);
    let keys = operator.keys(SigningKeyPurpose::Elevated).await;
    let other = keys.iter().find(|key| key.key_id != key_id).unwrap();
    operator.activate(other).await;
    let request = operator.admin.request(RevokeSigningKeyRequest { key_id: key_id.clone() });
    operator.client().revoke_signing_key(request).await.done();
    let revoked = now();
    for issuer in issuers {
        let user = at(&user, issuer);
        // It may be good until a process has noticed. After that it never is.
        loop {
            let began = now().since(revoked);
            match user.authorize(&operation, &token).await.outcome() {
                Ok(_) => assert!(began < NOTICED, "good {began:?} after it was revoked"),
                Err(refusal) => break assert_eq!(refusal.reason, Reason::TokenInvalid, "{refusal:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    println!("refused everywhere {:?} after it was revoked", now().since(revoked));
    for issuer in issuers {
        at(&user, issuer).authorize(&operation, &token).await.refused(Reason::TokenInvalid);
    }
    let keys = operator.keys(SigningKeyPurpose::Elevated).await;
    let gone = keys.iter().find(|key| key.key_id == key_id).unwrap();
    assert_eq!(gone.state(), SigningKeyState::Revoked);
}

/// How many callers redeem while something is revoked.
const CALLERS: usize = 64;

/// What is revoked.
#[derive(Clone, Copy, Debug)]
enum Revoked {
    Token,
    Device,
    Session,
    User,
}

/// A place where a token for signing is good for as long as it lives.
async fn place(suite: &DevSuite) -> Place {
    let place = Admin::owner(suite).await.environment(suite, Preset::Strict).await;
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletSign).token_behavior = TokenBehavior::TimeBound.into();
        })
        .await;
    place
}

#[test]
fn while_64_redeem_at_four_processes_nothing_is_authorized_after_the_revocation() {
    let (suite, ports) = four("revocation");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let issuers = connect(&suite, ports);
        let place = place(&suite).await;
        for revoked in [Revoked::Token, Revoked::Device, Revoked::Session, Revoked::User] {
            redeem_and_revoke(&suite, &place, &issuers, revoked).await;
        }
    });
}

async fn redeem_and_revoke(suite: &DevSuite, place: &Place, issuers: &[Channel], revoked: Revoked) {
    let user = place.user(suite);
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let answered = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let user = at(&user, &issuers[number % ISSUERS]);
        let (wallet, token) = (wallet.clone(), token.clone());
        let (answered, served) = (answered.clone(), served.clone());
        callers.push(tokio::spawn(async move {
            let first = user.signing(&wallet, b"first");
            // Something new, and the first again, in turn; each once after the answer.
            let (mut authorized, mut after) = (0, 0);
            for turn in 0.. {
                let began_after = answered.load(Ordering::SeqCst);
                let operation = if turn % 2 == 0 { first.clone() } else { user.signing(&wallet, b"another") };
                match user.authorize(&operation, &token).await.outcome() {
                    Ok(_) => {
                        assert!(!began_after, "authorized after the revocation was answered");
                        authorized += 1;
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(refusal) if refusal.reason == Reason::TokenRevoked => {}
                    // So many at once may be told to try again, which says nothing.
                    Err(refusal) => {
                        assert_eq!(refusal.reason.code(), Code::Unavailable, "{refusal:?}");
                        continue;
                    }
                }
                after += usize::from(began_after);
                if after == 2 {
                    return authorized;
                }
            }
            unreachable!("it is asked for ever")
        }));
    }
    while served.load(Ordering::SeqCst) < 2 * CALLERS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    revoke(&user, place, issuers, revoked, &token, &factor.device.name).await;
    answered.store(true, Ordering::SeqCst);
    let mut authorized = 0;
    for caller in callers {
        authorized += caller.await.unwrap();
    }
    println!("{revoked:?}: {authorized} operations authorized before, none after");
    // A fresh proof is good everywhere.
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    for issuer in issuers {
        at(&user, issuer).authorize(&user.signing(&wallet, b"afterwards"), &token).await.done();
    }
}

/// By the user at one process, or by an administrator at another.
async fn revoke(
    user: &User,
    place: &Place,
    issuers: &[Channel],
    revoked: Revoked,
    token: &str,
    device: &str,
) {
    let mine = || RevokeTokensRequest { user: user.name(), ..Default::default() };
    let theirs = || RevokeUserTokensRequest { user: user.name(), ..Default::default() };
    let by_user = async |request| {
        at(user, &issuers[1]).introspection().revoke_tokens(user.request(request)).await.done();
    };
    let by_admin = async |request| {
        let mut client = TokenIssuerAdminServiceClient::new(issuers[2].clone());
        client.revoke_user_tokens(place.admin.request(request)).await.done();
    };
    match revoked {
        Revoked::Token => by_user(RevokeTokensRequest { token: token.to_owned(), ..mine() }).await,
        Revoked::Device => by_admin(RevokeUserTokensRequest { device: device.to_owned(), ..theirs() }).await,
        Revoked::Session => {
            by_user(RevokeTokensRequest { session_id: "session-1".to_owned(), ..mine() }).await;
        }
        Revoked::User => by_admin(RevokeUserTokensRequest { all: true, ..theirs() }).await,
    }
}
