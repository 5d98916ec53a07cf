//! Tokens that are good in the hands of one client only: the key they are tied to, and its proof at every use.

use jose::Thumbprint;
use jose::sender_proof::{ExpectCall, verify};
use kernel::secret::ExposeSecret as _;
use kernel::{Error, Reason, Result, SecretText};
use operation::Digest;
use runtime::UserCall;
use runtime::environments::SenderConstraint;

use crate::domain::token::Token;

/// A method that a proof can be for, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    AuthenticateTotp,
    BeginPasskeyAuthentication,
    AuthenticatePasskey,
    AuthenticateRecoveryCode,
    ExchangeAssertion,
    AuthorizeOperation,
}

impl Method {
    /// Every such method.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 6] = [
        Self::AuthenticateTotp,
        Self::BeginPasskeyAuthentication,
        Self::AuthenticatePasskey,
        Self::AuthenticateRecoveryCode,
        Self::ExchangeAssertion,
        Self::AuthorizeOperation,
    ];

    /// The path by which gRPC calls it.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::AuthenticateTotp => "/countersign.token_issuer.v1.StepUpService/AuthenticateTotp",
            Self::BeginPasskeyAuthentication => {
                "/countersign.token_issuer.v1.StepUpService/BeginPasskeyAuthentication"
            }
            Self::AuthenticatePasskey => "/countersign.token_issuer.v1.StepUpService/AuthenticatePasskey",
            Self::AuthenticateRecoveryCode => {
                "/countersign.token_issuer.v1.StepUpService/AuthenticateRecoveryCode"
            }
            Self::ExchangeAssertion => "/countersign.token_issuer.v1.StepUpService/ExchangeAssertion",
            Self::AuthorizeOperation => "/countersign.token_issuer.v1.StepUpService/AuthorizeOperation",
        }
    }
}

/// The key that a token is to be tied to, if to one: the one that the proof is by. Refused with `SENDER_PROOF_MISSING` or
/// `SENDER_PROOF_INVALID`, and with `INVALID_REQUEST` where the environment ties no tokens.
pub(crate) fn key(call: &UserCall, method: Method, proof: Option<&SecretText>) -> Result<Option<Thumbprint>> {
    match (call.settings.tokens.sender_constraint, proof) {
        (SenderConstraint::Off | SenderConstraint::Allowed, None) => Ok(None),
        (SenderConstraint::Required, None) => Err(missing(
            "this environment ties every token to a key of its client: send a DPoP proof (RFC 9449) by one in \
             `sender_proof`",
        )),
        (SenderConstraint::Off, Some(_)) => {
            Err(Error::invalid("sender_proof", "must be empty: this environment ties no token to a key"))
        }
        (SenderConstraint::Allowed | SenderConstraint::Required, Some(proof)) => {
            let expected = ExpectCall { path: method.path(), token: None, operation_digest: None };
            verify(proof.expose_secret(), &expected, call.at).map(Some).map_err(invalid)
        }
    }
}

/// Refuses a token in other hands than those it is good in: one that is tied to a key without a proof by it for exactly
/// this operation, with `SENDER_PROOF_MISSING` or `SENDER_PROOF_INVALID`.
pub(crate) fn check(
    call: &UserCall,
    token: &Token,
    jwt: &SecretText,
    operation: Digest,
    proof: Option<&SecretText>,
) -> Result<()> {
    match (token.sender_key, proof) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(invalid("the token is tied to no key")),
        (Some(_), None) => Err(missing(
            "the token is tied to a key: send a DPoP proof (RFC 9449) by it in `sender_proof`, for this token and this \
             operation",
        )),
        (Some(key), Some(proof)) => {
            let expected = ExpectCall {
                path: Method::AuthorizeOperation.path(),
                token: Some(jwt.expose_secret()),
                operation_digest: Some(operation.as_bytes()),
            };
            let by = verify(proof.expose_secret(), &expected, call.at).map_err(invalid)?;
            if by == key { Ok(()) } else { Err(invalid("it is by another key than the token's")) }
        }
    }
}

fn missing(message: &'static str) -> Error {
    Error::new(Reason::SenderProofMissing, message)
}

/// One message for every way to be wrong; the log has the way.
fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        Reason::SenderProofInvalid,
        "the sender's proof is not one by the key of the token, made within the last minute for this method, this token \
         and this operation; make a new one, and none for a token that is tied to no key",
    )
    .cause(cause)
}

#[cfg(test)]
mod tests;
