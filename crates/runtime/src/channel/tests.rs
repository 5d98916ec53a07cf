use std::net::SocketAddr;
use std::time::Duration;

use kernel::Reason;
use tokio::net::TcpListener;

use super::ChannelSettings;
use super::connector::{Connector, Tls};
use crate::server::Bound;
use crate::server::bench::{Bench, Pki, at, client, read};
use crate::status;

fn settings(url: &str) -> ChannelSettings {
    ChannelSettings { url: url.to_owned(), ..ChannelSettings::default() }
}

#[test]
fn what_is_wrong_with_an_address_is_said() {
    for (url, says) in [
        ("", "not set"),
        ("policy.test:7443", "https://"),
        ("ftp://policy.test", "https://"),
        ("http://policy.test:7443", "plaintext"),
        ("https://policy.test:7443/v1", "more than a host"),
        ("https://policy.test?x=1", "more than a host"),
        ("https://me:secret@policy.test", "more than a host"),
        ("https://", "no address"),
        ("https://policy.test:70000", "no address"),
    ] {
        let refused = settings(url).check("peers.policy").expect_err(url);
        assert_eq!(refused.violations()[0].field, "peers.policy.url", "{url}");
        assert!(refused.message().contains(says), "{url}: {refused}");
        assert!(!refused.message().contains("secret"), "{refused}");
    }
    for good in ["https://policy.test", "https://policy.test:7443/", "https://10.0.0.1:1", "https://[::1]:1"]
    {
        settings(good).check("peers.policy").unwrap();
    }
    for (change, key) in [
        (ChannelSettings { connect_timeout_ms: 99, ..settings("https://a.test") }, "connect_timeout_ms"),
        (ChannelSettings { max_in_flight: 0, ..settings("https://a.test") }, "max_in_flight"),
        (
            ChannelSettings { server_name: Some("a b".to_owned()), ..settings("https://a.test") },
            "server_name",
        ),
    ] {
        let refused = change.check("peers.policy").unwrap_err();
        assert_eq!(refused.violations()[0].field, format!("peers.policy.{key}"));
    }
}

#[tokio::test]
async fn a_service_that_is_away_costs_little_and_is_found_when_it_is_back() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = bound.address();
    drop(bound);
    let mut friend = client(&at(address), pki.credentials(&["friend.test"]));
    for _ in 0..50 {
        let away = friend.read_settings(read("now")).await.unwrap_err();
        assert_eq!(status::from_status(&away).reason(), Reason::DependencyUnavailable);
    }
    let bound = Bound::to(address).await.unwrap();
    let tls = pki.server(pki.credentials(&["policy.test"]));
    let _server = tokio::spawn(bound.serve_tls(bench.peer_mount(), tls, bench.stop.clone()));
    while friend.read_settings(read("now")).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn callers_do_not_wait_for_one_another_while_nobody_answers() {
    let pki = Pki::new();
    // The kernel accepts; nobody shakes hands.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = at(mute.local_addr().unwrap());
    settings.connect_timeout_ms = 200;
    let friend = client(&settings, pki.credentials(&["friend.test"]));
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let mut friend = friend.clone();
            tokio::spawn(async move { friend.read_settings(read("now")).await })
        })
        .collect();
    // One after the other they would take 20 seconds.
    let all = async {
        for call in calls {
            assert!(call.await.unwrap().is_err());
        }
    };
    tokio::time::timeout(Duration::from_secs(5), all).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_dead_or_mute_or_another_is_passed_over() {
    let (bench, pki) = (Bench::new(), Pki::new());
    let serve = async |names: &[&str]| {
        let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = bound.address();
        let tls = pki.server(pki.credentials(names));
        tokio::spawn(bound.serve_tls(bench.peer_mount(), tls, bench.stop.clone()));
        address
    };
    let dead = {
        let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
        bound.address()
    };
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses =
        vec![dead, mute.local_addr().unwrap(), serve(&["another.test"]).await, serve(&["policy.test"]).await];
    let tls = Tls {
        credentials: pki.credentials(&["friend.test"]),
        server_name: "policy.test".try_into().unwrap(),
    };
    let connector = Connector::new("policy.test".to_owned(), 1, tls, Duration::from_millis(800));
    // Whichever it begins with.
    for _ in 0..addresses.len() {
        connector.try_each(addresses.clone()).await.unwrap();
    }
    let bad = connector.try_each(addresses[..3].to_vec()).await.err().unwrap();
    assert!(!bad.to_string().is_empty());
}

#[tokio::test]
async fn connections_begin_with_another_address_each_time() {
    let credentials = Pki::new().credentials(&["friend.test"]);
    let tls = Tls { credentials, server_name: "a.test".try_into().unwrap() };
    let connector = Connector::new("a.test".to_owned(), 1, tls, Duration::from_secs(1));
    let [one, two]: [SocketAddr; 2] = ["10.0.0.1:1", "10.0.0.2:1"].map(|text| text.parse().unwrap());
    for _ in 0..2 {
        assert_eq!(connector.in_turn(vec![two, one, two]), [one, two]);
        assert_eq!(connector.in_turn(vec![one, two]), [two, one]);
    }
    assert_eq!(connector.in_turn(Vec::new()), []);
}
