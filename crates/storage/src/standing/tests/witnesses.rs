//! The witness: away, lost, spoiled, and what it hears when.

use super::*;

#[tokio::test]
async fn a_witness_that_does_not_know_a_database_in_use_is_no_witness() {
    for world in World::all().await {
        let (standing, watch) = world.begin().await.unwrap();
        let file = world.place().join(format!("{NAME}.witness"));
        std::fs::remove_file(&file).unwrap();
        let refused = assert_halted(world.begin().await);
        assert!(refused.message().contains("the witness does not know it"), "{refused}");
        assert_eq!(world.witnessed().await, None, "{}: it is not told by who does not know", world.backend);

        // A process that has confirmed it a moment ago does know.
        watch.round().await.unwrap();
        standing.check().unwrap();
        assert_eq!(world.witnessed().await, Some(world.mark().await.counter));
        world.begin().await.unwrap();
    }
}

#[tokio::test]
async fn a_process_that_lost_touch_does_not_vouch_for_a_database_that_the_witness_forgot() {
    for world in World::all().await {
        let (standing, watch) = world.begin().await.unwrap();
        std::fs::remove_file(world.place().join(format!("{NAME}.witness"))).unwrap();
        standing.age_for_tests(GRACE + Duration::from_millis(1));
        watch.round().await.unwrap();
        assert_halted(standing.check());
        assert_eq!(world.witnessed().await, None, "{}", world.backend);
    }
}

#[tokio::test]
async fn while_witness_or_database_is_away_nothing_is_authorized_after_a_while_and_then_it_goes_on() {
    for world in World::all().await {
        let (standing, watch) = world.begin().await.unwrap();
        let away = world.folder.path().join("away");
        std::fs::rename(world.place(), &away).unwrap();
        assert_eq!(watch.round().await.unwrap_err().reason(), Reason::StoreUnavailable);
        standing.check().unwrap();
        standing.age_for_tests(GRACE / 2);
        let log = world.log(&standing);
        drop(log.begin(event()).await.unwrap());
        standing.age_for_tests(GRACE);
        for refused in [
            standing.check(),
            log.check_standing(),
            log.begin(event()).await.map(drop),
            log.record(event(), Outcome::Succeeded).await,
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.reason(), Reason::StoreUnavailable, "{}", world.backend);
            assert!(refused.retry_delay().is_some());
        }
        assert_eq!(watch.round().await.unwrap_err().reason(), Reason::StoreUnavailable);
        assert_eq!(log.list(None, None, 10).await.unwrap().len(), 1, "nothing more was written");

        std::fs::rename(&away, world.place()).unwrap();
        watch.round().await.unwrap();
        standing.check().unwrap();
        drop(log.begin(event()).await.unwrap());

        world.database.clone().close().await.unwrap();
        assert_eq!(watch.round().await.unwrap_err().reason(), Reason::StoreUnavailable);
        standing.check().unwrap();
    }
}

#[tokio::test]
async fn a_witness_that_is_away_or_spoiled_is_no_start() {
    for world in World::all().await {
        world.begin().await.unwrap();
        std::fs::write(world.place().join(format!("{NAME}.witness")), "1").unwrap();
        assert_eq!(world.begin().await.unwrap_err().reason(), Reason::StoreUnavailable);
        std::fs::remove_dir_all(world.place()).unwrap();
        assert_eq!(world.begin().await.unwrap_err().reason(), Reason::StoreUnavailable);
        assert_eq!(world.mark().await.counter, 1, "{}", world.backend);
    }
}

/// A witness that says at once when it is raised.
struct Telling(Arc<dyn Witness>, tokio::sync::mpsc::UnboundedSender<u64>);

#[async_trait]
impl Witness for Telling {
    async fn read(&self, name: &str) -> Result<Option<u64>> {
        self.0.read(name).await
    }

    async fn raise(&self, name: &str, value: u64) -> Result<u64> {
        let raised = self.0.raise(name, value).await?;
        self.1.send(value).unwrap();
        Ok(raised)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_witness_hears_of_what_is_consumed_and_of_a_halt_nobody_hears_more() {
    for world in World::all().await {
        let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mark = world.mark().await;
        let telling = Arc::new(Telling(world.witness(), sender));
        let (standing, watch) = watch(world.database.clone(), telling, &mark).await.unwrap();
        assert_eq!((heard.recv().await, heard.recv().await), (Some(0), Some(1)));
        let running = tokio::spawn(watch.run(std::future::pending()));
        let log = world.log(&standing);
        let intent = log.begin(event()).await.unwrap();
        log.finish(intent, Outcome::Succeeded).await.unwrap();
        assert_eq!(heard.recv().await, Some(2), "{}", world.backend);

        world.sql("UPDATE deployment_mark SET counter = 0").await;
        assert_halted(log.begin(event()).await);
        running.await.unwrap();
        assert_halted(standing.check());
    }
}

#[tokio::test]
async fn what_is_told_to_stop_stops() {
    for world in World::all().await {
        let (standing, watch) = world.begin().await.unwrap();
        standing.consumed();
        watch.run(std::future::ready(())).await;
        assert_eq!(world.witnessed().await, Some(1), "{}", world.backend);
    }
}

#[tokio::test]
async fn a_witness_that_was_itself_set_back_does_not_hide_it_from_who_knows() {
    for world in World::all().await {
        let (standing, watch) = world.begin().await.unwrap();
        for _ in 0..3 {
            watch.round().await.unwrap();
        }
        std::fs::remove_file(world.place().join(format!("{NAME}.witness"))).unwrap();
        world.witness().raise(NAME, 1).await.unwrap();
        // As long as only the witness was, it is raised again.
        watch.round().await.unwrap();
        assert_eq!(world.witnessed().await, Some(5), "{}", world.backend);

        std::fs::remove_file(world.place().join(format!("{NAME}.witness"))).unwrap();
        world.witness().raise(NAME, 1).await.unwrap();
        world.sql("UPDATE deployment_mark SET counter = 4").await;
        watch.round().await.unwrap();
        assert_halted(standing.check());
        assert_eq!(world.mark().await.counter, 4);
    }
}

#[tokio::test]
async fn a_round_is_due_soon_after_something_was_consumed_and_at_leisure_else() {
    let world = World::all().await.remove(0);
    let (standing, watch) = world.begin().await.unwrap();
    tokio::time::pause();
    let soon = async || tokio::time::timeout(2 * BUSY, watch.wait()).await.is_ok();
    assert!(!soon().await);
    standing.consumed();
    assert!(soon().await);
    assert!(!soon().await, "that was for what was consumed before");
    assert!(tokio::time::timeout(2 * IDLE, watch.wait()).await.is_ok());
}
