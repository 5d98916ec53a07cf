//! Pure rules: what a token is good for, how its single use moves, what a receipt says. Time is an argument.

pub mod bound;
pub(crate) mod claims;
pub(crate) mod decision;
pub(crate) mod factors;
pub(crate) mod key_life;
pub(crate) mod ledger;
pub(crate) mod purpose;
pub(crate) mod receipt;
pub mod record;
pub(crate) mod refusal;
pub mod requirement;
pub(crate) mod revocation;
pub(crate) mod terms;
pub mod token;
