//! An authenticator app that never shows the same time step twice.

use std::time::Duration;

use soft_authenticator::SoftTotp;

use super::fresh::now;
use super::secrets::secret;

/// One step of RFC 6238, in seconds.
const STEP: i64 = 30;

/// How many codes one device gives without waiting: of the steps before, of and after the time now.
pub(crate) const CODES: usize = 3;

/// A code that is about to be too old is not shown: the step may end while it is under way.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// A registered device.
pub(crate) struct App {
    device: SoftTotp,
    last: Option<i64>,
}

impl App {
    /// From the secret that registration showed.
    pub(crate) fn new(base32: &str) -> Self {
        Self { device: SoftTotp::from_base32(base32).unwrap(), last: None }
    }

    /// A code that was not shown before and is accepted now, and for a while.
    pub(crate) fn next(&mut self) -> String {
        let soon = now().plus(UNDER_WAY).seconds().div_euclid(STEP);
        let next = self.last.map_or(soon - 1, |last| (last + 1).max(soon - 1));
        assert!(next <= soon + 1, "more than {CODES} codes in a row of one device; make another user");
        while next > now().seconds().div_euclid(STEP) + 1 {
            turn_of_the_step();
        }
        self.last = Some(next);
        self.code(next)
    }

    /// The last code once more.
    pub(crate) fn again(&self) -> String {
        self.code(self.last.expect("a code was shown before"))
    }

    /// Six digits that are no code of any step that could be accepted now.
    pub(crate) fn wrong(&self) -> String {
        let step = now().seconds().div_euclid(STEP);
        let near: Vec<String> = (step - 3..=step + 3).map(|step| self.show(step)).collect();
        (0..10).map(|n| format!("00000{n}")).find(|code| !near.contains(code)).unwrap()
    }

    fn code(&self, step: i64) -> String {
        secret(self.show(step))
    }

    fn show(&self, step: i64) -> String {
        self.device.code_at(u64::try_from(step * STEP).unwrap())
    }
}

/// Lets a moment pass. Only the third code of a device can come to this, and only in the last second of a step.
#[expect(clippy::disallowed_methods, reason = "less than a second in all, and only at the turn of a step")]
fn turn_of_the_step() {
    std::thread::sleep(Duration::from_millis(20));
}
