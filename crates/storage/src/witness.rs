//! Numbers that only grow, kept outside the database, so that a database that was set back can be told from one that was
//! not: see [`crate::standing`].
//!
//! A witness must outlive what it witnesses and must never be set back together with it: not in the same database, not on
//! a volume that is restored with it.

#[cfg(test)]
pub(crate) mod contract;
mod file;

use async_trait::async_trait;
use kernel::{Error, Reason, Result};

pub use file::FileWitness;

/// The largest value, 2^53 - 1: every store that a witness may stand on keeps and compares it exactly, also one that has
/// floating-point numbers only.
pub const MAX_VALUE: u64 = (1 << 53) - 1;

/// The longest name, in characters.
const MAX_NAME: usize = 128;

/// Named numbers that only grow, durable once they are acknowledged, whoever else raises them at the same time.
///
/// One that does not answer, or cannot tell whether it forgot something, refuses with `STORE_UNAVAILABLE`; that is never
/// the same as not knowing a name.
#[async_trait]
pub trait Witness: Send + Sync {
    /// The highest value that a name was raised to; none when it never was.
    async fn read(&self, name: &str) -> Result<Option<u64>>;

    /// Raises a name to `value` and answers the highest value now, which is greater than `value` when somebody else was
    /// ahead. A name that was not known begins here, at zero too. One atomic step.
    async fn raise(&self, name: &str, value: u64) -> Result<u64>;
}

/// Refuses a name that is not 1 to 128 lower-case letters, digits, hyphens, underscores and dots, beginning with a
/// letter or digit. Every witness checks its names by this one.
pub fn check_name(name: &str) -> Result<()> {
    let may_begin = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = name.len() <= MAX_NAME
        && name.starts_with(may_begin)
        && name.chars().all(|c| may_begin(c) || matches!(c, '-' | '_' | '.'));
    if good {
        Ok(())
    } else {
        Err(Error::internal(format!(
            "{name:?} cannot name what is witnessed: 1 to {MAX_NAME} lower-case letters, digits, `-`, `_` and `.`, the \
             first a letter or digit"
        )))
    }
}

/// Refuses a value above [`MAX_VALUE`]. Every witness checks what it is given, and what it has kept, by this one.
pub fn check_value(value: u64) -> Result<()> {
    if value <= MAX_VALUE { Ok(()) } else { Err(Error::internal("a witnessed value is at most 2^53 - 1")) }
}

/// The refusal of a witness that does not answer, for the operator: says where it is and what is wrong.
pub(crate) fn away(what: String) -> Error {
    Error::new(Reason::StoreUnavailable, format!("the witness does not answer: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_safe_file_name_or_key_are_refused() {
        for good in ["a", "0", "main.mpc-signer.node-1", "receipt-statement", &"a".repeat(128)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-a", "_a", "A", "a/b", "a b", "a\n", "a:b", "ä", "a*", &"a".repeat(129)]
        {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn values_stay_below_what_a_floating_point_number_keeps_exactly() {
        assert!(check_value(0).is_ok() && check_value(MAX_VALUE).is_ok());
        assert!(check_value(MAX_VALUE + 1).is_err());
        #[expect(clippy::cast_precision_loss, reason = "shows that none is lost")]
        let exact = |value: u64| value as f64;
        assert!(exact(MAX_VALUE) < exact(MAX_VALUE + 1));
    }
}
