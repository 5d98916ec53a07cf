//! Proofs of passkeys and recovery codes over gRPC.

use super::stubs::{CEREMONY, HOLD, SIGN_IN_SECONDS};
use super::world::REQUEST_ID;
use super::*;
use crate::fixtures::{RECOVERY_CODE, RIGHT_ASSERTION, passkey, recovery_codes, unlink, user};
use kernel::{Acr, Error};
use proto::convert;
use tonic::Status;

fn passkey_authentication(scopes: &[&str]) -> pb::AuthenticatePasskeyRequest {
    pb::AuthenticatePasskeyRequest {
        user: me(),
        ceremony_id: CEREMONY.to_owned(),
        credential_json: RIGHT_ASSERTION.to_owned(),
        requested_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        operation: None,
        request_id: REQUEST_ID.to_owned(),
        ..Default::default()
    }
}

fn recovery_authentication(scopes: &[&str]) -> pb::AuthenticateRecoveryCodeRequest {
    pb::AuthenticateRecoveryCodeRequest {
        user: me(),
        code: RECOVERY_CODE.to_owned(),
        requested_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        operation: None,
        request_id: REQUEST_ID.to_owned(),
        ..Default::default()
    }
}

async fn by_passkey(
    world: &World,
    message: pb::AuthenticatePasskeyRequest,
) -> Result<pb::ElevatedToken, Error> {
    let answer = world.step_up("public").authenticate_passkey(world.by("alice", message)).await;
    token(answer.map(|answer| answer.into_inner().elevated_token))
}

fn token(answer: Result<Option<pb::ElevatedToken>, Status>) -> Result<pb::ElevatedToken, Error> {
    answer.map(Option::unwrap).map_err(|refused| from_status(&refused))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_signs_an_operation_and_its_token_pays_for_just_that() {
    let world = World::new().await;
    let operation = export(1);
    let begin = pb::BeginPasskeyAuthenticationRequest {
        user: me(),
        requested_scopes: Vec::new(),
        operation: Some(convert::operation_value(operation.operation())),
        ..Default::default()
    };
    let begun = world.step_up("public").begin_passkey_authentication(world.by("alice", begin)).await;
    let begun = begun.unwrap().into_inner();
    assert_eq!(begun.ceremony_id, CEREMONY);
    assert_eq!(begun.options_json, format!("{:?}", operation.digest().as_bytes()));
    assert!(begun.expire_time.is_some());

    let message = pb::AuthenticatePasskeyRequest {
        operation: Some(convert::operation_value(operation.operation())),
        ..passkey_authentication(&[])
    };
    let elevated = by_passkey(&world, message).await.unwrap();
    assert_eq!(
        (elevated.acr.as_str(), elevated.scopes.as_slice()),
        ("phr", &["wallet:export".to_owned()][..])
    );
    assert_eq!(elevated.device, names::device(environment(), user(), passkey(2).device));
    assert_eq!(elevated.operation_digest, operation.digest().as_bytes());

    let authorized = world
        .step_up("public")
        .authorize_operation(world.by("alice", authorization(&operation, &elevated.token)))
        .await;
    let claims = world.receipt(&authorized.unwrap().into_inner().receipt);
    assert_eq!(claims.acr, Some(Acr::Phr));
    assert_eq!(claims.amr, Some(["swk", "user", "mfa"].map(str::to_owned).to_vec()));
    let rows = world.audit.list(Some(environment()), None, 50).await.unwrap();
    let kinds: Vec<_> = rows.iter().rev().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["passkey.authenticate", "operation.authorize"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_opens_what_it_may_and_says_how_many_are_left() {
    let world = World::new().await;
    let ask = |scope: &str| {
        let request = world.by("alice", recovery_authentication(&[scope]));
        let mut client = world.step_up("public");
        async move { client.authenticate_recovery_code(request).await.map(Response::into_inner) }
    };
    let refused = from_status(&ask("wallet:sign").await.unwrap_err());
    assert_eq!(refused.reason(), Reason::StepUpRequired);
    assert_eq!(refused.metadata()["methods"], "totp,passkey");
    let answer = ask("wallet:reshare").await.unwrap();
    let elevated = answer.elevated_token.unwrap();
    assert_eq!((elevated.acr.as_str(), answer.remaining_codes), ("urn:countersign:acr:recovery", 9));
    assert_eq!(elevated.device, names::device(environment(), user(), recovery_codes(3).device));
    // Whoever reads the trail finds that one was used.
    let rows = world.audit.list(Some(environment()), None, 50).await.unwrap();
    assert_eq!((rows[0].kind.as_str(), rows[0].outcome), ("recovery_code.authenticate", Outcome::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_answer_of_an_authenticator_is_told_and_nothing_else() {
    let world = World::new().await;
    let good = || passkey_authentication(&["wallet:sign"]);
    let answering =
        |json: &str| pb::AuthenticatePasskeyRequest { credential_json: json.to_owned(), ..good() };
    let somebody = names::user(environment(), UserId::derive(environment(), "idp", "bob"));
    for (bad, reason) in [
        (answering("{}"), Reason::PasskeyRejected),
        (answering("copy"), Reason::PasskeyCloneSuspected),
        (answering("no party"), Reason::RelyingPartyMissing),
        (answering("busy"), Reason::Overloaded),
        (answering("defect"), Reason::DependencyUnavailable),
        (answering("code"), Reason::DependencyUnavailable),
        (answering(""), Reason::InvalidRequest),
        (answering(&"x".repeat(16 * 1024)), Reason::PasskeyRejected),
        (answering(&"x".repeat(16 * 1024 + 1)), Reason::InvalidRequest),
        (
            pb::AuthenticatePasskeyRequest { ceremony_id: REQUEST_ID.to_owned(), ..good() },
            Reason::CeremonyUnknown,
        ),
        (pb::AuthenticatePasskeyRequest { ceremony_id: "1".to_owned(), ..good() }, Reason::InvalidRequest),
        (pb::AuthenticatePasskeyRequest { request_id: String::new(), ..good() }, Reason::InvalidRequest),
        (pb::AuthenticatePasskeyRequest { user: somebody, ..good() }, Reason::ResourceNotFound),
        (passkey_authentication(&["wallet:sign", "credential:link"]), Reason::InvalidRequest),
    ] {
        let refused = by_passkey(&world, bad.clone()).await.unwrap_err();
        assert_eq!(refused.reason(), reason, "{} octets: {bad:?}", bad.credential_json.len());
    }
    let wrong = pb::AuthenticateRecoveryCodeRequest {
        code: "no".to_owned(),
        ..recovery_authentication(&["wallet:reshare"])
    };
    let refused = world.step_up("public").authenticate_recovery_code(world.by("alice", wrong)).await;
    assert_eq!(from_status(&refused.unwrap_err()).reason(), Reason::CodeRejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_and_sign_ins_reach_the_caller_whole() {
    let world = World::new().await;
    let check = |action: types::Action| {
        let message = pb::CheckStepUpRequest { user: me(), action: action.into(), scope: String::new() };
        let request = world.by("alice", message);
        let mut client = world.step_up("public");
        async move { client.check_step_up(request).await.unwrap().into_inner() }
    };
    let held = check(types::Action::CredentialUnlink).await;
    assert_eq!(held.status(), pb::StepUpStatus::FactorOnHold);
    assert_eq!(held.hold_end_time, Some(convert::timestamp(NOW.plus(HOLD))));
    assert_eq!((held.reauthentication_seconds, held.factors.len()), (0, 0));
    assert_eq!(held.requirement.unwrap().scopes, ["credential:unlink"]);
    let sign_in = check(types::Action::CredentialLink).await;
    assert_eq!(sign_in.status(), pb::StepUpStatus::ReauthenticationRequired);
    assert_eq!((sign_in.reauthentication_seconds, sign_in.hold_end_time), (SIGN_IN_SECONDS, None));

    // Both from the gateway's side too.
    for listener in ["public", "peer"] {
        let request = world.by("alice", authorization(&unlink(1), ""));
        let refused = from_status(&world.step_up(listener).authorize_operation(request).await.unwrap_err());
        assert_eq!((refused.reason(), refused.retry_delay()), (Reason::FactorOnHold, Some(HOLD)));
        assert_eq!(refused.metadata()["operation_digest"], unlink(1).digest().to_string());
        assert_eq!(refused.metadata()["scopes"], "credential:unlink");
    }
}
