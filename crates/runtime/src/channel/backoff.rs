//! When to connect again. Calls that come in between fail at once: each of them would else wait for a try of its own,
//! one after the other.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long to wait after the first failure; doubled with each one more.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Backoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// When the next try may be made, and why the last one failed.
    waiting: Option<(Instant, String)>,
}

#[expect(clippy::disallowed_methods, reason = "spaces attempts to connect, decides nothing else")]
impl Backoff {
    /// Whether to try now; else why the last try failed.
    pub(super) fn admit(&self) -> Result<(), String> {
        match &self.lock().waiting {
            Some((until, why)) if Instant::now() < *until => Err(why.clone()),
            _ => Ok(()),
        }
    }

    /// A try failed.
    pub(super) fn failed(&self, why: &str) {
        let mut state = self.lock();
        let wait = FIRST.saturating_mul(1 << state.failures.min(10)).min(LONGEST);
        state.failures = state.failures.saturating_add(1);
        state.waiting = Some((Instant::now() + wait, why.to_owned()));
    }

    /// A try went well. How many had failed before.
    pub(super) fn connected(&self) -> u32 {
        std::mem::take(&mut *self.lock()).failures
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tries_get_rarer_up_to_one_a_second_and_begin_anew_after_a_good_one() {
        let backoff = Backoff::default();
        let mut waits = Vec::new();
        for _ in 0..40 {
            assert_eq!(backoff.admit(), Ok(()));
            backoff.failed("refused");
            assert_eq!(backoff.admit(), Err("refused".to_owned()));
            let mut waited = Duration::ZERO;
            while backoff.admit().is_err() {
                tokio::time::advance(Duration::from_millis(10)).await;
                waited += Duration::from_millis(10);
            }
            waits.push(waited);
        }
        assert_eq!(waits[..6], [50, 100, 200, 400, 800, 1000].map(Duration::from_millis));
        assert!(waits[5..].iter().all(|wait| *wait == LONGEST));
        assert_eq!(backoff.connected(), 40);
        backoff.failed("refused");
        tokio::time::advance(FIRST).await;
        assert_eq!(backoff.admit(), Ok(()));
    }
}
