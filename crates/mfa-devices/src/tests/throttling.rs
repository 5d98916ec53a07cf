use super::*;
use crate::domain::throttle::FREE;
use crate::fixtures::attempt;

fn left(error: &kernel::Error) -> &str {
    &error.metadata()["tries_left"]
}

#[tokio::test]
async fn every_path_and_session_shares_one_budget() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let wrong = phone.wrong(NOW);
    let ticket = world.link(owner, "s-1");
    let registered = world.register(&world.caller(owner, "s-1"), Some(&ticket)).await.unwrap();
    let pending = registered.device.device.id;
    let any = || attempt("s-1", 1);

    let refusals = [
        world.prove(owner, Target::Any, &any(), &wrong).await.err(),
        world.prove(owner, Target::Named(phone.id), &attempt("s-2", 2), &wrong).await.err(),
        world.activate(&world.caller(owner, "s-1"), pending, &wrong).await.err(),
        world.activate(&world.caller(owner, "s-3"), phone.id, &wrong).await.err(),
        world.prove(owner, Target::Foreign, &any(), &wrong).await.err(),
    ];
    let told: Vec<_> = refusals.iter().flatten().map(left).collect();
    assert_eq!(told, ["4", "3", "2", "1", "0"]);

    // Right codes are not even looked at now, wherever they come.
    let code = phone.codes(NOW).current;
    for throttled in [
        world.prove(owner, Target::Any, &any(), &code).await.err(),
        world.activate(&world.caller(owner, "s-1"), pending, &code).await.err(),
    ] {
        let error = throttled.unwrap();
        assert_eq!(error.reason(), Reason::FactorThrottled);
        assert_eq!((left(&error), error.retry_delay()), ("0", Some(Duration::from_secs(30))));
    }
    world.clock.advance(Duration::from_secs(30));
    world.prove_any(owner, &phone.codes(world.now()).current).await.unwrap();
    let error = assert_refused(world.prove_any(owner, &wrong).await, Reason::CodeRejected);
    assert_eq!(left(&error), "4", "a right code ended the streak");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_wrong_codes_at_once_five_are_tested() {
    let world = Arc::new(World::new().await);
    let known = owner();
    let phone = world.enrolled(known, "s-1").await;
    let wrong = phone.wrong(NOW);
    for owner in [known, owner()] {
        let tasks = (0..200).map(|_| {
            let (world, wrong) = (world.clone(), wrong.clone());
            tokio::spawn(async move { world.prove_any(owner, &wrong).await.unwrap_err().reason() })
        });
        let reasons: Vec<_> =
            join_all(tasks.collect::<Vec<_>>()).await.into_iter().map(|reason| reason.unwrap()).collect();
        let tested = reasons.iter().filter(|reason| **reason == Reason::CodeRejected).count();
        let throttled = reasons.iter().filter(|reason| **reason == Reason::FactorThrottled).count();
        assert_eq!((tested, throttled), (usize::try_from(FREE).unwrap(), 195));
    }
}

#[tokio::test]
async fn what_cannot_be_a_code_costs_no_try() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    for typed in ["", "12345", "123456789", "abcdef", "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}"] {
        for _ in 0..5 {
            let error = assert_refused(world.prove_any(owner, typed).await, Reason::CodeRejected);
            assert_eq!(left(&error), "5");
        }
    }
    for _ in 0..5 {
        assert_refused(world.prove_any(owner, &phone.wrong(NOW)).await, Reason::CodeRejected);
    }
    let error = assert_refused(world.prove_any(owner, "abcdef").await, Reason::CodeRejected);
    assert_eq!(left(&error), "0");
}
