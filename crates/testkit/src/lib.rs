//! What tests need: a clock that is set, seeded randomness, scratch databases, an audit log that can be read, an
//! identity provider and an issuer of receipts. Only ever a dev-dependency.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot be set up must stop at once"
)]

mod audit;
mod clock;
mod database;
mod entropy;
mod provider;
mod receipts;

pub use audit::{MemoryAuditLog, trail};
pub use clock::FixedClock;
pub use database::{database, folder};
pub use entropy::SeededEntropy;
pub use provider::TestProvider;
pub use receipts::TestReceipts;
