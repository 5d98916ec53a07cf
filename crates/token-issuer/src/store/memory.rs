//! Tokens in this process's memory: for one process that serves an environment alone. What it held is gone when the
//! process ends, and so are the tokens: a token that is not on file is worth nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kernel::{EnvironmentId, Error, OperationId, Result, Timestamp, TokenId, UserId};
use operation::Digest;

use crate::domain::record::{self, MAX_PER_USER, Redemption, TokenRecord};
use crate::domain::token::{Token, TokenKey};
use crate::ports::{Redeemed, Room, TokenStore};

/// How many tokens are kept at all, tombstones included; bounds the memory to some hundred megabytes.
const MAX_RECORDS: usize = 200_000;

/// Tokens in memory. Every method takes the one lock once and never waits while it holds it.
#[derive(Debug, Default)]
pub struct MemoryTokenStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: HashMap<TokenKey, TokenRecord>,
    /// The same tokens by the time they are forgotten.
    by_end: BTreeSet<(Timestamp, TokenKey)>,
    /// The same tokens by user and expiry.
    by_user: HashMap<(EnvironmentId, UserId), BTreeSet<(Timestamp, TokenId)>>,
}

impl MemoryTokenStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state, without what is to be forgotten by now. No code that can panic runs while a change is half done,
    /// so the state is good even if a thread died with the lock.
    fn state(&self, now: Timestamp) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget(now);
        state
    }
}

impl State {
    fn forget(&mut self, now: Timestamp) {
        while let Some((end, key)) = self.by_end.first().copied()
            && end <= now
        {
            self.by_end.remove(&(end, key));
            if let Some(TokenRecord { token, .. }) = self.records.remove(&key) {
                let user = (token.environment, token.user);
                if let Some(tokens) = self.by_user.get_mut(&user) {
                    tokens.remove(&(token.expires, key.id));
                    if tokens.is_empty() {
                        self.by_user.remove(&user);
                    }
                }
            }
        }
    }

    fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<()> {
        if self.records.len() >= MAX_RECORDS {
            return Err(Error::store_unavailable("the token store is full"));
        }
        let Some(tokens) = self.by_user.get(&(environment, user)) else {
            return Ok(());
        };
        let mut unexpired = tokens.iter().filter(|(expires, _)| *expires > now);
        let first = unexpired.next();
        match first {
            Some((expires, _)) if 1 + unexpired.count() >= MAX_PER_USER => {
                Err(record::limit_reached(expires.since(now)))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<Room> {
        self.state(now).check_room(environment, user, now)?;
        // It loses its records with the process, and with that everybody who found room.
        Ok(Room { history: Vec::new() })
    }

    async fn issue(&self, token: &Token, _: &Room, now: Timestamp) -> Result<()> {
        let mut state = self.state(now);
        if let Some(record) = state.records.get(&token.key()) {
            return if record.token == *token { Ok(()) } else { Err(record::another_token()) };
        }
        state.check_room(token.environment, token.user, now)?;
        let record = TokenRecord::issued(token.clone());
        state.by_end.insert((record.forgotten_at(), token.key()));
        state.by_user.entry((token.environment, token.user)).or_default().insert((token.expires, token.id));
        state.records.insert(token.key(), record);
        Ok(())
    }

    async fn get(&self, key: TokenKey, now: Timestamp) -> Result<Option<TokenRecord>> {
        Ok(self.state(now).records.get(&key).cloned())
    }

    async fn redeem(
        &self,
        key: TokenKey,
        operation: OperationId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Redeemed> {
        let mut state = self.state(now);
        let record = state.records.get_mut(&key).ok_or_else(record::unknown)?;
        match record.redeem(operation, digest, now) {
            Redemption::Redeemed(payment) => {
                record.payments.push(payment);
                Ok(Redeemed::Now)
            }
            Redemption::SameAgain => Ok(Redeemed::Earlier),
            Redemption::AlreadyRedeemed => Err(record::already_redeemed()),
            Redemption::Expired => Err(record::expired()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::RETRY_WINDOW;
    use crate::fixtures::{NOW, token};
    use crate::store::contract::{self, issue};
    use kernel::Reason;
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_contract() {
        contract::holds(async || vec![Arc::new(MemoryTokenStore::new()) as Arc<dyn TokenStore>]).await;
    }

    #[tokio::test]
    async fn nothing_is_kept_longer_than_it_says_something() {
        let store = MemoryTokenStore::new();
        for number in 0..50 {
            issue(&store, &token(number), NOW).await.unwrap();
        }
        let end = token(0).expires.plus(RETRY_WINDOW);
        assert!(store.get(token(1).key(), end).await.unwrap().is_none());
        let state = store.state(end);
        assert!(state.records.is_empty() && state.by_end.is_empty() && state.by_user.is_empty());
    }

    #[tokio::test]
    async fn it_is_bounded() {
        let store = MemoryTokenStore::new();
        {
            let mut state = store.state(NOW);
            for number in 0..u32::try_from(MAX_RECORDS).unwrap() {
                let token = token(number);
                state.records.insert(token.key(), TokenRecord::issued(token));
            }
        }
        let extra = token(u32::MAX);
        let room = Room { history: Vec::new() };
        let refused = store.issue(&extra, &room, NOW).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::StoreUnavailable);
        // Said also before a code is consumed for a token that would find no place.
        let refused = store.check_room(extra.environment, extra.user, NOW).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::StoreUnavailable);
        store.issue(&token(0), &room, NOW).await.unwrap();
    }
}
