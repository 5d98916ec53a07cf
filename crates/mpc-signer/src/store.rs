//! Where the node keeps its shares.

mod entity;
mod rewrap;
mod sql;

pub use rewrap::SEALED;
pub(crate) use sql::SqlShares;
