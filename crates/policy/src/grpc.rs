//! The protocol: each handler authenticates, converts, calls one use case and converts back.

mod admin;
mod changes;
mod decision;
mod environment;
mod peer;

#[cfg(test)]
mod tests;

use kernel::{EnvironmentId, Error, Result};
use proto::policy as pb;
use proto::{names, types};
use storage::Trail;

use crate::domain::action_settings::{Binding, TokenBehavior};
use crate::domain::sender_constraint::SenderConstraint;
use crate::domain::totp::TotpAlgorithm;

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
        Ok(types::Binding::Wallet) => Ok(Binding::Wallet),
        Ok(types::Binding::Operation) => Ok(Binding::Operation),
        Ok(types::Binding::Unspecified) | Err(_) => {
            Err(Error::invalid(field, "must be BINDING_SCOPE, BINDING_WALLET or BINDING_OPERATION"))
        }
    }
}

fn binding_value(binding: Binding) -> types::Binding {
    match binding {
        Binding::Scope => types::Binding::Scope,
        Binding::Wallet => types::Binding::Wallet,
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

/// Whether tokens are good in the hands of one client only; off where nobody says.
fn sender_constraint(field: &str, value: i32) -> Result<SenderConstraint> {
    match types::SenderConstraint::try_from(value) {
        Ok(types::SenderConstraint::Unspecified | types::SenderConstraint::Off) => Ok(SenderConstraint::Off),
        Ok(types::SenderConstraint::Allowed) => Ok(SenderConstraint::Allowed),
        Ok(types::SenderConstraint::Required) => Ok(SenderConstraint::Required),
        Err(_) => Err(Error::invalid(field, "is not a constraint this version knows")),
    }
}

fn sender_constraint_value(constraint: SenderConstraint) -> types::SenderConstraint {
    match constraint {
        SenderConstraint::Off => types::SenderConstraint::Off,
        SenderConstraint::Allowed => types::SenderConstraint::Allowed,
        SenderConstraint::Required => types::SenderConstraint::Required,
    }
}

/// The hash of TOTP codes; what every app can do where nobody says.
fn totp_algorithm(field: &str, value: i32) -> Result<TotpAlgorithm> {
    match pb::TotpAlgorithm::try_from(value) {
        Ok(pb::TotpAlgorithm::Unspecified | pb::TotpAlgorithm::Sha1) => Ok(TotpAlgorithm::Sha1),
        Ok(pb::TotpAlgorithm::Sha256) => Ok(TotpAlgorithm::Sha256),
        Ok(pb::TotpAlgorithm::Sha512) => Ok(TotpAlgorithm::Sha512),
        Err(_) => Err(Error::invalid(field, "is not a hash this version knows")),
    }
}

fn totp_algorithm_value(algorithm: TotpAlgorithm) -> pb::TotpAlgorithm {
    match algorithm {
        TotpAlgorithm::Sha1 => pb::TotpAlgorithm::Sha1,
        TotpAlgorithm::Sha256 => pb::TotpAlgorithm::Sha256,
        TotpAlgorithm::Sha512 => pb::TotpAlgorithm::Sha512,
    }
}
