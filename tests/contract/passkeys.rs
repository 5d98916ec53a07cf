//! Passkeys: what they sign is good for exactly what it was asked for, once, from the right page, and never from a copy.

use kernel::{FactorKind, Reason};
use operation::Body;
use proto::mfa_devices::{BeginPasskeyProofRequest, DeviceState, ListDevicesRequest};
use proto::policy::Preset;
use proto::token_issuer::{AuthenticatePasskeyResponse, CheckStepUpRequest, StepUpStatus};
use proto::types::{self, Action};
use serde_json::Value;
use soft_authenticator::SoftPasskey;

use crate::support::admin::{Admin, Place, settings};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::exports::{open_export, recipient};
use crate::support::fresh;
use crate::support::passkeys::{For, ORIGIN, RP_ID, copy};
use crate::support::user::{User, verifies};

async fn place() -> Place {
    Admin::owner(suite()).await.environment(suite(), Preset::Strict).await
}

/// A user whose first factor is a passkey, and the device that has it.
async fn holder(place: &Place) -> (User, SoftPasskey) {
    let (user, mut device) = (place.user(suite()), SoftPasskey::new());
    user.passkey(&mut device, None).await;
    (user, device)
}

#[tokio::test]
async fn a_passkey_is_a_factor_at_once_and_pays_for_exactly_the_operation_it_signed() {
    let place = place().await;
    let (user, mut device) = (place.user(suite()), SoftPasskey::new());
    let wallet = user.wallet().await;
    let registered = user.passkey(&mut device, None).await;
    assert_eq!(registered.kind(), types::FactorKind::Passkey);
    assert_eq!(registered.state(), DeviceState::Verified);
    assert!(registered.is_default);

    let key = recipient();
    let (exporting, other) =
        (user.exporting(&wallet, key.public()), user.exporting(&wallet, recipient().public()));
    let proved = user.prove(&mut device, For::Operation(&exporting)).await.done().elevated_token.unwrap();
    assert_eq!((proved.acr.as_str(), proved.device.as_str()), ("phr", registered.name.as_str()));
    user.authorize(&other, &proved.token).await.refused(Reason::OperationMismatch);
    let receipt = user.receipt(&exporting, &proved.token).await;
    let exported = user.export(&exporting, &receipt).await.done();
    open_export(&suite().directory(), &exporting, &wallet.address, &key, &exported).unwrap();

    let signing = user.signing(&wallet, b"by passkey");
    let token = user.passkey_token(&mut device, For::Scope("wallet:sign")).await;
    let receipt = user.receipt(&signing, &token).await;
    let signature = user.sign(&signing, &receipt).await.done().signature;
    assert!(verifies(&wallet.public_key, b"by passkey", &signature));
}

#[tokio::test]
async fn an_assertion_is_good_once_and_its_retry_gets_the_same_token() {
    let (user, mut device) = holder(&place().await).await;
    let what = For::Scope("wallet:sign");
    let begun = user.begin_proof(what).await.done();
    let signed = device.authenticate(ORIGIN, &begun.options_json).await.unwrap();
    let id = fresh::request_id();
    let first = user.finish_proof(&begun.ceremony_id, &signed, what, &id).await.done();
    let again = user.finish_proof(&begun.ceremony_id, &signed, what, &id).await.done();
    let id_of = |answer: AuthenticatePasskeyResponse| answer.elevated_token.unwrap().token_id;
    assert_eq!(id_of(first), id_of(again));
    let anew = user.finish_proof(&begun.ceremony_id, &signed, what, &fresh::request_id()).await;
    anew.refused(Reason::CeremonyUnknown);
    // Nor in a ceremony that was begun after it.
    let next = user.begin_proof(what).await.done();
    let old = user.finish_proof(&next.ceremony_id, &signed, what, &fresh::request_id()).await;
    old.refused(Reason::PasskeyRejected);
    // Which is used up by that.
    let signed = device.authenticate(ORIGIN, &next.options_json).await.unwrap();
    let late = user.finish_proof(&next.ceremony_id, &signed, what, &fresh::request_id()).await;
    late.refused(Reason::CeremonyUnknown);
}

#[tokio::test]
async fn an_assertion_brought_many_times_at_once_is_good_once() {
    let (user, mut device) = holder(&place().await).await;
    let what = For::Scope("wallet:sign");
    let begun = user.begin_proof(what).await.done();
    let signed = device.authenticate(ORIGIN, &begun.options_json).await.unwrap();
    let calls = (0..200).map(|_| async {
        let id = fresh::request_id();
        user.finish_proof(&begun.ceremony_id, &signed, what, &id).await.is_ok()
    });
    let accepted = futures::future::join_all(calls).await.into_iter().filter(|taken| *taken).count();
    assert_eq!(accepted, 1);
}

#[tokio::test]
async fn a_ceremony_is_its_users_and_sessions_and_for_what_it_was_begun_alone() {
    let place = place().await;
    let (user, mut device) = holder(&place).await;
    let (stranger, _) = holder(&place).await;
    let wallet = user.wallet().await;
    let (one, other) = (user.signing(&wallet, b"one"), user.signing(&wallet, b"other"));
    let elsewhere = user.in_session(suite(), "session-2");

    let begun = user.begin_proof(For::Operation(&one)).await.done();
    let signed = device.authenticate(ORIGIN, &begun.options_json).await.unwrap();
    let theirs = For::Scope("wallet:sign");
    let refused = stranger.finish_proof(&begun.ceremony_id, &signed, theirs, &fresh::request_id()).await;
    refused.refused(Reason::CeremonyUnknown);
    // A stranger's try took nothing away.
    user.finish_proof(&begun.ceremony_id, &signed, For::Operation(&one), &fresh::request_id()).await.done();

    for (who, what) in [
        (&user, For::Operation(&other)),
        (&user, For::Scope("wallet:sign")),
        (&user, For::Scope("wallet:refresh")),
        (&elsewhere, For::Operation(&one)),
    ] {
        let begun = user.begin_proof(For::Operation(&one)).await.done();
        let signed = device.authenticate(ORIGIN, &begun.options_json).await.unwrap();
        let refused = who.finish_proof(&begun.ceremony_id, &signed, what, &fresh::request_id()).await;
        refused.refused(Reason::CeremonyUnknown);
    }
    // What was signed for one operation, in the ceremony of another one.
    let (first, second) = (
        user.begin_proof(For::Operation(&one)).await.done(),
        user.begin_proof(For::Operation(&other)).await.done(),
    );
    let signed = device.authenticate(ORIGIN, &first.options_json).await.unwrap();
    let id = fresh::request_id();
    let refused = user.finish_proof(&second.ceremony_id, &signed, For::Operation(&other), &id).await;
    refused.refused(Reason::PasskeyRejected);
}

#[tokio::test]
async fn another_page_than_the_environments_gets_nothing() {
    let place = place().await;
    let (user, mut device) = holder(&place).await;
    for origin in ["https://evil.wallet.example", "https://wallet.example", "https://app.wallet.example:8443"]
    {
        let begun = user.begin_proof(For::Scope("wallet:sign")).await.done();
        let signed = device.authenticate(origin, &begun.options_json).await.unwrap();
        let id = fresh::request_id();
        let refused = user.finish_proof(&begun.ceremony_id, &signed, For::Scope("wallet:sign"), &id).await;
        refused.refused(Reason::PasskeyRejected);

        let newcomer = place.user(suite());
        let begun = newcomer.begin_passkey(None).await.done();
        let made = SoftPasskey::new().register(origin, &begun.options_json).await.unwrap();
        newcomer.finish_passkey(&begun.ceremony_id, &made).await.refused(Reason::PasskeyRejected);
    }
    let actor = format!("user:{}", user.id);
    let reason = Reason::PasskeyRejected;
    Trail::Issuer.has_refusal(&place.admin, place.id, &actor, "passkey.authenticate", reason).await;
}

#[tokio::test]
async fn a_copy_whose_counter_lags_behind_is_noticed() {
    let place = place().await;
    let (user, mut device) = holder(&place).await;
    let folder = tempfile::tempdir().unwrap();
    let what = For::Scope("wallet:sign");
    let mut stolen = copy(&device, folder.path());
    for _ in 0..2 {
        user.prove(&mut device, what).await.done();
    }
    user.prove(&mut stolen, what).await.refused(Reason::PasskeyCloneSuspected);
    // The number on record is what it was: the owner's device goes on.
    user.prove(&mut device, what).await.done();
    let actor = format!("user:{}", user.id);
    let reason = Reason::PasskeyCloneSuspected;
    Trail::Issuer.has_refusal(&place.admin, place.id, &actor, "passkey.authenticate", reason).await;
}

#[tokio::test]
async fn a_further_passkey_needs_a_proof_and_another_device() {
    let (user, mut device) = holder(&place().await).await;
    user.begin_passkey(None).await.refused(Reason::ReceiptMissing);
    let link = user.operation(Body::LinkCredential { factor: FactorKind::Passkey });
    let token = user.passkey_token(&mut device, For::Operation(&link)).await;
    let receipt = user.receipt(&link, &token).await;
    let begun = user.begin_passkey(Some((link.id, &receipt))).await.done();
    // The options name what there is, so that the same device makes no second one.
    device.register(ORIGIN, &begun.options_json).await.unwrap_err();
    let mut second = SoftPasskey::new();
    let made = second.register(ORIGIN, &begun.options_json).await.unwrap();
    user.finish_passkey(&begun.ceremony_id, &made).await.done();
    user.finish_passkey(&begun.ceremony_id, &made).await.refused(Reason::CeremonyUnknown);
    let request = ListDevicesRequest { parent: user.name(), ..Default::default() };
    let listed = user.devices().list_devices(user.request(request)).await.done().devices;
    assert_eq!(listed.len(), 2);
    for device in [&mut device, &mut second] {
        user.prove(device, For::Scope("wallet:sign")).await.done();
    }
}

#[tokio::test]
async fn what_demands_phr_takes_a_passkey_and_no_code() {
    let place = place().await;
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletSign).acr = "phr".to_owned();
        })
        .await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let signing = user.signing(&wallet, b"phr");
    let code = factor.app.next();
    // Codes alone: there is no factor that would do.
    user.authenticate(&code, &["wallet:sign"], None).await.refused(Reason::EnrolmentRequired);
    let link = user.operation(Body::LinkCredential { factor: FactorKind::Passkey });
    let token = user.authenticate(&code, &[], Some(&link)).await.done().elevated_token.unwrap().token;
    let receipt = user.receipt(&link, &token).await;
    let mut device = SoftPasskey::new();
    user.passkey(&mut device, Some((link.id, &receipt))).await;

    let request =
        CheckStepUpRequest { user: user.name(), scope: "wallet:sign".to_owned(), ..Default::default() };
    let told = user.step_up().check_step_up(user.request(request)).await.done();
    assert_eq!(told.status(), StepUpStatus::Required);
    let requirement = told.requirement.unwrap();
    assert_eq!(requirement.acr, "phr");
    assert_eq!(requirement.methods, [i32::from(types::FactorKind::Passkey)]);
    let code = factor.app.next();
    user.authenticate(&code, &["wallet:sign"], None).await.refused(Reason::StepUpRequired);
    user.authenticate(&code, &[], Some(&signing)).await.refused(Reason::StepUpRequired);
    // A token of the code for something else opens it no more than the code.
    let token = user.authenticate(&code, &["wallet:refresh"], None).await.done().elevated_token.unwrap();
    let refusal = user.authorize(&signing, &token.token).await.outcome().unwrap_err();
    let reasons = [Reason::StepUpRequired, Reason::TokenScopeInsufficient];
    assert!(reasons.contains(&refusal.reason), "{refusal:?}");
    let token = user.passkey_token(&mut device, For::Operation(&signing)).await;
    let receipt = user.receipt(&signing, &token).await;
    user.sign(&signing, &receipt).await.done();
}

/// The options, with each string in the place of which something else could stand as long as it is.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(shape).collect()),
        Value::String(text) => Value::String("x".repeat(text.len())),
        other => other.clone(),
    }
}

#[tokio::test]
async fn who_has_no_passkey_gets_options_that_look_alike_and_lead_nowhere() {
    let place = place().await;
    let (with, mut device) = holder(&place).await;
    let without = place.user(suite());
    let mut shapes = Vec::new();
    for user in [&with, &without] {
        let request = BeginPasskeyProofRequest { parent: user.name() };
        let begun = user.devices().begin_passkey_proof(user.request(request)).await.done();
        let options: Value = serde_json::from_str(&begun.options_json).unwrap();
        assert_eq!(options["rpId"], RP_ID);
        assert_eq!(options["userVerification"], "required");
        let mut shaped = shape(&options);
        // How a device can be reached is its own; what it is called is as long as it likes.
        for allowed in shaped["allowCredentials"].as_array_mut().unwrap() {
            allowed.as_object_mut().unwrap().retain(|name, _| name == "type");
        }
        shapes.push(shaped);
    }
    assert_eq!(shapes[0], shapes[1]);

    let begun = without.begin_proof(For::Scope("wallet:sign")).await.done();
    device.authenticate(ORIGIN, &begun.options_json).await.unwrap_err();
    let id = fresh::request_id();
    let answer = without.finish_proof(&begun.ceremony_id, "{}", For::Scope("wallet:sign"), &id).await;
    answer.refused(Reason::PasskeyRejected);
}

#[tokio::test]
async fn without_a_relying_party_there_are_no_passkeys() {
    let place = place().await;
    place.change(&["relying_party"], |environment| environment.relying_party = None).await;
    let user = place.user(suite());
    user.begin_passkey(None).await.refused(Reason::RelyingPartyMissing);
}
