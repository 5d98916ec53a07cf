//! Who gets in over TLS, through real connections and real certificates.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kernel::audit::Outcome;
use kernel::{Clock as _, Reason, Result};
use proto::policy::policy_service_client::PolicyServiceClient;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use testkit::{FixedClock, TestAuthority, TestCertificate};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use super::bench::{Bench, Pki, at, client, days, read};
use super::{Bound, Bounds};
use crate::tls::{Credentials, Look, PublicTlsSettings, ServerTls};
use crate::{Mount, status};

/// Serves the bench to services; where, and the server.
async fn serve(bench: &Bench, tls: ServerTls) -> (SocketAddr, JoinHandle<Result<()>>) {
    let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = bound.address();
    (address, tokio::spawn(bound.serve_tls(bench.peer_mount(), tls, bench.stop.clone())))
}

/// One call by somebody who does as he likes: shows this certificate, or none, in this version of TLS, and believes the
/// root.
async fn call_as(
    address: SocketAddr,
    root: &TestAuthority,
    certificate: Option<&TestCertificate>,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<String, Status> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let time = Arc::new(Noon);
    let config = rustls::ClientConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match certificate {
        Some(certificate) => {
            let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes());
            let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
            config.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
        }
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connect = tower::service_fn(move |_: http::Uri| {
        let connector = connector.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            let stream = connector.connect("policy.test".try_into().unwrap(), stream).await?;
            std::io::Result::Ok(hyper_util::rt::TokioIo::new(stream))
        }
    });
    let channel = Endpoint::from_static("https://policy.test").connect_with_connector_lazy(connect);
    let answer = PolicyServiceClient::new(channel).read_settings(read("now")).await?;
    Ok(answer.into_inner().environment.unwrap().name)
}

/// The time at which fixed clocks stand.
#[derive(Debug)]
struct Noon;

impl rustls::time_provider::TimeProvider for Noon {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        let now = u64::try_from(FixedClock::new().now().seconds()).unwrap();
        Some(rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now)))
    }
}

/// What came back when nobody was let in.
#[track_caller]
fn assert_shut_out(bench: &Bench, who: &str, answer: Result<String, Status>) {
    let refused = answer.expect_err(who);
    assert_eq!(status::from_status(&refused).reason(), Reason::DependencyUnavailable, "{who}: {refused:?}");
    assert_eq!(bench.entered.load(Ordering::SeqCst), 0, "{who}");
}

#[tokio::test]
async fn a_listed_name_is_its_role_and_only_that() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let (address, _server) = serve(&bench, pki.server(pki.credentials(&["policy.test"]))).await;
    for names in [&["friend.test"][..], &["x.test", "friend.elsewhere.test"], &["Friend.Test"]] {
        let mut friend = client(&at(address), pki.credentials(names));
        let answer = friend.read_settings(read("now")).await.unwrap().into_inner();
        assert_eq!(answer.environment.unwrap().name, "friend", "{names:?}");
    }
    let mut other = client(&at(address), pki.credentials(&["acquaintance.test"]));
    let refused = other.read_settings(read("now")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(bench.entered.load(Ordering::SeqCst), 3);
    let row = bench.audit.rows().pop().unwrap();
    assert_eq!(
        (row.kind.as_str(), row.outcome),
        ("test.read", Outcome::Refused(Reason::PeerNotAllowed)),
        "the method's own list, not the door"
    );
}

#[tokio::test]
async fn a_good_certificate_of_nobody_listed_is_refused_and_written_down() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let (address, _server) = serve(&bench, pki.server(pki.credentials(&["policy.test"]))).await;
    for names in [
        &["stranger.test"][..],
        &["*.test"],
        &["friend.test.evil.example"],
        &["friend.test", "acquaintance.test"],
    ] {
        let mut stranger = client(&at(address), pki.credentials(names));
        let refused = stranger.read_settings(read("now")).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{names:?}");
        let row = bench.audit.rows().pop().unwrap();
        assert_eq!(row.kind, "peer.admit");
        assert_eq!(row.outcome, Outcome::Refused(Reason::PeerNotAllowed));
        assert_eq!(row.resource, format!("certificate:{}", names.join(",")));
        // Neither health nor what there is.
        let channel = crate::channel::connect("peer", &at(address), pki.credentials(names)).unwrap();
        let health = tonic_health::pb::health_client::HealthClient::new(channel)
            .check(tonic_health::pb::HealthCheckRequest::default())
            .await;
        assert_eq!(health.unwrap_err().code(), Code::PermissionDenied);
    }
    assert_eq!(bench.entered.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn who_has_no_good_certificate_does_not_get_in() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let (address, _server) = serve(&bench, pki.server(pki.credentials(&["policy.test"]))).await;
    let now = pki.clock.now();
    let issue = |validity| pki.root.issue(&["friend.test"], validity);
    let good = issue(pki.month());
    for version in rustls::ALL_VERSIONS {
        assert_eq!(call_as(address, &pki.root, Some(&good), version).await.unwrap(), "friend");
    }
    bench.entered.store(0, Ordering::SeqCst);

    let other_root = TestAuthority::new("the suite");
    let forged = other_root.intermediate("the suite").issue_with_chain(&["friend.test"], pki.month());
    let server_only = pki.root.issue_for(testkit::TestUse::Server, &["friend.test"], pki.month());
    for (who, certificate) in [
        ("nobody", None),
        ("expired", Some(issue(now.minus(days(30))..now.minus(days(1))))),
        ("not yet valid", Some(issue(now.plus(days(1))..now.plus(days(30))))),
        ("self-signed", Some(TestCertificate::self_signed(&["friend.test"], pki.month()))),
        ("another authority of the same name", Some(other_root.issue(&["friend.test"], pki.month()))),
        ("another authority's intermediate", Some(forged)),
        ("not for clients", Some(server_only)),
    ] {
        for version in rustls::ALL_VERSIONS {
            let answer = call_as(address, &pki.root, certificate.as_ref(), version).await;
            assert_shut_out(&bench, who, answer);
        }
    }
    assert_eq!(bench.audit.rows().len(), 2, "those of the good one");
}

#[tokio::test]
async fn a_certificate_signed_by_an_intermediate_authority_counts() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let below = pki.root.intermediate("services");
    let issue = |name: &str| below.issue_with_chain(&[name], pki.month());
    let load = |name: &str, certificate| {
        let settings = pki.write(name, &certificate, &pki.root.pem());
        Credentials::peer("peer.tls", &settings, pki.clock.clone())
    };
    let server = load("policy.test", issue("policy.test")).unwrap();
    let (address, _server) = serve(&bench, pki.server(server)).await;
    let mut friend = client(&at(address), load("friend.test", issue("friend.test")).unwrap());
    assert!(friend.read_settings(read("now")).await.is_ok());
    let bare = load("bare", below.issue(&["friend.test"], pki.month())).unwrap_err();
    assert!(bare.message().contains("intermediate"), "{bare}");
}

#[tokio::test]
async fn a_caller_does_not_talk_to_the_wrong_server() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let friend = || pki.credentials(&["friend.test"]);
    // The certificate of another service, in policy's place.
    let (address, _server) = serve(&bench, pki.server(pki.credentials(&["acquaintance.test"]))).await;
    let refused = client(&at(address), friend()).read_settings(read("now")).await.unwrap_err();
    let error = status::from_status(&refused);
    assert_eq!(error.reason(), Reason::DependencyUnavailable);
    let cause = error.internal_cause().unwrap().to_string();
    assert!(cause.contains("policy.test") && cause.contains("acquaintance.test"), "{cause}");
    assert!(!error.message().contains("policy.test"), "for the log only: {error}");

    // The right name from an authority that the caller does not know.
    let elsewhere = Pki::new();
    let (address, _server) = serve(&bench, elsewhere.server(elsewhere.credentials(&["policy.test"]))).await;
    let refused = client(&at(address), friend()).read_settings(read("now")).await.unwrap_err();
    let cause = status::from_status(&refused).internal_cause().unwrap().to_string();
    assert!(cause.contains("authorities_file"), "{cause}");
    assert_eq!(bench.entered.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn tls_and_plaintext_do_not_mix() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let (address, _server) = serve(&bench, pki.server(pki.credentials(&["policy.test"]))).await;
    let plain = |address| {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        PolicyServiceClient::new(endpoint.connect_lazy())
    };
    let refused = plain(address).read_settings(read("now")).await.unwrap_err();
    assert_eq!(status::from_status(&refused).reason(), Reason::DependencyUnavailable);

    let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let open = bound.address();
    let _open = tokio::spawn(bound.serve(bench.peer_mount(), bench.stop.clone()));
    let mut secure = client(&at(open), pki.credentials(&["friend.test"]));
    let refused = secure.read_settings(read("now")).await.unwrap_err();
    let error = status::from_status(&refused);
    assert_eq!(error.reason(), Reason::DependencyUnavailable);
    let cause = error.internal_cause().unwrap().to_string();
    assert!(cause.contains("without TLS"), "{cause}");
    // Without TLS everybody reaches the door, and nobody gets past it.
    let refused = plain(open).read_settings(read("now")).await.unwrap_err();
    assert_eq!(status::from_status(&refused).reason(), Reason::Internal, "ours to put right");
    assert_eq!(status::reason_of(&refused), Some(Reason::PeerNotAllowed));
    assert_eq!(bench.entered.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn new_certificates_are_taken_without_losing_a_call() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let credentials = pki.credentials(&["policy.test"]);
    let (address, _server) = serve(&bench, pki.server(credentials.clone())).await;
    let mut old = client(&at(address), pki.credentials(&["friend.test"]));
    let waiting = tokio::spawn({
        let mut old = old.clone();
        async move { old.read_settings(read("wait")).await }
    });
    bench.entered(1).await;

    // Another authority takes over: its certificates are in the server's files now.
    let next = Pki::new();
    pki.write("policy.test", &next.root.issue(&["policy.test"], pki.month()), &next.root.pem());
    assert!(matches!(credentials.look(), Look::Renewed));
    let mut new = client(&at(address), next.credentials(&["friend.test"]));
    assert!(new.read_settings(read("now")).await.is_ok());
    bench.go.notify_waiters();
    assert!(waiting.await.unwrap().is_ok());
    assert!(old.read_settings(read("now")).await.is_ok(), "its connection is from before");
    let mut late = client(&at(address), pki.credentials(&["friend.test"]));
    assert!(late.read_settings(read("now")).await.is_err());
}

#[tokio::test]
async fn what_is_wrong_with_new_files_changes_nothing() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let credentials = pki.credentials(&["policy.test"]);
    let (address, _server) = serve(&bench, pki.server(credentials.clone())).await;
    let settings = pki.settings(&["other.test"]);
    std::fs::copy(settings.key_file, pki.folder.path().join("policy.test.key")).unwrap();
    for _ in 0..3 {
        assert!(matches!(credentials.look(), Look::Kept(_)));
        let mut friend = client(&at(address), pki.credentials(&["friend.test"]));
        assert!(friend.read_settings(read("now")).await.is_ok());
    }
}

#[tokio::test]
async fn a_caller_shows_its_newest_certificate_on_its_next_connection() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let (address, server) = serve(&bench, pki.server(pki.credentials(&["policy.test"]))).await;
    let credentials = pki.credentials(&["stranger.test"]);
    let mut caller = client(&at(address), credentials.clone());
    assert_eq!(caller.read_settings(read("now")).await.unwrap_err().code(), Code::PermissionDenied);
    pki.write("stranger.test", &pki.root.issue(&["friend.test"], pki.month()), &pki.root.pem());
    assert!(matches!(credentials.look(), Look::Renewed));
    assert_eq!(credentials.names(), ["friend.test"]);
    assert_eq!(
        caller.read_settings(read("now")).await.unwrap_err().code(),
        Code::PermissionDenied,
        "the connection is who it was"
    );
    bench.stop.cancel();
    server.await.unwrap().unwrap();
    let again = Bench::new();
    let bound = Bound::to(address).await.unwrap();
    let tls = pki.server(pki.credentials(&["policy.test"]));
    let _server = tokio::spawn(bound.serve_tls(again.peer_mount(), tls, again.stop.clone()));
    assert!(caller.read_settings(read("now")).await.is_ok());
}

#[tokio::test]
async fn a_public_listener_asks_nobody_for_a_certificate_and_makes_nobody_a_peer() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let files = pki.settings(&["policy.test"]);
    let public = PublicTlsSettings { certificate_file: files.certificate_file, key_file: files.key_file };
    let credentials = Credentials::public("public.tls", &public, pki.clock.clone()).unwrap();
    let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = bound.address();
    let mount =
        bench.mount().http(axum::Router::new().route("/keys", axum::routing::get(|| async { "keys" })));
    tokio::spawn(bound.serve_tls(mount, ServerTls::Public { credentials }, bench.stop.clone()));
    let trust = pki.authorities("client", &pki.root.pem());
    let user = Credentials::client("client", &trust, pki.clock.clone()).unwrap();
    for credentials in [user, pki.credentials(&["friend.test"])] {
        let refused = client(&at(address), credentials).read_settings(read("now")).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    assert_eq!(bench.entered.load(Ordering::SeqCst), 0);
    // Browsers and key caches speak HTTP/1.1.
    assert_eq!(get_over_http_1(address, &pki.root, "/keys").await, "keys");
}

async fn get_over_http_1(address: SocketAddr, root: &TestAuthority, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_details(provider, Arc::new(Noon))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect("policy.test".try_into().unwrap(), stream).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: policy.test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split("\r\n\r\n").nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_listener_and_its_mount_must_be_of_a_kind() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let serve = |mount: Mount, tls: ServerTls| {
        let stop = bench.stop.clone();
        async move { Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap().serve_tls(mount, tls, stop).await }
    };
    let peers = || pki.server(pki.credentials(&["policy.test"]));
    assert!(serve(bench.mount(), peers()).await.is_err(), "a mount that lets everybody in");
    let credentials = pki.credentials(&["policy.test"]);
    assert!(serve(bench.mount(), ServerTls::Public { credentials }).await.is_err());
    let none_such = serve(Mount::for_peers(&["friend"]), peers()).await.unwrap_err();
    assert!(none_such.message().contains("acquaintance.test"), "{none_such}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_answers_every_call_that_got_through() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let (address, server) = serve(&bench, pki.server(pki.credentials(&["policy.test"]))).await;
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let mut friend = client(&at(address), pki.credentials(&["friend.test"]));
            tokio::spawn(async move {
                let mut answered = 0;
                loop {
                    match friend.read_settings(read("now")).await {
                        Ok(_) => answered += 1,
                        Err(refused) => return (answered, status::from_status(&refused).reason()),
                    }
                }
            })
        })
        .collect();
    bench.entered(500).await;
    bench.stop.cancel();
    server.await.unwrap().unwrap();
    let mut answered = 0;
    for caller in callers {
        let (own, reason) = caller.await.unwrap();
        answered += own;
        assert_eq!(reason, Reason::DependencyUnavailable, "clear, and safe to repeat");
    }
    assert_eq!(answered, bench.entered.load(Ordering::SeqCst), "answered and run");
}

#[tokio::test]
async fn who_does_not_shake_hands_keeps_nobody_else_out() {
    use tokio::io::AsyncWriteExt as _;

    let (bench, pki) = (Bench::new(), Pki::new());
    let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = bound.address();
    let bounds = Bounds { handshakes: 4, handshake_time: Duration::from_millis(200) };
    let tls = pki.server(pki.credentials(&["policy.test"]));
    tokio::spawn(bound.serve_tls_within(bounds, bench.peer_mount(), tls, bench.stop.clone()));
    let mut early = client(&at(address), pki.credentials(&["friend.test"]));
    early.read_settings(read("now")).await.unwrap();
    let mut flood = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The beginning of a client's hello (RFC 8446 section 5.1), and no more.
        stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
        flood.push(stream);
    }
    early.read_settings(read("now")).await.unwrap();
    // Their time runs out; who comes after them gets in.
    let mut late = client(&at(address), pki.credentials(&["friend.test"]));
    let mut tries = 0;
    while let Err(refused) = late.read_settings(read("now")).await {
        assert_eq!(status::from_status(&refused).reason(), Reason::DependencyUnavailable);
        tries += 1;
        assert!(tries < 1000, "nobody gets in any more");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
