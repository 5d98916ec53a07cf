//! The protocol: authenticate, convert, one use case, convert.

mod admin;
mod convert;
#[cfg(test)]
mod tests;
mod wallets;

use std::sync::Arc;

use kernel::Clock;
use proto::waas_gateway::waas_gateway_admin_service_server::WaasGatewayAdminServiceServer;
use proto::waas_gateway::wallet_service_server::WalletServiceServer;
use runtime::limits::MAX_REQUEST_BYTES;
use runtime::{Gate, Mount, RoleMounts};
use storage::AuditLog;

use self::admin::AdminHandler;
use self::wallets::WalletHandler;
use crate::gateway::Gateway;

/// The roles that call this service: none.
pub const CALLERS: &[&str] = &[];

/// The services of the role. It serves users and administrators, and no other service.
pub(crate) fn mounts(
    gate: &Gate,
    gateway: Arc<Gateway>,
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
) -> RoleMounts {
    let wallets = WalletServiceServer::new(WalletHandler { gate: gate.clone(), gateway })
        .max_decoding_message_size(MAX_REQUEST_BYTES);
    let admin = WaasGatewayAdminServiceServer::new(AdminHandler { gate: gate.clone(), audit: audit.clone() })
        .max_decoding_message_size(MAX_REQUEST_BYTES);
    RoleMounts {
        public: Mount::new().service(wallets).service(admin).audit(audit.clone(), clock.clone()),
        peer: Mount::for_peers(CALLERS).audit(audit, clock),
    }
}
