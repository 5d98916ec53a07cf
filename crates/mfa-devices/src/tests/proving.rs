use super::*;
use crate::domain::proof::RETRY;
use crate::fixtures::attempt;

#[tokio::test]
async fn without_a_device_the_sessions_own_pending_one_is_activated() {
    let world = World::new().await;
    let owner = owner();
    let phone = Phone::new(&world.register(&world.caller(owner, "s-1"), None).await.unwrap());
    let codes = phone.codes(NOW);
    let elsewhere = attempt("s-2", 1);
    assert_refused(world.prove(owner, Target::Any, &elsewhere, &codes.previous).await, Reason::CodeRejected);
    let proof = world.prove(owner, Target::Any, &attempt("s-1", 1), &codes.previous).await.unwrap();
    assert_eq!((proof.device, proof.at), (phone.id, NOW));
    assert!(world.store.holdings(owner).await.unwrap().has_factor());
    // From now on it proves in any session.
    world.prove(owner, Target::Any, &elsewhere, &codes.current).await.unwrap();
}

#[tokio::test]
async fn beside_a_factor_a_pending_device_must_be_named() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    let ticket = world.link(owner, "s-1");
    let registered = world.register(&world.caller(owner, "s-1"), Some(&ticket)).await.unwrap();
    let pending = Phone::new(&registered);
    let code = pending.codes(NOW).current;
    assert_refused(world.prove_any(owner, &code).await, Reason::CodeRejected);
    let named = Target::Named(pending.id);
    assert_refused(world.prove(owner, named, &attempt("s-2", 1), &code).await, Reason::CodeRejected);
    world.prove(owner, named, &attempt("s-1", 1), &code).await.unwrap();
    assert_eq!(world.store.holdings(owner).await.unwrap().factors().len(), 2);
}

#[tokio::test]
async fn case_6_one_code_in_two_spellings_is_one_code() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let code = phone.codes(NOW).current;
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    world.prove_any(owner, &spaced).await.unwrap();
    for spelling in [&code, &spaced] {
        assert_refused(world.prove_any(owner, spelling).await, Reason::CodeRejected);
    }
}

#[tokio::test]
async fn case_7_an_older_code_is_refused_after_a_newer_one() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let codes = phone.codes(NOW);
    world.prove_any(owner, &codes.next).await.unwrap();
    assert_refused(world.prove_any(owner, &codes.current).await, Reason::CodeRejected);
    world.clock.advance(2 * STEP);
    world.prove_any(owner, &phone.codes(world.now()).current).await.unwrap();
}

#[tokio::test]
async fn a_code_is_tried_on_every_factor_or_on_the_named_one() {
    let world = World::new().await;
    let owner = owner();
    let first = world.enrolled(owner, "s-1").await;
    let second = world.further(owner, "s-1").await;
    let proof = world.prove_any(owner, &second.codes(NOW).current).await.unwrap();
    assert_eq!(proof.device, second.id);
    let code = first.codes(NOW).current;
    let other = Target::Named(second.id);
    assert_refused(world.prove(owner, other, &attempt("s-1", 1), &code).await, Reason::CodeRejected);
    let named = Target::Named(first.id);
    assert_eq!(world.prove(owner, named, &attempt("s-1", 1), &code).await.unwrap().device, first.id);
}

#[tokio::test]
async fn what_is_not_accepted_looks_the_same_whatever_the_cause() {
    let world = World::new().await;
    let (mine, theirs) = (owner(), owner());
    let phone = world.enrolled(mine, "s-1").await;
    let stranger = world.enrolled(theirs, "s-1").await;
    let codes = phone.codes(NOW);
    let wrong = phone.wrong(NOW);
    let cases = [
        ("wrong", mine, Target::Any, &wrong),
        ("used", mine, Target::Any, &codes.previous),
        ("unknown device", mine, Target::Named(DeviceId::random(&*ENTROPY)), &codes.current),
        ("of somebody else", mine, Target::Named(stranger.id), &stranger.codes(NOW).current),
        ("named below somebody else", mine, Target::Foreign, &codes.current),
        ("unknown user", owner(), Target::Any, &codes.current),
        ("unknown user and device", owner(), Target::Named(phone.id), &codes.current),
    ];
    let mut shapes = Vec::new();
    for (case, owner, target, code) in cases {
        let refused = world.prove(owner, target, &attempt("s-1", 1), code).await;
        let error = assert_refused(refused, Reason::CodeRejected);
        let keys: Vec<_> = error.metadata().keys().cloned().collect();
        shapes.push((case, error.message().to_owned(), keys, error.violations().len(), error.retry_delay()));
    }
    for (case, message, keys, violations, retry) in &shapes {
        let (_, first, ..) = &shapes[0];
        assert_eq!(
            (message, keys.as_slice(), *violations, *retry),
            (first, ["tries_left".to_owned()].as_slice(), 0, None),
            "{case}"
        );
    }
    // Five of them were for the same user.
    let refused = world.prove_any(mine, &codes.current).await;
    assert_refused(refused, Reason::FactorThrottled);
}

#[tokio::test]
async fn a_retry_gets_the_first_proof_and_nothing_else_does() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let codes = phone.codes(NOW);
    let first = attempt("s-1", 1);
    let proof = world.prove(owner, Target::Any, &first, &codes.current).await.unwrap();
    let spaced = format!("{} {}", &codes.current[..3], &codes.current[3..]);
    for spelling in [&codes.current, &spaced] {
        assert_eq!(world.prove(owner, Target::Any, &first, spelling).await.unwrap(), proof);
    }
    let untouched = world.store.throttle(owner, FactorKind::Totp).await.unwrap();
    assert_eq!((untouched.streak, untouched.left(NOW)), (0, 5));
    for other in
        [Attempt { purpose: [2; 32], ..first.clone() }, Attempt { session: session("s-2"), ..first.clone() }]
    {
        let refused = world.prove(owner, Target::Any, &other, &codes.next).await;
        assert_refused(refused, Reason::RequestIdReused);
    }
    // The next code is still good: none of these used it up.
    world.prove_any(owner, &codes.next).await.unwrap();

    world.clock.advance(RETRY + Duration::from_secs(1));
    let refused = world.prove(owner, Target::Any, &first, &codes.current).await;
    assert_refused(refused, Reason::CodeRejected);
}

#[tokio::test]
async fn another_code_under_an_answered_request_is_a_wrong_code() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let codes = phone.codes(NOW);
    let first = attempt("s-1", 1);
    let proof = world.prove(owner, Target::Any, &first, &codes.current).await.unwrap();
    // One that is wrong, one that was used, and one that would be right elsewhere.
    for (code, left) in [(&phone.wrong(NOW), "4"), (&codes.previous, "3"), (&codes.next, "2")] {
        let refused = world.prove(owner, Target::Any, &first, code).await;
        assert_eq!(assert_refused(refused, Reason::CodeRejected).metadata()["tries_left"], left);
    }
    // The id stays bound to the first code, and the right one was not used up.
    assert_eq!(world.prove(owner, Target::Any, &first, &codes.current).await.unwrap(), proof);
    world.prove_any(owner, &codes.next).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_code_of_an_answered_request_cannot_be_guessed_faster_than_any() {
    let world = Arc::new(World::new().await);
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let (first, code) = (attempt("s-1", 1), phone.codes(NOW).current);
    let proof = world.prove(owner, Target::Any, &first, &code).await.unwrap();
    let tasks = (0..200).map(|_| {
        let (world, first, wrong) = (world.clone(), first.clone(), phone.wrong(NOW));
        tokio::spawn(async move { world.prove(owner, Target::Any, &first, &wrong).await.unwrap_err() })
    });
    let refusals = join_all(tasks.collect::<Vec<_>>()).await;
    let tested =
        refusals.iter().filter(|refusal| refusal.as_ref().unwrap().reason() == Reason::CodeRejected).count();
    assert_eq!(tested, 5);
    // Nothing that is sent now is compared, so that a refusal does not tell whether it was the code.
    let refused = world.prove(owner, Target::Any, &first, &code).await;
    assert_refused(refused, Reason::FactorThrottled);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.prove(owner, Target::Any, &first, &code).await.unwrap(), proof);
}

#[tokio::test]
async fn a_retry_neither_clears_the_throttle_nor_passes_it() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let first = attempt("s-1", 1);
    let code = phone.codes(NOW).current;
    let proof = world.prove(owner, Target::Any, &first, &code).await.unwrap();
    for left in (0..5).rev() {
        let wrong = world.prove_any(owner, &phone.wrong(NOW)).await;
        let error = assert_refused(wrong, Reason::CodeRejected);
        assert_eq!(error.metadata()["tries_left"], left.to_string());
        let retried = world.prove(owner, Target::Any, &first, &code).await;
        if left > 0 {
            assert_eq!(retried.unwrap(), proof);
        } else {
            assert_refused(retried, Reason::FactorThrottled);
        }
    }
    assert_refused(world.prove_any(owner, &code).await, Reason::FactorThrottled);
}

#[tokio::test]
async fn a_request_that_failed_may_be_tried_again_for_anything() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let first = attempt("s-1", 1);
    let wrong = phone.wrong(NOW);
    assert_refused(world.prove(owner, Target::Any, &first, &wrong).await, Reason::CodeRejected);
    let other = Attempt { purpose: [2; 32], ..first };
    world.prove(owner, Target::Any, &other, &phone.codes(NOW).current).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_5_of_64_who_bring_one_code_one_gets_a_proof() {
    let world = Arc::new(World::new().await);
    for _ in 0..5 {
        let owner = owner();
        let phone = world.enrolled(owner, "s-1").await;
        let code = phone.codes(NOW).current;
        let tasks = (0..64).map(|_| {
            let (world, code) = (world.clone(), code.clone());
            tokio::spawn(async move { world.prove_any(owner, &code).await })
        });
        let outcomes = join_all(tasks.collect::<Vec<_>>()).await;
        let mut won = 0;
        for outcome in outcomes {
            match outcome.unwrap() {
                Ok(_) => won += 1,
                Err(error) => {
                    assert!(matches!(error.reason(), Reason::CodeRejected | Reason::FactorThrottled));
                }
            }
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_that_comes_many_times_at_once_has_one_proof() {
    let world = Arc::new(World::new().await);
    for activates in [false, true].repeat(5) {
        let owner = owner();
        let phone = if activates {
            Phone::new(&world.register(&world.caller(owner, "s-1"), None).await.unwrap())
        } else {
            world.enrolled(owner, "s-1").await
        };
        let (code, attempt) = (phone.codes(NOW).current, attempt("s-1", 1));
        let tasks = (0..5).map(|_| {
            let (world, code, attempt) = (world.clone(), code.clone(), attempt.clone());
            tokio::spawn(async move { world.prove(owner, Target::Any, &attempt, &code).await })
        });
        let proofs = join_all(tasks.collect::<Vec<_>>()).await;
        let proofs: Vec<_> = proofs.into_iter().map(|proof| proof.unwrap().unwrap()).collect();
        assert!(proofs.iter().all(|proof| proof == &proofs[0]));
        let throttle = world.store.throttle(owner, FactorKind::Totp).await.unwrap();
        assert_eq!(throttle.left(NOW), 5, "right codes cost nothing");
        assert!(throttle.full_at <= NOW, "{throttle:?}");
    }
}

#[tokio::test]
async fn nothing_is_used_up_while_the_audit_trail_cannot_be_written() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    let ticket = world.link(owner, "s-1");
    let before = world.store.holdings(owner).await.unwrap();
    world.audit.break_down();
    let code = phone.codes(NOW).current;
    assert_refused(world.prove_any(owner, &code).await, Reason::AuditUnavailable);
    assert_refused(world.register(&caller, Some(&ticket)).await, Reason::AuditUnavailable);
    let unlink = world.unlink(owner, "s-1", phone.id);
    assert_refused(world.service.remove(&caller, phone.id, Some(&unlink)).await, Reason::AuditUnavailable);
    assert_eq!(world.store.holdings(owner).await.unwrap(), before);

    // With a trail that works again, code and receipts are as good as before.
    let world = World { audit: Arc::new(MemoryAuditLog::new()), ..world };
    world.prove_any(owner, &code).await.unwrap();
    world.register(&world.caller(owner, "s-1"), Some(&ticket)).await.unwrap();
    let caller = world.caller(owner, "s-1");
    world.service.remove(&caller, phone.id, Some(&unlink)).await.unwrap();
}
