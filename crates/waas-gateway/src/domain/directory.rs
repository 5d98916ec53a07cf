//! The nodes of the group, as the operator pins them in configuration. Nothing here is ever taken from a message.

use std::collections::BTreeSet;

use ed25519_dalek::{Signature, VerifyingKey};
use kernel::{Error, NodeId, Result};

/// The largest group.
pub const MAX_NODES: usize = 16;

/// What is pinned about a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedNode {
    /// What the operator calls it.
    pub id: NodeId,
    /// Ed25519 public key of its identity, 32 octets (RFC 8032).
    pub signing_key: [u8; 32],
}

impl PinnedNode {
    /// Whether the node's identity made this signature. Strict: no small-order key or component, canonical encodings
    /// only.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        is_signature(&self.signing_key, message, signature)
    }
}

/// Whether this is an Ed25519 signature (RFC 8032 section 5.1.7, strict).
pub(crate) fn is_signature(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public_key)
        .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
        .is_ok()
}

/// Whether this is an Ed25519 public key of large order.
pub(crate) fn is_sound_key(public_key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(public_key).is_ok_and(|key| !key.is_weak())
}

/// A group of nodes and how many of them must act together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDirectory {
    group: String,
    threshold: u16,
    nodes: Vec<PinnedNode>,
}

impl NodeDirectory {
    /// A group, 1 to 32 lower-case letters, digits and hyphens, in which `threshold` nodes must act together. The
    /// order of the nodes is that in which they are preferred.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the setting, unless 2 ≤ t ≤ n ≤ [`MAX_NODES`] and 2t > n, ids and keys are all
    /// different, and each key is an Ed25519 public key of large order.
    pub fn new(group: &str, threshold: u16, nodes: Vec<PinnedNode>) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if group.is_empty() || group.len() > 32 || !group.chars().all(allowed) {
            return Err(Error::invalid("group", "must be 1 to 32 lower-case letters, digits and hyphens"));
        }
        let (quorum, count) = (usize::from(threshold), nodes.len());
        if !(2..=MAX_NODES).contains(&count) {
            return Err(Error::invalid("nodes", format!("there must be 2 to {MAX_NODES} of them")));
        }
        if quorum < 2 || quorum > count || 2 * quorum <= count {
            return Err(Error::invalid(
                "threshold",
                "must be at least 2, more than half of the nodes and not more than there are",
            ));
        }
        if let Some(node) = nodes.iter().find(|node| !is_sound_key(&node.signing_key)) {
            return Err(Error::invalid(
                "nodes.signing_key",
                format!("of node {} is not an Ed25519 public key of large order", node.id),
            ));
        }
        distinct("nodes.id", nodes.iter().map(|node| &node.id))?;
        distinct("nodes.signing_key", nodes.iter().map(|node| node.signing_key))?;
        Ok(Self { group: group.to_owned(), threshold, nodes })
    }

    /// The group's name.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// How many nodes must act together, t.
    pub const fn threshold(&self) -> u16 {
        self.threshold
    }

    /// All nodes, the preferred ones first.
    pub fn nodes(&self) -> &[PinnedNode] {
        &self.nodes
    }

    /// The ids of all nodes, in the same order.
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.id.clone()).collect()
    }

    /// The node of this id.
    pub(crate) fn node(&self, id: &NodeId) -> Option<&PinnedNode> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// Whether a node that was asked who it is belongs here: it is the one that was asked, and it has the same group,
    /// threshold and nodes pinned.
    pub(crate) fn knows(&self, asked: &NodeId, status: &NodeStatus) -> bool {
        let theirs: BTreeSet<&PinnedNode> = status.nodes.iter().collect();
        status.node == *asked
            && status.group == self.group
            && status.threshold == u32::from(self.threshold)
            && theirs.len() == status.nodes.len()
            && theirs == self.nodes.iter().collect()
    }
}

/// What a node says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeStatus {
    /// Who answers.
    pub(crate) node: NodeId,
    /// Its group.
    pub(crate) group: String,
    /// How many nodes must act together.
    pub(crate) threshold: u32,
    /// All nodes that it has pinned.
    pub(crate) nodes: Vec<PinnedNode>,
}

fn distinct<T: Ord>(field: &str, values: impl Iterator<Item = T>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for value in values {
        if !seen.insert(value) {
            return Err(Error::invalid(field, "two nodes have the same; each must have its own"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use kernel::Reason;

    fn field(result: Result<NodeDirectory>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.reason(), Reason::InvalidRequest);
        error.violations()[0].field.clone()
    }

    #[test]
    fn only_majorities_of_two_and_more_make_a_group() {
        for (threshold, count, good) in [
            (2, 3, true),
            (2, 2, true),
            (3, 5, true),
            (1, 1, false),
            (1, 3, false),
            (2, 4, false),
            (3, 2, false),
            (0, 3, false),
            (9, 17, false),
        ] {
            let result = NodeDirectory::new("main", threshold, fixtures::pinned(count));
            assert_eq!(result.is_ok(), good, "{threshold} of {count}");
        }
    }

    #[test]
    fn a_directory_that_means_something_else_is_refused_by_name() {
        let changed = |change: &dyn Fn(&mut Vec<PinnedNode>)| {
            let mut nodes = fixtures::pinned(3);
            change(&mut nodes);
            field(NodeDirectory::new("main", 2, nodes))
        };
        assert_eq!(changed(&|nodes| nodes[1].id = nodes[0].id.clone()), "nodes.id");
        assert_eq!(changed(&|nodes| nodes[1].signing_key = nodes[0].signing_key), "nodes.signing_key");
        // The neutral element, under which signatures that nobody made are good.
        assert_eq!(changed(&|nodes| nodes[1].signing_key = fixtures::NEUTRAL_ELEMENT), "nodes.signing_key");
        assert_eq!(changed(&|nodes| nodes[1].signing_key = [2; 32]), "nodes.signing_key");
        for bad in ["", "Main", "a b", "a:b", &"x".repeat(33)] {
            assert_eq!(field(NodeDirectory::new(bad, 2, fixtures::pinned(3))), "group");
        }
    }

    #[test]
    fn a_node_with_another_directory_is_not_one_of_ours() {
        let directory = fixtures::directory(2, 3);
        let asked = directory.nodes()[0].id.clone();
        let status = NodeStatus {
            node: asked.clone(),
            group: "main".to_owned(),
            threshold: 2,
            nodes: directory.nodes().iter().rev().cloned().collect(),
        };
        assert!(directory.knows(&asked, &status));
        let changes: [fn(&mut NodeStatus); 6] = [
            |status| status.node = status.nodes[0].id.clone(),
            |status| status.group = "other".to_owned(),
            |status| status.threshold = 3,
            |status| status.nodes.truncate(2),
            |status| status.nodes.push(status.nodes[0].clone()),
            |status| status.nodes[0].signing_key = status.nodes[1].signing_key,
        ];
        for change in changes {
            let mut changed = status.clone();
            change(&mut changed);
            assert!(!directory.knows(&asked, &changed), "{changed:?}");
        }
    }
}
