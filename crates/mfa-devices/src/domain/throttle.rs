//! How often a code may be tried. docs/throttling.md has the reasons and the arithmetic.
//!
//! Two measures, both per user and kind of factor, whatever the path, session or device:
//! * the *streak*, the failures in a row, makes each further try wait longer and ends at a hundred (NIST SP 800-63B-4
//!   section 3.2.2); a right code ends it;
//! * the *budget* of wrong codes, which a right code does not fill: else whoever shares a session with a busy owner
//!   would get fresh tries with each of the owner's codes.
//!
//! A try is taken before its answer is known, and only a right code gives it back, or a retry of one that was answered.

use std::time::Duration;

use kernel::Timestamp;

/// How many wrong codes in a row cost no waiting.
pub(crate) const FREE: u32 = 5;

/// The failures in a row after which nothing is tried until [`REST`] is over.
pub(crate) const STREAK_LIMIT: u32 = 100;

/// How long after its last failure a streak is forgotten.
pub(crate) const REST: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many wrong codes the full budget holds.
pub(crate) const BUDGET: u32 = 20;

/// How long it takes for one wrong code to come back into the budget.
pub(crate) const REFILL: Duration = Duration::from_secs(12 * 3600);

/// The wait after a failure that makes the streak this long.
fn delay(streak: u32) -> Duration {
    match streak {
        0..FREE => Duration::ZERO,
        5 => Duration::from_secs(30),
        6 => Duration::from_secs(60),
        7 => Duration::from_secs(5 * 60),
        8 => Duration::from_secs(15 * 60),
        9..STREAK_LIMIT => Duration::from_secs(60 * 60),
        STREAK_LIMIT.. => REST,
    }
}

/// What is on record of a user's tries with one kind of factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Throttle {
    /// Failures in a row, tries whose answer is not known yet among them.
    pub(crate) streak: u32,
    /// When the last try was taken.
    pub(crate) last: Timestamp,
    /// When the budget is full again, if nothing is taken from it until then.
    pub(crate) full_at: Timestamp,
}

impl Throttle {
    /// Nothing was tried yet.
    pub(crate) const NEW: Self =
        Self { streak: 0, last: Timestamp::from_millis(0), full_at: Timestamp::from_millis(0) };

    /// Nothing is held against who tries from now on.
    pub(crate) const fn forgotten(now: Timestamp) -> Self {
        Self { streak: 0, last: now, full_at: now }
    }

    /// Takes one try, or says how long to wait for one.
    pub(crate) fn take(self, now: Timestamp) -> Result<Self, Duration> {
        // A clock that was set back must not shorten a wait.
        let now = now.max(self.last);
        let streak = if now.since(self.last) >= REST { 0 } else { self.streak };
        let full_at = self.full_at.max(now);
        let waits = [self.last.plus(delay(streak)), full_at.minus(REFILL.saturating_mul(BUDGET - 1))];
        let allowed_at = waits.into_iter().max().unwrap_or(now);
        if allowed_at > now {
            return Err(allowed_at.since(now));
        }
        Ok(Self { streak: streak + 1, last: now, full_at: full_at.plus(REFILL) })
    }

    /// Gives the try back that was taken for a right code, and ends the streak.
    pub(crate) fn right(self) -> Self {
        Self { streak: 0, full_at: self.full_at.minus(REFILL), ..self }
    }

    /// Gives the try back that was taken for a retry of what has its answer. The streak stays as long as it was: a used
    /// code proves nothing.
    pub(crate) fn repeated(self) -> Self {
        Self { streak: self.streak.saturating_sub(1), full_at: self.full_at.minus(REFILL), ..self }
    }

    /// How many tries can be made at once now, without waiting in between.
    pub(crate) fn left(self, now: Timestamp) -> u32 {
        let mut left = 0;
        let mut state = self;
        while let Ok(next) = state.take(now) {
            state = next;
            left += 1;
        }
        left
    }
}

#[cfg(test)]
mod tests;
