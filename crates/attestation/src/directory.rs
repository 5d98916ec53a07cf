//! The nodes of a group, as the operator pins them in configuration. Nothing here is ever taken from a message.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use kernel::ids::InvalidId;
use kernel::{Error, NodeId, Result};

use crate::key::{is_signature, is_sound};

/// The largest group. Bounds the size of messages; far above what is run.
pub const MAX_NODES: usize = 16;

/// The name of a group of nodes: 1 to 32 lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

impl GroupName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GroupName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 32 || !text.chars().all(allowed) {
            return Err(InvalidId("a group name: 1 to 32 lower-case letters, digits and hyphens"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What is public about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What the operator calls it.
    pub id: NodeId,
    /// Its FROST identifier, from 1.
    pub identifier: u16,
    /// Ed25519 public key of its identity (RFC 8032).
    pub signing_key: [u8; 32],
    /// X25519 public key that messages to it are sealed to (RFC 7748).
    pub kem_key: [u8; 32],
}

impl Node {
    /// Whether the node's identity made this signature (RFC 8032, strict).
    pub fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        is_signature(&self.signing_key, message, signature)
    }
}

/// A group of nodes and how many of them must act together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDirectory {
    group: GroupName,
    threshold: u16,
    /// By ascending identifier.
    nodes: Vec<Node>,
}

impl NodeDirectory {
    /// A group in which `threshold` nodes must act together.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the setting unless 2 ≤ t ≤ n ≤ [`MAX_NODES`] and 2t > n (any two quorums share a
    /// node, which is what stops a token from being spent at two of them), ids, identifiers and keys are all
    /// different, and each signing key is a point of large order.
    pub fn new(group: GroupName, threshold: u16, mut nodes: Vec<Node>) -> Result<Self> {
        let count = nodes.len();
        if !(2..=MAX_NODES).contains(&count) {
            return Err(Error::invalid("nodes", format!("there must be 2 to {MAX_NODES} of them")));
        }
        let quorum = usize::from(threshold);
        if quorum < 2 || quorum > count || 2 * quorum <= count {
            return Err(Error::invalid(
                "threshold",
                "must be at least 2, more than half of the nodes and not more than there are",
            ));
        }
        for node in &nodes {
            if node.identifier == 0 {
                return Err(Error::invalid("nodes.identifier", "must be from 1 to 65535"));
            }
            if !is_sound(&node.signing_key) {
                return Err(Error::invalid(
                    "nodes.signing_key",
                    format!("of node {} is not an Ed25519 public key of large order", node.id),
                ));
            }
        }
        distinct("nodes.id", nodes.iter().map(|node| &node.id))?;
        distinct("nodes.identifier", nodes.iter().map(|node| node.identifier))?;
        distinct("nodes.signing_key", nodes.iter().map(|node| node.signing_key))?;
        distinct("nodes.kem_key", nodes.iter().map(|node| node.kem_key))?;
        nodes.sort_by_key(|node| node.identifier);
        Ok(Self { group, threshold, nodes })
    }

    /// The group's name.
    pub const fn group(&self) -> &GroupName {
        &self.group
    }

    /// How many nodes must act together, t.
    pub const fn threshold(&self) -> u16 {
        self.threshold
    }

    /// All nodes, by ascending identifier.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of this id.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// The ids of all nodes, in the same order.
    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.id.clone()).collect()
    }
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
    use super::*;
    use crate::fixtures;
    use kernel::Reason;

    fn field(result: Result<NodeDirectory>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.reason(), Reason::InvalidRequest);
        error.violations()[0].field.clone()
    }

    #[test]
    fn only_majorities_of_two_and_more_make_a_group() {
        let group: GroupName = "main".parse().unwrap();
        for (threshold, count, good) in [
            (2, 3, true),
            (2, 2, true),
            (3, 5, true),
            (3, 3, true),
            (1, 1, false),
            (1, 3, false),
            (2, 4, false),
            (3, 2, false),
            (0, 3, false),
            (9, 17, false),
        ] {
            let nodes = fixtures::nodes(count);
            let result = NodeDirectory::new(group.clone(), threshold, nodes);
            assert_eq!(result.is_ok(), good, "{threshold} of {count}");
        }
    }

    #[test]
    fn nodes_share_no_id_identifier_or_key() {
        let group: GroupName = "main".parse().unwrap();
        let change = |f: &dyn Fn(&mut Vec<Node>)| {
            let mut nodes = fixtures::nodes(3);
            f(&mut nodes);
            field(NodeDirectory::new(group.clone(), 2, nodes))
        };
        assert_eq!(change(&|nodes| nodes[1].id = nodes[0].id.clone()), "nodes.id");
        assert_eq!(change(&|nodes| nodes[1].identifier = nodes[0].identifier), "nodes.identifier");
        assert_eq!(change(&|nodes| nodes[1].identifier = 0), "nodes.identifier");
        assert_eq!(change(&|nodes| nodes[1].signing_key = nodes[0].signing_key), "nodes.signing_key");
        assert_eq!(change(&|nodes| nodes[1].kem_key = nodes[0].kem_key), "nodes.kem_key");
        // The neutral element signs anything.
        assert_eq!(change(&|nodes| nodes[1].signing_key = fixtures::NEUTRAL_ELEMENT), "nodes.signing_key");
        assert_eq!(change(&|nodes| nodes[1].signing_key = [2; 32]), "nodes.signing_key");
    }

    #[test]
    fn group_names_are_strict() {
        assert_eq!("main".parse::<GroupName>().map(|name| name.to_string()), Ok("main".to_owned()));
        for bad in ["", "Main", "a b", "a:b", &"x".repeat(33)] {
            assert!(bad.parse::<GroupName>().is_err(), "{bad}");
        }
    }
}
