use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const DOCUMENT: &str = include_str!("../../../../../docs/throttling.md");

/// Tries at once until it has to wait, and returns the wait.
fn exhaust(mut state: Throttle, now: Timestamp) -> (Throttle, u32, Duration) {
    let mut taken = 0;
    loop {
        match state.take(now) {
            Ok(next) => state = next,
            Err(wait) => return (state, taken, wait),
        }
        taken += 1;
    }
}

/// All the tries that somebody gets in so much time who never waits longer than needed. `owner` is what the owner does
/// before each of them.
fn tries_in(time: Duration, owner: fn(Throttle, Timestamp) -> Throttle) -> u32 {
    let (mut state, mut now, mut tries) = (Throttle::NEW, NOW, 0);
    let end = NOW.plus(time);
    while now < end {
        state = owner(state, now);
        match state.take(now) {
            Ok(next) => {
                tries += 1;
                state = next;
            }
            Err(wait) => now = now.plus(wait),
        }
    }
    tries
}

fn silent_owner(state: Throttle, _: Timestamp) -> Throttle {
    state
}

/// An owner who proves something whenever the throttle lets it, and so always right before the next wrong code.
fn busy_owner(state: Throttle, now: Timestamp) -> Throttle {
    state.take(now).map_or(state, Throttle::right)
}

/// The chance that one of so many tries is right, in parts per million, rounded up: each fits any of three steps of each
/// device.
fn per_million(tries: u32, digits: u32, devices: u32) -> u64 {
    let steps = 2 * u64::from(crate::domain::totp::DRIFT) + 1;
    let right = u64::from(tries) * steps * u64::from(devices) * 1_000_000;
    right.div_ceil(10_u64.pow(digits))
}

#[test]
fn five_wrong_codes_are_free_and_then_the_waits_grow() {
    let (state, free, wait) = exhaust(Throttle::NEW, NOW);
    assert_eq!((free, wait), (5, Duration::from_secs(30)));
    let mut waits = Vec::new();
    let (mut state, mut now, mut wait) = (state, NOW, wait);
    for _ in 0..6 {
        waits.push(wait.as_secs());
        now = now.plus(wait);
        assert_eq!(state.left(now.minus(Duration::from_millis(1))), 0);
        assert_eq!(state.left(now), 1);
        (state, _, wait) = exhaust(state, now);
    }
    assert_eq!(waits, [30, 60, 300, 900, 3600, 3600]);
}

#[test]
fn a_right_code_ends_the_streak_but_does_not_fill_the_budget() {
    let mut state = Throttle::NEW;
    for wrong in 0..BUDGET {
        assert!(state.left(NOW) > 0, "{wrong}");
        // The owner's right code follows, while there is budget for it.
        state = busy_owner(state.take(NOW).unwrap(), NOW);
    }
    assert_eq!(state.take(NOW), Err(REFILL));
    assert_eq!(state.left(NOW.plus(REFILL)), 1);
}

#[test]
fn a_right_code_costs_nothing() {
    let mut state = Throttle::NEW;
    for _ in 0..1000 {
        state = state.take(NOW).unwrap().right();
        assert_eq!(state.left(NOW), FREE);
    }
}

#[test]
fn a_repetition_costs_nothing_and_clears_nothing() {
    let wrong = (0..3).fold(Throttle::NEW, |state, _| state.take(NOW).unwrap());
    assert_eq!(wrong.take(NOW).unwrap().repeated(), wrong);
    // The right code of the same call came in between and ended the streak.
    let ended = wrong.take(NOW).unwrap().take(NOW).unwrap().right().repeated();
    assert_eq!(ended, Throttle { streak: 0, ..wrong });
}

#[test]
fn a_hundred_failures_in_a_row_end_the_streak_for_thirty_days() {
    let (mut state, mut now) = (Throttle::NEW, NOW);
    while state.streak < STREAK_LIMIT {
        match state.take(now) {
            Ok(next) => state = next,
            Err(wait) => now = now.plus(wait),
        }
    }
    assert_eq!(state.take(now), Err(REST));
    assert!(state.take(now.plus(REST).minus(Duration::from_millis(1))).is_err());
    // The counter starts anew after its rest: a flag alone would leave it above the limit, without any.
    let (after, tries, _) = exhaust(state, now.plus(REST));
    assert_eq!((after.streak, tries), (FREE, FREE));
    // It takes whoever wants that more than a month in which the owner proves nothing.
    assert!(now.since(NOW) > Duration::from_secs(39 * 24 * 3600));
}

#[test]
fn an_owner_waits_no_longer_than_documented() {
    // Whatever was tried before, short of the hundred in a row.
    let (mut state, mut now) = (Throttle::NEW, NOW);
    while state.streak < STREAK_LIMIT - 1 {
        match state.take(now) {
            Ok(next) => state = next,
            Err(wait) => {
                assert!(wait <= REFILL);
                now = now.plus(wait);
            }
        }
    }
    assert!(DOCUMENT.contains("**12 hours**") && REFILL == Duration::from_secs(12 * 3600));
    assert!(DOCUMENT.contains("**30 days**") && REST == Duration::from_secs(30 * 24 * 3600));
}

#[test]
fn the_yearly_chances_in_the_document_are_those_of_the_numbers_here() {
    let silent = tries_in(YEAR, silent_owner);
    let busy = tries_in(YEAR, busy_owner);
    assert!(silent < busy, "{silent} {busy}");
    for (owner, tries) in [("proves nothing", silent), ("proves something before every try", busy)] {
        for digits in 6..=8 {
            let chance = |devices| {
                let millionths = per_million(tries, digits, devices);
                format!("{}.{:04} %", millionths / 10_000, millionths % 10_000)
            };
            let (one, three, ten) = (chance(1), chance(3), chance(10));
            let row = format!("| {owner} | {digits} | {tries} | {one} | {three} | {ten} |");
            assert!(DOCUMENT.contains(&row), "docs/throttling.md lacks the row\n{row}");
        }
    }
}

#[test]
fn the_yearly_chance_at_recovery_codes_is_less_than_documented() {
    use crate::domain::recovery_code::{COUNT, LENGTH};
    let tries = u128::from(tries_in(YEAR, busy_owner));
    let right = tries * u128::try_from(COUNT).unwrap();
    let codes = 1_u128 << (8 * LENGTH);
    assert!(DOCUMENT.contains("less than one\nin 10^32 a year"));
    assert!(codes / right > 10_u128.pow(32), "{tries}");
}

#[test]
fn what_is_forgotten_leaves_as_many_tries_as_there_were_at_first_and_no_more() {
    // Neither a flag that leaves the counter above its limit, nor a counter that is taken for a fuller budget.
    let (exhausted, _, _) = exhaust(Throttle::NEW, NOW);
    assert_eq!(exhausted.left(NOW), 0);
    let (forgotten, new) = (Throttle::forgotten(NOW), Throttle::NEW);
    assert_eq!(exhaust(forgotten, NOW), exhaust(new, NOW));
    let later = NOW.plus(REST * 12);
    assert_eq!(exhaust(forgotten, later), exhaust(new, later));
}

#[test]
fn a_day_is_worth_as_many_tries_as_documented() {
    // The moment at which the day ends counts.
    let day = Duration::from_secs(24 * 3600) + Duration::from_millis(1);
    let tries = tries_in(day, busy_owner).max(tries_in(day, silent_owner));
    assert!(DOCUMENT.contains(&format!("worth {tries} tries at most")), "{tries}");
}

#[test]
fn after_its_rest_a_record_says_nothing_more() {
    let mut worst = Throttle::NEW;
    while let Ok(next) = worst.take(NOW).map(|next| Throttle { streak: 0, ..next }) {
        worst = next;
    }
    let rested = NOW.plus(REST);
    assert_eq!(worst.take(rested), Throttle::NEW.take(rested));
}

#[test]
fn a_clock_that_is_set_back_does_not_shorten_a_wait() {
    let (state, _, _) = exhaust(Throttle::NEW, NOW);
    let earlier = NOW.minus(Duration::from_secs(3600));
    assert_eq!(state.take(earlier), Err(Duration::from_secs(30)));
}
