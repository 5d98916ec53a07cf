use super::*;
use crate::sql::{migrate, open_sqlite};
use kernel::audit::Actor;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Migration)]
    }
}

async fn log() -> (SqlAuditLog, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = open_sqlite(&folder.path().join("audit.sqlite")).await.unwrap();
    migrate::<Migrator>(&database).await.unwrap();
    (SqlAuditLog::new(database), folder)
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

#[tokio::test]
async fn the_intent_is_on_record_before_the_work_and_its_end_after() {
    let (log, _folder) = log().await;
    let good = trail(&log, "a");
    good.intend().await.unwrap();
    good.intend().await.unwrap();
    assert_eq!(log.list(None, None, 10).await.unwrap()[0].outcome, Outcome::Intended);
    good.end(Ok(()), false).await.unwrap();
    assert_eq!(log.list(None, None, 10).await.unwrap()[0].outcome, Outcome::Succeeded);

    let bad = trail(&log, "b");
    bad.operation("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap(), [3; 32]).await;
    bad.intend().await.unwrap();
    assert!(bad.end::<()>(Err(Error::not_found()), false).await.is_err());
    let rows = log.list(None, None, 10).await.unwrap();
    assert_eq!(rows[0].outcome, Outcome::Refused(Reason::ResourceNotFound));
    assert_eq!(rows[0].digest, [3; 32]);
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn an_intent_that_touched_nothing_is_counted_with_its_like() {
    let (log, _folder) = log().await;
    for _ in 0..3 {
        let trail = trail(&log, "a");
        trail.intend().await.unwrap();
        trail.untouched().await;
        assert!(trail.end::<()>(Err(Error::not_found()), true).await.is_err());
    }
    let rows = log.list(None, None, 10).await.unwrap();
    assert_eq!((rows.len(), rows[0].count), (1, 3));
    assert_eq!(rows[0].outcome, Outcome::Refused(Reason::ResourceNotFound));
    // A success is a success.
    let trail = trail(&log, "a");
    trail.intend().await.unwrap();
    trail.untouched().await;
    trail.end(Ok(()), true).await.unwrap();
    assert_eq!(log.list(None, None, 10).await.unwrap()[0].outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_success_that_consumed_nothing_is_kept_only_where_asked_for() {
    let (log, _folder) = log().await;
    trail(&log, "read").end(Ok(()), false).await.unwrap();
    assert!(log.list(None, None, 10).await.unwrap().is_empty());
    trail(&log, "change").end(Ok(()), true).await.unwrap();
    assert_eq!(log.list(None, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn like_refusals_within_a_minute_are_counted_in_one_row() {
    let (log, _folder) = log().await;
    for _ in 0..5 {
        refuse(&log, event("a")).await;
    }
    let later = Event { time: Timestamp::from_millis(61_000), ..event("a") };
    refuse(&log, later).await;
    refuse(&log, event("b")).await;
    let mut counts: Vec<_> = log.list(None, None, 10).await.unwrap().iter().map(|row| row.count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, 5]);
}

#[tokio::test]
async fn a_row_for_several_refusals_names_only_what_they_share() {
    let (log, _folder) = log().await;
    let on = |resource: &str, operation: &str, digest| {
        Event::new("a", Timestamp::from_millis(1_000), Actor::Unknown)
            .resource(resource)
            .operation(operation.parse().unwrap(), [digest; 32])
    };
    let (one, two) = ("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11", "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12");
    refuse(&log, on("wallet", one, 1)).await;
    refuse(&log, on("wallet", one, 1)).await;
    let rows = log.list(None, None, 10).await.unwrap();
    assert_eq!((rows[0].operation.as_str(), rows[0].digest.as_slice()), (one, [1; 32].as_slice()));
    refuse(&log, on("wallet", two, 2)).await;
    let rows = log.list(None, None, 10).await.unwrap();
    assert_eq!((rows.len(), rows[0].count, rows[0].resource.as_str()), (1, 3, "wallet"));
    assert_eq!((rows[0].operation.as_str(), rows[0].digest.len()), ("", 0));
}

#[tokio::test]
async fn an_actor_of_any_length_can_be_written_down() {
    let (log, _folder) = log().await;
    let actor = Actor::Admin("x".repeat(100_000));
    refuse(&log, Event::new("a", Timestamp::from_millis(1_000), actor)).await;
    assert_eq!(log.list(None, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn successes_are_never_folded_together() {
    let (log, _folder) = log().await;
    for _ in 0..3 {
        log.record(event("a"), Outcome::Succeeded).await.unwrap();
    }
    assert_eq!(log.list(None, None, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn listing_pages_newest_first_within_one_environment() {
    let (log, _folder) = log().await;
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
}

#[tokio::test]
async fn when_the_trail_cannot_be_written_the_work_is_not_started() {
    let (log, _folder) = log().await;
    log.database_for_tests().clone().close().await.unwrap();
    let trail = trail(&log, "a");
    assert_eq!(trail.intend().await.unwrap_err().reason(), Reason::AuditUnavailable);
    assert_eq!(trail.end(Ok(()), true).await.unwrap_err().reason(), Reason::AuditUnavailable);
    let refusal: Result<()> = trail.end(Err(Error::not_found()), true).await;
    assert_eq!(refusal.unwrap_err().reason(), Reason::AuditUnavailable);
}
