//! Makes tokens and receipts, and reads the tokens back. The only place that holds the signing keys.

use std::sync::Arc;
use std::time::Duration;

use jose::{Algorithm, Expect, KeySet, Kind, TokenError};
use kernel::secret::ExposeSecret as _;
use kernel::{Entropy, Error, Reason, Result, SecretText, Timestamp, TokenId};
use serde::de::DeserializeOwned;

use crate::domain::claims;
use crate::domain::receipt::{Audiences, Grant};
use crate::domain::record::{RETRY_WINDOW, expired};
use crate::domain::token::{Token, TokenKind};
use crate::keys::{KeyRing, Keys};

/// The `aud` of elevated tokens: this service, because nobody else redeems them.
pub const ELEVATED_AUDIENCE: &str = "urn:countersign:token-issuer";

/// The `aud` of legacy MFA tokens: this service too, in another capacity.
pub const LEGACY_MFA_AUDIENCE: &str = "urn:countersign:token-issuer:mfa";

/// How far the clocks of two processes of this service may differ.
const LEEWAY: Duration = Duration::from_secs(5);

/// How long the public keys may be kept by who reads them, in seconds.
pub(crate) const KEYS_MAX_AGE_SECONDS: u32 = 300;

/// A receipt as it is handed out.
#[derive(Debug)]
pub(crate) struct Receipt {
    /// The JWT.
    pub(crate) jwt: SecretText,
    /// When it expires.
    pub(crate) expires: Timestamp,
}

/// The issuer's hand and seal.
pub(crate) struct Mint {
    pub(crate) issuer: String,
    pub(crate) audiences: Audiences,
    pub(crate) keys: Arc<Keys>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Tokens made at this time or before count no more: see [`Mint::check_remembered`].
    pub(crate) not_before: Option<Timestamp>,
}

impl Mint {
    /// The token as a JWT.
    pub(crate) fn token(&self, token: &Token) -> Result<SecretText> {
        let rings = self.keys.rings()?;
        match token.kind {
            TokenKind::Elevated => {
                rings.elevated.sign(&claims::elevated(token, &self.issuer, ELEVATED_AUDIENCE))
            }
            TokenKind::LegacyMfa => {
                let claims = claims::legacy(token, &self.issuer, LEGACY_MFA_AUDIENCE)
                    .ok_or_else(|| Error::internal("a legacy MFA token without a factor"))?;
                rings.legacy_mfa.sign(&claims)
            }
        }
    }

    /// A fresh receipt.
    pub(crate) fn receipt(&self, grant: &Grant<'_>, now: Timestamp) -> Result<Receipt> {
        let id = TokenId::random(self.entropy.as_ref());
        let claims = grant.claims(id, &self.issuer, &self.audiences, now);
        let jwt = self.keys.rings()?.receipts.sign(&claims)?;
        Ok(Receipt { jwt, expires: Timestamp::from_seconds(claims.exp) })
    }

    /// The token of this kind that a JWT is, up to the retry window past its expiry: whether it still counts then is for
    /// its record to say. Refused with `TOKEN_INVALID` or `TOKEN_EXPIRED`.
    pub(crate) fn open(&self, kind: TokenKind, jwt: &SecretText, now: Timestamp) -> Result<Token> {
        let rings = self.keys.rings()?;
        let token = match kind {
            TokenKind::Elevated => {
                let claims = self.verified(Kind::Elevated, ELEVATED_AUDIENCE, &rings.elevated, jwt, now)?;
                claims::of_elevated(claims)
            }
            TokenKind::LegacyMfa => {
                let claims =
                    self.verified(Kind::LegacyMfa, LEGACY_MFA_AUDIENCE, &rings.legacy_mfa, jwt, now)?;
                claims::of_legacy(claims)
            }
        };
        let token = token.ok_or_else(|| invalid("claims we never make"))?;
        // The wide leeway is for expiry only.
        if token.issued.max(token.auth_time) > now.plus(LEEWAY) {
            return Err(invalid("from the future"));
        }
        Ok(token)
    }

    /// The same of whichever kind it is.
    pub(crate) fn open_any(&self, jwt: &SecretText, now: Timestamp) -> Result<Token> {
        match self.open(TokenKind::Elevated, jwt, now) {
            Err(error) if error.reason() == Reason::TokenInvalid => self.open(TokenKind::LegacyMfa, jwt, now),
            opened => opened,
        }
    }

    fn verified<C: DeserializeOwned>(
        &self,
        kind: Kind,
        audience: &str,
        ring: &KeyRing,
        jwt: &SecretText,
        now: Timestamp,
    ) -> Result<C> {
        let expect = Expect {
            kind,
            issuer: &self.issuer,
            audiences: &[audience],
            algorithms: &Algorithm::ALL,
            leeway: RETRY_WINDOW,
            max_age: None,
        };
        jose::verify(jwt.expose_secret(), ring.public(), &expect, now)
            .map(|verified| verified.claims)
            .map_err(|error| match error {
                TokenError::Expired => expired(),
                other => invalid(other),
            })
    }

    /// Refuses, for a moment after a restore, to have a code consumed for a token that would not count.
    pub(crate) fn check_time(&self, now: Timestamp) -> Result<()> {
        match self.not_before {
            Some(not_before) if Timestamp::from_seconds(now.seconds()) <= not_before => {
                let wait = not_before.since(now) + Duration::from_secs(1);
                Err(Error::store_unavailable("its database was restored a moment ago").retry_after(wait))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a token of a time that this service does not remember: its database was put back, so which tokens were
    /// issued then, and which operation ids they paid for, is not known any more. With `TOKEN_STORE_CHANGED`, at every
    /// use.
    pub(crate) fn check_remembered(&self, token: &Token) -> Result<()> {
        match self.not_before {
            Some(not_before) if token.issued <= not_before => Err(forgotten()),
            Some(_) | None => Ok(()),
        }
    }

    /// The public keys of all kinds.
    pub(crate) fn public_keys(&self) -> Result<KeySet> {
        self.keys.last().public()
    }

    /// The public keys of receipts, for the operator's statement.
    pub(crate) fn receipt_keys(&self) -> KeySet {
        self.keys.last().receipts.public().clone()
    }
}

/// The refusal of what is no token of this issuer for this caller. One message for all ways to be wrong.
pub(crate) fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        Reason::TokenInvalid,
        "this is not a token for this environment, user and session; authenticate for a new one",
    )
    .cause(cause)
}

fn forgotten() -> Error {
    Error::new(
        Reason::TokenStoreChanged,
        "the token is from before the service was restored from a backup; prove the factor again for a new one",
    )
}

#[cfg(test)]
mod tests;
