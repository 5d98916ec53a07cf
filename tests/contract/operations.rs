//! What is done when it is allowed, and what each operation is: a transaction is no message, a hash is no text.

use kernel::Reason;
use kernel::secret::ExposeSecret as _;
use proto::policy::Preset;
use proto::waas_gateway::{GetWalletRequest, ListWalletsRequest, WalletState};

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::dev::suite;
use crate::support::exports::{open_export, recipient};
use crate::support::user::{User, verifies};

/// A Solana transaction message (legacy format): one signer, the system program, one transfer.
fn transaction() -> Vec<u8> {
    let mut bytes = vec![1, 0, 1, 3];
    for key in [1_u8, 2, 0] {
        bytes.extend([key; 32]);
    }
    bytes.extend([7; 32]);
    bytes.extend([1, 2, 2, 0, 1, 12, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

#[tokio::test]
async fn a_wallet_is_what_its_public_key_and_the_nodes_say() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    assert_eq!(wallet.state(), WalletState::Active);
    assert_eq!((wallet.threshold, wallet.nodes, wallet.share_generation), (2, 3, 1));
    assert_eq!(bs58::decode(&wallet.address).into_vec().unwrap(), wallet.public_key);
    assert_eq!(wallet.attestations.len(), 3);
    let request = GetWalletRequest { name: wallet.name.clone() };
    let read = user.wallets().get_wallet(user.request(request)).await.done().wallet.unwrap();
    assert_eq!(read, wallet);
    let request = ListWalletsRequest { parent: user.name(), ..Default::default() };
    let list = user.wallets().list_wallets(user.request(request)).await.done();
    assert_eq!(list.wallets.len(), 1);
    assert_eq!(list.wallets[0].name, wallet.name);
}

#[tokio::test]
async fn signatures_are_good_under_the_wallets_key_and_no_other() {
    let user = User::new(suite()).await;
    let (wallet, other) = (user.wallet().await, user.wallet().await);
    for message in [&b"hello"[..], "grüezi, 世界".as_bytes(), b"\xffsolana offchain of a kind"] {
        let signature = user.sign(&user.signing(&wallet, message), "").await.done().signature;
        assert!(verifies(&wallet.public_key, message, &signature));
        assert!(!verifies(&other.public_key, message, &signature));
        assert!(!verifies(&wallet.public_key, b"something else", &signature));
    }
}

#[tokio::test]
async fn a_transaction_is_not_signed_as_a_message() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let operation = user.signing(&wallet, &transaction());
    user.authorize(&operation, "").await.refused(Reason::MessageIsTransaction);
    let refusal = user.sign(&operation, "").await.refused(Reason::MessageIsTransaction);
    assert!(!refusal.message().is_empty());
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    user.authenticate(&code, &[], Some(&operation)).await.refused(Reason::MessageIsTransaction);
    // The code was not used up.
    user.authenticate(&code, &["wallet:sign"], None).await.done();
}

#[tokio::test]
async fn octets_that_show_nothing_of_what_they_mean_demand_what_an_export_demands() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let hash = [0xfe; 32];
    let operation = user.signing(&wallet, &hash);
    // Under `strict` an export needs a factor even of somebody who has none; a text does not.
    user.sign(&operation, "").await.refused(Reason::EnrolmentRequired);
    user.sign(&user.signing(&wallet, b"a text"), "").await.done();
    let mut factor = user.enrol().await;
    let refusal = user.sign(&operation, "").await.refused(Reason::StepUpRequired);
    assert_eq!(refusal.metadata["binding"], "operation", "{refusal:?}");
    let unbound = user.token(&mut factor.app, &["wallet:sign"], None).await;
    user.authorize(&operation, &unbound).await.refused(Reason::StepUpRequired);
    let bound = user.token(&mut factor.app, &[], Some(&operation)).await;
    let receipt = user.receipt(&operation, &bound).await;
    let signature = user.sign(&operation, &receipt).await.done().signature;
    assert!(verifies(&wallet.public_key, &hash, &signature));

    let relaxed = Admin::owner(suite()).await.environment(suite(), Preset::SeedCompatible).await;
    let user = relaxed.user(suite());
    let wallet = user.wallet().await;
    user.sign(&user.signing(&wallet, &hash), "").await.done();
}

#[tokio::test]
async fn an_export_opens_for_its_owner_and_for_nobody_else() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let own = recipient();
    let operation = user.exporting(&wallet, own.public());
    let refusal = user.export(&operation, "").await.refused(Reason::StepUpRequired);
    for (key, value) in [
        ("action", "wallet.waas.export"),
        ("scopes", "wallet:export"),
        ("acr", "urn:countersign:acr:otp"),
        ("methods", "totp"),
        ("binding", "operation"),
    ] {
        assert_eq!(refusal.metadata[key], value, "{refusal:?}");
    }
    let digest = operation.clone().check().unwrap().digest();
    assert_eq!(refusal.metadata["operation_digest"], digest.to_string());
    let token = user.token(&mut factor.app, &[], Some(&operation)).await;
    let receipt = user.receipt(&operation, &token).await;
    let answer = user.export(&operation, &receipt).await.done();
    let key = open_export(&suite().directory(), &operation, &wallet.address, &own, &answer).unwrap();
    assert_eq!(key.public_key().as_slice(), wallet.public_key);
    assert_eq!(key.expanded().expose_secret().len(), 64);
    assert!(verifies(&wallet.public_key, b"mine", &key.sign(b"mine")));
    // Another one-time key opens nothing, and the boxes are of this operation alone.
    assert!(open_export(&suite().directory(), &operation, &wallet.address, &recipient(), &answer).is_err());
    let another = user.exporting(&wallet, own.public());
    assert!(open_export(&suite().directory(), &another, &wallet.address, &own, &answer).is_err());
}
