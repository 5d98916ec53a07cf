//! The nodes of a group, as the operator pins them in configuration. Nothing here is ever taken from a message.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use kernel::ids::InvalidId;
use kernel::{Error, NodeId, Result};

use crate::key::{is_signature, is_sound};

/// The most earlier keys of one node that are kept.
pub const MAX_PREVIOUS_KEYS: usize = 16;

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
    /// Signing keys that nodes had before those they have now.
    previous: BTreeMap<NodeId, Vec<[u8; 32]>>,
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
        Ok(Self { group, threshold, nodes, previous: BTreeMap::new() })
    }

    /// The same group, of which `node` had other signing keys before. They count for what all nodes attested together
    /// about a key, and for nothing else: see [`NodeDirectory::has_attested`].
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the setting when there is no such node, or there are more than [`MAX_PREVIOUS_KEYS`],
    /// or one is not of large order or is anybody's key already, a present or an earlier one.
    pub fn with_previous_keys(mut self, node: &NodeId, keys: Vec<[u8; 32]>) -> Result<Self> {
        const FIELD: &str = "nodes.previous_signing_keys";
        if self.node(node).is_none() {
            return Err(Error::invalid(FIELD, format!("are of {node}, which is not of the group")));
        }
        if keys.len() > MAX_PREVIOUS_KEYS {
            return Err(Error::invalid(FIELD, format!("of node {node} are more than {MAX_PREVIOUS_KEYS}")));
        }
        if !keys.iter().all(is_sound) {
            return Err(Error::invalid(
                FIELD,
                format!("of node {node} are not Ed25519 public keys of large order"),
            ));
        }
        if !keys.is_empty() {
            self.previous.insert(node.clone(), keys);
        }
        let present = self.nodes.iter().map(|node| node.signing_key);
        distinct(FIELD, present.chain(self.previous.values().flatten().copied()))?;
        Ok(self)
    }

    /// The signing keys that a node had before, in the order they were given.
    pub fn previous_keys(&self, node: &NodeId) -> &[[u8; 32]] {
        self.previous.get(node).map_or(&[], Vec::as_slice)
    }

    /// Whether the node made this signature over what is attested, by its key or by one that it had before.
    ///
    /// An attestation is made once and stands for as long as the wallet does, so a node that gets a new identity must
    /// be known by its earlier ones. That is sound because nothing is believed that not all nodes attested: whoever has
    /// an earlier key of one node can do no more with it than with that node's key while it was in use. Envelopes and
    /// boxes are made anew each time, and count by the present key only.
    pub fn has_attested(&self, node: &Node, statement: &[u8], signature: &[u8; 64]) -> bool {
        node.has_signed(statement, signature)
            || self.previous_keys(&node.id).iter().any(|key| is_signature(key, statement, signature))
    }

    /// Whether both are the same group as it is now. Earlier keys do not count: nodes do not tell them to each other.
    pub fn is_same_group(&self, other: &Self) -> bool {
        (&self.group, self.threshold, &self.nodes) == (&other.group, other.threshold, &other.nodes)
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
    fn earlier_keys_are_sound_and_nobody_elses() {
        let directory = || fixtures::directory();
        let id = |number: u16| -> NodeId { format!("node-{number}").parse().unwrap() };
        let key = |number: u16| fixtures::identity(number).verifying_key().to_bytes();
        let good = directory().with_previous_keys(&id(1), vec![key(7), key(8)]).unwrap();
        assert_eq!(good.previous_keys(&id(1)), [key(7), key(8)]);
        assert!(good.previous_keys(&id(2)).is_empty());
        let refused = |directory: NodeDirectory, node: u16, keys: Vec<[u8; 32]>| {
            assert_eq!(field(directory.with_previous_keys(&id(node), keys)), "nodes.previous_signing_keys");
        };
        refused(directory(), 9, vec![key(7)]);
        refused(directory(), 1, vec![key(1)]);
        refused(directory(), 1, vec![key(2)]);
        refused(directory(), 1, vec![key(7), key(7)]);
        refused(good, 2, vec![key(8)]);
        refused(directory(), 1, vec![fixtures::NEUTRAL_ELEMENT]);
        refused(directory(), 1, (10..27).map(key).collect());
        assert_eq!(directory().with_previous_keys(&id(1), vec![]).unwrap(), directory());
        let earlier = directory().with_previous_keys(&id(1), vec![key(7)]).unwrap();
        assert!(earlier != directory() && earlier.is_same_group(&directory()));
    }

    #[test]
    fn group_names_are_strict() {
        assert_eq!("main".parse::<GroupName>().map(|name| name.to_string()), Ok("main".to_owned()));
        for bad in ["", "Main", "a b", "a:b", &"x".repeat(33)] {
            assert!(bad.parse::<GroupName>().is_err(), "{bad}");
        }
    }
}
