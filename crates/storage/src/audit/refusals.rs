//! Refusals of this process on their way into the trail.
//!
//! Like refusals are counted in one row, and one row is changed by one transaction at a time. What comes while another of
//! its like is being written waits here, without a connection, and is then written in one statement with all that came
//! meanwhile. So a flood of refusals takes no more than a few connections from those who are not refused, and no more
//! time than a few statements.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use kernel::Result;
use kernel::audit::Event;
use tokio::sync::{Mutex as Turns, MutexGuard as Turn};

use super::unwritten;

/// How many rows are written at once, each by a connection.
const LANES: usize = 4;

/// Like refusals, as one row says them.
#[derive(Clone, Debug)]
pub(super) struct Like {
    /// The first of them, with nothing in it that they do not share.
    pub(super) event: Event,
    /// How many they are, from 1.
    pub(super) count: i64,
}

impl Like {
    /// One alone.
    pub(super) const fn one(event: Event) -> Self {
        Self { event, count: 1 }
    }

    fn add(&mut self, event: &Event) {
        self.count += 1;
        if self.event.resource != event.resource {
            self.event.resource.clear();
        }
        if self.event.operation != event.operation {
            self.event.operation = None;
            self.event.digest = None;
        }
        self.event.trace = None;
    }
}

/// Refusals that wait to be written down. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    lanes: Arc<[Lane; LANES]>,
}

#[derive(Debug, Default)]
struct Lane {
    /// Whoever writes has it.
    turns: Turns<()>,
    /// By what makes them alike. Held by those that wait, so that nothing stays behind when all of them are gone.
    waiting: Mutex<HashMap<String, Weak<Batch>>>,
}

/// Like refusals that are written down by one statement.
#[derive(Debug)]
struct Batch {
    like: Mutex<Like>,
    /// Whether they were, once that was tried.
    written: OnceLock<bool>,
}

impl Refusals {
    /// Waits for the turn to write the row of `key`, which lasts as long as what is returned.
    pub(super) async fn turn(&self, key: &str) -> Turn<'_, ()> {
        self.lane(key).turns.lock().await
    }

    /// Has the refusal written down by `write`, with those of the same `key` that wait beside it.
    pub(super) async fn record<F>(
        &self,
        key: &str,
        event: Event,
        write: impl FnOnce(Like) -> F + Send,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send,
    {
        let lane = self.lane(key);
        let batch = lane.join(key, event);
        let _turn = lane.turns.lock().await;
        match batch.written.get() {
            Some(true) => return Ok(()),
            Some(false) => return Err(unwritten("the refusals that this one was written with were not")),
            None => {}
        }
        let result = write(lane.close(key, &batch)).await;
        // A writer that was stopped in the middle tells nobody; the next of its batch then writes once more.
        let _ = batch.written.set(result.is_ok());
        result
    }

    fn lane(&self, key: &str) -> &Lane {
        // Keys are digests: what they begin with is spread evenly.
        let first = key.bytes().next().unwrap_or_default();
        &self.lanes[usize::from(first) % LANES]
    }
}

impl Lane {
    /// Joins those that wait, or is the first of them.
    fn join(&self, key: &str, event: Event) -> Arc<Batch> {
        let mut waiting = locked(&self.waiting);
        if let Some(batch) = waiting.get(key).and_then(Weak::upgrade) {
            locked(&batch.like).add(&event);
            return batch;
        }
        waiting.retain(|_, batch| batch.strong_count() > 0);
        let batch = Arc::new(Batch { like: Mutex::new(Like::one(event)), written: OnceLock::new() });
        waiting.insert(key.to_owned(), Arc::downgrade(&batch));
        batch
    }

    /// Lets nobody join any more.
    fn close(&self, key: &str, batch: &Arc<Batch>) -> Like {
        let mut waiting = locked(&self.waiting);
        if waiting.get(key).is_some_and(|open| std::ptr::eq(open.as_ptr(), Arc::as_ptr(batch))) {
            waiting.remove(key);
        }
        locked(&batch.like).clone()
    }
}

/// Nothing panics while it holds one of the locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
