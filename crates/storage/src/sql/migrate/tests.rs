use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm_migration::{MigrationName, MigrationTrait};
use testkit::{PostgresServer, Scratch};

use super::*;
use crate::sql::fixtures::{ask, assert_refused, ours, run, scratch};
use crate::sql::{DatabaseSettings, open};

/// A migration that runs one statement.
struct Runs(&'static str, &'static str);

impl MigrationName for Runs {
    fn name(&self) -> &str {
        self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Runs {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.1).await.map(|_| ())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}

use sea_orm::DbErr;
use sea_orm_migration::SchemaManager;

fn first() -> Box<dyn MigrationTrait> {
    Box::new(Runs("m1_first", "CREATE TABLE first (id int)"))
}

struct Old;
impl MigratorTrait for Old {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![first()]
    }
}

struct New;
impl MigratorTrait for New {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![first(), Box::new(Runs("m2_second", "CREATE TABLE second (id int)"))]
    }
}

/// The second one makes a table and then fails.
struct Broken;
impl MigratorTrait for Broken {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let half = "CREATE TABLE second (id int); INSERT INTO absent VALUES (1)";
        vec![first(), Box::new(Runs("m2_second", half))]
    }
}

/// The second one makes a table and then waits for whoever holds the row of `gate`.
struct Gated;
impl MigratorTrait for Gated {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let half = "CREATE TABLE second (id int); UPDATE gate SET id = 2";
        vec![first(), Box::new(Runs("m2_second", half))]
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn each_backend() -> [(DatabaseConnection, Scratch); 2] {
    let (sqlite, postgres) = (Scratch::sqlite(), Scratch::postgres());
    [(sqlite.open().await, sqlite), (postgres.open().await, postgres)]
}

#[tokio::test]
async fn what_is_pending_is_applied_once_and_named() {
    for (database, _scratch) in each_backend().await {
        assert_eq!(migrate::<Old>(&database).await.unwrap(), strings(&["m1_first"]));
        assert_eq!(migrate::<Old>(&database).await.unwrap(), strings(&[]));
        assert_eq!(migrate::<New>(&database).await.unwrap(), strings(&["m2_second"]));
        assert_eq!(migrate::<New>(&database).await.unwrap(), strings(&[]));
        check_schema::<New>(&database).await.unwrap();
        run(&database, "INSERT INTO second VALUES (1)").await.unwrap();
    }
}

#[tokio::test]
async fn a_schema_that_is_missing_older_or_newer_is_told_apart() {
    for (database, _scratch) in each_backend().await {
        let error = check_schema::<Old>(&database).await.unwrap_err();
        assert_refused(&error, Reason::ServiceHalted, &["no schema", "countersign migrate"]);
        migrate::<Old>(&database).await.unwrap();
        let error = check_schema::<New>(&database).await.unwrap_err();
        assert_refused(&error, Reason::ServiceHalted, &["older", "m2_second", "countersign migrate"]);
        migrate::<New>(&database).await.unwrap();
        for refused in
            [check_schema::<Old>(&database).await.unwrap_err(), migrate::<Old>(&database).await.unwrap_err()]
        {
            assert_refused(&refused, Reason::ServiceHalted, &["newer", "m2_second", "another role"]);
        }
    }
}

#[tokio::test]
async fn a_check_changes_nothing() {
    for (database, scratch) in each_backend().await {
        check_schema::<Old>(&database).await.unwrap_err();
        let count = if ours(scratch.settings()).is_postgres() {
            "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
        } else {
            "SELECT count(*) FROM sqlite_master"
        };
        assert_eq!(ask::<i64>(&database, count).await, 0);
    }
}

#[tokio::test]
async fn a_failure_half_way_leaves_nothing_and_can_be_run_again() {
    for (database, _scratch) in each_backend().await {
        migrate::<Broken>(&database).await.unwrap_err();
        let error = check_schema::<New>(&database).await.unwrap_err();
        assert_refused(&error, Reason::ServiceHalted, &["no schema"]);
        assert_eq!(migrate::<New>(&database).await.unwrap(), strings(&["m1_first", "m2_second"]));
    }
}

static UPS: AtomicU32 = AtomicU32::new(0);

/// Counts how often it is run.
struct Counts(&'static str);

impl MigrationName for Counts {
    fn name(&self) -> &str {
        self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Counts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        UPS.fetch_add(1, Ordering::SeqCst);
        // No `IF NOT EXISTS`: a second run would fail.
        let sql = format!("CREATE TABLE {} (id int)", self.0);
        manager.get_connection().execute_unprepared(&sql).await.map(|_| ())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}

struct Counted;
impl MigratorTrait for Counted {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Counts("m1")), Box::new(Counts("m2"))]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_runners_at_once_one_does_it_and_all_end_well() {
    for scratch in [Scratch::sqlite(), Scratch::postgres()] {
        UPS.store(0, Ordering::SeqCst);
        let mut pools = Vec::new();
        for _ in 0..6 {
            pools.push(scratch.open().await);
        }
        let runners: Vec<_> = pools
            .into_iter()
            .map(|pool| tokio::spawn(async move { migrate::<Counted>(&pool).await.unwrap() }))
            .collect();
        let mut did = Vec::new();
        for runner in runners {
            did.push(runner.await.unwrap());
        }
        did.retain(|names| !names.is_empty());
        assert_eq!(did, [strings(&["m1", "m2"])]);
        assert_eq!(UPS.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_runner_waits_for_another_one_only_so_long() {
    let (settings, _scratch) = scratch();
    let (one, two) = (open(&settings).await.unwrap(), open(&settings).await.unwrap());
    let holder = one.begin().await.unwrap();
    let key = advisory_key("migrate", &search_path(&holder).await.unwrap());
    run(&holder, &format!("SELECT pg_advisory_xact_lock({key})")).await.unwrap();
    let error = migrate_within::<Old>(&two, Duration::from_millis(100)).await.unwrap_err();
    assert_refused(&error, Reason::StoreUnavailable, &["another", "countersign migrate"]);
    holder.rollback().await.unwrap();
    migrate::<Old>(&two).await.unwrap();

    let sqlite = Scratch::sqlite();
    let settings = DatabaseSettings { lock_timeout_ms: 100, ..ours(sqlite.settings()) };
    let (one, two) = (open(&settings).await.unwrap(), open(&settings).await.unwrap());
    let holder = one.begin().await.unwrap();
    run(&holder, "CREATE TABLE other (id int)").await.unwrap();
    let error = migrate::<Old>(&two).await.unwrap_err();
    assert_refused(&error, Reason::StoreUnavailable, &["another", "countersign migrate"]);
}

/// Brings a migration to where it waits in the middle of its second step, and says which session does.
async fn in_the_middle(server: &PostgresServer) -> (tokio::task::JoinHandle<Result<Vec<String>>>, String) {
    let settings = ours(&server.settings());
    let runner = open(&settings).await.unwrap();
    let task = tokio::spawn(async move { migrate::<Gated>(&runner).await });
    let waiting = "SELECT coalesce(min(pid)::text, '') FROM pg_stat_activity \
                   WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE gate%' AND pid <> pg_backend_pid()";
    loop {
        let pid = server.sql(waiting);
        if !pid.is_empty() {
            return (task, pid);
        }
        assert!(!task.is_finished(), "the migration did not wait");
        tokio::task::yield_now().await;
    }
}

async fn gate(server: &PostgresServer) -> DatabaseConnection {
    server.sql("CREATE TABLE gate (id int); INSERT INTO gate VALUES (1)");
    let settings = DatabaseSettings { statement_timeout_ms: 60_000, ..ours(&server.settings()) };
    open(&settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_whose_process_or_connection_dies_half_way_can_be_run_again() {
    let server = PostgresServer::start(&[]).await;
    let keeper = gate(&server).await;
    let closed = keeper.begin().await.unwrap();
    run(&closed, "UPDATE gate SET id = 1").await.unwrap();

    // The connection is cut by the server.
    let (task, pid) = in_the_middle(&server).await;
    server.sql(&format!("SELECT pg_terminate_backend({pid})"));
    let error = task.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::StoreUnavailable);

    // The process dies: its task is gone, with all it holds.
    let (task, pid) = in_the_middle(&server).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    // The server finds out at the latest when it wants to answer.
    closed.commit().await.unwrap();
    while server.sql(&format!("SELECT count(*) FROM pg_locks WHERE pid = {pid}")) != "0" {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.sql("SELECT count(*) FROM pg_tables WHERE tablename IN ('first', 'second')"), "0");
    let applied = migrate::<Gated>(&keeper).await.unwrap();
    assert_eq!(applied, strings(&["m1_first", "m2_second"]));
    check_schema::<Gated>(&keeper).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_whose_server_crashes_half_way_can_be_run_again() {
    let mut server = PostgresServer::start(&[]).await;
    let keeper = gate(&server).await;
    let closed = keeper.begin().await.unwrap();
    run(&closed, "UPDATE gate SET id = 1").await.unwrap();
    let (task, _) = in_the_middle(&server).await;
    server.restart().await;
    assert_eq!(task.await.unwrap().unwrap_err().reason(), Reason::StoreUnavailable);
    drop(closed);
    let database = open(&ours(&server.settings())).await.unwrap();
    let error = check_schema::<Gated>(&database).await.unwrap_err();
    assert_refused(&error, Reason::ServiceHalted, &["no schema"]);
    assert_eq!(migrate::<Gated>(&database).await.unwrap(), strings(&["m1_first", "m2_second"]));
}

#[tokio::test]
async fn a_user_who_may_not_create_a_schema_uses_one_that_is_there() {
    let server = PostgresServer::start(&[]).await;
    server.sql("CREATE ROLE plain LOGIN");
    let settings = DatabaseSettings {
        url: server.url().replace("countersign@", "plain@"),
        schema: Some("policy".to_owned()),
        ..ours(&server.settings())
    };
    let database = open(&settings).await.unwrap();
    let error = migrate::<Old>(&database).await.unwrap_err();
    assert_refused(&error, Reason::StoreUnavailable, &["policy", "administrator"]);
    server.sql("CREATE SCHEMA policy AUTHORIZATION plain");
    migrate::<Old>(&database).await.unwrap();
    assert_eq!(server.sql("SELECT count(*) FROM policy.first"), "0");
}

#[tokio::test]
async fn two_schemas_of_one_database_know_nothing_of_each_other() {
    let ((one, _first), (two, _second)) = (scratch(), scratch());
    let (one, two) = (open(&one).await.unwrap(), open(&two).await.unwrap());
    migrate::<New>(&one).await.unwrap();
    let error = check_schema::<Old>(&two).await.unwrap_err();
    assert_refused(&error, Reason::ServiceHalted, &["no schema"]);
    migrate::<Old>(&two).await.unwrap();
    check_schema::<New>(&one).await.unwrap();
}
