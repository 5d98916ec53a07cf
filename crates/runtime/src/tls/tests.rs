use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock as _, Error};
use testkit::{TestAuthority, TestCertificate, TestUse};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{Callers, Credentials, Handshakes, Look, PublicTlsSettings, ServerTls, TlsSettings};
use crate::server::bench::{Pki, days};

fn load(pki: &Pki, settings: &TlsSettings) -> Result<Arc<Credentials>, Error> {
    Credentials::peer("peer.tls", settings, pki.clock.clone())
}

fn open_to(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_setting() {
    let pki = Pki::new();
    let now = pki.clock.now();
    let good = pki.root.issue(&["policy.test"], pki.month());
    let root = pki.root.pem();
    let expired = pki.root.issue(&["policy.test"], now.minus(days(30))..now.minus(days(1)));
    let early = pki.root.issue(&["policy.test"], now.plus(days(1))..now.plus(days(30)));
    let mut other_key = good.clone();
    other_key.key = pki.root.issue(&["policy.test"], pki.month()).key;
    let mut two_keys = good.clone();
    two_keys.key.push_str(&other_key.key);
    let swapped = TestCertificate { chain: good.key.clone(), key: good.chain.clone() };
    let garbage = TestCertificate {
        chain: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
        key: good.key.clone(),
    };
    let cut = TestCertificate { chain: good.chain[..good.chain.len() / 2].to_owned(), key: good.key.clone() };
    let leaf = good.chain.clone();
    for (what, certificate, authorities, setting, says) in [
        ("expired", &expired, &root, "peer.tls.certificate_file", "expired on"),
        ("early", &early, &root, "peer.tls.certificate_file", "does not hold before"),
        ("other key", &other_key, &root, "peer.tls.key_file", "another certificate"),
        ("two keys", &two_keys, &root, "peer.tls.key_file", "more than one"),
        ("swapped", &swapped, &root, "peer.tls.certificate_file", "no certificate"),
        ("garbage", &garbage, &root, "peer.tls.certificate_file", "does not parse"),
        ("cut", &cut, &root, "peer.tls.certificate_file", "PEM"),
        ("no names", &pki.root.issue(&[], pki.month()), &root, "peer.tls.certificate_file", "DNS name"),
        (
            "not for clients",
            &pki.root.issue_for(TestUse::Server, &["policy.test"], pki.month()),
            &root,
            "peer.tls.certificate_file",
            "clientAuth",
        ),
        (
            "self-signed",
            &TestCertificate::self_signed(&["policy.test"], pki.month()),
            &root,
            "peer.tls.certificate_file",
            "another authority",
        ),
        (
            "other authority",
            &good,
            &TestAuthority::new("x").pem(),
            "peer.tls.certificate_file",
            "another authority",
        ),
        ("no authority", &good, &String::new(), "peer.tls.authorities_file", "no certificate"),
        ("a leaf as authority", &good, &leaf, "peer.tls.authorities_file", "authority"),
    ] {
        let refused = load(&pki, &pki.write("policy", certificate, authorities)).expect_err(what);
        assert_eq!(refused.violations()[0].field, setting, "{what}: {refused}");
        assert!(refused.message().contains(says), "{what}: {refused}");
        let text = format!("{refused:?}");
        assert!(!text.contains("BEGIN") && !text.contains("AAAA"), "{what}: {text}");
    }
    assert!(load(&pki, &pki.write("policy", &good, &root)).is_ok());
}

#[test]
fn a_file_that_is_not_there_or_open_to_everybody_is_refused() {
    let pki = Pki::new();
    let refused = load(&pki, &TlsSettings::default()).unwrap_err();
    assert!(refused.message().contains("peer.tls.certificate_file") && refused.message().contains("not set"));
    let mut settings = pki.settings(&["policy.test"]);
    for mode in [0o604, 0o606, 0o602, 0o777] {
        open_to(&settings.key_file, mode);
        let refused = load(&pki, &settings).unwrap_err();
        assert!(refused.message().contains("peer.tls.key_file"), "{refused}");
        assert!(refused.message().contains(&format!("{mode:04o}")) && refused.message().contains("chmod"));
    }
    // A group may read it: secrets of an orchestrator are mounted that way.
    open_to(&settings.key_file, 0o640);
    assert!(load(&pki, &settings).is_ok());
    // Whoever may write the authorities says who is believed.
    for mode in [0o664, 0o646, 0o666] {
        open_to(&settings.authorities_file, mode);
        let refused = load(&pki, &settings).unwrap_err();
        assert!(refused.message().contains("peer.tls.authorities_file"), "{refused}");
        assert!(refused.message().contains(&format!("{mode:04o}")) && refused.message().contains("chmod"));
    }
    open_to(&settings.authorities_file, 0o644);
    assert!(load(&pki, &settings).is_ok());
    settings.authorities_file = pki.folder.path().join("gone.pem");
    let refused = load(&pki, &settings).unwrap_err();
    assert!(
        refused.message().contains("peer.tls.authorities_file") && refused.message().contains("gone.pem")
    );
    settings.authorities_file = pki.folder.path().to_owned();
    assert!(load(&pki, &settings).unwrap_err().message().contains("is not a file"));
    std::fs::write(pki.folder.path().join("large"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    settings.authorities_file = pki.folder.path().join("large");
    assert!(load(&pki, &settings).unwrap_err().message().contains("longer than"));
}

#[test]
fn a_public_certificate_needs_no_authority_and_no_use_as_client() {
    let pki = Pki::new();
    let certificate = TestAuthority::new("public").issue_for(TestUse::Server, &["api.test"], pki.month());
    let (certificate_file, key_file) = certificate.write(pki.folder.path(), "public");
    let settings = PublicTlsSettings { certificate_file, key_file };
    let public = Credentials::public("public.tls", &settings, pki.clock).unwrap();
    assert_eq!(public.names(), ["api.test"]);
    assert!(public.client_side().is_none() && public.server().is_some());
}

#[test]
fn the_end_is_known_and_noticed() {
    let pki = Pki::new();
    let credentials = pki.credentials(&["policy.test"]);
    let end = credentials.expires().unwrap();
    assert_eq!(end.seconds(), pki.month().end.seconds());
    assert!(credentials.check().is_ok());
    pki.clock.set(end);
    assert!(credentials.check().is_ok(), "its last second");
    pki.clock.advance(Duration::from_secs(1));
    assert!(credentials.check().unwrap_err().message().contains("expired"));
}

#[test]
fn an_expired_authority_is_left_out() {
    let pki = Pki::new();
    let settings = pki.settings(&["policy.test"]);
    assert!(load(&pki, &settings).is_ok());
    // rcgen's authorities hold up to the year 4096.
    pki.clock.set(kernel::Timestamp::from_seconds(68_000_000_000));
    let month = pki.month();
    let certificate = pki.root.issue(&["policy.test"], month);
    let refused = load(&pki, &pki.write("policy", &certificate, &pki.root.pem())).unwrap_err();
    assert!(refused.message().contains("every authority in it has expired"), "{refused}");
}

#[test]
fn an_authority_that_ends_while_nothing_changes_is_believed_no_longer() {
    let pki = Pki::new();
    let ends = pki.clock.now().plus(days(2));
    let short = TestAuthority::until("short", ends);
    let settings =
        pki.write("policy", &pki.root.issue(&["policy.test"], pki.month()), &(pki.root.pem() + &short.pem()));
    let credentials = load(&pki, &settings).unwrap();
    let believes = |authority: &TestAuthority| {
        let friend = authority.issue(&["friend.test"], pki.month());
        let friend = load(&pki, &pki.write("friend", &friend, &(pki.root.pem() + &authority.pem()))).unwrap();
        handshake(&friend, &credentials)
    };
    assert!(believes(&pki.root) && believes(&short));
    pki.clock.set(ends);
    assert!(matches!(credentials.look(), Look::Unchanged), "its last second");
    let late = short.issue(&["friend.test"], pki.month());
    let late = load(&pki, &pki.write("late", &late, &(pki.root.pem() + &short.pem()))).unwrap();
    assert!(handshake(&late, &credentials));

    pki.clock.advance(Duration::from_secs(1));
    // Also while the files are not right.
    std::fs::write(&settings.authorities_file, "nothing").unwrap();
    assert!(matches!(credentials.look(), Look::Renewed));
    assert!(!handshake(&late, &credentials) && !handshake(&credentials, &late), "in both directions");
    assert!(believes(&pki.root) && credentials.check().is_ok());
    assert!(matches!(credentials.look(), Look::Kept(_)), "once");
}

#[test]
fn without_an_authority_that_holds_no_connection_is_made_until_there_is_one() {
    let pki = Pki::new();
    let ends = pki.clock.now().plus(days(2));
    let short = TestAuthority::until("short", ends);
    let settings = pki.write("policy", &short.issue(&["policy.test"], pki.month()), &short.pem());
    let credentials = load(&pki, &settings).unwrap();
    // Believes in nobody else, and one that shows nothing.
    let client = Credentials::client("cli", &settings.authorities_file, pki.clock.clone()).unwrap();
    assert!(credentials.server().is_some() && client.client_side().is_some());
    pki.clock.set(ends.plus(Duration::from_secs(1)));
    for credentials in [&credentials, &client] {
        for _ in 0..2 {
            let Look::Closed(error) = credentials.look() else { panic!("an expired authority is believed") };
            assert!(error.message().contains("has expired"), "{error}");
        }
        assert!(credentials.server().is_none() && credentials.client_side().is_none());
        let unready = credentials.check().unwrap_err();
        assert_eq!(unready.reason(), kernel::Reason::DependencyUnavailable);
        assert!(unready.message().contains("authorities_file"), "{unready}");
    }
    pki.write("policy", &pki.root.issue(&["policy.test"], pki.month()), &pki.root.pem());
    for credentials in [&credentials, &client] {
        assert!(matches!(credentials.look(), Look::Renewed));
        assert!(credentials.check().is_ok() && credentials.client_side().is_some());
    }
    assert!(credentials.server().is_some());
}

/// Whether a connection from one to the other comes about, without a network.
fn handshake(from: &Credentials, to: &Credentials) -> bool {
    let (Some(client), Some(server)) = (from.client_side(), to.server()) else { return false };
    let name = to.names()[0].clone().try_into().unwrap();
    let mut client = rustls::ClientConnection::new(client, name).unwrap();
    let mut server = rustls::ServerConnection::new(server).unwrap();
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        if !wire.is_empty() {
            server.read_tls(&mut wire.as_slice()).unwrap();
            if server.process_new_packets().is_err() {
                return false;
            }
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        if !wire.is_empty() {
            client.read_tls(&mut wire.as_slice()).unwrap();
            if client.process_new_packets().is_err() {
                return false;
            }
        }
    }
    !client.is_handshaking() && !server.is_handshaking()
}

#[test]
fn new_files_are_taken_when_they_are_right_and_else_not() {
    let pki = Pki::new();
    let settings = pki.settings(&["policy.test"]);
    let credentials = load(&pki, &settings).unwrap();
    assert!(matches!(credentials.look(), Look::Unchanged));

    // First the certificate, then the key: between the two, what was there holds.
    let next = pki.root.issue(&["policy.test", "policy.next.test"], pki.month());
    std::fs::write(&settings.certificate_file, &next.chain).unwrap();
    let Look::Kept(error) = credentials.look() else { panic!("a certificate without its key was taken") };
    assert!(error.message().contains("peer.tls.key_file"), "{error}");
    assert_eq!(credentials.names(), ["policy.test"]);
    std::fs::write(&settings.key_file, &next.key).unwrap();
    assert!(matches!(credentials.look(), Look::Renewed));
    assert_eq!(credentials.names(), ["policy.test", "policy.next.test"]);
    assert!(matches!(credentials.look(), Look::Unchanged));

    std::fs::remove_file(&settings.key_file).unwrap();
    assert!(matches!(credentials.look(), Look::Kept(_)));
    std::fs::write(&settings.key_file, &next.key).unwrap();
    open_to(&settings.key_file, 0o644);
    assert!(matches!(credentials.look(), Look::Kept(_)));
    open_to(&settings.key_file, 0o600);
    assert!(matches!(credentials.look(), Look::Unchanged));

    std::fs::write(&settings.authorities_file, TestAuthority::new("x").pem()).unwrap();
    assert!(matches!(credentials.look(), Look::Kept(_)), "nobody would accept our certificate");
    std::fs::write(&settings.authorities_file, pki.root.pem() + &TestAuthority::new("x").pem()).unwrap();
    assert!(matches!(credentials.look(), Look::Renewed), "an authority more");
}

#[tokio::test]
async fn the_files_are_watched_until_the_stop() {
    let pki = Pki::new();
    let settings = pki.settings(&["policy.test"]);
    let credentials = load(&pki, &settings).unwrap();
    let stop = CancellationToken::new();
    let watch = tokio::spawn(credentials.clone().watch(Duration::from_millis(1), stop.clone()));
    pki.write("policy.test", &pki.root.issue(&["next.test"], pki.month()), &pki.root.pem());
    while credentials.names() != ["next.test"] {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.cancel();
    watch.await.unwrap();
}

#[tokio::test]
async fn handshakes_are_bounded_and_silence_takes_no_place() {
    let pki = Pki::new();
    let tls = ServerTls::Peers {
        credentials: pki.credentials(&["policy.test"]),
        callers: Callers::new("peer.callers", &BTreeMap::new()).unwrap(),
    };
    let handshakes = Arc::new(Handshakes::new(tls, 2, Duration::from_secs(60)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = || async {
        let client = TcpStream::connect(address).await.unwrap();
        let accepted = listener.accept().await.unwrap();
        let handshakes = handshakes.clone();
        (client, tokio::spawn(async move { handshakes.accept(accepted).await.is_some() }))
    };
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(accept().await);
    }
    tokio::task::yield_now().await;
    assert_eq!(handshakes.free_places(), 2);
    let mut slow = Vec::new();
    for _ in 0..20 {
        let (mut client, server) = accept().await;
        client.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
        slow.push((client, server));
    }
    while handshakes.free_places() > 0 {
        tokio::task::yield_now().await;
    }
    let (client, server) = accept().await;
    let config = pki.credentials(&["friend.test"]).client_side().unwrap();
    let good = tokio::spawn(async move {
        tokio_rustls::TlsConnector::from(config).connect("policy.test".try_into().unwrap(), client).await
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!good.is_finished() && !server.is_finished(), "it waits for its turn");
    // Those before it go away, and it has its turn.
    for (client, server) in slow {
        drop(client);
        assert!(!server.await.unwrap());
    }
    assert!(good.await.unwrap().is_ok());
    assert!(server.await.unwrap());
    assert_eq!(handshakes.free_places(), 2);
}
