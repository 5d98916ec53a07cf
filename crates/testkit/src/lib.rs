//! What tests need: a clock that is set, seeded randomness, scratch databases, Redis servers that can be broken, an
//! audit log that can be read, an identity provider, an issuer of receipts and an authority of certificates. Only ever a dev-dependency.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up must stop at once"
)]

mod audit;
mod backends;
mod certificates;
mod clock;
mod database;
mod entropy;
mod postgres;
mod provider;
mod race;
mod receipts;
mod redis;
mod servers;

pub use audit::{MemoryAuditLog, trail};
pub use backends::on_each;
pub use certificates::{TestAuthority, TestCertificate, TestUse};
pub use clock::FixedClock;
pub use database::{Scratch, database, databases, folder, postgres};
pub use entropy::SeededEntropy;
pub use postgres::{PostgresServer, free_port};
pub use provider::TestProvider;
pub use race::race;
pub use receipts::TestReceipts;
pub use redis::{RedisCluster, RedisProxy, RedisSentinels, RedisServer, Reply, Traffic};
pub use servers::shared_redis_url;
