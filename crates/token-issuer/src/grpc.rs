//! The services as gRPC: authenticate, convert, one use case, convert.

mod admin;
mod convert;
mod revocation;
mod signing_keys;
mod step_up;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use kernel::Clock;
use proto::token_issuer::step_up_service_server::StepUpServiceServer;
use proto::token_issuer::token_issuer_admin_service_server::TokenIssuerAdminServiceServer;
use proto::token_issuer::token_service_server::TokenServiceServer;
use runtime::limits::MAX_REQUEST_BYTES;
use runtime::{Mount, RoleMounts};
use storage::AuditLog;

use crate::json_web_key_set::router;

pub(crate) use admin::AdminHandler;
pub(crate) use step_up::StepUpHandler;
pub(crate) use token::TokenHandler;

/// The roles that call this service: the gateway, on behalf of a user whose session comes along.
pub const CALLERS: &[&str] = &["waas-gateway"];

/// The services of the role, by listener. A user's call comes to the peer listener too, carried by the gateway.
pub(crate) fn mounts(
    step_up: StepUpHandler,
    token: TokenHandler,
    admin: AdminHandler,
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
) -> RoleMounts {
    let jwks = router(token.mint.clone());
    let step_up = StepUpServiceServer::new(step_up).max_decoding_message_size(MAX_REQUEST_BYTES);
    RoleMounts {
        public: Mount::new()
            .service(step_up.clone())
            .service(TokenServiceServer::new(token).max_decoding_message_size(MAX_REQUEST_BYTES))
            .service(TokenIssuerAdminServiceServer::new(admin).max_decoding_message_size(MAX_REQUEST_BYTES))
            .http(jwks)
            .audit(audit.clone(), clock.clone()),
        peer: Mount::for_peers(CALLERS).service(step_up).audit(audit, clock),
    }
}
