//! What every witness must do, on whatever it stands.

use std::sync::Arc;

use super::{MAX_VALUE, Witness};

/// Runs the whole contract. `open` makes a new handle on one and the same store each time, as another process would have
/// it; the store knows no name yet that begins with `contract.`.
pub(crate) async fn holds(open: impl Fn() -> Arc<dyn Witness>) {
    a_name_begins_where_it_is_first_raised_to(&*open()).await;
    a_value_never_falls(&*open()).await;
    names_do_not_touch_each_other(&*open()).await;
    another_handle_knows_what_was_acknowledged(&open).await;
    what_is_no_name_or_too_large_is_refused_and_changes_nothing(&*open()).await;
    of_all_that_raise_at_once_the_highest_stays(&open).await;
}

async fn a_name_begins_where_it_is_first_raised_to(witness: &dyn Witness) {
    assert_eq!(witness.read("contract.begin").await.unwrap(), None);
    assert_eq!(witness.raise("contract.begin", 0).await.unwrap(), 0);
    assert_eq!(witness.read("contract.begin").await.unwrap(), Some(0), "zero is known");
    assert_eq!(witness.raise("contract.begin", 7).await.unwrap(), 7);
    assert_eq!(witness.read("contract.begin").await.unwrap(), Some(7));
}

async fn a_value_never_falls(witness: &dyn Witness) {
    for (value, highest) in [(5, 5), (4, 5), (5, 5), (0, 5), (6, 6), (10, 10), (9, 10), (100, 100), (20, 100)]
    {
        assert_eq!(witness.raise("contract.fall", value).await.unwrap(), highest, "{value}");
        assert_eq!(witness.read("contract.fall").await.unwrap(), Some(highest), "{value}");
    }
    // Next to each other where a floating-point number just keeps them apart.
    assert_eq!(witness.raise("contract.fall", MAX_VALUE - 1).await.unwrap(), MAX_VALUE - 1);
    assert_eq!(witness.raise("contract.fall", MAX_VALUE).await.unwrap(), MAX_VALUE);
    assert_eq!(witness.raise("contract.fall", MAX_VALUE - 1).await.unwrap(), MAX_VALUE);
}

async fn names_do_not_touch_each_other(witness: &dyn Witness) {
    witness.raise("contract.name", 3).await.unwrap();
    for other in ["contract.nam", "contract.name.", "contract.name-1", "contract.name_1"] {
        assert_eq!(witness.read(other).await.unwrap(), None, "{other}");
        witness.raise(other, 9).await.unwrap();
    }
    assert_eq!(witness.read("contract.name").await.unwrap(), Some(3));
}

async fn another_handle_knows_what_was_acknowledged(open: &impl Fn() -> Arc<dyn Witness>) {
    open().raise("contract.again", 11).await.unwrap();
    assert_eq!(open().read("contract.again").await.unwrap(), Some(11));
    assert_eq!(open().raise("contract.again", 10).await.unwrap(), 11);
}

async fn what_is_no_name_or_too_large_is_refused_and_changes_nothing(witness: &dyn Witness) {
    for bad in ["", "..", "contract/../x", "Contract", "contract:x"] {
        assert!(witness.read(bad).await.is_err(), "{bad:?}");
        assert!(witness.raise(bad, 1).await.is_err(), "{bad:?}");
    }
    assert!(witness.raise("contract.large", MAX_VALUE + 1).await.is_err());
    assert_eq!(witness.read("contract.large").await.unwrap(), None);
}

async fn of_all_that_raise_at_once_the_highest_stays(open: &impl Fn() -> Arc<dyn Witness>) {
    for round in 0..5 {
        let name = format!("contract.race-{round}");
        // Up and down, in another order each round: 7 has no factor in common with 32.
        let values = (0..32).map(|place| 1000 + (place * 7 + round) % 32);
        let highest = 1031;
        let tasks: Vec<_> = values
            .map(|value| {
                let (witness, name) = (open(), name.clone());
                tokio::spawn(async move { (value, witness.raise(&name, value).await.unwrap()) })
            })
            .collect();
        for task in tasks {
            let (value, answer) = task.await.unwrap();
            assert!((value..=highest).contains(&answer), "{value} was answered by {answer}");
        }
        assert_eq!(open().read(&name).await.unwrap(), Some(highest));
    }
}
