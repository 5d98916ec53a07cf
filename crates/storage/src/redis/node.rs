//! A primary, over a few connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::finding::Finding;
use super::lane::{Lane, Source};
use super::link::Link;

/// A primary, wherever it is.
pub(super) struct Node {
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

impl Node {
    pub(super) fn open(source: Arc<Source>, connections: u32) -> Self {
        let lanes = (0..connections.max(1)).map(|_| Lane::open(source.clone())).collect();
        Self { lanes, next: AtomicUsize::new(0) }
    }

    /// A connection, in turn, of those that are there; else one that is being made. Why there is none.
    pub(super) async fn link(&self) -> Result<Arc<Link>, Arc<Finding>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let lanes =
            || (0..self.lanes.len()).map(|place| &self.lanes[turn.wrapping_add(place) % self.lanes.len()]);
        if let Some(link) = lanes().find_map(Lane::ready) {
            return Ok(link);
        }
        let lane = lanes().find(|lane| lane.is_connecting()).unwrap_or(&self.lanes[turn % self.lanes.len()]);
        lane.link().await
    }

    /// Whether a connection is there.
    pub(super) fn is_ready(&self) -> bool {
        self.lanes.iter().any(|lane| lane.ready().is_some())
    }

    /// Waits for the first verdict on every connection. Why the first that failed did.
    pub(super) async fn opened(&self) -> Result<(), Arc<Finding>> {
        for lane in &self.lanes {
            lane.link().await?;
        }
        Ok(())
    }
}
