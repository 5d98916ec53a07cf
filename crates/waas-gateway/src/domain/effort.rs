//! The attempts of one run of an operation: what went wrong, what to change, and when to give up.

use kernel::{Error, NodeId, Reason};

use super::selection::Candidates;

/// How many attempts one run makes. With three, every pair of three nodes is tried; a node takes 32 in all.
const MAX_ATTEMPTS: u32 = 3;

/// What kept an attempt from its end.
#[derive(Debug)]
pub(crate) enum Setback {
    /// A node cannot take part.
    Gone(NodeId, Error),
    /// The protocol was broken, by this node as far as is known.
    Broken(Option<NodeId>, Error),
    /// A node has lost the attempt; another may do.
    Lost(Error),
    /// The receipt has expired, by this node's clock.
    Expired(NodeId, Error),
    /// No further attempt can help.
    Final(Error),
}

impl Setback {
    /// What a refusal by `node` means.
    pub(crate) fn of(node: &NodeId, error: Error) -> Self {
        match error.reason() {
            Reason::ReceiptExpired => Self::Expired(node.clone(), error),
            Reason::ReceiptSpent | Reason::ReceiptMismatch => Self::Final(error),
            Reason::AttemptUnknown => Self::Lost(error),
            Reason::ProtocolFailed | Reason::EnvelopeInvalid => {
                let culprit = error.metadata().get("node_id").and_then(|id| id.parse().ok());
                Self::Broken(culprit, error)
            }
            _ => Self::Gone(node.clone(), error),
        }
    }
}

/// The attempts of one run.
#[derive(Debug)]
pub(crate) struct Effort {
    candidates: Candidates,
    left: u32,
    /// What is told when nothing more can be tried.
    verdict: Option<Error>,
}

impl Effort {
    /// With the nodes that answer, of which `needed` must act together.
    pub(crate) const fn new(live: Vec<NodeId>, needed: usize) -> Self {
        Self { candidates: Candidates::new(live, needed), left: MAX_ATTEMPTS, verdict: None }
    }

    /// The nodes of the next attempt.
    ///
    /// # Errors
    ///
    /// Why there is none: `NODE_UNAVAILABLE`, `PROTOCOL_FAILED`, `ATTEMPT_UNKNOWN`, or a refusal of the receipt.
    pub(crate) fn next(&mut self) -> Result<Vec<NodeId>, Error> {
        let chosen = if self.left == 0 { None } else { self.candidates.choose() };
        self.left = self.left.saturating_sub(1);
        chosen.ok_or_else(|| {
            let (needed, available) = (self.candidates.needed(), self.candidates.available());
            self.verdict.take().unwrap_or_else(|| unavailable(needed, available))
        })
    }

    /// Learns from what went wrong. Answers the refusal of the receipt when it has expired and a fresh one may help: there
    /// is an attempt left to use it in.
    ///
    /// # Errors
    ///
    /// When no further attempt can help.
    pub(crate) fn learn(&mut self, setbacks: Vec<Setback>) -> Result<Option<Error>, Error> {
        let mut expired = Vec::new();
        for setback in setbacks {
            match setback {
                Setback::Final(error) => return Err(error),
                Setback::Expired(node, error) => {
                    expired.push((node, error));
                    self.verdict = Some(expired_again());
                }
                Setback::Gone(node, error) => {
                    self.candidates.set_aside(&node);
                    self.gone(error);
                }
                Setback::Broken(culprit, error) => {
                    if let Some(node) = &culprit {
                        self.candidates.blame(node);
                    }
                    self.verdict = Some(broken(culprit.as_ref(), error));
                }
                Setback::Lost(error) => self.verdict = Some(error),
            }
        }
        Ok(self.expired(expired).filter(|_| self.left > 0))
    }

    /// Nodes whose clocks are wrong are left out: those that say of a receipt that it has expired when not all of the
    /// attempt say so, as long as enough are left. Otherwise they are believed, and the answer is what they say.
    fn expired(&mut self, mut said: Vec<(NodeId, Error)>) -> Option<Error> {
        let (needed, left) =
            (self.candidates.needed(), self.candidates.available().saturating_sub(said.len()));
        if said.len() == needed || left < needed {
            return said.pop().map(|(_, error)| error);
        }
        for (node, _) in said {
            self.candidates.set_aside(&node);
        }
        None
    }

    fn gone(&mut self, error: Error) {
        // What the nodes say of the receipt is the more telling refusal, if that is why too few are left.
        self.verdict = Some(match error.reason() {
            Reason::ReceiptInvalid | Reason::ReceiptMissing => error,
            _ => unavailable(self.candidates.needed(), self.candidates.available()).cause(error),
        });
    }
}

/// Too few nodes can take part.
pub(crate) fn unavailable(needed: usize, available: usize) -> Error {
    Error::new(
        Reason::NodeUnavailable,
        format!(
            "{needed} signing nodes must act together and {available} of those that were asked can now. Nothing \
             is lost; try again with the same operation id"
        ),
    )
    .with("nodes_needed", needed.to_string())
    .with("nodes_available", available.to_string())
}

fn expired_again() -> Error {
    Error::new(
        Reason::ReceiptExpired,
        "the receipt had expired when it came to the nodes, and so had a fresh one if there was one; try again with \
         the same operation id, and a receipt that was given just now if you bring one",
    )
}

/// The nodes could not finish together.
pub(crate) fn broken(culprit: Option<&NodeId>, error: Error) -> Error {
    let told = Error::new(
        Reason::ProtocolFailed,
        "the signing nodes could not finish together. Nothing is lost; try again with the same operation id",
    );
    match culprit {
        Some(node) => told.with("node_id", node.as_str()),
        None => told,
    }
    .cause(error)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::ids;
    use super::*;

    fn refusal(reason: Reason) -> Error {
        Error::new(reason, "refused")
    }

    fn effort() -> Effort {
        Effort::new(ids(&[1, 2, 3]), 2)
    }

    fn expired(nodes: &[u8]) -> Vec<Setback> {
        ids(nodes).iter().map(|node| Setback::of(node, refusal(Reason::ReceiptExpired))).collect()
    }

    #[test]
    fn every_refusal_of_a_node_has_its_meaning() {
        let node = &ids(&[1])[0];
        for reason in Reason::ALL {
            let setback = Setback::of(node, refusal(*reason));
            let fits = match reason {
                Reason::ReceiptExpired => matches!(&setback, Setback::Expired(by, _) if by == node),
                Reason::ReceiptSpent | Reason::ReceiptMismatch => matches!(setback, Setback::Final(_)),
                Reason::AttemptUnknown => matches!(setback, Setback::Lost(_)),
                Reason::ProtocolFailed | Reason::EnvelopeInvalid => {
                    matches!(setback, Setback::Broken(None, _))
                }
                _ => matches!(&setback, Setback::Gone(gone, _) if gone == node),
            };
            assert!(fits, "{reason} {setback:?}");
        }
        let named = refusal(Reason::ProtocolFailed).with("node_id", "node-2");
        assert!(matches!(Setback::of(node, named), Setback::Broken(Some(node), _) if node == ids(&[2])[0]));
    }

    #[test]
    fn attempts_are_bounded_and_the_last_setback_is_told() {
        let mut effort = effort();
        for _ in 0..MAX_ATTEMPTS {
            effort.next().unwrap();
            assert!(effort.learn(vec![Setback::Lost(refusal(Reason::AttemptUnknown))]).unwrap().is_none());
        }
        assert_eq!(effort.next().unwrap_err().reason(), Reason::AttemptUnknown);
    }

    #[test]
    fn a_node_that_is_gone_is_replaced_while_there_is_another() {
        let mut effort = effort();
        assert_eq!(effort.next().unwrap(), ids(&[1, 2]));
        effort.learn(vec![Setback::of(&ids(&[1])[0], refusal(Reason::DependencyUnavailable))]).unwrap();
        assert_eq!(effort.next().unwrap(), ids(&[2, 3]));
        effort.learn(vec![Setback::of(&ids(&[3])[0], refusal(Reason::DependencyUnavailable))]).unwrap();
        let error = effort.next().unwrap_err();
        assert_eq!(error.reason(), Reason::NodeUnavailable);
        assert_eq!(error.metadata()["nodes_needed"], "2");
        assert_eq!(error.metadata()["nodes_available"], "1");
        assert!(error.internal_cause().is_some());
    }

    #[test]
    fn a_receipt_that_too_many_nodes_refuse_is_what_the_caller_hears_of() {
        let mut effort = effort();
        effort.next().unwrap();
        let refused = ids(&[1, 2]).iter().map(|n| Setback::of(n, refusal(Reason::ReceiptInvalid))).collect();
        effort.learn(refused).unwrap();
        assert_eq!(effort.next().unwrap_err().reason(), Reason::ReceiptInvalid);
    }

    #[test]
    fn a_spent_receipt_ends_it_at_once_and_an_expired_one_is_reported() {
        let spent = vec![Setback::of(&ids(&[1])[0], refusal(Reason::ReceiptSpent))];
        assert_eq!(effort().learn(spent).unwrap_err().reason(), Reason::ReceiptSpent);

        let mut effort = effort();
        for left in (0..MAX_ATTEMPTS).rev() {
            effort.next().unwrap();
            // A fresh one is of no use when there is no attempt left.
            assert_eq!(effort.learn(expired(&[1, 2])).unwrap().is_some(), left > 0);
        }
        assert_eq!(effort.next().unwrap_err().reason(), Reason::ReceiptExpired);
    }

    #[test]
    fn a_node_that_alone_says_that_the_receipt_has_expired_is_left_out_while_enough_are_left() {
        let mut effort = effort();
        effort.next().unwrap();
        assert!(effort.learn(expired(&[1])).unwrap().is_none());
        assert_eq!(effort.next().unwrap(), ids(&[2, 3]));
        // Without this one too few would be left: it may be right, and a fresh receipt may help.
        assert!(effort.learn(expired(&[3])).unwrap().is_some());
        assert_eq!(effort.next().unwrap(), ids(&[2, 3]));
    }

    #[test]
    fn a_broken_protocol_names_its_culprit_and_hides_the_detail() {
        let mut effort = Effort::new(ids(&[1, 2]), 2);
        for _ in 0..MAX_ATTEMPTS {
            effort.next().unwrap();
            let detail = Error::new(Reason::EnvelopeInvalid, "detail").with("node_id", "node-2");
            effort.learn(vec![Setback::of(&ids(&[1])[0], detail)]).unwrap();
        }
        let error = effort.next().unwrap_err();
        assert_eq!(error.reason(), Reason::ProtocolFailed);
        assert_eq!(error.metadata()["node_id"], "node-2");
        assert!(!error.message().contains("detail"));
    }
}
