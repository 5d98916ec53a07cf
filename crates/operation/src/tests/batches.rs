//! Batches: each operation in its place, and nothing else in any.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{Batch, BatchLeaf, BatchRoot, BatchSize, Digest, MAX_BATCH, MAX_BATCH_PATH};

fn digests(count: usize) -> Vec<Digest> {
    (0..count).map(|number| Digest::of(&number.to_be_bytes())).collect()
}

fn leaf_hash(digest: &Digest) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(digest.as_bytes()).finalize().into()
}

/// RFC 9162 section 2.1.1, word for word.
fn tree_hash(digests: &[Digest]) -> [u8; 32] {
    if let [digest] = digests {
        return leaf_hash(digest);
    }
    let largest_power_below = (digests.len() - 1).ilog2();
    let (left, right) = digests.split_at(1 << largest_power_below);
    Sha256::new()
        .chain_update([1])
        .chain_update(tree_hash(left))
        .chain_update(tree_hash(right))
        .finalize()
        .into()
}

#[test]
fn the_root_is_the_one_of_the_rfc_for_every_size() {
    for count in 1..=MAX_BATCH {
        let digests = digests(count);
        let batch = Batch::of(&digests).unwrap();
        assert_eq!(batch.root, BatchRoot { hash: tree_hash(&digests), size: u32::try_from(count).unwrap() });
        assert_eq!(batch.leaves.len(), count);
        let longest = batch.leaves.iter().map(|leaf| leaf.path.len()).max().unwrap();
        assert!(longest <= MAX_BATCH_PATH && (count < MAX_BATCH || longest == MAX_BATCH_PATH));
    }
}

#[test]
fn a_batch_has_1_to_32_operations() {
    assert_eq!(MAX_BATCH, 1 << MAX_BATCH_PATH);
    for count in [0, MAX_BATCH + 1, 1_000] {
        assert_eq!(Batch::of(&digests(count)), Err(BatchSize));
    }
}

#[test]
fn each_operation_is_in_its_own_place_and_no_other() {
    for count in 1..=MAX_BATCH {
        let digests = digests(count);
        let batch = Batch::of(&digests).unwrap();
        for (place, digest) in digests.iter().enumerate() {
            for (other, leaf) in batch.leaves.iter().enumerate() {
                assert_eq!(batch.root.holds(digest, leaf), place == other, "{place} in {other} of {count}");
            }
        }
    }
}

/// Whoever shows a path of an inner node shows no operation: its hash is not the digest of one.
#[test]
fn an_inner_node_is_no_operation() {
    let batch = Batch::of(&digests(4)).unwrap();
    let [left, right] = [0, 2].map(|first| tree_hash(&digests(4)[first..first + 2]));
    for size in [1, 2, 4] {
        let root = BatchRoot { size, ..batch.root };
        let leaf = BatchLeaf { index: 0, path: vec![right] };
        assert!(!root.holds(&Digest::from_bytes(left), &leaf));
        assert!(!root.holds(&Digest::from_bytes(batch.root.hash), &BatchLeaf { index: 0, path: Vec::new() }));
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    batches: Vec<Vector>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    description: String,
    digests: Vec<String>,
    root: String,
    leaves: Vec<VectorLeaf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorLeaf {
    index: u32,
    path: Vec<String>,
}

#[derive(Deserialize)]
struct Refused {
    description: String,
    root: String,
    size: u32,
    digest: String,
    #[serde(flatten)]
    leaf: VectorLeaf,
}

impl VectorLeaf {
    fn read(&self) -> BatchLeaf {
        BatchLeaf { index: self.index, path: self.path.iter().map(|hash| octets(hash)).collect() }
    }
}

fn octets(text: &str) -> [u8; 32] {
    *text.parse::<Digest>().unwrap().as_bytes()
}

/// What other languages make of it: `docs/vectors/check_batch.py` runs the same file.
#[test]
fn the_vectors_are_right() {
    let file: File = serde_json::from_str(include_str!("../../../../docs/vectors/batch.json")).unwrap();
    let mut sizes = BTreeSet::new();
    for vector in &file.batches {
        let digests: Vec<Digest> = vector.digests.iter().map(|digest| digest.parse().unwrap()).collect();
        let batch = Batch::of(&digests).unwrap();
        let leaves: Vec<_> = vector.leaves.iter().map(VectorLeaf::read).collect();
        assert_eq!(batch.root.hash, octets(&vector.root), "{}", vector.description);
        assert_eq!(batch.leaves, leaves, "{}", vector.description);
        sizes.insert(digests.len());
    }
    assert!(sizes.contains(&1) && sizes.contains(&MAX_BATCH));
    for vector in &file.refused {
        let root = BatchRoot { hash: octets(&vector.root), size: vector.size };
        let digest = vector.digest.parse().unwrap();
        assert!(!root.holds(&digest, &vector.leaf.read()), "{}", vector.description);
    }
    assert!(file.refused.len() > 10);
}

proptest! {
    #[test]
    fn whatever_is_changed_shows_nothing(
        count in 1..=MAX_BATCH,
        place in any::<prop::sample::Index>(),
        octet in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        elsewhere in any::<u32>(),
        hash in any::<[u8; 32]>(),
    ) {
        let digests = digests(count);
        let Batch { root, leaves } = Batch::of(&digests).unwrap();
        let place = place.index(count);
        let (digest, leaf) = (digests[place], leaves[place].clone());
        prop_assert!(root.holds(&digest, &leaf));

        let holds = |root: BatchRoot, digest: [u8; 32], index: u32, path: &[[u8; 32]]| {
            root.holds(&Digest::from_bytes(digest), &BatchLeaf { index, path: path.to_vec() })
        };
        let flipped = |mut octets: [u8; 32]| {
            octets[octet.index(32)] ^= flip;
            octets
        };
        let (own, path) = (*digest.as_bytes(), leaf.path.as_slice());
        prop_assert!(!holds(root, flipped(own), leaf.index, path));
        prop_assert!(!holds(root, hash, leaf.index, path));
        prop_assert_eq!(holds(root, own, elsewhere, path), elsewhere == leaf.index);
        let other = BatchRoot { hash: flipped(root.hash), ..root };
        prop_assert!(!holds(other, own, leaf.index, path));
        for size in [0, 33, u32::MAX] {
            let other = BatchRoot { size, ..root };
            prop_assert!(!holds(other, own, leaf.index, path));
        }
        for step in 0..path.len() {
            let mut other = leaf.path.clone();
            other[step] = flipped(other[step]);
            prop_assert!(!holds(root, own, leaf.index, &other));
        }
        prop_assert!(!holds(root, own, leaf.index, &[path, &[hash]].concat()));
        if let Some((_, shorter)) = path.split_last() {
            prop_assert!(!holds(root, own, leaf.index, shorter));
        }
        prop_assert!(!holds(root, own, leaf.index, &vec![hash; 10_000]));
    }

    #[test]
    fn no_two_batches_have_one_root(count in 1..=MAX_BATCH, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let digests = digests(count);
        let root = Batch::of(&digests).unwrap().root;
        let mut swapped = digests.clone();
        swapped.swap(one.index(count), other.index(count));
        prop_assert_eq!(Batch::of(&swapped).unwrap().root == root, swapped == digests);
        let shorter: BTreeSet<_> =
            (1..=count).map(|count| Batch::of(&digests[..count]).unwrap().root.hash).collect();
        prop_assert_eq!(shorter.len(), count);
    }
}
