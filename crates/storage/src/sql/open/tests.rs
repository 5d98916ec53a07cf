use kernel::secret::SecretString;
use kernel::{Reason, Timestamp};
use sea_orm::TransactionTrait;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use testkit::PostgresServer;

use super::*;
use crate::sql::fixtures::{ask, assert_refused, ours, run, scratch};
use crate::sql::{DatabaseTls, TlsMode, unavailable};

/// A file that only its owner may read.
fn password_file(folder: &Path, password: &str) -> PathBuf {
    let file = folder.join("password");
    std::fs::write(&file, password).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

async fn refusal(settings: &DatabaseSettings, words: &[&str]) {
    let error = open(settings).await.unwrap_err();
    assert_refused(&error, Reason::StoreUnavailable, words);
}

#[tokio::test]
async fn a_session_has_the_schema_and_the_timeouts_of_the_settings() {
    let (mut settings, _scratch) = scratch();
    settings.statement_timeout_ms = 4321;
    settings.lock_timeout_ms = 1234;
    let database = open(&settings).await.unwrap();
    for (name, value) in [
        ("search_path", format!("\"{}\"", settings.schema.as_deref().unwrap())),
        ("statement_timeout", "4321ms".to_owned()),
        ("idle_in_transaction_session_timeout", "4321ms".to_owned()),
        ("lock_timeout", "1234ms".to_owned()),
        ("transaction_isolation", "read committed".to_owned()),
        ("application_name", "countersign".to_owned()),
    ] {
        assert_eq!(ask::<String>(&database, &format!("SHOW {name}")).await, value, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_named_within_the_time_it_has() {
    // Port 1 of loopback: nobody listens there.
    let settings = DatabaseSettings {
        url: "postgres://countersign@127.0.0.1:1/countersign".to_owned(),
        tls: DatabaseTls { mode: TlsMode::Disable, ca_file: None },
        ..DatabaseSettings::default()
    };
    refusal(&settings, &["127.0.0.1:1", "does not answer"]).await;
}

#[tokio::test]
async fn who_may_not_come_in_is_told_what_to_mend() {
    let server = PostgresServer::start(&[]).await;
    let folder = testkit::folder();
    let locked = |password: &str| DatabaseSettings {
        url: server.locked_url(),
        password_file: Some(password_file(folder.path(), password)),
        ..ours(&server.settings())
    };
    let error = open(&locked("wrong horse")).await.unwrap_err();
    assert_refused(&error, Reason::StoreUnavailable, &["password", "locked", "password_file"]);
    assert!(!format!("{error:?}").contains("wrong horse"));
    assert!(open(&locked(&format!("{}\n", PostgresServer::PASSWORD))).await.is_ok());

    let nobody = DatabaseSettings { password_file: None, ..locked("") };
    refusal(&nobody, &["password"]).await;
    let missing = DatabaseSettings { password_file: Some(folder.path().join("missing")), ..locked("") };
    assert_refused(&open(&missing).await.unwrap_err(), Reason::InvalidRequest, &["missing", "password_file"]);
    let public = locked(PostgresServer::PASSWORD);
    let file = public.password_file.clone().unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_refused(&open(&public).await.unwrap_err(), Reason::InvalidRequest, &["chmod 600"]);

    let elsewhere = DatabaseSettings { url: format!("{}x", server.url()), ..ours(&server.settings()) };
    refusal(&elsewhere, &["no database `countersignx`"]).await;
}

#[tokio::test]
async fn a_server_that_only_reads_is_refused() {
    let standby = PostgresServer::standby().await;
    refusal(&ours(&standby.settings()), &["standby", "primary"]).await;

    let server = PostgresServer::start(&[]).await;
    let mut settings = ours(&server.settings());
    settings.acquire_timeout_ms = 300;
    let database = open(&settings).await.unwrap();
    server.sql("ALTER DATABASE countersign SET default_transaction_read_only = on");
    refusal(&settings, &["read-only", "default_transaction_read_only"]).await;
    // The pool had no connection yet, and does not take one that cannot write.
    let error = unavailable(run(&database, "SELECT 1").await.unwrap_err());
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    server.sql(
        "SET TRANSACTION READ WRITE; \
                ALTER DATABASE countersign RESET default_transaction_read_only",
    );
    run(&database, "SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_write_that_a_server_refuses_because_it_became_read_only_may_be_tried_again() {
    let server = PostgresServer::start(&[]).await;
    let database = open(&ours(&server.settings())).await.unwrap();
    run(&database, "CREATE TABLE kept (id int)").await.unwrap();
    let transaction = database.begin().await.unwrap();
    run(&transaction, "SET TRANSACTION READ ONLY").await.unwrap();
    let error = unavailable(run(&transaction, "INSERT INTO kept VALUES (1)").await.unwrap_err());
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    assert_eq!(
        unavailable(run(&database, "SELECT * FROM absent").await.unwrap_err()).reason(),
        Reason::Internal
    );
}

#[tokio::test]
async fn a_server_without_a_place_says_so() {
    let settings =
        [("max_connections", "4"), ("superuser_reserved_connections", "3"), ("max_wal_senders", "0")];
    let server = PostgresServer::start(&settings).await;
    let folder = testkit::folder();
    let settings = DatabaseSettings {
        url: server.locked_url(),
        password_file: Some(password_file(folder.path(), PostgresServer::PASSWORD)),
        ..ours(&server.settings())
    };
    let database = open(&settings).await.unwrap();
    let held = database.begin().await.unwrap();
    run(&held, "SELECT 1").await.unwrap();
    refusal(&settings, &["no connection to spare"]).await;
}

#[tokio::test]
async fn a_stopped_server_is_given_up_in_bounded_time_and_found_again() {
    let mut server = PostgresServer::start(&[]).await;
    let mut settings = ours(&server.settings());
    (settings.connect_timeout_ms, settings.acquire_timeout_ms, settings.max_connections) = (300, 300, 1);
    let database = open(&settings).await.unwrap();
    run(&database, "SELECT 1").await.unwrap();
    server.pause();
    refusal(&settings, &["did not answer within 300 ms"]).await;
    // One call sits on the only connection, and its caller gives up; the next one is told within its time.
    let waiting = database.clone();
    let first = tokio::spawn(async move { run(&waiting, "SELECT 1").await });
    let error = unavailable(run(&database, "SELECT 1").await.unwrap_err());
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    first.abort();
    server.resume();
    let mut calls = 0;
    while run(&database, "SELECT 1").await.is_err() {
        calls += 1;
        assert!(calls < 20, "the pool does not find the server again");
    }
}

#[tokio::test]
async fn a_restarted_server_is_found_again_and_every_failure_before_may_be_tried_again() {
    let mut server = PostgresServer::start(&[]).await;
    let settings = ours(&server.settings());
    let database = open(&settings).await.unwrap();
    run(&database, "CREATE TABLE kept (id int)").await.unwrap();
    server.restart().await;
    let mut failed = 0;
    while let Err(error) = run(&database, "INSERT INTO kept VALUES (1)").await {
        assert_eq!(unavailable(error).reason(), Reason::StoreUnavailable);
        failed += 1;
        assert!(failed <= settings.max_connections, "the pool does not find the server again");
    }
    assert_eq!(server.sql("SELECT count(*) FROM kept"), "1");
}

#[tokio::test]
async fn statements_locks_and_idle_transactions_end_after_their_time() {
    let (mut settings, _scratch) = scratch();
    (settings.statement_timeout_ms, settings.lock_timeout_ms) = (200, 100);
    let database = testkit_schema(&settings).await;
    let error = unavailable(run(&database, "SELECT pg_sleep(60)").await.unwrap_err());
    assert_eq!(error.reason(), Reason::StoreUnavailable);

    let holder = database.begin().await.unwrap();
    run(&holder, "UPDATE kept SET id = 2").await.unwrap();
    let error = unavailable(run(&database, "UPDATE kept SET id = 3").await.unwrap_err());
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    // The holder does nothing, so the server ends it, and the row is free.
    let patient = DatabaseSettings { statement_timeout_ms: 60_000, lock_timeout_ms: 60_000, ..settings };
    let other = open(&patient).await.unwrap();
    run(&other, "UPDATE kept SET id = 4").await.unwrap();
    assert_eq!(unavailable(holder.commit().await.unwrap_err()).reason(), Reason::StoreUnavailable);
    assert_eq!(ask::<i32>(&other, "SELECT id FROM kept").await, 4);
}

#[tokio::test]
async fn a_deadlock_may_be_tried_again() {
    let (settings, _scratch) = scratch();
    let database = testkit_schema(&settings).await;
    run(&database, "INSERT INTO kept VALUES (2)").await.unwrap();
    let (one, two) = (database.begin().await.unwrap(), database.begin().await.unwrap());
    run(&one, "UPDATE kept SET id = id WHERE id = 1").await.unwrap();
    run(&two, "UPDATE kept SET id = id WHERE id = 2").await.unwrap();
    let (first, second) = tokio::join!(
        run(&one, "UPDATE kept SET id = id WHERE id = 2"),
        run(&two, "UPDATE kept SET id = id WHERE id = 1")
    );
    let error = first.err().or(second.err()).unwrap();
    assert_eq!(unavailable(error).reason(), Reason::StoreUnavailable);
}

/// A schema with a table `kept`, in which one row has the id 1.
async fn testkit_schema(settings: &DatabaseSettings) -> DatabaseConnection {
    let database = open(settings).await.unwrap();
    let schema = settings.schema.as_deref().unwrap();
    run(&database, &format!("CREATE SCHEMA \"{schema}\"")).await.unwrap();
    run(&database, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)").await.unwrap();
    database
}

#[tokio::test]
async fn commits_are_durable_whatever_the_server_is_used_to() {
    let server = PostgresServer::start(&[("synchronous_commit", "off")]).await;
    let database = open(&ours(&server.settings())).await.unwrap();
    assert_eq!(ask::<String>(&database, "SHOW synchronous_commit").await, "on");
    let (settings, _scratch) = scratch();
    let database = open(&settings).await.unwrap();
    assert_eq!(ask::<String>(&database, "SHOW synchronous_commit").await, "on");
}

/// Changes a setting of the whole server; from then on it counts for every new connection.
async fn reconfigure(server: &PostgresServer, name: &str, value: &str) {
    server.sql(&format!("ALTER SYSTEM SET {name} = {value}"));
    server.sql("SELECT pg_reload_conf()");
    while server.sql(&format!("SHOW {name}")).trim() != value {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn commits_stay_durable_when_the_server_changes_its_habit_or_another_takes_over() {
    let server = PostgresServer::start(&[]).await;
    let mut settings = ours(&server.settings());
    settings.max_connections = 1;
    let database = open(&settings).await.unwrap();
    let commits = async || ask::<String>(&database, "SHOW synchronous_commit").await;
    assert_eq!(commits().await, "on");
    reconfigure(&server, "synchronous_commit", "off").await;
    let habit = "SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'";
    while ask::<String>(&database, habit).await != "off" {
        tokio::task::yield_now().await;
    }
    assert_eq!(commits().await, "on", "the connection that was there");
    run(&database, "SELECT pg_terminate_backend(pg_backend_pid())").await.expect_err("it ended");
    assert_eq!(commits().await, "on", "the next one");
    // What waits for more than the disk is left alone.
    reconfigure(&server, "synchronous_commit", "remote_write").await;
    run(&database, "SELECT pg_terminate_backend(pg_backend_pid())").await.expect_err("it ended");
    assert_eq!(commits().await, "remote_write");
}

#[tokio::test]
async fn in_production_a_server_that_forgets_in_a_power_cut_is_refused_at_start_and_later() {
    let server = PostgresServer::start(&[("fsync", "off")]).await;
    let mut settings = ours(&server.settings());
    settings.max_connections = 1;
    settings.acquire_timeout_ms = 1000;
    open_for(&settings, Mode::Dev).await.unwrap();
    let error = open_for(&settings, Mode::Production).await.unwrap_err();
    assert_refused(&error, Reason::StoreUnavailable, &["fsync", "power cut"]);

    reconfigure(&server, "fsync", "on").await;
    let database = open_for(&settings, Mode::Production).await.unwrap();
    assert_eq!(ask::<i32>(&database, "SELECT 1").await, 1);
    reconfigure(&server, "fsync", "off").await;
    run(&database, "SELECT pg_terminate_backend(pg_backend_pid())").await.expect_err("it ended");
    let error = unavailable(run(&database, "SELECT 1").await.unwrap_err());
    assert_eq!(error.reason(), Reason::StoreUnavailable, "{error:?}");
    reconfigure(&server, "fsync", "on").await;
    assert_eq!(ask::<i32>(&database, "SELECT 1").await, 1, "as soon as it is on again");
}

#[tokio::test]
async fn tls_is_only_with_a_certificate_for_this_name_by_a_known_authority() {
    let authority = testkit::TestAuthority::new("databases");
    let validity = Timestamp::from_seconds(0)..Timestamp::from_seconds(4_000_000_000);
    let certificate = authority.issue(&["localhost"], validity);
    let server = PostgresServer::start_with_files(
        &[("ssl", "on"), ("ssl_cert_file", "tls.pem"), ("ssl_key_file", "tls.key")],
        &[
            ("tls.pem", certificate.chain.as_bytes()),
            ("tls.key", certificate.key.as_bytes()),
            ("pg_hba.conf", b"hostssl all all 127.0.0.1/32 trust\nhost all postgres 127.0.0.1/32 trust\n"),
        ],
    )
    .await;
    let folder = testkit::folder();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, authority.pem()).unwrap();
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let good = DatabaseSettings {
        url: by_name.clone(),
        tls: DatabaseTls { mode: TlsMode::VerifyFull, ca_file: Some(ca_file.clone()) },
        ..ours(&server.settings())
    };
    let database = open(&good).await.unwrap();
    assert!(ask::<bool>(&database, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await);

    let by_address = DatabaseSettings { url: server.url(), ..good.clone() };
    refusal(&by_address, &["TLS", "name"]).await;
    let stranger = DatabaseTls { mode: TlsMode::VerifyFull, ca_file: None };
    refusal(&DatabaseSettings { tls: stranger, ..good.clone() }, &["TLS", "ca_file"]).await;
    std::fs::write(&ca_file, testkit::TestAuthority::new("others").pem()).unwrap();
    refusal(&good, &["TLS", "ca_file"]).await;
    std::fs::write(&ca_file, "no certificate").unwrap();
    assert_refused(&open(&good).await.unwrap_err(), Reason::InvalidRequest, &["ca_file", "PEM"]);
    std::fs::remove_file(&ca_file).unwrap();
    assert_refused(&open(&good).await.unwrap_err(), Reason::InvalidRequest, &["ca_file", "cannot be read"]);

    let plain = DatabaseTls { mode: TlsMode::Disable, ca_file: None };
    refusal(&DatabaseSettings { tls: plain, ..good }, &["pg_hba.conf"]).await;
    let (shared, _scratch) = scratch();
    let upgrade = DatabaseTls { mode: TlsMode::VerifyFull, ca_file: None };
    refusal(&DatabaseSettings { tls: upgrade, ..shared }, &["TLS", "none to offer"]).await;
}

#[tokio::test]
async fn a_password_is_in_no_message_and_no_debug_output() {
    let settings = DatabaseSettings {
        url: format!("postgres://me:{}@127.0.0.1/db", "hunter2"),
        ..DatabaseSettings::default()
    };
    let error = open(&settings).await.unwrap_err();
    assert_refused(&error, Reason::InvalidRequest, &["password_file"]);
    assert!(!format!("{error:?}").contains("hunter2"));
    let secret = SecretString::from("hunter2".to_owned());
    assert!(!format!("{secret:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_sqlite_file_is_made_and_what_is_none_is_refused() {
    let folder = testkit::folder();
    let settings = |name: &str| DatabaseSettings {
        url: format!("sqlite://{}", folder.path().join(name).display()),
        ..DatabaseSettings::default()
    };
    let database = open(&settings("new.sqlite")).await.unwrap();
    assert_eq!(ask::<i32>(&database, "PRAGMA synchronous").await, 2);
    assert!(folder.path().join("new.sqlite").exists());
    refusal(&settings("absent/new.sqlite"), &["absent", "folder"]).await;
    std::fs::write(folder.path().join("text"), "x".repeat(4096)).unwrap();
    refusal(&settings("text"), &["is it a database"]).await;
}

#[tokio::test]
async fn a_busy_sqlite_file_is_waited_for_only_so_long() {
    let folder = testkit::folder();
    let settings = DatabaseSettings {
        url: format!("sqlite://{}", folder.path().join("busy.sqlite").display()),
        lock_timeout_ms: 100,
        ..DatabaseSettings::default()
    };
    let (one, two) = (open(&settings).await.unwrap(), open(&settings).await.unwrap());
    run(&one, "CREATE TABLE kept (id int)").await.unwrap();
    let holder = one.begin().await.unwrap();
    run(&holder, "INSERT INTO kept VALUES (1)").await.unwrap();
    let error = unavailable(run(&two, "INSERT INTO kept VALUES (2)").await.unwrap_err());
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    holder.commit().await.unwrap();
    run(&two, "INSERT INTO kept VALUES (2)").await.unwrap();
}
