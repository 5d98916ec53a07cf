//! Revocations while many redeem, on the stores that services have.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sea_orm::DatabaseConnection;
use storage::RedisSettings;
use storage::redis::Redis;
use testkit::{RedisServer, Scratch};

use super::*;
use crate::authorize_operation::AuthorizeOperation;
use crate::domain::revocation::Revocable;
use crate::migrations::Migrator;
use crate::ports::{IssuedTokens as _, TokenStore};
use crate::store::contract::issue;
use crate::store::{MemoryTokenStore, RedisTokenStore, SqlIssuedTokens, SqlOperationIds, SqlRevocations};

const CALLERS: u32 = 64;

/// Two processes of the issuer over the same stores.
struct Processes {
    bench: Bench,
    databases: [DatabaseConnection; 2],
}

impl Processes {
    fn authorize(&self, process: usize) -> AuthorizeOperation {
        let operations = Arc::new(SqlOperationIds::new(self.databases[process % 2].clone()));
        AuthorizeOperation { operations, ..self.bench.authorize() }
    }

    async fn issue(&self, token: &Token) -> SecretText {
        let issued = SqlIssuedTokens::new(self.databases[0].clone());
        issued.remember(&Revocable::of(token), NOW).await.unwrap();
        issue(self.bench.tokens.as_ref(), token, NOW).await.unwrap();
        self.bench.mint.token(token).unwrap()
    }
}

/// Each caller asks again and again for what its own single-use token paid for, and for ever new operations with the
/// time-bound token that all of them have, while one target is revoked.
async fn nothing_is_authorized_after_the_answer(processes: Processes, round: u32, target: &Target) {
    let shared = time_bound(round * 100);
    let shared_jwt = processes.issue(&shared).await;
    let answered = Arc::new(AtomicBool::new(false));
    let under_way = Arc::new(AtomicUsize::new(0));
    let mut callers = Vec::new();
    for caller in 1..CALLERS {
        let own = for_signing(round * 100 + caller);
        let own_jwt = processes.issue(&own).await;
        // Whether the revocation is of this one too.
        let own_is_hit = *target != Target::Token(shared.id);
        let authorize = processes.authorize(caller as usize);
        let (bench_call, answered, under_way) =
            (processes.bench.call(NOW), answered.clone(), under_way.clone());
        let shared_jwt = shared_jwt.clone();
        callers.push(tokio::spawn(async move {
            let mut refused = 0;
            for number in 0..10_000_u32 {
                let began_after = answered.load(Ordering::SeqCst);
                let again = number % 2 == 0;
                let (operation, jwt, hit) = if again {
                    (sign(round * 1_000_000 + caller, b"mine"), &own_jwt, own_is_hit)
                } else {
                    (sign(round * 1_000_000 + 1_000 + caller * 10_000 + number, b"new"), &shared_jwt, true)
                };
                match authorize.authorize(&bench_call, operation, shown(jwt.clone())).await {
                    Ok(_) => assert!(!(began_after && hit), "authorized after the revocation was answered"),
                    Err(error) => {
                        assert_eq!(error.reason(), Reason::TokenRevoked, "{error:?}");
                        assert!(hit);
                        refused += 1;
                    }
                }
                under_way.fetch_add(1, Ordering::SeqCst);
                if began_after && number % 2 == 1 {
                    break;
                }
            }
            refused
        }));
    }
    // When everybody has been served.
    while under_way.load(Ordering::SeqCst) < 2 * CALLERS as usize {
        tokio::task::yield_now().await;
    }
    let revoke = RevokeTokens {
        revocations: Arc::new(SqlRevocations::new(processes.databases[1].clone())),
        mint: processes.bench.mint.clone(),
    };
    let call = processes.bench.call(NOW);
    let wanted = match target {
        Target::Token(_) => Wanted::Token(shared_jwt),
        other => Wanted::Target(other.clone()),
    };
    revoke.revoke(environment(), user(), wanted, NOW, &call.trail).await.unwrap();
    answered.store(true, Ordering::SeqCst);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
}

async fn whatever_is_revoked(
    database: (DatabaseConnection, Scratch),
    tokens: impl AsyncFn(u32) -> Arc<dyn TokenStore>,
) {
    let (database, scratch) = database;
    storage::sql::migrate::<Migrator>(&database).await.unwrap();
    let databases = [database, scratch.open().await];
    for (round, target) in (0..).zip(Revocable::of(&time_bound(0)).targets()) {
        let target = match target {
            Target::Token(_) => Target::Token(time_bound(round * 100).id),
            other => other,
        };
        let bench = Bench::on(tokens(round).await);
        bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletSign)));
        let processes = Processes { bench, databases: databases.clone() };
        nothing_is_authorized_after_the_answer(processes, round, &target).await;
    }
}

async fn open(scratch: Scratch) -> (DatabaseConnection, Scratch) {
    (scratch.open().await, scratch)
}

/// As `countersign dev` has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_64_redeem_nothing_is_authorized_after_the_revocation_on_embedded_stores() {
    let tokens = async |_| Arc::new(MemoryTokenStore::new()) as Arc<dyn TokenStore>;
    whatever_is_revoked(open(Scratch::sqlite()).await, tokens).await;
}

/// As `countersign serve` has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_64_redeem_nothing_is_authorized_after_the_revocation_on_servers() {
    let server = RedisServer::start(&[]).await;
    let tokens = async |round| {
        let settings = RedisSettings {
            url: Some(server.url()),
            key_prefix: format!("revoke-{round}"),
            response_timeout_ms: 10_000,
            call_timeout_ms: 30_000,
            ..RedisSettings::default()
        };
        Arc::new(RedisTokenStore::new(Redis::connect(&settings).await.unwrap())) as Arc<dyn TokenStore>
    };
    whatever_is_revoked(open(Scratch::postgres()).await, tokens).await;
}
