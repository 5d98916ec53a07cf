//! The node's calls: find out who is calling, convert, one use case, convert.

mod admin;
mod convert;
mod service;

use std::sync::Arc;

use proto::mpc_signer::mpc_signer_admin_service_server::MpcSignerAdminServiceServer;
use proto::mpc_signer::mpc_signer_service_server::MpcSignerServiceServer;
use runtime::Gate;
use runtime::limits::MAX_REQUEST_BYTES;
use storage::AuditLog;

use self::admin::AdminHandler;
use self::service::Handler;
use crate::signer::Signer;

pub use self::service::CALLERS;

/// The calls of the coordinator.
pub(crate) fn service(gate: Gate, signer: Arc<Signer>) -> MpcSignerServiceServer<Handler> {
    MpcSignerServiceServer::new(Handler { gate, signer }).max_decoding_message_size(MAX_REQUEST_BYTES)
}

/// The calls of administrators.
pub(crate) fn admin_service(
    gate: Gate,
    audit: Arc<dyn AuditLog>,
) -> MpcSignerAdminServiceServer<AdminHandler> {
    MpcSignerAdminServiceServer::new(AdminHandler { gate, audit })
        .max_decoding_message_size(MAX_REQUEST_BYTES)
}

#[cfg(test)]
mod tests;
