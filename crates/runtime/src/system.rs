//! The only readers of the system's clock and randomness. The binary makes them; everything else is handed a port.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use kernel::{Clock, Entropy, Timestamp};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let millis = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        Timestamp::from_millis(millis)
    }
}

/// The operating system's generator, through aws-lc.
#[derive(Debug)]
pub struct OsEntropy(SystemRandom);

impl OsEntropy {
    /// The generator.
    #[expect(clippy::disallowed_methods, reason = "the one place that makes a generator")]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for OsEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for OsEntropy {
    #[expect(
        clippy::panic,
        reason = "without randomness no nonce, key or id is safe: the process must not go on"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        if self.0.fill(buffer).is_err() {
            panic!("the operating system gives no randomness");
        }
    }
}
