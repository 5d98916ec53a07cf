//! Redis, and what makes it safe to spend something once in it.
//!
//! Redis replicates asynchronously: a promoted replica may lack what its primary acknowledged, and a record that was
//! consumed there is whole again. So whatever is consumed once stores the *replication id* of the server that wrote it
//! (`master_replid`, which changes whenever another history begins: at a promotion and at every restart), and every
//! script refuses a record from another history than its server's. See `lua/prelude.lua`.
//!
//! That is worth something only where the server tells the truth about itself. Every connection is therefore probed
//! before it carries a command: server and version, role, eviction, and whether a script sees the replication id that is
//! seen outside of it. Docs: `docs/redis.md`.

mod address;
mod call;
mod client;
mod cluster;
mod dial;
mod failure;
mod finding;
mod info;
mod judge;
mod lane;
mod link;
mod node;
mod probe;
mod sentinel;
mod server;
mod settings;
mod slot;
mod tls;
mod witness;

pub use call::{Again, Answer, Call, Script};
pub use client::Redis;
pub use finding::{Finding, Severity};
pub use settings::{ClusterSettings, RedisSettings, RedisTls, SentinelSettings};
pub use witness::RedisWitness;

#[cfg(test)]
mod tests;
