//! Addresses that another server tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pretenders::read;
use super::*;
use crate::redis::address::Address;
use crate::redis::cluster::Cluster;
use crate::redis::dial::Dialer;
use crate::redis::failure::Redirect;
use crate::redis::judge::Expected;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Reaches this machine, and is no loopback address: stands for any other machine.
const ELSEWHERE: &str = "0.0.0.0";

/// A server on 127.0.0.1 that answers everything with one thing, and counts who comes.
struct Teller {
    port: u16,
    visitors: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Teller {
    async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let visitors = Arc::new(AtomicUsize::new(0));
        let counted = visitors.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while read(&mut stream).await.is_some() {
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, visitors, task }
    }

    fn visitors(&self) -> usize {
        self.visitors.load(Ordering::SeqCst)
    }

    fn url(&self, host: &str) -> String {
        format!("redis://{host}:{}", self.port)
    }
}

/// A Sentinel that says that the primary is at the port of another machine.
async fn sentinel(port: u16) -> Teller {
    let (length, digits) = (port.to_string().len(), port);
    Teller::start(format!("*2\r\n${}\r\n{ELSEWHERE}\r\n${length}\r\n{digits}\r\n", ELSEWHERE.len())).await
}

fn watched(url: String) -> RedisSettings {
    let sentinel =
        SentinelSettings { urls: vec![url], master: "tokens".to_owned(), ..SentinelSettings::default() };
    RedisSettings { sentinel: Some(sentinel), ..settings() }
}

fn spread(url: String) -> RedisSettings {
    RedisSettings { cluster: Some(ClusterSettings { urls: vec![url] }), ..settings() }
}

#[tokio::test]
async fn what_a_sentinel_on_this_machine_tells_of_another_is_not_talked_to_in_plaintext() {
    let far = Teller::start("-ERR unknown command\r\n".to_owned()).await;
    let sentinel = sentinel(far.port).await;
    let settings = watched(sentinel.url("127.0.0.1"));
    settings.check(true).expect("the settings alone look right");
    let why = refused(&settings).await;
    assert!(why.contains(ELSEWHERE) && why.contains("plaintext") && why.contains("rediss://"), "{why}");
    let findings = Redis::probe(&settings).await.unwrap();
    assert!(findings[0].what.contains("plaintext"), "{findings:?}");
    assert!(sentinel.visitors() > 0);
    assert_eq!(far.visitors(), 0, "nobody came");
}

#[tokio::test]
async fn what_a_node_on_this_machine_tells_of_another_is_not_talked_to_in_plaintext() {
    let far = Teller::start("-ERR unknown command\r\n".to_owned()).await;
    let primary = format!("*2\r\n${}\r\n{ELSEWHERE}\r\n:{}\r\n", ELSEWHERE.len(), far.port);
    let node = Teller::start(format!("*1\r\n*3\r\n:0\r\n:16383\r\n{primary}")).await;
    let settings = spread(node.url("127.0.0.1"));
    settings.check(true).expect("the settings alone look right");
    let why = refused(&settings).await;
    assert!(why.contains(ELSEWHERE) && why.contains("plaintext"), "{why}");
    assert!(node.visitors() > 0);
    assert_eq!(far.visitors(), 0, "nobody came");
}

#[tokio::test]
async fn a_redirection_to_another_machine_is_not_followed_in_plaintext() {
    let far = Teller::start("-ERR unknown command\r\n".to_owned()).await;
    let here = Address { host: "127.0.0.1".to_owned(), port: 1, tls: false };
    let dialer = Dialer::new(&settings(), std::slice::from_ref(&here));
    let expected = Expected { cluster: true, allowed: Vec::new() };
    let cluster = Cluster::new(dialer, expected, 1, vec![here.clone()]);
    for once in [true, false] {
        let redirect = Redirect { host: ELSEWHERE.to_owned(), port: far.port, once };
        let Err(why) = cluster.follow(&here, 7, &redirect).await else { panic!("followed") };
        assert!(why.to_string().contains("plaintext"), "{why}");
    }
    assert_eq!(far.visitors(), 0, "nobody came");
}

#[tokio::test]
async fn whoever_names_another_machine_in_plaintext_is_led_to_others() {
    let far = Teller::start("-ERR unknown command\r\n".to_owned()).await;
    let sentinel = sentinel(far.port).await;
    let settings = watched(sentinel.url(ELSEWHERE));
    settings.check(true).expect_err("never in production");
    let why = refused(&settings).await;
    assert!(why.contains("unknown command"), "{why}");
    assert!(far.visitors() > 0);
}
