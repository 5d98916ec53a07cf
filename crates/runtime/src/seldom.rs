//! Log lines that somebody outside can provoke: said at once, and then at most once a minute with how many there were.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long to be silent after a line.
const SILENCE: Duration = Duration::from_secs(60);

/// When the last line of a kind was said.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// Whether a line may be said now, and for how many that were not said it stands.
    #[expect(clippy::disallowed_methods, reason = "spaces log lines, decides nothing else")]
    pub(crate) fn may_speak(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.0.is_some_and(|last| now.duration_since(last) < SILENCE) {
            state.1 += 1;
            return None;
        }
        state.0 = Some(now);
        Some(std::mem::take(&mut state.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_one_line_a_minute() {
        let seldom = Seldom::default();
        assert_eq!(seldom.may_speak(), Some(0));
        for _ in 0..1000 {
            assert_eq!(seldom.may_speak(), None);
        }
        tokio::time::advance(SILENCE).await;
        assert_eq!(seldom.may_speak(), Some(1000));
        assert_eq!(seldom.may_speak(), None);
    }
}
