//! What every service keeps its state with: the SQL pool and migrations, sealing of secrets at rest, and the audit
//! trail. One database (or schema) per service.

pub mod audit;
pub mod sealing;
pub mod spending;
pub mod sql;

pub use audit::{AuditLog, SqlAuditLog, Trail};
pub use sealing::Sealer;
pub use spending::Spending;
