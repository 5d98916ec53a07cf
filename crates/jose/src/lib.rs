//! The JWTs of Countersign: signing, verifying against the injected clock, key sets and their statements.
//!
//! This is the only crate that makes or decodes a JWT. A token is judged in one fixed order: size, shape, header,
//! kind (`typ`), key, signature, and only then claims; nothing of a payload is believed before its signature
//! was verified, except by [`peek`], whose result says so in its name. A proof by a sender of tokens that they hold a
//! key is no such token and has rules of its own ([`sender_proof`]). Time is always an argument: the clock of
//! the signature library is never asked.
//!
//! What is refused follows RFC 8725 (JSON Web Token Best Current Practices): no symmetric algorithm and no
//! `none`, the algorithm belongs to the key, keys are found by `kid` in the given set only, kinds are told apart
//! by `typ`, and no header parameter can bring a key, switch the meaning of the signature, or be repeated.

mod algorithm;
pub mod claims;
mod compact;
mod encoding;
mod error;
mod header;
mod json;
mod jwk;
mod key_id;
mod key_set;
mod kind;
pub mod sender_proof;
mod signing;
mod statement;
mod thumbprint;
mod verify;

pub use algorithm::Algorithm;
pub use claims::{
    AdminClaims, AssertionClaims, AuthorizationDetail, Confirmation, ElevatedClaims, MfaClaims,
    ReceiptClaims, SessionClaims, assertion_claims, session_claims,
};
pub use compact::MAX_TOKEN_BYTES;
pub use error::{KeyError, KeySetError, SenderProofError, SigningError, StatementError, TokenError};
pub use json::ClaimMap;
pub use jwk::PublicJwk;
pub use key_id::KeyId;
pub use key_set::{KeySet, MAX_JWKS_BYTES, MAX_KEYS};
pub use kind::Kind;
pub use signing::{SigningKey, sign};
pub use statement::{KeyStatement, MAX_STATEMENT_BYTES, peek_statement, sign_statement, verify_statement};
pub use thumbprint::Thumbprint;
pub use verify::{Expect, Unverified, Verified, peek, verify};

#[cfg(test)]
mod tests;
