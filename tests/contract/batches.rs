//! Batches: one proof, several operations, each once and nothing else.

use data_encoding::BASE64URL_NOPAD;
use kernel::{OperationId, Reason};
use operation::{Batch, Digest, Operation};
use proto::convert;
use proto::policy::Preset;
use proto::token_issuer::{AuthenticateTotpRequest, BatchBinding, BatchLeaf, ElevatedToken};
use proto::waas_gateway::Wallet;
use serde_json::json;
use soft_authenticator::SoftPasskey;

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::exports::recipient;
use crate::support::passkeys::For;
use crate::support::tokens::parts;
use crate::support::user::{User, verifies};

fn digest(operation: &Operation) -> Digest {
    operation.clone().check().unwrap().digest()
}

fn signs(user: &User, wallet: &Wallet, count: usize) -> Vec<Operation> {
    (0..count).map(|number| user.signing(wallet, format!("pay {number}").as_bytes())).collect()
}

/// The batch that somebody else would make of the same operations.
fn expected(operations: &[Operation]) -> BatchBinding {
    let Batch { root, leaves } = Batch::of(&operations.iter().map(digest).collect::<Vec<_>>()).unwrap();
    let leaf = |leaf: &operation::BatchLeaf| BatchLeaf {
        index: leaf.index,
        path: leaf.path.iter().map(|hash| hash.to_vec()).collect(),
    };
    BatchBinding { root: root.hash.to_vec(), size: root.size, leaves: leaves.iter().map(leaf).collect() }
}

fn leaves(token: &ElevatedToken) -> &[BatchLeaf] {
    &token.batch.as_ref().unwrap().leaves
}

#[tokio::test]
async fn one_code_pays_for_each_operation_of_a_batch_and_the_nodes_do_each() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let mut operations = signs(&user, &wallet, 3);
    operations.push(user.exporting(&wallet, recipient().public()));
    let token = user.batch(&factor.app.next(), &operations).await.done().elevated_token.unwrap();
    assert_eq!(token.batch, Some(expected(&operations)));
    assert_eq!(token.scopes, ["wallet:export", "wallet:sign"]);
    let (_, claims) = parts(&token.token);
    let root = BASE64URL_NOPAD.encode(&token.batch.as_ref().unwrap().root);
    assert_eq!(
        claims["authorization_details"],
        json!([{
            "type": "countersign_batch", "root": root, "size": 4,
            "actions": ["wallet.waas.export", "wallet.waas.sign"],
        }])
    );
    assert_eq!(claims["singleUse"], json!(true));

    let mut payers = std::collections::BTreeSet::new();
    for (operation, leaf) in operations.iter().zip(leaves(&token)).rev() {
        let answer = user.authorize_leaf(operation, &token.token, Some(leaf.clone())).await.done();
        assert!(answer.token_redeemed);
        let (_, receipt) = parts(&answer.receipt);
        assert_eq!(receipt["digest"], digest(operation).to_string());
        payers.insert(receipt["paid_by"].as_str().unwrap().to_owned());
        if let operation::Body::SignMessage { message, .. } = &operation.body {
            let signature = user.sign(operation, &answer.receipt).await.done().signature;
            assert!(verifies(&wallet.public_key, message, &signature));
            // The nodes know it by its own id, and sign nothing else for it.
            let other = user.signing(&wallet, b"something else");
            user.sign(&other, &answer.receipt).await.refused(Reason::ReceiptMismatch);
        } else {
            user.export(operation, &answer.receipt).await.done();
        }
    }
    assert_eq!(payers.len(), 4);
    assert!(!payers.contains(&token.token_id));
    let outside = user.signing(&wallet, b"a fifth");
    let refused = user.authorize_leaf(&outside, &token.token, Some(leaves(&token)[0].clone())).await;
    refused.refused(Reason::TokenAlreadyRedeemed);
}

#[tokio::test]
async fn nothing_is_paid_for_but_an_operation_in_its_own_place() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let (operations, others) = (signs(&user, &wallet, 3), signs(&user, &wallet, 3));
    let token = user.batch(&factor.app.next(), &operations).await.done().elevated_token.unwrap();
    let other = user.batch(&factor.app.next(), &others).await.done().elevated_token.unwrap();
    let own = leaves(&token);
    let mut altered = own[0].clone();
    altered.path[0][31] ^= 1;
    let same_id = Operation { id: operations[0].id, ..user.signing(&wallet, b"pay 1000") };
    let exporting = user.exporting(&wallet, recipient().public());
    for (operation, leaf, reason) in [
        (&operations[0], &own[1], Reason::OperationMismatch),
        (&operations[1], &own[0], Reason::OperationMismatch),
        (&others[0], &leaves(&other)[0], Reason::OperationMismatch),
        (&operations[0], &leaves(&other)[0], Reason::OperationMismatch),
        (&operations[0], &altered, Reason::OperationMismatch),
        (&same_id, &own[0], Reason::OperationMismatch),
        (&exporting, &own[0], Reason::TokenScopeInsufficient),
    ] {
        user.authorize_leaf(operation, &token.token, Some(leaf.clone())).await.refused(reason);
    }
    let bare = user.authorize(&operations[0], &token.token).await.refused(Reason::InvalidRequest);
    assert_eq!(bare.fields(), ["batch_leaf"]);
    let leaf = |change: fn(&mut BatchLeaf)| {
        let mut leaf = own[0].clone();
        change(&mut leaf);
        leaf
    };
    for malformed in [
        leaf(|leaf| leaf.path[0].truncate(31)),
        leaf(|leaf| leaf.path[0].clear()),
        leaf(|leaf| leaf.path = vec![vec![0; 32]; 6]),
    ] {
        let refused = user.authorize_leaf(&operations[0], &token.token, Some(malformed)).await;
        assert_eq!(refused.refused(Reason::InvalidRequest).fields(), ["batch_leaf.path"]);
    }
    let alone = user.authorize_leaf(&operations[0], "", Some(own[0].clone())).await;
    assert_eq!(alone.refused(Reason::InvalidRequest).fields(), ["batch_leaf"]);
    // All of that spent nothing.
    for (operation, leaf) in operations.iter().zip(own) {
        user.authorize_leaf(operation, &token.token, Some(leaf.clone())).await.done();
    }
    let admin = Admin::owner(suite()).await;
    let actor = format!("user:{}", user.id);
    let reason = Reason::OperationMismatch;
    Trail::Issuer.has_refusal(&admin, user.environment, &actor, "operation.authorize", reason).await;
}

#[tokio::test]
async fn a_leaf_goes_with_the_token_of_a_batch_only() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let operation = user.signing(&wallet, b"hello");
    let token = user.token(&mut factor.app, &[], Some(&operation)).await;
    let leaf = BatchLeaf { index: 0, path: Vec::new() };
    let refused = user.authorize_leaf(&operation, &token, Some(leaf)).await.refused(Reason::InvalidRequest);
    assert_eq!(refused.fields(), ["batch_leaf"]);
    user.authorize(&operation, &token).await.done();
}

#[tokio::test]
async fn the_same_operation_of_a_batch_again_gets_a_fresh_receipt_and_its_signature_again() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let operations = signs(&user, &wallet, 2);
    let token = user.batch(&factor.app.next(), &operations).await.done().elevated_token.unwrap();
    let ask = async || {
        let leaf = leaves(&token)[0].clone();
        user.authorize_leaf(&operations[0], &token.token, Some(leaf)).await.done().receipt
    };
    let (first, second) = (ask().await, ask().await);
    let (one, other) = (parts(&first).1, parts(&second).1);
    assert_eq!(one["paid_by"], other["paid_by"]);
    assert_ne!(one["jti"], other["jti"]);
    let signature = user.sign(&operations[0], &first).await.done().signature;
    assert_eq!(user.sign(&operations[0], &second).await.done().signature, signature);
}

#[tokio::test]
async fn a_batch_has_1_to_32_operations_that_are_told_apart() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let many = signs(&user, &wallet, 33);
    // None at all is asking for scopes, and names none.
    let none = user.batch(&code, &[]).await.refused(Reason::InvalidRequest);
    assert_eq!(none.fields(), ["requested_scopes"]);
    let refused = async |operations: &[Operation], field: &str| {
        let refusal = user.batch(&code, operations).await.refused(Reason::InvalidRequest);
        assert_eq!(refusal.fields(), [field]);
    };
    refused(&many, "operations").await;
    refused(&[many[0].clone(), many[0].clone()], "operations[1].operation_id").await;
    let same_id = Operation { id: many[0].id, ..many[1].clone() };
    refused(&[many[0].clone(), many[2].clone(), same_id], "operations[2].operation_id").await;
    let creation = user.operation(operation::Body::CreateWallet { key_type: operation::KeyType::Ed25519 });
    refused(&[many[0].clone(), creation], "operations[1].kind").await;
    let link = user.operation(operation::Body::LinkCredential { factor: kernel::FactorKind::Totp });
    refused(&[many[0].clone(), link], "operations").await;
    let wrong_scopes = AuthenticateTotpRequest {
        operations: many[..2].iter().map(convert::operation_value).collect(),
        ..user.authentication(&code, &["wallet:export"])
    };
    let refusal = user.authenticate_for(wrong_scopes).await.refused(Reason::InvalidRequest);
    assert_eq!(refusal.fields(), ["requested_scopes"]);
    let stranger = User::new(suite()).await;
    let foreign =
        Operation { user: stranger.id, id: OperationId::from_uuid(many[1].id.uuid()), ..many[1].clone() };
    user.batch(&code, &[many[0].clone(), foreign]).await.refused(Reason::ResourceNotFound);

    // None of them cost the code, which is good for as many as there can be.
    let token = user.batch(&code, &many[..32]).await.done().elevated_token.unwrap();
    assert_eq!(leaves(&token).len(), 32);
    for place in [31, 0] {
        let leaf = leaves(&token)[place].clone();
        user.authorize_leaf(&many[place], &token.token, Some(leaf)).await.done();
    }
    let one = user.batch(&factor.app.next(), &many[32..]).await.done().elevated_token.unwrap();
    assert_eq!(leaves(&one), [BatchLeaf { index: 0, path: Vec::new() }]);
    user.authorize_leaf(&many[32], &one.token, Some(leaves(&one)[0].clone())).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_signs_the_root_of_a_batch() {
    let place = Admin::owner(suite()).await.environment(suite(), Preset::Strict).await;
    let (user, mut device) = (place.user(suite()), SoftPasskey::new());
    let wallet = user.wallet().await;
    user.passkey(&mut device, None).await;
    let operations = signs(&user, &wallet, 3);
    let begun = user.begin_proof(For::Batch(&operations)).await.done();
    let signed = device.authenticate(crate::support::passkeys::ORIGIN, &begun.options_json).await.unwrap();
    let mut swapped = operations.clone();
    swapped.swap(0, 1);
    let request_id = crate::support::fresh::request_id();
    let refused = user.finish_proof(&begun.ceremony_id, &signed, For::Batch(&swapped), &request_id).await;
    refused.refused(Reason::CeremonyUnknown);

    let answer = user.prove(&mut device, For::Batch(&operations)).await.done();
    let token = answer.elevated_token.unwrap();
    assert_eq!(token.batch, Some(expected(&operations)));
    let leaf = leaves(&token)[2].clone();
    let receipt = user.authorize_leaf(&operations[2], &token.token, Some(leaf)).await.done().receipt;
    user.sign(&operations[2], &receipt).await.done();

    // What is kept as evidence names the root where it names the digest of one operation.
    let events = Trail::Devices.newest(&place.admin, place.id).await;
    let row = events.iter().find(|row| row.resource.contains("/proofs/")).expect("a proof in the trail");
    let request = proto::mfa_devices::GetPasskeyEvidenceRequest { name: row.resource.clone() };
    let auditor = Admin::with(suite(), &[&format!("auditor@{}", place.id)]).await;
    let evidence = auditor.factors().get_passkey_evidence(auditor.request(request)).await.done();
    assert_eq!(evidence.operation_digest, expected(&operations).root);
}
