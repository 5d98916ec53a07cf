//! Legacy MFA tokens: tokens without scopes, for clients that know nothing else. Deprecated, and off unless an environment
//! turns them on.

use kernel::{EnvironmentId, Error, Reason, Result};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use runtime::UserCall;

use crate::domain::requirement::TokenBehavior;
use crate::domain::terms::Terms;

/// The terms of such a token in the environment of the call. Refused with `LEGACY_MFA_TOKENS_DISABLED`.
pub(crate) fn terms(call: &UserCall, behavior: TokenBehavior) -> Result<Terms> {
    match call.settings.tokens.legacy_mfa_expiry {
        Some(life) => Ok(Terms { behavior, life, policy_version: call.settings.version }),
        None => Err(disabled()),
    }
}

/// Refuses such a token where the environment has none, or has none any more.
pub(crate) fn check_enabled(call: &UserCall) -> Result<()> {
    if call.settings.tokens.legacy_mfa_expiry.is_some() { Ok(()) } else { Err(disabled()) }
}

fn disabled() -> Error {
    Error::new(
        Reason::LegacyMfaTokensDisabled,
        "this environment has no legacy MFA tokens; authenticate with `requested_scopes` for an elevated token",
    )
}

/// Counts the legacy MFA tokens that are used, so that an operator sees who still depends on them.
#[derive(Clone, Debug)]
pub(crate) struct LegacyUse(Counter<u64>);

impl LegacyUse {
    /// On the meter of this process.
    pub(crate) fn new() -> Self {
        let meter = opentelemetry::global::meter("countersign");
        Self(
            meter
                .u64_counter("countersign.legacy_mfa_tokens.used")
                .with_description("Operations that a legacy MFA token paid for, by environment")
                .build(),
        )
    }

    /// One more.
    pub(crate) fn count(&self, environment: EnvironmentId) {
        self.0.add(1, &[KeyValue::new("environment", environment.to_string())]);
        tracing::info!(%environment, "a deprecated legacy MFA token paid for an operation");
    }
}
