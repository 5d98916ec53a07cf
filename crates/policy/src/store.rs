//! Where environments are kept.

mod entities;
mod record;
mod sql;

#[cfg(test)]
mod contract;

pub(crate) use sql::SqlEnvironments;
