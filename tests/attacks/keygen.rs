//! Keys that are not what every node says that they are.

use kernel::{OperationId, Reason, UserId};
use operation::{Body, KeyType};
use proto::mpc_signer::NodeAttestation;

use super::moves::{Wallet, attestation};
use super::nodes::{NODES, Nodes, node_id};

/// Attestations, and what is wrong with them.
type Words = (&'static str, Vec<NodeAttestation>, &'static [Reason]);

#[tokio::test]
async fn a_wallet_is_used_only_by_the_word_of_every_node() {
    let nodes = Nodes::new().await;
    let creation = nodes.creation();
    let good = nodes.keygen(&nodes.receipt(&creation), &creation).await;
    let wallet = nodes.attested(good.clone());
    let elsewhere = nodes.create().await;
    let spoil = |change: &dyn Fn(&mut Vec<NodeAttestation>)| {
        let mut words = good.clone();
        change(&mut words);
        words
    };
    const FORGED: &[Reason] = &[Reason::EnvelopeInvalid];
    const ANY: &[Reason] = &[Reason::EnvelopeInvalid, Reason::ProtocolFailed, Reason::InvalidRequest];
    let table: Vec<Words> = vec![
        ("none", Vec::new(), ANY),
        ("two of three", good[..2].to_vec(), FORGED),
        ("one twice", spoil(&|w| w[2] = w[1].clone()), FORGED),
        ("one in another's name", spoil(&|w| w[2].node_id = node_id(1).to_string()), FORGED),
        ("one of a stranger", spoil(&|w| w[2].node_id = "node-9".to_owned()), FORGED),
        ("a flipped bit in a signature", spoil(&|w| w[2].signature[0] ^= 1), FORGED),
        ("a flipped bit in a statement", spoil(&|w| *w[2].statement.last_mut().unwrap() ^= 1), ANY),
        ("a flipped bit in all statements", spoil(&|w| w.iter_mut().for_each(|w| w.statement[40] ^= 1)), ANY),
        ("one about another wallet", spoil(&|w| w[2] = elsewhere.attestations[2].clone()), ANY),
        ("all about another wallet", elsewhere.attestations.clone(), ANY),
        ("a short signature", spoil(&|w| w[0].signature.truncate(63)), ANY),
        ("one too many", spoil(&|w| w.push(w[0].clone())), ANY),
    ];
    for (what, words, reasons) in table {
        for n in 0..NODES {
            let refused = nodes.activate(n, nodes.wallet_name(wallet.on.id), words.clone()).await;
            let reason = refused.err().map(|refusal| refusal.reason);
            assert!(reason.is_some_and(|reason| reasons.contains(&reason)), "{what}: {reason:?}");
        }
    }
    // What is not in use signs nothing and is exported to nobody.
    let early = nodes.signing(&wallet, b"early");
    let refused = nodes.commit(0, &nodes.receipt(&early), &early, &nodes.attempt(), &[0, 1]).await;
    assert_eq!(refused.unwrap_err().reason, Reason::WalletNotActive);
    let export = nodes.exporting(&wallet, [9; 32]);
    let refused = nodes.export_share(0, &nodes.receipt(&export), &export).await.unwrap_err();
    assert_eq!(refused.reason, Reason::WalletNotActive);
    // In whichever order the words come.
    for n in 0..NODES {
        let mut words = good.clone();
        words.rotate_left(n);
        nodes.activate(n, nodes.wallet_name(wallet.on.id), words).await.unwrap();
    }
    nodes.sign_honestly(&wallet, &nodes.signing(&wallet, b"now"), None).await;
}

#[tokio::test]
async fn a_key_that_is_in_use_is_not_replaced() {
    let nodes = Nodes::new().await;
    let creation = nodes.creation();
    // Two runs of the same creation before either is in use: which of them it is, is up to who carries; but it is one.
    let first = nodes.keygen(&nodes.receipt(&creation), &creation).await;
    let second = nodes.keygen(&nodes.receipt(&creation), &creation).await;
    let wallet = nodes.attested(first.clone());
    let other = nodes.attested(second.clone());
    assert_eq!(wallet.on, other.on);
    assert_ne!(wallet.statement.key.public_key, other.statement.key.public_key);
    let name = nodes.wallet_name(wallet.on.id);
    // Not half and half.
    let mixed = vec![first[0].clone(), first[1].clone(), second[2].clone()];
    for n in 0..NODES {
        let refused = nodes.activate(n, name.clone(), mixed.clone()).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ProtocolFailed);
    }
    for n in 0..NODES {
        nodes.activate(n, name.clone(), first.clone()).await.unwrap();
        let refused = nodes.activate(n, name.clone(), second.clone()).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ResourceNotFound);
        let receipt = nodes.receipt(&creation);
        let refused = nodes.start_keygen(n, &receipt, &creation, &nodes.attempt()).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ReceiptSpent);
    }
    nodes.sign_honestly(&wallet, &nodes.signing(&wallet, b"first"), None).await;
}

#[tokio::test]
async fn nodes_that_use_different_keys_of_one_creation_sign_nothing_together() {
    let nodes = Nodes::new().await;
    let creation = nodes.creation();
    let first = nodes.keygen(&nodes.receipt(&creation), &creation).await;
    let second = nodes.keygen(&nodes.receipt(&creation), &creation).await;
    let (one, two) = (nodes.attested(first.clone()), nodes.attested(second.clone()));
    let name = nodes.wallet_name(one.on.id);
    nodes.activate(0, name.clone(), first.clone()).await.unwrap();
    nodes.activate(1, name.clone(), second).await.unwrap();
    // One that has another key in use says so.
    let refused = nodes.activate(1, name, first).await.unwrap_err();
    assert_eq!(refused.reason, Reason::ResourceNotFound);
    let operation = nodes.signing(&one, b"split");
    let mut harvest = super::harvest::Harvest::default();
    // Whatever they say to each other is no signature under either key.
    let _ = nodes.sign(&mut harvest, &nodes.receipt(&operation), &operation, &[0, 1]).await;
    for wallet in [&one, &two] {
        assert_eq!(harvest.signatures(wallet, &[b"split"]).len(), 0);
    }
}

#[tokio::test]
async fn a_wallet_belongs_to_the_user_of_its_creation() {
    let nodes = Nodes::new().await;
    let victim = nodes.create().await;
    let eve = UserId::random(nodes.entropy.as_ref());
    let entropy = nodes.entropy.as_ref();
    let create = Body::CreateWallet { key_type: KeyType::Ed25519 };
    let of_eve = nodes.operation_of(eve, OperationId::random(entropy), create.clone());
    // The victim's receipt makes no wallet of eve's.
    let another = nodes.creation();
    let receipt = nodes.receipt(&another);
    let refused = nodes.start_keygen(0, &receipt, &of_eve, &nodes.attempt()).await.unwrap_err();
    assert_eq!(refused.reason, Reason::ReceiptMismatch);
    // Eve's own does, at an address that follows from her operation; the victim's wallet is not hers by any name.
    let attestations = nodes.keygen(&nodes.receipt(&of_eve), &of_eve).await;
    let own: Wallet = nodes.attested(attestations.clone());
    assert_eq!(own.statement.user, eve);
    assert_ne!(own.on.id, victim.on.id);
    for n in 0..NODES {
        let stolen = nodes.activate(n, nodes.wallet_name(own.on.id), attestations.clone()).await.unwrap_err();
        assert_eq!(stolen.reason, Reason::InvalidRequest);
    }
    let body = Body::SignMessage { wallet: victim.on, message: b"mine now".to_vec() };
    let theft = nodes.operation_of(eve, OperationId::random(entropy), body);
    let refused = nodes.commit(0, &nodes.receipt(&theft), &theft, &nodes.attempt(), &[0, 1]).await;
    assert_eq!(refused.unwrap_err().reason, Reason::ResourceNotFound);
    assert_eq!(attestation(&victim.attestations[0]).verify(&nodes.directory).unwrap().user, nodes.user);
}
