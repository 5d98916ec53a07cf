//! The same request again gets the same answer, and another one under its id is refused: whatever was lost on the way,
//! asking again is safe and costs nothing.

use kernel::Reason;
use operation::Body;
use proto::mfa_devices::ActivateTotpDeviceRequest;
use proto::token_issuer::{AuthenticateTotpRequest, AuthenticateTotpResponse};
use proto::types::KeyType;
use proto::waas_gateway::{CreateWalletRequest, ListWalletsRequest};
use tonic::{Response, Status};

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::exports::{open_export, recipient};
use crate::support::fresh;
use crate::support::secrets::secret;
use crate::support::user::{User, verifies};

async fn authenticate(
    user: &User,
    request_id: &str,
    code: &str,
    scope: &str,
) -> Result<Response<AuthenticateTotpResponse>, Status> {
    let request = AuthenticateTotpRequest {
        user: user.name(),
        code: code.to_owned(),
        requested_scopes: vec![scope.to_owned()],
        request_id: request_id.to_owned(),
        ..Default::default()
    };
    user.step_up().authenticate_totp(user.request(request)).await
}

#[tokio::test]
async fn a_repeated_authentication_gets_the_same_token() {
    let user = User::new(suite()).await;
    let mut factor = user.enrol().await;
    let (request, code) = (fresh::request_id(), factor.app.next());
    let mut ids = Vec::new();
    for _ in 0..3 {
        let token = authenticate(&user, &request, &code, "wallet:sign").await.done().elevated_token.unwrap();
        secret(&token.token);
        ids.push(token.token_id);
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    // For something else, in another session, or for another user the id is no key to it.
    authenticate(&user, &request, &code, "wallet:export").await.outcome().unwrap_err();
    authenticate(&user, &request, &code, "wallet:reshare").await.refused(Reason::RequestIdReused);
    let elsewhere = user.in_session(suite(), "session-2");
    authenticate(&elsewhere, &request, &code, "wallet:sign").await.refused(Reason::RequestIdReused);
    let other = User::new(suite()).await;
    authenticate(&other, &request, &code, "wallet:sign").await.refused(Reason::CodeRejected);
    // Without the id the code is used up.
    user.authenticate(&code, &["wallet:sign"], None).await.refused(Reason::CodeRejected);
    for wrong in ["", "1", "00000000-0000-0000-0000-000000000000", &request.to_uppercase()] {
        let refused = authenticate(&user, wrong, &code, "wallet:sign").await;
        assert_eq!(refused.refused(Reason::InvalidRequest).fields(), ["request_id"]);
    }
}

#[tokio::test]
async fn a_repeated_activation_gets_the_same_device() {
    let user = User::new(suite()).await;
    let (device, mut app) = user.register(None).await.unwrap();
    let request =
        ActivateTotpDeviceRequest { name: device.name, code: app.next(), request_id: fresh::request_id() };
    let first = user.devices().activate_totp_device(user.request(request.clone())).await.done();
    let second = user.devices().activate_totp_device(user.request(request.clone())).await.done();
    assert_eq!(first, second);
    let again = ActivateTotpDeviceRequest { request_id: fresh::request_id(), ..request };
    user.devices().activate_totp_device(user.request(again)).await.refused(Reason::CodeRejected);
}

#[tokio::test]
async fn a_repeated_creation_gets_the_same_wallet() {
    let user = User::new(suite()).await;
    let id = fresh::operation_id();
    let first = user.create_wallet(id).await.done();
    assert_eq!(user.create_wallet(id).await.done(), first);
    // At once, too: one of them makes it, all of them get it.
    let id = fresh::operation_id();
    let callers = (0..6).map(|_| {
        let user = user.clone();
        async move { user.create_wallet(id).await.done() }
    });
    let made = futures::future::join_all(callers).await;
    assert!(made.iter().all(|wallet| *wallet == made[0]));
    let request = ListWalletsRequest { parent: user.name(), ..Default::default() };
    assert_eq!(user.wallets().list_wallets(user.request(request)).await.done().wallets.len(), 2);
}

#[tokio::test]
async fn a_repeated_signature_is_the_same_and_another_message_under_its_id_is_refused() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let operation = user.signing(&wallet, b"once");
    let first = user.sign(&operation, "").await.done().signature;
    assert_eq!(user.sign(&operation, "").await.done().signature, first);
    let mut other = operation.clone();
    other.body = user.signing(&wallet, b"twice").body;
    user.sign(&other, "").await.refused(Reason::OperationIdReused);
    user.authorize(&other, "").await.refused(Reason::OperationIdReused);
    let mut export = operation.clone();
    export.body = user.exporting(&wallet, recipient().public()).body;
    user.export(&export, "").await.refused(Reason::OperationIdReused);
    let request = CreateWalletRequest {
        parent: user.name(),
        key_type: KeyType::Ed25519.into(),
        operation_id: operation.id.to_string(),
    };
    user.wallets().create_wallet(user.request(request)).await.refused(Reason::OperationIdReused);

    let admin = Admin::owner(suite()).await;
    let (here, actor) = (suite().environment(), format!("user:{}", user.id));
    let reason = Reason::OperationIdReused;
    let row = Trail::Gateway.has_refusal(&admin, here, &actor, "wallet.sign", reason).await;
    assert_eq!(row.operation_id, operation.id.to_string());
    assert_eq!(row.operation_digest, other.check().unwrap().digest().as_bytes());
    Trail::Issuer.has_refusal(&admin, here, &actor, "operation.authorize", reason).await;
}

#[tokio::test]
async fn a_spent_token_gives_a_fresh_receipt_for_its_own_operation_and_no_other() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let operation = user.signing(&wallet, b"paid for");
    let first = user.authorize(&operation, &token).await.done();
    assert!(first.token_redeemed);
    let second = user.authorize(&operation, &token).await.done();
    assert_eq!(first.operation_digest, second.operation_digest);
    let other = user.signing(&wallet, b"not paid for");
    user.authorize(&other, &token).await.refused(Reason::TokenAlreadyRedeemed);
    let signature = user.sign(&operation, &first.receipt).await.done().signature;
    assert_eq!(user.sign(&operation, &second.receipt).await.done().signature, signature);
    assert!(verifies(&wallet.public_key, b"paid for", &signature));
    let admin = Admin::owner(suite()).await;
    let actor = format!("user:{}", user.id);
    let row = Trail::Issuer
        .has_refusal(&admin, user.environment, &actor, "operation.authorize", Reason::TokenAlreadyRedeemed)
        .await;
    assert_eq!(row.operation_id, other.id.to_string());
}

#[tokio::test]
async fn a_repeated_export_opens_with_the_same_one_time_key() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let (own, thief) = (recipient(), recipient());
    let operation = user.exporting(&wallet, own.public());
    let token = user.token(&mut factor.app, &[], Some(&operation)).await;
    let mut tampered = operation.clone();
    let Body::ExportWallet { recipient_public_key, .. } = &mut tampered.body else { unreachable!() };
    *recipient_public_key = thief.public();
    user.authorize(&tampered, &token).await.refused(Reason::OperationMismatch);
    let receipt = user.receipt(&operation, &token).await;
    // The thief is first, with the owner's operation id and receipt; this costs the owner nothing.
    user.export(&tampered, &receipt).await.refused(Reason::ReceiptMismatch);
    let first = user.export(&operation, &receipt).await.done();
    let again = user.export(&operation, &receipt).await.done();
    for answer in [&first, &again] {
        let key = open_export(&suite().directory(), &operation, &wallet.address, &own, answer).unwrap();
        assert_eq!(key.public_key().as_slice(), wallet.public_key);
    }
    user.export(&tampered, &receipt).await.refused(Reason::OperationIdReused);
    user.authorize(&tampered, &token).await.refused(Reason::TokenAlreadyRedeemed);
}
