//! What every service keeps its state with: the SQL pool and migrations, Redis, sealing of secrets at rest, the audit
//! trail, and the mark and standing by which a database that was put back is told. One database (or schema) per service.

pub mod audit;
pub mod guarded_file;
pub mod mark;
pub mod redis;
pub mod restore;
pub mod sealing;
pub mod spending;
pub mod sql;
pub mod standing;
pub mod witness;

pub use self::redis::{Redis, RedisSettings, RedisWitness};
pub use audit::{AuditLog, SqlAuditLog, Trail};
pub use mark::{Mark, Mode, Owner};
pub use sealing::Sealer;
pub use spending::Spending;
pub use standing::Standing;
pub use witness::{FileWitness, Witness};

/// Whether a host, a name or an address without brackets, is reached without leaving this machine.
fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
