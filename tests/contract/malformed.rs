//! Messages that are no messages, and fields that are out of range: refused by name, with nothing consumed.

use kernel::Reason;
use proto::policy::{CreateEnvironmentRequest, Preset};
use proto::token_issuer::AuthorizeOperationRequest;
use proto::waas_gateway::{CreateWalletRequest, ExportWalletRequest, GetWalletRequest, SignMessageRequest};
use proto::{convert, names, types};

use crate::support::admin::{Admin, environment, settings};
use crate::support::answer::{Done as _, Outcome as _, Refusal};
use crate::support::audit::Trail;
use crate::support::catalogue::{About, of_administrators, of_everybody, of_users};
use crate::support::dev::suite;
use crate::support::fresh;
use crate::support::raw::Rpc;
use crate::support::tokens::admin;
use crate::support::user::{User, on};

/// The largest request that is read.
const READ: usize = runtime::limits::MAX_REQUEST_BYTES;

/// A varint (Protocol Buffers encoding).
fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
    out
}

/// A field that no message here has, as long as is asked for.
fn padding(length: usize) -> Vec<u8> {
    [varint(1000 << 3 | 2), varint(length), vec![b'x'; length]].concat()
}

/// Groups within groups, in a field that no message here has.
fn nested(depth: usize) -> Vec<u8> {
    [varint(1000 << 3 | 3).repeat(depth), varint(1000 << 3 | 4).repeat(depth)].concat()
}

fn all() -> Vec<Rpc> {
    let about = About::nothing(suite().environment());
    [of_users(&about), of_administrators(&about), of_everybody()].concat()
}

#[tokio::test]
async fn octets_that_are_no_message_are_refused_before_anybody_is_asked_who_they_are() {
    let channel = suite().connect().await;
    for rpc in all() {
        for (what, octets) in [
            ("a field that is cut short", vec![0x0a, 0x7f, 0x01]),
            ("a tag that is cut short", vec![0x80]),
            ("field number zero", vec![0x00, 0x00]),
            ("a wire type that there is not", vec![0x0f, 0x00]),
            ("a group that does not end", varint(1000 << 3 | 3)),
            ("groups nested too deeply", nested(5_000)),
        ] {
            let answer = rpc.with_body(octets).call(&channel, None).await;
            assert!(answer.is_err(), "{} took {what}", rpc.method);
            answer.refused(Reason::RequestMalformed);
        }
    }
    assert!(decoding_is_audited(&Admin::owner(suite()).await, Reason::RequestMalformed).await);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused_and_one_that_just_fits_is_read() {
    let user = User::new(suite()).await;
    let administrator = admin(suite(), &["owner@*"]);
    for rpc in all() {
        let token = if rpc.method.contains("Admin") { &administrator } else { &user.token };
        let large = rpc.with_body([rpc.body.as_ref(), &padding(300 * 1024)].concat());
        let refusal = large.bearing(&user.channel, token).await.refused(Reason::RequestTooLarge);
        assert!(refusal.message().contains(&READ.to_string()), "{refusal:?}");
        let rest = READ - rpc.body.len() - varint(1000 << 3 | 2).len() - varint(READ).len();
        let fitting = rpc.with_body([rpc.body.as_ref(), &padding(rest)].concat());
        if let Err(refusal) = fitting.bearing(&user.channel, token).await.outcome() {
            assert_ne!(refusal.reason, Reason::RequestTooLarge, "{}", rpc.method);
            assert_ne!(refusal.reason, Reason::RequestMalformed, "{}", rpc.method);
        }
    }
    // What does not decode belongs to no environment.
    let owner = Admin::owner(suite()).await;
    assert!(decoding_is_audited(&owner, Reason::RequestTooLarge).await);
}

/// Whether some service's trail has a row of a request that was not read.
async fn decoding_is_audited(owner: &Admin, reason: Reason) -> bool {
    for trail in [Trail::Policy, Trail::Devices, Trail::Issuer, Trail::Gateway] {
        let events = trail.all(owner, "").await;
        if events.iter().any(|row| row.kind == "call.decode" && row.reason == reason.as_str()) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_message_to_sign_may_be_as_long_as_is_said_and_no_longer() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let longest = vec![b'm'; operation::MAX_MESSAGE_LENGTH];
    user.sign(&user.signing(&wallet, &longest), "").await.done();
    for wrong in [vec![], vec![b'm'; operation::MAX_MESSAGE_LENGTH + 1]] {
        let operation = user.signing(&wallet, &wrong);
        let refusal = user.sign(&operation, "").await.refused(Reason::InvalidRequest);
        assert!(refusal.fields().iter().any(|field| field.contains("message")), "{refusal:?}");
        user.authorize(&operation, "").await.refused(Reason::InvalidRequest);
    }
}

/// A refusal that names the field.
#[track_caller]
fn names_field(refusal: &Refusal, field: &str) {
    let fields = refusal.fields();
    assert!(fields.iter().any(|named| named.contains(field)), "{field} is not in {fields:?}");
    assert!(refusal.message().contains(field), "{refusal:?}");
}

#[tokio::test]
async fn enum_values_that_are_nothing_or_unknown_are_refused_by_name() {
    let user = User::new(suite()).await;
    for value in [0, 99, -1, i32::MAX] {
        let request =
            CreateWalletRequest { parent: user.name(), key_type: value, operation_id: fresh::uuid() };
        let refused = user.wallets().create_wallet(user.request(request)).await;
        names_field(&refused.refused(Reason::InvalidRequest), "key_type");

        for (field, kind) in [
            (
                "key_type",
                types::operation::Kind::CreateWallet(types::CreateWalletOperation { key_type: value }),
            ),
            (
                "factor_kind",
                types::operation::Kind::LinkCredential(types::LinkCredentialOperation { factor_kind: value }),
            ),
        ] {
            let operation =
                types::Operation { user: user.name(), operation_id: fresh::uuid(), kind: Some(kind) };
            let request = AuthorizeOperationRequest {
                operation: Some(operation),
                elevated_token: String::new(),
                ..Default::default()
            };
            let refused = user.step_up().authorize_operation(user.request(request)).await;
            names_field(&refused.refused(Reason::InvalidRequest), field);
        }
    }
}

#[tokio::test]
async fn settings_with_unknown_values_are_refused_and_change_nothing() {
    let admin = Admin::owner(suite()).await;
    let place = admin.environment(suite(), Preset::Strict).await;
    let before = place.read().await;
    for value in [0, 99, -1] {
        for change in [
            (|settings, value| settings.action = value) as fn(&mut proto::policy::ActionSettings, i32),
            |settings, value| settings.token_behavior = value,
            |settings, value| settings.binding = value,
        ] {
            let mut wanted = before.clone();
            change(settings(&mut wanted, types::Action::WalletSign), value);
            place.send(wanted, &["action_settings"], false).await.refused(Reason::InvalidRequest);
        }
    }
    for value in [99, -1] {
        let request = CreateEnvironmentRequest {
            environment: Some(environment(suite(), fresh::uuid().parse().unwrap())),
            preset: value,
            validate_only: false,
        };
        let refused = admin.policy().create_environment(admin.request(request)).await;
        names_field(&refused.refused(Reason::InvalidRequest), "preset");
    }
    assert_eq!(place.read().await, before);
}

#[tokio::test]
async fn names_have_one_spelling() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let id = names::parse_wallet("name", &wallet.name).unwrap().id.to_string();
    for wrong in [
        format!("{}/", wallet.name),
        format!("/{}", wallet.name),
        wallet.name.replace(&id, &id.to_uppercase()),
        wallet.name.replace(&id, &id.replace('-', "")),
        wallet.name.replace(&id, &format!("{{{id}}}")),
        wallet.name.replace(&id, "00000000-0000-0000-0000-000000000000"),
        wallet.name.replace(&id, ""),
        wallet.name.replace("/wallets/", "/devices/"),
        wallet.name.replace("/users/", "//users/"),
        format!("{}/more", wallet.name),
    ] {
        let request = GetWalletRequest { name: wrong.clone() };
        let refused = user.wallets().get_wallet(user.request(request)).await;
        assert!(refused.is_err(), "{wrong} was found");
        names_field(&refused.refused(Reason::InvalidRequest), "name");
    }
    for wrong in ["", "environments", "environments/", "users/me", "environments/me"] {
        let request = GetWalletRequest { name: wrong.to_owned() };
        let refused = user.wallets().get_wallet(user.request(request)).await;
        names_field(&refused.refused(Reason::InvalidRequest), "name");
    }
}

#[tokio::test]
async fn operations_that_are_not_whole_are_refused_by_the_name_of_what_is_wrong() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let whole = convert::operation_value(&user.signing(&wallet, b"hello"));
    let authorize = async |operation: Option<types::Operation>| {
        let request =
            AuthorizeOperationRequest { operation, elevated_token: String::new(), ..Default::default() };
        user.step_up().authorize_operation(user.request(request)).await
    };
    authorize(Some(whole.clone())).await.done();
    authorize(None).await.refused(Reason::InvalidRequest);
    authorize(Some(types::Operation { kind: None, ..whole.clone() })).await.refused(Reason::InvalidRequest);
    for id in ["", "1", "00000000-0000-0000-0000-000000000000", &fresh::uuid().to_uppercase()] {
        let wrong = types::Operation { operation_id: id.to_owned(), ..whole.clone() };
        names_field(&authorize(Some(wrong)).await.refused(Reason::InvalidRequest), "operation");
    }
    let request = |recipient: Vec<u8>, generation| ExportWalletRequest {
        name: wallet.name.clone(),
        operation_id: fresh::uuid(),
        share_generation: generation,
        recipient_public_key: recipient,
        receipt: String::new(),
    };
    // No key, one of the wrong length, the neutral element and a point of small order.
    for key in
        [vec![], vec![9; 31], vec![9; 33], vec![0; 32], [vec![1], vec![0; 31]].concat(), vec![0xff; 32]]
    {
        let refused = user.wallets().export_wallet(user.request(request(key, 1))).await;
        names_field(&refused.refused(Reason::InvalidRequest), "recipient_public_key");
    }
    let refused = user.wallets().export_wallet(user.request(request(vec![9; 32], 0))).await;
    names_field(&refused.refused(Reason::InvalidRequest), "share_generation");
    // A generation that the wallet has not.
    let mut later = on(&wallet);
    later.share_generation = 2;
    let body = operation::Body::SignMessage { wallet: later, message: b"hello".to_vec() };
    user.sign(&user.operation(body), "").await.refused(Reason::GenerationMismatch);
    let request = SignMessageRequest { name: wallet.name, message: b"hello".to_vec(), ..Default::default() };
    user.wallets().sign_message(user.request(request)).await.refused(Reason::InvalidRequest);
}
