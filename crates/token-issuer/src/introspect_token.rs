//! What a token is good for now (RFC 7662), to the one whom it was issued to. Whatever is not valid, not known or
//! not the caller's looks the same: inactive.

use std::sync::Arc;

use kernel::{Reason, Result, SecretText};
use runtime::UserCall;

use crate::domain::revocation::{Revocable, Standing};
use crate::domain::token::{Source, Token, TokenKind};
use crate::legacy;
use crate::mint::Mint;
use crate::ports::{Factors, Revocations, TokenStore};
use crate::presented;

/// Introspects tokens.
#[derive(Clone)]
pub(crate) struct IntrospectToken {
    pub(crate) factors: Arc<dyn Factors>,
    pub(crate) tokens: Arc<dyn TokenStore>,
    pub(crate) revocations: Arc<dyn Revocations>,
    pub(crate) mint: Arc<Mint>,
}

impl IntrospectToken {
    /// The token, if the caller could use it now. Refused only when that cannot be found out.
    pub(crate) async fn introspect(&self, call: &UserCall, jwt: &SecretText) -> Result<Option<Token>> {
        let token = match self.open(call, jwt) {
            Ok(token) => token,
            Err(error) if is_inactive(error.reason()) => return Ok(None),
            // Which keys there are is not known now, or nothing is.
            Err(error) => return Err(error),
        };
        let record = match self.tokens.get(token.key(), call.at).await {
            Ok(record) => record,
            Err(error) if is_inactive(error.reason()) => None,
            Err(error) => return Err(error),
        };
        let usable = record.is_some_and(|record| {
            presented::check_record(&token, &record).is_ok() && !record.is_spent() && call.at < token.expires
        });
        if !usable || self.revocations.standing(&Revocable::of(&token)).await? != Standing::Good {
            return Ok(None);
        }
        let still_stands = match &token.source {
            // A factor that was removed takes its tokens with it, and so does an issuer.
            Source::Factor(device) => {
                let facts = self.factors.facts(call.environment, call.user, &call.session).await?;
                facts.factor(*device).is_some()
            }
            Source::Assertion(issuer) => {
                call.settings.tokens.assertion_issuers.iter().any(|listed| listed.id == *issuer)
            }
        };
        Ok(still_stands.then_some(token))
    }

    /// The token, of whichever kind it is.
    fn open(&self, call: &UserCall, jwt: &SecretText) -> Result<Token> {
        match presented::open(&self.mint, call, TokenKind::Elevated, jwt) {
            Err(error) if error.reason() == Reason::TokenInvalid => {
                legacy::check_enabled(call)?;
                presented::open(&self.mint, call, TokenKind::LegacyMfa, jwt)
            }
            opened => opened,
        }
    }
}

/// Whether a refusal is about the token, and not about what has to be asked.
fn is_inactive(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TokenInvalid
            | Reason::TokenExpired
            | Reason::TokenStoreChanged
            | Reason::LegacyMfaTokensDisabled
    )
}

#[cfg(test)]
mod tests;
