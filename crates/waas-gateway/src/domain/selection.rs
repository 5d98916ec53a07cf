//! Which nodes take part in an attempt.

use std::collections::{BTreeMap, BTreeSet};

use kernel::NodeId;

/// The nodes that can take part in an operation, and what was seen of them in its earlier attempts.
///
/// A node that cannot take part is set aside. A node that is said to have broken the protocol is blamed: it is left out
/// of the next attempt but not for ever, because the one that says so may be the liar. Sets that were not tried come
/// first, so that with few liars a good set is found whoever blames whom.
#[derive(Debug)]
pub(crate) struct Candidates {
    needed: usize,
    /// In order of preference.
    nodes: Vec<NodeId>,
    blamed: BTreeMap<NodeId, u32>,
    tried: BTreeSet<Vec<NodeId>>,
}

impl Candidates {
    /// Those of `nodes`, the preferred ones first, of which `needed` must act together.
    pub(crate) const fn new(nodes: Vec<NodeId>, needed: usize) -> Self {
        Self { needed, nodes, blamed: BTreeMap::new(), tried: BTreeSet::new() }
    }

    /// How many must act together.
    pub(crate) const fn needed(&self) -> usize {
        self.needed
    }

    /// How many could take part.
    pub(crate) const fn available(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes for the next attempt, in order of preference; none when too few are left.
    pub(crate) fn choose(&mut self) -> Option<Vec<NodeId>> {
        let blame = |set: &Vec<NodeId>| -> u32 {
            set.iter()
                .filter_map(|node| self.blamed.get(node))
                .fold(0, |sum, blame| sum.saturating_add(*blame))
        };
        // Among equals the first is taken, and they come in order of preference.
        let chosen = combinations(&self.nodes, self.needed)
            .into_iter()
            .min_by_key(|set| (self.tried.contains(set), blame(set)))?;
        self.tried.insert(chosen.clone());
        Some(chosen)
    }

    /// The node cannot take part in this operation.
    pub(crate) fn set_aside(&mut self, node: &NodeId) {
        self.nodes.retain(|other| other != node);
    }

    /// The node is said to have broken the protocol.
    pub(crate) fn blame(&mut self, node: &NodeId) {
        let blame = self.blamed.entry(node.clone()).or_default();
        *blame = blame.saturating_add(1);
    }
}

/// All ways to choose `count` of `nodes`, in lexicographic order of their places. At most 12,870, for 8 of 16.
fn combinations(nodes: &[NodeId], count: usize) -> Vec<Vec<NodeId>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in nodes.iter().enumerate() {
        for rest in combinations(&nodes[at + 1..], count - 1) {
            all.push([vec![first.clone()], rest].concat());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::ids;
    use super::*;

    #[test]
    fn the_preferred_nodes_come_first_and_too_few_are_none() {
        let mut candidates = Candidates::new(ids(&[1, 2, 3]), 2);
        assert_eq!(candidates.choose(), Some(ids(&[1, 2])));
        assert_eq!(Candidates::new(ids(&[3]), 2).choose(), None);
        assert_eq!(Candidates::new(ids(&[3, 1]), 2).choose(), Some(ids(&[3, 1])));
    }

    #[test]
    fn a_node_set_aside_never_comes_back() {
        let mut candidates = Candidates::new(ids(&[1, 2, 3]), 2);
        candidates.set_aside(&ids(&[1])[0]);
        assert_eq!(candidates.choose(), Some(ids(&[2, 3])));
        assert_eq!(candidates.choose(), Some(ids(&[2, 3])));
        candidates.set_aside(&ids(&[3])[0]);
        assert_eq!(candidates.choose(), None);
    }

    #[test]
    fn a_culprit_is_left_out_of_the_next_attempt() {
        let mut candidates = Candidates::new(ids(&[1, 2, 3]), 2);
        candidates.choose();
        candidates.blame(&ids(&[1])[0]);
        assert_eq!(candidates.choose(), Some(ids(&[2, 3])));
    }

    #[test]
    fn one_liar_who_blames_everybody_is_found_out() {
        // The liar is node 1 and blames whomever it works with.
        let mut candidates = Candidates::new(ids(&[1, 2, 3]), 2);
        for _ in 0..2 {
            let set = candidates.choose().unwrap();
            assert_eq!(set[0], ids(&[1])[0]);
            candidates.blame(&set[1]);
        }
        assert_eq!(candidates.choose(), Some(ids(&[2, 3])));
    }

    #[test]
    fn all_sets_are_considered() {
        assert_eq!(combinations(&ids(&[1, 2, 3, 4, 5]), 3).len(), 10);
        assert_eq!(combinations(&ids(&[1, 2, 3]), 3), [ids(&[1, 2, 3])]);
    }
}
