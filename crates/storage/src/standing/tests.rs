use std::path::PathBuf;

use async_trait::async_trait;
use kernel::Timestamp;
use kernel::audit::{Actor, Event, Outcome};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tempfile::TempDir;
use testkit::{Scratch, race};

use super::*;
use crate::mark::{self, Mark, Mode, Owner};
use crate::witness::Witness;
use crate::{AuditLog, FileWitness, SqlAuditLog, Trail, restore};

mod copies;
mod races;
mod witnesses;

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(crate::audit::Migration), Box::new(mark::Migration)]
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const NAME: &str = "production.main.policy";

fn owner() -> Owner {
    Owner::new("main", "policy", Mode::Production).unwrap()
}

/// A database and a witness in a folder.
struct World {
    backend: &'static str,
    database: DatabaseConnection,
    scratch: Scratch,
    folder: TempDir,
}

impl World {
    /// One on each backend, claimed.
    async fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (backend, database, scratch) in testkit::databases::<Migrator>().await {
            mark::claim(&database, &owner(), NOW).await.unwrap();
            let folder = testkit::folder();
            std::fs::create_dir(folder.path().join("witness")).unwrap();
            all.push(Self { backend, database, scratch, folder });
        }
        all
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("witness")
    }

    fn witness(&self) -> Arc<dyn Witness> {
        Arc::new(FileWitness::new(self.place()))
    }

    async fn witnessed(&self) -> Option<u64> {
        self.witness().read(NAME).await.unwrap()
    }

    async fn mark(&self) -> Mark {
        mark::read(&self.database).await.unwrap().unwrap()
    }

    /// A process of the role begins.
    async fn begin(&self) -> Result<(Standing, Watch)> {
        let mark = mark::claim(&self.database, &owner(), NOW).await?;
        watch(self.database.clone(), self.witness(), &mark).await
    }

    async fn sql(&self, sql: &str) {
        self.database.execute_unprepared(sql).await.unwrap();
    }

    /// A backup, as SQL has it.
    async fn back_up(&self) {
        for table in ["deployment_mark", "audit_events"] {
            self.sql(&format!("CREATE TABLE copy_of_{table} AS SELECT * FROM {table}")).await;
        }
    }

    /// Everything is as it was when it was backed up.
    async fn put_back(&self) {
        for table in ["deployment_mark", "audit_events"] {
            self.sql(&format!("DELETE FROM {table}")).await;
            self.sql(&format!("INSERT INTO {table} SELECT * FROM copy_of_{table}")).await;
        }
    }

    fn log(&self, standing: &Standing) -> SqlAuditLog {
        SqlAuditLog::new(self.database.clone()).with_standing(standing.clone())
    }
}

fn event() -> Event {
    Event::new("test", NOW, Actor::Unknown)
}

#[track_caller]
fn assert_halted<T: std::fmt::Debug>(result: Result<T>) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.reason(), Reason::ServiceHalted, "{error:?}");
    error
}

#[tokio::test]
async fn a_database_that_is_in_use_is_witnessed_and_confirmed_at_each_start() {
    for world in World::all().await {
        let (standing, watch) = world.begin().await.unwrap();
        assert_eq!((world.mark().await.counter, world.witnessed().await), (1, Some(1)), "{}", world.backend);
        standing.check().unwrap();
        watch.round().await.unwrap();
        watch.round().await.unwrap();
        assert_eq!((world.mark().await.counter, world.witnessed().await), (3, Some(3)));
        let (standing, _) = world.begin().await.unwrap();
        standing.check().unwrap();
        assert_eq!(world.witnessed().await, Some(4));
    }
}

#[tokio::test]
async fn a_start_that_broke_off_anywhere_is_no_reason_to_refuse_the_next() {
    for world in World::all().await {
        // The witness was told, the counter not raised yet.
        world.witness().raise(NAME, 0).await.unwrap();
        world.begin().await.unwrap();
        // The counter was raised, the witness not yet.
        world.sql("UPDATE deployment_mark SET counter = counter + 1").await;
        let (_, watch) = world.begin().await.unwrap();
        watch.round().await.unwrap();
        assert_eq!(world.witnessed().await, Some(world.mark().await.counter), "{}", world.backend);
    }
}

#[tokio::test]
async fn a_database_that_was_put_back_is_refused_at_every_start_and_never_catches_up() {
    for world in World::all().await {
        let (_, watch) = world.begin().await.unwrap();
        world.back_up().await;
        // Less cannot be missing: one round.
        watch.round().await.unwrap();
        world.put_back().await;
        for _ in 0..10 {
            let refused = assert_halted(world.begin().await);
            for part in ["role `policy` of deployment `main`", "counter 2", "has 1", "restore acknowledge"] {
                assert!(refused.message().contains(part), "{refused}");
            }
        }
        assert_eq!((world.mark().await.counter, world.witnessed().await), (1, Some(2)), "{}", world.backend);
    }
}

#[tokio::test]
async fn an_empty_database_in_place_of_one_that_was_in_use_is_refused() {
    for world in World::all().await {
        world.begin().await.unwrap();
        world.sql("DELETE FROM deployment_mark").await;
        let refused = assert_halted(world.begin().await);
        assert!(refused.message().contains("is new"), "{refused}");
        assert_eq!(world.mark().await.counter, 0, "{}", world.backend);
    }
}

#[tokio::test]
async fn a_database_that_is_put_back_under_a_running_process_halts_it_at_the_next_round() {
    for world in World::all().await {
        let (standing, watch) = world.begin().await.unwrap();
        world.back_up().await;
        watch.round().await.unwrap();
        world.put_back().await;
        watch.round().await.unwrap();
        assert_halted(standing.check());
        assert_halted(world.log(&standing).begin(event()).await);
        // For good: a halted process does not believe that all is well again.
        world.sql("UPDATE deployment_mark SET counter = 1000").await;
        watch.round().await.unwrap();
        assert_halted(standing.check());
    }
}

#[tokio::test]
async fn the_first_intent_in_a_database_that_was_put_back_is_refused_before_any_round() {
    for world in World::all().await {
        let (standing, watch) = world.begin().await.unwrap();
        let log = world.log(&standing);
        world.back_up().await;
        let before = log.begin(event()).await.unwrap();
        watch.round().await.unwrap();
        log.finish(before, Outcome::Succeeded).await.unwrap();
        world.put_back().await;

        standing.check().unwrap();
        assert_halted(log.begin(event()).await);
        assert_halted(standing.check());
        assert_halted(log.record(event(), Outcome::Succeeded).await);
        let trail = Trail::new(Arc::new(log), event());
        assert_halted(trail.intend().await);
        // Why it was refused is written down all the same, and the caller is told that and nothing else.
        let told = assert_halted(trail.end::<()>(standing.check(), true).await);
        assert!(!told.message().contains("counter"), "{told}");
        let rows = SqlAuditLog::new(world.database.clone()).list(None, None, 10).await.unwrap();
        assert!(rows.iter().any(|row| row.outcome == Outcome::Refused(Reason::ServiceHalted)), "{rows:?}");
        assert_eq!(world.mark().await.counter, 1, "{}", world.backend);
    }
}

#[tokio::test]
async fn an_intent_in_a_database_without_a_mark_is_refused() {
    for world in World::all().await {
        let (standing, _watch) = world.begin().await.unwrap();
        world.sql("DELETE FROM deployment_mark").await;
        assert_halted(world.log(&standing).begin(event()).await);
    }
}

#[tokio::test]
async fn an_acknowledgement_halts_whoever_still_runs() {
    for world in World::all().await {
        let (by_round, watch) = world.begin().await.unwrap();
        let (by_intent, _watch) = world.begin().await.unwrap();
        restore::acknowledge(&world.database, &*world.witness(), NOW).await.unwrap();
        assert_halted(world.log(&by_intent).begin(event()).await);
        watch.round().await.unwrap();
        assert_halted(by_round.check());
        let (again, _watch) = world.begin().await.unwrap();
        again.check().unwrap();
        drop(world.log(&again).begin(event()).await.unwrap());
    }
}

#[tokio::test]
async fn a_database_that_becomes_anothers_under_a_process_halts_it() {
    for world in World::all().await {
        for change in ["deployment = 'other'", "role = 'other'", "mode = 'dev'"] {
            let (standing, watch) = world.begin().await.unwrap();
            world.sql(&format!("UPDATE deployment_mark SET {change}")).await;
            watch.round().await.unwrap();
            assert_halted(standing.check());
            world
                .sql("UPDATE deployment_mark SET deployment = 'main', role = 'policy', mode = 'production'")
                .await;
        }
    }
}

#[tokio::test]
async fn what_nothing_witnesses_stands_until_it_is_halted() {
    for world in World::all().await {
        let standing = Standing::unwitnessed();
        let log = world.log(&standing);
        drop(log.begin(event()).await.unwrap());
        let clone = standing.clone();
        clone.halt("first");
        clone.halt("second");
        let refused = assert_halted(standing.check());
        assert_eq!(refused.internal_cause().unwrap().to_string(), "first");
        assert_halted(log.begin(event()).await);
        assert_halted(log.record(event(), Outcome::Succeeded).await);
        assert_eq!(log.list(None, None, 10).await.unwrap().len(), 1, "{}", world.backend);
    }
}
