//! Whatever is refused or done leaves a row: who, what, on what, how it ended and why.

use kernel::{FactorKind, Reason};
use operation::Body;
use proto::mfa_devices::DeleteDeviceRequest;
use proto::policy::{CreateEnvironmentRequest, Environment, GetEnvironmentRequest};
use proto::types::{AuditEvent, AuditOutcome};
use proto::{convert, names};
use serde_json::json;

use crate::support::admin::{Admin, environment};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::exports::recipient;
use crate::support::fresh::{self, now};
use crate::support::tokens;
use crate::support::user::{User, bearing, on};

/// An environment in which a user may have one device, and an administrator of it.
async fn place() -> (Admin, kernel::EnvironmentId) {
    let admin = Admin::owner(suite()).await;
    let id = fresh::uuid().parse().unwrap();
    let one = Environment { max_totp_devices: 1, ..environment(suite(), id) };
    let request = CreateEnvironmentRequest { environment: Some(one), ..Default::default() };
    admin.policy().create_environment(admin.request(request)).await.done();
    (admin, id)
}

/// What must be in a trail: of whom, what, and why it was refused.
type Expected = (Trail, &'static str, Reason);

#[tokio::test]
async fn every_refusal_of_a_user_leaves_its_row() {
    use Trail::{Devices, Gateway, Issuer};
    let (admin, place) = place().await;
    let user = User::within(suite(), admin.channel.clone(), place);
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let mut expected: Vec<Expected> = Vec::new();

    user.register(None).await.refused(Reason::FactorLimitReached);
    expected.push((Devices, "device.register", Reason::FactorLimitReached));
    let request = |receipt: &str| DeleteDeviceRequest {
        name: factor.device.name.clone(),
        operation_id: fresh::uuid(),
        receipt: receipt.to_owned(),
    };
    user.devices().delete_device(user.request(request(""))).await.refused(Reason::ReceiptMissing);
    user.devices().delete_device(user.request(request("a.b.c"))).await.refused(Reason::ReceiptInvalid);
    expected.push((Devices, "device.delete", Reason::ReceiptMissing));
    expected.push((Devices, "device.delete", Reason::ReceiptInvalid));

    let mut later = on(&wallet);
    later.share_generation = 9;
    let operation = user.operation(Body::SignMessage { wallet: later, message: b"x".to_vec() });
    user.sign(&operation, "").await.refused(Reason::GenerationMismatch);
    expected.push((Gateway, "wallet.sign", Reason::GenerationMismatch));
    let signing = user.signing(&wallet, b"hello");
    user.sign(&signing, "").await.refused(Reason::StepUpRequired);
    user.sign(&signing, "nonsense").await.refused(Reason::ReceiptInvalid);
    expected.push((Gateway, "wallet.sign", Reason::StepUpRequired));
    expected.push((Gateway, "wallet.sign", Reason::ReceiptInvalid));
    let exporting = user.exporting(&wallet, recipient().public());
    user.export(&exporting, "").await.refused(Reason::StepUpRequired);
    expected.push((Gateway, "wallet.export", Reason::StepUpRequired));

    user.authorize(&signing, "").await.refused(Reason::StepUpRequired);
    user.authorize(&signing, "a.b.c").await.refused(Reason::TokenInvalid);
    user.authorize(&user.operation(Body::LinkCredential { factor: FactorKind::Totp }), "")
        .await
        .refused(Reason::StepUpRequired);
    expected.push((Issuer, "operation.authorize", Reason::StepUpRequired));
    expected.push((Issuer, "operation.authorize", Reason::TokenInvalid));
    user.authenticate("000000", &["wallet:nothing"], None).await.refused(Reason::InvalidRequest);
    user.authenticate(&factor.app.wrong(), &["wallet:sign"], None).await.refused(Reason::CodeRejected);
    let code = factor.app.next();
    user.authenticate(&code, &["wallet:export"], None).await.refused(Reason::StepUpRequired);
    expected.push((Issuer, "totp.authenticate", Reason::InvalidRequest));
    expected.push((Issuer, "totp.authenticate", Reason::CodeRejected));
    expected.push((Issuer, "totp.authenticate", Reason::StepUpRequired));

    let actor = format!("user:{}", user.id);
    for (trail, kind, reason) in expected {
        let row = trail.has_refusal(&admin, place, &actor, kind, reason).await;
        assert_eq!(row.environment, names::environment(place));
        // A row that stands for several calls belongs to no one trace.
        assert_eq!(row.trace_id.len(), if row.count == 1 { 32 } else { 0 }, "{row:?}");
        let time = convert::time("event_time", row.event_time).unwrap();
        assert!(now().since(time).as_secs() < 120 && time <= now(), "{row:?}");
    }
}

#[tokio::test]
async fn sessions_that_are_not_accepted_are_written_down_as_nobodys() {
    let (admin, place) = place().await;
    let user = User::within(suite(), admin.channel.clone(), place);
    let claims = tokens::session_claims(suite(), place, &user.subject, "session-1");
    let expired = tokens::with(claims.clone(), "exp", json!(now().seconds() - 3600));
    let strange = tokens::with(claims, "aud", json!("elsewhere"));
    for (claims, reason) in [(expired, Reason::SessionExpired), (strange, Reason::SessionInvalid)] {
        let token = suite().file.provider.sign(jose::Kind::Session, &claims);
        let caller = User { token, ..user.clone() };
        caller.create_wallet(fresh::operation_id()).await.refused(reason);
        Trail::Gateway.has_refusal(&admin, place, "unknown", "wallet.create", reason).await;
    }
}

#[tokio::test]
async fn administrators_who_are_none_are_written_down() {
    let admin = Admin::owner(suite()).await;
    let request = || GetEnvironmentRequest { name: names::environment(suite().environment()), version: 0 };
    let wrong = Admin { token: "a.b.c".to_owned(), ..admin.clone() };
    wrong.policy().get_environment(bearing(request(), "a.b.c")).await.refused(Reason::AdminTokenInvalid);
    wrong.policy().get_environment(request()).await.refused(Reason::AdminTokenMissing);
    // Nobody can tell whose environment it would have been about.
    let mut found = Trail::Policy.all(&admin, "").await;
    found.retain(|row| row.kind == "environment.get" && row.actor == "unknown");
    for reason in [Reason::AdminTokenInvalid, Reason::AdminTokenMissing] {
        assert!(found.iter().any(|row| row.reason == reason.as_str()), "{reason}: {found:#?}");
    }
}

#[tokio::test]
async fn what_was_done_is_written_down_with_its_operation_and_nothing_stays_open() {
    let (admin, place) = place().await;
    let user = User::within(suite(), admin.channel.clone(), place);
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let operation = user.signing(&wallet, b"written down");
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let receipt = user.receipt(&operation, &token).await;
    user.sign(&operation, &receipt).await.done();
    let digest = operation.clone().check().unwrap().digest();
    let done = |events: &[AuditEvent], kind: &str| {
        let found = events.iter().find(|row| row.kind == kind && row.outcome() == AuditOutcome::Succeeded);
        found.cloned().unwrap_or_else(|| panic!("{kind} is not in {events:#?}"))
    };
    for (trail, kinds) in [
        (Trail::Gateway, &["wallet.create", "wallet.sign"][..]),
        (Trail::Issuer, &["totp.authenticate", "operation.authorize"]),
        (Trail::Devices, &["device.register", "device.activate"]),
    ] {
        let events = trail.newest(&admin, place).await;
        for kind in kinds {
            let row = done(&events, kind);
            assert_eq!(row.actor, format!("user:{}", user.id));
            assert!(row.reason.is_empty() && row.count == 1, "{row:?}");
        }
        let open: Vec<_> = events.iter().filter(|row| row.outcome() == AuditOutcome::Intended).collect();
        assert!(open.is_empty(), "{open:#?}");
    }
    for (trail, kind) in [(Trail::Gateway, "wallet.sign"), (Trail::Issuer, "operation.authorize")] {
        let events = trail.newest(&admin, place).await;
        let rows: Vec<_> = events.iter().filter(|row| row.kind == kind).collect();
        let row = rows.iter().find(|row| row.operation_id == operation.id.to_string()).unwrap();
        assert_eq!(row.operation_digest, digest.as_bytes());
    }
    let row = done(&Trail::Gateway.newest(&admin, place).await, "wallet.sign");
    assert_eq!(row.resource, wallet.name);
    let row = done(&Trail::Devices.newest(&admin, place).await, "device.activate");
    assert_eq!(row.resource, factor.device.name);
}
