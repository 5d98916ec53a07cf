//! What every process of Countersign needs: configuration, telemetry, the gRPC mount, who is calling, receipts,
//! the in-memory transport, life cycle, and the one place where errors become statuses.

pub mod audit;
pub mod call;
pub mod channel;
pub mod config;
pub mod environments;
pub mod gate;
mod guard;
pub mod health;
pub mod identity;
pub mod limits;
pub mod memory;
pub mod mount;
pub mod paging;
pub mod peer;
pub mod receipts;
mod seldom;
pub mod server;
#[cfg(test)]
mod server_tests;
pub mod status;
pub mod system;
pub mod telemetry;
pub mod tls;
mod trace;

pub use call::{AdminCall, AdminRole, PeerCall, UserCall};
pub use gate::{Gate, GateParts, Keep};
pub use mount::{Mount, RoleMounts};
pub use system::{OsEntropy, SystemClock};
