//! Assertions: the word of somebody whom an environment trusts, that a user was authenticated.

use jose::{AssertionClaims, Expect, Kind};
use kernel::secret::ExposeSecret as _;
use kernel::{Error, Reason, Result, SecretText, Timestamp};

use super::ProviderKeys;
use super::sessions::LEEWAY;
use crate::environments::{AssertionIssuer, EnvironmentSettings};

/// A verified assertion.
#[derive(Clone, Debug)]
pub struct Assertion<'a> {
    /// Who made it, as the environment names them.
    pub issuer: &'a AssertionIssuer,
    /// What it says.
    pub claims: AssertionClaims,
}

/// Verifies assertions against the assertion issuers of an environment.
#[derive(Clone, Debug)]
pub struct Assertions {
    keys: ProviderKeys,
}

impl Assertions {
    /// With a source of the issuers' keys.
    pub fn new(keys: ProviderKeys) -> Self {
        Self { keys }
    }

    /// Verifies an assertion, and that it is neither older nor longer good than its issuer's may be.
    ///
    /// # Errors
    /// `ASSERTION_INVALID`, or `DEPENDENCY_UNAVAILABLE` where the issuer's keys cannot be read.
    pub async fn verify<'a>(
        &self,
        assertion: &SecretText,
        settings: &'a EnvironmentSettings,
        now: Timestamp,
    ) -> Result<Assertion<'a>> {
        let text = assertion.expose_secret();
        let claimed = jose::peek(text).map_err(invalid)?;
        let mut refused = invalid("no assertion issuer of the environment has that issuer");
        let named = |issuer: &&AssertionIssuer| issuer.issuer == claimed.issuer();
        for issuer in settings.tokens.assertion_issuers.iter().filter(named) {
            match self.by(text, issuer, now).await {
                Ok(claims) => return Ok(Assertion { issuer, claims }),
                // Another one may share the issuer and differ in audience.
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    async fn by(&self, text: &str, issuer: &AssertionIssuer, now: Timestamp) -> Result<AssertionClaims> {
        let expect = Expect {
            kind: Kind::Assertion,
            issuer: &issuer.issuer,
            audiences: &[&issuer.audience],
            algorithms: &issuer.algorithms,
            leeway: LEEWAY,
            max_age: Some(issuer.max_age),
        };
        let verified = self.keys.verify(text, &issuer.keys, &expect, now).await?.map_err(invalid)?;
        let claims = jose::assertion_claims(&verified).map_err(invalid)?;
        let longest = Timestamp::from_seconds(claims.iat).plus(issuer.max_age);
        if Timestamp::from_seconds(claims.exp) > longest {
            return Err(invalid("it is good for longer than an assertion may be old"));
        }
        Ok(claims)
    }
}

/// One public reason for every way an assertion can be wrong; the log has the way.
fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        Reason::AssertionInvalid,
        "this assertion is not exchanged in this environment: check its `typ`, issuer, audience, key and times",
    )
    .cause(cause)
}

#[cfg(test)]
mod tests;
