use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use kernel::{Error, Reason};
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_check_response::ServingStatus;
use tower::ServiceExt as _;

use super::{Check, Readiness, probes};
use crate::server::bench::Bench;

/// A check that comes out as it is told.
fn switch(name: &'static str) -> (Check, Arc<AtomicBool>) {
    let good = Arc::new(AtomicBool::new(false));
    let seen = good.clone();
    let check = Check::new(name, Duration::from_secs(1), move || {
        let good = seen.load(Ordering::SeqCst);
        async move { if good { Ok(()) } else { Err(Error::store_unavailable("password hunter2")) } }
    });
    (check, good)
}

async fn get(readiness: &Readiness, path: &str) -> (u16, String) {
    let request = http::Request::get(path).body(Body::empty()).unwrap();
    let answer = probes::router(readiness.clone()).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn ready_is_when_every_check_came_out_well() {
    let ((database, database_good), (tokens, tokens_good)) = (switch("database"), switch("tokens"));
    let readiness = Readiness::new(vec![database, tokens]);
    let (status, text) = get(&readiness, "/readyz").await;
    assert_eq!(status, 503);
    assert_eq!(text, "not ready\ndatabase: not looked at yet\ntokens: not looked at yet\n");
    assert_eq!(get(&readiness, "/livez").await.0, 200);

    database_good.store(true, Ordering::SeqCst);
    readiness.look().await;
    let (status, text) = get(&readiness, "/readyz").await;
    assert_eq!(status, 503);
    assert!(text.contains("database: ok\n") && text.contains("tokens: failed: STORE_UNAVAILABLE"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");

    tokens_good.store(true, Ordering::SeqCst);
    readiness.look().await;
    assert_eq!(get(&readiness, "/readyz").await, (200, "ready\ndatabase: ok\ntokens: ok\n".to_owned()));
    readiness.ready().await;

    database_good.store(false, Ordering::SeqCst);
    readiness.look().await;
    assert!(!readiness.is_ready());

    database_good.store(true, Ordering::SeqCst);
    readiness.look().await;
    readiness.drain(Duration::ZERO).await;
    let (status, text) = get(&readiness, "/readyz").await;
    assert_eq!((status, text.lines().next()), (503, Some("stopping")));
    readiness.look().await;
    assert!(!readiness.is_ready(), "for good");
    assert_eq!(get(&readiness, "/livez").await.0, 200);
    assert_eq!(get(&readiness, "/").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_or_panics_fails_and_is_made_again() {
    let calm = Arc::new(AtomicBool::new(false));
    let seen = calm.clone();
    let hangs = Check::new("hangs", Duration::from_secs(2), move || {
        let calm = seen.load(Ordering::SeqCst);
        async move { if calm { Ok(()) } else { std::future::pending().await } }
    });
    let seen = calm.clone();
    let panics = Check::new("panics", Duration::from_secs(2), move || {
        let calm = seen.load(Ordering::SeqCst);
        async move { if calm { Ok(()) } else { panic!("a defect") } }
    });
    let readiness = Readiness::new(vec![hangs, panics]);
    let stop = CancellationToken::new();
    let poll = tokio::spawn({
        let (readiness, stop) = (readiness.clone(), stop.clone());
        async move { readiness.poll(Duration::from_secs(1), stop).await }
    });
    let mut changes = readiness.changes();
    changes.changed().await.unwrap();
    let report = readiness.report();
    assert!(report.contains("hangs: failed: no answer within 2000 ms"), "{report}");
    assert!(report.contains("panics: failed: INTERNAL"), "{report}");
    calm.store(true, Ordering::SeqCst);
    readiness.ready().await;
    stop.cancel();
    poll.await.unwrap();
}

#[tokio::test]
async fn grpc_health_says_what_readiness_says() {
    let bench = Bench::new();
    let (check, good) = switch("database");
    let readiness = Readiness::new(vec![check]);
    let (router, health) = bench.mount().readiness(readiness.clone()).into_router().await.unwrap();
    let follow = tokio::spawn({
        let health = health.clone();
        async move { health.follow().await }
    });
    let until = async |wanted: ServingStatus| {
        for service in ["", "countersign.policy.v1.PolicyService"] {
            let mut client = tonic_health::pb::health_client::HealthClient::new(router.clone());
            let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
            while client.check(request.clone()).await.unwrap().into_inner().status() != wanted {
                tokio::task::yield_now().await;
            }
        }
    };
    until(ServingStatus::NotServing).await;
    good.store(true, Ordering::SeqCst);
    readiness.look().await;
    until(ServingStatus::Serving).await;
    good.store(false, Ordering::SeqCst);
    readiness.look().await;
    until(ServingStatus::NotServing).await;
    follow.abort();
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_told_before_anything_is_refused() {
    let bench = Bench::new();
    let readiness = Readiness::new(Vec::new());
    assert!(readiness.is_ready());
    let listener = bench.network.listen("policy");
    let mount = bench.mount().readiness(readiness.clone());
    let server = tokio::spawn(crate::server::serve_memory(listener, mount, bench.stop.clone()));
    let draining = tokio::spawn({
        let (readiness, stop) = (readiness.clone(), bench.stop.clone());
        async move {
            readiness.drain(Duration::from_secs(5)).await;
            stop.cancel();
        }
    });
    while readiness.is_ready() {
        tokio::task::yield_now().await;
    }
    // Told, and still served: whoever has not noticed yet loses nothing.
    bench.client("friend").read_settings(crate::server::bench::read("now")).await.unwrap();
    draining.await.unwrap();
    server.await.unwrap().unwrap();
    let refused = bench.client("friend").read_settings(crate::server::bench::read("now")).await.unwrap_err();
    assert_eq!(crate::status::from_status(&refused).reason(), Reason::DependencyUnavailable);
}
