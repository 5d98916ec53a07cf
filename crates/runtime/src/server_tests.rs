//! The server, the memory network and the gate together, through a real gRPC client.

use kernel::audit::Outcome;
use kernel::{Reason, Result};
use proto::policy::policy_service_client::PolicyServiceClient;
use proto::policy::{ReadSettingsRequest, ReadSettingsResponse};
use tonic::Request;
use tower::ServiceExt as _;

use crate::identity::PeerIdentity;
use crate::server::Bound;
use crate::server::bench::{Bench, read};
use crate::{limits, status};

#[tokio::test]
async fn a_peer_is_known_by_its_channel_and_others_are_refused() {
    let bench = Bench::new();
    let _server = bench.serve();
    let answer = bench.client("friend").read_settings(read("now")).await.unwrap().into_inner();
    assert_eq!(answer.environment.unwrap().name, "friend");
    let refused = bench.client("stranger").read_settings(read("now")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    assert_eq!(
        bench.audit.outcomes(),
        [
            ("test.read".to_owned(), Outcome::Succeeded),
            ("test.read".to_owned(), Outcome::Refused(Reason::PeerNotAllowed))
        ]
    );
}

#[tokio::test]
async fn over_tcp_nobody_is_a_peer() {
    let bench = Bench::new();
    let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("http://{}", bound.address());
    tokio::spawn(bound.serve(bench.mount(), bench.stop.clone()));
    let mut client = PolicyServiceClient::connect(address).await.unwrap();
    let refused = client.read_settings(read("now")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unavailable_and_comes_back() {
    let bench = Bench::new();
    let mut client = bench.client("friend");
    let away = client.read_settings(read("now")).await.unwrap_err();
    assert_eq!(status::from_status(&away).reason(), Reason::DependencyUnavailable);
    let _server = bench.serve();
    assert!(client.read_settings(read("now")).await.is_ok());
}

#[tokio::test]
async fn a_stop_lets_fifty_calls_in_flight_finish() {
    let bench = Bench::new();
    let server = bench.serve();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let mut client = bench.client("friend");
            tokio::spawn(async move { client.read_settings(read("wait")).await })
        })
        .collect();
    bench.entered(50).await;
    bench.stop.cancel();
    tokio::task::yield_now().await;
    bench.go.notify_waiters();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    server.await.unwrap().unwrap();
    assert!(bench.client("friend").read_settings(read("now")).await.is_err());
}

#[tokio::test]
async fn a_deadline_ends_a_call_with_our_reason() {
    // Without a client library, which would keep the deadline itself.
    let (router, _) = Bench::new().mount().into_router().await.unwrap();
    let message = prost::Message::encode_to_vec(&ReadSettingsRequest { name: "wait".to_owned() });
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend(message);
    let mut request = http::Request::post("/countersign.policy.v1.PolicyService/ReadSettings")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "20m")
        .body(axum::body::Body::from(body))
        .unwrap();
    request.extensions_mut().insert(PeerIdentity("friend".to_owned()));
    let answer = router.oneshot(request).await.unwrap();
    let late = status::in_headers(answer.headers()).unwrap();
    assert_eq!(status::from_status(&late).reason(), Reason::DeadlineExceeded);
}

#[tokio::test]
async fn what_the_framework_refuses_is_said_in_our_words_and_written_down() {
    let bench = Bench::new();
    let _server = bench.serve();
    let mut client = bench.client("friend");
    let huge = client.read_settings(read(&"x".repeat(300 * 1024))).await.unwrap_err();
    let error = status::from_status(&huge);
    assert_eq!(error.reason(), Reason::RequestTooLarge);
    assert_eq!(
        bench.audit.outcomes(),
        [("call.decode".to_owned(), Outcome::Refused(Reason::RequestTooLarge))]
    );

    let channel = bench.network.channel("friend", "policy");
    let mut unknown = proto::waas_gateway::wallet_service_client::WalletServiceClient::new(channel);
    let status = unknown.get_wallet(Request::new(Default::default())).await.unwrap_err();
    assert_eq!(status::from_status(&status).reason(), Reason::MethodUnknown);
}

#[tokio::test]
async fn bytes_that_are_no_message_are_malformed() {
    let bench = Bench::new();
    let _server = bench.serve();
    // A message whose field 1 holds 200 nested groups' worth of start tags: no such thing in a ReadSettingsRequest.
    let mut client = tonic::client::Grpc::new(bench.network.channel("friend", "policy"));
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/countersign.policy.v1.PolicyService/ReadSettings");
    let codec = tonic_prost::ProstCodec::<Vec<u8>, ReadSettingsResponse>::default();
    // As a `bytes`-typed wrapper this encodes field 1 with octets that are no UTF-8.
    let status = client.unary(Request::new(vec![0xff, 0xfe]), path, codec).await.unwrap_err();
    assert_eq!(status::from_status(&status).reason(), Reason::RequestMalformed);
}

#[tokio::test]
async fn without_an_audit_trail_nothing_is_answered() {
    let bench = Bench::new();
    let _server = bench.serve();
    bench.audit.break_down();
    let refused = bench.client("friend").read_settings(read("now")).await.unwrap_err();
    assert_eq!(status::from_status(&refused).reason(), Reason::AuditUnavailable);
}

#[tokio::test]
async fn a_service_that_has_halted_tells_its_peers_nothing_and_writes_down_that_they_asked() {
    let bench = Bench::new();
    let _server = bench.serve();
    bench.audit.halt();
    let refused = bench.client("friend").read_settings(read("now")).await.unwrap_err();
    assert_eq!(status::from_status(&refused).reason(), Reason::ServiceHalted);
    // Whoever is no peer learns no more than ever.
    let refused = bench.client("stranger").read_settings(read("now")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let refusals = [Reason::ServiceHalted, Reason::PeerNotAllowed];
    assert_eq!(
        bench.audit.outcomes(),
        refusals.map(|reason| ("test.read".to_owned(), Outcome::Refused(reason)))
    );
}

#[tokio::test]
async fn health_knows_the_mounted_services_and_says_when_they_stop() {
    let (router, health) = Bench::new().mount().into_router().await.unwrap();
    let check = |service: &'static str| {
        let router = router.clone();
        async move {
            let mut client = tonic_health::pb::health_client::HealthClient::new(router);
            let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
            client.check(request).await.map(|answer| answer.into_inner().status())
        }
    };
    use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};
    for service in ["", "countersign.policy.v1.PolicyService"] {
        assert_eq!(check(service).await.unwrap(), Serving, "{service}");
    }
    assert_eq!(
        check("countersign.waas_gateway.v1.WalletService").await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    health.stopping().await;
    for service in ["", "countersign.policy.v1.PolicyService"] {
        assert_eq!(check(service).await.unwrap(), NotServing, "{service}");
    }
}

#[tokio::test]
async fn a_stop_waits_for_no_stream_and_tells_it_first() {
    use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};

    let bench = Bench::new();
    let server = bench.serve();
    let channel = bench.network.channel("friend", "policy");
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
    let mut told = health.watch(request).await.unwrap().into_inner();
    assert_eq!(told.message().await.unwrap().unwrap().status(), Serving);
    bench.stop.cancel();
    assert_eq!(told.message().await.unwrap().unwrap().status(), NotServing);
    assert_eq!(told.message().await.unwrap_err().code(), tonic::Code::Unavailable);
    tokio::time::timeout(limits::DRAIN_TIME / 4, server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_use_case_that_panics_is_an_internal_error_and_a_row() {
    let bench = Bench::new();
    let _server = bench.serve();
    let failed = bench.client("friend").read_settings(read("panic")).await.unwrap_err();
    assert_eq!(failed.code(), tonic::Code::Internal);
    assert_eq!(bench.audit.outcomes(), [("test.read".to_owned(), Outcome::Refused(Reason::Internal))]);
}

#[tokio::test(start_paused = true)]
async fn a_use_case_that_hangs_is_cut_and_its_caller_told_to_try_again() {
    let bench = Bench::new();
    let _server = bench.serve();
    // A caller without a deadline of its own.
    let hangs = Request::new(ReadSettingsRequest { name: "wait".to_owned() });
    let refused = bench.client("friend").read_settings(hangs).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert_eq!(status::from_status(&refused).reason(), Reason::StoreUnavailable);
    let refused = Outcome::Refused(Reason::StoreUnavailable);
    assert_eq!(bench.audit.outcomes(), [("test.read".to_owned(), refused)]);
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_is_still_written_down() {
    let bench = Bench::new();
    let _server = bench.serve();
    let mut client = bench.client("friend");
    let call = tokio::spawn(async move { client.read_settings(read("wait")).await });
    bench.entered(1).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    bench.go.notify_waiters();
    while bench.audit.rows().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.audit.outcomes(), [("test.read".to_owned(), Outcome::Succeeded)]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_come_takes_no_place() {
    let bench = Bench::new();
    let (router, _) = bench.mount().into_router().await.unwrap();
    let ask = |body| {
        let mut request = http::Request::post("/countersign.policy.v1.PolicyService/ReadSettings")
            .header("content-type", "application/grpc")
            .body(body)
            .unwrap();
        request.extensions_mut().insert(PeerIdentity("friend".to_owned()));
        router.clone().oneshot(request)
    };
    let stalled: Vec<_> = (0..limits::MAX_CALLS * 2)
        .map(|_| {
            let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
            tokio::spawn(ask(axum::body::Body::from_stream(never)))
        })
        .collect();
    tokio::task::yield_now().await;
    let answer = ask(axum::body::Body::from(vec![0; 5])).await.unwrap();
    assert!(status::in_headers(answer.headers()).is_none_or(|status| status.code() == tonic::Code::Ok));
    for call in stalled {
        let late = call.await.unwrap().unwrap();
        let late = status::in_headers(late.headers()).unwrap();
        assert_eq!(status::from_status(&late).reason(), Reason::DeadlineExceeded);
    }
    let rows = bench.audit.outcomes();
    let admitted = rows.iter().filter(|(kind, _)| kind == "call.admit").count();
    assert_eq!(admitted, 1, "a flood is one row a minute");
}

/// Counts octets that a server was given, until it drops what gave them.
struct Given {
    all: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    octets: usize,
}

impl Drop for Given {
    fn drop(&mut self) {
        self.all.fetch_sub(self.octets, std::sync::atomic::Ordering::SeqCst);
    }
}

/// A body of the largest size that never ends. `held` is how many octets of all such bodies are with the server.
fn endless(held: &std::sync::Arc<std::sync::atomic::AtomicUsize>) -> axum::body::Body {
    let given = Given { all: held.clone(), octets: 0 };
    axum::body::Body::from_stream(futures::stream::unfold(given, |mut given| async move {
        if given.octets == limits::MAX_REQUEST_BYTES {
            std::future::pending::<()>().await;
        }
        given.all.fetch_add(16_384, std::sync::atomic::Ordering::SeqCst);
        given.octets += 16_384;
        Some((Ok::<_, std::io::Error>(vec![0; 16_384]), given))
    }))
}

#[tokio::test(start_paused = true)]
async fn large_messages_that_do_not_end_fill_no_memory_and_keep_nobody_out() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::guard::Share;

    const CONNECTIONS: usize = 64;

    let bench = Bench::new();
    let (router, _) = bench.mount().into_router().await.unwrap();
    let ask = |body, share| {
        let mut request = http::Request::post("/countersign.policy.v1.PolicyService/ReadSettings")
            .header("content-type", "application/grpc")
            .body(body)
            .unwrap();
        request.extensions_mut().insert(PeerIdentity("friend".to_owned()));
        request.extensions_mut().insert::<Share>(share);
        router.clone().oneshot(request)
    };
    let held = std::sync::Arc::new(AtomicUsize::new(0));
    let mut flood = Vec::new();
    for _ in 0..CONNECTIONS {
        let share = Share::default();
        for _ in 0..limits::MAX_STREAMS {
            flood.push(tokio::spawn(ask(endless(&held), share.clone())));
        }
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let most = limits::MAX_MESSAGE_BYTES + CONNECTIONS * limits::OWN_MESSAGE_BYTES;
    let held = held.load(Ordering::SeqCst);
    assert!(held <= most, "{held} octets, and {most} at most");
    assert!(held > limits::MAX_MESSAGE_BYTES / 2, "{held} octets: this is no flood");
    // Somebody else, meanwhile.
    let answer = ask(axum::body::Body::from(vec![0; 5]), Share::default()).await.unwrap();
    assert!(status::in_headers(answer.headers()).is_none_or(|status| status.code() == tonic::Code::Ok));

    let mut reasons = Vec::new();
    for call in flood {
        let answer = call.await.unwrap().unwrap();
        reasons.push(status::from_status(&status::in_headers(answer.headers()).unwrap()).reason());
    }
    assert!(reasons.contains(&Reason::Overloaded) && reasons.contains(&Reason::DeadlineExceeded));
    // All is given back.
    let share = Share::default();
    let mut whole = vec![0; limits::MAX_REQUEST_BYTES];
    whole[1..5].copy_from_slice(&u32::try_from(limits::MAX_REQUEST_BYTES - 5).unwrap().to_be_bytes());
    let answer = ask(axum::body::Body::from(whole), share).await.unwrap();
    let refused = status::in_headers(answer.headers()).unwrap();
    assert_eq!(status::from_status(&refused).reason(), Reason::RequestMalformed, "it was read to its end");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    for half in [b"".as_slice(), b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\n"] {
        let bench = Bench::new();
        let _server = bench.serve();
        let mut connection =
            bench.network.connect(PeerIdentity("friend".to_owned()), "policy").await.unwrap();
        connection.write_all(half).await.unwrap();
        let mut rest = Vec::new();
        // Ends, because the server closes; time is paused and runs ahead.
        let _ = connection.read_to_end(&mut rest).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_at_its_age_and_no_call_with_it() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let bench = Bench::new();
    let _server = bench.serve();
    let connections = Arc::new(AtomicUsize::new(0));
    let connector = tower::service_fn({
        let (network, connections) = (bench.network.clone(), connections.clone());
        move |_: http::Uri| {
            connections.fetch_add(1, Ordering::SeqCst);
            let network = network.clone();
            async move {
                network
                    .connect(PeerIdentity("friend".to_owned()), "policy")
                    .await
                    .map(hyper_util::rt::TokioIo::new)
            }
        }
    });
    let channel =
        tonic::transport::Endpoint::from_static("http://policy.test").connect_with_connector_lazy(connector);
    let mut client = PolicyServiceClient::new(channel);
    // Never at the very moment at which a connection is closed: a call that crosses that on its way fails, unsent.
    let pause = std::time::Duration::from_millis(997);
    for _ in 0..limits::MAX_CONNECTION_AGE.as_secs() * 5 {
        client.read_settings(read("now")).await.unwrap();
        tokio::time::sleep(pause).await;
    }
    let connections = connections.load(Ordering::SeqCst);
    assert!((5..=6).contains(&connections), "{connections}");
}

#[tokio::test]
async fn the_door_of_a_listener_for_services_is_shut_to_others_whatever_they_ask() {
    let bench = Bench::new();
    let (router, _) = bench.peer_mount().into_router().await.unwrap();
    let ask = async |path: &str, from: Option<&str>| {
        let mut request = http::Request::post(path)
            .header("content-type", "application/grpc")
            .body(axum::body::Body::from(vec![0; 5]))
            .unwrap();
        if let Some(from) = from {
            request.extensions_mut().insert(PeerIdentity(from.to_owned()));
        }
        let answer = router.clone().oneshot(request).await.unwrap();
        status::in_headers(answer.headers()).map(|status| status.code())
    };
    for path in [
        "/countersign.policy.v1.PolicyService/ReadSettings",
        "/countersign.policy.v1.PolicyService/Decide",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/countersign.policy.v1.PolicyAdminService/GetEnvironment",
        "/",
    ] {
        for who in [None, Some("stranger"), Some(""), Some("Friend"), Some("friend ")] {
            assert_eq!(ask(path, who).await, Some(tonic::Code::PermissionDenied), "{path} by {who:?}");
        }
        assert_ne!(
            ask(path, Some("acquaintance")).await,
            Some(tonic::Code::PermissionDenied).filter(|_| { !path.contains("PolicyService/") })
        );
    }
    let rows = bench.audit.outcomes();
    assert!(rows.contains(&("peer.admit".to_owned(), Outcome::Refused(Reason::PeerNotAllowed))));
}
