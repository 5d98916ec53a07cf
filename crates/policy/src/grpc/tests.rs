//! The service as its callers see it: over the in-memory network, through gate, guard and SQLite.

mod admin;
mod audit;
mod bench;
mod decide;
mod updates;
