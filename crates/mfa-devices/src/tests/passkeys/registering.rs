use super::*;
use crate::domain::ceremony::LIFE;
use crate::domain::proof::activation_purpose;

#[tokio::test]
async fn a_first_passkey_is_a_factor_at_once_and_the_default() {
    let world = World::new().await;
    let owner = owner();
    let caller = world.caller(owner, "s-1");
    let opened = world.begin(&caller, None).await.unwrap();
    assert_eq!(opened.expires, NOW.plus(LIFE));
    assert!(world.store.holdings(owner).await.unwrap().devices.is_empty(), "nothing yet");
    let credential = fresh_credential();
    let shown = world.finish(&caller, &opened, &credential, 1).await.unwrap();
    assert!(shown.is_default);
    assert_eq!(shown.device.state, State::Verified { since: NOW, last_use: NOW });
    assert_eq!(shown.device.display_name.as_str(), "key");
    let DeviceKind::Passkey(details) = &shown.device.kind else { panic!("{shown:?}") };
    assert_eq!(details.rp_id, crate::fakes::RP_ID);
    assert!(details.backup_eligible && details.backup_state);
    assert_eq!(details.transports.iter().collect::<Vec<_>>(), ["hybrid", "internal"]);
    let holdings = world.store.holdings(owner).await.unwrap();
    assert_eq!((holdings.strongest(), holdings.ever_verified), (Some(Acr::Phr), true));
    assert_eq!(world.audit.rows().pop().unwrap().resource, owner.device_name(shown.device.id));
    assert_eq!(world.service.list(&caller, None, 10).await.unwrap().devices, [shown]);
}

#[tokio::test]
async fn a_first_passkey_needs_a_fresh_session_and_a_relying_party() {
    let world = World::new().await;
    let caller = world.caller(owner(), "s-1");
    for auth_time in [None, Some(NOW.minus(Duration::from_secs(601)))] {
        let caller = Caller { auth_time, ..caller.clone() };
        assert_refused(world.begin(&caller, None).await, Reason::SessionTooOld);
    }
    let world = world.without_relying_party();
    assert_refused(world.begin(&caller, None).await, Reason::RelyingPartyMissing);
    let wanted =
        Wanted { owner: caller.owner, session: &caller.session, purpose: [1; 32], operation: None, at: NOW };
    assert_refused(world.service.begin_passkey_proof(wanted).await, Reason::RelyingPartyMissing);
}

#[tokio::test]
async fn a_further_passkey_takes_a_receipt_which_makes_one_and_may_begin_anew_until_then() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    assert_refused(world.begin(&caller, None).await, Reason::ReceiptMissing);
    // For another kind, and for another session.
    assert_refused(world.begin(&caller, Some(&world.link(owner, "s-1"))).await, Reason::ReceiptMismatch);
    let elsewhere = world.link_passkey(Acr::Otp, owner, "s-2");
    assert_refused(world.begin(&caller, Some(&elsewhere)).await, Reason::ReceiptMismatch);

    let ticket = world.link_passkey(Acr::Phr, owner, "s-1");
    let overtaken = world.begin(&caller, Some(&ticket)).await.unwrap();
    let opened = world.begin(&caller, Some(&ticket)).await.unwrap();
    let lost = world.finish(&caller, &overtaken, &fresh_credential(), 0).await;
    assert_refused(lost, Reason::AttemptUnknown);
    let shown = world.finish(&caller, &opened, &fresh_credential(), 0).await.unwrap();
    assert!(!shown.is_default, "the first factor is");
    assert_refused(world.begin(&caller, Some(&ticket)).await, Reason::ReceiptSpent);
}

#[tokio::test]
async fn a_receipt_that_was_spent_for_a_ceremony_that_failed_begins_another() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    let ticket = world.link_passkey(Acr::Otp, owner, "s-1");
    let opened = world.begin(&caller, Some(&ticket)).await.unwrap();
    let refused = world.service.finish_passkey(&caller, opened.id, "rubbish").await;
    assert_refused(refused, Reason::PasskeyRejected);
    let credential = fresh_credential();
    assert_refused(world.finish(&caller, &opened, &credential, 0).await, Reason::CeremonyUnknown);
    let again = world.begin(&caller, Some(&ticket)).await.unwrap();
    world.finish(&caller, &again, &credential, 0).await.unwrap();
}

#[tokio::test]
async fn case_26_a_passkey_is_not_added_or_removed_by_a_weaker_proof() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    let caller = world.caller(owner, "s-1");
    for acr in [Acr::Recovery, Acr::Otp] {
        let weak = world.link_passkey(acr, owner, "s-1");
        assert_refused(world.begin(&caller, Some(&weak)).await, Reason::ReceiptInvalid);
        let body = || Body::LinkCredential { factor: FactorKind::Totp };
        let weak = world.ticket_by(acr, &world.operation(owner, body()), "s-1");
        assert_refused(world.register(&caller, Some(&weak)).await, Reason::ReceiptInvalid);
        let operation = world.operation(owner, Body::UnlinkCredential { device: key.id });
        let weak = world.ticket_by(acr, &operation, "s-1");
        let refused = world.service.remove(&caller, key.id, Some(&weak)).await;
        assert_refused(refused, Reason::ReceiptInvalid);
    }
    let strong = world.link_passkey(Acr::Phr, owner, "s-1");
    let opened = world.begin(&caller, Some(&strong)).await.unwrap();
    world.finish(&caller, &opened, &fresh_credential(), 0).await.unwrap();

    // The weaker of two factors is removed by a proof of the stronger one too, and the last one stays where one must.
    let operation = world.operation(owner, Body::UnlinkCredential { device: key.id });
    let strong = world.ticket_by(Acr::Phr, &operation, "s-1");
    world.service.remove(&caller, key.id, Some(&strong)).await.unwrap();
    let last = world.store.holdings(owner).await.unwrap().devices[0].id;
    let strict = Caller { enrolment_required: true, ..caller.clone() };
    assert_refused(world.service.remove(&strict, last, None).await, Reason::LastFactorRequired);
}

#[tokio::test]
async fn case_26_a_registration_that_began_before_a_stronger_factor_was_born_leads_nowhere() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    let (mine, other) = (world.caller(owner, "s-1"), world.caller(owner, "s-2"));
    let opened = world.begin(&mine, Some(&world.link_passkey(Acr::Otp, owner, "s-1"))).await.unwrap();
    let also = world.begin(&other, Some(&world.link_passkey(Acr::Otp, owner, "s-2"))).await.unwrap();
    let pending = world.register(&other, Some(&world.link(owner, "s-2"))).await.unwrap();
    world.finish(&mine, &opened, &fresh_credential(), 0).await.unwrap();
    assert_refused(world.finish(&other, &also, &fresh_credential(), 0).await, Reason::CeremonyUnknown);
    let device = pending.device.device.id;
    assert_refused(world.service.get(&other, device).await, Reason::ResourceNotFound);
    assert_eq!(world.store.holdings(owner).await.unwrap().devices.len(), 2);
}

#[tokio::test]
async fn the_right_of_a_first_passkey_is_void_once_there_is_a_factor() {
    let world = World::new().await;
    let owner = owner();
    let caller = world.caller(owner, "s-1");
    let opened = world.begin(&caller, None).await.unwrap();
    let phone = world.enrolled(owner, "s-2").await;
    let refused = world.finish(&caller, &opened, &fresh_credential(), 0).await;
    let error = assert_refused(refused, Reason::ReceiptMissing);
    assert_eq!(error.metadata()["scope"], "credential:link");
    // Nor when that one is gone again.
    let stale = {
        let stranger = crate::fixtures::owner();
        let caller = world.caller(stranger, "s-1");
        let opened = world.begin(&caller, None).await.unwrap();
        let phone = world.enrolled(stranger, "s-2").await;
        let ticket = world.unlink(stranger, "s-2", phone.id);
        world.service.remove(&world.caller(stranger, "s-2"), phone.id, Some(&ticket)).await.unwrap();
        world.finish(&caller, &opened, &fresh_credential(), 0).await
    };
    assert_refused(stale, Reason::CeremonyUnknown);
    assert_eq!(world.store.holdings(owner).await.unwrap().devices[0].id, phone.id);
}

#[tokio::test]
async fn a_passkey_ends_pending_devices() {
    let world = World::new().await;
    let owner = owner();
    let pending = Phone::new(&world.register(&world.caller(owner, "s-2"), None).await.unwrap());
    world.with_passkey(owner, 0).await;
    let code = pending.codes(NOW).current;
    let refused = world.activate(&world.caller(owner, "s-2"), pending.id, &code).await;
    assert_refused(refused, Reason::CodeRejected);
    assert_eq!(world.store.holdings(owner).await.unwrap().devices.len(), 1);
}

#[tokio::test]
async fn passkeys_and_totp_devices_are_limited_each_for_itself() {
    let world = World::new().await;
    let owner = owner();
    world.with_passkey(owner, 0).await;
    let caller = Caller { max_passkeys: 2, max_totp_devices: 1, ..world.caller(owner, "s-1") };
    let mut open = Vec::new();
    for _ in 0..2 {
        let ticket = world.link_passkey(Acr::Phr, owner, "s-1");
        open.push(world.begin(&caller, Some(&ticket)).await.unwrap());
    }
    world.finish(&caller, &open[0], &fresh_credential(), 0).await.unwrap();
    let ticket = world.link_passkey(Acr::Phr, owner, "s-1");
    let refused = world.begin(&caller, Some(&ticket)).await;
    assert!(assert_refused(refused, Reason::FactorLimitReached).message().contains("2 passkeys"));
    // The receipt was not spent: it is good where more are allowed.
    let more = Caller { max_passkeys: 3, ..caller.clone() };
    let opened = world.begin(&more, Some(&ticket)).await.unwrap();
    let late = world.finish(&caller, &opened, &fresh_credential(), 0).await;
    assert_refused(late, Reason::FactorLimitReached);
    // Both are as many as may be, and there is room for a TOTP device, once.
    let body = || Body::LinkCredential { factor: FactorKind::Totp };
    let ticket = world.ticket_by(Acr::Phr, &world.operation(owner, body()), "s-1");
    let phone = Phone::new(&world.register(&caller, Some(&ticket)).await.unwrap());
    world.activate(&caller, phone.id, &phone.codes(NOW).previous).await.unwrap();
    let ticket = world.ticket_by(Acr::Phr, &world.operation(owner, body()), "s-1");
    let refused = world.register(&caller, Some(&ticket)).await;
    assert!(assert_refused(refused, Reason::FactorLimitReached).message().contains("1 TOTP"));
}

#[tokio::test]
async fn a_credential_is_one_passkey_in_its_environment_and_known_ones_are_excluded() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    let caller = world.caller(owner, "s-1");
    let ticket = world.link_passkey(Acr::Phr, owner, "s-1");
    let opened = world.begin(&caller, Some(&ticket)).await.unwrap();
    assert_eq!(named(&opened.options_json), [key.credential.as_str()]);
    let mine = world.finish(&caller, &opened, &key.credential, 0).await;
    let neighbour = Owner { user: crate::fixtures::owner().user, ..owner };
    let theirs = world.caller(neighbour, "s-1");
    let opened = world.begin(&theirs, None).await.unwrap();
    assert!(named(&opened.options_json).is_empty());
    let theirs = world.finish(&theirs, &opened, &key.credential, 0).await;
    let [mine, theirs] = [mine, theirs].map(|refused| assert_refused(refused, Reason::PasskeyRejected));
    assert_eq!(mine.message(), theirs.message());
    // In another environment it is another one.
    let stranger = world.caller(crate::fixtures::owner(), "s-1");
    let opened = world.begin(&stranger, None).await.unwrap();
    world.finish(&stranger, &opened, &key.credential, 0).await.unwrap();
}

#[tokio::test]
async fn a_ceremony_is_for_its_user_its_session_its_kind_and_its_time_and_used_up_by_any_answer() {
    let world = World::new().await;
    let owner = owner();
    let caller = world.caller(owner, "s-1");
    let stranger = world.caller(Owner { user: crate::fixtures::owner().user, ..owner }, "s-1");
    let opened = world.begin(&caller, None).await.unwrap();
    let taken = world.finish(&stranger, &opened, &fresh_credential(), 0).await;
    let unknown = assert_refused(taken, Reason::CeremonyUnknown);
    // Nobody else's answer uses it up.
    world.finish(&caller, &opened, &fresh_credential(), 0).await.unwrap();
    let used = world.finish(&caller, &opened, &fresh_credential(), 0).await;
    assert_eq!(assert_refused(used, Reason::CeremonyUnknown).message(), unknown.message());

    let another = crate::fixtures::owner();
    let caller = world.caller(another, "s-1");
    let opened = world.begin(&caller, None).await.unwrap();
    let elsewhere = world.finish(&world.caller(another, "s-2"), &opened, &fresh_credential(), 0).await;
    assert_refused(elsewhere, Reason::CeremonyUnknown);
    assert_refused(world.finish(&caller, &opened, &fresh_credential(), 0).await, Reason::CeremonyUnknown);
    let proof = world.open(another, "s-1", None).await;
    assert_refused(world.finish(&caller, &proof, &fresh_credential(), 0).await, Reason::CeremonyUnknown);
    let opened = world.begin(&caller, None).await.unwrap();
    world.clock.advance(LIFE);
    let late = world.finish(&world.caller(another, "s-1"), &opened, &fresh_credential(), 0).await;
    assert_refused(late, Reason::CeremonyUnknown);
    assert!(world.store.holdings(another).await.unwrap().devices.is_empty());
}

#[tokio::test]
async fn a_user_has_few_ceremonies_under_way() {
    let world = World::new().await;
    let caller = world.caller(owner(), "s-1");
    for _ in 0..10 {
        world.begin(&caller, None).await.unwrap();
    }
    let error = assert_refused(world.begin(&caller, None).await, Reason::Overloaded);
    assert_eq!(error.retry_delay(), Some(LIFE));
    world.begin(&world.caller(owner(), "s-1"), None).await.unwrap();
}

#[tokio::test]
async fn nothing_is_used_up_by_a_registration_while_the_audit_trail_cannot_be_written() {
    let world = World::new().await;
    let caller = world.caller(owner(), "s-1");
    let opened = world.begin(&caller, None).await.unwrap();
    let credential = fresh_credential();
    world.audit.break_down();
    assert_refused(world.finish(&caller, &opened, &credential, 0).await, Reason::AuditUnavailable);
    let world = World { audit: Arc::new(MemoryAuditLog::new()), ..world };
    let caller = Caller { trail: world.audit.trail("test"), ..caller };
    world.finish(&caller, &opened, &credential, 0).await.unwrap();
}

#[tokio::test]
async fn registering_leaves_one_proof_for_the_recovery_codes_of_its_session() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    assert_ne!(activation_purpose(key.id), [PURPOSE; 32]);
    let spend = async |in_session: &str| {
        world.service.make_codes(&world.caller(owner, in_session), None).await.is_ok()
    };
    assert!(!spend("s-2").await);
    assert!(spend("s-1").await);
    assert!(!spend("s-1").await);
    // A proof that pays for a token is none.
    world.sign(owner, &key, 1).await.unwrap();
    assert!(!spend("s-1").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_who_finish_one_registration_one_gets_the_passkey() {
    let world = Arc::new(World::new().await);
    for _ in 0..5 {
        let owner = owner();
        let opened = Arc::new(world.begin(&world.caller(owner, "s-1"), None).await.unwrap());
        let tasks = (0..32).map(|_| {
            let (world, opened, credential) = (world.clone(), opened.clone(), fresh_credential());
            tokio::spawn(
                async move { world.finish(&world.caller(owner, "s-1"), &opened, &credential, 0).await },
            )
        });
        let mut born = 0;
        for outcome in join_all(tasks.collect::<Vec<_>>()).await {
            match outcome.unwrap() {
                Ok(_) => born += 1,
                Err(error) => assert_eq!(error.reason(), Reason::CeremonyUnknown),
            }
        }
        assert_eq!((born, world.store.holdings(owner).await.unwrap().devices.len()), (1, 1));
    }
}
