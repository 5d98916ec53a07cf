//! Each kind of factor on the one path: what it makes, what it is not taken for, and how often.

use std::collections::BTreeSet;

use super::*;
use crate::domain::factors::ProvedBy;
use crate::fixtures::{passkey, passkey_request, recovery_codes, recovery_request, token, unlink};
use kernel::{CeremonyId, DeviceId};

/// The scope of a purpose, or the operation of one.
fn wanted(scopes: &[&str], operation: Option<CheckedOperation>) -> Wanted {
    let target = operation.map_or(Target::Scopes, Target::Operation);
    Wanted {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        target,
        legacy: None,
        sender_proof: None,
    }
}

pub(super) async fn begin_for(bench: &Bench, wanted: Wanted) -> CeremonyId {
    bench.authenticate().begin_passkey(&bench.call(NOW), wanted).await.unwrap().id
}

async fn begin(bench: &Bench, scopes: &[&str], operation: Option<CheckedOperation>) -> CeremonyId {
    begin_for(bench, wanted(scopes, operation)).await
}

/// A right request by a factor of this kind for `wallet:sign`, with its own number.
async fn right(bench: &Bench, kind: FactorKind, number: u32) -> Request {
    let scopes = &["wallet:sign"];
    match kind {
        FactorKind::Totp => request(number, scopes),
        FactorKind::Passkey => passkey_request(begin(bench, scopes, None).await, number, scopes),
        FactorKind::RecoveryCode => recovery_request(number, scopes),
    }
}

/// The same request once more: what a client does that got no answer.
fn again(request: &Request) -> Request {
    let answer = match &request.answer {
        Answer::Totp { code, device } => Answer::Totp { code: code.clone(), device: *device },
        Answer::Passkey { ceremony, credential_json } => {
            Answer::Passkey { ceremony: *ceremony, credential_json: credential_json.clone() }
        }
        Answer::RecoveryCode(code) => Answer::RecoveryCode(code.clone()),
    };
    let Wanted { scopes, target, legacy, sender_proof } = &request.wanted;
    let wanted = Wanted {
        scopes: scopes.clone(),
        target: target.clone(),
        legacy: *legacy,
        sender_proof: sender_proof.clone(),
    };
    Request { answer, wanted, request: request.request }
}

fn wrong(request: Request) -> Request {
    let text = || SecretText::from("wrong".to_owned());
    let answer = match request.answer {
        Answer::Totp { device, .. } => Answer::Totp { code: text(), device },
        Answer::Passkey { ceremony, .. } => Answer::Passkey { ceremony, credential_json: text() },
        Answer::RecoveryCode(_) => Answer::RecoveryCode(text()),
    };
    Request { answer, ..request }
}

pub(super) async fn made(bench: &Bench, request: Request) -> Made {
    bench.authenticate().authenticate(&bench.call(NOW), request).await.unwrap()
}

/// A user with every kind of factor, whom a recovery code is enough of.
pub(super) fn bench() -> Bench {
    let bench = Bench::with_all_kinds();
    bench.policy.demand(Acr::Recovery);
    bench
}

fn device_of(kind: FactorKind) -> DeviceId {
    match kind {
        FactorKind::Totp => factor(1).device,
        FactorKind::Passkey => passkey(3).device,
        FactorKind::RecoveryCode => recovery_codes(4).device,
    }
}

#[tokio::test]
async fn a_token_says_by_which_kind_of_factor_it_was_made() {
    let bench = bench();
    for (number, kind) in (1..).zip(FactorKind::ALL) {
        let elevated = made(&bench, right(&bench, kind, number).await).await;
        let token = &elevated.token;
        assert_eq!(token.acr, kind.acr());
        assert_eq!(token.amr, kind.amr());
        assert_eq!(token.source, Source::Factor(device_of(kind)), "{kind}");
        // What was signed, and what is on file, says the same.
        assert_eq!(bench.mint.open(TokenKind::Elevated, &elevated.jwt, NOW).unwrap(), *token);
        let record = bench.tokens.get(token.key(), NOW).await.unwrap().unwrap();
        assert_eq!(record.token, *token);
        let shown = bench.introspect().introspect(&bench.call(NOW), &elevated.jwt).await.unwrap();
        assert_eq!(shown.as_ref(), Some(token));
        let left = (kind == FactorKind::RecoveryCode).then_some(9);
        assert_eq!(elevated.remaining_codes, left);
    }
    assert!(bench.factors.sessions().iter().all(|asked| *asked == session()));
}

#[tokio::test]
async fn a_wrong_answer_of_any_kind_makes_nothing() {
    let bench = bench();
    for (number, kind) in (1..).zip(FactorKind::ALL) {
        let expected = match kind {
            FactorKind::Passkey => Reason::PasskeyRejected,
            FactorKind::Totp | FactorKind::RecoveryCode => Reason::CodeRejected,
        };
        let request = wrong(right(&bench, kind, number).await);
        assert_eq!(refused(&bench, request).await.reason(), expected, "{kind}");
    }
    assert_eq!((bench.issued.count(), once::records(&bench).await), (0, 0));
    assert!(bench.audit.rows().is_empty(), "nothing was intended");
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_token_of_any_kind() {
    let bench = bench();
    for (number, kind) in (1..).zip(FactorKind::ALL) {
        let request = right(&bench, kind, number).await;
        let (first, repeated) = (again(&request), again(&request));
        let first = made(&bench, first).await;
        let repeated = made(&bench, repeated).await;
        assert_eq!((repeated.token, repeated.remaining_codes), (first.token, first.remaining_codes));
        // For something else it is good no more.
        let other = Request { wanted: wanted(&["wallet:reshare"], None), ..again(&request) };
        assert_eq!(refused(&bench, other).await.reason(), Reason::RequestIdReused, "{kind}");
    }
    assert_eq!(bench.factors.tested(), 3);
}

#[tokio::test]
async fn the_last_recovery_code_is_not_lost_with_its_answer() {
    let bench = bench();
    bench.factors.leave_codes(1);
    let request = right(&bench, FactorKind::RecoveryCode, 1).await;
    let first = made(&bench, again(&request)).await;
    assert_eq!(first.remaining_codes, Some(0));
    // Codes are offered no more; the repetition is the one thing that they are still good for.
    let repeated = made(&bench, request).await;
    assert_eq!((repeated.token, repeated.remaining_codes), (first.token, Some(0)));
    let next = refused(&bench, recovery_request(2, &["wallet:sign"])).await;
    assert_eq!(next.reason(), Reason::CodeRejected);
    // And the token pays, though its set is used up.
    bench.authorize().authorize(&bench.call(NOW), sign(1, b"hello"), shown(first.jwt)).await.unwrap();
}

#[tokio::test]
async fn sixty_four_calls_with_one_request_make_one_token() {
    for kind in FactorKind::ALL {
        let bench = bench();
        let request = right(&bench, kind, 1).await;
        let calls = (0..64).map(|_| {
            let (authenticate, call, request) = (bench.authenticate(), bench.call(NOW), again(&request));
            async move { authenticate.authenticate(&call, request).await.unwrap().token }
        });
        let tasks: Vec<_> = calls.map(tokio::spawn).collect();
        let mut ids = BTreeSet::new();
        for task in tasks {
            ids.insert(task.await.unwrap().id);
        }
        assert_eq!(ids.len(), 1, "{kind}");
        let once = (bench.issued.count(), once::records(&bench).await, bench.factors.tested());
        assert_eq!(once, (1, 1, 1), "{kind}");
    }
}

#[tokio::test]
async fn of_sixty_four_requests_for_one_ceremony_one_makes_a_token() {
    let bench = bench();
    let ceremony = begin(&bench, &["wallet:sign"], None).await;
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (authenticate, call) = (bench.authenticate(), bench.call(NOW));
            let request = passkey_request(ceremony, number, &["wallet:sign"]);
            tokio::spawn(async move { authenticate.authenticate(&call, request).await })
        })
        .collect();
    let mut tokens = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => tokens += 1,
            Err(error) => assert_eq!(error.reason(), Reason::CeremonyUnknown),
        }
    }
    assert_eq!((tokens, bench.issued.count()), (1, 1));
}

#[tokio::test]
async fn a_ceremony_is_for_its_purpose_and_signs_the_operation() {
    let bench = bench();
    let operation = export(1);
    let ceremony = begin(&bench, &[], Some(operation.clone())).await;
    let begun = bench.factors.ceremonies().pop().unwrap();
    assert_eq!(begun.operation, Some(operation.digest()));
    // Another ceremony, one that is not there, and this one for another operation or for the scope alone.
    let for_export =
        |ceremony, number, operation| for_operation(passkey_request(ceremony, number, &[]), operation);
    let strange = CeremonyId::from_uuid(uuid::Uuid::from_u128(9));
    let error = refused(&bench, for_export(strange, 1, operation.clone())).await;
    assert_eq!(error.reason(), Reason::CeremonyUnknown);
    let error = refused(&bench, for_export(ceremony, 2, export(2))).await;
    assert_eq!(error.reason(), Reason::PasskeyRejected);
    // It is used up by that, also for what it was begun for.
    let error = refused(&bench, for_export(ceremony, 3, operation.clone())).await;
    assert_eq!(error.reason(), Reason::CeremonyUnknown);

    let unbound = begin(&bench, &["wallet:sign"], None).await;
    let begun = bench.factors.ceremonies().pop().unwrap();
    assert_eq!(begun.operation, None);
    let error = refused(&bench, for_operation(passkey_request(unbound, 4, &[]), sign(1, b"hello"))).await;
    assert_eq!(error.reason(), Reason::PasskeyRejected);
    assert_eq!(bench.issued.count(), 0);

    let ceremony = begin(&bench, &[], Some(operation.clone())).await;
    let elevated = made(&bench, for_export(ceremony, 5, operation.clone())).await;
    assert_eq!(elevated.token.bound, Bound::to(&operation));
}

#[tokio::test]
async fn no_ceremony_is_begun_for_what_it_could_not_open() {
    let bench = bench();
    let refused = async |scopes: &[&str], operation| {
        let begun = bench.authenticate().begin_passkey(&bench.call(NOW), wanted(scopes, operation)).await;
        begun.unwrap_err()
    };
    for (scopes, operation, reason) in [
        (&[][..], None, Reason::InvalidRequest),
        (&["wallet:steal"], None, Reason::InvalidRequest),
        (&["wallet:sign", "credential:link"], None, Reason::InvalidRequest),
        (&["wallet:sign"], Some(export(1)), Reason::InvalidRequest),
        // Bound to the operation, or not at all.
        (&["wallet:export"], None, Reason::StepUpRequired),
    ] {
        assert_eq!(refused(scopes, operation).await.reason(), reason);
    }
    bench.policy.demand(Acr::Phrh);
    let error = refused(&["wallet:sign"], None).await;
    assert_eq!((error.reason(), error.metadata()["acr"].as_str()), (Reason::StepUpRequired, "phrh"));
    bench.policy.say(Verdict::Deny);
    assert_eq!(refused(&["wallet:sign"], None).await.reason(), Reason::ActionDenied);
    bench.policy.demand(Acr::Otp);
    bench.factors.remove(passkey(3).device);
    let error = refused(&["wallet:sign"], None).await;
    assert_eq!((error.reason(), error.metadata()["methods"].as_str()), (Reason::StepUpRequired, "totp"));
    // Nor when there is no place for its token.
    bench.policy.say(Verdict::Allow(Some(requirement(Action::WalletSign))));
    for number in 0..64 {
        bench.issue(&token(number)).await;
    }
    assert_eq!(refused(&["wallet:sign"], None).await.reason(), Reason::TokenLimitReached);
    assert_eq!(bench.factors.ceremonies().len(), 0);
}

#[tokio::test]
async fn a_kind_that_cannot_reach_the_demand_is_told_which_can_before_it_is_tested() {
    let bench = Bench::with_all_kinds();
    let ceremony = begin(&bench, &["wallet:sign"], None).await;
    for (demanded, methods, not_good_enough) in [
        (Acr::Otp, "totp,passkey", &[recovery_request(1, &["wallet:sign"])][..]),
        (Acr::Phr, "passkey", &[recovery_request(2, &["wallet:sign"]), request(3, &["wallet:sign"])]),
    ] {
        bench.policy.demand(demanded);
        for bad in not_good_enough {
            let error = refused(&bench, again(bad)).await;
            assert_eq!(error.reason(), Reason::StepUpRequired);
            assert_eq!(error.metadata()["methods"], methods);
            assert_eq!(error.metadata()["acr"], demanded.as_str());
        }
    }
    assert_eq!(bench.factors.tested(), 0);
    let elevated = made(&bench, passkey_request(ceremony, 4, &["wallet:sign"])).await;
    assert_eq!(elevated.token.acr, Acr::Phr);
    bench.policy.demand(Acr::Recovery);
    assert_eq!(made(&bench, recovery_request(5, &["wallet:sign"])).await.token.acr, Acr::Recovery);
}

#[tokio::test]
async fn a_kind_that_policy_holds_off_is_not_tested() {
    let bench = bench();
    let offered = [FactorKind::Totp];
    let demand =
        Requirement { methods: offered.to_vec(), acr: Acr::Recovery, ..requirement(Action::WalletSign) };
    let ceremony = begin(&bench, &["wallet:sign"], None).await;
    // An older TOTP device would do, the young passkey and codes would not yet.
    bench.policy.say(Verdict::StepUpRequired(demand.clone()));
    for bad in [passkey_request(ceremony, 1, &["wallet:sign"]), recovery_request(2, &["wallet:sign"])] {
        let error = refused(&bench, bad).await;
        assert_eq!((error.reason(), error.metadata()["methods"].as_str()), (Reason::StepUpRequired, "totp"));
    }
    // Nothing would do yet.
    let until = NOW.plus(Duration::from_secs(3_600));
    let demand = Requirement { methods: Vec::new(), ..demand };
    bench.policy.say(Verdict::FactorOnHold { requirement: demand, until });
    for bad in [
        request(3, &["wallet:sign"]),
        passkey_request(ceremony, 4, &["wallet:sign"]),
        recovery_request(5, &["wallet:sign"]),
    ] {
        let error = refused(&bench, bad).await;
        assert_eq!(error.reason(), Reason::FactorOnHold);
        assert_eq!(error.retry_delay(), Some(Duration::from_secs(3_600)));
        assert_eq!(error.metadata()["scopes"], "wallet:sign");
    }
    assert_eq!(bench.factors.tested(), 0);
}

#[tokio::test]
async fn only_a_code_of_a_pending_totp_device_may_make_the_factor_that_is_missing() {
    let bench = Bench::with_all_kinds();
    let bare = Requirement { methods: Vec::new(), ..requirement(Action::WalletSign) };
    let enrol = Verdict::EnrolmentRequired(bare.clone());
    let sign_in = Verdict::ReauthenticationRequired { requirement: bare.clone(), within_seconds: 600 };
    let ceremony = begin(&bench, &["wallet:sign"], None).await;
    for (number, verdict, reason) in
        [(10, enrol, Reason::EnrolmentRequired), (20, sign_in, Reason::ReauthenticationRequired)]
    {
        bench.policy.say(verdict);
        for bad in [
            passkey_request(ceremony, number, &["wallet:sign"]),
            recovery_request(number + 1, &["wallet:sign"]),
        ] {
            let error = refused(&bench, bad).await;
            assert_eq!(error.reason(), reason);
            let within = error.metadata().get("reauthentication_seconds").map(String::as_str);
            assert_eq!(within, (reason == Reason::ReauthenticationRequired).then_some("600"));
        }
        made(&bench, request(number + 2, &["wallet:sign"])).await;
    }
    // And none where the demand is out of its reach.
    bench.policy.say(Verdict::EnrolmentRequired(Requirement { acr: Acr::Phr, ..bare }));
    let error = refused(&bench, request(30, &["wallet:sign"])).await;
    assert_eq!(error.reason(), Reason::EnrolmentRequired);
}

/// Hard case 16: scopes that do not fit, that are missing, and reuse where none is allowed.
#[tokio::test]
async fn case_16_a_token_of_any_kind_is_for_its_scope_and_for_once() {
    for kind in FactorKind::ALL {
        let bench = bench();
        let elevated = made(&bench, right(&bench, kind, 1).await).await;
        let authorize = bench.authorize();
        let spend = async |operation| {
            authorize.authorize(&bench.call(NOW), operation, shown(elevated.jwt.clone())).await
        };
        assert_eq!(spend(export(1)).await.unwrap_err().reason(), Reason::TokenScopeInsufficient, "{kind}");
        assert_eq!(spend(unlink(2)).await.unwrap_err().reason(), Reason::TokenScopeInsufficient, "{kind}");
        spend(sign(3, b"hello")).await.unwrap();
        let reused = spend(sign(4, b"hello")).await.unwrap_err();
        assert_eq!(reused.reason(), Reason::TokenAlreadyRedeemed, "{kind}");
        // No scope at all.
        let request = Request { wanted: wanted(&[], None), ..right(&bench, kind, 2).await };
        assert_eq!(refused(&bench, request).await.reason(), Reason::InvalidRequest, "{kind}");
    }
}

/// Hard case 25: the factor is removed, or policy demands more, after the token was made and before it is used.
#[tokio::test]
async fn case_25_a_token_of_any_kind_ends_with_its_factor_and_with_the_policy_it_satisfied() {
    for kind in FactorKind::ALL {
        let bench = bench();
        let elevated = made(&bench, right(&bench, kind, 1).await).await;
        let spend = async || {
            let jwt = shown(elevated.jwt.clone());
            bench.authorize().authorize(&bench.call(NOW), sign(1, b"hello"), jwt).await
        };
        bench.policy.demand(Acr::Phrh);
        assert_eq!(spend().await.unwrap_err().reason(), Reason::StepUpRequired, "{kind}");
        bench.policy.demand(Acr::Recovery);
        let proof = bench.policy.last().proof.unwrap();
        let by = ProvedBy::Factor { kind, device: device_of(kind) };
        assert_eq!((proof.acr, proof.by), (kind.acr(), by));

        bench.factors.remove(device_of(kind));
        assert_eq!(spend().await.unwrap_err().reason(), Reason::StepUpRequired, "{kind}");
        assert!(bench.policy.last().proof.is_none(), "a token of a factor that is gone is no proof");
        let shown = bench.introspect().introspect(&bench.call(NOW), &elevated.jwt).await.unwrap();
        assert_eq!(shown, None, "{kind}");
        assert_eq!(bench.operations.count(), 0);
    }
}
