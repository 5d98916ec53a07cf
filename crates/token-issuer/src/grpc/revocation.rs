//! What is to be revoked, as the protocol says it: to users and to administrators in the same words, but for the token
//! itself, which an administrator does not have.

use kernel::{EnvironmentId, Error, Result, UserId};
use proto::{convert, names};

use super::convert::secret;
use crate::domain::revocation::Target;
use crate::revoke_tokens::Wanted;

/// The fields of a request of which exactly one is set.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) token: String,
    pub(super) token_id: String,
    pub(super) device: String,
    pub(super) session_id: String,
    pub(super) all: bool,
}

impl Sent {
    /// What is meant, of this user.
    pub(super) fn wanted(self, environment: EnvironmentId, user: UserId) -> Result<Wanted> {
        let mut found = Vec::new();
        // Taken first, so that it is wiped whatever is wrong with the rest.
        found.extend(secret(self.token).map(Wanted::Token));
        if !self.token_id.is_empty() {
            found.push(Wanted::Target(Target::Token(convert::id("token_id", &self.token_id)?)));
        }
        if !self.device.is_empty() {
            let device = names::parse_device("device", &self.device)?.below(environment, user)?;
            found.push(Wanted::Target(Target::Device(device)));
        }
        if !self.session_id.is_empty() {
            found.push(Wanted::Target(Target::Session(convert::id("session_id", &self.session_id)?)));
        }
        if self.all {
            found.push(Wanted::Target(Target::All));
        }
        match (found.pop(), found.is_empty()) {
            (Some(wanted), true) => Ok(wanted),
            _ => Err(Error::invalid(
                "token_id",
                "is one of several fields, of which exactly one says what is to be revoked",
            )),
        }
    }
}
