//! An authenticator app whose codes are good for at least one step from the moment they are shown: a client that has to
//! repeat itself for a while must not lose its code by that.

use std::time::Duration;

use soft_authenticator::SoftTotp;

use crate::support::fresh::now;
use crate::support::secrets::secret;

/// One step of RFC 6238, in seconds.
const STEP: i64 = 30;

/// For how long a code is good at least, from when it is shown.
pub(crate) const GOOD_FOR: Duration = Duration::from_secs(STEP.unsigned_abs());

/// A registered device.
pub(crate) struct Prover {
    device: SoftTotp,
    last: i64,
}

impl Prover {
    /// From the secret that registration showed.
    pub(crate) fn new(base32: &str) -> Self {
        Self { device: SoftTotp::from_base32(base32).expect("a secret"), last: 0 }
    }

    /// Whether there is a code to show.
    pub(crate) fn is_ready(&self) -> bool {
        self.last <= step()
    }

    /// A code that was not shown before: of this step, or of the next, which is accepted as well.
    pub(crate) async fn code(&mut self) -> String {
        while !self.is_ready() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.last = (self.last + 1).max(step());
        secret(self.device.code_at(u64::try_from(self.last * STEP).expect("a time after the epoch")))
    }
}

fn step() -> i64 {
    now().seconds().div_euclid(STEP)
}
