//! What there is not, and what is somebody else's, cannot be told apart: the refusals are the same to the last octet.

use kernel::Reason;
use proto::mfa_devices::{GetDeviceRequest, ListDevicesRequest};
use proto::policy::{GetEnvironmentRequest, Preset};
use proto::token_issuer::{AuthenticateTotpRequest, CheckStepUpRequest, IntrospectTokenRequest};
use proto::waas_gateway::ListWalletsRequest;
use proto::{convert, names};

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _, Refusal};
use crate::support::audit::Trail;
use crate::support::catalogue::{About, of_users};
use crate::support::dev::suite;
use crate::support::fresh;
use crate::support::user::User;

#[tokio::test]
async fn an_environment_that_is_not_mine_looks_like_one_that_is_not_there() {
    let admin = Admin::owner(suite()).await;
    let other = admin.environment(suite(), Preset::Strict).await.id;
    let user = User::new(suite()).await;
    let absent = fresh::uuid().parse().unwrap();
    for (there, nowhere) in
        of_users(&About::nothing(other)).into_iter().zip(of_users(&About::nothing(absent)))
    {
        let there_refusal = there.bearing(&user.channel, &user.token).await.refused(Reason::SessionInvalid);
        let absent_refusal =
            nowhere.bearing(&user.channel, &user.token).await.refused(Reason::SessionInvalid);
        assert_eq!(there_refusal.whole(), absent_refusal.whole(), "{}", there.method);
    }
}

#[tokio::test]
async fn an_administrator_cannot_tell_a_strange_environment_from_none() {
    let owner = Admin::owner(suite()).await;
    let (own, other) =
        (owner.environment(suite(), Preset::Strict).await, owner.environment(suite(), Preset::Strict).await);
    let admin = Admin::with(suite(), &[&format!("owner@{}", own.id)]).await;
    let absent = fresh::uuid().parse().unwrap();
    let mut wholes = Vec::new();
    for id in [other.id, absent] {
        let request = GetEnvironmentRequest { name: names::environment(id), version: 0 };
        let refused = admin.policy().get_environment(admin.request(request)).await;
        wholes.push(refused.refused(Reason::ResourceNotFound).whole());
        for trail in [Trail::Policy, Trail::Devices, Trail::Issuer, Trail::Gateway] {
            let page = trail.page(&admin, &names::environment(id), 10, "").await;
            page.refused(Reason::AdminRoleMissing);
        }
    }
    assert_eq!(wholes[0], wholes[1]);
    let request = GetEnvironmentRequest { name: names::environment(own.id), version: 0 };
    admin.policy().get_environment(admin.request(request)).await.done();
    // Who may see all of them is told that there is none.
    let request = GetEnvironmentRequest { name: names::environment(absent), version: 0 };
    owner.policy().get_environment(owner.request(request)).await.refused(Reason::ResourceNotFound);
}

#[tokio::test]
async fn a_device_or_wallet_of_somebody_else_looks_like_one_that_is_not_there() {
    let (owner, stranger) = (User::new(suite()).await, User::new(suite()).await);
    let device = owner.enrol().await.device;
    let wallet = owner.wallet().await;
    let (device, wallet) = (
        names::parse_device("name", &device.name).unwrap().id.to_string(),
        names::parse_wallet("name", &wallet.name).unwrap().id.to_string(),
    );
    let owners = |device: &str, wallet: &str, user: &str| About {
        environment: suite().environment(),
        user: user.to_owned(),
        device: device.to_owned(),
        wallet: wallet.to_owned(),
    };
    let (mine, theirs) = (stranger.id.to_string(), owner.id.to_string());
    let unknown = fresh::uuid();
    // What is named: one that is not there, the owner's as if it were mine, the owner's, one that the owner has not.
    let named = [
        owners(&fresh::uuid(), &fresh::uuid(), &mine),
        owners(&device, &wallet, &mine),
        owners(&device, &wallet, "me"),
        owners(&device, &wallet, &theirs),
        owners(&fresh::uuid(), &fresh::uuid(), &theirs),
        owners(&fresh::uuid(), &fresh::uuid(), &unknown),
    ];
    let children = [
        "DeviceService/GetDevice",
        "DeviceService/UpdateDevice",
        "DeviceService/SetDefaultDevice",
        "DeviceService/DeleteDevice",
        "WalletService/GetWallet",
        "WalletService/SignMessage",
        "WalletService/ExportWallet",
    ];
    for method in children {
        let mut wholes = Vec::new();
        for about in &named {
            let rpcs = of_users(about);
            let rpc = rpcs.iter().find(|rpc| rpc.method.ends_with(method)).unwrap();
            let refused = rpc.bearing(&stranger.channel, &stranger.token).await;
            wholes.push(refused.refused(Reason::ResourceNotFound).whole());
        }
        assert!(wholes.iter().all(|whole| *whole == wholes[0]), "{method}: {wholes:?}");
    }
    // The owner still has both.
    let request = GetDeviceRequest { name: named[3].device_name() };
    owner.devices().get_device(owner.request(request)).await.done();
    let admin = Admin::owner(suite()).await;
    let actor = format!("user:{}", stranger.id);
    for (trail, kind) in [(Trail::Devices, "device.delete"), (Trail::Gateway, "wallet.export")] {
        trail.has_refusal(&admin, suite().environment(), &actor, kind, Reason::ResourceNotFound).await;
    }
}

#[tokio::test]
async fn everything_of_another_user_looks_like_that_of_nobody() {
    let (owner, stranger) = (User::new(suite()).await, User::new(suite()).await);
    owner.enrol().await;
    let mut wholes = Vec::new();
    for user in [owner.id.to_string(), fresh::uuid()] {
        let parent = format!("environments/{}/users/{user}", stranger.environment);
        let request = ListDevicesRequest { parent: parent.clone(), ..Default::default() };
        let devices = stranger.devices().list_devices(stranger.request(request)).await;
        let request = ListWalletsRequest { parent: parent.clone(), ..Default::default() };
        let wallets = stranger.wallets().list_wallets(stranger.request(request)).await;
        let request = CheckStepUpRequest {
            user: parent.clone(),
            scope: "wallet:export".to_owned(),
            ..Default::default()
        };
        let check = stranger.step_up().check_step_up(stranger.request(request)).await;
        let request = IntrospectTokenRequest { user: parent.clone(), token: owner.token.clone() };
        let introspection = stranger.introspection().introspect_token(stranger.request(request)).await;
        let request = AuthenticateTotpRequest {
            user: parent,
            code: "000000".to_owned(),
            requested_scopes: vec!["wallet:sign".to_owned()],
            request_id: fresh::request_id(),
            ..Default::default()
        };
        let code = stranger.step_up().authenticate_totp(stranger.request(request)).await;
        wholes.push([
            devices.refused(Reason::ResourceNotFound).whole(),
            wallets.refused(Reason::ResourceNotFound).whole(),
            check.refused(Reason::ResourceNotFound).whole(),
            introspection.refused(Reason::ResourceNotFound).whole(),
            code.refused(Reason::ResourceNotFound).whole(),
        ]);
    }
    assert_eq!(wholes[0], wholes[1]);
}

/// Brings a wrong code, for a device where one is named, and gives the refusal.
async fn bring_wrong_code(user: &User, code: &str, device: String) -> Refusal {
    let request = AuthenticateTotpRequest {
        user: user.name(),
        code: code.to_owned(),
        device,
        requested_scopes: vec!["wallet:sign".to_owned()],
        request_id: fresh::request_id(),
        ..Default::default()
    };
    user.step_up().authenticate_totp(user.request(request)).await.outcome().unwrap_err()
}

#[tokio::test]
async fn a_wrong_code_looks_the_same_whether_or_not_there_is_a_device() {
    let mut wholes = Vec::new();
    // Each user asks for the first time: nobody's tries are fewer.
    for named in [false, true] {
        let user = User::new(suite()).await;
        let factor = user.enrol().await;
        let device = if named { factor.device.name } else { String::new() };
        wholes.push(bring_wrong_code(&user, &factor.app.wrong(), device).await);
        let user = User::new(suite()).await;
        let absent = format!("{}/devices/{}", user.name(), fresh::uuid());
        let device = if named { absent } else { String::new() };
        wholes.push(bring_wrong_code(&user, "000000", device).await);
    }
    for refusal in &wholes {
        assert_eq!(refusal.reason, Reason::CodeRejected);
        assert_eq!(refusal.whole(), wholes[0].whole());
    }
    // A device below somebody else: the same, whether or not it is there.
    let owner = User::new(suite()).await;
    let device = owner.enrol().await.device.name;
    let stranger = User::new(suite()).await;
    let there = bring_wrong_code(&stranger, "000000", device).await;
    let absent = format!("{}/devices/{}", owner.name(), fresh::uuid());
    let nowhere = bring_wrong_code(&stranger, "000000", absent).await;
    assert_eq!(there.reason, Reason::ResourceNotFound);
    assert_eq!(there.whole(), nowhere.whole());
}

#[tokio::test]
async fn scopes_and_actions_that_there_are_not_are_named_and_refused() {
    let user = User::new(suite()).await;
    for (action, scope, field) in [
        (0, "wallet:everything", "scope"),
        (0, "WALLET:SIGN", "scope"),
        (0, "", "action"),
        (99, "", "action"),
        (-1, "", "action"),
        (1, "wallet:export", "scope"),
    ] {
        let request = CheckStepUpRequest { user: user.name(), action, scope: scope.to_owned() };
        let refused = user.step_up().check_step_up(user.request(request)).await;
        let fields = refused.refused(Reason::InvalidRequest).fields();
        assert!(fields.iter().any(|named| named.contains(field)), "{action} {scope:?}: {fields:?}");
    }
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    for scopes in [
        &["wallet:everything"][..],
        &["wallet:sign", "wallet:sign"],
        &["wallet:sign wallet:export"],
        &["wallet:sign", ""],
        &[],
    ] {
        user.authenticate(&code, scopes, None).await.refused(Reason::InvalidRequest);
    }
    // None of it cost the code.
    user.authenticate(&code, &["wallet:sign"], None).await.done();
}

#[tokio::test]
async fn an_operation_id_belongs_to_its_user_alone() {
    let (one, other) = (User::new(suite()).await, User::new(suite()).await);
    let id = fresh::operation_id();
    let first = one.create_wallet(id).await.done();
    let second = other.create_wallet(id).await.done();
    assert_ne!(first.name, second.name);
    assert_ne!(first.address, second.address);
    // An operation that says that it is somebody else's is not authorized.
    let mut stolen = other.signing(&second, b"hello");
    stolen.user = one.id;
    other.authorize(&stolen, "").await.refused(Reason::ResourceNotFound);
    // Nor one on somebody else's wallet, whoever it says it is for.
    let operation = other.signing(&first, b"hello");
    let refused = other.sign(&operation, "").await;
    refused.refused(Reason::ResourceNotFound);
    let mut value = convert::operation_value(&operation);
    value.user = names::environment(other.environment);
    let request = proto::token_issuer::AuthorizeOperationRequest {
        operation: Some(value),
        elevated_token: String::new(),
        ..Default::default()
    };
    let refused = other.step_up().authorize_operation(other.request(request)).await;
    refused.refused(Reason::InvalidRequest);
}
