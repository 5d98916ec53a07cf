//! What an authorization is made of, each by itself: the CPU time that this process takes for one, without what a store's
//! process takes.

use std::sync::Arc;
use std::time::Duration;

use jose::{Algorithm, ClaimMap, ElevatedClaims, Expect, KeySet, Kind, ReceiptClaims, SigningKey};
use kernel::audit::{Actor, Event, Outcome};
use kernel::secret::ExposeSecret as _;
use kernel::{EnvironmentId, OperationId, UserId};
use operation::Digest;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement, Value};
use storage::redis::{Redis, RedisSettings};
use storage::sql::{self, DatabaseSettings};
use storage::{AuditLog as _, SqlAuditLog};
use token_issuer::ports::TokenStore as _;
use token_issuer::{ELEVATED_AUDIENCE, RedisTokenStore};

use crate::cluster::Cluster;
use crate::measure::{closed_loop, during};
use crate::people::Ticket;
use crate::support::{fresh, tokens};
use crate::usage::{own_cpu, thread_cpu};

/// How often what needs no store is done.
const ROUNDS: u32 = 3000;

/// How long what needs one is done.
const TIME: Duration = Duration::from_millis(1500);

/// What needs no store.
pub(crate) struct Alone {
    pub(crate) verify_session: Duration,
    pub(crate) verify_token: Duration,
    pub(crate) sign_receipt: Duration,
}

/// Does it with a session, a token and a receipt as they are.
pub(crate) fn alone(cluster: &Cluster, ticket: &Ticket, receipt: &str) -> Alone {
    let provider = &cluster.suite.file.provider;
    let keys = KeySet::from_jwks_json(&provider.jwks(), &[Algorithm::Es256]).unwrap();
    let audience = format!("{}/{}", provider.audience, ticket.user().environment);
    let session = Expect {
        kind: Kind::Session,
        issuer: &provider.issuer,
        audiences: &[&audience],
        algorithms: &[Algorithm::Es256],
        leeway: Duration::from_secs(30),
        max_age: None,
    };
    let verify_session = once(|| {
        let verified = jose::verify::<ClaimMap>(ticket.session(), &keys, &session, fresh::now()).unwrap();
        jose::session_claims(&verified.claims, "sid").unwrap();
    });

    // The issuer keeps its keys to itself, so another one of the same kind signs the same claims.
    let (header, claims) = tokens::parts(&ticket.token);
    let key = SigningKey::generate(header["alg"].as_str().unwrap().parse().unwrap()).unwrap();
    let token = jose::sign(Kind::Elevated, &claims, &key).unwrap();
    let keys = KeySet::from_keys(vec![key.public_jwk()]).unwrap();
    let elevated = Expect {
        kind: Kind::Elevated,
        issuer: claims["iss"].as_str().unwrap(),
        audiences: &[ELEVATED_AUDIENCE],
        algorithms: &Algorithm::ALL,
        ..session
    };
    let verify_token = once(|| {
        jose::verify::<ElevatedClaims>(token.expose_secret(), &keys, &elevated, fresh::now()).unwrap();
    });

    let (_, claims) = tokens::parts(receipt);
    let claims: ReceiptClaims = serde_json::from_value(claims).unwrap();
    let sign_receipt = once(|| drop(jose::sign(Kind::Receipt, &claims, &key).unwrap()));
    Alone { verify_session, verify_token, sign_receipt }
}

fn once(mut work: impl FnMut()) -> Duration {
    for _ in 0..ROUNDS / 10 {
        work();
    }
    let before = thread_cpu();
    for _ in 0..ROUNDS {
        work();
    }
    (thread_cpu() - before) / ROUNDS
}

/// What needs a store.
pub(crate) struct Stored {
    /// What the keeper of the factors reads.
    pub(crate) facts: Duration,
    /// What policy reads to decide; the decision itself takes a few microseconds more.
    pub(crate) decide: Duration,
    pub(crate) redeem: Duration,
    /// The intent, before anything is consumed, and how it ended: two statements, each on disk when it is confirmed.
    pub(crate) audit: Duration,
    /// Ties the operation's id to its digest: the same.
    pub(crate) claim: Duration,
}

/// The stores as this process uses them, in the same way as the services.
pub(crate) struct Stores {
    facts: DatabaseConnection,
    policy: DatabaseConnection,
    issuer: DatabaseConnection,
    audit: Arc<SqlAuditLog>,
    tokens: Arc<RedisTokenStore>,
}

impl Stores {
    /// Opens them.
    pub(crate) async fn open(cluster: &Cluster) -> Self {
        let open = async |schema: &str| {
            let settings = DatabaseSettings {
                schema: Some(schema.to_owned()),
                max_connections: 16,
                ..cluster.postgres.settings()
            };
            sql::open(&settings).await.unwrap()
        };
        let redis = RedisSettings {
            url: Some(cluster.redis.url()),
            key_prefix: "load".to_owned(),
            ..RedisSettings::default()
        };
        let issuer = open("token_issuer").await;
        Self {
            facts: open("mfa_devices").await,
            policy: open("policy").await,
            audit: Arc::new(SqlAuditLog::new(issuer.clone())),
            issuer,
            tokens: Arc::new(RedisTokenStore::new(Redis::connect(&redis).await.unwrap())),
        }
    }

    /// Measures each, with so many in flight.
    pub(crate) async fn measure(&self, in_flight: usize, ticket: &Ticket) -> Stored {
        let (environment, user) = (ticket.user().environment, ticket.user().id);
        let key = [Value::from(environment.uuid()), Value::from(user.uuid())];
        Stored {
            facts: self.read_facts(in_flight, &key).await,
            decide: self.read_environment(in_flight, &key[0]).await,
            redeem: self.redeem(in_flight).await,
            audit: self.write_audit(in_flight).await,
            claim: self.claim(in_flight, environment, user).await,
        }
    }

    async fn read_facts(&self, in_flight: usize, key: &[Value; 2]) -> Duration {
        let of_user = |sql| statement(sql, key.to_vec());
        let statements = [
            of_user(
                "SELECT id, environment, user_id, session, created_ms, last_use_ms, acknowledged \
                 FROM recovery_code_sets WHERE environment = $1 AND user_id = $2",
            ),
            of_user(
                "SELECT environment, user_id, ever_verified, default_device, generation, first_session, revision \
                 FROM factor_owners WHERE environment = $1 AND user_id = $2",
            ),
            of_user(
                "SELECT d.*, s.*, p.* FROM devices d LEFT JOIN totp_secrets s ON s.device = d.id \
                 LEFT JOIN passkeys p ON p.device = d.id WHERE d.environment = $1 AND d.user_id = $2",
            ),
        ];
        self.statements(in_flight, &self.facts, &statements).await
    }

    async fn read_environment(&self, in_flight: usize, id: &Value) -> Duration {
        let statements = [statement(
            "SELECT e.id, e.version, e.created_ms, v.environment, v.version, v.settings, v.made_ms, v.made_by \
             FROM environments e LEFT JOIN environment_versions v \
             ON v.environment = e.id AND v.version = e.version WHERE e.id = $1",
            vec![id.clone()],
        )];
        self.statements(in_flight, &self.policy, &statements).await
    }

    async fn statements(
        &self,
        in_flight: usize,
        database: &DatabaseConnection,
        statements: &[Statement],
    ) -> Duration {
        let statements: Arc<[Statement]> = statements.into();
        let database = database.clone();
        per_call(in_flight, move || {
            let (database, statements) = (database.clone(), statements.clone());
            async move {
                for statement in statements.iter() {
                    let rows = database.query_all_raw(statement.clone()).await.unwrap();
                    assert!(rows.len() <= 1, "{statement}");
                }
            }
        })
        .await
    }

    async fn redeem(&self, in_flight: usize) -> Duration {
        let tokens: Vec<_> = (0..2000).map(|_| tokens::elevated(fresh::entropy())).collect();
        let store = self.tokens.clone();
        closed_loop(in_flight, tokens.clone().into_iter(), move |_, token| {
            let store = store.clone();
            async move {
                let now = fresh::now();
                let room = store.check_room(token.environment, token.user, now).await.unwrap();
                store.issue(&token, &room, now).await.unwrap();
            }
        })
        .await;
        let (store, before) = (self.tokens.clone(), own_cpu());
        let run = closed_loop(in_flight, tokens.into_iter(), move |_, token| {
            let store = store.clone();
            async move {
                let id = OperationId::random(fresh::entropy());
                store.redeem(token.key(), id, Digest::from_bytes([1; 32]), fresh::now()).await.unwrap();
            }
        })
        .await;
        (own_cpu() - before).div_f64(run.calls() as f64)
    }

    async fn write_audit(&self, in_flight: usize) -> Duration {
        let audit = self.audit.clone();
        per_call(in_flight, move || {
            let audit = audit.clone();
            async move {
                let event = Event::new("operation.authorize", fresh::now(), Actor::Unknown);
                let intent = audit.begin(event).await.unwrap();
                audit.finish(intent, Outcome::Succeeded).await.unwrap();
            }
        })
        .await
    }

    async fn claim(&self, in_flight: usize, environment: EnvironmentId, user: UserId) -> Duration {
        let database = self.issuer.clone();
        per_call(in_flight, move || {
            let database = database.clone();
            let values = vec![
                Value::from(environment.uuid()),
                Value::from(user.uuid()),
                Value::from(OperationId::random(fresh::entropy()).uuid()),
                Value::from(vec![1_u8; 32]),
            ];
            let insert = statement(
                "INSERT INTO authorized_operations \
                 (environment, user_id, operation_id, digest, first_seen_ms, shared) \
                 VALUES ($1, $2, $3, $4, 0, false) ON CONFLICT (environment, user_id, operation_id) DO NOTHING",
                values,
            );
            async move {
                database.execute_raw(insert).await.unwrap();
            }
        })
        .await
    }
}

fn statement(sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// The CPU time of this process for one.
async fn per_call<F>(in_flight: usize, work: impl Fn() -> F + Clone + Send + 'static) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let before = own_cpu();
    let run = closed_loop(in_flight, during(TIME), move |_, ()| work()).await;
    (own_cpu() - before).div_f64(run.calls() as f64)
}
