//! Exchanges the assertion of somebody whom the environment trusts for an elevated access token.
//!
//! The assertion is consumed last, and everything after that follows from it: the same request again makes the same token,
//! as with the proof of a factor. Which assertions were exchanged is remembered in the issuer's database and not in the
//! token store, which may lose what it knew and did not make them.

use std::sync::Arc;

use kernel::{Amr, Error, Reason, Result, Scope, SecretText, Timestamp, TokenId, UserId};
use runtime::UserCall;
use runtime::identity::{Assertion, Assertions};

use crate::authenticate::{Authenticate, Made, Wanted};
use crate::domain::factors::{Proof, ProvedBy};
use crate::domain::purpose::{Purpose, Target};
use crate::domain::requirement::TokenBehavior;
use crate::domain::terms::Terms;
use crate::domain::token::{Source, Token, TokenKind};
use crate::ports::{SpentAssertion, SpentAssertions};
use crate::sender::{self, Method};

/// Exchanges assertions.
#[derive(Clone)]
pub(crate) struct ExchangeAssertion {
    pub(crate) assertions: Assertions,
    pub(crate) spent: Arc<dyn SpentAssertions>,
    /// Hands tokens out, whatever they rest on.
    pub(crate) authenticate: Authenticate,
}

impl ExchangeAssertion {
    /// Verifies the assertion, consumes it, and makes the token.
    pub(crate) async fn exchange(
        &self,
        call: &UserCall,
        assertion: SecretText,
        wanted: Wanted,
    ) -> Result<Made> {
        if let Target::Operation(operation) = &wanted.target {
            call.trail.operation(operation.operation().id, *operation.digest().as_bytes()).await;
        }
        let Authenticate { judge, tokens, mint, .. } = &self.authenticate;
        mint.check_time(call.at)?;
        let sender_key = sender::key(call, Method::ExchangeAssertion, wanted.sender_proof.as_ref())?;
        let purpose = wanted.purpose()?.tied_to(sender_key);
        let assertion = self.assertions.verify(&assertion, &call.settings, call.at).await?;
        check_subject(call, &assertion)?;
        check_scopes(&assertion, purpose.scopes())?;
        let terms =
            judge.terms_of(call, &proof(&assertion, &purpose), &purpose, wanted.target.operations()).await?;
        let token = token(call, &purpose, terms, &assertion);
        mint.check_remembered(&token)?;
        let room = tokens.check_room(call.environment, call.user, call.at).await?;
        call.trail.intend().await?;
        let spent = SpentAssertion {
            environment: call.environment,
            issuer: assertion.issuer.id.clone(),
            id: assertion.claims.id.clone(),
            purpose: purpose.digest(call.environment, call.user, &call.session),
        };
        if let Err(refusal) = self.spent.spend(&spent, call.at).await {
            if refusal.reason() == Reason::AssertionReplayed {
                call.trail.untouched().await;
            }
            return Err(refusal);
        }
        let (jwt, token) = self.authenticate.hand_out(call, token, &room).await?;
        Ok(Made { jwt, token, leaves: Vec::new(), remaining_codes: None })
    }
}

/// Refuses an assertion about somebody else. Its subject is the one of the session's provider.
fn check_subject(call: &UserCall, assertion: &Assertion<'_>) -> Result<()> {
    if UserId::derive(call.environment, &call.provider_id, &assertion.claims.subject) == call.user {
        return Ok(());
    }
    Err(Error::new(
        Reason::AssertionInvalid,
        "the assertion is not about the user of this session: its `sub` must be that of the session token",
    ))
}

/// Refuses to give more than the assertion says, and more than its issuer may speak for.
fn check_scopes(assertion: &Assertion<'_>, wanted: &[Scope]) -> Result<()> {
    for scope in wanted {
        if !assertion.issuer.scopes.contains(scope) {
            return Err(Error::new(
                Reason::AssertionInvalid,
                format!("in this environment the issuer of the assertion may not speak for `{scope}`"),
            )
            .with("scopes", scope.as_str()));
        }
        if !assertion.claims.scopes.contains(scope) {
            return Err(Error::new(
                Reason::AssertionInvalid,
                format!("the assertion does not say `{scope}`; ask its issuer for one that does"),
            )
            .with("scopes", scope.as_str()));
        }
    }
    Ok(())
}

fn auth_time(assertion: &Assertion<'_>) -> Timestamp {
    Timestamp::from_seconds(assertion.claims.auth_time.unwrap_or(assertion.claims.iat))
}

/// The proof that a token for it would state. Where the use of the token is policy's to choose, it is chosen so that it
/// satisfies.
fn proof(assertion: &Assertion<'_>, purpose: &Purpose) -> Proof {
    Proof {
        token_kind: TokenKind::Elevated,
        by: ProvedBy::Assertion(assertion.issuer.id.clone()),
        acr: assertion.issuer.acr,
        auth_time: auth_time(assertion),
        scopes: purpose.scopes().to_vec(),
        binding: purpose.bound().binding(),
        token_behavior: TokenBehavior::SingleUse,
        sender_constrained: purpose.sender_key().is_some(),
    }
}

fn token(call: &UserCall, purpose: &Purpose, terms: Terms, assertion: &Assertion<'_>) -> Token {
    let claims = &assertion.claims;
    // The assertion's time, so that a repetition makes the same token and a late exchange does not make it live longer; by
    // our own clock it is never in the future.
    let now = Timestamp::from_seconds(call.at.seconds());
    let issued = Timestamp::from_seconds(claims.iat).min(now);
    Token {
        kind: TokenKind::Elevated,
        id: TokenId::derive_from_assertion(call.environment, &assertion.issuer.id, &claims.id),
        environment: call.environment,
        user: call.user,
        session: call.session.clone(),
        scopes: purpose.scopes().to_vec(),
        behavior: terms.behavior,
        bound: purpose.bound().clone(),
        acr: assertion.issuer.acr,
        amr: vec![Amr::Assertion, Amr::Mfa],
        auth_time: auth_time(assertion).min(issued),
        source: Source::Assertion(assertion.issuer.id.clone()),
        sender_key: purpose.sender_key(),
        policy_version: terms.policy_version,
        issued,
        expires: issued.plus(terms.life),
    }
}

#[cfg(test)]
mod tests;
