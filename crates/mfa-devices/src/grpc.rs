//! The protocol: find out who calls, convert, one use case, convert.

mod admin;
mod convert;
mod devices;
mod events;
mod factors;
mod passkeys;
mod recovery;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use kernel::Clock;
use proto::mfa_devices::device_service_server::DeviceServiceServer;
use proto::mfa_devices::factor_service_server::FactorServiceServer;
use proto::mfa_devices::mfa_devices_admin_service_server::MfaDevicesAdminServiceServer;
use runtime::limits::MAX_REQUEST_BYTES;
use runtime::{Gate, Mount, RoleMounts};
use storage::AuditLog;

use self::admin::AdminHandler;
use self::devices::DeviceHandler;
use self::factors::FactorHandler;
use crate::service::Service;

pub use self::factors::CALLERS;

/// The services of the role, by listener.
pub(crate) fn mounts(
    gate: &Gate,
    service: Arc<Service>,
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
) -> RoleMounts {
    let devices = DeviceHandler { gate: gate.clone(), service: service.clone() };
    let admin = AdminHandler { gate: gate.clone(), service: service.clone(), audit: audit.clone() };
    let factors = FactorHandler { gate: gate.clone(), service };
    RoleMounts {
        public: Mount::new()
            .service(DeviceServiceServer::new(devices).max_decoding_message_size(MAX_REQUEST_BYTES))
            .service(MfaDevicesAdminServiceServer::new(admin).max_decoding_message_size(MAX_REQUEST_BYTES))
            .audit(audit.clone(), clock.clone()),
        peer: Mount::for_peers(CALLERS)
            .service(FactorServiceServer::new(factors).max_decoding_message_size(MAX_REQUEST_BYTES))
            .audit(audit, clock),
    }
}
