//! What a service that was restored from a backup has forgotten, and how it makes up for that: it takes the worst.

use std::time::Duration;

use kernel::Timestamp;

use super::throttle::{BUDGET, FREE, REFILL, REST, STREAK_LIMIT, Throttle};
use super::totp::{Step, TotpParameters};

/// Until when what was accepted and tried may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restored {
    until: Timestamp,
}

impl Restored {
    /// From [`storage::Mark::not_before`].
    pub(crate) const fn until(until: Timestamp) -> Self {
        Self { until }
    }

    /// Whether a code of this step may have been accepted already, on whatever device that computes like this.
    pub(crate) fn may_be_used(self, step: Step, parameters: TotpParameters) -> bool {
        step <= Step::last_accepted_by(self.until, parameters)
    }

    /// Whether what is on record of this moment may have changed since: a recovery code of a set that was made then may
    /// have been used, a proof spent. Nobody knows, so it counts as if.
    pub(crate) fn may_have_seen(self, time: Timestamp) -> bool {
        time <= self.until
    }

    /// For how long from now no code of a device that computes like this can be told from a used one: to test one would
    /// cost its owner a try for nothing.
    pub(crate) fn quiet_for(self, now: Timestamp, parameters: TotpParameters) -> Option<Duration> {
        let wait = Step::last_accepted_by(self.until, parameters).end(parameters).since(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// What is on record of tries, where that is from before. Up to then there may have been more: as many failures in a
    /// row as cost no waiting, and of the budget no more left than that. So a restore gives nobody more than these few.
    ///
    /// Who had to rest rests on: nothing could be tried meanwhile.
    pub(crate) fn judge(self, throttle: Throttle) -> Throttle {
        let since = self.until.since(throttle.last);
        let rests = throttle.streak >= STREAK_LIMIT && since < REST;
        if throttle.last > self.until || rests {
            return throttle;
        }
        let streak = if since >= REST { 0 } else { throttle.streak };
        Throttle {
            streak: streak.max(FREE),
            last: self.until,
            full_at: throttle.full_at.max(self.until.plus(REFILL.saturating_mul(BUDGET - FREE))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TotpAlgorithm;

    const TOTP: TotpParameters = TotpParameters::DEFAULT;
    const STEP: Duration = Duration::from_secs(30);
    /// The last moment of a step.
    const END: Timestamp = Timestamp::from_millis(1_795_000_019_999);
    const RESTORED: Restored = Restored::until(END);

    /// The step that this moment is in.
    fn step(time: Timestamp) -> Step {
        Step::from_number(u64::try_from(time.seconds()).unwrap() / 30)
    }

    fn tries(mut throttle: Throttle, mut now: Timestamp, end: Timestamp) -> u32 {
        let mut tries = 0;
        while now < end {
            match throttle.take(now) {
                Ok(next) => (throttle, tries) = (next, tries + 1),
                Err(wait) => now = now.plus(wait),
            }
        }
        tries
    }

    #[test]
    fn a_code_that_may_have_been_accepted_is_used() {
        // The code of the step after, from a phone whose clock is ahead, may have been.
        assert!(RESTORED.may_be_used(step(END.plus(STEP)), TOTP));
        assert!(!RESTORED.may_be_used(step(END.plus(2 * STEP)), TOTP));
        // It does not depend on where in its step the moment is.
        let beginning = Restored::until(END.minus(STEP).plus(Duration::from_millis(1)));
        assert!(beginning.may_be_used(step(END.plus(STEP)), TOTP));
        assert!(!beginning.may_be_used(step(END.plus(2 * STEP)), TOTP));
    }

    #[test]
    fn it_is_quiet_until_the_current_code_cannot_have_been_used() {
        let quiet = STEP + Duration::from_millis(1);
        assert_eq!(RESTORED.quiet_for(END, TOTP), Some(quiet));
        assert_eq!(RESTORED.quiet_for(END.minus(STEP), TOTP), Some(quiet + STEP));
        let over = END.plus(quiet);
        assert_eq!(RESTORED.quiet_for(over, TOTP), None);
        assert!(!RESTORED.may_be_used(step(over), TOTP));
        assert!(RESTORED.may_be_used(step(over.minus(Duration::from_millis(1))), TOTP));
    }

    #[test]
    fn it_is_quiet_for_as_long_as_the_steps_are() {
        for period in [15, 30, 60] {
            let parameters = TotpParameters::new(TotpAlgorithm::Sha1, 6, period).unwrap();
            let length = Duration::from_secs(period.into());
            let quiet = RESTORED.quiet_for(END, parameters).unwrap();
            assert!(length < quiet && quiet <= 2 * length, "{period}: {quiet:?}");
        }
    }

    #[test]
    fn who_was_not_on_record_has_few_tries_and_gets_them_back_with_time() {
        let after = END.plus(2 * STEP);
        let throttle = RESTORED.judge(Throttle::NEW);
        assert_eq!(tries(throttle, after, END.plus(Duration::from_secs(11 * 3600))), FREE);
        let much_later = END.plus(REST);
        assert_eq!(throttle.left(much_later), FREE);
        let half_a_day = Duration::from_secs(11 * 3600);
        let end = much_later.plus(half_a_day);
        assert_eq!(tries(throttle, much_later, end), tries(Throttle::NEW, much_later, end));
    }

    #[test]
    fn nobody_has_more_tries_than_the_record_or_the_worst_leaves() {
        let hour = Duration::from_secs(3600);
        for (streak, ago, used) in [(0, 0, 0), (3, 5, 3), (5, 0, 5), (9, 1, 20), (60, 30, 19), (99, 700, 20)]
        {
            let last = END.minus(hour * ago);
            let record = Throttle { streak, last, full_at: last.plus(REFILL * used) };
            let judged = RESTORED.judge(record);
            for later in [Duration::from_secs(60), hour, 24 * hour, 240 * hour] {
                let (now, end) = (END.plus(later), END.plus(later + 12 * hour));
                let worst = tries(judged, now, end);
                assert!(worst <= tries(record, now, end), "{record:?} after {later:?}");
                assert!(
                    worst <= tries(RESTORED.judge(Throttle::NEW), now, end),
                    "{record:?} after {later:?}"
                );
            }
        }
    }

    #[test]
    fn what_was_recorded_since_counts_as_it_is() {
        let since = Throttle { streak: 1, last: END.plus(STEP), full_at: END.plus(STEP + REFILL) };
        assert_eq!(RESTORED.judge(since), since);
    }

    #[test]
    fn who_rests_rests_on_and_no_longer() {
        let last = END.minus(REST / 2);
        let resting = Throttle { streak: STREAK_LIMIT, last, full_at: last.plus(REFILL) };
        assert_eq!(RESTORED.judge(resting), resting);
        // Rested before the restore, and then perhaps tried again.
        let last = END.minus(REST);
        let rested = Throttle { streak: STREAK_LIMIT, last, full_at: last };
        assert_eq!(RESTORED.judge(rested).streak, FREE);
    }
}
