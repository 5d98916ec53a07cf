use super::world::{NOW, Wallet, World, reason};
use crate::export::{self, ExpectedExport, ExportedKey, RecipientKey, SealedShare};
use crate::signer::Call;
use kernel::{OperationId, Reason, Result};
use operation::{Body, CheckedOperation, WalletRef};

async fn export(world: &World, n: usize, receipt: &str, operation: &CheckedOperation) -> Result<SealedShare> {
    let place = &world.nodes[n];
    let trail = place.trail();
    let call = Call { at: NOW, trail: &trail };
    let result = place.signer.export_share(call, receipt, operation).await;
    trail.end(result, true).await
}

fn operation(world: &World, wallet: &Wallet, recipient: &RecipientKey) -> CheckedOperation {
    world.operation(Body::ExportWallet { wallet: wallet.reference, recipient_public_key: recipient.public() })
}

fn open(
    world: &World,
    wallet: &Wallet,
    operation: &CheckedOperation,
    recipient: &RecipientKey,
    boxes: &[SealedShare],
) -> Result<ExportedKey> {
    let address = wallet.key.address();
    let expected = ExpectedExport {
        environment: world.environment,
        user: world.user,
        wallet: wallet.reference.id,
        generation: 1,
        operation_digest: *operation.digest().as_bytes(),
        address: &address,
    };
    let directory = world.nodes[0].signer.local().directory();
    export::open(directory, &expected, recipient, &wallet.attestations, boxes, world.entropy.as_ref())
}

#[tokio::test]
async fn the_exported_key_is_the_wallet_s() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let recipient = RecipientKey::generate(world.entropy.as_ref());
    let operation = operation(&world, &wallet, &recipient);
    let receipt = world.receipt(&operation);
    let boxes = [
        export(&world, 2, &receipt, &operation).await.unwrap(),
        export(&world, 0, &receipt, &operation).await.unwrap(),
    ];
    let key = open(&world, &wallet, &operation, &recipient, &boxes).unwrap();
    assert_eq!(key.public_key(), wallet.key.public_key);
    let public = ed25519_dalek::VerifyingKey::from_bytes(&wallet.key.public_key).unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(&key.sign(b"mine now"));
    public.verify_strict(b"mine now", &signature).unwrap();
    // The nodes go on signing with the same key.
    let operation = world.message(&wallet, b"still theirs");
    let signature = world.sign(&wallet, &operation, b"still theirs", &[0, 1]).await;
    assert!(wallet.key.verifies(b"still theirs", &signature));
}

#[tokio::test]
async fn the_same_export_again_is_a_fresh_box_for_the_same_key() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let recipient = RecipientKey::generate(world.entropy.as_ref());
    let operation = operation(&world, &wallet, &recipient);
    let receipt = world.receipt(&operation);
    let first = export(&world, 0, &receipt, &operation).await.unwrap();
    let again = export(&world, 0, &receipt, &operation).await.unwrap();
    assert_ne!(first.encapsulated_key, again.encapsulated_key);
    let other = export(&world, 1, &receipt, &operation).await.unwrap();
    for boxes in [[first, other.clone()], [again, other]] {
        assert!(open(&world, &wallet, &operation, &recipient, &boxes).is_ok());
    }
}

#[tokio::test]
async fn another_recipient_under_the_same_operation_id_is_refused_for_ever() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let recipient = RecipientKey::generate(world.entropy.as_ref());
    let honest = operation(&world, &wallet, &recipient);
    export(&world, 0, &world.receipt(&honest), &honest).await.unwrap();
    let thief = RecipientKey::generate(world.entropy.as_ref());
    let body = Body::ExportWallet { wallet: wallet.reference, recipient_public_key: thief.public() };
    let stolen = world.operation_with(world.user, honest.operation().id, body);
    // With the receipt of the honest one, and with one that should never have been given.
    let receipt = world.receipt(&honest);
    assert_eq!(reason(export(&world, 0, &receipt, &stolen).await), Reason::ReceiptMismatch);
    let receipt = world.receipt(&stolen);
    assert_eq!(reason(export(&world, 0, &receipt, &stolen).await), Reason::ReceiptSpent);
}

#[tokio::test]
async fn only_an_export_exports() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let signing = world.message(&wallet, b"sign only");
    let receipt = world.receipt(&signing);
    assert_eq!(reason(export(&world, 0, &receipt, &signing).await), Reason::InvalidRequest);
    let recipient = RecipientKey::generate(world.entropy.as_ref());
    let id = OperationId::random(world.entropy.as_ref());
    let body = Body::ExportWallet {
        wallet: WalletRef { share_generation: 2, ..wallet.reference },
        recipient_public_key: recipient.public(),
    };
    let wrong_generation = world.operation_with(world.user, id, body);
    let receipt = world.receipt(&wrong_generation);
    let refused = export(&world, 0, &receipt, &wrong_generation).await;
    assert_eq!(reason(refused), Reason::GenerationMismatch);
}
