//! Asking several nodes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use kernel::{NodeId, Result};

use crate::domain::effort::{self, Setback};
use crate::gateway::Gateway;

/// Makes the same call to each of `nodes`, in parallel. Every answer is waited for, so that no node is left in the
/// middle of a call that nobody listens to.
///
/// # Errors
///
/// What each refusal means, when there is one.
pub(crate) async fn each<T, F>(
    nodes: &[NodeId],
    call: impl Fn(NodeId) -> F,
) -> Result<BTreeMap<NodeId, T>, Vec<Setback>>
where
    F: Future<Output = Result<T>>,
{
    let answers = join_all(nodes.iter().map(|node| call(node.clone()))).await;
    let mut good = BTreeMap::new();
    let mut setbacks = Vec::new();
    for (node, answer) in nodes.iter().zip(answers) {
        match answer {
            Ok(answer) => drop(good.insert(node.clone(), answer)),
            Err(error) => {
                tracing::warn!(%node, ?error, "a signing node refused or did not answer");
                setbacks.push(Setback::of(node, error));
            }
        }
    }
    if setbacks.is_empty() { Ok(good) } else { Err(setbacks) }
}

impl Gateway {
    /// The nodes that can be worked with, the preferred ones first: at least `needed` that answer now and are pinned to
    /// the same group, and behind them those that have said nothing yet when these had answered. So a node that is
    /// away costs time only when it is needed.
    ///
    /// # Errors
    ///
    /// `NODE_UNAVAILABLE` when too few answer.
    pub(crate) async fn live(&self, needed: usize) -> Result<Vec<NodeId>> {
        let all = self.directory.ids();
        let mut asked: FuturesUnordered<_> =
            all.iter().map(|node| async move { (node, self.nodes.status(node).await) }).collect();
        let (mut live, mut refused) = (BTreeSet::new(), BTreeSet::new());
        while live.len() < needed
            && let Some((node, answer)) = asked.next().await
        {
            match answer {
                Ok(status) if status.node == *node && status.directory.is_same_group(&self.directory) => {
                    live.insert(node);
                }
                Ok(status) => {
                    tracing::error!(
                        %node,
                        ?status,
                        "a signing node has another group, threshold or directory than is configured here"
                    );
                    refused.insert(node);
                }
                Err(error) => {
                    tracing::warn!(%node, ?error, "a signing node does not answer");
                    refused.insert(node);
                }
            }
        }
        if live.len() < needed {
            return Err(effort::unavailable(needed, live.len()));
        }
        let in_order = |wanted: bool| {
            let (live, refused) = (&live, &refused);
            all.iter().filter(move |node| !refused.contains(node) && live.contains(node) == wanted)
        };
        Ok(in_order(true).chain(in_order(false)).cloned().collect())
    }
}
