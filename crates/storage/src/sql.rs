//! The SQL side of a service: where its database is, how it is opened, its schema, the lease that keeps a second
//! process away, and what a failed statement means to a caller.
//!
//! SQLite and Postgres behind the same sea-orm code and the same migrations. Nothing here tries a statement again: a
//! conflict between transactions, a lost connection or a timeout is `STORE_UNAVAILABLE`, and the caller repeats its
//! call with the ids that it used before.

mod errors;
#[cfg(test)]
mod fixtures;
mod lease;
mod location;
mod migrate;
mod open;
mod postgres;
mod settings;

pub use errors::{corrupt, is_unique_violation, unavailable};
pub use lease::Lease;
pub(crate) use migrate::has_table;
pub use migrate::{check_schema, migrate};
pub use open::{open, open_for, open_sqlite};
pub use settings::{DatabaseSettings, DatabaseTls, TlsMode};
