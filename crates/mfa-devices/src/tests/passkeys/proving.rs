use super::*;
use crate::domain::ceremony::LIFE;
use crate::domain::proof::RETRY;
use crate::fixtures::attempt;

#[tokio::test]
async fn a_passkey_is_proved_and_its_evidence_kept() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 4).await;
    world.clock.advance(STEP);
    let opened = world.open(owner, "s-7", Some([3; 32])).await;
    assert_eq!(named(&opened.options_json), [key.credential.as_str()]);
    let attempt = attempt("s-7", PURPOSE);
    let json = answer(&opened.options_json, &key.credential, 5);
    let proof = world.present(owner, &opened, &json, &attempt).await.unwrap();
    assert_eq!((proof.device, proof.kind, proof.at), (key.id, FactorKind::Passkey, world.now()));
    assert!(!proof.grant);
    let evidence = world.service.evidence(owner, proof.id).await.unwrap();
    assert_eq!((evidence.device, evidence.at), (key.id, world.now()));
    assert_eq!((evidence.purpose, evidence.operation), ([PURPOSE; 32], Some([3; 32])));
    assert_eq!((evidence.client_data, evidence.rp_id.as_str()), (json.into_bytes(), crate::fakes::RP_ID));
    // The challenge that was sent is made from what is kept.
    let challenge =
        crate::domain::Challenge::of_proof(evidence.nonce, owner, evidence.purpose, evidence.operation);
    let sent = data_encoding::HEXLOWER.encode(challenge.as_bytes());
    assert!(opened.options_json.starts_with(&sent));
    let found = world.store.holdings(owner).await.unwrap().devices[0].clone();
    assert_eq!(found.state, State::Verified { since: NOW, last_use: world.now() });
    let stranger = crate::fixtures::owner();
    assert_refused(world.service.evidence(stranger, proof.id).await, Reason::ResourceNotFound);
    // An auditor finds it by the trail.
    let row = world.audit.rows().pop().unwrap();
    assert_eq!(row.resource, owner.proof_name(proof.id));
}

#[tokio::test]
async fn case_21_a_challenge_of_another_user_session_purpose_or_kind_is_refused_and_used_up() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    let neighbour = Owner { user: crate::fixtures::owner().user, ..owner };
    world.with_passkey(neighbour, 0).await;
    let opened = world.open(owner, "s-1", None).await;
    let json = answer(&opened.options_json, &key.credential, 0);
    let good = attempt("s-1", PURPOSE);
    let refused = world.present(neighbour, &opened, &json, &good).await;
    let unknown = assert_refused(refused, Reason::CeremonyUnknown);
    for other in [attempt("s-2", PURPOSE), attempt("s-1", PURPOSE + 1)] {
        let opened = world.open(owner, "s-1", None).await;
        let json = answer(&opened.options_json, &key.credential, 0);
        let refused = world.present(owner, &opened, &json, &other).await;
        assert_eq!(assert_refused(refused, Reason::CeremonyUnknown).message(), unknown.message());
        // Whatever came of it, it is over.
        let refused = world.present(owner, &opened, &json, &good).await;
        assert_refused(refused, Reason::CeremonyUnknown);
    }
    let caller = world.caller(owner, "s-1");
    let ticket = world.link_passkey(Acr::Phr, owner, "s-1");
    let registration = world.begin(&caller, Some(&ticket)).await.unwrap();
    let made = answer(&registration.options_json, &key.credential, 0);
    let refused = world.present(owner, &registration, &made, &good).await;
    assert_refused(refused, Reason::CeremonyUnknown);
    // The neighbour's try did not use up what was the owner's.
    world.present(owner, &opened, &json, &good).await.unwrap();
}

#[tokio::test]
async fn case_21_a_credential_of_another_user_and_an_answer_to_another_challenge_are_refused() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    let neighbour = Owner { user: crate::fixtures::owner().user, ..owner };
    let theirs = world.with_passkey(neighbour, 0).await;
    let mut messages = Vec::new();
    let earlier = world.open(owner, "s-1", None).await;
    for (options, credential) in
        [(None, &theirs.credential), (Some(&earlier), &key.credential), (None, &fresh_credential())]
    {
        let opened = world.open(owner, "s-1", None).await;
        let json = answer(&options.unwrap_or(&opened).options_json, credential, 0);
        let refused = world.present(owner, &opened, &json, &attempt("s-1", PURPOSE)).await;
        messages.push(assert_refused(refused, Reason::PasskeyRejected).message().to_owned());
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "every flaw looks the same");
}

#[tokio::test]
async fn case_22_a_counter_that_goes_back_is_refused_and_what_it_was_stays_known() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 5).await;
    world.sign(owner, &key, 7).await.unwrap();
    for copied in [7, 6, 1, 0] {
        let error = assert_refused(world.sign(owner, &key, copied).await, Reason::PasskeyCloneSuspected);
        assert_eq!(error.metadata()["device"], owner.device_name(key.id));
        let row = world.audit.rows().pop().unwrap();
        assert_eq!(row.outcome, kernel::audit::Outcome::Refused(Reason::PasskeyCloneSuspected));
    }
    assert_refused(world.sign(owner, &key, 7).await, Reason::PasskeyCloneSuspected);
    world.sign(owner, &key, 8).await.unwrap();
}

#[tokio::test]
async fn case_22_an_authenticator_without_a_counter_stays_at_zero() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    for _ in 0..3 {
        world.sign(owner, &key, 0).await.unwrap();
    }
    world.sign(owner, &key, u32::MAX).await.unwrap();
    assert_refused(world.sign(owner, &key, 0).await, Reason::PasskeyCloneSuspected);
    assert_refused(world.sign(owner, &key, 1).await, Reason::PasskeyCloneSuspected);
}

#[tokio::test]
async fn case_23_the_backup_state_follows_the_authenticator() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 1).await;
    let backed_up = async || {
        let holdings = world.store.holdings(owner).await.unwrap();
        let DeviceKind::Passkey(details) = holdings.devices[0].kind.clone() else { panic!("{holdings:?}") };
        (details.backup_eligible, details.backup_state)
    };
    assert_eq!(backed_up().await, (true, true));
    // The stand-in is backed up when it counts odd.
    world.sign(owner, &key, 2).await.unwrap();
    assert_eq!(backed_up().await, (true, false));
    assert_refused(world.sign(owner, &key, 1).await, Reason::PasskeyCloneSuspected);
    assert_eq!(backed_up().await, (true, false), "a refused one changes nothing");
}

#[tokio::test]
async fn case_24_who_has_no_passkey_gets_a_ceremony_and_the_same_refusal() {
    let world = World::new().await;
    let (mine, nobody) = (owner(), owner());
    world.with_passkey(mine, 0).await;
    let mut seen = Vec::new();
    for owner in [mine, nobody] {
        let opened = world.open(owner, "s-1", None).await;
        let json = answer(&opened.options_json, &fresh_credential(), 0);
        let refused = world.present(owner, &opened, &json, &attempt("s-1", PURPOSE)).await;
        let error = assert_refused(refused, Reason::PasskeyRejected);
        let again = world.present(owner, &opened, &json, &attempt("s-1", PURPOSE)).await;
        let over = assert_refused(again, Reason::CeremonyUnknown);
        seen.push((error.message().to_owned(), over.message().to_owned(), opened.expires));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn case_25_a_passkey_that_is_removed_while_its_ceremony_is_under_way_proves_nothing() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    let caller = world.caller(owner, "s-1");
    let opened = world.open(owner, "s-1", None).await;
    let first = attempt("s-1", PURPOSE);
    let before = world.open(owner, "s-1", None).await;
    let json = answer(&before.options_json, &key.credential, 0);
    let proof = world.present(owner, &before, &json, &first).await.unwrap();
    let operation = world.operation(owner, Body::UnlinkCredential { device: key.id });
    let ticket = world.ticket_by(Acr::Phr, &operation, "s-1");
    world.service.remove(&caller, key.id, Some(&ticket)).await.unwrap();

    let late = answer(&opened.options_json, &key.credential, 0);
    let refused = world.present(owner, &opened, &late, &attempt("s-1", PURPOSE)).await;
    assert_refused(refused, Reason::PasskeyRejected);
    // A retry does not hand out what it proved before either; the evidence of it stays.
    let refused = world.present(owner, &before, &json, &first).await;
    assert_refused(refused, Reason::CeremonyUnknown);
    assert_eq!(world.service.evidence(owner, proof.id).await.unwrap().device, key.id);
}

#[tokio::test]
async fn case_25_a_key_that_takes_the_credential_id_of_a_removed_one_answers_no_ceremony_of_that() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    let caller = world.caller(owner, "s-1");
    let opened = world.open(owner, "s-1", None).await;
    let operation = world.operation(owner, Body::UnlinkCredential { device: key.id });
    let ticket = world.ticket_by(Acr::Phr, &operation, "s-1");
    world.service.remove(&caller, key.id, Some(&ticket)).await.unwrap();
    let anew = world.begin(&caller, None).await.unwrap();
    let shown = world.finish(&caller, &anew, &key.credential, 0).await.unwrap();
    assert_ne!(shown.device.id, key.id);

    let json = answer(&opened.options_json, &key.credential, 0);
    let refused = world.present(owner, &opened, &json, &attempt("s-1", PURPOSE)).await;
    assert_refused(refused, Reason::PasskeyRejected);
    // It answers its own.
    let own = Key { id: shown.device.id, ..key };
    world.sign(owner, &own, 0).await.unwrap();
}

#[tokio::test]
async fn case_20_a_ceremony_ends_on_the_millisecond() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    for (later, lives) in [(LIFE - Duration::from_millis(1), true), (LIFE, false)] {
        let opened = world.open(owner, "s-1", None).await;
        world.clock.advance(later);
        let json = answer(&opened.options_json, &key.credential, 0);
        let result = world.present(owner, &opened, &json, &attempt("s-1", PURPOSE)).await;
        if lives {
            result.unwrap();
        } else {
            assert_refused(result, Reason::CeremonyUnknown);
        }
    }
}

#[tokio::test]
async fn a_retry_gets_the_first_proof_and_nothing_else_does() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 1).await;
    let opened = world.open(owner, "s-1", None).await;
    let first = attempt("s-1", PURPOSE);
    let json = answer(&opened.options_json, &key.credential, 2);
    let proof = world.present(owner, &opened, &json, &first).await.unwrap();
    for _ in 0..3 {
        assert_eq!(world.present(owner, &opened, &json, &first).await.unwrap(), proof);
    }
    // Under this request id nothing else is answered, and what comes is not used up by that.
    let next = world.open(owner, "s-1", None).await;
    let right = answer(&next.options_json, &key.credential, 3);
    let altered = answer(&opened.options_json, &key.credential, 3);
    for (opened, json) in [(&next, &right), (&opened, &altered)] {
        let refused = world.present(owner, opened, json, &first).await;
        assert_refused(refused, Reason::RequestIdReused);
    }
    let other = Attempt { session: session("s-2"), ..first.clone() };
    assert_refused(world.present(owner, &opened, &json, &other).await, Reason::RequestIdReused);
    world.present(owner, &next, &right, &attempt("s-1", PURPOSE)).await.unwrap();
    // The same answer under another request id is a used ceremony.
    let refused = world.present(owner, &opened, &json, &attempt("s-1", PURPOSE)).await;
    assert_refused(refused, Reason::CeremonyUnknown);
    world.clock.advance(RETRY + Duration::from_secs(1));
    assert_refused(world.present(owner, &opened, &json, &first).await, Reason::CeremonyUnknown);
}

#[tokio::test]
async fn the_request_id_of_a_code_is_not_that_of_a_passkey() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    let opened = world.begin(&caller, Some(&world.link_passkey(Acr::Otp, owner, "s-1"))).await.unwrap();
    let credential = fresh_credential();
    world.finish(&caller, &opened, &credential, 0).await.unwrap();
    let first = attempt("s-1", PURPOSE);
    world.prove(owner, Target::Any, &first, &phone.codes(NOW).current).await.unwrap();
    let opened = world.open(owner, "s-1", None).await;
    let json = answer(&opened.options_json, &credential, 0);
    assert_refused(world.present(owner, &opened, &json, &first).await, Reason::RequestIdReused);
    let second = attempt("s-1", PURPOSE);
    world.present(owner, &opened, &json, &second).await.unwrap();
    let refused = world.prove(owner, Target::Any, &second, &phone.codes(NOW).next).await;
    assert_refused(refused, Reason::CodeRejected);
}

#[tokio::test]
async fn case_15_wrong_codes_never_block_a_passkey_and_a_passkey_clears_no_codes() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    let opened = world.begin(&caller, Some(&world.link_passkey(Acr::Otp, owner, "s-1"))).await.unwrap();
    let credential = fresh_credential();
    let id = world.finish(&caller, &opened, &credential, 0).await.unwrap().device.id;
    let key = Key { credential, id };
    for _ in 0..5 {
        let refused = world.prove_any(owner, &phone.wrong(NOW)).await;
        assert_refused(refused, Reason::CodeRejected);
    }
    let throttle = world.store.throttle(owner, FactorKind::Totp).await.unwrap();
    world.sign(owner, &key, 0).await.unwrap();
    assert_refused(world.prove_any(owner, &phone.codes(NOW).current).await, Reason::FactorThrottled);
    assert_eq!(world.store.throttle(owner, FactorKind::Totp).await.unwrap(), throttle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_who_bring_one_answer_one_gets_a_proof() {
    let world = Arc::new(World::new().await);
    for round in 0..5 {
        let owner = owner();
        let key = world.with_passkey(owner, round % 2).await;
        let opened = Arc::new(world.open(owner, "s-1", None).await);
        let json = answer(&opened.options_json, &key.credential, 2 * (round % 2));
        let tasks = (0..64).map(|_| {
            let (world, opened, json) = (world.clone(), opened.clone(), json.clone());
            tokio::spawn(async move { world.present(owner, &opened, &json, &attempt("s-1", PURPOSE)).await })
        });
        let mut won = 0;
        for outcome in join_all(tasks.collect::<Vec<_>>()).await {
            match outcome.unwrap() {
                Ok(_) => won += 1,
                Err(error) => assert_eq!(error.reason(), Reason::CeremonyUnknown),
            }
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn nothing_is_used_up_by_a_proof_while_the_audit_trail_cannot_be_written() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    let opened = world.open(owner, "s-1", None).await;
    let json = answer(&opened.options_json, &key.credential, 0);
    let attempt = attempt("s-1", PURPOSE);
    world.audit.break_down();
    let refused = world.present(owner, &opened, &json, &attempt).await;
    assert_refused(refused, Reason::AuditUnavailable);
    let world = World { audit: Arc::new(MemoryAuditLog::new()), ..world };
    world.present(owner, &opened, &json, &attempt).await.unwrap();
}
