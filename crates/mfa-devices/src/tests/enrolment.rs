use super::*;
use crate::domain::device::PENDING_LIFE;
use crate::domain::{DeviceKind, State, TotpAlgorithm};

#[tokio::test]
async fn a_first_factor_is_registered_and_activated_by_its_first_right_code() {
    let world = World::new().await;
    let owner = owner();
    let caller = world.caller(owner, "s-1");
    let registered = world.register(&caller, None).await.unwrap();
    let phone = Phone::new(&registered);
    let typed = SoftTotp::from_base32(registered.secret.expose_secret()).unwrap();
    assert!(phone.codes(NOW) == typed.codes_around(u64::try_from(NOW.seconds()).unwrap()));
    assert!(registered.uri.expose_secret().starts_with("otpauth://totp/Countersign:"));
    assert!(registered.uri.expose_secret().contains(&owner.user.to_string()));
    assert!(registered.qr_text.expose_secret().lines().count() > 20);
    assert!(registered.qr_svg.expose_secret().contains("<svg"));
    assert!(!world.store.holdings(owner).await.unwrap().ever_verified);

    let active = world.activate(&caller, phone.id, &phone.codes(NOW).current).await.unwrap();
    assert!(active.is_default);
    assert_eq!(active.device.state, State::Verified { since: NOW, last_use: NOW });
    assert!(world.store.holdings(owner).await.unwrap().ever_verified);
}

#[tokio::test]
async fn a_device_computes_as_its_environment_said_when_it_was_registered() {
    let world = World::new().await;
    let owner = owner();
    let default = world.enrolled(owner, "s-1").await;
    let caller = |totp| Caller { totp, ..world.caller(owner, "s-1") };
    let mut known = Vec::new();
    for (algorithm, digits, period) in [(TotpAlgorithm::Sha256, 8, 60), (TotpAlgorithm::Sha512, 7, 15)] {
        let parameters = TotpParameters::new(algorithm, digits, period).unwrap();
        let ticket = world.link(owner, "s-1");
        let registered = world.register(&caller(parameters), Some(&ticket)).await.unwrap();
        assert_eq!(registered.device.device.kind, DeviceKind::Totp(parameters));
        let phone = Phone::new(&registered);
        assert_eq!(phone.codes(NOW).current.len(), usize::try_from(digits).unwrap());
        world.activate(&world.caller(owner, "s-1"), phone.id, &phone.codes(NOW).previous).await.unwrap();
        known.push(phone);
    }
    // Whatever the environment says by now, each goes on as it began, and all are asked when none is named.
    for phone in known.iter().chain([&default]) {
        let code = phone.codes(NOW).current;
        assert_eq!(world.prove_any(owner, &code).await.unwrap().device, phone.id);
        assert_refused(world.prove_any(owner, &code).await, Reason::CodeRejected);
    }
}

#[tokio::test]
async fn three_codes_prove_three_things_at_one_moment_and_none_twice() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let codes = phone.codes(NOW);
    assert_refused(world.prove_any(owner, &codes.previous).await, Reason::CodeRejected);
    world.prove_any(owner, &codes.current).await.unwrap();
    world.prove_any(owner, &codes.next).await.unwrap();
    for used in [&codes.previous, &codes.current, &codes.next] {
        assert_refused(world.prove_any(owner, used).await, Reason::CodeRejected);
    }
}

#[tokio::test]
async fn case_8_the_code_that_enrolled_a_device_proves_nothing_more() {
    let world = World::new().await;
    let owner = owner();
    let caller = world.caller(owner, "s-1");
    let phone = Phone::new(&world.register(&caller, None).await.unwrap());
    let code = phone.codes(NOW).current;
    world.activate(&caller, phone.id, &code).await.unwrap();
    // A secret that the caller chose cannot come either: registering takes none.
    assert_refused(world.prove_any(owner, &code).await, Reason::CodeRejected);
    world.prove_any(owner, &phone.codes(NOW).next).await.unwrap();
}

#[tokio::test]
async fn a_first_factor_needs_a_fresh_session() {
    let world = World::new().await;
    let caller = world.caller(owner(), "s-1");
    let old = NOW.minus(Duration::from_secs(601));
    for auth_time in [None, Some(old)] {
        let caller = Caller { auth_time, ..caller.clone() };
        assert_refused(world.register(&caller, None).await, Reason::SessionTooOld);
    }
    let just = Caller { auth_time: Some(NOW.minus(Duration::from_secs(600))), ..caller };
    world.register(&just, None).await.unwrap();
}

#[tokio::test]
async fn a_further_factor_needs_a_receipt_for_exactly_that() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    let error = assert_refused(world.register(&caller, None).await, Reason::ReceiptMissing);
    assert_eq!(error.metadata()["scope"], "credential:link");

    let refused = async |ticket: Ticket, reason| {
        assert_refused(world.register(&caller, Some(&ticket)).await, reason);
    };
    let good = || world.link(owner, "s-1");
    refused(Ticket { operation: OperationId::random(&*ENTROPY), ..good() }, Reason::ReceiptMismatch).await;
    refused(world.unlink(owner, "s-1", phone.id), Reason::ReceiptMismatch).await;
    refused(world.link(crate::fixtures::owner(), "s-1"), Reason::ReceiptMismatch).await;
    refused(world.link(owner, "s-2"), Reason::ReceiptMismatch).await;
    refused(Ticket { receipt: SecretText::from("x.y.z"), ..good() }, Reason::ReceiptInvalid).await;

    let operation = world.operation(owner, Body::LinkCredential { factor: FactorKind::Totp });
    let mut unproved = world.receipts.claims(&operation, FACTORS_AUDIENCE, None, NOW);
    unproved.sid = session("s-1");
    for acr in [None, Some(Acr::Recovery)] {
        unproved.acr = acr;
        let receipt = SecretText::from(world.receipts.sign(&unproved));
        refused(Ticket { operation: operation.operation().id, receipt }, Reason::ReceiptInvalid).await;
    }
    // None of these has spent anything.
    let ticket = world.ticket(&operation, "s-1");
    world.register(&caller, Some(&ticket)).await.unwrap();
    assert_refused(world.register(&caller, Some(&ticket)).await, Reason::ReceiptSpent);

    let old = good();
    world.clock.advance(Duration::from_secs(70));
    assert_refused(world.register(&world.caller(owner, "s-1"), Some(&old)).await, Reason::ReceiptExpired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_receipt_registers_one_device_however_often_it_comes_at_once() {
    let world = Arc::new(World::new().await);
    for _ in 0..5 {
        let owner = owner();
        world.enrolled(owner, "s-1").await;
        let operation = world.operation(owner, Body::LinkCredential { factor: FactorKind::Totp });
        let tasks = (0..64).map(|_| {
            let (world, ticket) = (world.clone(), world.ticket(&operation, "s-1"));
            tokio::spawn(async move { world.register(&world.caller(owner, "s-1"), Some(&ticket)).await })
        });
        let mut shown = Vec::new();
        for outcome in join_all(tasks.collect::<Vec<_>>()).await {
            match outcome.unwrap() {
                Ok(registered) => shown.push(registered.device.device.id),
                Err(error) => {
                    assert!(matches!(error.reason(), Reason::AttemptUnknown | Reason::ReceiptSpent));
                }
            }
        }
        assert_eq!(shown.len(), 1, "one seed was shown");
        let holdings = world.store.holdings(owner).await.unwrap();
        assert_eq!(holdings.devices.len(), 2, "the factor and one pending device");
        assert!(holdings.devices.iter().any(|device| device.id == shown[0]));
        let ticket = world.ticket(&operation, "s-1");
        let again = world.register(&world.caller(owner, "s-1"), Some(&ticket)).await;
        assert_refused(again, Reason::ReceiptSpent);
    }
}

#[tokio::test]
async fn the_limit_is_looked_at_before_a_receipt_is_spent() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    let ticket = world.link(owner, "s-1");
    let full = Caller { max_totp_devices: 1, ..world.caller(owner, "s-1") };
    assert_refused(world.register(&full, Some(&ticket)).await, Reason::FactorLimitReached);
    let caller = world.caller(owner, "s-1");
    world.register(&caller, Some(&ticket)).await.unwrap();
}

#[tokio::test]
async fn pending_devices_are_bounded_and_the_refusal_says_until_when() {
    let world = World::new().await;
    let owner = owner();
    for index in 0..5 {
        world.register(&world.caller(owner, &format!("s-{index}")), None).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(60));
    let refused = world.register(&world.caller(owner, "s-5"), None).await;
    let error = assert_refused(refused, Reason::FactorLimitReached);
    assert_eq!(error.retry_delay(), Some(PENDING_LIFE - Duration::from_secs(60)));
    world.register(&world.caller(owner, "s-0"), None).await.unwrap();
    world.clock.set(NOW.plus(PENDING_LIFE));
    world.register(&world.caller(owner, "s-5"), None).await.unwrap();
}

#[tokio::test]
async fn a_pending_device_is_activated_only_by_its_own_session_and_in_time() {
    let world = World::new().await;
    let owner = owner();
    let phone = Phone::new(&world.register(&world.caller(owner, "s-1"), None).await.unwrap());
    let code = phone.codes(NOW).current;
    assert_refused(world.activate(&world.caller(owner, "s-2"), phone.id, &code).await, Reason::CodeRejected);
    let stranger = world.caller(crate::fixtures::owner(), "s-1");
    assert_refused(world.activate(&stranger, phone.id, &code).await, Reason::CodeRejected);

    world.clock.set(NOW.plus(PENDING_LIFE));
    let late = phone.codes(world.now()).current;
    let refused = world.activate(&world.caller(owner, "s-1"), phone.id, &late).await;
    assert_refused(refused, Reason::CodeRejected);
}

#[tokio::test]
async fn a_device_that_was_to_be_the_first_factor_is_not_activated_beside_another() {
    let world = World::new().await;
    let owner = owner();
    let first = Phone::new(&world.register(&world.caller(owner, "s-1"), None).await.unwrap());
    let second = Phone::new(&world.register(&world.caller(owner, "s-2"), None).await.unwrap());
    world.activate(&world.caller(owner, "s-1"), first.id, &first.codes(NOW).current).await.unwrap();
    let refused = world.activate(&world.caller(owner, "s-2"), second.id, &second.codes(NOW).current).await;
    assert_refused(refused, Reason::CodeRejected);
    assert_eq!(world.store.holdings(owner).await.unwrap().devices.len(), 1, "it ended with the birth");
}

#[tokio::test]
async fn activating_again_under_the_same_request_id_gets_the_first_answer() {
    let world = World::new().await;
    let owner = owner();
    let caller = world.caller(owner, "s-1");
    let phone = Phone::new(&world.register(&caller, None).await.unwrap());
    let code = SecretText::from(phone.codes(NOW).current);
    let request = fresh_request();
    let first = world.service.activate(&caller, phone.id, &code, request).await.unwrap();
    let again = world.service.activate(&caller, phone.id, &code, request).await.unwrap();
    assert_eq!(first, again);
    let wrong = SecretText::from(phone.wrong(NOW));
    for code in [wrong, SecretText::from(phone.codes(NOW).next)] {
        let refused = world.service.activate(&caller, phone.id, &code, request).await;
        assert_refused(refused, Reason::CodeRejected);
    }
    let other = world.service.activate(&caller, DeviceId::random(&*ENTROPY), &code, request).await;
    assert_refused(other, Reason::RequestIdReused);
    assert_refused(
        world.service.activate(&caller, phone.id, &code, fresh_request()).await,
        Reason::CodeRejected,
    );
}

#[tokio::test]
async fn whoever_removed_the_last_factor_enrols_with_a_fresh_session_again() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    let ticket = world.unlink(owner, "s-1", phone.id);
    world.service.remove(&caller, phone.id, Some(&ticket)).await.unwrap();
    let old = Caller { auth_time: None, ..caller.clone() };
    assert_refused(world.register(&old, None).await, Reason::SessionTooOld);
    world.register(&caller, None).await.unwrap();
    assert!(world.store.holdings(owner).await.unwrap().ever_verified);
}
