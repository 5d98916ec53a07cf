use testkit::PostgresServer;

use super::*;
use crate::sql::fixtures::{assert_refused, ours, scratch};

const QUICK: Duration = Duration::from_millis(20);

/// A lease that looks often.
async fn quick(settings: &DatabaseSettings, name: &str) -> Result<Lease> {
    let Location::Postgres(server) = settings.location()? else { panic!("not Postgres") };
    Post { settings: settings.clone(), server, name: name.to_owned(), every: QUICK }.hold().await
}

/// Takes the lease as soon as it is free; each try is a connection, so this is no busy loop.
async fn when_free(settings: &DatabaseSettings, name: &str) -> Lease {
    for _ in 0..500 {
        if let Ok(lease) = Lease::acquire(settings, name).await {
            return lease;
        }
    }
    panic!("the lease is never free");
}

async fn changed_to(lease: &Lease, held: bool) {
    lease.held.clone().wait_for(|now| *now == held).await.unwrap();
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_is_gone() {
    let (settings, _scratch) = scratch();
    let first = Lease::acquire(&settings, "mpc-signer").await.unwrap();
    first.check().unwrap();
    let error = Lease::acquire(&settings, "mpc-signer").await.unwrap_err();
    assert_refused(
        &error,
        Reason::ServiceHalted,
        &["another process", "session", "127.0.0.1", "end it first"],
    );
    drop(first);
    when_free(&settings, "mpc-signer").await;
}

#[tokio::test]
async fn another_name_or_schema_is_another_lease() {
    let ((one, _first), (two, _second)) = (scratch(), scratch());
    let _held = Lease::acquire(&one, "mpc-signer").await.unwrap();
    Lease::acquire(&one, "policy").await.unwrap();
    Lease::acquire(&two, "mpc-signer").await.unwrap();
}

#[tokio::test]
async fn a_sqlite_database_has_one_process_too() {
    let scratch = testkit::Scratch::sqlite();
    let settings = ours(scratch.settings());
    let first = Lease::acquire(&settings, "mpc-signer").await.unwrap();
    first.check().unwrap();
    let error = Lease::acquire(&settings, "mpc-signer").await.unwrap_err();
    assert_refused(&error, Reason::ServiceHalted, &["another process", "test.sqlite", "end it first"]);
    drop(first);
    Lease::acquire(&settings, "mpc-signer").await.unwrap();
    let lost = DatabaseSettings { url: "sqlite:///absent/folder/x.sqlite".to_owned(), ..settings };
    let error = Lease::acquire(&lost, "mpc-signer").await.unwrap_err();
    assert_refused(&error, Reason::StoreUnavailable, &["/absent/folder/x.sqlite.lock"]);
}

#[tokio::test]
async fn a_lost_lease_is_noticed_and_taken_again_once_nobody_else_has_it() {
    let server = PostgresServer::start(&[]).await;
    let settings = ours(&server.settings());
    let lease = quick(&settings, "node").await.unwrap();
    let Location::Postgres(address) = settings.location().unwrap() else { panic!("not Postgres") };
    let key = advisory_key("lease node", "");
    let (mut other, _) =
        postgres::connect(&settings, &address, "another", postgres::PowerCut::MayForget).await.unwrap();
    // Cuts the holder off and waits for its lock, before it can come back.
    let take = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted; \
         SELECT pg_advisory_lock({key})"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(take)).execute(&mut other).await.unwrap();
    changed_to(&lease, false).await;
    assert_refused(&lease.check().unwrap_err(), Reason::ServiceHalted, &["nothing was authorized"]);
    other.close().await.unwrap();
    changed_to(&lease, true).await;
    lease.check().unwrap();
    let error = Lease::acquire(&settings, "node").await.unwrap_err();
    assert_refused(&error, Reason::ServiceHalted, &["another process"]);
}

#[tokio::test]
async fn a_lease_is_lost_while_its_server_is_down_or_silent() {
    let mut server = PostgresServer::start(&[]).await;
    let mut settings = ours(&server.settings());
    (settings.connect_timeout_ms, settings.statement_timeout_ms) = (300, 300);
    let lease = quick(&settings, "node").await.unwrap();
    server.pause();
    changed_to(&lease, false).await;
    server.resume();
    changed_to(&lease, true).await;
    server.kill().await;
    changed_to(&lease, false).await;
    server.restart().await;
    changed_to(&lease, true).await;
}

#[tokio::test]
async fn a_lock_that_was_given_away_without_a_cut_is_noticed() {
    let server = PostgresServer::start(&[]).await;
    let settings = ours(&server.settings());
    let Location::Postgres(address) = settings.location().unwrap() else { panic!("not Postgres") };
    let post = Post { settings, server: address, name: "node".to_owned(), every: QUICK };
    let mut connection = post.take().await.unwrap();
    assert!(post.holds(&mut connection).await.unwrap());
    // What a pooler does between two of its clients, among other things.
    sqlx::raw_sql("SELECT pg_advisory_unlock_all()").execute(&mut connection).await.unwrap();
    assert!(!post.holds(&mut connection).await.unwrap());
    assert_eq!(post.until_lost(&mut connection).await, "the server says so");
}

#[tokio::test]
async fn a_database_that_is_away_is_no_lease() {
    let mut server = PostgresServer::start(&[]).await;
    let settings = ours(&server.settings());
    server.stop().await;
    let error = Lease::acquire(&settings, "node").await.unwrap_err();
    assert_refused(&error, Reason::StoreUnavailable, &["does not answer"]);
}
