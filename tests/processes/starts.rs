//! What is not right stops the start, with a line that names it and says what would be right.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use kernel::{Clock as _, Timestamp};
use runtime::SystemClock;
use testkit::{RedisServer, TestAuthority};

use crate::support::deployment::{Deployment, Stores};
use crate::support::servers;

/// A deployment that is prepared and of which nothing runs.
fn deployment() -> &'static Deployment {
    static PREPARED: OnceLock<Deployment> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let servers = servers::fresh();
        Deployment::prepare("starts", Stores::Servers { postgres: servers.postgres, redis: servers.redis })
    })
}

/// Starts a process with other settings than those of its file: it must end, and say all of this.
#[track_caller]
fn refused(process: &str, settings: &[(&str, &str)], words: &[&str]) {
    let told = deployment().refused(process, settings);
    for word in words {
        assert!(told.contains(word), "{process} with {settings:?} does not say `{word}`:\n{told}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_store_that_is_away_is_named() {
    let nowhere = [("COUNTERSIGN__POLICY__DATABASE__URL", "postgres://countersign@127.0.0.1:1/countersign")];
    refused("policy", &nowhere, &["STORE_UNAVAILABLE", "Postgres", "127.0.0.1:1"]);
    let nowhere = [("COUNTERSIGN__TOKEN_ISSUER__REDIS__URL", "redis://127.0.0.1:1")];
    refused("token-issuer", &nowhere, &["STORE_UNAVAILABLE", "Redis", "127.0.0.1:1"]);
    let nowhere = [("COUNTERSIGN__MFA_DEVICES__REDIS__URL", "redis://127.0.0.1:1")];
    refused("mfa-devices", &nowhere, &["STORE_UNAVAILABLE", "Redis", "127.0.0.1:1"]);
}

#[test]
fn a_database_without_its_schema_and_one_of_a_newer_version_are_refused() {
    let empty = servers::fresh().postgres;
    let settings = [("COUNTERSIGN__POLICY__DATABASE__URL", empty.as_str())];
    refused("policy", &settings, &["migrate"]);

    let newer = servers::fresh().postgres;
    let settings = [("COUNTERSIGN__POLICY__DATABASE__URL", newer.as_str())];
    deployment().command_with(
        &["migrate", "--role", "policy", "--config"],
        &[deployment().config("policy")],
        &settings,
    );
    servers::sql(&newer, "INSERT INTO policy.seaql_migrations VALUES ('m990001_of_tomorrow', 0)");
    refused("policy", &settings, &["m990001_of_tomorrow", "newer"]);
}

#[test]
fn a_database_that_cannot_be_written_is_refused() {
    let database = servers::fresh().postgres;
    let settings = [("COUNTERSIGN__POLICY__DATABASE__URL", database.as_str())];
    deployment().command_with(
        &["migrate", "--role", "policy", "--config"],
        &[deployment().config("policy")],
        &settings,
    );
    let (_, name) = database.rsplit_once('/').unwrap();
    servers::sql(&database, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    refused("policy", &settings, &["read-only"]);
}

#[test]
fn a_database_of_somebody_else_is_refused() {
    // Each database is marked at the first start of its process.
    for process in ["node-2", "policy"] {
        deployment().serve(process);
        deployment().stop(process);
    }
    let another_node = [("COUNTERSIGN__MPC_SIGNER__DATABASE__SCHEMA", "node_2")];
    refused("node-1", &another_node, &["node-1", "node-2"]);
    refused("policy", &[("COUNTERSIGN__DEPLOYMENT", "another")], &["another", "tests"]);
    refused("policy", &[("COUNTERSIGN__MODE", "dev")], &["dev", "production"]);
    // Another role's has another schema, and is refused for that already.
    refused("mfa-devices", &[("COUNTERSIGN__MFA_DEVICES__DATABASE__SCHEMA", "policy")], &["migrat"]);
}

#[test]
fn the_secrets_of_another_role_node_or_deployment_are_refused_by_name() {
    let of = |name: &str| deployment().path(name);
    let others = of("mfa-devices.keys.json");
    let settings = [("COUNTERSIGN__TOKEN_ISSUER__KEYS_FILE", text(&others))];
    refused("token-issuer", &settings, &["mfa-devices", "token-issuer"]);
    let others = of("mpc-signer.node-2.keys.json");
    let settings = [("COUNTERSIGN__MPC_SIGNER__KEYS_FILE", text(&others))];
    refused("node-1", &settings, &["node-2", "node-1"]);
    let others = of("node-2.identity.json");
    let settings = [("COUNTERSIGN__MPC_SIGNER__IDENTITY_FILE", text(&others))];
    refused("node-1", &settings, &["node-2", "node-1"]);
    let root = of("root.json");
    let settings = [("COUNTERSIGN__MFA_DEVICES__KEYS_FILE", text(&root))];
    refused("mfa-devices", &settings, &["root.json"]);
    let missing = of("nothing.json");
    let settings = [("COUNTERSIGN__MFA_DEVICES__KEYS_FILE", text(&missing))];
    refused("mfa-devices", &settings, &["nothing.json"]);
}

/// Writes a certificate of an authority of the deployment's own kind, good between two moments; where it lies.
fn certificate(
    name: &str,
    authority: &TestAuthority,
    validity: std::ops::Range<Timestamp>,
) -> (PathBuf, PathBuf) {
    let dns = "policy.tests.countersign.internal";
    authority.issue(&[dns, "localhost"], validity).write(deployment().folder.path(), name)
}

#[test]
fn certificates_that_are_missing_over_not_yet_good_or_another_keys_are_refused() {
    const CERTIFICATE: &str = "COUNTERSIGN__POLICY__TLS__CERTIFICATE_FILE";
    const KEY: &str = "COUNTERSIGN__POLICY__TLS__KEY_FILE";
    let day = Duration::from_secs(24 * 60 * 60);
    let now = SystemClock.now();
    let ago =
        |times: u32| Timestamp::from_millis(now.millis() - i64::try_from((day * times).as_millis()).unwrap());
    let missing = deployment().path("nothing.pem");
    refused("policy", &[(CERTIFICATE, text(&missing))], &["policy.tls.certificate_file", "nothing.pem"]);

    let authority = TestAuthority::new("of the test");
    let (over, key) = certificate("over", &authority, ago(2)..ago(1));
    refused("policy", &[(CERTIFICATE, text(&over)), (KEY, text(&key))], &["policy.tls", "expired"]);
    let (early, key) = certificate("early", &authority, now.plus(day)..now.plus(day * 2));
    refused("policy", &[(CERTIFICATE, text(&early)), (KEY, text(&key))], &["policy.tls", "not"]);

    let others = deployment().path("certs/node-1.key.pem");
    refused("policy", &[(KEY, text(&others))], &["policy.tls.key_file"]);
    let no_key = deployment().path("certs/policy.pem");
    refused("policy", &[(KEY, text(&no_key))], &["policy.tls.key_file"]);
}

#[test]
fn settings_that_are_none_or_that_production_does_not_take_are_refused_by_name() {
    refused(
        "policy",
        &[("COUNTERSIGN__POLICY__DATABSE__URL", "x")],
        &["databse", "did you mean", "database"],
    );
    refused("policy", &[("COUNTERSIGN__LOG__LEVEL", "trace")], &["log.level"]);
    refused(
        "policy",
        &[("COUNTERSIGN__POLICY__DATABASE__URL", "sqlite:///tmp/x")],
        &["policy.database.url", "SQLite"],
    );
    let plain = [("COUNTERSIGN__MFA_DEVICES__POLICY__URL", "http://127.0.0.1:7111")];
    refused("mfa-devices", &plain, &["mfa-devices.policy.url"]);
    // What other roles say is not looked at.
    let others =
        [("COUNTERSIGN__TOKEN_ISSUER__NONSENSE", "x"), ("COUNTERSIGN__POLICY__DATABASE__SCHEMA", "NO")];
    refused("policy", &others, &["policy.database.schema"]);
}

#[test]
fn a_witness_that_is_not_there_is_refused() {
    let missing = deployment().path("no-witness");
    refused("policy", &[("COUNTERSIGN__WITNESS__FOLDER", text(&missing))], &["no-witness"]);
}

#[test]
fn a_statement_that_is_another_roots_or_another_issuers_is_refused() {
    let another = "https://another.countersign-tests.invalid";
    refused("node-1", &[("COUNTERSIGN__MPC_SIGNER__RECEIPTS__ISSUER", another)], &["statement"]);
    deployment().command(&["keys", "root", "new", "--out", "root-2.json"], &[]);
    let root = deployment().path("root-2.pub.json");
    refused(
        "node-1",
        &[("COUNTERSIGN__MPC_SIGNER__RECEIPTS__OPERATOR_ROOT_FILE", text(&root))],
        &["statement"],
    );
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused("policy", &[("COUNTERSIGN__POLICY__PUBLIC__LISTEN", &address)], &[&address, "in use"]);
}

#[test]
fn case_32_a_redis_that_forgets_or_does_not_say_who_it_is_is_refused() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = runtime.block_on(RedisServer::start(&[("maxmemory-policy", "allkeys-lru")]));
    let url = redis.url();
    let settings = [("COUNTERSIGN__TOKEN_ISSUER__REDIS__URL", url.as_str())];
    refused("token-issuer", &settings, &["noeviction"]);
    runtime.block_on(async {
        redis.config_set("maxmemory-policy", "noeviction").await;
        redis.command(&["ACL", "SETUSER", "default", "-info"]).await;
    });
    refused("token-issuer", &settings, &["INFO"]);
    runtime.block_on(redis.command(&["ACL", "SETUSER", "default", "+info"]));
    let replica = runtime.block_on(redis.replica(&[]));
    let url = replica.url();
    refused("token-issuer", &[("COUNTERSIGN__TOKEN_ISSUER__REDIS__URL", url.as_str())], &["not a primary"]);
}
