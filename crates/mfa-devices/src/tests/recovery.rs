use super::*;
use crate::domain::Happening;
use crate::domain::proof::recovery_purpose;
use crate::domain::recovery_code::COUNT;
use crate::domain::throttle::FREE;
use crate::fakes::answer;
use crate::fixtures::attempt;
use crate::passkeys::Wanted;
use crate::recovery::{Codes, FreshProof, PresentedCode, Proved};

const MINUTE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(1);

/// 120 bits that are nobody's code.
const WRONG: &str = "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA";

fn totp(code: &str) -> Option<FreshProof> {
    Some(FreshProof::Totp { target: Target::Any, code: SecretText::from(code) })
}

fn texts(codes: &Codes) -> Vec<String> {
    codes.texts.iter().map(|text| text.expose_secret().to_owned()).collect()
}

impl World {
    /// A user with a factor, and its codes, made for the activation of the factor in the session `s-1`.
    async fn with_codes(&self, owner: Owner) -> (Phone, Codes) {
        let phone = self.enrolled(owner, "s-1").await;
        let codes = self.service.make_codes(&self.caller(owner, "s-1"), None).await.unwrap();
        (phone, codes)
    }

    async fn recover(&self, owner: Owner, attempt: &Attempt, code: &str) -> Result<Proved> {
        let trail = self.audit.trail("recovery_code.verify");
        let code = SecretText::from(code);
        let presented = PresentedCode { owner, code: &code, attempt, at: self.now(), trail: &trail };
        self.service.prove_recovery(presented).await
    }

    async fn recover_any(&self, owner: Owner, code: &str) -> Result<Proved> {
        self.recover(owner, &attempt("s-1", 1), code).await
    }

    async fn happened(&self, owner: Owner) -> Vec<Happening> {
        let events = self.service.factor_events(owner.environment, 0, 200).await.unwrap();
        events.into_iter().filter(|event| event.owner == owner).map(|event| event.event.what).collect()
    }
}

#[tokio::test]
async fn ten_codes_are_made_for_the_activation_of_a_factor_and_each_proves_once() {
    let world = World::new().await;
    let owner = owner();
    let (_, codes) = world.with_codes(owner).await;
    let texts = texts(&codes);
    assert_eq!(texts.len(), COUNT);
    assert!(texts.iter().all(|text| text.len() == 29 && !texts[..1].contains(&texts[1])));
    for (used, text) in texts.iter().enumerate() {
        let attempt = attempt("s-2", 7);
        let proved = world.recover(owner, &attempt, &text.to_lowercase().replace('-', " ")).await.unwrap();
        assert_eq!(usize::try_from(proved.remaining).unwrap(), COUNT - used - 1);
        assert_eq!((proved.proof.device, proved.proof.kind), (codes.set.id, FactorKind::RecoveryCode));
        assert_eq!((&proved.proof.attempt, proved.proof.at), (&attempt, world.now()));
        assert!(!proved.proof.grant);
        assert_refused(world.recover_any(owner, text).await, Reason::CodeRejected);
    }
    let set = world.service.recovery_set(&world.caller(owner, "s-2")).await.unwrap();
    assert_eq!((set.remaining, set.last_use), (0, Some(world.now())));
    // What the last one paid for is not dead before it is used.
    let facts = async || world.service.facts(owner, None, world.now()).await.unwrap();
    assert_eq!(facts().await.recovery, Some(set));
    world.clock.advance(60 * MINUTE + MOMENT);
    assert_eq!(facts().await.recovery, None);
}

#[tokio::test]
async fn codes_take_a_fresh_proof_of_another_kind_in_this_session() {
    let world = World::new().await;
    let owner = owner();
    let make = async |in_session: &str, proof| {
        world.service.make_codes(&world.caller(owner, in_session), proof).await
    };
    // Nobody, and who only began to register something: not even a code is looked at.
    assert_refused(make("s-1", None).await, Reason::FreshProofRequired);
    assert_refused(make("s-1", totp("123456")).await, Reason::FreshProofRequired);
    assert_eq!(world.store.throttle(owner, FactorKind::Totp).await.unwrap().streak, 0);
    let phone = world.enrolled(owner, "s-1").await;
    assert_refused(make("s-2", None).await, Reason::FreshProofRequired);
    world.clock.advance(5 * MINUTE + MOMENT);
    assert_refused(make("s-1", None).await, Reason::FreshProofRequired);

    // A proof that was made for a token does not pay for codes.
    world.prove_any(owner, &phone.codes(world.now()).previous).await.unwrap();
    assert_refused(make("s-1", None).await, Reason::FreshProofRequired);
    let code = phone.codes(world.now()).current;
    let first = make("s-1", totp(&code)).await.unwrap();
    // Neither the code nor its proof is good twice, in no session.
    for in_session in ["s-1", "s-2"] {
        assert_refused(make(in_session, totp(&code)).await, Reason::CodeRejected);
        assert_refused(make(in_session, None).await, Reason::FreshProofRequired);
    }
    // Nor does a recovery code.
    let as_totp = totp(&texts(&first)[0]);
    assert_refused(make("s-1", as_totp).await, Reason::CodeRejected);
    world.recover_any(owner, &texts(&first)[0]).await.unwrap();
    assert_refused(make("s-1", None).await, Reason::FreshProofRequired);
    assert_eq!(world.service.recovery_set(&world.caller(owner, "s-1")).await.unwrap().id, first.set.id);
}

#[tokio::test]
async fn codes_are_shown_again_to_the_session_that_made_them_until_they_are_kept() {
    let world = World::new().await;
    let owner = owner();
    let (phone, codes) = world.with_codes(owner).await;
    let show = async |in_session: &str, code: &str| {
        world.service.show_codes(&world.caller(owner, in_session), totp(code)).await
    };
    let current = phone.codes(world.now()).current;
    // Where nothing is shown, no code is used up.
    assert_refused(show("s-2", &current).await, Reason::RecoveryCodesHidden);
    assert_refused(
        world.service.show_codes(&world.caller(owner, "s-1"), None).await,
        Reason::FreshProofRequired,
    );
    let again = show("s-1", &current).await.unwrap();
    assert_eq!((texts(&again), again.set), (texts(&codes), codes.set));
    assert_refused(show("s-1", &current).await, Reason::CodeRejected);

    world.clock.advance(10 * MINUTE + MOMENT);
    let late = phone.codes(world.now()).current;
    assert_refused(show("s-1", &late).await, Reason::RecoveryCodesHidden);
    let made = world.service.make_codes(&world.caller(owner, "s-1"), totp(&late)).await.unwrap();
    let next = phone.codes(world.now()).next;
    let caller = world.caller(owner, "s-2");
    for _ in 0..2 {
        let set = world.service.acknowledge_codes(&caller).await.unwrap();
        assert!(set.acknowledged && set.id == made.set.id);
    }
    assert_refused(show("s-1", &next).await, Reason::RecoveryCodesHidden);
    world.recover_any(owner, &texts(&made)[0]).await.unwrap();
    let expected = [
        Happening::RecoveryCodesMade,
        Happening::RecoveryCodesShown,
        Happening::RecoveryCodesMade,
        Happening::RecoveryCodeUsed,
    ];
    let happened = world.happened(owner).await;
    assert!(expected.iter().eq(happened.iter().filter(|what| **what != Happening::FactorAdded)));
}

#[tokio::test]
async fn who_has_no_codes_is_told_so() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    assert_refused(world.service.recovery_set(&caller).await, Reason::ResourceNotFound);
    assert_refused(world.service.acknowledge_codes(&caller).await, Reason::ResourceNotFound);
    assert_refused(world.service.show_codes(&caller, None).await, Reason::RecoveryCodesHidden);
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_and_another_code_under_its_request_is_a_wrong_one() {
    let world = World::new().await;
    let owner = owner();
    let (phone, codes) = world.with_codes(owner).await;
    let texts = texts(&codes);
    let first = attempt("s-1", 1);
    let proved = world.recover(owner, &first, &texts[0]).await.unwrap();
    let again = world.recover(owner, &first, &texts[0].replace('-', "")).await.unwrap();
    assert_eq!(again, proved);
    assert_eq!(world.store.throttle(owner, FactorKind::RecoveryCode).await.unwrap().left(world.now()), FREE);
    assert_refused(world.recover(owner, &first, &texts[1]).await, Reason::CodeRejected);
    // For something else, or in another session.
    for other in
        [Attempt { purpose: [9; 32], ..first.clone() }, Attempt { session: session("s-2"), ..first.clone() }]
    {
        assert_refused(world.recover(owner, &other, &texts[0]).await, Reason::RequestIdReused);
    }
    // What another kind of factor answered is no answer here, and the other way round.
    let code = phone.codes(world.now()).current;
    assert_refused(world.prove(owner, Target::Any, &first, &code).await, Reason::CodeRejected);
    let by_totp = attempt("s-1", 1);
    world.prove(owner, Target::Any, &by_totp, &code).await.unwrap();
    assert_refused(world.recover(owner, &by_totp, &texts[1]).await, Reason::CodeRejected);
    assert_eq!(world.recover_any(owner, &texts[1]).await.unwrap().remaining, 8);
    // After ten minutes the request id is free, and the code is used.
    world.clock.advance(10 * MINUTE + MOMENT);
    assert_refused(world.recover(owner, &first, &texts[0]).await, Reason::CodeRejected);
}

fn left(error: &kernel::Error) -> &str {
    &error.metadata()["tries_left"]
}

#[tokio::test]
async fn case_9_no_path_session_or_new_set_gives_new_tries() {
    let world = World::new().await;
    let owner = owner();
    let (phone, _) = world.with_codes(owner).await;
    let wrong = phone.wrong(world.now());
    let made = async |in_session: &str, code: &str| {
        world.service.make_codes(&world.caller(owner, in_session), totp(code)).await
    };
    // Of TOTP codes: proving, making codes and showing them share the tries.
    let told = [
        left(&world.prove_any(owner, &wrong).await.unwrap_err()).to_owned(),
        left(&made("s-2", &wrong).await.unwrap_err()).to_owned(),
        left(&world.service.show_codes(&world.caller(owner, "s-1"), totp(&wrong)).await.unwrap_err())
            .to_owned(),
    ];
    assert_eq!(told, ["4", "3", "2"]);
    // Of recovery codes: whatever session and purpose they are brought for.
    for (tried, left_over) in [("s-1", "4"), ("s-2", "3"), ("s-3", "2")] {
        let refused = world.recover(owner, &attempt(tried, 1), WRONG).await;
        assert_eq!(left(&assert_refused(refused, Reason::CodeRejected)), left_over);
    }
    // A new set comes with none; nor does the right TOTP code that paid for it.
    made("s-1", &phone.codes(world.now()).current).await.unwrap();
    let refused = world.recover_any(owner, WRONG).await;
    assert_eq!(left(&assert_refused(refused, Reason::CodeRejected)), "1");
}

#[tokio::test]
async fn case_10_and_11_a_try_that_failed_stays_taken_after_a_restart() {
    let world = World::new().await;
    let owner = owner();
    world.with_codes(owner).await;
    for _ in 0..FREE {
        assert_refused(world.recover_any(owner, WRONG).await, Reason::CodeRejected);
    }
    // Another process on the same data.
    let world = world.restarted().await;
    assert_refused(world.recover_any(owner, WRONG).await, Reason::FactorThrottled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_12_of_200_wrong_recovery_codes_at_once_five_are_tested() {
    let world = Arc::new(World::new().await);
    let known = owner();
    world.with_codes(known).await;
    for owner in [known, owner()] {
        let tasks = (0..200).map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.recover_any(owner, WRONG).await.unwrap_err().reason() })
        });
        let reasons: Vec<_> =
            join_all(tasks.collect::<Vec<_>>()).await.into_iter().map(|reason| reason.unwrap()).collect();
        let tested = reasons.iter().filter(|reason| **reason == Reason::CodeRejected).count();
        let throttled = reasons.iter().filter(|reason| **reason == Reason::FactorThrottled).count();
        assert_eq!((tested, throttled), (usize::try_from(FREE).unwrap(), 195));
    }
}

#[tokio::test]
async fn case_13_cleared_tries_are_as_few_as_the_first_ones() {
    let world = World::new().await;
    let owner = owner();
    let (_, codes) = world.with_codes(owner).await;
    let trail = world.audit.trail("throttle.clear");
    for _ in 0..3 {
        for _ in 0..FREE {
            assert_refused(world.recover_any(owner, WRONG).await, Reason::CodeRejected);
        }
        assert_refused(world.recover_any(owner, &texts(&codes)[0]).await, Reason::FactorThrottled);
        let kind = FactorKind::RecoveryCode;
        world.service.clear_throttle(owner, kind, world.now(), &trail).await.unwrap();
    }
    world.recover_any(owner, &texts(&codes)[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_14_of_200_uses_of_one_recovery_code_at_once_one_succeeds() {
    let world = Arc::new(World::new().await);
    let owner = owner();
    let (_, codes) = world.with_codes(owner).await;
    let code = texts(&codes)[4].clone();
    let tasks = (0..200).map(|_| {
        let (world, code) = (world.clone(), code.clone());
        tokio::spawn(async move { world.recover_any(owner, &code).await })
    });
    let outcomes = join_all(tasks.collect::<Vec<_>>()).await;
    let won = outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().is_ok()).count();
    assert_eq!(won, 1);
    let set = world.service.recovery_set(&world.caller(owner, "s-1")).await.unwrap();
    assert_eq!(set.remaining, 9);
}

#[tokio::test]
async fn case_14_an_old_set_a_near_miss_and_a_strangers_code_look_like_any_wrong_code() {
    let world = World::new().await;
    let (owner, stranger) = (owner(), owner());
    let (phone, old) = world.with_codes(owner).await;
    let (_, theirs) = world.with_codes(stranger).await;
    let proof = totp(&phone.codes(world.now()).current);
    let new = world.service.make_codes(&world.caller(owner, "s-1"), proof).await.unwrap();
    let near = {
        let mut near = texts(&new)[0].clone();
        let last = if near.pop().unwrap() == 'A' { 'B' } else { 'A' };
        near.push(last);
        near
    };
    let mut messages = Vec::new();
    for wrong in [&texts(&old)[0], &near, &texts(&theirs)[0], WRONG] {
        let refused = assert_refused(world.recover_any(owner, wrong).await, Reason::CodeRejected);
        messages.push(refused.message().to_owned());
    }
    messages.dedup();
    assert_eq!(messages.len(), 1);
    world.recover_any(owner, &texts(&new)[0]).await.unwrap();
}

#[tokio::test]
async fn case_15_a_locked_kind_leaves_the_other_alone() {
    let world = World::new().await;
    let owner = owner();
    let (phone, codes) = world.with_codes(owner).await;
    for _ in 0..FREE {
        assert_refused(world.prove_any(owner, &phone.wrong(world.now())).await, Reason::CodeRejected);
    }
    let code = phone.codes(world.now()).current;
    assert_refused(world.prove_any(owner, &code).await, Reason::FactorThrottled);
    // The recovery code works, and the lock of the other stays.
    world.recover_any(owner, &texts(&codes)[0]).await.unwrap();
    assert_refused(world.prove_any(owner, &code).await, Reason::FactorThrottled);
    // The other way round.
    for _ in 0..FREE {
        assert_refused(world.recover_any(owner, WRONG).await, Reason::CodeRejected);
    }
    assert_refused(world.recover_any(owner, &texts(&codes)[1]).await, Reason::FactorThrottled);
    world.clock.advance(MINUTE);
    world.prove_any(owner, &phone.codes(world.now()).current).await.unwrap();
}

#[tokio::test]
async fn case_24_unknown_users_and_users_without_codes_look_like_a_wrong_code() {
    let world = World::new().await;
    let (known, without, unknown) = (owner(), owner(), owner());
    world.with_codes(known).await;
    world.enrolled(without, "s-1").await;
    let told = async |owner| {
        let mut told = Vec::new();
        for typed in ["", "123456", WRONG, WRONG, WRONG, WRONG, WRONG, WRONG] {
            let refused = world.recover_any(owner, typed).await.unwrap_err();
            let wait = refused.retry_delay();
            told.push((refused.reason(), refused.message().to_owned(), refused.metadata().clone(), wait));
        }
        told
    };
    let expected = told(known).await;
    assert_eq!(expected.last().unwrap().0, Reason::FactorThrottled);
    assert_eq!(told(without).await, expected);
    assert_eq!(told(unknown).await, expected);
}

#[tokio::test]
async fn case_26_codes_do_not_stay_without_a_factor_and_do_not_make_one() {
    let world = World::new().await;
    let owner = owner();
    let (phone, codes) = world.with_codes(owner).await;
    let caller = Caller { enrolment_required: true, ..world.caller(owner, "s-1") };
    let ticket = world.unlink(owner, "s-1", phone.id);
    // Codes are no factor: the phone is the last one.
    let refused = world.service.remove(&caller, phone.id, Some(&ticket)).await;
    assert_refused(refused, Reason::LastFactorRequired);
    let caller = world.caller(owner, "s-1");
    world.service.remove(&caller, phone.id, Some(&ticket)).await.unwrap();
    assert_refused(world.service.recovery_set(&caller).await, Reason::ResourceNotFound);
    assert_refused(world.recover_any(owner, &texts(&codes)[0]).await, Reason::CodeRejected);
}

#[tokio::test]
async fn a_passkey_pays_for_codes_by_a_ceremony_for_them_only() {
    let world = World::new().await;
    let owner = owner();
    let key = world.with_passkey(owner, 0).await;
    let make = async |in_session: &str, ceremony, json: &str| {
        let proof = FreshProof::Passkey { ceremony, credential_json: json.to_owned() };
        world.service.make_codes(&world.caller(owner, in_session), Some(proof)).await
    };
    let begin = async |in_session: &str, purpose| {
        let session = session(in_session);
        let wanted = Wanted { owner, session: &session, purpose, operation: None, at: world.now() };
        world.service.begin_passkey_proof(wanted).await.unwrap()
    };
    // Begun for something else, or in another session.
    for (in_session, purpose) in [("s-1", [7; 32]), ("s-2", recovery_purpose())] {
        let opened = begin(in_session, purpose).await;
        let json = answer(&opened.options_json, &key.credential, 1);
        assert_refused(make("s-1", opened.id, &json).await, Reason::CeremonyUnknown);
    }
    let opened = begin("s-1", recovery_purpose()).await;
    let json = answer(&opened.options_json, &key.credential, 2);
    let codes = make("s-1", opened.id, &json).await.unwrap();
    assert_refused(make("s-1", opened.id, &json).await, Reason::CeremonyUnknown);
    let opened = begin("s-1", recovery_purpose()).await;
    let flawed = answer(&opened.options_json, "00", 3);
    assert_refused(make("s-1", opened.id, &flawed).await, Reason::PasskeyRejected);
    assert_eq!(world.service.recovery_set(&world.caller(owner, "s-1")).await.unwrap(), codes.set);
}

#[tokio::test]
async fn what_is_done_with_codes_was_intended_first_and_no_row_holds_one() {
    let world = World::new().await;
    let owner = owner();
    let (phone, codes) = world.with_codes(owner).await;
    let before = world.audit.rows().len();
    assert_refused(world.recover_any(owner, WRONG).await, Reason::CodeRejected);
    assert_eq!(world.audit.rows().len(), before, "a wrong code intends nothing");
    world.recover_any(owner, &texts(&codes)[0]).await.unwrap();
    let proof = totp(&phone.codes(world.now()).current);
    let shown = world.service.show_codes(&world.caller(owner, "s-1"), proof).await.unwrap();
    world.service.acknowledge_codes(&world.caller(owner, "s-1")).await.unwrap();
    let rows = world.audit.rows();
    assert_eq!(rows.len(), before + 3);
    assert_eq!(rows[before].resource, owner.device_name(codes.set.id));
    let written = format!("{rows:?} {codes:?} {shown:?}");
    for text in texts(&codes) {
        assert!(!written.contains(&text) && !written.contains(&text.replace('-', "")));
    }
    // Without a trail nothing is used up.
    world.audit.break_down();
    assert_refused(world.recover_any(owner, &texts(&codes)[1]).await, Reason::AuditUnavailable);
    let set = world.service.recovery_set(&world.caller(owner, "s-1")).await.unwrap();
    assert_eq!(set.remaining, 9);
}

#[tokio::test]
async fn a_restored_database_gives_back_no_code_that_was_used_since() {
    let world = World::new().await;
    let owner = owner();
    let (phone, codes) = world.with_codes(owner).await;
    world.back_up().await;
    world.recover_any(owner, &texts(&codes)[0]).await.unwrap();
    let world = world.restored().await;
    let set = world.service.recovery_set(&world.caller(owner, "s-1")).await.unwrap();
    assert_eq!(set.remaining, 0, "the user sees that new ones are needed");
    // What could be acknowledged since is not shown, and a proof that could be spent since pays for nothing.
    let caller = world.caller(owner, "s-1");
    assert_refused(world.service.show_codes(&caller, None).await, Reason::RecoveryCodesHidden);
    assert_refused(world.service.make_codes(&caller, None).await, Reason::FreshProofRequired);
    for code in &texts(&codes)[..2] {
        world.clock.advance(MINUTE);
        assert_refused(world.recover_any(owner, code).await, Reason::CodeRejected);
    }
    let proof = totp(&phone.codes(world.now()).current);
    let new = world.service.make_codes(&world.caller(owner, "s-1"), proof).await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    world.recover_any(owner, &texts(&new)[0]).await.unwrap();
}
