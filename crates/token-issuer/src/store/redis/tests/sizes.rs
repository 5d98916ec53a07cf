//! How much a live token takes.

use super::*;
use kernel::{FactorKind, SessionId};

/// A token is to take less than this, in octets, with everything that is kept for it.
const MOST_OCTETS: u64 = 400;

/// A bound token with a session id of common length, of a user of its own.
fn common(number: u32) -> Token {
    let session: SessionId = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap();
    let base = token(number);
    let user = UserId::derive(base.environment, "idp", &number.to_string());
    // Of all kinds of proof a passkey's has the most methods.
    let amr = FactorKind::Passkey.amr().to_vec();
    Token { session, user, bound: Bound::to(&export(number)), amr, ..base }
}

#[tokio::test]
async fn a_live_token_takes_less_than_400_octets() {
    let server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    let usage = async |token: &Token| {
        let usage = server.raw(&[b"MEMORY", b"USAGE", &key_of(&store, token)]).await;
        u64::try_from(usage.integer().unwrap()).unwrap()
    };
    let one = common(0);
    issue(&store, &one, NOW).await.unwrap();
    let alone = usage(&one).await;
    assert!(alone < MOST_OCTETS, "{alone} octets for the only token of a user");
    spend(&store, &one, 1).await.unwrap();
    let spent = usage(&one).await;
    assert!(spent <= alone + 100, "{spent} octets for one that is spent");
    for number in 1..16 {
        issue(&store, &Token { user: one.user, ..common(number) }, NOW).await.unwrap();
    }
    let of_many = usage(&one).await / 16;
    assert!(of_many < MOST_OCTETS, "{of_many} octets for one of sixteen");

    // And by what the whole server takes, with tables and expiry: 5,000 users with a token each.
    let used = async || server.info("memory", "used_memory").await.unwrap().parse::<u64>().unwrap();
    let before = used().await;
    let count = 5_000;
    for first in (1..=count).step_by(100) {
        let tasks: Vec<_> = (first..first + 100)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { issue(&store, &common(number), NOW).await.unwrap() })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
    let each = (used().await - before) / u64::from(count);
    assert!(each < MOST_OCTETS, "{each} octets of the server's memory");
    println!("octets: {alone} alone, {spent} spent, {of_many} of many, {each} of the whole server");
}
