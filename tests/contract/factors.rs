//! The life of a factor: registered, proved, named, chosen, removed, and never forgotten.

use kernel::{FactorKind, OperationId, Reason};
use operation::Body;
use proto::mfa_devices::{
    DeleteDeviceRequest, DeleteDeviceResponse, Device, DeviceState, GetDeviceRequest, ListDevicesRequest,
    SetDefaultDeviceRequest, UpdateDeviceRequest, UpdateDeviceResponse,
};
use proto::names;
use proto::policy::{CreateEnvironmentRequest, Environment, Preset};
use proto::token_issuer::{CheckStepUpRequest, StepUpStatus};
use tonic::{Response, Status};

use crate::support::admin::{Admin, environment};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::exports::recipient;
use crate::support::fresh::{self, now};
use crate::support::tokens;
use crate::support::user::{Enrolled, User};

async fn rename(
    user: &User,
    name: &str,
    display_name: &str,
    etag: &str,
) -> Result<Response<UpdateDeviceResponse>, Status> {
    let request = UpdateDeviceRequest {
        device: Some(Device {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            etag: etag.to_owned(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
    };
    user.devices().update_device(user.request(request)).await
}

async fn devices(user: &User) -> Vec<Device> {
    let request = ListDevicesRequest { parent: user.name(), ..Default::default() };
    user.devices().list_devices(user.request(request)).await.done().devices
}

async fn delete(
    user: &User,
    name: &str,
    id: Option<OperationId>,
    receipt: &str,
) -> Result<Response<DeleteDeviceResponse>, Status> {
    let request = DeleteDeviceRequest {
        name: name.to_owned(),
        operation_id: id.map(|id| id.to_string()).unwrap_or_default(),
        receipt: receipt.to_owned(),
    };
    user.devices().delete_device(user.request(request)).await
}

fn unlinking(user: &User, device: &str) -> operation::Operation {
    let device = names::parse_device("name", device).unwrap().id;
    user.operation(Body::UnlinkCredential { device })
}

/// Removes a verified device, paid for by one of the factor's codes.
async fn remove(user: &User, factor: &mut Enrolled, device: &str) {
    let operation = unlinking(user, device);
    let token = user.token(&mut factor.app, &[], Some(&operation)).await;
    let receipt = user.receipt(&operation, &token).await;
    delete(user, device, Some(operation.id), &receipt).await.done();
}

#[tokio::test]
async fn a_pending_device_is_no_factor_and_is_its_sessions_alone() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let (device, mut app) = user.register(None).await.unwrap();
    assert_eq!(device.state(), DeviceState::Pending);
    user.sign(&user.signing(&wallet, b"open as before"), "").await.done();
    let elsewhere = user.in_session(suite(), "session-2");
    assert_eq!(devices(&elsewhere).await, []);
    let code = app.next();
    elsewhere.activate(&device.name, &code).await.refused(Reason::CodeRejected);
    delete(&elsewhere, &device.name, None, "").await.refused(Reason::ResourceNotFound);
    // A second registration takes the place of the first.
    let (second, mut app) = user.register(None).await.unwrap();
    assert_eq!(devices(&user).await.iter().map(|d| &d.name).collect::<Vec<_>>(), [&second.name]);
    user.activate(&device.name, &code).await.refused(Reason::CodeRejected);
    let verified = user.activate(&second.name, &app.next()).await.unwrap();
    assert_eq!(verified.state(), DeviceState::Verified);
    assert!(verified.is_default);
    assert_eq!(devices(&elsewhere).await.len(), 1, "a factor is the user's");
    user.sign(&user.signing(&wallet, b"not any more"), "").await.refused(Reason::StepUpRequired);
}

#[tokio::test]
async fn a_pending_device_can_be_removed_and_can_be_proved_where_codes_are_asked_for() {
    let user = User::new(suite()).await;
    let (device, _) = user.register(None).await.unwrap();
    delete(&user, &device.name, None, "").await.done();
    assert_eq!(devices(&user).await, []);
    let (_, mut app) = user.register(None).await.unwrap();
    user.token(&mut app, &["wallet:sign"], None).await;
    assert_eq!(devices(&user).await[0].state(), DeviceState::Verified);
}

#[tokio::test]
async fn the_first_factor_needs_a_session_that_began_lately() {
    let user = User::new(suite()).await;
    let claims = tokens::session_claims(suite(), user.environment, &user.subject, "session-1");
    for auth_time in [serde_json::json!(now().seconds() - 3600), serde_json::Value::Null] {
        let claims = tokens::with(claims.clone(), "auth_time", auth_time);
        let token = suite().file.provider.sign(jose::Kind::Session, &claims);
        let old = User { token, ..user.clone() };
        old.register(None).await.refused(Reason::SessionTooOld);
    }
    user.register(None).await.unwrap();
    let admin = Admin::owner(suite()).await;
    let (actor, reason) = (format!("user:{}", user.id), Reason::SessionTooOld);
    Trail::Devices.has_refusal(&admin, user.environment, &actor, "device.register", reason).await;
}

#[tokio::test]
async fn a_device_is_renamed_by_who_has_read_it() {
    let user = User::new(suite()).await;
    let device = user.enrol().await.device;
    let first = rename(&user, &device.name, "my phone", &device.etag).await.done().device.unwrap();
    assert_eq!(first.display_name, "my phone");
    assert_ne!(first.etag, device.etag);
    rename(&user, &device.name, "stale", &device.etag).await.refused(Reason::EtagMismatch);
    let second = rename(&user, &device.name, "whatever it is", "").await.done().device.unwrap();
    assert_eq!(second.display_name, "whatever it is");
    for wrong in ["x".repeat(65), "a\nb".to_owned(), "a\u{0}".to_owned()] {
        rename(&user, &device.name, &wrong, "").await.refused(Reason::InvalidRequest);
    }
    let request = UpdateDeviceRequest {
        device: Some(Device { name: device.name.clone(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["state".to_owned()] }),
    };
    user.devices().update_device(user.request(request)).await.refused(Reason::InvalidRequest);
    let request = GetDeviceRequest { name: device.name };
    let read = user.devices().get_device(user.request(request)).await.done().device.unwrap();
    assert_eq!(read, second);
}

#[tokio::test]
async fn a_further_factor_needs_a_proof_by_one_that_there_is() {
    let user = User::new(suite()).await;
    let mut factor = user.enrol().await;
    user.register(None).await.refused(Reason::ReceiptMissing);
    let link = user.operation(Body::LinkCredential { factor: FactorKind::Totp });
    user.authorize(&link, "").await.refused(Reason::StepUpRequired);
    let token = user.token(&mut factor.app, &[], Some(&link)).await;
    let receipt = user.receipt(&link, &token).await;
    // In another session, or for another operation, it is worth nothing.
    let elsewhere = user.in_session(suite(), "session-2");
    elsewhere.register(Some((link.id, &receipt))).await.refused(Reason::ReceiptMismatch);
    user.register(Some((fresh::operation_id(), &receipt))).await.refused(Reason::ReceiptMismatch);
    let (second, mut app) = user.register(Some((link.id, &receipt))).await.unwrap();
    // Once.
    user.register(Some((link.id, &receipt))).await.refused(Reason::ReceiptSpent);
    let second = user.activate(&second.name, &app.next()).await.unwrap();
    assert!(!second.is_default);
    assert_eq!(devices(&user).await.len(), 2);

    let request = SetDefaultDeviceRequest { name: second.name.clone() };
    let chosen = user.devices().set_default_device(user.request(request)).await.done().device.unwrap();
    assert!(chosen.is_default);
    let defaults: Vec<_> = devices(&user).await.into_iter().filter(|device| device.is_default).collect();
    assert_eq!(defaults.len(), 1);
    assert_eq!(defaults[0].name, second.name);
    // Removing one: with a receipt for exactly this one.
    delete(&user, &second.name, None, "").await.refused(Reason::ReceiptMissing);
    let first = factor.device.name.clone();
    let operation = unlinking(&user, &second.name);
    let token = user.token(&mut factor.app, &[], Some(&operation)).await;
    let receipt = user.receipt(&operation, &token).await;
    delete(&user, &first, Some(operation.id), &receipt).await.refused(Reason::ReceiptMismatch);
    delete(&user, &second.name, Some(operation.id), &receipt).await.done();
    delete(&user, &second.name, Some(operation.id), &receipt).await.refused(Reason::ResourceNotFound);
    assert_eq!(devices(&user).await.len(), 1);
    // Its codes prove nothing any more.
    user.authenticate(&app.next(), &["wallet:sign"], None).await.refused(Reason::CodeRejected);
}

#[tokio::test]
async fn there_are_no_more_factors_than_the_environment_allows() {
    let admin = Admin::owner(suite()).await;
    let id = fresh::uuid().parse().unwrap();
    let one = Environment { max_totp_devices: 1, ..environment(suite(), id) };
    let request = CreateEnvironmentRequest { environment: Some(one), ..Default::default() };
    admin.policy().create_environment(admin.request(request)).await.done();
    let user = User::within(suite(), admin.channel.clone(), id);
    user.enrol().await;
    user.register(None).await.refused(Reason::FactorLimitReached);
}

#[tokio::test]
async fn having_had_a_factor_is_never_forgotten() {
    for preset in [Preset::Strict, Preset::SeedCompatible] {
        let place = Admin::owner(suite()).await.environment(suite(), preset).await;
        let user = place.user(suite());
        let wallet = user.wallet().await;
        let mut factor = user.enrol().await;
        let device = factor.device.name.clone();
        // A token of the factor, issued before it goes.
        let operation = user.signing(&wallet, b"hello");
        let token = user.token(&mut factor.app, &["credential:unlink"], None).await;
        let unlink = unlinking(&user, &device);
        let receipt = user.receipt(&unlink, &token).await;
        delete(&user, &device, Some(unlink.id), &receipt).await.done();
        assert_eq!(devices(&user).await, []);

        let exporting = user.exporting(&wallet, recipient().public());
        user.sign(&operation, "").await.refused(Reason::EnrolmentRequired);
        user.export(&exporting, "").await.refused(Reason::EnrolmentRequired);
        user.authorize(&operation, "").await.refused(Reason::EnrolmentRequired);
        for scope in ["wallet:sign", "wallet:export", "wallet:refresh", "wallet:reshare"] {
            let request =
                CheckStepUpRequest { user: user.name(), scope: scope.to_owned(), ..Default::default() };
            let told = user.step_up().check_step_up(user.request(request)).await.done();
            assert_eq!(told.status(), StepUpStatus::EnrolmentRequired, "{scope}");
        }
        let admin = Admin::owner(suite()).await;
        let (actor, reason) = (format!("user:{}", user.id), Reason::EnrolmentRequired);
        Trail::Gateway.has_refusal(&admin, place.id, &actor, "wallet.export", reason).await;
        Trail::Issuer.has_refusal(&admin, place.id, &actor, "operation.authorize", reason).await;
        // With a new factor there is a way again, and only that.
        user.enrol().await;
        user.sign(&operation, "").await.refused(Reason::StepUpRequired);
    }
}

#[tokio::test]
async fn a_token_goes_with_the_factor_that_made_it() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let device = factor.device.name.clone();
    remove(&user, &mut factor, &device).await;
    let operation = user.signing(&wallet, b"hello");
    let refusal = user.authorize(&operation, &token).await.outcome().unwrap_err();
    assert!(
        [Reason::EnrolmentRequired, Reason::StepUpRequired, Reason::TokenInvalid].contains(&refusal.reason),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn the_last_factor_stays_where_enrolment_is_required() {
    let admin = Admin::owner(suite()).await;
    let id = fresh::uuid().parse().unwrap();
    let required = Environment { enrolment_required: true, ..environment(suite(), id) };
    let request = CreateEnvironmentRequest { environment: Some(required), ..Default::default() };
    admin.policy().create_environment(admin.request(request)).await.done();
    let user = User::within(suite(), admin.channel.clone(), id);
    let mut factor = user.enrol().await;
    let operation = unlinking(&user, &factor.device.name);
    let token = user.token(&mut factor.app, &[], Some(&operation)).await;
    let receipt = user.receipt(&operation, &token).await;
    delete(&user, &factor.device.name, Some(operation.id), &receipt)
        .await
        .refused(Reason::LastFactorRequired);
    assert_eq!(devices(&user).await.len(), 1);
    let (actor, reason) = (format!("user:{}", user.id), Reason::LastFactorRequired);
    Trail::Devices.has_refusal(&admin, id, &actor, "device.delete", reason).await;
}
