//! Where the node keeps its shares.

mod entity;
mod sql;

pub(crate) use sql::SqlShares;
