use super::*;

#[tokio::test]
async fn a_server_that_is_fit_is_used() {
    let server = RedisServer::start(&[]).await;
    let redis = connected(&server).await;
    redis.check().await.unwrap();
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 1);
    assert_eq!(server.command(&["GET", "test:count:{1}"]).await.text().as_deref(), Some("1"));
    let debug = format!("{redis:?}");
    assert!(debug.contains("test"), "{debug}");
}

#[tokio::test]
async fn what_makes_a_server_unfit_is_said_with_how_to_mend_it() {
    let server = RedisServer::start(&[]).await;
    server.config_set("maxmemory-policy", "volatile-lru").await;
    let why = refused(&at(server.url())).await;
    assert!(why.contains(&server.port().to_string()) && why.contains("volatile-lru"), "{why}");
    assert!(why.contains("CONFIG SET maxmemory-policy noeviction"), "{why}");
    server.config_set("maxmemory-policy", "noeviction").await;

    let replica = server.replica(&[]).await;
    assert!(refused(&at(replica.url())).await.contains("not a primary (role slave)"));
    // One that takes writes is not a primary either.
    replica.config_set("replica-read-only", "no").await;
    assert!(refused(&at(replica.url())).await.contains("not a primary (role slave)"));

    let sentinels = testkit::RedisSentinels::watch(&server, 1).await;
    let why = refused(&at(&sentinels.urls()[0])).await;
    assert!(why.contains("is a Sentinel") && why.contains("redis.sentinel.urls"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said() {
    let mut server = RedisServer::start(&[]).await;
    server.kill();
    let why = refused(&at(server.url())).await;
    assert!(why.contains("cannot be reached") && why.contains(&server.port().to_string()), "{why}");

    let mut server = RedisServer::start(&[]).await;
    server.pause();
    let why = refused(&RedisSettings { connect_timeout_ms: 200, ..at(server.url()) }).await;
    assert!(why.contains("does not answer in time"), "{why}");
}

#[tokio::test]
async fn users_and_passwords_are_checked_and_not_shown() {
    let server = RedisServer::start(&[]).await;
    let folder = testkit::folder();
    let password = |text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let file = folder.path().join(text);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        Some(file)
    };
    let user = |name: &str, file| RedisSettings {
        username: Some(name.to_owned()),
        password_file: file,
        ..at(server.url())
    };
    let acl = async |name: &str, rules: &[&str]| {
        let mut command = vec!["ACL", "SETUSER", name, "reset", "on", ">hunter2"];
        command.extend_from_slice(rules);
        server.command(&command).await.expect_ok();
    };
    // The rules of the documents.
    let rules = ["~test:*", "-@all", "+info", "+eval", "+evalsha", "+get", "+set", "+pttl"];
    acl("issuer", &rules).await;
    let redis = Redis::connect(&user("issuer", password("hunter2"))).await.unwrap();
    redis.check().await.unwrap();

    let why = refused(&user("issuer", password("hunter3"))).await;
    assert!(why.contains("the user `issuer`") && why.contains("redis.password_file"), "{why}");
    assert!(!why.contains("hunter"), "{why}");

    for (place, forbidden, said) in [
        (2, "-info", "INFO"),
        (3, "-eval", "EVAL"),
        (5, "-get", "can't run this command"),
        (6, "-set", "can't run this command"),
    ] {
        let mut less = rules.to_vec();
        less[place] = forbidden;
        acl("issuer", &less).await;
        let why = refused(&user("issuer", password("hunter2"))).await;
        assert!(why.contains(said), "{forbidden}: {why}");
        assert!(why.contains("ACL SETUSER") && why.contains("+info +eval +evalsha"), "{why}");
    }
    acl("issuer", &[&["~other:*"], &rules[1..]].concat()).await;
    let why = refused(&user("issuer", password("hunter2"))).await;
    assert!(why.contains("keys") && why.contains("~PREFIX:*"), "{why}");

    server.config_set("requirepass", "hunter2").await;
    let why = refused(&at(server.url())).await;
    assert!(why.contains("wants a password") && why.contains("redis.password_file"), "{why}");
    let unread = RedisSettings { password_file: Some(folder.path().join("none")), ..at(server.url()) };
    assert!(refused(&unread).await.contains("redis.password_file"));
    let default = RedisSettings { password_file: password("hunter2"), ..at(server.url()) };
    Redis::connect(&default).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_not_ready() {
    let server = RedisServer::start(&[]).await;
    let redis = connected(&server).await;
    let reads = Script::reading("return {'READ'}");
    for (key, bad, good) in [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")] {
        server.config_set(key, bad).await;
        let error = redis.check().await.unwrap_err();
        assert_eq!(error.reason(), Reason::StoreUnavailable, "{key}");
        assert_eq!(counted(&redis, Again::Never).await.unwrap_err().reason(), Reason::StoreUnavailable);
        assert_eq!(redis.run(&Call::new(&reads)).await.unwrap().word(), "READ", "{key}");
        let why = refused(&at(server.url())).await;
        assert!(why.contains(if key == "maxmemory" { "OOM" } else { "NOREPLICAS" }), "{why}");
        server.config_set(key, good).await;
        redis.check().await.unwrap();
    }
}

#[tokio::test]
async fn the_doctor_is_told_everything() {
    let server = RedisServer::start(&[("repl-backlog-ttl", "3600")]).await;
    let findings = Redis::probe(&at(server.url())).await.unwrap();
    let said: Vec<_> = findings.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(findings.len(), 4, "{said:?}");
    assert!(findings.iter().all(|finding| finding.severity == Severity::Advice));
    for part in ["maxmemory 0", "appendonly no", "has no replica", "repl-backlog-ttl"] {
        assert!(said.iter().any(|said| said.contains(part)), "{part}: {said:?}");
    }
    server.config_set("maxmemory-policy", "allkeys-lfu").await;
    let findings = Redis::probe(&at(server.url())).await.unwrap();
    assert_eq!(findings[0].severity, Severity::Refused);
    assert!(findings[0].to_string().contains("allkeys-lfu"), "{}", findings[0]);
    server.config_set("maxmemory-policy", "noeviction").await;
    server.config_set("min-replicas-to-write", "1").await;
    let findings = Redis::probe(&at(server.url())).await.unwrap();
    assert!(findings[0].to_string().contains("NOREPLICAS"), "{}", findings[0]);
    assert!(Redis::probe(&at("redis://store?db=1")).await.is_err());
    let replica = RedisServer::start(&[]).await.replica(&[]).await;
    assert!(Redis::probe(&at(replica.url())).await.unwrap()[0].what.contains("role slave"));
}
