//! Whether a session is young enough to enrol a first factor.

use std::time::Duration;

use kernel::Timestamp;

/// How long after signing in a user may enrol a first factor.
pub(crate) const FRESH: Duration = Duration::from_secs(10 * 60);

/// How far a provider's clock may be ahead.
const LEEWAY: Duration = Duration::from_secs(60);

/// Whether the user signed in at most ten minutes ago. A session that does not say when is old, and so is one that
/// says it will be.
pub(crate) fn is_fresh(auth_time: Option<Timestamp>, now: Timestamp) -> bool {
    auth_time.is_some_and(|time| time <= now.plus(LEEWAY) && now.since(time) <= FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_are_fresh_and_missing_or_future_is_old() {
        let now = Timestamp::from_seconds(1_000_000);
        assert!(is_fresh(Some(now), now));
        assert!(is_fresh(Some(now.minus(FRESH)), now));
        assert!(is_fresh(Some(now.plus(LEEWAY)), now));
        assert!(!is_fresh(Some(now.minus(FRESH + Duration::from_millis(1))), now));
        assert!(!is_fresh(Some(now.plus(LEEWAY + Duration::from_millis(1))), now));
        assert!(!is_fresh(None, now));
    }
}
