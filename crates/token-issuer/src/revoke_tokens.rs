//! Ends tokens before their time, for the user whose they are or for an administrator.

use std::sync::Arc;

use kernel::{EnvironmentId, Reason, Result, SecretText, Timestamp, UserId};
use storage::Trail;

use crate::domain::revocation::Target;
use crate::mint::Mint;
use crate::ports::Revocations;

/// Revokes tokens.
#[derive(Clone)]
pub(crate) struct RevokeTokens {
    pub(crate) revocations: Arc<dyn Revocations>,
    pub(crate) mint: Arc<Mint>,
}

/// What is to be revoked, as it was said.
pub(crate) enum Wanted {
    /// What the target names.
    Target(Target),
    /// This token.
    Token(SecretText),
}

impl RevokeTokens {
    /// Revokes tokens of a user. What is no token, or somebody else's, is passed over in silence (RFC 7009 section 2.2):
    /// whoever holds it learns nothing, and it is worth nothing to the user already.
    pub(crate) async fn revoke(
        &self,
        environment: EnvironmentId,
        user: UserId,
        wanted: Wanted,
        now: Timestamp,
        trail: &Trail,
    ) -> Result<()> {
        let target = match wanted {
            Wanted::Target(target) => target,
            Wanted::Token(jwt) => match self.mint.open_any(&jwt, now) {
                Ok(token) if token.environment == environment && token.user == user => {
                    Target::Token(token.id)
                }
                Ok(_) => return Ok(()),
                Err(error) if matches!(error.reason(), Reason::TokenInvalid | Reason::TokenExpired) => {
                    return Ok(());
                }
                // Which keys there are is not known now.
                Err(error) => return Err(error),
            },
        };
        trail.resource(target.resource(environment, user)).await;
        trail.intend().await?;
        self.revocations.revoke(environment, user, &target, now).await
    }
}

#[cfg(test)]
mod tests;
