//! Several operations under one digest: a Merkle tree over theirs (RFC 9162 section 2.1), so that one proof is for all
//! of them and each is shown to be one of them by itself.
//!
//! A leaf's entry is the 32 octets of an operation's digest. Leaves and inner nodes are hashed apart (`0x00` and `0x01`
//! in front), so that no inner node passes for an operation.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{InclusionProof, RootHash};
use sha2::Sha256;

use crate::Digest;

/// The most operations that one batch has.
pub const MAX_BATCH: usize = 32;

/// The longest path from a leaf to the root of a batch: the logarithm of [`MAX_BATCH`] to the base of two.
pub const MAX_BATCH_PATH: usize = 5;

/// What a batch is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchRoot {
    /// The Merkle Tree Hash (RFC 9162 section 2.1.1).
    pub hash: [u8; 32],
    /// How many operations there are, 1 to [`MAX_BATCH`]. Part of it, because a path is judged by it.
    pub size: u32,
}

/// By what an operation is shown to be one of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLeaf {
    /// Its place in the batch, from 0.
    pub index: u32,
    /// The hashes beside the way to the root, from the leaf on (RFC 9162 section 2.1.3.1).
    pub path: Vec<[u8; 32]>,
}

/// A batch, with what shows each of its operations to be in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What it is known by.
    pub root: BatchRoot,
    /// One for each operation, in their order.
    pub leaves: Vec<BatchLeaf>,
}

/// No batch has so many operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize;

impl Batch {
    /// The batch of the operations with these digests, in this order.
    pub fn of(digests: &[Digest]) -> Result<Self, BatchSize> {
        let size = size(digests.len()).ok_or(BatchSize)?;
        let mut tree = MemoryBackedTree::<Sha256, [u8; 32]>::new();
        for digest in digests {
            tree.push(*digest.as_bytes());
        }
        let leaves = (0..size).zip(0..).map(|(index, place)| BatchLeaf {
            index,
            path: tree.prove_inclusion(place).as_bytes().as_chunks().0.to_vec(),
        });
        Ok(Self {
            root: BatchRoot { hash: (*tree.root().as_bytes()).into(), size },
            leaves: leaves.collect(),
        })
    }
}

impl BatchRoot {
    /// Whether the operation with this digest is the one in this place of the batch (RFC 9162 section 2.1.3.2).
    pub fn holds(&self, digest: &Digest, leaf: &BatchLeaf) -> bool {
        // The library has no bound of its own.
        if size(self.size as usize).is_none() || leaf.path.len() > MAX_BATCH_PATH {
            return false;
        }
        let root = RootHash::<Sha256>::new(self.hash.into(), self.size.into());
        InclusionProof::try_from_bytes(leaf.path.concat())
            .is_ok_and(|path| root.verify_inclusion(digest.as_bytes(), leaf.index.into(), &path).is_ok())
    }
}

fn size(operations: usize) -> Option<u32> {
    u32::try_from(operations).ok().filter(|_| (1..=MAX_BATCH).contains(&operations))
}
