//! Nothing of an operation can be changed behind a token or a receipt for it: whatever field, octet or bit differs, it is
//! another operation, and neither is good for that.

use std::sync::Arc;

use jose::{KeyStatement, SigningKey};
use kernel::{DeviceId, FactorKind, WalletId};
use operation::{Body, KeyType, Operation, WalletRef};
use proptest::prelude::*;
use proptest::sample::Index;
use runtime::receipts::{ReceiptKeys, ReceiptVerifier};
use testkit::FixedClock;
use uuid::Uuid;

use super::*;
use crate::fixtures::{link, unlink, user};

/// An operation of every kind. A new kind has to be added here, and its fields below, or nothing compiles.
fn of_every_kind() -> [CheckedOperation; 5] {
    let every = [create(1), sign(1, b"pay 1 to bob"), export(1), link(1), unlink(1)];
    for operation in &every {
        match operation.operation().body {
            Body::CreateWallet { .. }
            | Body::SignMessage { .. }
            | Body::ExportWallet { .. }
            | Body::LinkCredential { .. }
            | Body::UnlinkCredential { .. } => {}
        }
    }
    every
}

/// The same octets with each of their bits the other way round, one at a time.
fn flipped<const N: usize>(octets: [u8; N]) -> impl Iterator<Item = [u8; N]> {
    (0..N * 8).map(move |bit| {
        let mut octets = octets;
        octets[bit / 8] ^= 1 << (bit % 8);
        octets
    })
}

fn other_ids(id: Uuid) -> impl Iterator<Item = Uuid> {
    flipped(id.into_bytes()).map(Uuid::from_bytes)
}

fn other_wallets(wallet: WalletRef) -> Vec<WalletRef> {
    let ids = other_ids(wallet.id.uuid()).map(|id| WalletRef { id: WalletId::from_uuid(id), ..wallet });
    let generations = flipped(wallet.share_generation.to_be_bytes())
        .map(|octets| WalletRef { share_generation: u32::from_be_bytes(octets), ..wallet });
    ids.chain(generations).collect()
}

fn other_messages(message: &[u8]) -> Vec<Vec<u8>> {
    let mut others = vec![message[1..].to_vec(), message[..message.len() - 1].to_vec()];
    for more in [b"\0", b" ", b"\n"] {
        others.push([message, more].concat());
        others.push([more, message].concat());
    }
    for place in 0..message.len() {
        for bit in 0..8 {
            let mut other = message.to_vec();
            other[place] ^= 1 << bit;
            others.push(other);
        }
    }
    others
}

/// The body with each of its fields changed in every way.
fn other_bodies(body: &Body) -> Vec<Body> {
    match body {
        // There is one type of key.
        Body::CreateWallet { key_type: KeyType::Ed25519 } => Vec::new(),
        Body::SignMessage { wallet, message } => {
            let on = |wallet| Body::SignMessage { wallet, message: message.clone() };
            let of = |message| Body::SignMessage { wallet: *wallet, message };
            let wallets = other_wallets(*wallet).into_iter().map(on);
            wallets.chain(other_messages(message).into_iter().map(of)).collect()
        }
        Body::ExportWallet { wallet, recipient_public_key } => {
            let on = |wallet| Body::ExportWallet { wallet, recipient_public_key: *recipient_public_key };
            let to = |recipient_public_key| Body::ExportWallet { wallet: *wallet, recipient_public_key };
            let wallets = other_wallets(*wallet).into_iter().map(on);
            wallets.chain(flipped(*recipient_public_key).map(to)).collect()
        }
        Body::LinkCredential { factor } => FactorKind::ALL
            .into_iter()
            .filter(|other| other != factor)
            .map(|factor| Body::LinkCredential { factor })
            .collect(),
        Body::UnlinkCredential { device } => other_ids(device.uuid())
            .map(|id| Body::UnlinkCredential { device: DeviceId::from_uuid(id) })
            .collect(),
    }
}

/// Every operation that differs from this one in one field: each bit of each id and payload, and every other kind.
fn others(operation: &Operation) -> Vec<Operation> {
    let with = |body| Operation { body, ..operation.clone() };
    let mut others: Vec<Operation> = other_bodies(&operation.body).into_iter().map(with).collect();
    others.extend(
        other_ids(operation.environment.uuid())
            .map(|id| Operation { environment: EnvironmentId::from_uuid(id), ..operation.clone() }),
    );
    others.extend(
        other_ids(operation.user.uuid())
            .map(|id| Operation { user: UserId::from_uuid(id), ..operation.clone() }),
    );
    others.extend(
        other_ids(operation.id.uuid())
            .map(|id| Operation { id: OperationId::from_uuid(id), ..operation.clone() }),
    );
    let bodies = of_every_kind().map(|other| other.into_operation().body);
    let kind = operation.body.kind();
    others.extend(bodies.into_iter().filter(|other| other.kind() != kind).map(with));
    others
}

/// Judges receipts as whoever acts on them does.
fn verifier(bench: &Bench, operation: &CheckedOperation) -> ReceiptVerifier {
    let root = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let statement = KeyStatement {
        sequence: 1,
        issuer: ISSUER.to_owned(),
        not_before: NOW.seconds() - 60,
        not_after: NOW.seconds() + 3_600,
        keys: bench.mint.receipt_keys(),
    };
    let statement = jose::sign_statement(&statement, &root).unwrap();
    let keys = ReceiptKeys::from_statement(&statement, &root.public_jwk(), ISSUER, 1, NOW).unwrap();
    let audience = match operation.operation().body {
        Body::LinkCredential { .. } | Body::UnlinkCredential { .. } => "factors",
        Body::CreateWallet { .. } | Body::SignMessage { .. } | Body::ExportWallet { .. } => "nodes",
    };
    ReceiptVerifier::new(Arc::new(keys), audience, Arc::new(FixedClock::at(NOW)))
}

/// A token that is bound to the operation, on file. None is good for making a wallet: its scope is for something else.
async fn issued(bench: &Bench, operation: &CheckedOperation) -> (Token, SecretText) {
    let mut token = bound(1, operation);
    if token.scopes.is_empty() {
        token.scopes = vec![Scope::WalletExport];
    }
    let jwt = bench.issue(&token).await;
    (token, jwt)
}

/// The token pays for none of these, and stays unspent.
async fn pays_for_none(bench: &Bench, token: &Token, jwt: &SecretText, others: Vec<Operation>) {
    for other in others {
        // What has no digest is refused before anybody is asked.
        let Ok(checked) = other.clone().check() else { continue };
        let error = refused(bench, checked, Some(jwt)).await;
        assert!(
            matches!(error.reason(), Reason::OperationMismatch | Reason::TokenScopeInsufficient),
            "{other:?}: {error:?}"
        );
    }
    assert!(!is_spent(bench, token).await);
    assert_eq!(bench.operations.count(), 0, "no operation id is tied by what is refused");
}

/// The receipt of an operation, from a user from whom policy asks for nothing.
async fn receipt(bench: &Bench, operation: &CheckedOperation) -> String {
    bench.policy.say(Verdict::Allow(None));
    let authorized = authorize(bench, operation.clone(), None, NOW).await.unwrap();
    authorized.receipt.jwt.expose_secret().to_owned()
}

fn opens_none(verifier: &ReceiptVerifier, receipt: &str, others: Vec<Operation>) {
    for other in others {
        let Ok(checked) = other.clone().check() else { continue };
        let error = verifier.verify(receipt, &checked).unwrap_err();
        assert_eq!(error.reason(), Reason::ReceiptMismatch, "{other:?}: {error:?}");
    }
}

#[tokio::test]
async fn case_29_a_bound_token_pays_for_no_operation_that_differs_in_any_bit() {
    for operation in of_every_kind() {
        let bench = Bench::new();
        let (token, jwt) = issued(&bench, &operation).await;
        let others = others(operation.operation());
        assert!(others.len() > 380, "{:?} has {}", operation.kind(), others.len());
        pays_for_none(&bench, &token, &jwt, others).await;
        let own = authorize(&bench, operation.clone(), Some(&jwt), NOW).await;
        match operation.action().scope() {
            Some(_) => assert!(own.unwrap().token_redeemed),
            None => assert_eq!(own.unwrap_err().reason(), Reason::TokenScopeInsufficient),
        }
    }
}

#[tokio::test]
async fn case_29_a_receipt_opens_no_operation_that_differs_in_any_bit() {
    for operation in of_every_kind() {
        let bench = Bench::new();
        let (receipt, verifier) = (receipt(&bench, &operation).await, verifier(&bench, &operation));
        opens_none(&verifier, &receipt, others(operation.operation()));
        verifier.verify(&receipt, &operation).unwrap();
    }
}

fn any_uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::from_bytes).prop_filter("not nil", |id| !id.is_nil())
}

fn any_wallet() -> impl Strategy<Value = WalletRef> {
    (any_uuid(), 1_u32..)
        .prop_map(|(id, share_generation)| WalletRef { id: WalletId::from_uuid(id), share_generation })
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![
        Just(Body::CreateWallet { key_type: KeyType::Ed25519 }),
        (any_wallet(), prop::collection::vec(any::<u8>(), 1..200))
            .prop_map(|(wallet, message)| Body::SignMessage { wallet, message }),
        (any_wallet(), any::<[u8; 32]>())
            .prop_map(|(wallet, recipient_public_key)| Body::ExportWallet { wallet, recipient_public_key }),
        prop::sample::select(FactorKind::ALL.to_vec()).prop_map(|factor| Body::LinkCredential { factor }),
        any_uuid().prop_map(|id| Body::UnlinkCredential { device: DeviceId::from_uuid(id) }),
    ]
}

/// Any operation of the user's that has a digest.
fn any_operation() -> impl Strategy<Value = CheckedOperation> {
    (any_uuid(), any_body()).prop_filter_map("it has no digest", |(id, body)| {
        let id = OperationId::from_uuid(id);
        Operation { environment: environment(), user: user(), id, body }.check().ok()
    })
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn case_29_any_operation_that_differs_in_anything_is_another_to_a_token_and_to_a_receipt(
        ordered in any_operation(),
        stranger in any_operation(),
        places in prop::collection::vec(any::<Index>(), 16),
    ) {
        let all = others(ordered.operation());
        let mut some: Vec<Operation> = places.iter().map(|place| place.get(&all).clone()).collect();
        if stranger != ordered {
            some.push(stranger.into_operation());
        }
        run(async {
            let bench = Bench::new();
            let (token, jwt) = issued(&bench, &ordered).await;
            pays_for_none(&bench, &token, &jwt, some.clone()).await;
            let (receipt, verifier) = (receipt(&bench, &ordered).await, verifier(&bench, &ordered));
            opens_none(&verifier, &receipt, some);
        });
    }
}
