use super::*;
use crate::witness::{Witness, contract};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn the_witness_in_redis_keeps_the_contract() {
    let server = RedisServer::start(&[]).await;
    let redis = [connected(&server).await, connected(&server).await];
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let open = || -> Arc<dyn Witness> {
        let number = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(RedisWitness::new(redis[number % redis.len()].clone()))
    };
    contract::holds(open).await;
}

#[tokio::test]
async fn it_outlives_a_restart_and_a_failover() {
    let mut server = RedisServer::start(&[("appendonly", "yes"), ("appendfsync", "always")]).await;
    let witness = RedisWitness::new(connected(&server).await);
    assert_eq!(witness.raise("main", 7).await.unwrap(), 7);
    server.kill();
    let error = witness.raise("main", 8).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    assert!(error.message().contains("the witness does not answer"), "{error}");
    server.restart().await;
    let again = RedisWitness::new(connected(&server).await);
    assert_eq!(again.read("main").await.unwrap(), Some(7));

    let replica = server.replica(&[]).await;
    server.kill();
    replica.replica_of(None).await;
    let promoted = RedisWitness::new(connected(&replica).await);
    assert_eq!(promoted.raise("main", 6).await.unwrap(), 7);
}

#[tokio::test]
async fn what_no_witness_wrote_is_not_believed() {
    let server = RedisServer::start(&[]).await;
    let witness = RedisWitness::new(connected(&server).await);
    for bad in ["", "x", "-1", "1e3", "9007199254740992", "7 "] {
        server.command(&["SET", "test:witness:main", bad]).await.expect_ok();
        assert_eq!(witness.read("main").await.unwrap_err().reason(), Reason::StoreUnavailable, "{bad}");
        assert_eq!(witness.raise("main", 1).await.unwrap_err().reason(), Reason::StoreUnavailable, "{bad}");
    }
    server.command(&["DEL", "test:witness:main"]).await.expect_ok();
    assert_eq!(witness.raise("main", 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_role_can_be_let_write_its_own_numbers_alone() {
    use crate::mark::{Mode, Owner};

    let server = RedisServer::start(&[]).await;
    let folder = testkit::folder();
    let password = folder.path().join("password");
    std::fs::write(&password, "hunter2").unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let owner = |role| Owner::new("main", role, Mode::Production).unwrap();
    let names = |role| {
        let owner = owner(role);
        [owner.witness_name(), owner.statement_name()]
    };
    // The rules of docs/redis.md.
    let node = "mpc-signer.node-1";
    let keys = names(node).map(|name| format!("~test:witness:{name}"));
    let mut command =
        vec!["ACL", "SETUSER", "node-1", "reset", "on", ">hunter2", "resetkeys", "~test:ready:*"];
    command.extend(keys.iter().map(String::as_str));
    command.extend(["resetchannels", "-@all", "+info", "+eval", "+evalsha", "+get", "+set", "+pttl"]);
    server.command(&command).await.expect_ok();
    let settings = RedisSettings {
        username: Some("node-1".to_owned()),
        password_file: Some(password),
        ..at(server.url())
    };
    let redis = Redis::connect(&settings).await.unwrap();
    redis.check().await.unwrap();
    let witness = RedisWitness::new(redis);
    for name in names(node) {
        assert_eq!(witness.raise(&name, 7).await.unwrap(), 7);
        assert_eq!(witness.read(&name).await.unwrap(), Some(7));
    }
    let all = RedisWitness::new(connected(&server).await);
    for role in ["policy", "mpc-signer.node-2", "mpc-signer.node-10", "mpc-signer.node-1.x"] {
        for name in names(role) {
            all.raise(&name, 3).await.unwrap();
            assert!(witness.raise(&name, 8).await.is_err(), "{name}");
            assert!(witness.read(&name).await.is_err(), "{name}");
            assert_eq!(all.read(&name).await.unwrap(), Some(3), "{name}");
        }
    }
}
