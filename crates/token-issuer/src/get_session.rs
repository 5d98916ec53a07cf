//! Who the caller is, as this suite sees it.

use kernel::{EnvironmentId, SessionId, Timestamp, UserId};
use runtime::UserCall;

/// The caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user.
    pub(crate) user: UserId,
    /// The session, as its provider names it.
    pub(crate) id: SessionId,
    /// The provider's id within the environment.
    pub(crate) provider_id: String,
    /// When the user signed in, where the provider says so.
    pub(crate) auth_time: Option<Timestamp>,
    /// When the session token expires.
    pub(crate) expires: Timestamp,
}

/// The caller of a call that was authenticated already.
pub(crate) fn get_session(call: &UserCall) -> Session {
    Session {
        environment: call.environment,
        user: call.user,
        id: call.session.clone(),
        provider_id: call.provider_id.clone(),
        auth_time: call.auth_time,
        expires: call.session_expires,
    }
}
