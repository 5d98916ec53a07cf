//! Many processes at once.

use sea_orm::{DbBackend, Statement, TransactionTrait};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_database_do_not_halt_each_other() {
    for world in World::all().await {
        let second = world.scratch.open().await;
        let mark = world.mark().await;
        let begun = race(&[world.database.clone(), second], 8, |database, _| {
            let (witness, mark) = (world.witness(), mark.clone());
            async move { watch(database, witness, &mark).await.unwrap() }
        })
        .await;
        let processes: Vec<_> = begun.into_iter().map(Arc::new).collect();
        let counters = race(&processes, 64, |process, _| async move {
            let (standing, watch) = &*process;
            watch.round().await.unwrap();
            standing.check().unwrap();
            standing.known()
        })
        .await;
        assert_eq!(world.mark().await.counter, 8 + 64, "{}", world.backend);
        assert_eq!(world.witnessed().await, Some(8 + 64));
        assert!(counters.iter().all(|counter| *counter <= 8 + 64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn intents_and_rounds_at_once_do_not_halt_anybody() {
    for world in World::all().await {
        let mark = world.mark().await;
        let mut processes = Vec::new();
        for pool in [world.database.clone(), world.scratch.open().await] {
            let (standing, watch) = watch(pool.clone(), world.witness(), &mark).await.unwrap();
            let log = SqlAuditLog::new(pool).with_standing(standing.clone());
            processes.push(Arc::new((standing, watch, log)));
        }
        race(&processes, 256, |process, index| async move {
            let (standing, watch, log) = &*process;
            if index % 4 < 2 {
                watch.round().await.unwrap();
            } else {
                let intent = log.begin(event()).await.unwrap();
                log.finish(intent, Outcome::Succeeded).await.unwrap();
            }
            standing.check().unwrap();
        })
        .await;
        assert_eq!(world.mark().await.counter, 2 + 128, "{}", world.backend);
    }
}

/// Every insertion into the trail waits for a lock that only this test knows, after it has begun.
const WAITING: [&str; 2] = [
    "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_advisory_xact_lock(hashtext(current_schema())); RETURN NEW; END $$",
    "CREATE TRIGGER wait BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION wait()",
];

/// Whether somebody waits for that lock. A key of 32 bits stands in two columns (pg_locks).
async fn is_waiting(world: &World) -> bool {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
               AND (classid::bigint << 32 | objid::bigint) = hashtext(current_schema())::bigint";
    let found = world.database.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    found.unwrap().try_get_by_index::<i64>(0).unwrap() > 0
}

#[tokio::test]
async fn an_intent_that_began_before_a_round_and_ends_after_it_is_no_reason_to_halt() {
    for world in World::all().await.into_iter().filter(|world| world.backend == "postgres") {
        let (standing, watch) = world.begin().await.unwrap();
        for sql in WAITING {
            world.sql(sql).await;
        }
        let holding = world.database.begin().await.unwrap();
        let lock = "SELECT pg_advisory_xact_lock(hashtext(current_schema()))";
        holding.execute_unprepared(lock).await.unwrap();
        let log = world.log(&standing);
        let intent = tokio::spawn(async move { log.begin(event()).await });
        while !is_waiting(&world).await {
            tokio::task::yield_now().await;
        }
        watch.round().await.unwrap();
        holding.commit().await.unwrap();
        drop(intent.await.unwrap().unwrap());
        standing.check().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_copies_in_use_at_once_one_stands_at_most() {
    // As after a failover that left the old primary running: each copy has processes, all with one witness.
    for (world, other) in World::all().await.into_iter().zip(World::all().await) {
        let mark = world.mark().await;
        let (first, watch_first) = world.begin().await.unwrap();
        other.sql(&format!("UPDATE deployment_mark SET counter = {}", world.mark().await.counter)).await;
        let (second, watch_second) = watch(other.database.clone(), world.witness(), &mark).await.unwrap();
        race(&[Arc::new(watch_first), Arc::new(watch_second)], 16, |watch, _| async move {
            watch.round().await.unwrap();
        })
        .await;
        let standing = [first, second].iter().filter(|standing| standing.check().is_ok()).count();
        assert!(standing <= 1, "{}", world.backend);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_race_on_a_database_that_was_put_back_halt_and_leave_it_as_it_is() {
    for world in World::all().await {
        let mut processes = Vec::new();
        for _ in 0..8 {
            processes.push(Arc::new(world.begin().await.unwrap()));
        }
        world.sql("UPDATE deployment_mark SET counter = counter - 1").await;
        race(&processes, 64, |process, _| async move {
            let (standing, watch) = &*process;
            watch.round().await.unwrap();
            assert_halted(standing.check());
        })
        .await;
        assert_eq!((world.mark().await.counter, world.witnessed().await), (7, Some(8)), "{}", world.backend);
    }
}
