//! The protocol: each handler authenticates, converts, calls one use case and converts back.

mod admin;
mod changes;
mod decision;
mod environment;
mod peer;

#[cfg(test)]
mod tests;

use kernel::{EnvironmentId, Error, Result};
use proto::{names, types};
use storage::Trail;

use crate::domain::action_settings::{Binding, TokenBehavior};

pub(crate) use admin::admin_server;
pub use peer::CALLERS;
pub(crate) use peer::peer_server;

/// The environment that a request names, told to the audit trail before anything else is looked at.
async fn named(trail: &Trail, field: &str, name: &str) -> Result<EnvironmentId> {
    let id = names::parse_environment(field, name)?;
    trail.environment(id).await;
    trail.resource(names::environment(id)).await;
    Ok(id)
}

fn binding(field: impl Into<String>, value: i32) -> Result<Binding> {
    match types::Binding::try_from(value) {
        Ok(types::Binding::Scope) => Ok(Binding::Scope),
        Ok(types::Binding::Operation) => Ok(Binding::Operation),
        Ok(types::Binding::Unspecified) | Err(_) => {
            Err(Error::invalid(field, "must be BINDING_SCOPE or BINDING_OPERATION"))
        }
    }
}

fn binding_value(binding: Binding) -> types::Binding {
    match binding {
        Binding::Scope => types::Binding::Scope,
        Binding::Operation => types::Binding::Operation,
    }
}

fn token_behavior(field: impl Into<String>, value: i32) -> Result<TokenBehavior> {
    match types::TokenBehavior::try_from(value) {
        Ok(types::TokenBehavior::SingleUse) => Ok(TokenBehavior::SingleUse),
        Ok(types::TokenBehavior::TimeBound) => Ok(TokenBehavior::TimeBound),
        Ok(types::TokenBehavior::Unspecified) | Err(_) => {
            Err(Error::invalid(field, "must be TOKEN_BEHAVIOR_SINGLE_USE or TOKEN_BEHAVIOR_TIME_BOUND"))
        }
    }
}

fn token_behavior_value(behavior: TokenBehavior) -> types::TokenBehavior {
    match behavior {
        TokenBehavior::SingleUse => types::TokenBehavior::SingleUse,
        TokenBehavior::TimeBound => types::TokenBehavior::TimeBound,
    }
}
