//! Calls of this process for the same token take turns.

use kernel::TokenId;
use tokio::sync::{Mutex, MutexGuard};

/// How many locks there are. Tokens that share one wait for each other without need, for no longer than the stores
/// take to answer.
const LOCKS: usize = 256;

/// One lock for all tokens whose ids end in the same octet. Saves honest repetitions a refusal; that a token is issued
/// once does not depend on it.
#[derive(Debug)]
pub(crate) struct Turns([Mutex<()>; LOCKS]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Turns {
    /// Waits for the turn of a call for this token, which lasts as long as what is returned.
    pub(crate) async fn of(&self, token: TokenId) -> MutexGuard<'_, ()> {
        // The id is cut from a SHA-256, so its last octet is spread evenly.
        let [.., last] = *token.uuid().as_bytes();
        self.0[usize::from(last)].lock().await
    }
}
