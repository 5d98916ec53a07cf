//! A node gets a new identity.

use super::world::{World, reason};
use kernel::Reason;

const MESSAGE: &[u8] = b"the ordered message";

#[tokio::test]
async fn a_wallet_works_on_when_one_of_its_nodes_has_a_new_identity() {
    let mut world = World::new().await;
    let wallet = world.wallet().await;
    world.renew(0, true);
    let key = ed25519_dalek::VerifyingKey::from_bytes(&wallet.key.public_key).unwrap();
    for chosen in [[0, 1], [1, 2], [2, 0]] {
        let operation = world.message(&wallet, MESSAGE);
        let signature = world.sign(&wallet, &operation, MESSAGE, &chosen).await;
        key.verify_strict(MESSAGE, &ed25519_dalek::Signature::from_bytes(&signature)).unwrap();
    }
    // The activation that was begun before is repeated after, and new wallets are made.
    for n in 0..3 {
        world.activate(n, wallet.reference.id, &wallet.attestations).await.unwrap();
    }
    let newer = world.wallet().await;
    let operation = world.message(&newer, MESSAGE);
    world.sign(&newer, &operation, MESSAGE, &[0, 2]).await;
}

#[tokio::test]
async fn a_node_that_is_not_known_by_its_earlier_key_has_lost_its_wallets() {
    let mut world = World::new().await;
    let wallet = world.wallet().await;
    world.renew(0, false);
    let operation = world.message(&wallet, MESSAGE);
    let receipt = world.receipt(&operation);
    let refused = world.commit(0, &receipt, &operation, world.attempt(), &[0, 1]).await;
    assert_eq!(reason(refused), Reason::Internal);
    // The others sign without it: what they attested themselves is theirs still.
    world.sign(&wallet, &operation, MESSAGE, &[1, 2]).await;
}
