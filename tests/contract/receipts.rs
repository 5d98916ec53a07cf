//! Receipts at the gateway: for exactly one operation, and worth nothing for any other.

use kernel::{Reason, UserId};
use operation::{Body, Operation};
use proto::policy::Preset;
use serde_json::json;

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::{connect, suite};
use crate::support::exports::recipient;
use crate::support::tokens::{parts, tampered};
use crate::support::user::{User, on, verifies};

#[tokio::test]
async fn a_receipt_says_what_it_is_for() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let operation = user.signing(&wallet, b"hello");
    let authorized = user.authorize(&operation, "").await.done();
    let (header, claims) = parts(&authorized.receipt);
    assert_eq!(header["typ"], "receipt+jwt");
    assert_eq!(claims["aud"], format!("urn:countersign:nodes:{}", suite().directory().group()));
    assert_eq!(claims["operation_id"], operation.id.to_string());
    assert_eq!(claims["sub"], user.id.to_string());
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 60);
    assert!(!authorized.token_redeemed);
    assert!(claims.get("paid_by").is_none(), "{claims}");
    let digest = operation.check().unwrap().digest();
    assert_eq!(claims["digest"], digest.to_string());
}

/// A receipt for `ordered` opens none of `others`, and then opens what it is for.
async fn opens_only(user: &User, ordered: &Operation, receipt: &str, others: &[Operation]) {
    for other in others {
        let refusal = match &other.body {
            Body::SignMessage { .. } => user.sign(other, receipt).await.outcome().err(),
            _ => user.export(other, receipt).await.outcome().err(),
        };
        let refusal = refusal.unwrap_or_else(|| panic!("{other:?} was opened by a receipt for {ordered:?}"));
        assert_eq!(refusal.reason, Reason::ReceiptMismatch, "{other:?}: {refusal:?}");
    }
    match &ordered.body {
        Body::SignMessage { .. } => drop(user.sign(ordered, receipt).await.done()),
        _ => drop(user.export(ordered, receipt).await.done()),
    }
}

#[tokio::test]
async fn a_receipt_opens_its_own_operation_alone() {
    let user = User::new(suite()).await;
    let (wallet, other) = (user.wallet().await, user.wallet().await);
    let mut factor = user.enrol().await;
    let ordered = user.signing(&wallet, b"pay 1 to bob");
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let receipt = user.receipt(&ordered, &token).await;
    let same_id = |body| Operation { body, ..ordered.clone() };
    let others = [
        same_id(Body::SignMessage { wallet: on(&wallet), message: b"pay 9 to eve".to_vec() }),
        same_id(Body::SignMessage { wallet: on(&other), message: b"pay 1 to bob".to_vec() }),
        same_id(user.exporting(&wallet, recipient().public()).body),
        user.signing(&wallet, b"pay 1 to bob"),
        user.exporting(&wallet, recipient().public()),
    ];
    opens_only(&user, &ordered, &receipt, &others).await;
    let admin = Admin::owner(suite()).await;
    let actor = format!("user:{}", user.id);
    for kind in ["wallet.sign", "wallet.export"] {
        Trail::Gateway.has_refusal(&admin, user.environment, &actor, kind, Reason::ReceiptMismatch).await;
    }

    let ordered = user.exporting(&wallet, recipient().public());
    let token = user.token(&mut factor.app, &[], Some(&ordered)).await;
    let receipt = user.receipt(&ordered, &token).await;
    let same_id = |body| Operation { body, ..ordered.clone() };
    let others = [
        same_id(user.exporting(&wallet, recipient().public()).body),
        same_id(user.exporting(&other, recipient().public()).body),
        user.exporting(&wallet, recipient().public()),
        user.signing(&wallet, b"hello"),
    ];
    opens_only(&user, &ordered, &receipt, &others).await;
}

#[tokio::test]
async fn a_receipt_of_another_user_opens_nothing() {
    let (owner, thief) = (User::new(suite()).await, User::new(suite()).await);
    let (wallet, own) = (owner.wallet().await, thief.wallet().await);
    let mut factor = owner.enrol().await;
    thief.enrol().await;
    let ordered = owner.signing(&wallet, b"ordered");
    let token = owner.token(&mut factor.app, &["wallet:sign"], None).await;
    let receipt = owner.receipt(&ordered, &token).await;
    let as_thief = |user: UserId, wallet| Operation {
        user,
        body: Body::SignMessage { wallet: on(wallet), message: b"ordered".to_vec() },
        ..ordered.clone()
    };
    thief.sign(&as_thief(thief.id, &own), &receipt).await.refused(Reason::ReceiptMismatch);
    thief.sign(&as_thief(owner.id, &wallet), &receipt).await.refused(Reason::ResourceNotFound);
    let signature = owner.sign(&ordered, &receipt).await.done().signature;
    assert!(verifies(&wallet.public_key, b"ordered", &signature));
}

#[tokio::test]
async fn a_receipt_that_was_changed_is_no_receipt_and_every_node_writes_it_down() {
    let admin = Admin::owner(suite()).await;
    let place = admin.environment(suite(), Preset::SeedCompatible).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let operation = user.signing(&wallet, b"hello");
    let receipt = user.receipt(&operation, "").await;
    let (_, claims) = parts(&receipt);
    let changed = |name: &str, value| {
        let mut claims = claims.clone();
        claims[name] = value;
        tampered(&receipt, &[], Some(&claims), true)
    };
    for wrong in [
        changed("exp", json!(claims["exp"].as_i64().unwrap() + 600)),
        changed("aud", json!("urn:countersign:nodes:other")),
        changed("operation_id", json!(crate::support::fresh::uuid())),
        tampered(&receipt, &[("alg", json!("none"))], None, true),
        tampered(&receipt, &[("kid", json!("x"))], None, true),
        "a.b.c".to_owned(),
        "not a receipt".to_owned(),
        format!("{receipt} "),
        "A".repeat(10_000),
    ] {
        let refused = user.sign(&operation, &wrong).await;
        assert!(refused.is_err(), "{wrong} was taken");
        refused.refused(Reason::ReceiptInvalid);
    }
    let parent = proto::names::environment(place.id);
    let mut refusals = 0;
    for endpoint in &suite().file.node_endpoints {
        let channel = connect(endpoint).await;
        let (events, _) = Trail::Signer.page_from(channel, &admin, &parent, 200, "").await.unwrap();
        let found = events.iter().filter(|event| event.kind == "mpc.sign.commit");
        refusals += found.filter(|event| event.reason == Reason::ReceiptInvalid.as_str()).count();
    }
    assert!(refusals >= 2, "{refusals}");
    user.sign(&operation, &receipt).await.done();
}
