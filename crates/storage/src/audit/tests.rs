use super::*;
use kernel::audit::Actor;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, Statement, TransactionTrait};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use testkit::race;

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Migration)]
    }
}

/// Two handles on one trail, as two processes have.
type Logs = [SqlAuditLog; 2];

/// Runs a clause of the contract on every backend.
async fn on_each(clause: impl AsyncFn(Logs)) {
    testkit::on_each::<Migrator>(async |pools| clause(pools.map(SqlAuditLog::new)).await).await;
}

fn event(kind: &'static str) -> Event {
    Event::new(kind, Timestamp::from_millis(1_000), Actor::Unknown)
}

fn trail(log: &SqlAuditLog, kind: &'static str) -> Trail {
    Trail::new(Arc::new(log.clone()), event(kind))
}

async fn refuse(log: &SqlAuditLog, event: Event) {
    let ended: Result<()> =
        Trail::new(Arc::new(log.clone()), event).end(Err(Error::not_found()), false).await;
    assert_eq!(ended.unwrap_err().reason(), Reason::ResourceNotFound);
}

async fn all(log: &SqlAuditLog) -> Vec<Row> {
    log.list(None, None, 1_000).await.unwrap()
}

#[tokio::test]
async fn the_intent_is_on_record_before_the_work_and_its_end_after() {
    on_each(async |[log, _]| {
        let good = trail(&log, "a");
        good.intend().await.unwrap();
        good.intend().await.unwrap();
        assert_eq!(all(&log).await[0].outcome, Outcome::Intended);
        good.end(Ok(()), false).await.unwrap();
        assert_eq!(all(&log).await[0].outcome, Outcome::Succeeded);

        let bad = trail(&log, "b");
        bad.operation("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap(), [3; 32]).await;
        bad.intend().await.unwrap();
        assert!(bad.end::<()>(Err(Error::not_found()), false).await.is_err());
        let rows = all(&log).await;
        assert_eq!(rows[0].outcome, Outcome::Refused(Reason::ResourceNotFound));
        assert_eq!(rows[0].digest, [3; 32]);
        assert_eq!(rows.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_intent_that_touched_nothing_is_counted_with_its_like() {
    on_each(async |[log, _]| {
        for _ in 0..3 {
            let trail = trail(&log, "a");
            trail.intend().await.unwrap();
            trail.untouched().await;
            assert!(trail.end::<()>(Err(Error::not_found()), true).await.is_err());
        }
        let rows = all(&log).await;
        assert_eq!((rows.len(), rows[0].count), (1, 3));
        assert_eq!(rows[0].outcome, Outcome::Refused(Reason::ResourceNotFound));
        // A success is a success.
        let trail = trail(&log, "a");
        trail.intend().await.unwrap();
        trail.untouched().await;
        trail.end(Ok(()), true).await.unwrap();
        assert_eq!(all(&log).await[0].outcome, Outcome::Succeeded);
    })
    .await;
}

#[tokio::test]
async fn a_success_that_consumed_nothing_is_kept_only_where_asked_for() {
    on_each(async |[log, _]| {
        trail(&log, "read").end(Ok(()), false).await.unwrap();
        assert!(all(&log).await.is_empty());
        trail(&log, "change").end(Ok(()), true).await.unwrap();
        assert_eq!(all(&log).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn like_refusals_within_a_minute_are_counted_in_one_row() {
    on_each(async |[log, _]| {
        for _ in 0..5 {
            refuse(&log, event("a")).await;
        }
        let later = Event { time: Timestamp::from_millis(61_000), ..event("a") };
        refuse(&log, later).await;
        refuse(&log, event("b")).await;
        let mut counts: Vec<_> = all(&log).await.iter().map(|row| row.count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 5]);
    })
    .await;
}

#[tokio::test]
async fn a_row_for_several_refusals_names_only_what_they_share() {
    on_each(async |[log, _]| {
        let on = |resource: &str, operation: &str, digest| {
            Event::new("a", Timestamp::from_millis(1_000), Actor::Unknown)
                .resource(resource)
                .operation(operation.parse().unwrap(), [digest; 32])
        };
        let (one, two) = ("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11", "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12");
        refuse(&log, on("wallet", one, 1)).await;
        refuse(&log, on("wallet", one, 1)).await;
        let rows = all(&log).await;
        assert_eq!((rows[0].operation.as_str(), rows[0].digest.as_slice()), (one, [1; 32].as_slice()));
        refuse(&log, on("wallet", two, 2)).await;
        let rows = all(&log).await;
        assert_eq!((rows.len(), rows[0].count, rows[0].resource.as_str()), (1, 3, "wallet"));
        assert_eq!((rows[0].operation.as_str(), rows[0].digest.len()), ("", 0));
    })
    .await;
}

#[tokio::test]
async fn an_actor_of_any_length_can_be_written_down() {
    on_each(async |[log, _]| {
        let actor = Actor::Admin("x".repeat(100_000));
        refuse(&log, Event::new("a", Timestamp::from_millis(1_000), actor)).await;
        assert_eq!(all(&log).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn successes_are_never_folded_together() {
    on_each(async |[log, _]| {
        for _ in 0..3 {
            log.record(event("a"), Outcome::Succeeded).await.unwrap();
        }
        assert_eq!(all(&log).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn listing_pages_newest_first_within_one_environment() {
    on_each(async |[log, _]| {
        let environment: EnvironmentId = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap();
        for _ in 0..3 {
            log.record(event("mine").environment(environment), Outcome::Succeeded).await.unwrap();
            log.record(event("other"), Outcome::Succeeded).await.unwrap();
        }
        let first = log.list(Some(environment), None, 2).await.unwrap();
        let second = log.list(Some(environment), Some(first[1].id), 2).await.unwrap();
        assert_eq!((first.len(), second.len()), (2, 1));
        assert!(first[0].id > first[1].id && first[1].id > second[0].id);
        assert!(first.iter().chain(&second).all(|row| row.kind == "mine"));
    })
    .await;
}

/// Of processes whose clocks differ, the one that is ahead may have written before another one.
#[tokio::test]
async fn the_newest_event_is_the_one_of_the_latest_time() {
    on_each(async |[log, _]| {
        let newest = async || sql::newest(log.database_for_tests()).await.unwrap();
        assert_eq!(newest().await, None);
        for at in [2_000, 5_000, 3_000] {
            let event = Event { time: Timestamp::from_millis(at), ..event("a") };
            log.record(event, Outcome::Succeeded).await.unwrap();
        }
        assert_eq!(newest().await, Some(Timestamp::from_millis(5_000)));
    })
    .await;
}

#[tokio::test]
async fn when_the_trail_cannot_be_written_the_work_is_not_started() {
    on_each(async |[log, _]| {
        log.database_for_tests().clone().close().await.unwrap();
        let trail = trail(&log, "a");
        assert_eq!(trail.intend().await.unwrap_err().reason(), Reason::AuditUnavailable);
        assert_eq!(trail.end(Ok(()), true).await.unwrap_err().reason(), Reason::AuditUnavailable);
        let refusal: Result<()> = trail.end(Err(Error::not_found()), true).await;
        assert_eq!(refusal.unwrap_err().reason(), Reason::AuditUnavailable);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn like_refusals_of_two_processes_at_once_are_counted_one_by_one() {
    on_each(async |logs| {
        race(&logs, 200, |log, index| async move {
            refuse(&log, event("a").resource(format!("wallets/{index}"))).await;
        })
        .await;
        let rows = all(&logs[0]).await;
        assert_eq!((rows.len(), rows[0].count, rows[0].resource.as_str()), (1, 200, ""));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_at_once_that_share_something_say_so() {
    on_each(async |logs| {
        let operation: OperationId = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap();
        race(&logs, 64, move |log, index| async move {
            let event = event("a").resource("wallet").operation(operation, [1; 32]);
            refuse(&log, if index == 50 { event.resource("another") } else { event }).await;
        })
        .await;
        let rows = all(&logs[0]).await;
        assert_eq!((rows.len(), rows[0].count, rows[0].resource.as_str()), (1, 64, ""));
        assert_eq!(
            (rows[0].operation.clone(), rows[0].digest.as_slice()),
            (operation.to_string(), &[1; 32][..])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_at_once_that_cannot_be_written_are_all_told_so() {
    on_each(async |[log, _]| {
        log.database_for_tests().clone().close().await.unwrap();
        let outcomes = race(&[log], 32, |log, _| async move {
            log.record(event("a"), Outcome::Refused(Reason::ResourceNotFound)).await
        })
        .await;
        for outcome in outcomes {
            assert_eq!(outcome.unwrap_err().reason(), Reason::AuditUnavailable);
        }
    })
    .await;
}

/// On Postgres, where each waits with a connection of its own unless it is kept from doing so.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_like_refusals_leaves_connections_to_others() {
    let (database, scratch) = testkit::postgres::<Migrator>().await;
    let (log, other) = (SqlAuditLog::new(database), scratch.open().await);
    refuse(&log, event("a")).await;
    // Somebody is slow to write the row.
    let slow = other.begin().await.unwrap();
    let held = entity::Entity::update_many().col_expr(entity::Column::Count, 1.into());
    assert_eq!(held.exec(&slow).await.unwrap().rows_affected, 1);
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { refuse(&log, event("a")).await })
        })
        .collect();
    until_one_waits(&other).await;
    for _ in 0..20 {
        let intent = log.begin(event("b")).await.unwrap();
        log.finish(intent, Outcome::Succeeded).await.unwrap();
    }
    slow.commit().await.unwrap();
    for call in calls {
        call.await.unwrap();
    }
    let rows = all(&log).await;
    assert_eq!(rows.iter().find(|row| row.kind == "a").unwrap().count, 201);
}

/// Until a statement waits for a row that another transaction has changed.
async fn until_one_waits(database: &DatabaseConnection) {
    loop {
        let ask = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND query LIKE 'INSERT INTO \"audit_events\"%' AND datname = current_database())";
        let ask = Statement::from_string(DbBackend::Postgres, ask);
        let row = database.query_one_raw(ask).await.unwrap().unwrap();
        if row.try_get_by_index::<bool>(0).unwrap() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn intents_withdrawn_at_once_leave_one_row_that_counts_them_all() {
    on_each(async |logs| {
        race(&logs, 64, |log, _| async move {
            let trail = trail(&log, "a");
            trail.intend().await.unwrap();
            trail.untouched().await;
            assert!(trail.end::<()>(Err(Error::not_found()), true).await.is_err());
        })
        .await;
        let rows = all(&logs[1]).await;
        assert_eq!((rows.len(), rows[0].count), (1, 64));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_ends_of_one_intent_one_is_written() {
    on_each(async |logs| {
        let row = logs[0].begin(event("a")).await.unwrap().row();
        let ended = race(&logs, 32, move |log, index| async move {
            let intent = Intent::of_row(row);
            let refused = Reason::ResourceNotFound;
            match index % 3 {
                0 => log.finish(intent, Outcome::Succeeded).await.map(|()| Outcome::Succeeded),
                1 => log.finish(intent, Outcome::Refused(refused)).await.map(|()| Outcome::Refused(refused)),
                _ => log.withdraw(intent, event("a"), refused).await.map(|()| Outcome::Refused(refused)),
            }
        })
        .await;
        let won: Vec<_> = ended.iter().filter_map(|ended| ended.as_ref().ok()).collect();
        let rows = all(&logs[1]).await;
        assert_eq!((won.len(), rows.len(), rows[0].count), (1, 1, 1));
        assert_eq!(rows[0].outcome, *won[0]);
    })
    .await;
}

/// A trail that cannot be written stops everything: no name that got this far may do that.
#[tokio::test]
async fn whatever_stands_in_a_name_can_be_written_down() {
    on_each(async |[log, _]| {
        let actor = Actor::Admin("issuer#a\0b\u{7}\u{fffd}\u{10ffff}".to_owned());
        let named = |kind| Event::new(kind, Timestamp::from_millis(1_000), actor.clone()).resource("x\0y");
        for _ in 0..2 {
            refuse(&log, named("refused")).await;
        }
        log.begin(named("intended")).await.map(drop).unwrap();
        let rows = all(&log).await;
        assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [1, 2]);
        for row in rows {
            assert_eq!(row.actor, "admin:issuer#a\u{fffd}b\u{7}\u{fffd}\u{10ffff}");
            assert_eq!(row.resource, "x\u{fffd}y");
        }
    })
    .await;
}

/// A trail in a database whose machine has vanished.
struct Mute;

#[async_trait]
impl AuditLog for Mute {
    fn check_standing(&self) -> Result<()> {
        Ok(())
    }

    async fn begin(&self, event: Event) -> Result<Intent> {
        if event.kind == "begins" { Ok(Intent::of_row(1)) } else { std::future::pending().await }
    }

    async fn finish(&self, _: Intent, _: Outcome) -> Result<()> {
        std::future::pending().await
    }

    async fn withdraw(&self, _: Intent, _: Event, _: Reason) -> Result<()> {
        std::future::pending().await
    }

    async fn record(&self, _: Event, _: Outcome) -> Result<()> {
        std::future::pending().await
    }

    async fn list(&self, _: Option<EnvironmentId>, _: Option<i64>, _: u64) -> Result<Vec<Row>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_trail_that_never_answers_is_one_that_cannot_be_written() {
    let trail = |kind| Trail::new(Arc::new(Mute), event(kind));
    let writing = async {
        assert_eq!(trail("hangs").intend().await.unwrap_err().reason(), Reason::AuditUnavailable);
        assert_eq!(trail("hangs").end(Ok(()), true).await.unwrap_err().reason(), Reason::AuditUnavailable);
        // What has happened has happened.
        let begun = trail("begins");
        begun.intend().await.unwrap();
        begun.end(Ok(()), true).await.unwrap();
    };
    tokio::time::timeout(WRITE_LIMIT * 10, writing).await.unwrap();
}

#[tokio::test]
async fn without_the_lease_nothing_is_begun_and_what_was_begun_can_end() {
    on_each(async |[log, _]| {
        let (lease, held) = crate::sql::Lease::for_tests();
        let log = log.with_lease(Arc::new(lease));
        log.check_standing().unwrap();
        let intent = log.begin(event("a")).await.unwrap();
        held.send_replace(false);
        for refused in [
            log.check_standing(),
            log.begin(event("b")).await.map(drop),
            log.record(event("b"), Outcome::Succeeded).await,
        ] {
            assert_eq!(refused.unwrap_err().reason(), Reason::ServiceHalted);
        }
        // That something was refused, and how it ended, is written down all the same.
        log.record(event("b"), Outcome::Refused(Reason::ServiceHalted)).await.unwrap();
        log.finish(intent, Outcome::Succeeded).await.unwrap();
        held.send_replace(true);
        log.check_standing().unwrap();
    })
    .await;
}
