//! Ceremonies in this process's memory: for one process that serves alone. What it held is gone when it ends, and those
//! ceremonies lead nowhere: begin anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kernel::{CeremonyId, Error, Result, Timestamp};

use crate::domain::{Ceremony, Owner, ceremony};
use crate::ports::Ceremonies;

/// How many are kept at all; bounds the memory to some hundred megabytes.
const MAX_CEREMONIES: usize = 50_000;

/// Ceremonies in memory. Every method takes the one lock once and never waits while it holds it.
#[derive(Debug, Default)]
pub(crate) struct MemoryCeremonies {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_owner: HashMap<Owner, Vec<Ceremony>>,
    /// The same ceremonies by the time they end.
    by_end: BTreeSet<(Timestamp, CeremonyId, Owner)>,
}

impl MemoryCeremonies {
    /// An empty store.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The state, without what has ended by now. No code that can panic runs while a change is half done, so the state is
    /// good even if a thread died with the lock.
    fn state(&self, now: Timestamp) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((end, id, owner)) = state.by_end.first().copied()
            && end <= now
        {
            state.remove(owner, id);
        }
        state
    }
}

impl State {
    fn remove(&mut self, owner: Owner, id: CeremonyId) -> Option<Ceremony> {
        let own = self.by_owner.get_mut(&owner)?;
        let place = own.iter().position(|ceremony| ceremony.id == id)?;
        let ceremony = own.swap_remove(place);
        if own.is_empty() {
            self.by_owner.remove(&owner);
        }
        self.by_end.remove(&(ceremony.expires, id, owner));
        Some(ceremony)
    }
}

#[async_trait]
impl Ceremonies for MemoryCeremonies {
    async fn put(&self, ceremony: &Ceremony, now: Timestamp) -> Result<()> {
        let mut state = self.state(now);
        if state.by_end.len() >= MAX_CEREMONIES {
            return Err(Error::store_unavailable("the store of passkey ceremonies is full"));
        }
        let owner = ceremony.owner;
        let own = state.by_owner.entry(owner).or_default();
        // What has ended is not among them any more.
        if own.len() >= ceremony::MAX_PER_USER
            && let Some(first) = own.iter().map(|known| known.expires).min()
        {
            return Err(ceremony::too_many(first.since(now)));
        }
        own.push(ceremony.clone());
        state.by_end.insert((ceremony.expires, ceremony.id, owner));
        Ok(())
    }

    async fn take(&self, owner: Owner, id: CeremonyId, now: Timestamp) -> Result<Option<Ceremony>> {
        Ok(self.state(now).remove(owner, id))
    }

    async fn forget_user(&self, owner: Owner) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for ceremony in state.by_owner.remove(&owner).unwrap_or_default() {
            state.by_end.remove(&(ceremony.expires, ceremony.id, owner));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ceremonies::contract;
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_contract() {
        contract::holds(async || {
            let store = Arc::new(MemoryCeremonies::new()) as Arc<dyn Ceremonies>;
            vec![store.clone(), store]
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_taken_forgotten_or_over_takes_no_room() {
        let store = MemoryCeremonies::new();
        let (first, second, third) = (contract::ceremony(1), contract::ceremony(2), contract::ceremony(3));
        for ceremony in [&first, &second, &third] {
            store.put(ceremony, contract::NOW).await.unwrap();
        }
        store.take(first.owner, first.id, contract::NOW).await.unwrap().unwrap();
        store.forget_user(second.owner).await.unwrap();
        assert_eq!(store.state.lock().unwrap().by_end.len(), 1);
        let state = store.state(third.expires);
        assert!(state.by_end.is_empty() && state.by_owner.is_empty());
    }
}
