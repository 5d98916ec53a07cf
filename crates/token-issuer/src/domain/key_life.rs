//! The life of a signing key: `prepared → active → superseded → retired`, or `revoked` in place of the last.
//!
//! Every process of the issuer keeps a copy of the keys that is never older than [`MAX_COPY_AGE`]; with an older one it
//! signs and verifies nothing. A key signs no earlier than [`PREPARATION`] after it was published, so whoever meets its
//! signature has it; and it is published until long after its last signature is over.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use kernel::assurance::UnknownName;
use kernel::{Error, Result, Timestamp};

/// The oldest copy of the keys that a process works with.
pub(crate) const MAX_COPY_AGE: Duration = Duration::from_secs(8);

/// How long a key is published before it may sign. Longer than any copy is old, by more than it takes to write a row.
pub const PREPARATION: Duration = Duration::from_secs(15);

/// How many keys of one purpose are in use at once: so many that a key set has room for those of every purpose, and every
/// verifier that keeps them all reads them quickly.
pub(crate) const MAX_IN_USE: usize = 10;

/// How far the clocks of two machines that administrate keys may differ.
const SKEW: Duration = Duration::from_secs(5);

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and verifies; does not sign yet.
    Prepared,
    /// Signs. One key of each purpose does.
    Active,
    /// Signed until another one was activated. Published, and verifies what it signed.
    Superseded,
    /// Neither published nor good for anything, and nothing that it signed was any more. Its private key is erased.
    Retired,
    /// The same, at a time at which what it signed was good: that is refused.
    Revoked,
}

impl KeyState {
    const ALL: [Self; 5] = [Self::Prepared, Self::Active, Self::Superseded, Self::Retired, Self::Revoked];

    /// The states of keys that are erased.
    pub(crate) const GONE: [Self; 2] = [Self::Retired, Self::Revoked];

    /// Whether it is that of a key that is erased.
    pub fn is_gone(self) -> bool {
        Self::GONE.contains(&self)
    }

    /// The name in the database and to operators.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyState {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownName)
    }
}

/// The state of a key, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLife {
    /// The state.
    pub state: KeyState,
    /// When it came into it.
    pub since: Timestamp,
}

impl KeyLife {
    /// Refuses to let the key sign, unless every process has it.
    pub(crate) fn check_activation(self, now: Timestamp) -> Result<()> {
        match self.state {
            KeyState::Prepared if self.since > now.plus(SKEW) => {
                Err(refused("was prepared in the future of this machine's clock; set the clock right"))
            }
            KeyState::Prepared if now < self.since.plus(PREPARATION) => Err(refused(format!(
                "was prepared just now; activate it {} s after that, when every process has it",
                PREPARATION.as_secs()
            ))
            .retry_after(self.since.plus(PREPARATION).since(now))),
            KeyState::Prepared | KeyState::Active | KeyState::Superseded => Ok(()),
            KeyState::Retired | KeyState::Revoked => {
                Err(refused(format!("is {}, which is for ever; prepare a new one", self.state)))
            }
        }
    }

    /// Refuses to retire the key while it signs, or while something that it signed may be good for `longest` still.
    pub(crate) fn check_retirement(self, longest: Duration, now: Timestamp) -> Result<()> {
        match self.state {
            KeyState::Superseded if now < self.since.plus(longest).plus(PREPARATION) => {
                let end = self.since.plus(longest).plus(PREPARATION);
                Err(refused(format!(
                    "signed what may be good for {} s still; wait, or revoke it because somebody may have it",
                    end.since(now).as_secs() + 1
                ))
                .retry_after(end.since(now)))
            }
            _ => self.check_revocation(),
        }
    }

    /// Refuses to revoke the key while it signs: without one that does, nothing is authorized. What it signed does not
    /// count: whoever took the key must not be able to use it a minute longer.
    pub(crate) fn check_revocation(self) -> Result<()> {
        match self.state {
            KeyState::Active => Err(refused("signs; activate another one first")),
            KeyState::Prepared | KeyState::Superseded | KeyState::Retired | KeyState::Revoked => Ok(()),
        }
    }
}

fn refused(what: impl Into<String>) -> Error {
    Error::invalid("key", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn life(state: KeyState) -> KeyLife {
        KeyLife { state, since: NOW }
    }

    fn after(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in KeyState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        assert!("signing".parse::<KeyState>().is_err());
    }

    #[test]
    fn a_key_signs_only_after_every_process_could_have_it() {
        let prepared = life(KeyState::Prepared);
        assert!(prepared.check_activation(NOW).is_err());
        let early = prepared.check_activation(after(14)).unwrap_err();
        assert_eq!(early.retry_delay(), Some(Duration::from_secs(1)));
        assert!(prepared.check_activation(after(15)).is_ok());
        // A clock far behind the one that prepared it knows nothing about how long that is ago.
        assert!(prepared.check_activation(NOW.minus(Duration::from_secs(3_600))).is_err());
        assert!(life(KeyState::Superseded).check_activation(NOW).is_ok());
        assert!(life(KeyState::Active).check_activation(NOW).is_ok());
        for state in KeyState::GONE {
            assert!(life(state).check_activation(after(1_000)).is_err());
        }
    }

    #[test]
    fn copies_are_renewed_well_before_a_key_may_sign() {
        // What it takes to write the row of a prepared key, at most: the timeout of a statement.
        assert!(MAX_COPY_AGE + Duration::from_secs(5) < PREPARATION);
    }

    #[test]
    fn a_key_goes_when_nothing_that_it_signed_is_good_any_more() {
        let longest = Duration::from_secs(60);
        assert!(life(KeyState::Active).check_retirement(longest, after(9_999)).is_err());
        let superseded = life(KeyState::Superseded);
        assert!(superseded.check_retirement(longest, after(74)).is_err());
        assert!(superseded.check_retirement(longest, after(75)).is_ok());
        assert!(life(KeyState::Prepared).check_retirement(longest, NOW).is_ok());
        for state in KeyState::GONE {
            assert!(life(state).check_retirement(longest, NOW).is_ok());
        }
    }

    #[test]
    fn a_key_in_wrong_hands_does_not_wait() {
        assert!(life(KeyState::Active).check_revocation().is_err());
        for state in [KeyState::Superseded, KeyState::Prepared, KeyState::Retired, KeyState::Revoked] {
            assert!(life(state).check_revocation().is_ok());
        }
    }
}
