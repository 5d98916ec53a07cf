use super::*;
use testkit::RedisSentinels;

fn watched(sentinels: &RedisSentinels) -> RedisSettings {
    let sentinel = SentinelSettings {
        urls: sentinels.urls(),
        master: sentinels.name().to_owned(),
        ..SentinelSettings::default()
    };
    RedisSettings { sentinel: Some(sentinel), ..settings() }
}

#[tokio::test]
async fn the_primary_is_where_the_sentinels_say() {
    let mut primary = RedisServer::start(&[]).await;
    let replica = primary.replica(&[]).await;
    let sentinels = RedisSentinels::watch(&primary, 1).await;
    let redis = Redis::connect(&watched(&sentinels)).await.unwrap();
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 1);
    assert_eq!(primary.command(&["GET", "test:count:{1}"]).await.text().as_deref(), Some("1"));
    replica.in_step_with(&primary).await;

    primary.kill();
    sentinels.failed_over_from(primary.port()).await;
    let mut last = None;
    for _ in 0..500 {
        match counted(&redis, Again::Never).await {
            Ok(count) => {
                last = Some(count);
                break;
            }
            Err(error) => assert_eq!(error.reason(), Reason::StoreUnavailable),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(last, Some(2), "the promoted replica is used");
    assert_eq!(replica.command(&["GET", "test:count:{1}"]).await.text().as_deref(), Some("2"));
}

#[tokio::test]
async fn a_sentinel_that_is_away_or_knows_nothing_is_said() {
    let primary = RedisServer::start(&[]).await;
    let sentinels = RedisSentinels::watch(&primary, 0).await;
    let good = watched(&sentinels);
    let with = |urls: Vec<String>, master: &str| {
        let sentinel = SentinelSettings { urls, master: master.to_owned(), ..SentinelSettings::default() };
        RedisSettings { sentinel: Some(sentinel), ..good.clone() }
    };
    let why = refused(&with(sentinels.urls(), "other")).await;
    assert!(why.contains("no primary of the name `other`") && why.contains("redis.sentinel.master"), "{why}");
    let why = refused(&with(vec![primary.url()], "tokens")).await;
    assert!(why.contains("does not say where the primary is"), "{why}");

    // Of several, one that answers is enough.
    let mut gone = RedisServer::start(&[]).await;
    gone.kill();
    let one = vec![gone.url(), sentinels.urls()[1].clone()];
    Redis::connect(&with(one, "tokens")).await.unwrap().check().await.unwrap();
    assert!(refused(&with(vec![gone.url()], "tokens")).await.contains("cannot be reached"));

    let findings = Redis::probe(&watched(&sentinels)).await.unwrap();
    assert!(findings.iter().all(|finding| finding.severity == Severity::Advice), "{findings:?}");
}
