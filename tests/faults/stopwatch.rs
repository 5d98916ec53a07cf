//! How long things take. The one place of the campaign that reads a clock of the operating system for it.
#![expect(clippy::disallowed_methods, reason = "recovery is measured, and waiting for a server is bounded")]

use std::time::{Duration, Instant};

/// A started stopwatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has been running.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Asks until the answer is `Some`. After `patience` it says what was waited for in vain.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<T, String> {
    let watch = Stopwatch::start();
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if watch.elapsed() > patience {
            return Err(format!("waited for {what} for {patience:?} in vain"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
