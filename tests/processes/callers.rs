//! Who may call whom: a certificate says who it is, and only those on the list are let in.

use std::sync::Arc;

use kernel::Reason;
use runtime::SystemClock;
use runtime::channel::{self, ChannelSettings};
use runtime::tls::{Credentials, TlsSettings};
use tonic::transport::Channel;

use crate::support::answer::{Outcome as _, Refusal};
use crate::support::catalogue::of_peers;
use crate::support::deployment::{Deployment, NAME, SERVICES, processes};
use crate::support::dev::DevSuite;
use crate::support::ports::Ports;
use crate::support::raw::Rpc;

/// A channel to a process's peer listener, with the certificate of another.
fn peer(deployment: &Deployment, from: &str, to: &str) -> Channel {
    peer_at(deployment, from, to, deployment.ports(to))
}

/// A channel to the peer listener of one of a role's processes, with the certificate of another role.
pub(super) fn peer_at(deployment: &Deployment, from: &str, to: &str, ports: Ports) -> Channel {
    let settings = TlsSettings {
        certificate_file: deployment.path(format!("certs/{from}.pem")),
        key_file: deployment.path(format!("certs/{from}.key.pem")),
        authorities_file: deployment.path("certs/ca.pem"),
    };
    let credentials = Credentials::peer("test", &settings, Arc::new(SystemClock)).unwrap();
    open(to, ports, credentials)
}

fn open(to: &str, ports: Ports, credentials: Arc<Credentials>) -> Channel {
    let settings = ChannelSettings {
        url: format!("https://127.0.0.1:{}", ports.peer),
        server_name: Some(format!("{to}.{NAME}.countersign.internal")),
        ..ChannelSettings::default()
    };
    channel::connect("test", &settings, credentials).unwrap()
}

/// The processes that these tests share.
fn with_processes(test: impl AsyncFnOnce(&DevSuite)) {
    static OWN: std::sync::OnceLock<DevSuite> = std::sync::OnceLock::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(test(OWN.get_or_init(|| crate::support::processes::start("callers", None))));
}

/// Which process answers a peer's method.
fn home(rpc: &Rpc) -> &'static str {
    match rpc.method.split('.').nth(1).unwrap() {
        "policy" => "policy",
        "mfa_devices" => "mfa-devices",
        "mpc_signer" => "node-1",
        other => panic!("nobody has said yet where {other} is at home"),
    }
}

/// Who may call it.
fn allowed(rpc: &Rpc) -> &'static [&'static str] {
    match home(rpc) {
        "policy" if rpc.method.ends_with("/Decide") => &["token-issuer"],
        "policy" => &["mfa-devices", "token-issuer", "waas-gateway"],
        "mfa-devices" => &["token-issuer"],
        _ => &["waas-gateway"],
    }
}

#[test]
fn case_30_every_peers_method_lets_in_those_on_its_list_and_nobody_else() {
    with_processes(async |suite| {
        let deployment = suite.deployment().unwrap();
        for from in processes() {
            for rpc in of_peers() {
                let channel = peer(deployment, from, home(&rpc));
                // An empty message: who is let in is told what is wrong with it, or answered.
                let refusal = rpc.call(&channel, None).await.outcome().err();
                let shut_out =
                    refusal.as_ref().is_some_and(|refusal| refusal.reason == Reason::PeerNotAllowed);
                let on_the_list = allowed(&rpc).contains(&from);
                assert_eq!(!shut_out, on_the_list, "{from} calls {}: {refusal:?}", rpc.method);
            }
        }
    });
}

#[test]
fn who_shows_no_certificate_or_one_of_another_authority_reaches_nothing() {
    with_processes(async |suite| {
        let deployment = suite.deployment().unwrap();
        let ours = deployment.path("certs/ca.pem");
        let without = Credentials::client("test", &ours, Arc::new(SystemClock)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = testkit::TestAuthority::new("of somebody else");
        let now = kernel::Clock::now(&SystemClock);
        let validity = now..now.plus(std::time::Duration::from_secs(3600));
        let name = format!("token-issuer.{NAME}.countersign.internal");
        let (certificate_file, key_file) =
            authority.issue(&[&name], validity).write(folder.path(), "foreign");
        // The caller believes both authorities: its own, and that of the services. They believe one.
        let authorities_file = folder.path().join("both.pem");
        let both = std::fs::read_to_string(ours).unwrap() + &authority.pem();
        std::fs::write(&authorities_file, both).unwrap();
        let settings = TlsSettings { certificate_file, key_file, authorities_file };
        let foreign = Credentials::peer("test", &settings, Arc::new(SystemClock)).unwrap();
        for credentials in [without, foreign] {
            for rpc in of_peers() {
                let channel = open(home(&rpc), deployment.ports(home(&rpc)), credentials.clone());
                let status = rpc.call(&channel, None).await.unwrap_err();
                // Not an answer, but the connection's end: which one it is depends on who notices first.
                let ended = [tonic::Code::Unavailable, tonic::Code::Unknown, tonic::Code::Cancelled]
                    .contains(&status.code());
                assert!(ended && status.details().is_empty(), "{}: {status:?}", rpc.method);
            }
        }
    });
}

#[test]
fn a_service_that_answers_with_anothers_certificate_is_not_believed() {
    with_processes(async |suite| {
        let deployment = suite.deployment().unwrap();
        let settings = TlsSettings {
            certificate_file: deployment.path("certs/token-issuer.pem"),
            key_file: deployment.path("certs/token-issuer.key.pem"),
            authorities_file: deployment.path("certs/ca.pem"),
        };
        let credentials = Credentials::peer("test", &settings, Arc::new(SystemClock)).unwrap();
        let wrong = ChannelSettings {
            // mfa-devices answers where policy is expected.
            url: format!("https://127.0.0.1:{}", deployment.ports("mfa-devices").peer),
            server_name: Some(format!("policy.{NAME}.countersign.internal")),
            ..ChannelSettings::default()
        };
        let channel = channel::connect("test", &wrong, credentials).unwrap();
        let status = of_peers()[0].call(&channel, None).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
    });
}

#[test]
fn case_30_peers_methods_are_not_on_the_listeners_for_users() {
    with_processes(async |suite| {
        for listener in suite.listeners() {
            for rpc in of_peers() {
                let refusal = Refusal::of(rpc.call(&listener.connect(), None).await.unwrap_err());
                assert_eq!(refusal.reason, Reason::MethodUnknown, "{}", rpc.method);
            }
        }
        assert_eq!(SERVICES.len(), suite.listeners().len());
    });
}
