//! Carrying envelopes between nodes, unread.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Error, NodeId, Reason};

/// A message from one node to another. Sealed and signed by the nodes; the gateway sees whom it is from and for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The node that says it made it.
    pub(crate) from: NodeId,
    /// The node that can open it.
    pub(crate) to: NodeId,
    /// The whole envelope, as the nodes understand it.
    pub(crate) sealed: Vec<u8>,
}

/// A node gave other envelopes than it should have.
#[derive(Debug)]
pub(crate) struct Misrouted {
    /// The node.
    pub(crate) node: NodeId,
    /// The refusal, `ENVELOPE_INVALID`.
    pub(crate) error: Error,
}

/// Sorts what each node of a round answered by whom it is for.
///
/// Each node must have given exactly one envelope from itself to each of the others, and no more.
///
/// # Errors
///
/// Names the first node that did not.
pub(crate) fn route(
    answers: BTreeMap<NodeId, Vec<Envelope>>,
) -> Result<BTreeMap<NodeId, Vec<Envelope>>, Misrouted> {
    let nodes: BTreeSet<NodeId> = answers.keys().cloned().collect();
    let mut routed: BTreeMap<NodeId, Vec<Envelope>> =
        nodes.iter().map(|node| (node.clone(), Vec::new())).collect();
    for (node, envelopes) in answers {
        let mut missing: BTreeSet<&NodeId> = nodes.iter().filter(|other| **other != node).collect();
        for envelope in envelopes {
            let expected = envelope.from == node && missing.remove(&envelope.to);
            match routed.get_mut(&envelope.to) {
                Some(inbox) if expected => inbox.push(envelope),
                _ => {
                    return Err(misrouted(node, "a node gave an envelope that is not its own or not wanted"));
                }
            }
        }
        if !missing.is_empty() {
            return Err(misrouted(node, "a node gave no envelope for one of the others"));
        }
    }
    Ok(routed)
}

fn misrouted(node: NodeId, message: &'static str) -> Misrouted {
    let error = Error::new(Reason::EnvelopeInvalid, message).with("node_id", node.as_str());
    Misrouted { node, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> NodeId {
        text.parse().unwrap()
    }

    fn envelope(from: &str, to: &str) -> Envelope {
        Envelope { from: id(from), to: id(to), sealed: format!("{from} to {to}").into_bytes() }
    }

    fn round(nodes: &[&str]) -> BTreeMap<NodeId, Vec<Envelope>> {
        let others = |node: &str| {
            nodes.iter().filter(|other| **other != node).map(|other| envelope(node, other)).collect()
        };
        nodes.iter().map(|node| (id(node), others(node))).collect()
    }

    #[test]
    fn every_envelope_reaches_its_receiver() {
        let routed = route(round(&["a", "b", "c"])).unwrap();
        assert_eq!(routed.len(), 3);
        assert_eq!(routed[&id("b")], [envelope("a", "b"), envelope("c", "b")]);
    }

    #[test]
    fn anything_but_one_envelope_to_each_other_node_is_refused_by_name() {
        let changes: [fn(&mut Vec<Envelope>); 7] = [
            Vec::clear,
            |from_b| drop(from_b.pop()),
            |from_b| from_b.push(envelope("b", "a")),
            |from_b| from_b[0] = envelope("b", "c"),
            |from_b| from_b[0] = envelope("c", "a"),
            |from_b| from_b.push(envelope("b", "b")),
            |from_b| from_b.push(envelope("b", "d")),
        ];
        for change in changes {
            let mut answers = round(&["a", "b", "c"]);
            change(answers.get_mut(&id("b")).unwrap());
            let misrouted = route(answers).unwrap_err();
            assert_eq!(misrouted.node, id("b"));
            assert_eq!(misrouted.error.reason(), Reason::EnvelopeInvalid);
            assert_eq!(misrouted.error.metadata()["node_id"], "b");
        }
    }
}
