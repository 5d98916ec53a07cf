//! A user's set of recovery codes, without the codes.

use std::time::Duration;

use kernel::{DeviceId, SessionId, Timestamp};

/// For how long the codes can be shown again.
pub(crate) const SHOWN_FOR: Duration = Duration::from_secs(10 * 60);

/// How long the set stays among a user's factors after its last code was used: as long as a token can live that the code
/// paid for, which is dead when its factor is.
const LAST_CODE_COUNTS: Duration = Duration::from_secs(3600);

/// The codes that were made at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecoverySet {
    /// Another one each time codes are made: proofs by the codes name it as their device.
    pub(crate) id: DeviceId,
    /// When they were made.
    pub(crate) created: Timestamp,
    /// The session that made them.
    pub(crate) session: SessionId,
    /// When one was last used.
    pub(crate) last_use: Option<Timestamp>,
    /// Whether the user said that they are kept.
    pub(crate) acknowledged: bool,
    /// How many are left.
    pub(crate) remaining: u32,
}

impl RecoverySet {
    /// Whether this session may see the codes again.
    pub(crate) fn may_be_shown(&self, session: &SessionId, now: Timestamp) -> bool {
        !self.acknowledged
            && self.session == *session
            && !is_over(self.created, now)
            // A clock that was set back must not show what was hidden.
            && now >= self.created
    }

    /// Whether it stands among the user's factors.
    pub(crate) fn counts(&self, now: Timestamp) -> bool {
        self.remaining > 0 || self.last_use.is_some_and(|last| now.since(last) <= LAST_CODE_COUNTS)
    }
}

/// Whether codes that were made then are not shown any more, and what they could be shown from has to go.
pub(crate) fn is_over(created: Timestamp, now: Timestamp) -> bool {
    now.since(created) > SHOWN_FOR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, session, verified};

    const MOMENT: Duration = Duration::from_millis(1);

    fn set() -> RecoverySet {
        RecoverySet {
            id: verified(NOW).id,
            created: NOW,
            session: session("s-1"),
            last_use: None,
            acknowledged: false,
            remaining: 10,
        }
    }

    #[test]
    fn codes_are_shown_again_to_the_session_that_made_them_for_ten_minutes_until_acknowledged() {
        let set = set();
        assert!(set.may_be_shown(&session("s-1"), NOW));
        assert!(set.may_be_shown(&session("s-1"), NOW.plus(SHOWN_FOR)));
        assert!(!set.may_be_shown(&session("s-1"), NOW.plus(SHOWN_FOR + MOMENT)));
        assert!(!set.may_be_shown(&session("s-1"), NOW.minus(MOMENT)));
        assert!(!set.may_be_shown(&session("s-2"), NOW));
        let kept = RecoverySet { acknowledged: true, ..set };
        assert!(!kept.may_be_shown(&session("s-1"), NOW));
    }

    #[test]
    fn a_set_counts_while_codes_are_left_and_as_long_as_what_the_last_one_paid_for() {
        assert!(set().counts(NOW.plus(LAST_CODE_COUNTS * 1000)));
        let used_up = RecoverySet { remaining: 0, last_use: Some(NOW), ..set() };
        assert!(used_up.counts(NOW.plus(LAST_CODE_COUNTS)));
        assert!(!used_up.counts(NOW.plus(LAST_CODE_COUNTS + MOMENT)));
    }
}
